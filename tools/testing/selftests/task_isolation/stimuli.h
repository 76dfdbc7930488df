/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation tests: what can be done to an isolated thread, each of it once, with
 * what has to come of it. By the thread itself in stimuli_self.c, by others in
 * stimuli.c. Stimuli of one program only are in that program.
 */
#ifndef __TASK_ISOLATION_STIMULI_H
#define __TASK_ISOLATION_STIMULI_H

#include "expect.h"

#define ISO_EXEC_CHILD	"--exec-child"
#define ISO_EXEC_STATUS	55

/* A cpuset of these tests. It is removed by iso_remove_cpuset(), at the end. */
#define ISO_CPUSET	ISO_CGROUP "/task_isolation_cpus"

/* Those which are used by more than a row, see ROW() */
extern const struct stimulus stim_nothing, stim_syscall_getppid, stim_signal_handled,
	stim_affinity_wider, stim_thread_membarrier, stim_wakeup_work, stim_cpu_backtrace,
	stim_queue_call, stim_hotplug_other, stim_hotplug_own;

const char *iso_arrange_core(void);
void iso_restore_core(void);
void iso_check_core(void);
void iso_exec(struct iso_shared *sh);
int iso_exec_child(void);

void iso_prepare_membarrier(struct iso_shared *sh);
int iso_set_affinity(bool wide);

#endif /* __TASK_ISOLATION_STIMULI_H */
