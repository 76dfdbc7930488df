// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: a random walk against the contract.
 *
 * A victim is isolated and disturbed at random, by itself, by another thread of
 * its process, and from outside. This program has a model of it: is it isolated,
 * how often has it lost isolation so far, which signals are pending. After each
 * step the model says what the victim must have been told, what it must not, and
 * what it may: another CPU can patch the kernel at any time. The victim's handlers
 * keep the siginfo and the record of each signal, which must agree with that.
 *
 * Test Summary
 *
 *  * walk	No difference between what was told and what the model says
 *  * isolated	The victim was isolated often enough for that to mean something
 *  * calm	Few losses were of the kind that the model can't foresee
 *
 * Usage: walk_test [-s seed] [-d seconds] [-n steps] [-v]
 *
 * What a step does depends on the seed, on its number, and on the state of the
 * victim. On a difference the seed, the step, and the last twenty steps are
 * printed, and the walk ends.
 */
#include <stdarg.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

#include "walk.h"

/* How long something that must happen may take. No verdict hangs on less. */
#define PATIENCE_NS	20000000000ULL
#define NS_PER_MS	1000000ULL
#define SECONDS		55
#define LAST_STEPS	20
#define STEP_LEN	160

/* No architecture has that many system calls. */
#define NO_NUMBER	0x3fff

enum state { OFF, ISOLATED, HELD };
static const char * const state_name[] = { "off", "isolated", "held" };

/* Where the victim may run: its CPU; that and others; others. */
enum place { HOME, WIDE, AWAY };

/**
 * struct model - What is known of the victim
 * @pid:	Its process, 0 if it has died
 * @status:	How it has died
 * @state:	Isolated; or it was when it was stopped, and has not been told yet
 * @stopped:	It does not run
 * @traced:	This program is its tracer
 * @hold:	The next stop of a tracee is to last
 * @calls:	It stops at system calls
 * @suppress:	A signal that the tracer keeps
 * @sig:	The signal of a loss
 * @deadly:	That signal can only kill it
 * @place:	Its affinity
 * @losses:	How often it has lost isolation
 * @blocked:	Signals that are pending: an ordinary one, and real-time ones
 * @seen:	How many events have been dealt with
 * @noise_until:	What others do may last until then
 */
static struct model {
	pid_t		pid;
	int		status;
	enum state	state;
	bool		stopped;
	bool		traced;
	bool		hold;
	bool		calls;
	int		suppress;
	int		sig;
	bool		deadly;
	enum place	place;
	unsigned long	losses;
	int		blocked[2];
	unsigned int	seen;
	uint64_t	noise_until;
} m;

enum told { NEVER, MAYBE, ALWAYS };

/**
 * struct outcome - What a step may lead to
 * @told:	Is an isolated victim told of a loss?
 * @causes:	Of which causes, as bits
 * @number:	The number that goes with the cause, if @numbered
 * @numbered:	There is one
 * @by:		Threads which may be the culprit, 0 if nobody else may be
 * @anybody:	Anybody may be
 * @sig:	A signal which comes in any case, and ends isolation
 * @count:	How often it does
 * @leaves:	Isolation is over, and nobody is told
 */
struct outcome {
	enum told	told;
	unsigned int	causes;
	unsigned long	number;
	bool		numbered;
	pid_t		by[2];
	bool		anybody;
	int		sig;
	int		count;
	bool		leaves;
};

#define BIT(cause)	(1U << TASK_ISOLATION_##cause)
/* What is to run on the CPU may come in any of these ways. */
#define RUN_THERE	(BIT(RESCHED) | BIT(IPI_FUNC) | BIT(IRQ_WORK))
#ifdef __arm__
/* Copying memory may use registers which have to be loaded first. */
#define LIBRARY_CALL	(BIT(SYSCALL) | BIT(TRAP))
#else
#define LIBRARY_CALL	BIT(SYSCALL)
#endif

static struct totals {
	unsigned long	steps;
	unsigned long	entered;
	unsigned long	refused;
	unsigned long	told;
	unsigned long	signals;
	unsigned long	silent;
	unsigned long	others;
	unsigned long	named;
	unsigned long	nobody;
	unsigned long	victims;
} total;

static unsigned long long seed = 1;
static uint64_t rnd_state;
static char last_step[LAST_STEPS][STEP_LEN];
static bool verbose;

/* Splitmix64. What a step draws does not depend on what others have drawn. */
static unsigned int rnd(unsigned int n)
{
	uint64_t z = rnd_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % n;
}

static char *this_step(void)
{
	return last_step[total.steps % LAST_STEPS];
}

/* Adds to what is printed of this step. */
static void __printf(1, 2) say(const char *fmt, ...)
{
	size_t len = strlen(this_step());
	va_list args;

	va_start(args, fmt);
	vsnprintf(this_step() + len, STEP_LEN - len, fmt, args);
	va_end(args);
}

static void print_event(const struct event *e)
{
	ksft_print_msg("got signal %d, si_code 0x%x, cause %d, value 0x%lx, pid %d, thread %d\n",
		       e->sig, e->code, e->cause, e->value, e->pid, e->tid);
	ksft_print_msg("its losses %llu, cause %u (%s), number 0x%llx, cpu %d, by %s/%d on %d\n",
		       (unsigned long long)e->rec.losses, e->rec.cause, e->rec.what,
		       (unsigned long long)e->rec.number, e->rec.cpu, e->rec.culprit_comm,
		       e->rec.culprit_tid, e->rec.culprit_cpu);
}

static void end_victim(void)
{
	if (m.pid > 0) {
		kill(m.pid, SIGKILL);
		waitpid(m.pid, NULL, 0);
	}
	m.pid = 0;
}

static void print_totals(void)
{
	ksft_print_msg("%lu steps, %lu victims, isolated %lu times, refused %lu\n",
		       total.steps, total.victims, total.entered, total.refused);
	ksft_print_msg("told %lu, by other signals %lu, silent %lu\n",
		       total.told, total.signals, total.silent);
	ksft_print_msg("%lu losses to others, culprits: %lu named, %lu nobody\n",
		       total.others, total.named, total.nobody);
}

/* The victim was not told what the model says: the walk ends here. */
static void __noreturn __printf(1, 2) differ(const char *fmt, ...)
{
	unsigned long i, from = total.steps < LAST_STEPS ? 0 : total.steps - LAST_STEPS + 1;
	char text[256];
	va_list args;
	unsigned int n;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ksft_print_msg("difference at step %lu of seed %llu\n", total.steps, seed);
	for (i = from; i <= total.steps; i++)
		ksft_print_msg("step %lu: %s\n", i, last_step[i % LAST_STEPS]);
	ksft_print_msg("%s\n", text);
	ksft_print_msg("model: %s%s%s, losses %lu, signal %d\n", state_name[m.state],
		       m.stopped ? ", stopped" : "", m.traced ? ", traced" : "", m.losses, m.sig);
	for (n = m.seen > 3 ? m.seen - 3 : 0; n != LOAD(w->nr_events); n++)
		print_event(&w->event[n % EVENTS]);
	end_victim();
	print_totals();
	ksft_test_result_fail("walk\n");
	ksft_test_result_skip("isolated\n");
	ksft_test_result_skip("calm\n");
	ksft_finished();
}

