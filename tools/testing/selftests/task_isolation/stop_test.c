// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: an isolated thread is stopped, or looked at, and goes on.
 *
 * Test Summary
 *
 *  * iso.stop_*	SIGSTOP, and the freezers of both cgroup versions
 *  * iso.ptrace_*	Tracers
 *  * uprobe.*		A breakpoint that the kernel has put into the program
 */
#include <linux/perf_event.h>
#include <sys/stat.h>

#include "fixture.h"

FIXTURE(iso) {};

FIXTURE_SETUP(iso)
{
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(iso)
{
	iso_close(_metadata);
}

/* Waits for the next stop of the victim. Its status, or -1 if none comes. */
static int wait_stop(int flags)
{
	int ms, status;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (waitpid(iso.victim, &status, WNOHANG | flags) == iso.victim) {
			if (WIFSTOPPED(status))
				return status;
			iso.victim = 0;
			return -1;
		}
		iso_sleep_ms(1);
	}
	return -1;
}

/* The thread goes on afterwards, so it must be told; not before. */
TEST_F_TIMEOUT(iso, stop_cont, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, kill(iso.victim, SIGSTOP));
	ASSERT_NE(-1, wait_stop(WUNTRACED));
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	ASSERT_EQ(0, kill(iso.victim, SIGCONT));
	iso_expect_loss(_metadata, SIGUSR1, "stop");
}

/* Waits until a file has this text in it. */
static bool wait_file(const char *path, const char *want)
{
	char text[256];
	int ms;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		iso_read_file(path, text, sizeof(text));
		if (strstr(text, want))
			return true;
		iso_sleep_ms(1);
	}
	return false;
}

#define V2_DIR		ISO_CGROUP "/task_isolation_test"

static void prepare_v2(struct iso_shared *sh)
{
	sh->val[0] = iso_write_file(V2_DIR "/cgroup.procs", "0");
}

TEST_F_TIMEOUT(iso, stop_freezer, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_v2, .act = iso_act_spin,
	};

	if (!iso_mount_cgroup())
		SKIP(return, "no cgroup v2 at " ISO_CGROUP);
	if (mkdir(V2_DIR, 0755) && errno != EEXIST)
		SKIP(return, "cannot make " V2_DIR);
	iso_start_quiet(_metadata, &c);
	EXPECT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(0, iso_write_file(V2_DIR "/cgroup.freeze", "1"));
	EXPECT_TRUE(wait_file(V2_DIR "/cgroup.events", "frozen 1"));
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	EXPECT_EQ(0, iso_write_file(V2_DIR "/cgroup.freeze", "0"));
	iso_expect_loss(_metadata, SIGUSR1, "stop");
	rmdir(V2_DIR);
	iso_cgroup_settle();
}

#define V1_DIR		"/tmp/task_isolation.freezer"

static void prepare_v1(struct iso_shared *sh)
{
	sh->val[0] = iso_write_file(V1_DIR "/victim/cgroup.procs", "0");
}

static bool mount_v1(void)
{
	mkdir(V1_DIR, 0755);
	if (!mount("none", V1_DIR, "cgroup", 0, "freezer"))
		return true;
	rmdir(V1_DIR);
	return false;
}

/*
 * The freezer of cgroup v1 is another one, it is that of suspend as well. The
 * first group to freeze, and the last one to thaw, patch the kernel, which
 * interrupts all CPUs: another group, without a task, is both of them.
 */
TEST_F_TIMEOUT(iso, stop_legacy_freezer, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_v1, .act = iso_act_spin,
	};

	if (!mount_v1())
		SKIP(return, "cannot mount the freezer of cgroup v1: %s", strerror(errno));
	EXPECT_EQ(0, mkdir(V1_DIR "/first", 0755));
	EXPECT_EQ(0, mkdir(V1_DIR "/victim", 0755));
	EXPECT_EQ(0, iso_write_file(V1_DIR "/first/freezer.state", "FROZEN"));
	iso_start_quiet(_metadata, &c);
	EXPECT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(0, iso_write_file(V1_DIR "/victim/freezer.state", "FROZEN"));
	EXPECT_TRUE(wait_file(V1_DIR "/victim/freezer.state", "FROZEN"));
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	EXPECT_EQ(0, iso_write_file(V1_DIR "/victim/freezer.state", "THAWED"));
	iso_expect_loss(_metadata, SIGUSR1, "stop");
	EXPECT_EQ(0, iso_write_file(V1_DIR "/first/freezer.state", "THAWED"));
	rmdir(V1_DIR "/victim");
	rmdir(V1_DIR "/first");
	umount(V1_DIR);
	rmdir(V1_DIR);
	iso_cgroup_settle();
}

