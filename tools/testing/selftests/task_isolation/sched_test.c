// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the scheduler and a CPU with one task.
 *
 * Test Summary
 *
 *  * change.*		Another task changes how an isolated thread is scheduled: by
 *			setpriority(), sched_setattr(), the weight of its group. It is
 *			alone, so nothing follows from that, and nothing interrupts it
 *  * starve.*		A nohz_full CPU has no deadline server while there is one task.
 *			With a SCHED_FIFO one that never sleeps, or hardly, a fair one
 *			still gets its share, whichever was there first
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include "fixture.h"

#ifndef SCHED_FLAG_UTIL_CLAMP_MIN
#define SCHED_FLAG_UTIL_CLAMP_MIN	0x20
#define SCHED_FLAG_UTIL_CLAMP_MAX	0x40
#endif

#define ISO_DIR		ISO_CGROUP "/iso-sched"

FIXTURE(change)
{
	bool	group;
};

FIXTURE_SETUP(change)
{
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(change)
{
	iso_close(_metadata);
	if (self->group && !rmdir(ISO_DIR))
		iso_cgroup_settle();
}

TEST_F_TIMEOUT(change, setpriority, ISO_TIMEOUT)
{
	static const int nice[] = { 1, 5, 19, 0, -5, 0 };
	unsigned int i;

	iso_start_quiet(_metadata, &iso_spin_case);
	for (i = 0; i < ARRAY_SIZE(nice); i++) {
		EXPECT_EQ(0, setpriority(PRIO_PROCESS, iso.victim, nice[i]));
		iso_sleep_ms(5);
	}
	iso_expect_silent(_metadata);
}

TEST_F_TIMEOUT(change, policy, ISO_TIMEOUT)
{
	static const int policy[] = { SCHED_BATCH, SCHED_OTHER };
	const struct sched_param param = { 0 };
	unsigned int i;

	iso_start_quiet(_metadata, &iso_spin_case);
	for (i = 0; i < ARRAY_SIZE(policy); i++) {
		EXPECT_EQ(0, sched_setscheduler(iso.victim, policy[i], &param));
		iso_sleep_ms(5);
	}
	iso_expect_silent(_metadata);
}

/* As in linux/sched/types.h, which does not go together with sched.h. */
struct iso_sched_attr {
	uint32_t	size;
	uint32_t	sched_policy;
	uint64_t	sched_flags;
	int32_t		sched_nice;
	uint32_t	sched_priority;
	uint64_t	sched_runtime;
	uint64_t	sched_deadline;
	uint64_t	sched_period;
	uint32_t	sched_util_min;
	uint32_t	sched_util_max;
};

static int set_attr(struct iso_sched_attr *attr)
{
	attr->size = sizeof(*attr);
	attr->sched_policy = SCHED_OTHER;
	return syscall(SYS_sched_setattr, iso.victim, attr, 0);
}

TEST_F_TIMEOUT(change, nice, ISO_TIMEOUT)
{
	struct iso_sched_attr attr = { .sched_nice = 7 };

	iso_start_quiet(_metadata, &iso_spin_case);
	EXPECT_EQ(0, set_attr(&attr));
	iso_expect_silent(_metadata);
}

/* What a fair thread takes for the length of its turns. */
TEST_F_TIMEOUT(change, slice, ISO_TIMEOUT)
{
	struct iso_sched_attr attr = { .sched_runtime = 500000 };

	iso_start_quiet(_metadata, &iso_spin_case);
	EXPECT_EQ(0, set_attr(&attr));
	iso_sleep_ms(5);
	attr.sched_runtime = 50000000;
	EXPECT_EQ(0, set_attr(&attr));
	iso_expect_silent(_metadata);
}

TEST_F_TIMEOUT(change, uclamp, ISO_TIMEOUT)
{
	struct iso_sched_attr attr = {
		.sched_flags = SCHED_FLAG_UTIL_CLAMP_MIN | SCHED_FLAG_UTIL_CLAMP_MAX,
		.sched_util_min = 100, .sched_util_max = 600,
	};

	/* The first clamp of all switches them on for the whole system, in its text. */
	if (set_attr(&attr))
		SKIP(return, "no clamps: %s", strerror(errno));
	iso_start_quiet(_metadata, &iso_spin_case);
	EXPECT_EQ(0, set_attr(&attr));
	iso_sleep_ms(5);
	attr.sched_util_min = 0;
	attr.sched_util_max = 1024;
	EXPECT_EQ(0, set_attr(&attr));
	iso_expect_silent(_metadata);
}

static void prepare_join(struct iso_shared *sh)
{
	sh->val[0] = iso_write_file(ISO_DIR "/cgroup.procs", "0");
}

TEST_F_TIMEOUT(change, cgroup_weight, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_join, .act = iso_act_spin,
	};

	if (!iso_mount_cgroup())
		SKIP(return, "no cgroup v2 at " ISO_CGROUP);
	if (iso_write_file(ISO_CGROUP "/cgroup.subtree_control", "+cpu"))
		SKIP(return, "no cpu controller: %s", strerror(errno));
	ASSERT_TRUE(!mkdir(ISO_DIR, 0755) || errno == EEXIST);
	self->group = true;
	iso_start_quiet(_metadata, &c);
	ASSERT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(0, iso_write_file(ISO_DIR "/cpu.weight", "10"));
	iso_sleep_ms(5);
	EXPECT_EQ(0, iso_write_file(ISO_DIR "/cpu.weight", "1000"));
	iso_sleep_ms(5);
	EXPECT_EQ(0, iso_write_file(ISO_DIR "/cpu.weight.nice", "3"));
	iso_expect_silent(_metadata);
}

