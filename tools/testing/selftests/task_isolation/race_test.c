// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: many entries and losses, while others do something at the same time.
 *
 * Test Summary
 *
 *  * race.reenter_1000		A thousand losses, each followed by a new request
 *  * race.signals		A signal shortly before, during or after each request
 *  * race.two_cpus		An isolated thread is not hurt by another that enters
 *  * race.grace_periods	One expedited grace period of RCU after the other: no
 *				entry is lost to them. Normal ones interrupt a CPU which
 *				has been in the kernel for long, and so seldom that no
 *				test can wait for it.
 *  * rivals.*			Two which do the same at once: the culprit is right, or
 *				there is none
 */
#include <linux/membarrier.h>
#include <sched.h>

#include "fixture.h"
#include "stimuli.h"

FIXTURE(race)
{
	pid_t child;
};

FIXTURE_SETUP(race)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(race)
{
	iso_end(self->child);
	iso_finish(_metadata);
}

#define REENTRIES	1000

static void act_reenter(struct iso_shared *sh)
{
	int i;

	iso_jump = 1;
	/* Each round comes here from the handler, and enters again. */
	sigsetjmp(iso_env, 0);
	i = INC(sh->count);
	if (i <= REENTRIES && !iso_enter(sh, ISO_USR1)) {
		iso_spin_rounds(1000);
		syscall(SYS_getppid);
		/* Not reached: notified instead. */
		sh->error++;
	}
	iso_jump = 0;
}

TEST_F_TIMEOUT(race, reenter_1000, 2 * ISO_TIMEOUT)
{
	const struct stimulus s = { .act = act_reenter };
	int want;

	ASSERT_TRUE(iso_start(&s));
	for (want = 1; want <= REENTRIES + 1; want += 100) {
		ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->count, want)) {
			TH_LOG("stopped after %d rounds, errno %d", iso.sh->count, iso.sh->err);
		}
	}
	iso_sleep_ms(20);
	iso_stop();
	EXPECT_EQ(REENTRIES, iso.sh->sig[SIGUSR1]);
	EXPECT_EQ(REENTRIES, iso.sh->sig_total);
	EXPECT_EQ(0, iso.sh->error);
	/* One more entry: the first request was that of the victim's start. */
	iso_expect_totals(REENTRIES + 1, REENTRIES);
	TH_LOG("EAGAIN %d times in %d entries", iso.sh->again, REENTRIES + 1);
}

#define SIGNALS		500

/**
 * struct signals - Requests with a signal each, shared by victim and test
 * @round:	Up to which round a signal has been asked for
 * @kept:	Number of requests that succeeded
 * @refused:	Number of requests that failed with EAGAIN
 * @wrong:	The first round in which that was not true, 0 for none
 * @losses:	The number of losses of that round
 * @ret:	What the request returned in it
 */
static struct signals {
	int	round;
	int	kept;
	int	refused;
	int	wrong;
	int	losses;
	int	ret;
} *signals;

static void finish_signals(struct iso_shared *sh)
{
	unsigned long long losses;
	int ret, round;

	iso_record(&sh->rec);
	for (round = 1; round <= SIGNALS && !signals->wrong; round++) {
		losses = sh->rec.losses;
		STORE(signals->round, round);
		/* However long the signal takes, it comes during some of the calls. */
		iso_spin_rounds(1UL << round % 18);
		ret = iso_prctl(ISO_USR1) ? -errno : 0;
		while (LOAD(sh->sig[SIGUSR2]) < round)
			;
		/* If no signal ended isolation, then this does. */
		getppid();
		iso_record(&sh->rec);
		losses = sh->rec.losses - losses;
		if (ret)
			signals->refused++;
		else
			signals->kept++;
		if (losses != !ret || (ret && ret != -EAGAIN)) {
			signals->losses = losses;
			signals->ret = ret;
			signals->wrong = round;
		}
	}
}

/*
 * A handler that runs on the way out voids the request, which has succeeded
 * already: the call has to return an error. After a 0 each loss is notified.
 */
TEST_F_TIMEOUT(race, signals, ISO_TIMEOUT)
{
	const struct stimulus s = { .finish = finish_signals };
	int round, looks = 0;

	signals = iso_share(sizeof(*signals));
	ASSERT_TRUE((void *)signals != MAP_FAILED);
	ASSERT_TRUE(iso_start_quiet(&s));
	STORE(iso.sh->stop, 1);
	for (round = 1; round <= SIGNALS; round++) {
		while (LOAD(signals->round) < round &&
		       (++looks % 10000 || iso_alive(iso.victim)))
			;
		if (kill(iso.victim, SIGUSR2))
			break;
	}
	iso_stop();
	EXPECT_EQ(0, signals->wrong) {
		TH_LOG("round %d: returned %d, losses %d", signals->wrong, signals->ret,
		       signals->losses);
	}
	EXPECT_EQ(SIGNALS, signals->kept + signals->refused);
	TH_LOG("%d of %d calls were refused", signals->refused, SIGNALS);
}

