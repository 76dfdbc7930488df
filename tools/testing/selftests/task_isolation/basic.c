// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the contract, as a thread sees it by its signal alone. Needs nothing
 * of the other files here, and of the kernel no more than prctl(PR_TASK_ISOLATION).
 *
 * Test Summary
 *
 *  * arguments		What prctl() refuses, and what it takes back
 *  * place		Where a thread can't be isolated
 *  * quiet		It stays isolated, and leaves without a signal
 *  * allowed		exit() is
 *  * syscall		Any other call is refused, and made after the handler
 *  * again		prctl() while isolated enters anew
 *  * fault		A page fault that the kernel resolves
 *  * trap		One that ends in a signal is told by that alone
 *  * interrupt		Another CPU interrupts this one
 *  * signal		A handler ends isolation without another signal
 *  * blocked		A blocked signal is forced
 *  * ignored		An ignored one is, too
 *  * killed		Without a signal, the process is
 *  * affinity		The CPU is taken away
 *  * stopped		It was stopped, and continues
 *  * child		A child is not isolated
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/task_isolation.h>

#include "kselftest_harness.h"

#ifndef PR_TASK_ISOLATION
#define PR_TASK_ISOLATION		48
#define PR_TASK_ISOLATION_ENABLE	0x01
#define PR_TASK_ISOLATION_SET_SIG(sig)	(((sig) & 0x7f) << 8)
#endif
#ifndef SI_TASK_ISOLATION
#define SI_TASK_ISOLATION		0x40
#endif

#define USR1	(PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(SIGUSR1))
#define TRIES	100
#define SPINS	20000000UL
#define PAGE	65536
#define PATIENCE_MS	20000

#define LOAD(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

/* What the victim tells the test, in shared memory: it must not make a system call. */
struct told {
	int		isolated;	/* prctl() has returned 0 */
	int		losses;		/* signals of a loss, */
	int		cause;		/* and the cause of the last one */
	int		others;		/* other signals */
	int		in_call;		/* the call had returned when the signal came */
	long		result;
};

static struct told *told;
static int cpu = -1;
static char *page;
static int returned;
static sigjmp_buf after;

static int isolate(unsigned long flags)
{
	int tries = TRIES, ret;

	do {
		ret = prctl(PR_TASK_ISOLATION, flags, 0, 0, 0);
	} while (ret && errno == EAGAIN && --tries);
	return ret;
}

static int leave(void)
{
	return prctl(PR_TASK_ISOLATION, 0, 0, 0, 0);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (sig == SIGUSR1 && info->si_code == SI_TASK_ISOLATION) {
		told->cause = info->si_errno;
		told->in_call = !LOAD(returned);
		STORE(told->losses, told->losses + 1);
	} else {
		STORE(told->others, told->others + 1);
		if (sig == SIGILL)
			siglongjmp(after, 1);
	}
}

static void handle(int sig)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
}

static int bind_to(int to)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(to, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* The first of the CPUs which are set aside where a thread can be isolated, or -1. */
static int find_cpu(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/nohz_full", "r");
	int first, last, found = -1;

	while (f && found < 0 && fscanf(f, "%d", &first) == 1) {
		if (fscanf(f, "-%d", &last) != 1)
			last = first;
		for (; first <= last && found < 0; first++) {
			if (!bind_to(first) && !isolate(USR1))
				found = first;
			leave();
		}
		fscanf(f, ",");
	}
	if (f)
		fclose(f);
	return found;
}

/* Bound, its memory there, its handlers set. */
static void prepare(void)
{
	handle(SIGUSR1);
	handle(SIGUSR2);
	handle(SIGILL);
	bind_to(cpu);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	/* fork() has left pages to be copied, and the stack to be grown. */
	memset(told, 0, sizeof(*told));
	returned = 0;
}

static void spin(unsigned long n)
{
	while (n--)
		__asm__ __volatile__("" ::: "memory");
}

FIXTURE(basic)
{
	cpu_set_t home;
	pid_t pid;
};

FIXTURE_SETUP(basic)
{
	sched_getaffinity(0, sizeof(self->home), &self->home);
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)told);
	handle(SIGUSR1);
	cpu = find_cpu();
	/* The victim is watched from other CPUs. */
	if (cpu >= 0)
		CPU_CLR(cpu, &self->home);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(self->home), &self->home));
	if (cpu < 0)
		SKIP(return, "no thread can be isolated, see nohz_full= and isolcpus=");
}

FIXTURE_TEARDOWN(basic)
{
	munmap(told, sizeof(*told));
}

/* A victim which is isolated, and does this meanwhile. */
static pid_t start(unsigned long flags, void (*act)(void))
{
	pid_t pid = fork();

	if (pid)
		return pid;

	prepare();
	if (isolate(flags))
		_exit(KSFT_FAIL);
	STORE(told->isolated, 1);
	act();
	_exit(0);
}

