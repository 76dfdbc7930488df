// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the call itself, its errors, entering and leaving.
 *
 * Test Summary
 *
 *  * call.*		What the prctl says without an isolation CPU: unknown
 *			bits, signal numbers, other arguments
 *  * no_kernel_support	What both prctls say in a kernel without the option
 *  * iso.einval_*	A thread that is not affine to exactly one isolation CPU
 *  * iso.enter_*	Entering, leaving, entering again
 *  * iso.exit_*	Exit by any path is silent and leaves nothing behind
 *  * iso.again_*	EAGAIN: who stands in the way, and that it goes away; a
 *			signal during the call
 *  * iso.cpus		The set of isolation CPUs in sysfs
 */
#include <sys/resource.h>
#include <sys/time.h>

#include "fixture.h"

/* Whether the kernel has the feature, whatever the machine looks like. */
static bool built_in(void)
{
	return !access(ISO_CPUS_FILE, F_OK);
}

static int raw_prctl(unsigned long flags, unsigned long a3, unsigned long a4,
		     unsigned long a5)
{
	return syscall(SYS_prctl, PR_TASK_ISOLATION, flags, a3, a4, a5);
}

static void expect_einval(struct __test_metadata *_metadata, unsigned long flags,
			  unsigned long a3, unsigned long a4, unsigned long a5)
{
	EXPECT_EQ(-1, raw_prctl(flags, a3, a4, a5)) {
		TH_LOG("0x%lx, %lu, %lu, %lu was accepted", flags, a3, a4, a5);
	}
	EXPECT_EQ(EINVAL, errno);
}

/* Whatever the CPU: other arguments, and bits without a meaning. */
static void expect_einval_args(struct __test_metadata *_metadata, unsigned long flags)
{
	unsigned int bit;

	expect_einval(_metadata, flags, 1, 0, 0);
	expect_einval(_metadata, flags, 0, 1, 0);
	expect_einval(_metadata, flags, 0, 0, 1);
	/* Bit 0 enables, bits 8 to 14 are the signal. */
	for (bit = 1; bit < 8 * sizeof(long); bit++) {
		if (bit < 8 || bit > 14)
			expect_einval(_metadata, flags | 1UL << bit, 0, 0, 0);
	}
}

FIXTURE(call) {};

FIXTURE_SETUP(call)
{
	if (!built_in())
		SKIP(return, "no " ISO_CPUS_FILE ": kernel without CONFIG_TASK_ISOLATION");
}

FIXTURE_TEARDOWN(call) {}

TEST_F(call, off_when_off)
{
	EXPECT_EQ(0, raw_prctl(0, 0, 0, 0));
}

TEST_F(call, einval_args)
{
	expect_einval_args(_metadata, 0);
}

TEST_F(call, no_cpu)
{
	int i, online = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	if (online < 2)
		SKIP(return, "only one CPU");
	CPU_ZERO(&set);
	for (i = 0; i < CPU_SETSIZE; i++)
		CPU_SET(i, &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	EXPECT_EQ(-1, iso_prctl(PR_TASK_ISOLATION_ENABLE));
	EXPECT_EQ(EINVAL, errno);
}

/* A clock that needs the tick: permanent, so no EAGAIN. */
TEST_F(call, unstable_clock)
{
	struct task_isolation_record rec = { 0 };
	const char *reason;
	int cpu, cpu2;

	reason = iso_find_cpu(&cpu, &cpu2);
	if (!reason || !strstr(reason, "unstable"))
		SKIP(return, "the clock is stable (or there is no isolation CPU)");
	ASSERT_EQ(0, iso_pin(cpu));
	EXPECT_EQ(-1, iso_prctl(PR_TASK_ISOLATION_ENABLE));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, iso_record(&rec));
	EXPECT_EQ(TASK_ISOLATION_BLOCKER_CLOCK, rec.blockers);
	EXPECT_EQ(TASK_ISOLATION_BLOCKER_CLOCK, rec.blockers_now);
}

