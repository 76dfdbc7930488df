// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: queue timers and work on a CPU, as a driver would
 *
 * A program has no way to queue a timer on another CPU, or delayed work, and few
 * ways to have a function called there. Drivers do all of that, and the thread
 * which is isolated there gets their task as the culprit. The self-tests verify
 * that this is true.
 *
 * The number of a CPU, written to a file in debugfs/task_isolation_queue/,
 * queues there what the file is named after. The handlers are empty. A timer and
 * delayed work are due after 10 ms.
 *
 * "hang" is a timer which takes so long that hrtimer_interrupt() gives up for a
 * while. The timer is gone when the write is done, the hang is not.
 */

#include <linux/cleanup.h>
#include <linux/cpu.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/smp.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

/* Jiffies until a timer, or delayed work, is due */
#define QUEUE_DELAY	max(HZ / 100, 1)

/* As often as hrtimer_interrupt() retries, and how long each timer takes */
#define QUEUE_HANGS	3
#define QUEUE_HANG_MS	20

/* One of each exists, which has to be done before it is queued again. */
static DEFINE_MUTEX(queue_mutex);

static void queue_timer_func(struct timer_list *timer)
{
}

static void queue_work_func(struct work_struct *work)
{
}

static void queue_irq_work_func(struct irq_work *work)
{
}

static void queue_call_func(void *info)
{
}

static int queue_hangs;

/* Due again before it has returned, until the interrupt gives up. */
static enum hrtimer_restart queue_hang_func(struct hrtimer *timer)
{
	if (READ_ONCE(queue_hangs) >= QUEUE_HANGS)
		return HRTIMER_NORESTART;

	mdelay(QUEUE_HANG_MS);
	hrtimer_add_expires_ns(timer, NSEC_PER_USEC);
	WRITE_ONCE(queue_hangs, queue_hangs + 1);
	return HRTIMER_RESTART;
}

static struct hrtimer queue_hang;
static DEFINE_TIMER(queue_timer, queue_timer_func);
static DECLARE_WORK(queue_plain_work, queue_work_func);
static DECLARE_DELAYED_WORK(queue_later_work, queue_work_func);
static struct irq_work queue_hard_work = IRQ_WORK_INIT_HARD(queue_irq_work_func);

static void queue_timer_on(int cpu)
{
	timer_delete_sync(&queue_timer);
	queue_timer.expires = jiffies + QUEUE_DELAY;
	add_timer_on(&queue_timer, cpu);
}

static void queue_plain_work_on(int cpu)
{
	flush_work(&queue_plain_work);
	schedule_work_on(cpu, &queue_plain_work);
}

static void queue_later_work_on(int cpu)
{
	cancel_delayed_work_sync(&queue_later_work);
	schedule_delayed_work_on(cpu, &queue_later_work, QUEUE_DELAY);
}

static void queue_hard_work_on(int cpu)
{
	irq_work_sync(&queue_hard_work);
	irq_work_queue_on(&queue_hard_work, cpu);
}

static void queue_call_on(int cpu)
{
	smp_call_function_single(cpu, queue_call_func, NULL, 1);
}

static void queue_hang_start(void *info)
{
	queue_hangs = 0;
	hrtimer_start(&queue_hang, 0, HRTIMER_MODE_REL_PINNED_HARD);
}

static void queue_hang_on(int cpu)
{
	smp_call_function_single(cpu, queue_hang_start, NULL, 1);
	/* Sleeping would take a timer, and last until the hang is over. */
	while (READ_ONCE(queue_hangs) < QUEUE_HANGS)
		cpu_relax();
	hrtimer_cancel(&queue_hang);
}

static int queue_on(void (*queue)(int cpu), u64 cpu)
{
	guard(mutex)(&queue_mutex);
	guard(cpus_read_lock)();

	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;

	queue(cpu);
	return 0;
}

#define QUEUE_FILE(name, queue)							\
static int name##_set(void *data, u64 cpu)					\
{										\
	return queue_on(queue, cpu);						\
}										\
DEFINE_DEBUGFS_ATTRIBUTE(name##_fops, NULL, name##_set, "%llu\n")

QUEUE_FILE(timer, queue_timer_on);
QUEUE_FILE(work, queue_plain_work_on);
QUEUE_FILE(delayed_work, queue_later_work_on);
QUEUE_FILE(irq_work, queue_hard_work_on);
QUEUE_FILE(call, queue_call_on);
QUEUE_FILE(hang, queue_hang_on);

static int __init isolation_queue_init(void)
{
	struct dentry *dir = debugfs_create_dir("task_isolation_queue", NULL);

	hrtimer_setup(&queue_hang, queue_hang_func, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	debugfs_create_file_unsafe("timer", 0200, dir, NULL, &timer_fops);
	debugfs_create_file_unsafe("work", 0200, dir, NULL, &work_fops);
	debugfs_create_file_unsafe("delayed_work", 0200, dir, NULL, &delayed_work_fops);
	debugfs_create_file_unsafe("irq_work", 0200, dir, NULL, &irq_work_fops);
	debugfs_create_file_unsafe("call", 0200, dir, NULL, &call_fops);
	debugfs_create_file_unsafe("hang", 0200, dir, NULL, &hang_fops);
	return 0;
}
late_initcall(isolation_queue_init);
