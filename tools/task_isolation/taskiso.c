// SPDX-License-Identifier: GPL-2.0
/*
 * taskiso: show the state of task isolation on the command line. See taskiso.1.
 */

#include "taskiso.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool colour;

const char *bold(void)
{
	return colour ? "\033[1m" : "";
}

const char *red(void)
{
	return colour ? "\033[31m" : "";
}

const char *green(void)
{
	return colour ? "\033[32m" : "";
}

const char *plain(void)
{
	return colour ? "\033[0m" : "";
}

/* The observer must not run on the CPUs which it observes. */
bool stay_away(const cpu_set_t *isolation)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return false;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, isolation))
			CPU_CLR(cpu, &set);
	}
	return CPU_COUNT(&set) && !sched_setaffinity(0, sizeof(set), &set);
}

#ifndef HAVE_TRACEFS
int cmd_trace(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	complain("trace was left out when this program was built, without libtracefs and");
	complain("libtraceevent. Build it with them, or use trace-cmd record -e task_isolation");
	return EXIT_WRONG;
}
#endif

static const struct {
	const char	*name, *title;
	int		(*run)(int argc, char **argv);
} verbs[] = {
	{ "check", "taskiso check", cmd_check },
	{ "top", "taskiso top", cmd_top },
	{ "trace", "taskiso trace", cmd_trace },
};

static void print_help(FILE *out)
{
	fputs("usage: taskiso check [-t] [CPU-LIST]\n"
	      "           can these CPUs isolate a thread, and if not, why; what the kernel\n"
	      "           did not take of the boot line, and which interrupts come there.\n"
	      "           CPU-LIST is such as 2,4-7 (all CPUs that are set aside)\n"
	      "       taskiso top [-b] [-d SECONDS] [-n COUNT]\n"
	      "           who is isolated, and what was lost\n"
	      "       taskiso trace [-a] [-n COUNT]\n"
	      "           losses and refusals as they happen\n"
	      "\n"
	      "  -t  try: isolate for a moment on each of the CPUs (default: only look)\n"
	      "  -b  one table after the other, for a file (default if this is no terminal)\n"
	      "  -d  seconds between two tables, a whole number (1)\n"
	      "  -n  how many tables or events, then exit (no end)\n"
	      "  -a  all events, those of entering and leaving, too\n"
	      "\n"
	      "exit status: 0 done, and all CPUs of check can isolate; 1 one can't; 2 a wrong\n"
	      "call, no permission, or no such feature in this kernel\n", out);
}

int main(int argc, char **argv)
{
	const char *no_colour = getenv("NO_COLOR");

	colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour);
	setvbuf(stdout, NULL, _IOLBF, 0);

	/* Also after the name of a verb */
	for (int i = 1; i < argc && i <= 2; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_help(stdout);
			return EXIT_YES;
		}
	}
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (!strcmp(argv[1], verbs[i].name)) {
			/* For what getopt() has to say */
			argv[1] = (char *)verbs[i].title;
			return verbs[i].run(argc - 1, argv + 1);
		}
	}
	if (argc > 1)
		complain("a verb is needed, check, top or trace, not '%s'", argv[1]);
	print_help(stderr);
	return EXIT_WRONG;
}
