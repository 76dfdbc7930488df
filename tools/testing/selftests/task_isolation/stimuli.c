// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation tests: what others do to an isolated thread, see stimuli.h
 */
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "stimuli.h"

const struct stimulus stim_nothing = { 0 };

/* Signals */

static void check_user(void)
{
	WANT_EQ(SI_USER, iso.sh->info.si_code);
}

/* Another signal with a handler: that signal alone, then off for good */
const struct stimulus stim_signal_handled = {
	.send = SIGUSR2, .check = check_user, .causes = ISO_CAUSE(SIGNAL), .sig = SIGUSR2,
	.who = WHO_TEST,
};

/* The signal of a loss, but of another origin */
const struct stimulus stim_signal_chosen = {
	.send = SIGUSR1, .check = check_user, .causes = ISO_CAUSE(SIGNAL), .sig = SIGUSR1,
	.who = WHO_TEST,
};

const struct stimulus stim_signal_realtime = {
	.send = ISO_SIG_REALTIME, .check = check_user, .causes = ISO_CAUSE(SIGNAL),
	.sig = ISO_SIG_REALTIME, .who = WHO_TEST,
};

/* The process is killed for it, and by SIGKILL each of its threads. */
const struct stimulus stim_signal_fatal = {
	.send = SIGTERM, .causes = ISO_CAUSE(SIGNAL), .sig = SIGKILL, .status = SIGTERM,
	.who = WHO_TEST,
};

const struct stimulus stim_signal_kill = {
	.send = SIGKILL, .causes = ISO_CAUSE(SIGNAL), .sig = SIGKILL, .status = SIGKILL,
	.who = WHO_TEST,
};

static void prepare_ignore(struct iso_shared *sh)
{
	signal(SIGUSR2, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

static int inject_ignored(void)
{
	return kill(iso.victim, SIGUSR2) ?: kill(iso.victim, SIGCHLD);
}

/* Dropped by the sender: no entry, so nothing happens */
const struct stimulus stim_signal_ignored = {
	.prepare = prepare_ignore, .inject = inject_ignored,
};

static void prepare_block(struct iso_shared *sh)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Queued without a wake-up: likewise */
const struct stimulus stim_signal_blocked = { .prepare = prepare_block, .send = SIGUSR2 };

const struct stimulus stim_signal_cont_alone = { .send = SIGCONT };

static void other_signal(struct iso_shared *sh)
{
	if (syscall(SYS_tgkill, getpid(), sh->tid, SIGUSR2))
		sh->other_err = errno;
}

const struct stimulus stim_signal_thread = {
	.other = other_signal, .causes = ISO_CAUSE(SIGNAL), .sig = SIGUSR2, .who = WHO_OTHER,
};

/*
 * A timer that another thread makes for the isolated one, and which fires on its own
 * CPU. It must not be over before it has begun: the thread would be the culprit then.
 */
static void other_timer(struct iso_shared *sh)
{
	struct itimerspec it = { .it_value.tv_nsec = 500000000 };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	int id;

	/* Not each C library calls it sigev_notify_thread_id. */
	ev._sigev_un._tid = sh->tid;
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id) ||
	    timer_settime((timer_t)(long)id, 0, &it, NULL))
		sh->other_err = errno;
}

const struct stimulus stim_signal_timer = {
	.other = other_timer, .causes = ISO_CAUSE(SIGNAL), .sig = SIGUSR2,
	.who = WHO_INTERRUPT,
};

