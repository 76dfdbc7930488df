// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: what happened
 *
 * A thread that asked to be isolated has a history: when it was isolated, what
 * ended it the last time and who caused that, and what stood in the way when it
 * was last refused. Only the thread itself reads and writes it, so it needs no
 * lock. The interrupt that ends isolation writes to it, too, on behalf of the
 * thread which it interrupted. And who stops or kills the process leaves its
 * name there, under siglock.
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
#include <linux/interrupt.h>
#include <linux/isolation_record.h>
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/pid_namespace.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/sched/isolation.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/tick.h>
#include <linux/time_namespace.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <linux/vmstat.h>

#define CREATE_TRACE_POINTS
#include <trace/events/task_isolation.h>

/**
 * struct task_isolation_history - What happened to a thread
 * @losses:	How often it lost isolation
 * @entered:	When it was isolated
 * @span:	How long it was until the kernel was entered
 * @kick:	The interrupt of that entry was to make it look at its flags
 * @sender:	Who sent that interrupt
 * @group_sig:	Signal that somebody sent to stop or kill the process, since the
 *		thread last asked. Protected by sighand->siglock, as @group_by.
 * @group_by:	Who sent it, nobody if there were several
 * @last:	The last loss
 * @blocked:	What stood in the way of the last request
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
	struct task_isolation_blockers	blocked;
};

/* Only for CPUs in nohz_full= */
DEFINE_PER_CPU(struct task_isolation_stats *, task_isolation_stats);

/* One word for each cause, as in the event task_isolation_loss and in sysfs */
const char *const task_isolation_words[TASK_ISOLATION_NR_CAUSES] = {
	[TASK_ISOLATION_UNKNOWN]	= "unknown",
	[TASK_ISOLATION_SYSCALL]	= "syscall",
	[TASK_ISOLATION_FAULT]		= "page_fault",
	[TASK_ISOLATION_TRAP]		= "trap",
	[TASK_ISOLATION_VECTOR]		= "vector",
	[TASK_ISOLATION_IRQ]		= "irq",
	[TASK_ISOLATION_TIMER]		= "timer",
	[TASK_ISOLATION_IPI_FUNC]	= "ipi_func",
	[TASK_ISOLATION_RESCHED]	= "reschedule",
	[TASK_ISOLATION_IRQ_WORK]	= "irq_work",
	[TASK_ISOLATION_NMI]		= "nmi",
	[TASK_ISOLATION_MCE]		= "mce",
	[TASK_ISOLATION_SIGNAL]		= "signal",
	[TASK_ISOLATION_STOP]		= "stop",
	[TASK_ISOLATION_AFFINITY]	= "affinity",
};

static struct task_isolation_history *task_isolation_history(void)
{
	return current->isolation.entry->history;
}

/**
 * task_isolation_record_alloc - Give a thread a history
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
	task_isolation_who_none(&history->blocked.task);
	entry->history = history;
	return 0;
}

/**
 * task_isolation_record_free - The thread is gone
 * @entry:	Its entry
 */
void task_isolation_record_free(struct task_isolation_entry *entry)
{
	kfree(entry->history);
}

/**
 * task_isolation_record_request - The last check is all that is missing
 * @sig:	Signal of a loss
 *
 * The event comes this early as nothing may be traced after the last check has
 * begun: who reads the trace would be woken up by an interrupt here.
 *
 * Context: Process context, interrupts enabled. Takes sighand->siglock.
 */
void task_isolation_record_request(int sig)
{
	/* A stop or death that is already on its way is nobody's. */
	scoped_guard (spinlock_irq, &current->sighand->siglock)
		task_isolation_history()->group_sig = 0;
	trace_task_isolation_enter(sig);
}

/**
 * task_isolation_record_start - The last check begins
 *
 * Context: Interrupts disabled, before task_isolation_on is set.
 */
void task_isolation_record_start(void)
{
	task_isolation_senders_reset();
}

/**
 * task_isolation_record_begin - The thread is isolated from now on
 *
 * Context: Interrupts disabled, at the end of the last check. No tracing.
 */
