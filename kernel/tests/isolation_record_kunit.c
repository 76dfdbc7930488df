// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of task isolation: causes, senders, blockers and the record.
 */

#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/hardirq.h>
#include <linux/irq_work.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "../isolation_check.h"
#include "../isolation_internal.h"

struct culprit_test {
	struct task_isolation_senders	all;
	struct task_isolation_who	who;
	bool				kick;
};

static int culprit_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct culprit_test), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static bool culprit_find(struct culprit_test *t, const void *key)
{
	return task_isolation_senders_find(&t->all, key, &t->who, &t->kick);
}

/* As if another thread had recorded itself */
static void culprit_rename(struct culprit_test *t, int i, pid_t tid)
{
	t->all.sender[i].who.pid = tid;
	t->all.sender[i].who.tid = tid;
}

static void culprit_nobody(struct kunit *test)
{
	struct culprit_test *t = test->priv;

	KUNIT_EXPECT_FALSE(test, culprit_find(t, NULL));
	KUNIT_EXPECT_FALSE(test, culprit_find(t, t));
}

static void culprit_key(struct kunit *test)
{
	struct culprit_test *t = test->priv;
	int keys[2];

	task_isolation_senders_add(&t->all, &keys[0], false);
	culprit_rename(t, 0, 1000);
	task_isolation_senders_add(&t->all, &keys[1], true);
	culprit_rename(t, 1, 2000);

	KUNIT_ASSERT_TRUE(test, culprit_find(t, &keys[1]));
	KUNIT_EXPECT_EQ(test, t->who.tid, 2000);
	KUNIT_EXPECT_TRUE(test, t->kick);
	KUNIT_ASSERT_TRUE(test, culprit_find(t, &keys[0]));
	KUNIT_EXPECT_EQ(test, t->who.tid, 1000);
	KUNIT_EXPECT_FALSE(test, t->kick);

	/* None of them sent something else, or nothing. */
	KUNIT_EXPECT_FALSE(test, culprit_find(t, t));
	KUNIT_EXPECT_FALSE(test, culprit_find(t, NULL));
}

static void culprit_current(struct kunit *test)
{
	struct culprit_test *t = test->priv;

	guard(preempt)();
	task_isolation_senders_add(&t->all, NULL, true);
	KUNIT_EXPECT_TRUE(test, culprit_find(t, NULL));
	KUNIT_EXPECT_EQ(test, t->who.pid, task_tgid_nr(current));
	KUNIT_EXPECT_EQ(test, t->who.tid, task_pid_nr(current));
	KUNIT_EXPECT_EQ(test, t->who.cpu, smp_processor_id());
	KUNIT_EXPECT_STREQ(test, t->who.comm, current->comm);
}

static void culprit_interrupt(struct kunit *test)
{
	struct culprit_test *t = test->priv;
	unsigned long flags;

	local_irq_save(flags);
	__irq_enter_raw();
	task_isolation_senders_add(&t->all, NULL, true);
	__irq_exit_raw();
	local_irq_restore(flags);

	KUNIT_ASSERT_TRUE(test, culprit_find(t, NULL));
	KUNIT_EXPECT_EQ(test, t->who.pid, 0);
	KUNIT_EXPECT_EQ(test, t->who.tid, 0);
	KUNIT_EXPECT_GE(test, t->who.cpu, 0);
	KUNIT_EXPECT_STREQ(test, t->who.comm, "");
}

/* Without a key, the answer is none unless all are the same. */
static void culprit_ambiguous(struct kunit *test)
{
	struct culprit_test *t = test->priv;

	task_isolation_senders_add(&t->all, NULL, false);
	task_isolation_senders_add(&t->all, NULL, false);
	/* This thread may have moved in between, but it is still the same. */
	KUNIT_EXPECT_TRUE(test, culprit_find(t, NULL));

	culprit_rename(t, 1, task_pid_nr(current) + 1);
	KUNIT_EXPECT_FALSE(test, culprit_find(t, NULL));

	/* The same number, but another thread */
	culprit_rename(t, 1, task_pid_nr(current));
	t->all.sender[1].who.start++;
	KUNIT_EXPECT_FALSE(test, culprit_find(t, NULL));
}