/* What is going on besides, for a while: only then may these interrupt. */
static void noise(unsigned int ms)
{
	uint64_t until = iso_now_ns() + ms * NS_PER_MS;

	if (until > m.noise_until)
		m.noise_until = until;
}

/* Functions which go to every CPU, whoever has made the kernel call them. */
static bool is_kernel_wide(const char *func)
{
	static const char * const wide[] = {
		"do_sync_core", "do_nothing", "do_kernel_range_flush", "do_flush_tlb_all",
		"__cpa_flush_tlb", "__cpa_flush_all", "tlb_remove_table_smp_sync",
		"ftrace_sync_ipi", "rb_cpu_sync", "ipi_remote_fence_i",
		"ipi_flush_tlb_a15_erratum", "__ipi_flush_tlb_range_asid",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wide); i++) {
		if (!strncmp(func, wide[i], strlen(wide[i])))
			return true;
	}
	return false;
}

/* A loss which has nothing to do with this step. */
static bool is_environment(const struct task_isolation_record *rec)
{
	if (rec->cause == TASK_ISOLATION_IPI_FUNC && is_kernel_wide(rec->what))
		return true;
	return (1U << rec->cause & RUN_THERE) && rec->lost_ns < m.noise_until;
}

static void judge_culprit(const struct outcome *o, const struct event *e, bool expected)
{
	const struct task_isolation_record *rec = &e->rec;

	if (!rec->culprit_tid) {
		total.nobody++;
		return;
	}
	total.named++;
	if (!(1U << rec->cause & (RUN_THERE | BIT(SIGNAL) | BIT(STOP) | BIT(AFFINITY))))
		differ("a culprit was named for what has none");
	if (rec->culprit_tid == w->tid)
		differ("the victim itself is the culprit");
	if (!expected || o->anybody)
		return;
	if (rec->culprit_tid != o->by[0] && rec->culprit_tid != o->by[1])
		differ("expected the culprit %d or %d, or nobody", o->by[0], o->by[1]);
}

static void judge_loss(const struct outcome *o, const struct event *e)
{
	const struct task_isolation_record *rec = &e->rec;
	bool expected = o->told != NEVER && (1U << rec->cause & o->causes);

	if (m.state == OFF)
		differ("told of a loss, but it was not isolated, or was told before");
	if (e->sig != m.sig)
		differ("expected the signal %d", m.sig);
	if (rec->losses != m.losses + 1)
		differ("expected %lu losses", m.losses + 1);
	if (rec->cause != (unsigned int)e->cause)
		differ("siginfo and record don't agree on the cause");
	if ((unsigned long)rec->number != e->value)
		differ("siginfo and record don't agree on the number");
	if (rec->cpu != iso_cpu)
		differ("expected CPU %d", iso_cpu);
	if (!expected && !is_environment(rec))
		differ(o->told == NEVER ? "expected that nobody is told" :
		       "expected one of the causes 0x%x", o->causes);
	if (expected && o->numbered && rec->cause != TASK_ISOLATION_TRAP &&
	    (unsigned long)rec->number != o->number)
		differ("expected the number 0x%lx", o->number);
	judge_culprit(o, e, expected);
	m.losses++;
	m.state = OFF;
	total.told++;
	total.others += !expected;
	say(" -> told %u%s", rec->cause, expected ? "" : " (others)");
}

static void judge_signal(const struct outcome *o, const struct event *e)
{
	if (!o->count || e->sig != o->sig)
		differ("expected no such signal");
	say(" -> signal %d", e->sig);
	if (m.state != OFF) {
		if (e->rec.losses != m.losses + 1)
			differ("expected %lu losses", m.losses + 1);
		if (e->rec.cause != TASK_ISOLATION_SIGNAL || (int)e->rec.number != e->sig)
			differ("expected the signal as the cause");
		judge_culprit(o, e, true);
		m.losses++;
		m.state = OFF;
		total.signals++;
	}
	if (e->rec.losses != m.losses)
		differ("expected %lu losses", m.losses);
}

/* Returns how many signals that was, besides of losses. */
static int judge_event(const struct outcome *o)
{
	const struct event *e = &w->event[m.seen % EVENTS];
	bool loss = e->code == SI_TASK_ISOLATION;

	if (e->err)
		differ("the record can't be read: %s", strerror(e->err));
	if (e->tid != w->tid)
		differ("expected that thread %d is told", w->tid);
	if (loss)
		judge_loss(o, e);
	else
		judge_signal(o, e);
	m.seen++;
	return !loss;
}

/* Compares what was told since the last step. Returns how many signals came besides. */
static int judge_events(const struct outcome *o)
{
	int signals = 0;

	while (m.seen != LOAD(w->nr_events))
		signals += judge_event(o);
	return signals;
}

/* Sees to stops of a tracee, and to the end of the victim. */
static void pump(void)
{
	int sig, status;
	bool event;

	while (m.pid && !m.stopped && waitpid(m.pid, &status, WNOHANG | WUNTRACED) == m.pid) {
		if (!WIFSTOPPED(status)) {
			m.status = status;
			m.pid = 0;
			return;
		}
		sig = WSTOPSIG(status);
		event = status >> 16;
		if (!m.traced || (m.hold && (event || sig == SIGSTOP))) {
			m.stopped = true;
			m.hold = false;
			return;
		}
		if (event || sig == (SIGTRAP | 0x80)) {
			sig = 0;
		} else if (sig == m.suppress) {
			m.suppress = 0;
			sig = 0;
		}
		ptrace(m.calls ? PTRACE_SYSCALL : PTRACE_CONT, m.pid, 0, sig);
	}
}

static void nap(void)
{
	const struct timespec ts = { 0, 200000 };

	nanosleep(&ts, NULL);
}

/* Waits until @cond is true, or the victim has died. */
#define await(cond, what) do {							\
	uint64_t end = iso_now_ns() + PATIENCE_NS;				\
										\
	for (pump(); m.pid && !(cond); pump()) {				\
		if (iso_now_ns() > end)						\
			differ("waited for %s in vain", what);			\
		nap();								\
	}									\
} while (0)

/*
 * Whatever interrupts the victim by now does so before it has answered, in user
 * mode, twice.
 */
static void settle(void)
{
	int i;

	for (i = 0; i < 2 && m.pid && !m.stopped; i++) {
		STORE(w->ping, w->ping + 1);
		await(LOAD(w->pong) == w->ping || m.stopped, "the victim");
	}
}

static void judge_death(const struct outcome *o, int status)
{
	if (!m.deadly || m.state == OFF)
		differ("died with status 0x%x", status);
	if (!WIFSIGNALED(status) || (WTERMSIG(status) != m.sig && WTERMSIG(status) != SIGKILL))
		differ("died with status 0x%x, expected signal %d", status, m.sig);
	say(" -> died");
	total.told++;
	total.others += o->told == NEVER;
}