/* Lets a traced victim go on until *@flag is set; its signals are passed on. */
static bool trace_until(int *flag, int swallow)
{
	int ms, sig, status;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (waitpid(iso.victim, &status, WNOHANG) == iso.victim) {
			if (!WIFSTOPPED(status)) {
				iso.victim = 0;
				return false;
			}
			sig = WSTOPSIG(status);
			if (status >> 16 || sig == SIGSTOP || sig == SIGTRAP ||
			    sig == swallow)
				sig = 0;
			ptrace(PTRACE_CONT, iso.victim, 0, sig);
		}
		if (LOAD(*flag))
			return true;
		iso_sleep_ms(1);
	}
	return false;
}

static bool trace_until_told(int swallow)
{
	return trace_until(&iso.sh->sig_total, swallow);
}

TEST_F_TIMEOUT(iso, ptrace_seize, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, iso.victim, 0, 0));
	iso_expect_silent(_metadata);
}

TEST_F_TIMEOUT(iso, ptrace_interrupt, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, iso.victim, 0, 0));
	ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, iso.victim, 0, 0));
	EXPECT_TRUE(trace_until_told(0));
	iso_expect_loss(_metadata, SIGUSR1, "stop");
}

TEST_F_TIMEOUT(iso, ptrace_attach, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, iso.victim, 0, 0));
	EXPECT_TRUE(trace_until_told(0));
	iso_expect_loss(_metadata, SIGUSR1, "stop");
}

/* The tracer swallows the signal that entered the kernel: a loss. */
TEST_F_TIMEOUT(iso, ptrace_suppressed, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, iso.victim, 0, 0));
	ASSERT_EQ(0, kill(iso.victim, SIGUSR2));
	EXPECT_TRUE(trace_until_told(SIGUSR2));
	iso_expect_loss(_metadata, SIGUSR1, "stop");
}

static void act_getppid_on_go(struct iso_shared *sh)
{
	iso_spin_until(&sh->go);
	sh->val[1] = syscall(SYS_getppid);
}

/* The tracer keeps the signal of the loss: the refused call is made all the same. */
TEST_F_TIMEOUT(iso, ptrace_keeps_signal, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_getppid_on_go };
	int status;

	iso_start_quiet(_metadata, &c);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, iso.victim, 0, 0));
	STORE(iso.sh->go, 1);
	status = wait_stop(0);
	ASSERT_NE(-1, status);
	EXPECT_EQ(SIGUSR1, WSTOPSIG(status));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, iso.victim, 0, 0));
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->acted, 1));
	iso_stop(_metadata);
	EXPECT_EQ(0, iso.sh->sig_total);
	EXPECT_EQ(getpid(), iso.sh->val[1]);
	iso_expect_logged_syscall(_metadata, SYS_getppid);
}

#define CALL_ENTRY	PTRACE_SYSCALL_INFO_ENTRY
#define CALL_EXIT	PTRACE_SYSCALL_INFO_EXIT

/*
 * Waits for a stop of the victim at a system call, passing on its signals.
 * False if it ends or hangs; SIGSTOP and the stop of a seized tracee are none.
 */
static bool next_call(int request, struct __ptrace_syscall_info *info)
{
	int sig, status;

	memset(info, 0, sizeof(*info));
	for (;;) {
		status = wait_stop(0);
		if (status == -1)
			return false;
		sig = WSTOPSIG(status);
		if (sig == (SIGTRAP | 0x80))
			return ptrace(PTRACE_GET_SYSCALL_INFO, iso.victim, sizeof(*info),
				      info) > 0;
		ptrace(request, iso.victim, 0, status >> 16 ? 0 : sig);
	}
}

/* Seizes the victim, which waits to be told to go on, and tells it so. */
static bool trace_go(void)
{
	if (ptrace(PTRACE_SEIZE, iso.victim, 0, PTRACE_O_TRACESYSGOOD) ||
	    ptrace(PTRACE_INTERRUPT, iso.victim, 0, 0) || wait_stop(0) == -1)
		return false;
	STORE(iso.sh->go, 1);
	return true;
}