/* One is isolated; the other one enters, leaves and loses on another CPU, many times. */
TEST_F_TIMEOUT(race, two_cpus, 2 * ISO_TIMEOUT)
{
	struct iso_shared *other = iso_share(sizeof(*other));
	int i, status;

	if (iso.cpu2 < 0)
		SKIP(return, "only one isolation CPU");
	ASSERT_TRUE(other != MAP_FAILED);
	ASSERT_TRUE(iso_start_quiet(&stim_nothing));
	self->child = fork();
	ASSERT_LE(0, self->child);
	if (!self->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		iso_catch_all();
		iso_prepare(other, iso.cpu2);
		for (i = 0; i < 100; i++) {
			if (iso_enter(other, ISO_USR1))
				_exit(1);
			iso_spin_rounds(10000);
			if (i % 2)
				syscall(SYS_getppid);
			iso_prctl(0);
		}
		_exit(0);
	}
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	self->child = 0;
	EXPECT_EQ(0, status);
	EXPECT_EQ(50, other->sig_total);
	iso_expect(&stim_nothing);
}

#define ENTRIES		1000
#define GRACE_PERIODS	100
/* A slow machine need not do them all. Fewer than that would be no test. */
#define LIMIT_NS	10000000000ULL
#define LEAST		10

/**
 * struct grace - Entries during grace periods, shared by all
 * @unmounted:	Number of expedited grace periods so far, at least
 * @periods:	The same, during the entries
 * @by_rcu:	Number of losses to RCU
 * @by_others:	Number of losses to others
 * @refused:	Number of requests that failed with EAGAIN
 * @failed:	Number of calls that failed otherwise
 */
static struct grace {
	int	unmounted;
	int	periods;
	int	by_rcu;
	int	by_others;
	int	refused;
	int	failed;
} *grace;

/* Each unmount waits for an expedited grace period. */
static int unmount_often(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return errno;
	/* In a namespace of its own, no other task sees that /tmp is covered. */
	for (;;) {
		if (mount("none", "/tmp", "tmpfs", 0, NULL) || umount("/tmp"))
			return errno;
		INC(grace->unmounted);
	}
}

static void hook_by_rcu(int sig)
{
	if (iso_sh->told_err)
		INC(grace->failed);
	else if (strstr(iso_sh->told.what, "rcu_exp_handler"))
		INC(grace->by_rcu);
	else
		INC(grace->by_others);
}

static void prepare_by_rcu(struct iso_shared *sh)
{
	iso_hook = hook_by_rcu;
}

/* Stays each time for so long that what is on its way arrives. */
static void act_enter_often(struct iso_shared *sh)
{
	uint64_t end = iso_now_ns() + LIMIT_NS;
	int before = LOAD(grace->unmounted);

	while ((sh->count < ENTRIES || LOAD(grace->unmounted) - before < GRACE_PERIODS) &&
	       iso_now_ns() < end) {
		if (iso_prctl(0))
			INC(grace->failed);
		if (!iso_prctl(ISO_USR1))
			INC(sh->count);
		else if (errno == EAGAIN)
			INC(grace->refused);
		else
			INC(grace->failed);
		iso_spin_rounds(20000);
	}
	grace->periods = LOAD(grace->unmounted) - before;
}

/* Expedited ones can be turned off. On PREEMPT_RT they are. */
static bool only_normal(void)
{
	char text[16];

	return iso_read_file("/sys/kernel/rcu_normal", text, sizeof(text)) > 0 && atoi(text);
}