static int events_of(bool loss)
{
	unsigned int i;
	int n = 0;

	for (i = m.seen; i != LOAD(w->nr_events); i++)
		n += (w->event[i % EVENTS].code == SI_TASK_ISOLATION) == loss;
	return n;
}

/* Both may have become one, where a loss has the number of a signal from elsewhere. */
static bool enough(const struct outcome *o)
{
	int losses = events_of(true), signals = events_of(false);

	if (o->told == ALWAYS && m.state != OFF && !losses && !signals)
		return false;
	return signals >= o->count || (o->sig == m.sig && losses);
}

/* Waits for what must happen, and a moment for what must not. */
static void judge(const struct outcome *o)
{
	bool isolated = m.state != OFF;
	int count;

	await(enough(o), "a signal");
	settle();
	if (!m.pid) {
		judge_death(o, m.status);
		return;
	}
	count = judge_events(o);
	if (count != o->count && !(isolated && o->sig == m.sig && m.state == OFF))
		differ("expected the signal %d %d times, got it %d times", o->sig, o->count, count);
	if (m.state != OFF && o->told == ALWAYS)
		differ("expected to be told");
	if (m.state == ISOLATED && o->leaves)
		m.state = OFF;
	else if (isolated && m.state == ISOLATED)
		total.silent++;
}

static const struct outcome nothing;

static void start_victim(void)
{
	unsigned int i;
	char c;

	memset(&m, 0, sizeof(m));
	memset(w, 0, sizeof(*w));
	total.victims++;
	for (i = 0; i < RINGS; i++) {
		while (read(ring_pipe[i][0], &c, 1) == 1)
			;
	}
	fflush(stdout);
	m.pid = fork();
	if (m.pid < 0)
		ksft_exit_fail_perror("fork");
	if (!m.pid)
		victim();
	await(LOAD(w->ready), "a new victim");
	if (!m.pid)
		ksft_exit_fail_msg("a new victim ended with status 0x%x\n", m.status);
	/* What is left of the one before it, and of its ring, goes now. */
	noise(200);
}

/* Asks the victim for something. */
static void ask(int cmd, unsigned long a0, unsigned long a1)
{
	w->cmd = cmd;
	w->arg[0] = a0;
	w->arg[1] = a1;
	w->arg[2] = 0;
	w->arg[3] = 0;
	w->jumped = 0;
	STORE(w->asked, w->asked + 1);
}

static void await_done(void)
{
	await(LOAD(w->done) == w->asked || m.stopped, "the end of a command");
}

static void command(int cmd, unsigned long a0, unsigned long a1)
{
	ask(cmd, a0, a1);
	await_done();
}

/* The victim is about to die, as it must: with this status. */
static void expect_end(int status)
{
	await(false, "the end of the victim");
	say(" -> status 0x%x", m.status);
	if (m.status != status)
		differ("expected the status 0x%x", status);
}

static void leave(void)
{
	command(CMD_ISOLATION, 0, 0);
	if (m.pid && !w->jumped && w->ret)
		differ("leaving failed: %s", strerror(w->err));
}

/* Is what the victim was refused for what the model says? */
static void judge_refusal(void)
{
	unsigned long long blockers = w->rec.blockers;
	unsigned long long no_cpu = TASK_ISOLATION_BLOCKER_NOHZ | TASK_ISOLATION_BLOCKER_DOMAIN;

	say(" -> %s 0x%llx", w->err == EINVAL ? "EINVAL" : "EAGAIN", blockers);
	total.refused++;
	if (w->rec.losses != m.losses)
		differ("expected %lu losses, the record says %llu", m.losses,
		       (unsigned long long)w->rec.losses);
	switch (m.place) {
	case HOME:
		if (w->err != EAGAIN || !blockers || (blockers & TASK_ISOLATION_BLOCKERS_FINAL))
			differ("expected EAGAIN, and a reason for that: errno %d", w->err);
		break;
	case WIDE:
		if (w->err != EINVAL || !(blockers & TASK_ISOLATION_BLOCKER_AFFINITY))
			differ("expected EINVAL because of the affinity: errno %d", w->err);
		break;
	case AWAY:
		if (w->err != EINVAL || (blockers & no_cpu) != no_cpu)
			differ("expected EINVAL because of the CPU: errno %d", w->err);
		break;
	}
}

/* Which signal a loss is told by, and whether it can only kill. */
static unsigned long choose_signal(int *sig, bool *deadly)
{
	const int handled[] = { SIGUSR1, SIGUSR1, SIGRTMIN + 3, SIGSEGV, SIG_PLAIN, SIGVTALRM };
	const int others[] = { SIGKILL, SIG_BLOCKED, SIG_BLOCKED_RT, SIG_IGNORED, SIG_DEFAULT, 0 };

	*deadly = !rnd(25);
	*sig = *deadly ? others[rnd(ARRAY_SIZE(others))] : handled[rnd(ARRAY_SIZE(handled))];
	return PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(*sig);
}

static void set_isolated(int sig, bool deadly)
{
	m.state = ISOLATED;
	m.sig = sig ?: SIGKILL;
	m.deadly = deadly;
	total.entered++;
}

/* One request. True if it was granted, whatever has become of it since. */
static bool request(unsigned long flags, int sig, bool deadly)
{
	bool isolated = m.state == ISOLATED;

	w->jump = 0;
	command(CMD_ISOLATION, flags, 0);
	if (!m.pid) {
		/* By a loss before the call, or after it. */
		if (!isolated)
			set_isolated(sig, deadly);
		m.deadly |= deadly;
		judge_death(&nothing, m.status);
		return false;
	}
	if (isolated && events_of(true)) {
		/* Which of the two times it was is not known, so it is ended. */
		m.sig = w->event[m.seen % EVENTS].sig;
		leave();
		judge(&nothing);
		m.state = OFF;
		return false;
	}
	m.state = OFF;
	if (w->ret) {
		judge_refusal();
		judge(&nothing);
		return false;
	}
	if (m.place != HOME)
		differ("expected EINVAL, but it was granted");
	set_isolated(sig, deadly);
	judge(&nothing);
	return true;
}

/* Requests until it is granted. */
static bool enter(void)
{
	uint64_t end = iso_now_ns() + PATIENCE_NS;
	unsigned long flags;
	bool deadly;
	int sig;

	flags = choose_signal(&sig, &deadly);
	say(" sig %d%s", sig, deadly ? " (deadly)" : "");
	do {
		if (request(flags, sig, deadly))
			return m.state == ISOLATED;
		if (!m.pid || m.place != HOME)
			return false;
		nap();
	} while (iso_now_ns() < end);
	differ("refused for long, blockers 0x%llx, task %s, tick %s, timer %s, work %s",
	       (unsigned long long)w->rec.blockers, w->rec.blocker_comm, w->rec.tick,
	       w->rec.timer, w->rec.work);
}

/* The handler of this step does not return. */
static void maybe_jump(void)
{
	w->jump = rnd(4) == 0;
	if (w->jump)
		say(" jump");
}

static void step_enter(void)
{
	enter();
}

static void step_leave(void)
{
	const struct outcome o = { .leaves = true };

	leave();
	judge(&o);
}

