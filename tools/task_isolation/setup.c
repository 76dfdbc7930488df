// SPDX-License-Identifier: GPL-2.0
/* taskiso check: what of the machine's setup keeps CPUs from isolating, or disturbs them. */

#include "taskiso.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>

#define SYSLOG_READ_ALL		3
#define SYSLOG_SIZE_BUFFER	10

static void read_machine(struct machine *now)
{
	cpu_set_t possible;
	char mask[4096];

	memset(now, 0, sizeof(*now));
	read_cpus(SYS_CPU "/possible", &possible);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &possible))
			now->last_cpu = cpu;
	}
	read_cpus(SYS_CPU "/isolated", &now->isolated);
	read_cpus(SYS_CPU "/nohz_full", &now->nohz_full);
	if (read_text("/proc/irq/default_smp_affinity", mask, sizeof(mask)) > 0)
		parse_mask(mask, &now->irq_default);
}

/* True if the message begins like one about the parameters that are checked. */
static bool is_about_boot_line(const char *message)
{
	static const char *const starts[] = {
		"Housekeeping: ", "isolcpus: ", "NO_HZ: Clearing", "NO_HZ: Can't",
	};
	static const char *const words[] = { "isol", "nohz", "rcu", "irq" };

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		if (!strncmp(message, starts[i], strlen(starts[i])))
			return true;
	}
	if (strncmp(message, "Unknown kernel command line parameters", 38))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strstr(message, words[i]))
			return true;
	}
	return false;
}

/* The kernel's own messages, if the log is readable and still goes back to them. */
static void print_kernel_says(void)
{
	int size = klogctl(SYSLOG_SIZE_BUFFER, NULL, 0);
	char *log = size > 0 ? malloc(size + 1) : NULL, *rest;

	if (!log)
		return;
	size = klogctl(SYSLOG_READ_ALL, log, size);
	log[size > 0 ? size : 0] = '\0';
	for (char *line = strtok_r(log, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		/* <6>[    0.000000] text, the time is an option. */
		char *message = *line == '<' ? line + strcspn(line, ">") + 1 : line;
		char *end = *message == '[' ? strstr(message, "] ") : NULL;

		message = end ? end + 2 : message;
		if (is_about_boot_line(message))
			printf("  kernel: %s\n", message);
	}
	free(log);
}

/* The name of a handler, which has a directory. Without any, the interrupt is not used. */
static bool irq_handler(const char *irq, char *name, size_t size)
{
	bool found = false;
	char path[300];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/irq/%s", irq);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		found = entry->d_type == DT_DIR && entry->d_name[0] != '.';
		snprintf(name, size, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Device interrupts that come to these CPUs now. */
static void warn_of_irqs(const cpu_set_t *cpus)
{
	char path[300], name[256], list[1024];
	DIR *dir = opendir("/proc/irq");
	struct dirent *entry;
	cpu_set_t set;

	while (dir && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/irq/%s/effective_affinity_list",
			 entry->d_name);
		if (read_cpus(path, &set) <= 0)
			continue;
		CPU_AND(&set, &set, cpus);
		if (!CPU_COUNT(&set) || !irq_handler(entry->d_name, name, sizeof(name)))
			continue;
		print_cpus(&set, list, sizeof(list));
		printf("%swarning%s: device interrupt %s (%s) comes to CPU %s, see\n"
		       "  /proc/irq/%s/smp_affinity_list\n", red(), plain(), entry->d_name, name,
		       list, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Those that are requested from now on. */
static void warn_of_default(const struct machine *now, const cpu_set_t *cpus)
{
	char list[1024];
	cpu_set_t set;

	CPU_AND(&set, &now->irq_default, cpus);
	if (!CPU_COUNT(&set))
		return;
	print_cpus(&set, list, sizeof(list));
	printf("%swarning%s: new device interrupts may come to CPU %s, see\n"
	       "  /proc/irq/default_smp_affinity, and irqaffinity= on the boot line\n", red(),
	       plain(), list);
}

/*
 * What the kernel dropped of the boot line, what to change there for those which are
 * @lacking something, and which device interrupts come to CPUs that are @able.
 */
void explain_setup(const cpu_set_t *lacking, const cpu_set_t *able)
{
	cpu_set_t all, others = *lacking, cpuset;
	struct boot_line line;
	struct machine now;
	char cmdline[4096];
	bool said;

	if (read_text("/proc/cmdline", cmdline, sizeof(cmdline)) < 0)
		return;
	read_machine(&now);
	read_boot_line(cmdline, now.last_cpu, &line);
	CPU_OR(&all, lacking, able);
	CPU_CLR(0, &others);

	warn_of_irqs(able);
	warn_of_default(&now, able);
	said = print_dropped(stdout, &line, &now, &all);
	said |= print_changes(stdout, &line, &now, &others, able);
	CPU_AND(&cpuset, &others, &now.nohz_full);
	if (CPU_COUNT(&cpuset))
		puts("  or, without booting: a cpuset of cgroup v2 with cpuset.cpus.partition\n"
		     "  isolated; cpuset.sched_load_balance of cgroup v1 does not count");
	if (CPU_ISSET(0, lacking))
		puts("boot line: CPU 0 keeps the time for all others with most kernels: choose\n"
		     "  another one");
	if (said)
		print_kernel_says();
}
