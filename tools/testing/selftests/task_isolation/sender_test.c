// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: who gave an isolated CPU something to do, or took it away.
 *
 * Test Summary
 *
 *  * sender.affinity		Who changed the affinity of the thread
 *  * sender.cgroup_*		Who changed its control group
 *  * sender.call_*		Who had a function called there
 *  * sender.wakeup_*		Who woke up a task there
 *  * sender.irq_*		An interrupt on another CPU did
 *  * sender.queue_*		Who queued a timer or work there, as drivers do
 *  * sender.hang		The timer interrupt has given up for a moment: that is
 *				waited for, and does not make the machine unfit
 *  * sender.fault_slow		Nobody, if it comes while a fault is handled
 *  * sender.hotplug_*		CPUs going down: of those who work at that, one
 */
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "culprit.h"

FIXTURE(sender) {};

FIXTURE_SETUP(sender)
{
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(sender)
{
	iso_close(_metadata);
}

TEST_F_TIMEOUT(sender, affinity, ISO_TIMEOUT)
{
	cpu_set_t set;

	iso_start_quiet(_metadata, &spin_case);
	iso_housekeeping(&set);
	CPU_SET(iso.cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(iso.victim, sizeof(set), &set));
	iso_expect_loss(_metadata, SIGUSR1, "affinity change");
	iso_expect_recorded(_metadata, TASK_ISOLATION_AFFINITY);
	expect_me(_metadata);
}

/* Control groups. */

#define CGROUP_DIR	ISO_CGROUP "/task_isolation_culprit"

static void prepare_cgroup(struct iso_shared *sh)
{
	sh->val[0] = iso_write_file(CGROUP_DIR "/cgroup.procs", "0");
	/* Joining a cpuset widens the affinity to what it has. */
	sh->val[1] = iso_pin(iso_cpu);
}

/* A victim in a control group of its own; false without one, or without @file. */
static bool start_in_cgroup(struct __test_metadata *_metadata, const char *file)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_cgroup, .act = iso_act_spin,
		.finish = iso_finish_record,
	};

	if (!iso_mount_cgroup())
		SKIP(return false, "no cgroup v2 at " ISO_CGROUP);
	iso_write_file(ISO_CGROUP "/cgroup.subtree_control", "+cpuset");
	if (mkdir(CGROUP_DIR, 0755) && errno != EEXIST)
		SKIP(return false, "cannot make " CGROUP_DIR ": %s", strerror(errno));
	if (access(file, W_OK))
		SKIP(return false, "no %s", file);
	iso_start_quiet(_metadata, &c);
	EXPECT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(0, iso.sh->val[1]);
	return true;
}

static bool wait_frozen(void)
{
	char text[128];
	int ms;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		iso_read_file(CGROUP_DIR "/cgroup.events", text, sizeof(text));
		if (strstr(text, "frozen 1"))
			return true;
		iso_sleep_ms(1);
	}
	return false;
}

TEST_F_TIMEOUT(sender, cgroup_freezer, ISO_TIMEOUT)
{
	if (!start_in_cgroup(_metadata, CGROUP_DIR "/cgroup.freeze"))
		return;
	EXPECT_EQ(0, iso_write_file(CGROUP_DIR "/cgroup.freeze", "1"));
	EXPECT_TRUE(wait_frozen());
	EXPECT_EQ(0, iso_write_file(CGROUP_DIR "/cgroup.freeze", "0"));
	iso_expect_loss(_metadata, SIGUSR1, "stop");
	iso_expect_recorded(_metadata, TASK_ISOLATION_STOP);
	expect_me(_metadata);
}

/* The cpuset of the thread loses the CPU. */
TEST_F_TIMEOUT(sender, cgroup_cpuset, ISO_TIMEOUT)
{
	char text[16];

	if (!start_in_cgroup(_metadata, CGROUP_DIR "/cpuset.cpus"))
		return;
	snprintf(text, sizeof(text), "%d", iso_housekeeping_cpu(false));
	EXPECT_EQ(0, iso_write_file(CGROUP_DIR "/cpuset.cpus", text));
	iso_expect_loss(_metadata, SIGUSR1, "affinity change");
	iso_expect_recorded(_metadata, TASK_ISOLATION_AFFINITY);
	expect_me(_metadata);
}

/* Function calls. */

/* An event that is counted there. -1 if that can't be. */
static int open_event(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_CONTEXT_SWITCHES,
	};

	return syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);
}

