/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation: what the rest of the kernel sees of the record. See
 * kernel/isolation_record.c.
 */
#ifndef _LINUX_ISOLATION_RECORD_H
#define _LINUX_ISOLATION_RECORD_H

#include <linux/errno.h>
#include <linux/isolation_state.h>
#include <linux/sched.h>

struct attribute_group;
struct task_isolation_entry;

#ifdef CONFIG_TASK_ISOLATION

extern const struct attribute_group task_isolation_attr_group;

long task_isolation_record_prctl(void __user *arg, unsigned long size, unsigned long flags);
void __task_isolation_note_group_signal(struct task_struct *p,
					const struct task_isolation_entry *entry, int sig);

/**
 * task_isolation_note_group_signal - Record the sender of a signal to a process
 * @p:		A thread of the process
 * @sig:	Signal which stops or kills it
 *
 * The threads are interrupted by the one of them which takes the signal, or they
 * find it without knowing where it came from. So its sender is recorded for each
 * of them that ever requested isolation.
 *
 * Invoked from prepare_signal() for a stop, and from complete_signal() for a
 * death, with sighand->siglock held.
 */
static inline void task_isolation_note_group_signal(struct task_struct *p, int sig)
{
	const struct task_isolation_entry *entry;

	if (!static_branch_unlikely(&task_isolation_key))
		return;

	/* Pairs with the release in task_isolation_alloc(). */
	entry = READ_ONCE(p->isolation.entry);
	if (unlikely(entry))
		__task_isolation_note_group_signal(p, entry, sig);
}

#else /* CONFIG_TASK_ISOLATION */

static inline void task_isolation_note_group_signal(struct task_struct *p, int sig) { }

static inline long task_isolation_record_prctl(void __user *arg, unsigned long size,
					       unsigned long flags)
{
	return -EINVAL;
}

#endif /* !CONFIG_TASK_ISOLATION */

#endif /* _LINUX_ISOLATION_RECORD_H */
