// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: who took an isolated thread's isolation away.
 *
 * The rule is that the answer is right, or that there is none. So each test
 * knows all who may be the answer, and some of them let these compete.
 *
 * Test Summary
 *
 *  * culprit.thread_*	Another thread of the process
 *  * culprit.signal_*	Who sent a signal, or stopped the thread
 *  * culprit.ptrace_*	Tracers
 *  * culprit.two_*	Two who do the same at once
 *  * culprit.irq_*	An interrupt on another CPU, whose task has no part in it
 *  * culprit.none_*	Nobody did anything to an isolated thread
 *  * culprit.user_*	Users as the thread's user namespace has them
 *  * ns.*		What is visible from inside of a pid namespace
 */
#include <sys/syscall.h>
#include <sys/time.h>

#include "culprit.h"

/* Of /proc/sys/kernel/overflowuid */
#define OVERFLOW_UID	65534

FIXTURE(culprit) {};

FIXTURE_SETUP(culprit)
{
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(culprit)
{
	iso_close(_metadata);
}

/* Another thread. */

TEST_F_TIMEOUT(culprit, thread_membarrier, ISO_TIMEOUT)
{
	if (!iso_lose_to_sender(_metadata, &iso_sender_case))
		return;
	iso_expect_recorded(_metadata, TASK_ISOLATION_IPI_FUNC);
	EXPECT_NE(iso.sh->tid, iso.sh->sender_tid);
	expect_culprit(_metadata, iso.sh->tid, iso.sh->sender_tid, ISO_SENDER,
		       iso.sh->sender_cpu);
}

static char *page;

static void *munmap_thread(void *arg)
{
	struct iso_shared *sh = arg;

	prctl(PR_SET_NAME, "iso-munmap");
	sh->sender_cpu = iso_housekeeping_cpu(false);
	sh->sender_err = iso_pin(sh->sender_cpu) ? errno : 0;
	STORE(sh->sender_tid, (int)syscall(SYS_gettid));
	iso_wait_go(sh);
	munmap(page, sysconf(_SC_PAGESIZE));
	for (;;)
		pause();
	return NULL;
}

static void prepare_munmap(struct iso_shared *sh)
{
	page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	iso_start_thread(munmap_thread, sh, &sh->sender_tid);
	/* Without having been in the TLB here it may be flushed elsewhere only. */
	__atomic_store_n(page, 1, __ATOMIC_SEQ_CST);
}

TEST_F_TIMEOUT(culprit, thread_munmap, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_munmap, .act = iso_act_spin,
		.finish = iso_finish_record,
	};

#if defined(__aarch64__) || defined(__arm__)
	SKIP(return, "TLB entries are invalidated without an interrupt here");
#endif
	iso_start_quiet(_metadata, &c);
	STORE(iso.sh->go, 1);
#ifdef __riscv
	iso_sleep_ms(500);
	if (!LOAD(iso.sh->sig_total)) {
		iso_stop(_metadata);
		SKIP(return, "TLB entries are invalidated by the firmware here");
	}
#endif
	iso_expect_loss(_metadata, SIGUSR1, "IPI function (");
	iso_expect_recorded(_metadata, TASK_ISOLATION_IPI_FUNC);
	expect_culprit(_metadata, iso.sh->tid, iso.sh->sender_tid, "iso-munmap",
		       iso.sh->sender_cpu);
}

static void *signal_thread(void *arg)
{
	struct iso_shared *sh = arg;

	prctl(PR_SET_NAME, "iso-signal");
	sh->sender_cpu = iso_housekeeping_cpu(true);
	sh->sender_err = iso_pin(sh->sender_cpu) ? errno : 0;
	STORE(sh->sender_tid, (int)syscall(SYS_gettid));
	iso_wait_go(sh);
	syscall(SYS_tgkill, getpid(), sh->tid, SIGUSR2);
	for (;;)
		pause();
	return NULL;
}

static void prepare_signal(struct iso_shared *sh)
{
	iso_start_thread(signal_thread, sh, &sh->sender_tid);
}

