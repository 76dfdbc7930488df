/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation tests: requests that are refused, and what they are refused for.
 */
#ifndef __TASK_ISOLATION_BLOCKERS_H
#define __TASK_ISOLATION_BLOCKERS_H

#include "expect.h"

/**
 * enum iso_ask - How a request is made, and until what it is repeated
 * @ASK_NOBODY:		Without any privilege
 * @ASK_WIDE:		Not bound to one CPU
 * @ASK_CPU_TIMER:	With a timer of CPU time
 * @ASK_KEEPALIVE:	With the timers of a connection, see iso_connect(), until
 *			there is no timer of others
 * @ASK_FIFO:		Under SCHED_FIFO, above iso_start_busy()
 * @ASK_BUSY:		Until the task of iso_start_busy() is named
 * @ASK_UNNAMED:	Until there is a task, but it has no name
 * @ASK_WORK:		Until a kworker is named, and its work is ISO_WORK or hidden
 * @ASK_TIMER:		Until the timer of iso_pending_timer() is named, or hidden
 * @ASK_ALONE:		Until there is no other task
 */
enum iso_ask {
	ASK_NOBODY	= 1,
	ASK_WIDE	= 2,
	ASK_CPU_TIMER	= 4,
	ASK_KEEPALIVE	= 8,
	ASK_FIFO	= 16,
	ASK_BUSY	= 32,
	ASK_UNNAMED	= 64,
	ASK_WORK	= 128,
	ASK_TIMER	= 256,
	ASK_ALONE	= 512,
};

bool iso_connect(void);
bool iso_keep_alive(void);
int iso_pending_timer(int cpu);
void iso_ask(int cpu, unsigned int how, int err, uint64_t blockers);
void iso_ask_with_work(unsigned int how);

#endif /* __TASK_ISOLATION_BLOCKERS_H */
