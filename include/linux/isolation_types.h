/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_ISOLATION_TYPES_H
#define _LINUX_ISOLATION_TYPES_H

#include <linux/types.h>

#include <uapi/linux/task_isolation.h>

struct task_isolation_history;

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

#ifdef CONFIG_TASK_ISOLATION
/**
 * struct task_isolation_entry - The entry that marked a thread
 * @cause:	enum task_isolation_cause
 * @closed:	The interrupt that marked the thread is over. What interrupts
 *		the rest of this entry did not cause it.
 * @cpu:	CPU on which the entry happened
 * @nr:		Number or address, as @cause says
 * @hwirq:	Hardware interrupt number, as @cause says
 * @what:	Name or function, as @cause says. Never dereferenced when it is a
 *		function.
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
 * struct task_isolation - Per thread state of task isolation
 * @state:	enum task_isolation_state
 * @sig:	Signal to send on a loss
 * @entry:	The last entry. Allocated by the first request of the thread, so it
 *		is there in all states but %TASK_ISOLATION_OFF, and stays.
 *
 * This is in every task_struct, so it holds no more than it has to.
 */
struct task_isolation {
	u8				state;
	u8				sig;
	struct task_isolation_entry	*entry;
};
#else /* CONFIG_TASK_ISOLATION */
struct task_isolation { };
#endif /* !CONFIG_TASK_ISOLATION */

#endif /* _LINUX_ISOLATION_TYPES_H */
