// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: what happened
 *
 * A thread which requested isolation has a history: when it was isolated, what
 * ended that the last time and who caused it, and what blocked isolation when it
 * was last refused. Only the thread itself reads and writes it, so it needs no
 * lock. The interrupt which ends isolation writes to it as well, on behalf of the
 * thread which it interrupted. And whoever stops or kills the process is recorded
 * there, under siglock.
 *
 *   prctl(PR_TASK_ISOLATION)	task_isolation_record_request(), or _blocked()
 *   last check on the way out	_start(), then _begin() or _blocked()
 *   entry			_entry()
 *   handlers			_sender()
 *   allowed system call	_leave()
 *   signal with a handler	_signal(), _loss()
 *   exit work			_loss(), then _siginfo() into the signal
 *   prctl(PR_TASK_ISOLATION_RECORD)
 *				task_isolation_record_prctl()
 *
 * What happened on a CPU is counted, for the administrator.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/init.h>
#include <linux/isolation_record.h>
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tick.h>
#include <linux/time_namespace.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

/* The events need the lists and structures of these, too. */
#include "isolation_check.h"
#include "isolation_internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/task_isolation.h>

/**
 * struct task_isolation_history - What happened to a thread
 * @losses:	Number of losses
 * @entered:	When it was isolated
 * @span:	For how long it was until the kernel was entered
 * @kick:	The interrupt of that entry was to make it check its flags
 * @sender:	Sender of that interrupt
 * @group_sig:	Signal which was sent to stop or kill the process since the last
 *		request. Protected by sighand->siglock, as is @group_by.
 * @group_by:	Its sender, nobody if there were several
 * @last:	The last loss
 * @blockers:	What blocked the last request
 */
struct task_isolation_history {
	u64				losses;
	u64				entered;
	u64				span;
	bool				kick;
	struct task_isolation_who	sender;
	int				group_sig;
	struct task_isolation_who	group_by;
	struct task_isolation_loss	last;
	struct task_isolation_blockers	blockers;
};

/* Only for CPUs in nohz_full= */
DEFINE_PER_CPU(struct task_isolation_stats *, task_isolation_stats);

static struct task_isolation_history *task_isolation_history(void)
{
	return current->isolation.entry->history;
}

/**
 * task_isolation_record_alloc - Allocate the history of a thread
 * @entry:	The entry of the thread, not visible to others yet
 *
 * Context: Process context, may sleep.
 * Return: 0, or -ENOMEM
 */
int task_isolation_record_alloc(struct task_isolation_entry *entry)
{
	struct task_isolation_history *history;

	history = kzalloc_obj(*history, GFP_KERNEL_ACCOUNT);
	if (!history)
		return -ENOMEM;

	task_isolation_who_none(&history->last.culprit);
	task_isolation_who_none(&history->blockers.task);
	entry->history = history;
	return 0;
}

/**
 * task_isolation_record_free - Free the history of a thread
 * @entry:	The entry of the thread, which is gone
 */
void task_isolation_record_free(struct task_isolation_entry *entry)
{
	kfree(entry->history);
}

/**
 * task_isolation_record_request - Record a request which only lacks the last check
 * @sig:	Signal of a loss
 *
 * The event comes this early as nothing may be traced after the last check has
 * begun: a reader of the trace would be woken up by an interrupt on this CPU.
 *
 * Context: Process context, interrupts enabled. Takes sighand->siglock.
 */
void task_isolation_record_request(int sig)
{
	/* The sender of an earlier stop or death is not the culprit of what follows. */
	scoped_guard (spinlock_irq, &current->sighand->siglock)
		task_isolation_history()->group_sig = 0;
	trace_task_isolation_enter(sig);
}

/**
 * task_isolation_record_start - Forget earlier senders when the last check begins
 *
 * Context: Interrupts disabled, before task_isolation_on is set.
 */
void task_isolation_record_start(void)
{
	task_isolation_senders_reset();
}

/**
 * task_isolation_record_begin - Record that the thread is isolated from now on
 *
 * Context: Interrupts disabled, at the end of the last check. No tracing.
 */
void task_isolation_record_begin(void)
{
	struct task_isolation_stats *stats = __this_cpu_read(task_isolation_stats);
	struct task_isolation_history *history = task_isolation_history();

	history->blockers.bits = 0;
	history->entered = ktime_get_mono_fast_ns();
	if (!stats)
		return;

	atomic64_inc(&stats->entered);
	WRITE_ONCE(stats->tid, task_pid_nr(current));
	WRITE_ONCE(stats->start, current->start_boottime);
	/* Pairs with the acquire in pid_show(): the thread of this time */
	atomic64_set_release(&stats->since, history->entered);
}

