// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation tests: the life of a victim, see victim.h
 */
#include <pthread.h>
#include <stdarg.h>
#include <sys/ptrace.h>

#include "expect.h"

struct iso_test iso = { .status = -1 };
struct iso_log iso_log = { .fd = -1 };
int iso_differences;

/* In a victim: what is to be done to it */
static const struct stimulus *stimulus;

/**
 * iso_differ - Report that something is not as it has to be
 * @file:	Source file of the check
 * @line:	Its line
 * @fmt:	What is different
 *
 * Counts the differences, so that the test fails, see iso_close().
 */
void iso_differ(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "# %s:%d: %s\n", file, line, text);
	iso_differences++;
}

/**
 * iso_reason - Say why a test is skipped
 * @fmt:	The reason
 *
 * Return: the text, until the next call
 */
const char *iso_reason(const char *fmt, ...)
{
	static char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return text;
}

/* What the other thread does, once the test asks for it */
static void (*other_func)(struct iso_shared *sh);

/* It does not end before the process: that would unmap a stack. */
static void *other_thread(void *arg)
{
	struct iso_shared *sh = iso.sh;

	prctl(PR_SET_NAME, ISO_OTHER);
	sh->other_cpu = iso_housekeeping_cpu(true);
	sh->other_err = iso_pin(sh->other_cpu) ? errno : 0;
	STORE(sh->other_tid, (int)syscall(SYS_gettid));
	iso_wait_go(sh);
	other_func(sh);
	for (;;)
		pause();
	return NULL;
}

