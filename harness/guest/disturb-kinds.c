// SPDX-License-Identifier: GPL-2.0
/*
 * The disturber bench: the kinds of disturbance. See disturb.h for what the
 * members of each mean.
 */
#include "disturb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>

#define TRACEFS	"/sys/kernel/tracing/"
#define CGROUP	"/sys/fs/cgroup/disturb"

static int sibling_ret;

/* Said where a file that a kind writes to is not there. */
static const char *missing(const char *path)
{
	static char why[160];

	if (!access(path, W_OK))
		return NULL;
	snprintf(why, sizeof(why), "%s: %s", path, strerror(errno));
	return why;
}

/* By the victim itself */

const char *victim_serve(int order)
{
	switch (order) {
	case VICTIM_SYSCALL:
		syscall(SYS_getppid);
		break;
	case VICTIM_FAULT:
		*(volatile char *)sh->page = 1;
		break;
	case VICTIM_TRAP:
#if defined(__x86_64__)
		{
			char table[16];

			__asm__ __volatile__("sgdt %0" : "=m" (table));
		}
#elif defined(__aarch64__)
		{
			unsigned long val;

			__asm__ __volatile__("mrs %0, id_aa64pfr0_el1" : "=r" (val));
		}
#endif
		break;
	case VICTIM_SIGTRAP:
#if defined(__x86_64__)
		__asm__ __volatile__("int3");
#elif defined(__aarch64__)
		raise(SIGTRAP);
#endif
		break;
	}
	return NULL;
}

static const char *prepare_trap(void)
{
#if defined(__x86_64__)
	char text[65536];

	read_file("/proc/cpuinfo", text, sizeof(text));
	return strstr(text, " umip") ? NULL : "the CPU has no UMIP";
#elif defined(__aarch64__)
	return NULL;
#else
	return "no such instruction on this architecture";
#endif
}

/* What comes of taking the page away is not what this is about. */
static int inject_fault(int round)
{
	int ms;

	__atomic_store_n(&sh->order, SIBLING_DONTNEED, __ATOMIC_SEQ_CST);
	sleep_ms(100);
	for (ms = 0; ms < 10000 && !__atomic_load_n(&sh->isolated, __ATOMIC_SEQ_CST); ms++)
		sleep_ms(1);
	sleep_ms(10);
	sh->from = __atomic_load_n(&sh->hits, __ATOMIC_SEQ_CST);
	__atomic_store_n(&sh->order, VICTIM_FAULT, __ATOMIC_SEQ_CST);
	return 0;
}

/* By another thread of the victim's process */

static void timer_signal(void)
{
	struct sigevent sev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	struct itimerspec its = { .it_value = { 0, 5000000 } };
	static timer_t timer;
	static bool made;

	sev._sigev_un._tid = sh->victim_tid;
	if (!made)
		sibling_ret = timer_create(CLOCK_MONOTONIC, &sev, &timer);
	made = true;
	timer_settime(timer, 0, &its, NULL);
}

static void cpu_timer(void)
{
	struct itimerval on = { .it_value = { 1000, 0 } }, off = { 0 };

	/* A limit of CPU time for the process: every thread of it gets the tick. */
	setitimer(ITIMER_PROF, &on, NULL);
	sleep_ms(5);
	setitimer(ITIMER_PROF, &off, NULL);
}

