// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: a thread that enters and leaves all the time, against senders
 * on other CPUs which interrupt it meanwhile.
 *
 * Each of the senders is a process of its own, and does one thing: function
 * calls, wake-ups of another task on that CPU, signals, changes of affinity. It
 * counts what it begins and what it has ended. So it is known who may have caused
 * a loss: whoever began something after the request, or had not ended it before.
 *
 * Test Summary
 *
 *  * told	Each loss is told, and once
 *  * unknown	Each loss has a cause
 *  * culprits	Whoever is named can have done it
 *  * raced	The thread was isolated, lost that, and was refused, often enough
 *
 * Usage: storm_test [-n races] [-d seconds] [-s seed]
 *
 * Without -n there are as many races as 15 seconds are enough for, but not more
 * than 5000. What is at the very moment of the transition is a matter of the
 * machine: only CPUs that run in parallel meet there.
 */
#include <linux/membarrier.h>

#include "lib.h"

#define RACES		5000
#define SECONDS		15
/* A loss this soon after the request was granted was on its way before that. */
#define NEAR_NS		20000
/* Races without senders, which touch all that the thread needs. */
#define WARM_UP		20
#define VICTIM		"storm-victim"
#define SLEEPER		"storm-sleeper"
/* How long senders and victim may be silent. */
#define PATIENCE_MS	20000

enum sender { CALLER, QUEUER, WAKER, SIGNALLER, MOVER, SENDERS };

static const char * const sender_name[SENDERS] = {
	"storm-call", "storm-queue", "storm-wake", "storm-signal", "storm-move",
};

/**
 * struct storm - What all of them share
 * @race:	Number of the race that goes on
 * @stop:	It is over
 * @done:	The victim has ended its last race
 * @tid:	The victim
 * @sender:	What a sender is, and has done
 * @granted:	How often the request was granted
 * @refused:	How often it was not
 * @blocked:	How often it was not, by blocker
 * @losses:	What the record says
 * @told:	Losses that were told by their signal
 * @signals:	Losses that were told by another signal
 * @cause:	Losses, by cause
 * @near:	Losses right after the request, by cause
 * @named:	Losses with a culprit, by sender
 * @nobody:	Losses without one, of causes which may have one
 * @others:	Losses caused by none of the senders
 * @unknown:	Losses without a cause
 * @wrong:	Losses whose culprit can't have done it
 * @twice:	Signals for which there was no loss, or more than one
 * @untold:	Losses without a signal
 * @failed:	Calls that failed as they must not
 * @at:		Race of the first difference
 * @rec:	The record then
 */
static struct storm {
	int			race;
	int			stop;
	int			done;
	int			tid;
	struct {
		int		tid;
		int		began;
		int		ended;
		int		err;
	} sender[SENDERS];
	unsigned long		granted;
	unsigned long		refused;
	unsigned long		blocked[64];
	unsigned long		losses;
	unsigned long		told;
	unsigned long		signals;
	unsigned long		cause[64];
	unsigned long		near[64];
	unsigned long		named[SENDERS];
	unsigned long		nobody;
	unsigned long		others;
	unsigned long		unknown;
	unsigned long		wrong;
	unsigned long		twice;
	unsigned long		untold;
	unsigned long		failed;
	int			at;
	struct task_isolation_record rec;
} *s;

static int cpu, ended[SENDERS], wake_pipe[2];
static uint64_t seed = 1;
static cpu_set_t home, wide;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % n;
}

static void difference(unsigned long *count, const struct task_isolation_record *rec)
{
	(*count)++;
	if (s->at)
		return;
	s->at = s->race;
	s->rec = *rec;
}

/* Which senders can have caused that, as bits; 0 if none of them. */
static unsigned int suspects(const struct task_isolation_record *rec)
{
	switch (rec->cause) {
	case TASK_ISOLATION_IPI_FUNC:
		if (!strcmp(rec->what, "ipi_mb"))
			return 1U << CALLER;
		if (!strcmp(rec->what, "queue_call_func"))
			return 1U << QUEUER;
		return strcmp(rec->what, "sched_ttwu_pending") ? 0 : 1U << WAKER;
	case TASK_ISOLATION_IRQ_WORK:
		/*
		 * A second task on the CPU restarts the tick. Without TTWU_QUEUE,
		 * as on PREEMPT_RT, whoever wakes it up sends that first. A move
		 * does not: the stopper needs no tick, and the last check refuses
		 * a victim that has come to another task.
		 */
		return strcmp(rec->what, "nohz_full_kick_func") ? 0 : 1U << WAKER;
	case TASK_ISOLATION_RESCHED:
		return 1U << WAKER | 1U << SIGNALLER | 1U << MOVER;
	case TASK_ISOLATION_SIGNAL:
		return 1U << SIGNALLER;
	case TASK_ISOLATION_AFFINITY:
		return 1U << MOVER;
	default:
		return 0;
	}
}

