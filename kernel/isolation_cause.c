// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: what a cause is, as the list in kernel/isolation_cause.h has it
 */

#include <linux/array_size.h>
#include <linux/build_bug.h>
#include <linux/kallsyms.h>
#include <linux/string.h>

#include "isolation_internal.h"

/* The number and the enumerator have to be the same. */
#define cause_entry(_nr, _word, _name, _number, _what, _sender, _text)	\
	[TASK_ISOLATION_##_name + BUILD_BUG_ON_ZERO(TASK_ISOLATION_##_name != (_nr))] = { \
		.word		= _word,					\
		.text		= _text,					\
		.number		= TASK_ISOLATION_NUMBER_##_number,		\
		.what		= TASK_ISOLATION_WHAT_##_what,			\
		.has_sender	= _sender,					\
	}

static const struct task_isolation_cause_info task_isolation_causes[] = {
	TASK_ISOLATION_CAUSES
};

#undef cause_entry

/* The list has no gap, and nothing twice. */
static_assert(ARRAY_SIZE(task_isolation_causes) == TASK_ISOLATION_NR_CAUSES);

/**
 * task_isolation_cause_info - Look up what a cause is
 * @cause:	The cause
 *
 * The switch has no default, so that the compiler complains about an enumerator
 * which the list does not have.
 *
 * Return: its entry of the list
 */
const struct task_isolation_cause_info *task_isolation_cause_info(enum task_isolation_cause cause)
{
	switch (cause) {
	case 0 ... TASK_ISOLATION_NR_CAUSES - 1:
		return &task_isolation_causes[cause];
	}
	return &task_isolation_causes[TASK_ISOLATION_UNKNOWN];
}

/**
 * task_isolation_has_sender - Test whether another CPU may have sent the interrupt
 * @cause:	The cause
 *
 * Return: %false if the thread, its CPU or a device is the cause
 */
bool task_isolation_has_sender(enum task_isolation_cause cause)
{
	return task_isolation_cause_info(cause)->has_sender;
}

/**
 * task_isolation_number - Look up the number or address of a cause
 * @entry:	The entry, with its cause noted
 *
 * Return: the number, 0 if the cause has none
 */
u64 task_isolation_number(const struct task_isolation_entry *entry)
{
	switch (task_isolation_cause_info(entry->cause)->number) {
	case TASK_ISOLATION_NUMBER_NONE:
		return 0;
	case TASK_ISOLATION_NUMBER_DECIMAL:
		/* -1, a system call which a tracer has skipped, is the same in 32 bits. */
		return (s64)(long)entry->nr;
	default:
		return entry->nr;
	}
}

/**
 * task_isolation_what - Look up the name of what a cause is about
 * @entry:	The entry, with its cause noted
 * @buf:	Filled, empty if there is no name. A function without a symbol gets
 *		none, its address is not to be shown.
 * @size:	Size of @buf
 *
 * Return: %true for a function, whose name may be shown only as kptr_restrict permits
 */
bool task_isolation_what(const struct task_isolation_entry *entry, char *buf, size_t size)
{
	char name[KSYM_NAME_LEN];

	buf[0] = '\0';
	switch (task_isolation_cause_info(entry->cause)->what) {
	case TASK_ISOLATION_WHAT_SYMBOL:
		if (!lookup_symbol_name((unsigned long)entry->what, name))
			strscpy(buf, name, size);
		return true;
	case TASK_ISOLATION_WHAT_NAME:
		if (entry->what)
			strscpy(buf, entry->what, size);
		return false;
	case TASK_ISOLATION_WHAT_DOMAIN:
		strscpy(buf, entry->domain, size);
		return false;
	default:
		return false;
	}
}
