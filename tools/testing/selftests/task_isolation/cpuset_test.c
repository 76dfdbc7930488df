// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the set of isolation CPUs changes while the system runs.
 *
 * Needs a CPU that is in nohz_full= but not isolated at boot, such as CPU 2
 * with nohz_full=2-3 isolcpus=domain,managed_irq,3.
 *
 * Test Summary
 *
 *  * cpuset.make	A cpuset isolated partition makes an isolation CPU: sysfs
 *			lists it, the prctl works there; without it, EINVAL
 *  * cpuset.break	The partition ends while a thread is isolated: a loss
 *  * cpuset.keep	A write that changes nothing for the thread is silent
 */
#include <sys/stat.h>

#include "fixture.h"
#include "blockers.h"
#include "stimuli.h"

#define DIR	ISO_CGROUP "/task_isolation_cpuset"

FIXTURE(cpuset) {};

static int set_partition(const char *type)
{
	return iso_write_file(DIR "/cpuset.cpus.partition", type);
}

/* Waits until sysfs lists the CPU as an isolation CPU, or does not. */
static bool wait_listed(bool want)
{
	cpu_set_t set;
	int ms;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (iso_read_cpus(ISO_CPUS_FILE, &set) >= 0 && !!CPU_ISSET(iso.cpu, &set) == want)
			return true;
		iso_sleep_ms(1);
	}
	return false;
}

/* Chooses the CPU. %NULL, or why there is none. */
static const char *find_cpu(void)
{
	cpu_set_t nohz, listed;
	int cpu;

	iso.cpu = -1;
	if (iso_read_cpus(ISO_CPUS_FILE, &listed) < 0)
		return "no " ISO_CPUS_FILE ": kernel without CONFIG_TASK_ISOLATION";
	if (iso_read_cpus("/sys/devices/system/cpu/nohz_full", &nohz) <= 0)
		return "no nohz_full CPU";
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &nohz) && !CPU_ISSET(cpu, &listed))
			iso.cpu = cpu;
	}
	return iso.cpu < 0 ? "every nohz_full CPU is an isolation CPU since boot" : NULL;
}

FIXTURE_SETUP(cpuset)
{
	const char *reason = find_cpu();
	char text[16];

	if (reason)
		SKIP(return, "%s", reason);
	if (!iso_mount_cgroup())
		SKIP(return, "no cgroup v2 at " ISO_CGROUP);
	if (iso_write_file(ISO_CGROUP "/cgroup.subtree_control", "+cpuset"))
		SKIP(return, "no cpuset controller: %s", strerror(errno));
	ASSERT_TRUE(!mkdir(DIR, 0755) || errno == EEXIST);
	snprintf(text, sizeof(text), "%d", iso.cpu);
	ASSERT_EQ(0, iso_write_file(DIR "/cpuset.cpus", text));
	iso_open(_metadata);
}

FIXTURE_TEARDOWN(cpuset)
{
	iso_finish(_metadata);
	set_partition("member");
}

static const char *arrange_partition(void)
{
	char buf[128];

	set_partition("isolated");
	iso_read_file(DIR "/cpuset.cpus.partition", buf, sizeof(buf));
	return strcmp(buf, "isolated") ? iso_reason("no isolated partition: '%s'", buf) : NULL;
}

static void prepare_move(struct iso_shared *sh)
{
	/* Joining a cpuset widens the affinity to what it has. */
	if (iso_write_file(DIR "/cgroup.procs", "0") || iso_pin(iso.cpu))
		sh->unable = errno;
}

static const struct stimulus stim_partition = {
	.arrange = arrange_partition, .prepare = prepare_move,
};

TEST_F_TIMEOUT(cpuset, make, ISO_TIMEOUT)
{
	/* Not yet: the CPU is nohz_full, and no more than that. */
	iso_ask(iso.cpu, 0, EINVAL, TASK_ISOLATION_BLOCKER_DOMAIN);
	EXPECT_EQ(TASK_ISOLATION_BLOCKER_DOMAIN, iso.sh->rec.blockers);

	if (!iso_test(_metadata, &stim_partition))
		return;
	EXPECT_TRUE(wait_listed(true));

	/* And no longer. */
	ASSERT_EQ(0, set_partition("member"));
	EXPECT_TRUE(wait_listed(false));
	iso_ask(iso.cpu, 0, EINVAL, TASK_ISOLATION_BLOCKER_DOMAIN);
	EXPECT_EQ(TASK_ISOLATION_BLOCKER_DOMAIN, iso.sh->rec.blockers);
}

static int inject_break(void)
{
	return set_partition("member");
}

TEST_F_TIMEOUT(cpuset, break, ISO_TIMEOUT)
{
	struct stimulus s = stim_partition;

	s.inject = inject_break;
	s.causes = ISO_CAUSE(AFFINITY);
	s.who = WHO_TEST;
	s.wide = true;
	iso_test(_metadata, &s);
}

/* The same again */
static int inject_keep(void)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", iso.cpu);
	return iso_write_file(DIR "/cpuset.cpus", text) ?: set_partition("isolated");
}

TEST_F_TIMEOUT(cpuset, keep, ISO_TIMEOUT)
{
	struct stimulus s = stim_partition;

	s.inject = inject_keep;
	iso_test(_metadata, &s);
}

int main(int argc, char **argv)
{
	int ret;

	/* The CPU need not be one of those that the other tests use. */
	if (find_cpu())
		return test_harness_run(argc, argv);
	iso_channels_open();
	ret = test_harness_run(argc, argv);
	iso_channels_close();
	/* Once, not after each test: it has effects on all CPUs a while later. */
	iso_remove_cpuset(DIR);
	return ret;
}