static int sender_of(int tid)
{
	int i;

	for (i = 0; i < SENDERS && s->sender[i].tid != tid; i++)
		;
	return i;
}

static void judge_culprit(const struct task_isolation_record *rec)
{
	unsigned int may = suspects(rec);
	int i = sender_of(rec->culprit_tid);

	if (!rec->culprit_tid) {
		if (may)
			s->nobody++;
		else
			s->others++;
		return;
	}
	if (i == SENDERS) {
		/* What else there is on the machine may wake up something, too. */
		if (may & ~(1U << WAKER))
			difference(&s->wrong, rec);
		else
			s->others++;
		return;
	}
	s->named[i]++;
	/* All that it has begun was over before the request? */
	if (!(may & 1U << i) || LOAD(s->sender[i].began) <= ended[i] ||
	    strcmp(rec->culprit_comm, sender_name[i]))
		difference(&s->wrong, rec);
}

static void judge_loss(const struct task_isolation_record *rec)
{
	s->cause[rec->cause % 64]++;
	if (rec->lost_ns - rec->entered_ns < NEAR_NS)
		s->near[rec->cause % 64]++;
	if (rec->cause == TASK_ISOLATION_UNKNOWN)
		difference(&s->unknown, rec);
	judge_culprit(rec);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	struct task_isolation_record rec;
	unsigned long delta;
	int err = errno;

	if (iso_record(&rec))
		s->failed++;
	delta = rec.losses - s->losses;
	s->losses = rec.losses;
	if (info->si_code == SI_TASK_ISOLATION) {
		s->told++;
		if (delta != 1 || rec.cause != (unsigned int)info->si_errno || sig != SIGUSR1)
			difference(&s->twice, &rec);
		else
			judge_loss(&rec);
	} else if (delta) {
		s->signals++;
		if (delta != 1 || rec.cause != TASK_ISOLATION_SIGNAL || sig != SIGUSR2)
			difference(&s->twice, &rec);
		else
			judge_loss(&rec);
	}
	errno = err;
}

static void handle_signals(void)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	/* One after the other, or they would be seen in the wrong order. */
	sigfillset(&sa.sa_mask);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
}

static void count_refusal(void)
{
	struct task_isolation_record rec;
	int i;

	if ((errno != EAGAIN && errno != EINVAL) || iso_record(&rec)) {
		s->failed++;
		return;
	}
	s->refused++;
	for (i = 0; i < 64; i++)
		s->blocked[i] += rec.blockers >> i & 1;
}

/* Was there something of which it was not told? */
static void judge_untold(void)
{
	struct task_isolation_record rec;
	sigset_t both, old;

	sigemptyset(&both);
	sigaddset(&both, SIGUSR1);
	sigaddset(&both, SIGUSR2);
	sigprocmask(SIG_BLOCK, &both, &old);
	if (iso_record(&rec))
		s->failed++;
	if (rec.losses != s->losses)
		difference(&s->untold, &rec);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void race(void)
{
	int i;

	for (i = 0; i < SENDERS; i++)
		ended[i] = LOAD(s->sender[i].ended);
	STORE(s->race, s->race + 1);
	iso_spin_rounds(rnd(1000));
#ifdef __arm__
	/* Or their first use is a trap. */
	__asm__ __volatile__("vmov.f32 s0, s0");
#endif
	if (!iso_prctl(ISO_USR1)) {
		s->granted++;
		iso_spin_rounds(rnd(20000));
	} else {
		count_refusal();
	}
	if (iso_prctl(0))
		s->failed++;
	judge_untold();
}

static void victim(struct iso_shared *sh)
{
	struct task_isolation_record rec;
	unsigned long before;
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, VICTIM);
	handle_signals();
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
	iso_prepare(sh, cpu);
	for (i = 0; i < WARM_UP; i++)
		race();
	if (iso_record(&rec))
		_exit(KSFT_FAIL);
	before = rec.losses;
	memset(s->cause, 0, sizeof(s->cause));
	memset(s->near, 0, sizeof(s->near));
	memset(s->blocked, 0, sizeof(s->blocked));
	s->granted = 0;
	s->refused = 0;
	s->told = 0;
	s->signals = 0;
	s->others = 0;
	s->nobody = 0;
	s->race = 0;
	STORE(s->tid, (int)syscall(SYS_gettid));
	while (!LOAD(s->stop))
		race();
	s->losses -= before;
	STORE(s->done, 1);
	_exit(0);
}