void sibling_serve(int order)
{
	char *p;
	pid_t pid;

	switch (order) {
	case SIBLING_MEMBARRIER:
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
		sibling_ret = syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
		break;
	case SIBLING_SYNC_CORE:
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
		sibling_ret = syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
				      0, 0);
		break;
	case SIBLING_RSEQ:
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
		sibling_ret = syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0);
		break;
	case SIBLING_MUNMAP:
		p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		munmap(p, 16 * PAGE);
		break;
	case SIBLING_MPROTECT:
		mprotect(sh->page + 8 * PAGE, PAGE, PROT_READ);
		mprotect(sh->page + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE);
		sh->page[8 * PAGE] = 1;
		break;
	case SIBLING_DONTNEED:
		munlock(sh->page, PAGE);
		sh->page[0] = 1;
		madvise(sh->page, PAGE, MADV_DONTNEED);
		break;
	case SIBLING_MLOCK:
		mlock(sh->page, PAGE);
		break;
	case SIBLING_FORK:
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
		break;
	case SIBLING_CPU_TIMER:
		cpu_timer();
		break;
	case SIBLING_TIMER_SIGNAL:
		timer_signal();
		break;
	}
}

/* Signals */

static int inject_signal(int round)
{
	return syscall(SYS_tgkill, sh->victim_pid, sh->victim_tid, SIGUSR2);
}

static int inject_same_signal(int round)
{
	return syscall(SYS_tgkill, sh->victim_pid, sh->victim_tid, SIGUSR1);
}

static int inject_realtime(int round)
{
	siginfo_t info = { .si_signo = SIGRTMIN + 1, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	return syscall(SYS_rt_tgsigqueueinfo, sh->victim_pid, sh->victim_tid, SIGRTMIN + 1, &info);
}

static int inject_process_signal(int round)
{
	return kill(sh->victim_pid, SIGUSR2);
}

static int inject_ignored(int round)
{
	return syscall(SYS_tgkill, sh->victim_pid, sh->victim_tid, SIGWINCH);
}

static int inject_stop(int round)
{
	int ret = kill(sh->victim_pid, SIGSTOP);

	sleep_ms(10);
	kill(sh->victim_pid, SIGCONT);
	return ret;
}

static int inject_ptrace(int round)
{
	if (ptrace(PTRACE_SEIZE, sh->victim_tid, 0, 0))
		return -1;
	ptrace(PTRACE_INTERRUPT, sh->victim_tid, 0, 0);
	waitpid(sh->victim_tid, NULL, __WALL);
	return ptrace(PTRACE_DETACH, sh->victim_tid, 0, 0);
}

/* A cgroup with the victim's process in it */
static const char *prepare_cgroup(void)
{
	char text[32];

	mkdir(CGROUP, 0755);
	snprintf(text, sizeof(text), "%d", sh->victim_pid);
	if (write_file(CGROUP "/cgroup.procs", text))
		return "no cgroup v2";
	return missing(CGROUP "/cgroup.freeze");
}

static void finish_cgroup(void)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", sh->victim_pid);
	write_file("/sys/fs/cgroup/cgroup.procs", text);
	rmdir(CGROUP);
}

static int inject_freeze(int round)
{
	int ret = write_file(CGROUP "/cgroup.freeze", "1");

	sleep_ms(10);
	write_file(CGROUP "/cgroup.freeze", "0");
	return ret;
}

static const char *prepare_cpuset(void)
{
	const char *why;

	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset");
	why = prepare_cgroup();
	return why ?: missing(CGROUP "/cpuset.cpus");
}

static int inject_cpuset(int round)
{
	return write_file(CGROUP "/cpuset.cpus", "0-1");
}

static void undo_cpuset(void)
{
	cpu_set_t set;

	write_file(CGROUP "/cpuset.cpus", "0-3");
	CPU_ZERO(&set);
	CPU_SET(iso_cpu, &set);
	sched_setaffinity(sh->victim_tid, sizeof(set), &set);
}

/* The scheduler */

static void victim_affinity(bool two)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(iso_cpu, &set);
	if (two)
		CPU_SET(0, &set);
	sched_setaffinity(sh->victim_tid, sizeof(set), &set);
}

static int inject_affinity(int round)
{
	victim_affinity(true);
	return 0;
}

static void undo_affinity(void)
{
	victim_affinity(false);
}

static int inject_policy(int round)
{
	struct sched_param p = { 0 };

	return sched_setscheduler(sh->victim_tid, round & 1 ? SCHED_OTHER : SCHED_BATCH, &p);
}

