/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation tests: what a stimulus has to lead to, on each channel.
 */
#ifndef __TASK_ISOLATION_EXPECT_H
#define __TASK_ISOLATION_EXPECT_H

#include "channels.h"

void iso_expect(const struct stimulus *s);
void iso_expect_totals(int entries, int losses);
void iso_expect_times(void);
void iso_expect_refused(int err, uint64_t blockers);

#endif /* __TASK_ISOLATION_EXPECT_H */