static void culprit_writing(struct kunit *test)
{
	struct culprit_test *t = test->priv;
	/* Half written, by an interrupt */
	int busy = TASK_ISOLATION_SENDER_BUSY;

	task_isolation_senders_add(&t->all, NULL, false);
	task_isolation_senders_add(&t->all, t, false);

	atomic_set(&t->all.sender[1].state, busy);
	KUNIT_EXPECT_FALSE(test, culprit_find(t, NULL));
	KUNIT_EXPECT_FALSE(test, culprit_find(t, t));

	task_isolation_senders_clear(&t->all);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->all.sender[1].state), busy);
}

/* A sender which records itself again has sent the interrupt of the first time. */
static void culprit_writing_again(struct kunit *test)
{
	struct culprit_test *t = test->priv;
	int busy = TASK_ISOLATION_SENDER_BUSY + task_pid_nr(current);

	for (int i = 0; i < 3; i++)
		task_isolation_senders_add(&t->all, NULL, false);

	for (int i = 0; i < 3; i++) {
		atomic_set(&t->all.sender[i].state, busy);
		if (i == 2)
			break;
		KUNIT_EXPECT_TRUE(test, culprit_find(t, NULL));
		KUNIT_EXPECT_EQ(test, t->who.tid, task_pid_nr(current));
	}
	/* No record is complete. */
	KUNIT_EXPECT_FALSE(test, culprit_find(t, NULL));

	/* Another sender writes, first or last, or besides. */
	atomic_set(&t->all.sender[1].state, TASK_ISOLATION_SENDER_READY);
	atomic_set(&t->all.sender[2].state, busy + 1);
	KUNIT_EXPECT_FALSE(test, culprit_find(t, NULL));
	atomic_set(&t->all.sender[0].state, busy + 1);
	KUNIT_EXPECT_FALSE(test, culprit_find(t, NULL));
	atomic_set(&t->all.sender[2].state, busy);
	KUNIT_EXPECT_FALSE(test, culprit_find(t, NULL));
	atomic_set(&t->all.sender[0].state, busy);
	KUNIT_EXPECT_TRUE(test, culprit_find(t, NULL));
}

static void culprit_full(struct kunit *test)
{
	struct culprit_test *t = test->priv;
	int keys[TASK_ISOLATION_SENDERS + 1];

	for (int i = 0; i < TASK_ISOLATION_SENDERS; i++)
		task_isolation_senders_add(&t->all, i ? &keys[i] : NULL, false);
	KUNIT_EXPECT_TRUE(test, culprit_find(t, NULL));

	task_isolation_senders_add(&t->all, &keys[TASK_ISOLATION_SENDERS], false);
	KUNIT_EXPECT_FALSE(test, culprit_find(t, NULL));
	KUNIT_EXPECT_FALSE(test, culprit_find(t, &keys[TASK_ISOLATION_SENDERS]));
	/* A key still identifies its sender. */
	KUNIT_EXPECT_TRUE(test, culprit_find(t, &keys[1]));

	task_isolation_senders_clear(&t->all);
	KUNIT_EXPECT_FALSE(test, culprit_find(t, &keys[1]));
	task_isolation_senders_add(&t->all, NULL, false);
	KUNIT_EXPECT_TRUE(test, culprit_find(t, NULL));
}

static void culprit_visible(struct kunit *test)
{
	struct task_isolation_who who;
	pid_t pid, tid;

	task_isolation_who_none(&who);
	KUNIT_EXPECT_FALSE(test, task_isolation_who_visible(&who, &pid, &tid));
	KUNIT_EXPECT_EQ(test, pid, 0);

	task_isolation_who_set(&who, current, 0);
	KUNIT_EXPECT_TRUE(test, task_isolation_who_visible(&who, &pid, &tid));
	KUNIT_EXPECT_EQ(test, pid, task_tgid_vnr(current));
	KUNIT_EXPECT_EQ(test, tid, task_pid_vnr(current));
}

