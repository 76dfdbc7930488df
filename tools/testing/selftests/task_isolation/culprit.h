/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of culprits expect of a victim's record, and of the log.
 */
#ifndef __TASK_ISOLATION_CULPRIT_H
#define __TASK_ISOLATION_CULPRIT_H

#include <sys/mount.h>

#include "fixture.h"

/* What drivers do: by way of files that kernels made for these tests have. */
#define DEBUGFS		"/sys/kernel/debug"
#define QUEUE_DIR	DEBUGFS "/task_isolation_queue/"

static bool __maybe_unused can_queue(void)
{
	if (access(QUEUE_DIR, F_OK))
		mount("none", DEBUGFS, "debugfs", 0, NULL);
	return !access(QUEUE_DIR "call", W_OK);
}

static int __maybe_unused queue_there(const char *what)
{
	char path[64], cpu[16];

	snprintf(path, sizeof(path), QUEUE_DIR "%s", what);
	snprintf(cpu, sizeof(cpu), "%d", iso.cpu);
	return iso_write_file(path, cpu);
}

static const struct iso_case spin_case __maybe_unused = {
	.flags = ISO_USR1, .act = iso_act_spin, .finish = iso_finish_record,
};

/* What the log says of the victim's loss after the cause, or NULL without a line. */
static const char *log_culprit(void)
{
	char who[32];
	int i;

	iso_log_read(&iso.log);
	snprintf(who, sizeof(who), "/%d (cpu ", iso.sh->tid);
	for (i = 0; i < iso.log.count; i++) {
		const char *line = iso.log.line[i];

		if (strstr(line, ISO_LOST) && strstr(line, who))
			return strstr(line, " by ") ?: "";
	}
	return NULL;
}

/* The line may be missing where the kernel may suppress lines. */
static void __maybe_unused expect_log(struct __test_metadata *_metadata, const char *want)
{
	const char *said = log_culprit();

	if (!said && (iso.log.limited || iso.log.fd < 0)) {
		TH_LOG("no log line, culprit not checked in it");
		return;
	}
	ASSERT_TRUE(said);
	EXPECT_STREQ(want, said);
}

/*
 * It was this thread, on a housekeeping CPU, or on @cpu. In the log, too, where
 * there is a line: a signal has none.
 */
static void __maybe_unused expect_culprit(struct __test_metadata *_metadata, pid_t pid,
					  pid_t tid, const char *comm, int cpu)
{
	const struct task_isolation_record *rec = &iso.sh->rec;
	cpu_set_t set;
	char text[80];

	EXPECT_EQ(pid, rec->culprit_pid);
	EXPECT_EQ(tid, rec->culprit_tid);
	EXPECT_STREQ(comm, rec->culprit_comm);
	iso_housekeeping(&set);
	EXPECT_TRUE(rec->culprit_cpu >= 0 && CPU_ISSET(rec->culprit_cpu, &set)) {
		TH_LOG("on CPU %d", rec->culprit_cpu);
	}
	if (cpu >= 0)
		EXPECT_EQ(cpu, rec->culprit_cpu);
	if (rec->cause == TASK_ISOLATION_SIGNAL)
		return;
	snprintf(text, sizeof(text), " by %s/%d on cpu %d", comm, tid, rec->culprit_cpu);
	expect_log(_metadata, text);
}

/* It was the test itself. */
static void __maybe_unused expect_me(struct __test_metadata *_metadata)
{
	char comm[16];

	prctl(PR_GET_NAME, comm);
	expect_culprit(_metadata, getpid(), getpid(), comm, -1);
	EXPECT_EQ(getuid(), iso.sh->rec.culprit_uid);
}

/*
 * It was the process @pid, which is gone: right, or nobody. Returns whether it
 * was named.
 */
static bool __maybe_unused expect_culprit_or_none(struct __test_metadata *_metadata, pid_t pid,
						  const char *comm)
{
	const struct task_isolation_record *rec = &iso.sh->rec;

	if (rec->culprit_pid) {
		expect_culprit(_metadata, pid, pid, comm, -1);
		return true;
	}
	EXPECT_EQ(0, rec->culprit_tid);
	EXPECT_STREQ("", rec->culprit_comm);
	return false;
}

/* It was an interrupt on a housekeeping CPU, which is no task's doing. */
static void __maybe_unused expect_interrupt(struct __test_metadata *_metadata)
{
	const struct task_isolation_record *rec = &iso.sh->rec;
	cpu_set_t set;
	char text[80];

	EXPECT_EQ(0, rec->culprit_pid);
	EXPECT_EQ(0, rec->culprit_tid);
	EXPECT_EQ(0, rec->culprit_uid);
	EXPECT_STREQ("", rec->culprit_comm);
	iso_housekeeping(&set);
	EXPECT_TRUE(rec->culprit_cpu >= 0 && CPU_ISSET(rec->culprit_cpu, &set)) {
		TH_LOG("on CPU %d", rec->culprit_cpu);
	}
	if (rec->cause == TASK_ISOLATION_SIGNAL)
		return;
	snprintf(text, sizeof(text), " by an interrupt or the idle loop on cpu %d",
		 rec->culprit_cpu);
	expect_log(_metadata, text);
}

static void __maybe_unused expect_nobody(struct __test_metadata *_metadata)
{
	EXPECT_EQ(-1, iso.sh->rec.culprit_cpu);
	EXPECT_EQ(0, iso.sh->rec.culprit_pid);
	EXPECT_EQ(0, iso.sh->rec.culprit_tid);
	EXPECT_STREQ("", iso.sh->rec.culprit_comm);
}

#endif /* __TASK_ISOLATION_CULPRIT_H */