/* So that a program can tell it from a CPU that is busy. */
TEST(no_kernel_support)
{
	struct task_isolation_record rec = { 0 };

	if (built_in())
		SKIP(return, "a kernel with CONFIG_TASK_ISOLATION");
	expect_einval(_metadata, 0, 0, 0, 0);
	expect_einval(_metadata, ISO_USR1, 0, 0, 0);
	EXPECT_EQ(-1, iso_record(&rec));
	EXPECT_EQ(EINVAL, errno);
}

FIXTURE(iso) {};

FIXTURE_SETUP(iso)
{
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(iso)
{
	iso_close(_metadata);
}

TEST_F(iso, cpus)
{
	cpu_set_t listed, nohz, domain, want;
	int cpu;

	ASSERT_LE(1, iso_read_cpus(ISO_CPUS_FILE, &listed));
	ASSERT_LE(1, iso_read_cpus("/sys/devices/system/cpu/nohz_full", &nohz));
	if (iso_read_cpus("/sys/devices/system/cpu/isolated", &domain) < 0)
		SKIP(return, "no list of isolated CPUs");
	CPU_AND(&want, &nohz, &domain);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		EXPECT_EQ(!!CPU_ISSET(cpu, &want), !!CPU_ISSET(cpu, &listed)) {
			TH_LOG("CPU %d: nohz_full %d, isolated %d", cpu,
			       !!CPU_ISSET(cpu, &nohz), !!CPU_ISSET(cpu, &domain));
		}
	}
}

/*
 * Argument errors on a thread that could enter: it must not be the CPU that
 * makes them fail.
 */
TEST_F(iso, einval_args)
{
	static const int job_control[] = {
		SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT,
	};
	unsigned int i;
	int sig;

	ASSERT_EQ(0, iso_pin(iso.cpu));
	expect_einval_args(_metadata, PR_TASK_ISOLATION_ENABLE);
	for (sig = 65; sig <= 127; sig++)
		expect_einval(_metadata, PR_TASK_ISOLATION_ENABLE |
			      PR_TASK_ISOLATION_SET_SIG(sig), 0, 0, 0);
	for (i = 0; i < ARRAY_SIZE(job_control); i++)
		expect_einval(_metadata, PR_TASK_ISOLATION_ENABLE |
			      PR_TASK_ISOLATION_SET_SIG(job_control[i]), 0, 0, 0);
	/* None of them may have left the thread isolated. */
	EXPECT_LT(0, getppid());
}

TEST_F(iso, einval_housekeeping_cpu)
{
	cpu_set_t set;
	int cpu;

	iso_housekeeping(&set);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		ASSERT_EQ(0, iso_pin(cpu));
		EXPECT_EQ(-1, iso_prctl(ISO_USR1));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(iso, einval_two_cpus)
{
	cpu_set_t set;

	/* On the isolation CPU, but free to go to another one. */
	ASSERT_EQ(0, iso_pin(iso.cpu));
	iso_housekeeping(&set);
	CPU_SET(iso.cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	EXPECT_EQ(-1, iso_prctl(ISO_USR1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F_TIMEOUT(iso, enter_leave, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1 };

	iso_start_quiet(_metadata, &c);
	iso_expect_silent(_metadata);
	EXPECT_EQ(0, iso.sh->ret);
}

static void finish_syscalls(struct iso_shared *sh)
{
	int i;

	for (i = 0; i < 100; i++)
		sh->val[0] += getppid() > 0;
}

/* After leaving, system calls are as free as before. */
TEST_F_TIMEOUT(iso, enter_leave_syscalls, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .finish = finish_syscalls };

	iso_start_quiet(_metadata, &c);
	iso_expect_silent(_metadata);
	EXPECT_EQ(100, iso.sh->val[0]);
}

/* The default signal: nothing comes for who obeys the rule. */
TEST_F_TIMEOUT(iso, enter_default_signal, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = PR_TASK_ISOLATION_ENABLE };

	iso_start_quiet(_metadata, &c);
	iso_expect_silent(_metadata);
}

static void act_enter_again(struct iso_shared *sh)
{
	int i;

	for (i = 0; i < 100; i++) {
		sh->val[0] += !iso_enter(sh, ISO_USR1);
		iso_spin_rounds(10000);
	}
}

TEST_F_TIMEOUT(iso, enter_twice, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_enter_again };

	iso_start_acted(_metadata, &c);
	iso_expect_silent(_metadata);
	EXPECT_EQ(100, iso.sh->val[0]);
}

static void act_change_signal(struct iso_shared *sh)
{
	iso_enter(sh, PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(SIGUSR2));
	sh->val[0] = getppid();
}

/* A second call replaces the signal of the first. */
TEST_F_TIMEOUT(iso, enter_changes_signal, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_change_signal };

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR2, SYS_getppid);
	EXPECT_EQ(getpid(), iso.sh->val[0]);
}

