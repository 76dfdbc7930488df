/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation tests: the life of a victim, a process that is isolated and then
 * disturbed, while the test watches it from the housekeeping CPUs.
 */
#ifndef __TASK_ISOLATION_VICTIM_H
#define __TASK_ISOLATION_VICTIM_H

#include "lib.h"

/* Names of the threads that may become a culprit */
#define ISO_VICTIM	"iso-victim"
#define ISO_OTHER	"iso-other"
#define ISO_BUSY	"iso-busy"
/* The function of the work that iso_start_work() queues */
#define ISO_WORK	"refresh_vm_stats"

/* Files of kernels which are made for tests: they do what drivers do. */
#define ISO_DEBUGFS	"/sys/kernel/debug"
#define ISO_QUEUE	ISO_DEBUGFS "/task_isolation_queue/"

/* A cause as a bit */
#define ISO_CAUSE(name)		(1U << TASK_ISOLATION_##name)
/*
 * A task is woken up on the CPU: by an interrupt, by a function call, or by
 * restarting the tick, which two tasks need.
 */
#define ISO_WAKEUP		(ISO_CAUSE(RESCHED) | ISO_CAUSE(IPI_FUNC) | ISO_CAUSE(IRQ_WORK))
#define ISO_WAKEUP_WHAT		"sched_ttwu_pending|nohz_full_kick_func"
#define ISO_NR_CAUSES		15

/**
 * enum iso_who - The culprit that a loss has to have
 * @WHO_NOBODY:		None: the thread itself, a device, an NMI
 * @WHO_TEST:		This process
 * @WHO_OTHER:		The other thread of the victim, or its child
 * @WHO_PROCESS:	The process in iso.who
 * @WHO_GONE:		The same or none, as it has exited
 * @WHO_INTERRUPT:	An interrupt on a housekeeping CPU
 * @WHO_WORKER:	This process, the one in iso.who, or a kernel thread that works for
 *			them, or none
 */
enum iso_who {
	WHO_NOBODY,
	WHO_TEST,
	WHO_OTHER,
	WHO_PROCESS,
	WHO_GONE,
	WHO_INTERRUPT,
	WHO_WORKER,
};

/**
 * struct stimulus - What can be done to a victim, and what has to come of it
 * @flags:	Argument of the entering call, ISO_USR1 if 0
 * @prepare:	In the victim, before it asks. Leaves an errno in @unable of the
 *		shared memory if the action is not possible.
 * @act:	In the victim, isolated. By default it waits in user mode.
 * @finish:	In the victim, after it has left
 * @other:	In another thread of the victim on a housekeeping CPU, once the
 *		test asks for it. May leave an errno in @other_err.
 * @leader:	That thread is the first one of the process
 * @arrange:	In the test, before there is a victim. Returns %NULL, or why the
 *		action is not possible here.
 * @inject:	In the test, once the victim is isolated. Returns 0, -1 with errno
 *		set, or 1 with errno set if it turns out not to be possible here.
 * @send:	Signal that the test sends to the victim instead
 * @queue:	File of ISO_QUEUE that it writes to instead, for what drivers do
 * @restore:	In the test, at the end, also if @arrange did not succeed
 * @check:	In the test, once the victim has ended: compares named results
 * @value:	The result @value of the shared memory, any if 0
 * @second:	The result @second, any if 0
 * @times:	How often it is done, once if 0: the culprit may be named or not
 * @causes:	Mask of the causes that the loss may have. 0: there is no loss.
 * @maybe:	There need not be a loss
 * @sig:	The signal that comes. 0: that of @flags for a loss.
 * @status:	Wait status with which the victim ends, without a core's bit
 * @entries:	Number of times that the victim is isolated, 1 if 0
 * @number:	For TASK_ISOLATION_SYSCALL: the system call. Without a loss: the one
 *		by which the victim leaves, prctl() if 0. For a page fault it is
 *		@addr of the shared memory, any if that is 0, and for a device
 *		iso.irq.
 * @any_number:	The C library chooses the system call
 * @what:	Beginnings of the word for the cause, separated by '|'. NULL: any
 *		for a function, and none for a cause without words.
 * @who:	The culprit, for causes that can have one
 * @gone:	The culprit has exited when the victim reads its record, so that it is
 *		not visible in a pid namespace any more
 * @moves:	The victim is on a housekeeping CPU afterwards
 * @wide:	The victim may be on any CPU afterwards
 * @wait_ms:	For how long to wait for a loss that need not or must not come,
 *		50 ms if 0
 * @settle_ms:	How long the machine needs afterwards, in ms
 */
