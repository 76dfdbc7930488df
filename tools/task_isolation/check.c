// SPDX-License-Identifier: GPL-2.0
/* taskiso check: can a thread be isolated on a CPU, and what is missing? */

#include "taskiso.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_TASK_ISOLATION
#define PR_TASK_ISOLATION		48
#define PR_TASK_ISOLATION_ENABLE	1
#define PR_TASK_ISOLATION_SET_SIG(sig)	(((sig) & 0x7f) << 8)
#endif
#ifndef PR_TASK_ISOLATION_RECORD
#define PR_TASK_ISOLATION_RECORD	49
#endif

/* How often to try, as some blockers go away by themselves */
#define TRIES	20

static int get_record(struct task_isolation_record *rec)
{
	memset(rec, 0, sizeof(*rec));
	return prctl(PR_TASK_ISOLATION_RECORD, rec, sizeof(*rec), 0, 0);
}

static bool bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

static void explain(const struct task_isolation_record *rec, unsigned long long bits)
{
	const char *text;

	while ((text = next_blocker(&bits)))
		printf("  %s%s%s\n", red(), text, plain());
	if (rec->blocker_tid)
		printf("    the task is %s/%d\n", rec->blocker_comm, rec->blocker_tid);
	if (rec->tick[0])
		printf("    the tick is needed for %s\n", rec->tick);
	if (rec->timer[0])
		printf("    the timer calls %s()\n", rec->timer);
	if (rec->hidden & TASK_ISOLATION_HIDDEN_TIMER)
		puts("    what the timer calls is a secret, see kptr_restrict");
	if (!strcmp(rec->timer, "mce_timer_fn"))
		puts("    which looks for corrected machine checks: boot with mce=ignore_ce");
	if (rec->work[0])
		printf("    the work is %s\n", rec->work);
	if (rec->hidden & TASK_ISOLATION_HIDDEN_WORK)
		puts("    what the work calls is a secret, see kptr_restrict");
}

/* Without high resolution timers no device is turned off, however good it is. */
static void advise_device(int cpu, const char *cmdline)
{
	char path[96], device[64];

	if (strstr(cmdline, "highres=off") || strstr(cmdline, "nohz=off")) {
		puts("    boot without highres=off and nohz=off");
		return;
	}
	snprintf(path, sizeof(path),
		 "/sys/devices/system/clockevents/clockevent%d/current_device", cpu);
	if (read_text(path, device, sizeof(device)) > 0)
		printf("    it is %s: another one may do, on this machine or on another\n", device);
}

/* What is missing on the boot line is said once for all CPUs, see setup.c. */
static void advise(int cpu, unsigned long long bits)
{
	char cmdline[4096];

	if (read_text("/proc/cmdline", cmdline, sizeof(cmdline)) < 0)
		return;
	if (bits & TASK_ISOLATION_BLOCKER_CLOCK)
		puts("    where the TSC is good, but not trusted, boot with tsc=reliable");
	if (bits & TASK_ISOLATION_BLOCKER_DEVICE)
		advise_device(cpu, cmdline);
}

/* Isolated for a moment. If that is lost at once, it worked all the same. */
static void on_loss(int sig)
{
	(void)sig;
}

static bool try_once(struct task_isolation_record *rec)
{
	unsigned long flags = PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(SIGUSR1);

	for (int i = 0; i < TRIES; i++) {
		if (!prctl(PR_TASK_ISOLATION, flags, 0, 0, 0)) {
			prctl(PR_TASK_ISOLATION, 0, 0, 0, 0);
			return true;
		}
		if (errno != EAGAIN)
			break;
		usleep(20000);
	}
	get_record(rec);
	return false;
}

/* The thread that is isolated there, 0 if there is none, or no permission to read it. */
static int isolated_there(int cpu)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), SYS_CPU "/cpu%d/task_isolation/pid", cpu);
	return read_text(path, text, sizeof(text)) > 0 ? atoi(text) : 0;
}

