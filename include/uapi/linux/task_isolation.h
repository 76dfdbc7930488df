/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Task isolation: what is reported to a thread of a loss, and of a refusal. See
 * Documentation/userspace-api/task_isolation.rst.
 */
#ifndef _UAPI_LINUX_TASK_ISOLATION_H
#define _UAPI_LINUX_TASK_ISOLATION_H

#include <linux/types.h>

/**
 * enum task_isolation_cause - Why the kernel was entered
 * @TASK_ISOLATION_UNKNOWN:	The entry was not annotated
 * @TASK_ISOLATION_SYSCALL:	System call: its number
 * @TASK_ISOLATION_SIGNAL:	Signal with a handler, or a deadly one: its
 *				number. This ends isolation, but the signal is a
 *				notification by itself.
 * @TASK_ISOLATION_NMI:		Non-maskable interrupt
 * @TASK_ISOLATION_FAULT:	Page fault: its address
 * @TASK_ISOLATION_TRAP:	Other exception: its name
 * @TASK_ISOLATION_VECTOR:	Interrupt vector of which nothing else is known: its
 *				number and name
 * @TASK_ISOLATION_MCE:		Machine check
 * @TASK_ISOLATION_IRQ:		Device interrupt: its number, hwirq and domain
 * @TASK_ISOLATION_TIMER:	Local clock event device
 * @TASK_ISOLATION_IPI_FUNC:	Function call from another CPU: the function
 * @TASK_ISOLATION_RESCHED:	Reschedule interrupt
 * @TASK_ISOLATION_IRQ_WORK:	irq_work: its function
 * @TASK_ISOLATION_STOP:	Stopped, traced or frozen for a while
 * @TASK_ISOLATION_AFFINITY:	A change of affinity or cpuset, or the CPU going
 *				offline, took the CPU away
 *
 * In si_errno of a siginfo whose si_code is SI_TASK_ISOLATION, and in
 * struct task_isolation_record. More may be added at the end, so expect values
 * which are not here.
 */
enum task_isolation_cause {
	TASK_ISOLATION_UNKNOWN,
	TASK_ISOLATION_SYSCALL,
	TASK_ISOLATION_SIGNAL,
	TASK_ISOLATION_NMI,
	TASK_ISOLATION_FAULT,
	TASK_ISOLATION_TRAP,
	TASK_ISOLATION_VECTOR,
	TASK_ISOLATION_MCE,
	TASK_ISOLATION_IRQ,
	TASK_ISOLATION_TIMER,
	TASK_ISOLATION_IPI_FUNC,
	TASK_ISOLATION_RESCHED,
	TASK_ISOLATION_IRQ_WORK,
	TASK_ISOLATION_STOP,
	TASK_ISOLATION_AFFINITY,
	/*
	 * Besides its call site and tests, one more touches three other files:
	 *
	 *   kernel/isolation_cause.h, the list of all that is known of it,
	 *   Documentation/admin-guide/task-isolation.rst, and
	 *   Documentation/ABI/testing/sysfs-devices-system-cpu.
	 */
};

/*
 * What blocks isolation. Waiting does not change the first group, for which
 * prctl(PR_TASK_ISOLATION) fails with EINVAL. The second one may be gone later,
 * it fails with EAGAIN. One more needs an entry in kernel/isolation_check.h,
 * which names the other files.
 */
#define TASK_ISOLATION_BLOCKER_AFFINITY	(1ULL << 0)	/* Not bound to exactly one CPU */
#define TASK_ISOLATION_BLOCKER_NOHZ	(1ULL << 1)	/* CPU not in nohz_full= */
#define TASK_ISOLATION_BLOCKER_DOMAIN	(1ULL << 2)	/* CPU takes part in load balancing */
#define TASK_ISOLATION_BLOCKER_DEADLINE	(1ULL << 3)	/* SCHED_DEADLINE needs the tick */
#define TASK_ISOLATION_BLOCKER_CLOCK	(1ULL << 4)	/* Scheduler clock is unstable */
#define TASK_ISOLATION_BLOCKER_DEVICE	(1ULL << 5)	/* Timer device can't be turned off */
#define TASK_ISOLATION_BLOCKERS_FINAL	0xffffULL	/* All of the first group */

