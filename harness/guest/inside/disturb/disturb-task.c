// SPDX-License-Identifier: GPL-2.0
/*
 * The disturber bench: signals, and what the scheduler does.
 */
#include "disturb-kinds.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/io_uring.h>
#include <linux/membarrier.h>

/* Signals */

static int inject_signal(int round)
{
	return syscall(SYS_tgkill, sh->victim_pid, sh->victim_tid, SIGUSR2);
}

static int inject_same_signal(int round)
{
	return syscall(SYS_tgkill, sh->victim_pid, sh->victim_tid, SIGUSR1);
}

static int inject_realtime(int round)
{
	siginfo_t info = { .si_signo = SIGRTMIN + 1, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	return syscall(SYS_rt_tgsigqueueinfo, sh->victim_pid, sh->victim_tid, SIGRTMIN + 1, &info);
}

static bool check_realtime(const struct task_isolation_record *rec)
{
	return (int)rec->number == SIGRTMIN + 1;
}

static int inject_process_signal(int round)
{
	return kill(sh->victim_pid, SIGUSR2);
}

static int inject_ignored(int round)
{
	return syscall(SYS_tgkill, sh->victim_pid, sh->victim_tid, SIGWINCH);
}

/* To the thread and to the process in turn. A second one is queued. */
static int inject_blocked(int round)
{
	siginfo_t info = { .si_signo = SIGNAL_BLOCKED, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	if (round & 1)
		return syscall(SYS_rt_sigqueueinfo, sh->victim_pid, SIGNAL_BLOCKED, &info);
	return syscall(SYS_rt_tgsigqueueinfo, sh->victim_pid, sh->victim_tid, SIGNAL_BLOCKED,
		       &info);
}

/* One that is continued before it has stopped was only interrupted. */
static int inject_stop(int round)
{
	int ret = kill(sh->victim_pid, SIGSTOP);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", sh->victim_pid, sh->victim_tid);
	iso_wait_file(path, " T ");
	kill(sh->victim_pid, SIGCONT);
	return ret;
}

static int inject_ptrace(int round)
{
	if (ptrace(PTRACE_SEIZE, sh->victim_tid, 0, 0))
		return -1;
	ptrace(PTRACE_INTERRUPT, sh->victim_tid, 0, 0);
	waitpid(sh->victim_tid, NULL, __WALL);
	return ptrace(PTRACE_DETACH, sh->victim_tid, 0, 0);
}

/* A cgroup with the victim's process in it */
const char *prepare_cgroup(void)
{
	char text[32];

	mkdir(CGROUP, 0755);
	snprintf(text, sizeof(text), "%d", sh->victim_pid);
	if (iso_write_file(CGROUP "/cgroup.procs", text))
		return "no cgroup v2";
	return missing(CGROUP "/cgroup.freeze");
}

void finish_cgroup(void)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", sh->victim_pid);
	iso_write_file("/sys/fs/cgroup/cgroup.procs", text);
	rmdir(CGROUP);
	/* What is left of it is freed later, by a kworker. */
	finish_later();
}

static int inject_freeze(int round)
{
	int ret = iso_write_file(CGROUP "/cgroup.freeze", "1");

	iso_wait_file(CGROUP "/cgroup.events", "frozen 1");
	iso_write_file(CGROUP "/cgroup.freeze", "0");
	return ret;
}

/* The first one switches code on that the last one switches off, once it is freed. */
static const char *prepare_memcg(void)
{
	return iso_write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory") ?
	       "no memory cgroups" : NULL;
}

static int inject_memcg(int round)
{
	if (mkdir(CGROUP, 0755))
		return -1;
	return rmdir(CGROUP);
}

static const char *prepare_cpuset(void)
{
	const char *why;

	iso_write_file("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset");
	why = prepare_cgroup();
	return why ?: missing(CGROUP "/cpuset.cpus");
}

static int inject_cpuset(int round)
{
	return iso_write_file(CGROUP "/cpuset.cpus", "0-1");
}

static void undo_cpuset(void)
{
	cpu_set_t set;

	iso_write_file(CGROUP "/cpuset.cpus", "0-3");
	CPU_ZERO(&set);
	CPU_SET(iso_cpu, &set);
	sched_setaffinity(sh->victim_tid, sizeof(set), &set);
}

/* The scheduler */

void victim_affinity(bool two)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(iso_cpu, &set);
	if (two)
		CPU_SET(0, &set);
	sched_setaffinity(sh->victim_tid, sizeof(set), &set);
}

