// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: what a thread may see of the kernel and of other namespaces.
 *
 * Test Summary
 *
 *  * secret.*		Names of kernel functions are visible as far as kptr_restrict
 *			lets the reader see their addresses: for a function call, a timer
 *			and work, to root and to a user without privileges
 *  * sysfs.*		The counters hide them from root, too, and tasks of other
 *			namespaces from all
 *  * ns.*		Tasks as the pid namespace of the victim shows them
 *  * iso.user_namespace	Users as its user namespace has them
 *  * iso.time_namespace	Times as its time namespace has them
 */
#include "fixture.h"
#include "blockers.h"
#include "stimuli.h"

/* Of /proc/sys/kernel/overflowuid */
#define OVERFLOW_UID	65534

/*
 * @timer:	A pending timer, or -1
 * @kptr:	kptr_restrict as it was
 */
FIXTURE(secret)
{
	int	timer;
	char	kptr[16];
};

/*
 * @kptr:	kptr_restrict
 * @nobody:	The reader has no privilege, otherwise it is root
 * @visible:	It may see the name
 */
FIXTURE_VARIANT(secret)
{
	const char	*kptr;
	bool		nobody;
	bool		visible;
};

FIXTURE_VARIANT_ADD(secret, 0_root) { "0", false, true };
FIXTURE_VARIANT_ADD(secret, 0_nobody) { "0", true, true };
FIXTURE_VARIANT_ADD(secret, 1_root) { "1", false, true };
FIXTURE_VARIANT_ADD(secret, 1_nobody) { "1", true, false };
FIXTURE_VARIANT_ADD(secret, 2_root) { "2", false, false };
FIXTURE_VARIANT_ADD(secret, 2_nobody) { "2", true, false };

