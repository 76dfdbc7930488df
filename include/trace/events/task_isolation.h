/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM task_isolation

#if !defined(_TRACE_TASK_ISOLATION_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_TASK_ISOLATION_H

#include <linux/isolation_record.h>
#include <linux/tracepoint.h>

/* Numbers, as user space parses these lists, and they are uapi. */
#define show_task_isolation_cause(cause)				\
	__print_symbolic(cause,						\
		{ 0,	"unknown" },					\
		{ 1,	"syscall" },					\
		{ 2,	"page_fault" },					\
		{ 3,	"trap" },					\
		{ 4,	"vector" },					\
		{ 5,	"irq" },					\
		{ 6,	"timer" },					\
		{ 7,	"ipi_func" },					\
		{ 8,	"reschedule" },					\
		{ 9,	"irq_work" },					\
		{ 10,	"nmi" },					\
		{ 11,	"mce" },					\
		{ 12,	"signal" },					\
		{ 13,	"stop" },					\
		{ 14,	"affinity" })

#define show_task_isolation_blockers(bits)				\
	__print_flags_u64(bits, "|",					\
		{ 1ULL << 0,	"affinity" },				\
		{ 1ULL << 1,	"nohz" },				\
		{ 1ULL << 2,	"domain" },				\
		{ 1ULL << 3,	"deadline" },				\
		{ 1ULL << 4,	"clock" },				\
		{ 1ULL << 5,	"device" },				\
		{ 1ULL << 16,	"task" },				\
		{ 1ULL << 17,	"resched" },				\
		{ 1ULL << 18,	"tick" },				\
		{ 1ULL << 19,	"timer" },				\
		{ 1ULL << 20,	"vmstat" },				\
		{ 1ULL << 21,	"lru" },				\
		{ 1ULL << 22,	"softirq" },				\
		{ 1ULL << 23,	"irq_work" },				\
		{ 1ULL << 24,	"rcu" },				\
		{ 1ULL << 25,	"signal" },				\
		{ 1ULL << 26,	"call" })

/**
 * task_isolation_enter - a thread is about to be isolated on this CPU
 * @sig:	signal of a loss
 *
 * All but the last check on the way to user mode has been done. If that fails
 * task_isolation_blocked follows.
 */
TRACE_EVENT(task_isolation_enter,

	TP_PROTO(int sig),

	TP_ARGS(sig),

	TP_STRUCT__entry(
		__field(int,	sig)
	),

	TP_fast_assign(
		__entry->sig	= sig;
	),

	TP_printk("sig=%d", __entry->sig)
);

/**
 * task_isolation_blocked - a thread can't be isolated on this CPU
 * @err:	what prctl() returns
 * @blockers:	why
 */
TRACE_EVENT(task_isolation_blocked,

	TP_PROTO(int err, const struct task_isolation_blockers *blockers),

	TP_ARGS(err, blockers),

	TP_STRUCT__entry(
		__field(int,		err)
		__field(u64,		blockers)
		__field(const void *,	timer)
		__field(const void *,	func)
		__field(pid_t,		pid)
		__field(pid_t,		tid)
		__array(char,		comm,	TASK_COMM_LEN)
		__string(tick,		blockers->tick ?: "-")
		__string(work,		blockers->work ?: "-")
	),

	TP_fast_assign(
		__entry->err		= err;
		__entry->blockers	= blockers->bits;
		__entry->timer		= blockers->timer;
		__entry->func		= blockers->func;
		__entry->pid		= blockers->task.pid;
		__entry->tid		= blockers->task.tid;
		memcpy(__entry->comm, blockers->task.comm, TASK_COMM_LEN);
		__assign_str(tick);
		__assign_str(work);
	),

	TP_printk("err=%d blockers=%s task=%s/%d tick=%s timer=%ps work=%s func=%ps",
		  __entry->err, show_task_isolation_blockers(__entry->blockers),
		  __entry->comm, __entry->tid, __get_str(tick), __entry->timer,
		  __get_str(work), __entry->func)
);

/**
 * task_isolation_loss - a thread has lost isolation
 * @loss:	all that is known about it
 *
 * Comes when the thread is told, maybe later and on another CPU than it was
 * lost.
 */
TRACE_EVENT(task_isolation_loss,

	TP_PROTO(const struct task_isolation_loss *loss),

	TP_ARGS(loss),

	TP_STRUCT__entry(
		__field(u32,	cause)
		__field(int,	cpu)
		__field(u64,	number)
		__field(u64,	hwirq)
		__field(u64,	ip)
		__field(u64,	entered_ns)
		__field(u64,	lost_ns)
		__field(u64,	losses)
		__field(int,	culprit_cpu)
		__field(pid_t,	culprit_pid)
		__field(pid_t,	culprit_tid)
		__field(uid_t,	culprit_uid)
		__array(char,	culprit_comm,	TASK_COMM_LEN)
		__string(what,	loss->what)
	),

	TP_fast_assign(
		__entry->cause		= loss->cause;
		__entry->cpu		= loss->cpu;
		__entry->number		= loss->number;
		__entry->hwirq		= loss->hwirq;
		__entry->ip		= loss->ip;
		__entry->entered_ns	= loss->entered;
		__entry->lost_ns	= loss->lost;
		__entry->losses		= loss->losses;
		__entry->culprit_cpu	= loss->culprit.cpu;
		__entry->culprit_pid	= loss->culprit.pid;
		__entry->culprit_tid	= loss->culprit.tid;
		__entry->culprit_uid	= from_kuid(&init_user_ns, loss->culprit.uid);
		memcpy(__entry->culprit_comm, loss->culprit.comm, TASK_COMM_LEN);
		__assign_str(what);
	),

	TP_printk("cause=%s number=%#llx hwirq=%llu what=%s ip=%#llx cpu=%d quiet=%llu losses=%llu culprit=%s/%d culprit_cpu=%d",
		  show_task_isolation_cause(__entry->cause),
		  __entry->number, __entry->hwirq, __get_str(what), __entry->ip, __entry->cpu,
		  __entry->lost_ns - __entry->entered_ns, __entry->losses,
		  __entry->culprit_comm, __entry->culprit_tid, __entry->culprit_cpu)
);

/**
 * task_isolation_leave - a thread has left isolation by itself
 * @nr:		system call by which it did
 * @quiet:	how long it was isolated, ns
 */
TRACE_EVENT(task_isolation_leave,

	TP_PROTO(long nr, u64 quiet),

	TP_ARGS(nr, quiet),

	TP_STRUCT__entry(
		__field(long,	nr)
		__field(u64,	quiet)
	),

	TP_fast_assign(
		__entry->nr	= nr;
		__entry->quiet	= quiet;
	),

	TP_printk("nr=%ld quiet=%llu", __entry->nr, __entry->quiet)
);

#endif /* _TRACE_TASK_ISOLATION_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
