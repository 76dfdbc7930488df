// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: others give an isolated thread work, or compete for its CPU.
 *
 * Test Summary
 *
 *  * uring.*		Requests that complete, or need a worker, while their
 *			thread is isolated
 *  * sched.*		Starvation: whatever isolation has turned off for this CPU,
 *			a fair task behind a SCHED_FIFO one is still served
 *  * balance.*		The scheduler has no thread look at its own memory
 */
#include <dirent.h>
#include <linux/io_uring.h>
#include <poll.h>

#include "fixture.h"

#define REQUESTS	4

/* A ring of the victim's thread. */
static struct {
	int			fd;
	unsigned int		*sq_tail;
	unsigned int		*cq_tail;
	struct io_uring_sqe	*sqes;
	struct io_uring_cqe	*cqes;
} ring;

/* Where requests read, and the other ends. */
static int ring_in[3], ring_out[3];

/*
 * Makes the ring. Without the index array of old: with it, the kernel patches
 * itself a while after a ring has gone, and interrupts every CPU.
 */
static int ring_make(unsigned int flags)
{
	struct io_uring_params p = { .flags = IORING_SETUP_NO_SQARRAY | flags };
	size_t size;
	char *map;
	int i;

	for (i = 0; i < 3; i++) {
		int fd[2];

		if (pipe(fd))
			return errno;
		ring_in[i] = fd[0];
		ring_out[i] = fd[1];
	}
	ring.fd = syscall(SYS_io_uring_setup, REQUESTS, &p);
	if (ring.fd < 0)
		return errno;
	/* Both queues are in one mapping since long before NO_SQARRAY. */
	size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd,
		   IORING_OFF_SQ_RING);
	ring.sqes = mmap(NULL, REQUESTS * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);
	if (map == MAP_FAILED || ring.sqes == MAP_FAILED)
		return errno;
	ring.sq_tail = (unsigned int *)(map + p.sq_off.tail);
	ring.cq_tail = (unsigned int *)(map + p.cq_off.tail);
	ring.cqes = (struct io_uring_cqe *)(map + p.cq_off.cqes);
	return 0;
}

/* Appends a request. Nothing is ever taken out, so the tail is its number. */
static struct io_uring_sqe *ring_add(int op, int fd)
{
	struct io_uring_sqe *sqe = &ring.sqes[*ring.sq_tail];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = fd;
	sqe->user_data = *ring.sq_tail;
	STORE(*ring.sq_tail, *ring.sq_tail + 1);
	return sqe;
}

static int ring_submit(unsigned int n)
{
	return syscall(SYS_io_uring_enter, ring.fd, n, 0, 0, NULL, 0) == (int)n ? 0 : errno;
}

FIXTURE(uring) {};

FIXTURE_SETUP(uring)
{
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(uring)
{
	iso_close(_metadata);
}

/* Starts a victim with a ring, or skips the test. */
static bool ring_start(struct __test_metadata *_metadata, const struct iso_case *c)
{
	iso_start_quiet(_metadata, c);
	if (!iso.sh->val[0])
		return true;
	iso_stop(_metadata);
	SKIP(return false, "no io_uring, or too old: %s", strerror(iso.sh->val[0]));
}

static void prepare_poll(struct iso_shared *sh, unsigned int flags)
{
	sh->val[0] = ring_make(flags);
	if (sh->val[0])
		return;
	ring_add(IORING_OP_POLL_ADD, ring_in[0])->poll32_events = POLLIN;
	sh->val[0] = ring_submit(1);
}

static void prepare_poll_kick(struct iso_shared *sh)
{
	prepare_poll(sh, 0);
}

static void prepare_poll_lazy(struct iso_shared *sh)
{
	prepare_poll(sh, IORING_SETUP_COOP_TASKRUN);
}

static void sibling_write(struct iso_shared *sh)
{
	iso_wait_go(sh);
	sh->val[1] = write(ring_out[0], "x", 1);
}

/* One completion, with the result of a poll that found something. */
static void finish_poll(struct iso_shared *sh)
{
	if (sh->val[0])
		return;
	/* Completed here at the latest, where the thread enters the kernel. */
	syscall(SYS_getppid);
	sh->val[2] = LOAD(*ring.cq_tail);
	sh->val[3] = ring.cqes[0].res;
}

static void expect_polled(struct __test_metadata *_metadata)
{
	EXPECT_EQ(1, iso.sh->val[1]);
	EXPECT_EQ(1, iso.sh->val[2]);
	EXPECT_EQ(POLLIN, iso.sh->val[3]);
}

/* A completion is task work of the thread, which gets an interrupt for it. */
TEST_F_TIMEOUT(uring, completion, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_poll_kick,
		.sibling = sibling_write, .finish = finish_poll,
	};

	if (!ring_start(_metadata, &c))
		return;
	STORE(iso.sh->go, 1);
	iso_expect_loss(_metadata, SIGUSR1, "reschedule IPI");
	expect_polled(_metadata);
}

