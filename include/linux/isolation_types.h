/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_ISOLATION_TYPES_H
#define _LINUX_ISOLATION_TYPES_H

#include <linux/types.h>

#include <uapi/linux/task_isolation.h>

struct task_isolation_entry;

/**
 * enum task_isolation_state - The states of a thread between prctl() and loss
 * @TASK_ISOLATION_OFF:		Not isolated. All other states end here.
 * @TASK_ISOLATION_REQUESTED:	prctl() has succeeded so far, the last check on
 *				the way out is still to come.
 * @TASK_ISOLATION_ISOLATED:	In user mode, or one instruction away from it.
 * @TASK_ISOLATION_MARKED:	The kernel was entered. Either the entry is an
 *				allowed system call, or a signal frame gets
 *				built, or it is a loss to be delivered.
 *
 * Only the thread itself changes its state, always on the CPU it runs on::
 *
 *   OFF -> REQUESTED			task_isolation_prctl()
 *   REQUESTED -> ISOLATED, OFF		task_isolation_start()
 *   REQUESTED, MARKED -> OFF		task_isolation_end_by_signal()
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
 * struct task_isolation - Per thread state of task isolation
 * @state:	enum task_isolation_state
 * @sig:	Signal to send on a loss
 * @entry:	The last entry, see kernel/isolation_internal.h. Allocated by the
 *		first request of the thread, so it exists in all states but
 *		%TASK_ISOLATION_OFF, and stays.
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
