// SPDX-License-Identifier: GPL-2.0
/*
 * Count what it costs to interrupt CPUs, by how many there are, in instructions: under
 * QEMU's -icount the time-stamp counter counts those of the guest.
 *
 * usage: senders FIRST COUNT ISOLATED
 *
 * COUNT threads, one on each CPU from FIRST on, poll in user mode, isolated if ISOLATED
 * is 1. A signal to all of them at once is sent from CPU 0, which interrupts each. Prints
 * signal=instructions, the least of several rounds: what the sender does, as it does
 * not wait for them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <x86intrin.h>

#ifndef PR_TASK_ISOLATION
#define PR_TASK_ISOLATION		48
#define PR_TASK_ISOLATION_ENABLE	1
#endif

#define ROUNDS		15
#define TRIES		1000
#define MOST		64

/* Of each child: how often it was ready, and how often it was told. */
static volatile struct slot {
	int ready;
	int told;
	int failed;
	char pad[52];
} *slots;

static volatile struct slot *mine;

static void on_signal(int sig)
{
	(void)sig;
	mine->told++;
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("senders: sched_setaffinity");
		exit(1);
	}
}

static int isolate(void)
{
	int i;

	for (i = 0; i < TRIES; i++) {
		if (!prctl(PR_TASK_ISOLATION,
			   PR_TASK_ISOLATION_ENABLE | SIGUSR2 << 8, 0, 0, 0))
			return 0;
		if (errno != EAGAIN)
			break;
	}
	return -1;
}

static void child(int cpu, int isolated)
{
	run_on(cpu);
	for (;;) {
		int told = mine->told;

		if (isolated && isolate()) {
			mine->failed = errno;
			_exit(1);
		}
		mine->ready++;
		while (mine->told == told)
			;
	}
}

/* All of them poll, and have been told of each signal so far. */
static void wait_ready(int count, int rounds)
{
	int i;

	for (i = 0; i < count; i++) {
		while (slots[i].ready <= rounds && !slots[i].failed)
			usleep(1000);
		if (slots[i].failed) {
			fprintf(stderr, "senders: thread %d could not be isolated: %s\n", i,
				strerror(slots[i].failed));
			exit(1);
		}
	}
	/* Those that came last are in user mode by then. */
	usleep(20000);
}

int main(int argc, char **argv)
{
	uint64_t best = UINT64_MAX, start;
	int i, first, count, isolated;
	pid_t group = 0;

	if (argc != 4 || atoi(argv[2]) < 1 || atoi(argv[2]) > MOST) {
		fprintf(stderr, "usage: senders FIRST COUNT ISOLATED, COUNT 1 to %d\n", MOST);
		return 1;
	}
	first = atoi(argv[1]);
	count = atoi(argv[2]);
	isolated = atoi(argv[3]);
	slots = mmap(NULL, MOST * sizeof(*slots), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED || mlockall(MCL_CURRENT | MCL_FUTURE)) {
		perror("senders");
		return 1;
	}
	run_on(0);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	for (i = 0; i < count; i++) {
		pid_t pid;

		mine = &slots[i];
		pid = fork();
		if (pid < 0) {
			perror("senders: fork");
			return 1;
		}
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			/* Pages that are written to are the child's own by then. */
			mlockall(MCL_CURRENT | MCL_FUTURE);
			child(first + i, isolated);
		}
		if (!group)
			group = pid;
		setpgid(pid, group);
	}
	for (i = 0; i < ROUNDS; i++) {
		wait_ready(count, i);
		start = __rdtsc();
		if (kill(-group, SIGUSR1)) {
			perror("senders: kill");
			return 1;
		}
		start = __rdtsc() - start;
		if (start < best)
			best = start;
	}
	printf("signal=%.2f\n", (double)best);
	kill(-group, SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