/* Creates a thread with a small stack, and all signals blocked. */
static int create_thread(pthread_t *thread, void *(*func)(void *arg))
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(thread, &attr, func, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

/**
 * iso_create_thread - Create another thread of a victim, and wait for its start
 * @func:	What it does. It does not return, as that would unmap its stack.
 * @tid:	The thread sets this once it is on its CPU
 *
 * The thread takes no signals.
 *
 * Return: 0, or an errno
 */
int iso_create_thread(void *(*func)(void *arg), int *tid)
{
	pthread_t thread;
	int err = create_thread(&thread, func);

	while (!err && !LOAD(*tid))
		iso_sleep_ms(1);
	return err;
}

/* The thread that is isolated. */
static void *isolated_thread(void *arg)
{
	const struct stimulus *s = stimulus;
	struct iso_shared *sh = iso.sh;
	sigset_t none;
	int seen;

	prctl(PR_SET_NAME, ISO_VICTIM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	iso_prepare(sh, iso.cpu);
	if (s->prepare)
		s->prepare(sh);
	if (s->other && !s->leader && !sh->unable) {
		other_func = s->other;
		sh->unable = iso_create_thread(other_thread, &sh->other_tid) ?: sh->other_err;
	}
	if (!sh->unable && !iso_enter(sh, s->flags ?: ISO_USR1)) {
		seen = LOAD(sh->sig_total);
		STORE(sh->ready, 1);
		if (s->act)
			s->act(sh);
		else
			iso_act_wait(sh);
		STORE(sh->acted, 1);
		iso_spin_until(&sh->stop);
		/* Isolation is off since the first handler, and stays off. */
		if (LOAD(sh->sig_total) != seen) {
			sh->ppid = syscall(SYS_getppid);
			sh->where = sched_getcpu();
		}
	}
	STORE(sh->leave, iso_prctl(0));
	if (s->finish)
		s->finish(sh);
	if (!iso_record(&sh->rec))
		INC(sh->recorded);
	STORE(sh->done, 1);
	return NULL;
}

/* The victim process, from fork to exit. */
static void victim(const struct stimulus *s)
{
	struct iso_shared *sh = iso.sh;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	iso_catch_all();
	stimulus = s;
	if (!s->leader) {
		isolated_thread(NULL);
		_exit(0);
	}
	prctl(PR_SET_NAME, ISO_OTHER);
	sh->other_cpu = iso_housekeeping_cpu(true);
	sh->other_err = iso_pin(sh->other_cpu) ? errno : 0;
	sh->other_tid = getpid();
	if (create_thread(&thread, isolated_thread))
		_exit(1);
	while (!LOAD(sh->ready) && !LOAD(sh->done))
		iso_sleep_ms(1);
	iso_wait_go(sh);
	if (!LOAD(sh->done))
		s->other(sh);
	pthread_join(thread, NULL);
	_exit(0);
}

/**
 * iso_alive - Test whether a child is alive
 * @pid:	The child
 *
 * Return: %false once it has ended, if it has been waited for or not
 */
bool iso_alive(pid_t pid)
{
	siginfo_t info = { 0 };

	return !waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

/**
 * iso_wait_for - Wait until a shared value is reached
 * @pid:	The child that sets it
 * @value:	The value
 * @want:	What it has to reach
 *
 * Return: %false if the child has died, or took longer than ISO_WAIT_MS
 */
bool iso_wait_for(pid_t pid, int *value, int want)
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

/**
 * iso_start - Start a victim, without waiting for it
 * @s:		What it is to do
 *
 * Return: %false if there is no process
 */
bool iso_start(const struct stimulus *s)
{
	memset(iso.sh, 0, sizeof(*iso.sh));
	iso_read_counters(&iso.before);
	iso.status = -1;
	iso.began_ns = iso_now_ns();
	fflush(stdout);
	iso.victim = fork();
	if (!iso.victim)
		victim(s);
	iso.pid = iso.victim;
	WANT(iso.victim > 0);
	return iso.victim > 0;
}

/**
 * iso_wait_isolated - Wait until the victim is isolated, or has acted then
 * @flag:	@ready or @acted of the shared memory
 *
 * Return: %false if it can't act, if it was refused, which is a difference, or if
 * it has died
 */
bool iso_wait_isolated(int *flag)
{
	const struct iso_shared *sh = iso.sh;
	const struct task_isolation_record *rec = &sh->rec;
	int ms;

	for (ms = 0; ms < ISO_WAIT_MS && !LOAD(*flag) && !LOAD(sh->done); ms++) {
		if (!iso_alive(iso.victim))
			break;
		iso_sleep_ms(1);
	}
	if (LOAD(*flag))
		return true;
	if (LOAD(sh->unable))
		return false;
	DIFFER("not isolated, or died: ready %d, prctl returned %d, errno %d, EAGAIN %d times",
	       sh->ready, sh->ret, sh->err, sh->again);
	DIFFER("blockers 0x%llx, task %s/%d, tick %s, timer %s, work %s",
	       (unsigned long long)rec->blockers, rec->blocker_comm, rec->blocker_tid,
	       rec->tick, rec->timer, rec->work);
	return false;
}

/**
 * iso_start_quiet - Start a victim, and wait until it is isolated
 * @s:		What it is to do
 *
 * It has to stay isolated until the test disturbs it.
 *
 * Return: %false if it is not
 */
bool iso_start_quiet(const struct stimulus *s)
{
	if (!iso_start(s) || !iso_wait_isolated(&iso.sh->ready))
		return false;
	iso_sleep_ms(20);
	WANT_EQ(0, LOAD(iso.sh->sig_total));
	WANT(iso_alive(iso.victim));
	return iso_alive(iso.victim) && !LOAD(iso.sh->sig_total);
}

/**
 * iso_start_acted - Start a victim, and wait until its action has returned
 * @s:		What it is to do
 *
 * Return: %false if it does not
 */
bool iso_start_acted(const struct stimulus *s)
{
	return iso_start(s) && iso_wait_isolated(&iso.sh->acted);
}

/**
 * iso_wait_exit - Wait until the victim ends
 *
 * If it is traced it is let go on.
 *
 * Return: its wait status, or -1 if it does not end within ISO_WAIT_MS. The same in
 * iso.status.
 */
int iso_wait_exit(void)
{
	int ms, status;

	for (ms = 0; iso.victim && ms < ISO_WAIT_MS; ms++) {
		if (waitpid(iso.victim, &status, WNOHANG) == iso.victim) {
			if (WIFSTOPPED(status)) {
				ptrace(PTRACE_CONT, iso.victim, 0, 0);
			} else {
				iso.victim = 0;
				iso.status = status;
			}
		}
		iso_sleep_ms(1);
	}
	return iso.status;
}

/**
 * iso_stop - Let the victim leave, and wait for its end
 */
void iso_stop(void)
{
	STORE(iso.sh->stop, 1);
	STORE(iso.sh->go, 1);
	WANT_EQ(0, iso_wait_exit());
	WANT_EQ(0, iso.sh->leave);
	WANT_EQ(1, iso.sh->done);
}

/**
 * iso_close - End a test: no victim is left, and no cause was unknown
 *
 * Prints the kernel log of a test that fails.
 */
void iso_close(void)
{
	int i;

	if (iso.victim > 0)
		iso_end(iso.victim);
	/* Each stimulus has a cause that the kernel knows. */
	WANT_EQ(0, iso_log_unknown(&iso_log));
	for (i = 0; iso_differences && i < iso_log.count; i++)
		fprintf(stderr, "# kernel: %s\n", iso_log.line[i]);
	if (iso_log.fd >= 0)
		close(iso_log.fd);
}

static int inject(const struct stimulus *s)
{
	if (s->send)
		return kill(iso.victim, s->send);
	if (s->queue)
		return iso_queue(s->queue);
	return s->inject ? s->inject() : 0;
}

/* Disturbs a victim, and checks what comes of it. NULL, or why that can't be done. */
static const char *disturb(const struct stimulus *s)
{
	bool outside = s->inject || s->send || s->queue || s->other;
	struct iso_shared *sh = iso.sh;
	int err;

	if (!iso_start(s))
		return NULL;
	/* One that acts by itself may not live to say so. */
	if (!iso_wait_isolated(s->act && !outside && !s->status ? &sh->acted : &sh->ready)) {
		if (!LOAD(sh->unable))
			return NULL;
		iso_stop();
		return iso_reason("the victim can't do that: %s", strerror(sh->unable));
	}
	if (outside) {
		iso_sleep_ms(20);
		WANT_EQ(0, LOAD(sh->sig_total));
		STORE(sh->go, 1);
	}
	err = inject(s);
	if (err > 0) {
		err = errno;
		iso_stop();
		return iso_reason("that can't be done here: %s", strerror(err));
	}
	if (err)
		DIFFER("the stimulus failed: %s", strerror(errno));
	iso_expect(s);
	WANT_EQ(0, sh->other_err);
	WANT_EQ(s->value ?: sh->value, sh->value);
	WANT_EQ(s->second ?: sh->second, sh->second);
	if (s->check)
		s->check();
	return NULL;
}

static const char *run_once(const struct stimulus *s)
{
	const char *reason;

	iso.who = 0;
	reason = s->queue ? iso_find_queue() : NULL;
	if (!reason && s->arrange)
		reason = s->arrange();
	if (!reason)
		reason = disturb(s);
	if (s->restore)
		s->restore();
	if (!reason)
		iso_sleep_ms(s->settle_ms);
	return reason;
}

/**
 * iso_run - Do something to a victim, and check on each channel what comes of it
 * @s:		The stimulus
 *
 * Return: %NULL, or why it is not possible here. Differences are counted, see
 * iso_differ().
 */
const char *iso_run(const struct stimulus *s)
{
	const char *reason = NULL;
	int i, named = 0;

	for (i = 0; i < (s->times ?: 1) && !reason && !iso_differences; i++) {
		reason = run_once(s);
		named += !!iso.sh->told.culprit_tid;
	}
	if (i > 1)
		ksft_print_msg("the culprit is named %d times of %d\n", named, i);
	return reason;
}

/**
 * iso_fork_named - Fork a process that is to be the culprit
 * @name:	Its name
 *
 * It ends with this process. The parent finds it in iso.who.
 *
 * Return: as fork()
 */
pid_t iso_fork_named(const char *name)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		return 0;
	}
	iso.who = pid;
	iso.who_uid = getuid();
	snprintf(iso.who_comm, sizeof(iso.who_comm), "%s", name);
	return pid;
}

/**
 * iso_wait_stopped - Wait until the victim has stopped, traced or not
 *
 * Return: %false if it does not within ISO_WAIT_MS, or has ended
 */
bool iso_wait_stopped(void)
{
	int ms, status;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (waitpid(iso.victim, &status, WNOHANG | WUNTRACED) == iso.victim) {
			if (WIFSTOPPED(status))
				return true;
			iso.victim = 0;
			iso.status = status;
			return false;
		}
		iso_sleep_ms(1);
	}
	return false;
}

