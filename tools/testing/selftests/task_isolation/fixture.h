/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation tests: what is left to the test harness, which can't be used in a
 * library.
 */
#ifndef __TASK_ISOLATION_FIXTURE_H
#define __TASK_ISOLATION_FIXTURE_H

#include "kselftest_harness.h"
#include "expect.h"

/* Of a test, in s */
#define ISO_TIMEOUT	90

/* Begins a test that uses the CPU iso.cpu. */
static void iso_open(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, iso_pin_housekeeping());
	iso.sh = iso_share(sizeof(*iso.sh));
	ASSERT_TRUE(iso.sh != MAP_FAILED);
	iso.uid = getuid();
	iso_channels_clear();
}

/* Begins a test on an isolation CPU, or skips it if there is none. */
static void __maybe_unused iso_begin(struct __test_metadata *_metadata)
{
	const char *reason = iso_find_cpu(&iso.cpu, &iso.cpu2);

	if (reason)
		SKIP(return, "%s", reason);
	iso_open(_metadata);
}

/* Ends a test, and fails it if the library has found a difference. */
static void __maybe_unused iso_finish(struct __test_metadata *_metadata)
{
	iso_close();
	EXPECT_EQ(0, iso_differences);
}

/* Applies a stimulus, and expects what has to come of it, on each channel. */
static bool __maybe_unused iso_test(struct __test_metadata *_metadata, const struct stimulus *s)
{
	const char *reason = iso_run(s);

	if (reason)
		SKIP(return false, "%s", reason);
	return true;
}

/* Runs the tests with the channels open. A test may use another CPU than these. */
static int __maybe_unused iso_main(int argc, char **argv)
{
	const char *reason = iso_find_cpu(&iso.cpu, &iso.cpu2);
	int ret = test_harness_argv_check(argc, argv);

	if (ret != KSFT_PASS || reason)
		return ret ?: test_harness_run(argc, argv);
	iso_channels_open();
	ret = test_harness_run(argc, argv);
	iso_channels_close();
	return ret;
}

#endif /* __TASK_ISOLATION_FIXTURE_H */