/**
 * task_isolation_record_blocked - Record that a request is refused
 * @bits:	What the check has found, %TASK_ISOLATION_BLOCKER_* bits
 *
 * Context: Interrupts disabled, current is not isolated.
 */
void task_isolation_record_blocked(u64 bits)
{
	struct task_isolation_stats *stats = __this_cpu_read(task_isolation_stats);
	struct task_isolation_blockers *blockers = &task_isolation_history()->blockers;

	task_isolation_explain(blockers, bits);
	if (stats)
		atomic64_inc(&stats->blocked);
	trace_task_isolation_blocked(task_isolation_error(bits), blockers);
}

static void task_isolation_stats_end(u64 span)
{
	struct task_isolation_stats *stats = __this_cpu_read(task_isolation_stats);

	if (!stats)
		return;

	atomic64_set(&stats->since, 0);
	if (span > (u64)atomic64_read(&stats->longest))
		atomic64_set(&stats->longest, span);
}

/**
 * task_isolation_record_entry - Record that the kernel was entered
 *
 * Context: First thing after an isolated CPU has entered the kernel, interrupts
 * disabled. No locks, no tracing.
 */
void task_isolation_record_entry(void)
{
	struct task_isolation_history *history = task_isolation_history();

	history->span = task_isolation_span(history->entered, ktime_get_mono_fast_ns());
	history->kick = false;
	task_isolation_who_none(&history->sender);
	task_isolation_stats_end(history->span);
}

/**
 * task_isolation_record_sender - Record the sender of the interrupt which is handled
 * @key:	What it runs, NULL for a reschedule interrupt
 *
 * Context: Hard interrupt which marked current.
 */
void task_isolation_record_sender(const void *key)
{
	struct task_isolation_history *history = task_isolation_history();

	task_isolation_find_sender(key, &history->sender, &history->kick);
}

/* Out of line part of task_isolation_note_group_signal(). */
void __task_isolation_note_group_signal(struct task_struct *p,
					const struct task_isolation_entry *entry, int sig)
{
	struct task_isolation_history *history = entry->history;
	struct task_isolation_who who;

	lockdep_assert_held(&p->sighand->siglock);

	task_isolation_who_current(&who);
	/* The second signal may be too late, or the first one was ignored. */
	if (history->group_sig == sig && !task_isolation_who_same(&history->group_by, &who))
		task_isolation_who_none(&who);
	history->group_sig = sig;
	history->group_by = who;
}

/* Take over the sender of a signal which stops or kills the process. Under siglock. */
static void task_isolation_take_group_sender(struct task_isolation_history *history, int sig)
{
	if (history->group_sig == sig)
		history->sender = history->group_by;
	else
		task_isolation_who_none(&history->sender);
	history->group_sig = 0;
}

/* A traced thread is stopped by its tracer. Any other sender came in between. */
static bool task_isolation_may_stop(const struct task_isolation_who *who)
{
	struct task_struct *tracer;

	guard(rcu)();
	tracer = ptrace_parent(current);
	return !tracer || who->pid == task_tgid_nr(tracer);
}

/**
 * task_isolation_record_stop - Record that the thread is about to stop
 * @sig:	Signal which stops the whole process, 0 when traced or frozen
 *
 * The sender of the interrupt is settled by this: it does not explain the signal
 * which may end the stop.
 *
 * Context: sighand->siglock is held with @sig, and may be held without.
 */
void task_isolation_record_stop(int sig)
{
	struct task_isolation_history *history = task_isolation_history();

	if (sig)
		task_isolation_take_group_sender(history, sig);
	else if (!history->kick || !task_isolation_may_stop(&history->sender))
		task_isolation_who_none(&history->sender);
	history->kick = false;
}

static void task_isolation_stats_loss(const struct task_isolation_loss *loss)
{
	struct task_isolation_stats *stats = per_cpu(task_isolation_stats, loss->cpu);
	unsigned long flags;

	if (!stats)
		return;

	/* The thread may have moved, and another one may be isolated there. */
	atomic64_inc(&stats->losses[loss->cause]);
	spin_lock_irqsave(&stats->lock, flags);
	stats->last = *loss;
	spin_unlock_irqrestore(&stats->lock, flags);
}