/* Without the interrupt it waits for the next entry, and is nothing. */
TEST_F_TIMEOUT(uring, completion_lazy, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_poll_lazy,
		.sibling = sibling_write, .finish = finish_poll,
	};

	if (!ring_start(_metadata, &c))
		return;
	STORE(iso.sh->go, 1);
	EXPECT_TRUE(iso_wait_for(iso.victim, (int *)&iso.sh->val[1], 1));
	iso_expect_silent(_metadata);
	expect_polled(_metadata);
}

/* How many workers this process has; how many of them sleep, in @asleep. */
static int workers(int *asleep)
{
	char path[320], text[4096];
	struct dirent *d;
	int n = 0;
	DIR *dir;

	*asleep = 0;
	dir = opendir("/proc/self/task");
	while (dir && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", d->d_name);
		if (iso_read_file(path, text, sizeof(text)) < 0 ||
		    strncmp(text, "Name:\tiou-wrk-", 14))
			continue;
		n++;
		/* Off its CPU, too, which is when io_uring looks for more work. */
		*asleep += strstr(text, "State:\tS") &&
			   !strstr(text, "\nvoluntary_ctxt_switches:\t0\n");
	}
	if (dir)
		closedir(dir);
	return n;
}

/* Waits for this many workers; with @idle, until they sleep. */
static bool wait_workers(struct iso_shared *sh, int want, bool idle)
{
	int asleep, ms;

	for (ms = 0; ms < ISO_WAIT_MS && !LOAD(sh->stop); ms++) {
		if (workers(&asleep) == want && (!idle || asleep == want))
			return true;
		iso_sleep_ms(1);
	}
	return false;
}

/* A request that blocks a worker until there is a byte in ring_in[i]. */
static void add_splice(int i)
{
	static int sink[2];
	struct io_uring_sqe *sqe;

	if (!sink[1] && pipe(sink))
		return;
	sqe = ring_add(IORING_OP_SPLICE, sink[1]);
	sqe->splice_fd_in = ring_in[i];
	sqe->splice_off_in = -1;
	sqe->off = -1;
	sqe->len = 1;
}

static int limit_workers(unsigned int n)
{
	unsigned int max[2] = { n, n };

	return syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2);
}

/* One worker, which is blocked by a first request. Two more wait for it. */
static void prepare_worker(struct iso_shared *sh)
{
	cpu_set_t set;

	sh->val[0] = ring_make(0);
	if (sh->val[0])
		return;
	iso_housekeeping(&set);
	if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_IOWQ_AFF, &set, sizeof(set)) ||
	    limit_workers(1)) {
		sh->val[0] = errno;
		return;
	}
	add_splice(0);
	sh->val[0] = ring_submit(1);
	if (sh->val[0])
		return;
	if (!wait_workers(sh, 1, true)) {
		sh->val[0] = ETIME;
		return;
	}
	add_splice(1);
	add_splice(2);
	sh->val[0] = ring_submit(2);
}

/*
 * With room for a second worker, the first one takes the second request once
 * the first is done, blocks, and so asks for somebody to do the third: by task
 * work of the isolated thread, which creates the worker on its way out.
 */
static void sibling_worker(struct iso_shared *sh)
{
	int i;

	iso_wait_go(sh);
	if (limit_workers(2) || write(ring_out[0], "x", 1) != 1)
		return;
	sh->val[1] = wait_workers(sh, 2, false);
	while (!LOAD(sh->sig_total) && !LOAD(sh->stop))
		iso_sleep_ms(1);
	if (write(ring_out[1], "x", 1) != 1 || write(ring_out[2], "x", 1) != 1)
		return;
	while (LOAD(*ring.cq_tail) < 3 && !LOAD(sh->stop))
		iso_sleep_ms(1);
	sh->val[2] = LOAD(*ring.cq_tail);
	for (i = 0; i < 3; i++)
		sh->val[3] += ring.cqes[i].res == 1;
	STORE(sh->count, 1);
}

/* Nobody is born isolated, not even on the way out of the loss. */
TEST_F_TIMEOUT(uring, worker, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_worker, .sibling = sibling_worker,
	};

	if (!ring_start(_metadata, &c))
		return;
	STORE(iso.sh->go, 1);
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->count, 1));
	iso_expect_loss(_metadata, SIGUSR1, "reschedule IPI");
	EXPECT_EQ(1, iso.sh->val[1]) {
		TH_LOG("no worker was created");
	}
	EXPECT_EQ(3, iso.sh->val[2]);
	EXPECT_EQ(3, iso.sh->val[3]);
}