/* Sends a signal from a process with a name of its own, which has ended then. */
static int send_as(const char *name, int sig)
{
	pid_t pid = iso_fork_named(name);
	int status;

	if (!pid)
		_exit(kill(iso.victim, sig) ? errno : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	errno = WEXITSTATUS(status);
	return status ? -1 : 0;
}

static int inject_signal_gone(void)
{
	return send_as("iso-gone", SIGUSR2);
}

/* The record is read when the sender is gone: its name was noted before. */
const struct stimulus stim_signal_exited = {
	.inject = inject_signal_gone, .causes = ISO_CAUSE(SIGNAL), .sig = SIGUSR2,
	.who = WHO_GONE, .times = 5,
};

static int inject_stop_then_kill(void)
{
	if (send_as("iso-stopper", SIGSTOP))
		return -1;
	WANT(iso_wait_stopped());
	return send_as("iso-killer", SIGKILL);
}

/* The task that stopped the thread did not kill it. */
const struct stimulus stim_signal_stop_then_kill = {
	.inject = inject_stop_then_kill, .causes = ISO_CAUSE(SIGNAL), .sig = SIGKILL,
	.status = SIGKILL, .who = WHO_PROCESS,
};

/* Stops: the thread goes on afterwards, and is notified then, not before */

/* Waits for the stop that this process or another one has requested, and ends it. */
static int stop_and_continue(void)
{
	WANT(iso_wait_stopped());
	WANT_EQ(0, LOAD(iso.sh->sig_total));
	return kill(iso.victim, SIGCONT);
}

static int inject_stop(void)
{
	return kill(iso.victim, SIGSTOP) ?: stop_and_continue();
}

const struct stimulus stim_stop_cont = {
	.inject = inject_stop, .causes = ISO_CAUSE(STOP), .who = WHO_TEST,
};

static int inject_stop_as(void)
{
	return send_as("iso-stopper", SIGSTOP) ?: stop_and_continue();
}

/* The task that stops it is the culprit, and not the one that lets it go on. */
const struct stimulus stim_stop_by_process = {
	.inject = inject_stop_as, .causes = ISO_CAUSE(STOP), .who = WHO_PROCESS,
};

#define V2_DIR		ISO_CGROUP "/task_isolation_test"

static const char *arrange_v2(void)
{
	if (!iso_mount_cgroup())
		return "no cgroup v2 at " ISO_CGROUP;
	return mkdir(V2_DIR, 0755) && errno != EEXIST ? "cannot make " V2_DIR : NULL;
}

static void prepare_v2(struct iso_shared *sh)
{
	if (iso_write_file(V2_DIR "/cgroup.procs", "0"))
		sh->unable = errno;
}

static int inject_freeze(void)
{
	if (iso_write_file(V2_DIR "/cgroup.freeze", "1"))
		return -1;
	WANT(iso_wait_file(V2_DIR "/cgroup.events", "frozen 1"));
	WANT_EQ(0, LOAD(iso.sh->sig_total));
	return iso_write_file(V2_DIR "/cgroup.freeze", "0");
}

static void restore_v2(void)
{
	if (!rmdir(V2_DIR))
		iso_cgroup_settle();
}

const struct stimulus stim_stop_freezer = {
	.arrange = arrange_v2, .prepare = prepare_v2, .inject = inject_freeze,
	.restore = restore_v2, .causes = ISO_CAUSE(STOP), .who = WHO_TEST,
};

#define V1_DIR		"/tmp/task_isolation.freezer"

/*
 * The first group to freeze, and the last one to thaw, patch the kernel, which
 * interrupts all CPUs: another group, without a task, is both of them.
 */
static const char *arrange_v1(void)
{
	mkdir(V1_DIR, 0755);
	if (mount("none", V1_DIR, "cgroup", 0, "freezer"))
		return iso_reason("cannot mount the freezer of cgroup v1: %s", strerror(errno));
	mkdir(V1_DIR "/first", 0755);
	mkdir(V1_DIR "/victim", 0755);
	return iso_write_file(V1_DIR "/first/freezer.state", "FROZEN") ? "it does not freeze" :
									 NULL;
}

static void prepare_v1(struct iso_shared *sh)
{
	if (iso_write_file(V1_DIR "/victim/cgroup.procs", "0"))
		sh->unable = errno;
}

static int inject_freeze_v1(void)
{
	if (iso_write_file(V1_DIR "/victim/freezer.state", "FROZEN"))
		return -1;
	WANT(iso_wait_file(V1_DIR "/victim/freezer.state", "FROZEN"));
	WANT_EQ(0, LOAD(iso.sh->sig_total));
	return iso_write_file(V1_DIR "/victim/freezer.state", "THAWED");
}

static void restore_v1(void)
{
	iso_write_file(V1_DIR "/first/freezer.state", "THAWED");
	rmdir(V1_DIR "/victim");
	rmdir(V1_DIR "/first");
	if (!umount(V1_DIR))
		iso_cgroup_settle();
	rmdir(V1_DIR);
}

/* The freezer of cgroup v1 is another one, it is that of suspend as well. */
const struct stimulus stim_stop_legacy_freezer = {
	.arrange = arrange_v1, .prepare = prepare_v1, .inject = inject_freeze_v1,
	.restore = restore_v1, .causes = ISO_CAUSE(STOP), .who = WHO_TEST,
};

static int inject_seize(void)
{
	return ptrace(PTRACE_SEIZE, iso.victim, 0, 0);
}

/* Looked at, but not stopped */
const struct stimulus stim_ptrace_seize = { .inject = inject_seize };

/* Passes its signals on until it was notified. */
static int trace_until_notified(int suppress)
{
	WANT(iso_trace_until(&iso.sh->sig_total, suppress));
	return 0;
}

static int inject_interrupt(void)
{
	return inject_seize() ?: ptrace(PTRACE_INTERRUPT, iso.victim, 0, 0) ?:
	       trace_until_notified(0);
}

const struct stimulus stim_ptrace_interrupt = {
	.inject = inject_interrupt, .causes = ISO_CAUSE(STOP), .who = WHO_TEST,
};

static int inject_attach(void)
{
	return ptrace(PTRACE_ATTACH, iso.victim, 0, 0) ?: trace_until_notified(0);
}

const struct stimulus stim_ptrace_attach = {
	.inject = inject_attach, .causes = ISO_CAUSE(STOP), .who = WHO_TEST,
};

static int inject_suppressed(void)
{
	return inject_seize() ?: kill(iso.victim, SIGUSR2) ?: trace_until_notified(SIGUSR2);
}

/* The tracer swallows the signal for which the kernel was entered. */
const struct stimulus stim_ptrace_suppressed = {
	.inject = inject_suppressed, .causes = ISO_CAUSE(STOP), .who = WHO_TEST,
};

static void prepare_ignore_tstp(struct iso_shared *sh)
{
	signal(SIGTSTP, SIG_IGN);
}

static int inject_ignored_then_stop(void)
{
	if (send_as("iso-ignored", SIGTSTP))
		return -1;
	iso_sleep_ms(20);
	WANT_EQ(0, LOAD(iso.sh->sig_total));
	return inject_interrupt();
}

/* A stop signal that was ignored does not explain a later stop. */
const struct stimulus stim_stop_after_ignored = {
	.prepare = prepare_ignore_tstp, .inject = inject_ignored_then_stop,
	.causes = ISO_CAUSE(STOP), .who = WHO_TEST,
};

/* Affinity */

/*
 * The thread is notified while it is still on its CPU, or once it has been moved. But
 * when the caller of sched_setaffinity() goes on, the thread is gone from that CPU.
 */
static int inject_moved(void)
{
	cpu_set_t set;

	iso_housekeeping(&set);
	return sched_setaffinity(iso.victim, sizeof(set), &set);
}

const struct stimulus stim_affinity_moved = {
	.inject = inject_moved, .causes = ISO_CAUSE(AFFINITY), .who = WHO_TEST, .moves = true,
};

/**
 * iso_set_affinity - Change the affinity of the victim
 * @wide:	To its CPU and the housekeeping CPUs, otherwise to its CPU alone
 *
 * Return: 0, or -1 with errno set
 */
int iso_set_affinity(bool wide)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (wide)
		iso_housekeeping(&set);
	CPU_SET(iso.cpu, &set);
	return sched_setaffinity(iso.victim, sizeof(set), &set);
}