void task_isolation_record_begin(void)
{
	struct task_isolation_stats *stats = __this_cpu_read(task_isolation_stats);
	struct task_isolation_history *history = task_isolation_history();

	history->blocked.bits = 0;
	history->entered = ktime_get_mono_fast_ns();
	if (!stats)
		return;

	atomic64_inc(&stats->entered);
	WRITE_ONCE(stats->tid, task_pid_nr(current));
	stats->start = current->start_boottime;
	atomic64_set(&stats->since, history->entered);
}

/* The first group of blockers, in words of the record. Interrupts are disabled. */
static u64 task_isolation_obstacles(void)
{
	u64 why = task_isolation_impossible();

	if (!(why & TASK_ISOLATION_BLOCKER_NOHZ))
		why |= tick_isolation_impossible();
	return why;
}

/*
 * The check stops at the first that it finds. Who reads of it has to deal with
 * all of them.
 */
static void task_isolation_look(struct task_isolation_blockers *blocked)
{
	const struct task_struct *other = sched_isolation_other(&blocked->task);

	if (other) {
		blocked->bits |= TASK_ISOLATION_BLOCKER_TASK;
		blocked->func = workqueue_isolation_func(other);
	}

	quiet_vmstat_fold();
	if (!vmstat_idle()) {
		blocked->bits |= TASK_ISOLATION_BLOCKER_VMSTAT;
		blocked->work = "vmstat_update";
	}
	if (!lru_cpu_idle()) {
		blocked->bits |= TASK_ISOLATION_BLOCKER_LRU;
		blocked->work = "lru_add_drain";
	}
	tick_isolation_blockers(blocked);
	if (smp_call_raised()) {
		blocked->bits |= TASK_ISOLATION_BLOCKER_CALL;
		blocked->work = "function call";
		blocked->func = blocked->func ?: smp_call_isolation_next();
	}
	if (rcu_exp_needs_cpu()) {
		blocked->bits |= TASK_ISOLATION_BLOCKER_RCU;
		blocked->work = "rcu_exp_handler";
	}
}

static void task_isolation_blocked_again(struct task_isolation_blockers *blocked)
{
	/* The check only knows that the tick does not stop, but not why. */
	bool tick = blocked->bits & TASK_ISOLATION_BLOCKER_TICK;

	blocked->bits &= ~TASK_ISOLATION_BLOCKER_TICK;
	task_isolation_look(blocked);
	if (tick && !blocked->bits) {
		blocked->bits = TASK_ISOLATION_BLOCKER_TICK;
		blocked->tick = "gone by now";
	}
}

/**
 * task_isolation_record_blocked - The request is refused
 * @err:	What prctl() returns
 * @bits:	What the check has found, %TASK_ISOLATION_BLOCKER_* bits
 *
 * Looks for the details. What the check has found may have gone in between.
 *
 * Context: Interrupts disabled, current is not isolated.
 */
