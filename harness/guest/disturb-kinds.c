// SPDX-License-Identifier: GPL-2.0
/*
 * The disturber bench: the kinds of disturbance. See disturb.h for what the
 * members of each mean.
 */
#include "disturb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/ucontext.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>

#define TRACEFS	"/sys/kernel/tracing/"
#define CGROUP	"/sys/fs/cgroup/disturb"
#define CPUS	"/sys/devices/system/cpu/"
#define HUGE	(2UL << 20)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/* Said where a file that a kind writes to is not there. */
static const char *missing(const char *path)
{
	static char why[160];

	if (!access(path, W_OK))
		return NULL;
	snprintf(why, sizeof(why), "%s: %s", path, strerror(errno));
	return why;
}

/* Until a file says so, for a second at most */
static void wait_file(const char *path, const char *text)
{
	char buf[1024];

	for (int ms = 0; ms < 1000; ms++) {
		if (read_file(path, buf, sizeof(buf)) > 0 && strstr(buf, text))
			return;
		sleep_ms(1);
	}
}

/*
 * Mappings that are gone are flushed all at once, later, by a kworker. Another
 * one switches off the code that perf, a cgroup or io_uring has needed.
 */
static void finish_later(void)
{
	sleep_ms(2000);
}

/* By the victim itself */

/* A page of its own: what is done to it is not done to the victim's loop. */
__attribute__((noinline, aligned(PAGE), section("probed_text"))) static void probed(void)
{
	__asm__ __volatile__("nop");
}

void victim_serve(int order)
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
		__asm__ __volatile__("brk #0");
#endif
		break;
	case VICTIM_PROBED:
		probed();
		break;
	}
}

/* In the handler of each signal. Some CPUs don't go on after a breakpoint by themselves. */
void victim_woken(int sig, siginfo_t *info, void *context)
{
#if defined(__aarch64__)
	if (sig == SIGTRAP && info->si_code == TRAP_BRKPT)
		((ucontext_t *)context)->uc_mcontext.pc += 4;
#endif
}

/* The victim waits for sh->event_fd by io_uring, without a thread that does. */
static struct {
	int			fd;
	struct io_uring_params	p;
	char			*rings;
	struct io_uring_sqe	*sqes;
} ring = { .fd = -1 };

static unsigned int *ring_at(unsigned int offset)
{
	return (unsigned int *)(ring.rings + offset);
}

static bool ring_open(void)
{
	ring.fd = syscall(SYS_io_uring_setup, 4, &ring.p);
	if (ring.fd < 0)
		return false;
	ring.rings = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  ring.fd, IORING_OFF_SQ_RING);
	ring.sqes = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			 ring.fd, IORING_OFF_SQES);
	if (ring.rings != MAP_FAILED && ring.sqes != MAP_FAILED)
		return true;
	close(ring.fd);
	ring.fd = -1;
	return false;
}

static void ring_wait(void)
{
	unsigned int tail = *ring_at(ring.p.sq_off.tail);
	unsigned int i = tail & *ring_at(ring.p.sq_off.ring_mask);

	memset(&ring.sqes[i], 0, sizeof(ring.sqes[i]));
	ring.sqes[i].opcode = IORING_OP_POLL_ADD;
	ring.sqes[i].fd = sh->event_fd;
	ring.sqes[i].poll32_events = POLLIN;
	ring_at(ring.p.sq_off.array)[i] = i;
	__atomic_store_n(ring_at(ring.p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring.fd, 1, 0, 0, NULL, 0) == 1)
		__atomic_store_n(&sh->ring_armed, sh->ring_armed + 1, __ATOMIC_SEQ_CST);
}

/* Before the victim asks to be isolated */
void victim_ready(void)
{
	unsigned int done;
	uint64_t count;

	if (!__atomic_load_n(&sh->ring, __ATOMIC_SEQ_CST)) {
		if (ring.fd >= 0) {
			munmap(ring.rings, PAGE);
			munmap(ring.sqes, PAGE);
			close(ring.fd);
			ring.fd = -1;
		}
		return;
	}
	if (ring.fd < 0) {
		if (!ring_open())
			return;
		ring_wait();
		return;
	}
	done = __atomic_load_n(ring_at(ring.p.cq_off.tail), __ATOMIC_ACQUIRE);
	if (done == *ring_at(ring.p.cq_off.head))
		return;
	__atomic_store_n(ring_at(ring.p.cq_off.head), done, __ATOMIC_RELEASE);
	if (read(sh->event_fd, &count, sizeof(count)) == sizeof(count))
		ring_wait();
}