/* Refused whatever the CPU; and an isolated thread is not so any more. */
static void step_bad_call(void)
{
	static const int job_control[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT };
	const struct outcome o = { .leaves = true };
	unsigned long flags = rnd(2), arg = 0;

	switch (rnd(4)) {
	case 0:
		flags |= 1UL << (1 + rnd(7));
		break;
	case 1:
		flags = PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(65 + rnd(63));
		break;
	case 2:
		flags = PR_TASK_ISOLATION_ENABLE |
			PR_TASK_ISOLATION_SET_SIG(job_control[rnd(ARRAY_SIZE(job_control))]);
		break;
	default:
		arg = 1;
	}
	say(" 0x%lx %lu", flags, arg);
	command(CMD_ISOLATION, flags, arg);
	if (m.pid && (w->ret != -1 || w->err != EINVAL))
		differ("expected EINVAL, got %ld, errno %d", w->ret, w->err);
	judge(&o);
}

/* An outcome for a system call of the victim. */
static struct outcome refused(long nr)
{
	return (struct outcome) {
		.told = ALWAYS, .causes = LIBRARY_CALL, .numbered = true, .number = nr,
	};
}

static void step_record(void)
{
	const struct outcome o = refused(SYS_prctl);

	maybe_jump();
	command(CMD_RECORD, 0, 0);
	judge(&o);
	if (!m.pid || w->jumped)
		return;
	if (w->ret)
		differ("the record can't be read: %s", strerror(w->err));
	if (w->rec.losses != m.losses)
		differ("expected %lu losses, the record says %llu", m.losses,
		       (unsigned long long)w->rec.losses);
	if (m.place == HOME && w->rec.blockers_now)
		differ("expected no blockers now, the record says 0x%llx",
		       (unsigned long long)w->rec.blockers_now);
	if (m.place != HOME && !w->rec.blockers_now)
		differ("expected a blocker now");
}

static void step_bad_record(void)
{
	const struct outcome o = refused(SYS_prctl);
	int which = rnd(4), want = which == 3 ? EFAULT : EINVAL;

	maybe_jump();
	say(" %d", which);
	command(CMD_RECORD_BAD, which, 0);
	judge(&o);
	if (m.pid && !w->jumped && (w->ret != -1 || w->err != want))
		differ("expected errno %d, got %ld, errno %d", want, w->ret, w->err);
}

static void step_call(void)
{
	const struct { long nr, arg; } calls[] = {
		{ SYS_getppid }, { SYS_sched_yield }, { SYS_prctl, PR_GET_DUMPABLE },
		{ SYS_prctl, PR_TASK_ISOLATION + 1000 }, { NO_NUMBER }, { SYS_gettid },
#ifndef __arm__
		/* An illegal instruction there, without isolation. */
		{ -1 },
#endif
	};
	unsigned int i = rnd(ARRAY_SIZE(calls));
	const struct outcome o = refused(calls[i].nr);

	maybe_jump();
	say(" %ld", calls[i].nr);
	command(CMD_CALL, calls[i].nr, calls[i].arg);
	judge(&o);
	if (!m.pid || w->jumped)
		return;
	if ((calls[i].nr == NO_NUMBER || calls[i].nr == -1) ?
	    w->ret != -1 : (calls[i].arg < 1000 && w->ret < 0))
		differ("the call returned %ld, errno %d", w->ret, w->err);
}

/* Executed once it was told, and once; or never, if the handler does not return. */
static void step_write(void)
{
	const struct outcome o = refused(SYS_write);
	unsigned int n = m.seen;
	bool given_up;
	char buf[16];
	ssize_t got;

	maybe_jump();
	command(CMD_WRITE, 0, 0);
	judge(&o);
	if (!m.pid && read(out[0], buf, sizeof(buf)) > 0)
		differ("expected that the call of a dead thread is not executed");
	if (!m.pid)
		return;
	given_up = w->jump && n != m.seen &&
		   w->event[n % EVENTS].rec.cause == TASK_ISOLATION_SYSCALL;
	got = read(out[0], buf, sizeof(buf));
	if (got != (given_up ? -1 : 1))
		differ("expected the call %s, it has written %zd", given_up ? "never" : "once",
		       got);
}

static void step_sleep(void)
{
	const struct outcome o = refused(SYS_nanosleep);

	maybe_jump();
	command(CMD_SLEEP, 0, 0);
	judge(&o);
}

static void step_fault(void)
{
	struct outcome o = { .told = ALWAYS, .causes = BIT(FAULT) };

	maybe_jump();
	command(CMD_FAULT, 0, 0);
	judge(&o);
	if (m.pid && !w->jumped && w->ret)
		differ("the page does not have what was written");
}

static void step_trap(void)
{
	static const struct { int cmd, sig; } traps[] = {
		{ CMD_SEGV, SIGSEGV }, { CMD_BUS, SIGBUS },
#ifdef ISO_ILLEGAL
		{ CMD_ILLEGAL, SIGILL }, { CMD_BREAKPOINT, SIGTRAP },
#endif
	};
	unsigned int i = rnd(ARRAY_SIZE(traps));
	struct outcome o = { .sig = traps[i].sig, .count = 1 };

	say(" %d", traps[i].sig);
	w->jump = 1;
	command(traps[i].cmd, 0, 0);
	/* Told of something else right before, it has jumped over it. */
	if (events_of(true))
		o.count = events_of(false);
	judge(&o);
}

static void step_child(void)
{
	static const int cmds[] = { CMD_FORK, CMD_VFORK };
	const struct outcome o = { .told = ALWAYS, .causes = LIBRARY_CALL };

	noise(50);
	command(cmds[rnd(2)], 0, 0);
	judge(&o);
	if (m.pid && w->ret != 33 << 8)
		differ("expected that the child is not isolated, its status is 0x%lx", w->ret);
}

static void step_thread(void)
{
	const struct outcome o = { .told = ALWAYS, .causes = LIBRARY_CALL };

	command(CMD_THREAD, 0, 0);
	judge(&o);
	if (m.pid && (w->ret || w->unborn))
		differ("expected that the thread is not isolated: %ld, %d", w->ret, w->unborn);
}

/* execve() by an isolated thread waits until it has been told. */
static void step_exec(void)
{
	const struct outcome o = { .told = ALWAYS, .causes = LIBRARY_CALL };
	unsigned long losses = m.losses + (m.state == ISOLATED);

	command(CMD_EXEC, losses, 0);
	if (m.state == ISOLATED && m.deadly) {
		judge(&o);
		return;
	}
	await(false, "the end of the victim");
	if (m.state != OFF && !events_of(true))
		differ("expected to be told");
	judge_events(&o);
	expect_end(55 << 8);
}

static void step_exit(void)
{
	bool group = rnd(2);

	say("%s", group ? "_group" : "");
	ask(group ? CMD_EXIT_GROUP : CMD_EXIT, 0, 0);
	await(false, "the end of the victim");
	if (m.state == ISOLATED && m.deadly && WIFSIGNALED(m.status))
		judge_death(&nothing, m.status);
	else
		expect_end(group ? 8 << 8 : 7 << 8);
	judge_events(&nothing);
}