static bool is_request(const struct __ptrace_syscall_info *info)
{
	return info->op == CALL_ENTRY && info->entry.nr == SYS_prctl &&
	       info->entry.args[0] == PR_TASK_ISOLATION &&
	       (info->entry.args[1] & PR_TASK_ISOLATION_ENABLE);
}

/*
 * Follows the victim until it is isolated, and lets it run under @request up to
 * its next system call. True if this is getppid(); false if it can't be followed.
 */
static bool trace_isolated(int request)
{
	int next = PTRACE_SYSCALL;
	struct __ptrace_syscall_info info;

	if (!trace_go())
		return false;
	for (;;) {
		ptrace(next, iso.victim, 0, 0);
		if (!next_call(next, &info))
			return false;
		if (info.op == CALL_ENTRY && info.entry.nr == SYS_getppid)
			return true;
		next = PTRACE_SYSCALL;
		if (!is_request(&info))
			continue;
		ptrace(next, iso.victim, 0, 0);
		if (!next_call(next, &info) || info.op != CALL_EXIT)
			return false;
		/* May still fail after this stop: then other calls follow. */
		if (!info.exit.rval)
			next = request;
	}
}

static void act_getppid(struct iso_shared *sh)
{
	sh->val[1] = syscall(SYS_getppid);
}

static const struct iso_case traced_case = {
	.flags = ISO_USR1, .prepare = iso_wait_go, .act = act_getppid,
};

#define ERESTARTNOINTR	513

/* A refused call is a pair of stops to a tracer, and then made, another pair. */
TEST_F_TIMEOUT(iso, ptrace_syscall, ISO_TIMEOUT)
{
	struct __ptrace_syscall_info info;

	iso_start(_metadata, &traced_case);
	ASSERT_TRUE(trace_isolated(PTRACE_SYSCALL));
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	ptrace(PTRACE_SYSCALL, iso.victim, 0, 0);
	ASSERT_TRUE(next_call(PTRACE_SYSCALL, &info));
	EXPECT_EQ(CALL_EXIT, info.op);
	EXPECT_EQ(-ERESTARTNOINTR, info.exit.rval);
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	/* The handler's own calls come first, then this one again. */
	do {
		ptrace(PTRACE_SYSCALL, iso.victim, 0, 0);
		ASSERT_TRUE(next_call(PTRACE_SYSCALL, &info));
	} while (info.op != CALL_ENTRY || info.entry.nr != SYS_getppid);
	EXPECT_EQ(1, LOAD(iso.sh->sig_total));
	ptrace(PTRACE_SYSCALL, iso.victim, 0, 0);
	ASSERT_TRUE(next_call(PTRACE_SYSCALL, &info));
	EXPECT_EQ(CALL_EXIT, info.op);
	EXPECT_EQ(getpid(), info.exit.rval);
	ptrace(PTRACE_CONT, iso.victim, 0, 0);
	iso_expect_refused(_metadata, SIGUSR1, SYS_getppid);
	EXPECT_EQ(getpid(), iso.sh->val[1]);
}

/* Follows it to the end of a request that only lacks the last check. */
static bool trace_request(void)
{
	struct __ptrace_syscall_info info;

	if (!trace_go())
		return false;
	do {
		do {
			ptrace(PTRACE_SYSCALL, iso.victim, 0, 0);
			if (!next_call(PTRACE_SYSCALL, &info))
				return false;
		} while (!is_request(&info));
		ptrace(PTRACE_SYSCALL, iso.victim, 0, 0);
		if (!next_call(PTRACE_SYSCALL, &info) || info.op != CALL_EXIT)
			return false;
	} while (info.exit.rval);
	return true;
}

static void keep_blockers(int sig)
{
	struct task_isolation_record rec;

	if (sig == SIGUSR2 && !iso_record(&rec))
		iso_sh->val[2] = rec.blockers;
}

static void prepare_keep_blockers(struct iso_shared *sh)
{
	iso_hook = keep_blockers;
	iso_wait_go(sh);
}

