/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation: what its parts share. In the order of the floors, none of
 * which calls into one above it:
 *
 *   isolation_state.c		key, per-CPU flag, isolation CPUs
 *   isolation_cause.c		what a cause is
 *   isolation_who.c		a thread, in values that can't dangle
 *   isolation_culprit.c	who interrupted an isolated CPU
 *   isolation_check.c		what blocks isolation
 *   isolation_record.c		what happened
 *   isolation_log.c		a line in the log for each loss
 *   isolation.c		the state machine
 *   isolation_sysfs.c		counters of each CPU
 */
#ifndef _KERNEL_ISOLATION_INTERNAL_H
#define _KERNEL_ISOLATION_INTERNAL_H

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "isolation_cause.h"

struct kernel_siginfo;
struct pt_regs;
struct task_isolation_history;

/**
 * struct task_isolation_entry - The entry that marked a thread
 * @cause:	enum task_isolation_cause
 * @closed:	The interrupt which marked the thread was handled. Later interrupts
 *		of this entry are not the cause.
 * @cpu:	CPU on which the entry happened
 * @nr:		Number or address, depending on @cause
 * @hwirq:	Hardware interrupt number, depending on @cause
 * @what:	Name or function, depending on @cause. Never dereferenced when it
 *		is a function.
 * @domain:	Name of the interrupt domain, a copy as domains come and go
 * @history:	What happened before, see kernel/isolation_record.c
 */
struct task_isolation_entry {
	u8				cause;
	u8				closed;
	int				cpu;
	unsigned long			nr;
	unsigned long			hwirq;
	const void			*what;
	char				domain[24];
	struct task_isolation_history	*history;
};

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

void task_isolation_who_none(struct task_isolation_who *who);
void task_isolation_who_set(struct task_isolation_who *who, struct task_struct *p, int cpu);
void task_isolation_who_current(struct task_isolation_who *who);
bool task_isolation_who_same(const struct task_isolation_who *a,
			     const struct task_isolation_who *b);
bool task_isolation_who_visible(const struct task_isolation_who *who, pid_t *pid, pid_t *tid);

/* Number of senders which are recorded for a CPU until it enters the kernel */
#define TASK_ISOLATION_SENDERS		4

/* States of the slot of a sender, see kernel/isolation_culprit.c */
enum {
	TASK_ISOLATION_SENDER_FREE,
	TASK_ISOLATION_SENDER_READY,
	/* Plus the number of the thread which writes, 0 for an interrupt */
	TASK_ISOLATION_SENDER_BUSY,
};

/**
 * struct task_isolation_sender - The slot of a sender
 * @state:	One of the above
 * @kick:	The interrupt is to make the thread check its flags
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
 * struct task_isolation_senders - All senders of interrupts to an isolated CPU
 * @full:	There were more senders than slots
 * @sender:	The first ones
 */
struct task_isolation_senders {
	bool				full;
	struct task_isolation_sender	sender[TASK_ISOLATION_SENDERS];
};

void task_isolation_senders_alloc(int cpu);
void task_isolation_senders_reset(void);
void task_isolation_find_sender(const void *key, struct task_isolation_who *who, bool *kick);

/* Pure parts, visible for the KUnit tests */
void task_isolation_senders_add(struct task_isolation_senders *all, const void *key, bool kick);
void task_isolation_senders_clear(struct task_isolation_senders *all);
bool task_isolation_senders_find(const struct task_isolation_senders *all, const void *key,
				 struct task_isolation_who *who, bool *kick);

/**
 * struct task_isolation_blockers - What blocks isolation
 * @bits:	%TASK_ISOLATION_BLOCKER_* bits
 * @task:	For %TASK_ISOLATION_BLOCKER_TASK: one of the other tasks
 * @tick:	For %TASK_ISOLATION_BLOCKER_TICK: what needs it, a string literal
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
 * @number:	Number or address, depending on @cause
 * @hwirq:	Hardware interrupt number, depending on @cause
 * @ip:		User instruction pointer
 * @entered:	When isolation had begun, CLOCK_MONOTONIC
 * @lost:	When the kernel was entered
 * @losses:	Number of losses of the thread, this one included
 * @symbol:	@what names a function
 * @what:	Function, vector, exception or interrupt domain
 * @culprit:	The sender which caused it
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
 * @since:	When the thread there was isolated, 0 if none is
 * @longest:	Longest time for which a thread was isolated, ns
 * @tid:	The thread, as the init pid namespace numbers it
 * @start:	When the thread was started
 * @entered:	How often a thread was isolated
 * @left:	How often a thread left by itself
 * @blocked:	How often a request was refused
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
 * task_isolation_span - The time for which a thread was isolated
 * @entered:	When that began, by ktime_get_mono_fast_ns() on its CPU
 * @until:	When it ended, or now, by the same clock, on any CPU
 *
 * This clock may step back a little when it is read while another CPU updates
 * it. So an end before the beginning is possible, and means right after it.
 *
 * Return: nanoseconds
 */
static inline u64 task_isolation_span(u64 entered, u64 until)
{
	return until > entered ? until - entered : 0;
}

DECLARE_PER_CPU(struct task_isolation_stats *, task_isolation_stats);

int task_isolation_record_alloc(struct task_isolation_entry *entry);
void task_isolation_record_free(struct task_isolation_entry *entry);
void task_isolation_record_start(void);
void task_isolation_record_request(int sig);
void task_isolation_record_begin(void);
void task_isolation_record_blocked(u64 bits);
void task_isolation_record_entry(void);
void task_isolation_record_sender(const void *key);
void task_isolation_record_loss(struct pt_regs *regs);
void task_isolation_record_signal(const struct kernel_siginfo *info);
void task_isolation_record_stop(int sig);
void task_isolation_record_leave(long nr);
const struct task_isolation_loss *task_isolation_record_last(void);
void task_isolation_record_siginfo(struct kernel_siginfo *info);
bool task_isolation_symbols_visible(void);

#ifdef CONFIG_TASK_ISOLATION_LOG
void task_isolation_log(void);
int task_isolation_describe(const struct task_isolation_loss *loss, char *buf, size_t size);
int task_isolation_describe_culprit(const struct task_isolation_loss *loss, char *buf,
				    size_t size);
#else
static inline void task_isolation_log(void) { }
#endif

/* Pure parts of the state machine, visible for the KUnit tests */
int task_isolation_parse(unsigned long flags, int *sig);

#endif /* _KERNEL_ISOLATION_INTERNAL_H */
