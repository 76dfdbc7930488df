/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_ISOLATION_TYPES_H
#define _LINUX_ISOLATION_TYPES_H

#include <linux/types.h>

/**
 * enum task_isolation_state - Where a thread stands between prctl() and loss
 * @TASK_ISOLATION_OFF:		Not isolated. Everything ends here.
 * @TASK_ISOLATION_REQUESTED:	prctl() succeeded so far, the last check on the
 *				way out is still to come.
 * @TASK_ISOLATION_ISOLATED:	In user mode, or an instruction away from it.
 * @TASK_ISOLATION_MARKED:	The kernel was entered. Either the entry is an
 *				allowed system call, or a signal frame gets
 *				built, or it is a loss to be delivered.
 *
 * Only the thread itself changes its state, always on the CPU it runs on::
 *
 *   OFF -> REQUESTED			task_isolation_prctl()
 *   REQUESTED -> ISOLATED, OFF		task_isolation_start()
 *   REQUESTED, MARKED -> OFF		task_isolation_signal()
 *   ISOLATED -> MARKED			task_isolation_user_exit()
 *   MARKED -> OFF			task_isolation_syscall(),
 *					task_isolation_deliver()
 */
enum task_isolation_state {
	TASK_ISOLATION_OFF,
	TASK_ISOLATION_REQUESTED,
	TASK_ISOLATION_ISOLATED,
	TASK_ISOLATION_MARKED,
};

/**
 * enum task_isolation_cause - Why the kernel was entered
 * @TASK_ISOLATION_UNKNOWN:	Nobody annotated the entry
 * @TASK_ISOLATION_SYSCALL:	System call, number in @nr
 * @TASK_ISOLATION_FAULT:	Page fault, address in @nr
 * @TASK_ISOLATION_TRAP:	Other exception, name in @who
 * @TASK_ISOLATION_VECTOR:	Interrupt vector which nobody explained further,
 *				name in @who
 * @TASK_ISOLATION_IRQ:		Device interrupt: number in @nr, hwirq in @hwirq,
 *				domain in @domain
 * @TASK_ISOLATION_TIMER:	Local clock event device
 * @TASK_ISOLATION_IPI_FUNC:	Function call from another CPU, function in @who
 * @TASK_ISOLATION_RESCHED:	Reschedule interrupt
 * @TASK_ISOLATION_IRQ_WORK:	irq_work, function in @who
 * @TASK_ISOLATION_NMI:		Non-maskable interrupt
 * @TASK_ISOLATION_MCE:		Machine check
 * @TASK_ISOLATION_SIGNAL:	Signal with a handler, or a deadly one: number in
 *				@nr. This ends isolation, but the signal says so
 *				itself.
 * @TASK_ISOLATION_STOP:	Stopped, traced or frozen for a while
 * @TASK_ISOLATION_AFFINITY:	A change of affinity or cpuset took the CPU away
 * @TASK_ISOLATION_NR_CAUSES:	Number of causes
 */
enum task_isolation_cause {
	TASK_ISOLATION_UNKNOWN,
	TASK_ISOLATION_SYSCALL,
	TASK_ISOLATION_FAULT,
	TASK_ISOLATION_TRAP,
	TASK_ISOLATION_VECTOR,
	TASK_ISOLATION_IRQ,
	TASK_ISOLATION_TIMER,
	TASK_ISOLATION_IPI_FUNC,
	TASK_ISOLATION_RESCHED,
	TASK_ISOLATION_IRQ_WORK,
	TASK_ISOLATION_NMI,
	TASK_ISOLATION_MCE,
	TASK_ISOLATION_SIGNAL,
	TASK_ISOLATION_STOP,
	TASK_ISOLATION_AFFINITY,
	TASK_ISOLATION_NR_CAUSES,
};

#ifdef CONFIG_TASK_ISOLATION
/**
 * struct task_isolation - Per thread state of task isolation
 * @state:	enum task_isolation_state
 * @sig:	Signal to send on a loss
 * @cause:	enum task_isolation_cause of the entry that marked the thread
 * @closed:	The interrupt that marked the thread is over. What interrupts
 *		the rest of this entry did not cause it.
 * @cpu:	CPU on which the entry happened
 * @nr:		Number or address, as @cause says
 * @hwirq:	Hardware interrupt number, as @cause says
 * @who:	Name or function, as @cause says. Never dereferenced when it is a
 *		function.
 * @domain:	Name of the interrupt domain, a copy as domains come and go
 */
struct task_isolation {
	u8		state;
	u8		sig;
	u8		cause;
	u8		closed;
	int		cpu;
	unsigned long	nr;
	unsigned long	hwirq;
	const void	*who;
	char		domain[24];
};
#else /* CONFIG_TASK_ISOLATION */
struct task_isolation { };
#endif /* !CONFIG_TASK_ISOLATION */

#endif /* _LINUX_ISOLATION_TYPES_H */
