/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation: who interrupted an isolated CPU. See kernel/isolation_culprit.c
 * for how it works.
 */
#ifndef _LINUX_ISOLATION_CULPRIT_H
#define _LINUX_ISOLATION_CULPRIT_H

#include <linux/isolation.h>
#include <linux/sched.h>
#include <linux/tick.h>
#include <linux/uidgid.h>

/* How many senders are remembered for a CPU until it enters the kernel */
#define TASK_ISOLATION_SENDERS		4

/**
 * struct task_isolation_who - A thread, in values that can't dangle
 * @pid:	Process, as the init pid namespace numbers it. 0 if it is no task:
 *		an interrupt, or the idle loop.
 * @tid:	Thread
 * @cpu:	CPU it ran on, -1 if nobody is known
 * @uid:	User
 * @start:	When the thread was started, to tell it from one with the same @tid
 * @comm:	Name of the thread
 */
struct task_isolation_who {
	pid_t		pid;
	pid_t		tid;
	int		cpu;
	kuid_t		uid;
	u64		start;
	char		comm[TASK_COMM_LEN];
};

/* Who may touch a place for a sender, see kernel/isolation_culprit.c */
enum {
	TASK_ISOLATION_SENDER_FREE,
	TASK_ISOLATION_SENDER_READY,
	/* Plus the number of the thread that writes, 0 for an interrupt */
	TASK_ISOLATION_SENDER_BUSY,
};

/**
 * struct task_isolation_sender - One who is about to interrupt an isolated CPU
 * @state:	One of the above
 * @kick:	The interrupt is to make the thread look at its flags
 * @key:	What the interrupt is going to run, NULL if it runs nothing
 * @who:	The sender
 */
struct task_isolation_sender {
	atomic_t			state;
	bool				kick;
	const void			*key;
	struct task_isolation_who	who;
};

/**
 * struct task_isolation_senders - All who are about to interrupt a CPU
 * @full:	There were more than are remembered
 * @sender:	The first ones
 */
struct task_isolation_senders {
	bool				full;
	struct task_isolation_sender	sender[TASK_ISOLATION_SENDERS];
};

#ifdef CONFIG_TASK_ISOLATION_CULPRIT

/* In kernel/smp.c */
bool smp_call_raised(void);

void __task_isolation_send(int cpu, const void *key, bool kick);

/**
 * task_isolation_send - Leave a name with a CPU that is about to be interrupted
 * @cpu:	The CPU
 * @key:	What the interrupt makes it run: an address that nobody else uses
 *		until it has run. NULL for a reschedule interrupt.
 * @kick:	The interrupt makes the thread there look at its flags
 *
 * Nothing is written unless @cpu is isolated. The caller has to change what
 * the interrupt is about (queue, flag) in the order that the figure in
 * kernel/isolation_culprit.c shows: before this with @key NULL, after it else.
 *
 * Invoked from __smp_call_single_queue(), smp_call_function_many_cond(),
 * __resched_curr(), kick_process() and task_isolation_kick(), in any context,
 * with preemption disabled.
 */
static __always_inline void task_isolation_send(int cpu, const void *key, bool kick)
{
	if (!static_branch_unlikely(&task_isolation_key) || !tick_nohz_full_cpu(cpu))
		return;

	if (!key) {
		/* Pairs with the barrier in task_isolation_start(), see the figure. */
		smp_mb();
	}
	if (unlikely(READ_ONCE(per_cpu(task_isolation_on, cpu))))
		__task_isolation_send(cpu, key, kick);
}

void task_isolation_who_set(struct task_isolation_who *who, struct task_struct *p, int cpu);
void task_isolation_who_none(struct task_isolation_who *who);
void task_isolation_who_current(struct task_isolation_who *who);
bool task_isolation_who_same(const struct task_isolation_who *a,
			     const struct task_isolation_who *b);
bool task_isolation_who_visible(const struct task_isolation_who *who, pid_t *pid, pid_t *tid);

void task_isolation_senders_alloc(int cpu);
void task_isolation_senders_reset(void);
void task_isolation_culprit(const void *key, struct task_isolation_who *who, bool *kick);

/* Pure parts, visible for the KUnit tests */
void task_isolation_senders_add(struct task_isolation_senders *all, const void *key, bool kick);
void task_isolation_senders_clear(struct task_isolation_senders *all);
bool task_isolation_senders_find(const struct task_isolation_senders *all, const void *key,
				 struct task_isolation_who *who, bool *kick);

#else /* CONFIG_TASK_ISOLATION_CULPRIT */

static inline bool smp_call_raised(void) { return false; }
static __always_inline void task_isolation_send(int cpu, const void *key, bool kick) { }

#endif /* !CONFIG_TASK_ISOLATION_CULPRIT */

#endif /* _LINUX_ISOLATION_CULPRIT_H */
