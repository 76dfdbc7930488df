// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: requests of io_uring that complete, or need a worker, while their
 * thread is isolated.
 *
 * Test Summary
 *
 *  * row.completion		Task work of the thread, which is interrupted for it
 *  * row.completion_lazy	Without the interrupt it waits for the next entry
 *  * row.worker			A worker is created on the way out of a loss
 */
#include <dirent.h>
#include <linux/io_uring.h>
#include <poll.h>

#include "rows.h"

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

static void prepare_poll(struct iso_shared *sh, unsigned int flags)
{
	sh->unable = ring_make(flags);
	if (sh->unable)
		return;
	ring_add(IORING_OP_POLL_ADD, ring_in[0])->poll32_events = POLLIN;
	sh->unable = ring_submit(1);
}

static void prepare_poll_kick(struct iso_shared *sh)
{
	prepare_poll(sh, 0);
}

static void prepare_poll_lazy(struct iso_shared *sh)
{
	prepare_poll(sh, IORING_SETUP_COOP_TASKRUN);
}

static void other_write(struct iso_shared *sh)
{
	if (write(ring_out[0], "x", 1) != 1)
		sh->other_err = errno;
}

/* One completion, with the result of a poll that found something. */
static void finish_poll(struct iso_shared *sh)
{
	if (sh->unable)
		return;
	/* Completed here at the latest, where the thread enters the kernel. */
	syscall(SYS_getppid);
	sh->value = LOAD(*ring.cq_tail);
	sh->second = ring.cqes[0].res;
}

static const struct stimulus stim_completion = {
	.prepare = prepare_poll_kick, .other = other_write, .leader = true,
	.finish = finish_poll, .value = 1, .second = POLLIN, .causes = ISO_CAUSE(RESCHED),
	.who = WHO_OTHER,
};

static const struct stimulus stim_completion_lazy = {
	.prepare = prepare_poll_lazy, .other = other_write, .leader = true,
	.finish = finish_poll, .value = 1, .second = POLLIN,
};

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

	sh->unable = ring_make(0);
	if (sh->unable)
		return;
	iso_housekeeping(&set);
	if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_IOWQ_AFF, &set, sizeof(set)) ||
	    limit_workers(1)) {
		sh->unable = errno;
		return;
	}
	add_splice(0);
	sh->unable = ring_submit(1);
	if (sh->unable)
		return;
	if (!wait_workers(sh, 1, true)) {
		sh->unable = ETIME;
		return;
	}
	add_splice(1);
	add_splice(2);
	sh->unable = ring_submit(2);
}

/*
 * With room for a second worker, the first one takes the second request once
 * the first is done, blocks, and so asks for a worker to do the third: by task
 * work of the isolated thread, which creates the worker on its way out.
 */
static void other_worker(struct iso_shared *sh)
{
	int i;

	if (limit_workers(2) || write(ring_out[0], "x", 1) != 1) {
		sh->other_err = errno;
		return;
	}
	sh->value = wait_workers(sh, 2, false);
	while (!LOAD(sh->sig_total) && !LOAD(sh->stop))
		iso_sleep_ms(1);
	if (write(ring_out[1], "x", 1) != 1 || write(ring_out[2], "x", 1) != 1)
		sh->other_err = errno;
	while (LOAD(*ring.cq_tail) < 3 && !LOAD(sh->stop))
		iso_sleep_ms(1);
	for (i = 0; i < 3; i++)
		sh->second += ring.cqes[i].res == 1;
	STORE(sh->count, LOAD(*ring.cq_tail));
}

static int inject_worker(void)
{
	WANT(iso_wait_for(iso.victim, &iso.sh->count, 3));
	return 0;
}

/* No thread is born isolated, not even on the way out of the loss. */
static const struct stimulus stim_worker = {
	.prepare = prepare_worker, .other = other_worker, .leader = true,
	.inject = inject_worker, .value = 1, .second = 3, .causes = ISO_CAUSE(RESCHED),
	.who = WHO_WORKER,
};

ROW(completion);
ROW(completion_lazy);
ROW(worker);

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