static int inject_same(void)
{
	return iso_set_affinity(false);
}

const struct stimulus stim_affinity_same = { .inject = inject_same };

static int inject_wider(void)
{
	return iso_set_affinity(true);
}

/* It stays, but could go elsewhere: no longer a thread that may be isolated */
const struct stimulus stim_affinity_wider = {
	.inject = inject_wider, .causes = ISO_CAUSE(AFFINITY), .who = WHO_TEST, .wide = true,
};

static const char *arrange_cpuset(void)
{
	if (!iso_mount_cgroup())
		return "no cgroup v2 at " ISO_CGROUP;
	iso_write_file(ISO_CGROUP "/cgroup.subtree_control", "+cpuset");
	if (mkdir(ISO_CPUSET, 0755) && errno != EEXIST)
		return iso_reason("cannot make " ISO_CPUSET ": %s", strerror(errno));
	return access(ISO_CPUSET "/cpuset.cpus", W_OK) ? "no cpusets" : NULL;
}

static void prepare_cpuset(struct iso_shared *sh)
{
	/* Joining a cpuset widens the affinity to what it has. */
	if (iso_write_file(ISO_CPUSET "/cgroup.procs", "0") || iso_pin(iso.cpu))
		sh->unable = errno;
}

static int inject_cpuset(void)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", iso_housekeeping_cpu(false));
	return iso_write_file(ISO_CPUSET "/cpuset.cpus", text);
}