TEST_F_TIMEOUT(culprit, thread_signal, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_signal, .act = iso_act_spin,
		.finish = iso_finish_record,
	};

	iso_start_quiet(_metadata, &c);
	STORE(iso.sh->go, 1);
	iso_expect_one(_metadata, SIGUSR2);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SIGNAL);
	expect_culprit(_metadata, iso.sh->tid, iso.sh->sender_tid, "iso-signal",
		       iso.sh->sender_cpu);
}

/* Limits the CPU time of the process: each of its threads needs the tick then. */
static void *cpu_timer_thread(void *arg)
{
	struct itimerval it = { .it_value.tv_sec = 1000000 };
	struct iso_shared *sh = arg;

	prctl(PR_SET_NAME, "iso-cputimer");
	sh->sender_cpu = iso_housekeeping_cpu(true);
	sh->sender_err = iso_pin(sh->sender_cpu) ? errno : 0;
	STORE(sh->sender_tid, (int)syscall(SYS_gettid));
	iso_wait_go(sh);
	if (setitimer(ITIMER_PROF, &it, NULL))
		STORE(sh->sender_err, errno);
	for (;;)
		pause();
	return NULL;
}

static void prepare_cpu_timer(struct iso_shared *sh)
{
	if (iso_start_thread(cpu_timer_thread, sh, &sh->sender_tid))
		sh->sender_err = EAGAIN;
}

TEST_F_TIMEOUT(culprit, thread_cpu_timer, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_cpu_timer, .act = iso_act_spin,
		.finish = iso_finish_record,
	};

	iso_start_quiet(_metadata, &c);
	ASSERT_EQ(0, iso.sh->sender_err);
	STORE(iso.sh->go, 1);
	iso_expect_one(_metadata, SIGUSR1);
	EXPECT_EQ(0, iso.sh->sender_err);
	iso_expect_recorded(_metadata, TASK_ISOLATION_IRQ_WORK);
	expect_culprit(_metadata, iso.sh->tid, iso.sh->sender_tid, "iso-cputimer",
		       iso.sh->sender_cpu);
}

/* Signals, stops, affinity, tracers. */

TEST_F_TIMEOUT(culprit, signal_handled, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &spin_case);
	ASSERT_EQ(0, kill(iso.victim, SIGUSR2));
	iso_expect_one(_metadata, SIGUSR2);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SIGNAL);
	expect_me(_metadata);
}

/* Waits until the victim has stopped, as its tracer or not. */
static bool wait_stopped(void)
{
	int status, ms;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (waitpid(iso.victim, &status, WUNTRACED | WNOHANG) == iso.victim)
			return WIFSTOPPED(status);
		iso_sleep_ms(1);
	}
	return false;
}

/* Sends a signal to the victim from a process with a name of its own. */
static pid_t send_as(const char *name, int sig)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_NAME, name);
		_exit(kill(iso.victim, sig) ? 1 : 0);
	}
	return pid;
}

/* Who stops it is to blame, and not who lets it go on. */
TEST_F_TIMEOUT(culprit, signal_stop, ISO_TIMEOUT)
{
	pid_t pid;

	iso_start_quiet(_metadata, &spin_case);
	pid = send_as("iso-stopper", SIGSTOP);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(wait_stopped());
	waitpid(pid, NULL, 0);
	ASSERT_EQ(0, kill(iso.victim, SIGCONT));
	iso_expect_loss(_metadata, SIGUSR1, "stop");
	iso_expect_recorded(_metadata, TASK_ISOLATION_STOP);
	expect_culprit(_metadata, pid, pid, "iso-stopper", -1);
}

/* Lets a tracee go on until it was told. */
static bool trace_until_told(void)
{
	int ms, sig, status;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (LOAD(iso.sh->sig_total))
			return true;
		if (waitpid(iso.victim, &status, WNOHANG) == iso.victim) {
			if (!WIFSTOPPED(status)) {
				iso.victim = 0;
				return false;
			}
			sig = WSTOPSIG(status) == SIGUSR1 ? SIGUSR1 : 0;
			ptrace(PTRACE_CONT, iso.victim, 0, sig);
		}
		iso_sleep_ms(1);
	}
	return false;
}