/* A session has a group of its own. */
static void prepare_session(struct iso_shared *sh)
{
	sh->val[0] = setsid();
}

TEST_F_TIMEOUT(change, autogroup_nice, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_session, .act = iso_act_spin,
	};
	char path[64], text[64];

	if (iso_read_file("/proc/self/autogroup", text, sizeof(text)) <= 0)
		SKIP(return, "kernel without CONFIG_SCHED_AUTOGROUP");
	iso_start_quiet(_metadata, &c);
	ASSERT_LT(0, iso.sh->val[0]);
	snprintf(path, sizeof(path), "/proc/%d/autogroup", iso.victim);
	EXPECT_EQ(0, iso_write_file(path, "10"));
	iso_sleep_ms(5);
	EXPECT_EQ(0, iso_write_file(path, "0"));
	iso_expect_silent(_metadata);
}

#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"

/* Rounds of a starved task which are no accident. */
#define ROUNDS		100
/* Longer than a server stays when it is not needed: a period, and some. */
#define ALONE_MS	2500

FIXTURE(starve)
{
	struct iso_shared	*fair;
	struct iso_shared	*fifo;
	pid_t			fair_pid;
	pid_t			fifo_pid;
	char			rt_runtime[32];
};

FIXTURE_SETUP(starve)
{
	iso_setup_cpu(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	self->fair = iso_share(sizeof(*self->fair));
	self->fifo = iso_share(sizeof(*self->fifo));
	ASSERT_TRUE(self->fair != MAP_FAILED && self->fifo != MAP_FAILED);
	/* The limit of realtime tasks must not be what helps the others. */
	iso_read_file(RT_RUNTIME, self->rt_runtime, sizeof(self->rt_runtime));
	if (self->rt_runtime[0])
		ASSERT_EQ(0, iso_write_file(RT_RUNTIME, "-1"));
}

FIXTURE_TEARDOWN(starve)
{
	if (self->fair_pid > 0)
		iso_end(self->fair_pid);
	if (self->fifo_pid > 0)
		iso_end(self->fifo_pid);
	iso_close(_metadata);
	if (self->rt_runtime[0])
		iso_write_file(RT_RUNTIME, self->rt_runtime);
}

/* Starts a busy process on the isolation CPU, and waits until it has run there. */
static pid_t start(struct __test_metadata *_metadata, struct iso_shared *sh, bool fifo)
{
	pid_t pid = iso_start_busy(sh, iso.cpu, fifo);

	EXPECT_LT(0, pid);
	EXPECT_TRUE(iso_wait_for(pid, &sh->count, 1));
	return pid;
}

/* From now on, with both there. */
static void expect_served(struct __test_metadata *_metadata, pid_t pid, struct iso_shared *sh)
{
	int before = LOAD(sh->count);

	EXPECT_TRUE(iso_wait_for(pid, &sh->count, before + ROUNDS)) {
		TH_LOG("starved after %d rounds, %d more", before, LOAD(sh->count) - before);
	}
}

TEST_F_TIMEOUT(starve, fair_then_fifo, ISO_TIMEOUT)
{
	self->fair_pid = start(_metadata, self->fair, false);
	self->fifo_pid = start(_metadata, self->fifo, true);
	expect_served(_metadata, self->fair_pid, self->fair);
	expect_served(_metadata, self->fifo_pid, self->fifo);
	expect_served(_metadata, self->fair_pid, self->fair);
}

TEST_F_TIMEOUT(starve, fifo_then_fair, ISO_TIMEOUT)
{
	self->fifo_pid = start(_metadata, self->fifo, true);
	self->fair_pid = start(_metadata, self->fair, false);
	expect_served(_metadata, self->fair_pid, self->fair);
	expect_served(_metadata, self->fifo_pid, self->fifo);
	expect_served(_metadata, self->fair_pid, self->fair);
}

/* What a visitor has started stops again, and is there for the next one. */
TEST_F_TIMEOUT(starve, fifo_again, ISO_TIMEOUT)
{
	self->fair_pid = start(_metadata, self->fair, false);
	iso_end(start(_metadata, self->fifo, true));
	iso_sleep_ms(ALONE_MS);
	STORE(self->fifo->count, 0);
	self->fifo_pid = start(_metadata, self->fifo, true);
	expect_served(_metadata, self->fair_pid, self->fair);
	expect_served(_metadata, self->fifo_pid, self->fifo);
}

/* Two fair ones need no server for each other, but for the third. */
TEST_F_TIMEOUT(starve, two_fair_then_fifo, ISO_TIMEOUT)
{
	struct iso_shared *second = iso_share(sizeof(*second));
	pid_t pid;

	ASSERT_TRUE(second != MAP_FAILED);
	self->fair_pid = start(_metadata, self->fair, false);
	pid = start(_metadata, second, false);
	self->fifo_pid = start(_metadata, self->fifo, true);
	expect_served(_metadata, self->fair_pid, self->fair);
	expect_served(_metadata, pid, second);
	iso_end(pid);
}

/* A task that becomes SCHED_FIFO is enqueued anew, and that is all. */
TEST_F_TIMEOUT(starve, fair_becomes_fifo, ISO_TIMEOUT)
{
	const struct sched_param param = { .sched_priority = 1 };

	self->fair_pid = start(_metadata, self->fair, false);
	self->fifo_pid = start(_metadata, self->fifo, false);
	ASSERT_EQ(0, sched_setscheduler(self->fifo_pid, SCHED_FIFO, &param));
	expect_served(_metadata, self->fair_pid, self->fair);
	expect_served(_metadata, self->fifo_pid, self->fifo);
}

static uint64_t used_ms(pid_t pid)
{
	struct timespec ts = { 0 };
	clockid_t clock;

	if (!clock_getcpuclockid(pid, &clock))
		clock_gettime(clock, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

#define PAUSE_EVERY_MS	250
#define PAUSE_NS	100000

/* Busy, but for a pause now and then which is much too short for anybody else. */
static pid_t start_pausing(struct iso_shared *sh)
{
	const struct sched_param param = { .sched_priority = 1 };
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	pid_t pid = fork();
	uint64_t end;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_FIFO, &param) || iso_pin(iso.cpu))
		_exit(1);
	for (;;) {
		end = iso_now_ns() + PAUSE_EVERY_MS * 1000000ULL;
		while (iso_now_ns() < end)
			;
		nanosleep(&pause, NULL);
		INC(sh->count);
	}
}

/*
 * A server gives 5 % of the time. The pauses are a thousandth of that, whatever comes
 * with them, and must not make the server begin anew each time.
 */
TEST_F_TIMEOUT(starve, fifo_pauses, ISO_TIMEOUT)
{
	uint64_t fair, fifo;

	self->fair_pid = start(_metadata, self->fair, false);
	self->fifo_pid = start_pausing(self->fifo);
	ASSERT_LT(0, self->fifo_pid);
	ASSERT_TRUE(iso_wait_for(self->fifo_pid, &self->fifo->count, 1));
	fair = used_ms(self->fair_pid);
	fifo = used_ms(self->fifo_pid);
	iso_sleep_ms(8000);
	fair = used_ms(self->fair_pid) - fair;
	fifo = used_ms(self->fifo_pid) - fifo;
	EXPECT_LT(fifo / 50, fair) {
		TH_LOG("%llu ms of CPU time beside %llu ms", (unsigned long long)fair,
		       (unsigned long long)fifo);
	}
	/*
	 * Or there was nothing to protect from. Not less than the fair one, though: in an
	 * emulator a pause may last as long as what is between two of them.
	 */
	EXPECT_LT(fair / 2, fifo);
	EXPECT_LT(8, LOAD(self->fifo->count));
}

TEST_HARNESS_MAIN