struct blockers_test {
	struct work_struct	work;
	struct task_struct	*task;
	const void		*func;
};

static void blockers_work_func(struct work_struct *work)
{
	struct blockers_test *t = container_of(work, struct blockers_test, work);

	/* As seen by a check which this kworker blocks: it was preempted. */
	guard(irq)();
	t->task = current;
	t->func = workqueue_isolation_func(current);
}

static void blockers_work(struct kunit *test)
{
	struct blockers_test t = { };
	const void *nothing;

	INIT_WORK_ONSTACK(&t.work, blockers_work_func);
	queue_work(system_percpu_wq, &t.work);
	flush_work(&t.work);
	destroy_work_on_stack(&t.work);
	KUNIT_EXPECT_TRUE(test, t.task && t.task != current);
	KUNIT_EXPECT_PTR_EQ(test, t.func, (const void *)blockers_work_func);

	/* This thread is no kworker. */
	scoped_guard (irq)
		nothing = workqueue_isolation_func(current);
	KUNIT_EXPECT_NULL(test, nothing);
}

static void blockers_irq_work_func(struct irq_work *work)
{
}

static void blockers_irq_work(struct kunit *test)
{
	struct irq_work work = IRQ_WORK_INIT_HARD(blockers_irq_work_func);
	struct task_isolation_blockers blockers = { };
	bool blocked;

	scoped_guard (irq) {
		irq_work_queue(&work);
		blocked = task_isolation_blocked_by(TASK_ISOLATION_BLOCKER_IRQ_WORK, &blockers);
	}
	irq_work_sync(&work);
	KUNIT_EXPECT_TRUE(test, blocked);
	KUNIT_EXPECT_PTR_EQ(test, blockers.func, (const void *)blockers_irq_work_func);
}

static void blockers_call_func(void *info)
{
	*(bool *)info = true;
}

/* As if another CPU had queued it: the interrupt is pending. */
static void blockers_call(struct kunit *test)
{
	bool called = false;
	call_single_data_t csd = CSD_INIT(blockers_call_func, &called);
	struct task_isolation_blockers blockers = { };
	bool blocked;

	csd.node.u_flags = CSD_FLAG_LOCK;
	scoped_guard (irq) {
		__smp_call_single_queue(smp_processor_id(), &csd.node.llist);
		blocked = task_isolation_blocked_by(TASK_ISOLATION_BLOCKER_CALL, &blockers);
	}
	while (!READ_ONCE(called))
		cpu_relax();
	KUNIT_EXPECT_TRUE(test, blocked);
	KUNIT_EXPECT_PTR_EQ(test, blockers.func, (const void *)blockers_call_func);
}

static void blockers_timer_func(struct timer_list *timer)
{
}

/* What a report says of this CPU right after a timer was queued on it. */
static struct task_isolation_blockers blockers_queue_timer(struct timer_list *timer,
							   unsigned long delay)
{
	struct task_isolation_blockers blockers = { };

	scoped_guard (irq) {
		mod_timer(timer, jiffies + delay);
		if (task_isolation_blocked_by(TASK_ISOLATION_BLOCKER_TIMER, &blockers))
			blockers.bits |= TASK_ISOLATION_BLOCKER_TIMER;
	}
	timer_delete_sync(timer);
	return blockers;
}

/*
 * A timer which this CPU has to expire blocks isolation. Others are due here as
 * well, but not in each jiffy.
 */
static void blockers_timer_local(struct kunit *test)
{
	struct task_isolation_blockers blockers;
	struct timer_list timer;

	timer_setup_on_stack(&timer, blockers_timer_func, TIMER_PINNED);
	for (int i = 0; i < 100; i++) {
		blockers = blockers_queue_timer(&timer, 1);
		if (blockers.timer == blockers_timer_func)
			break;
		msleep(20);
	}
	timer_destroy_on_stack(&timer);
	KUNIT_EXPECT_NE(test, blockers.bits & TASK_ISOLATION_BLOCKER_TIMER, 0);
	KUNIT_EXPECT_PTR_EQ(test, blockers.timer, (const void *)blockers_timer_func);
}

