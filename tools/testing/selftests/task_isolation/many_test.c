// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: a thread on each isolation CPU, and what hits all of them.
 *
 * One call interrupts all of these threads at the same time. Each of them is told
 * once, and the one that did it is right in each of their records.
 *
 * Test Summary
 *
 *  * many.silent	All of them isolated, and nothing comes
 *  * many.call		A function call to all of them at once
 *  * many.text		Kernel text is patched, and all CPUs are to know
 *  * many.nmi		Each CPU prints a backtrace, for SysRq-L
 *  * many.work		Work is queued on each CPU
 *  * many.signal	A signal to each of them
 *  * many.one		A function call to one of them: the others hear nothing
 */
#include "culprit.h"

/* Fewer are nothing that other tests do not have. */
#define MANY_MIN	3
#define MANY_TIMEOUT	(4 * ISO_TIMEOUT)
#define EVENT		"/sys/kernel/tracing/events/task/task_rename/enable"

/**
 * struct many - One of the victims
 * @sh:		Shared with it
 * @pid:	Its process, 0 once it has ended
 * @cpu:	Its CPU
 */
struct many {
	struct iso_shared	*sh;
	pid_t			pid;
	int			cpu;
};

static struct many many[ISO_MAX_CPUS];
static int many_n;

FIXTURE(many) {};

