// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the counters of a CPU in sysfs. For root: they tell what
 * others do.
 *
 * Test Summary
 *
 *  * counters.leave		Isolated and left: entered, left, pid and the
 *				quiet spans, nothing else
 *  * counters.syscall		A loss of the thread's own doing: its cause and no
 *				other one is counted, and nobody is the culprit
 *  * counters.function		A loss to another thread: what and who
 *  * counters.blocked		Each refusal is counted
 *  * counters.secret_function	kptr_restrict hides the function from root, too
 *  * counters.last_is_one	What is said of the last loss is of one loss
 *  * counters.nobody		Nobody else may read any of the files
 */
#include <dirent.h>
#include <sys/syscall.h>

#include "fixture.h"

#define KPTR	"/proc/sys/kernel/kptr_restrict"

/* The lines of the file causes, in the order of enum task_isolation_cause. */
static const char * const causes[] = {
	"unknown", "syscall", "page_fault", "trap", "vector", "irq", "timer", "ipi_func",
	"reschedule", "irq_work", "nmi", "mce", "signal", "stop", "affinity",
};

#define NR_CAUSES	ARRAY_SIZE(causes)

struct counters {
	long long	entered;
	long long	left;
	long long	blocked;
	long long	losses;
	long long	loss[NR_CAUSES];
};

FIXTURE(counters) {
	char		kptr[16];	/* kptr_restrict, if a test has changed it */
	struct counters	before;
};

static void file_path(char *path, size_t size, const char *name)
{
	snprintf(path, size, "/sys/devices/system/cpu/cpu%d/task_isolation/%s", iso.cpu, name);
}

static void read_words(struct __test_metadata *_metadata, const char *name, char *text, size_t size)
{
	char path[96];

	file_path(path, sizeof(path), name);
	ASSERT_LE(0, iso_read_file(path, text, size)) {
		TH_LOG("%s: %s", path, strerror(errno));
	}
}

static long long read_number(struct __test_metadata *_metadata, const char *name)
{
	char text[32], *end;
	long long n;

	read_words(_metadata, name, text, sizeof(text));
	n = strtoll(text, &end, 10);
	EXPECT_TRUE(end != text && !*end) {
		TH_LOG("%s is '%s', no number", name, text);
	}
	return n;
}

/* The value of a line "KEY=..." of the file last. */
static void read_last(struct __test_metadata *_metadata, const char *key, char *value, size_t size)
{
	ASSERT_TRUE(iso_read_last(iso.cpu, key, value, size)) {
		TH_LOG("no %s in last", key);
	}
}

static long long read_last_number(struct __test_metadata *_metadata, const char *key)
{
	char text[32], *end;
	long long n;

	read_last(_metadata, key, text, sizeof(text));
	n = strtoll(text, &end, 10);
	EXPECT_TRUE(end != text && !*end) {
		TH_LOG("%s is '%s', no number", key, text);
	}
	return n;
}

static void expect_last(struct __test_metadata *_metadata, const char *key, const char *want)
{
	char text[80];

	read_last(_metadata, key, text, sizeof(text));
	EXPECT_STREQ(want, text) {
		TH_LOG("in %s", key);
	}
}

/* "WORD NUMBER" for each cause, in their order, and nothing else. */
static void read_causes(struct __test_metadata *_metadata, long long *loss)
{
	char text[1024], *line = text, *end;
	unsigned int i;

	read_words(_metadata, "causes", text, sizeof(text));
	for (i = 0; i < NR_CAUSES; i++) {
		size_t len = strlen(causes[i]);

		ASSERT_TRUE(!strncmp(line, causes[i], len) && line[len] == ' ') {
			TH_LOG("no line for %s in causes: %s", causes[i], text);
		}
		loss[i] = strtoll(line + len + 1, &end, 10);
		ASSERT_TRUE(end != line + len + 1);
		line = end + (*end == '\n');
	}
	EXPECT_STREQ("", line);
}

static void read_counters(struct __test_metadata *_metadata, struct counters *all)
{
	long long sum = 0;
	unsigned int i;

	all->entered = read_number(_metadata, "entered");
	all->left = read_number(_metadata, "left");
	all->blocked = read_number(_metadata, "blocked");
	all->losses = read_number(_metadata, "losses");
	read_causes(_metadata, all->loss);
	for (i = 0; i < NR_CAUSES; i++)
		sum += all->loss[i];
	EXPECT_EQ(sum, all->losses);
}

