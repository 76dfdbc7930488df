/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The victim of walk_test: a process with two threads, of which the first is on
 * the isolation CPU. It does what it is asked for in memory which it shares with
 * the walk, and keeps there what each of its handlers was told.
 */
#ifndef __TASK_ISOLATION_WALK_H
#define __TASK_ISOLATION_WALK_H

#include <linux/io_uring.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <sys/time.h>

#include "lib.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED	24
#endif

#define EVENTS		32

/* Of the victim. Signals that are handled, and how the others are. */
#define SIG_PLAIN	SIGUSR2
#define SIG_AGAIN	(SIGRTMIN + 2)
#define SIG_BLOCKED	SIGHUP
#define SIG_BLOCKED_RT	(SIGRTMIN + 5)
#define SIG_IGNORED	SIGWINCH
#define SIG_DEFAULT	SIGURG

#define WALK_VICTIM	"walk-victim"
#define WALK_SIBLING	"walk-sibling"

/* What the victim can be asked for. */
enum command {
	CMD_ISOLATION,
	CMD_RECORD,
	CMD_RECORD_BAD,
	CMD_CALL,
	CMD_WRITE,
	CMD_SLEEP,
	CMD_FAULT,
	CMD_SEGV,
	CMD_BUS,
	CMD_ILLEGAL,
	CMD_BREAKPOINT,
	CMD_FORK,
	CMD_VFORK,
	CMD_THREAD,
	CMD_EXEC,
	CMD_EXIT,
	CMD_EXIT_GROUP,
	CMD_AFFINITY,
	CMD_UNBLOCK,
	CMD_ALARM,
	CMD_POLL,
	CMD_POLLED,
};

/* What its other thread can be asked for. */
enum sibling_command {
	SIB_MEMBARRIER,
	SIB_MPROTECT,
	SIB_FORK,
	SIB_THREAD,
	SIB_ALARM,
	SIB_PROF,
	SIB_EXEC,
	SIB_EXIT_GROUP,
};

/**
 * struct event - A signal, as the victim's handler saw it
 * @sig:	Its number
 * @code:	si_code, SI_TASK_ISOLATION for a loss
 * @cause:	si_errno
 * @pid:	si_pid
 * @tid:	The thread on which the handler ran
 * @err:	Why the record could not be read
 * @value:	si_value
 * @rec:	The record
 */
struct event {
	int				sig;
	int				code;
	int				cause;
	int				pid;
	int				tid;
	int				err;
	unsigned long			value;
	struct task_isolation_record	rec;
};

/**
 * struct walk - What the victim and the walk say to each other
 * @ready:	The victim waits for commands
 * @tid:	The thread that is isolated, which is the first one of its process
 * @sibling:	The other thread
 * @ping:	A number
 * @pong:	The victim has seen that number, in user mode
 * @asked:	Number of the last command
 * @taken:	The same, once the victim has begun with it
 * @done:	The same, once the victim has done it
 * @cmd:	That command
 * @arg:	Its arguments
 * @ret:	Its result
 * @err:	errno after it
 * @jump:	Handlers leave by siglongjmp()
 * @jumped:	One did
 * @reenter:	The next handler asks to be isolated before it returns
 * @reentered:	1: it got that. -1: it did not.
 * @stale:	Memory has to be touched again before the thread can be isolated
 * @sib_asked:	Number of the last command of the sibling
 * @sib_done:	The same, once it is done
 * @sib_cmd:	That command
 * @sib_ret:	Its result
 * @sib_child:	The process that it has forked last
 * @quit:	The sibling is all that is left of the process, and is to end it
 * @rival:	Another task has come to the CPU
 * @unborn:	A child was born isolated, or with the history of its parent
 * @no_ring:	There is no io_uring, or it is too old
 * @rec:	The record that was asked for, or that of a request that failed
 * @nr_events:	How many signals there were
 * @event:	The last ones of them
 */
