// SPDX-License-Identifier: GPL-2.0
/*
 * The disturber bench: memory, and the text of the kernel.
 */
#include "disturb-kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/fs.h>

#define TRACEFS	"/sys/kernel/tracing/"

/* Memory management */

static int inject_stat_refresh(int round)
{
	return iso_write_file("/proc/sys/vm/stat_refresh", "1");
}

static int inject_overcommit(int round)
{
	return iso_write_file("/proc/sys/vm/overcommit_memory", round & 1 ? "0" : "2");
}

static void finish_overcommit(void)
{
	iso_write_file("/proc/sys/vm/overcommit_memory", "0");
}

static int inject_compact(int round)
{
	return iso_write_file("/proc/sys/vm/compact_memory", "1");
}

static int inject_drop_caches(int round)
{
	return iso_write_file("/proc/sys/vm/drop_caches", "3");
}

static int inject_fadvise(int round)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	int ret = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);

	close(fd);
	return ret ? -1 : 0;
}

static int inject_memfd_seal(int round)
{
	int fd = memfd_create("disturb", MFD_ALLOW_SEALING);
	int ret;

	if (fd < 0 || ftruncate(fd, 16 * PAGE))
		return -1;
	munmap(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0),
	       16 * PAGE);
	ret = fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
	close(fd);
	return ret;
}

static int inject_vm_read(int round)
{
	char buf[64];
	struct iovec local = { buf, sizeof(buf) }, remote = { sh->page + PAGE, sizeof(buf) };

	return process_vm_readv(sh->victim_pid, &local, 1, &remote, 1, 0) < 0 ? -1 : 0;
}

static int inject_proc_read(int round)
{
	char path[64], buf[4096];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", sh->victim_pid, sh->victim_tid);
	iso_read_file(path, buf, sizeof(buf));
	snprintf(path, sizeof(path), "/proc/%d/smaps", sh->victim_pid);
	iso_read_file(path, buf, sizeof(buf));
	return 0;
}

/* Any other process than the victim's may be the one that moves its pages. */
static long move_page(const int *node, int *status)
{
	void *page = sh->page + PAGE;

	return syscall(SYS_move_pages, sh->victim_pid, 1, &page, node, status, 1 << 2);
}

#define NO_NODES	"the kernel has no NUMA nodes"
#define ONE_NODE	"there is only one NUMA node"

static const char *prepare_nodes(void)
{
	int status;

	if (move_page(NULL, &status) < 0 && errno == ENOSYS)
		return NO_NODES;
	return access("/sys/devices/system/node/node1", F_OK) ? ONE_NODE : NULL;
}

/* From the node that it is on to the other one */
static int inject_move_pages(int round)
{
	int node, status;

	if (move_page(NULL, &node) || node < 0)
		return -1;
	node = !node;
	return move_page(&node, &status) || status < 0 ? -1 : 0;
}

static int inject_migrate_pages(int round)
{
	unsigned long nodes[] = { 1, 2 };

	return syscall(SYS_migrate_pages, sh->victim_pid, 8 * sizeof(long), &nodes[round & 1],
		       &nodes[!(round & 1)]) < 0 ? -1 : 0;
}

#define BALANCE		"/proc/sys/kernel/numa_balancing"
#define BALANCE_SET	"/sys/kernel/debug/sched/numa_balancing/"
static char scan_delay[16], scan_period[16];

static const char *prepare_numa_balancing(void)
{
	const char *why = prepare_nodes() ?: missing(BALANCE);

	mount("none", "/sys/kernel/debug", "debugfs", 0, NULL);
	why = why ?: missing(BALANCE_SET "scan_delay_ms");
	if (why)
		return why;
	iso_read_file(BALANCE_SET "scan_delay_ms", scan_delay, sizeof(scan_delay));
	iso_read_file(BALANCE_SET "scan_period_min_ms", scan_period, sizeof(scan_period));
	iso_write_file(BALANCE_SET "scan_delay_ms", "1");
	iso_write_file(BALANCE_SET "scan_period_min_ms", "10");
	return iso_write_file(BALANCE, "1") ? "it can't be switched on" : NULL;
}

static void finish_numa_balancing(void)
{
	iso_write_file(BALANCE, "0");
	iso_write_file(BALANCE_SET "scan_delay_ms", scan_delay);
	iso_write_file(BALANCE_SET "scan_period_min_ms", scan_period);
	finish_later();
}

