// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation tests: what an isolated thread does itself, see stimuli.h
 */
#include <dirent.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/resource.h>

#include "stimuli.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH	59
#define PR_SYS_DISPATCH_ON		1
#endif

/* System calls */

static int pipe_fd[2];

static const char *arrange_pipe(void)
{
	return pipe2(pipe_fd, O_NONBLOCK) ? "no pipe" : NULL;
}

static void hook_pipe(int sig)
{
	struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };

	iso_sh->early = poll(&p, 1, 0) != 0;
}

static void prepare_pipe(struct iso_shared *sh)
{
	iso_hook = hook_pipe;
}

static void act_write(struct iso_shared *sh)
{
	sh->value = syscall(SYS_write, pipe_fd[1], "x", 1);
}

static void check_written_once(void)
{
	char buf[16];

	WANT_EQ(0, iso.sh->early);
	WANT_EQ(1, iso.sh->value);
	WANT_EQ(1, read(pipe_fd[0], buf, sizeof(buf)));
}

static void check_not_written(void)
{
	char buf[16];

	WANT_EQ(0, iso.sh->early);
	WANT_EQ(0, iso.sh->acted && iso.sh->value);
	WANT_EQ(-1, read(pipe_fd[0], buf, sizeof(buf)));
}

/* Notified first, executed afterwards, once */
const struct stimulus stim_syscall_restarts_once = {
	.arrange = arrange_pipe, .prepare = prepare_pipe, .act = act_write,
	.check = check_written_once, .causes = ISO_CAUSE(SYSCALL), .number = SYS_write,
};

ISO_ACT_JUMP(act_write_jump, syscall(SYS_write, pipe_fd[1], "x", 1))

/* A handler that does not return: the call is never executed. */
const struct stimulus stim_syscall_not_executed = {
	.arrange = arrange_pipe, .prepare = prepare_pipe, .act = act_write_jump,
	.check = check_not_written, .causes = ISO_CAUSE(SYSCALL), .number = SYS_write,
};

static void check_dead(void)
{
	WANT_EQ(0, iso.sh->acted);
	check_not_written();
}

/* The default signal: dead before the call is executed */
const struct stimulus stim_syscall_killed = {
	.flags = PR_TASK_ISOLATION_ENABLE, .arrange = arrange_pipe, .act = act_write,
	.check = check_dead, .causes = ISO_CAUSE(SYSCALL), .number = SYS_write,
	.status = SIGKILL,
};

static void act_getppid(struct iso_shared *sh)
{
	sh->value = syscall(SYS_getppid);
}

static void check_value_getppid(void)
{
	WANT_EQ(getpid(), iso.sh->value);
}

const struct stimulus stim_syscall_getppid = {
	.act = act_getppid, .check = check_value_getppid, .causes = ISO_CAUSE(SYSCALL),
	.number = SYS_getppid,
};

static void act_getppid_100(struct iso_shared *sh)
{
	int i;

	for (i = 0; i < 100; i++)
		sh->value += syscall(SYS_getppid) > 0;
}

/* Off in the handler, and off after it, until the next prctl */
const struct stimulus stim_syscall_off_for_good = {
	.act = act_getppid_100, .value = 100, .causes = ISO_CAUSE(SYSCALL),
	.number = SYS_getppid,
};

static void act_other_prctl(struct iso_shared *sh)
{
	sh->value = syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
}

static void check_not_negative(void)
{
	WANT(iso.sh->value >= 0);
}

const struct stimulus stim_syscall_other_prctl = {
	.act = act_other_prctl, .check = check_not_negative, .causes = ISO_CAUSE(SYSCALL),
	.number = SYS_prctl,
};

static void act_prctl_49(struct iso_shared *sh)
{
	sh->value = syscall(SYS_prctl, PR_TASK_ISOLATION + 1, 0, 0, 0, 0);
}

/* The neighbour of the allowed call is not allowed. */
const struct stimulus stim_syscall_prctl_49 = {
	.act = act_prctl_49, .value = -1, .causes = ISO_CAUSE(SYSCALL),
	.number = SYS_prctl,
};

static struct task_isolation_record own_record;

static void act_record(struct iso_shared *sh)
{
	sh->second = !iso_record(&own_record) && own_record.losses == 1 &&
		     own_record.cause == TASK_ISOLATION_SYSCALL &&
		     own_record.number == SYS_prctl;
}

