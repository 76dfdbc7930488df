// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: counters of each CPU in sysfs, for the administrator
 *
 * See Documentation/ABI/testing/sysfs-devices-system-cpu.
 */

#include <linux/cpu.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/isolation_record.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/sysfs.h>
#include <linux/tick.h>
#include <linux/timekeeping.h>

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

static ssize_t loss_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct dev_ext_attribute *ext = container_of(attr, struct dev_ext_attribute, attr);

	return sysfs_emit(buf, "%lld\n",
			  atomic64_read(&stats_of(dev)->losses[(unsigned long)ext->var]));
}

/* loss_WORD for each cause, filled by task_isolation_sysfs_init() */
static struct dev_ext_attribute loss_attrs[TASK_ISOLATION_NR_CAUSES];

static ssize_t pid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct task_isolation_stats *stats = stats_of(dev);
	struct task_isolation_who who = { };
	pid_t pid, tid = 0;

	if (atomic64_read(&stats->since)) {
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

static ssize_t last_cause_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct task_isolation_loss last = last_loss(dev);

	return sysfs_emit(buf, "%s\n", last.losses ? task_isolation_words[last.cause] : "none");
}
static DEVICE_ATTR_ADMIN_RO(last_cause);

static ssize_t last_what_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct task_isolation_loss last = last_loss(dev);

	if (last.symbol && !task_isolation_symbols_visible())
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, "%s\n", last.what);
}
static DEVICE_ATTR_ADMIN_RO(last_what);

static ssize_t last_loss_ns_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", last_loss(dev).lost);
}
static DEVICE_ATTR_ADMIN_RO(last_loss_ns);

static ssize_t last_culprit_cpu_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", last_loss(dev).culprit.cpu);
}
static DEVICE_ATTR_ADMIN_RO(last_culprit_cpu);

static ssize_t last_culprit_pid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct task_isolation_loss last = last_loss(dev);
	pid_t pid, tid;

	task_isolation_who_visible(&last.culprit, &pid, &tid);
	return sysfs_emit(buf, "%d\n", pid);
}
static DEVICE_ATTR_ADMIN_RO(last_culprit_pid);

static ssize_t last_culprit_comm_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct task_isolation_loss last = last_loss(dev);
	pid_t pid, tid;

	if (!task_isolation_who_visible(&last.culprit, &pid, &tid))
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, "%s\n", last.culprit.comm);
}
static DEVICE_ATTR_ADMIN_RO(last_culprit_comm);

static struct attribute *task_isolation_attrs[] = {
	&dev_attr_entered.attr,
	&dev_attr_left.attr,
	&dev_attr_blocked.attr,
	&dev_attr_losses.attr,
	&dev_attr_pid.attr,
	&dev_attr_current_quiet_ns.attr,
	&dev_attr_longest_quiet_ns.attr,
	&dev_attr_last_cause.attr,
	&dev_attr_last_what.attr,
	&dev_attr_last_loss_ns.attr,
	&dev_attr_last_culprit_cpu.attr,
	&dev_attr_last_culprit_pid.attr,
	&dev_attr_last_culprit_comm.attr,
	NULL
};

static const struct attribute_group task_isolation_group = {
	.name	= "task_isolation",
	.attrs	= task_isolation_attrs,
};

/* Who reads the files of a CPU does not disturb it. Interrupts are not sent. */
static int __init task_isolation_sysfs_add(struct device *dev)
{
	int err = sysfs_create_group(&dev->kobj, &task_isolation_group);

	for (int i = 0; !err && i < TASK_ISOLATION_NR_CAUSES; i++)
		err = sysfs_add_file_to_group(&dev->kobj, &loss_attrs[i].attr.attr,
					      task_isolation_group.name);
	return err;
}

static int __init task_isolation_sysfs_causes(void)
{
	for (unsigned long i = 0; i < TASK_ISOLATION_NR_CAUSES; i++) {
		struct device_attribute *attr = &loss_attrs[i].attr;

		attr->attr.name = kasprintf(GFP_KERNEL, "loss_%s", task_isolation_words[i]);
		if (!attr->attr.name)
			return -ENOMEM;
		sysfs_attr_init(&attr->attr);
		attr->attr.mode = 0400;
		attr->show = loss_show;
		loss_attrs[i].var = (void *)i;
	}
	return 0;
}

static int __init task_isolation_sysfs_init(void)
{
	int cpu, err;

	if (!tick_nohz_full_enabled())
		return 0;

	err = task_isolation_sysfs_causes();
	for_each_possible_cpu(cpu) {
		struct device *dev = get_cpu_device(cpu);

		if (!err && dev && per_cpu(task_isolation_stats, cpu))
			err = task_isolation_sysfs_add(dev);
	}
	return err;
}
late_initcall(task_isolation_sysfs_init);