/* The cpuset of the thread loses the CPU. */
const struct stimulus stim_affinity_cpuset = {
	.arrange = arrange_cpuset, .prepare = prepare_cpuset, .inject = inject_cpuset,
	.causes = ISO_CAUSE(AFFINITY), .who = WHO_TEST, .moves = true,
};

/* Other threads of the process */

/**
 * iso_prepare_membarrier - Let threads of the victim interrupt it by membarrier()
 * @sh:		The shared memory
 *
 * That is a function call on each architecture.
 */
void iso_prepare_membarrier(struct iso_shared *sh)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		sh->unable = errno;
}

static void other_membarrier(struct iso_shared *sh)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
		sh->other_err = errno;
}

const struct stimulus stim_thread_membarrier = {
	.prepare = iso_prepare_membarrier, .other = other_membarrier,
	.causes = ISO_CAUSE(IPI_FUNC), .what = "ipi_mb", .who = WHO_OTHER,
};

/* The same, to a thread which is not the first one of its process */
const struct stimulus stim_thread_membarrier_leader = {
	.prepare = iso_prepare_membarrier, .other = other_membarrier, .leader = true,
	.causes = ISO_CAUSE(IPI_FUNC), .what = "ipi_mb", .who = WHO_OTHER,
};

/*
 * TLB entries of other CPUs are invalidated by a function call, or without them
 * taking part. On riscv the firmware may do it, which no kernel notices.
 */
#ifdef __riscv
#define TLB_FLUSH	.causes = ISO_CAUSE(IPI_FUNC), .maybe = true, .wait_ms = 500
#elif defined(__aarch64__)
#define TLB_FLUSH	.causes = 0
#elif defined(__arm__)
#define TLB_FLUSH	.causes = 0
#else
#define TLB_FLUSH	.causes = ISO_CAUSE(IPI_FUNC), .what = "flush_tlb_func"
#endif

static char *page;

static void prepare_mapped(struct iso_shared *sh)
{
	page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (page == MAP_FAILED) {
		sh->unable = errno;
		return;
	}
	/* Without having been in the TLB here it may be flushed elsewhere only. */
	__atomic_store_n(page, 1, __ATOMIC_SEQ_CST);
}

static void other_munmap(struct iso_shared *sh)
{
	if (munmap(page, sysconf(_SC_PAGESIZE)))
		sh->other_err = errno;
}

const struct stimulus stim_thread_munmap = {
	.prepare = prepare_mapped, .other = other_munmap, .who = WHO_OTHER, TLB_FLUSH,
};

static void other_mprotect(struct iso_shared *sh)
{
	if (mprotect(page, sysconf(_SC_PAGESIZE), PROT_READ))
		sh->other_err = errno;
}

const struct stimulus stim_thread_mprotect = {
	.prepare = prepare_mapped, .other = other_mprotect, .leader = true, .who = WHO_OTHER,
	TLB_FLUSH,
};

/* Limits the CPU time of the process: each of its threads needs the tick then. */
static void other_cpu_timer(struct iso_shared *sh)
{
	struct itimerval it = { .it_value.tv_sec = 1000000 };

	if (setitimer(ITIMER_PROF, &it, NULL))
		sh->other_err = errno;
}

const struct stimulus stim_thread_cpu_timer = {
	.other = other_cpu_timer, .causes = ISO_CAUSE(IRQ_WORK), .what = "nohz_full_kick_func",
	.who = WHO_OTHER,
};

static void other_exit_group(struct iso_shared *sh)
{
	_exit(9);
}

/* It dies with the others, so nothing has to notify it. */
const struct stimulus stim_thread_exit_group = {
	.other = other_exit_group, .leader = true, .causes = ISO_CAUSE(SIGNAL), .sig = SIGKILL,
	.status = 9 << 8, .who = WHO_OTHER,
};

const struct stimulus stim_thread_exec = {
	.other = iso_exec, .leader = true, .causes = ISO_CAUSE(SIGNAL), .sig = SIGKILL,
	.status = ISO_EXEC_STATUS << 8, .who = WHO_OTHER,
};

