// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: enter, be told about a loss, recover, leave.
 *
 * Documentation/userspace-api/task_isolation.rst includes this program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_TASK_ISOLATION
#define PR_TASK_ISOLATION		48
#define PR_TASK_ISOLATION_ENABLE	0x01
#define PR_TASK_ISOLATION_SET_SIG(sig)	(((sig) & 0x7f) << 8)
#endif

#define POLLS	100000000UL
#define TRIES	100

static atomic_int lost;

/* Runs without isolation. The poll loop sees the flag and enters again. */
static void on_loss(int sig)
{
	(void)sig;
	lost = 1;
}

static void skip(const char *why)
{
	printf("SKIP: %s\n", why);
	exit(4);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int isolation_cpu(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/task_isolation", "r");
	int cpu;

	if (!f)
		skip("this kernel has no task isolation");
	if (fscanf(f, "%d", &cpu) != 1)
		skip("no isolation CPU, see nohz_full= and isolcpus=");
	fclose(f);
	return cpu;
}

static void enter(void)
{
	int tries = TRIES;

	lost = 0;
	while (prctl(PR_TASK_ISOLATION, PR_TASK_ISOLATION_ENABLE |
		     PR_TASK_ISOLATION_SET_SIG(SIGUSR1), 0, 0, 0)) {
		if (errno == EINVAL)
			skip("the scheduler clock is unstable, or the CPU was taken away");
		if (errno != EAGAIN || !--tries)
			fail("prctl(PR_TASK_ISOLATION)");
	}
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_loss };
	unsigned long i, losses = 0;
	int cpu = isolation_cpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		skip("not allowed to run on the isolation CPU");
	if (sigaction(SIGUSR1, &sa, NULL))
		fail("sigaction");
	/* No page is to be faulted in later. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fail("mlockall");

	enter();
	for (i = 0; i < POLLS; i++) {
		if (lost) {
			losses++;
			enter();
		}
		/* This is where real work polls its device, or shared memory. */
		if (i == POLLS / 2)
			syscall(SYS_getppid);	/* forgotten in there */
	}
	if (lost)
		losses++;
	prctl(PR_TASK_ISOLATION, 0, 0, 0, 0);

	/* Now the kernel may be used again. */
	printf("%lu polls on CPU %d, isolation lost %lu times\n", POLLS, cpu, losses);
	return losses ? 0 : 1;
}
