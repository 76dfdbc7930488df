// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: what blocks it
 *
 * Each blocker has one entry in the list of kernel/isolation_check.h, and one
 * function here, which tests and describes it. Two passes evaluate the list:
 *
 *   task_isolation_check()	decides. It stops at the first blocker, and stops
 *				the tick on its way.
 *   task_isolation_explain()	reports a refusal. It collects all blockers and
 *				their details, and does not touch the tick.
 *
 * Both run with interrupts disabled. The functions take raw locks at most, as they
 * have to work on PREEMPT_RT, allocate nothing, and their work is bounded. In order
 * to be evaluated twice they change nothing but what does no harm if it is done
 * again, like folding the VM counters.
 */

#include <linux/array_size.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/deadline.h>
#include <linux/sched/isolation.h>
#include <linux/sched/nohz.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/swap.h>
#include <linux/thread_info.h>
#include <linux/tick.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>

#include "isolation_check.h"
#include "isolation_internal.h"

static bool blocked_by_affinity(struct task_isolation_blockers *blockers)
{
	return current->nr_cpus_allowed != 1;
}

static bool blocked_by_nohz(struct task_isolation_blockers *blockers)
{
	return !tick_nohz_full_cpu(smp_processor_id());
}

static bool blocked_by_domain(struct task_isolation_blockers *blockers)
{
	return housekeeping_test_cpu(smp_processor_id(), HK_TYPE_DOMAIN);
}

/* Deadline tasks are throttled by the tick, even if alone. */
static bool blocked_by_deadline(struct task_isolation_blockers *blockers)
{
	return dl_task(current);
}

static bool blocked_by_clock(struct task_isolation_blockers *blockers)
{
	return tick_isolation_clock_unstable();
}

static bool blocked_by_device(struct task_isolation_blockers *blockers)
{
	return tick_isolation_device_unfit();
}

static bool blocked_by_task(struct task_isolation_blockers *blockers)
{
	struct task_struct *other;

	if (sched_isolation_alone())
		return false;

	other = sched_isolation_other();
	if (other) {
		task_isolation_who_set(&blockers->task, other, smp_processor_id());
		blockers->func = workqueue_isolation_func(other);
	}
	return true;
}

/*
 * After blocked_by_task(), which acquires the runqueue lock, see
 * sched_isolation_alone(). Beside another blocker this is nothing new.
 */
static bool blocked_by_resched(struct task_isolation_blockers *blockers)
{
	return !blockers->bits && need_resched();
}

/* True if a dependency of the scheduler, or its hrtimers, are nothing new. */
static bool another_task_known(const struct task_isolation_blockers *blockers)
{
	return blockers->bits & (TASK_ISOLATION_BLOCKER_TASK | TASK_ISOLATION_BLOCKER_RESCHED);
}

static bool blocked_by_tick(struct task_isolation_blockers *blockers)
{
	blockers->tick = tick_isolation_dependency(another_task_known(blockers));
	return blockers->tick;
}

static bool blocked_by_timer(struct task_isolation_blockers *blockers)
{
	return tick_isolation_timer(&blockers->timer, another_task_known(blockers));
}

static bool blocked_by_vmstat(struct task_isolation_blockers *blockers)
{
	quiet_vmstat_fold();
	if (vmstat_idle())
		return false;

	blockers->work = "vmstat_update";
	return true;
}

static bool blocked_by_lru(struct task_isolation_blockers *blockers)
{
	if (lru_cpu_idle())
		return false;

	blockers->work = "lru_add_drain";
	return true;
}

static bool blocked_by_softirq(struct task_isolation_blockers *blockers)
{
	unsigned long pending = local_softirq_pending();

	if (!pending)
		return false;

	blockers->work = softirq_to_name[__ffs(pending)];
	return true;
}

static bool blocked_by_irq_work(struct task_isolation_blockers *blockers)
{
	/* The latter ignores those for which the interrupt was raised. */
	if (!irq_work_raised() && !irq_work_needs_cpu())
		return false;

	blockers->work = "irq_work";
	blockers->func = blockers->func ?: irq_work_isolation_next();
	return true;
}

static bool blocked_by_rcu(struct task_isolation_blockers *blockers)
{
	if (rcu_exp_needs_cpu())
		blockers->work = "rcu_exp_handler";
	else if (rcu_needs_cpu())
		blockers->work = "rcu_core";
	else
		return false;
	return true;
}

