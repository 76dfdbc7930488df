/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation: the hook of senders of interrupts. See kernel/isolation_culprit.c
 * for how it works.
 */
#ifndef _LINUX_ISOLATION_CULPRIT_H
#define _LINUX_ISOLATION_CULPRIT_H

#include <linux/isolation_state.h>
#include <linux/tick.h>

#ifdef CONFIG_TASK_ISOLATION

void __task_isolation_note_sender(int cpu, const void *key, bool kick);

/**
 * task_isolation_note_sender - Record current as the sender of an interrupt
 * @cpu:	CPU which is about to be interrupted
 * @key:	What the interrupt makes it run: an address which nobody else uses
 *		until it has run. NULL for a reschedule interrupt.
 * @kick:	The interrupt makes the thread there check its flags
 *
 * Nothing is written unless @cpu is isolated. The caller changes what the
 * interrupt is about (queue, flag) in the order of the figures in
 * kernel/isolation_culprit.c: before this with @key NULL, otherwise after it.
 *
 * Invoked from __smp_call_single_queue(), smp_call_function_many_cond(),
 * __resched_curr(), kick_process() and task_isolation_kick(), in any context,
 * with preemption disabled.
 */
static __always_inline void task_isolation_note_sender(int cpu, const void *key, bool kick)
{
	if (!static_branch_unlikely(&task_isolation_key) || !tick_nohz_full_cpu(cpu))
		return;

	if (!key) {
		/* Pairs with the barrier in task_isolation_start(), see the figure. */
		smp_mb();
	}
	if (unlikely(READ_ONCE(per_cpu(task_isolation_on, cpu))))
		__task_isolation_note_sender(cpu, key, kick);
}

#else /* CONFIG_TASK_ISOLATION */

static __always_inline void task_isolation_note_sender(int cpu, const void *key, bool kick) { }

#endif /* !CONFIG_TASK_ISOLATION */

#endif /* _LINUX_ISOLATION_CULPRIT_H */
