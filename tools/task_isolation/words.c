// SPDX-License-Identifier: GPL-2.0
/* taskiso: lists of CPUs, the boot line, and what the numbers mean. */

#include "taskiso.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const cause_words[NR_CAUSES] = {
	[TASK_ISOLATION_UNKNOWN]	= "unknown",
	[TASK_ISOLATION_SYSCALL]	= "syscall",
	[TASK_ISOLATION_FAULT]		= "page_fault",
	[TASK_ISOLATION_TRAP]		= "trap",
	[TASK_ISOLATION_VECTOR]		= "vector",
	[TASK_ISOLATION_IRQ]		= "irq",
	[TASK_ISOLATION_TIMER]		= "timer",
	[TASK_ISOLATION_IPI_FUNC]	= "ipi_func",
	[TASK_ISOLATION_RESCHED]	= "reschedule",
	[TASK_ISOLATION_IRQ_WORK]	= "irq_work",
	[TASK_ISOLATION_NMI]		= "nmi",
	[TASK_ISOLATION_MCE]		= "mce",
	[TASK_ISOLATION_SIGNAL]		= "signal",
	[TASK_ISOLATION_STOP]		= "stop",
	[TASK_ISOLATION_AFFINITY]	= "affinity",
};

static const struct {
	unsigned long long	bit;
	const char		*text;
} blocker_texts[] = {
	{ TASK_ISOLATION_BLOCKER_AFFINITY, "the thread is not bound to exactly one CPU" },
	{ TASK_ISOLATION_BLOCKER_NOHZ, "the CPU is not in nohz_full=" },
	{ TASK_ISOLATION_BLOCKER_DOMAIN,
	  "the CPU is in load balancing: neither in isolcpus= nor in an isolated cpuset" },
	{ TASK_ISOLATION_BLOCKER_DEADLINE, "the thread has SCHED_DEADLINE, which needs the tick" },
	{ TASK_ISOLATION_BLOCKER_CLOCK, "the scheduler's clock is unstable" },
	{ TASK_ISOLATION_BLOCKER_DEVICE,
	  "the timer device of the CPU can't be turned off, or has no high resolution" },
	{ TASK_ISOLATION_BLOCKER_TASK, "another task wants to run there" },
	{ TASK_ISOLATION_BLOCKER_RESCHED, "the scheduler wants the CPU" },
	{ TASK_ISOLATION_BLOCKER_TICK, "somebody needs the tick" },
	{ TASK_ISOLATION_BLOCKER_TIMER, "a timer is pending" },
	{ TASK_ISOLATION_BLOCKER_VMSTAT, "counters of the memory management are to be folded" },
	{ TASK_ISOLATION_BLOCKER_LRU, "batches of pages are to be drained" },
	{ TASK_ISOLATION_BLOCKER_SOFTIRQ, "a softirq is pending" },
	{ TASK_ISOLATION_BLOCKER_IRQ_WORK, "an irq_work is pending" },
	{ TASK_ISOLATION_BLOCKER_RCU, "RCU needs that CPU: callbacks, or a grace period" },
	{ TASK_ISOLATION_BLOCKER_SIGNAL, "a signal came" },
	{ TASK_ISOLATION_BLOCKER_CALL, "a function call of another CPU is on its way" },
};

/* The text of the lowest bit, which is cleared. NULL when none is left. */
const char *next_blocker(unsigned long long *bits)
{
	if (!*bits)
		return NULL;
	for (size_t i = 0; i < sizeof(blocker_texts) / sizeof(*blocker_texts); i++) {
		if (*bits & blocker_texts[i].bit) {
			*bits &= ~blocker_texts[i].bit;
			return blocker_texts[i].text;
		}
	}
	*bits = 0;
	return "something that this program is too old for";
}

/* A number, or N for the last CPU. *end is @p if it is neither. */
static unsigned long parse_number(const char *p, char **end)
{
	*end = (char *)p;
	if (*p == 'N') {
		*end += 1;
		return sysconf(_SC_NPROCESSORS_CONF) - 1;
	}
	return isdigit((unsigned char)*p) ? strtoul(p, end, 10) : 0;
}

/* 1, 3-5 or, of each four the first two, 0-15:2/4. Returns what follows, or NULL. */
static char *parse_range(const char *p, cpu_set_t *set)
{
	unsigned long first, last, used = 1, group = 1;
	char *end;

	first = parse_number(p, &end);
	if (end == p)
		return NULL;
	last = first;
	if (*end == '-') {
		p = end + 1;
		last = parse_number(p, &end);
		if (end == p)
			return NULL;
	}
	if (*end == ':') {
		used = strtoul(end + 1, &end, 10);
		if (*end != '/')
			return NULL;
		group = strtoul(end + 1, &end, 10);
	}
	if (last < first || last >= CPU_SETSIZE || !used || used > group)
		return NULL;
	for (unsigned long cpu = first; cpu <= last; cpu++) {
		if ((cpu - first) % group < used)
			CPU_SET(cpu, set);
	}
	return end;
}