static void prepare_ignore_tstp(struct iso_shared *sh)
{
	signal(SIGTSTP, SIG_IGN);
}

/* A stop signal that stopped nobody does not explain a later stop. */
TEST_F_TIMEOUT(culprit, signal_stop_ignored, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_ignore_tstp, .act = iso_act_spin,
		.finish = iso_finish_record,
	};
	pid_t pid;

	iso_start_quiet(_metadata, &c);
	pid = send_as("iso-ignored", SIGTSTP);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	iso_sleep_ms(20);
	ASSERT_EQ(0, LOAD(iso.sh->sig_total));
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, iso.victim, 0, 0));
	ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, iso.victim, 0, 0));
	EXPECT_TRUE(trace_until_told());
	iso_expect_loss(_metadata, SIGUSR1, "stop");
	iso_expect_recorded(_metadata, TASK_ISOLATION_STOP);
	expect_me(_metadata);
}

/* What the counters of the CPU say of the last loss: nobody else is left to ask. */
static void expect_last(struct __test_metadata *_metadata, const char *key, const char *want)
{
	char text[64];

	EXPECT_TRUE(iso_read_last(iso.cpu, key, text, sizeof(text)));
	EXPECT_STREQ(want, text);
}

/* Who stopped the thread did not kill it. */
TEST_F_TIMEOUT(culprit, signal_stop_then_kill, ISO_TIMEOUT)
{
	char want[16];
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root may read the counters");
	iso_start_quiet(_metadata, &spin_case);
	pid = send_as("iso-stopper", SIGSTOP);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(wait_stopped());
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	pid = send_as("iso-killer", SIGKILL);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(SIGKILL, WTERMSIG(iso_wait_exit()));
	expect_last(_metadata, "cause", "signal");
	expect_last(_metadata, "culprit_comm", "iso-killer");
	snprintf(want, sizeof(want), "%d", pid);
	expect_last(_metadata, "culprit_pid", want);
}

/* The record is read when the sender is gone: what it says was noted before. */
TEST_F_TIMEOUT(culprit, signal_exited, 2 * ISO_TIMEOUT)
{
	int i, named = 0;
	pid_t pid;

	for (i = 0; i < 5; i++) {
		iso_start_quiet(_metadata, &spin_case);
		pid = send_as("iso-gone", SIGUSR2);
		ASSERT_LT(0, pid);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		iso_expect_one(_metadata, SIGUSR2);
		iso_expect_recorded(_metadata, TASK_ISOLATION_SIGNAL);
		named += expect_culprit_or_none(_metadata, pid, "iso-gone");
	}
	TH_LOG("named %d times of %d", named, i);
}

TEST_F_TIMEOUT(culprit, ptrace_attach, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &spin_case);
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, iso.victim, 0, 0));
	EXPECT_TRUE(trace_until_told());
	iso_expect_loss(_metadata, SIGUSR1, "stop");
	iso_expect_recorded(_metadata, TASK_ISOLATION_STOP);
	expect_me(_metadata);
}

TEST_F_TIMEOUT(culprit, ptrace_interrupt, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &spin_case);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, iso.victim, 0, 0));
	ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, iso.victim, 0, 0));
	EXPECT_TRUE(trace_until_told());
	iso_expect_loss(_metadata, SIGUSR1, "stop");
	iso_expect_recorded(_metadata, TASK_ISOLATION_STOP);
	expect_me(_metadata);
}

/* Two at once. */

#define ROUNDS	100
/* So many at least, where a debug kernel needs long for each */
#define ROUNDS_MIN	10

/* Two at the same time: their thread IDs, and what each is called. */
static const char * const rival_name[2] = { "iso-rival-0", "iso-rival-1" };
static int *rival_tid;
/* What each has the CPU call, if that tells one from the other */
static const char *rival_call[2];
/* Who has sent the signal that ended isolation */
static pid_t signal_pid;
static __u64 signal_losses;

/* The second of two signals, which comes after isolation, is not told of. */
static void keep_signal_sender(int sig)
{
	struct task_isolation_record rec;

	if (iso_record(&rec) || rec.losses == signal_losses)
		return;
	signal_losses = rec.losses;
	signal_pid = iso_sh->info.si_pid;
}