/* Reading the record is a loss, which is in the record that is read then. */
const struct stimulus stim_syscall_record = {
	.act = act_record, .second = 1, .causes = ISO_CAUSE(SYSCALL),
	.number = SYS_prctl,
};

/* -1 without isolation is an illegal instruction on arm. */
#ifdef __arm__
#define PLAIN_MINUS_ONE		ISO_NO_SYSCALL
#else
#define PLAIN_MINUS_ONE		-1
#endif

static void prepare_bad_number(struct iso_shared *sh)
{
	syscall(ISO_NO_SYSCALL);
	sh->plain = errno;
}

static void act_bad_number(struct iso_shared *sh)
{
	sh->value = syscall(ISO_NO_SYSCALL);
	sh->error = errno;
}

static void prepare_minus_one(struct iso_shared *sh)
{
	syscall(PLAIN_MINUS_ONE);
	sh->plain = errno;
}

static void act_minus_one(struct iso_shared *sh)
{
	sh->value = syscall(-1);
	sh->error = errno;
}

static void check_same_error(void)
{
	WANT_EQ(-1, iso.sh->value);
	WANT_EQ(iso.sh->plain, iso.sh->error);
}

/* A number that no system call has: notified, then the usual error */
const struct stimulus stim_syscall_bad_number = {
	.prepare = prepare_bad_number, .act = act_bad_number, .check = check_same_error,
	.causes = ISO_CAUSE(SYSCALL), .number = ISO_NO_SYSCALL,
};

/* -1 is not restarted: notified, then the same error, and no internal number */
const struct stimulus stim_syscall_minus_one = {
	.prepare = prepare_minus_one, .act = act_minus_one, .check = check_same_error,
	.causes = ISO_CAUSE(SYSCALL), .number = -1,
};

static void act_nanosleep(struct iso_shared *sh)
{
	struct timespec ts = { 0, 1000000 };

	sh->value = syscall(SYS_nanosleep, &ts, NULL);
}

static void check_succeeded(void)
{
	WANT_EQ(0, iso.sh->value);
}

/* A call that sleeps: notified before, not after */
const struct stimulus stim_syscall_that_sleeps = {
	.act = act_nanosleep, .check = check_succeeded, .causes = ISO_CAUSE(SYSCALL),
	.number = SYS_nanosleep,
};

static void prepare_seccomp(struct iso_shared *sh)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_yield, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		sh->unable = errno;
}

static void act_filtered(struct iso_shared *sh)
{
	sh->value = syscall(SYS_sched_yield);
	sh->error = errno;
}

static void check_filtered(void)
{
	WANT_EQ(-1, iso.sh->value);
	WANT_EQ(EXDEV, iso.sh->error);
}

/*
 * Isolation comes before a filter, and leaves the verdict to it. The filter is freed
 * by a kworker, which may flush what mapped it.
 */
const struct stimulus stim_syscall_seccomp = {
	.prepare = prepare_seccomp, .act = act_filtered, .check = check_filtered,
	.causes = ISO_CAUSE(SYSCALL), .number = SYS_sched_yield, .settle_ms = 500,
};

static char sud_selector;

static void prepare_sud(struct iso_shared *sh)
{
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &sud_selector))
		sh->unable = errno;
	iso_selector = &sud_selector;
}

static void act_sud(struct iso_shared *sh)
{
	__atomic_store_n(&sud_selector, 1, __ATOMIC_SEQ_CST);
	sh->value = syscall(SYS_getppid);
}

/* A call that user dispatch takes was none: SIGSYS alone */
const struct stimulus stim_syscall_user_dispatch = {
	.prepare = prepare_sud, .act = act_sud, .causes = ISO_CAUSE(SIGNAL), .sig = SIGSYS,
};

/* Page faults that the kernel resolves */

#define PAGE_VALUE	42

static char *page;

static void map_page(struct iso_shared *sh, int prot, int flags, int fd)
{
	page = mmap(NULL, sysconf(_SC_PAGESIZE), prot, flags, fd, 0);
	if (page == MAP_FAILED)
		sh->unable = errno;
	sh->addr = (unsigned long)page + 8;
}

