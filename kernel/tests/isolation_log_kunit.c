// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of task isolation: the text of a line in the log.
 */

#include <kunit/test.h>

#include "../isolation_internal.h"

static const struct describe_case {
	struct task_isolation_loss loss;
	const char *text;
} describe_cases[] = {
	{ { .cause = TASK_ISOLATION_UNKNOWN }, "unknown" },
	{ { .cause = TASK_ISOLATION_SYSCALL, .number = 39 }, "syscall 39" },
	{ { .cause = TASK_ISOLATION_SYSCALL, .number = U64_MAX }, "syscall -1" },
	{ { .cause = TASK_ISOLATION_FAULT, .number = 0x1000 }, "page fault at 0x1000" },
	{ { .cause = TASK_ISOLATION_TRAP, .what = "exc_device_not_available" },
	  "trap (exc_device_not_available)" },
	{ { .cause = TASK_ISOLATION_TRAP }, "trap (?)" },
	{ { .cause = TASK_ISOLATION_VECTOR, .number = 0xef }, "vector 0xef" },
	{ { .cause = TASK_ISOLATION_VECTOR, .what = "sysvec_thermal" },
	  "vector (sysvec_thermal)" },
	{ { .cause = TASK_ISOLATION_IRQ, .number = 24, .hwirq = 5, .what = "PCI-MSI" },
	  "irq 24 (PCI-MSI hwirq 5)" },
	{ { .cause = TASK_ISOLATION_TIMER }, "local timer interrupt" },
	{ { .cause = TASK_ISOLATION_IPI_FUNC, .symbol = true, .what = "do_sync_core" },
	  "IPI function (do_sync_core)" },
	/* A function without a name: not its address */
	{ { .cause = TASK_ISOLATION_IPI_FUNC, .symbol = true }, "IPI function (?)" },
	{ { .cause = TASK_ISOLATION_RESCHED }, "reschedule IPI" },
	{ { .cause = TASK_ISOLATION_IRQ_WORK, .symbol = true, .what = "rcu_exp_handler" },
	  "irq_work (rcu_exp_handler)" },
	{ { .cause = TASK_ISOLATION_IRQ_WORK, .symbol = true }, "irq_work (?)" },
	{ { .cause = TASK_ISOLATION_NMI }, "NMI" },
	{ { .cause = TASK_ISOLATION_MCE }, "machine check" },
	{ { .cause = TASK_ISOLATION_SIGNAL, .number = 10 }, "signal 10" },
	{ { .cause = TASK_ISOLATION_STOP }, "stop" },
	{ { .cause = TASK_ISOLATION_AFFINITY }, "affinity change" },
};

static void describe_texts(struct kunit *test)
{
	unsigned long seen = 0;
	char buf[128];

	for (int i = 0; i < ARRAY_SIZE(describe_cases); i++) {
		task_isolation_describe(&describe_cases[i].loss, buf, sizeof(buf));
		KUNIT_EXPECT_STREQ(test, buf, describe_cases[i].text);
		seen |= BIT(describe_cases[i].loss.cause);
	}
	/* A new cause needs a line above. */
	KUNIT_EXPECT_EQ(test, seen, GENMASK(TASK_ISOLATION_NR_CAUSES - 1, 0));
}

static void describe_truncates(struct kunit *test)
{
	struct task_isolation_loss loss = { .cause = TASK_ISOLATION_RESCHED };
	char buf[8] = "xxxxxxx";

	KUNIT_EXPECT_EQ(test, task_isolation_describe(&loss, buf, 5), 4);
	KUNIT_EXPECT_STREQ(test, buf, "resc");
	KUNIT_EXPECT_EQ(test, buf[5], 'x');
}

static void describe_culprits(struct kunit *test)
{
	struct task_isolation_loss loss = {
		.culprit = { .cpu = 1, .tid = 733, .comm = "nft" },
	};
	char buf[64];

	task_isolation_describe_culprit(&loss, buf, sizeof(buf));
	KUNIT_EXPECT_STREQ(test, buf, " by nft/733 on cpu 1");

	loss.culprit.tid = 0;
	task_isolation_describe_culprit(&loss, buf, sizeof(buf));
	KUNIT_EXPECT_STREQ(test, buf, " by an interrupt or the idle loop on cpu 1");

	loss.culprit.cpu = -1;
	KUNIT_EXPECT_EQ(test, task_isolation_describe_culprit(&loss, buf, sizeof(buf)), 0);
	KUNIT_EXPECT_STREQ(test, buf, "");
}

static struct kunit_case task_isolation_log_cases[] = {
	KUNIT_CASE(describe_texts),
	KUNIT_CASE(describe_truncates),
	KUNIT_CASE(describe_culprits),
	{}
};

static struct kunit_suite task_isolation_log_suite = {
	.name = "task_isolation_log",
	.test_cases = task_isolation_log_cases,
};

kunit_test_suite(task_isolation_log_suite);