FIXTURE_SETUP(secret)
{
	self->timer = -1;
	iso_begin(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	if (geteuid() || access(ISO_KPTR, W_OK))
		SKIP(return, "not allowed to set " ISO_KPTR);
	iso_read_file(ISO_KPTR, self->kptr, sizeof(self->kptr));
	ASSERT_EQ(0, iso_write_file(ISO_KPTR, variant->kptr));
}

FIXTURE_TEARDOWN(secret)
{
	iso_write_file(ISO_KPTR, self->kptr);
	if (self->timer >= 0)
		close(self->timer);
	iso_finish(_metadata);
}

/* A name, or a bit in @hidden instead, but never an address. */
static void expect_name(struct __test_metadata *_metadata, const char *name, unsigned int bit,
			bool visible)
{
	EXPECT_EQ(visible, !!name[0]) {
		TH_LOG("the name is '%s'", name);
	}
	EXPECT_EQ(visible ? 0 : bit, iso.sh->rec.hidden & bit);
	EXPECT_NULL(strstr(name, "0x"));
}

static void prepare_nobody(struct iso_shared *sh)
{
	iso_prepare_membarrier(sh);
	if (iso_drop_uid())
		sh->unable = errno;
}

TEST_F_TIMEOUT(secret, function, ISO_TIMEOUT)
{
	struct stimulus s = stim_thread_membarrier;

	if (variant->nobody) {
		s.prepare = prepare_nobody;
		iso.uid = ISO_NOBODY;
	}
	if (iso_test(_metadata, &s))
		expect_name(_metadata, iso.sh->rec.what, TASK_ISOLATION_HIDDEN_WHAT,
			    variant->visible);
}

/* A timer that is a blocker. */
TEST_F_TIMEOUT(secret, timer, ISO_TIMEOUT)
{
	self->timer = iso_pending_timer(iso.cpu);
	if (self->timer < 0)
		SKIP(return, "no perf event on CPU %d: %s", iso.cpu, strerror(errno));
	iso_ask(iso.cpu, ASK_TIMER | (variant->nobody ? ASK_NOBODY : 0), EAGAIN,
		TASK_ISOLATION_BLOCKER_TIMER);
	expect_name(_metadata, iso.sh->rec.timer, TASK_ISOLATION_HIDDEN_TIMER, variant->visible);
}

/* Work that is a blocker. */
TEST_F_TIMEOUT(secret, work, ISO_TIMEOUT)
{
	iso_ask_with_work(variant->nobody ? ASK_NOBODY : 0);
	expect_name(_metadata, iso.sh->rec.work, TASK_ISOLATION_HIDDEN_WORK, variant->visible);
}

FIXTURE(sysfs)
{
	char kptr[16];
};

FIXTURE_SETUP(sysfs)
{
	iso_begin(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	if (!iso_has_counters)
		SKIP(return, "no counters");
	ASSERT_LT(0, iso_read_file(ISO_KPTR, self->kptr, sizeof(self->kptr)));
}

FIXTURE_TEARDOWN(sysfs)
{
	EXPECT_EQ(0, iso_write_file(ISO_KPTR, self->kptr));
	iso_finish(_metadata);
}

TEST_F_TIMEOUT(sysfs, function, ISO_TIMEOUT)
{
	char what[80];

	if (!iso_test(_metadata, &stim_thread_membarrier))
		return;
	ASSERT_EQ(0, iso_write_file(ISO_KPTR, "0"));
	EXPECT_TRUE(iso_read_last("what", what, sizeof(what)));
	EXPECT_STRNE("", what);
	EXPECT_NULL(strstr(what, "0x"));
	ASSERT_EQ(0, iso_write_file(ISO_KPTR, "2"));
	EXPECT_TRUE(iso_read_last("what", what, sizeof(what)));
	EXPECT_STREQ("", what);
	EXPECT_TRUE(iso_read_last("cause", what, sizeof(what)));
	EXPECT_STREQ("ipi_func", what);
}

/* The files that name tasks. Returns which of them do, as bits, and 100 on errors. */
static int read_tasks(void)
{
	char path[96], text[32];
	int seen;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/task_isolation/pid", iso.cpu);
	if (iso_read_file(path, text, sizeof(text)) < 0)
		return 100;
	seen = !!strcmp(text, "0");
	if (!iso_read_last("culprit_pid", text, sizeof(text)))
		return 100;
	seen |= !!strcmp(text, "0") << 1;
	if (!iso_read_last("culprit_comm", text, sizeof(text)))
		return 100;
	return seen | !!strcmp(text, "") << 2;
}

/* A pid namespace in which the tasks are not does not show them. */
TEST_F_TIMEOUT(sysfs, namespace, ISO_TIMEOUT)
{
	int status = 0;
	pid_t pid;

	if (!iso_test(_metadata, &stim_thread_membarrier))
		return;
	ASSERT_TRUE(iso_start_quiet(&stim_nothing));
	EXPECT_EQ(7, read_tasks());
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (unshare(CLONE_NEWPID))
			_exit(101);
		pid = fork();
		if (!pid)
			_exit(read_tasks());
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 102);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	iso_expect(&stim_nothing);
	if (WEXITSTATUS(status) == 101)
		SKIP(return, "can't make a pid namespace");
	EXPECT_EQ(0, status) {
		TH_LOG("0x%x of pid, culprit_pid, culprit_comm", WEXITSTATUS(status));
	}
}

/* Namespaces. The victim is the first process of one, the test is outside. */

FIXTURE(ns) {};

FIXTURE_SETUP(ns)
{
	iso_begin(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	if (geteuid() || unshare(CLONE_NEWPID))
		SKIP(return, "can't make a pid namespace: %s", strerror(geteuid() ? EPERM : errno));
	iso.ns = true;
}

FIXTURE_TEARDOWN(ns)
{
	iso_finish(_metadata);
}

static void prepare_drop(struct iso_shared *sh)
{
	if (iso_drop_uid())
		sh->unable = errno;
}

/* A culprit which is not visible from there is none. */
TEST_F_TIMEOUT(ns, outside, ISO_TIMEOUT)
{
	struct stimulus s = stim_affinity_wider;

	s.prepare = prepare_drop;
	if (!iso_test(_metadata, &s))
		return;
	EXPECT_EQ(1, iso.sh->tid);
	EXPECT_EQ(0, iso.sh->info.si_pid);
	EXPECT_EQ(0, iso.sh->info.si_uid);
}

/* A thread of the same process has the number that it has there. */
TEST_F_TIMEOUT(ns, inside_thread, ISO_TIMEOUT)
{
	if (!iso_test(_metadata, &stim_thread_membarrier))
		return;
	EXPECT_EQ(1, iso.sh->info.si_pid);
	EXPECT_NE(1, iso.sh->told.culprit_tid);
}

/* A child of the victim, which changes its affinity on request. */
static void child(struct iso_shared *sh)
{
	cpu_set_t set;

	prctl(PR_SET_NAME, ISO_OTHER);
	iso_housekeeping(&set);
	sched_setaffinity(0, sizeof(set), &set);
	CPU_SET(iso.cpu, &set);
	iso_wait_go(sh);
	if (sched_setaffinity(getppid(), sizeof(set), &set))
		sh->other_err = errno;
	/* Stays until the record was read, or is to be gone by then. */
	while (!LOAD(sh->count) && !LOAD(sh->recorded))
		iso_sleep_ms(1);
	_exit(0);
}

static void prepare_child(struct iso_shared *sh)
{
	pid_t pid;

	prepare_drop(sh);
	pid = fork();
	if (!pid)
		child(sh);
	STORE(sh->other_tid, pid);
	/* The fork has write-protected what is used. */
	iso_prepare(sh, iso.cpu);
}

static int inject_nothing(void)
{
	return 0;
}

static void finish_child_gone(struct iso_shared *sh)
{
	STORE(sh->count, 1);
	waitpid(sh->other_tid, NULL, 0);
}

static const struct stimulus stim_by_child = {
	.prepare = prepare_child, .inject = inject_nothing, .causes = ISO_CAUSE(AFFINITY),
	.who = WHO_OTHER, .wide = true,
};

TEST_F_TIMEOUT(ns, inside_process, ISO_TIMEOUT)
{
	iso.uid = ISO_NOBODY;
	if (iso_test(_metadata, &stim_by_child))
		EXPECT_EQ(iso.sh->other_tid, iso.sh->info.si_pid);
}

/* A task which is gone can't be looked up any more: right, or none. */
TEST_F_TIMEOUT(ns, inside_gone, ISO_TIMEOUT)
{
	struct stimulus s = stim_by_child;
	const struct task_isolation_record *rec = &iso.sh->rec;

	iso.uid = ISO_NOBODY;
	s.finish = finish_child_gone;
	s.gone = true;
	if (!iso_test(_metadata, &s))
		return;
	/* When the signal was sent it was there, in any case. */
	EXPECT_EQ(iso.sh->other_tid, iso.sh->info.si_pid);
	EXPECT_TRUE(!rec->culprit_pid || rec->culprit_pid == iso.sh->other_tid);
	EXPECT_EQ(rec->culprit_pid, rec->culprit_tid);
	EXPECT_STREQ(rec->culprit_pid ? ISO_OTHER : "", rec->culprit_comm);
}

TEST_F_TIMEOUT(ns, blocker_inside, ISO_TIMEOUT)
{
	pid_t pid = iso_run_busy(false);

	iso_ask(iso.cpu, ASK_NOBODY | ASK_BUSY, EAGAIN, TASK_ISOLATION_BLOCKER_TASK);
	iso_end(pid);
	EXPECT_EQ(1, iso.sh->rec.blocker_pid);
	EXPECT_EQ(1, iso.sh->rec.blocker_tid);
}

TEST_F_TIMEOUT(ns, blocker_outside, ISO_TIMEOUT)
{
	int fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, setns(fd, CLONE_NEWPID));
	close(fd);
	pid = iso_run_busy(false);
	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	iso_ask(iso.cpu, ASK_NOBODY | ASK_UNNAMED, EAGAIN, TASK_ISOLATION_BLOCKER_TASK);
	iso_end(pid);
	EXPECT_EQ(0, iso.sh->rec.blocker_pid);
	EXPECT_EQ(0, iso.sh->rec.blocker_tid);
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

static void prepare_user_namespace(struct iso_shared *sh)
{
	if (unshare(CLONE_NEWUSER))
		sh->unable = errno;
}

/* A user that has no number there is the one that stands for all of these. */
TEST_F_TIMEOUT(iso, user_namespace, ISO_TIMEOUT)
{
	struct stimulus s = stim_affinity_wider;

	s.prepare = prepare_user_namespace;
	iso.uid = OVERFLOW_UID;
	iso_test(_metadata, &s);
}

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x00000080
#endif

#define AHEAD_S		1000000

static uint64_t prepared;

/* In a new namespace nothing has happened yet, and that is at no time. */
static void prepare_time(struct iso_shared *sh)
{
	struct task_isolation_record rec;

	prepared = iso_now_ns();
	sh->value = iso_record(&rec) || rec.entered_ns || rec.lost_ns;
}

/* Its own clock agrees with the record. */
static void finish_time(struct iso_shared *sh)
{
	struct task_isolation_record rec;

	sh->second = !iso_record(&rec) && prepared <= rec.entered_ns &&
		     rec.lost_ns <= iso_now_ns();
}

TEST_F_TIMEOUT(iso, time_namespace, ISO_TIMEOUT)
{
	struct stimulus s = stim_signal_handled;
	char text[40];

	s.prepare = prepare_time;
	s.finish = finish_time;
	if (unshare(CLONE_NEWTIME))
		SKIP(return, "can't make a time namespace: %s", strerror(errno));
	/* For the children: the clocks of this process stay as they are. */
	snprintf(text, sizeof(text), "monotonic %d 0", AHEAD_S);
	ASSERT_EQ(0, iso_write_file("/proc/self/timens_offsets", text));
	iso.ahead_ns = AHEAD_S * 1000000000ULL;
	if (!iso_test(_metadata, &s))
		return;
	EXPECT_EQ(0, iso.sh->value);
	EXPECT_EQ(1, iso.sh->second);
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