/* Is the one who is named the one who did it, as far as can be known otherwise? */
static bool right_rival(const struct task_isolation_record *rec, int i)
{
	if (rec->cause == TASK_ISOLATION_SIGNAL)
		return signal_losses == rec->losses && rec->culprit_pid == signal_pid;
	return !rival_call[i] || !strcmp(rec->what, rival_call[i]);
}

/* Who of the two the record names: 0 or 1, -1 if nobody, -2 if that is wrong. */
static int named(const struct task_isolation_record *rec, pid_t pid)
{
	int i;

	if (!rec->culprit_tid && !rec->culprit_pid && !rec->culprit_comm[0])
		return -1;
	for (i = 0; i < 2; i++) {
		if (rec->culprit_tid == LOAD(rival_tid[i]) &&
		    rec->culprit_pid == (pid ?: rec->culprit_tid) &&
		    !strcmp(rec->culprit_comm, rival_name[i]))
			return right_rival(rec, i) ? i : -2;
	}
	return -2;
}

/*
 * Is isolated again and again, until it has been often enough or is told that
 * its time is up; val[4] on: how often who was named.
 */
static void compete(struct iso_shared *sh, unsigned int cause, pid_t pid)
{
	int i, who, seen;

	for (i = 1; i <= ROUNDS && !LOAD(sh->go); i++) {
		/* The first time the thread is isolated already, or was. */
		seen = i > 1 ? LOAD(sh->sig_total) : 0;
		if (i > 1 && iso_enter(sh, ISO_USR1)) {
			sh->val[8]++;
			continue;
		}
		STORE(sh->count, i);
		while (LOAD(sh->sig_total) == seen)
			__asm__ __volatile__("" ::: "memory");
		iso_finish_record(sh);
		if (sh->rec.cause != cause) {
			sh->val[9]++;
			continue;
		}
		who = named(&sh->rec, pid);
		sh->val[6 + who]++;
		if (who == -2) {
			sh->val[10] = sh->rec.culprit_pid;
			sh->val[11] = sh->rec.culprit_tid;
		}
	}
	/* They may go on, but this thread no longer is what they disturb. */
	STORE(sh->val[12], 1);
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
	const long *val = iso.sh->val;
	long rounds = val[4] + val[5] + val[6] + val[7] + val[8] + val[9];

	TH_LOG("named %ld and %ld times, nobody %ld times, not isolated %ld, otherwise lost %ld",
	       val[6], val[7], val[5], val[8], val[9]);
	EXPECT_EQ(0, val[4]) {
		TH_LOG("the last wrong one was %ld, thread %ld", val[10], val[11]);
	}
	EXPECT_LE(ROUNDS_MIN, rounds);
	EXPECT_LE(LOAD(iso.sh->count), rounds);
	EXPECT_LT(0, val[6] + val[7]);
}

static void *rival_thread(void *arg)
{
	int i = LOAD(rival_tid[0]) ? 1 : 0;
	struct iso_shared *sh = arg;

	prctl(PR_SET_NAME, rival_name[i]);
	iso_pin(iso_housekeeping_cpu(i));
	STORE(rival_tid[i], (int)syscall(SYS_gettid));
	/* A call on its way is a reason to be refused, the first time. */
	while (!LOAD(sh->ready) && !LOAD(sh->done))
		iso_sleep_ms(1);
	while (!LOAD(sh->val[12])) {
		if (i && rival_call[i])
			queue_there("call");
		else
			syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
		sched_yield();
	}
	for (;;)
		pause();
	return NULL;
}

static void act_rival_threads(struct iso_shared *sh)
{
	compete(sh, TASK_ISOLATION_IPI_FUNC, sh->val[13]);
}

static void prepare_rival_threads(struct iso_shared *sh)
{
	static int tid[2];

	rival_tid = tid;
	/* To ask later would be a loss. */
	sh->val[13] = getpid();
	sh->val[0] = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	if (sh->val[0]) {
		sh->val[12] = 1;
		return;
	}
	iso_start_thread(rival_thread, sh, &tid[0]);
	iso_start_thread(rival_thread, sh, &tid[1]);
}

