// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation tests: requests that are refused, see blockers.h
 */
#include <arpa/inet.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "blockers.h"

/* Requests until the blocker of a test is seen, and at least, where it may go away */
#define ASK_TRIES	100
#define ASK_LEAST	3

/* The function of iso_pending_timer() */
#define TIMER_FUNC	"perf_swevent_hrtimer"

/* Both ends of a connection of this process to itself */
static int connection[2] = { -1, -1 };

/**
 * iso_connect - Connect this process to itself
 *
 * Return: %false with errno set if there is no loopback device
 */
bool iso_connect(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool done;

	connection[0] = socket(AF_INET, SOCK_STREAM, 0);
	done = !bind(fd, (void *)&addr, len) && !listen(fd, 1) &&
	       !getsockname(fd, (void *)&addr, &len) &&
	       !connect(connection[0], (void *)&addr, len);
	if (done)
		connection[1] = accept(fd, NULL, NULL);
	close(fd);
	return done && connection[1] >= 0;
}

/**
 * iso_keep_alive - Arm two timers of two hours each for that connection
 *
 * They are queued on the calling CPU, but another one expires them.
 *
 * Return: %false with errno set if that failed
 */
bool iso_keep_alive(void)
{
	const int on = 1;

	return !setsockopt(connection[0], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) &&
	       !setsockopt(connection[1], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/**
 * iso_pending_timer - Have a timer which stays on a CPU: that of an event of perf
 * @cpu:	The CPU
 *
 * Return: a file descriptor, or -1 with errno set
 */
int iso_pending_timer(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000ULL * 1000000000,
	};

	return syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);
}

/* Is the refusal the one that the test is about? Others may come for a moment. */
static bool is_expected(const struct task_isolation_record *rec, unsigned int how,
			uint64_t blockers)
{
	bool secret = rec->hidden & TASK_ISOLATION_HIDDEN_WORK;

	if ((rec->blockers & blockers) != blockers)
		return false;
	if (how & ASK_WORK)
		return !strncmp(rec->blocker_comm, "kworker/", 8) &&
		       (!strcmp(rec->work, ISO_WORK) || secret);
	if (how & ASK_TIMER)
		return !strcmp(rec->timer, TIMER_FUNC) ||
		       (rec->hidden & TASK_ISOLATION_HIDDEN_TIMER);
	if (how & ASK_ALONE)
		return !(rec->blockers & TASK_ISOLATION_BLOCKER_TASK);
	/* A timer of others goes away. */
	if ((how & ASK_KEEPALIVE) && (rec->blockers & TASK_ISOLATION_BLOCKER_TIMER))
		return false;
	if (how & ASK_BUSY)
		return !strcmp(rec->blocker_comm, ISO_BUSY);
	if (how & ASK_UNNAMED)
		return !rec->blocker_comm[0];
	return true;
}

static int prepare_to_ask(int cpu, unsigned int how)
{
	struct itimerval it = { .it_value.tv_sec = 1000000 };
	struct sched_param param = { .sched_priority = 2 };
	cpu_set_t set;

	if ((how & ASK_FIFO) && sched_setscheduler(0, SCHED_FIFO, &param))
		return -1;
	iso_prepare(iso.sh, cpu);
	iso_housekeeping(&set);
	CPU_SET(cpu, &set);
	if ((how & ASK_WIDE) && sched_setaffinity(0, sizeof(set), &set))
		return -1;
	if ((how & ASK_NOBODY) && iso_drop_uid())
		return -1;
	if ((how & ASK_CPU_TIMER) && setitimer(ITIMER_PROF, &it, NULL))
		return -1;
	return (how & ASK_KEEPALIVE) && !iso_keep_alive() ? -1 : 0;
}

/* The child: asks until it is refused as expected, and keeps the record of that. */
static int ask(int cpu, unsigned int how, int err, uint64_t blockers)
{
	struct iso_shared *sh = iso.sh;
	bool expected = false;

	if (prepare_to_ask(cpu, how))
		return 1;
	while (sh->count < ASK_TRIES && (!expected || (err == EAGAIN && sh->count < ASK_LEAST))) {
		sh->ret = iso_prctl(ISO_USR1);
		sh->err = sh->ret ? errno : 0;
		sh->count++;
		if (!sh->ret) {
			iso_prctl(0);
			return 2;
		}
		if (iso_record(&sh->rec) || sh->err != err)
			return 3;
		expected = is_expected(&sh->rec, how, blockers);
	}
	return expected ? 0 : 4;
}

/**
 * iso_ask - Ask in a child, and expect the refusal on each channel
 * @cpu:	The CPU of the child
 * @how:	How to ask, of enum iso_ask
 * @err:	The errno of each refusal
 * @blockers:	The blockers that the last one has to have
 */
void iso_ask(int cpu, unsigned int how, int err, uint64_t blockers)
{
	const struct task_isolation_record *rec = &iso.sh->rec;
	int status;

	memset(iso.sh, 0, sizeof(*iso.sh));
	iso_read_counters(&iso.before);
	iso.victim = fork();
	if (!iso.victim)
		_exit(ask(cpu, how, err, blockers));
	iso.pid = iso.victim;
	status = iso_wait_exit();
	if (status)
		DIFFER("status 0x%x: errno %d, 0x%llx, task %s, tick %s, timer %s, work %s", status,
		       iso.sh->err, (unsigned long long)rec->blockers, rec->blocker_comm,
		       rec->tick, rec->timer, rec->work);
	iso_expect_refused(err, blockers);
}

/**
 * iso_ask_with_work - Ask while a kworker has work, and does not get to it
 * @how:	How else to ask, of enum iso_ask
 *
 * A thread of higher priority keeps the CPU from it for a second, until the deadline
 * server lets others run.
 */
void iso_ask_with_work(unsigned int how)
{
	pid_t pid = iso_run_busy(true), work = iso_start_work();

	WANT(work > 0);
	iso_ask(iso.cpu, ASK_FIFO | ASK_WORK | how, EAGAIN, TASK_ISOLATION_BLOCKER_TASK);
	iso_end(pid);
	iso_end(work);
}
