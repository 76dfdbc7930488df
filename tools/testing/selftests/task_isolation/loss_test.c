// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: what happens when the kernel is entered, row by row.
 *
 * Each row is a stimulus of stimuli.h. Its outcome is checked on each channel: the
 * signal and its siginfo, the record, the trace events, the counters in sysfs and the
 * kernel log, see expect.h.
 *
 * Test Summary
 *
 *  * row.*		Each stimulus: syscall_*, fault_*, trap_* and child_* by the thread
 *			itself; signal_*, stop_*, ptrace_* and affinity_* by other tasks;
 *			thread_* by other threads of the process; call_*, wakeup_*,
 *			queue_* and cpu_* on its CPU
 *  * deliver.*		Which signal it is, and what if it is blocked or ignored
 *  * iso.*		More than one loss, one that need not come, or one too late
 *  * hotplug.*		CPUs going down. These come last: what they change may linger.
 */
#include <linux/membarrier.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "rows.h"

/* The thread is notified by the signal of a loss, and goes on. */
ROW(syscall_restarts_once);
ROW(syscall_not_executed);
ROW(syscall_getppid);
ROW(syscall_off_for_good);
ROW(syscall_other_prctl);
ROW(syscall_prctl_49);
ROW(syscall_record);
ROW(syscall_bad_number);
ROW(syscall_minus_one);
ROW(syscall_that_sleeps);
ROW(syscall_seccomp);
ROW(fault_anonymous);
ROW(fault_file);
ROW(fault_copy_on_write);
ROW(fault_slow);
ROW(trap_watchpoint);
ROW(child_fork);
ROW(child_vfork);
ROW(child_thread);
ROW(stop_cont);
ROW(stop_by_process);
ROW(stop_after_ignored);
ROW(stop_freezer);
ROW(stop_legacy_freezer);
ROW(ptrace_interrupt);
ROW(ptrace_attach);
ROW(ptrace_suppressed);
ROW(affinity_moved);
ROW(affinity_wider);
ROW(affinity_cpuset);
ROW(thread_membarrier);
ROW(thread_membarrier_leader);
ROW(thread_munmap);
ROW(thread_mprotect);
ROW(thread_cpu_timer);
ROW(call_perf);
ROW(call_msr);
ROW(call_exited);
ROW(wakeup_task);
ROW(wakeup_exited);
ROW(wakeup_work);
ROW(wakeup_timer);
ROW(queue_timer);
ROW(queue_work);
ROW(queue_delayed_work);
ROW(queue_irq_work);
ROW(queue_call);
ROW(cpu_second_task);
ROW(cpu_backtrace);
ROW(cpu_device_irq);

/* Another signal comes, and that one alone. */
ROW(syscall_user_dispatch);
ROW(trap_sigsegv);
ROW(trap_sigbus);
ROW(trap_sigill);
ROW(trap_sigtrap);
ROW(signal_handled);
ROW(signal_chosen);
ROW(signal_realtime);
ROW(signal_thread);
ROW(signal_timer);
ROW(signal_exited);

/* The kernel is not entered, so nothing happens. */
ROW(nothing);
ROW(signal_ignored);
ROW(signal_blocked);
ROW(signal_cont_alone);
ROW(ptrace_seize);
ROW(affinity_same);
ROW(thread_harmless);
ROW(queue_hang);

/* The thread does not live to be notified. */
ROW(syscall_killed);
ROW(fault_killed);
ROW(trap_sigsegv_uncaught);
ROW(trap_coredump);
ROW(child_exec);
ROW(signal_fatal);
ROW(signal_kill);
ROW(signal_stop_then_kill);
ROW(thread_exit_group);
ROW(thread_exec);
ROW(thread_coredump);

/* Which signal is sent for a stray system call, and what the thread does with it */

enum how { CATCH, BLOCK, IGNORE, DEFAULT, NO_QUEUE };

/* The last one of all */
#define SIG_LAST	64

FIXTURE(deliver) {};

/*
 * @sig:	The signal
 * @how:	What the thread does with it
 * @status:	How the process ends: by this signal, or by SIGKILL where that would
 *		not end it
 */
