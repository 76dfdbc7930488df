// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the two calls, their errors, entering and leaving.
 *
 * Test Summary
 *
 *  * call.*		What prctl(PR_TASK_ISOLATION) returns without an isolation
 *			CPU: unknown bits, signal numbers, other arguments
 *  * record.*		What prctl(PR_TASK_ISOLATION_RECORD) does there: sizes,
 *			arguments, pointers, and what it never changes
 *  * no_kernel_support	What both return in a kernel without the option
 *  * iso.einval_*	A thread that is not affine to exactly one isolation CPU
 *  * iso.cpus		The set of isolation CPUs in sysfs
 *  * row.enter_*		Entering, leaving, entering again
 *  * row.exit_*, iso.exit_*	Exit by any path is silent and leaves nothing behind
 *  * history.*		What the record has of a thread, and of its children
 */
#include <pthread.h>
#include <stddef.h>

#include "rows.h"

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

/* The record */

#define VER0	TASK_ISOLATION_RECORD_SIZE_VER0

static int raw_record(void *rec, unsigned long size, unsigned long a4, unsigned long a5)
{
	return syscall(SYS_prctl, PR_TASK_ISOLATION_RECORD, rec, size, a4, a5);
}

FIXTURE(record) {};

/* A page with nothing behind it, and a record which ends where that page does */
static char *page, *last;
static size_t page_size;

/* Something that is overwritten. */
static void fill(char *rec, size_t size)
{
	memset(rec, 0xa5, size);
}

/* The call fails like this, and leaves the memory alone. */
static void expect_refused(struct __test_metadata *_metadata, int err, void *rec,
			   unsigned long size, unsigned long a4, unsigned long a5)
{
	char *copy = malloc(page_size);

	memcpy(copy, page, page_size);
	EXPECT_EQ(-1, raw_record(rec, size, a4, a5)) {
		TH_LOG("size %lu, %lu, %lu was accepted", size, a4, a5);
	}
	EXPECT_EQ(err, errno) {
		TH_LOG("size %lu, %lu, %lu", size, a4, a5);
	}
	EXPECT_EQ(0, memcmp(copy, page, page_size));
	free(copy);
}

FIXTURE_SETUP(record)
{
	if (!built_in())
		SKIP(return, "no " ISO_CPUS_FILE ": kernel without CONFIG_TASK_ISOLATION");
	page_size = sysconf(_SC_PAGESIZE);
	page = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	ASSERT_TRUE(page != MAP_FAILED);
	ASSERT_EQ(0, munmap(page + page_size, page_size));
	last = page + page_size - VER0;
	fill(page, page_size);
}

FIXTURE_TEARDOWN(record) {}

TEST_F(record, size_first)
{
	EXPECT_EQ(0, raw_record(last, VER0, 0, 0));
}

TEST_F(record, size_smaller)
{
	unsigned long size;

	for (size = 0; size < VER0; size++)
		expect_refused(_metadata, EINVAL, last, size, 0, 0);
}

/* A program that was built for a later kernel. */
TEST_F(record, size_larger)
{
	static const unsigned long more[] = { 1, 4, 8, 64 };
	unsigned int i, byte;

	for (i = 0; i < ARRAY_SIZE(more); i++) {
		char *rec = last - more[i];

		fill(rec, VER0 + more[i]);
		EXPECT_EQ(0, raw_record(rec, VER0 + more[i], 0, 0));
		EXPECT_EQ(0, ((struct task_isolation_record *)rec)->hidden);
		for (byte = 0; byte < more[i]; byte++)
			EXPECT_EQ(0, rec[VER0 + byte]);
	}
}

/* What a program that was built for a later kernel left there is never read. */
TEST_F(record, size_larger_garbage)
{
	char *rec = last - 16;
	unsigned int byte;

	for (byte = 0; byte < 16; byte++) {
		memset(rec + VER0, 0, 16);
		rec[VER0 + byte] = 1;
		EXPECT_EQ(0, raw_record(rec, VER0 + 16, 0, 0));
		EXPECT_EQ(0, rec[VER0 + byte]);
	}
}

TEST_F(record, size_page)
{
	EXPECT_EQ(0, raw_record(page, page_size, 0, 0));
}

TEST_F(record, size_above_page)
{
	expect_refused(_metadata, E2BIG, page, page_size + 1, 0, 0);
	expect_refused(_metadata, E2BIG, page, ~0UL, 0, 0);
}

TEST_F(record, einval_flags)
{
	unsigned int bit;

	for (bit = 0; bit < 8 * sizeof(long); bit++)
		expect_refused(_metadata, EINVAL, last, VER0, 1UL << bit, 0);
}

