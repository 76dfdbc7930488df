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
#include <linux/membarrier.h>

#include "fixture.h"
#include "stimuli.h"

/* Fewer are nothing that other tests do not have. */
#define MANY_MIN	3
#define MANY_TIMEOUT	(4 * ISO_TIMEOUT)
#define EVENT		"/sys/kernel/tracing/events/task/task_rename/enable"

/* One for each of the victims, each with the CPU and the counters of its own */
static struct iso_test many[ISO_MAX_CPUS];
static int many_n;

FIXTURE(many) {};

FIXTURE_SETUP(many)
{
	cpu_set_t set;
	int cpu;

	iso_begin(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	iso_read_cpus(ISO_CPUS_FILE, &set);
	for (cpu = 0; cpu < ISO_MAX_CPUS; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		many[many_n] = iso;
		many[many_n++].cpu = cpu;
	}
	if (many_n < MANY_MIN)
		SKIP(return, "%d isolation CPUs, %d or more are wanted", many_n, MANY_MIN);
}

FIXTURE_TEARDOWN(many)
{
	int i;

	for (i = 0; i < many_n; i++)
		iso_end(many[i].victim);
	iso.victim = 0;
	iso_finish(_metadata);
}

static void many_start(struct __test_metadata *_metadata, const struct stimulus *s)
{
	int i;

	for (i = 0; i < many_n; i++) {
		iso = many[i];
		iso.sh = iso_share(sizeof(*iso.sh));
		ASSERT_TRUE(iso.sh != MAP_FAILED);
		ASSERT_TRUE(iso_start(s));
		many[i] = iso;
	}
	for (i = 0; i < many_n; i++) {
		iso = many[i];
		ASSERT_TRUE(iso_wait_isolated(&iso.sh->ready));
	}
	iso_sleep_ms(20);
	for (i = 0; i < many_n; i++) {
		ASSERT_EQ(0, LOAD(many[i].sh->sig_total)) {
			TH_LOG("CPU %d: a signal came before anything was done", many[i].cpu);
		}
	}
}

/* Expects of one of them what the stimulus has to lead to, on each channel. */
static void many_expect(int i, const struct stimulus *s)
{
	iso = many[i];
	iso_expect(s);
	many[i] = iso;
	if (iso_differences)
		ksft_print_msg("on CPU %d\n", iso.cpu);
}

static void many_expect_all(const struct stimulus *s)
{
	int i;

	for (i = 0; i < many_n; i++)
		many_expect(i, s);
}

TEST_F_TIMEOUT(many, silent, MANY_TIMEOUT)
{
	many_start(_metadata, &stim_nothing);
	iso_sleep_ms(2000);
	many_expect_all(&stim_nothing);
}

/* Membarrier's call goes to each CPU that runs a process which asked for it. */
static void prepare_call(struct iso_shared *sh)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0))
		sh->unable = errno;
}

static const struct stimulus stim_call = {
	.prepare = prepare_call, .causes = ISO_CAUSE(IPI_FUNC), .what = "ipi_mb",
	.who = WHO_TEST,
};

TEST_F_TIMEOUT(many, call, MANY_TIMEOUT)
{
	many_start(_metadata, &stim_call);
	ASSERT_EQ(0, syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
	many_expect_all(&stim_call);
}

static const struct stimulus stim_text = {
	.causes = ISO_CAUSE(IPI_FUNC), .what = "do_sync_core", .who = WHO_TEST,
};

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
	many_start(_metadata, &stim_text);
	ASSERT_EQ(0, iso_write_file(EVENT, "1"));
	many_expect_all(&stim_text);
	EXPECT_EQ(0, iso_write_file(EVENT, "0"));
}

TEST_F_TIMEOUT(many, nmi, MANY_TIMEOUT)
{
	const char *reason = stim_cpu_backtrace.arrange();

	if (reason)
		SKIP(return, "%s", reason);
	many_start(_metadata, &stim_cpu_backtrace);
	ASSERT_EQ(0, stim_cpu_backtrace.inject());
	many_expect_all(&stim_cpu_backtrace);
}

TEST_F_TIMEOUT(many, work, MANY_TIMEOUT)
{
	const char *reason = stim_wakeup_work.arrange();

	if (reason)
		SKIP(return, "%s", reason);
	many_start(_metadata, &stim_wakeup_work);
	EXPECT_EQ(0, stim_wakeup_work.inject());
	/* A kworker was woken up, by either interrupt. */
	many_expect_all(&stim_wakeup_work);
}

TEST_F_TIMEOUT(many, signal, MANY_TIMEOUT)
{
	int i;

	many_start(_metadata, &stim_signal_handled);
	for (i = 0; i < many_n; i++)
		ASSERT_EQ(0, kill(many[i].victim, SIGUSR2));
	many_expect_all(&stim_signal_handled);
}

TEST_F_TIMEOUT(many, one, MANY_TIMEOUT)
{
	const char *reason = iso_find_queue();
	int i, hit = many_n / 2;

	if (reason)
		SKIP(return, "%s", reason);
	many_start(_metadata, &stim_queue_call);
	iso = many[hit];
	EXPECT_EQ(0, iso_queue(stim_queue_call.queue));
	for (i = 0; i < many_n; i++)
		many_expect(i, i == hit ? &stim_queue_call : &stim_nothing);
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
