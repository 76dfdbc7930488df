/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of task isolation which every interrupt driver includes, by
 * <linux/irqdesc.h>: no scheduler headers here. See <linux/isolation.h>.
 */
#ifndef _LINUX_ISOLATION_IRQ_H
#define _LINUX_ISOLATION_IRQ_H

#include <linux/isolation_state.h>

struct irq_desc;

#ifdef CONFIG_TASK_ISOLATION

bool __task_isolation_irq(struct irq_desc *desc);
void __task_isolation_irq_done(void);

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