/* What is allowed to a thread with this affinity is not a matter of who has set it. */
static void step_affinity_own(void)
{
	const struct outcome o = refused(SYS_sched_setaffinity);
	enum place to = rnd(3);

	say(" %d", to);
	command(CMD_AFFINITY, to, 0);
	judge(&o);
	m.place = to;
	if (m.pid && w->ret)
		differ("sched_setaffinity() failed: %s", strerror(w->err));
}

/* By this program. True if that takes the CPU from an isolated thread. */
static bool set_place(enum place to)
{
	cpu_set_t set = housekeeping;

	if (to == HOME)
		CPU_ZERO(&set);
	if (to != AWAY)
		CPU_SET(iso_cpu, &set);
	if (sched_setaffinity(m.pid, sizeof(set), &set))
		differ("sched_setaffinity() failed: %s", strerror(errno));
	m.place = to;
	return to != HOME;
}

static void step_affinity(void)
{
	struct outcome o = { .told = ALWAYS, .causes = BIT(AFFINITY), .by = { getpid() } };
	enum place to = rnd(3);

	maybe_jump();
	say(" %d", to);
	if (!set_place(to) || m.state != ISOLATED)
		o.told = NEVER;
	judge(&o);
}

static void step_home(void)
{
	set_place(HOME);
	judge(&nothing);
}

static void send_to(bool thread, int sig)
{
	say(" %d", sig);
	if (thread ? syscall(SYS_tgkill, m.pid, w->tid, sig) : kill(m.pid, sig))
		differ("no signal can be sent: %s", strerror(errno));
}

/* To the process, or to its only thread that does not block it. */
static void send_signal(int sig)
{
	send_to(rnd(2), sig);
}

static void step_signal(void)
{
	const int sigs[] = { SIG_PLAIN, SIG_PLAIN, SIGRTMIN + 1, SIGUSR1, SIGFPE, SIGSEGV };
	struct outcome o = { .count = 1, .by = { getpid() } };

	maybe_jump();
	o.sig = sigs[rnd(ARRAY_SIZE(sigs))];
	send_signal(o.sig);
	judge(&o);
}

/*
 * A signal came about when the victim asked. If it was granted after that, the
 * signal has not ended anything.
 */
static void judge_signal_request(struct outcome *o)
{
	const struct outcome left = { .leaves = true };

	await_done();
	await(events_of(false) || (o->sig == m.sig && events_of(true)), "a signal");
	settle();
	if (!m.pid)
		differ("died with status 0x%x", m.status);
	if (w->ret) {
		judge_refusal();
		judge(o);
		return;
	}
	if (m.place != HOME)
		differ("expected EINVAL, but it was granted");
	if (w->event[m.seen % EVENTS].rec.losses == m.losses) {
		judge_event(o);
		o->count = 0;
	}
	set_isolated(SIGUSR1, false);
	judge(o);
	if (m.state == OFF)
		return;
	leave();
	judge(&left);
}

/* A signal while it asks: before, during or after the request. */
static void step_signal_request(void)
{
	struct outcome o = { .sig = SIG_PLAIN, .count = 1, .by = { getpid() } };

	ask(CMD_ISOLATION, ISO_USR1, 0);
	iso_spin_rounds(rnd(20000));
	send_signal(o.sig);
	judge_signal_request(&o);
}

/* One kind at a time: when they come, an outcome has room for one signal. */
static void send_blocked(void)
{
	bool rt = m.blocked[1] || (!m.blocked[0] && rnd(2));

	/* The thread and the process may each have one of the ordinary kind. */
	send_to(false, rt ? SIG_BLOCKED_RT : SIG_BLOCKED);
	if (rt)
		m.blocked[1]++;
	else
		m.blocked[0] = 1;
}

static void step_signal_blocked(void)
{
	send_blocked();
	judge(&nothing);
}

/* The pending ones come, and then the others are blocked again. */
static void step_unblock(void)
{
	struct outcome o = refused(SYS_rt_sigprocmask);
	bool rt = m.blocked[1];

	o.sig = rt ? SIG_BLOCKED_RT : SIG_BLOCKED;
	o.count = rt ? m.blocked[1] : m.blocked[0];
	if (m.state == ISOLATED && m.deadly)
		o.count = 0;
	command(CMD_UNBLOCK, 0, 0);
	judge(&o);
	m.blocked[0] = 0;
	m.blocked[1] = 0;
}

/* No entry for a signal that is ignored, unless there is a tracer to ask. */
static void step_signal_ignored(void)
{
	static const int sigs[] = { SIG_IGNORED, SIG_DEFAULT, SIGCONT };
	struct outcome o = { .causes = BIT(STOP), .by = { getpid() } };

	if (m.traced)
		o.told = ALWAYS;
	send_signal(sigs[rnd(ARRAY_SIZE(sigs))]);
	judge(&o);
}

static void step_kill(void)
{
	static const int sigs[] = { SIGKILL, SIGTERM };
	int sig = m.stopped ? SIGKILL : sigs[rnd(2)];

	send_signal(sig);
	m.stopped = false;
	await(false, "the end of the victim");
	if (m.state == ISOLATED && m.deadly && m.status != sig)
		judge_death(&nothing, m.status);
	else
		expect_end(sig);
	judge_events(&nothing);
}

static void step_stop(void)
{
	send_signal(SIGSTOP);
	await(m.stopped, "the stop");
	if (!m.pid) {
		judge_death(&nothing, m.status);
		return;
	}
	/* It may have been told of something else before. */
	judge_events(&nothing);
	if (m.state == ISOLATED)
		m.state = HELD;
}

/* It goes on, is told now; or has got a signal meanwhile, which tells it. */
static void step_resume(void)
{
	struct outcome o = { .told = ALWAYS, .causes = BIT(STOP), .by = { getpid() } };

	maybe_jump();
	if (rnd(3) == 0) {
		o.sig = SIG_PLAIN;
		o.count = 1;
		send_signal(o.sig);
	}
	m.stopped = false;
	kill(m.pid, SIGCONT);
	judge(&o);
}

static void step_seize(void)
{
	if (ptrace(PTRACE_SEIZE, m.pid, 0, PTRACE_O_TRACESYSGOOD))
		differ("PTRACE_SEIZE: %s", strerror(errno));
	m.traced = true;
	judge(&nothing);
}

static void hold_tracee(void)
{
	m.hold = true;
	if (ptrace(PTRACE_INTERRUPT, m.pid, 0, 0))
		differ("PTRACE_INTERRUPT: %s", strerror(errno));
	await(m.stopped, "the stop");
}

/* The tracee goes on, traced or not. */
static void let_go(bool detach, int sig)
{
	m.stopped = false;
	if (detach) {
		m.traced = false;
		m.calls = false;
	}
	if (m.pid)
		ptrace(detach ? PTRACE_DETACH : m.calls ? PTRACE_SYSCALL : PTRACE_CONT,
		       m.pid, 0, sig);
}