static void act_bad_call(struct iso_shared *sh)
{
	sh->val[0] = syscall(SYS_prctl, PR_TASK_ISOLATION,
			     PR_TASK_ISOLATION_ENABLE | 2, 0, 0, 0);
	sh->val[1] = errno;
	sh->val[2] = getppid();
}

/* A failed call says why, and the thread is not isolated after it. */
TEST_F_TIMEOUT(iso, enter_bad_call, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_bad_call };

	iso_start_acted(_metadata, &c);
	iso_expect_silent(_metadata);
	EXPECT_EQ(-1, iso.sh->val[0]);
	EXPECT_EQ(EINVAL, iso.sh->val[1]);
	EXPECT_EQ(getpid(), iso.sh->val[2]);
}

static void act_signal_only(struct iso_shared *sh)
{
	/* A signal without ENABLE: off, or refused; never on. */
	sh->val[0] = iso_prctl(PR_TASK_ISOLATION_SET_SIG(SIGUSR2));
	sh->val[1] = getppid();
}

TEST_F_TIMEOUT(iso, enter_signal_only, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_signal_only };

	iso_start_acted(_metadata, &c);
	iso_expect_silent(_metadata);
	EXPECT_EQ(getpid(), iso.sh->val[1]);
}

static void act_exit(struct iso_shared *sh)
{
	syscall(SYS_exit, 7);
}

static void act_exit_group(struct iso_shared *sh)
{
	syscall(SYS_exit_group, 8);
}

TEST_F_TIMEOUT(iso, exit_thread, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_exit };

	iso_start(_metadata, &c);
	EXPECT_EQ(7 << 8, iso_wait_exit());
	EXPECT_EQ(1, iso.sh->ready);
	EXPECT_EQ(0, iso.sh->sig_total);
	iso_expect_not_logged(_metadata);
}

TEST_F_TIMEOUT(iso, exit_group, ISO_TIMEOUT)
{
	/* Under the default signal a loss would show as SIGKILL. */
	const struct iso_case c = {
		.flags = PR_TASK_ISOLATION_ENABLE, .act = act_exit_group,
	};

	iso_start(_metadata, &c);
	EXPECT_EQ(8 << 8, iso_wait_exit());
	EXPECT_EQ(1, iso.sh->ready);
	iso_expect_not_logged(_metadata);
}

/* One thread of several exits: the others go on, nobody is told. */
TEST_F_TIMEOUT(iso, exit_one_of_two_threads, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .act = act_exit, .sibling = iso_wait_go,
	};

	iso_start(_metadata, &c);
	ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->ready, 1));
	iso_sleep_ms(50);
	EXPECT_TRUE(iso_alive(iso.victim));
	STORE(iso.sh->go, 1);
	EXPECT_EQ(0, iso_wait_exit());
	EXPECT_EQ(0, iso.sh->sig_total);
	iso_expect_not_logged(_metadata);
}

/* What exits isolated leaves a CPU that the next one can use, many times. */
TEST_F_TIMEOUT(iso, exit_and_next, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = PR_TASK_ISOLATION_ENABLE, .act = act_exit_group,
	};
	int i;

	for (i = 0; i < 20; i++) {
		iso_start(_metadata, &c);
		ASSERT_EQ(8 << 8, iso_wait_exit());
		ASSERT_EQ(1, iso.sh->ready);
	}
}

