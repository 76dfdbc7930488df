/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation: what a cause is
 */
#ifndef _KERNEL_ISOLATION_CAUSE_H
#define _KERNEL_ISOLATION_CAUSE_H

#include <linux/types.h>

#include <uapi/linux/task_isolation.h>

struct task_isolation_entry;

/**
 * enum task_isolation_number - Kinds of the number of a cause
 * @TASK_ISOLATION_NUMBER_NONE:		There is none
 * @TASK_ISOLATION_NUMBER_DECIMAL:	A decimal number, which may be negative
 * @TASK_ISOLATION_NUMBER_ADDRESS:	A user address
 * @TASK_ISOLATION_NUMBER_VECTOR:	An interrupt vector, whose number is only
 *					shown if it has no name
 */
enum task_isolation_number {
	TASK_ISOLATION_NUMBER_NONE,
	TASK_ISOLATION_NUMBER_DECIMAL,
	TASK_ISOLATION_NUMBER_ADDRESS,
	TASK_ISOLATION_NUMBER_VECTOR,
};

/**
 * enum task_isolation_what - Kinds of what a cause is about
 * @TASK_ISOLATION_WHAT_NONE:	Nothing besides its number
 * @TASK_ISOLATION_WHAT_NAME:	A string literal
 * @TASK_ISOLATION_WHAT_SYMBOL:	A kernel function, shown as kptr_restrict permits
 * @TASK_ISOLATION_WHAT_DOMAIN:	An interrupt domain, along with the hardware interrupt
 *				number
 */
enum task_isolation_what {
	TASK_ISOLATION_WHAT_NONE,
	TASK_ISOLATION_WHAT_NAME,
	TASK_ISOLATION_WHAT_SYMBOL,
	TASK_ISOLATION_WHAT_DOMAIN,
};

/*
 * All that is known of the causes, in the order of enum task_isolation_cause.
 * Whoever expands the list defines cause_entry() before:
 *
 *   nr		the cause as a number, for the format of the event task_isolation_loss
 *   word	the cause as one word, for that event, for sysfs and for tools
 *   name	its enumerator, without the prefix
 *   number	kind of its number, see enum task_isolation_number
 *   what	kind of what it is about, see enum task_isolation_what
 *   sender	true if another CPU may have sent the interrupt
 *   text	beginning of its description in the log, before number and what
 */
#define TASK_ISOLATION_CAUSES TASK_ISOLATION_LIST(						\
	cause_entry(0,  "unknown",    UNKNOWN,  NONE,    NONE,   false, "unknown"),		\
	cause_entry(1,  "syscall",    SYSCALL,  DECIMAL, NONE,   false, "syscall"),		\
	cause_entry(2,  "signal",     SIGNAL,   DECIMAL, NONE,   true,  "signal"),		\
	cause_entry(3,  "nmi",        NMI,      NONE,    NONE,   false, "NMI"),			\
	cause_entry(4,  "page_fault", FAULT,    ADDRESS, NONE,   false, "page fault"),		\
	cause_entry(5,  "trap",       TRAP,     NONE,    NAME,   false, "trap"),		\
	cause_entry(6,  "vector",     VECTOR,   VECTOR,  NAME,   false, "vector"),		\
	cause_entry(7,  "mce",        MCE,      NONE,    NONE,   false, "machine check"),	\
	cause_entry(8,  "irq",        IRQ,      DECIMAL, DOMAIN, false, "irq"),			\
	cause_entry(9,  "timer",      TIMER,    NONE,    NONE,   false, "local timer interrupt"),\
	cause_entry(10, "ipi_func",   IPI_FUNC, NONE,    SYMBOL, true,  "IPI function"),	\
	cause_entry(11, "reschedule", RESCHED,  NONE,    NONE,   true,  "reschedule IPI"),	\
	cause_entry(12, "irq_work",   IRQ_WORK, NONE,    SYMBOL, true,  "irq_work"),		\
	cause_entry(13, "stop",       STOP,     NONE,    NONE,   true,  "stop"),		\
	cause_entry(14, "affinity",   AFFINITY, NONE,    NONE,   true,  "affinity change")	\
)

#define TASK_ISOLATION_LIST(...)	__VA_ARGS__

/* Counts the causes. Not in uapi, where it would change with each one. */
#define cause_entry(nr, ...)	TASK_ISOLATION_PLACE_##nr
enum {
	TASK_ISOLATION_CAUSES,
	TASK_ISOLATION_NR_CAUSES
};

#undef cause_entry

/**
 * struct task_isolation_cause_info - What a cause is
 * @word:	See TASK_ISOLATION_CAUSES, as for the other members
 * @text:	Beginning of its description
 * @number:	enum task_isolation_number
 * @what:	enum task_isolation_what
 * @has_sender:	Another CPU may have sent the interrupt
 */
struct task_isolation_cause_info {
	const char	*word;
	const char	*text;
	u8		number;
	u8		what;
	bool		has_sender;
};

const struct task_isolation_cause_info *task_isolation_cause_info(enum task_isolation_cause cause);
bool task_isolation_has_sender(enum task_isolation_cause cause);
u64 task_isolation_number(const struct task_isolation_entry *entry);
bool task_isolation_what(const struct task_isolation_entry *entry, char *buf, size_t size);

#endif /* _KERNEL_ISOLATION_CAUSE_H */
