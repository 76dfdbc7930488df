/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fixture of the task isolation tests: a victim process on the isolation
 * CPU, watched by the test on the housekeeping CPUs.
 */
#ifndef __TASK_ISOLATION_FIXTURE_H
#define __TASK_ISOLATION_FIXTURE_H

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/ptrace.h>

#include "kselftest_harness.h"
#include "common.h"

/*
 * No verdict hangs on a time. These only bound a test that waits for
 * something which a broken kernel never does.
 */
#define ISO_WAIT_MS	15000
#define ISO_TIMEOUT	90

/**
 * struct iso_case - What a victim does
 * @flags:	Flags of the entering call
 * @prepare:	Runs before, with the CPU and the handlers set up
 * @act:	Runs isolated
 * @finish:	Runs after leaving
 * @sibling:	Runs in another thread of the victim, on a housekeeping CPU,
 *		once the victim is isolated
 */
struct iso_case {
	unsigned long	flags;
	void		(*prepare)(struct iso_shared *sh);
	void		(*act)(struct iso_shared *sh);
	void		(*finish)(struct iso_shared *sh);
	void		(*sibling)(struct iso_shared *sh);
};

/**
 * struct iso_test - The state of a running test, which is a process
 * @sh:		Shared with the victim
 * @log:	The kernel log since the test began
 * @victim:	Process id of the victim, 0 if there is none
 * @cpu:	The CPU that the victim is isolated on
 * @cpu2:	Another isolation CPU, -1 if there is none
 */
static struct iso_test {
	struct iso_shared	*sh;
	struct iso_log		log;
	pid_t			victim;
	int			cpu;
	int			cpu2;
} iso = { .log.fd = -1 };

/* Memory that processes share, or MAP_FAILED. */
static void *iso_share(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Begins a test that uses the CPU iso.cpu. */
static void iso_open(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, iso_pin_housekeeping());
	iso.sh = iso_share(sizeof(*iso.sh));
	ASSERT_TRUE(iso.sh != MAP_FAILED);
	iso_log_open(&iso.log);
}

/* Begins a test on an isolation CPU; skips it if there is none. */
static void __maybe_unused iso_setup_cpu(struct __test_metadata *_metadata)
{
	const char *reason = iso_find_cpu(&iso.cpu, &iso.cpu2);

	if (reason)
		SKIP(return, "%s", reason);
	iso_open(_metadata);
}

static void __maybe_unused iso_close(struct __test_metadata *_metadata)
{
	int i, unknown;

	if (iso.victim > 0) {
		kill(iso.victim, SIGKILL);
		waitpid(iso.victim, NULL, 0);
	}
	/* Every source of these tests is a known one. */
	unknown = iso_log_unknown(&iso.log);
	EXPECT_EQ(0, unknown);
	if (_metadata->exit_code == KSFT_FAIL || unknown) {
		for (i = 0; i < iso.log.count; i++)
			TH_LOG("kernel: %s", iso.log.line[i]);
	}
	if (iso.log.fd >= 0)
		close(iso.log.fd);
}

static const struct iso_case *iso_case;
static int iso_cpu;

static void *iso_run_case(void *arg)
{
	struct iso_shared *sh = arg;
	const struct iso_case *c = iso_case;

	iso_prepare(sh, iso_cpu);
	if (c->prepare)
		c->prepare(sh);
	if (!iso_enter(sh, c->flags)) {
		STORE(sh->ready, 1);
		if (c->act)
			c->act(sh);
		STORE(sh->acted, 1);
		iso_spin_until(&sh->stop);
	}
	STORE(sh->leave, iso_prctl(0));
	if (c->finish)
		c->finish(sh);
	STORE(sh->done, 1);
	return NULL;
}

/* The life of the victim process, from fork to exit. */
static void iso_victim(struct iso_shared *sh, const struct iso_case *c, int cpu)
{
	pthread_attr_t attr;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "iso-victim");
	iso_case = c;
	iso_cpu = cpu;
	iso_catch_all();
	if (!c->sibling) {
		iso_run_case(sh);
		_exit(0);
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	if (pthread_create(&thread, &attr, iso_run_case, sh))
		_exit(1);
	while (!LOAD(sh->ready) && !LOAD(sh->done))
		iso_sleep_ms(1);
	c->sibling(sh);
	pthread_join(thread, NULL);
	_exit(0);
}