/**
 * task_isolation_record_loss - Record that isolation was lost
 * @regs:	Registers of the thread
 *
 * The cause in current->isolation is final now.
 *
 * Context: Process context. sighand->siglock may be held.
 */
void task_isolation_record_loss(struct pt_regs *regs)
{
	const struct task_isolation_entry *entry = current->isolation.entry;
	const struct task_isolation_cause_info *info = task_isolation_cause_info(entry->cause);
	struct task_isolation_history *history = entry->history;
	struct task_isolation_loss *loss = &history->last;

	memset(loss, 0, sizeof(*loss));
	loss->cause = entry->cause;
	loss->cpu = entry->cpu;
	loss->number = task_isolation_number(entry);
	if (info->what == TASK_ISOLATION_WHAT_DOMAIN)
		loss->hwirq = entry->hwirq;
	loss->ip = instruction_pointer(regs);
	loss->entered = history->entered;
	loss->lost = history->entered + history->span;
	loss->losses = ++history->losses;
	loss->symbol = task_isolation_what(entry, loss->what, sizeof(loss->what));
	/* The sender of an interrupt is not the culprit of what the thread did itself. */
	if (info->has_sender)
		loss->culprit = history->sender;
	else
		task_isolation_who_none(&loss->culprit);

	task_isolation_stats_loss(loss);
	trace_task_isolation_loss(loss);
}

/* True if whoever interrupted the thread may have sent the signal. */
static bool task_isolation_may_send(const struct task_isolation_who *who,
				    const struct kernel_siginfo *info)
{
	pid_t pid, tid;

	/* Another thread called exit_group() or exec. The culprit of a core dump is unknown. */
	if (!info)
		return who->pid == task_tgid_nr(current) && !current->signal->core_state;

	/* The kernel sent it. Only what it did in an interrupt has no other culprit. */
	if (!SI_FROMUSER(info) || info->si_code == SI_TIMER || info->si_code == SI_SIGIO)
		return !who->tid;

	return task_isolation_who_visible(who, &pid, &tid) && pid == info->si_pid;
}

/**
 * task_isolation_record_signal - Record the sender of a signal which ends isolation
 * @info:	The siginfo, %NULL for SIGKILL, which has none
 *
 * The interrupt may have been sent for something else, by another sender, and
 * the signal may have come while that was handled.
 *
 * Context: sighand->siglock is held.
 */
void task_isolation_record_signal(const struct kernel_siginfo *info)
{
	struct task_isolation_history *history = task_isolation_history();

	if (!info && history->group_sig == SIGKILL)
		task_isolation_take_group_sender(history, SIGKILL);
	else if (!history->kick || !task_isolation_may_send(&history->sender, info))
		task_isolation_who_none(&history->sender);
}

/**
 * task_isolation_record_leave - Record that the thread left by itself
 * @nr:		System call
 *
 * Context: Process context, interrupts enabled.
 */
void task_isolation_record_leave(long nr)
{
	const struct task_isolation_entry *entry = current->isolation.entry;
	struct task_isolation_stats *stats = per_cpu(task_isolation_stats, entry->cpu);
	struct task_isolation_history *history = entry->history;

	if (stats)
		atomic64_inc(&stats->left);
	trace_task_isolation_leave(nr, history->span);
}

/**
 * task_isolation_record_last - Look up the last loss of current
 *
 * Context: Process context, current has lost isolation.
 * Return: the loss, valid until current requests isolation again
 */
const struct task_isolation_loss *task_isolation_record_last(void)
{
	return &task_isolation_history()->last;
}

/**
 * task_isolation_record_siginfo - Fill the culprit into the signal of a loss
 * @info:	The siginfo
 */
void task_isolation_record_siginfo(struct kernel_siginfo *info)
{
	const struct task_isolation_who *who = &task_isolation_history()->last.culprit;
	pid_t tid;

	if (task_isolation_who_visible(who, &info->si_pid, &tid))
		info->si_uid = from_kuid_munged(current_user_ns(), who->uid);
}

/**
 * task_isolation_symbols_visible - Test whether current may see names of functions
 *
 * Return: %true if kptr_restrict permits their addresses
 */
bool task_isolation_symbols_visible(void)
{
	switch (READ_ONCE(kptr_restrict)) {
	case 0:
		return true;
	case 1:
		return has_capability_noaudit(current, CAP_SYSLOG);
	default:
		return false;
	}
}

/* A time of the host, as current sees CLOCK_MONOTONIC. 0 stays 0. */
static u64 task_isolation_record_time(u64 ns)
{
	struct timespec64 ts = ns_to_timespec64(ns);

	if (!ns)
		return 0;

	timens_add_monotonic(&ts);
	return timespec64_to_ns(&ts);
}