static int inject_affinity(int round)
{
	victim_affinity(true);
	return 0;
}

static void undo_affinity(void)
{
	victim_affinity(false);
}

static int inject_policy(int round)
{
	struct sched_param p = { 0 };

	return sched_setscheduler(sh->victim_tid, round & 1 ? SCHED_OTHER : SCHED_BATCH, &p);
}

static void finish_policy(void)
{
	struct sched_param p = { 0 };

	sched_setscheduler(sh->victim_tid, SCHED_OTHER, &p);
}

/* A task that sleeps there until a byte comes */
static int wake_pipe[2];
static pid_t helper;

/* That it gets to its CPU is a disturbance, too, but not this one. */
static void helper_asleep(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", helper);
	iso_wait_file(path, " S ");
}

static const char *prepare_wake(void)
{
	if (pipe(wake_pipe))
		return "no pipe";
	helper = fork();
	if (!helper) {
		char c;

		iso_pin(iso_cpu);
		close(wake_pipe[1]);
		while (read(wake_pipe[0], &c, 1) > 0)
			;
		_exit(0);
	}
	helper_asleep();
	return NULL;
}

static int inject_wake(int round)
{
	return write(wake_pipe[1], "", 1) == 1 ? 0 : -1;
}

static void finish_helper(void)
{
	kill(helper, SIGKILL);
	waitpid(helper, NULL, 0);
}

/* The same, and what wakes it up is a timer of another CPU. */
static int timer_fd;

static const char *prepare_timerfd(void)
{
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (timer_fd < 0)
		return "no timerfd";
	helper = fork();
	if (!helper) {
		uint64_t count;

		iso_pin(iso_cpu);
		while (read(timer_fd, &count, sizeof(count)) > 0)
			;
		_exit(0);
	}
	helper_asleep();
	return NULL;
}

static int inject_timerfd(int round)
{
	struct itimerspec its = { .it_value = { 0, 5000000 } };

	return timerfd_settime(timer_fd, 0, &its, NULL);
}

static void undo_move(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(helper, sizeof(set), &set);
}

static const char *prepare_move(void)
{
	helper = fork();
	if (!helper) {
		for (;;)
			sched_yield();
	}
	/* Not by itself: it could do so after it has been moved. */
	undo_move();
	return NULL;
}

static int inject_move(int round)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(iso_cpu, &set);
	return sched_setaffinity(helper, sizeof(set), &set);
}

static int inject_barrier_global(int round)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

static const char *prepare_barrier_registered(void)
{
	give_order(SIBLING_REGISTER);
	return NULL;
}

static const char *prepare_barrier_rcu(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ?
	       "the kernel refuses it with nohz_full=" : NULL;
}

static int inject_barrier_rcu(int round)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* An unmount waits until no CPU can be looking at the mount. */
#define EXPEDITED	"/sys/kernel/rcu_expedited"
#define MOUNT		"/tmp/disturb"

static const char *prepare_rcu(void)
{
	mkdir("/tmp", 0755);
	mkdir(MOUNT, 0755);
	if (iso_write_file(EXPEDITED, "1"))
		return missing(EXPEDITED) ?: EXPEDITED ": refused";
	return NULL;
}

static int inject_rcu(int round)
{
	if (mount("disturb", MOUNT, "tmpfs", 0, NULL))
		return -1;
	return umount(MOUNT);
}

static void finish_rcu(void)
{
	iso_write_file(EXPEDITED, "0");
	rmdir(MOUNT);
}

/* Work of other tasks that the victim asked for before it was isolated */
static int ring_armed;

static const char *prepare_ring(void)
{
	struct io_uring_params p = { 0 };
	int fd = syscall(SYS_io_uring_setup, 4, &p);

	if (fd < 0)
		return "no io_uring";
	close(fd);
	STORE(sh->ring, 1);
	/* It looks there the next time it is about to be isolated. */
	if (settle())
		STORE(sh->order, VICTIM_SYSCALL);
	for (int ms = 0; ms < 3000 && !LOAD(sh->ring_armed); ms++)
		iso_sleep_ms(1);
	return LOAD(sh->ring_armed) ? NULL :
	       "the victim can't use io_uring";
}

