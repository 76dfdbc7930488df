/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation: the blockers
 */
#ifndef _KERNEL_ISOLATION_CHECK_H
#define _KERNEL_ISOLATION_CHECK_H

#include <linux/types.h>

#include <uapi/linux/task_isolation.h>

#include "isolation_cause.h"

struct task_isolation_blockers;

/**
 * enum task_isolation_phase - When a blocker is evaluated
 * @TASK_ISOLATION_PHASE_EXIT:		First and last in the last check
 * @TASK_ISOLATION_PHASE_THREAD:	Before anything is done to the CPU. Waiting does
 *					not change these.
 * @TASK_ISOLATION_PHASE_EARLY:		Before the tick is stopped
 * @TASK_ISOLATION_PHASE_MACHINE:	To explain why the tick can never be stopped
 * @TASK_ISOLATION_PHASE_TICK:		To explain why the tick can't be stopped now
 * @TASK_ISOLATION_PHASE_LATE:		After the tick is stopped. All that comes before
 *					may trace, and wake up a reader of the trace.
 */
enum task_isolation_phase {
	TASK_ISOLATION_PHASE_EXIT,
	TASK_ISOLATION_PHASE_THREAD,
	TASK_ISOLATION_PHASE_EARLY,
	TASK_ISOLATION_PHASE_MACHINE,
	TASK_ISOLATION_PHASE_TICK,
	TASK_ISOLATION_PHASE_LATE,
};

/*
 * All blockers, in the order of their bits, which is also the order of evaluation
 * within a phase. Whoever expands the list defines blocker_entry() before:
 *
 *   name	%TASK_ISOLATION_BLOCKER_* bit, without its prefix
 *   word	the same in lower case, for the event task_isolation_blocked.
 *		blocked_by_WORD() of kernel/isolation_check.c tests and describes it.
 *   phase	when it is evaluated, see enum task_isolation_phase
 *
 * Besides that function and tests, one more touches three other files:
 *
 *   include/uapi/linux/task_isolation.h, its bit,
 *   tools/task_isolation/words.c, and
 *   Documentation/userspace-api/task_isolation.rst.
 */
#define TASK_ISOLATION_BLOCKERS TASK_ISOLATION_LIST(	\
	blocker_entry(AFFINITY, affinity, THREAD),	\
	blocker_entry(NOHZ,     nohz,     THREAD),	\
	blocker_entry(DOMAIN,   domain,   THREAD),	\
	blocker_entry(DEADLINE, deadline, THREAD),	\
	blocker_entry(CLOCK,    clock,    MACHINE),	\
	blocker_entry(DEVICE,   device,   MACHINE),	\
	blocker_entry(TASK,     task,     EARLY),	\
	blocker_entry(RESCHED,  resched,  EARLY),	\
	blocker_entry(TICK,     tick,     TICK),	\
	blocker_entry(TIMER,    timer,    TICK),	\
	blocker_entry(VMSTAT,   vmstat,   EARLY),	\
	blocker_entry(LRU,      lru,      EARLY),	\
	blocker_entry(SOFTIRQ,  softirq,  LATE),	\
	blocker_entry(IRQ_WORK, irq_work, LATE),	\
	blocker_entry(RCU,      rcu,      LATE),	\
	blocker_entry(SIGNAL,   signal,   EXIT),	\
	blocker_entry(CALL,     call,     LATE)		\
)

u64 task_isolation_check_thread(void);
u64 task_isolation_check(void);
u64 task_isolation_last_check(void);
u64 task_isolation_final_blockers(void);
int task_isolation_error(u64 bits);
void task_isolation_explain(struct task_isolation_blockers *blockers, u64 bits);

/* One blocker alone, visible for the KUnit tests */
bool task_isolation_blocked_by(u64 bit, struct task_isolation_blockers *blockers);

#endif /* _KERNEL_ISOLATION_CHECK_H */
