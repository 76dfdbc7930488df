/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation tests: a table of stimuli, each of which has to lead to what it says.
 */
#ifndef __TASK_ISOLATION_ROWS_H
#define __TASK_ISOLATION_ROWS_H

#include "fixture.h"
#include "stimuli.h"

FIXTURE(row) {};

FIXTURE_VARIANT(row)
{
	const struct stimulus *stimulus;
};

FIXTURE_SETUP(row)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(row)
{
	iso_finish(_metadata);
}

TEST_F_TIMEOUT(row, expect, ISO_TIMEOUT)
{
	iso_test(_metadata, variant->stimulus);
}

/* Adds the test row.NAME.expect, of the stimulus stim_NAME, which is here or in a library. */
#define ROW(name)					\
	extern const struct stimulus stim_##name;	\
	FIXTURE_VARIANT_ADD(row, name) { .stimulus = &stim_##name }

#endif /* __TASK_ISOLATION_ROWS_H */
