/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of task isolation which every interrupt driver includes, by
 * <linux/irqdesc.h>: no scheduler headers here. See <linux/isolation.h>.
 */
#ifndef _LINUX_ISOLATION_IRQ_H
#define _LINUX_ISOLATION_IRQ_H

#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/thread_info.h>

struct irq_desc;

#ifdef CONFIG_TASK_ISOLATION

DECLARE_STATIC_KEY_FALSE(task_isolation_key);

bool __task_isolation_irq(struct irq_desc *desc);
void __task_isolation_irq_done(void);

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

/**
 * task_isolation_irq - Annotate a device interrupt
 * @desc:	Descriptor of the interrupt
 *
 * Chained interrupts get here more than once, the last one is the most specific.
 *
 * Invoked from generic_handle_irq_desc() in hard interrupt context.
 *
 * Return: %true if task_isolation_irq_done() has to follow
 */
static __always_inline bool task_isolation_irq(struct irq_desc *desc)
{
	return task_isolation_armed() && __task_isolation_irq(desc);
}

/**
 * task_isolation_irq_done - Close the annotation of a handled device interrupt
 * @annotated:	What task_isolation_irq() returned
 *
 * Many interrupt controllers handle all pending interrupts in one entry. Only
 * the first one is the cause.
 *
 * Invoked from generic_handle_irq_desc() in hard interrupt context.
 */
static __always_inline void task_isolation_irq_done(bool annotated)
{
	if (unlikely(annotated))
		__task_isolation_irq_done();
}

#else /* CONFIG_TASK_ISOLATION */

static __always_inline bool task_isolation_irq(struct irq_desc *desc) { return false; }
static __always_inline void task_isolation_irq_done(bool annotated) { }

#endif /* !CONFIG_TASK_ISOLATION */

#endif /* _LINUX_ISOLATION_IRQ_H */