/* How it ended, by waitpid() */
static int end(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* Waits until the victim is isolated. */
static bool isolated(void)
{
	for (int i = 0; i < PATIENCE_MS && !LOAD(told->isolated); i++)
		usleep(1000);
	return LOAD(told->isolated);
}

static void act_nothing(void)
{
}

static void act_leave(void)
{
	spin(SPINS);
	told->result = leave();
}

static void act_call(void)
{
	told->result = syscall(SYS_getppid);
	STORE(returned, 1);
}

static void act_again(void)
{
	told->result = isolate(USR1);
	act_call();
}

static void act_fault(void)
{
	leave();
	munlockall();
	madvise(page, PAGE, MADV_DONTNEED);
	if (!isolate(USR1))
		STORE(*page, 1);
}

static void act_trap(void)
{
	/* A system call, to save the mask of signals */
	leave();
	if (sigsetjmp(after, 1))
		return;
	if (!isolate(USR1))
		__builtin_trap();
}

static void act_wait_loss(void)
{
	while (!LOAD(told->losses))
		;
}

static void act_wait_signal(void)
{
	while (!LOAD(told->others))
		;
}

static void act_blocked(void)
{
	sigset_t set;

	leave();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (!isolate(USR1))
		syscall(SYS_getppid);
}

static void act_ignored(void)
{
	leave();
	signal(SIGUSR1, SIG_IGN);
	if (!isolate(USR1))
		syscall(SYS_getppid);
}

/* The fork is refused, and made after the handler. The child makes calls. */
static void act_fork(void)
{
	pid_t pid = fork();

	if (!pid) {
		syscall(SYS_getppid);
		_exit(0);
	}
	told->result = end(pid);
}

TEST_F(basic, arguments)
{
	EXPECT_EQ(-1, prctl(PR_TASK_ISOLATION, 2, 0, 0, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, prctl(PR_TASK_ISOLATION, USR1, 1, 0, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, prctl(PR_TASK_ISOLATION, PR_TASK_ISOLATION_ENABLE |
			    PR_TASK_ISOLATION_SET_SIG(SIGSTOP), 0, 0, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, leave());
}

TEST_F(basic, place)
{
	int other = 0;

	while (!CPU_ISSET(other, &self->home))
		other++;
	/* One that was not set aside, and more than one */
	ASSERT_EQ(0, bind_to(other));
	EXPECT_EQ(-1, isolate(USR1));
	EXPECT_EQ(EINVAL, errno);
	CPU_ZERO(&self->home);
	CPU_SET(other, &self->home);
	CPU_SET(cpu, &self->home);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(self->home), &self->home));
	EXPECT_EQ(-1, isolate(USR1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(basic, quiet)
{
	EXPECT_EQ(0, end(start(USR1, act_leave)));
	EXPECT_EQ(0, told->result);
	EXPECT_EQ(0, told->losses + told->others);
}

TEST_F(basic, allowed)
{
	EXPECT_EQ(0, end(start(USR1, act_nothing)));
	EXPECT_EQ(0, told->losses + told->others);
}

TEST_F(basic, syscall)
{
	EXPECT_EQ(0, end(start(USR1, act_call)));
	EXPECT_EQ(getpid(), told->result);
	EXPECT_EQ(1, told->losses);
	EXPECT_EQ(TASK_ISOLATION_SYSCALL, told->cause);
	/* The call had not returned, and was made nevertheless. */
	EXPECT_EQ(1, told->in_call);
}

TEST_F(basic, again)
{
	EXPECT_EQ(0, end(start(USR1, act_again)));
	EXPECT_EQ(getpid(), told->result);
	EXPECT_EQ(1, told->losses);
}

TEST_F(basic, fault)
{
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)page);
	EXPECT_EQ(0, end(start(USR1, act_fault)));
	EXPECT_EQ(1, told->losses);
	EXPECT_EQ(TASK_ISOLATION_FAULT, told->cause);
	munmap(page, PAGE);
}

TEST_F(basic, trap)
{
	EXPECT_EQ(0, end(start(USR1, act_trap)));
	EXPECT_EQ(0, told->losses);
	EXPECT_EQ(1, told->others);
}

/* A new task on that CPU wants to run there. */
TEST_F(basic, interrupt)
{
	pid_t pid;

	self->pid = start(USR1, act_wait_loss);
	ASSERT_TRUE(isolated());
	pid = fork();
	if (!pid)
		_exit(bind_to(cpu));
	EXPECT_EQ(0, end(pid));
	EXPECT_EQ(0, end(self->pid));
	EXPECT_EQ(1, told->losses);
	EXPECT_EQ(0, told->others);
}

TEST_F(basic, signal)
{
	self->pid = start(USR1, act_wait_signal);
	ASSERT_TRUE(isolated());
	ASSERT_EQ(0, kill(self->pid, SIGUSR2));
	EXPECT_EQ(0, end(self->pid));
	EXPECT_EQ(0, told->losses);
	EXPECT_EQ(1, told->others);
}

TEST_F(basic, blocked)
{
	EXPECT_EQ(SIGUSR1, end(start(USR1, act_blocked)));
}

TEST_F(basic, ignored)
{
	EXPECT_EQ(SIGUSR1, end(start(USR1, act_ignored)));
}

TEST_F(basic, killed)
{
	EXPECT_EQ(SIGKILL, end(start(PR_TASK_ISOLATION_ENABLE, act_call)));
	EXPECT_EQ(0, told->result);
}

TEST_F(basic, affinity)
{
	self->pid = start(USR1, act_wait_loss);
	ASSERT_TRUE(isolated());
	ASSERT_EQ(0, sched_setaffinity(self->pid, sizeof(self->home), &self->home));
	EXPECT_EQ(0, end(self->pid));
	EXPECT_EQ(1, told->losses);
}

TEST_F(basic, stopped)
{
	int status;

	self->pid = start(USR1, act_wait_loss);
	ASSERT_TRUE(isolated());
	ASSERT_EQ(0, kill(self->pid, SIGSTOP));
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(0, told->losses);
	ASSERT_EQ(0, kill(self->pid, SIGCONT));
	EXPECT_EQ(0, end(self->pid));
	EXPECT_EQ(1, told->losses);
}

TEST_F(basic, child)
{
	EXPECT_EQ(0, end(start(USR1, act_fork)));
	EXPECT_EQ(0, told->result);
	EXPECT_EQ(1, told->losses);
}

TEST_HARNESS_MAIN