TEST_F_TIMEOUT(race, grace_periods, ISO_TIMEOUT)
{
	const struct stimulus s = { .prepare = prepare_by_rcu, .act = act_enter_often };
	int status = -1;

	if (geteuid())
		SKIP(return, "only root can mount and unmount");
	if (only_normal())
		SKIP(return, "there are no expedited grace periods");
	grace = iso_share(sizeof(*grace));
	ASSERT_TRUE((void *)grace != MAP_FAILED);
	self->child = fork();
	ASSERT_LE(0, self->child);
	if (!self->child)
		_exit(unmount_often());
	while (LOAD(grace->unmounted) < 10 && !waitpid(self->child, &status, WNOHANG))
		iso_sleep_ms(1);
	if (status != -1) {
		self->child = 0;
		SKIP(return, "can't mount and unmount: %s", strerror(WEXITSTATUS(status)));
	}
	ASSERT_TRUE(iso_start_acted(&s));
	iso_stop();
	TH_LOG("%d grace periods, %d entries, %d refused, %d lost to RCU, %d to others",
	       grace->periods, iso.sh->count, grace->refused, grace->by_rcu, grace->by_others);
	EXPECT_LE(LEAST, grace->periods);
	/* They are not all refused. How many are is a matter of the host. */
	EXPECT_LE(LEAST, iso.sh->count);
	EXPECT_EQ(0, grace->failed);
	/*
	 * A host may take the CPU away between the last check and user mode, for longer
	 * than RCU lets a nohz_full CPU get there.
	 */
	EXPECT_LE(grace->by_rcu, 2);
}

#define ROUNDS		100
/* So many at least, where a debug kernel needs long for each */
#define ROUNDS_MIN	10

static const char * const rival_name[2] = { "iso-rival-0", "iso-rival-1" };
/* What each has the CPU call, if that tells one from the other */
static const char *rival_call[2];

/**
 * struct rivals - Two which do the same at the same time, shared by all
 * @tid:	Their thread IDs
 * @over:	The victim is not disturbed any more
 * @named:	Number of losses for which each was named
 * @none:	Number of losses without a culprit
 * @wrong:	Number of losses with a wrong one
 * @wrong_rec:	The last one of these
 * @refused:	Number of requests that were refused
 * @others:	Number of losses to something else
 */
static struct rivals {
	int				tid[2];
	int				over;
	int				named[2];
	int				none;
	int				wrong;
	struct task_isolation_record	wrong_rec;
	int				refused;
	int				others;
} *rivals;

/* The sender of the signal that ended isolation */
static pid_t signal_pid;
static unsigned long long signal_losses;

/* A second signal, after isolation, does not count. */
static void hook_signal_sender(int sig)
{
	if (iso_sh->told_err || iso_sh->told.losses == signal_losses)
		return;
	signal_losses = iso_sh->told.losses;
	signal_pid = iso_sh->info.si_pid;
}

/* Is the rival that is named the right one, as far as that is known otherwise? */
static bool is_right(const struct task_isolation_record *rec, int i)
{
	if (rec->cause == TASK_ISOLATION_SIGNAL)
		return signal_losses == rec->losses && rec->culprit_pid == signal_pid;
	return !rival_call[i] || !strcmp(rec->what, rival_call[i]);
}

static void judge(const struct task_isolation_record *rec, unsigned int cause, pid_t pid)
{
	int i;

	if (rec->cause != cause) {
		rivals->others++;
		return;
	}
	if (!rec->culprit_tid && !rec->culprit_pid && !rec->culprit_comm[0]) {
		rivals->none++;
		return;
	}
	for (i = 0; i < 2; i++) {
		if (rec->culprit_tid == LOAD(rivals->tid[i]) &&
		    rec->culprit_pid == (pid ?: rec->culprit_tid) &&
		    !strcmp(rec->culprit_comm, rival_name[i]) && is_right(rec, i)) {
			rivals->named[i]++;
			return;
		}
	}
	rivals->wrong++;
	rivals->wrong_rec = *rec;
}

/*
 * Is isolated again and again, until it has been often enough or the test asks it
 * to end. @pid: the process of both rivals, 0 if each is one.
 */
static void compete(struct iso_shared *sh, unsigned int cause, pid_t pid)
{
	int i, seen;

	for (i = 1; i <= ROUNDS && !LOAD(sh->go); i++) {
		/* The first time the thread is isolated already, or was. */
		seen = i > 1 ? LOAD(sh->sig_total) : 0;
		if (i > 1 && iso_enter(sh, ISO_USR1)) {
			rivals->refused++;
			continue;
		}
		STORE(sh->count, i);
		while (LOAD(sh->sig_total) == seen)
			__asm__ __volatile__("" ::: "memory");
		judge(&sh->told, cause, pid);
	}
	/* They may go on, but this thread no longer is what they disturb. */
	STORE(rivals->over, 1);
}

FIXTURE(rivals) {};

FIXTURE_SETUP(rivals)
{
	iso_begin(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	rivals = iso_share(sizeof(*rivals));
	ASSERT_TRUE((void *)rivals != MAP_FAILED);
}

FIXTURE_TEARDOWN(rivals)
{
	iso_finish(_metadata);
}

/* Waits for the rounds. What is left of the time is for the last of them. */
static void await_rivals(struct __test_metadata *_metadata)
{
	int i;

	for (i = 0; i < 4 && !LOAD(iso.sh->acted); i++)
		iso_wait_for(iso.victim, &iso.sh->acted, 1);
	STORE(iso.sh->go, 1);
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->acted, 1)) {
		TH_LOG("stuck in round %d", LOAD(iso.sh->count));
	}
}

