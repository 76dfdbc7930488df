// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of task isolation: the argument of prctl(PR_TASK_ISOLATION).
 */

#include <kunit/test.h>
#include <linux/prctl.h>
#include <linux/signal.h>

#include "../isolation_internal.h"

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

static struct kunit_case task_isolation_cases[] = {
	KUNIT_CASE(parse_accepts),
	KUNIT_CASE(parse_rejects_signals),
	KUNIT_CASE(parse_rejects_unknown_bits),
	{}
};

static struct kunit_suite task_isolation_suite = {
	.name = "task_isolation",
	.test_cases = task_isolation_cases,
};

kunit_test_suite(task_isolation_suite);
