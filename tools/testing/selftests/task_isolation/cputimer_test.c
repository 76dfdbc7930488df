// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: timers of CPU time, which need the tick for as long as they are
 * armed, and no longer.
 *
 * Test Summary
 *
 *  * cputimer.gone	Armed and gone again: the call must not be refused for it
 *  * cputimer.armed	Still armed: the call is refused for that
 *  * cputimer.other	Of two that are armed one goes: the other one fires when due
 *  * cputimer.exec	What goes by exec() is gone, what stays is armed
 *
 * Each of them for POSIX timers of the process and of the thread, which are disarmed
 * or deleted, for both itimers of CPU time, and for RLIMIT_CPU.
 */
#include <sys/resource.h>
#include <sys/time.h>

#include "fixture.h"

/* Seconds of CPU time that nobody here uses. */
#define LONG_S		1000
/* The timer that is to fire, ms of CPU time. */
#define DUE_MS		200
/* How late it may be: some ticks, of CPU time, which the host's load does not change. */
#define LATE_MS		400
/* Retries of a call that had another blocker */
#define TRIES		20

#define TICK_NEEDED_BY	"posix_timer"
/* The function of ITIMER_REAL's timer. */
#define REAL_TIMER	"it_real_fn"

/* What becomes of the exec'd program, by its exit status. */
enum {
	ISOLATED = 10,
	REFUSED,		/* for a timer of CPU time */
	REFUSED_OTHERWISE,
	TIMER_STAYED,		/* refused for the timer of ITIMER_REAL */
};

static timer_t timer;

static int timer_set(time_t sec, long nsec)
{
	struct itimerspec it = { .it_value = { .tv_sec = sec, .tv_nsec = nsec } };

	return timer_settime(timer, 0, &it, NULL);
}

static int timer_arm(clockid_t clock)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };

	return timer_create(clock, &ev, &timer) || timer_set(LONG_S, 0);
}

static int arm_process(void)
{
	return timer_arm(CLOCK_PROCESS_CPUTIME_ID);
}

static int arm_thread(void)
{
	return timer_arm(CLOCK_THREAD_CPUTIME_ID);
}

static int timer_disarm(void)
{
	return timer_set(0, 0);
}

static int timer_remove(void)
{
	return timer_delete(timer);
}

static int itimer_set(int which, time_t sec)
{
	struct itimerval it = { .it_value.tv_sec = sec };

	return setitimer(which, &it, NULL);
}

static int arm_prof(void)
{
	return itimer_set(ITIMER_PROF, LONG_S);
}

static int disarm_prof(void)
{
	return itimer_set(ITIMER_PROF, 0);
}

static int arm_virtual(void)
{
	return itimer_set(ITIMER_VIRTUAL, LONG_S);
}

static int disarm_virtual(void)
{
	return itimer_set(ITIMER_VIRTUAL, 0);
}

static int arm_real(void)
{
	return itimer_set(ITIMER_REAL, LONG_S);
}

static int disarm_real(void)
{
	return itimer_set(ITIMER_REAL, 0);
}

static int cpu_limit(rlim_t sec)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CPU, &limit))
		return -1;
	limit.rlim_cur = sec;
	return setrlimit(RLIMIT_CPU, &limit);
}

static int arm_limit(void)
{
	return cpu_limit(LONG_S);
}

static int disarm_limit(void)
{
	return cpu_limit(RLIM_INFINITY);
}

FIXTURE(cputimer) {};

/*
 * @arm:	Arms it for long
 * @disarm:	Undoes that
 * @free:	The tick is not needed for it
 * @execs:	It stays armed over exec()
 */
FIXTURE_VARIANT(cputimer)
{
	int	(*arm)(void);
	int	(*disarm)(void);
	bool	free;
	bool	execs;
};

FIXTURE_VARIANT_ADD(cputimer, process_disarm)
{
	.arm = arm_process, .disarm = timer_disarm,
};

FIXTURE_VARIANT_ADD(cputimer, process_delete)
{
	.arm = arm_process, .disarm = timer_remove,
};

FIXTURE_VARIANT_ADD(cputimer, thread_disarm)
{
	.arm = arm_thread, .disarm = timer_disarm,
};

FIXTURE_VARIANT_ADD(cputimer, thread_delete)
{
	.arm = arm_thread, .disarm = timer_remove,
};

FIXTURE_VARIANT_ADD(cputimer, itimer_prof)
{
	.arm = arm_prof, .disarm = disarm_prof, .execs = true,
};

FIXTURE_VARIANT_ADD(cputimer, itimer_virtual)
{
	.arm = arm_virtual, .disarm = disarm_virtual, .execs = true,
};

FIXTURE_VARIANT_ADD(cputimer, itimer_real)
{
	.arm = arm_real, .disarm = disarm_real, .free = true, .execs = true,
};