/*
 * What each of them runs on the CPU is its own, so it is known who it was. The
 * kernel lets one thread after the other do this system call, so only where the
 * second can do something else are there two senders at once.
 */
TEST_F_TIMEOUT(culprit, two_threads, 2 * ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_rival_threads, .act = act_rival_threads,
	};

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		SKIP(return, "no expedited membarrier: %s", strerror(errno));
	if (can_queue()) {
		rival_call[0] = "ipi_mb";
		rival_call[1] = "queue_call_func";
	}
	iso_start(_metadata, &c);
	await_rivals(_metadata);
	iso_stop(_metadata);
	EXPECT_EQ(0, iso.sh->val[0]);
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

static void act_rival_processes(struct iso_shared *sh)
{
	compete(sh, TASK_ISOLATION_SIGNAL, 0);
}

/* A kick says nothing of who sent it: none, if it may have been both of them. */
TEST_F_TIMEOUT(culprit, two_processes, 2 * ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_rival_processes };
	int i;

	iso_hook = keep_signal_sender;
	rival_tid = iso_share(2 * sizeof(*rival_tid));
	ASSERT_TRUE((void *)rival_tid != MAP_FAILED);
	for (i = 0; i < 2; i++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid)
			rival_process(i);
		rival_tid[i] = pid;
	}
	iso_start(_metadata, &c);
	await_rivals(_metadata);
	iso_end(rival_tid[0]);
	iso_end(rival_tid[1]);
	iso_stop(_metadata);
	expect_rivals(_metadata);
}

/* Interrupts. */

/* A timer is made for the thread by another one, and fires on another CPU. */
static void *timer_thread(void *arg)
{
	/* Not over before it has begun: who starts it would be the sender then. */
	struct itimerspec it = { .it_value.tv_nsec = 500000000 };
	struct iso_shared *sh = arg;
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	int id;

	/* What glibc calls sigev_notify_thread_id, or not. */
	ev._sigev_un._tid = sh->tid;
	prctl(PR_SET_NAME, "iso-timer");
	iso_pin(iso_housekeeping_cpu(true));
	sh->sender_err = syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id) ? errno : 0;
	STORE(sh->sender_tid, (int)syscall(SYS_gettid));
	iso_wait_go(sh);
	sh->val[0] = timer_settime((timer_t)(long)id, 0, &it, NULL);
	for (;;)
		pause();
	return NULL;
}

static void prepare_timer(struct iso_shared *sh)
{
	iso_start_thread(timer_thread, sh, &sh->sender_tid);
}

TEST_F_TIMEOUT(culprit, irq_signal, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_timer, .act = iso_act_spin,
		.finish = iso_finish_record,
	};

	iso_start_quiet(_metadata, &c);
	ASSERT_EQ(0, iso.sh->sender_err);
	STORE(iso.sh->go, 1);
	iso_expect_one(_metadata, SIGUSR2);
	EXPECT_EQ(0, iso.sh->val[0]);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SIGNAL);
	expect_interrupt(_metadata);
}

/* Nobody. */

static void act_getppid(struct iso_shared *sh)
{
	sh->val[1] = syscall(SYS_getppid);
}

/* What the thread does itself is nobody's doing. */
TEST_F_TIMEOUT(culprit, none_syscall, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .act = act_getppid, .finish = iso_finish_record,
	};

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, SYS_getppid);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SYSCALL);
	expect_nobody(_metadata);
	expect_log(_metadata, "");
}

/* It has left, and only then is it interrupted. */
static void finish_interrupted(struct iso_shared *sh)
{
	STORE(sh->go, 1);
	iso_spin_rounds(1000000);
	/* Sent, and seen, by the time that this one returns to here. */
	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	iso_sleep_ms(100);
	iso_finish_record(sh);
}

TEST_F_TIMEOUT(culprit, none_not_isolated, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = iso_prepare_sender, .finish = finish_interrupted,
	};

	iso_start_quiet(_metadata, &c);
	/* Not iso_stop(), which tells the sender to go before that. */
	STORE(iso.sh->stop, 1);
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->done, 1));
	iso_stop(_metadata);
	EXPECT_EQ(0, iso.sh->sender_err);
	EXPECT_EQ(0, iso.sh->sig_total);
	EXPECT_EQ(1, iso.sh->recorded);
	EXPECT_EQ(0, iso.sh->rec.losses);
	expect_nobody(_metadata);
	iso_expect_not_logged(_metadata);
}