static void step_interrupt(void)
{
	const struct outcome o = { .told = ALWAYS, .causes = BIT(STOP), .by = { getpid() } };
	bool detach = rnd(2);

	maybe_jump();
	say("%s", detach ? " and detach" : "");
	hold_tracee();
	let_go(detach, 0);
	judge(&o);
}

static void step_attach(void)
{
	const struct outcome o = { .told = ALWAYS, .causes = BIT(STOP), .by = { getpid() } };

	if (ptrace(PTRACE_ATTACH, m.pid, 0, 0))
		differ("PTRACE_ATTACH: %s", strerror(errno));
	m.traced = true;
	m.hold = true;
	await(m.stopped, "the stop");
	let_go(true, 0);
	judge(&o);
}

/* The tracer keeps the signal. It has entered the kernel all the same. */
static void step_suppress(void)
{
	const struct outcome o = { .told = ALWAYS, .causes = BIT(STOP), .by = { getpid() } };

	m.suppress = SIGFPE;
	send_signal(SIGFPE);
	await(!m.suppress, "the signal");
	judge(&o);
}

/* Follows the victim to the end of a request which lacks only the last check. */
static bool follow_request(void)
{
	struct __ptrace_syscall_info info = { 0 };
	bool asked = false;
	int status;

	for (;;) {
		ptrace(PTRACE_SYSCALL, m.pid, 0, 0);
		if (waitpid(m.pid, &status, 0) != m.pid || !WIFSTOPPED(status))
			differ("expected a stop, got the status 0x%x", status);
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		ptrace(PTRACE_GET_SYSCALL_INFO, m.pid, sizeof(info), &info);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
			asked = info.entry.nr == SYS_prctl &&
				info.entry.args[0] == PR_TASK_ISOLATION;
		else if (asked && info.op == PTRACE_SYSCALL_INFO_EXIT)
			return !info.exit.rval;
	}
}

static void judge_request(struct outcome *o, bool granted, unsigned long long blockers)
{
	await_done();
	if (!m.pid)
		differ("died with status 0x%x", m.status);
	if (!w->ret) {
		if (!granted)
			differ("expected that the last check refuses");
		set_isolated(SIGUSR1, false);
	} else {
		judge_refusal();
		if (blockers && w->rec.blockers != blockers)
			differ("expected the blockers 0x%llx", blockers);
	}
	judge(o);
}

/* Something happens between the body of the request and its last check. */
static void step_request(void)
{
	struct outcome o = { .by = { getpid() } };
	unsigned int what = rnd(6);
	bool ready;

	m.traced = true;
	if (ptrace(PTRACE_SEIZE, m.pid, 0, PTRACE_O_TRACESYSGOOD))
		differ("PTRACE_SEIZE: %s", strerror(errno));
	hold_tracee();
	ask(CMD_ISOLATION, ISO_USR1, 0);
	ready = follow_request();
	say(" %u%s", what, ready ? "" : " refused");
	m.stopped = true;
	if (!ready)
		what = 6;
	switch (what) {
	case 0:
		o.sig = SIG_PLAIN;
		o.count = 1;
		send_signal(o.sig);
		let_go(rnd(2), 0);
		judge_request(&o, false, TASK_ISOLATION_BLOCKER_SIGNAL);
		break;
	case 1:
		set_place(WIDE);
		let_go(rnd(2), 0);
		judge_request(&o, false, TASK_ISOLATION_BLOCKER_AFFINITY);
		break;
	case 2:
		send_blocked();
		let_go(rnd(2), 0);
		judge_request(&o, true, 0);
		break;
	case 3:
		kill(m.pid, SIGKILL);
		m.stopped = false;
		expect_end(SIGKILL);
		break;
	case 4:
		m.calls = true;
		let_go(false, 0);
		judge_request(&o, true, 0);
		break;
	default:
		let_go(rnd(2), 0);
		judge_request(&o, ready, 0);
	}
}

/* Asks the other thread for something. */
static void ask_sibling(int cmd)
{
	w->sib_cmd = cmd;
	STORE(w->sib_asked, w->sib_asked + 1);
	await(LOAD(w->sib_done) == w->sib_asked || m.stopped, "the sibling");
}

static void step_membarrier(void)
{
	const struct outcome o = {
		.told = ALWAYS, .causes = BIT(IPI_FUNC), .by = { w->sibling },
	};

	maybe_jump();
	ask_sibling(SIB_MEMBARRIER);
	if (m.pid && w->sib_ret)
		differ("membarrier() failed");
	judge(&o);
}

/* TLB entries of other CPUs are invalidated by a function call, or without. */
#ifdef __x86_64__
#define TLB_FLUSH	ALWAYS
#define FORK_FLUSH	ALWAYS
#elif defined(__riscv)
#define TLB_FLUSH	MAYBE
#define FORK_FLUSH	MAYBE
#else
#define TLB_FLUSH	NEVER
#define FORK_FLUSH	MAYBE
#endif

static void step_mprotect(void)
{
	const struct outcome o = {
		.told = TLB_FLUSH, .causes = BIT(IPI_FUNC), .by = { w->sibling },
	};

	maybe_jump();
	ask_sibling(SIB_MPROTECT);
	judge(&o);
}

/*
 * Write-protects the memory of both. Nobody knows when the victim writes to it. The
 * child's SIGCHLD is nothing to the process, but as the sibling blocks it, it is sent,
 * and the victim has to look. Its tracer sees it, too.
 */
static void step_sibling_fork(void)
{
	struct outcome o = {
		.told = FORK_FLUSH,
		.causes = BIT(IPI_FUNC) | BIT(FAULT) | BIT(RESCHED), .by = { w->sibling },
	};
	const struct outcome left = {
		.told = MAYBE, .causes = BIT(FAULT), .leaves = true,
	};

	if (m.traced)
		o.causes |= BIT(STOP);
	noise(50);
	ask_sibling(SIB_FORK);
	o.by[1] = w->sib_child;
	judge(&o);
	if (!m.pid)
		return;
	if (w->sib_ret != 33 << 8)
		differ("expected that the child is not isolated, its status is 0x%lx", w->sib_ret);
	leave();
	judge(&left);
	w->stale = 1;
}

/* A thread that comes and goes, on a stack that stays, disturbs nobody. */
static void step_sibling_thread(void)
{
	ask_sibling(SIB_THREAD);
	judge(&nothing);
	if (m.pid && (w->sib_ret || w->unborn))
		differ("expected that the thread is not isolated: %ld, %d", w->sib_ret, w->unborn);
}

static void step_sibling_alarm(void)
{
	const struct outcome o = { .sig = SIGALRM, .count = 1, .anybody = true };

	ask_sibling(SIB_ALARM);
	judge(&o);
}

/* A limit of CPU time needs the tick. It can't be isolated with it any more. */
static void step_sibling_prof(void)
{
	const struct outcome o = {
		.told = ALWAYS, .causes = RUN_THERE, .by = { w->sibling },
	};

	ask_sibling(SIB_PROF);
	judge(&o);
	end_victim();
}