static void other_crash(struct iso_shared *sh)
{
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

/* Another thread dumps core: the isolated one stops for it, and dies. */
const struct stimulus stim_thread_coredump = {
	.arrange = iso_arrange_core, .other = other_crash, .leader = true,
	.check = iso_check_core, .restore = iso_restore_core, .causes = ISO_CAUSE(SIGNAL),
	.sig = SIGKILL, .status = SIGSEGV,
};

/* The ordinary life of another thread, which maps and unmaps nothing. */
static void other_harmless(struct iso_shared *sh)
{
	int i;

	while (!LOAD(sh->stop)) {
		for (i = 0; i < 100; i++)
			syscall(SYS_getppid);
		iso_sleep_ms(1);
	}
}

const struct stimulus stim_thread_harmless = {
	.other = other_harmless, .leader = true, .wait_ms = 200,
};

/*
 * A fault that another thread resolves at its leisure. What interrupts the CPU until
 * the fault is over is not why it was entered.
 */
#define SLOW_CALLS	2000

static int slow_fd;

static void prepare_slow(struct iso_shared *sh)
{
	unsigned long size = sysconf(_SC_PAGESIZE);
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };

	page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sh->addr = (unsigned long)page;
	reg.range.start = (unsigned long)page;
	reg.range.len = size;
	slow_fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (slow_fd < 0 || ioctl(slow_fd, UFFDIO_API, &api) ||
	    ioctl(slow_fd, UFFDIO_REGISTER, &reg))
		sh->unable = errno;
	else
		iso_prepare_membarrier(sh);
}

static void act_slow(struct iso_shared *sh)
{
	__atomic_store_n(page, 42, __ATOMIC_SEQ_CST);
}

static void other_slow(struct iso_shared *sh)
{
	unsigned long size = sysconf(_SC_PAGESIZE);
	struct uffdio_zeropage zero = { .range.len = size };
	struct uffd_msg msg;

	zero.range.start = (unsigned long)page;
	if (read(slow_fd, &msg, sizeof(msg)) != sizeof(msg) ||
	    ioctl(slow_fd, UFFDIO_ZEROPAGE, &zero))
		sh->other_err = errno;
	/* It goes on by now. These interrupt any CPU that runs one of our threads. */
	while (sh->second < SLOW_CALLS && !LOAD(sh->sig_total)) {
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
		sh->second++;
	}
}

static void check_slow(void)
{
	ksft_print_msg("%ld calls while the fault went on\n", iso.sh->second);
}

const struct stimulus stim_fault_slow = {
	.prepare = prepare_slow, .act = act_slow, .other = other_slow, .leader = true,
	.check = check_slow, .causes = ISO_CAUSE(FAULT),
};

/* Function calls */

static int event_fd = -1, event_fd_other = -1;

/* An event that is counted on a CPU. -1 if that can't be. */
static int open_event(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_CONTEXT_SWITCHES,
	};

	return syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);
}

/*
 * The first event of its kind patches kernel text, which may interrupt each CPU
 * before the call does: so there is one all the time.
 */
static const char *arrange_perf(void)
{
	event_fd_other = open_event(iso_housekeeping_cpu(false));
	return event_fd_other < 0 ? iso_reason("no perf events of a CPU: %s", strerror(errno)) :
				    NULL;
}

static int inject_perf(void)
{
	event_fd = open_event(iso.cpu);
	return event_fd < 0 ? -1 : 0;
}

static void restore_perf(void)
{
	if (event_fd >= 0)
		close(event_fd);
	if (event_fd_other >= 0)
		close(event_fd_other);
	event_fd = -1;
	event_fd_other = -1;
}

const struct stimulus stim_call_perf = {
	.arrange = arrange_perf, .inject = inject_perf, .restore = restore_perf,
	.causes = ISO_CAUSE(IPI_FUNC), .what = "remote_function", .who = WHO_TEST,
};