static void finish_policy(void)
{
	struct sched_param p = { 0 };

	sched_setscheduler(sh->victim_tid, SCHED_OTHER, &p);
}

/* A task that sleeps there until a byte comes */
static int wake_pipe[2];
static pid_t helper;

static const char *prepare_wake(void)
{
	if (pipe(wake_pipe))
		return "no pipe";
	helper = fork();
	if (!helper) {
		char c;

		pin(iso_cpu);
		close(wake_pipe[1]);
		while (read(wake_pipe[0], &c, 1) > 0)
			;
		_exit(0);
	}
	sleep_ms(50);
	return NULL;
}

static int inject_wake(int round)
{
	return write(wake_pipe[1], "", 1) == 1 ? 0 : -1;
}

static void finish_helper(void)
{
	kill(helper, SIGKILL);
	waitpid(helper, NULL, 0);
}

static const char *prepare_move(void)
{
	helper = fork();
	if (!helper) {
		pin(0);
		for (;;)
			sched_yield();
	}
	return NULL;
}

static int inject_move(int round)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(iso_cpu, &set);
	return sched_setaffinity(helper, sizeof(set), &set);
}

static void undo_move(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(helper, sizeof(set), &set);
}

static int inject_barrier_global(int round)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

/* Memory management */

static int inject_stat_refresh(int round)
{
	return write_file("/proc/sys/vm/stat_refresh", "1");
}

static int inject_overcommit(int round)
{
	return write_file("/proc/sys/vm/overcommit_memory", round & 1 ? "0" : "2");
}

static void finish_overcommit(void)
{
	write_file("/proc/sys/vm/overcommit_memory", "0");
}

static int inject_compact(int round)
{
	return write_file("/proc/sys/vm/compact_memory", "1");
}

static int inject_drop_caches(int round)
{
	return write_file("/proc/sys/vm/drop_caches", "3");
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
	read_file(path, buf, sizeof(buf));
	snprintf(path, sizeof(path), "/proc/%d/smaps", sh->victim_pid);
	read_file(path, buf, sizeof(buf));
	return 0;
}

/* Text patching and kernel mappings */

static const char *prepare_ftrace(void)
{
	write_file(TRACEFS "set_ftrace_filter", "schedule_timeout");
	return missing(TRACEFS "current_tracer");
}

static int inject_ftrace(int round)
{
	return write_file(TRACEFS "current_tracer", "function");
}

static void undo_ftrace(void)
{
	write_file(TRACEFS "current_tracer", "nop");
}

static void finish_ftrace(void)
{
	write_file(TRACEFS "set_ftrace_filter", "");
}

#define EVENT	TRACEFS "events/sched/sched_process_exec/enable"

static const char *prepare_static_key(void)
{
	return missing(EVENT);
}

static int inject_static_key(int round)
{
	return write_file(EVENT, "1");
}

static void undo_static_key(void)
{
	write_file(EVENT, "0");
}

#define KPROBE	TRACEFS "events/kprobes/disturb/enable"

static const char *prepare_kprobe(void)
{
	if (write_file(TRACEFS "kprobe_events", "p:kprobes/disturb do_sys_openat2+4") &&
	    write_file(TRACEFS "kprobe_events", "p:kprobes/disturb do_sys_openat2"))
		return missing(TRACEFS "kprobe_events") ?: "the probe is refused";
	return missing(KPROBE);
}

static int inject_kprobe(int round)
{
	return write_file(KPROBE, "1");
}

static void undo_kprobe(void)
{
	write_file(KPROBE, "0");
}

static void finish_kprobe(void)
{
	write_file(TRACEFS "kprobe_events", "-:kprobes/disturb");
}

