// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the counters of a CPU in sysfs. For root, as they contain what
 * others do.
 *
 * What they count is checked for each loss, see expect.h. Here is what they have of a
 * thread that is isolated, and who may read them.
 *
 * Test Summary
 *
 *  * counters.leave		The thread, and for how long it has been isolated. Reading
 *				does not disturb it.
 *  * counters.last_is_one	What is said of the last loss is of one loss
 *  * counters.nobody		No other user may read any of the files
 */
#include <dirent.h>

#include "fixture.h"
#include "stimuli.h"

FIXTURE(counters) {};

static void file_path(char *path, size_t size, const char *name)
{
	snprintf(path, size, "/sys/devices/system/cpu/cpu%d/task_isolation/%s", iso.cpu, name);
}

static long long read_number(struct __test_metadata *_metadata, const char *name)
{
	char path[96], text[32], *end;
	long long n;

	file_path(path, sizeof(path), name);
	ASSERT_LE(0, iso_read_file(path, text, sizeof(text)));
	n = strtoll(text, &end, 10);
	EXPECT_TRUE(end != text && !*end) {
		TH_LOG("%s is '%s', no number", name, text);
	}
	return n;
}

FIXTURE_SETUP(counters)
{
	iso_begin(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	if (!iso_has_counters)
		SKIP(return, "no counters, or not root");
}

FIXTURE_TEARDOWN(counters)
{
	iso_finish(_metadata);
}

TEST_F_TIMEOUT(counters, leave, ISO_TIMEOUT)
{
	long long first, quiet;

	ASSERT_TRUE(iso_start_quiet(&stim_nothing));
	EXPECT_EQ(iso.sh->tid, read_number(_metadata, "pid"));
	first = read_number(_metadata, "current_quiet_ns");
	EXPECT_LT(0, first);
	iso_sleep_ms(50);
	quiet = read_number(_metadata, "current_quiet_ns");
	EXPECT_LE(first + 50000000, quiet);
	EXPECT_LE(quiet, read_number(_metadata, "longest_quiet_ns"));
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	iso_expect(&stim_nothing);
	EXPECT_LE(quiet, read_number(_metadata, "longest_quiet_ns"));
}

#define ONE_ROUNDS	300

/* Loses by turns to two system calls, whose numbers differ. */
static void act_alternate(struct iso_shared *sh)
{
	int i;

	for (i = 0; i < ONE_ROUNDS; i++) {
		/* The first time the thread is isolated already. */
		if (i && iso_enter(sh, ISO_USR1))
			break;
		syscall(i & 1 ? SYS_getuid : SYS_getppid);
		INC(sh->count);
	}
}

/* The number, and the times of two losses, never change but together. */
TEST_F_TIMEOUT(counters, last_is_one, ISO_TIMEOUT)
{
	const struct stimulus s = { .act = act_alternate };
	long long number, lost, last_number = -1, last_lost = 0;
	char path[96], text[256], *p;
	int reads = 0, changes = 0;

	file_path(path, sizeof(path), "last");
	ASSERT_TRUE(iso_start(&s));
	while (LOAD(iso.sh->count) < ONE_ROUNDS && iso_alive(iso.victim)) {
		ASSERT_LT(0, iso_read_file(path, text, sizeof(text)));
		p = strstr(text, "number=");
		ASSERT_TRUE(!!p);
		number = strtoll(p + strlen("number="), NULL, 10);
		p = strstr(text, "lost_ns=");
		ASSERT_TRUE(!!p);
		lost = strtoll(p + strlen("lost_ns="), NULL, 10);
		/* No other number with the same time, and no time twice. */
		if (lost == last_lost)
			EXPECT_EQ(last_number, number);
		EXPECT_LE(last_lost, lost);
		changes += lost != last_lost;
		last_lost = lost;
		last_number = number;
		reads++;
	}
	iso_stop();
	iso_expect_totals(ONE_ROUNDS, ONE_ROUNDS);
	TH_LOG("%d losses seen in %d reads", changes, reads);
	EXPECT_LT(1, changes);
}

/* How many files there are that the calling thread can open. Or -1. */
static int count_open(int *files)
{
	char path[96 + 256];
	struct dirent *e;
	int opened = 0;
	DIR *dir;

	file_path(path, sizeof(path), "");
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((e = readdir(dir))) {
		int fd;

		if (e->d_name[0] == '.')
			continue;
		++*files;
		file_path(path, sizeof(path), e->d_name);
		fd = open(path, O_RDONLY);
		if (fd >= 0) {
			opened++;
			close(fd);
		}
	}
	closedir(dir);
	return opened;
}

TEST_F(counters, nobody)
{
	int files = 0, all = 0;

	EXPECT_LT(0, count_open(&all));
	EXPECT_LE(9, all);
	/* Of this test's process, which ends with it. */
	ASSERT_EQ(0, iso_drop_uid());
	EXPECT_EQ(0, count_open(&files));
	EXPECT_EQ(all, files);
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