FIXTURE_VARIANT_ADD(cputimer, rlimit_cpu)
{
	.arm = arm_limit, .disarm = disarm_limit, .execs = true,
};

FIXTURE_SETUP(cputimer)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(cputimer)
{
	iso_finish(_metadata);
}

/* Asks for isolation until the answer is not about something that passes by. */
static int ask(void)
{
	struct task_isolation_record rec = { 0 };
	int tries, err = 0;

	for (tries = 0; tries < TRIES; tries++) {
		if (!iso_prctl(ISO_USR1)) {
			iso_prctl(0);
			return ISOLATED;
		}
		err = errno;
		if (err != EAGAIN || iso_record(&rec))
			break;
		if (rec.blockers & TASK_ISOLATION_BLOCKER_TICK &&
		    !strcmp(rec.tick, TICK_NEEDED_BY))
			return REFUSED;
		iso_sleep_ms(10);
	}
	if (rec.blockers == TASK_ISOLATION_BLOCKER_TIMER && !strcmp(rec.timer, REAL_TIMER))
		return TIMER_STAYED;
	fprintf(stderr, "# errno %d, blockers 0x%llx, task %s, timer %s, work %s\n", err,
		(unsigned long long)rec.blockers, rec.blocker_comm, rec.timer, rec.work);
	return REFUSED_OTHERWISE;
}

/* Runs the rest of a test in a process on the isolation CPU, which returns a status. */
#define IN_VICTIM(...)						\
({								\
	fflush(stdout);						\
	iso.victim = fork();					\
	ASSERT_LE(0, iso.victim);				\
	if (!iso.victim) {					\
		iso_catch_all();				\
		iso_prepare(iso.sh, iso.cpu);			\
		_exit(({ __VA_ARGS__; }));			\
	}							\
	exit_status(iso_wait_exit());				\
})

static int exit_status(int status)
{
	return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F_TIMEOUT(cputimer, gone, ISO_TIMEOUT)
{
	EXPECT_EQ(ISOLATED, IN_VICTIM(variant->arm() || variant->disarm() ? errno : ask()));
}

/*
 * Not refused for the tick. It may be for the timer itself, which does not move to
 * another CPU if that one has nothing to do before it is due.
 */
static void expect_free(struct __test_metadata *_metadata, int status)
{
	EXPECT_TRUE(status == ISOLATED || status == TIMER_STAYED) {
		TH_LOG("status %d", status);
	}
}

TEST_F_TIMEOUT(cputimer, armed, ISO_TIMEOUT)
{
	int status = IN_VICTIM(variant->arm() ? errno : ask());

	if (variant->free)
		expect_free(_metadata, status);
	else
		EXPECT_EQ(REFUSED, status);
}

static uint64_t used_ns(void)
{
	struct timespec ts;

	/* Only one thread, so that this is the time of both. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* A second timer, on @clock, fires when it is due. Returns 0, or what is wrong. */
static int fire(clockid_t clock, int (*disarm)(void))
{
	struct itimerspec it = { .it_value.tv_nsec = DUE_MS * 1000000L };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	uint64_t due, now;
	timer_t other;

	if (timer_create(clock, &ev, &other) || timer_settime(other, 0, &it, NULL))
		return 1;
	due = used_ns() + DUE_MS * 1000000ULL;
	if (disarm())
		return 2;
	do {
		iso_spin_rounds(100000);
		now = LOAD(iso_sh->sig[SIGRTMIN]) ? 0 : used_ns();
	} while (now && now < due + LATE_MS * 1000000ULL);
	if (now)
		return 3;
	return iso_sh->sig_total == 1 ? 0 : 4;
}

/* Whichever clock the other one is on, it does not depend on the first one. */
TEST_F_TIMEOUT(cputimer, other, ISO_TIMEOUT)
{
	EXPECT_EQ(0, IN_VICTIM(variant->arm() ? errno :
			       fire(CLOCK_PROCESS_CPUTIME_ID, variant->disarm)));
	memset(iso.sh, 0, sizeof(*iso.sh));
	EXPECT_EQ(0, IN_VICTIM(variant->arm() ? errno :
			       fire(CLOCK_THREAD_CPUTIME_ID, variant->disarm)));
}

/* In what exec starts, only the timer is left of the victim. */
static int exec_again(void)
{
	char * const argv[] = { "cputimer_test", "--exec-child", NULL };
	char * const envp[] = { NULL };

	execve("/proc/self/exe", argv, envp);
	return errno;
}

TEST_F_TIMEOUT(cputimer, exec, ISO_TIMEOUT)
{
	int status = IN_VICTIM(variant->arm() ? errno : exec_again());

	if (variant->free)
		expect_free(_metadata, status);
	else
		EXPECT_EQ(variant->execs ? REFUSED : ISOLATED, status);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--exec-child"))
		return ask();
	return iso_main(argc, argv);
}