static const char *prepare_bpf(void)
{
	write_file("/proc/sys/net/core/bpf_jit_enable", "1");
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

/* Mappings that are gone are flushed all at once, later, by a kworker. */
static void finish_mappings(void)
{
	sleep_ms(2000);
}

#define MODULE	"/ti/test_module.ko"

static const char *prepare_module(void)
{
	return access(MODULE, R_OK) ? "no module was built" : NULL;
}

static int inject_module(int round)
{
	int fd = open(MODULE, O_RDONLY);
	int ret = syscall(SYS_finit_module, fd, "", 0);

	close(fd);
	return ret;
}

static void undo_module(void)
{
	syscall(SYS_delete_module, "test_module", O_NONBLOCK);
}

static const char *prepare_ring_buffer(void)
{
	char buf[16];

	/* It gets its size when it is first used. */
	read_file(TRACEFS "trace", buf, sizeof(buf));
	return missing(TRACEFS "buffer_size_kb");
}

static int inject_ring_buffer(int round)
{
	char path[128];

	snprintf(path, sizeof(path), TRACEFS "per_cpu/cpu%d/buffer_size_kb", iso_cpu);
	return write_file(path, round & 1 ? "64" : "128");
}

/* Calls to that CPU */

static int perf_fd = -1;

static int inject_perf(int round)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_CONTEXT_SWITCHES,
	};

	perf_fd = syscall(SYS_perf_event_open, &attr, -1, iso_cpu, -1, 0);
	return perf_fd < 0 ? -1 : 0;
}

static void undo_perf(void)
{
	if (perf_fd >= 0)
		close(perf_fd);
	perf_fd = -1;
}

static char msr_path[64];

static const char *prepare_msr(void)
{
	snprintf(msr_path, sizeof(msr_path), "/dev/cpu/%d/msr", iso_cpu);
	return access(msr_path, R_OK) ? "no /dev/cpu/N/msr" : NULL;
}

static int inject_msr(int round)
{
	int fd = open(msr_path, O_RDONLY), n;
	unsigned long long tsc;

	n = pread(fd, &tsc, sizeof(tsc), 0x10);
	close(fd);
	return n == sizeof(tsc) ? 0 : -1;
}

#define CHECK_INTERVAL	"/sys/devices/system/machinecheck/machinecheck0/check_interval"

static const char *prepare_mce_restart(void)
{
	return missing(CHECK_INTERVAL);
}

static int inject_mce_restart(int round)
{
	return write_file(CHECK_INTERVAL, round & 1 ? "300" : "301");
}

static const char *prepare_membarrier_rseq(void)
{
	int can = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	return can > 0 && can & MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ ? NULL :
	       "the kernel has no restartable sequences";
}

/* With one pending isolation is refused, and programs can't start one elsewhere. */
static const char *prepare_pinned_timer(void)
{
	return "only the kernel starts timers on another CPU";
}

static int inject_clock(int round)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += round & 1 ? -1 : 1;
	return clock_settime(CLOCK_REALTIME, &ts);
}

#define HOTPLUG	"/sys/devices/system/cpu/cpu1/online"

static const char *prepare_hotplug(void)
{
	return missing(HOTPLUG);
}

static int inject_hotplug(int round)
{
	return write_file(HOTPLUG, "0");
}

static void undo_hotplug(void)
{
	cpu_set_t set;

	write_file(HOTPLUG, "1");
	/* Who ran there has been moved away. */
	CPU_ZERO(&set);
	CPU_SET(1, &set);
	sched_setaffinity(sh->sibling_tid, sizeof(set), &set);
}

static const char *prepare_sysrq(void)
{
	return missing("/proc/sysrq-trigger");
}

static int inject_sysrq(int round)
{
	return write_file("/proc/sysrq-trigger", "l");
}

/* A device, whose interrupt is sent there */

static char irq_path[64], irq_old[64];