FIXTURE_VARIANT(deliver)
{
	int		sig;
	enum how	how;
	int		status;
};

static int deliver_sig;
static enum how deliver_how;

static void prepare_deliver(struct iso_shared *sh)
{
	struct rlimit rl = { 0, 0 };
	sigset_t set;

	switch (deliver_how) {
	case CATCH:
		iso_catch(deliver_sig);
		break;
	case BLOCK:
		sigemptyset(&set);
		sigaddset(&set, deliver_sig);
		sigprocmask(SIG_BLOCK, &set, NULL);
		break;
	case IGNORE:
		signal(deliver_sig, SIG_IGN);
		break;
	case DEFAULT:
		signal(deliver_sig, SIG_DFL);
		break;
	case NO_QUEUE:
		setrlimit(RLIMIT_SIGPENDING, &rl);
		break;
	}
}

FIXTURE_VARIANT_ADD(deliver, sigusr1) { SIGUSR1, CATCH };
FIXTURE_VARIANT_ADD(deliver, sigusr2) { SIGUSR2, CATCH };
FIXTURE_VARIANT_ADD(deliver, sigchld_caught) { SIGCHLD, CATCH };
FIXTURE_VARIANT_ADD(deliver, sigsegv_caught) { SIGSEGV, CATCH };
FIXTURE_VARIANT_ADD(deliver, realtime) { ISO_SIG_REALTIME, CATCH };
FIXTURE_VARIANT_ADD(deliver, last) { SIG_LAST, CATCH };
FIXTURE_VARIANT_ADD(deliver, sigkill_by_name) { SIGKILL, DEFAULT, SIGKILL };
FIXTURE_VARIANT_ADD(deliver, default_action) { SIGUSR1, DEFAULT, SIGUSR1 };
FIXTURE_VARIANT_ADD(deliver, blocked) { SIGUSR1, BLOCK, SIGUSR1 };
FIXTURE_VARIANT_ADD(deliver, blocked_realtime) { ISO_SIG_REALTIME, BLOCK, ISO_SIG_REALTIME };
FIXTURE_VARIANT_ADD(deliver, ignored) { SIGUSR1, IGNORE, SIGUSR1 };
/* Signals which are ignored by default notify nobody. */
FIXTURE_VARIANT_ADD(deliver, sigchld_default) { SIGCHLD, DEFAULT, SIGKILL };
FIXTURE_VARIANT_ADD(deliver, sigwinch_default) { SIGWINCH, DEFAULT, SIGKILL };
/* A realtime signal that can't be queued */
FIXTURE_VARIANT_ADD(deliver, queue_full) { ISO_SIG_REALTIME, NO_QUEUE, SIGKILL };

FIXTURE_SETUP(deliver)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(deliver)
{
	iso_finish(_metadata);
}

TEST_F_TIMEOUT(deliver, expect, ISO_TIMEOUT)
{
	struct stimulus s = stim_syscall_getppid;

	deliver_sig = variant->sig;
	deliver_how = variant->how;
	s.flags = PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(variant->sig);
	s.prepare = prepare_deliver;
	s.status = variant->status;
	if (s.status)
		s.check = NULL;
	if (iso_test(_metadata, &s) && s.status)
		EXPECT_EQ(0, iso.sh->acted);
}

FIXTURE(iso) {};

FIXTURE_SETUP(iso)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(iso)
{
	iso_finish(_metadata);
}

static void hook_enter_and_return(int sig)
{
	/* Once: the return from the handler is a system call as well. */
	if (LOAD(iso_sh->sig_total))
		return;
	iso_sh->error = iso_enter(iso_sh, PR_TASK_ISOLATION_ENABLE |
				  PR_TASK_ISOLATION_SET_SIG(SIGUSR2));
}

static void prepare_enter_and_return(struct iso_shared *sh)
{
	iso_hook = hook_enter_and_return;
}