/* A handler that runs before the last check voids the request, and it says so. */
TEST_F_TIMEOUT(iso, ptrace_signal_request, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_keep_blockers, .act = act_getppid,
	};

	iso_start(_metadata, &c);
	ASSERT_TRUE(trace_request());
	EXPECT_EQ(0, LOAD(iso.sh->again));
	ASSERT_EQ(0, kill(iso.victim, SIGUSR2));
	ptrace(PTRACE_CONT, iso.victim, 0, 0);
	/* It asks again, and is isolated then. */
	EXPECT_TRUE(trace_until(&iso.sh->acted, 0));
	iso_stop(_metadata);
	EXPECT_EQ(1, iso.sh->sig[SIGUSR2]);
	EXPECT_EQ(TASK_ISOLATION_BLOCKER_SIGNAL, iso.sh->val[2]);
	EXPECT_LE(1, iso.sh->again);
	EXPECT_EQ(1, iso.sh->sig[SIGUSR1]);
	EXPECT_EQ(2, iso.sh->sig_total);
	iso_expect_logged_syscall(_metadata, SYS_getppid);
}

#define BLOCKED_ID	"/sys/kernel/tracing/events/task_isolation/task_isolation_blocked/id"

/* A signal for each event that says why a request of this thread is refused. */
static int trap_blocked(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = 1,
		.sigtrap = 1,
		.remove_on_exec = 1,
	};
	char id[16];

	if (iso_read_file(BLOCKED_ID, id, sizeof(id)) <= 0)
		return -ENOENT;
	attr.config = atoi(id);
	if (syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/* Asks by itself, and looks for the signal without another entry in between. */
static void prepare_trapped(struct iso_shared *sh)
{
	sh->val[0] = trap_blocked();
	iso_wait_go(sh);
	if (sh->val[0])
		return;
	sh->val[1] = iso_prctl(ISO_USR1);
	sh->val[2] = sh->sig[SIGTRAP];
}

/*
 * The last check fails, and says so to tracers. What one of them wants the thread to
 * do on its way out is done on this way out, not when it enters the kernel again.
 */
TEST_F_TIMEOUT(iso, ptrace_work_request, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .prepare = prepare_trapped };
	cpu_set_t set;

	iso_start(_metadata, &c);
	ASSERT_TRUE(trace_request());
	if (LOAD(iso.sh->val[0]))
		SKIP(return, "no signals from tracepoints: %s", strerror(-iso.sh->val[0]));
	iso_housekeeping(&set);
	CPU_SET(iso.cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(iso.victim, sizeof(set), &set));
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, iso.victim, 0, 0));
	iso_stop(_metadata);
	EXPECT_EQ(-1, iso.sh->val[1]);
	EXPECT_EQ(1, iso.sh->val[2]);
}

/* What made the request possible is gone by the last check: the result changes. */
TEST_F_TIMEOUT(iso, ptrace_affinity_request, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = iso_wait_go, .act = act_getppid,
	};
	cpu_set_t set;

	iso_start(_metadata, &c);
	ASSERT_TRUE(trace_request());
	iso_housekeeping(&set);
	CPU_SET(iso.cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(iso.victim, sizeof(set), &set));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, iso.victim, 0, 0));
	iso_stop(_metadata);
	EXPECT_EQ(-1, iso.sh->ret);
	EXPECT_EQ(EINVAL, iso.sh->err);
	EXPECT_EQ(TASK_ISOLATION_BLOCKER_AFFINITY, iso.sh->rec.blockers);
	EXPECT_EQ(0, iso.sh->acted);
	EXPECT_EQ(0, iso.sh->sig_total);
	iso_expect_not_logged(_metadata);
}

#if defined(__x86_64__) || defined(__aarch64__)
#include <elf.h>
#include <sys/uio.h>
#include <sys/user.h>

#define EMULATED	4711

/* Sets the result of the system call that @pid is stopped at. */
static int set_result(pid_t pid, unsigned long val)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov))
		return -1;
#ifdef __x86_64__
	regs.rax = val;
#else
	regs.regs[0] = val;
#endif
	return ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov);
}

/*
 * The tracer makes the call itself. The thread entered the kernel like with
 * any call and is told; the call is not made again.
 */
TEST_F_TIMEOUT(iso, ptrace_sysemu, ISO_TIMEOUT)
{
	iso_start(_metadata, &traced_case);
	ASSERT_TRUE(trace_isolated(PTRACE_SYSEMU));
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	ASSERT_EQ(0, set_result(iso.victim, EMULATED));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, iso.victim, 0, 0));
	EXPECT_TRUE(trace_until_told(0));
	iso_expect_refused(_metadata, SIGUSR1, SYS_getppid);
	EXPECT_EQ(EMULATED, iso.sh->val[1]);
}
#else
TEST_F(iso, ptrace_sysemu)
{
	SKIP(return, "no PTRACE_SYSEMU on this architecture");
}
#endif