static int find_irq(void)
{
	DIR *dir = opendir("/sys/bus/virtio/drivers/virtio_rng");
	char name[256] = "?", text[65536], *line, *save = NULL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "virtio", 6))
			snprintf(name, sizeof(name), "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	read_file("/proc/interrupts", text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strstr(line, name) || (name[0] == '?' && strstr(line, "ttyS0")))
			return atoi(line);
	}
	return -1;
}

static const char *prepare_device(void)
{
	char cpu[16];
	int irq = find_irq();

	if (irq < 0)
		return "no device that can be made to interrupt";
	snprintf(irq_path, sizeof(irq_path), "/proc/irq/%d/smp_affinity_list", irq);
	read_file(irq_path, irq_old, sizeof(irq_old));
	snprintf(cpu, sizeof(cpu), "%d", iso_cpu);
	if (write_file(irq_path, cpu))
		return "its affinity can't be set";
	return NULL;
}

static int inject_device(int round)
{
	char data[64];
	int fd = open("/dev/hwrng", O_RDONLY | O_NONBLOCK), n;

	if (fd >= 0) {
		struct pollfd p = { .fd = fd };

		poll(&p, 1, 1);
		n = read(fd, data, sizeof(data));
	} else {
		fd = open("/dev/ttyS0", O_WRONLY | O_NONBLOCK);
		n = write(fd, "\r\n", 2);
	}
	close(fd);
	return n < 0 && errno != EAGAIN ? -1 : 0;
}

static void finish_device(void)
{
	write_file(irq_path, irq_old);
}

#if defined(__x86_64__)
#define ARCH_TLB	NULL
#define ARCH_PATCH	NULL
#define CAUSE_BACKTRACE	CAUSE(NMI)
#else
#define ARCH_TLB	"the CPUs tell each other of TLB flushes without an interrupt"
#define ARCH_PATCH	"the CPUs see new text without an interrupt"
#define CAUSE_BACKTRACE	(CAUSE(VECTOR) | CAUSE(NMI))
#endif
#define NO_BATCHES	"the batches of an isolated CPU are empty"