/* All threads of the process die, silently. */
static void step_sibling_end(void)
{
	bool exec = rnd(2);

	say(" %s", exec ? "exec" : "exit_group");
	w->sib_cmd = exec ? SIB_EXEC : SIB_EXIT_GROUP;
	STORE(w->sib_asked, w->sib_asked + 1);
	await(false, "the end of the victim");
	if (m.state == ISOLATED && m.deadly && WIFSIGNALED(m.status))
		judge_death(&nothing, m.status);
	else
		expect_end(exec ? 55 << 8 : 9 << 8);
	judge_events(&nothing);
}

/* Its own timer: stands in the way until it has fired, or its signal comes alone. */
static void step_alarm(void)
{
	struct outcome o = { .sig = SIGALRM, .count = 1, .anybody = true };

	command(CMD_ALARM, 2000 + rnd(20000), 0);
	ask(CMD_ISOLATION, ISO_USR1, 0);
	judge_signal_request(&o);
}

/* A request that completes while its thread is isolated. */
static void step_uring(void)
{
	unsigned int lazy = rnd(2);
	struct outcome o = { .causes = BIT(RESCHED), .by = { getpid() } };
	const struct outcome left = { .leaves = true };

	say("%s", lazy ? " lazy" : "");
	command(CMD_POLL, lazy, 0);
	judge(&nothing);
	if (w->ret != 1)
		differ("io_uring_enter() returned %ld, errno %d", w->ret, w->err);
	enter();
	if (!m.pid)
		return;
	if (!lazy)
		o.told = ALWAYS;
	if (write(ring_pipe[lazy][1], "x", 1) != 1)
		differ("no byte can be written: %s", strerror(errno));
	judge(&o);
	if (!m.pid)
		return;
	leave();
	judge(&left);
	command(CMD_POLLED, lazy, 0);
	judge(&nothing);
	if (w->ret != 1)
		differ("expected one completion, got %ld", w->ret);
}

/* Enters again in a handler, and returns: which is a system call. */
static void step_reenter(void)
{
	struct outcome o = { .sig = SIG_PLAIN, .count = 1, .by = { getpid() } };
	const struct outcome back = {
		.told = ALWAYS, .causes = BIT(SYSCALL), .numbered = true,
		.number = SYS_rt_sigreturn,
	};

	w->reentered = 0;
	STORE(w->reenter, PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(SIG_AGAIN));
	send_signal(o.sig);
	await(LOAD(w->reentered), "the handler");
	if (!m.pid) {
		judge_death(&nothing, m.status);
		return;
	}
	/* What has made the handler run, and only that. */
	judge_event(&o);
	if (w->event[(m.seen - 1) % EVENTS].code != SI_TASK_ISOLATION)
		o.count = 0;
	if (w->reentered == 1 && m.place != HOME)
		differ("expected EINVAL, but it was granted");
	if (w->reentered == 1) {
		set_isolated(SIG_AGAIN, false);
		say(" again");
		await(events_of(true) || events_of(false), "a loss");
		if (events_of(true))
			judge_event(&back);
	}
	judge(&o);
}

/* Another task on its CPU: a loss, and then a reason to be refused. */
static void step_rival(void)
{
	const struct outcome o = { .told = ALWAYS, .causes = RUN_THERE, .anybody = true };
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "walk-rival");
		if (iso_pin(iso_cpu))
			_exit(1);
		STORE(w->rival, 1);
		iso_spin_until(&w->quit);
	}
	if (pid < 0)
		differ("fork: %s", strerror(errno));
	/* Nobody else waits for it if there is nothing to lose. */
	await(LOAD(w->rival), "the rival");
	STORE(w->rival, 0);
	noise(200);
	judge(&o);
	if (m.pid && m.state == OFF && m.place == HOME) {
		command(CMD_ISOLATION, ISO_USR1, 0);
		if (!w->ret)
			differ("granted beside another task");
		judge_refusal();
		if (!(w->rec.blockers & TASK_ISOLATION_BLOCKER_TASK))
			differ("expected the other task to be the reason");
		judge(&nothing);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	noise(200);
}

#define QUEUE_DIR	"/sys/kernel/debug/task_isolation_queue/"

