// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: who interrupted an isolated CPU
 *
 * Before an interrupt is sent to an isolated CPU, the sender is recorded in a slot
 * of that CPU. The handler of the interrupt picks it up. There are no locks, no
 * pointers to tasks, and nothing is written for a CPU that is not isolated: its
 * task_isolation_on, which is read, only changes when a thread becomes isolated
 * there or ceases to be.
 *
 * Each CPU has a few slots for senders:
 *
 *   FREE -> BUSY	a sender claims it, by cmpxchg, and notes its thread number
 *   BUSY -> READY	the same sender has recorded itself, store-release
 *   READY -> FREE	the CPU itself, before it gets isolated again
 *
 * Only the target CPU reads READY slots, so it always sees one complete entry.
 *
 * The answer has to be right, or none. What an interrupt runs has an address,
 * the key: that of the call_single_data, irq_work or wake_entry on the queue of
 * the CPU. The key cannot be reused until the CPU dequeued it. By then the CPU is
 * no longer isolated. So the sender which is recorded with that key is the one
 * which sent it, however many others do the same at the same time::
 *
 *   sender A			sender B		isolated CPU
 *
 *   record A, key a		record B, key b
 *				llist_add(b)
 *				IPI			runs b: key b, it was B
 *   llist_add(a), IPI					not isolated any more
 *
 * If a sender finds the CPU not isolated, and by the time of its interrupt it
 * is, then no sender is recorded with that key. That is rare, as the last check of
 * the CPU refuses if there is something on its queue: the sender had to be
 * between the two lines all the time that the check takes. If a sender which came
 * too late occupies a slot, then that has another key.
 *
 * A reschedule interrupt runs nothing. It is about a flag of the thread, which
 * its sender sets before it tests whether the CPU is isolated, and which the last
 * check of the CPU tests after it has set task_isolation_on::
 *
 *   sender				task_isolation_start()
 *
 *   set TIF_NEED_RESCHED or		task_isolation_on = true
 *     TIF_SIGPENDING and so on
 *   smp_mb()				smp_mb()
 *   task_isolation_on?			flags set?
 *   record the sender, IPI		the request fails
 *
 * The sender's barrier is in task_isolation_note_sender(): the atomic operations
 * which set these flags do not order anything by themselves on every architecture.
 *
 * Either the sender observes task_isolation_on, or the check observes the flag: the
 * sender of a reschedule interrupt which hits an isolated thread is recorded. If
 * there are several, it is not known which of them, as maybe only one of them has
 * sent its interrupt yet. Unless all are the same thread, the answer is none. It is
 * none as well while another sender is still writing, and when there were more
 * senders than slots. A thread which records itself several times is the answer: it
 * has sent the interrupt of the first time. And so it has if the second record is
 * that of a younger thread with the same number, as the older one is gone.
 *
 * What remains is a sender C which tests before, and takes longer to send its
 * interrupt than the thread takes to handle the flag, return to user mode, call
 * prctl() and be isolated::
 *
 *   sender C			isolated CPU			sender A
 *
 *   set flags
 *   not isolated: no record,
 *   or isolated: record C
 *				entry for another reason
 *				handles the flag, prctl()
 *				clear the slots: forget C
 *				isolated: no flags
 *								set a flag
 *								record A
 *   IPI			it was A, while it was C
 *								IPI
 *
 * A has to be in the few instructions between its record and its interrupt at the
 * very moment, otherwise the answer is none. To know of C, senders would have to
 * write before they test, for each reschedule interrupt to any CPU.
 *
 * And a signal has a sending process, not a sending thread::
 *
 *   thread 1 of a process	thread 2 of it			isolated CPU
 *
 *   record 1, IPI						entry
 *				queue a signal
 *				set TIF_SIGPENDING
 *								reports the signal:
 *								it was 1, of that process
 *				record 2, IPI
 *
 * Thread 1 has interrupted it, and the process is right.
 *
 * A signal which stops a process is taken by one of its threads, which then
 * interrupts the others. That thread is not the culprit, so it occupies a slot
 * without recording itself. The sender of the signal is recorded with the
 * interrupted thread, see task_isolation_note_group_signal().
 */

#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/isolation_culprit.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/jobctl.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/topology.h>

#include "isolation_internal.h"

/* Senders queue the address which the handler knows. */
static_assert(offsetof(call_single_data_t, node.llist) == 0);
static_assert(offsetof(struct irq_work, node.llist) == 0);

/* Only for CPUs in nohz_full= */
static DEFINE_PER_CPU(struct task_isolation_senders *, task_isolation_senders);

/* A free slot, which is then busy. NULL if there is none. */
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
 * task_isolation_senders_add - Record current as a sender
 * @all:	The senders of a CPU
 * @key:	What the interrupt runs, or NULL
 * @kick:	The interrupt makes the thread check its flags
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

/* Out of line part of task_isolation_note_sender(). */
void __task_isolation_note_sender(int cpu, const void *key, bool kick)
{
	struct task_isolation_senders *all = per_cpu(task_isolation_senders, cpu);

	if (all && cpu != raw_smp_processor_id())
		task_isolation_senders_add(all, key, kick);
}

/**
 * task_isolation_senders_clear - Forget the senders of a CPU
 * @all:	The senders
 *
 * A slot whose sender is still writing is left alone. That one may not have sent
 * its interrupt yet.
 *
 * Context: On that CPU, interrupts disabled, before task_isolation_on is set.
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
 * task_isolation_senders_find - Look up the sender of an interrupt
 * @all:	The senders of a CPU
 * @key:	What the interrupt runs, or NULL
 * @who:	Filled, if the sender is known
 * @kick:	Set if the interrupt was to make the thread check its flags
 *
 * See above for why the answer is right, or none.
 *
 * Context: On that CPU, in the handler of the interrupt.
 * Return: %true if the sender is known
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
 * task_isolation_find_sender - Look up the sender of the interrupt being handled
 * @key:	What the interrupt runs, NULL for a reschedule interrupt
 * @who:	Filled, with nobody if the sender is not known
 * @kick:	Set if the interrupt was to make the thread check its flags
 *
 * Context: Hard interrupt, or interrupts disabled.
 */
void task_isolation_find_sender(const void *key, struct task_isolation_who *who, bool *kick)
{
	struct task_isolation_senders *all = __this_cpu_read(task_isolation_senders);

	if (!all || !task_isolation_senders_find(all, key, who, kick)) {
		task_isolation_who_none(who);
		*kick = false;
	}
}

/**
 * task_isolation_senders_reset - Forget the senders of this CPU
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
 * task_isolation_senders_alloc - Allocate the slots for the senders of a CPU
 * @cpu:	CPU in nohz_full=
 *
 * Without memory no culprit is known, and nothing else changes.
 */
void __init task_isolation_senders_alloc(int cpu)
{
	per_cpu(task_isolation_senders, cpu) =
		kzalloc_node(sizeof(struct task_isolation_senders), GFP_KERNEL, cpu_to_node(cpu));
}