const struct kind kinds[] = {
	{ "syscall", "a system call of the victim", CAUSE(SYSCALL), WHO_NOBODY,
	  .order = VICTIM_SYSCALL },
	{ "page_fault", "a page that was taken away", CAUSE(FAULT), WHO_NOBODY,
	  .inject = inject_fault },
	{ "trap", "an instruction that the kernel emulates", CAUSE(TRAP), WHO_NOBODY,
	  .prepare = prepare_trap, .order = VICTIM_TRAP },
	{ "breakpoint", "a trap that ends in a signal", CAUSE(SIGNAL) | CAUSE(SYSCALL), WHO_NOBODY,
	  .order = VICTIM_SIGTRAP },
	{ "membarrier", "membarrier() by a thread of the process", CAUSE(IPI_FUNC), WHO_SENDER,
	  .order = SIBLING_MEMBARRIER },
	{ "membarrier_sync_core", "the same, SYNC_CORE", CAUSE(IPI_FUNC), WHO_SENDER,
	  .order = SIBLING_SYNC_CORE },
	{ "membarrier_rseq", "the same, RSEQ", CAUSE(IPI_FUNC), WHO_SENDER,
	  .prepare = prepare_membarrier_rseq, .order = SIBLING_RSEQ },
	{ "membarrier_global", "GLOBAL_EXPEDITED by another process", CAUSE(IPI_FUNC), WHO_SENDER,
	  .quiet = "the process has not registered for it", .inject = inject_barrier_global },
	{ "munmap", "munmap() by a thread of the process", CAUSE(IPI_FUNC), WHO_SENDER,
	  .quiet = ARCH_TLB, .order = SIBLING_MUNMAP },
	{ "mprotect", "mprotect() by a thread of the process", CAUSE(IPI_FUNC), WHO_SENDER,
	  .quiet = ARCH_TLB, .order = SIBLING_MPROTECT },
	{ "madvise", "MADV_DONTNEED by a thread of the process", CAUSE(IPI_FUNC), WHO_SENDER,
	  .quiet = ARCH_TLB, .order = SIBLING_DONTNEED },
	{ "fork", "fork() by a thread of the process", CAUSE_WAKE | CAUSE(FAULT),
	  WHO_SENDER | WHO_NOBODY | WHO_OTHER, "sibling", ARCH_TLB, .order = SIBLING_FORK },
	{ "cpu_timer", "a CPU time limit for the process", CAUSE(IRQ_WORK), WHO_SENDER,
	  .order = SIBLING_CPU_TIMER },
	{ "timer_signal", "a timer that sends a signal", CAUSE(SIGNAL), WHO_INTERRUPT,
	  .order = SIBLING_TIMER_SIGNAL },
	{ "signal", "a signal to the thread", CAUSE(SIGNAL), WHO_SENDER, .inject = inject_signal },
	{ "signal_same", "the signal of a loss", CAUSE(SIGNAL), WHO_SENDER,
	  .inject = inject_same_signal },
	{ "signal_realtime", "a queued signal", CAUSE(SIGNAL), WHO_SENDER,
	  .inject = inject_realtime },
	{ "signal_process", "a signal to the process", CAUSE(SIGNAL), WHO_SENDER,
	  .inject = inject_process_signal },
	{ "signal_ignored", "a signal that is ignored", CAUSE(RESCHED), WHO_SENDER,
	  .quiet = "it is not sent", .inject = inject_ignored },
	{ "stop", "SIGSTOP and SIGCONT", CAUSE(STOP), WHO_SENDER, .inject = inject_stop },
	{ "ptrace", "PTRACE_SEIZE and PTRACE_INTERRUPT", CAUSE(STOP), WHO_SENDER,
	  .inject = inject_ptrace },
	{ "freezer", "the cgroup freezer", CAUSE(STOP), WHO_SENDER,
	  .prepare = prepare_cgroup, .inject = inject_freeze, .finish = finish_cgroup },
	{ "cpuset", "a cpuset without the CPU", CAUSE(AFFINITY), WHO_SENDER,
	  .prepare = prepare_cpuset, .inject = inject_cpuset, .undo = undo_cpuset,
	  .finish = finish_cgroup },
	{ "affinity", "sched_setaffinity() of the victim", CAUSE(AFFINITY), WHO_SENDER,
	  .inject = inject_affinity, .undo = undo_affinity },
	{ "policy", "sched_setscheduler() of the victim", CAUSE_WAKE, WHO_SENDER,
	  .quiet = "nothing else wants to run there", .inject = inject_policy,
	  .finish = finish_policy },
	{ "wakeup", "a task of that CPU is woken up", CAUSE_WAKE, WHO_SENDER,
	  .prepare = prepare_wake, .inject = inject_wake, .finish = finish_helper },
	{ "move", "a running task is moved there", CAUSE_WAKE, WHO_SENDER | WHO_OTHER,
	  "migration/", .prepare = prepare_move, .inject = inject_move, .undo = undo_move,
	  .finish = finish_helper },
	{ "stat_refresh", "vm.stat_refresh", CAUSE_WAKE, WHO_SENDER,
	  .inject = inject_stat_refresh },
	{ "overcommit", "vm.overcommit_memory, work for each CPU", CAUSE_WAKE, WHO_SENDER,
	  .quiet = "only a change to 2 has work for each CPU", .inject = inject_overcommit,
	  .finish = finish_overcommit },
	{ "compact", "vm.compact_memory: drains batches, moves pages",
	  CAUSE(IPI_FUNC) | CAUSE(FAULT) | CAUSE(RESCHED), WHO_SENDER | WHO_NOBODY,
	  .quiet = NO_BATCHES ", locked pages stay", .inject = inject_compact },
	{ "drop_caches", "vm.drop_caches: drains batches", CAUSE_WAKE, WHO_SENDER,
	  .quiet = NO_BATCHES, .inject = inject_drop_caches },
	{ "fadvise", "POSIX_FADV_DONTNEED: drains batches", CAUSE_WAKE, WHO_SENDER,
	  .quiet = NO_BATCHES, .inject = inject_fadvise },
	{ "memfd_seal", "F_SEAL_WRITE: drains batches", CAUSE_WAKE, WHO_SENDER,
	  .quiet = NO_BATCHES, .inject = inject_memfd_seal },
	{ "vm_read", "process_vm_readv() of the victim", CAUSE(IPI_FUNC), WHO_SENDER,
	  .quiet = "it only reads", .inject = inject_vm_read },
	{ "proc_read", "/proc/PID/stat and smaps of the victim", CAUSE(IPI_FUNC), WHO_SENDER,
	  .quiet = "it only reads", .inject = inject_proc_read },
	{ "ftrace", "the function tracer is switched on", CAUSE(IPI_FUNC) | CAUSE_WAKE,
	  WHO_SENDER | WHO_OTHER, "kworker/", ARCH_PATCH, prepare_ftrace, inject_ftrace,
	  undo_ftrace, finish_ftrace, .often = true },
	{ "static_key", "an event is switched on", CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER,
	  "kworker/", ARCH_PATCH, prepare_static_key, inject_static_key, undo_static_key,
	  .often = true },
	{ "kprobe", "a kprobe is switched on", CAUSE_WAKE, WHO_SENDER | WHO_OTHER, "kworker/",
	  ARCH_PATCH, prepare_kprobe, inject_kprobe, undo_kprobe, finish_kprobe,
	  .often = true },
	{ "bpf", "a socket filter is compiled", CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER,
	  "kworker/", "the program fits into memory that is executable already", prepare_bpf,
	  inject_bpf, .finish = finish_mappings },
	{ "module", "a module is loaded and unloaded", CAUSE_WAKE, WHO_SENDER | WHO_OTHER,
	  "kworker/", ARCH_PATCH, prepare_module, inject_module, undo_module,
	  finish_mappings },
	{ "ring_buffer", "the trace buffer of that CPU gets another size", CAUSE_WAKE, WHO_SENDER,
	  .prepare = prepare_ring_buffer, .inject = inject_ring_buffer },
	{ "perf", "perf_event_open() on that CPU", CAUSE(IPI_FUNC), WHO_SENDER,
	  .inject = inject_perf, .undo = undo_perf },
	{ "msr", "a register of that CPU is read", CAUSE(IPI_FUNC), WHO_SENDER,
	  .prepare = prepare_msr, .inject = inject_msr },
	{ "mce_restart", "the interval of machine check polling is changed", CAUSE(IPI_FUNC),
	  WHO_SENDER, .prepare = prepare_mce_restart, .inject = inject_mce_restart },
	{ "clock", "the clock is set", CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER, "kworker/",
	  "no timer of that CPU follows the clock", .inject = inject_clock },
	{ "hotplug", "another CPU is taken down and up", CAUSE_WAKE | CAUSE(IRQ_WORK),
	  WHO_SENDER | WHO_OTHER | WHO_INTERRUPT, "cpuhp/ kworker/ rcu migration/", NULL,
	  prepare_hotplug, inject_hotplug, undo_hotplug },
	{ "backtrace", "SysRq-L: an NMI, or what stands for it", CAUSE_BACKTRACE,
	  WHO_NOBODY, .prepare = prepare_sysrq, .inject = inject_sysrq },
	{ "device", "a device interrupts that CPU", CAUSE(IRQ), WHO_NOBODY,
	  .quiet = "the device has answered before", .prepare = prepare_device,
	  .inject = inject_device, .finish = finish_device },
	{ "pinned_timer", "a timer on that CPU", CAUSE(TIMER), WHO_NOBODY,
	  .prepare = prepare_pinned_timer },
};

const int nr_kinds = sizeof(kinds) / sizeof(kinds[0]);
