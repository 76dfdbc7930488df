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
 * Both are counted on a calm machine and, where there is stress-ng, under its
 * load on the housekeeping CPUs.
 *
 * Usage: quiet_test [-n entries] (or TASK_ISOLATION_ENTRIES=entries)
 */
#include <dirent.h>
#include <sys/resource.h>

#include "lib.h"

/* Of stress-ng's arguments, the one that says how many CPUs to keep busy. */
#define ARG_CPUS	5
/* Its other stressors, one instance of each. */
#define OTHERS		4

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

/* Whether stress-ng has all its workers; they are named after what they do. */
static bool loaded(void)
{
	char path[320], name[64];
	struct dirent *d;
	cpu_set_t set;
	int n = 0;
	DIR *dir;

	iso_housekeeping(&set);
	dir = opendir("/proc");
	while (dir && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
		n += d->d_name[0] >= '1' && d->d_name[0] <= '9' &&
		     iso_read_file(path, name, sizeof(name)) > 0 &&
		     !strncmp(name, "stress-ng-", strlen("stress-ng-"));
	}
	if (dir)
		closedir(dir);
	return n >= CPU_COUNT(&set) + OTHERS;
}

/* Ends stress-ng with its workers. Returns what it used, in ms of CPU time. */
static long stop_load(pid_t pid)
{
	struct rusage ru;
	int status;

	kill(pid, SIGINT);
	if (wait4(pid, &status, 0, &ru) != pid)
		return 0;
	return (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000 +
	       (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000;
}

/* Loads the CPUs that this process may use. NULL, or why there is no load. */
static const char *start_load(pid_t *pid)
{
	static const char * const argv[] = {
		"stress-ng", "--quiet", "--temp-path", "/tmp", "--cpu", NULL, "--vm", "1",
		"--vm-bytes", "32M", "--fork", "1", "--sock", "1", "--timer", "1", NULL,
	};
	char *args[ARRAY_SIZE(argv)];
	char cpus[16];
	cpu_set_t set;
	int ms, status;

	iso_housekeeping(&set);
	snprintf(cpus, sizeof(cpus), "%d", CPU_COUNT(&set));
	memcpy(args, argv, sizeof(argv));
	args[ARG_CPUS] = cpus;
	*pid = fork();
	if (*pid < 0)
		return "fork failed";
	if (!*pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* It has opinions about being ended early. */
		dup2(open("/dev/null", O_RDWR), STDERR_FILENO);
		execvp(args[0], args);
		_exit(errno == ENOENT ? KSFT_SKIP : KSFT_FAIL);
	}
	for (ms = 0; ms < 60000; ms++) {
		if (waitpid(*pid, &status, WNOHANG) == *pid) {
			*pid = 0;
			return WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP ?
			       "no stress-ng" : "stress-ng failed";
		}
		if (loaded())
			return NULL;
		iso_sleep_ms(1);
	}
	stop_load(*pid);
	return "stress-ng starts no workers";
}

/* Enters many times, and gives two results. */
static void run(int cpu, const char *when)
{
	static struct iso_log log;
	char cause[ISO_LOG_LEN];
	int status, allowed, calls, other;
	struct iso_shared *sh;
	pid_t pid;

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
	printf("# first-call success %d of %d %s\n", sh->count - sh->again, entries, when);
	if (sh->again || sh->sig_total || sh->count != entries)
		print_log(&log);
	if (sh->err)
		ksft_print_msg("prctl failed: %s\n", strerror(sh->err));
	ksft_test_result(!status && !sh->err && sh->count == entries && sh->again <= allowed,
			 "first call succeeds, %s (%d EAGAIN, %d allowed)\n", when,
			 sh->again, allowed);
	ksft_print_msg("%d of %d lost, %d by function calls of other CPUs\n",
		       sh->sig_total, sh->ready, calls);
	ksft_test_result(!status && sh->ready > 0 && other <= 0 && !sh->leave,
			 "no entry is lost to this CPU's own work, %s\n", when);
	close(log.fd);
}

int main(int argc, char **argv)
{
	int cpu, cpu2, opt;
	const char *reason;
	pid_t load;
	bool alive;
	long used;

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
	ksft_set_plan(5);
	if (iso_pin_housekeeping())
		ksft_exit_fail_perror("housekeeping CPUs");
	ksft_print_msg("using CPU %d\n", cpu);

	run(cpu, "calm");
	reason = start_load(&load);
	if (reason) {
		ksft_test_result_skip("first call succeeds, loaded: %s\n", reason);
		ksft_test_result_skip("no entry is lost to this CPU's own work, loaded\n");
		ksft_test_result_skip("the load was one\n");
		ksft_finished();
	}
	run(cpu, "loaded");
	/* It may not have died or slept meanwhile. */
	alive = loaded();
	used = stop_load(load);
	ksft_print_msg("stress-ng used %ld ms of CPU time\n", used);
	ksft_test_result(alive && used > 0, "the load was one\n");
	ksft_finished();
}