/**
 * iso_trace_until - Let a traced victim go on until it sets a flag
 * @flag:	The flag
 * @suppress:	A signal that it does not get, 0 for none
 *
 * All other signals are passed on, but those of the trace.
 *
 * Return: %false if it does not within ISO_WAIT_MS, or has ended
 */
bool iso_trace_until(int *flag, int suppress)
{
	int ms, sig, status;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (waitpid(iso.victim, &status, WNOHANG) == iso.victim) {
			if (!WIFSTOPPED(status)) {
				iso.victim = 0;
				iso.status = status;
				return false;
			}
			sig = WSTOPSIG(status);
			if (status >> 16 || sig == SIGSTOP || sig == SIGTRAP ||
			    sig == suppress)
				sig = 0;
			ptrace(PTRACE_CONT, iso.victim, 0, sig);
		}
		if (LOAD(*flag))
			return true;
		iso_sleep_ms(1);
	}
	return false;
}

/**
 * iso_start_busy - Start a process that keeps a CPU busy
 * @other:	Its own shared memory: it counts its rounds there, on that CPU
 * @cpu:	The CPU
 * @fifo:	Under SCHED_FIFO
 *
 * Return: its process ID, or -1
 */
pid_t iso_start_busy(struct iso_shared *other, int cpu, bool fifo)
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
	prctl(PR_SET_NAME, ISO_BUSY);
	for (;;) {
		iso_spin_rounds(1000);
		INC(other->count);
	}
}