static int inject_perf_gone(void)
{
	pid_t pid = iso_fork_named("iso-gone");
	int status;

	if (!pid)
		_exit(open_event(iso.cpu) < 0 ? errno : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	errno = WEXITSTATUS(status);
	return status ? -1 : 0;
}

/* The caller is gone before the record is read. */
const struct stimulus stim_call_exited = {
	.arrange = arrange_perf, .inject = inject_perf_gone, .restore = restore_perf,
	.causes = ISO_CAUSE(IPI_FUNC), .what = "remote_function", .who = WHO_GONE, .times = 5,
};

static char msr_path[64];

static const char *arrange_msr(void)
{
#ifndef __x86_64__
	return "only x86 has registers that are read like this";
#endif
	snprintf(msr_path, sizeof(msr_path), "/dev/cpu/%d/msr", iso.cpu);
	return access(msr_path, R_OK) ? iso_reason("%s: %s", msr_path, strerror(errno)) : NULL;
}

static int inject_msr(void)
{
	int fd = open(msr_path, O_RDONLY | O_CLOEXEC);
	unsigned long long tsc;
	ssize_t n;

	/* The time stamp counter */
	n = pread(fd, &tsc, sizeof(tsc), 0x10);
	close(fd);
	return n == sizeof(tsc) ? 0 : -1;
}

/* A register of that CPU is read, which only code on it can do. */
const struct stimulus stim_call_msr = {
	.arrange = arrange_msr, .inject = inject_msr, .causes = ISO_CAUSE(IPI_FUNC),
	.what = "__rdmsr_safe_on_cpu", .who = WHO_TEST,
};

/* Tasks that run on the CPU, or are woken up there */

static pid_t busy, reader;
static int wake_pipe[2], go_pipe[2], timer_fd = -1;

static int inject_second_task(void)
{
	struct iso_shared *other = iso_share(sizeof(*other));

	if (other == MAP_FAILED)
		return -1;
	busy = iso_start_busy(other, iso.cpu, false);
	iso.who = busy;
	return busy < 0 ? -1 : 0;
}

static void restore_second_task(void)
{
	iso_end(busy);
	busy = 0;
}

/* A task moves itself there, with the help of a kernel thread. */
const struct stimulus stim_cpu_second_task = {
	.inject = inject_second_task, .restore = restore_second_task, .causes = ISO_WAKEUP,
	.what = ISO_WAKEUP_WHAT, .who = WHO_WORKER,
};

/*
 * Starts a process that is bound to the isolation CPU and sleeps there until
 * @fd can be read, which wakes it up for that CPU.
 */
static const char *start_reader(int fd)
{
	char data[8];

	reader = fork();
	if (!reader) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "iso-reader");
		_exit(!iso_pin(iso.cpu) && read(fd, data, sizeof(data)) > 0 ? 0 : 1);
	}
	return reader > 0 && iso_wait_state(reader, 'S', 5) ? NULL : "no task to be woken up";
}

static void restore_reader(void)
{
	iso_end(reader);
	reader = 0;
	if (iso.who > 0)
		waitpid(iso.who, NULL, WNOHANG);
}

/* The process which wakes the reader up has no privilege. */
static const char *arrange_waker(void)
{
	char data;

	if (geteuid())
		return "not root";
	if (pipe(wake_pipe) || pipe(go_pipe))
		return "no pipe";
	if (!iso_fork_named("iso-waker")) {
		if (iso_drop_uid() || read(go_pipe[0], &data, 1) != 1)
			_exit(1);
		_exit(write(wake_pipe[1], "x", 1) == 1 ? 0 : 1);
	}
	iso.who_uid = ISO_NOBODY;
	return start_reader(wake_pipe[0]);
}

static int inject_waker(void)
{
	return write(go_pipe[1], "x", 1) == 1 ? 0 : -1;
}

const struct stimulus stim_wakeup_task = {
	.arrange = arrange_waker, .inject = inject_waker, .restore = restore_reader,
	.causes = ISO_WAKEUP, .what = ISO_WAKEUP_WHAT, .who = WHO_PROCESS,
};

static const char *arrange_wakeup(void)
{
	return pipe(wake_pipe) ? "no pipe" : start_reader(wake_pipe[0]);
}

