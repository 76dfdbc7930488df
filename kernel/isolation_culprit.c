// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: who interrupted an isolated CPU
 *
 * Who is about to send an interrupt to a CPU on which a thread is isolated
 * leaves its name there first. The handler of the interrupt picks it up. There
 * are no locks, no pointers to tasks, and nothing is written for a CPU that is
 * not isolated: its task_isolation_on, which is read, only changes when a
 * thread becomes isolated there or ceases to be.
 *
 * A name is in one of a few places for senders of that CPU:
 *
 *   FREE -> BUSY	a sender claims it, by cmpxchg, and says which thread it is
 *   BUSY -> READY	the same sender has written its name, store-release
 *   READY -> FREE	the CPU itself, before it gets isolated again
 *
 * So who reads a place that is READY, which only that CPU does, reads what one
 * sender wrote, untorn.
 *
 * The answer has to be right, or none. What an interrupt runs has an address,
 * the key: that of the call_single_data, irq_work or wake_entry on the queue of
 * the CPU. Until the CPU has taken it off nobody else can use it, and who does
 * after that finds that the CPU is not isolated any more. So whoever left that
 * key is who sent it, however many others do the same at the same time::
 *
 *   sender A			sender B		isolated CPU
 *
 *   leave A, key a		leave B, key b
 *				llist_add(b)
 *				IPI			runs b: key b, it was B
 *   llist_add(a), IPI					not isolated any more
 *
 * If a sender finds the CPU not isolated, and by the time of its interrupt it
 * is, then there is no name with that key. That is rare, as the last check of
 * the CPU refuses if there is something on its queue: the sender had to be
 * between the two lines all the time that the check takes. If the place is
 * taken by the name of a sender that came too late, then it has another key.
 *
 * A reschedule interrupt runs nothing. It is about a flag of the thread, which
 * its sender sets before it looks if the CPU is isolated, and which the last
 * check of the CPU looks at after it said that it is::
 *
 *   sender				task_isolation_start()
 *
 *   set TIF_NEED_RESCHED or		task_isolation_on = true
 *     TIF_SIGPENDING and the like
 *   smp_mb()				smp_mb()
 *   task_isolation_on?			flags set?
 *   leave a name, IPI			the request fails
 *
 * The sender's barrier is in task_isolation_send(): the atomic operations which
 * set these flags don't order anything by themselves on every architecture.
 *
 * One of the two sees what the other one did: a reschedule interrupt which hits
 * an isolated thread was sent by somebody who left a name. Whose, if there are
 * several? Maybe only one of them has sent its interrupt yet. Unless all are
 * the same thread, the answer is none. It is none, too, while somebody else is
 * still writing, and when there were more senders than places. A thread which
 * leaves one name after the other is named: it has sent the interrupt of the
 * first. And so it has if the second is that of a younger thread with the same
 * number, as the older one is gone.
 *
 * What is left is a sender C that looks before, and takes longer to send its
 * interrupt than the thread takes to handle the flag, return to user mode, call
 * prctl() and be isolated::
 *
 *   sender C			isolated CPU			sender A
 *
 *   set flags
 *   not isolated: no name,
 *   or isolated: leave C
 *				entry for another reason
 *				handles the flag, prctl()
 *				clear the names: forget C
 *				isolated: no flags
 *								set a flag
 *								leave A
 *   IPI			it was A, while it was C
 *								IPI
 *
 * A has to be in the few instructions between its name and its interrupt at the
 * very moment, otherwise the answer is none. To know of C, senders would have to
 * write before they look, for each reschedule interrupt to whatever CPU.
 *
 * And a signal says which process has sent it, not which thread::
 *
 *   thread 1 of a process	thread 2 of it			isolated CPU
 *
 *   leave 1, IPI						entry
 *				queue a signal
 *				set TIF_SIGPENDING
 *								tells of the signal:
 *								it was 1, of that process
 *				leave 2, IPI
 *
 * Thread 1 has interrupted it, and the process is right.
 *
 * A signal that stops a process is taken by one of its threads, which then
 * interrupts the others. That is not its own doing, so it leaves no name, only
 * the fact that there is one. The name of the signal's sender is with the
 * thread, see task_isolation_record_group().
 *
 * A sender that exits leaves values: process, thread, and when it was started.
 * These are translated into the reader's pid namespace when it asks, by looking
 * for a thread with this number that was started at that time. Without one the
 * answer is none, but for the init namespace, whose numbers these are.
 */

#include <linux/cred.h>
#include <linux/irq_work.h>
#include <linux/isolation_culprit.h>
#include <linux/pid_namespace.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/topology.h>

/* What senders queue is the address that the handler knows. */
static_assert(offsetof(call_single_data_t, node.llist) == 0);
static_assert(offsetof(struct irq_work, node.llist) == 0);

/* Only for CPUs in nohz_full= */
static DEFINE_PER_CPU(struct task_isolation_senders *, task_isolation_senders);

/**
 * task_isolation_who_none - Nobody is known
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
 * @p:		The thread: current, or one whose runqueue is locked. The idle
 *		thread does not count as one.
 * @cpu:	CPU it is on
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
 * task_isolation_who_current - Note who is doing this
 * @who:	Filled. What an interrupt does is not the doing of the thread that
 *		it interrupted: only the CPU is noted then.
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
 * task_isolation_who_same - Are these the same?
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
 * task_isolation_who_visible - What current may know of a thread
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

static struct task_isolation_sender *
task_isolation_senders_claim(struct task_isolation_senders *all)
{
	int busy = TASK_ISOLATION_SENDER_BUSY + (in_task() ? task_pid_nr(current) : 0);

	for (int i = 0; i < TASK_ISOLATION_SENDERS; i++) {
		struct task_isolation_sender *sender = &all->sender[i];

		/* Pairs with the release in task_isolation_senders_clear(). */
		if (atomic_read(&sender->state) == TASK_ISOLATION_SENDER_FREE &&
		    atomic_cmpxchg_acquire(&sender->state, TASK_ISOLATION_SENDER_FREE,
					   busy) == TASK_ISOLATION_SENDER_FREE)
			return sender;
	}
	return NULL;
}