static const char *prepare_breakpoint(void)
{
#if defined(__x86_64__) || defined(__aarch64__)
	return NULL;
#else
	return "not written for this architecture";
#endif
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
	give_order(SIBLING_DONTNEED);
	sleep_ms(100);
	if (!settle())
		return -1;
	sh->from = __atomic_load_n(&sh->hits, __ATOMIC_SEQ_CST);
	give_order(VICTIM_FAULT);
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
		timer_create(CLOCK_MONOTONIC, &sev, &timer);
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

/* A huge page out of small ones, as khugepaged makes them */
static void collapse(void)
{
	char *all = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	char *p = (char *)(((unsigned long)all + HUGE - 1) & ~(HUGE - 1));

	madvise(p, HUGE, MADV_NOHUGEPAGE);
	for (unsigned long i = 0; i < HUGE; i += PAGE)
		p[i] = 1;
	madvise(p, HUGE, MADV_HUGEPAGE);
	madvise(p, HUGE, MADV_COLLAPSE);
	munmap(all, 2 * HUGE);
}

/* Pages that are the same, for ksmd */
static void merge(void)
{
	static char *p;

	if (!p) {
		p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
		madvise(p, 16 * PAGE, MADV_MERGEABLE);
	}
	memset(p, 1, 16 * PAGE);
}

void sibling_serve(int order)
{
	char *p;
	pid_t pid;

	switch (order) {
	case SIBLING_MEMBARRIER:
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
		break;
	case SIBLING_SYNC_CORE:
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
		break;
	case SIBLING_RSEQ:
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0);
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
	case SIBLING_FORK:
		pid = fork();
		if (!pid)
			_exit(0);
		__atomic_store_n(&sh->child_tid, pid, __ATOMIC_SEQ_CST);
		waitpid(pid, NULL, 0);
		break;
	case SIBLING_CPU_TIMER:
		cpu_timer();
		break;
	case SIBLING_TIMER_SIGNAL:
		timer_signal();
		break;
	case SIBLING_COLLAPSE:
		collapse();
		break;
	case SIBLING_MERGE:
		merge();
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

/* To the thread and to the process in turn. A second one is queued. */
static int inject_blocked(int round)
{
	siginfo_t info = { .si_signo = SIGNAL_BLOCKED, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	if (round & 1)
		return syscall(SYS_rt_sigqueueinfo, sh->victim_pid, SIGNAL_BLOCKED, &info);
	return syscall(SYS_rt_tgsigqueueinfo, sh->victim_pid, sh->victim_tid, SIGNAL_BLOCKED,
		       &info);
}

/* One that is continued before it has stopped was only interrupted. */
static int inject_stop(int round)
{
	int ret = kill(sh->victim_pid, SIGSTOP);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", sh->victim_pid, sh->victim_tid);
	wait_file(path, " T ");
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

	wait_file(CGROUP "/cgroup.events", "frozen 1");
	write_file(CGROUP "/cgroup.freeze", "0");
	return ret;
}

/* The first one switches code on that the last one switches off, once it is freed. */
static const char *prepare_memcg(void)
{
	return write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory") ?
	       "no memory cgroups" : NULL;
}

static int inject_memcg(int round)
{
	if (mkdir(CGROUP, 0755))
		return -1;
	return rmdir(CGROUP);
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

/* That it gets to its CPU is a disturbance, too, but not this one. */
static void helper_asleep(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", helper);
	wait_file(path, " S ");
}

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
	helper_asleep();
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

/* The same, and what wakes it up is a timer of another CPU. */
static int timer_fd;

static const char *prepare_timerfd(void)
{
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (timer_fd < 0)
		return "no timerfd";
	helper = fork();
	if (!helper) {
		uint64_t count;

		pin(iso_cpu);
		while (read(timer_fd, &count, sizeof(count)) > 0)
			;
		_exit(0);
	}
	helper_asleep();
	return NULL;
}

static int inject_timerfd(int round)
{
	struct itimerspec its = { .it_value = { 0, 5000000 } };

	return timerfd_settime(timer_fd, 0, &its, NULL);
}

static void undo_move(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(helper, sizeof(set), &set);
}

static const char *prepare_move(void)
{
	helper = fork();
	if (!helper) {
		for (;;)
			sched_yield();
	}
	/* Not by itself: it could do so after it has been moved. */
	undo_move();
	return NULL;
}

static int inject_move(int round)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(iso_cpu, &set);
	return sched_setaffinity(helper, sizeof(set), &set);
}

static int inject_barrier_global(int round)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

static const char *prepare_barrier_rcu(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ?
	       "the kernel refuses it with nohz_full=" : NULL;
}

static int inject_barrier_rcu(int round)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* Who unmounts something waits until no CPU can be looking at it. */
#define EXPEDITED	"/sys/kernel/rcu_expedited"
#define MOUNT		"/tmp/disturb"

static const char *prepare_rcu(void)
{
	mkdir("/tmp", 0755);
	mkdir(MOUNT, 0755);
	if (write_file(EXPEDITED, "1"))
		return missing(EXPEDITED) ?: EXPEDITED ": refused";
	return NULL;
}

static int inject_rcu(int round)
{
	if (mount("disturb", MOUNT, "tmpfs", 0, NULL))
		return -1;
	return umount(MOUNT);
}

static void finish_rcu(void)
{
	write_file(EXPEDITED, "0");
	rmdir(MOUNT);
}

/* Work of other tasks that the victim asked for before it was isolated */
static int ring_armed;

static const char *prepare_ring(void)
{
	struct io_uring_params p = { 0 };
	int fd = syscall(SYS_io_uring_setup, 4, &p);

	if (fd < 0)
		return "no io_uring";
	close(fd);
	__atomic_store_n(&sh->ring, 1, __ATOMIC_SEQ_CST);
	/* It looks there the next time it is about to be isolated. */
	if (settle())
		__atomic_store_n(&sh->order, VICTIM_SYSCALL, __ATOMIC_SEQ_CST);
	for (int ms = 0; ms < 3000 && !__atomic_load_n(&sh->ring_armed, __ATOMIC_SEQ_CST); ms++)
		sleep_ms(1);
	return __atomic_load_n(&sh->ring_armed, __ATOMIC_SEQ_CST) ? NULL :
	       "the victim can't use io_uring";
}

static int inject_ring(int round)
{
	uint64_t one = 1;

	/* The victim has to have seen the last one. */
	if (__atomic_load_n(&sh->ring_armed, __ATOMIC_SEQ_CST) == ring_armed) {
		errno = ETIME;
		return -1;
	}
	ring_armed = sh->ring_armed;
	return write(sh->event_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

static void finish_ring(void)
{
	__atomic_store_n(&sh->ring, 0, __ATOMIC_SEQ_CST);
	if (settle())
		__atomic_store_n(&sh->order, VICTIM_SYSCALL, __ATOMIC_SEQ_CST);
	finish_later();
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

/* Any other process than the victim's may be the one that moves its pages. */
static long move_page(void)
{
	void *page = sh->page + PAGE;
	int node = 0, status;

	return syscall(SYS_move_pages, sh->victim_pid, 1, &page, &node, &status, 1 << 2);
}

static const char *prepare_move_pages(void)
{
	return move_page() < 0 && errno == ENOSYS ? "the kernel has no NUMA nodes" : NULL;
}

static int inject_move_pages(int round)
{
	unsigned long node = 1;

	if (round & 1)
		return move_page();
	return syscall(SYS_migrate_pages, sh->victim_pid, 8 * sizeof(node), &node, &node);
}

static int inject_clear_refs(int round)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", sh->victim_pid);
	return write_file(path, "1");
}

static const char *prepare_collapse(void)
{
	return access("/sys/kernel/mm/transparent_hugepage/khugepaged", R_OK) ?
	       "the kernel has no huge pages that are transparent" : NULL;
}

#define KSM	"/sys/kernel/mm/ksm/"

static const char *prepare_merge(void)
{
	write_file(KSM "sleep_millisecs", "1");
	write_file(KSM "pages_to_scan", "1000");
	return write_file(KSM "run", "1") ? missing(KSM "run") : NULL;
}

static void finish_merge(void)
{
	write_file(KSM "run", "2");
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
	read_file("/proc/self/maps", maps, sizeof(maps));
	for (line = strtok_r(maps, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) != 3 ||
		    addr < start || addr >= end)
			continue;
		snprintf(text, sizeof(text), "p:uprobes/disturb %s:0x%lx", path,
			 addr - start + offset);
		if (write_file(UPROBES, text))
			return missing(UPROBES) ?: "the probe is refused";
		return missing(UPROBE);
	}
	return "the program's file is not mapped";
}

static int inject_uprobe(int round)
{
	return write_file(UPROBE, "1");
}

static void undo_uprobe(void)
{
	write_file(UPROBE, "0");
}

static void finish_uprobe(void)
{
	write_file(UPROBE, "0");
	write_file(UPROBES, "-:uprobes/disturb");
}

static const char *prepare_uprobe_hit(void)
{
	const char *why = prepare_uprobe();

	if (!why && write_file(UPROBE, "1"))
		why = "the probe can't be switched on";
	return why;
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

static int inject_perf_thread(int round)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK,
	};

	perf_fd = syscall(SYS_perf_event_open, &attr, sh->victim_tid, -1, -1, 0);
	return perf_fd < 0 ? -1 : 0;
}

/* A timer on that CPU. Who would be isolated while it runs would be told of it. */
static int inject_perf_clock(int round)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK, .sample_period = 10000000,
	};

	perf_fd = syscall(SYS_perf_event_open, &attr, -1, iso_cpu, -1, 0);
	return perf_fd < 0 ? -1 : 0;
}

static void undo_perf_clock(void)
{
	sleep_ms(50);
	undo_perf();
}

static char msr_path[64], cpuid_path[64];

static const char *prepare_cpuid(void)
{
	snprintf(cpuid_path, sizeof(cpuid_path), "/dev/cpu/%d/cpuid", iso_cpu);
	return access(cpuid_path, R_OK) ? "no /dev/cpu/N/cpuid" : NULL;
}

static int inject_cpuid(int round)
{
	int fd = open(cpuid_path, O_RDONLY), n;
	char regs[16];

	n = pread(fd, regs, sizeof(regs), 0);
	close(fd);
	return n == sizeof(regs) ? 0 : -1;
}

/* All that sysfs says of that CPU */
static void read_folder(const char *path, int depth)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char below[512], buf[4096];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (entry->d_type == DT_DIR && depth)
			read_folder(below, depth - 1);
		else if (entry->d_type == DT_REG)
			read_file(below, buf, sizeof(buf));
	}
	if (dir)
		closedir(dir);
}