static int inject_ring(int round)
{
	uint64_t one = 1;

	/* The victim has to have seen the last one. */
	if (LOAD(sh->ring_armed) == ring_armed) {
		errno = ETIME;
		return -1;
	}
	ring_armed = sh->ring_armed;
	return write(sh->event_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

static void finish_ring(void)
{
	STORE(sh->ring, 0);
	if (settle())
		STORE(sh->order, VICTIM_SYSCALL);
	finish_later();
}

static const struct kind list[] = {
	{ "signal", "a signal to the thread", { BY(CAUSE(SIGNAL)) }, .inject = inject_signal,
	  .number = SIGUSR2 },
	{ "signal_same", "the signal of a loss", { BY(CAUSE(SIGNAL)) },
	  .inject = inject_same_signal, .number = SIGUSR1 },
	{ "signal_realtime", "a queued signal", { BY(CAUSE(SIGNAL)) },
	  .inject = inject_realtime, .check = check_realtime },
	{ "signal_process", "a signal to the process", { BY(CAUSE(SIGNAL)) },
	  .inject = inject_process_signal, .number = SIGUSR2 },
	{ "signal_ignored", "a signal that is ignored", { BY(CAUSE(RESCHED)) },
	  .quiet = "it is not sent", .inject = inject_ignored },
	{ "signal_blocked", "a signal that is blocked", { BY(CAUSE(RESCHED)) },
	  .quiet = "it stays pending", .inject = inject_blocked },
	{ "stop", "SIGSTOP and SIGCONT", { BY(CAUSE(STOP)) }, .inject = inject_stop },
	{ "ptrace", "PTRACE_SEIZE and PTRACE_INTERRUPT", { BY(CAUSE(STOP)) },
	  .inject = inject_ptrace },
	{ "freezer", "the cgroup freezer", { BY(CAUSE(STOP)) },
	  .prepare = prepare_cgroup, .inject = inject_freeze, .finish = finish_cgroup },
	{ "memcg", "a memory cgroup comes and goes", { PATCH }, ARCH_PATCH,
	  .prepare = prepare_memcg, .inject = inject_memcg, .finish = finish_later },
	{ "cpuset", "a cpuset without the CPU", { BY(CAUSE(AFFINITY)) },
	  .prepare = prepare_cpuset, .inject = inject_cpuset, .undo = undo_cpuset,
	  .finish = finish_cgroup },
	{ "affinity", "sched_setaffinity() of the victim", { BY(CAUSE(AFFINITY)) },
	  .inject = inject_affinity, .undo = undo_affinity },
	{ "policy", "sched_setscheduler() of the victim", { WAKE },
	  .quiet = "nothing else wants to run there", .inject = inject_policy,
	  .finish = finish_policy },
	{ "wakeup", "a task of that CPU is woken up", { WAKE },
	  .prepare = prepare_wake, .inject = inject_wake, .finish = finish_helper },
	{ "timerfd", "the same, by a timer of another CPU",
	  { { CAUSE_WAKE, WHO_INTERRUPT, WAKES } },
	  .prepare = prepare_timerfd, .inject = inject_timerfd, .finish = finish_helper },
	/* The system call is that by which the victim is to give its ring back. */
	{ "io_uring", "a request of the victim is done", { BY(CAUSE(RESCHED)), OWN(SYSCALL) },
	  .prepare = prepare_ring, .inject = inject_ring, .finish = finish_ring },
	{ "move", "a running task is moved there",
	  { { CAUSE_WAKE, WHO_SENDER | WHO_OTHER, WAKES, "migration/" } },
	  .prepare = prepare_move, .inject = inject_move, .undo = undo_move,
	  .finish = finish_helper },
	{ "membarrier_global", "GLOBAL_EXPEDITED by another process", { CALL("ipi_mb") },
	  .quiet = "the process has not registered for it", .inject = inject_barrier_global },
	{ "membarrier_registered", "the same, to a process that has registered",
	  { CALL("ipi_mb ipi_sync_rq") }, .prepare = prepare_barrier_registered,
	  .inject = inject_barrier_global },
	{ "membarrier_rcu", "GLOBAL: a grace period", { BY(CAUSE(IPI_FUNC)) },
	  .quiet = "for RCU a CPU in user mode is idle", .prepare = prepare_barrier_rcu,
	  .inject = inject_barrier_rcu },
	{ "rcu_expedited", "a grace period that can't wait, for umount()",
	  { BY(CAUSE(IPI_FUNC)) }, .quiet = "for RCU a CPU in user mode is idle",
	  .prepare = prepare_rcu, .inject = inject_rcu, .finish = finish_rcu },
};

const struct kinds task_kinds = { list, sizeof(list) / sizeof(list[0]) };