/**
 * task_isolation_senders_add - Leave the name of current
 * @all:	The senders of a CPU
 * @key:	What the interrupt runs, or NULL
 * @kick:	It makes the thread look at its flags
 *
 * Context: Any, preemption disabled.
 */
void task_isolation_senders_add(struct task_isolation_senders *all, const void *key, bool kick)
{
	struct task_isolation_sender *sender = task_isolation_senders_claim(all);

	if (!sender) {
		WRITE_ONCE(all->full, true);
		return;
	}

	sender->key = key;
	sender->kick = kick;
	if (!key && in_task() && READ_ONCE(current->jobctl) & JOBCTL_STOP_PENDING)
		task_isolation_who_none(&sender->who);
	else
		task_isolation_who_current(&sender->who);

	/* Pairs with the acquire in task_isolation_senders_find(). */
	atomic_set_release(&sender->state, TASK_ISOLATION_SENDER_READY);
}

/* Out of line part of task_isolation_send(). */
void __task_isolation_send(int cpu, const void *key, bool kick)
{
	struct task_isolation_senders *all = per_cpu(task_isolation_senders, cpu);

	if (all && cpu != raw_smp_processor_id())
		task_isolation_senders_add(all, key, kick);
}

/**
 * task_isolation_senders_clear - Forget who has sent an interrupt
 * @all:	The senders of a CPU
 *
 * Who is still writing is left alone. It may not have sent its interrupt yet.
 *
 * Context: On that CPU, interrupts disabled, before it says that it is isolated.
 */
void task_isolation_senders_clear(struct task_isolation_senders *all)
{
	WRITE_ONCE(all->full, false);
	for (int i = 0; i < TASK_ISOLATION_SENDERS; i++) {
		struct task_isolation_sender *sender = &all->sender[i];

		/* Pairs with the acquire in task_isolation_senders_claim(). */
		if (atomic_read(&sender->state) == TASK_ISOLATION_SENDER_READY)
			atomic_set_release(&sender->state, TASK_ISOLATION_SENDER_FREE);
	}
}

/**
 * task_isolation_senders_find - Who sent an interrupt?
 * @all:	The senders of a CPU
 * @key:	What it runs, or NULL
 * @who:	Filled, if one is found
 * @kick:	Set if the interrupt was to make the thread look at its flags
 *
 * See above for why the answer is right, or none.
 *
 * Context: On that CPU, in the handler of the interrupt.
 * Return: %true if it is known
 */
bool task_isolation_senders_find(const struct task_isolation_senders *all, const void *key,
				 struct task_isolation_who *who, bool *kick)
{
	const struct task_isolation_sender *found = NULL;
	pid_t writing = 0;

	for (int i = 0; i < TASK_ISOLATION_SENDERS; i++) {
		const struct task_isolation_sender *sender = &all->sender[i];
		/* Pairs with the release in task_isolation_senders_add(). */
		int state = atomic_read_acquire(&sender->state);

		if (!key && state >= TASK_ISOLATION_SENDER_BUSY) {
			pid_t tid = state - TASK_ISOLATION_SENDER_BUSY;

			if (!tid || (writing && writing != tid))
				return false;
			writing = tid;
		}
		if (state != TASK_ISOLATION_SENDER_READY || sender->key != key)
			continue;
		if (found && !task_isolation_who_same(&found->who, &sender->who))
			return false;
		found = sender;
	}
	if (!found || (!key && READ_ONCE(all->full)))
		return false;
	if (writing && writing != found->who.tid)
		return false;

	*who = found->who;
	*kick = found->kick;
	return true;
}

/**
 * task_isolation_culprit - Who sent the interrupt that this CPU handles?
 * @key:	What it runs, NULL for a reschedule interrupt
 * @who:	Filled, with nobody if it is not known
 * @kick:	Set if it was to make the thread look at its flags
 *
 * Context: Hard interrupt, or interrupts disabled.
 */
void task_isolation_culprit(const void *key, struct task_isolation_who *who, bool *kick)
{
	struct task_isolation_senders *all = __this_cpu_read(task_isolation_senders);

	if (!all || !task_isolation_senders_find(all, key, who, kick)) {
		task_isolation_who_none(who);
		*kick = false;
	}
}

/**
 * task_isolation_senders_reset - Forget who has interrupted this CPU
 *
 * Context: Interrupts disabled, before task_isolation_on is set.
 */
void task_isolation_senders_reset(void)
{
	struct task_isolation_senders *all = __this_cpu_read(task_isolation_senders);

	if (all)
		task_isolation_senders_clear(all);
}

/**
 * task_isolation_senders_alloc - Make room for the senders of a CPU
 * @cpu:	CPU in nohz_full=
 *
 * Without memory nobody is named, and that is all.
 */
void __init task_isolation_senders_alloc(int cpu)
{
	per_cpu(task_isolation_senders, cpu) =
		kzalloc_node(sizeof(struct task_isolation_senders), GFP_KERNEL, cpu_to_node(cpu));
}
