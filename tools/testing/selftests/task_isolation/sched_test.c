// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the scheduler and a CPU with one task.
 *
 * Test Summary
 *
 *  * row.change_*	Another task changes how an isolated thread is scheduled: by
 *			setpriority(), sched_setattr(), the weight of its group. It is
 *			alone, so nothing follows from that, and nothing interrupts it
 *  * row.remote_tick	Nor does the remote tick have it look at its own memory
 *  * victim.*		A fair task and an isolated thread, one of which is SCHED_FIFO:
 *			neither is starved, and the thread is notified
 *  * starve.*		A nohz_full CPU has no deadline server while there is one task.
 *			With a SCHED_FIFO one that never sleeps, or hardly, a fair one
 *			still gets its share, whichever was there first
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include "rows.h"

#ifndef SCHED_FLAG_UTIL_CLAMP_MIN
#define SCHED_FLAG_UTIL_CLAMP_MIN	0x20
#define SCHED_FLAG_UTIL_CLAMP_MAX	0x40
#endif

/* What interrupts the CPU if it does so after a change */
static void pause_between(void)
{
	iso_sleep_ms(5);
}

static int inject_setpriority(void)
{
	static const int nice[] = { 1, 5, 19, 0, -5, 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nice); i++) {
		if (setpriority(PRIO_PROCESS, iso.victim, nice[i]))
			return -1;
		pause_between();
	}
	return 0;
}

static const struct stimulus stim_change_setpriority = { .inject = inject_setpriority };

static int inject_policy(void)
{
	const struct sched_param param = { 0 };

	if (sched_setscheduler(iso.victim, SCHED_BATCH, &param))
		return -1;
	pause_between();
	return sched_setscheduler(iso.victim, SCHED_OTHER, &param);
}

static const struct stimulus stim_change_policy = { .inject = inject_policy };

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

static int set_attr(pid_t pid, struct iso_sched_attr *attr)
{
	attr->size = sizeof(*attr);
	attr->sched_policy = SCHED_OTHER;
	return syscall(SYS_sched_setattr, pid, attr, 0);
}

static int inject_nice(void)
{
	struct iso_sched_attr attr = { .sched_nice = 7 };

	return set_attr(iso.victim, &attr);
}

static const struct stimulus stim_change_nice = { .inject = inject_nice };

static int inject_slice(void)
{
	struct iso_sched_attr attr = { .sched_runtime = 500000 };

	if (set_attr(iso.victim, &attr))
		return -1;
	pause_between();
	attr.sched_runtime = 50000000;
	return set_attr(iso.victim, &attr);
}

/* What a fair thread takes for the length of its turns. */
static const struct stimulus stim_change_slice = { .inject = inject_slice };

static int set_clamp(pid_t pid, unsigned int min, unsigned int max)
{
	struct iso_sched_attr attr = {
		.sched_flags = SCHED_FLAG_UTIL_CLAMP_MIN | SCHED_FLAG_UTIL_CLAMP_MAX,
		.sched_util_min = min, .sched_util_max = max,
	};

	return set_attr(pid, &attr);
}

/* The first clamp of all switches them on for the whole system, in its text. */
static const char *arrange_uclamp(void)
{
	return set_clamp(0, 100, 600) ? iso_reason("no clamps: %s", strerror(errno)) : NULL;
}

static int inject_uclamp(void)
{
	if (set_clamp(iso.victim, 100, 600))
		return -1;
	pause_between();
	return set_clamp(iso.victim, 0, 1024);
}

static const struct stimulus stim_change_uclamp = {
	.arrange = arrange_uclamp, .inject = inject_uclamp,
};

#define GROUP		ISO_CGROUP "/iso-sched"

static const char *arrange_group(void)
{
	if (!iso_mount_cgroup())
		return "no cgroup v2 at " ISO_CGROUP;
	if (iso_write_file(ISO_CGROUP "/cgroup.subtree_control", "+cpu"))
		return iso_reason("no cpu controller: %s", strerror(errno));
	return mkdir(GROUP, 0755) && errno != EEXIST ? "cannot make " GROUP : NULL;
}