/* What has been counted since the test began; @cause < 0 for no loss. */
static void expect_counted(struct __test_metadata *_metadata, const struct counters *before,
			   int left, int cause)
{
	struct counters now;
	int i;

	read_counters(_metadata, &now);
	EXPECT_EQ(before->entered + 1, now.entered);
	EXPECT_EQ(before->left + left, now.left);
	EXPECT_EQ(before->losses + (cause >= 0), now.losses);
	for (i = 0; i < (int)NR_CAUSES; i++) {
		EXPECT_EQ(before->loss[i] + (i == cause), now.loss[i]) {
			TH_LOG("in %s", causes[i]);
		}
	}
	/* Nobody is isolated there any more. */
	EXPECT_EQ(0, read_number(_metadata, "pid"));
	EXPECT_EQ(0, read_number(_metadata, "current_quiet_ns"));
}

FIXTURE_SETUP(counters)
{
	char path[96];

	self->kptr[0] = '\0';
	iso_setup_cpu(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	if (geteuid())
		SKIP(return, "only root may read the counters");
	file_path(path, sizeof(path), "entered");
	if (access(path, F_OK))
		SKIP(return, "%s: %s", path, strerror(errno));
	read_counters(_metadata, &self->before);
}

FIXTURE_TEARDOWN(counters)
{
	if (self->kptr[0])
		EXPECT_EQ(0, iso_write_file(KPTR, self->kptr));
	iso_close(_metadata);
}

TEST_F_TIMEOUT(counters, leave, ISO_TIMEOUT)
{
	long long first, quiet;

	iso_start_quiet(_metadata, &iso_spin_case);
	EXPECT_EQ(iso.sh->tid, read_number(_metadata, "pid"));
	first = read_number(_metadata, "current_quiet_ns");
	EXPECT_LT(0, first);
	iso_sleep_ms(50);
	quiet = read_number(_metadata, "current_quiet_ns");
	EXPECT_LE(first + 50000000, quiet);
	EXPECT_LE(quiet, read_number(_metadata, "longest_quiet_ns"));
	/* Who reads does not disturb. */
	EXPECT_EQ(0, LOAD(iso.sh->sig_total));
	iso_stop(_metadata);
	expect_counted(_metadata, &self->before, 1, -1);
	EXPECT_LE(quiet, read_number(_metadata, "longest_quiet_ns"));
}

static void act_getppid(struct iso_shared *sh)
{
	syscall(SYS_getppid);
}

TEST_F_TIMEOUT(counters, syscall, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_getppid };
	long long begin = iso_now_ns(), lost;

	iso_start(_metadata, &c);
	iso_expect_one(_metadata, SIGUSR1);
	expect_counted(_metadata, &self->before, 0, TASK_ISOLATION_SYSCALL);
	expect_last(_metadata, "cause", "syscall");
	EXPECT_EQ(SYS_getppid, read_last_number(_metadata, "number"));
	expect_last(_metadata, "what", "");
	expect_last(_metadata, "culprit_pid", "0");
	expect_last(_metadata, "culprit_comm", "");
	expect_last(_metadata, "culprit_cpu", "-1");
	lost = read_last_number(_metadata, "lost_ns");
	EXPECT_LT(begin, lost);
	EXPECT_GT((long long)iso_now_ns(), lost);
}

TEST_F_TIMEOUT(counters, function, ISO_TIMEOUT)
{
	char what[80];

	ASSERT_LT(0, iso_read_file(KPTR, self->kptr, sizeof(self->kptr)));
	ASSERT_EQ(0, iso_write_file(KPTR, "0"));
	if (!iso_lose_to_sender(_metadata, &iso_sender_case))
		return;
	read_last(_metadata, "what", what, sizeof(what));
	expect_counted(_metadata, &self->before, 0, TASK_ISOLATION_IPI_FUNC);
	expect_last(_metadata, "cause", "ipi_func");
	EXPECT_STRNE("", what);
	EXPECT_TRUE(!strstr(what, "0x"));
	EXPECT_EQ(iso.sh->tid, read_last_number(_metadata, "culprit_pid"));
	expect_last(_metadata, "culprit_comm", ISO_SENDER);
	EXPECT_EQ(iso.sh->sender_cpu, read_last_number(_metadata, "culprit_cpu"));
}