/* Nothing is input. */
TEST_F(record, flags_garbage)
{
	__u32 *flags = (void *)(last + offsetof(struct task_isolation_record, flags));
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		*flags = 1U << bit;
		EXPECT_EQ(0, raw_record(last, VER0, 0, 0));
		EXPECT_EQ(0, *flags);
	}
}

TEST_F(record, einval_args)
{
	expect_refused(_metadata, EINVAL, last, VER0, 0, 1);
}

TEST_F(record, efault)
{
	expect_refused(_metadata, EFAULT, NULL, VER0, 0, 0);
	/* An address of the kernel, or of nothing. */
	expect_refused(_metadata, EFAULT, (void *)-4096L, VER0, 0, 0);
	/* The first byte is there and may have been written, the last one is not. */
	EXPECT_EQ(-1, raw_record(last + 1, VER0, 0, 0));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(record, efault_read_only)
{
	ASSERT_EQ(0, mprotect(page, page_size, PROT_READ));
	expect_refused(_metadata, EFAULT, last, VER0, 0, 0);
}

/* What was in the members does not matter, and is gone. */
TEST_F(record, never_isolated)
{
	struct task_isolation_record never = { .cpu = -1, .culprit_cpu = -1 };
	const struct task_isolation_record *rec = (void *)last;

	ASSERT_EQ(0, raw_record(last, VER0, 0, 0));
	never.blockers_now = rec->blockers_now;
	EXPECT_EQ(0, memcmp(&never, rec, sizeof(never)));
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

/* Entering and leaving */

static void finish_getppid_100(struct iso_shared *sh)
{
	int i;

	for (i = 0; i < 100; i++)
		sh->value += getppid() > 0;
}

/* After leaving, system calls are as free as before. */
static const struct stimulus stim_enter_leave_syscalls = {
	.finish = finish_getppid_100, .value = 100,
};

/* The default signal: nothing comes if the rule is obeyed. */
static const struct stimulus stim_enter_default_signal = {
	.flags = PR_TASK_ISOLATION_ENABLE,
};

static void act_enter_again(struct iso_shared *sh)
{
	int i;

	for (i = 0; i < 100; i++) {
		sh->value += !iso_enter(sh, ISO_USR1);
		iso_spin_rounds(10000);
	}
}

static const struct stimulus stim_enter_twice = {
	.act = act_enter_again, .value = 100, .entries = 101,
};

static void act_change_signal(struct iso_shared *sh)
{
	iso_enter(sh, PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(SIGUSR2));
	sh->value = getppid();
}

static void check_value_getppid(void)
{
	WANT_EQ(getpid(), iso.sh->value);
}

/* A second call replaces the signal of the first. */
static const struct stimulus stim_enter_changes_signal = {
	.act = act_change_signal, .check = check_value_getppid, .entries = 2,
	.causes = ISO_CAUSE(SYSCALL), .number = SYS_getppid, .sig = SIGUSR2,
};

static void act_bad_call(struct iso_shared *sh)
{
	sh->value = syscall(SYS_prctl, PR_TASK_ISOLATION, PR_TASK_ISOLATION_ENABLE | 2, 0, 0, 0);
	sh->error = errno;
	sh->second = getppid();
}

static void check_bad_call(void)
{
	WANT_EQ(-1, iso.sh->value);
	WANT_EQ(EINVAL, iso.sh->error);
	WANT_EQ(getpid(), iso.sh->second);
}

/* A failed call returns an error, and the thread is not isolated after it. */
static const struct stimulus stim_enter_bad_call = {
	.act = act_bad_call, .check = check_bad_call,
};

static void act_signal_only(struct iso_shared *sh)
{
	/* A signal without ENABLE: off, or refused; never on. */
	iso_prctl(PR_TASK_ISOLATION_SET_SIG(SIGUSR2));
	sh->value = getppid();
}

static const struct stimulus stim_enter_signal_only = {
	.act = act_signal_only, .check = check_value_getppid,
};

ROW(nothing);
ROW(enter_leave_syscalls);
ROW(enter_default_signal);
ROW(enter_twice);
ROW(enter_changes_signal);
ROW(enter_bad_call);
ROW(enter_signal_only);

/* Exit by any path */

static void act_exit(struct iso_shared *sh)
{
	syscall(SYS_exit, 7);
}

static void act_exit_group(struct iso_shared *sh)
{
	syscall(SYS_exit_group, 8);
}

static const struct stimulus stim_exit_thread = {
	.act = act_exit, .number = SYS_exit, .status = 7 << 8,
};

/* Under the default signal a loss would show as SIGKILL. */
static const struct stimulus stim_exit_group = {
	.flags = PR_TASK_ISOLATION_ENABLE, .act = act_exit_group, .number = SYS_exit_group,
	.status = 8 << 8,
};

static void other_exit(struct iso_shared *sh)
{
	/* The first thread goes on for a while, without the one that has exited. */
	iso_sleep_ms(50);
	sh->value = getppid();
	_exit(9);
}

static int inject_alive(void)
{
	WANT(iso_alive(iso.victim));
	return 0;
}

/* One thread of several exits: the others go on, and none is notified. */
static const struct stimulus stim_exit_one_of_two_threads = {
	.act = act_exit, .other = other_exit, .leader = true, .inject = inject_alive,
	.check = check_value_getppid, .number = SYS_exit, .status = 9 << 8,
};

ROW(exit_thread);
ROW(exit_group);
ROW(exit_one_of_two_threads);

/* What exits isolated leaves a CPU that the next one can use, many times. */
TEST_F_TIMEOUT(iso, exit_and_next, ISO_TIMEOUT)
{
	int i;

	for (i = 0; i < 20 && !iso_differences; i++)
		iso_test(_metadata, &stim_exit_group);
}

/* The history of a thread, which is empty for its children */

static int child_losses(void)
{
	struct task_isolation_record rec;

	return iso_record(&rec) ? -1 : rec.losses;
}

static void finish_fork(struct iso_shared *sh)
{
	pid_t pid = fork();

	if (!pid)
		_exit(child_losses());
	waitpid(pid, &sh->error, 0);
}

static void *thread_losses(void *arg)
{
	struct iso_shared *sh = arg;

	sh->error = child_losses();
	return NULL;
}

static void finish_thread(struct iso_shared *sh)
{
	pthread_t thread;

	sh->error = -1;
	if (!pthread_create(&thread, NULL, thread_losses, sh))
		pthread_join(thread, NULL);
}

#define ROUNDS	5

/* Each loss is one more, and isolation after it begins later than that ended. */
static void act_count(struct iso_shared *sh)
{
	struct task_isolation_record rec;
	uint64_t last = 0;
	int i;

	for (i = 1; i <= ROUNDS; i++) {
		/* The first time the thread is isolated already. */
		if (i > 1 && iso_enter(sh, ISO_USR1))
			break;
		iso_spin_rounds(1000);
		syscall(SYS_getppid);
		sh->error = iso_record(&rec);
		sh->value += rec.losses == (unsigned int)i;
		sh->second += rec.entered_ns > last;
		last = rec.lost_ns;
	}
}

FIXTURE(history) {};

FIXTURE_SETUP(history)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(history)
{
	iso_finish(_metadata);
}

TEST_F_TIMEOUT(history, fork, ISO_TIMEOUT)
{
	struct stimulus s = stim_syscall_getppid;

	s.finish = finish_fork;
	if (iso_test(_metadata, &s))
		EXPECT_EQ(0, iso.sh->error);
}

TEST_F_TIMEOUT(history, thread, ISO_TIMEOUT)
{
	struct stimulus s = stim_syscall_getppid;

	s.finish = finish_thread;
	if (iso_test(_metadata, &s))
		EXPECT_EQ(0, iso.sh->error);
}

TEST_F_TIMEOUT(history, counts, ISO_TIMEOUT)
{
	const struct stimulus s = { .act = act_count };

	ASSERT_TRUE(iso_start_acted(&s));
	iso_stop();
	EXPECT_EQ(ROUNDS, iso.sh->sig[SIGUSR1]);
	EXPECT_EQ(ROUNDS, iso.sh->value);
	EXPECT_EQ(ROUNDS, iso.sh->second);
	EXPECT_EQ(0, iso.sh->error);
	iso_expect_totals(ROUNDS, ROUNDS);
}

/* The time between the two is that for which the thread was isolated. */
TEST_F_TIMEOUT(history, times, ISO_TIMEOUT)
{
	uint64_t isolated;

	ASSERT_TRUE(iso_start_quiet(&stim_signal_handled));
	isolated = iso_now_ns();
	iso_sleep_ms(100);
	ASSERT_EQ(0, kill(iso.victim, stim_signal_handled.send));
	iso_expect(&stim_signal_handled);
	EXPECT_LE(iso.sh->rec.entered_ns, isolated);
	EXPECT_LE(isolated + 100000000, iso.sh->rec.lost_ns);
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