static void prepare_anonymous(struct iso_shared *sh)
{
	map_page(sh, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void prepare_file(struct iso_shared *sh)
{
	map_page(sh, PROT_READ | PROT_WRITE, MAP_SHARED, iso_tmpfile(1));
}

static void prepare_zero_page(struct iso_shared *sh)
{
	prepare_anonymous(sh);
	/* Maps the zero page, which a write then copies. */
	sh->second = __atomic_load_n(page, __ATOMIC_SEQ_CST);
}

static void act_touch(struct iso_shared *sh)
{
	__atomic_store_n(page + 8, PAGE_VALUE, __ATOMIC_SEQ_CST);
	sh->value = __atomic_load_n(page + 8, __ATOMIC_SEQ_CST);
}

const struct stimulus stim_fault_anonymous = {
	.prepare = prepare_anonymous, .act = act_touch, .value = PAGE_VALUE,
	.causes = ISO_CAUSE(FAULT),
};

const struct stimulus stim_fault_file = {
	.prepare = prepare_file, .act = act_touch, .value = PAGE_VALUE,
	.causes = ISO_CAUSE(FAULT),
};

const struct stimulus stim_fault_copy_on_write = {
	.prepare = prepare_zero_page, .act = act_touch, .value = PAGE_VALUE,
	.causes = ISO_CAUSE(FAULT),
};

static void check_not_acted(void)
{
	WANT_EQ(0, iso.sh->acted);
}

const struct stimulus stim_fault_killed = {
	.flags = PR_TASK_ISOLATION_ENABLE, .prepare = prepare_anonymous, .act = act_touch,
	.check = check_not_acted, .causes = ISO_CAUSE(FAULT), .status = SIGKILL,
};

/* Exceptions: one that the kernel resolves, and those that end in a signal */

static unsigned int watched;

static void prepare_watch(struct iso_shared *sh)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W, .bp_addr = (unsigned long)&watched,
		.bp_len = HW_BREAKPOINT_LEN_4, .exclude_kernel = 1, .exclude_hv = 1,
	};

	if (syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) < 0)
		sh->unable = errno;
}

static void act_watch(struct iso_shared *sh)
{
	STORE(watched, 1);
}

/*
 * A watchpoint that only counts. Kernel text is patched a second after a task's last
 * event is gone.
 */
const struct stimulus stim_trap_watchpoint = {
	.prepare = prepare_watch, .act = act_watch, .causes = ISO_CAUSE(TRAP), .settle_ms = 2000,
};

static void prepare_none(struct iso_shared *sh)
{
	map_page(sh, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void prepare_none_default(struct iso_shared *sh)
{
	prepare_none(sh);
	signal(SIGSEGV, SIG_DFL);
}

static void prepare_beyond_end(struct iso_shared *sh)
{
	long size = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_SHARED, iso_tmpfile(1), 0);

	page = map + size;
	if (map == MAP_FAILED)
		sh->unable = errno;
	sh->addr = (unsigned long)page + 8;
}

ISO_ACT_JUMP(act_store, __atomic_store_n(page + 8, 1, __ATOMIC_SEQ_CST))
#ifdef ISO_ILLEGAL
ISO_ACT_JUMP(act_illegal, __asm__ __volatile__(ISO_ILLEGAL))
ISO_ACT_JUMP(act_breakpoint, __asm__ __volatile__(ISO_BREAKPOINT))
#define arrange_insn	NULL
#else
#define act_illegal	NULL
#define act_breakpoint	NULL
static const char *arrange_insn(void)
{
	return "which instruction does that here is not known";
}
#endif

/* The siginfo is that of the exception. */
static void check_segv(void)
{
	WANT_EQ(SEGV_ACCERR, iso.sh->info.si_code);
	WANT_EQ(iso.sh->addr, (unsigned long)iso.sh->info.si_addr);
}

const struct stimulus stim_trap_sigsegv = {
	.prepare = prepare_none, .act = act_store, .check = check_segv,
	.causes = ISO_CAUSE(SIGNAL), .sig = SIGSEGV,
};

const struct stimulus stim_trap_sigbus = {
	.prepare = prepare_beyond_end, .act = act_store, .causes = ISO_CAUSE(SIGNAL),
	.sig = SIGBUS,
};

const struct stimulus stim_trap_sigill = {
	.arrange = arrange_insn, .act = act_illegal, .causes = ISO_CAUSE(SIGNAL), .sig = SIGILL,
};

const struct stimulus stim_trap_sigtrap = {
	.arrange = arrange_insn, .act = act_breakpoint, .causes = ISO_CAUSE(SIGNAL),
	.sig = SIGTRAP,
};

/* The same without a handler: the status says what happened. */
const struct stimulus stim_trap_sigsegv_uncaught = {
	.prepare = prepare_none_default, .act = act_store, .check = check_not_acted,
	.causes = ISO_CAUSE(SIGNAL), .sig = SIGSEGV, .status = SIGSEGV,
};

static char core_dir[32];

/**
 * iso_arrange_core - Let victims dump their core into a directory of its own
 *
 * Return: %NULL, or why not
 */
const char *iso_arrange_core(void)
{
	struct rlimit rl = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &rl);
	snprintf(core_dir, sizeof(core_dir), "/tmp/task_isolation.XXXXXX");
	return mkdtemp(core_dir) && !chdir(core_dir) ? NULL : "no directory for a core";
}