/* Stays isolated until the test ends it, or until told. */
static void __maybe_unused iso_act_spin(struct iso_shared *sh)
{
	iso_spin_until(&sh->stop);
	/* Silent only if a handler has run, which ended isolation. */
	if (LOAD(sh->sig_total)) {
		sh->val[1] = syscall(SYS_getppid);
		sh->val[2] = sched_getcpu();
	}
}

static const struct iso_case iso_spin_case __maybe_unused = {
	.flags = ISO_USR1, .act = iso_act_spin,
};

/* Keeps the record. For the end of a victim, and for its handlers. */
static void __maybe_unused iso_finish_record(struct iso_shared *sh)
{
	if (!iso_record(&sh->rec))
		INC(sh->recorded);
}

#define ISO_SENDER	"iso-sender"

static void *iso_sender(void *arg)
{
	struct iso_shared *sh = arg;

	prctl(PR_SET_NAME, ISO_SENDER);
	sh->sender_cpu = iso_housekeeping_cpu(true);
	sh->sender_err = iso_pin(sh->sender_cpu) ||
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) ?
		errno : 0;
	STORE(sh->sender_tid, (int)syscall(SYS_gettid));
	iso_wait_go(sh);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
		STORE(sh->sender_err, errno);
	/* Does not end before the process does: that would unmap a stack. */
	for (;;)
		pause();
	return NULL;
}

/* Starts a thread that takes no signals and waits until it has got to its CPU. */
static int __maybe_unused iso_start_thread(void *(*func)(void *arg), struct iso_shared *sh,
					   int *tid)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(&thread, &attr, func, sh);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	while (!err && !LOAD(*tid))
		iso_sleep_ms(1);
	return err;
}

/*
 * Starts a thread of the victim which interrupts it by a function call when it
 * is told to go. No architecture does without it for that.
 */
static void __maybe_unused iso_prepare_sender(struct iso_shared *sh)
{
	if (iso_start_thread(iso_sender, sh, &sh->sender_tid))
		sh->sender_err = EAGAIN;
}

static const struct iso_case iso_sender_case __maybe_unused = {
	.flags = ISO_USR1, .prepare = iso_prepare_sender, .act = iso_act_spin,
	.finish = iso_finish_record,
};

static bool iso_alive(pid_t pid)
{
	siginfo_t info = { 0 };

	return !waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

/* Waits until *value reaches @want; false when the victim died or hangs. */
static bool __maybe_unused iso_wait_for(pid_t pid, int *value, int want)
{
	int ms;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (LOAD(*value) >= want)
			return true;
		if (!iso_alive(pid))
			return LOAD(*value) >= want;
		iso_sleep_ms(1);
	}
	return false;
}

/* Waits for the victim's death; its status, or -1 if it does not come. */
static int __maybe_unused iso_wait_exit(void)
{
	int ms, status;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (waitpid(iso.victim, &status, WNOHANG) == iso.victim) {
			if (!WIFSTOPPED(status)) {
				iso.victim = 0;
				return status;
			}
			/* Only a tracer gets here: let it go on. */
			ptrace(PTRACE_CONT, iso.victim, 0, 0);
		}
		iso_sleep_ms(1);
	}
	return -1;
}

static void __maybe_unused iso_start(struct __test_metadata *_metadata,
				     const struct iso_case *c)
{
	memset(iso.sh, 0, sizeof(*iso.sh));
	iso.victim = fork();
	ASSERT_LE(0, iso.victim);
	if (!iso.victim)
		iso_victim(iso.sh, c, iso.cpu);
}

/* Waits until the victim sets *flag, which only an isolated one does. */
static void iso_assert_isolated(struct __test_metadata *_metadata, int *flag)
{
	ASSERT_TRUE(iso_wait_for(iso.victim, flag, 1)) {
		TH_LOG("ready %d, prctl returned %d, errno %d, EAGAIN %d times", iso.sh->ready,
		       iso.sh->ret, iso.sh->err, iso.sh->again);
		TH_LOG("blockers 0x%llx, task %s/%d, tick %s, timer %s, work %s",
		       (unsigned long long)iso.sh->rec.blockers, iso.sh->rec.blocker_comm,
		       iso.sh->rec.blocker_tid, iso.sh->rec.tick, iso.sh->rec.timer,
		       iso.sh->rec.work);
	}
}