static void task_isolation_record_fill_loss(struct task_isolation_record *rec,
					    const struct task_isolation_loss *loss)
{
	rec->cause = loss->cause;
	rec->losses = loss->losses;
	rec->number = loss->number;
	rec->hwirq = loss->hwirq;
	rec->ip = loss->ip;
	rec->entered_ns = task_isolation_record_time(loss->entered);
	rec->lost_ns = task_isolation_record_time(loss->lost);
	rec->cpu = loss->losses ? loss->cpu : -1;
	rec->culprit_cpu = loss->culprit.cpu;

	if (!loss->symbol || task_isolation_symbols_visible())
		strscpy(rec->what, loss->what);
	else
		rec->hidden |= TASK_ISOLATION_HIDDEN_WHAT;

	if (task_isolation_who_visible(&loss->culprit, &rec->culprit_pid, &rec->culprit_tid)) {
		rec->culprit_uid = from_kuid_munged(current_user_ns(), loss->culprit.uid);
		strscpy(rec->culprit_comm, loss->culprit.comm);
	}
}

/* Returns @hidden if there is a function which current may not see, and clears @buf. */
static u32 task_isolation_record_function(const void *func, char *buf, size_t size, u32 hidden)
{
	char name[KSYM_NAME_LEN];

	if (!func)
		return 0;
	if (!task_isolation_symbols_visible()) {
		buf[0] = '\0';
		return hidden;
	}
	if (!lookup_symbol_name((unsigned long)func, name))
		strscpy(buf, name, size);
	return 0;
}

static void task_isolation_record_fill_blockers(struct task_isolation_record *rec,
						const struct task_isolation_blockers *blockers)
{
	rec->blockers = blockers->bits;
	if (!blockers->bits)
		return;

	if (blockers->tick)
		strscpy(rec->tick, blockers->tick);
	rec->hidden |= task_isolation_record_function(blockers->timer, rec->timer,
						      sizeof(rec->timer),
						      TASK_ISOLATION_HIDDEN_TIMER);
	if (blockers->work)
		strscpy(rec->work, blockers->work);
	rec->hidden |= task_isolation_record_function(blockers->func, rec->work,
						      sizeof(rec->work),
						      TASK_ISOLATION_HIDDEN_WORK);
	if (task_isolation_who_visible(&blockers->task, &rec->blocker_pid, &rec->blocker_tid))
		strscpy(rec->blocker_comm, blockers->task.comm);
}

/**
 * task_isolation_record_prctl - prctl(PR_TASK_ISOLATION_RECORD)
 * @arg:	struct task_isolation_record in user space
 * @size:	Its size there
 * @flags:	None so far
 *
 * The structure is output only. Requests of the program are in @flags, so that it
 * need not clear the structure for the sake of kernels which it was not tried with.
 *
 * Context: Process context, may sleep.
 * Return: 0. -EINVAL for a size that never was, or unknown flags. -E2BIG for a
 * size that never will be. -EFAULT, with some of the structure written or not.
 */
long task_isolation_record_prctl(void __user *arg, unsigned long size, unsigned long flags)
{
	const struct task_isolation_entry *entry = current->isolation.entry;
	struct task_isolation_record rec = { };

	BUILD_BUG_ON(sizeof(rec) != TASK_ISOLATION_RECORD_SIZE_VER0);

	if (flags || size < TASK_ISOLATION_RECORD_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;

	rec.cpu = -1;
	rec.culprit_cpu = -1;
	if (entry) {
		task_isolation_record_fill_loss(&rec, &entry->history->last);
		task_isolation_record_fill_blockers(&rec, &entry->history->blockers);
	}
	scoped_guard (irq)
		rec.blockers_now = task_isolation_final_blockers();

	return copy_struct_to_user(arg, size, &rec, sizeof(rec), NULL);
}

static int __init task_isolation_record_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct task_isolation_stats *stats;

		if (!tick_nohz_full_cpu(cpu))
			continue;
		task_isolation_senders_alloc(cpu);
		stats = kzalloc_node(sizeof(*stats), GFP_KERNEL, cpu_to_node(cpu));
		if (!stats)
			continue;
		spin_lock_init(&stats->lock);
		task_isolation_who_none(&stats->last.culprit);
		per_cpu(task_isolation_stats, cpu) = stats;
	}
	return 0;
}
early_initcall(task_isolation_record_init);