static int inject_cpu_read(int round)
{
	char path[64], buf[4096];

	snprintf(path, sizeof(path), CPUS "cpu%d", iso_cpu);
	read_folder(path, 2);
	return read_file("/proc/cpuinfo", buf, sizeof(buf)) > 0 &&
	       read_file("/proc/stat", buf, sizeof(buf)) > 0 ? 0 : -1;
}

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

/* See perf_clock for what comes of trying. */
static const char *prepare_pinned_timer(void)
{
	return "to start one there is an interrupt, and with one pending isolation is refused";
}

/* Is there another clock, which the kernel's timers can do with as well? */
#define CLOCK		"/sys/devices/system/clocksource/clocksource0/"

static char clock_old[64], clock_new[64];

static const char *prepare_clocksource(void)
{
	char all[256], *name, *save = NULL;

	if (read_file(CLOCK "current_clocksource", clock_old, sizeof(clock_old)) < 0 ||
	    read_file(CLOCK "available_clocksource", all, sizeof(all)) < 0)
		return "no clocksource in sysfs";
	strtok(clock_old, " \n");
	for (name = strtok_r(all, " \n", &save); name; name = strtok_r(NULL, " \n", &save)) {
		if (strcmp(name, clock_old) && !clock_new[0])
			snprintf(clock_new, sizeof(clock_new), "%s", name);
	}
	return clock_new[0] ? NULL : "there is only one clocksource";
}