/*
 * Exit work which was raised since the work loop ended. Its sender records itself
 * only if it observes task_isolation_on, see kernel/isolation_culprit.c.
 */
static bool blocked_by_signal(struct task_isolation_blockers *blockers)
{
	return signal_pending(current) || test_thread_flag(TIF_NOTIFY_RESUME);
}

/* The caller may not have observed task_isolation_on, and thus not recorded itself. */
static bool blocked_by_call(struct task_isolation_blockers *blockers)
{
	if (!smp_call_raised())
		return false;

	blockers->work = "function call";
	blockers->func = blockers->func ?: smp_call_isolation_next();
	return true;
}

#define blocker_entry(_name, _word, _phase)					\
	{									\
		.bit	= TASK_ISOLATION_BLOCKER_##_name,			\
		.phase	= TASK_ISOLATION_PHASE_##_phase,			\
		.holds	= blocked_by_##_word,					\
	}

/*
 * @bit:	%TASK_ISOLATION_BLOCKER_* bit
 * @phase:	When it is evaluated
 * @holds:	Returns true if it blocks, and adds its details to the blockers which
 *		were found before
 */
static const struct task_isolation_blocker {
	u64				bit;
	enum task_isolation_phase	phase;
	bool				(*holds)(struct task_isolation_blockers *blockers);
} task_isolation_blocker_list[] = {
	TASK_ISOLATION_BLOCKERS
};

#undef blocker_entry

/* The bit of the first blocker of a phase which holds, or 0 */
static u64 task_isolation_first_blocker(enum task_isolation_phase phase)
{
	struct task_isolation_blockers details = { };

	for (int i = 0; i < ARRAY_SIZE(task_isolation_blocker_list); i++) {
		const struct task_isolation_blocker *blocker = &task_isolation_blocker_list[i];

		if (blocker->phase == phase && blocker->holds(&details))
			return blocker->bit;
	}
	return 0;
}

/* Adds all blockers of a phase which hold. */
static void task_isolation_add_blockers(enum task_isolation_phase phase,
					struct task_isolation_blockers *blockers)
{
	for (int i = 0; i < ARRAY_SIZE(task_isolation_blocker_list); i++) {
		const struct task_isolation_blocker *blocker = &task_isolation_blocker_list[i];

		if (blocker->phase == phase && blocker->holds(blockers))
			blockers->bits |= blocker->bit;
	}
}

/**
 * task_isolation_check_thread - Check the conditions of current and its CPU
 *
 * Waiting does not change these, and evaluating them does not touch the CPU.
 *
 * Context: Interrupts disabled.
 * Return: %TASK_ISOLATION_BLOCKER_* bits of all which hold, 0 if there are none
 */
u64 task_isolation_check_thread(void)
{
	struct task_isolation_blockers blockers = { };

	lockdep_assert_irqs_disabled();

	task_isolation_add_blockers(TASK_ISOLATION_PHASE_THREAD, &blockers);
	return blockers.bits;
}

/**
 * task_isolation_check - Check for everything that would interrupt this CPU later
 *
 * May stop the tick, which is harmless if the check fails after that.
 *
 * Context: Interrupts disabled.
 * Return: 0 if nothing blocks, otherwise %TASK_ISOLATION_BLOCKER_* bits of what was
 * found first
 */
u64 task_isolation_check(void)
{
	u64 bits;

	lockdep_assert_irqs_disabled();

	bits = task_isolation_check_thread() ?:
	       task_isolation_first_blocker(TASK_ISOLATION_PHASE_EARLY);
	if (bits)
		return bits;

	switch (try_stop_full_tick()) {
	case 0:
		return task_isolation_first_blocker(TASK_ISOLATION_PHASE_LATE);
	case -EAGAIN:
		return TASK_ISOLATION_BLOCKER_TICK;
	default:
		/* Or the clock, which task_isolation_explain() tells apart. */
		return TASK_ISOLATION_BLOCKER_DEVICE;
	}
}

/**
 * task_isolation_last_check - The check of task_isolation_start()
 *
 * Exit work is checked first, as a signal has interrupted the request whatever
 * else there is, and again at the end.
 *
 * Context: Interrupts disabled, task_isolation_on is set.
 * Return: 0 if nothing blocks, otherwise %TASK_ISOLATION_BLOCKER_* bits of what was
 * found first
 */