static int inject_wakeup_gone(void)
{
	pid_t pid = iso_fork_named("iso-gone");
	int status;

	if (!pid)
		_exit(write(wake_pipe[1], "x", 1) != 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status ? 0 : -1;
}

/* The same, by one which is gone before the record is read. */
const struct stimulus stim_wakeup_exited = {
	.arrange = arrange_wakeup, .inject = inject_wakeup_gone, .restore = restore_reader,
	.causes = ISO_WAKEUP, .what = ISO_WAKEUP_WHAT, .who = WHO_GONE, .times = 5,
};

#define STAT_REFRESH	"/proc/sys/vm/stat_refresh"

static const char *arrange_refresh(void)
{
	return access(STAT_REFRESH, R_OK) ? "can't read " STAT_REFRESH : NULL;
}

static int inject_refresh(void)
{
	int fd = open(STAT_REFRESH, O_RDONLY | O_CLOEXEC);
	char data[16];
	ssize_t n = read(fd, data, sizeof(data));

	close(fd);
	return n < 0 ? -1 : 0;
}

/* Reading this file queues work on each CPU. */
const struct stimulus stim_wakeup_work = {
	.arrange = arrange_refresh, .inject = inject_refresh, .causes = ISO_WAKEUP,
	.what = ISO_WAKEUP_WHAT, .who = WHO_TEST,
};

static const char *arrange_timer(void)
{
	timer_fd = timerfd_create(CLOCK_MONOTONIC, 0);
	return timer_fd < 0 ? "no timerfd" : start_reader(timer_fd);
}

static int inject_timer(void)
{
	/* Not over before it has begun: this process would be the culprit then. */
	struct itimerspec it = { .it_value.tv_nsec = 500000000 };

	return timerfd_settime(timer_fd, 0, &it, NULL);
}

/* A timer on another CPU wakes up a task on this one. */
const struct stimulus stim_wakeup_timer = {
	.arrange = arrange_timer, .inject = inject_timer, .restore = restore_reader,
	.causes = ISO_WAKEUP, .what = ISO_WAKEUP_WHAT, .who = WHO_INTERRUPT,
};

/* What drivers do */

/* The CPU is to evaluate its timers: that interrupts it, not the timer. */
const struct stimulus stim_queue_timer = {
	.queue = "timer", .causes = ISO_CAUSE(IRQ_WORK), .what = "nohz_full_kick_func",
	.who = WHO_TEST,
};

const struct stimulus stim_queue_work = {
	.queue = "work", .causes = ISO_WAKEUP, .what = ISO_WAKEUP_WHAT, .who = WHO_TEST,
};

/* The timer of delayed work stays on the housekeeping CPUs, and queues the work. */
const struct stimulus stim_queue_delayed_work = {
	.queue = "delayed_work", .causes = ISO_WAKEUP, .what = ISO_WAKEUP_WHAT,
	.who = WHO_INTERRUPT,
};

const struct stimulus stim_queue_irq_work = {
	.queue = "irq_work", .causes = ISO_CAUSE(IRQ_WORK), .what = "queue_irq_work_func",
	.who = WHO_TEST,
};

const struct stimulus stim_queue_call = {
	.queue = "call", .causes = ISO_CAUSE(IPI_FUNC), .what = "queue_call_func",
	.who = WHO_TEST,
};

/* In the victim, on its CPU, right before it asks. */
static void prepare_hang(struct iso_shared *sh)
{
	if (iso_queue("hang"))
		sh->unable = errno;
}

/*
 * The timer interrupt has given up for a moment: that is waited for, and does not make
 * the machine unfit.
 */
const struct stimulus stim_queue_hang = {
	.arrange = iso_find_queue, .prepare = prepare_hang,
};

/* Devices, NMIs, and CPUs that go down */

static const char *arrange_sysrq(void)
{
	return access("/proc/sysrq-trigger", W_OK) ? "no /proc/sysrq-trigger" : NULL;
}

static int inject_backtrace(void)
{
	return iso_write_file("/proc/sysrq-trigger", "l");
}

#ifdef __x86_64__
#define BACKTRACE	ISO_CAUSE(NMI)
#elif defined(__i386__)
#define BACKTRACE	ISO_CAUSE(NMI)
#else
#define BACKTRACE	ISO_CAUSE(VECTOR)
#endif

/* SysRq-L has every CPU print a backtrace: by NMI on x86, and where it can be. */
const struct stimulus stim_cpu_backtrace = {
	.arrange = arrange_sysrq, .inject = inject_backtrace, .causes = BACKTRACE,
	.what = "CPU backtrace",
};

/* What can be made to interrupt: ports by writing, a random generator by reading */
static const struct {
	const char	*irq;
	const char	*path;
	int		mode;
} devices[] = {
	{ "ttyS0", "/dev/ttyS0", O_WRONLY },
	{ "uart-pl011", "/dev/ttyAMA0", O_WRONLY },
	{ "virtio", "/dev/hwrng", O_RDONLY },
};

#define IRQ_TRIES	200

static int dev_fd = -1, dev_mode;
static char dev_affinity[64], dev_path[64];

/* Makes a device interrupt, sooner or later. */
static bool use_device(void)
{
	char data[16] = "#\n";
	ssize_t n = dev_mode == O_WRONLY ? write(dev_fd, data, 2) :
					   read(dev_fd, data, sizeof(data));

	iso_sleep_ms(10);
	return n >= 0 || errno == EAGAIN;
}

/*
 * Aims the interrupt of a device at the CPU, while no thread is isolated there: the
 * move itself may wait for an interrupt at the old place, and a thread that
 * handles it is moved along. False if it does not come.
 */
static bool aim_device(const char *name)
{
	unsigned long before;
	char cpu[16];
	int i;

	iso.irq = iso_find_irq(name);
	snprintf(dev_path, sizeof(dev_path), "/proc/irq/%d/smp_affinity_list", iso.irq);
	snprintf(cpu, sizeof(cpu), "%d", iso.cpu);
	if (iso.irq < 0 || iso_read_file(dev_path, dev_affinity, sizeof(dev_affinity)) < 0)
		return false;
	before = iso_irq_count(iso.irq, iso.cpu);
	if (iso_write_file(dev_path, cpu))
		return false;
	for (i = 0; i < IRQ_TRIES && use_device(); i++) {
		if (iso_irq_count(iso.irq, iso.cpu) > before)
			return true;
	}
	return false;
}

static void restore_device(void)
{
	if (dev_fd < 0)
		return;
	if (dev_affinity[0])
		iso_write_file(dev_path, dev_affinity);
	close(dev_fd);
	dev_fd = -1;
}

static const char *arrange_device(void)
{
	unsigned int i;
	char name[256];

	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		snprintf(name, sizeof(name), "%s", devices[i].irq);
		if (!strcmp(name, "virtio") && !iso_rng_name(name, sizeof(name)))
			continue;
		dev_mode = devices[i].mode;
		dev_affinity[0] = '\0';
		dev_fd = open(devices[i].path, dev_mode | O_NOCTTY | O_NONBLOCK);
		if (dev_fd >= 0 && aim_device(name))
			return NULL;
		restore_device();
	}
	return iso_reason("no device can be made to interrupt CPU %d", iso.cpu);
}