static int inject_clocksource(int round)
{
	return write_file(CLOCK "current_clocksource", clock_new);
}

static void undo_clocksource(void)
{
	write_file(CLOCK "current_clocksource", clock_old);
}

/* A network namespace that goes away looks for its packets on each CPU. */
static const char *prepare_netns(void)
{
	return access("/proc/self/ns/net", R_OK) ? "no network namespaces" : NULL;
}

static int inject_netns(int round)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(unshare(CLONE_NEWNET) ? errno : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

static const char *prepare_rps(void)
{
	static const char path[] = "/sys/class/net/lo/queues/rx-0/rps_cpus";
	char mask[16];

	snprintf(mask, sizeof(mask), "%x", 1 << iso_cpu);
	if (write_file(path, mask))
		return missing(path) ?: "the kernel refuses to steer packets to an isolated CPU";
	return NULL;
}

/* To itself, by way of the loopback device */
static int inject_rps(int round)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), n;

	n = sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return n == 1 ? 0 : -1;
}

static void finish_rps(void)
{
	write_file("/sys/class/net/lo/queues/rx-0/rps_cpus", "0");
}

static int inject_clock(int round)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	/* Never back to where it began: it can't be set to before the guest was booted. */
	ts.tv_sec += round & 1 ? -1 : 2;
	return clock_settime(CLOCK_REALTIME, &ts);
}

