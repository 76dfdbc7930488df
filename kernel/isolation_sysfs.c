// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: counters of each CPU in sysfs, for the administrator
 *
 * See Documentation/ABI/testing/sysfs-devices-system-cpu.
 */

#include <linux/device.h>
#include <linux/isolation_record.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>

#include "isolation_internal.h"

static struct task_isolation_stats *stats_of(struct device *dev)
{
	return per_cpu(task_isolation_stats, dev->id);
}

static ssize_t entered_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&stats_of(dev)->entered));
}
static DEVICE_ATTR_ADMIN_RO(entered);

static ssize_t left_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&stats_of(dev)->left));
}
static DEVICE_ATTR_ADMIN_RO(left);

static ssize_t blocked_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&stats_of(dev)->blocked));
}
static DEVICE_ATTR_ADMIN_RO(blocked);

static ssize_t losses_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	s64 sum = 0;

	for (int i = 0; i < TASK_ISOLATION_NR_CAUSES; i++)
		sum += atomic64_read(&stats_of(dev)->losses[i]);
	return sysfs_emit(buf, "%lld\n", sum);
}
static DEVICE_ATTR_ADMIN_RO(losses);

/* One line for each cause, its word and its number */
static ssize_t causes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	int len = 0;

	for (int i = 0; i < TASK_ISOLATION_NR_CAUSES; i++)
		len += sysfs_emit_at(buf, len, "%s %lld\n", task_isolation_cause_info(i)->word,
				     atomic64_read(&stats_of(dev)->losses[i]));
	return len;
}
static DEVICE_ATTR_ADMIN_RO(causes);

static ssize_t pid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct task_isolation_stats *stats = stats_of(dev);
	struct task_isolation_who who = { };
	pid_t pid, tid = 0;

	/* Pairs with the release in task_isolation_record_begin(). */
	if (atomic64_read_acquire(&stats->since)) {
		who.pid = READ_ONCE(stats->tid);
		who.tid = who.pid;
		who.start = READ_ONCE(stats->start);
		task_isolation_who_visible(&who, &pid, &tid);
	}
	return sysfs_emit(buf, "%d\n", tid);
}
static DEVICE_ATTR_ADMIN_RO(pid);

static u64 quiet_now(struct task_isolation_stats *stats)
{
	u64 since = atomic64_read(&stats->since);

	return since ? task_isolation_span(since, ktime_get_mono_fast_ns()) : 0;
}

static ssize_t current_quiet_ns_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", quiet_now(stats_of(dev)));
}
static DEVICE_ATTR_ADMIN_RO(current_quiet_ns);

static ssize_t longest_quiet_ns_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct task_isolation_stats *stats = stats_of(dev);

	return sysfs_emit(buf, "%llu\n",
			  max_t(u64, atomic64_read(&stats->longest), quiet_now(stats)));
}
static DEVICE_ATTR_ADMIN_RO(longest_quiet_ns);

static struct task_isolation_loss last_loss(struct device *dev)
{
	struct task_isolation_stats *stats = stats_of(dev);

	guard(spinlock_irqsave)(&stats->lock);
	return stats->last;
}

/*
 * All that is shown of the last loss is of one loss, so it is one file. The name
 * comes last, and escaped: a task may choose one which looks like another line.
 */
static ssize_t last_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct task_isolation_loss last = last_loss(dev);
	bool secret = last.symbol && !task_isolation_symbols_visible();
	const char *comm = last.culprit.comm;
	pid_t pid, tid;

	if (!task_isolation_who_visible(&last.culprit, &pid, &tid))
		comm = "";
	return sysfs_emit(buf,
			  "cause=%s\n"
			  "number=%lld\n"
			  "what=%s\n"
			  "lost_ns=%llu\n"
			  "culprit_cpu=%d\n"
			  "culprit_pid=%d\n"
			  "culprit_comm=%*pEs\n",
			  last.losses ? task_isolation_cause_info(last.cause)->word : "none",
			  last.number, secret ? "" : last.what, last.lost, last.culprit.cpu,
			  pid, (int)strnlen(comm, TASK_COMM_LEN), comm);
}
static DEVICE_ATTR_ADMIN_RO(last);

static struct attribute *task_isolation_attrs[] = {
	&dev_attr_entered.attr,
	&dev_attr_left.attr,
	&dev_attr_blocked.attr,
	&dev_attr_losses.attr,
	&dev_attr_causes.attr,
	&dev_attr_pid.attr,
	&dev_attr_current_quiet_ns.attr,
	&dev_attr_longest_quiet_ns.attr,
	&dev_attr_last.attr,
	NULL
};

/* Only CPUs in nohz_full= have counters. */
static bool task_isolation_group_visible(struct kobject *kobj)
{
	return stats_of(kobj_to_dev(kobj));
}

DEFINE_SIMPLE_SYSFS_GROUP_VISIBLE(task_isolation);

/*
 * Of each CPU device, see drivers/base/cpu.c. Reading these files does not disturb
 * the CPU, no interrupts are sent.
 */
const struct attribute_group task_isolation_attr_group = {
	.name		= "task_isolation",
	.is_visible	= SYSFS_GROUP_VISIBLE(task_isolation),
	.attrs		= task_isolation_attrs,
};