static void prepare_group(struct iso_shared *sh)
{
	if (iso_write_file(GROUP "/cgroup.procs", "0"))
		sh->unable = errno;
}

static int inject_weight(void)
{
	if (iso_write_file(GROUP "/cpu.weight", "10"))
		return -1;
	pause_between();
	if (iso_write_file(GROUP "/cpu.weight", "1000"))
		return -1;
	pause_between();
	return iso_write_file(GROUP "/cpu.weight.nice", "3");
}

static void restore_group(void)
{
	if (!rmdir(GROUP))
		iso_cgroup_settle();
}

static const struct stimulus stim_change_cgroup_weight = {
	.arrange = arrange_group, .prepare = prepare_group, .inject = inject_weight,
	.restore = restore_group,
};

static const char *arrange_autogroup(void)
{
	return access("/proc/self/autogroup", R_OK) ? "kernel without CONFIG_SCHED_AUTOGROUP" :
						      NULL;
}

/* A session has a group of its own. */
static void prepare_session(struct iso_shared *sh)
{
	if (setsid() < 0)
		sh->unable = errno;
}

static int inject_autogroup(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/autogroup", iso.victim);
	if (iso_write_file(path, "10"))
		return -1;
	pause_between();
	return iso_write_file(path, "0");
}

static const struct stimulus stim_change_autogroup_nice = {
	.arrange = arrange_autogroup, .prepare = prepare_session, .inject = inject_autogroup,
};

#define NUMA_BALANCING	"/proc/sys/kernel/numa_balancing"

static char numa[32];

static const char *arrange_balancing(void)
{
	if (iso_read_file(NUMA_BALANCING, numa, sizeof(numa)) < 0 ||
	    iso_write_file(NUMA_BALANCING, "1"))
		return iso_reason("can't write to " NUMA_BALANCING ": %s", strerror(errno));
	return NULL;
}

static void restore_balancing(void)
{
	if (numa[0])
		iso_write_file(NUMA_BALANCING, numa);
}

/*
 * A thread that has used a second of CPU time is due to look at its own memory. Once a
 * second another CPU does for the isolated one what its tick would, and could find that.
 */
static const struct stimulus stim_remote_tick = {
	.arrange = arrange_balancing, .restore = restore_balancing, .wait_ms = 5000,
};

ROW(change_setpriority);
ROW(change_policy);
ROW(change_nice);
ROW(change_slice);
ROW(change_uclamp);
ROW(change_cgroup_weight);
ROW(change_autogroup_nice);
ROW(remote_tick);

#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"

/* Rounds of a starved task which are no accident */
#define ROUNDS		100
/* Longer than a server stays when it is not needed: a period, and some */
#define ALONE_MS	2500

/* As it was */
static char rt_runtime[32];

/* The limit of realtime tasks must not be what helps the others. */
static void lift_limit(struct __test_metadata *_metadata)
{
	iso_read_file(RT_RUNTIME, rt_runtime, sizeof(rt_runtime));
	if (rt_runtime[0])
		ASSERT_EQ(0, iso_write_file(RT_RUNTIME, "-1"));
}

static void restore_limit(void)
{
	if (rt_runtime[0])
		iso_write_file(RT_RUNTIME, rt_runtime);
}

/*
 * @other:	Shared with the other task
 * @pid:	The other task
 */
FIXTURE(victim)
{
	struct iso_shared	*other;
	pid_t			pid;
};

FIXTURE_SETUP(victim)
{
	iso_begin(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	self->other = iso_share(sizeof(*self->other));
	ASSERT_TRUE(self->other != MAP_FAILED);
	lift_limit(_metadata);
}

FIXTURE_TEARDOWN(victim)
{
	iso_end(self->pid);
	iso_finish(_metadata);
	restore_limit();
}

static int be_fifo(void)
{
	struct sched_param param = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &param) ? errno : 0;
}

static void prepare_fifo(struct iso_shared *sh)
{
	sh->unable = be_fifo();
}

