/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of task isolation that every interrupt driver sees, by
 * <linux/irqdesc.h>: no scheduler headers here. See <linux/isolation.h>.
 */
#ifndef _LINUX_ISOLATION_IRQ_H
#define _LINUX_ISOLATION_IRQ_H

#include <linux/jump_label.h>

struct irq_desc;

#ifdef CONFIG_TASK_ISOLATION

DECLARE_STATIC_KEY_FALSE(task_isolation_key);

void __task_isolation_irq(struct irq_desc *desc);
void __task_isolation_irq_done(void);

/**
 * task_isolation_irq - Annotate a device interrupt
 * @desc:	Descriptor of the interrupt
 *
 * Chained interrupts get here more than once, the last one knows best. That the
 * interrupted thread is marked is tested out of line.
 *
 * Invoked from generic_handle_irq_desc() in hard interrupt context.
 */
static __always_inline void task_isolation_irq(struct irq_desc *desc)
{
	if (static_branch_unlikely(&task_isolation_key))
		__task_isolation_irq(desc);
}

/**
 * task_isolation_irq_done - A device interrupt has been handled
 *
 * Many an interrupt controller is asked for the next one before the entry ends.
 * It is the first that disturbed the thread.
 *
 * Invoked from generic_handle_irq_desc() in hard interrupt context.
 */
static __always_inline void task_isolation_irq_done(void)
{
	if (static_branch_unlikely(&task_isolation_key))
		__task_isolation_irq_done();
}

#else /* CONFIG_TASK_ISOLATION */

static __always_inline void task_isolation_irq(struct irq_desc *desc) { }
static __always_inline void task_isolation_irq_done(void) { }

#endif /* !CONFIG_TASK_ISOLATION */

#endif /* _LINUX_ISOLATION_IRQ_H */
