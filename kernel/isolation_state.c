// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: what the hooks test first, and which CPUs can be isolated
 */

#include <linux/init.h>
#include <linux/isolation_state.h>
#include <linux/sched/isolation.h>
#include <linux/tick.h>

/* Enabled at boot if nohz_full= is in use, and never disabled. Otherwise the hooks are NOPs. */
DEFINE_STATIC_KEY_FALSE(task_isolation_key);

/*
 * The thread on this CPU is isolated. Written by this CPU only, with
 * interrupts disabled. Set in task_isolation_start(), tested and cleared at the
 * next entry from user mode. Other CPUs read it before they interrupt this one,
 * so it does not share a cache line with what is written often.
 */
DEFINE_PER_CPU_READ_MOSTLY(bool, task_isolation_on);

static int __init task_isolation_init(void)
{
	if (tick_nohz_full_enabled())
		static_branch_enable(&task_isolation_key);
	return 0;
}
core_initcall(task_isolation_init);

/**
 * task_isolation_cpu - Test whether a CPU is an isolation CPU
 * @cpu:	CPU number
 *
 * An isolation CPU is in the nohz_full set and outside of the scheduler
 * domains, by isolcpus= or by a cpuset isolated partition. The latter may
 * change at run time.
 *
 * Context: RCU read side (any flavour), or what keeps cpusets from changing.
 * Return: %true if a thread can be isolated on @cpu
 */
bool task_isolation_cpu(int cpu)
{
	return tick_nohz_full_cpu(cpu) && !housekeeping_test_cpu(cpu, HK_TYPE_DOMAIN);
}
