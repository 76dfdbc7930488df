// SPDX-License-Identifier: GPL-2.0
/*
 * How many kHz the time stamp counter of this machine has, against the clock
 * from which the emulator's timers take theirs.
 *
 * A reading is a pair of both, of many the one with the least between. So a
 * busy host makes it slower, not wrong.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define TRIES	1000
#define NS_WAIT	100000000

struct pair {
	uint64_t tsc;
	int64_t ns;
};

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static struct pair look(void)
{
	uint64_t least = UINT64_MAX;
	struct pair best = { 0 };

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc();
		int64_t ns = now();
		uint64_t after = __rdtsc();

		if (after - before < least) {
			least = after - before;
			best = (struct pair){ before + least / 2, ns };
		}
	}
	return best;
}

int main(void)
{
	struct timespec wait = { .tv_nsec = NS_WAIT };
	struct pair a, b;

	a = look();
	nanosleep(&wait, NULL);
	b = look();
	printf("%.0f\n", (b.tsc - a.tsc) * 1e6 / (b.ns - a.ns));
	return 0;
}
