/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation: what the hooks test first, and which CPUs can be isolated. Interrupt
 * drivers and the scheduler include this: the hooks are elsewhere.
 */
#ifndef _LINUX_ISOLATION_STATE_H
#define _LINUX_ISOLATION_STATE_H

#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/thread_info.h>

#ifdef CONFIG_TASK_ISOLATION

DECLARE_STATIC_KEY_FALSE(task_isolation_key);
DECLARE_PER_CPU_READ_MOSTLY(bool, task_isolation_on);

/**
 * task_isolation_armed - Test whether current is between its prctl() and a loss
 *
 * The flag which diverts the system calls of the thread to the gate is set in
 * all states but %TASK_ISOLATION_OFF. Unlike the state itself, it is in the cache
 * line of the flags that each entry reads anyway.
 *
 * Context: Any, noinstr code included.
 * Return: %false if task isolation has nothing to do for the thread
 */
static __always_inline bool task_isolation_armed(void)
{
	if (!static_branch_unlikely(&task_isolation_key))
		return false;
#ifdef CONFIG_GENERIC_ENTRY
	return unlikely(READ_ONCE(current_thread_info()->syscall_work) &
			SYSCALL_WORK_SYSCALL_TASK_ISOLATION);
#else
	return unlikely(READ_ONCE(current_thread_info()->flags) & _TIF_SYSCALL_TASK_ISOLATION);
#endif
}

bool task_isolation_cpu(int cpu);

#endif /* CONFIG_TASK_ISOLATION */

#endif /* _LINUX_ISOLATION_STATE_H */