static int act(enum sender kind, int fd)
{
	char text[16];

	switch (kind) {
	case CALLER:
		return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
	case QUEUER:
		snprintf(text, sizeof(text), "%d", cpu);
		return write(fd, text, strlen(text)) > 0 ? 0 : -1;
	case WAKER:
		return write(wake_pipe[1], "x", 1) == 1 ? 0 : -1;
	case SIGNALLER:
		return syscall(SYS_tgkill, s->tid, s->tid, SIGUSR2);
	case MOVER:
		return sched_setaffinity(s->tid, sizeof(wide), &wide) ||
		       sched_setaffinity(s->tid, sizeof(home), &home) ? -1 : 0;
	default:
		return -1;
	}
}

#define QUEUE		"/sys/kernel/debug/task_isolation_queue/call"

static int open_queue(void)
{
	if (access(QUEUE, F_OK))
		mount("none", "/sys/kernel/debug", "debugfs", 0, NULL);
	return open(QUEUE, O_WRONLY | O_CLOEXEC);
}

/* Waits for the next race. It may be long where CPUs take turns. */
static void await_race(int *seen)
{
	const struct timespec ts = { 0, 50000 };
	int i;

	while (LOAD(s->race) == *seen && !LOAD(s->stop)) {
		for (i = 0; i < 1000 && LOAD(s->race) == *seen; i++)
			__asm__ __volatile__("" ::: "memory");
		if (i == 1000)
			nanosleep(&ts, NULL);
	}
	*seen = LOAD(s->race);
}

/* The sender number @i is on the CPU number @i of the others. */
static void pin_sender(int i)
{
	cpu_set_t set;
	int n, c;

	iso_housekeeping(&set);
	i %= CPU_COUNT(&set);
	for (c = 0, n = -1; c < CPU_SETSIZE; c++) {
		n += !!CPU_ISSET(c, &set);
		if (n == i)
			break;
	}
	iso_pin(c);
}

static void sender(enum sender kind)
{
	int seen = 0, fd = -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, sender_name[kind]);
	pin_sender(kind);
	seed = seed * 8 + kind;
	if (kind == QUEUER) {
		fd = open_queue();
		if (fd < 0)
			_exit(KSFT_SKIP);
	}
	STORE(s->sender[kind].tid, (int)syscall(SYS_gettid));
	while (!LOAD(s->tid))
		iso_sleep_ms(1);
	while (!LOAD(s->stop)) {
		await_race(&seen);
		/* Not all of them in each race, or the first one has it all. */
		if (rnd(4))
			continue;
		iso_spin_rounds(rnd(20000));
		STORE(s->sender[kind].began, s->sender[kind].began + 1);
		if (act(kind, fd))
			STORE(s->sender[kind].err, errno);
		STORE(s->sender[kind].ended, s->sender[kind].ended + 1);
	}
	_exit(0);
}

/* Sleeps on the CPU, to be woken up there. */
static void sleeper(void)
{
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, SLEEPER);
	if (iso_pin(cpu))
		_exit(KSFT_FAIL);
	while (read(wake_pipe[0], &c, 1) == 1)
		;
	_exit(KSFT_FAIL);
}

static pid_t start_sender(enum sender kind)
{
	pid_t pid = fork();

	if (!pid)
		sender(kind);
	return pid;
}

static void end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Waits for the races. False if they don't go on. */
static bool await_races(pid_t pid, int races, unsigned long seconds)
{
	uint64_t end_ns = iso_now_ns() + seconds * 1000000000ULL;
	int seen = -1, still = 0;

	while (LOAD(s->race) < races || !LOAD(s->tid)) {
		if (seconds && LOAD(s->tid) && iso_now_ns() > end_ns)
			break;
		still = LOAD(s->race) == seen ? still + 1 : 0;
		seen = LOAD(s->race);
		if (still * 10 > PATIENCE_MS || waitpid(pid, NULL, WNOHANG))
			return false;
		iso_sleep_ms(10);
	}
	STORE(s->stop, 1);
	for (still = 0; !LOAD(s->done); still++) {
		if (still > PATIENCE_MS)
			return false;
		iso_sleep_ms(1);
	}
	return true;
}

static unsigned long refused_by(uint64_t blockers)
{
	unsigned long n = 0;
	int i;

	for (i = 0; i < 64; i++) {
		if (blockers >> i & 1)
			n += s->blocked[i];
	}
	return n;
}