/* A timer which any CPU can expire does not, unless it is about to be due. */
static void blockers_timer_global(struct kunit *test)
{
	struct task_isolation_blockers soon, later;
	struct timer_list timer;
	bool named = false;

	timer_setup_on_stack(&timer, blockers_timer_func, 0);
	for (int i = 0; i < 100; i++) {
		later = blockers_queue_timer(&timer, 3 * HZ);
		named |= later.timer == blockers_timer_func;
		soon = blockers_queue_timer(&timer, 1);
		if (soon.bits & TASK_ISOLATION_BLOCKER_TIMER)
			break;
		msleep(20);
	}
	timer_destroy_on_stack(&timer);
	KUNIT_EXPECT_FALSE(test, named);
	KUNIT_EXPECT_NE(test, soon.bits & TASK_ISOLATION_BLOCKER_TIMER, 0);
}

static void record_span(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, task_isolation_span(1000, 1500), 500);
	KUNIT_EXPECT_EQ(test, task_isolation_span(1000, 1000), 0);
	/* The clock has stepped back in between. */
	KUNIT_EXPECT_EQ(test, task_isolation_span(1000, 999), 0);
	KUNIT_EXPECT_EQ(test, task_isolation_span(U64_MAX, 0), 0);
}

/* On 32 bits as well: a program does not know the width of the kernel. */
static void record_minus_one(struct kunit *test)
{
	struct task_isolation_entry entry = { .cause = TASK_ISOLATION_SYSCALL, .nr = -1UL };

	KUNIT_EXPECT_EQ(test, task_isolation_number(&entry), U64_MAX);
}

/* User space has been compiled with these. */
static void record_layout(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, sizeof(struct task_isolation_record),
			TASK_ISOLATION_RECORD_SIZE_VER0);
	KUNIT_EXPECT_EQ(test, offsetof(struct task_isolation_record, losses), 8);
	KUNIT_EXPECT_EQ(test, offsetof(struct task_isolation_record, blockers_now), 64);
	KUNIT_EXPECT_EQ(test, offsetof(struct task_isolation_record, cpu), 72);
	KUNIT_EXPECT_EQ(test, offsetof(struct task_isolation_record, culprit_comm), 104);
	KUNIT_EXPECT_EQ(test, offsetof(struct task_isolation_record, what), 120);
	KUNIT_EXPECT_EQ(test, offsetof(struct task_isolation_record, work), 296);
}

static void record_words(struct kunit *test)
{
	for (int i = 0; i < TASK_ISOLATION_NR_CAUSES; i++) {
		const struct task_isolation_cause_info *info = task_isolation_cause_info(i);

		KUNIT_ASSERT_NOT_NULL(test, info->word);
		/* Each is the first word of a line in sysfs. */
		KUNIT_EXPECT_NULL(test, strpbrk(info->word, "\n "));
		for (int j = 0; j < i; j++)
			KUNIT_EXPECT_STRNEQ(test, info->word, task_isolation_cause_info(j)->word);
	}
	/* What is not in the list is unknown. */
	KUNIT_EXPECT_STREQ(test, task_isolation_cause_info((int)TASK_ISOLATION_NR_CAUSES)->word,
			   "unknown");
}