#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"

/* Rounds of a starved task which are no accident. */
#define ROUNDS		100

FIXTURE(sched)
{
	struct iso_shared	*other;
	char			rt_runtime[32];
};

FIXTURE_SETUP(sched)
{
	iso_setup_cpu(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	self->other = iso_share(sizeof(*self->other));
	ASSERT_TRUE(self->other != MAP_FAILED);
	/* The limit of realtime tasks must not be what helps the others. */
	iso_read_file(RT_RUNTIME, self->rt_runtime, sizeof(self->rt_runtime));
	if (self->rt_runtime[0])
		ASSERT_EQ(0, iso_write_file(RT_RUNTIME, "-1"));
}

FIXTURE_TEARDOWN(sched)
{
	iso_close(_metadata);
	if (self->rt_runtime[0])
		iso_write_file(RT_RUNTIME, self->rt_runtime);
}

static int be_fifo(void)
{
	struct sched_param param = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &param) ? errno : 0;
}

static void prepare_fifo(struct iso_shared *sh)
{
	sh->val[0] = be_fifo();
}

/* The thread was SCHED_FIFO all the time: a fair task comes, and is served. */
TEST_F_TIMEOUT(sched, fifo_victim, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_fifo, .act = iso_act_spin,
	};
	pid_t pid;

	iso_start_quiet(_metadata, &c);
	ASSERT_EQ(0, iso.sh->val[0]);
	pid = iso_start_busy(self->other, iso.cpu, false);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(iso_wait_for(pid, &self->other->count, ROUNDS));
	EXPECT_TRUE(iso_alive(iso.victim));
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	iso_end(pid);
}

static void act_fifo_when_told(struct iso_shared *sh)
{
	iso_spin_until(&sh->sig_total);
	iso_spin_until(&sh->go);
	sh->val[0] = be_fifo();
	STORE(sh->count, 1);
	iso_spin_until(&sh->stop);
}

/*
 * The server of fair tasks is started by the first one that is queued, which
 * here was the victim, before it got isolated and the server was stopped. The
 * next task must have it again.
 */
TEST_F_TIMEOUT(sched, fifo_later, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_fifo_when_told };
	int before;
	pid_t pid;

	iso_start_quiet(_metadata, &c);
	pid = iso_start_busy(self->other, iso.cpu, false);
	ASSERT_LT(0, pid);
	/* Now a fair task is there, and stays there. */
	ASSERT_TRUE(iso_wait_for(pid, &self->other->count, 1));
	ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->sig_total, 1));
	STORE(iso.sh->go, 1);
	ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->count, 1));
	ASSERT_EQ(0, iso.sh->val[0]);
	before = LOAD(self->other->count);
	EXPECT_TRUE(iso_wait_for(pid, &self->other->count, before + ROUNDS)) {
		TH_LOG("starved by the victim");
	}
	EXPECT_TRUE(iso_alive(iso.victim));
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	iso_end(pid);
}

/* Likewise, with the victim as the one that is starved, and has to be told. */
TEST_F_TIMEOUT(sched, fifo_other, ISO_TIMEOUT)
{
	pid_t pid;

	iso_start_quiet(_metadata, &iso_spin_case);
	pid = iso_start_busy(self->other, iso.cpu, true);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(iso_wait_for(pid, &self->other->count, 1));
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->sig_total, 1)) {
		TH_LOG("starved by another task");
	}
	EXPECT_TRUE(iso_alive(pid));
	iso_end(pid);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
}

#define NUMA_BALANCING	"/proc/sys/kernel/numa_balancing"

FIXTURE(balance)
{
	char	numa[32];
};

FIXTURE_SETUP(balance)
{
	iso_setup_cpu(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	if (iso_read_file(NUMA_BALANCING, self->numa, sizeof(self->numa)) < 0 ||
	    access(NUMA_BALANCING, W_OK))
		SKIP(return, "can't write to " NUMA_BALANCING ": %s", strerror(errno));
	ASSERT_EQ(0, iso_write_file(NUMA_BALANCING, "1"));
}

FIXTURE_TEARDOWN(balance)
{
	iso_close(_metadata);
	if (self->numa[0])
		iso_write_file(NUMA_BALANCING, self->numa);
}

/*
 * A thread that has used a second of CPU time is due. Once a second another CPU
 * does for the isolated one what its tick would, and could find that.
 */
TEST_F_TIMEOUT(balance, remote_tick, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	iso_sleep_ms(5000);
	iso_expect_silent(_metadata);
}

TEST_HARNESS_MAIN