static const struct stimulus stim_fifo_victim = {
	.prepare = prepare_fifo, .causes = ISO_WAKEUP, .what = ISO_WAKEUP_WHAT,
	.who = WHO_WORKER,
};

/* The thread was SCHED_FIFO all the time: a fair task comes, and is served. */
TEST_F_TIMEOUT(victim, is_fifo, ISO_TIMEOUT)
{
	ASSERT_TRUE(iso_start_quiet(&stim_fifo_victim));
	self->pid = iso_start_busy(self->other, iso.cpu, false);
	ASSERT_LT(0, self->pid);
	iso.who = self->pid;
	EXPECT_TRUE(iso_wait_for(self->pid, &self->other->count, ROUNDS));
	EXPECT_TRUE(iso_alive(iso.victim));
	iso_expect(&stim_fifo_victim);
}

static void act_fifo_later(struct iso_shared *sh)
{
	iso_spin_until(&sh->sig_total);
	iso_spin_until(&sh->go);
	sh->error = be_fifo();
	STORE(sh->count, 1);
}

static const struct stimulus stim_fifo_later = {
	.act = act_fifo_later, .causes = ISO_WAKEUP, .what = ISO_WAKEUP_WHAT,
	.who = WHO_WORKER,
};

/*
 * The server of fair tasks is started by the first one that is queued, which
 * here was the victim, before it got isolated and the server was stopped. The
 * next task must have it again.
 */
TEST_F_TIMEOUT(victim, becomes_fifo, ISO_TIMEOUT)
{
	int before;

	ASSERT_TRUE(iso_start_quiet(&stim_fifo_later));
	self->pid = iso_start_busy(self->other, iso.cpu, false);
	ASSERT_LT(0, self->pid);
	iso.who = self->pid;
	/* Now a fair task is there, and stays there. */
	ASSERT_TRUE(iso_wait_for(self->pid, &self->other->count, 1));
	ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->sig_total, 1));
	STORE(iso.sh->go, 1);
	ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->count, 1));
	ASSERT_EQ(0, iso.sh->error);
	before = LOAD(self->other->count);
	EXPECT_TRUE(iso_wait_for(self->pid, &self->other->count, before + ROUNDS)) {
		TH_LOG("starved by the victim");
	}
	EXPECT_TRUE(iso_alive(iso.victim));
	iso_expect(&stim_fifo_later);
}

static const struct stimulus stim_fifo_other = {
	.causes = ISO_WAKEUP, .what = ISO_WAKEUP_WHAT, .who = WHO_WORKER,
};

/* Likewise, with the victim as the one that is starved, and has to be notified. */
TEST_F_TIMEOUT(victim, meets_fifo, ISO_TIMEOUT)
{
	ASSERT_TRUE(iso_start_quiet(&stim_fifo_other));
	self->pid = iso_start_busy(self->other, iso.cpu, true);
	ASSERT_LT(0, self->pid);
	iso.who = self->pid;
	EXPECT_TRUE(iso_wait_for(self->pid, &self->other->count, 1));
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->sig_total, 1)) {
		TH_LOG("starved by another task");
	}
	EXPECT_TRUE(iso_alive(self->pid));
	iso_end(self->pid);
	self->pid = 0;
	iso_expect(&stim_fifo_other);
}

FIXTURE(starve)
{
	struct iso_shared	*fair;
	struct iso_shared	*fifo;
	pid_t			fair_pid;
	pid_t			fifo_pid;
};

FIXTURE_SETUP(starve)
{
	iso_begin(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	self->fair = iso_share(sizeof(*self->fair));
	self->fifo = iso_share(sizeof(*self->fifo));
	ASSERT_TRUE(self->fair != MAP_FAILED && self->fifo != MAP_FAILED);
	lift_limit(_metadata);
}

FIXTURE_TEARDOWN(starve)
{
	iso_end(self->fair_pid);
	iso_end(self->fifo_pid);
	iso_finish(_metadata);
	restore_limit();
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

/* A task that becomes SCHED_FIFO is enqueued anew. */
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

/* Busy, but for a pause now and then which is much too short for another task. */
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

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
