// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: a tracer follows a thread through its request and through a loss.
 *
 * What stops a thread that is isolated is in loss_test.
 *
 * Test Summary
 *
 *  * trace.keeps_signal	The tracer keeps the signal of the loss
 *  * trace.syscall, sysemu	The refused call, as the tracer sees it
 *  * trace.*_request		Something comes between the request and its last check
 *  * row.uprobe_*		A breakpoint that the kernel has put into the program
 */
#include <linux/perf_event.h>
#include <sys/ptrace.h>

#include "rows.h"

FIXTURE(trace) {};

FIXTURE_SETUP(trace)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(trace)
{
	iso_finish(_metadata);
}

/* Waits for the next stop of the traced victim. Its status, or -1 if none comes. */
static int wait_stop(void)
{
	int ms, status;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (waitpid(iso.victim, &status, WNOHANG) == iso.victim) {
			if (WIFSTOPPED(status))
				return status;
			iso.victim = 0;
			iso.status = status;
			return -1;
		}
		iso_sleep_ms(1);
	}
	return -1;
}

static void act_getppid_on_go(struct iso_shared *sh)
{
	iso_spin_until(&sh->go);
	sh->value = syscall(SYS_getppid);
}

/* The tracer keeps the signal of the loss: the refused call is made all the same. */
TEST_F_TIMEOUT(trace, keeps_signal, ISO_TIMEOUT)
{
	const struct stimulus s = { .act = act_getppid_on_go };
	char text[ISO_LOG_LEN];
	int status;

	ASSERT_TRUE(iso_start_quiet(&s));
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, iso.victim, 0, 0));
	STORE(iso.sh->go, 1);
	status = wait_stop();
	ASSERT_NE(-1, status);
	EXPECT_EQ(SIGUSR1, WSTOPSIG(status));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, iso.victim, 0, 0));
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->acted, 1));
	iso_stop();
	EXPECT_EQ(0, iso.sh->sig_total);
	EXPECT_EQ(getpid(), iso.sh->value);
	EXPECT_EQ(TASK_ISOLATION_SYSCALL, iso.sh->rec.cause);
	EXPECT_EQ(SYS_getppid, iso.sh->rec.number);
	iso_expect_totals(1, 1);
	if (iso_log_losses(&iso_log, iso.sh->tid, text, sizeof(text)))
		EXPECT_EQ(SYS_getppid, atol(text + strlen("syscall ")));
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
		status = wait_stop();
		if (status == -1)
			return false;
		sig = WSTOPSIG(status);
		if (sig == (SIGTRAP | 0x80))
			return ptrace(PTRACE_GET_SYSCALL_INFO, iso.victim, sizeof(*info),
				      info) > 0;
		ptrace(request, iso.victim, 0, status >> 16 ? 0 : sig);
	}
}

/* Lets the victim go on under @request, to its next stop at a system call. */
static bool go_on(int request, struct __ptrace_syscall_info *info)
{
	ptrace(request, iso.victim, 0, 0);
	return next_call(request, info);
}