static bool can_queue(void)
{
	static int can = -1;

	if (can < 0 && access(QUEUE_DIR, F_OK))
		mount("none", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (can < 0)
		can = !access(QUEUE_DIR "call", W_OK);
	return can;
}

/* What a driver may do to the CPU. */
static void step_queue(void)
{
	static const struct { const char *name; unsigned int causes; bool later; } queue[] = {
		{ "call", BIT(IPI_FUNC) },
		{ "irq_work", BIT(IRQ_WORK) },
		{ "work", RUN_THERE, true },
	};
	unsigned int i = rnd(ARRAY_SIZE(queue));
	const struct outcome o = {
		.told = ALWAYS, .causes = queue[i].causes, .by = { getpid() },
		.anybody = queue[i].later,
	};
	char path[80], cpu[16];

	maybe_jump();
	say(" %s", queue[i].name);
	snprintf(path, sizeof(path), QUEUE_DIR "%s", queue[i].name);
	snprintf(cpu, sizeof(cpu), "%d", iso_cpu);
	if (iso_write_file(path, cpu))
		differ("%s: %s", path, strerror(errno));
	if (queue[i].later)
		noise(100);
	judge(&o);
}

/* Another CPU goes down and comes up: that may interrupt all. */
static void step_hotplug(void)
{
	const struct outcome o = { .told = MAYBE, .causes = RUN_THERE, .anybody = true };
	int cpu;

	for (cpu = CPU_SETSIZE - 1; cpu > 0 && !CPU_ISSET(cpu, &housekeeping); cpu--)
		;
	if (!cpu)
		return;
	say(" %d", cpu);
	noise(60000);
	if (!iso_set_online(cpu, 0) && iso_set_online(cpu, 1))
		differ("CPU %d does not come up again: %s", cpu, strerror(errno));
	m.noise_until = 0;
	noise(500);
	judge(&o);
}

#define CPUSET		ISO_CGROUP "/task_isolation_walk"

static bool can_partition(void)
{
	static int can = -1;

	if (can < 0)
		can = iso_mount_cgroup() &&
		      !iso_write_file(ISO_CGROUP "/cgroup.subtree_control", "+cpuset") &&
		      (!mkdir(CPUSET, 0755) || errno == EEXIST);
	return can;
}

static void remove_partition(void)
{
	if (!access(CPUSET, F_OK))
		iso_remove_cpuset(CPUSET);
}

/* Another CPU becomes a partition, and is given back. */
static void step_partition(void)
{
	const struct outcome o = { .told = MAYBE, .causes = RUN_THERE, .anybody = true };
	char text[16];
	int cpu;

	for (cpu = CPU_SETSIZE - 1; cpu > 0 && !CPU_ISSET(cpu, &housekeeping); cpu--)
		;
	snprintf(text, sizeof(text), "%d", cpu);
	noise(60000);
	iso_write_file(CPUSET "/cpuset.cpus", text);
	iso_write_file(CPUSET "/cpuset.cpus.partition", "isolated");
	iso_write_file(CPUSET "/cpuset.cpus.partition", "member");
	m.noise_until = 0;
	noise(500);
	judge(&o);
}

static bool has_ring(void)
{
	return !w->no_ring;
}

/* In which states there may be such a step. */
#define IS(state)	(1U << (state))
#define RUNS		(IS(OFF) | IS(ISOLATED))
#define STOPPED		0x10
#define UNTRACED	0x20
#define TRACED		0x40
#define AT_HOME		0x80
#define NOT_HOME	0x100

static const struct step {
	const char	*name;
	unsigned int	weight;
	unsigned int	when;
	void		(*func)(void);
	bool		(*can)(void);
} steps[] = {
	{ "enter", 20, RUNS | AT_HOME, step_enter },
	{ "enter, but not there", 10, IS(OFF) | NOT_HOME, step_enter },
	{ "leave", 10, RUNS, step_leave },
	{ "bad call", 6, RUNS, step_bad_call },
	{ "record", 15, RUNS, step_record },
	{ "bad record", 5, RUNS, step_bad_record },
	{ "call", 20, RUNS, step_call },
	{ "write", 15, RUNS, step_write },
	{ "sleep", 6, RUNS, step_sleep },
	{ "fault", 15, RUNS, step_fault },
	{ "trap", 15, RUNS, step_trap },
	{ "child", 8, RUNS, step_child },
	{ "thread", 8, RUNS, step_thread },
	{ "exec", 3, RUNS, step_exec },
	{ "exit", 3, RUNS, step_exit },
	{ "own affinity", 6, RUNS, step_affinity_own },
	{ "affinity", 12, RUNS | STOPPED, step_affinity },
	{ "home", 60, IS(OFF) | NOT_HOME, step_home },
	{ "signal", 20, RUNS, step_signal },
	{ "signal and request", 10, IS(OFF) | AT_HOME, step_signal_request },
	{ "blocked signal", 10, RUNS | STOPPED, step_signal_blocked },
	{ "unblock", 6, RUNS, step_unblock },
	{ "ignored signal", 10, RUNS, step_signal_ignored },
	{ "kill", 3, RUNS | STOPPED, step_kill },
	{ "stop", 12, RUNS | UNTRACED, step_stop },
	{ "resume", 60, STOPPED, step_resume },
	{ "seize", 8, RUNS | UNTRACED, step_seize },
	{ "interrupt", 25, RUNS | TRACED, step_interrupt },
	{ "attach", 8, RUNS | UNTRACED, step_attach },
	{ "suppress", 15, RUNS | TRACED, step_suppress },
	{ "request", 12, IS(OFF) | AT_HOME | UNTRACED, step_request },
	{ "membarrier", 20, RUNS, step_membarrier },
	{ "mprotect", 15, RUNS, step_mprotect },
	{ "sibling's fork", 5, RUNS, step_sibling_fork },
	{ "sibling's thread", 8, RUNS, step_sibling_thread },
	{ "sibling's alarm", 8, RUNS, step_sibling_alarm },
	{ "sibling's CPU timer", 2, RUNS, step_sibling_prof },
	{ "sibling's end", 3, RUNS, step_sibling_end },
	{ "alarm", 6, IS(OFF) | AT_HOME, step_alarm },
	{ "uring", 10, IS(OFF) | AT_HOME, step_uring, has_ring },
	{ "reenter", 8, RUNS, step_reenter },
	{ "rival", 3, RUNS, step_rival },
	{ "queue", 15, RUNS, step_queue, can_queue },
	{ "hotplug", 1, RUNS, step_hotplug },
	{ "partition", 1, RUNS, step_partition, can_partition },
};

static unsigned int weight(const struct step *s)
{
	bool home = m.place == HOME;

	if (m.stopped ? !(s->when & STOPPED) : !(s->when & IS(m.state)))
		return 0;
	if (((s->when & UNTRACED) && m.traced) || ((s->when & TRACED) && !m.traced) ||
	    ((s->when & AT_HOME) && !home) || ((s->when & NOT_HOME) && home))
		return 0;
	if (s->can && !s->can())
		return 0;
	/* About half of all steps are to find it isolated. */
	if (s->func == step_enter && m.state == OFF && home)
		return 250;
	return s->weight;
}

static const struct step *choose(void)
{
	unsigned int i, n, sum = 0;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		sum += weight(&steps[i]);
	n = rnd(sum);
	for (i = 0; n >= weight(&steps[i]); i++)
		n -= weight(&steps[i]);
	return &steps[i];
}

static void take_step(void)
{
	const struct step *s;

	rnd_state = seed * 0xd1342543de82ef95ULL + total.steps;
	rnd(1);
	this_step()[0] = '\0';
	if (!m.pid)
		start_victim();
	w->jump = 0;
	s = choose();
	say("%s%s%s: %s", state_name[m.state], m.stopped ? ", stopped" : "",
	    m.traced ? ", traced" : "", s->name);
	s->func();
	if (verbose)
		ksft_print_msg("step %lu: %s\n", total.steps, this_step());
	total.steps++;
}

static void prepare(void)
{
	const char *reason;
	int cpu2, i;

	reason = iso_find_cpu(&iso_cpu, &cpu2);
	if (reason)
		ksft_exit_skip("%s\n", reason);
	iso_housekeeping(&housekeeping);
	page_size = sysconf(_SC_PAGESIZE);
	w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	short_file = iso_tmpfile(1);
	if (w == MAP_FAILED || short_file < 0 || pipe2(out, O_NONBLOCK) || iso_pin_housekeeping())
		ksft_exit_fail_perror("preparations");
	for (i = 0; i < RINGS; i++) {
		if (pipe2(ring_pipe[i], O_NONBLOCK))
			ksft_exit_fail_perror("pipe");
	}
}

static int usage(const char *name)
{
	fprintf(stderr, "Usage: %s [-s seed] [-d seconds] [-n steps] [-v]\n", name);
	return KSFT_FAIL;
}

int main(int argc, char **argv)
{
	unsigned long steps_wanted = -1UL, seconds = SECONDS;
	uint64_t end;
	int opt;

	if (argc == 3 && !strcmp(argv[1], "--exec-child"))
		return exec_child(argv[2]);
	while ((opt = getopt(argc, argv, "s:d:n:v")) != -1) {
		switch (opt) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'd':
			seconds = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			steps_wanted = strtoul(optarg, NULL, 0);
			break;
		case 'v':
			verbose = true;
			break;
		default:
			return usage(argv[0]);
		}
	}
	ksft_print_header();
	prepare();
	ksft_set_plan(3);
	ksft_print_msg("seed %llu, CPU %d\n", seed, iso_cpu);
	end = iso_now_ns() + seconds * 1000 * NS_PER_MS;
	while (total.steps < steps_wanted && iso_now_ns() < end)
		take_step();
	end_victim();
	remove_partition();
	print_totals();
	ksft_test_result_pass("walk\n");
	ksft_test_result(total.entered > total.steps / 10 && total.told > total.steps / 20,
			 "isolated\n");
	ksft_test_result(total.others <= total.told / 5 + 3, "calm\n");
	ksft_finished();
}