void task_isolation_record_blocked(int err, u64 bits)
{
	struct task_isolation_stats *stats = __this_cpu_read(task_isolation_stats);
	struct task_isolation_blockers *blocked = &task_isolation_history()->blocked;

	lockdep_assert_irqs_disabled();

	memset(blocked, 0, sizeof(*blocked));
	task_isolation_who_none(&blocked->task);
	blocked->bits = bits;

	/* A signal has interrupted the request, whatever else there was. */
	if (err == -EAGAIN && !(bits & TASK_ISOLATION_BLOCKER_SIGNAL))
		task_isolation_blocked_again(blocked);
	else if (bits & TASK_ISOLATION_BLOCKER_DEVICE)
		blocked->bits = tick_isolation_impossible() ?: bits;

	if (stats)
		atomic64_inc(&stats->blocked);
	trace_task_isolation_blocked(err, blocked);
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
 * task_isolation_record_entry - The kernel was entered
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
 * task_isolation_record_sender - Note who sent the interrupt that is handled
 * @key:	What it runs, NULL for a reschedule interrupt
 *
 * Context: Hard interrupt which marked current.
 */
void task_isolation_record_sender(const void *key)
{
	struct task_isolation_history *history = task_isolation_history();

	task_isolation_culprit(key, &history->sender, &history->kick);
}

/* Out of line part of task_isolation_record_group(). */
void __task_isolation_record_group(struct task_struct *p,
				   const struct task_isolation_entry *entry, int sig)
{
	struct task_isolation_history *history = entry->history;
	struct task_isolation_who who;

	lockdep_assert_held(&p->sighand->siglock);

	task_isolation_who_current(&who);
	/* The second one may come too late, or what the first sent was ignored. */
	if (history->group_sig == sig && !task_isolation_who_same(&history->group_by, &who))
		task_isolation_who_none(&who);
	history->group_sig = sig;
	history->group_by = who;
}

/* Who sent the signal @sig that stops or kills the process? With siglock held. */
static void task_isolation_group_sender(struct task_isolation_history *history, int sig)
{
	if (history->group_sig == sig)
		history->sender = history->group_by;
	else
		task_isolation_who_none(&history->sender);
	history->group_sig = 0;
}

/* A traced thread is stopped by its tracer. Anybody else came in between. */
static bool task_isolation_may_stop(const struct task_isolation_who *who)
{
	struct task_struct *tracer;

	guard(rcu)();
	tracer = ptrace_parent(current);
	return !tracer || who->pid == task_tgid_nr(tracer);
}

/**
 * task_isolation_record_stop - The thread is about to be stopped
 * @sig:	Signal which stops the whole process, 0 if it is not that
 *
 * Whoever interrupted the thread has been dealt with after this: it does not
 * explain the signal that may end the stop.
 *
 * Context: sighand->siglock is held with @sig, and may be held without.
 */
void task_isolation_record_stop(int sig)
{
	struct task_isolation_history *history = task_isolation_history();

	if (sig)
		task_isolation_group_sender(history, sig);
	else if (!history->kick || !task_isolation_may_stop(&history->sender))
		task_isolation_who_none(&history->sender);
	history->kick = false;
}

/*
 * What the cause is about. Returns true if that is a function, whose name is
 * not for everybody. Without a name there is nothing: an address is for nobody.
 */
static bool task_isolation_what(const struct task_isolation_entry *entry, char *buf, size_t size)
{
	char name[KSYM_NAME_LEN];

	buf[0] = '\0';
	switch (entry->cause) {
	case TASK_ISOLATION_IPI_FUNC:
	case TASK_ISOLATION_IRQ_WORK:
		if (!lookup_symbol_name((unsigned long)entry->what, name))
			strscpy(buf, name, size);
		return true;
	case TASK_ISOLATION_TRAP:
	case TASK_ISOLATION_VECTOR:
		if (entry->what)
			strscpy(buf, entry->what, size);
		return false;
	case TASK_ISOLATION_IRQ:
		strscpy(buf, entry->domain, size);
		return false;
	default:
		return false;
	}
}

static void task_isolation_stats_loss(const struct task_isolation_loss *loss)
{
	struct task_isolation_stats *stats = per_cpu(task_isolation_stats, loss->cpu);
	unsigned long flags;

	if (!stats)
		return;

	/* The thread may have been moved, and another one be isolated there. */
	atomic64_inc(&stats->losses[loss->cause]);
	spin_lock_irqsave(&stats->lock, flags);
	stats->last = *loss;
	spin_unlock_irqrestore(&stats->lock, flags);
}

/**
 * task_isolation_record_loss - Isolation was lost
 * @regs:	Registers of the thread
 *
 * What current->isolation says of the cause is final now.
 *
 * Context: Process context. sighand->siglock may be held.
 */
void task_isolation_record_loss(struct pt_regs *regs)
{
	const struct task_isolation_entry *entry = current->isolation.entry;
	struct task_isolation_history *history = entry->history;
	struct task_isolation_loss *loss = &history->last;

	memset(loss, 0, sizeof(*loss));
	loss->cause = entry->cause;
	loss->cpu = entry->cpu;
	loss->number = task_isolation_number(entry);
	if (entry->cause == TASK_ISOLATION_IRQ)
		loss->hwirq = entry->hwirq;
	loss->ip = instruction_pointer(regs);
	loss->entered = history->entered;
	loss->lost = history->entered + history->span;
	loss->losses = ++history->losses;
	loss->symbol = task_isolation_what(entry, loss->what, sizeof(loss->what));
	/* Whoever sent an interrupt, it is not what the thread did itself. */
	if (task_isolation_has_sender(entry->cause))
		loss->culprit = history->sender;
	else
		task_isolation_who_none(&loss->culprit);

	task_isolation_stats_loss(loss);
	trace_task_isolation_loss(loss);
}

/* Can the signal have come from whoever interrupted the thread? */
static bool task_isolation_may_send(const struct task_isolation_who *who,
				    const struct kernel_siginfo *info)
{
	pid_t pid, tid;

	/* Another thread called exit_group() or exec, or it dumps core, for whom? */
	if (!info)
		return who->pid == task_tgid_nr(current) && !current->signal->core_state;

	/* The kernel sent it. Only for what it did in an interrupt nobody else is to blame. */
	if (!SI_FROMUSER(info) || info->si_code == SI_TIMER || info->si_code == SI_SIGIO)
		return !who->tid;

	return task_isolation_who_visible(who, &pid, &tid) && pid == info->si_pid;
}

/**
 * task_isolation_record_signal - A signal is about to end isolation
 * @info:	What came with it, %NULL for SIGKILL, with which nothing comes
 *
 * The interrupt may have been sent for something else, by somebody else, and
 * the signal have come while that was handled.
 *
 * Context: sighand->siglock is held.
 */
void task_isolation_record_signal(const struct kernel_siginfo *info)
{
	struct task_isolation_history *history = task_isolation_history();

	if (!info && history->group_sig == SIGKILL)
		task_isolation_group_sender(history, SIGKILL);
	else if (!history->kick || !task_isolation_may_send(&history->sender, info))
		task_isolation_who_none(&history->sender);
}

/**
 * task_isolation_record_leave - The thread left by itself
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
 * task_isolation_record_last - What is known of the last loss of current
 *
 * Context: Process context, current has lost isolation.
 * Return: the loss, valid until current asks to be isolated again
 */
const struct task_isolation_loss *task_isolation_record_last(void)
{
	return &task_isolation_history()->last;
}

/**
 * task_isolation_record_siginfo - Tell the thread in its signal who it was
 * @info:	The signal
 */
void task_isolation_record_siginfo(struct kernel_siginfo *info)
{
	const struct task_isolation_who *who = &task_isolation_history()->last.culprit;
	pid_t tid;

	if (task_isolation_who_visible(who, &info->si_pid, &tid))
		info->si_uid = from_kuid_munged(current_user_ns(), who->uid);
}

/**
 * task_isolation_symbols_visible - May current see the names of kernel functions?
 *
 * Return: %true if it may, as kptr_restrict says for their addresses
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

/* Returns @hidden if there is a function which current may not know, nor words for it. */
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

static void task_isolation_record_fill_blocked(struct task_isolation_record *rec,
					       const struct task_isolation_blockers *blocked)
{
	rec->blockers = blocked->bits;
	if (!blocked->bits)
		return;

	if (blocked->tick)
		strscpy(rec->tick, blocked->tick);
	rec->hidden |= task_isolation_record_function(blocked->timer, rec->timer,
						      sizeof(rec->timer),
						      TASK_ISOLATION_HIDDEN_TIMER);
	if (blocked->work)
		strscpy(rec->work, blocked->work);
	rec->hidden |= task_isolation_record_function(blocked->func, rec->work,
						      sizeof(rec->work),
						      TASK_ISOLATION_HIDDEN_WORK);
	if (task_isolation_who_visible(&blocked->task, &rec->blocker_pid, &rec->blocker_tid))
		strscpy(rec->blocker_comm, blocked->task.comm);
}

/**
 * task_isolation_record_prctl - prctl(PR_TASK_ISOLATION_RECORD)
 * @arg:	struct task_isolation_record in user space
 * @size:	Its size there
 * @flags:	None so far
 *
 * The structure is output only. What a program wants is said by @flags, so that
 * it need not clear the structure for the sake of kernels it was not tried with.
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
		task_isolation_record_fill_blocked(&rec, &entry->history->blocked);
	}
	scoped_guard (irq)
		rec.obstacles = task_isolation_obstacles();

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
