// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the first process, which nothing kills.
 *
 * Test Summary
 *
 *  * refused		A signal that would do nothing to it is EINVAL: SIGKILL, the
 *			default, and those which are ignored by default
 *  * told		With a handler it is told of a loss as any other
 *
 * Usage: pid1_test PROGRAM [ARG]...	as the first process: tests, leaves the
 *					result in a file, and becomes PROGRAM
 *        pid1_test			later: shows that result
 *
 * The first process does not come back, so the two are one program.
 */
#include <linux/types.h>

#include "lib.h"

#include <sys/stat.h>

#define RESULT	"/pid1_test.result"
#define CLOCK	"/sys/devices/system/clocksource/clocksource0/current_clocksource"
/* While a machine comes up, something else may interrupt the CPU. */
#define LOSSES	5

static int told;

static void on_loss(int sig, siginfo_t *info, void *context)
{
	STORE(told, info->si_code == SI_TASK_ISOLATION ? info->si_errno + 1 : -1);
}

/* Returns what the first mismatch was, or NULL. */
static const char *refused(void)
{
	static const int useless[] = { 0, SIGKILL, SIGCHLD, SIGURG, SIGWINCH };
	static char text[80];

	for (unsigned int i = 0; i < ARRAY_SIZE(useless); i++) {
		unsigned long flags = PR_TASK_ISOLATION_ENABLE |
				      PR_TASK_ISOLATION_SET_SIG(useless[i]);
		int ret = iso_prctl(flags), err = errno;

		if (ret == -1 && err == EINVAL)
			continue;
		iso_prctl(0);
		snprintf(text, sizeof(text), "signal %d: returned %d, errno %d, EINVAL expected",
			 useless[i], ret, err);
		return text;
	}
	return NULL;
}

static const char *lose(void)
{
	struct sigaction sa = { .sa_sigaction = on_loss, .sa_flags = SA_SIGINFO };
	static char text[80];

	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < LOSSES; i++) {
		int ret = -1, tries = 0;

		STORE(told, 0);
		while (ret && tries++ < ISO_TRIES)
			ret = iso_prctl(ISO_USR1);
		if (ret) {
			snprintf(text, sizeof(text), "not isolated, errno %d", errno);
			return text;
		}

		syscall(SYS_getppid);
		if (LOAD(told) == TASK_ISOLATION_SYSCALL + 1)
			return NULL;
		if (LOAD(told) <= 0)
			break;
	}
	snprintf(text, sizeof(text), "the handler saw %d, %d expected", LOAD(told),
		 TASK_ISOLATION_SYSCALL + 1);
	return text;
}

/* The kernel stops the machine to switch to its final clock. */
static void wait_for_clock(void)
{
	char name[64];

	for (int i = 0; i < 300; i++) {
		iso_read_file(CLOCK, name, sizeof(name));
		if (!strstr(name, "early") && !strstr(name, "jiffies"))
			return;
		usleep(100000);
	}
}

static void test(FILE *out)
{
	cpu_set_t old, set;
	const char *wrong;
	int cpu, other;

	mkdir("/sys", 0755);
	mount("sys", "/sys", "sysfs", 0, NULL);
	wait_for_clock();
	wrong = iso_find_cpu(&cpu, &other);
	umount("/sys");
	if (wrong) {
		fprintf(out, "skip %s\n", wrong);
		return;
	}

	sched_getaffinity(0, sizeof(old), &old);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	wrong = refused();
	fprintf(out, "refused %s\n", wrong ?: "ok");
	wrong = lose();
	fprintf(out, "told %s\n", wrong ?: "ok");
	munlockall();
	sched_setaffinity(0, sizeof(old), &old);
}

/* A line "NAME ok", or "NAME and what was wrong". */
static void show(const char *line)
{
	char name[16], rest[128];

	if (sscanf(line, "%15s %127[^\n]", name, rest) != 2) {
		ksft_test_result_fail("%s", line);
		return;
	}
	if (!strcmp(rest, "ok")) {
		ksft_test_result_pass("%s\n", name);
		return;
	}
	ksft_print_msg("%s\n", rest);
	ksft_test_result_fail("%s\n", name);
}

int main(int argc, char **argv)
{
	char line[256];
	FILE *f;

	if (getpid() == 1) {
		f = fopen(RESULT, "w");
		if (f) {
			test(f);
			fclose(f);
		}
		execv(argv[1], argv + 1);
		return 1;
	}

	ksft_print_header();
	f = fopen(RESULT, "r");
	if (!f)
		ksft_exit_skip("the first process was not this program, see Usage\n");
	if (!fgets(line, sizeof(line), f))
		ksft_exit_fail_msg("%s is empty\n", RESULT);
	if (!strncmp(line, "skip ", 5))
		ksft_exit_skip("%s", line + 5);
	ksft_set_plan(2);
	do {
		show(line);
	} while (fgets(line, sizeof(line), f));
	ksft_finished();
}