static void expect_rivals(struct __test_metadata *_metadata)
{
	const struct task_isolation_record *rec = &rivals->wrong_rec;
	int named = rivals->named[0] + rivals->named[1];
	int rounds = named + rivals->none + rivals->wrong + rivals->refused + rivals->others;

	TH_LOG("named %d and %d times, none %d times, not isolated %d, otherwise lost %d",
	       rivals->named[0], rivals->named[1], rivals->none, rivals->refused,
	       rivals->others);
	EXPECT_EQ(0, rivals->wrong) {
		TH_LOG("the last wrong one was %s/%d for %s", rec->culprit_comm,
		       rec->culprit_tid, rec->what);
	}
	EXPECT_LE(ROUNDS_MIN, rounds);
	EXPECT_LE(LOAD(iso.sh->count), rounds);
	EXPECT_LT(0, named);
}

/* Of the two threads, the second one may do something else. */
static void *rival_thread(void *arg)
{
	int i = LOAD(rivals->tid[0]) ? 1 : 0;
	struct iso_shared *sh = iso.sh;

	prctl(PR_SET_NAME, rival_name[i]);
	iso_pin(iso_housekeeping_cpu(i));
	STORE(rivals->tid[i], (int)syscall(SYS_gettid));
	/* A call on its way is a blocker, the first time. */
	while (!LOAD(sh->ready) && !LOAD(sh->done))
		iso_sleep_ms(1);
	while (!LOAD(rivals->over)) {
		if (i && rival_call[i])
			iso_queue("call");
		else
			syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
		sched_yield();
	}
	for (;;)
		pause();
	return NULL;
}

static void prepare_rival_threads(struct iso_shared *sh)
{
	int i;

	/* To ask for it later would be a loss. */
	sh->value = getpid();
	iso_prepare_membarrier(sh);
	for (i = 0; i < 2 && !sh->unable; i++)
		sh->unable = iso_create_thread(rival_thread, &rivals->tid[i]);
}

static void act_rival_threads(struct iso_shared *sh)
{
	compete(sh, TASK_ISOLATION_IPI_FUNC, sh->value);
}

/*
 * What each of them runs on the CPU is its own, so it is known which one it was. The
 * kernel lets one thread after the other do this system call, so only where the
 * second can do something else are there two senders at once.
 */
TEST_F_TIMEOUT(rivals, threads, 2 * ISO_TIMEOUT)
{
	const struct stimulus s = {
		.prepare = prepare_rival_threads, .act = act_rival_threads,
	};

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		SKIP(return, "no expedited membarrier: %s", strerror(errno));
	if (!iso_find_queue()) {
		rival_call[0] = "ipi_mb";
		rival_call[1] = "queue_call_func";
	}
	ASSERT_TRUE(iso_start(&s));
	await_rivals(_metadata);
	iso_stop();
	EXPECT_EQ(0, iso.sh->unable);
	expect_rivals(_metadata);
}

/* Sends one signal in each round of the victim, at the same time as the other. */
static void rival_process(int i)
{
	int round = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, rival_name[i]);
	iso_pin(iso_housekeeping_cpu(i));
	for (;;) {
		if (LOAD(iso.sh->count) == round) {
			sched_yield();
			continue;
		}
		round = LOAD(iso.sh->count);
		syscall(SYS_tgkill, iso.sh->tid, iso.sh->tid, SIGUSR2);
	}
}

static void prepare_rival_processes(struct iso_shared *sh)
{
	iso_hook = hook_signal_sender;
}

static void act_rival_processes(struct iso_shared *sh)
{
	compete(sh, TASK_ISOLATION_SIGNAL, 0);
}

/* A kick does not identify its sender: none, if it may have been both of them. */
TEST_F_TIMEOUT(rivals, processes, 2 * ISO_TIMEOUT)
{
	const struct stimulus s = {
		.prepare = prepare_rival_processes, .act = act_rival_processes,
	};
	int i;

	for (i = 0; i < 2; i++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid)
			rival_process(i);
		rivals->tid[i] = pid;
	}
	ASSERT_TRUE(iso_start(&s));
	await_rivals(_metadata);
	iso_end(rivals->tid[0]);
	iso_end(rivals->tid[1]);
	iso_stop();
	expect_rivals(_metadata);
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