/*
 * The first event of its kind patches kernel text, which may interrupt each CPU
 * before the call does: there is one all the time.
 */
TEST_F_TIMEOUT(sender, call_perf, ISO_TIMEOUT)
{
	int fd, other = open_event(iso_housekeeping_cpu(false));

	if (other < 0)
		SKIP(return, "no perf events of a CPU: %s", strerror(errno));
	iso_start_quiet(_metadata, &spin_case);
	fd = open_event(iso.cpu);
	EXPECT_LE(0, fd);
	iso_expect_loss(_metadata, SIGUSR1, "IPI function (");
	iso_expect_recorded(_metadata, TASK_ISOLATION_IPI_FUNC);
	expect_me(_metadata);
	close(fd);
	close(other);
}

/* A register of that CPU is read, which only code on it can do. */
TEST_F_TIMEOUT(sender, call_msr, ISO_TIMEOUT)
{
	unsigned long long tsc;
	char path[64];
	int fd;

#ifndef __x86_64__
	SKIP(return, "only x86 has registers that are read like this");
#endif
	snprintf(path, sizeof(path), "/dev/cpu/%d/msr", iso.cpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		SKIP(return, "can't open %s: %s", path, strerror(errno));
	iso_start_quiet(_metadata, &spin_case);
	/* The time stamp counter */
	EXPECT_EQ((int)sizeof(tsc), pread(fd, &tsc, sizeof(tsc), 0x10));
	close(fd);
	iso_expect_loss(_metadata, SIGUSR1, "IPI function (");
	iso_expect_recorded(_metadata, TASK_ISOLATION_IPI_FUNC);
	expect_me(_metadata);
}

#define TRIES	5

/* Who did it is gone before the record is read. */
TEST_F_TIMEOUT(sender, call_exited, 2 * ISO_TIMEOUT)
{
	int i, named = 0, other = open_event(iso_housekeeping_cpu(false));
	pid_t pid;

	if (other < 0)
		SKIP(return, "no perf events of a CPU: %s", strerror(errno));
	for (i = 0; i < TRIES; i++) {
		iso_start_quiet(_metadata, &spin_case);
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			prctl(PR_SET_NAME, "iso-gone");
			_exit(open_event(iso.cpu) < 0);
		}
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		iso_expect_loss(_metadata, SIGUSR1, "IPI function (");
		iso_expect_recorded(_metadata, TASK_ISOLATION_IPI_FUNC);
		named += expect_culprit_or_none(_metadata, pid, "iso-gone");
	}
	TH_LOG("named %d times of %d", named, i);
	close(other);
}

/* Tasks that are woken up. */

/*
 * Starts a process that is bound to the isolation CPU and sleeps there until
 * @fd can be read, which wakes it up for that CPU.
 */
static pid_t start_reader(int fd)
{
	struct iso_shared *other = iso_share(sizeof(*other));
	char path[64], stat[512], *state;
	char data[8];
	pid_t pid = fork();
	int ms;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "iso-reader");
		if (iso_pin(iso.cpu))
			_exit(1);
		STORE(other->ready, 1);
		_exit(read(fd, data, sizeof(data)) > 0 ? 0 : 1);
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		iso_read_file(path, stat, sizeof(stat));
		state = strrchr(stat, ')');
		if (LOAD(other->ready) && state && state[1] && state[2] == 'S')
			break;
		iso_sleep_ms(1);
	}
	munmap(other, sizeof(*other));
	return pid;
}

/* A task is woken up on the CPU, by a process without any privilege. */
TEST_F_TIMEOUT(sender, wakeup_task, ISO_TIMEOUT)
{
	pid_t pid, reader;
	int fd[2], go[2];

	if (geteuid())
		SKIP(return, "not root");
	ASSERT_EQ(0, pipe(fd));
	ASSERT_EQ(0, pipe(go));
	reader = start_reader(fd[0]);
	ASSERT_LT(0, reader);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		char data;

		prctl(PR_SET_NAME, "iso-waker");
		if (iso_drop_uid() || read(go[0], &data, 1) != 1)
			_exit(1);
		_exit(write(fd[1], "x", 1) == 1 ? 0 : 1);
	}
	iso_start_quiet(_metadata, &spin_case);
	ASSERT_EQ(1, write(go[1], "x", 1));
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	iso_expect_recorded(_metadata, iso.sh->rec.cause);
	expect_culprit(_metadata, pid, pid, "iso-waker", -1);
	EXPECT_EQ(ISO_NOBODY, iso.sh->rec.culprit_uid);
	EXPECT_EQ(pid, iso.sh->info.si_pid);
	EXPECT_EQ(ISO_NOBODY, iso.sh->info.si_uid);
	TH_LOG("cause %u %s", iso.sh->rec.cause, iso.sh->rec.what);
	waitpid(pid, NULL, 0);
	iso_end(reader);
}