/* Entering in the handler and returning from it: rt_sigreturn is a loss. */
TEST_F_TIMEOUT(iso, enter_and_return, ISO_TIMEOUT)
{
	struct stimulus s = stim_syscall_getppid;

	s.prepare = prepare_enter_and_return;
	ASSERT_TRUE(iso_start_acted(&s));
	iso_sleep_ms(20);
	iso_stop();
	EXPECT_EQ(0, iso.sh->error);
	EXPECT_EQ(1, iso.sh->sig[SIGUSR1]);
	EXPECT_EQ(1, iso.sh->sig[SIGUSR2]);
	EXPECT_EQ(2, iso.sh->sig_total);
	EXPECT_EQ(getpid(), iso.sh->value);
	iso_expect_totals(2, 2);
}

static void prepare_timer(struct iso_shared *sh)
{
	struct itimerval it = { .it_value.tv_usec = 300000 };

	if (setitimer(ITIMER_REAL, &it, NULL))
		sh->unable = errno;
}

static void act_until_alarm(struct iso_shared *sh)
{
	/* Otherwise it has fired before, and the thread is to stay isolated. */
	if (!LOAD(sh->sig_total))
		iso_act_wait(sh);
}

/*
 * A timer of its own: either it is a blocker until it has fired, or its signal comes
 * alone.
 */
TEST_F_TIMEOUT(iso, own_timer, ISO_TIMEOUT)
{
	const struct stimulus s = { .prepare = prepare_timer, .act = act_until_alarm };

	ASSERT_TRUE(iso_start(&s) && iso_wait_isolated(&iso.sh->ready));
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->sig[SIGALRM], 1));
	iso_sleep_ms(20);
	/* A leaving call while it is isolated: that is what the timer has left. */
	iso_stop();
	EXPECT_EQ(1, iso.sh->sig[SIGALRM]);
	EXPECT_EQ(1, iso.sh->sig_total);
	EXPECT_GE(1, iso.sh->rec.losses);
	if (iso.sh->rec.losses) {
		EXPECT_EQ(TASK_ISOLATION_SIGNAL, iso.sh->rec.cause);
		EXPECT_EQ(SIGALRM, iso.sh->rec.number);
		iso_expect_times();
	}
}

/* Sent, and seen, by the time that the call of this thread returns. */
static void finish_interrupted(struct iso_shared *sh)
{
	STORE(sh->go, 1);
	iso_spin_rounds(1000000);
	sh->error = syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	iso_sleep_ms(100);
}

/* It has left, and only then is it interrupted: nobody is to blame for anything. */
TEST_F_TIMEOUT(iso, interrupted_later, ISO_TIMEOUT)
{
	struct stimulus s = stim_thread_membarrier;

	s.finish = finish_interrupted;
	s.causes = 0;
	ASSERT_TRUE(iso_start_quiet(&s));
	/* Not iso_stop(), which tells the other thread to go before that. */
	STORE(iso.sh->stop, 1);
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->done, 1));
	iso_expect(&s);
	EXPECT_EQ(0, iso.sh->error);
	EXPECT_EQ(0, iso.sh->other_err);
}

FIXTURE(hotplug) {};

FIXTURE_VARIANT(hotplug)
{
	const struct stimulus *stimulus;
};

FIXTURE_VARIANT_ADD(hotplug, other) { &stim_hotplug_other };
FIXTURE_VARIANT_ADD(hotplug, own) { &stim_hotplug_own };

FIXTURE_SETUP(hotplug)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(hotplug)
{
	iso_finish(_metadata);
}

TEST_F_TIMEOUT(hotplug, expect, 2 * ISO_TIMEOUT)
{
	iso_test(_metadata, variant->stimulus);
}

/* The CPU is as good as before. */
TEST_F_TIMEOUT(hotplug, silent_after, ISO_TIMEOUT)
{
	iso_test(_metadata, &stim_nothing);
}

int main(int argc, char **argv)
{
	int ret;

	if (argc > 1 && !strcmp(argv[1], ISO_EXEC_CHILD))
		return iso_exec_child();
	ret = iso_main(argc, argv);
	/* Once, not after each test: it has effects on all CPUs a while later. */
	iso_remove_cpuset(ISO_CPUSET);
	return ret;
}