/**
 * iso_restore_core - Remove that directory, and the cores
 */
void iso_restore_core(void)
{
	struct dirent *d;
	DIR *dir = opendir(core_dir);

	while (dir && (d = readdir(dir)))
		unlinkat(dirfd(dir), d->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(core_dir);
}

/**
 * iso_check_core - Expect that the victim has dumped its core, if it can
 */
void iso_check_core(void)
{
	char pattern[128];

	iso_read_file("/proc/sys/kernel/core_pattern", pattern, sizeof(pattern));
	if (!strncmp(pattern, "core", 4))
		WANT(WCOREDUMP(iso.status));
}

const struct stimulus stim_trap_coredump = {
	.arrange = iso_arrange_core, .prepare = prepare_none_default, .act = act_store,
	.check = iso_check_core, .restore = iso_restore_core, .causes = ISO_CAUSE(SIGNAL),
	.sig = SIGSEGV, .status = SIGSEGV,
};

/* Children: refused like any call, then born without isolation */

static void child_work(struct iso_shared *sh)
{
	int i;

	for (i = 0; i < 10; i++)
		sh->second += syscall(SYS_getppid) > 0;
}

static void act_fork(struct iso_shared *sh)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		child_work(sh);
		_exit(33);
	}
	waitpid(pid, &status, 0);
	sh->value = status;
}

const struct stimulus stim_child_fork = {
	.act = act_fork, .value = 33 << 8, .second = 10, .causes = ISO_CAUSE(SYSCALL),
	.any_number = true,
};

static void act_vfork(struct iso_shared *sh)
{
	pid_t pid = vfork();
	int status;

	if (!pid)
		_exit(34);
	waitpid(pid, &status, 0);
	sh->value = status;
}

const struct stimulus stim_child_vfork = {
	.act = act_vfork, .value = 34 << 8, .causes = ISO_CAUSE(SYSCALL),
	.any_number = true,
};

static void *child_thread_work(void *arg)
{
	child_work(arg);
	return NULL;
}

static void act_thread(struct iso_shared *sh)
{
	pthread_t thread;

	sh->value = pthread_create(&thread, NULL, child_thread_work, sh);
	if (!sh->value)
		pthread_join(thread, NULL);
}

const struct stimulus stim_child_thread = {
	.act = act_thread, .second = 10, .causes = ISO_CAUSE(SYSCALL),
	.any_number = true,
};

/**
 * iso_exec - Replace the calling process by one that only makes system calls
 * @sh:		The shared memory, unused
 *
 * It ends with ISO_EXEC_STATUS.
 */
void iso_exec(struct iso_shared *sh)
{
	char * const argv[] = { "task_isolation", ISO_EXEC_CHILD, NULL };
	char * const envp[] = { NULL };

	execve("/proc/self/exe", argv, envp);
}

/**
 * iso_exec_child - Do what a process does that is started by iso_exec()
 *
 * Isolation would kill it here, as its handlers are gone.
 *
 * Return: exit status
 */
int iso_exec_child(void)
{
	int i, n = 0;

	for (i = 0; i < 10; i++)
		n += syscall(SYS_getppid) > 0;
	return n == 10 ? ISO_EXEC_STATUS : 1;
}

const struct stimulus stim_child_exec = {
	.act = iso_exec, .causes = ISO_CAUSE(SYSCALL), .number = SYS_execve,
	.status = ISO_EXEC_STATUS << 8,
};