static int inject_clear_refs(int round)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", sh->victim_pid);
	return iso_write_file(path, "1");
}

/* Text patching and kernel mappings */

static const char *prepare_ftrace(void)
{
	iso_write_file(TRACEFS "set_ftrace_filter", "schedule_timeout");
	return missing(TRACEFS "current_tracer");
}

static int inject_ftrace(int round)
{
	return iso_write_file(TRACEFS "current_tracer", "function");
}

static void undo_ftrace(void)
{
	iso_write_file(TRACEFS "current_tracer", "nop");
}

static void finish_ftrace(void)
{
	iso_write_file(TRACEFS "set_ftrace_filter", "");
}

#define EVENT	TRACEFS "events/sched/sched_process_exec/enable"

static const char *prepare_static_key(void)
{
	return missing(EVENT);
}

static int inject_static_key(int round)
{
	return iso_write_file(EVENT, "1");
}

static void undo_static_key(void)
{
	iso_write_file(EVENT, "0");
}

#define KPROBE	TRACEFS "events/kprobes/disturb/enable"

static const char *prepare_kprobe(void)
{
	if (iso_write_file(TRACEFS "kprobe_events", "p:kprobes/disturb do_sys_openat2+4") &&
	    iso_write_file(TRACEFS "kprobe_events", "p:kprobes/disturb do_sys_openat2"))
		return missing(TRACEFS "kprobe_events") ?: "the probe is refused";
	return missing(KPROBE);
}

static int inject_kprobe(int round)
{
	return iso_write_file(KPROBE, "1");
}

static void undo_kprobe(void)
{
	iso_write_file(KPROBE, "0");
}

static void finish_kprobe(void)
{
	iso_write_file(TRACEFS "kprobe_events", "-:kprobes/disturb");
}

#define UPROBES	TRACEFS "uprobe_events"
#define UPROBE	TRACEFS "events/uprobes/disturb/enable"

/* In the page that the victim has of this program's file */
static const char *prepare_uprobe(void)
{
	unsigned long addr = (unsigned long)probed, start, end, offset;
	char maps[4096], path[256], text[512], *line, *save = NULL;
	int n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return "the program's file is not known";
	path[n] = 0;
	iso_read_file("/proc/self/maps", maps, sizeof(maps));
	for (line = strtok_r(maps, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) != 3 ||
		    addr < start || addr >= end)
			continue;
		snprintf(text, sizeof(text), "p:uprobes/disturb %s:0x%lx", path,
			 addr - start + offset);
		if (iso_write_file(UPROBES, text))
			return missing(UPROBES) ?: "the probe is refused";
		return missing(UPROBE);
	}
	return "the program's file is not mapped";
}

static int inject_uprobe(int round)
{
	return iso_write_file(UPROBE, "1");
}

static void undo_uprobe(void)
{
	iso_write_file(UPROBE, "0");
}

static void finish_uprobe(void)
{
	iso_write_file(UPROBE, "0");
	iso_write_file(UPROBES, "-:uprobes/disturb");
}

static const char *prepare_uprobe_hit(void)
{
	const char *why = prepare_uprobe();

	if (!why && iso_write_file(UPROBE, "1"))
		why = "the probe can't be switched on";
	return why;
}

static const char *prepare_bpf(void)
{
	iso_write_file("/proc/sys/net/core/bpf_jit_enable", "1");
	return NULL;
}

static int inject_bpf(int round)
{
	struct sock_filter code[64];
	struct sock_fprog prog = { .len = 64, .filter = code };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), ret;

	for (int i = 0; i < 63; i++)
		code[i] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, round + i);
	code[63] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffff);
	ret = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
	close(fd);
	return ret;
}

#define MODULE	"/ti/test_module.ko"

static const char *prepare_module(void)
{
	return access(MODULE, R_OK) ? "no module was built" : NULL;
}

static int inject_module(int round)
{
	return load_module(MODULE);
}

static void undo_module(void)
{
	syscall(SYS_delete_module, "test_module", O_NONBLOCK);
}

static const char *prepare_ring_buffer(void)
{
	char buf[16];

	/* It gets its size when it is first used. */
	iso_read_file(TRACEFS "trace", buf, sizeof(buf));
	return missing(TRACEFS "buffer_size_kb");
}

