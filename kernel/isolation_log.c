// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: a line in the log for each loss
 *
 * For administrators who look there for the reason of a killed process. The thread
 * has its signal by then, and does not wait for a console: a kworker prints the
 * line, on a CPU which is not one of those set aside.
 *
 *   exit work of the thread		kworker
 *
 *   queue the signal
 *   copy the loss
 *   queue_work()
 *   handler				print it
 *
 * The wake-up of those who read the log happens on the kworker's CPU as well, so it
 * does not block the thread's next request.
 */

#define pr_fmt(fmt) fmt

#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/llist.h>
#include <linux/pid.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysctl.h>
#include <linux/workqueue.h>

#include "isolation_internal.h"

/**
 * struct task_isolation_line - A line of the log, to be printed
 * @node:	In task_isolation_lines
 * @loss:	The loss
 * @tid:	The thread which had it, in the init pid namespace
 * @comm:	Its name
 */
struct task_isolation_line {
	struct llist_node		node;
	struct task_isolation_loss	loss;
	pid_t				tid;
	char				comm[TASK_COMM_LEN];
};

static void task_isolation_log_func(struct work_struct *work);

static LLIST_HEAD(task_isolation_lines);
static DECLARE_WORK(task_isolation_log_work, task_isolation_log_func);

/* The kworker reports what was suppressed, and not the thread. */
static struct ratelimit_state task_isolation_log_limit =
	RATELIMIT_STATE_INIT_FLAGS(task_isolation_log_limit, DEFAULT_RATELIMIT_INTERVAL,
				   DEFAULT_RATELIMIT_BURST, RATELIMIT_MSG_ON_RELEASE);

/* Do not limit the rate. */
static bool task_isolation_debug __ro_after_init;

static int __init task_isolation_debug_setup(char *str)
{
	task_isolation_debug = true;
	return 1;
}
__setup("task_isolation_debug", task_isolation_debug_setup);

/* kernel.task_isolation_log */
static u8 task_isolation_log_enabled __read_mostly = 1;

static int task_isolation_describe_number(const struct task_isolation_loss *loss,
					  char *buf, size_t size)
{
	switch (task_isolation_cause_info(loss->cause)->number) {
	case TASK_ISOLATION_NUMBER_DECIMAL:
		return scnprintf(buf, size, " %lld", (s64)loss->number);
	case TASK_ISOLATION_NUMBER_ADDRESS:
		return scnprintf(buf, size, " at 0x%llx", loss->number);
	case TASK_ISOLATION_NUMBER_VECTOR:
		if (loss->what[0])
			return 0;
		return scnprintf(buf, size, " 0x%llx", loss->number);
	default:
		return 0;
	}
}

static int task_isolation_describe_what(const struct task_isolation_loss *loss,
					char *buf, size_t size)
{
	const struct task_isolation_cause_info *info = task_isolation_cause_info(loss->cause);

	switch (info->what) {
	case TASK_ISOLATION_WHAT_NONE:
		return 0;
	case TASK_ISOLATION_WHAT_DOMAIN:
		return scnprintf(buf, size, " (%s hwirq %llu)", loss->what, loss->hwirq);
	default:
		/* A vector without a name has its number. An address is never shown. */
		if (!loss->what[0] && info->number != TASK_ISOLATION_NUMBER_NONE)
			return 0;
		return scnprintf(buf, size, " (%s)", loss->what[0] ? loss->what : "?");
	}
}

/**
 * task_isolation_describe - Describe the cause of a loss in words
 * @loss:	The loss
 * @buf:	Where to write to
 * @size:	Size of @buf
 *
 * Return: number of characters, as of scnprintf()
 */
int task_isolation_describe(const struct task_isolation_loss *loss, char *buf, size_t size)
{
	int len = scnprintf(buf, size, "%s", task_isolation_cause_info(loss->cause)->text);

	len += task_isolation_describe_number(loss, buf + len, size - len);
	len += task_isolation_describe_what(loss, buf + len, size - len);
	return len;
}

/**
 * task_isolation_describe_culprit - Describe the culprit of a loss in words
 * @loss:	The loss
 * @buf:	Where to write to
 * @size:	Size of @buf
 *
 * For the log, whose readers are in the init pid namespace.
 *
 * Return: number of characters, as of scnprintf(), 0 if the culprit is not known
 */
int task_isolation_describe_culprit(const struct task_isolation_loss *loss, char *buf,
				    size_t size)
{
	const struct task_isolation_who *who = &loss->culprit;

	buf[0] = '\0';
	if (who->tid)
		return scnprintf(buf, size, " by %s/%d on cpu %d", who->comm, who->tid, who->cpu);
	if (who->cpu >= 0)
		return scnprintf(buf, size, " by an interrupt or the idle loop on cpu %d",
				 who->cpu);
	return 0;
}

static void task_isolation_log_print(const struct task_isolation_line *line)
{
	char cause[sizeof(line->loss.what) + 64];
	char culprit[64];

	task_isolation_describe(&line->loss, cause, sizeof(cause));
	task_isolation_describe_culprit(&line->loss, culprit, sizeof(culprit));
	pr_warn("%s/%d (cpu %d): task_isolation lost due to %s%s\n", line->comm, line->tid,
		line->loss.cpu, cause, culprit);
}

static void task_isolation_log_func(struct work_struct *work)
{
	struct llist_node *lines = llist_reverse_order(llist_del_all(&task_isolation_lines));
	int missed = ratelimit_state_reset_miss(&task_isolation_log_limit);
	struct task_isolation_line *line, *next;

	if (missed)
		pr_warn("task_isolation_log: %d callbacks suppressed\n", missed);

	llist_for_each_entry_safe(line, next, lines, node) {
		task_isolation_log_print(line);
		kfree(line);
	}
}

/**
 * task_isolation_log - Queue the last loss of current to be logged
 *
 * There is no line if no memory is available at once. The signal, the record, the
 * event and the counters do not depend on that.
 *
 * Invoked from __task_isolation_deliver(), once the signal is queued.
 *
 * Context: Process context, interrupts enabled. Does not sleep.
 */
void task_isolation_log(void)
{
	struct task_isolation_line *line;

	if (!READ_ONCE(task_isolation_log_enabled))
		return;
	if (!task_isolation_debug && !__ratelimit(&task_isolation_log_limit))
		return;

	line = kmalloc_obj(*line, GFP_NOWAIT);
	if (!line)
		return;

	line->loss = *task_isolation_record_last();
	line->tid = task_pid_nr(current);
	get_task_comm(line->comm, current);
	llist_add(&line->node, &task_isolation_lines);
	/* Unbound: the CPUs of its workers do not include isolation CPUs. */
	queue_work(system_dfl_wq, &task_isolation_log_work);
}

/* After a write all losses so far have their line. */
static int task_isolation_log_sysctl(const struct ctl_table *table, int write, void *buffer,
				     size_t *lenp, loff_t *ppos)
{
	int err = proc_dou8vec_minmax(table, write, buffer, lenp, ppos);

	if (!err && write)
		flush_work(&task_isolation_log_work);
	return err;
}

static const struct ctl_table task_isolation_log_table[] = {
	{
		.procname	= "task_isolation_log",
		.data		= &task_isolation_log_enabled,
		.maxlen		= sizeof(task_isolation_log_enabled),
		.mode		= 0644,
		.proc_handler	= task_isolation_log_sysctl,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_ONE,
	},
};

static int __init task_isolation_log_init(void)
{
	register_sysctl_init("kernel", task_isolation_log_table);
	return 0;
}
late_initcall(task_isolation_log_init);