struct walk {
	int				ready;
	int				tid;
	int				sibling;
	int				ping;
	int				pong;
	int				asked;
	int				taken;
	int				done;
	int				cmd;
	unsigned long			arg[4];
	long				ret;
	int				err;
	int				jump;
	int				jumped;
	int				reenter;
	int				reentered;
	int				stale;
	int				sib_asked;
	int				sib_done;
	int				sib_cmd;
	long				sib_ret;
	int				sib_child;
	int				quit;
	int				rival;
	int				unborn;
	int				no_ring;
	struct task_isolation_record	rec;
	unsigned int			nr_events;
	struct event			event[EVENTS];
};

static struct walk *w;

/* The CPU on which the victim is isolated, and the others. */
static int iso_cpu;
static cpu_set_t housekeeping;

/* A pipe which the victim writes to. A file of one page. */
static int out[2];
static int short_file;

#define RINGS		2
#define RING_ENTRIES	4

/* What the rings of the victim wait for. */
static int ring_pipe[RINGS][2];

static sigjmp_buf victim_env;
static sigset_t victim_mask;
static char *fault_page, *none_page, *bus_page, *prot_page;
static long page_size;

/* Rings of the victim: one whose completions interrupt it, and one whose don't. */
static struct ring {
	int			fd;
	int			in;
	unsigned int		*sq_tail;
	unsigned int		*cq_head;
	unsigned int		*cq_tail;
	unsigned int		cq_mask;
	struct io_uring_sqe	*sqes;
	struct io_uring_cqe	*cqes;
} ring[RINGS];

/* Reads a byte of each page: some CPUs fault at the first use after a fork. */
static void touch_all(void)
{
	unsigned long start, end, p;
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512], perms[8];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, perms) != 3 || perms[0] != 'r' ||
		    strstr(line, "[v"))
			continue;
		for (p = start; p < end; p += page_size) {
			if (p != (unsigned long)fault_page && p != (unsigned long)bus_page)
				__atomic_load_n((char *)p, __ATOMIC_RELAXED);
		}
	}
	if (f)
		fclose(f);
}

/* What system calls there were, and forks, may have left pages that fault. */
static void freshen(void)
{
	if (!w->stale)
		return;
	w->stale = 0;
	mlockall(MCL_CURRENT);
	madvise(fault_page, page_size, MADV_DONTNEED_LOCKED);
	iso_touch_stack();
	touch_all();
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	struct event *e = &w->event[w->nr_events % EVENTS];
	int flags, err = errno;

	e->sig = sig;
	e->code = info->si_code;
	e->cause = info->si_errno;
	e->pid = info->si_pid;
	e->value = (unsigned long)info->si_value.sival_ptr;
	e->tid = syscall(SYS_gettid);
	e->err = iso_record(&e->rec) ? errno : 0;
	STORE(w->nr_events, w->nr_events + 1);
	if (w->reenter) {
		flags = w->reenter;
		w->reenter = 0;
		/* What is interrupted does nothing but wait. */
		freshen();
		/* A loss that finds its signal blocked is deadly. */
		sigprocmask(SIG_SETMASK, &victim_mask, NULL);
		STORE(w->reentered, iso_prctl(flags) ? -1 : 1);
	}
	if (w->jump) {
		sigprocmask(SIG_SETMASK, &victim_mask, NULL);
		siglongjmp(victim_env, 1);
	}
	errno = err;
}

