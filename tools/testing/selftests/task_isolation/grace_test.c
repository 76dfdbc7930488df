// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: RCU interrupts CPUs that are in the kernel, and one that is about
 * to leave it for long is among them.
 *
 * Test Summary
 *
 *  * iso.expedited	Enters and leaves many times while one expedited grace
 *			period follows the other. No entry is lost to them
 *
 * Needs a mount namespace of its own, and so root. Normal grace periods interrupt
 * only who has been in the kernel for long, and so seldom that no test can wait
 * for it.
 */
#include <sched.h>
#include <sys/mount.h>

#include "fixture.h"

#define ENTRIES		1000
#define GRACE_PERIODS	100
/* A slow machine need not do them all. Fewer than that would be no test. */
#define LIMIT_NS	10000000000ULL
#define LEAST		10

/* In iso_shared.val[] */
enum { BY_RCU, BY_OTHERS, UNREADABLE, REFUSED, FAILED, PERIODS };

/* How many expedited grace periods there have been, at least. */
static int *unmounted;

FIXTURE(iso)
{
	pid_t child;
};

FIXTURE_SETUP(iso)
{
	iso_setup_cpu(_metadata);
	unmounted = iso_share(sizeof(*unmounted));
	ASSERT_TRUE(unmounted != MAP_FAILED);
}

FIXTURE_TEARDOWN(iso)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	iso_close(_metadata);
}

/* Each unmount waits for an expedited grace period. */
static int unmount_often(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return errno;
	/* In a namespace of its own, nobody else sees that /tmp is covered. */
	for (;;) {
		if (mount("none", "/tmp", "tmpfs", 0, NULL) || umount("/tmp"))
			return errno;
		INC(*unmounted);
	}
}

static void hook_by_rcu(int sig)
{
	struct task_isolation_record rec;

	if (iso_record(&rec))
		INC(iso_sh->val[UNREADABLE]);
	else if (strstr(rec.what, "rcu_exp_handler"))
		INC(iso_sh->val[BY_RCU]);
	else
		INC(iso_sh->val[BY_OTHERS]);
}

static void prepare_hook(struct iso_shared *sh)
{
	iso_hook = hook_by_rcu;
}

/* Stays each time for so long that what is on its way arrives. */
static void act_enter_often(struct iso_shared *sh)
{
	uint64_t end = iso_now_ns() + LIMIT_NS;
	int before = LOAD(*unmounted);

	while ((sh->count < ENTRIES || LOAD(*unmounted) - before < GRACE_PERIODS) &&
	       iso_now_ns() < end) {
		if (iso_prctl(0))
			INC(sh->val[FAILED]);
		if (!iso_prctl(ISO_USR1))
			INC(sh->count);
		else if (errno == EAGAIN)
			INC(sh->val[REFUSED]);
		else
			INC(sh->val[FAILED]);
		iso_spin_rounds(20000);
	}
	sh->val[PERIODS] = LOAD(*unmounted) - before;
}

/* Expedited ones can be turned off. On PREEMPT_RT they are. */
static bool only_normal(void)
{
	char text[16];

	return iso_read_file("/sys/kernel/rcu_normal", text, sizeof(text)) > 0 && atoi(text);
}

TEST_F_TIMEOUT(iso, expedited, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_hook, .act = act_enter_often,
	};
	int status = -1;
	long *val;

	if (geteuid())
		SKIP(return, "only root can mount and unmount");
	if (only_normal())
		SKIP(return, "there are no expedited grace periods");

	self->child = fork();
	ASSERT_LE(0, self->child);
	if (!self->child)
		_exit(unmount_often());
	while (LOAD(*unmounted) < 10 && !waitpid(self->child, &status, WNOHANG))
		iso_sleep_ms(1);
	if (status != -1) {
		self->child = 0;
		SKIP(return, "can't mount and unmount: %s", strerror(WEXITSTATUS(status)));
	}

	iso_start(_metadata, &c);
	ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->acted, 1));
	iso_stop(_metadata);

	val = iso.sh->val;
	TH_LOG("%ld grace periods, %d entries, %ld refused, %ld lost to RCU, %ld to others",
	       val[PERIODS], iso.sh->count, val[REFUSED], val[BY_RCU], val[BY_OTHERS]);
	EXPECT_LE(LEAST, val[PERIODS]);
	/* They are not all refused. How many are is a matter of the host. */
	EXPECT_LE(LEAST, iso.sh->count);
	EXPECT_EQ(0, val[FAILED]);
	EXPECT_EQ(0, val[UNREADABLE]);
	EXPECT_EQ(0, val[BY_RCU]);
}

TEST_HARNESS_MAIN
