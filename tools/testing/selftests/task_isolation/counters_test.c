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
 *  * counters.nobody		Nobody else may read any of the files
 */
#include <dirent.h>
#include <sys/syscall.h>

#include "fixture.h"

#define KPTR	"/proc/sys/kernel/kptr_restrict"

/* As the files are called, in the order of enum task_isolation_cause. */
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

static void expect_words(struct __test_metadata *_metadata, const char *name, const char *want)
{
	char text[80];

	read_words(_metadata, name, text, sizeof(text));
	EXPECT_STREQ(want, text) {
		TH_LOG("in %s", name);
	}
}

static void read_counters(struct __test_metadata *_metadata, struct counters *all)
{
	long long sum = 0;
	char name[32];
	unsigned int i;

	all->entered = read_number(_metadata, "entered");
	all->left = read_number(_metadata, "left");
	all->blocked = read_number(_metadata, "blocked");
	all->losses = read_number(_metadata, "losses");
	for (i = 0; i < ARRAY_SIZE(causes); i++) {
		snprintf(name, sizeof(name), "loss_%s", causes[i]);
		all->loss[i] = read_number(_metadata, name);
		sum += all->loss[i];
	}
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
			TH_LOG("in loss_%s", causes[i]);
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
	expect_words(_metadata, "last_cause", "syscall");
	expect_words(_metadata, "last_what", "");
	expect_words(_metadata, "last_culprit_pid", "0");
	expect_words(_metadata, "last_culprit_comm", "");
	expect_words(_metadata, "last_culprit_cpu", "-1");
	lost = read_number(_metadata, "last_loss_ns");
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
	read_words(_metadata, "last_what", what, sizeof(what));
	expect_counted(_metadata, &self->before, 0, TASK_ISOLATION_IPI_FUNC);
	expect_words(_metadata, "last_cause", "ipi_func");
	EXPECT_STRNE("", what);
	EXPECT_TRUE(!strstr(what, "0x"));
	EXPECT_EQ(iso.sh->tid, read_number(_metadata, "last_culprit_pid"));
	expect_words(_metadata, "last_culprit_comm", ISO_SENDER);
	EXPECT_EQ(iso.sh->sender_cpu, read_number(_metadata, "last_culprit_cpu"));
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
	read_words(_metadata, "last_what", what, sizeof(what));
	expect_words(_metadata, "last_cause", "ipi_func");
	EXPECT_STREQ("", what);
}

/* Reads what names tasks. Returns which of them do, as bits. */
static int read_tasks(void)
{
	static const struct {
		const char	*file;
		const char	*none;
	} tasks[] = {
		{ "pid", "0" }, { "last_culprit_pid", "0" }, { "last_culprit_comm", "" },
	};
	char path[96], text[32];
	unsigned int i;
	int seen = 0;

	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		file_path(path, sizeof(path), tasks[i].file);
		if (iso_read_file(path, text, sizeof(text)) < 0)
			return 100;
		if (strcmp(text, tasks[i].none))
			seen |= 1 << i;
	}
	return seen;
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
		TH_LOG("0x%x of pid, last_culprit_pid, last_culprit_comm", WEXITSTATUS(status));
	}
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
	EXPECT_LT((int)ARRAY_SIZE(causes), all);
	/* Of this test's process, which ends with it. */
	ASSERT_EQ(0, iso_drop_uid());
	EXPECT_EQ(0, count_open(&files));
	EXPECT_EQ(all, files);
}

TEST_HARNESS_MAIN