static void handle_signals(void)
{
	const int handled[] = {
		SIGUSR1, SIG_PLAIN, SIGALRM, SIGVTALRM, SIGSEGV, SIGBUS, SIGILL, SIGTRAP,
		SIGFPE, SIG_BLOCKED, SIGRTMIN + 1, SIG_AGAIN, SIGRTMIN + 3, SIG_BLOCKED_RT,
	};
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	unsigned int i;

	/* One after the other, or they would be seen in the wrong order. */
	sigfillset(&sa.sa_mask);
	for (i = 0; i < ARRAY_SIZE(handled); i++)
		sigaction(handled[i], &sa, NULL);
	signal(SIG_IGNORED, SIG_IGN);
	sigemptyset(&victim_mask);
	sigaddset(&victim_mask, SIG_BLOCKED);
	sigaddset(&victim_mask, SIG_BLOCKED_RT);
	sigprocmask(SIG_SETMASK, &victim_mask, NULL);
}

static int ring_make(struct ring *r, int in, unsigned int flags)
{
	/* Without the index array, or the kernel patches itself when it goes. */
	struct io_uring_params p = { .flags = IORING_SETUP_NO_SQARRAY | flags };
	char *map;

	r->in = in;
	r->fd = syscall(SYS_io_uring_setup, RING_ENTRIES, &p);
	if (r->fd < 0)
		return -1;
	map = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, RING_ENTRIES * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	if (map == MAP_FAILED || r->sqes == MAP_FAILED)
		return -1;
	r->sq_tail = (unsigned int *)(map + p.sq_off.tail);
	r->cq_head = (unsigned int *)(map + p.cq_off.head);
	r->cq_tail = (unsigned int *)(map + p.cq_off.tail);
	r->cq_mask = p.cq_entries - 1;
	r->cqes = (struct io_uring_cqe *)(map + p.cq_off.cqes);
	return 0;
}

/* Asks to be told when there is something in the ring's pipe. */
static long ring_poll(struct ring *r)
{
	struct io_uring_sqe *sqe = &r->sqes[*r->sq_tail % RING_ENTRIES];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = r->in;
	sqe->poll32_events = POLLIN;
	STORE(*r->sq_tail, *r->sq_tail + 1);
	return syscall(SYS_io_uring_enter, r->fd, 1, 0, 0, NULL, 0);
}

/* How many polls have completed with what was in the pipe. */
static long ring_polled(struct ring *r)
{
	unsigned int head;
	long found = 0;
	char c;

	/* One that waits for an entry completes here. */
	syscall(SYS_getppid);
	for (head = *r->cq_head; head != LOAD(*r->cq_tail); head++)
		found += r->cqes[head & r->cq_mask].res == POLLIN;
	STORE(*r->cq_head, head);
	return read(r->in, &c, 1) == 1 ? found : -1;
}

/* A child is an ordinary thread, with a history of its own. */
static int not_isolated(void)
{
	struct task_isolation_record rec;
	int i;

	for (i = 0; i < 10; i++)
		syscall(SYS_getppid);
	return iso_record(&rec) || rec.losses || rec.blockers;
}