/* Starts a victim and waits until its action has returned. */
static void __maybe_unused iso_start_acted(struct __test_metadata *_metadata,
					   const struct iso_case *c)
{
	iso_start(_metadata, c);
	iso_assert_isolated(_metadata, &iso.sh->acted);
}

/*
 * Starts a victim and waits until it is isolated. Then it must stay so:
 * nothing may have been told before the test disturbs it.
 */
static void __maybe_unused iso_start_quiet(struct __test_metadata *_metadata,
					   const struct iso_case *c)
{
	iso_start(_metadata, c);
	iso_assert_isolated(_metadata, &iso.sh->ready);
	iso_sleep_ms(20);
	ASSERT_EQ(0, LOAD(iso.sh->sig_total)) {
		TH_LOG("a signal came before anything was done");
	}
	ASSERT_TRUE(iso_alive(iso.victim));
}

/* Lets the victim leave, and expects that it ends by itself. */
static void __maybe_unused iso_stop(struct __test_metadata *_metadata)
{
	int status;

	STORE(iso.sh->stop, 1);
	STORE(iso.sh->go, 1);
	status = iso_wait_exit();
	EXPECT_EQ(0, status) {
		TH_LOG("victim ended with status 0x%x", status);
	}
	EXPECT_EQ(0, iso.sh->leave);
	EXPECT_EQ(1, iso.sh->done);
}

/*
 * Expects exactly one loss line of the victim, with this cause where one is
 * given. A line may be missing only where the kernel may suppress lines.
 */
static void __maybe_unused iso_expect_logged(struct __test_metadata *_metadata,
					     const char *want)
{
	char cause[ISO_LOG_LEN];
	int n;

	n = iso_log_losses(&iso.log, iso.sh->tid, cause, sizeof(cause));
	if (iso.log.fd < 0) {
		TH_LOG("no /dev/kmsg, cause not checked");
		return;
	}
	if (!n && iso.log.limited) {
		TH_LOG("no log line (boot with task_isolation_debug), cause not checked");
		return;
	}
	EXPECT_EQ(1, n);
	if (want) {
		EXPECT_TRUE(iso_cause_is(cause, want)) {
			TH_LOG("cause is '%s', not '%s'", cause, want);
		}
	}
	EXPECT_FALSE(iso_cause_is(cause, "unknown"));
}

static void __maybe_unused iso_expect_not_logged(struct __test_metadata *_metadata)
{
	char cause[ISO_LOG_LEN];

	EXPECT_EQ(0, iso_log_losses(&iso.log, iso.sh->tid, cause,
				    sizeof(cause))) {
		TH_LOG("logged as lost due to '%s'", cause);
	}
}

/*
 * Waits for the signal, lets the victim end and expects that this signal came
 * exactly once and no other did, on the isolated thread.
 */
static void __maybe_unused iso_expect_one(struct __test_metadata *_metadata, int sig)
{
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->sig_total, 1)) {
		TH_LOG("not told, or dead");
	}
	/* A second one would be on its way by now. */
	iso_sleep_ms(20);
	iso_stop(_metadata);
	EXPECT_EQ(1, iso.sh->sig[sig]);
	EXPECT_EQ(1, iso.sh->sig_total);
	EXPECT_EQ(iso.sh->tid, iso.sh->sig_tid);
}

/* The victim was disturbed in a way that must be told as a loss. */
static void __maybe_unused iso_expect_loss(struct __test_metadata *_metadata, int sig,
					   const char *cause)
{
	iso_expect_one(_metadata, sig);
	iso_expect_logged(_metadata, cause);
}

static void __maybe_unused iso_expect_logged_syscall(struct __test_metadata *_metadata, long nr)
{
	char cause[32];

	snprintf(cause, sizeof(cause), "syscall %ld", nr);
	iso_expect_logged(_metadata, cause);
}

/* The victim made a system call that is refused. */
static void __maybe_unused iso_expect_refused(struct __test_metadata *_metadata, int sig, long nr)
{
	iso_expect_one(_metadata, sig);
	iso_expect_logged_syscall(_metadata, nr);
}

