// SPDX-License-Identifier: GPL-2.0
/*
 * Count what four things cost, in instructions: under QEMU's -icount the
 * counter that user mode can read counts those of the guest.
 *
 * usage: bench CPU
 *
 * Prints name=instructions for getppid(), an anonymous page fault, a context
 * switch and a wake-up of another CPU, the least of several rounds, on the CPU
 * given. The counter is of all CPUs together, so what the other one does counts.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A round is short, so that the least of many has no tick in it. */
#define ROUNDS		41
#define CALLS		2000
#define PAGES		400
#define SWITCHES	400

/* An instruction is a nanosecond. The generic timer is slower than that. */
#if defined(__x86_64__)
#include <x86intrin.h>

static uint64_t instructions(void)
{
	return __rdtsc();
}
#elif defined(__aarch64__)
static uint64_t instructions(void)
{
	uint64_t val, freq;

	__asm__ __volatile__("isb\n\tmrs %0, cntvct_el0\n\tmrs %1, cntfrq_el0"
			     : "=r" (val), "=r" (freq) : : "memory");
	return val * (1000000000 / freq);
}
#elif defined(__arm__)
static uint64_t instructions(void)
{
	uint32_t freq;
	uint64_t val;

	__asm__ __volatile__("isb\n\tmrrc p15, 1, %Q0, %R0, c14\n\t"
			     "mrc p15, 0, %1, c14, c0, 0"
			     : "=r" (val), "=r" (freq) : : "memory");
	return val * (1000000000 / freq);
}
#elif defined(__riscv)
static uint64_t instructions(void)
{
	uint64_t val;

	/* QEMU's runs at 10 MHz. */
	__asm__ __volatile__("rdtime %0" : "=r" (val));
	return val * 100;
}
#else
/* Any other architecture: the clock counts them as well, if it is read in user mode. */
static uint64_t instructions(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}
#endif

static uint64_t getppids(void)
{
	uint64_t start = instructions();

	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	return instructions() - start;
}

static uint64_t faults(void)
{
	size_t size = PAGES * 4096UL;
	volatile char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start;

	if (p == MAP_FAILED)
		exit(1);
	madvise((void *)p, size, MADV_NOHUGEPAGE);
	start = instructions();
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	start = instructions() - start;
	munmap((void *)p, size);
	return start;
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("bench: sched_setaffinity");
		exit(1);
	}
}

/* Two processes hand each other a byte: two switches, or wake-ups, a turn. */
static uint64_t turns(int partner)
{
	int to[2], back[2];
	uint64_t start;
	char c = 0;
	pid_t pid;

	if (pipe(to) || pipe(back))
		exit(1);
	pid = fork();
	if (!pid) {
		run_on(partner);
		close(to[1]);
		while (read(to[0], &c, 1) == 1)
			if (write(back[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	close(to[0]);
	/* It is where it is to be. */
	if (write(to[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
		exit(1);
	start = instructions();
	for (int i = 0; i < SWITCHES / 2; i++)
		if (write(to[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			exit(1);
	start = instructions() - start;
	close(to[1]);
	close(back[0]);
	close(back[1]);
	waitpid(pid, NULL, 0);
	return start;
}

static int bench_cpu;

static uint64_t switches(void)
{
	return turns(bench_cpu);
}

static uint64_t wakeups(void)
{
	return turns(!bench_cpu);
}

static void least(const char *name, uint64_t (*f)(void), int n)
{
	uint64_t best = UINT64_MAX;

	/*
	 * Where libc has used SVE, arm64 cleans these registers at each system call
	 * until another process has had them.
	 */
	if (!fork())
		_exit(0);
	wait(NULL);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t took = f();

		if (took < best)
			best = took;
	}
	printf("%s=%.2f\n", name, (double)best / n);
}

int main(int argc, char **argv)
{
	bench_cpu = argc > 1 ? atoi(argv[1]) : 0;
	run_on(bench_cpu);
	least("getppid", getppids, CALLS);
	least("fault", faults, PAGES);
	least("switch", switches, SWITCHES);
	least("wakeup", wakeups, SWITCHES);
	return 0;
}