#define HOTPLUG	CPUS "cpu1/online"

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

static char offline_path[64];

static const char *prepare_offline(void)
{
	snprintf(offline_path, sizeof(offline_path), CPUS "cpu%d/online", iso_cpu);
	return missing(offline_path);
}

static int inject_offline(int round)
{
	return write_file(offline_path, "0");
}

/* The victim has been moved away, and its affinity is gone. */
static void undo_offline(void)
{
	write_file(offline_path, "1");
	victim_affinity(false);
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
static int dev_irq;
static unsigned long dev_hwirq;
static long dev_count;

/* How often it has interrupted that CPU */
static long device_count(void)
{
	char text[65536], *line, *save = NULL;

	read_file("/proc/interrupts", text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *p = strchr(line, ':');
		long n = 0;

		if (!p || atoi(line) != dev_irq)
			continue;
		p++;
		for (int cpu = 0; cpu <= iso_cpu; cpu++)
			n = strtol(p, &p, 10);
		return n;
	}
	return -1;
}

/* The number under which the kernel has counted it there */
static bool check_device(const struct task_isolation_record *r)
{
	return r->number == (unsigned int)dev_irq && r->hwirq == dev_hwirq &&
	       device_count() > dev_count;
}

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
	char text[64];

	dev_irq = find_irq();
	if (dev_irq < 0)
		return "no device that can be made to interrupt";
	snprintf(text, sizeof(text), "/sys/kernel/irq/%d/hwirq", dev_irq);
	if (read_file(text, irq_old, sizeof(irq_old)) < 0)
		return missing(text) ?: "its number is not known";
	dev_hwirq = strtoul(irq_old, NULL, 0);
	snprintf(irq_path, sizeof(irq_path), "/proc/irq/%d/smp_affinity_list", dev_irq);
	read_file(irq_path, irq_old, sizeof(irq_old));
	snprintf(text, sizeof(text), "%d", iso_cpu);
	if (write_file(irq_path, text))
		return "its affinity can't be set";
	return NULL;
}