struct stimulus {
	unsigned long	flags;
	void		(*prepare)(struct iso_shared *sh);
	void		(*act)(struct iso_shared *sh);
	void		(*finish)(struct iso_shared *sh);
	void		(*other)(struct iso_shared *sh);
	bool		leader;

	const char	*(*arrange)(void);
	int		(*inject)(void);
	int		send;
	const char	*queue;
	void		(*restore)(void);
	void		(*check)(void);
	long		value;
	long		second;
	int		times;

	unsigned int	causes;
	bool		maybe;
	int		sig;
	int		status;
	unsigned int	entries;
	long		number;
	bool		any_number;
	const char	*what;
	enum iso_who	who;
	bool		gone;
	bool		moves;
	bool		wide;
	unsigned int	wait_ms;
	unsigned int	settle_ms;
};

/**
 * struct iso_counters - The counters of a CPU in sysfs
 * @entered:	Number of times that a thread was isolated
 * @left:	Number of times that one left by itself
 * @blocked:	Number of refusals
 * @losses:	Number of losses
 * @cause:	Number of losses by cause
 */
struct iso_counters {
	long long	entered;
	long long	left;
	long long	blocked;
	long long	losses;
	long long	cause[ISO_NR_CAUSES];
};

/**
 * struct iso_test - The state of a running test, which is a process
 * @sh:		Shared with the victim
 * @victim:	Process ID of the victim, 0 once it has ended
 * @pid:	The same, which stays after that
 * @status:	Its wait status, -1 if it did not end
 * @cpu:	The CPU that the victim is isolated on
 * @cpu2:	Another isolation CPU, -1 if there is none
 * @irq:	Number of the interrupt that a stimulus has sent there
 * @who:	Process ID of the culprit, for WHO_PROCESS and WHO_GONE
 * @who_comm:	Its name
 * @who_uid:	Its user
 * @uid:	The user of this process, as the victim sees it
 * @ns:		The victim is in a pid namespace which this process is not in
 * @ahead_ns:	How far the clock of the victim's time namespace is ahead
 * @began_ns:	When the victim was started
 * @before:	The counters then
 */
struct iso_test {
	struct iso_shared	*sh;
	pid_t			victim;
	pid_t			pid;
	int			status;
	int			cpu;
	int			cpu2;
	int			irq;
	pid_t			who;
	char			who_comm[16];
	unsigned int		who_uid;
	unsigned int		uid;
	bool			ns;
	uint64_t		ahead_ns;
	uint64_t		began_ns;
	struct iso_counters	before;
};

extern struct iso_test iso;
extern struct iso_log iso_log;
extern int iso_differences;

__printf(3, 4) void iso_differ(const char *file, int line, const char *fmt, ...);

/* Report a difference. The test fails at its end, see iso_close(). */
#define DIFFER(fmt, ...)	iso_differ(__FILE__, __LINE__, fmt, ##__VA_ARGS__)

#define WANT(condition) do {						\
	if (!(condition))						\
		DIFFER("%s is not true", #condition);			\
} while (0)

#define WANT_EQ(want, seen) do {					\
	long long __want = (want), __seen = (seen);			\
									\
	if (__want != __seen)						\
		DIFFER("%s is %lld (0x%llx), not %lld (0x%llx)", #seen,	\
		       __seen, __seen, __want, __want);			\
} while (0)

#define WANT_STR(want, seen) do {					\
	const char *__want = (want), *__seen = (seen);			\
									\
	if (strcmp(__want, __seen))					\
		DIFFER("%s is '%s', not '%s'", #seen, __seen, __want);	\
} while (0)

__printf(1, 2) const char *iso_reason(const char *fmt, ...);

/* Life of a victim */
bool iso_start(const struct stimulus *s);
bool iso_wait_isolated(int *flag);
bool iso_start_quiet(const struct stimulus *s);
bool iso_start_acted(const struct stimulus *s);
bool iso_alive(pid_t pid);
bool iso_wait_for(pid_t pid, int *value, int want);
int iso_wait_exit(void);
void iso_stop(void);
void iso_close(void);
const char *iso_run(const struct stimulus *s);

/* Helpers of stimuli */
int iso_create_thread(void *(*func)(void *arg), int *tid);
pid_t iso_fork_named(const char *name);
bool iso_wait_stopped(void);
bool iso_trace_until(int *flag, int suppress);
pid_t iso_start_busy(struct iso_shared *other, int cpu, bool fifo);
pid_t iso_run_busy(bool fifo);
pid_t iso_start_work(void);
void iso_end(pid_t pid);
const char *iso_find_queue(void);
int iso_queue(const char *what);

#endif /* __TASK_ISOLATION_VICTIM_H */
