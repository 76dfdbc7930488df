/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation: what happened, for the thread, the log, tracers and counters.
 * See kernel/isolation_record.c.
 */
#ifndef _LINUX_ISOLATION_RECORD_H
#define _LINUX_ISOLATION_RECORD_H

#include <linux/isolation_culprit.h>

struct attribute_group;
struct kernel_siginfo;
struct task_isolation_entry;

/* Not in uapi, where it would change with each cause that is added */
#define TASK_ISOLATION_NR_CAUSES	(TASK_ISOLATION_AFFINITY + 1)

/**
 * struct task_isolation_blockers - What stands in the way of isolation
 * @bits:	%TASK_ISOLATION_BLOCKER_* bits
 * @task:	For %TASK_ISOLATION_BLOCKER_TASK: one of the other tasks
 * @tick:	For %TASK_ISOLATION_BLOCKER_TICK: who needs it, a string literal
 * @timer:	For %TASK_ISOLATION_BLOCKER_TIMER: its function. Never dereferenced.
 * @work:	For work which is pending: its name, a string literal
 * @func:	Function of the work item, if @task is a kworker, of the irq_work
 *		or of the function call. Never dereferenced.
 */
struct task_isolation_blockers {
	u64				bits;
	struct task_isolation_who	task;
	const char			*tick;
	const void			*timer;
	const char			*work;
	const void			*func;
};

/**
 * struct task_isolation_loss - What is known of a loss
 * @cause:	enum task_isolation_cause
 * @cpu:	CPU on which it happened
 * @number:	Number or address, as @cause says
 * @hwirq:	Hardware interrupt number, as @cause says
 * @ip:		User instruction pointer
 * @entered:	When isolation had begun, CLOCK_MONOTONIC
 * @lost:	When the kernel was entered
 * @losses:	How many the thread has had, this one included
 * @symbol:	@what names a function
 * @what:	Function, vector, exception or interrupt domain
 * @culprit:	Who caused it
 */
struct task_isolation_loss {
	u32				cause;
	int				cpu;
	u64				number;
	u64				hwirq;
	u64				ip;
	u64				entered;
	u64				lost;
	u64				losses;
	bool				symbol;
	char				what[64];
	struct task_isolation_who	culprit;
};

/**
 * struct task_isolation_stats - What happened on an isolation CPU
 * @since:	When the thread there got isolated, 0 if none is
 * @longest:	Longest time that a thread was isolated, ns
 * @tid:	The thread, as the init pid namespace numbers it
 * @start:	When the thread was started
 * @entered:	How often a thread got isolated
 * @left:	How often one left by itself
 * @blocked:	How often one was refused
 * @losses:	How often isolation was lost, by cause
 * @lock:	Protects @last
 * @last:	The last loss
 */
struct task_isolation_stats {
	atomic64_t			since;
	atomic64_t			longest;
	pid_t				tid;
	u64				start;
	atomic64_t			entered;
	atomic64_t			left;
	atomic64_t			blocked;
	atomic64_t			losses[TASK_ISOLATION_NR_CAUSES];
	spinlock_t			lock;	/* protects last */
	struct task_isolation_loss	last;
};

/**
 * task_isolation_span - For how long has a thread been isolated?
 * @entered:	When that began, by ktime_get_mono_fast_ns() on its CPU
 * @until:	When it ended, or now, by the same clock, on any CPU
 *
 * That clock may step back a little where it is read while another CPU updates
 * it, so an end before the beginning is possible, and is one right after it.
 *
 * Return: nanoseconds
 */
static inline u64 task_isolation_span(u64 entered, u64 until)
{
	return until > entered ? until - entered : 0;
}

/* In kernel/sched/, kernel/time/ and so on, with interrupts disabled */
const void *irq_work_isolation_next(void);
const void *smp_call_isolation_next(void);
const struct task_struct *sched_isolation_other(struct task_isolation_who *who);
void tick_isolation_blockers(struct task_isolation_blockers *blockers);
u64 tick_isolation_impossible(void);
const void *workqueue_isolation_func(const struct task_struct *p);