/* Another task wants to run there until the victim was refused twice. */
TEST_F_TIMEOUT(counters, blocked, ISO_TIMEOUT)
{
	pid_t pid = iso_run_busy(_metadata, false);

	iso_start(_metadata, &iso_spin_case);
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->again, 2));
	iso_end(pid);
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->ready, 1));
	iso_stop(_metadata);
	EXPECT_EQ(self->before.blocked + iso.sh->again, read_number(_metadata, "blocked"));
	expect_counted(_metadata, &self->before, 1, -1);
}

TEST_F_TIMEOUT(counters, secret_function, ISO_TIMEOUT)
{
	char what[80];

	ASSERT_LT(0, iso_read_file(KPTR, self->kptr, sizeof(self->kptr)));
	if (!iso_lose_to_sender(_metadata, &iso_sender_case))
		return;
	ASSERT_EQ(0, iso_write_file(KPTR, "2"));
	read_last(_metadata, "what", what, sizeof(what));
	expect_last(_metadata, "cause", "ipi_func");
	EXPECT_STREQ("", what);
}

/* Reads what names tasks. Returns which of them do, as bits. */
static int read_tasks(void)
{
	char path[96], text[32];
	int seen;

	file_path(path, sizeof(path), "pid");
	if (iso_read_file(path, text, sizeof(text)) < 0)
		return 100;
	seen = !!strcmp(text, "0");
	if (!iso_read_last(iso.cpu, "culprit_pid", text, sizeof(text)))
		return 100;
	seen |= !!strcmp(text, "0") << 1;
	if (!iso_read_last(iso.cpu, "culprit_comm", text, sizeof(text)))
		return 100;
	return seen | !!strcmp(text, "") << 2;
}

/* A pid namespace in which the tasks are not does not show them. */
TEST_F_TIMEOUT(counters, namespace, ISO_TIMEOUT)
{
	int status = 0;
	pid_t pid;

	if (!iso_lose_to_sender(_metadata, &iso_sender_case))
		return;
	iso_start_quiet(_metadata, &iso_spin_case);
	EXPECT_EQ(7, read_tasks());
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (unshare(CLONE_NEWPID))
			_exit(101);
		pid = fork();
		if (!pid)
			_exit(read_tasks());
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 102);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	iso_expect_silent(_metadata);
	if (WEXITSTATUS(status) == 101)
		SKIP(return, "can't make a pid namespace");
	EXPECT_EQ(0, status) {
		TH_LOG("0x%x of pid, culprit_pid, culprit_comm", WEXITSTATUS(status));
	}
}

#define ONE_ROUNDS	300

/*
 * Loses by turns to two system calls, whose numbers differ, and says with which one
 * it has begun and which one is over: what is read in between is of one of them.
 */
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
	const struct iso_case c = { .flags = ISO_USR1, .act = act_alternate };
	long long number, lost, last_number = -1, last_lost = 0;
	char path[96], text[256], *p;
	int reads = 0, changes = 0;

	file_path(path, sizeof(path), "last");
	iso_start(_metadata, &c);
	STORE(iso.sh->go, 1);
	while (LOAD(iso.sh->count) < ONE_ROUNDS && iso_alive(iso.victim)) {
		ASSERT_LT(0, iso_read_file(path, text, sizeof(text)));
		p = strstr(text, "number=");
		ASSERT_TRUE(!!p);
		number = strtoll(p + strlen("number="), NULL, 10);
		p = strstr(text, "lost_ns=");
		ASSERT_TRUE(!!p);
		lost = strtoll(p + strlen("lost_ns="), NULL, 10);
		/* No other time with the same loss, and none twice. */
		if (lost == last_lost)
			EXPECT_EQ(last_number, number);
		EXPECT_LE(last_lost, lost);
		changes += lost != last_lost;
		last_lost = lost;
		last_number = number;
		reads++;
	}
	iso_stop(_metadata);
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

TEST_HARNESS_MAIN