static int inject_device(int round)
{
	char data[64];
	int fd = open("/dev/hwrng", O_RDONLY | O_NONBLOCK), n;

	dev_count = device_count();
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

/*
 * What architectures do in their own way. The functions that one of them calls on
 * other CPUs are only known here if it has been looked up.
 */
#if defined(__x86_64__)
#define ARCH_TLB	NULL
#define ARCH_PATCH	NULL
#define ARCH_FLUSH	"flush_tlb_func"
#define ARCH_UNMAP	"do_flush_tlb_all do_kernel_range_flush"
#define ARCH_SYNC	"do_sync_core"
#else
#define ARCH_TLB	"the CPUs tell each other of TLB flushes without an interrupt"
#define ARCH_PATCH	"the CPUs see new text without an interrupt"
#define ARCH_FLUSH	NULL
#define ARCH_UNMAP	NULL
#if defined(__aarch64__)
#define ARCH_SYNC	"do_nothing"
#else
#define ARCH_SYNC	NULL
#endif
#endif

#if defined(__x86_64__)
#define ARCH_BACKTRACE	{ CAUSE(NMI), WHO_NOBODY }
/* Text that nobody has run yet is put there without telling anybody. */
#define ARCH_NEW_TEXT	{ }
#define ARCH_STOP	{ }
#else
#define ARCH_BACKTRACE	{ CAUSE(VECTOR) | CAUSE(NMI), WHO_NOBODY }
#define ARCH_NEW_TEXT	PATCH
/* Some text is only patched while all CPUs stand still. */
#define ARCH_STOP	WAKE
#endif

#define NO_BATCHES	"the batches of an isolated CPU are empty"

/* What nobody else does */
#define OWN(cause)	{ CAUSE(cause), WHO_NOBODY }
/* What the disturber or the sibling does, by itself and at once */
#define BY(causes)	{ causes, WHO_SENDER }
#define CALL(function)	{ CAUSE(IPI_FUNC), WHO_SENDER, function }
/* A wake-up is either, as the scheduler sees fit. */
#define WAKE		{ CAUSE_WAKE, WHO_SENDER, "sched_ttwu_pending" }
/* Other text, by the disturber or by work that it has queued */
#define PATCH		{ CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER, ARCH_SYNC, "kworker/" }
/* Mappings of the kernel that are gone, or have another protection */
#define UNMAP		{ CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER, ARCH_UNMAP, "kworker/" }

const struct kind kinds[] = {
	{ "syscall", "a system call of the victim", { OWN(SYSCALL) }, .order = VICTIM_SYSCALL },
	{ "page_fault", "a page that was taken away", { OWN(FAULT) }, .inject = inject_fault },
	{ "trap", "an instruction that the kernel emulates", { OWN(TRAP) },
	  .prepare = prepare_trap, .order = VICTIM_TRAP },
	{ "breakpoint", "a trap that ends in a signal", { OWN(SIGNAL) },
	  .prepare = prepare_breakpoint, .order = VICTIM_SIGTRAP },
	{ "uprobe_hit", "a trap that the kernel's own breakpoint causes", { OWN(TRAP) },
	  .prepare = prepare_uprobe_hit, .finish = finish_uprobe, .order = VICTIM_PROBED },
	{ "membarrier", "membarrier() by a thread of the process", { CALL("ipi_mb ipi_sync_rq") },
	  .order = SIBLING_MEMBARRIER },
	{ "membarrier_sync_core", "the same, SYNC_CORE", { CALL("ipi_sync_core ipi_sync_rq") },
	  .order = SIBLING_SYNC_CORE },
	{ "membarrier_rseq", "the same, RSEQ", { CALL("ipi_rseq ipi_sync_rq") },
	  .prepare = prepare_membarrier_rseq, .order = SIBLING_RSEQ },
	{ "membarrier_global", "GLOBAL_EXPEDITED by another process", { CALL("ipi_mb") },
	  .quiet = "the process has not registered for it", .inject = inject_barrier_global },
	{ "membarrier_rcu", "GLOBAL: a grace period", { BY(CAUSE(IPI_FUNC)) },
	  .quiet = "for RCU a CPU in user mode is idle", .prepare = prepare_barrier_rcu,
	  .inject = inject_barrier_rcu },
	{ "rcu_expedited", "a grace period that can't wait, for umount()",
	  { BY(CAUSE(IPI_FUNC)) }, .quiet = "for RCU a CPU in user mode is idle",
	  .prepare = prepare_rcu, .inject = inject_rcu, .finish = finish_rcu },
	{ "munmap", "munmap() by a thread of the process", { CALL(ARCH_FLUSH) },
	  .quiet = ARCH_TLB, .order = SIBLING_MUNMAP },
	{ "mprotect", "mprotect() by a thread of the process", { CALL(ARCH_FLUSH) },
	  .quiet = ARCH_TLB, .order = SIBLING_MPROTECT },
	{ "madvise", "MADV_DONTNEED by a thread of the process", { CALL(ARCH_FLUSH) },
	  .quiet = ARCH_TLB, .order = SIBLING_DONTNEED },
	/* SIGCHLD, which nobody wants: that thread blocks it, so this one takes it. */
	{ "fork", "fork() by a thread of the process",
	  { CALL(ARCH_FLUSH), OWN(FAULT), { CAUSE(RESCHED), WHO_CHILD } },
	  .order = SIBLING_FORK },
	{ "collapse", "small pages become a huge one",
	  { CALL(ARCH_FLUSH), CALL("tlb_remove_table_smp_sync"), OWN(FAULT) },
	  .quiet = ARCH_TLB, .prepare = prepare_collapse, .order = SIBLING_COLLAPSE },
	{ "ksm", "pages that are the same become one",
	  { { CAUSE(IPI_FUNC), WHO_OTHER, ARCH_FLUSH, "ksmd" }, OWN(FAULT) },
	  .quiet = "ksmd has not come by yet", .prepare = prepare_merge,
	  .finish = finish_merge, .order = SIBLING_MERGE },
	{ "cpu_timer", "a CPU time limit for the process",
	  { { CAUSE(IRQ_WORK), WHO_SENDER, "nohz_full_kick_func" } },
	  .order = SIBLING_CPU_TIMER },
	{ "timer_signal", "a timer that sends a signal", { { CAUSE(SIGNAL), WHO_INTERRUPT } },
	  .order = SIBLING_TIMER_SIGNAL },
	{ "signal", "a signal to the thread", { BY(CAUSE(SIGNAL)) }, .inject = inject_signal },
	{ "signal_same", "the signal of a loss", { BY(CAUSE(SIGNAL)) },
	  .inject = inject_same_signal },
	{ "signal_realtime", "a queued signal", { BY(CAUSE(SIGNAL)) },
	  .inject = inject_realtime },
	{ "signal_process", "a signal to the process", { BY(CAUSE(SIGNAL)) },
	  .inject = inject_process_signal },
	{ "signal_ignored", "a signal that is ignored", { BY(CAUSE(RESCHED)) },
	  .quiet = "it is not sent", .inject = inject_ignored },
	{ "signal_blocked", "a signal that is blocked", { BY(CAUSE(RESCHED)) },
	  .quiet = "it stays pending", .inject = inject_blocked },
	{ "stop", "SIGSTOP and SIGCONT", { BY(CAUSE(STOP)) }, .inject = inject_stop },
	{ "ptrace", "PTRACE_SEIZE and PTRACE_INTERRUPT", { BY(CAUSE(STOP)) },
	  .inject = inject_ptrace },
	{ "freezer", "the cgroup freezer", { BY(CAUSE(STOP)) },
	  .prepare = prepare_cgroup, .inject = inject_freeze, .finish = finish_cgroup },
	{ "cpuset", "a cpuset without the CPU", { BY(CAUSE(AFFINITY)) },
	  .prepare = prepare_cpuset, .inject = inject_cpuset, .undo = undo_cpuset,
	  .finish = finish_cgroup },
	{ "affinity", "sched_setaffinity() of the victim", { BY(CAUSE(AFFINITY)) },
	  .inject = inject_affinity, .undo = undo_affinity },
	{ "policy", "sched_setscheduler() of the victim", { WAKE },
	  .quiet = "nothing else wants to run there", .inject = inject_policy,
	  .finish = finish_policy },
	{ "wakeup", "a task of that CPU is woken up", { WAKE },
	  .prepare = prepare_wake, .inject = inject_wake, .finish = finish_helper },
	{ "timerfd", "the same, by a timer of another CPU",
	  { { CAUSE_WAKE, WHO_INTERRUPT, "sched_ttwu_pending" } },
	  .prepare = prepare_timerfd, .inject = inject_timerfd, .finish = finish_helper },
	{ "io_uring", "a request of the victim is done", { BY(CAUSE(RESCHED)) },
	  .prepare = prepare_ring, .inject = inject_ring, .finish = finish_ring },
	{ "move", "a running task is moved there",
	  { { CAUSE_WAKE, WHO_SENDER | WHO_OTHER, "sched_ttwu_pending", "migration/" } },
	  .prepare = prepare_move, .inject = inject_move, .undo = undo_move,
	  .finish = finish_helper },
	{ "stat_refresh", "vm.stat_refresh", { WAKE }, .inject = inject_stat_refresh },
	{ "overcommit", "vm.overcommit_memory, work for each CPU", { WAKE },
	  .quiet = "only a change to 2 has work for each CPU", .inject = inject_overcommit,
	  .finish = finish_overcommit },
	{ "compact", "vm.compact_memory: drains batches, moves pages",
	  { CALL(ARCH_FLUSH), WAKE, OWN(FAULT) },
	  .quiet = NO_BATCHES ", locked pages stay", .inject = inject_compact },
	{ "move_pages", "move_pages() and migrate_pages() by another process",
	  { CALL(ARCH_FLUSH), OWN(FAULT) },
	  .quiet = "the pages are on the only node", .prepare = prepare_move_pages,
	  .inject = inject_move_pages },
	{ "clear_refs", "/proc/PID/clear_refs of the victim",
	  { CALL(ARCH_FLUSH), OWN(FAULT) },
	  .quiet = "nothing is flushed for it", .inject = inject_clear_refs },
	{ "memcg", "a memory cgroup comes and goes", { PATCH }, ARCH_PATCH,
	  .prepare = prepare_memcg, .inject = inject_memcg, .finish = finish_later },
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
	{ "cpu_read", "all that sysfs and /proc say of that CPU", { BY(CAUSE(IPI_FUNC)) },
	  .quiet = "it only reads", .inject = inject_cpu_read },
	{ "ftrace", "the function tracer is switched on",
	  { CALL(ARCH_SYNC), UNMAP, CALL("ftrace_sync_ipi") }, ARCH_PATCH,
	  .prepare = prepare_ftrace, .inject = inject_ftrace, .undo = undo_ftrace,
	  .finish = finish_ftrace, .often = true },
	{ "static_key", "an event is switched on", { CALL(ARCH_SYNC) }, ARCH_PATCH,
	  .prepare = prepare_static_key, .inject = inject_static_key,
	  .undo = undo_static_key, .often = true },
	{ "kprobe", "a kprobe is switched on",
	  { PATCH, UNMAP, CALL("ftrace_sync_ipi"), ARCH_STOP }, ARCH_PATCH,
	  .prepare = prepare_kprobe, .inject = inject_kprobe, .undo = undo_kprobe,
	  .finish = finish_kprobe, .often = true },
	{ "uprobe", "a breakpoint for a page of the victim",
	  { CALL(ARCH_FLUSH), CALL(ARCH_SYNC) }, ARCH_TLB,
	  .prepare = prepare_uprobe, .inject = inject_uprobe, .undo = undo_uprobe,
	  .finish = finish_uprobe, .often = true },
	{ "bpf", "a socket filter is compiled", { UNMAP, ARCH_NEW_TEXT },
	  .quiet = "the program fits into memory that is executable already",
	  .prepare = prepare_bpf, .inject = inject_bpf, .finish = finish_later },
	{ "module", "a module is loaded and unloaded", { UNMAP, ARCH_NEW_TEXT },
	  .quiet = ARCH_PATCH, .prepare = prepare_module, .inject = inject_module,
	  .undo = undo_module, .finish = finish_later },
	{ "ring_buffer", "the trace buffer of that CPU gets another size", { WAKE },
	  .prepare = prepare_ring_buffer, .inject = inject_ring_buffer },
	{ "perf", "perf_event_open() on that CPU", { CALL("remote_function"), PATCH },
	  .inject = inject_perf, .undo = undo_perf, .finish = finish_later },
	{ "perf_thread", "perf_event_open() of the victim", { CALL("remote_function"), PATCH },
	  .inject = inject_perf_thread, .undo = undo_perf, .finish = finish_later },
	{ "perf_clock", "a perf event that needs a timer on that CPU",
	  { CALL("remote_function"), OWN(TIMER) },
	  .inject = inject_perf_clock, .undo = undo_perf_clock },
	{ "msr", "a register of that CPU is read", { CALL("__rdmsr_safe_on_cpu") },
	  .prepare = prepare_msr, .inject = inject_msr },
	{ "cpuid", "the same, of its identification", { CALL("cpuid_smp_cpuid") },
	  .prepare = prepare_cpuid, .inject = inject_cpuid },
	{ "mce_restart", "the interval of machine check polling is changed",
	  { CALL("mce_cpu_restart") }, .prepare = prepare_mce_restart,
	  .inject = inject_mce_restart },
	{ "clock", "the clock is set", { CALL("retrigger_next_event") },
	  .quiet = "no timer of that CPU follows the clock", .inject = inject_clock },
	{ "clocksource", "another clocksource, by stop_machine()",
	  { WAKE, CALL(ARCH_SYNC) },
	  .prepare = prepare_clocksource, .inject = inject_clocksource,
	  .undo = undo_clocksource },
	{ "hotplug", "another CPU is taken down and up",
	  { { CAUSE(IRQ_WORK), WHO_OTHER, "nohz_full_kick_func", "cpuhp/" }, WAKE },
	  .prepare = prepare_hotplug, .inject = inject_hotplug, .undo = undo_hotplug },
	{ "offline", "that CPU is taken down and up", { BY(CAUSE(AFFINITY)), WAKE },
	  .prepare = prepare_offline, .inject = inject_offline, .undo = undo_offline },
	{ "netns", "a network namespace comes and goes",
	  { { CAUSE_WAKE, WHO_SENDER | WHO_OTHER, "sched_ttwu_pending", "kworker/" } },
	  .quiet = "no packet waits on that CPU", .prepare = prepare_netns,
	  .inject = inject_netns },
	{ "rps", "packets are steered there", { BY(CAUSE(IPI_FUNC)) },
	  .prepare = prepare_rps, .inject = inject_rps, .finish = finish_rps },
	{ "backtrace", "SysRq-L: an NMI, or what stands for it",
	  { ARCH_BACKTRACE }, .prepare = prepare_sysrq, .inject = inject_sysrq },
	{ "device", "a device interrupts that CPU", { OWN(IRQ) },
	  .quiet = "the device has answered before", .prepare = prepare_device,
	  .inject = inject_device, .check = check_device, .finish = finish_device },
	{ "pinned_timer", "a timer on that CPU", { OWN(TIMER) },
	  .prepare = prepare_pinned_timer },
};

const int nr_kinds = sizeof(kinds) / sizeof(kinds[0]);