static int inject_ring_buffer(int round)
{
	char path[128];

	snprintf(path, sizeof(path), TRACEFS "per_cpu/cpu%d/buffer_size_kb", iso_cpu);
	return iso_write_file(path, round & 1 ? "64" : "128");
}

/* What each CPU keeps, and memory that goes */

#define SLABS	"/sys/kernel/slab/"

static const char *prepare_slab_shrink(void)
{
	return missing(SLABS "kmalloc-64/shrink");
}

/* Those that a thread which is told of a loss, and begins again, allocates from. */
static int inject_slab_shrink(int round)
{
	const char *const shrink[] = {
		SLABS "sigqueue/shrink", SLABS "kmalloc-64/shrink", SLABS "pid/shrink",
		SLABS "task_struct/shrink", SLABS "maple_node/shrink",
	};
	int err = -1;

	for (unsigned int i = 0; i < sizeof(shrink) / sizeof(shrink[0]); i++) {
		if (!access(shrink[i], W_OK))
			err = iso_write_file(shrink[i], "1");
	}
	return err;
}

#define DISK	"/dev/ram0"
static int disk = -1;

static const char *prepare_bh_lru(void)
{
	disk = open(DISK, O_RDWR | O_CLOEXEC);
	return disk < 0 ? missing(DISK) ?: "there is no block device" : NULL;
}

/* Each CPU but that one keeps the buffers that it has used last. */
static int inject_bh_lru(int round)
{
	char data[PAGE];

	if (pread(disk, data, sizeof(data), 0) != sizeof(data))
		return -1;
	return ioctl(disk, BLKFLSBUF);
}

static void finish_bh_lru(void)
{
	close(disk);
}

#define MEMORY	"/sys/devices/system/memory/"
static char memory_state[64];

/* From the end, where the kernel has the least of its own. Only what can move goes there. */
static const char *prepare_memory_hotplug(void)
{
#ifdef __aarch64__
	return "the memory of the boot can't be taken away on arm64";
#endif
	for (int i = 63; i >= 0; i--) {
		snprintf(memory_state, sizeof(memory_state), MEMORY "memory%d/state", i);
		if (!access(memory_state, W_OK) && !iso_write_file(memory_state, "offline"))
			return iso_write_file(memory_state, "online_movable") ?
			       "what was taken away does not come back" : prepare_nodes();
	}
	return missing(MEMORY "memory0/state") ?: "the kernel uses all of it";
}

/* A page of the victim goes there first: to the last node, where it can move. */
static int inject_memory_hotplug(int round)
{
	for (int node = 0, status; node < 2; node++) {
		if (move_page(&node, &status) || status < 0)
			return -1;
	}
	iso_sleep_ms(20);
	if (!settle())
		return -1;
	sh->from = LOAD(sh->hits);
	return iso_write_file(memory_state, "offline");
}

static void undo_memory_hotplug(void)
{
	iso_write_file(memory_state, "online_movable");
}

static void finish_memory_hotplug(void)
{
	iso_write_file(memory_state, "offline");
	if (iso_write_file(memory_state, "online"))
		printf("stray %s: %s\n", memory_state, strerror(errno));
}