/* Seizes the victim, which waits to be asked to go on, and asks it. */
static bool trace_go(void)
{
	if (ptrace(PTRACE_SEIZE, iso.victim, 0, PTRACE_O_TRACESYSGOOD) ||
	    ptrace(PTRACE_INTERRUPT, iso.victim, 0, 0) || wait_stop() == -1)
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

/* Follows it to the end of a request that only lacks the last check. */
static bool trace_request(void)
{
	struct __ptrace_syscall_info info;

	do {
		do {
			if (!go_on(PTRACE_SYSCALL, &info))
				return false;
		} while (!is_request(&info));
		if (!go_on(PTRACE_SYSCALL, &info) || info.op != CALL_EXIT)
			return false;
	} while (info.exit.rval);
	return true;
}

/*
 * Follows the victim until it is isolated, and lets it run under @request up to
 * its next system call. True if this is getppid(); false if it can't be followed.
 */
static bool trace_isolated(int request)
{
	struct __ptrace_syscall_info info;

	if (!trace_go())
		return false;
	/* A request may still fail after its stop: then other calls follow. */
	do {
		if (!trace_request() || !go_on(request, &info))
			return false;
	} while (info.op != CALL_ENTRY || info.entry.nr != SYS_getppid);
	return true;
}

static void act_getppid(struct iso_shared *sh)
{
	sh->value = syscall(SYS_getppid);
}

static const struct stimulus stim_traced = {
	.prepare = iso_wait_go, .act = act_getppid, .causes = ISO_CAUSE(SYSCALL),
	.number = SYS_getppid,
};

#define ERESTARTNOINTR	513

/* A refused call is a pair of stops to a tracer, and then made, another pair. */
TEST_F_TIMEOUT(trace, syscall, ISO_TIMEOUT)
{
	struct __ptrace_syscall_info info;

	ASSERT_TRUE(iso_start(&stim_traced));
	ASSERT_TRUE(trace_isolated(PTRACE_SYSCALL));
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	ASSERT_TRUE(go_on(PTRACE_SYSCALL, &info));
	EXPECT_EQ(CALL_EXIT, info.op);
	EXPECT_EQ(-ERESTARTNOINTR, info.exit.rval);
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	/* The handler's own calls come first, then this one again. */
	do {
		ASSERT_TRUE(go_on(PTRACE_SYSCALL, &info));
	} while (info.op != CALL_ENTRY || info.entry.nr != SYS_getppid);
	EXPECT_EQ(1, LOAD(iso.sh->sig_total));
	ASSERT_TRUE(go_on(PTRACE_SYSCALL, &info));
	EXPECT_EQ(CALL_EXIT, info.op);
	EXPECT_EQ(getpid(), info.exit.rval);
	ptrace(PTRACE_CONT, iso.victim, 0, 0);
	iso_expect(&stim_traced);
	EXPECT_EQ(getpid(), iso.sh->value);
}

static void hook_keep_blockers(int sig)
{
	if (sig == SIGUSR2)
		iso_sh->second = iso_sh->told.blockers;
}

static void prepare_keep_blockers(struct iso_shared *sh)
{
	iso_hook = hook_keep_blockers;
	iso_wait_go(sh);
}

/* A handler that runs before the last check voids the request, which returns an error. */
TEST_F_TIMEOUT(trace, signal_request, ISO_TIMEOUT)
{
	struct stimulus s = stim_traced;

	s.prepare = prepare_keep_blockers;
	ASSERT_TRUE(iso_start(&s));
	ASSERT_TRUE(trace_go() && trace_request());
	EXPECT_EQ(0, LOAD(iso.sh->again));
	ASSERT_EQ(0, kill(iso.victim, SIGUSR2));
	ptrace(PTRACE_CONT, iso.victim, 0, 0);
	/* It asks again, and is isolated then. */
	EXPECT_TRUE(iso_trace_until(&iso.sh->acted, 0));
	iso_stop();
	EXPECT_EQ(1, iso.sh->sig[SIGUSR2]);
	EXPECT_EQ(TASK_ISOLATION_BLOCKER_SIGNAL, iso.sh->second);
	EXPECT_LE(1, iso.sh->again);
	EXPECT_EQ(1, iso.sh->sig[SIGUSR1]);
	EXPECT_EQ(2, iso.sh->sig_total);
	EXPECT_EQ(SYS_getppid, iso.sh->rec.number);
	iso_expect_totals(1, 1);
}

#define BLOCKED_ID	ISO_TRACEFS "/events/task_isolation/task_isolation_blocked/id"

/* Requests a signal for each event of a refusal of this thread. */
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
	sh->error = trap_blocked();
	iso_wait_go(sh);
	if (sh->error)
		return;
	sh->value = iso_prctl(ISO_USR1);
	sh->second = sh->sig[SIGTRAP];
}

/*
 * The last check fails, which is an event. What its reader wants the thread to do on
 * its way out is done on this way out, not when it enters the kernel again.
 */
TEST_F_TIMEOUT(trace, work_request, ISO_TIMEOUT)
{
	const struct stimulus s = { .prepare = prepare_trapped };

	ASSERT_TRUE(iso_start(&s));
	ASSERT_TRUE(trace_go() && trace_request());
	if (LOAD(iso.sh->error))
		SKIP(return, "no signals from tracepoints: %s", strerror(-iso.sh->error));
	ASSERT_EQ(0, iso_set_affinity(true));
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, iso.victim, 0, 0));
	iso_stop();
	EXPECT_EQ(-1, iso.sh->value);
	EXPECT_EQ(1, iso.sh->second);
}