u64 task_isolation_last_check(void)
{
	return task_isolation_first_blocker(TASK_ISOLATION_PHASE_EXIT) ?:
	       task_isolation_check() ?:
	       task_isolation_first_blocker(TASK_ISOLATION_PHASE_EXIT);
}

/**
 * task_isolation_final_blockers - Collect the blockers which waiting does not change
 *
 * Context: Interrupts disabled.
 * Return: %TASK_ISOLATION_BLOCKER_* bits of all which hold, of those in
 * %TASK_ISOLATION_BLOCKERS_FINAL
 */
u64 task_isolation_final_blockers(void)
{
	struct task_isolation_blockers blockers = { .bits = task_isolation_check_thread() };

	/* Other CPUs do not need a device which can be turned off. */
	if (!(blockers.bits & TASK_ISOLATION_BLOCKER_NOHZ))
		task_isolation_add_blockers(TASK_ISOLATION_PHASE_MACHINE, &blockers);
	return blockers.bits;
}

/**
 * task_isolation_error - Convert blockers to an error code
 * @bits:	%TASK_ISOLATION_BLOCKER_* bits
 *
 * Return: what prctl() returns: 0, -EINVAL or -EAGAIN
 */
int task_isolation_error(u64 bits)
{
	if (bits & TASK_ISOLATION_BLOCKERS_FINAL)
		return -EINVAL;
	return bits ? -EAGAIN : 0;
}

/* The check only knows that the tick can't be stopped now, but not why. */
static void task_isolation_explain_again(struct task_isolation_blockers *blockers)
{
	bool tick = blockers->bits & TASK_ISOLATION_BLOCKER_TICK;

	blockers->bits &= ~TASK_ISOLATION_BLOCKER_TICK;
	task_isolation_add_blockers(TASK_ISOLATION_PHASE_EARLY, blockers);
	task_isolation_add_blockers(TASK_ISOLATION_PHASE_TICK, blockers);
	task_isolation_add_blockers(TASK_ISOLATION_PHASE_LATE, blockers);
	if (tick && !blockers->bits) {
		blockers->bits = TASK_ISOLATION_BLOCKER_TICK;
		blockers->tick = "gone by now";
	}
}

/* The check only knows that a condition of the machine is not met, but not which. */
static void task_isolation_explain_machine(struct task_isolation_blockers *blockers)
{
	struct task_isolation_blockers machine = { };

	task_isolation_add_blockers(TASK_ISOLATION_PHASE_MACHINE, &machine);
	if (machine.bits)
		blockers->bits = machine.bits;
}

/**
 * task_isolation_explain - Report all blockers after a refusal
 * @blockers:	Filled
 * @bits:	What the check has found, %TASK_ISOLATION_BLOCKER_* bits
 *
 * The check stops at the first blocker. Report all of them, and the details. What
 * the check has found may be gone meanwhile, and is reported all the same.
 *
 * Context: Interrupts disabled, current is not isolated.
 */
void task_isolation_explain(struct task_isolation_blockers *blockers, u64 bits)
{
	lockdep_assert_irqs_disabled();

	memset(blockers, 0, sizeof(*blockers));
	task_isolation_who_none(&blockers->task);
	blockers->bits = bits;

	/* A signal has interrupted the request, whatever else there was. */
	if (bits & TASK_ISOLATION_BLOCKER_SIGNAL)
		return;
	if (bits & TASK_ISOLATION_BLOCKER_DEVICE)
		task_isolation_explain_machine(blockers);
	else if (!(bits & TASK_ISOLATION_BLOCKERS_FINAL))
		task_isolation_explain_again(blockers);
}

/**
 * task_isolation_blocked_by - Evaluate one blocker
 * @bit:	%TASK_ISOLATION_BLOCKER_* bit
 * @blockers:	Its details are added to these, as in a report
 *
 * Context: Interrupts disabled.
 * Return: %true if it holds
 */
bool task_isolation_blocked_by(u64 bit, struct task_isolation_blockers *blockers)
{
	for (int i = 0; i < ARRAY_SIZE(task_isolation_blocker_list); i++) {
		if (task_isolation_blocker_list[i].bit == bit)
			return task_isolation_blocker_list[i].holds(blockers);
	}
	return false;
}