FIXTURE_SETUP(many)
{
	cpu_set_t set;
	int cpu;

	iso_setup_cpu(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	iso_read_cpus(ISO_CPUS_FILE, &set);
	for (cpu = 0; cpu < ISO_MAX_CPUS; cpu++) {
		if (CPU_ISSET(cpu, &set))
			many[many_n++].cpu = cpu;
	}
	if (many_n < MANY_MIN)
		SKIP(return, "%d isolation CPUs, %d or more are wanted", many_n, MANY_MIN);
}

FIXTURE_TEARDOWN(many)
{
	int i;

	for (i = 0; i < many_n; i++) {
		if (many[i].pid > 0)
			iso_end(many[i].pid);
	}
	iso.victim = 0;
	iso_close(_metadata);
}

/* Makes the helpers of the other tests look at this one. */
static void many_select(int i)
{
	iso.sh = many[i].sh;
	iso.victim = many[i].pid;
	iso.cpu = many[i].cpu;
}

static void many_start(struct __test_metadata *_metadata, const struct iso_case *c)
{
	int i;

	for (i = 0; i < many_n; i++) {
		many[i].sh = iso_share(sizeof(*many[i].sh));
		ASSERT_TRUE(many[i].sh != MAP_FAILED);
		many_select(i);
		iso_start(_metadata, c);
		many[i].pid = iso.victim;
	}
	for (i = 0; i < many_n; i++) {
		many_select(i);
		iso_assert_isolated(_metadata, &iso.sh->ready);
	}
	iso_sleep_ms(20);
	for (i = 0; i < many_n; i++) {
		ASSERT_EQ(0, LOAD(many[i].sh->sig_total)) {
			TH_LOG("CPU %d: a signal came before anything was done", many[i].cpu);
		}
	}
}

static void many_expect_silent(struct __test_metadata *_metadata, int i)
{
	many_select(i);
	iso_expect_silent(_metadata);
	many[i].pid = 0;
}

/* Told once, of this cause, where it is known. */
static void many_expect_loss(struct __test_metadata *_metadata, int i, unsigned int cause)
{
	many_select(i);
	iso_expect_one(_metadata, cause == TASK_ISOLATION_SIGNAL ? SIGUSR2 : SIGUSR1);
	many[i].pid = 0;
	iso_expect_recorded(_metadata, cause ?: iso.sh->rec.cause);
}

/* All of them were told once, and it was this process. */
static void many_expect_me(struct __test_metadata *_metadata, unsigned int cause)
{
	int i;

	for (i = 0; i < many_n; i++) {
		many_expect_loss(_metadata, i, cause);
		expect_me(_metadata);
	}
}

TEST_F_TIMEOUT(many, silent, MANY_TIMEOUT)
{
	int i;

	many_start(_metadata, &spin_case);
	iso_sleep_ms(2000);
	for (i = 0; i < many_n; i++)
		many_expect_silent(_metadata, i);
}

/* Membarrier's call goes to each CPU that runs a process which asked for it. */
static void prepare_call(struct iso_shared *sh)
{
	sh->val[0] = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
}

TEST_F_TIMEOUT(many, call, MANY_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_call, .act = iso_act_spin,
		.finish = iso_finish_record,
	};

	many_start(_metadata, &c);
	ASSERT_EQ(0, many[0].sh->val[0]);
	ASSERT_EQ(0, syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
	many_expect_me(_metadata, TASK_ISOLATION_IPI_FUNC);
}

TEST_F_TIMEOUT(many, text, MANY_TIMEOUT)
{
#ifndef __x86_64__
	SKIP(return, "CPUs see new text without an interrupt here");
#endif
	if (access(EVENT, W_OK))
		SKIP(return, "no " EVENT);
	/* The first event has work queued on each CPU, for its buffer. */
	ASSERT_EQ(0, iso_write_file(EVENT, "1"));
	ASSERT_EQ(0, iso_write_file(EVENT, "0"));
	many_start(_metadata, &spin_case);
	ASSERT_EQ(0, iso_write_file(EVENT, "1"));
	many_expect_me(_metadata, TASK_ISOLATION_IPI_FUNC);
	EXPECT_EQ(0, iso_write_file(EVENT, "0"));
}

TEST_F_TIMEOUT(many, nmi, MANY_TIMEOUT)
{
	int i;

	if (access("/proc/sysrq-trigger", W_OK))
		SKIP(return, "no /proc/sysrq-trigger");
	many_start(_metadata, &spin_case);
	ASSERT_EQ(0, iso_write_file("/proc/sysrq-trigger", "l"));
	for (i = 0; i < many_n; i++) {
		many_expect_loss(_metadata, i, 0);
		EXPECT_TRUE(iso.sh->rec.cause == TASK_ISOLATION_NMI ||
			    iso.sh->rec.cause == TASK_ISOLATION_VECTOR) {
			TH_LOG("cause %u %s", iso.sh->rec.cause, iso.sh->rec.what);
		}
		EXPECT_EQ(0, iso.sh->rec.culprit_pid);
	}
}

TEST_F_TIMEOUT(many, work, MANY_TIMEOUT)
{
	char data[16];
	int fd = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "no vm.stat_refresh: %s", strerror(errno));
	many_start(_metadata, &spin_case);
	EXPECT_LE(0, read(fd, data, sizeof(data)));
	close(fd);
	/* A kworker was woken up, by either interrupt. */
	many_expect_me(_metadata, 0);
}

TEST_F_TIMEOUT(many, signal, MANY_TIMEOUT)
{
	int i;

	many_start(_metadata, &spin_case);
	for (i = 0; i < many_n; i++)
		ASSERT_EQ(0, kill(many[i].pid, SIGUSR2));
	many_expect_me(_metadata, TASK_ISOLATION_SIGNAL);
}

TEST_F_TIMEOUT(many, one, MANY_TIMEOUT)
{
	int i, hit = many_n / 2;

	if (!can_queue())
		SKIP(return, "no " QUEUE_DIR ": CONFIG_TASK_ISOLATION_TEST_QUEUE is not set");
	many_start(_metadata, &spin_case);
	many_select(hit);
	EXPECT_EQ(0, queue_there("call"));
	many_expect_loss(_metadata, hit, TASK_ISOLATION_IPI_FUNC);
	expect_me(_metadata);
	for (i = 0; i < many_n; i++) {
		if (i != hit)
			many_expect_silent(_metadata, i);
	}
}

TEST_HARNESS_MAIN
