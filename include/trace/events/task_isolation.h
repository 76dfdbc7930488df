/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM task_isolation

#if !defined(_TRACE_TASK_ISOLATION_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_TASK_ISOLATION_H

#include <linux/tracepoint.h>

/* Their lists and structures come with the private headers of kernel/isolation_record.c. */
struct task_isolation_blockers;
struct task_isolation_loss;

/* Their numbers, as user space parses these lists. */
#define cause_entry(nr, word, ...)	{ nr, word }
#define show_task_isolation_cause(cause)				\
	__print_symbolic(cause, TASK_ISOLATION_CAUSES)

#define blocker_entry(name, word, ...)	{ TASK_ISOLATION_BLOCKER_##name, #word }
#define show_task_isolation_blockers(bits)				\
	__print_flags_u64(bits, "|", TASK_ISOLATION_BLOCKERS)

/**
 * task_isolation_enter - A thread is about to be isolated on this CPU
 * @sig:	Signal of a loss
 *
 * Only the last check on the way to user mode is still to come. If that fails
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
 * task_isolation_blocked - A thread can't be isolated on this CPU
 * @err:	What prctl() returns
 * @blockers:	What blocks isolation
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
 * task_isolation_loss - A thread has lost isolation
 * @loss:	All that is known of the loss
 *
 * Comes when the thread is notified, which may be later, and on another CPU than
 * the loss.
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
 * task_isolation_leave - A thread has left isolation by itself
 * @nr:		System call by which it left
 * @quiet:	For how long it was isolated, ns
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
