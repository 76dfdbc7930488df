// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: reads the cycle counter in a loop and shows the gaps.
 *
 * Test Summary
 *
 *  * isolated		The thread was isolated all the time: no signal came
 *  * gaps		No gap is longer than the threshold. Under an emulator or
 *			in a guest a gap says nothing about the kernel: it is
 *			shown, and judged only with -t
 *
 * Usage: jitter_test [-t threshold_ns] [-s seconds]
 *
 * The histogram has the form of the first task isolation test:
 * "  D cycles (count: C)" for each length of loop seen, and "AT: LEN cycles"
 * for each gap.
 */
#include <linux/types.h>

#include "lib.h"

#define HIST_SIZE	600
#define MAX_GAPS	100
/* Of how many there is a line where they mean nothing. */
#define FEW_GAPS	5
#define DEFAULT_NS	2000
#define NSEC		1000000000ULL

struct gap {
	__u64	at;
	__u64	len;
};

struct result {
	__u64	hist[HIST_SIZE];
	__u64	over;
	__u64	loops;
	__u64	max;
	__u64	ticks;
	unsigned int	gaps;
	struct gap	gap[MAX_GAPS];
};

#ifdef __x86_64__
static inline __u64 cycles(void)
{
	__u32 lo, hi;

	__asm__ __volatile__("rdtsc" : "=a" (lo), "=d" (hi));
	return (__u64)hi << 32 | lo;
}
#elif defined(__aarch64__)
static inline __u64 cycles(void)
{
	__u64 val;

	__asm__ __volatile__("isb; mrs %0, cntvct_el0" : "=r" (val) : : "memory");
	return val;
}
#elif defined(__arm__)
static inline __u64 cycles(void)
{
	__u64 val;

	__asm__ __volatile__("isb; mrrc p15, 1, %Q0, %R0, c14"
			     : "=r" (val) : : "memory");
	return val;
}
#elif defined(__riscv) && __riscv_xlen == 64
static inline __u64 cycles(void)
{
	__u64 val;

	__asm__ __volatile__("rdtime %0" : "=r" (val));
	return val;
}
#else
#define NO_CYCLES
static inline __u64 cycles(void)
{
	return 0;
}
#endif

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

/* Ticks of the counter in a second, measured against CLOCK_MONOTONIC. */
static __u64 calibrate(void)
{
	__u64 t0, t1, c0, c1;

	t0 = now_ns();
	c0 = cycles();
	iso_sleep_ms(200);
	t1 = now_ns();
	c1 = cycles();
	return (__u64)((double)(c1 - c0) * (double)NSEC / (double)(t1 - t0));
}

/* Runs isolated. Reads the counter, keeps the books, does nothing else. */
static void measure(struct iso_shared *sh, struct result *r, __u64 duration,
		    __u64 threshold)
{
	__u64 start, last, now, d;

	start = cycles();
	last = start;
	do {
		now = cycles();
		d = now - last;
		r->loops++;
		if (d < HIST_SIZE)
			r->hist[d]++;
		else
			r->over++;
		if (d > r->max)
			r->max = d;
		if (d > threshold) {
			if (r->gaps < MAX_GAPS) {
				r->gap[r->gaps].at = last - start;
				r->gap[r->gaps].len = d;
			}
			r->gaps++;
		}
		last = now;
	} while (now - start < duration && !LOAD(sh->sig_total));
	r->ticks = now - start;
}

static void victim(struct iso_shared *sh, struct result *r, int cpu,
		   __u64 duration, __u64 threshold)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	iso_catch_all();
	/* Before mlockall(), which maps the pages of @r for reading only. */
	memset(r, 0, sizeof(*r));
	iso_prepare(sh, cpu);
	if (iso_enter(sh, ISO_USR1))
		_exit(1);
	STORE(sh->ready, 1);
	measure(sh, r, duration, threshold);
	STORE(sh->leave, iso_prctl(0));
	STORE(sh->done, 1);
	_exit(0);
}

int main(int argc, char **argv)
{
	__u64 hz, threshold_ns = DEFAULT_NS, threshold;
	bool strict = false, emulated;
	unsigned int seconds = 2, shown, i;
	static struct iso_log log;
	struct iso_shared *sh;
	char cause[ISO_LOG_LEN];
	const char *reason;
	int cpu, cpu2, opt, status;
	struct result *r;
	pid_t pid;

	while ((opt = getopt(argc, argv, "t:s:")) != -1) {
		switch (opt) {
		case 't':
			threshold_ns = strtoull(optarg, NULL, 0);
			strict = true;
			break;
		case 's':
			seconds = strtoul(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr, "Usage: %s [-t ns] [-s seconds]\n", argv[0]);
			return KSFT_FAIL;
		}
	}
	ksft_print_header();
	reason = iso_find_cpu(&cpu, &cpu2);
	if (reason)
		ksft_exit_skip("%s\n", reason);
#ifdef NO_CYCLES
	ksft_exit_skip("no cycle counter that a program can read\n");
#endif
	ksft_set_plan(2);

	if (iso_pin_housekeeping())
		ksft_exit_fail_perror("housekeeping CPUs");
	emulated = iso_emulated();
	hz = calibrate();
	threshold = (double)threshold_ns * hz / NSEC;
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED || r == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	iso_log_open(&log);
	ksft_print_msg("CPU %d, %u s, %llu ticks a second, threshold %llu ns = %llu ticks%s\n",
		       cpu, seconds, hz,
		       threshold_ns,
		       threshold,
		       emulated ? ", emulated or virtual: times are noise" : "");
	ksft_print_msg("testing task isolation jitter for %llu ticks\n",
		       hz * seconds);
	fflush(stdout);

	pid = fork();
	if (pid < 0)
		ksft_exit_fail_perror("fork");
	if (!pid)
		victim(sh, r, cpu, hz * seconds, threshold);
	if (waitpid(pid, &status, 0) != pid || status)
		ksft_print_msg("victim ended with status 0x%x\n", status);
	if (!sh->ready)
		ksft_print_msg("not isolated: %s\n", strerror(sh->err));

	ksft_print_msg("INFO: loop times:\n");
	for (i = 0; i < HIST_SIZE; i++) {
		if (r->hist[i])
			printf("#   %u cycles (count: %llu)\n", i,
			       r->hist[i]);
	}
	printf("#   >= %u cycles (count: %llu)\n", HIST_SIZE,
	       r->over);
	if (r->gaps) {
		ksft_print_msg("%s: jitter:\n", strict || !emulated ? "ERROR" : "INFO");
		shown = strict || !emulated ? MAX_GAPS : FEW_GAPS;
		for (i = 0; i < r->gaps && i < shown; i++)
			printf("#   %llu: %llu cycles\n",
			       r->gap[i].at,
			       r->gap[i].len);
		if (r->gaps > shown)
			ksft_print_msg("  ... more\n");
	}
	ksft_print_msg("%llu loops, longest gap %llu ns, %u gaps over %llu ns\n",
		       r->loops,
		       (__u64)((double)r->max * NSEC / hz), r->gaps,
		       threshold_ns);

	if (iso_log_losses(&log, sh->tid, cause, sizeof(cause)))
		ksft_print_msg("kernel: lost due to %s\n", cause);
	ksft_test_result(!status && sh->ready && sh->done && !sh->leave &&
			 !sh->sig_total && r->ticks >= hz * seconds,
			 "isolated all the time\n");
	if (emulated && !strict)
		ksft_test_result_skip("gaps: emulated or virtual, no verdict on times\n");
	else
		ksft_test_result(sh->ready && !r->gaps, "gaps\n");
	ksft_finished();
}