#ifdef CONFIG_TASK_ISOLATION_RECORD

DECLARE_PER_CPU(struct task_isolation_stats *, task_isolation_stats);

extern const char *const task_isolation_words[TASK_ISOLATION_NR_CAUSES];
extern const struct attribute_group task_isolation_attr_group;

int task_isolation_record_alloc(struct task_isolation_entry *entry);
void task_isolation_record_free(struct task_isolation_entry *entry);
void task_isolation_record_start(void);
void task_isolation_record_request(int sig);
void task_isolation_record_begin(void);
void task_isolation_record_blocked(int err, u64 bits);
void task_isolation_record_entry(void);
void task_isolation_record_sender(const void *key);
void task_isolation_record_loss(struct pt_regs *regs);
void task_isolation_record_signal(const struct kernel_siginfo *info);
void task_isolation_record_stop(int sig);
void __task_isolation_record_group(struct task_struct *p,
				   const struct task_isolation_entry *entry, int sig);
void task_isolation_record_leave(long nr);
const struct task_isolation_loss *task_isolation_record_last(void);
void task_isolation_record_siginfo(struct kernel_siginfo *info);
long task_isolation_record_prctl(void __user *arg, unsigned long size, unsigned long flags);
bool task_isolation_symbols_visible(void);

/**
 * task_isolation_record_group - Somebody stops or kills a whole process
 * @p:		A thread of it
 * @sig:	Signal that does it
 *
 * The threads are interrupted by one of them, which takes the signal, or they
 * find it without knowing where it came from. So who sent it leaves its name
 * with each of them that has ever asked to be isolated.
 *
 * Invoked from prepare_signal() for a stop, and from complete_signal() for a
 * death, with sighand->siglock held.
 */
static inline void task_isolation_record_group(struct task_struct *p, int sig)
{
	const struct task_isolation_entry *entry;

	if (!static_branch_unlikely(&task_isolation_key))
		return;

	/* Pairs with the release in task_isolation_alloc(). */
	entry = READ_ONCE(p->isolation.entry);
	if (unlikely(entry))
		__task_isolation_record_group(p, entry, sig);
}

#else /* CONFIG_TASK_ISOLATION_RECORD */

static inline int task_isolation_record_alloc(struct task_isolation_entry *entry) { return 0; }
static inline void task_isolation_record_free(struct task_isolation_entry *entry) { }
static inline void task_isolation_record_start(void) { }
static inline void task_isolation_record_request(int sig) { }
static inline void task_isolation_record_begin(void) { }
static inline void task_isolation_record_blocked(int err, u64 bits) { }
static inline void task_isolation_record_entry(void) { }
static inline void task_isolation_record_sender(const void *key) { }
static inline void task_isolation_record_loss(struct pt_regs *regs) { }
static inline void task_isolation_record_signal(const struct kernel_siginfo *info) { }
static inline void task_isolation_record_stop(int sig) { }
static inline void task_isolation_record_group(struct task_struct *p, int sig) { }
static inline void task_isolation_record_leave(long nr) { }
static inline void task_isolation_record_siginfo(struct kernel_siginfo *info) { }

#endif /* !CONFIG_TASK_ISOLATION_RECORD */

#ifdef CONFIG_TASK_ISOLATION_LOG
void task_isolation_log(void);
int task_isolation_describe(const struct task_isolation_loss *loss, char *buf, size_t size);
int task_isolation_describe_culprit(const struct task_isolation_loss *loss, char *buf,
				    size_t size);
#else
static inline void task_isolation_log(void) { }
#endif

#ifndef CONFIG_TASK_ISOLATION
static inline long task_isolation_record_prctl(void __user *arg, unsigned long size,
					       unsigned long flags)
{
	return -EINVAL;
}
#endif

#endif /* _LINUX_ISOLATION_RECORD_H */