/* The same, by one who is gone before the record is read. */
TEST_F_TIMEOUT(sender, wakeup_exited, 2 * ISO_TIMEOUT)
{
	int fd[2], i, named = 0;
	pid_t pid, reader;

	for (i = 0; i < TRIES; i++) {
		ASSERT_EQ(0, pipe(fd));
		reader = start_reader(fd[0]);
		ASSERT_LT(0, reader);
		iso_start_quiet(_metadata, &spin_case);
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			prctl(PR_SET_NAME, "iso-gone");
			_exit(write(fd[1], "x", 1) != 1);
		}
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		iso_expect_loss(_metadata, SIGUSR1, NULL);
		iso_expect_recorded(_metadata, iso.sh->rec.cause);
		named += expect_culprit_or_none(_metadata, pid, "iso-gone");
		iso_end(reader);
		close(fd[0]);
		close(fd[1]);
	}
	TH_LOG("named %d times of %d", named, i);
}

#define STAT_REFRESH	"/proc/sys/vm/stat_refresh"

/* Work is queued on each CPU, for who reads this file. */
TEST_F_TIMEOUT(sender, wakeup_work, ISO_TIMEOUT)
{
	int fd = open(STAT_REFRESH, O_RDONLY | O_CLOEXEC);
	char data[16];

	if (fd < 0)
		SKIP(return, "can't open " STAT_REFRESH ": %s", strerror(errno));
	iso_start_quiet(_metadata, &spin_case);
	EXPECT_LE(0, read(fd, data, sizeof(data)));
	close(fd);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	iso_expect_recorded(_metadata, iso.sh->rec.cause);
	expect_me(_metadata);
}

/* A timer wakes up somebody else on the CPU. */
TEST_F_TIMEOUT(sender, irq_wakeup, ISO_TIMEOUT)
{
	/* Not over before it has begun: who starts it would be the sender then. */
	struct itimerspec it = { .it_value.tv_nsec = 500000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	pid_t reader;

	ASSERT_LE(0, fd);
	reader = start_reader(fd);
	ASSERT_LT(0, reader);
	iso_start_quiet(_metadata, &spin_case);
	ASSERT_EQ(0, timerfd_settime(fd, 0, &it, NULL));
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	iso_expect_recorded(_metadata, iso.sh->rec.cause);
	expect_interrupt(_metadata);
	EXPECT_EQ(0, iso.sh->info.si_pid);
	iso_end(reader);
}

/* What drivers do: by way of files that kernels made for these tests have. */

/* False if it can't be queued. */
static bool lose_to_queue(struct __test_metadata *_metadata, const char *what)
{
	if (!can_queue())
		SKIP(return false, "no " QUEUE_DIR ": CONFIG_TASK_ISOLATION_TEST_QUEUE is not set");
	iso_start_quiet(_metadata, &spin_case);
	EXPECT_EQ(0, queue_there(what));
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	iso_expect_recorded(_metadata, iso.sh->rec.cause);
	return true;
}

static void expect_what(struct __test_metadata *_metadata, unsigned int cause, const char *what)
{
	EXPECT_EQ(cause, iso.sh->rec.cause);
	EXPECT_STREQ(what, iso.sh->rec.what);
}

/*
 * A kworker was woken up. The sender interrupts for that, or lets the CPU do it by a
 * function call, or has restarted the tick of two threads before.
 */
static void expect_wakeup(struct __test_metadata *_metadata)
{
	EXPECT_TRUE(iso.sh->rec.cause == TASK_ISOLATION_RESCHED ||
		    iso.sh->rec.cause == TASK_ISOLATION_IPI_FUNC ||
		    (iso.sh->rec.cause == TASK_ISOLATION_IRQ_WORK &&
		     !strcmp(iso.sh->rec.what, "nohz_full_kick_func"))) {
		TH_LOG("cause %u %s", iso.sh->rec.cause, iso.sh->rec.what);
	}
}

/* That CPU is told to look at its timers: this is what interrupts it, not the timer. */
TEST_F_TIMEOUT(sender, queue_timer, ISO_TIMEOUT)
{
	if (!lose_to_queue(_metadata, "timer"))
		return;
	expect_what(_metadata, TASK_ISOLATION_IRQ_WORK, "nohz_full_kick_func");
	expect_me(_metadata);
}

TEST_F_TIMEOUT(sender, queue_work, ISO_TIMEOUT)
{
	if (!lose_to_queue(_metadata, "work"))
		return;
	expect_wakeup(_metadata);
	expect_me(_metadata);
}

/* The timer of delayed work stays on the housekeeping CPUs, and queues the work. */
TEST_F_TIMEOUT(sender, queue_delayed_work, ISO_TIMEOUT)
{
	if (!lose_to_queue(_metadata, "delayed_work"))
		return;
	expect_wakeup(_metadata);
	expect_interrupt(_metadata);
}

TEST_F_TIMEOUT(sender, queue_irq_work, ISO_TIMEOUT)
{
	if (!lose_to_queue(_metadata, "irq_work"))
		return;
	expect_what(_metadata, TASK_ISOLATION_IRQ_WORK, "queue_irq_work_func");
	expect_me(_metadata);
}

TEST_F_TIMEOUT(sender, queue_call, ISO_TIMEOUT)
{
	if (!lose_to_queue(_metadata, "call"))
		return;
	expect_what(_metadata, TASK_ISOLATION_IPI_FUNC, "queue_call_func");
	expect_me(_metadata);
}

/* In the victim, on its CPU, right before it asks. */
static void prepare_hang(struct iso_shared *sh)
{
	sh->val[0] = queue_there("hang");
}

TEST_F_TIMEOUT(sender, hang, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_hang, .act = iso_act_spin,
	};

	if (!can_queue())
		SKIP(return, "no " QUEUE_DIR ": CONFIG_TASK_ISOLATION_TEST_QUEUE is not set");
	iso_start(_metadata, &c);
	iso_assert_isolated(_metadata, &iso.sh->ready);
	EXPECT_EQ(0, iso.sh->val[0]);
	iso_stop(_metadata);
}