static const struct kind list[] = {
	{ "stat_refresh", "vm.stat_refresh", { WAKE }, .inject = inject_stat_refresh },
	{ "overcommit", "vm.overcommit_memory, work for each CPU", { WAKE },
	  .quiet = "only a change to 2 has work for each CPU", .inject = inject_overcommit,
	  .finish = finish_overcommit },
	{ "compact", "vm.compact_memory: drains batches, moves pages",
	  { CALL(ARCH_FLUSH), WAKE, OWN(FAULT) },
	  .quiet = NO_BATCHES ", locked pages stay", .inject = inject_compact },
	{ "move_pages", "move_pages() by another process",
	  { CALL(ARCH_FLUSH), OWN(FAULT) }, .quiet = ARCH_TLB,
	  .prepare = prepare_nodes, .inject = inject_move_pages },
	{ "migrate_pages", "the same, migrate_pages()",
	  { CALL(ARCH_FLUSH), OWN(FAULT) }, .quiet = ARCH_TLB,
	  .prepare = prepare_nodes, .inject = inject_migrate_pages },
	{ "numa_balancing", "a thread of the process looks where its pages are used",
	  { CALL(ARCH_FLUSH), OWN(FAULT) },
	  .quiet = "it has not looked in time, or needs no interrupt for it",
	  .prepare = prepare_numa_balancing, .finish = finish_numa_balancing,
	  .order = SIBLING_BALANCE, .most = 5 },
	{ "clear_refs", "/proc/PID/clear_refs of the victim",
	  { CALL(ARCH_FLUSH), OWN(FAULT) },
	  .quiet = "nothing is flushed for it", .inject = inject_clear_refs },
	{ "drop_caches", "vm.drop_caches: drains batches", { WAKE },
	  .quiet = NO_BATCHES, .inject = inject_drop_caches },
	{ "fadvise", "POSIX_FADV_DONTNEED: drains batches", { WAKE },
	  .quiet = NO_BATCHES, .inject = inject_fadvise },
	{ "memfd_seal", "F_SEAL_WRITE: drains batches", { WAKE },
	  .quiet = NO_BATCHES, .inject = inject_memfd_seal },
	{ "vm_read", "process_vm_readv() of the victim", { BY(CAUSE(IPI_FUNC)) },
	  .quiet = "it only reads", .inject = inject_vm_read },
	{ "proc_read", "/proc/PID/stat and smaps of the victim", { BY(CAUSE(IPI_FUNC)) },
	  .quiet = "it only reads", .inject = inject_proc_read },
	{ "ftrace", "the function tracer is switched on",
	  /* The trace buffers get their size when they are first used. */
	  { CALL(ARCH_SYNC), UNMAP, CALL("ftrace_sync_ipi"), WAKE }, ARCH_PATCH,
	  .prepare = prepare_ftrace, .inject = inject_ftrace, .undo = undo_ftrace,
	  .finish = finish_ftrace, .most = 5 },
	{ "static_key", "an event is switched on", { CALL(ARCH_SYNC) }, ARCH_PATCH,
	  .prepare = prepare_static_key, .inject = inject_static_key,
	  .undo = undo_static_key, .most = 5 },
	{ "kprobe", "a kprobe is switched on",
	  { PATCH, UNMAP, CALL("ftrace_sync_ipi"), ARCH_STOP }, ARCH_PATCH,
	  .prepare = prepare_kprobe, .inject = inject_kprobe, .undo = undo_kprobe,
	  .finish = finish_kprobe, .most = 5 },
	{ "uprobe", "a breakpoint for a page of the victim",
	  { CALL(ARCH_FLUSH), CALL(ARCH_SYNC) }, ARCH_TLB,
	  .prepare = prepare_uprobe, .inject = inject_uprobe, .undo = undo_uprobe,
	  .finish = finish_uprobe, .most = 5 },
	{ "uprobe_hit", "a trap that the kernel's own breakpoint causes", { OWN(TRAP) },
	  .prepare = prepare_uprobe_hit, .finish = finish_uprobe, .order = VICTIM_PROBED },
	{ "bpf", "a socket filter is compiled", { UNMAP, ARCH_NEW_TEXT },
	  .quiet = "the program fits into memory that is executable already",
	  .prepare = prepare_bpf, .inject = inject_bpf, .finish = finish_later },
	{ "module", "a module is loaded and unloaded", { UNMAP, ARCH_NEW_TEXT },
	  .quiet = ARCH_PATCH, .prepare = prepare_module, .inject = inject_module,
	  .undo = undo_module, .finish = finish_later },
	{ "ring_buffer", "the trace buffer of that CPU gets another size", { WAKE },
	  .prepare = prepare_ring_buffer, .inject = inject_ring_buffer },
	{ "slab_shrink", "what each CPU has of a slab is given back", { WAKE },
	  .quiet = "that CPU has nothing of these slabs", .prepare = prepare_slab_shrink,
	  .inject = inject_slab_shrink },
	{ "bh_lru", "a block device forgets its buffers", { CALL("invalidate_bh_lru"), WAKE },
	  .quiet = "an isolated CPU keeps no buffers", .prepare = prepare_bh_lru, .inject = inject_bh_lru,
	  .finish = finish_bh_lru },
	{ "memory_hotplug", "memory is taken away and comes back",
	  { WAKE, CALL(ARCH_FLUSH), OWN(FAULT) },
	  .prepare = prepare_memory_hotplug, .inject = inject_memory_hotplug,
	  .undo = undo_memory_hotplug, .finish = finish_memory_hotplug },
};

const struct kinds memory_kinds = { list, sizeof(list) / sizeof(list[0]) };