/* What made the request possible is gone by the last check: the result changes. */
TEST_F_TIMEOUT(trace, affinity_request, ISO_TIMEOUT)
{
	ASSERT_TRUE(iso_start(&stim_traced));
	ASSERT_TRUE(trace_go() && trace_request());
	ASSERT_EQ(0, iso_set_affinity(true));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, iso.victim, 0, 0));
	iso_stop();
	EXPECT_EQ(-1, iso.sh->ret);
	EXPECT_EQ(EINVAL, iso.sh->err);
	EXPECT_EQ(TASK_ISOLATION_BLOCKER_AFFINITY, iso.sh->rec.blockers);
	EXPECT_EQ(0, iso.sh->acted);
	EXPECT_EQ(0, iso.sh->sig_total);
	EXPECT_EQ(0, iso.sh->rec.losses);
	EXPECT_EQ(0, iso_log_count(&iso_log, iso.sh->tid, ""));
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
 * any call and is notified; the call is not made again.
 */
TEST_F_TIMEOUT(trace, sysemu, ISO_TIMEOUT)
{
	ASSERT_TRUE(iso_start(&stim_traced));
	ASSERT_TRUE(trace_isolated(PTRACE_SYSEMU));
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	ASSERT_EQ(0, set_result(iso.victim, EMULATED));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, iso.victim, 0, 0));
	EXPECT_TRUE(iso_trace_until(&iso.sh->sig_total, 0));
	iso_expect(&stim_traced);
	EXPECT_EQ(EMULATED, iso.sh->value);
}
#else
TEST_F(trace, sysemu)
{
	SKIP(return, "no PTRACE_SYSEMU on this architecture");
}
#endif

#define UPROBE		ISO_TRACEFS "/events/task_isolation_test/hit/enable"

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

static void disarm(void)
{
	iso_write_file(UPROBE, "0");
	iso_write_file(ISO_TRACEFS "/uprobe_events", "-:task_isolation_test/hit");
}

/* Puts a probe at ('p'), or at the return from ('r'), @func. */
static const char *arm(char kind, const void *func)
{
	char text[128];

	if (!iso_mount_tracefs())
		return "no tracefs";
	if (access(ISO_TRACEFS "/uprobe_events", W_OK))
		return "no uprobe_events";
	snprintf(text, sizeof(text), "%c:task_isolation_test/hit /proc/self/exe:0x%lx", kind,
		 file_offset(func));
	if (iso_write_file(ISO_TRACEFS "/uprobe_events", text))
		return "the probe is refused";
	return iso_write_file(UPROBE, "1") ? "the probe can't be armed" : NULL;
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

PROBED(entry_target)
{
	/* Something that can't be emulated, the kernel has to step over it. */
	return x * 5 + 2;
}

PROBED(return_target)
{
	return iso_enter(iso_sh, x) ?: 42;
}

/* Called by way of a pointer, so as not to become part of the caller. */
static long (*target)(long x) = entry_target;

static const char *arrange_entry(void)
{
	return arm('p', entry_target);
}

static void act_entry(struct iso_shared *sh)
{
	sh->value = LOAD(target)(8);
}

static const struct stimulus stim_uprobe_entry = {
	.arrange = arrange_entry, .act = act_entry, .value = 42, .restore = disarm,
	.causes = ISO_CAUSE(TRAP),
};

static const char *arrange_return(void)
{
	return arm('r', return_target);
}

static void act_return(struct iso_shared *sh)
{
	/* The entry of the function is a hit as well, so enter inside of it. */
	iso_prctl(0);
	sh->value = LOAD(target)(ISO_USR1);
}

static void prepare_return(struct iso_shared *sh)
{
	STORE(target, return_target);
	/*
	 * The page of the probe has been copied by fork(), as one that was not
	 * used for long. mlockall() leaves it so, and some CPUs fault then.
	 */
	__atomic_load_n((char *)act_return, __ATOMIC_SEQ_CST);
}

/*
 * By a breakpoint or by a system call, which no program made. Or it has been lost by
 * then: the page to which the function returns is mapped when it is used first.
 */
static const struct stimulus stim_uprobe_return = {
	.arrange = arrange_return, .prepare = prepare_return, .act = act_return,
	.value = 42, .restore = disarm, .entries = 2,
	.causes = ISO_CAUSE(TRAP) | ISO_CAUSE(SYSCALL) | ISO_CAUSE(FAULT), .any_number = true,
};

ROW(uprobe_entry);
ROW(uprobe_return);

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