static void print_hits(void)
{
	static const struct { const char *name; int cause; } shown[] = {
		{ "function call", TASK_ISOLATION_IPI_FUNC },
		{ "reschedule", TASK_ISOLATION_RESCHED },
		{ "signal", TASK_ISOLATION_SIGNAL },
		{ "affinity", TASK_ISOLATION_AFFINITY },
	};
	unsigned int i;

	ksft_print_msg("granted %lu, refused %lu, by what was on its way:\n", s->granted,
		       s->refused);
	ksft_print_msg("call %lu, task %lu, resched %lu, signal %lu, affinity %lu\n",
		       refused_by(TASK_ISOLATION_BLOCKER_CALL),
		       refused_by(TASK_ISOLATION_BLOCKER_TASK),
		       refused_by(TASK_ISOLATION_BLOCKER_RESCHED),
		       refused_by(TASK_ISOLATION_BLOCKER_SIGNAL),
		       refused_by(TASK_ISOLATION_BLOCKERS_FINAL));
	ksft_print_msg("lost, and how often of that within %d us:\n", NEAR_NS / 1000);
	for (i = 0; i < ARRAY_SIZE(shown); i++)
		ksft_print_msg("%s %lu, %lu\n", shown[i].name, s->cause[shown[i].cause],
			       s->near[shown[i].cause]);
}

static void print_senders(void)
{
	int i;

	for (i = 0; i < SENDERS; i++)
		ksft_print_msg("%s: %d times, named %lu times%s%s\n", sender_name[i],
			       s->sender[i].ended, s->named[i],
			       s->sender[i].err ? ", error " : "",
			       s->sender[i].err ? strerror(s->sender[i].err) : "");
}

static void print_difference(void)
{
	const struct task_isolation_record *rec = &s->rec;

	if (s->at)
		ksft_print_msg("race %d differs: losses %llu, cause %u (%s), by %s/%d on cpu %d\n",
			       s->at, (unsigned long long)rec->losses, rec->cause, rec->what,
			       rec->culprit_comm, rec->culprit_tid, rec->culprit_cpu);
}

/* Each of the senders has done something, or can't. */
static bool all_sent(void)
{
	int i;

	for (i = 0; i < SENDERS; i++) {
		if (s->sender[i].tid && (!s->sender[i].ended || s->sender[i].err))
			return false;
	}
	return true;
}

static void report(bool ended_well)
{
	print_hits();
	print_senders();
	print_difference();
	printf("# races %d losses %lu told %lu unknown %lu wrong %lu nobody %lu others %lu\n",
	       s->race, s->losses, s->told + s->signals, s->unknown, s->wrong, s->nobody,
	       s->others);
	ksft_test_result(ended_well && !s->twice && !s->untold && !s->failed &&
			 s->losses == s->told + s->signals,
			 "told (%lu wrongly, %lu not, %lu failed)\n", s->twice, s->untold,
			 s->failed);
	ksft_test_result(ended_well && !s->unknown, "unknown\n");
	ksft_test_result(ended_well && !s->wrong && s->others <= s->losses / 20 + 3, "culprits\n");
	ksft_test_result(ended_well && s->granted > (unsigned long)s->race / 20 && s->losses > 10 &&
			 s->refused && all_sent(), "raced\n");
}

static void prepare(void)
{
	const char *reason;
	int cpu2;

	reason = iso_find_cpu(&cpu, &cpu2);
	if (reason)
		ksft_exit_skip("%s\n", reason);
	CPU_ZERO(&home);
	CPU_SET(cpu, &home);
	iso_housekeeping(&wide);
	CPU_SET(cpu, &wide);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED || pipe(wake_pipe) || iso_pin_housekeeping())
		ksft_exit_fail_perror("preparations");
}

static void storm(int races, unsigned long seconds)
{
	struct iso_shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[SENDERS], last, asleep;
	bool well;
	int i;

	if (sh == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	fflush(stdout);
	asleep = fork();
	if (!asleep)
		sleeper();
	for (i = 0; i < SENDERS; i++)
		pid[i] = start_sender(i);
	last = fork();
	if (last < 0 || asleep < 0)
		ksft_exit_fail_perror("fork");
	if (!last)
		victim(sh);
	well = await_races(last, races, seconds);
	if (!well)
		ksft_print_msg("stuck, or dead, in race %d\n", s->race);
	end(last);
	end(asleep);
	for (i = 0; i < SENDERS; i++)
		end(pid[i]);
	report(well);
}

int main(int argc, char **argv)
{
	unsigned long seconds = SECONDS;
	int opt, races = RACES;

	while ((opt = getopt(argc, argv, "n:d:s:")) != -1) {
		switch (opt) {
		case 'n':
			races = atoi(optarg);
			seconds = 0;
			break;
		case 'd':
			seconds = strtoul(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr, "Usage: %s [-n races] [-d seconds] [-s seed]\n", argv[0]);
			return KSFT_FAIL;
		}
	}
	ksft_print_header();
	prepare();
	ksft_set_plan(4);
	ksft_print_msg("seed %llu, CPU %d\n", (unsigned long long)seed, cpu);
	storm(races, seconds);
	ksft_finished();
}