/* Namespaces. The victim is the first process of one, the test is outside. */

static void prepare_user_namespace(struct iso_shared *sh)
{
	sh->val[0] = unshare(CLONE_NEWUSER) ? errno : 0;
}

/* A user that has no number there is the one that stands for all of these. */
TEST_F_TIMEOUT(culprit, user_namespace, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_user_namespace, .act = iso_act_spin,
		.finish = iso_finish_record,
	};
	cpu_set_t set;

	iso_start_quiet(_metadata, &c);
	if (iso.sh->val[0])
		SKIP(return, "can't make a user namespace: %s", strerror(iso.sh->val[0]));
	iso_housekeeping(&set);
	CPU_SET(iso.cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(iso.victim, sizeof(set), &set));
	iso_expect_one(_metadata, SIGUSR1);
	iso_expect_recorded(_metadata, TASK_ISOLATION_AFFINITY);
	EXPECT_EQ(getpid(), iso.sh->rec.culprit_pid);
	EXPECT_EQ(OVERFLOW_UID, iso.sh->rec.culprit_uid);
	EXPECT_EQ(OVERFLOW_UID, iso.sh->info.si_uid);
}

FIXTURE(ns) {};

FIXTURE_SETUP(ns)
{
	iso_setup_cpu(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	if (geteuid() || unshare(CLONE_NEWPID))
		SKIP(return, "can't make a pid namespace: %s", strerror(geteuid() ? EPERM : errno));
}

FIXTURE_TEARDOWN(ns)
{
	iso_close(_metadata);
}

static void prepare_nobody(struct iso_shared *sh)
{
	sh->val[0] = iso_drop_uid();
}

/* Who is not visible from there is nobody. */
TEST_F_TIMEOUT(ns, outside, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_nobody, .act = iso_act_spin,
		.finish = iso_finish_record,
	};
	cpu_set_t set;

	iso_start_quiet(_metadata, &c);
	iso_housekeeping(&set);
	CPU_SET(iso.cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(iso.victim, sizeof(set), &set));
	iso_expect_one(_metadata, SIGUSR1);
	EXPECT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(1, iso.sh->tid);
	iso_expect_recorded(_metadata, TASK_ISOLATION_AFFINITY);
	EXPECT_EQ(0, iso.sh->rec.culprit_pid);
	EXPECT_EQ(0, iso.sh->rec.culprit_tid);
	EXPECT_EQ(0, iso.sh->rec.culprit_uid);
	EXPECT_STREQ("", iso.sh->rec.culprit_comm);
	EXPECT_EQ(SI_TASK_ISOLATION, iso.sh->info.si_code);
	EXPECT_EQ(0, iso.sh->info.si_pid);
	EXPECT_EQ(0, iso.sh->info.si_uid);
}

/* A thread of the same process has the number that it has there. */
TEST_F_TIMEOUT(ns, inside_thread, ISO_TIMEOUT)
{
	if (!iso_lose_to_sender(_metadata, &iso_sender_case))
		return;
	iso_expect_recorded(_metadata, TASK_ISOLATION_IPI_FUNC);
	EXPECT_EQ(1, iso.sh->rec.culprit_pid);
	EXPECT_EQ(iso.sh->sender_tid, iso.sh->rec.culprit_tid);
	EXPECT_STREQ(ISO_SENDER, iso.sh->rec.culprit_comm);
	EXPECT_EQ(iso.sh->sender_cpu, iso.sh->rec.culprit_cpu);
	EXPECT_EQ(1, iso.sh->info.si_pid);
}