/* True if it can. It is @lacking where only another setup makes an isolation CPU of it. */
static bool check_cpu(int cpu, bool try, cpu_set_t *lacking)
{
	struct task_isolation_record rec;
	int tid = isolated_there(cpu);

	/* Evaluating the blockers of a CPU takes running there, which would be a loss. */
	if (tid) {
		printf("cpu %d: %sin use%s: thread %d is isolated there, and left alone\n", cpu,
		       try ? red() : green(), plain(), tid);
		return !try;
	}
	if (!bind_to(cpu)) {
		printf("cpu %d: %scan't say%s: this process may not run there: %s. Start it in a\n"
		       "  cpuset that has the CPU\n", cpu, red(), plain(), strerror(errno));
		return false;
	}
	if (get_record(&rec)) {
		printf("cpu %d: %scan't say%s: %s\n", cpu, red(), plain(), strerror(errno));
		return false;
	}

	if (rec.blockers_now) {
		printf("cpu %d: %sno%s\n", cpu, red(), plain());
		explain(&rec, rec.blockers_now);
		advise(cpu, rec.blockers_now);
		if (rec.blockers_now &
		    (TASK_ISOLATION_BLOCKER_NOHZ | TASK_ISOLATION_BLOCKER_DOMAIN))
			CPU_SET(cpu, lacking);
		return false;
	}
	if (try && !try_once(&rec)) {
		printf("cpu %d: %srefused%s\n", cpu, red(), plain());
		explain(&rec, rec.blockers);
		return false;
	}
	printf("cpu %d: %s%s%s\n", cpu, green(), try ? "yes, tried" : "yes", plain());
	return true;
}

/* Without a list: what was set aside, or else all, to say what is missing. */
static int choose(const char *list, cpu_set_t *set)
{
	cpu_set_t online;
	char there[256];

	if (read_cpus(SYS_CPU "/online", &online) <= 0)
		sched_getaffinity(0, sizeof(online), &online);
	if (!list) {
		if (read_cpus(SYS_CPU "/task_isolation", set) <= 0 &&
		    read_cpus(SYS_CPU "/nohz_full", set) <= 0)
			*set = online;
		return 0;
	}
	if (parse_cpus(list, set) <= 0) {
		complain("check takes a list of CPUs such as 2,4-7, 2-N or all, not '%s'", list);
		return -1;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, set) && !CPU_ISSET(cpu, &online)) {
			print_cpus(&online, there, sizeof(there));
			complain("check takes CPUs that are online, which are %s: CPU %d is not",
				 there, cpu);
			return -1;
		}
	}
	return 0;
}

int cmd_check(int argc, char **argv)
{
	struct task_isolation_record rec;
	cpu_set_t set, able, lacking;
	bool try = false, all = true;
	int opt;

	while ((opt = getopt(argc, argv, "t")) != -1) {
		if (opt != 't')
			return EXIT_WRONG;
		try = true;
	}
	if (argc - optind > 1) {
		complain("check takes one list of CPUs, without spaces: not '%s', too",
			 argv[optind + 1]);
		return EXIT_WRONG;
	}
	if (choose(argv[optind], &set))
		return EXIT_WRONG;

	if (get_record(&rec)) {
		printf("%sthis kernel can't isolate tasks%s: %s. It takes one with\n"
		       "  CONFIG_TASK_ISOLATION\n", red(), plain(), strerror(errno));
		return EXIT_WRONG;
	}
	if (try) {
		signal(SIGUSR1, on_loss);
		mlockall(MCL_CURRENT | MCL_FUTURE);
	}
	CPU_ZERO(&lacking);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &set))
			all &= check_cpu(cpu, try, &lacking);
	}
	read_cpus(SYS_CPU "/task_isolation", &able);
	CPU_AND(&able, &able, &set);
	explain_setup(&lacking, &able);
	return all ? EXIT_YES : EXIT_NO;
}