/* Starts a victim with a thread, lets that one interrupt it; false if it can't. */
static bool __maybe_unused iso_lose_to_sender(struct __test_metadata *_metadata,
					      const struct iso_case *c)
{
	bool can;

	iso_start_quiet(_metadata, c);
	can = !LOAD(iso.sh->sender_err);
	STORE(iso.sh->go, 1);
	if (!can) {
		iso_stop(_metadata);
		SKIP(return false, "no expedited membarrier: %s", strerror(iso.sh->sender_err));
	}
	iso_expect_one(_metadata, SIGUSR1);
	EXPECT_EQ(0, iso.sh->sender_err);
	return true;
}

/* The record of the victim's one loss. */
static void __maybe_unused iso_expect_recorded(struct __test_metadata *_metadata,
					       unsigned int cause)
{
	EXPECT_LE(1, iso.sh->recorded);
	EXPECT_EQ(cause, iso.sh->rec.cause);
	EXPECT_EQ(1, iso.sh->rec.losses);
	EXPECT_EQ(iso.cpu, iso.sh->rec.cpu);
	EXPECT_EQ(0, iso.sh->rec.blockers);
}

/* What was done to the victim does not enter the kernel on its CPU. */
static void __maybe_unused iso_expect_silent(struct __test_metadata *_metadata)
{
	iso_sleep_ms(50);
	iso_stop(_metadata);
	EXPECT_EQ(0, iso.sh->sig_total);
	iso_expect_not_logged(_metadata);
}

/* The victim dies by this signal (by any if 0), and nothing else happened. */
static void __maybe_unused iso_expect_death(struct __test_metadata *_metadata, int sig)
{
	int status = iso_wait_exit();

	EXPECT_NE(-1, status);
	EXPECT_TRUE(WIFSIGNALED(status)) {
		TH_LOG("victim ended with status 0x%x", status);
	}
	if (sig)
		EXPECT_EQ(sig, WTERMSIG(status));
	EXPECT_EQ(0, iso.sh->sig_total);
}

/*
 * Starts a process that keeps @cpu busy, under SCHED_FIFO or not, and counts
 * its rounds in @other, those that it did there. Returns its id.
 */
static pid_t __maybe_unused iso_start_busy(struct iso_shared *other, int cpu, bool fifo)
{
	struct sched_param param = { .sched_priority = 1 };
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fifo && sched_setscheduler(0, SCHED_FIFO, &param))
		_exit(1);
	if (iso_pin(cpu))
		_exit(1);
	prctl(PR_SET_NAME, "iso-busy");
	for (;;) {
		iso_spin_rounds(1000);
		INC(other->count);
	}
}

/* The same on the isolation CPU, and waits until it runs there. */
static pid_t __maybe_unused iso_run_busy(struct __test_metadata *_metadata, bool fifo)
{
	struct iso_shared *other = iso_share(sizeof(*other));
	pid_t pid;

	ASSERT_TRUE(other != MAP_FAILED);
	pid = iso_start_busy(other, iso.cpu, fifo);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(iso_wait_for(pid, &other->count, 1));
	return pid;
}

#define ISO_WORK	"refresh_vm_stats"

/* Waits until the process has been in a wait that nothing interrupts for a while. */
static void iso_wait_stuck(pid_t pid)
{
	char path[64], stat[512], *state;
	int ms, stuck = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (ms = 0; ms < ISO_WAIT_MS && stuck < 20; ms++) {
		iso_read_file(path, stat, sizeof(stat));
		state = strrchr(stat, ')');
		stuck = state && state[1] && state[2] == 'D' ? stuck + 1 : 0;
		iso_sleep_ms(1);
	}
}

/*
 * Starts a process that has work queued on each CPU, with this function, and
 * waits for it, over and over. Returns its id, once a CPU that is busy otherwise
 * keeps it waiting.
 */
static pid_t __maybe_unused iso_start_work(void)
{
	pid_t pid = fork();
	char data[16];
	int fd;

	if (pid) {
		if (pid > 0)
			iso_wait_stuck(pid);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	do {
		fd = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
	} while (fd >= 0 && read(fd, data, sizeof(data)) >= 0 && !close(fd));
	_exit(1);
}

static void __maybe_unused iso_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A row that another architecture has */
static void __maybe_unused iso_elsewhere(struct __test_metadata *_metadata, const char *reason)
{
	SKIP(return, "%s", reason);
}

#endif /* __TASK_ISOLATION_FIXTURE_H */
