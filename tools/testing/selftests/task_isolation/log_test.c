// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: how many lines the kernel's log gets.
 *
 * Test Summary
 *
 *  * log.all		With task_isolation_debug on the boot line: one for each
 *			loss
 *  * log.limited	Without: a thread that loses all the time, because it wants
 *			to, does not fill the log. What is left out is counted.
 *  * log.off		With kernel.task_isolation_log at 0: none
 *  * log.elsewhere	It is not the thread that prints them, nor its CPU, as a
 *			console takes longer than most disturbances
 *  * log.restricted	A user who may not read the log does not read it
 *
 * Whether there is a line or not, the thread is notified each time, and each line
 * names the thread, the CPU and the cause.
 */
#include <sys/stat.h>

#include "fixture.h"

#define LOSSES		50
/* Of the kernel: DEFAULT_RATELIMIT_BURST lines in DEFAULT_RATELIMIT_INTERVAL */
#define LINES		10
#define INTERVAL_MS	5000
/* For ticks that come late */
#define SLACK_MS	1000

#define RESTRICT	"/proc/sys/kernel/dmesg_restrict"

FIXTURE(log)
{
	char restricted[16];	/* dmesg_restrict as it was */
	char on[8];		/* kernel.task_isolation_log as it was */
};

FIXTURE_SETUP(log)
{
	iso_begin(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	if (iso_log.fd < 0)
		SKIP(return, "no /dev/kmsg: %s", strerror(errno));
}

FIXTURE_TEARDOWN(log)
{
	if (self->on[0])
		EXPECT_EQ(0, iso_write_file(ISO_LOG_SYSCTL, self->on));
	if (self->restricted[0])
		EXPECT_EQ(0, iso_write_file(RESTRICT, self->restricted));
	iso_finish(_metadata);
}

static int losses_wanted;

/* Loses as often as the test lets it, which counts in @go. */
static void act_lose(struct iso_shared *sh)
{
	int i;

	for (i = 1; i <= losses_wanted; i++) {
		/* The first time the thread is isolated already. */
		if (i > 1 && iso_enter(sh, ISO_USR1))
			break;
		syscall(SYS_getppid);
		INC(sh->count);
		while (LOAD(sh->go) < i)
			iso_sleep_ms(1);
	}
}

/* Runs a victim that loses so often. Returns how many lines that gave. */
static int lose(struct __test_metadata *_metadata, int losses)
{
	const struct stimulus s = { .act = act_lose };
	char want[ISO_LOG_LEN], who[32];
	int i, lines = 0, first;

	losses_wanted = losses;
	iso_log_read(&iso_log);
	first = iso_log.count;
	ASSERT_TRUE(iso_start(&s));
	for (i = 1; i <= losses; i++) {
		ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->count, i)) {
			TH_LOG("loss %d did not come, prctl returned %d, errno %d", i,
			       iso.sh->ret, iso.sh->err);
		}
		iso_log_read(&iso_log);
		STORE(iso.sh->go, i);
	}
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->acted, 1));
	iso_stop();
	EXPECT_EQ(losses, iso.sh->sig[SIGUSR1]);
	EXPECT_EQ(losses, iso.sh->sig_total);
	EXPECT_EQ(losses, iso.sh->rec.losses);

	iso_log_read(&iso_log);
	ASSERT_GT(ISO_LOG_LINES, iso_log.count);
	snprintf(who, sizeof(who), "/%d (cpu ", iso.sh->tid);
	snprintf(want, sizeof(want), ISO_VICTIM "/%d (cpu %d): " ISO_LOST "syscall %d",
		 iso.sh->tid, iso.cpu, SYS_getppid);
	for (i = first; i < iso_log.count; i++) {
		if (!strstr(iso_log.line[i], ISO_LOST) || !strstr(iso_log.line[i], who))
			continue;
		EXPECT_STREQ(want, iso_log.line[i]);
		lines++;
	}
	return lines;
}

TEST_F_TIMEOUT(log, all, ISO_TIMEOUT)
{
	if (iso_log.limited)
		SKIP(return, "the kernel was booted without task_isolation_debug");
	EXPECT_EQ(LOSSES, lose(_metadata, LOSSES));
}

/* The number of losses for which the log has no line, as it says. */
static int count_suppressed(void)
{
	int i, n = 0;

	for (i = 0; i < iso_log.count; i++) {
		const char *p = strstr(iso_log.line[i], "task_isolation_log: ");

		if (p && strstr(p, " callbacks suppressed"))
			n += atoi(p + strlen("task_isolation_log: "));
	}
	return n;
}

