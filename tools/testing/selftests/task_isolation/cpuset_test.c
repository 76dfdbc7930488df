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

#define DIR	ISO_CGROUP "/task_isolation_cpuset"

FIXTURE(cpuset) {};

static int set_partition(const char *type)
{
	return iso_write_file(DIR "/cpuset.cpus.partition", type);
}

/* Whether sysfs lists @cpu as an isolation CPU. */
static bool is_listed(int cpu)
{
	cpu_set_t set;

	return iso_read_cpus(ISO_CPUS_FILE, &set) > 0 && CPU_ISSET(cpu, &set);
}

static bool wait_listed(int cpu, bool want)
{
	int ms;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		if (is_listed(cpu) == want)
			return true;
		iso_sleep_ms(1);
	}
	return false;
}

FIXTURE_SETUP(cpuset)
{
	cpu_set_t nohz, listed;
	char text[16];
	int cpu;

	if (iso_read_cpus(ISO_CPUS_FILE, &listed) < 0)
		SKIP(return, "no " ISO_CPUS_FILE ": kernel without CONFIG_TASK_ISOLATION");
	if (iso_read_cpus("/sys/devices/system/cpu/nohz_full", &nohz) <= 0)
		SKIP(return, "no nohz_full CPU");
	iso.cpu = -1;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &nohz) && !CPU_ISSET(cpu, &listed))
			iso.cpu = cpu;
	}
	if (iso.cpu < 0)
		SKIP(return, "every nohz_full CPU is an isolation CPU since boot");
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
	iso_close(_metadata);
	set_partition("member");
}

/* Makes the partition, or ends the test where the machine cannot. */
static bool make_partition(struct __test_metadata *_metadata)
{
	char buf[128];

	set_partition("isolated");
	iso_read_file(DIR "/cpuset.cpus.partition", buf, sizeof(buf));
	if (!strcmp(buf, "isolated"))
		return true;
	SKIP(return false, "no isolated partition: '%s'", buf);
}

static void prepare_move(struct iso_shared *sh)
{
	sh->val[0] = iso_write_file(DIR "/cgroup.procs", "0");
	/* Joining a cpuset widens the affinity to what it has. */
	sh->val[1] = iso_pin(iso_cpu);
}

static const struct iso_case partition_case = {
	.flags = ISO_USR1, .prepare = prepare_move, .finish = iso_finish_record,
};

static void expect_no_isolation_cpu(struct __test_metadata *_metadata)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		struct task_isolation_record rec = { 0 };

		if (iso_pin(iso.cpu))
			_exit(2);
		if (iso_prctl(ISO_USR1) != -1 || errno != EINVAL)
			_exit(1);
		_exit(!iso_record(&rec) && rec.blockers == TASK_ISOLATION_BLOCKER_DOMAIN ? 0 : 3);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F_TIMEOUT(cpuset, make, ISO_TIMEOUT)
{
	/* Not yet: the CPU is nohz_full, and no more than that. */
	expect_no_isolation_cpu(_metadata);

	if (!make_partition(_metadata))
		return;
	EXPECT_TRUE(wait_listed(iso.cpu, true)) {
		TH_LOG("CPU %d is not listed", iso.cpu);
	}
	iso_start_quiet(_metadata, &partition_case);
	EXPECT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(0, iso.sh->val[1]);
	iso_expect_silent(_metadata);

	/* And no longer. */
	ASSERT_EQ(0, set_partition("member"));
	EXPECT_TRUE(wait_listed(iso.cpu, false));
	expect_no_isolation_cpu(_metadata);
}

TEST_F_TIMEOUT(cpuset, break, ISO_TIMEOUT)
{
	if (!make_partition(_metadata))
		return;
	iso_start_quiet(_metadata, &partition_case);
	ASSERT_EQ(0, set_partition("member"));
	iso_expect_loss(_metadata, SIGUSR1, "affinity change");
	EXPECT_EQ(TASK_ISOLATION_AFFINITY, iso.sh->rec.cause);
	EXPECT_EQ(getpid(), iso.sh->rec.culprit_tid);
}

TEST_F_TIMEOUT(cpuset, keep, ISO_TIMEOUT)
{
	char text[16];

	if (!make_partition(_metadata))
		return;
	iso_start_quiet(_metadata, &partition_case);
	/* The same again. */
	snprintf(text, sizeof(text), "%d", iso.cpu);
	iso_write_file(DIR "/cpuset.cpus", text);
	set_partition("isolated");
	iso_expect_silent(_metadata);
}

/* Once, not after each test: it has effects on all CPUs a while later. */
static void remove_cgroup(void)
{
	iso_remove_cpuset(DIR);
}

int main(int argc, char **argv)
{
	atexit(remove_cgroup);
	return test_harness_run(argc, argv);
}