static long wait_child(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static void *child_thread(void *arg)
{
	if (not_isolated())
		STORE(w->unborn, 1);
	return NULL;
}

/* Its stack is not unmapped when it ends, which would interrupt others. */
static int run_thread(void)
{
	static char stack[2][64 * 1024];
	static int used;
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int err;

	used = !used;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack[used], sizeof(stack[used]));
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(&thread, &attr, child_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ?: pthread_join(thread, NULL);
}

/* What is started says if it is as it should be by its exit status. */
static void exec_again(unsigned long losses)
{
	char want[32];
	char * const argv[] = { "walk_test", "--exec-child", want, NULL };
	char * const envp[] = { NULL };

	snprintf(want, sizeof(want), "%lu", losses);
	execve("/proc/self/exe", argv, envp);
}

/* The record outlives exec, isolation does not. */
static int exec_child(const char *losses)
{
	struct task_isolation_record rec;
	int i;

	for (i = 0; i < 10; i++)
		syscall(SYS_getppid);
	return !iso_record(&rec) && rec.losses == strtoul(losses, NULL, 10) ? 55 : 56;
}

static int pin_to(int where)
{
	cpu_set_t set = housekeeping;

	if (!where)
		return iso_pin(iso_cpu);
	if (where == 1)
		CPU_SET(iso_cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static long do_isolation(void)
{
	const unsigned long *arg = w->arg;
	long ret;

	if (arg[0] & PR_TASK_ISOLATION_ENABLE)
		freshen();
#ifdef __arm__
	/* Or their first use is a trap. */
	__asm__ __volatile__("vmov.f32 s0, s0");
#endif
	ret = syscall(SYS_prctl, PR_TASK_ISOLATION, arg[0], arg[1], arg[2], arg[3]);
	if (ret) {
		w->err = errno;
		iso_record(&w->rec);
	}
	return ret;
}

static long do_record_bad(int which)
{
	static struct task_isolation_record rec;

	memset(&rec, 0, sizeof(rec));
	switch (which) {
	case 0:
		return syscall(SYS_prctl, PR_TASK_ISOLATION_RECORD, &rec, 8, 0, 0);
	case 1:
		return syscall(SYS_prctl, PR_TASK_ISOLATION_RECORD, &rec, sizeof(rec), ~0UL, 0);
	case 2:
		return syscall(SYS_prctl, PR_TASK_ISOLATION_RECORD, &rec, sizeof(rec), 0, 1);
	default:
		return syscall(SYS_prctl, PR_TASK_ISOLATION_RECORD, NULL, sizeof(rec), 0, 0);
	}
}

static long do_unblock(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return sigprocmask(SIG_SETMASK, &victim_mask, NULL);
}

static long do_child(int how)
{
	pid_t pid = how == CMD_FORK ? fork() : vfork();

	if (!pid)
		_exit(not_isolated() ? 34 : 33);
	w->stale = 1;
	return wait_child(pid);
}

static long do_alarm(unsigned long us)
{
	struct itimerval it = { .it_value.tv_usec = us };

	return setitimer(ITIMER_REAL, &it, NULL);
}

static long do_command(int cmd)
{
	const struct timespec moment = { 0, 100000 };

	switch (cmd) {
	case CMD_ISOLATION:
		return do_isolation();
	case CMD_RECORD:
		return iso_record(&w->rec);
	case CMD_RECORD_BAD:
		return do_record_bad(w->arg[0]);
	case CMD_CALL:
		return syscall(w->arg[0], w->arg[1], 0, 0, 0, 0);
	case CMD_WRITE:
		return syscall(SYS_write, out[1], "x", 1);
	case CMD_SLEEP:
		return syscall(SYS_nanosleep, &moment, NULL);
	case CMD_FAULT:
		w->stale = 1;
		__atomic_store_n(fault_page, 42, __ATOMIC_SEQ_CST);
		return __atomic_load_n(fault_page, __ATOMIC_SEQ_CST) != 42;
	case CMD_SEGV:
		__atomic_store_n(none_page, 1, __ATOMIC_SEQ_CST);
		return 0;
	case CMD_BUS:
		__atomic_store_n(bus_page, 1, __ATOMIC_SEQ_CST);
		return 0;
#ifdef ISO_ILLEGAL
	case CMD_ILLEGAL:
		__asm__ __volatile__(ISO_ILLEGAL);
		return 0;
	case CMD_BREAKPOINT:
		__asm__ __volatile__(ISO_BREAKPOINT);
		return 0;
#endif
	case CMD_FORK:
	case CMD_VFORK:
		return do_child(cmd);
	case CMD_THREAD:
		return run_thread();
	case CMD_EXEC:
		exec_again(w->arg[0]);
		return -1;
	case CMD_EXIT:
		STORE(w->quit, 1);
		return syscall(SYS_exit, 7);
	case CMD_EXIT_GROUP:
		return syscall(SYS_exit_group, 8);
	case CMD_AFFINITY:
		return pin_to(w->arg[0]);
	case CMD_UNBLOCK:
		return do_unblock();
	case CMD_ALARM:
		return do_alarm(w->arg[0]);
	case CMD_POLL:
		return ring_poll(&ring[w->arg[0]]);
	case CMD_POLLED:
		return ring_polled(&ring[w->arg[0]]);
	}
	return -1;
}

/* Does what it is asked for. Waits for that in user mode, isolated or not. */
static void serve(void)
{
	int n;

	if (sigsetjmp(victim_env, 0)) {
		STORE(w->jumped, 1);
		STORE(w->done, w->taken);
	}
	/* A handler can jump there from now on. */
	STORE(w->ready, 1);
	for (;;) {
		n = LOAD(w->ping);
		if (LOAD(w->pong) != n)
			STORE(w->pong, n);
		n = LOAD(w->asked);
		if (n == w->taken)
			continue;
		STORE(w->taken, n);
		errno = 0;
		w->ret = do_command(w->cmd);
		if (w->cmd != CMD_ISOLATION)
			w->err = errno;
		STORE(w->done, n);
	}
}

static long do_mprotect(void)
{
	/* Written to again before, so that it is in the TLB of the other CPU. */
	return mprotect(prot_page, page_size, PROT_READ) ||
	       mprotect(prot_page, page_size, PROT_READ | PROT_WRITE);
}

static long do_prof(void)
{
	struct itimerval it = { .it_value.tv_sec = 1000000 };

	return setitimer(ITIMER_PROF, &it, NULL);
}

static long do_sibling(int cmd)
{
	pid_t pid;

	switch (cmd) {
	case SIB_MEMBARRIER:
		return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	case SIB_MPROTECT:
		return do_mprotect();
	case SIB_FORK:
		pid = fork();
		if (!pid)
			_exit(not_isolated() ? 34 : 33);
		w->sib_child = pid;
		return wait_child(pid);
	case SIB_THREAD:
		return run_thread();
	case SIB_ALARM:
		return do_alarm(1000);
	case SIB_PROF:
		return do_prof();
	case SIB_EXEC:
		exec_again(0);
		return -1;
	default:
		return syscall(SYS_exit_group, 9);
	}
}

static void *sibling(void *arg)
{
	int n, done = 0;

	prctl(PR_SET_NAME, WALK_SIBLING);
	iso_pin_housekeeping();
	STORE(w->sibling, (int)syscall(SYS_gettid));
	for (;;) {
		if (LOAD(w->quit)) {
			iso_sleep_ms(1);
			_exit(7);
		}
		n = LOAD(w->sib_asked);
		if (n == done) {
			iso_sleep_ms(1);
			continue;
		}
		done = n;
		w->sib_ret = do_sibling(w->sib_cmd);
		STORE(w->sib_done, n);
	}
	return NULL;
}

static int start_sibling(void)
{
	pthread_t thread;
	sigset_t all;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	err = pthread_create(&thread, NULL, sibling, NULL);
	pthread_sigmask(SIG_SETMASK, &victim_mask, NULL);
	while (!err && !LOAD(w->sibling))
		iso_sleep_ms(1);
	return err;
}

static char *map_page(int prot)
{
	return mmap(NULL, page_size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void victim(void)
{
	char *map;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, WALK_VICTIM);
	w->tid = syscall(SYS_gettid);
	handle_signals();
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	fault_page = map_page(PROT_READ | PROT_WRITE);
	none_page = map_page(PROT_NONE);
	prot_page = map_page(PROT_READ | PROT_WRITE);
	map = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, short_file, 0);
	bus_page = map + page_size;
	w->no_ring = ring_make(&ring[0], ring_pipe[0][0], 0) ||
		ring_make(&ring[1], ring_pipe[1][0], IORING_SETUP_COOP_TASKRUN);
	if (start_sibling() || iso_pin(iso_cpu))
		_exit(KSFT_FAIL);
	*prot_page = 1;
	w->stale = 1;
	serve();
}

#endif /* __TASK_ISOLATION_WALK_H */