/* A list such as 1,3-5, or all: how many CPUs, -1 if it is none. */
int parse_cpus(const char *list, cpu_set_t *set)
{
	const char *p = list;
	char *end;

	CPU_ZERO(set);
	if (!strcmp(list, "all")) {
		memset(set, 0xff, sizeof(*set));
		return CPU_COUNT(set);
	}
	while (*p && *p != '\n') {
		end = parse_range(p, set);
		if (!end || (*end && *end != ',' && *end != '\n'))
			return -1;
		p = *end == ',' ? end + 1 : end;
	}
	return CPU_COUNT(set);
}

void print_cpus(const cpu_set_t *set, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int first = 0; first < CPU_SETSIZE; first++) {
		int last = first;

		if (!CPU_ISSET(first, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		if (len < size)
			len += snprintf(buf + len, size - len, last > first ? "%s%d-%d" : "%s%d",
					len ? "," : "", first, last);
		first = last;
	}
}

/*
 * Is the CPU in this value, which may have words in front of the list? If it has,
 * @word has to be one of them.
 */
static bool value_has_cpu(const char *value, const char *word, int cpu)
{
	bool found = false, words = false;
	char list[4096];
	cpu_set_t set;
	size_t n;

	while (islower((unsigned char)*value) && strncmp(value, "all", 3)) {
		n = strcspn(value, "\n ,");
		if (value[n] != ',')
			return false;
		words = true;
		found |= n == strlen(word) && !strncmp(value, word, n);
		value += n + 1;
	}
	if (words && !found)
		return false;
	n = strcspn(value, "\n ");
	if (n >= sizeof(list))
		return false;
	memcpy(list, value, n);
	list[n] = '\0';
	return parse_cpus(list, &set) > 0 && CPU_ISSET(cpu, &set);
}

/*
 * Does the boot line have this parameter, for this CPU if that is not negative?
 * isolcpus=nohz,3 without the word domain leaves CPU 3 to the scheduler.
 */
bool has_parameter(const char *cmdline, const char *name, int cpu)
{
	size_t len = strlen(name);

	for (const char *p = strstr(cmdline, name); p; p = strstr(p + len, name)) {
		if (p != cmdline && p[-1] != ' ')
			continue;
		if (p[len] && p[len] != '=' && !isspace((unsigned char)p[len]))
			continue;
		if (cpu < 0 || (p[len] == '=' && value_has_cpu(p + len + 1, "domain", cpu)))
			return true;
	}
	return false;
}

/* What to add to the boot line, so that this CPU becomes an isolation CPU. */
void missing_parameters(const char *cmdline, int cpu, char *buf, size_t size)
{
	static const struct {
		const char *name, *words;
	} wanted[] = {
		{ "isolcpus", "nohz,domain,managed_irq," },
		{ "nohz_full", "" },
		{ "rcu_nocbs", "" },
	};
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		if (!has_parameter(cmdline, wanted[i].name, cpu) && len < size)
			len += snprintf(buf + len, size - len, "%s%s=%s%d", len ? " " : "",
					wanted[i].name, wanted[i].words, cpu);
	}
	if (!has_parameter(cmdline, "irqaffinity", -1) && len < size)
		snprintf(buf + len, size - len, "%sirqaffinity=%d", len ? " " : "", cpu ? 0 : 1);
}

void format_span(unsigned long long ns, char *buf, size_t size)
{
	unsigned long long s = ns / 1000000000;

	if (!ns)
		snprintf(buf, size, "-");
	else if (ns < 1000000)
		snprintf(buf, size, "%lluus", ns / 1000);
	else if (!s)
		snprintf(buf, size, "%llums", ns / 1000000);
	else if (s < 60)
		snprintf(buf, size, "%llu.%llus", s, ns / 100000000 % 10);
	else if (s < 3600)
		snprintf(buf, size, "%llum%02llus", s / 60, s % 60);
	else
		snprintf(buf, size, "%lluh%02llum", s / 3600, s / 60 % 60);
}

/* A file's text without its last newline: its length, or -1 and errno. */
int read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	err = errno;
	close(fd);
	errno = err;
	if (n < 0)
		return -1;
	buf[n] = '\0';
	if (n && buf[n - 1] == '\n')
		buf[--n] = '\0';
	return n;
}

int read_cpus(const char *path, cpu_set_t *set)
{
	char buf[4096];

	CPU_ZERO(set);
	if (read_text(path, buf, sizeof(buf)) < 0)
		return -1;
	/* nohz_full says "(null)" where there is none. */
	return buf[0] == '(' ? 0 : parse_cpus(buf, set);
}
