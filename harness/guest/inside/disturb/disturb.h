/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The disturber bench: what its victim, its disturbers and its kinds share.
 * See disturb.c.
 */
#ifndef DISTURB_H
#define DISTURB_H

#include "lib.h"

/* The victim blocks it */
#define SIGNAL_BLOCKED	(SIGRTMIN + 2)

#define LOG_SIZE	4096
#define PAGE		4096

/* What the victim does by itself, and its sibling for it, in VICTIM_ and SIBLING_ */
enum order {
	ORDER_NONE,
	VICTIM_SYSCALL, VICTIM_FAULT, VICTIM_TRAP, VICTIM_SIGTRAP, VICTIM_PROBED,
	SIBLING_MEMBARRIER, SIBLING_SYNC_CORE, SIBLING_RSEQ, SIBLING_REGISTER,
	SIBLING_MUNMAP, SIBLING_MPROTECT, SIBLING_DONTNEED, SIBLING_FORK,
	SIBLING_CPU_TIMER, SIBLING_TIMER_SIGNAL, SIBLING_COLLAPSE, SIBLING_MERGE, SIBLING_BALANCE,
};

#define NR_CAUSES	(TASK_ISOLATION_AFFINITY + 1)

/* Who may have caused a loss */
#define WHO_SENDER	1	/* the thread that injects, by its number */
#define WHO_NOBODY	2	/* there is none: the victim itself, a device, an NMI */
#define WHO_INTERRUPT	4	/* an interrupt on the CPU of that thread */
#define WHO_OTHER	8	/* a thread that works for the one who injects */
#define WHO_CHILD	16	/* the sibling's child */
#define WHO_STARTING	32	/* a CPU that comes up and runs no thread yet */
#define WHO_TIMER	64	/* a timer of the kernel, on whichever CPU it runs */

/* Where they run. The victim's CPU is the last one. */
#define SIBLING_CPU	1
#define DISTURBER_CPU	2
/* Which one goes down and comes up */
#define STARTING_CPU	1

/* One loss, as the victim learned of it */
struct entry {
	struct task_isolation_record	rec;
	int				code;
	int				error;
};

/* Shared by all processes, allocated and touched before anything starts */
struct shared {
	int		isolated;	/* the victim is */
	unsigned int	turns;		/* of its loop, while it is */
	int		hits;		/* entries of log that are filled */
	int		from;		/* the first that is due to the injection */
	long		before;		/* interrupts that the kernel had counted there */
	int		quit;
	int		order;		/* for the victim or its sibling */
	int		served;		/* orders that the sibling has carried out */
	int		refused;	/* entering calls that failed */
	struct task_isolation_record why;	/* that of the last one */
	int		victim_pid, victim_tid, sibling_tid, child_tid;
	char		*page;		/* private to the victim */
	int		event_fd;	/* everybody has it */
	int		ring;		/* the victim is to wait for it by io_uring */
	int		ring_armed;	/* how often it has begun to */
	int		frees;		/* the victim is to free something before it is isolated */
	int		caused[NR_CAUSES];	/* losses by cause, all of them */
	struct entry	log[LOG_SIZE];
};

/**
 * struct verdict - What a loss may be
 * @causes:	Mask of causes which are right
 * @who:	WHO_ bits: who may be the culprit then
 * @says:	Beginnings of the names of the functions that the CPU was made to
 *		run, NULL for any. Only for causes that have one.
 * @others:	Beginnings of the names of threads, for WHO_OTHER
 */
struct verdict {
	unsigned int	causes;
	unsigned int	who;
	const char	*says;
	const char	*others;
};

#define VERDICTS	4

/**
 * struct kind - A way to disturb
 * @name:	One word
 * @what:	What it does, for the table
 * @right:	All that may come of it, the first ones that have causes
 * @quiet:	Why it may cause nothing on this kernel, NULL if it always has to
 * @never:	Why this bench can't provoke it, then there is nothing else
 * @prepare:	Done once by the disturber: NULL, or why it can't be provoked here
 * @inject:	Disturbs once. Negative if that failed.
 * @number:	Of the system call or signal, 0 where there is none
 * @check:	What else has to be true of the cause
 * @undo:	After each injection, once the loss is noted
 * @finish:	Once, after all
 * @order:	Instead of inject: for the victim or its sibling
 * @most:	So many injections do, as each causes many losses, or takes long. 0: any
 *		number
 */
struct kind {
	const char	*name;
	const char	*what;
	struct verdict	right[VERDICTS];
	const char	*quiet;
	const char	*never;
	const char	*(*prepare)(void);
	int		(*inject)(int round);
	unsigned long	number;
	bool		(*check)(const struct task_isolation_record *rec);
	void		(*undo)(void);
	void		(*finish)(void);
	enum order	order;
	int		most;
};

/* Those of one file */
struct kinds {
	const struct kind	*kind;
	int			nr;
};

#define CAUSE(name)	(1U << TASK_ISOLATION_##name)
/* A wake-up is either, as the scheduler sees fit. */
/*
 * A task is to run on that CPU. Without a queue of wake-ups, as with PREEMPT_RT, what
 * comes first is the tick that two tasks need.
 */
#define CAUSE_WAKE	(CAUSE(RESCHED) | CAUSE(IPI_FUNC) | CAUSE(IRQ_WORK))
#define WAKES		"sched_ttwu_pending nohz_full_kick_func"

extern struct shared *sh;
extern int iso_cpu;
extern const struct kinds self_kinds, task_kinds, memory_kinds, cpu_kinds, machine_kinds;

bool settle(void);
bool wait_isolated(void);
void victim_serve(int order);
void victim_ready(void);
void victim_woken(int sig, siginfo_t *info, void *context);
void sibling_serve(int order);
void give_order(enum order order);

#endif /* DISTURB_H */