/* Has a child that changes its affinity when told to go. */
static void prepare_child(struct iso_shared *sh)
{
	cpu_set_t set;
	pid_t pid;

	prepare_nobody(sh);
	iso_housekeeping(&set);
	pid = fork();
	if (pid) {
		STORE(sh->sender_tid, pid);
		/* The fork has write-protected what is used. */
		iso_prepare(sh, iso_cpu);
		return;
	}
	prctl(PR_SET_NAME, "iso-child");
	sched_setaffinity(0, sizeof(set), &set);
	CPU_SET(iso_cpu, &set);
	iso_wait_go(sh);
	sh->sender_err = sched_setaffinity(getppid(), sizeof(set), &set) ? errno : 0;
	/* Stays for the record to be read, or does not. */
	while (!LOAD(sh->val[2]) && !LOAD(sh->recorded))
		iso_sleep_ms(1);
	_exit(0);
}

static void finish_child_gone(struct iso_shared *sh)
{
	STORE(sh->val[2], 1);
	waitpid(sh->sender_tid, NULL, 0);
	iso_finish_record(sh);
}

static void run_child(struct __test_metadata *_metadata, void (*finish)(struct iso_shared *sh))
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_child, .act = iso_act_spin,
		.finish = finish,
	};

	iso_start_quiet(_metadata, &c);
	STORE(iso.sh->go, 1);
	iso_expect_one(_metadata, SIGUSR1);
	EXPECT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(0, iso.sh->sender_err);
	iso_expect_recorded(_metadata, TASK_ISOLATION_AFFINITY);
	/* When the signal was sent it was there, in any case. */
	EXPECT_EQ(iso.sh->sender_tid, iso.sh->info.si_pid);
	EXPECT_EQ(ISO_NOBODY, iso.sh->info.si_uid);
}

TEST_F_TIMEOUT(ns, inside_process, ISO_TIMEOUT)
{
	run_child(_metadata, iso_finish_record);
	EXPECT_EQ(iso.sh->sender_tid, iso.sh->rec.culprit_pid);
	EXPECT_EQ(iso.sh->sender_tid, iso.sh->rec.culprit_tid);
	EXPECT_EQ(ISO_NOBODY, iso.sh->rec.culprit_uid);
	EXPECT_STREQ("iso-child", iso.sh->rec.culprit_comm);
}

/* Who is gone can't be looked up any more: right, or nobody. */
TEST_F_TIMEOUT(ns, inside_gone, ISO_TIMEOUT)
{
	run_child(_metadata, finish_child_gone);
	EXPECT_TRUE(!iso.sh->rec.culprit_pid || iso.sh->rec.culprit_pid == iso.sh->sender_tid);
	EXPECT_EQ(iso.sh->rec.culprit_pid, iso.sh->rec.culprit_tid);
	EXPECT_STREQ(iso.sh->rec.culprit_pid ? "iso-child" : "", iso.sh->rec.culprit_comm);
}

/* Who stands in the way of a request, which a child without privileges makes. */
static void ask_behind(struct __test_metadata *_metadata, const char *comm)
{
	const struct task_isolation_record *rec = &iso.sh->rec;
	int i;

	iso.victim = fork();
	ASSERT_LE(0, iso.victim);
	if (!iso.victim) {
		iso_prepare(iso.sh, iso.cpu);
		if (iso_drop_uid())
			_exit(3);
		for (i = 0; i < 20; i++) {
			if (!iso_prctl(ISO_USR1))
				_exit(1);
			iso_finish_record(iso.sh);
			if ((rec->blockers & TASK_ISOLATION_BLOCKER_TASK) &&
			    !strcmp(rec->blocker_comm, comm))
				_exit(0);
		}
		_exit(2);
	}
	EXPECT_EQ(0, iso_wait_exit()) {
		TH_LOG("blockers 0x%llx, the task is '%s'", (unsigned long long)rec->blockers,
		       rec->blocker_comm);
	}
}

TEST_F_TIMEOUT(ns, blocker_inside, ISO_TIMEOUT)
{
	pid_t pid = iso_run_busy(_metadata, false);

	ask_behind(_metadata, "iso-busy");
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
	pid = iso_run_busy(_metadata, false);
	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	ask_behind(_metadata, "");
	iso_end(pid);
	EXPECT_EQ(0, iso.sh->rec.blocker_pid);
	EXPECT_EQ(0, iso.sh->rec.blocker_tid);
}

TEST_HARNESS_MAIN