/**
 * iso_run_busy - Keep the isolation CPU busy by another process
 * @fifo:	Under SCHED_FIFO
 *
 * Return: its process ID, once it runs there
 */
pid_t iso_run_busy(bool fifo)
{
	struct iso_shared *other = iso_share(sizeof(*other));
	pid_t pid;

	if (other == MAP_FAILED)
		return -1;
	pid = iso_start_busy(other, iso.cpu, fifo);
	WANT(pid > 0 && iso_wait_for(pid, &other->count, 1));
	return pid;
}

/**
 * iso_start_work - Start a process that has work on each CPU, and waits for it
 *
 * Again and again. The function of the work is ISO_WORK.
 *
 * Return: its process ID, once a CPU that is busy otherwise keeps it waiting
 */
pid_t iso_start_work(void)
{
	pid_t pid = fork();
	char data[16];
	int fd;

	if (pid) {
		if (pid > 0)
			iso_wait_state(pid, 'D', 20);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	do {
		fd = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
	} while (fd >= 0 && read(fd, data, sizeof(data)) >= 0 && !close(fd));
	_exit(1);
}

/**
 * iso_end - Kill a process, and wait for its end
 * @pid:	The process, nothing is done if it is not above 0
 */
void iso_end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/**
 * iso_find_queue - Look for the files that do what drivers do
 *
 * Return: %NULL, or why there are none
 */
const char *iso_find_queue(void)
{
	if (access(ISO_QUEUE, F_OK))
		mount("none", ISO_DEBUGFS, "debugfs", 0, NULL);
	return access(ISO_QUEUE "call", W_OK) ?
	       "no " ISO_QUEUE ": CONFIG_TASK_ISOLATION_TEST_QUEUE is not set" : NULL;
}

/**
 * iso_queue - Queue something on the isolation CPU
 * @what:	Which file of ISO_QUEUE does it
 *
 * Return: 0, or -1 with errno set
 */
int iso_queue(const char *what)
{
	char path[64], cpu[16];

	snprintf(path, sizeof(path), ISO_QUEUE "%s", what);
	snprintf(cpu, sizeof(cpu), "%d", iso.cpu);
	return iso_write_file(path, cpu);
}