/*
 * A fault that another thread resolves, when it likes. What interrupts the CPU until
 * the fault is over is not why it was entered.
 */
static char *slow_page;
static int slow_fd;

#define SLOW_ERR	0	/* why there is no such fault */
#define SLOW_BEGUN	3	/* the victim waits in it */
#define SLOW_DONE	4	/* so many calls until the victim was told */
#define SLOW_PAGE	5	/* its address */
#define SLOW_CALLS	2000

static void prepare_slow(struct iso_shared *sh)
{
	unsigned long size = sysconf(_SC_PAGESIZE);
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };

	slow_page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	STORE(sh->val[SLOW_PAGE], (long)slow_page);
	reg.range.start = (unsigned long)slow_page;
	reg.range.len = size;
	slow_fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (slow_fd < 0 || ioctl(slow_fd, UFFDIO_API, &api) ||
	    ioctl(slow_fd, UFFDIO_REGISTER, &reg) ||
	    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		STORE(sh->val[SLOW_ERR], errno);
}

static void act_slow(struct iso_shared *sh)
{
	if (!LOAD(sh->val[SLOW_ERR]))
		__atomic_store_n(slow_page, 42, __ATOMIC_SEQ_CST);
	iso_spin_until(&sh->stop);
}

static void sibling_slow(struct iso_shared *sh)
{
	unsigned long size = sysconf(_SC_PAGESIZE);
	struct uffdio_zeropage zero = { .range.len = size };
	struct uffd_msg msg;
	int i;

	zero.range.start = (unsigned long)slow_page;
	if (LOAD(sh->val[SLOW_ERR]) || read(slow_fd, &msg, sizeof(msg)) != sizeof(msg))
		return;
	STORE(sh->val[SLOW_BEGUN], 1);
	iso_wait_go(sh);
	if (ioctl(slow_fd, UFFDIO_ZEROPAGE, &zero))
		STORE(sh->sender_err, errno);
	/* It goes on by now. These interrupt any CPU that runs one of our threads. */
	for (i = 0; i < SLOW_CALLS && !LOAD(sh->sig_total); i++)
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	STORE(sh->val[SLOW_DONE], i);
}

