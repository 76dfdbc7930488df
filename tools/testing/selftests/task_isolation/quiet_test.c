// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: how often the first call succeeds.
 *
 * Test Summary
 *
 *  * first call	Enters, stays for a moment and leaves, many times. No
 *			call is repeated: 999 of 1000 must succeed at once
 *  * not lost		Nothing of this CPU's own may end the moment: no timer, no
 *			work. A function call that another CPU sends is told, and
 *			shown, but is none of that
 *
 * Usage: quiet_test [-n entries] (or TASK_ISOLATION_ENTRIES=entries). Run it
 * under load on the housekeeping CPUs to learn something.
 */
#include "common.h"

static int entries = 1000;

/* Runs on the isolation CPU. Returns how many calls failed with EAGAIN. */
static void victim(struct iso_shared *sh, int cpu)
{
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	iso_catch_all();
	iso_prepare(sh, cpu);
	for (i = 0; i < entries; i++) {
		if (iso_prctl(ISO_USR1)) {
			if (errno != EAGAIN) {
				sh->err = errno;
				break;
			}
			sh->again++;
		} else {
			STORE(sh->ready, sh->ready + 1);
			iso_spin_rounds(20000);
			if (iso_prctl(0))
				sh->leave = errno;
		}
		INC(sh->count);
	}
	_exit(0);
}

static void print_log(struct iso_log *log)
{
	int i;

	iso_log_read(log);
	for (i = 0; i < log->count; i++)
		ksft_print_msg("kernel: %s\n", log->line[i]);
}

int main(int argc, char **argv)
{
	static struct iso_log log;
	int cpu, cpu2, opt, status, allowed, calls, other;
	char cause[ISO_LOG_LEN];
	struct iso_shared *sh;
	const char *reason;
	pid_t pid;

	if (getenv("TASK_ISOLATION_ENTRIES"))
		entries = atoi(getenv("TASK_ISOLATION_ENTRIES"));
	while ((opt = getopt(argc, argv, "n:")) != -1) {
		if (opt != 'n') {
			fprintf(stderr, "Usage: %s [-n entries]\n", argv[0]);
			return KSFT_FAIL;
		}
		entries = atoi(optarg);
	}
	ksft_print_header();
	reason = iso_find_cpu(&cpu, &cpu2);
	if (reason)
		ksft_exit_skip("%s\n", reason);
	if (entries < 1)
		ksft_exit_fail_msg("no entries to make\n");
	ksft_set_plan(2);

	if (iso_pin_housekeeping())
		ksft_exit_fail_perror("housekeeping CPUs");
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	iso_log_open(&log);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		ksft_exit_fail_perror("fork");
	if (!pid)
		victim(sh, cpu);
	if (waitpid(pid, &status, 0) != pid || status)
		ksft_print_msg("victim ended with status 0x%x\n", status);

	calls = iso_log_count(&log, sh->tid, "IPI function (");
	other = sh->sig_total - calls;
	/* Suppressed lines say nothing about the cause: count what is there. */
	if (log.limited)
		other = iso_log_losses(&log, sh->tid, cause, sizeof(cause)) - calls;

	/* One of a thousand, and none of fewer. */
	allowed = entries / 1000;
	ksft_print_msg("using CPU %d\n", cpu);
	printf("# first-call success %d of %d\n", sh->count - sh->again, entries);
	if (sh->again || sh->sig_total || sh->count != entries)
		print_log(&log);
	if (sh->err)
		ksft_print_msg("prctl failed: %s\n", strerror(sh->err));
	ksft_test_result(!status && !sh->err && sh->count == entries &&
			 sh->again <= allowed,
			 "first call succeeds (%d EAGAIN, %d allowed)\n",
			 sh->again, allowed);
	ksft_print_msg("%d of %d lost, %d by function calls of other CPUs\n",
		       sh->sig_total, sh->ready, calls);
	ksft_test_result(!status && sh->ready > 0 && other <= 0 && !sh->leave,
			 "no entry is lost to this CPU's own work\n");
	ksft_finished();
}
