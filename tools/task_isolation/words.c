// SPDX-License-Identifier: GPL-2.0
/* taskiso: the words for blockers and spans of time. Those for causes are in sysfs. */

#include "taskiso.h"

#include <stdio.h>

static const struct {
	unsigned long long	bit;
	const char		*text;
} blocker_texts[] = {
	{ TASK_ISOLATION_BLOCKER_AFFINITY, "the thread is not bound to exactly one CPU" },
	{ TASK_ISOLATION_BLOCKER_NOHZ, "the CPU is not in nohz_full=" },
	{ TASK_ISOLATION_BLOCKER_DOMAIN,
	  "the scheduler uses the CPU: neither isolcpus=domain nor an isolated cpuset has it" },
	{ TASK_ISOLATION_BLOCKER_DEADLINE, "the thread has SCHED_DEADLINE, which needs the tick" },
	{ TASK_ISOLATION_BLOCKER_CLOCK, "the scheduler's clock is unstable" },
	{ TASK_ISOLATION_BLOCKER_DEVICE,
	  "the timer device of the CPU can't be turned off, or has no high resolution" },
	{ TASK_ISOLATION_BLOCKER_TASK, "another task wants to run there" },
	{ TASK_ISOLATION_BLOCKER_RESCHED, "the scheduler wants the CPU" },
	{ TASK_ISOLATION_BLOCKER_TICK, "something needs the tick" },
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