TEST_F_TIMEOUT(sender, fault_slow, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_slow, .act = act_slow,
		.sibling = sibling_slow, .finish = iso_finish_record,
	};
	int i;

	iso_start(_metadata, &c);
	iso_assert_isolated(_metadata, &iso.sh->ready);
	if (LOAD(iso.sh->val[SLOW_ERR])) {
		iso_stop(_metadata);
		SKIP(return, "no userfaultfd: %s", strerror(iso.sh->val[SLOW_ERR]));
	}
	for (i = 0; i < ISO_WAIT_MS && !LOAD(iso.sh->val[SLOW_BEGUN]); i++)
		iso_sleep_ms(1);
	ASSERT_EQ(1, iso.sh->val[SLOW_BEGUN]);
	STORE(iso.sh->go, 1);
	iso_expect_loss(_metadata, SIGUSR1, "page fault at");
	EXPECT_EQ(0, iso.sh->sender_err);
	iso_expect_recorded(_metadata, TASK_ISOLATION_FAULT);
	EXPECT_EQ((unsigned long)iso.sh->val[SLOW_PAGE], iso.sh->rec.number);
	expect_nobody(_metadata);
	TH_LOG("%ld calls while the fault went on", iso.sh->val[SLOW_DONE]);
}

/* CPUs going down. These come last: what they change may linger. */

/*
 * Who asked for it has it done by threads of the kernel, and each of these may
 * be what interrupts the CPU first. Never one who only ran there meanwhile.
 */
static void expect_who_works(struct __test_metadata *_metadata)
{
	static const char * const threads[] = { "kworker/", "cpuhp/", "migration/", "rcu" };
	const struct task_isolation_record *rec = &iso.sh->rec;
	unsigned int i;

	TH_LOG("cause %u %s by %s/%d on CPU %d", rec->cause, rec->what, rec->culprit_comm,
	       rec->culprit_tid, rec->culprit_cpu);
	EXPECT_TRUE(rec->culprit_tid || !rec->culprit_comm[0]);
	if (!rec->culprit_tid || rec->culprit_tid == getpid())
		return;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		if (!strncmp(rec->culprit_comm, threads[i], strlen(threads[i])))
			return;
	}
	EXPECT_EQ(0, rec->culprit_tid);
}

/* One that has nothing to do with it, on the CPU where the test began. */
static pid_t start_bystander(struct __test_metadata *_metadata, struct iso_shared *other)
{
	pid_t pid = iso_start_busy(other, iso_housekeeping_cpu(false), false);

	EXPECT_TRUE(pid > 0 && iso_wait_for(pid, &other->count, 1));
	return pid;
}

/* False if the CPU can't be taken down. */
static bool lose_to_hotplug(struct __test_metadata *_metadata, int cpu)
{
	struct iso_shared *other = iso_share(sizeof(*other));
	pid_t bystander;

	ASSERT_TRUE(other != MAP_FAILED);
	iso_start_quiet(_metadata, &spin_case);
	bystander = start_bystander(_metadata, other);
	if (iso_set_online(cpu, 0)) {
		int err = errno;

		iso_end(bystander);
		iso_stop(_metadata);
		SKIP(return false, "CPU %d does not go down: %s", cpu, strerror(err));
	}
	iso_expect_one(_metadata, SIGUSR1);
	EXPECT_EQ(0, iso_set_online(cpu, 1));
	iso_expect_recorded(_metadata, iso.sh->rec.cause);
	expect_who_works(_metadata);
	EXPECT_NE(bystander, iso.sh->rec.culprit_tid);
	iso_end(bystander);
	return true;
}

TEST_F_TIMEOUT(sender, hotplug_other, 2 * ISO_TIMEOUT)
{
	int cpu = iso_housekeeping_cpu(true);

	if (!cpu)
		SKIP(return, "no other CPU to take down");
	lose_to_hotplug(_metadata, cpu);
}

TEST_F_TIMEOUT(sender, hotplug_own, 2 * ISO_TIMEOUT)
{
	if (lose_to_hotplug(_metadata, iso.cpu))
		EXPECT_EQ(TASK_ISOLATION_AFFINITY, iso.sh->rec.cause);
}

/* Once, not after each test: it has effects on all CPUs a while later. */
static void remove_cgroup(void)
{
	iso_remove_cpuset(CGROUP_DIR);
}

int main(int argc, char **argv)
{
	atexit(remove_cgroup);
	return test_harness_run(argc, argv);
}
