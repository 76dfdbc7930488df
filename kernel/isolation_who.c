// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: a thread, in values that can't dangle
 *
 * A sender may exit before it is asked for. What stays are its process, its
 * thread, and when it was started. These are translated into the reader's pid
 * namespace on demand, by a search for a thread with this number which was
 * started at that time. Without one the answer is none, except for the init
 * namespace, whose numbers these are.
 */

#include <linux/cred.h>
#include <linux/pid_namespace.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "isolation_internal.h"

/**
 * task_isolation_who_none - Note that no thread is known
 * @who:	Filled
 */
void task_isolation_who_none(struct task_isolation_who *who)
{
	memset(who, 0, sizeof(*who));
	who->cpu = -1;
}

/**
 * task_isolation_who_set - Note a thread
 * @who:	Filled
 * @p:		The thread, which can't be freed meanwhile. The idle thread does
 *		not count as one.
 * @cpu:	CPU it is on
 *
 * Context: Any, RCU read side unless @p is current.
 */
void task_isolation_who_set(struct task_isolation_who *who, struct task_struct *p, int cpu)
{
	task_isolation_who_none(who);
	who->cpu = cpu;
	if (is_idle_task(p))
		return;

	who->pid = task_tgid_nr(p);
	who->tid = task_pid_nr(p);
	who->uid = task_uid(p);
	who->start = p->start_boottime;
	strscpy(who->comm, p->comm);
}

/**
 * task_isolation_who_current - Note current, or only its CPU in an interrupt
 * @who:	Filled. An interrupt does not act for the thread which it
 *		interrupted: only the CPU is noted then.
 *
 * Context: Any.
 */
void task_isolation_who_current(struct task_isolation_who *who)
{
	if (in_task()) {
		task_isolation_who_set(who, current, raw_smp_processor_id());
	} else {
		task_isolation_who_none(who);
		who->cpu = raw_smp_processor_id();
	}
}

/**
 * task_isolation_who_same - Test whether two threads are the same
 * @a:		A thread, or the interrupt of a CPU
 * @b:		Another one
 *
 * Return: %true if both are known to be the same
 */
bool task_isolation_who_same(const struct task_isolation_who *a,
			     const struct task_isolation_who *b)
{
	return a->tid == b->tid && a->start == b->start && (a->tid || a->cpu == b->cpu);
}

/**
 * task_isolation_who_visible - Look up what current may know of a thread
 * @who:	The thread
 * @pid:	Set to its process in the pid namespace of current, or 0
 * @tid:	Set to its number there, or 0
 *
 * Context: May be under locks, takes the RCU read lock.
 * Return: %true if it is visible
 */
bool task_isolation_who_visible(const struct task_isolation_who *who, pid_t *pid, pid_t *tid)
{
	struct pid_namespace *ns = task_active_pid_ns(current);
	struct task_struct *p;

	*pid = 0;
	*tid = 0;
	if (!who->tid || !ns)
		return false;

	if (ns == &init_pid_ns) {
		*pid = who->pid;
		*tid = who->tid;
		return true;
	}

	guard(rcu)();
	p = find_task_by_pid_ns(who->tid, &init_pid_ns);
	if (!p || p->start_boottime != who->start)
		return false;

	*pid = task_tgid_nr_ns(p, ns);
	*tid = task_pid_nr_ns(p, ns);
	return *pid && *tid;
}