static const struct blocker_case {
	u64 bit;
	const char *word;
	enum task_isolation_phase phase;
} blocker_cases[] = {
#define blocker_entry(name, word, phase) \
	{ TASK_ISOLATION_BLOCKER_##name, #word, TASK_ISOLATION_PHASE_##phase }
	TASK_ISOLATION_BLOCKERS
#undef blocker_entry
};

/* One bit each, in their order, and final ones only where the check expects them. */
static void blockers_list(struct kunit *test)
{
	u64 before = 0;

	for (int i = 0; i < ARRAY_SIZE(blocker_cases); i++) {
		const struct blocker_case *c = &blocker_cases[i];

		KUNIT_EXPECT_EQ_MSG(test, hweight64(c->bit), 1, "%s", c->word);
		KUNIT_EXPECT_GT_MSG(test, c->bit, before, "%s", c->word);
		KUNIT_EXPECT_EQ_MSG(test, !!(c->bit & TASK_ISOLATION_BLOCKERS_FINAL),
				    c->phase == TASK_ISOLATION_PHASE_THREAD ||
				    c->phase == TASK_ISOLATION_PHASE_MACHINE, "%s", c->word);
		before = c->bit;
	}
}

/* The error code goes with the group. */
static void blockers_error(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, task_isolation_error(0), 0);
	KUNIT_EXPECT_EQ(test, task_isolation_error(TASK_ISOLATION_BLOCKER_TASK), -EAGAIN);
	KUNIT_EXPECT_EQ(test, task_isolation_error(TASK_ISOLATION_BLOCKER_DEVICE), -EINVAL);
	KUNIT_EXPECT_EQ(test, task_isolation_error(TASK_ISOLATION_BLOCKER_TASK |
						   TASK_ISOLATION_BLOCKER_NOHZ), -EINVAL);
}

/* A report keeps what the check has found, whatever is found again. */
static void blockers_report(struct kunit *test)
{
	struct task_isolation_blockers blockers;

	scoped_guard (irq)
		task_isolation_explain(&blockers, TASK_ISOLATION_BLOCKER_RESCHED);
	KUNIT_EXPECT_NE(test, blockers.bits & TASK_ISOLATION_BLOCKER_RESCHED, 0);
	KUNIT_EXPECT_EQ(test, blockers.bits & TASK_ISOLATION_BLOCKERS_FINAL, 0);

	/* A signal is the whole reason, and so are the conditions of the thread. */
	scoped_guard (irq)
		task_isolation_explain(&blockers, TASK_ISOLATION_BLOCKER_SIGNAL);
	KUNIT_EXPECT_EQ(test, blockers.bits, TASK_ISOLATION_BLOCKER_SIGNAL);
	scoped_guard (irq)
		task_isolation_explain(&blockers, TASK_ISOLATION_BLOCKER_AFFINITY);
	KUNIT_EXPECT_EQ(test, blockers.bits, TASK_ISOLATION_BLOCKER_AFFINITY);
	KUNIT_EXPECT_EQ(test, blockers.task.cpu, -1);

	/* A tick without a cause is still one. */
	scoped_guard (irq)
		task_isolation_explain(&blockers, TASK_ISOLATION_BLOCKER_TICK);
	KUNIT_EXPECT_NE(test, blockers.bits, 0);
}

static struct kunit_case task_isolation_record_cases[] = {
	KUNIT_CASE(culprit_nobody),
	KUNIT_CASE(culprit_key),
	KUNIT_CASE(culprit_current),
	KUNIT_CASE(culprit_interrupt),
	KUNIT_CASE(culprit_ambiguous),
	KUNIT_CASE(culprit_writing),
	KUNIT_CASE(culprit_writing_again),
	KUNIT_CASE(culprit_full),
	KUNIT_CASE(culprit_visible),
	KUNIT_CASE(blockers_work),
	KUNIT_CASE(blockers_irq_work),
	KUNIT_CASE(blockers_call),
	KUNIT_CASE(blockers_timer_local),
	KUNIT_CASE(blockers_timer_global),
	KUNIT_CASE(blockers_list),
	KUNIT_CASE(blockers_error),
	KUNIT_CASE(blockers_report),
	KUNIT_CASE(record_span),
	KUNIT_CASE(record_minus_one),
	KUNIT_CASE(record_layout),
	KUNIT_CASE(record_words),
	{}
};

static struct kunit_suite task_isolation_record_suite = {
	.name = "task_isolation_record",
	.init = culprit_init,
	.test_cases = task_isolation_record_cases,
};

kunit_test_suite(task_isolation_record_suite);