TEST_F_TIMEOUT(log, limited, ISO_TIMEOUT)
{
	uint64_t begin, ms;
	int lines, before;

	if (!iso_log.limited)
		SKIP(return, "the kernel was booted with task_isolation_debug");
	/* Other tests may have used up what there is for a while. */
	iso_sleep_ms(INTERVAL_MS + SLACK_MS);
	begin = iso_now_ns();
	/* The first line says how many were left out. */
	lines = lose(_metadata, 1);
	EXPECT_EQ(1, lines);
	before = count_suppressed();
	lines += lose(_metadata, LOSSES);
	ms = (iso_now_ns() - begin) / 1000000;
	TH_LOG("%d lines in %llu ms", lines, (unsigned long long)ms);
	/* Each interval that begins gives as many, and there was time for so many. */
	EXPECT_GE((int)(1 + ms / INTERVAL_MS) * LINES, lines);

	/*
	 * The next one has a line again, and before it the number of the others.
	 * A slow machine has seen some of that number with a line in between.
	 */
	iso_sleep_ms(INTERVAL_MS + SLACK_MS);
	EXPECT_EQ(1, lose(_metadata, 1));
	EXPECT_LE(1 + LOSSES - lines, count_suppressed() - before);
}

TEST_F_TIMEOUT(log, off, ISO_TIMEOUT)
{
	if (iso_read_file(ISO_LOG_SYSCTL, self->on, sizeof(self->on)) < 0 ||
	    iso_write_file(ISO_LOG_SYSCTL, "0"))
		SKIP(return, "can't write to " ISO_LOG_SYSCTL ": %s", strerror(errno));
	EXPECT_EQ(0, lose(_metadata, 1));
	EXPECT_EQ(-1, iso_write_file(ISO_LOG_SYSCTL, "2"));
	ASSERT_EQ(0, iso_write_file(ISO_LOG_SYSCTL, "1"));
	if (!iso_log.limited)
		EXPECT_EQ(1, lose(_metadata, 1));
}

#define INSTANCE	ISO_TRACEFS "/instances/task_isolation_log_test"
/* Each line of the log, with the thread that prints it */
#define CONSOLE		INSTANCE "/events/printk/console/enable"

/*
 * Finds the thread that printed the line of the victim's loss: "COMM-TID [CPU] FLAGS
 * TIME: console: TEXT". False if there is none.
 */
static bool find_printer(int *tid, int *cpu)
{
	char line[1024], text[64], *p, *from;
	bool found = false;
	FILE *f;

	snprintf(text, sizeof(text), "/%d (cpu %d): " ISO_LOST, iso.sh->tid, iso.cpu);
	f = fopen(INSTANCE "/trace", "r");
	while (f && !found && fgets(line, sizeof(line), f)) {
		p = strstr(line, ": console: ");
		if (!p || !strstr(p, text))
			continue;
		*p = '\0';
		from = strstr(line, " [");
		if (!from)
			continue;
		*cpu = atoi(from + 2);
		*from = '\0';
		p = strrchr(line, '-');
		*tid = p ? atoi(p + 1) : 0;
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

TEST_F_TIMEOUT(log, elsewhere, ISO_TIMEOUT)
{
	int tid = 0, cpu = -1, lines;
	bool found;

	if (!iso_mount_tracefs())
		SKIP(return, "no tracefs: %s", strerror(errno));
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		SKIP(return, "can't make " INSTANCE ": %s", strerror(errno));
	/* Before there is a victim: switching it on interrupts every CPU. */
	if (iso_write_file(CONSOLE, "1")) {
		rmdir(INSTANCE);
		SKIP(return, "no event printk:console");
	}
	/* Where the rate is limited, other tests may have used up what there is. */
	if (iso_log.limited)
		iso_sleep_ms(INTERVAL_MS + SLACK_MS);
	lines = lose(_metadata, 1);
	found = find_printer(&tid, &cpu);
	iso_write_file(CONSOLE, "0");
	EXPECT_EQ(0, rmdir(INSTANCE));
	EXPECT_EQ(1, lines);
	ASSERT_TRUE(found);
	EXPECT_NE(iso.sh->tid, tid);
	EXPECT_NE(iso.cpu, cpu);
}

/* Lines name functions and threads to everybody, unless the whole log is a secret. */
TEST_F_TIMEOUT(log, restricted, ISO_TIMEOUT)
{
	int status;
	pid_t pid;

	if (iso_read_file(RESTRICT, self->restricted, sizeof(self->restricted)) < 0 ||
	    iso_write_file(RESTRICT, "1"))
		SKIP(return, "can't write to " RESTRICT ": %s", strerror(errno));
	lose(_metadata, 1);
	pid = fork();
	if (!pid) {
		if (iso_drop_uid())
			_exit(2);
		_exit(open("/dev/kmsg", O_RDONLY) >= 0 || errno != EPERM);
	}
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
