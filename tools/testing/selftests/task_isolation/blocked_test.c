// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: what a thread is refused for.
 *
 * Each refusal is checked in the record, the trace events and the counters.
 *
 * Test Summary
 *
 *  * obstacles.*	What keeps a thread from being isolated for good, without asking
 *  * blocked.*		What a request is refused for. Blockers which are only there
 *			for a moment (reschedule, softirq, RCU, VM counters and batches)
 *			can't be made to be there; the clock is in contract_test, the
 *			domain in cpuset_test, a signal in stop_test, irq_work and
 *			function calls in KUnit, the device in the test of taskiso
 *  * again.*		A blocker goes away: the request succeeds, and nothing is left
 *			of the refusal
 */
#include "fixture.h"
#include "blockers.h"
#include "stimuli.h"

FIXTURE(obstacles)
{
	struct task_isolation_record rec;
};

FIXTURE_SETUP(obstacles)
{
	const char *reason = iso_find_cpu(&iso.cpu, &iso.cpu2);

	if (reason)
		SKIP(return, "%s", reason);
}

FIXTURE_TEARDOWN(obstacles) {}

/* Whether the scheduler balances load on this CPU. */
static bool in_domain(int cpu)
{
	cpu_set_t set;

	iso_read_cpus("/sys/devices/system/cpu/isolated", &set);
	return !CPU_ISSET(cpu, &set);
}

TEST_F(obstacles, none)
{
	ASSERT_EQ(0, iso_pin(iso.cpu));
	ASSERT_EQ(0, iso_record(&self->rec));
	EXPECT_EQ(0, self->rec.blockers_now);
}

TEST_F(obstacles, two_cpus)
{
	cpu_set_t set;

	ASSERT_EQ(0, iso_pin(iso.cpu));
	CPU_ZERO(&set);
	CPU_SET(iso.cpu, &set);
	CPU_SET(iso_housekeeping_cpu(false), &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	ASSERT_EQ(0, iso_record(&self->rec));
	EXPECT_NE(0, self->rec.blockers_now & TASK_ISOLATION_BLOCKER_AFFINITY);
}

TEST_F(obstacles, housekeeping_cpu)
{
	int cpu = iso_housekeeping_cpu(false);

	ASSERT_EQ(0, iso_pin(cpu));
	ASSERT_EQ(0, iso_record(&self->rec));
	EXPECT_EQ(0, self->rec.blockers_now & TASK_ISOLATION_BLOCKER_AFFINITY);
	EXPECT_NE(0, self->rec.blockers_now & TASK_ISOLATION_BLOCKER_NOHZ);
	EXPECT_EQ(in_domain(cpu), !!(self->rec.blockers_now & TASK_ISOLATION_BLOCKER_DOMAIN));
	EXPECT_EQ(0, self->rec.blockers_now & ~TASK_ISOLATION_BLOCKERS_FINAL);
}

struct deadline_attr {
	__u32	size;
	__u32	policy;
	__u64	flags;
	__s32	nice;
	__u32	priority;
	__u64	runtime;
	__u64	deadline;
	__u64	period;
};

TEST_F(obstacles, deadline)
{
	struct deadline_attr attr = {
		.size = sizeof(attr), .policy = 6, .runtime = 10000000,
		.deadline = 1000000000, .period = 1000000000,
	};

	/* This policy wants all CPUs of its domain. */
	ASSERT_EQ(0, iso_pin_housekeeping());
	ASSERT_EQ(0, iso_record(&self->rec));
	EXPECT_EQ(0, self->rec.blockers_now & TASK_ISOLATION_BLOCKER_DEADLINE);
	if (syscall(SYS_sched_setattr, 0, &attr, 0))
		SKIP(return, "no SCHED_DEADLINE here: %s", strerror(errno));
	ASSERT_EQ(0, iso_record(&self->rec));
	EXPECT_NE(0, self->rec.blockers_now & TASK_ISOLATION_BLOCKER_DEADLINE);
}

FIXTURE(blocked) {};

FIXTURE_SETUP(blocked)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(blocked)
{
	iso_finish(_metadata);
}

TEST_F_TIMEOUT(blocked, task, ISO_TIMEOUT)
{
	pid_t pid = iso_run_busy(false);

	iso_ask(iso.cpu, ASK_BUSY, EAGAIN, TASK_ISOLATION_BLOCKER_TASK);
	EXPECT_EQ(pid, iso.sh->rec.blocker_pid);
	EXPECT_EQ(pid, iso.sh->rec.blocker_tid);
	iso_end(pid);
}

TEST_F_TIMEOUT(blocked, tick, ISO_TIMEOUT)
{
	iso_ask(iso.cpu, ASK_CPU_TIMER | ASK_ALONE, EAGAIN, TASK_ISOLATION_BLOCKER_TICK);
	EXPECT_STRNE("", iso.sh->rec.tick);
	EXPECT_STREQ("", iso.sh->rec.blocker_comm);
	EXPECT_EQ(0, iso.sh->rec.blocker_tid);
	TH_LOG("needed by %s", iso.sh->rec.tick);
}

/* All of them, not only the first. */
TEST_F_TIMEOUT(blocked, several, ISO_TIMEOUT)
{
	pid_t pid = iso_run_busy(false);

	iso_ask(iso.cpu, ASK_BUSY | ASK_CPU_TIMER, EAGAIN,
		TASK_ISOLATION_BLOCKER_TASK | TASK_ISOLATION_BLOCKER_TICK);
	EXPECT_EQ(pid, iso.sh->rec.blocker_tid);
	EXPECT_STREQ("posix_timer", iso.sh->rec.tick);
	iso_end(pid);
}

TEST_F_TIMEOUT(blocked, work, ISO_TIMEOUT)
{
	iso_ask_with_work(0);
	EXPECT_STREQ(ISO_WORK, iso.sh->rec.work);
	EXPECT_EQ(0, iso.sh->rec.hidden & TASK_ISOLATION_HIDDEN_WORK);
}

TEST_F_TIMEOUT(blocked, timer, ISO_TIMEOUT)
{
	int fd = iso_pending_timer(iso.cpu);

	if (fd < 0)
		SKIP(return, "no perf event on CPU %d: %s", iso.cpu, strerror(errno));
	iso_ask(iso.cpu, ASK_TIMER, EAGAIN, TASK_ISOLATION_BLOCKER_TIMER);
	close(fd);
}

/*
 * Another CPU expires these timers. The thread is refused for something else, and they
 * are not to blame.
 */
TEST_F_TIMEOUT(blocked, not_timer, ISO_TIMEOUT)
{
	pid_t pid;

	if (!iso_connect())
		SKIP(return, "no connection on the loopback device: %s", strerror(errno));
	pid = iso_run_busy(false);
	iso_ask(iso.cpu, ASK_BUSY | ASK_KEEPALIVE, EAGAIN, TASK_ISOLATION_BLOCKER_TASK);
	EXPECT_EQ(0, iso.sh->rec.blockers & TASK_ISOLATION_BLOCKER_TIMER);
	EXPECT_STREQ("", iso.sh->rec.timer);
	iso_end(pid);
}

TEST_F_TIMEOUT(blocked, affinity, ISO_TIMEOUT)
{
	iso_ask(iso.cpu, ASK_WIDE, EINVAL, TASK_ISOLATION_BLOCKER_AFFINITY);
	EXPECT_NE(0, iso.sh->rec.blockers_now & TASK_ISOLATION_BLOCKER_AFFINITY);
}

TEST_F_TIMEOUT(blocked, housekeeping_cpu, ISO_TIMEOUT)
{
	int cpu = iso_housekeeping_cpu(false);

	iso_ask(cpu, 0, EINVAL, TASK_ISOLATION_BLOCKER_NOHZ);
	EXPECT_EQ(1, iso.sh->count);
	EXPECT_EQ(in_domain(cpu), !!(iso.sh->rec.blockers & TASK_ISOLATION_BLOCKER_DOMAIN));
	EXPECT_EQ(0, iso.sh->rec.blockers & TASK_ISOLATION_BLOCKER_AFFINITY);
}

FIXTURE(again) {};

FIXTURE_SETUP(again)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(again)
{
	iso_finish(_metadata);
}

/* A second task on the CPU is a blocker for as long as it is there. */
TEST_F_TIMEOUT(again, second_task, ISO_TIMEOUT)
{
	pid_t pid = iso_run_busy(false);

	ASSERT_TRUE(iso_start(&stim_nothing));
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->again, 2));
	EXPECT_EQ(0, iso.sh->ready);
	EXPECT_EQ(EAGAIN, iso.sh->err);
	iso_end(pid);
	EXPECT_TRUE(iso_wait_isolated(&iso.sh->ready));
	iso_expect(&stim_nothing);
	EXPECT_LE(2, iso.sh->again);
}