static int inject_device(void)
{
	int tries;

	for (tries = 0; tries < IRQ_TRIES && !LOAD(iso.sh->sig_total); tries++) {
		if (!use_device())
			break;
	}
	return 0;
}

static void check_device(void)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/sys/kernel/irq/%d/hwirq", iso.irq);
	if (iso_read_file(path, text, sizeof(text)) > 0)
		WANT_EQ(strtoll(text, NULL, 0), iso.sh->told.hwirq);
}

const struct stimulus stim_cpu_device_irq = {
	.arrange = arrange_device, .inject = inject_device, .check = check_device,
	.restore = restore_device, .causes = ISO_CAUSE(IRQ),
};

static int down = -1;

/* A task that has nothing to do with it, on the CPU where the test began. */
static const char *arrange_bystander(void)
{
	struct iso_shared *other = iso_share(sizeof(*other));

	if (other == MAP_FAILED)
		return "no memory";
	busy = iso_start_busy(other, iso_housekeeping_cpu(false), false);
	return iso_wait_for(busy, &other->count, 1) ? NULL : "no other task";
}

static int take_down(int cpu)
{
	if (iso_set_online(cpu, false))
		return 1;
	down = cpu;
	return 0;
}

static void restore_online(void)
{
	iso_end(busy);
	busy = 0;
	if (down >= 0)
		WANT_EQ(0, iso_set_online(down, true));
	down = -1;
}

static const char *arrange_hotplug_other(void)
{
	return iso_housekeeping_cpu(true) ? arrange_bystander() : "no other CPU to take down";
}

static int inject_hotplug_other(void)
{
	return take_down(iso_housekeeping_cpu(true));
}

/* Another CPU goes down, for which all CPUs are stopped. */
const struct stimulus stim_hotplug_other = {
	.arrange = arrange_hotplug_other, .inject = inject_hotplug_other,
	.restore = restore_online, .causes = ISO_WAKEUP, .who = WHO_WORKER,
};

static int inject_hotplug_own(void)
{
	return take_down(iso.cpu);
}

static void check_gone(void)
{
	WANT(iso.sh->where != iso.cpu);
}

/* Its own CPU goes down: notified, perhaps while still there, it goes on elsewhere. */
const struct stimulus stim_hotplug_own = {
	.arrange = arrange_bystander, .inject = inject_hotplug_own, .check = check_gone,
	.restore = restore_online, .causes = ISO_CAUSE(AFFINITY), .who = WHO_WORKER,
	.wide = true, .settle_ms = 500,
};
