/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation: what the hooks test first, and which CPUs can be isolated. The
 * key is in <linux/isolation_irq.h>, which can't include as much as this.
 */
#ifndef _LINUX_ISOLATION_STATE_H
#define _LINUX_ISOLATION_STATE_H

#include <linux/isolation_irq.h>
#include <linux/percpu.h>

#ifdef CONFIG_TASK_ISOLATION
DECLARE_PER_CPU_READ_MOSTLY(bool, task_isolation_on);

bool task_isolation_cpu(int cpu);
#else
static inline bool task_isolation_cpu(int cpu) { return false; }
#endif

#endif /* _LINUX_ISOLATION_STATE_H */