static void prepare_blocked(struct iso_shared *sh)
{
	struct task_isolation_record rec;
	cpu_set_t set;

	iso_housekeeping(&set);
	sched_setaffinity(0, sizeof(set), &set);
	sh->error = iso_prctl(ISO_USR1) ? errno : 0;
	sh->value = !iso_record(&rec) && rec.blockers;
	iso_pin(iso.cpu);
}

/* Refused once, on another CPU: nothing is left of that in the record. */
TEST_F_TIMEOUT(again, gone, ISO_TIMEOUT)
{
	const struct stimulus s = { .prepare = prepare_blocked };

	ASSERT_TRUE(iso_start_quiet(&s));
	iso_stop();
	EXPECT_EQ(EINVAL, iso.sh->error);
	EXPECT_EQ(1, iso.sh->value);
	EXPECT_EQ(0, iso.sh->sig_total);
	EXPECT_EQ(0, iso.sh->rec.blockers);
	EXPECT_EQ(0, iso.sh->rec.blockers_now);
	EXPECT_EQ(0, iso.sh->rec.losses);
}

static const char *arrange_connection(void)
{
	return iso_connect() ? NULL : iso_reason("no connection on the loopback device: %s",
						 strerror(errno));
}

static void prepare_keepalive(struct iso_shared *sh)
{
	if (!iso_keep_alive())
		sh->unable = errno;
}

/* The timers of a connection neither keep a thread from being isolated, nor end that. */
static const struct stimulus stim_keepalive = {
	.arrange = arrange_connection, .prepare = prepare_keepalive,
};

TEST_F_TIMEOUT(again, keepalive, ISO_TIMEOUT)
{
	iso_test(_metadata, &stim_keepalive);
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