#define TASK_ISOLATION_BLOCKER_TASK	(1ULL << 16)	/* Another task, see blocker_*, work */
#define TASK_ISOLATION_BLOCKER_RESCHED	(1ULL << 17)	/* The scheduler needs the CPU */
#define TASK_ISOLATION_BLOCKER_TICK	(1ULL << 18)	/* Something needs the tick, see tick */
#define TASK_ISOLATION_BLOCKER_TIMER	(1ULL << 19)	/* Timer pending, see timer */
#define TASK_ISOLATION_BLOCKER_VMSTAT	(1ULL << 20)	/* VM counters to be folded, see work */
#define TASK_ISOLATION_BLOCKER_LRU	(1ULL << 21)	/* Page batches to be drained, see work */
#define TASK_ISOLATION_BLOCKER_SOFTIRQ	(1ULL << 22)	/* Softirq pending, see work */
#define TASK_ISOLATION_BLOCKER_IRQ_WORK	(1ULL << 23)	/* irq_work pending, see work */
#define TASK_ISOLATION_BLOCKER_RCU	(1ULL << 24)	/* RCU needs this CPU, see work */
#define TASK_ISOLATION_BLOCKER_SIGNAL	(1ULL << 25)	/* Signal or task work pending */
#define TASK_ISOLATION_BLOCKER_CALL	(1ULL << 26)	/* Function call pending, see work */

/**
 * struct task_isolation_record - What happened to the isolation of this thread
 * @flags:		0. Bits may be added.
 * @cause:		Last loss: enum task_isolation_cause. Without a loss so far
 *			(@losses is 0), TASK_ISOLATION_UNKNOWN.
 * @losses:		How often this thread lost isolation, other signals which
 *			ended it included
 * @number:		Number or address, depending on @cause, otherwise 0
 * @hwirq:		Hardware interrupt number for TASK_ISOLATION_IRQ
 * @ip:			User instruction pointer at the loss
 * @entered_ns:		When the isolation that was lost had begun,
 *			CLOCK_MONOTONIC of the reader's time namespace
 * @lost_ns:		When it was lost, the same clock
 * @blockers:		What blocked isolation when prctl(PR_TASK_ISOLATION) last
 *			failed, %TASK_ISOLATION_BLOCKER_* bits. 0 once it succeeds.
 * @blockers_now:	Blockers of the first group which hold right now: 0 if a
 *			request of this thread can succeed
 * @cpu:		CPU of the last loss
 * @culprit_cpu:	CPU from which it was caused, -1 if none is known
 * @culprit_pid:	Process that caused it, as seen from the pid namespace of
 *			the reader. 0 if none is known, if it was an interrupt
 *			on @culprit_cpu, or if that process is not visible.
 * @culprit_tid:	The thread of it
 * @culprit_uid:	User of it, as seen from the reader's user namespace
 * @blocker_pid:	For TASK_ISOLATION_BLOCKER_TASK: the other process, 0 if
 *			not visible
 * @blocker_tid:	The thread of it
 * @hidden:		%TASK_ISOLATION_HIDDEN_* bits: what this thread may not see
 * @culprit_comm:	Name of the culprit, empty if @culprit_pid is 0
 * @what:		What @cause is about, in words: function, vector, exception,
 *			or interrupt domain. Functions only as far as kptr_restrict
 *			permits.
 * @blocker_comm:	For TASK_ISOLATION_BLOCKER_TASK: name of the other thread
 * @tick:		For TASK_ISOLATION_BLOCKER_TICK: what needs it
 * @timer:		For TASK_ISOLATION_BLOCKER_TIMER: its function, see @what
 * @work:		Which work is pending, for blockers which refer to this: that
 *			of the kworker in @blocker_comm, of an irq_work or call, or
 *			words
 *
 * Filled by prctl(PR_TASK_ISOLATION_RECORD, record, size, flags, 0), for the
 * calling thread. flags must be 0. The structure is output only, nothing of it is
 * read. It can only grow, at its end. Members which the kernel does not know
 * become 0, and those which the program does not know are left out.
 *
 * The numbers are the interface. @what, @tick, @timer and @work are diagnostics
 * for people: names of functions and other words of this kernel, which change
 * with it. Show them, but do not base decisions on them.
 */
struct task_isolation_record {
	__u32	flags;
	__u32	cause;
	__u64	losses;
	__u64	number;
	__u64	hwirq;
	__u64	ip;
	__u64	entered_ns;
	__u64	lost_ns;
	__u64	blockers;
	__u64	blockers_now;
	__s32	cpu;
	__s32	culprit_cpu;
	__s32	culprit_pid;
	__s32	culprit_tid;
	__u32	culprit_uid;
	__s32	blocker_pid;
	__s32	blocker_tid;
	__u32	hidden;
	char	culprit_comm[16];
	char	what[64];
	char	blocker_comm[16];
	char	tick[32];
	char	timer[64];
	char	work[64];
};

#define TASK_ISOLATION_RECORD_SIZE_VER0	360	/* sizeof first published struct */

#define TASK_ISOLATION_HIDDEN_WHAT	(1U << 0)	/* The function in what */
#define TASK_ISOLATION_HIDDEN_TIMER	(1U << 1)	/* The function in timer */
#define TASK_ISOLATION_HIDDEN_WORK	(1U << 2)	/* The function in work */

#endif /* _UAPI_LINUX_TASK_ISOLATION_H */