/* Another runnable task on the CPU is a blocker, for as long as it is there. */
TEST_F_TIMEOUT(iso, again_second_task, ISO_TIMEOUT)
{
	pid_t pid = iso_run_busy(_metadata, false);

	iso_start(_metadata, &iso_spin_case);
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->again, 2));
	EXPECT_EQ(0, iso.sh->ready);
	EXPECT_EQ(EAGAIN, iso.sh->err);
	iso_end(pid);
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->ready, 1));
	iso_expect_silent(_metadata);
}

/* A CPU timer needs the tick: the call says so, within bounded time. */
TEST_F_TIMEOUT(iso, again_cpu_timer, ISO_TIMEOUT)
{
	struct itimerval it = { .it_value.tv_sec = 1000000 };
	int i;

	iso.victim = fork();
	ASSERT_LE(0, iso.victim);
	if (!iso.victim) {
		iso_prepare(iso.sh, iso.cpu);
		if (setitimer(ITIMER_PROF, &it, NULL))
			_exit(2);
		for (i = 0; i < 3; i++) {
			if (iso_prctl(ISO_USR1) != -1 || errno != EAGAIN)
				_exit(1);
		}
		_exit(0);
	}
	EXPECT_EQ(0, iso_wait_exit()) {
		TH_LOG("entered with a CPU timer running");
	}
}

#define SIGNALS	500

enum {
	SIGNAL_ROUND = 2,	/* Up to which one SIGUSR2 each has been asked for */
	SIGNAL_KEPT,		/* How often the call returned 0, */
	SIGNAL_REFUSED,		/* and how often -EAGAIN */
	SIGNAL_WRONG,		/* The first round in which that was not true */
	SIGNAL_LOSSES,		/* How many losses that round had */
	SIGNAL_RET,		/* and what the call returned */
};

/* In each round one signal comes, shortly before, during or after the call. */
static void finish_signals(struct iso_shared *sh)
{
	__u64 losses;
	int ret, round;

	iso_record(&sh->rec);
	for (round = 1; round <= SIGNALS && !sh->val[SIGNAL_WRONG]; round++) {
		losses = sh->rec.losses;
		STORE(sh->val[SIGNAL_ROUND], round);
		/* However long the signal takes, it comes during some of the calls. */
		iso_spin_rounds(1UL << round % 18);
		ret = iso_prctl(ISO_USR1) ? -errno : 0;
		while (LOAD(sh->sig[SIGUSR2]) < round)
			;
		/* If no signal ended isolation, then this does. */
		getppid();
		iso_record(&sh->rec);
		losses = sh->rec.losses - losses;
		sh->val[ret ? SIGNAL_REFUSED : SIGNAL_KEPT]++;
		if (losses != !ret || (ret && ret != -EAGAIN)) {
			sh->val[SIGNAL_LOSSES] = losses;
			sh->val[SIGNAL_RET] = ret;
			sh->val[SIGNAL_WRONG] = round;
		}
	}
}

/*
 * A handler that runs on the way out voids the request, which has succeeded
 * already: the call has to say so. After a 0 each loss is told.
 */
TEST_F_TIMEOUT(iso, again_signal, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .finish = finish_signals };
	int round, looks = 0;

	iso_start_quiet(_metadata, &c);
	STORE(iso.sh->stop, 1);
	for (round = 1; round <= SIGNALS; round++) {
		while (LOAD(iso.sh->val[SIGNAL_ROUND]) < round &&
		       (++looks % 10000 || iso_alive(iso.victim)))
			;
		if (kill(iso.victim, SIGUSR2))
			break;
	}
	iso_stop(_metadata);
	EXPECT_EQ(0, iso.sh->val[SIGNAL_WRONG]) {
		TH_LOG("round %ld: returned %ld, losses %ld", iso.sh->val[SIGNAL_WRONG],
		       iso.sh->val[SIGNAL_RET], iso.sh->val[SIGNAL_LOSSES]);
	}
	EXPECT_EQ(SIGNALS, iso.sh->val[SIGNAL_KEPT] + iso.sh->val[SIGNAL_REFUSED]);
	TH_LOG("%ld of %d calls were refused", iso.sh->val[SIGNAL_REFUSED], SIGNALS);
}

TEST_HARNESS_MAIN
