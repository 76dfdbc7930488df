// SPDX-License-Identifier: GPL-2.0
/* taskiso top: who is isolated where, for how long, and what was lost. */

#include "taskiso.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The files of a CPU. Most have one value each. */
static int counter(int cpu, const char *name, char *buf, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), SYS_CPU "/cpu%d/task_isolation/%s", cpu, name);
	return read_text(path, buf, size);
}

static unsigned long long number(int cpu, const char *name)
{
	char buf[32];

	return counter(cpu, name, buf, sizeof(buf)) < 0 ? 0 : strtoull(buf, NULL, 10);
}

/* Lines of a word and a number each. Causes that this was not built for have words, too. */
static void print_losses(int cpu)
{
	char text[1024], *line, *rest = text;
	unsigned long long n;
	char word[32];

	if (counter(cpu, "causes", text, sizeof(text)) < 0)
		return;
	while ((line = strsep(&rest, "\n"))) {
		if (sscanf(line, "%31s %llu", word, &n) == 2 && n)
			printf(" %s=%llu", word, n);
	}
}

/* The value of a line KEY=VALUE, empty without one. */
static void line_of(const char *text, const char *key, char *value, size_t size)
{
	size_t len = strlen(key);

	value[0] = '\0';
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) || line[len] != '=')
			continue;
		line += len + 1;
		snprintf(value, size, "%.*s", (int)strcspn(line, "\n"), line);
		return;
	}
}

static void print_last(int cpu)
{
	char text[512], cause[32], what[80], pid[16], comm[80], from[16];

	if (counter(cpu, "last", text, sizeof(text)) < 0)
		return;
	line_of(text, "cause", cause, sizeof(cause));
	if (!strcmp(cause, "none"))
		return;
	line_of(text, "what", what, sizeof(what));
	line_of(text, "culprit_comm", comm, sizeof(comm));
	line_of(text, "culprit_cpu", from, sizeof(from));
	line_of(text, "culprit_pid", pid, sizeof(pid));

	printf("     last: %s%s%s%s", cause, what[0] ? " (" : "", what, what[0] ? ")" : "");
	if (atoi(pid))
		printf(" by %s%s/%s%s on cpu %s", bold(), comm, pid, plain(), from);
	else if (from[0] && from[0] != '-')
		printf(" by an interrupt or the idle loop on cpu %s", from);
	putchar('\n');
}

static void print_cpu(int cpu)
{
	char now[16], longest[16], comm[32] = "-", path[64];
	int pid = number(cpu, "pid");

	format_span(number(cpu, "current_quiet_ns"), now, sizeof(now));
	format_span(number(cpu, "longest_quiet_ns"), longest, sizeof(longest));
	if (pid) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		read_text(path, comm, sizeof(comm));
	}
	printf("%4d %s%-16s%s %7d %9s %9s %8llu %8llu %8llu", cpu, pid ? green() : "", comm,
	       plain(), pid, now, longest, number(cpu, "entered"), number(cpu, "blocked"),
	       number(cpu, "losses"));
	print_losses(cpu);
	putchar('\n');
	print_last(cpu);
}

static void print_all(const cpu_set_t *set)
{
	printf("%s%4s %-16s %7s %9s %9s %8s %8s %8s by cause%s\n", bold(), "CPU", "isolated",
	       "TID", "since", "longest", "entered", "refused", "lost", plain());
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, set))
			print_cpu(cpu);
	}
}

/* CPUs that have counters and can be read: -1 and a sentence if none. */
static int choose(cpu_set_t *set)
{
	cpu_set_t possible;
	char buf[32];

	CPU_ZERO(set);
	read_cpus(SYS_CPU "/possible", &possible);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &possible))
			continue;
		if (counter(cpu, "entered", buf, sizeof(buf)) >= 0) {
			CPU_SET(cpu, set);
		} else if (errno == EACCES) {
			complain("the counters are for root only: run it as root");
			return -1;
		}
	}
	if (CPU_COUNT(set))
		return 0;
	complain("no CPU has counters: it takes CONFIG_TASK_ISOLATION, and nohz_full= on the");
	complain("boot line. 'taskiso check' says more");
	return -1;
}

/* A whole number from 1 on, 0 if it is none. */
static int positive(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text && !*end && n > 0 && n < 1000000 ? n : 0;
}

int cmd_top(int argc, char **argv)
{
	int delay = 1, count = 0, opt;
	bool batch = !isatty(STDOUT_FILENO);
	cpu_set_t set;

	while ((opt = getopt(argc, argv, "bd:n:")) != -1) {
		switch (opt) {
		case 'b':
			batch = true;
			break;
		case 'd':
		case 'n':
			*(opt == 'd' ? &delay : &count) = positive(optarg);
			if (!positive(optarg)) {
				complain("-%c takes a whole number from 1 on, not '%s'", opt,
					 optarg);
				return EXIT_WRONG;
			}
			break;
		default:
			return EXIT_WRONG;
		}
	}
	if (optind < argc) {
		complain("top does not know what '%s' is", argv[optind]);
		return EXIT_WRONG;
	}
	if (choose(&set))
		return EXIT_WRONG;
	stay_away(&set);

	for (int i = 1; ; i++) {
		if (!batch)
			fputs("\033[H\033[2J", stdout);
		print_all(&set);
		if (i == count)
			return EXIT_YES;
		if (batch)
			putchar('\n');
		sleep(delay);
	}
}
