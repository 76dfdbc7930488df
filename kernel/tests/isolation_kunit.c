// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of task isolation: the parts which need no isolated CPU.
 */

#include <kunit/test.h>
#include <linux/isolation.h>
#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/smp.h>

static void parse_accepts(struct kunit *test)
{
	int sig = 0;

	KUNIT_EXPECT_EQ(test, task_isolation_parse(0, &sig), 0);
	KUNIT_EXPECT_EQ(test, sig, SIGKILL);
	KUNIT_EXPECT_EQ(test, task_isolation_parse(PR_TASK_ISOLATION_ENABLE, &sig), 0);
	KUNIT_EXPECT_EQ(test, sig, SIGKILL);

	for (int i = 1; i <= _NSIG; i++) {
		unsigned long flags = PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(i);

		if (sig_kernel_stop(i) || i == SIGCONT)
			continue;
		KUNIT_EXPECT_EQ(test, task_isolation_parse(flags, &sig), 0);
		KUNIT_EXPECT_EQ(test, sig, i);
	}
}

static void parse_rejects_signals(struct kunit *test)
{
	static const int job_control[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT };
	unsigned long flags;
	int sig;

	for (int i = 0; i < ARRAY_SIZE(job_control); i++) {
		flags = PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(job_control[i]);
		KUNIT_EXPECT_EQ(test, task_isolation_parse(flags, &sig), -EINVAL);
	}

	for (int i = _NSIG + 1; i <= 0x7f; i++) {
		flags = PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(i);
		KUNIT_EXPECT_EQ(test, task_isolation_parse(flags, &sig), -EINVAL);
	}
}

static void parse_rejects_unknown_bits(struct kunit *test)
{
	unsigned long known = PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(0x7f);
	int sig;

	for (int i = 0; i < BITS_PER_LONG; i++) {
		unsigned long flags = PR_TASK_ISOLATION_ENABLE | BIT(i);

		if (BIT(i) & known)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, task_isolation_parse(flags, &sig), -EINVAL,
				    "bit %d", i);
	}
}

static const struct describe_case {
	struct task_isolation_entry entry;
	const char *text;
} describe_cases[] = {
	{ { .cause = TASK_ISOLATION_UNKNOWN }, "unknown" },
	{ { .cause = TASK_ISOLATION_SYSCALL, .nr = 39 }, "syscall 39" },
	{ { .cause = TASK_ISOLATION_SYSCALL, .nr = -1UL }, "syscall -1" },
	{ { .cause = TASK_ISOLATION_FAULT, .nr = 0x1000 }, "page fault at 0x1000" },
	{ { .cause = TASK_ISOLATION_TRAP, .what = "exc_device_not_available" },
	  "trap (exc_device_not_available)" },
	{ { .cause = TASK_ISOLATION_VECTOR, .nr = 0xef }, "vector 0xef" },
	{ { .cause = TASK_ISOLATION_VECTOR, .what = "sysvec_thermal" }, "vector (sysvec_thermal)" },
	{ { .cause = TASK_ISOLATION_IRQ, .nr = 24, .hwirq = 5, .domain = "PCI-MSI" },
	  "irq 24 (PCI-MSI hwirq 5)" },
	{ { .cause = TASK_ISOLATION_TIMER }, "local timer interrupt" },
	{ { .cause = TASK_ISOLATION_IPI_FUNC, .what = smp_call_function_many },
	  "IPI function (smp_call_function_many)" },
	{ { .cause = TASK_ISOLATION_RESCHED }, "reschedule IPI" },
	{ { .cause = TASK_ISOLATION_IRQ_WORK, .what = smp_call_function_many },
	  "irq_work (smp_call_function_many)" },
	{ { .cause = TASK_ISOLATION_NMI }, "NMI" },
	{ { .cause = TASK_ISOLATION_MCE }, "machine check" },
	{ { .cause = TASK_ISOLATION_SIGNAL, .nr = 10 }, "signal 10" },
	{ { .cause = TASK_ISOLATION_STOP }, "stop" },
	{ { .cause = TASK_ISOLATION_AFFINITY }, "affinity change" },
};

/* The text is interface: people grep their logs for it. */
static void describe_texts(struct kunit *test)
{
	unsigned long seen = 0;
	char buf[128];

	for (int i = 0; i < ARRAY_SIZE(describe_cases); i++) {
		task_isolation_describe(&describe_cases[i].entry, buf, sizeof(buf));
		KUNIT_EXPECT_STREQ(test, buf, describe_cases[i].text);
		seen |= BIT(describe_cases[i].entry.cause);
	}
	/* A new cause wants a text and a line above. */
	KUNIT_EXPECT_EQ(test, seen, GENMASK(TASK_ISOLATION_NR_CAUSES - 1, 0));
}

static void describe_truncates(struct kunit *test)
{
	struct task_isolation_entry entry = { .cause = TASK_ISOLATION_RESCHED };
	char buf[8] = "xxxxxxx";

	KUNIT_EXPECT_EQ(test, task_isolation_describe(&entry, buf, 5), 4);
	KUNIT_EXPECT_STREQ(test, buf, "resc");
	KUNIT_EXPECT_EQ(test, buf[5], 'x');
}

static struct kunit_case task_isolation_cases[] = {
	KUNIT_CASE(parse_accepts),
	KUNIT_CASE(parse_rejects_signals),
	KUNIT_CASE(parse_rejects_unknown_bits),
	KUNIT_CASE(describe_texts),
	KUNIT_CASE(describe_truncates),
	{}
};

static struct kunit_suite task_isolation_suite = {
	.name = "task_isolation",
	.test_cases = task_isolation_cases,
};

kunit_test_suite(task_isolation_suite);