#define TRACEFS		"/sys/kernel/tracing"
#define UPROBE		TRACEFS "/events/task_isolation_test/hit/enable"

/* Where @func is in the file of this program, or -1. */
static long file_offset(const void *func)
{
	unsigned long start, end, pgoff, addr = (unsigned long)func;
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	long ret = -1;

	while (f && ret < 0 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %*4s %lx", &start, &end, &pgoff) == 3 &&
		    addr >= start && addr < end)
			ret = addr - start + pgoff;
	}
	if (f)
		fclose(f);
	return ret;
}

static int append_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	ssize_t n = write(fd, text, strlen(text));

	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

static void uprobe_disarm(void)
{
	iso_write_file(UPROBE, "0");
	append_file(TRACEFS "/uprobe_events", "-:task_isolation_test/hit");
}

/* Puts a probe at ('p'), or at the return from ('r'), @func. */
static const char *uprobe_arm(char kind, const void *func)
{
	char text[128];

	if (access(TRACEFS "/trace", F_OK) && mount("none", TRACEFS, "tracefs", 0, NULL))
		return "no tracefs";
	if (access(TRACEFS "/uprobe_events", W_OK))
		return "no uprobe_events";
	snprintf(text, sizeof(text), "%c:task_isolation_test/hit /proc/self/exe:0x%lx", kind,
		 file_offset(func));
	if (append_file(TRACEFS "/uprobe_events", text))
		return "the probe is refused";
	if (!iso_write_file(UPROBE, "1"))
		return NULL;
	uprobe_disarm();
	return "the probe can't be armed";
}

FIXTURE(uprobe) {};

FIXTURE_SETUP(uprobe)
{
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(uprobe)
{
	iso_close(_metadata);
	uprobe_disarm();
}

/*
 * A riscv kernel built without compressed instructions writes breakpoints of
 * four bytes. So that these don't hit the second instruction, too, the probed
 * function is one long instruction before its body.
 */
#ifdef __riscv
#define PROBED(name)							\
	static long name##_body(long x);				\
	static long __attribute__((naked)) name(long x)			\
	{								\
		__asm__(".option push\n"				\
			".option norvc\n"				\
			"nop\n"						\
			"tail %0\n"					\
			".option pop\n" : : "i" (name##_body));		\
	}								\
	static long name##_body(long x)
#else
#define PROBED(name)	static long name(long x)
#endif

PROBED(uprobe_target)
{
	/* Something that can't be emulated, the kernel has to step over it. */
	return x * 5 + 2;
}

/* Called by way of a pointer, so as not to become part of the caller. */
static long (*target)(long x) = uprobe_target;

static void act_uprobe(struct iso_shared *sh)
{
	sh->val[1] = LOAD(target)(8);
}

TEST_F_TIMEOUT(uprobe, entry, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_uprobe };
	const char *reason = uprobe_arm('p', uprobe_target);

	if (reason)
		SKIP(return, "%s", reason);
	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "trap (");
	EXPECT_EQ(42, iso.sh->val[1]);
}

PROBED(return_target)
{
	return iso_enter(iso_sh, x) ?: 42;
}

static void act_uprobe_return(struct iso_shared *sh)
{
	/* The entry of the function is a hit as well, so enter inside of it. */
	iso_prctl(0);
	sh->val[1] = LOAD(target)(ISO_USR1);
}

static void prepare_uprobe_return(struct iso_shared *sh)
{
	STORE(target, return_target);
	/*
	 * The page of the probe has been copied by fork(), as one that was not
	 * used for long. mlockall() leaves it so, and some CPUs fault then.
	 */
	__atomic_load_n((char *)act_uprobe_return, __ATOMIC_SEQ_CST);
}

/* By a breakpoint or by a system call, which no program made. */
TEST_F_TIMEOUT(uprobe, return, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_uprobe_return, .act = act_uprobe_return,
	};
	const char *reason = uprobe_arm('r', return_target);

	if (reason)
		SKIP(return, "%s", reason);
	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	EXPECT_EQ(42, iso.sh->val[1]);
}

TEST_HARNESS_MAIN
