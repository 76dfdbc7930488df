// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: what happens when the kernel is entered, row by row.
 *
 * Test Summary
 *
 *  * iso.syscall_*	A refused call: told before it is executed, which then
 *			happens exactly once
 *  * iso.deliver_*	Which signal, and what if it is blocked or ignored
 *  * iso.fault_*	Page faults that the kernel resolves
 *  * iso.trap_*	Exceptions that end in a signal: that one, no other; and
 *			one that the kernel resolves
 *  * iso.signal_*	Signals from outside
 *  * iso.affinity_*	The thread is moved, or could be
 *  * iso.child_*	fork, clone, vfork and exec: no child is born isolated
 *  * iso.handler_*	Entering again from the handler
 *  * iso.sibling_*	What other threads of the process do to it
 *  * iso.cpu_*	What other tasks and devices do to its CPU
 *  * iso.two_cpus	An isolated thread is not hurt by another that enters
 *  * iso.hotplug_*	CPUs going down
 */
#include <dirent.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/hw_breakpoint.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "fixture.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH	59
#define PR_SYS_DISPATCH_OFF		0
#define PR_SYS_DISPATCH_ON		1
#endif

FIXTURE(iso) {};

FIXTURE_SETUP(iso)
{
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(iso)
{
	iso_close(_metadata);
}

static int pipe_fd[2];

static void hook_pipe_empty(int sig)
{
	struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };

	/* 1: nothing was written when the handler ran. */
	iso_sh->val[0] = poll(&p, 1, 0) == 0 ? 1 : 2;
}

static void prepare_pipe(struct iso_shared *sh)
{
	iso_hook = hook_pipe_empty;
}

static void act_pipe_write(struct iso_shared *sh)
{
	sh->val[1] = syscall(SYS_write, pipe_fd[1], "x", 1);
}

/* Told first, executed afterwards, once. */
TEST_F_TIMEOUT(iso, syscall_restarts_once, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_pipe, .act = act_pipe_write,
	};
	char buf[16];

	ASSERT_EQ(0, pipe2(pipe_fd, O_NONBLOCK));
	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, SYS_write);
	EXPECT_EQ(1, iso.sh->val[0]) {
		TH_LOG("executed before the handler ran");
	}
	EXPECT_EQ(1, iso.sh->val[1]);
	EXPECT_EQ(1, read(pipe_fd[0], buf, sizeof(buf)));
}

static void act_pipe_write_jump(struct iso_shared *sh)
{
	iso_jump = 1;
	if (!sigsetjmp(iso_env, 0))
		syscall(SYS_write, pipe_fd[1], "x", 1);
	iso_jump = 0;
}

/* A handler that does not return: the call is never executed. */
TEST_F_TIMEOUT(iso, syscall_not_executed, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_pipe,
		.act = act_pipe_write_jump,
	};
	char buf[16];

	ASSERT_EQ(0, pipe2(pipe_fd, O_NONBLOCK));
	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	EXPECT_EQ(1, iso.sh->val[0]);
	EXPECT_EQ(-1, read(pipe_fd[0], buf, sizeof(buf)));
}

static void act_getppid(struct iso_shared *sh)
{
	sh->val[1] = syscall(SYS_getppid);
}

/* The default signal: dead before the call is executed. */
TEST_F_TIMEOUT(iso, syscall_default_sigkill, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = PR_TASK_ISOLATION_ENABLE, .act = act_pipe_write,
	};
	char buf[16];

	ASSERT_EQ(0, pipe2(pipe_fd, O_NONBLOCK));
	iso_start(_metadata, &c);
	iso_expect_death(_metadata, SIGKILL);
	EXPECT_EQ(1, iso.sh->ready);
	EXPECT_EQ(0, iso.sh->acted);
	EXPECT_EQ(-1, read(pipe_fd[0], buf, sizeof(buf)));
	iso_expect_logged_syscall(_metadata, SYS_write);
}

static void act_other_prctl(struct iso_shared *sh)
{
	sh->val[1] = syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
}

TEST_F_TIMEOUT(iso, syscall_other_prctl, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_other_prctl };

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, SYS_prctl);
	EXPECT_LE(0, iso.sh->val[1]);
}

static void act_prctl_49(struct iso_shared *sh)
{
	sh->val[1] = syscall(SYS_prctl, PR_TASK_ISOLATION + 1, 0, 0, 0, 0);
}

/* The neighbour of the one allowed call is as forbidden as any. */
TEST_F_TIMEOUT(iso, syscall_prctl_49, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_prctl_49 };

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
}

/* No architecture has that many system calls. */
#define NO_NUMBER	0x3fff

static long bad_number;

static void prepare_bad_number(struct iso_shared *sh)
{
	long nr = bad_number;

#ifdef __arm__
	/* An illegal instruction there, without isolation. */
	if (nr == -1)
		nr = NO_NUMBER;
#endif
	/* What a thread that is not isolated gets. */
	syscall(nr);
	sh->val[3] = errno;
}

static void act_bad_number(struct iso_shared *sh)
{
	sh->val[1] = syscall(bad_number);
	sh->val[2] = errno;
}

static void run_bad_number(struct __test_metadata *_metadata, long nr)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_bad_number,
		.act = act_bad_number,
	};

	bad_number = nr;
	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, nr);
	EXPECT_EQ(-1, iso.sh->val[1]);
	EXPECT_EQ(iso.sh->val[3], iso.sh->val[2]);
}

/* A number that no system call has: told, then the usual error. */
TEST_F_TIMEOUT(iso, syscall_bad_number, ISO_TIMEOUT)
{
	run_bad_number(_metadata, NO_NUMBER);
}

/* -1 cannot be restarted: told, then the same error, no internal number. */
TEST_F_TIMEOUT(iso, syscall_minus_one, ISO_TIMEOUT)
{
	run_bad_number(_metadata, -1);
}

static void act_nanosleep(struct iso_shared *sh)
{
	struct timespec ts = { 0, 1000000 };

	sh->val[1] = syscall(SYS_nanosleep, &ts, NULL);
}

/* A call that sleeps: the thread is told before, not after. */
TEST_F_TIMEOUT(iso, syscall_that_sleeps, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_nanosleep };

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	EXPECT_EQ(0, iso.sh->val[1]);
}

static void prepare_seccomp(struct iso_shared *sh)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };

	sh->val[3] = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!sh->val[3])
		sh->val[3] = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static void act_getppid_errno(struct iso_shared *sh)
{
	sh->val[1] = syscall(SYS_getppid);
	sh->val[2] = errno;
}

/* Isolation comes before a filter, and leaves its verdict to it. */
TEST_F_TIMEOUT(iso, syscall_seccomp, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_seccomp,
		.act = act_getppid_errno,
	};

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	if (iso.sh->val[3])
		SKIP(return, "no seccomp filters");
	EXPECT_EQ(-1, iso.sh->val[1]);
	EXPECT_EQ(EXDEV, iso.sh->val[2]);
	/* The filter is freed by a kworker, which may flush what mapped it. */
	iso_sleep_ms(500);
}

static char sud_selector;

static void prepare_sud(struct iso_shared *sh)
{
	sh->val[3] = prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
			   0, 0, &sud_selector);
	iso_selector = &sud_selector;
}

static void act_sud(struct iso_shared *sh)
{
	if (sh->val[3])
		return;
	__atomic_store_n(&sud_selector, 1, __ATOMIC_SEQ_CST);
	sh->val[1] = syscall(SYS_getppid);
}

/* A call that user dispatch takes never was one: SIGSYS alone. */
TEST_F_TIMEOUT(iso, syscall_user_dispatch, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_sud, .act = act_sud,
	};

	iso_start_acted(_metadata, &c);
	if (iso.sh->val[3]) {
		iso_stop(_metadata);
		SKIP(return, "no syscall user dispatch");
	}
	iso_expect_one(_metadata, SIGSYS);
}

static int deliver_sig;
static enum deliver_how {
	DELIVER_CATCH,
	DELIVER_BLOCK,
	DELIVER_IGNORE,
	DELIVER_DEFAULT,
} deliver_how;

static void prepare_deliver(struct iso_shared *sh)
{
	sigset_t set;

	switch (deliver_how) {
	case DELIVER_CATCH:
		iso_catch(deliver_sig);
		break;
	case DELIVER_BLOCK:
		sigemptyset(&set);
		sigaddset(&set, deliver_sig);
		sigprocmask(SIG_BLOCK, &set, NULL);
		break;
	case DELIVER_IGNORE:
		signal(deliver_sig, SIG_IGN);
		break;
	case DELIVER_DEFAULT:
		signal(deliver_sig, SIG_DFL);
		break;
	}
}

/* Makes a stray system call with @sig chosen and in the state @how. */
static void run_deliver(struct __test_metadata *_metadata, int sig, enum deliver_how how)
{
	const struct iso_case c = {
		.flags = PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(sig),
		.prepare = prepare_deliver, .act = act_getppid,
	};
	int status;

	deliver_sig = sig;
	deliver_how = how;
	iso_start(_metadata, &c);
	if (how == DELIVER_CATCH) {
		ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->acted, 1));
		iso_expect_loss(_metadata, sig, NULL);
		EXPECT_EQ(getpid(), iso.sh->val[1]);
		return;
	}
	/* Forced: the process dies before the call, by this or by SIGKILL. */
	status = iso_wait_exit();
	EXPECT_NE(-1, status);
	EXPECT_EQ(1, iso.sh->ready);
	EXPECT_EQ(0, iso.sh->acted);
	EXPECT_EQ(0, iso.sh->sig_total);
	EXPECT_TRUE(WIFSIGNALED(status) &&
		    (WTERMSIG(status) == sig || WTERMSIG(status) == SIGKILL)) {
		TH_LOG("victim ended with status 0x%x", status);
	}
	iso_expect_logged(_metadata, NULL);
}

TEST_F_TIMEOUT(iso, deliver_sigusr1, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGUSR1, DELIVER_CATCH);
}

TEST_F_TIMEOUT(iso, deliver_sigchld_caught, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGCHLD, DELIVER_CATCH);
}

TEST_F_TIMEOUT(iso, deliver_sigsegv_caught, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGSEGV, DELIVER_CATCH);
}

TEST_F_TIMEOUT(iso, deliver_realtime, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGRTMIN + 3, DELIVER_CATCH);
}

TEST_F_TIMEOUT(iso, deliver_last, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGRTMAX, DELIVER_CATCH);
}

TEST_F_TIMEOUT(iso, deliver_sigkill_by_name, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGKILL, DELIVER_DEFAULT);
}

TEST_F_TIMEOUT(iso, deliver_default_action, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGUSR1, DELIVER_DEFAULT);
}

TEST_F_TIMEOUT(iso, deliver_blocked, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGUSR1, DELIVER_BLOCK);
}

TEST_F_TIMEOUT(iso, deliver_blocked_realtime, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGRTMIN + 3, DELIVER_BLOCK);
}

TEST_F_TIMEOUT(iso, deliver_ignored, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGUSR1, DELIVER_IGNORE);
}

/* Signals whose default is to be ignored are no way to be deaf. */
TEST_F_TIMEOUT(iso, deliver_sigchld_default, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGCHLD, DELIVER_DEFAULT);
}

TEST_F_TIMEOUT(iso, deliver_sigwinch_default, ISO_TIMEOUT)
{
	run_deliver(_metadata, SIGWINCH, DELIVER_DEFAULT);
}

static void prepare_no_queue(struct iso_shared *sh)
{
	struct rlimit rl = { 0, 0 };

	setrlimit(RLIMIT_SIGPENDING, &rl);
}

/* Not taken for a signal that some process sent. */
TEST_F_TIMEOUT(iso, deliver_siginfo, ISO_TIMEOUT)
{
	const siginfo_t *info = &iso.sh->info;

	run_deliver(_metadata, SIGUSR2, DELIVER_CATCH);
	EXPECT_EQ(SIGUSR2, info->si_signo);
	EXPECT_EQ(SI_TASK_ISOLATION, info->si_code);
	/* TASK_ISOLATION_SYSCALL, nobody else's doing */
	EXPECT_EQ(1, info->si_errno);
	EXPECT_EQ(SYS_getppid, info->si_value.sival_int);
	EXPECT_EQ(0, info->si_pid);
	EXPECT_EQ(0, info->si_uid);
}

/* A realtime signal that cannot be queued: told or dead, never deaf. */
TEST_F_TIMEOUT(iso, deliver_queue_full, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = PR_TASK_ISOLATION_ENABLE |
			 PR_TASK_ISOLATION_SET_SIG(SIGRTMIN + 1),
		.prepare = prepare_no_queue, .act = act_getppid,
	};
	int status;

	iso_start(_metadata, &c);
	if (iso_wait_for(iso.victim, &iso.sh->acted, 1)) {
		iso_stop(_metadata);
		EXPECT_EQ(1, iso.sh->sig[SIGRTMIN + 1]);
		EXPECT_EQ(1, iso.sh->sig_total);
	} else {
		status = iso_wait_exit();
		EXPECT_TRUE(WIFSIGNALED(status)) {
			TH_LOG("victim ended with status 0x%x", status);
		}
	}
}

/* Page faults that the kernel resolves. */

static char *fault_page;

static void prepare_anon(struct iso_shared *sh)
{
	fault_page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sh->val[0] = (long)fault_page;
}

static void prepare_file(struct iso_shared *sh)
{
	int fd = iso_tmpfile(1);

	fault_page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);
	sh->val[0] = (long)fault_page;
}

static void prepare_zero_page(struct iso_shared *sh)
{
	prepare_anon(sh);
	/* Maps the zero page; the write then copies it. */
	sh->val[2] = __atomic_load_n(fault_page, __ATOMIC_SEQ_CST);
}

static void act_touch(struct iso_shared *sh)
{
	__atomic_store_n(fault_page + 8, 42, __ATOMIC_SEQ_CST);
	sh->val[1] = __atomic_load_n(fault_page + 8, __ATOMIC_SEQ_CST);
}

static void run_fault(struct __test_metadata *_metadata, const struct iso_case *c)
{
	unsigned long addr, mask = ~(sysconf(_SC_PAGESIZE) - 1UL);
	char cause[ISO_LOG_LEN];

	iso_start_acted(_metadata, c);
	ASSERT_NE((long)MAP_FAILED, iso.sh->val[0]);
	iso_expect_loss(_metadata, SIGUSR1, "page fault at");
	EXPECT_EQ(42, iso.sh->val[1]);
	if (!iso_log_losses(&iso.log, iso.sh->tid, cause, sizeof(cause)))
		return;
	addr = strtoul(cause + strlen("page fault at "), NULL, 16);
	EXPECT_EQ(iso.sh->val[0], addr & mask) {
		TH_LOG("cause is '%s'", cause);
	}
}

TEST_F_TIMEOUT(iso, fault_anonymous, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_anon, .act = act_touch,
	};

	run_fault(_metadata, &c);
}

TEST_F_TIMEOUT(iso, fault_file, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_file, .act = act_touch,
	};

	run_fault(_metadata, &c);
}

TEST_F_TIMEOUT(iso, fault_copy_on_write, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_zero_page, .act = act_touch,
	};

	run_fault(_metadata, &c);
}

TEST_F_TIMEOUT(iso, fault_default_sigkill, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = PR_TASK_ISOLATION_ENABLE,
		.prepare = prepare_anon, .act = act_touch,
	};

	iso_start(_metadata, &c);
	iso_expect_death(_metadata, SIGKILL);
	EXPECT_EQ(1, iso.sh->ready);
	EXPECT_EQ(0, iso.sh->acted);
	iso_expect_logged(_metadata, "page fault at");
}

/* Exceptions that end in a signal. */

static void prepare_none_page(struct iso_shared *sh)
{
	fault_page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void prepare_beyond_end(struct iso_shared *sh)
{
	long size = sysconf(_SC_PAGESIZE);
	int fd = iso_tmpfile(1);
	char *map;

	map = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fault_page = map == MAP_FAILED ? NULL : map + size;
}

ISO_ACT_JUMP(segv, __atomic_store_n(fault_page, 1, __ATOMIC_SEQ_CST))

#ifdef __x86_64__
ISO_ACT_JUMP(illegal, __asm__ __volatile__("ud2"))
ISO_ACT_JUMP(breakpoint, __asm__ __volatile__("int3"))
#elif defined(__i386__)
ISO_ACT_JUMP(illegal, __asm__ __volatile__("ud2"))
ISO_ACT_JUMP(breakpoint, __asm__ __volatile__("int3"))
#elif defined(__aarch64__)
ISO_ACT_JUMP(illegal, __asm__ __volatile__(".inst 0x00000000"))
ISO_ACT_JUMP(breakpoint, __asm__ __volatile__("brk #0"))
#elif defined(__thumb__)
ISO_ACT_JUMP(illegal, __asm__ __volatile__(".inst.n 0xde00"))
ISO_ACT_JUMP(breakpoint, __asm__ __volatile__(".inst.n 0xde01"))
#elif defined(__arm__)
ISO_ACT_JUMP(illegal, __asm__ __volatile__(".inst 0xe7f000f0"))
ISO_ACT_JUMP(breakpoint, __asm__ __volatile__(".inst 0xe7f001f0"))
#elif defined(__riscv)
ISO_ACT_JUMP(illegal, __asm__ __volatile__("unimp"))
ISO_ACT_JUMP(breakpoint, __asm__ __volatile__("ebreak"))
#else
#define NO_TRAPS
#endif

static unsigned int watched;

/* A watchpoint that only counts: the kernel resolves the exception. */
static void prepare_watch(struct iso_shared *sh)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W, .bp_addr = (unsigned long)&watched,
		.bp_len = HW_BREAKPOINT_LEN_4, .exclude_kernel = 1, .exclude_hv = 1,
	};

	if (syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) < 0)
		sh->val[0] = errno;
}

static void act_watch(struct iso_shared *sh)
{
	STORE(watched, 1);
}

TEST_F_TIMEOUT(iso, trap_watchpoint, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_watch, .act = act_watch,
	};

	iso_start_acted(_metadata, &c);
	if (iso.sh->val[0])
		SKIP(return, "no watchpoint: %s", strerror(iso.sh->val[0]));
	iso_expect_loss(_metadata, SIGUSR1, "trap (");
	/* Kernel text is patched a second after a task's last event is gone. */
	iso_sleep_ms(2000);
}

static void run_trap(struct __test_metadata *_metadata,
		     const struct iso_case *c, int sig)
{
	iso_start_acted(_metadata, c);
	iso_expect_one(_metadata, sig);
	/* Isolation was off in the handler and stays off after it. */
	EXPECT_EQ(getpid(), iso.sh->val[1]);
}

TEST_F_TIMEOUT(iso, trap_sigsegv, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_none_page, .act = act_segv,
	};

	run_trap(_metadata, &c, SIGSEGV);
}

TEST_F_TIMEOUT(iso, trap_sigbus, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_beyond_end, .act = act_segv,
	};

	run_trap(_metadata, &c, SIGBUS);
}

#ifndef NO_TRAPS
TEST_F_TIMEOUT(iso, trap_sigill, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_illegal };

	run_trap(_metadata, &c, SIGILL);
}

TEST_F_TIMEOUT(iso, trap_sigtrap, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_breakpoint };

	run_trap(_metadata, &c, SIGTRAP);
}
#else
TEST(trap_sigill)
{
	iso_elsewhere(_metadata, "which instruction is illegal here is not known");
}

TEST(trap_sigtrap)
{
	iso_elsewhere(_metadata, "which instruction is a breakpoint here is not known");
}
#endif

/* The same with nobody to catch it: the status says what happened. */
static void prepare_default_segv(struct iso_shared *sh)
{
	prepare_none_page(sh);
	signal(SIGSEGV, SIG_DFL);
}

TEST_F_TIMEOUT(iso, trap_sigsegv_uncaught, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_default_segv,
		.act = act_segv,
	};

	iso_start(_metadata, &c);
	iso_expect_death(_metadata, SIGSEGV);
	EXPECT_EQ(1, iso.sh->ready);
}

/* Somewhere to leave a core, removed by the test. */
static void core_dir(struct iso_shared *sh)
{
	struct rlimit rl = { RLIM_INFINITY, RLIM_INFINITY };
	char dir[] = "/tmp/task_isolation.XXXXXX";

	setrlimit(RLIMIT_CORE, &rl);
	if (mkdtemp(dir) && !chdir(dir))
		memcpy(sh->val + 4, dir, sizeof(dir));
}

static void prepare_core(struct iso_shared *sh)
{
	core_dir(sh);
	prepare_default_segv(sh);
}

/* The victim died by SIGSEGV and left a core; nobody was told. */
static void expect_core(struct __test_metadata *_metadata)
{
	const char *path = (const char *)(iso.sh->val + 4);
	char pattern[128];
	struct dirent *d;
	int status;
	DIR *dir;

	status = iso_wait_exit();
	EXPECT_TRUE(status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) {
		TH_LOG("victim ended with status 0x%x", status);
	}
	EXPECT_EQ(0, iso.sh->sig_total);
	iso_read_file("/proc/sys/kernel/core_pattern", pattern, sizeof(pattern));
	if (!strncmp(pattern, "core", 4))
		EXPECT_TRUE(WCOREDUMP(status));
	if (!*path)
		return;
	dir = opendir(path);

	while (dir && (d = readdir(dir)))
		unlinkat(dirfd(dir), d->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}

TEST_F_TIMEOUT(iso, trap_coredump, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_core, .act = act_segv,
	};

	iso_start(_metadata, &c);
	expect_core(_metadata);
	EXPECT_EQ(1, iso.sh->ready);
}

/* Signals from outside. */

/* Another signal with a handler: that signal alone, then off for good. */
TEST_F_TIMEOUT(iso, signal_handled, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, kill(iso.victim, SIGUSR2));
	iso_expect_one(_metadata, SIGUSR2);
	EXPECT_EQ(getpid(), iso.sh->val[1]);
}

TEST_F_TIMEOUT(iso, signal_chosen, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, kill(iso.victim, SIGUSR1));
	iso_expect_one(_metadata, SIGUSR1);
}

TEST_F_TIMEOUT(iso, signal_realtime, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, kill(iso.victim, SIGRTMIN + 1));
	iso_expect_one(_metadata, SIGRTMIN + 1);
}

TEST_F_TIMEOUT(iso, signal_fatal, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, kill(iso.victim, SIGTERM));
	iso_expect_death(_metadata, SIGTERM);
}

TEST_F_TIMEOUT(iso, signal_kill, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, kill(iso.victim, SIGKILL));
	iso_expect_death(_metadata, SIGKILL);
}

static void prepare_ignore(struct iso_shared *sh)
{
	signal(SIGUSR2, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

/* Dropped at the sender: no entry, so nothing happens. */
TEST_F_TIMEOUT(iso, signal_ignored, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .prepare = prepare_ignore };

	iso_start_quiet(_metadata, &c);
	ASSERT_EQ(0, kill(iso.victim, SIGUSR2));
	ASSERT_EQ(0, kill(iso.victim, SIGCHLD));
	iso_expect_silent(_metadata);
}

static void prepare_block(struct iso_shared *sh)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Queued without a wake-up: likewise. */
TEST_F_TIMEOUT(iso, signal_blocked, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .prepare = prepare_block };

	iso_start_quiet(_metadata, &c);
	ASSERT_EQ(0, kill(iso.victim, SIGUSR2));
	iso_expect_silent(_metadata);
}

TEST_F_TIMEOUT(iso, signal_cont_alone, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, kill(iso.victim, SIGCONT));
	iso_expect_silent(_metadata);
}

static void prepare_timer(struct iso_shared *sh)
{
	struct itimerval it = { .it_value.tv_usec = 300000 };

	sh->val[0] = setitimer(ITIMER_REAL, &it, NULL);
}

static void act_until_alarm(struct iso_shared *sh)
{
	/* Fired before: the thread is isolated, and is to stay so. */
	if (!LOAD(sh->sig_total))
		iso_act_spin(sh);
}

/*
 * A timer of its own: either it stands in the way until it has fired, or its
 * signal comes alone.
 */
TEST_F_TIMEOUT(iso, signal_own_timer, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_timer, .act = act_until_alarm,
	};

	iso_start(_metadata, &c);
	ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->ready, 1));
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->sig[SIGALRM], 1));
	iso_sleep_ms(20);
	iso_stop(_metadata);
	EXPECT_EQ(1, iso.sh->sig[SIGALRM]);
	EXPECT_EQ(1, iso.sh->sig_total);
}

/* Affinity. */

/*
 * The thread is told while it is still on its CPU, or once it has been moved:
 * the interrupt that tells it may come first. But when the caller of
 * sched_setaffinity() goes on, the thread is gone from that CPU.
 */
TEST_F_TIMEOUT(iso, affinity_moved, ISO_TIMEOUT)
{
	cpu_set_t set;

	iso_start_quiet(_metadata, &iso_spin_case);
	iso_housekeeping(&set);
	ASSERT_EQ(0, sched_setaffinity(iso.victim, sizeof(set), &set));
	iso_expect_loss(_metadata, SIGUSR1, "affinity change");
	EXPECT_TRUE(CPU_ISSET(iso.sh->val[2], &set)) {
		TH_LOG("on CPU %ld afterwards", iso.sh->val[2]);
	}
}

TEST_F_TIMEOUT(iso, affinity_same, ISO_TIMEOUT)
{
	cpu_set_t set;

	iso_start_quiet(_metadata, &iso_spin_case);
	CPU_ZERO(&set);
	CPU_SET(iso.cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(iso.victim, sizeof(set), &set));
	iso_expect_silent(_metadata);
}

/* It stays, but could go elsewhere: no longer a thread that may be isolated. */
TEST_F_TIMEOUT(iso, affinity_wider, ISO_TIMEOUT)
{
	cpu_set_t set;

	iso_start_quiet(_metadata, &iso_spin_case);
	iso_housekeeping(&set);
	CPU_SET(iso.cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(iso.victim, sizeof(set), &set));
	iso_expect_loss(_metadata, SIGUSR1, "affinity change");
}

/* Children. */

static void child_work(struct iso_shared *sh)
{
	int i;

	for (i = 0; i < 10; i++)
		INC(sh->val[5]);
	for (i = 0; i < 10; i++)
		sh->val[6] += syscall(SYS_getppid) > 0;
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
	sh->val[1] = status;
}

/* Refused like any call; then made, and the child is an ordinary one. */
TEST_F_TIMEOUT(iso, child_fork, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_fork };

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "syscall ");
	EXPECT_EQ(33 << 8, iso.sh->val[1]);
	EXPECT_EQ(10, iso.sh->val[6]);
}

static void act_vfork(struct iso_shared *sh)
{
	pid_t pid = vfork();
	int status;

	if (!pid)
		_exit(34);
	waitpid(pid, &status, 0);
	sh->val[1] = status;
}

TEST_F_TIMEOUT(iso, child_vfork, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_vfork };

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "syscall ");
	EXPECT_EQ(34 << 8, iso.sh->val[1]);
}

static void *child_thread(void *arg)
{
	child_work(arg);
	return NULL;
}

static void act_thread(struct iso_shared *sh)
{
	pthread_t thread;

	sh->val[1] = pthread_create(&thread, NULL, child_thread, sh);
	if (!sh->val[1])
		pthread_join(thread, NULL);
}

TEST_F_TIMEOUT(iso, child_thread, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_thread };

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "syscall ");
	EXPECT_EQ(0, iso.sh->val[1]);
	EXPECT_EQ(10, iso.sh->val[6]);
}

static void act_exec(struct iso_shared *sh)
{
	char * const argv[] = { "loss_test", "--exec-child", NULL };
	char * const envp[] = { NULL };

	execve("/proc/self/exe", argv, envp);
}

/* What exec starts is an ordinary program: handlers are gone, so is this. */
TEST_F_TIMEOUT(iso, child_exec, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_exec };

	iso_start(_metadata, &c);
	EXPECT_EQ(55 << 8, iso_wait_exit());
	EXPECT_EQ(1, iso.sh->sig[SIGUSR1]);
	EXPECT_EQ(1, iso.sh->sig_total);
	iso_expect_logged_syscall(_metadata, SYS_execve);
}

/* The handler. */

static void act_reenter(struct iso_shared *sh)
{
	int i;

	iso_jump = 1;
	/* Each round comes here from the handler, and enters again. */
	sigsetjmp(iso_env, 0);
	i = INC(sh->count);
	if (i > 1000) {
		iso_jump = 0;
		return;
	}
	if (iso_enter(sh, ISO_USR1)) {
		iso_jump = 0;
		sh->val[3] = i;
		return;
	}
	iso_spin_rounds(1000);
	syscall(SYS_getppid);
	/* Not reached: told instead. */
	sh->val[4]++;
	iso_jump = 0;
}

/* A thousand losses, a thousand recoveries. */
TEST_F_TIMEOUT(iso, handler_reenter_1000, 2 * ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .act = act_reenter,
	};
	int want;

	iso_start(_metadata, &c);
	for (want = 1; want <= 1001; want += 100) {
		ASSERT_TRUE(iso_wait_for(iso.victim, &iso.sh->count, want)) {
			TH_LOG("stopped after %d rounds, errno %d", iso.sh->count,
			       iso.sh->err);
		}
	}
	iso_sleep_ms(20);
	iso_stop(_metadata);
	EXPECT_EQ(1000, iso.sh->sig[SIGUSR1]);
	EXPECT_EQ(1000, iso.sh->sig_total);
	EXPECT_EQ(0, iso.sh->val[3]);
	EXPECT_EQ(0, iso.sh->val[4]);
	TH_LOG("EAGAIN %d times in 1001 entries", iso.sh->again);
}

static void hook_reenter_and_return(int sig)
{
	/* Once: the return from the handler is a system call as well. */
	if (LOAD(iso_sh->sig_total))
		return;
	iso_sh->val[0] = iso_enter(iso_sh, PR_TASK_ISOLATION_ENABLE |
				   PR_TASK_ISOLATION_SET_SIG(SIGUSR2));
}

static void prepare_reenter_and_return(struct iso_shared *sh)
{
	iso_hook = hook_reenter_and_return;
}

/* Entering in the handler and returning from it: rt_sigreturn is a loss. */
TEST_F_TIMEOUT(iso, handler_enter_and_return, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_reenter_and_return,
		.act = act_getppid,
	};

	iso_start_acted(_metadata, &c);
	iso_sleep_ms(20);
	iso_stop(_metadata);
	EXPECT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(1, iso.sh->sig[SIGUSR1]);
	EXPECT_EQ(1, iso.sh->sig[SIGUSR2]);
	EXPECT_EQ(2, iso.sh->sig_total);
	EXPECT_EQ(getpid(), iso.sh->val[1]);
}

static void act_getppid_100(struct iso_shared *sh)
{
	int i;

	for (i = 0; i < 100; i++)
		sh->val[1] += syscall(SYS_getppid) > 0;
}

/* Off in the handler, and off after it, until the next prctl. */
TEST_F_TIMEOUT(iso, handler_off_for_good, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_getppid_100 };

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	EXPECT_EQ(100, iso.sh->val[1]);
}

/* Siblings. */

/*
 * TLB entries of other CPUs are invalidated by a function call, or without
 * them taking part. On riscv the firmware may do it, unseen by the kernel.
 */
static void expect_tlb_flush(struct __test_metadata *_metadata)
{
#if defined(__aarch64__) || defined(__arm__)
	iso_expect_silent(_metadata);
#else
#ifdef __riscv
	iso_sleep_ms(50);
	if (!LOAD(iso.sh->sig_total)) {
		TH_LOG("by the firmware");
		iso_expect_silent(_metadata);
		return;
	}
#endif
	iso_expect_loss(_metadata, SIGUSR1, "IPI function (");
#endif
}

static void prepare_mapped(struct iso_shared *sh)
{
	prepare_anon(sh);
	__atomic_store_n(fault_page, 1, __ATOMIC_SEQ_CST);
}

static void sibling_munmap(struct iso_shared *sh)
{
	iso_wait_go(sh);
	munmap(fault_page, sysconf(_SC_PAGESIZE));
}

TEST_F_TIMEOUT(iso, sibling_munmap, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_mapped,
		.sibling = sibling_munmap,
	};

	iso_start_quiet(_metadata, &c);
	STORE(iso.sh->go, 1);
	expect_tlb_flush(_metadata);
}

static void sibling_mprotect(struct iso_shared *sh)
{
	iso_wait_go(sh);
	mprotect(fault_page, sysconf(_SC_PAGESIZE), PROT_READ);
}

TEST_F_TIMEOUT(iso, sibling_mprotect, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_mapped,
		.sibling = sibling_mprotect,
	};

	iso_start_quiet(_metadata, &c);
	STORE(iso.sh->go, 1);
	expect_tlb_flush(_metadata);
}

static void prepare_membarrier(struct iso_shared *sh)
{
	sh->val[0] = syscall(SYS_membarrier,
			     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

static void sibling_membarrier(struct iso_shared *sh)
{
	iso_wait_go(sh);
	if (!sh->val[0])
		sh->val[1] = syscall(SYS_membarrier,
				     MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

TEST_F_TIMEOUT(iso, sibling_membarrier, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_membarrier,
		.sibling = sibling_membarrier,
	};

	iso_start_quiet(_metadata, &c);
	if (iso.sh->val[0])
		SKIP(return, "no expedited membarrier");
	STORE(iso.sh->go, 1);
	iso_expect_loss(_metadata, SIGUSR1, "IPI function (");
	EXPECT_EQ(0, iso.sh->val[1]);
}

static void sibling_exit_group(struct iso_shared *sh)
{
	iso_wait_go(sh);
	_exit(9);
}

/* Dies with the others: there is nobody left to tell. */
TEST_F_TIMEOUT(iso, sibling_exit_group, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .sibling = sibling_exit_group,
	};

	iso_start_quiet(_metadata, &c);
	STORE(iso.sh->go, 1);
	EXPECT_EQ(9 << 8, iso_wait_exit());
	EXPECT_EQ(0, iso.sh->sig_total);
}

static void sibling_exec(struct iso_shared *sh)
{
	iso_wait_go(sh);
	act_exec(sh);
}

TEST_F_TIMEOUT(iso, sibling_exec, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .sibling = sibling_exec };

	iso_start_quiet(_metadata, &c);
	STORE(iso.sh->go, 1);
	EXPECT_EQ(55 << 8, iso_wait_exit());
	EXPECT_EQ(0, iso.sh->sig_total);
}

static void sibling_crash(struct iso_shared *sh)
{
	iso_wait_go(sh);
	core_dir(sh);
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

/* A sibling dumps core: the isolated thread stops for it and dies. */
TEST_F_TIMEOUT(iso, sibling_coredump, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .sibling = sibling_crash };

	iso_start_quiet(_metadata, &c);
	STORE(iso.sh->go, 1);
	expect_core(_metadata);
}

static void sibling_idle(struct iso_shared *sh)
{
	int i;

	/* Ordinary life of another thread, which maps and unmaps nothing. */
	while (!LOAD(sh->go)) {
		for (i = 0; i < 100; i++)
			syscall(SYS_getppid);
		iso_sleep_ms(1);
	}
}

TEST_F_TIMEOUT(iso, sibling_harmless, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .sibling = sibling_idle };

	iso_start_quiet(_metadata, &c);
	iso_sleep_ms(200);
	iso_expect_silent(_metadata);
}

/* What others do to the CPU. */

TEST_F_TIMEOUT(iso, cpu_second_task, ISO_TIMEOUT)
{
	struct iso_shared *other = iso_share(sizeof(*other));
	pid_t pid;

	ASSERT_TRUE(other != MAP_FAILED);
	iso_start_quiet(_metadata, &iso_spin_case);
	pid = iso_start_busy(other, iso.cpu, false);
	ASSERT_LT(0, pid);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	iso_end(pid);
}

#ifdef __x86_64__
#define BACKTRACE	"NMI"
#elif defined(__i386__)
#define BACKTRACE	"NMI"
#else
#define BACKTRACE	"vector (CPU backtrace"
#endif

/* SysRq-L has every CPU print a backtrace: by NMI on x86, and where it can be. */
TEST_F_TIMEOUT(iso, cpu_backtrace, ISO_TIMEOUT)
{
	if (access("/proc/sysrq-trigger", W_OK))
		SKIP(return, "no /proc/sysrq-trigger");
	iso_start_quiet(_metadata, &iso_spin_case);
	ASSERT_EQ(0, iso_write_file("/proc/sysrq-trigger", "l"));
	iso_expect_loss(_metadata, SIGUSR1, BACKTRACE);
}

/* What can be made to interrupt: ports by writing, a random generator by reading. */
static const struct {
	const char	*irq;
	const char	*path;
	int		mode;
} devices[] = {
	{ "ttyS0", "/dev/ttyS0", O_WRONLY },
	{ "uart-pl011", "/dev/ttyAMA0", O_WRONLY },
	{ "virtio", "/dev/hwrng", O_RDONLY },
};

/* The name that the driver of virtio's random generator has for it. */
static bool rng_name(char *name, size_t len)
{
	DIR *dir = opendir("/sys/bus/virtio/drivers/virtio_rng");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		found = !strncmp(entry->d_name, "virtio", strlen("virtio"));
		snprintf(name, len, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The number of the interrupt with this name, or -1. */
static int find_irq(const char *name)
{
	char line[1024];
	int irq = -1;
	FILE *f = fopen("/proc/interrupts", "r");

	while (f && irq < 0 && fgets(line, sizeof(line), f)) {
		if (strstr(line, name))
			irq = atoi(line);
	}
	if (f)
		fclose(f);
	return irq;
}

/* Makes a device interrupt, sooner or later. */
static bool use_device(int fd, int mode)
{
	char data[16] = "#\n";
	ssize_t n = mode == O_WRONLY ? write(fd, data, 2) : read(fd, data, sizeof(data));

	iso_sleep_ms(10);
	return n >= 0 || errno == EAGAIN;
}

/* How often the CPU has had this interrupt. All CPUs have to be online. */
static unsigned long irq_count(int irq)
{
	unsigned long count = 0;
	char line[1024], *p;
	FILE *f = fopen("/proc/interrupts", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (strtol(line, &p, 10) != irq || *p != ':')
			continue;
		p++;
		for (int cpu = 0; cpu <= iso.cpu; cpu++)
			count = strtoul(p, &p, 10);
		break;
	}
	if (f)
		fclose(f);
	return count;
}

#define IRQ_TRIES	200

/*
 * Aims the interrupt of a device at the CPU, while nobody is isolated there: the
 * move itself may wait for an interrupt at the old place, and a thread that
 * handles it is moved along. The number of the interrupt once it has come, or -1.
 */
static int aim_device(int fd, int mode, const char *name, char *old, size_t len)
{
	int i, irq = find_irq(name);
	char path[64], cpu[16];
	unsigned long before;

	snprintf(path, sizeof(path), "/proc/irq/%d/smp_affinity_list", irq);
	snprintf(cpu, sizeof(cpu), "%d", iso.cpu);
	if (irq < 0 || iso_read_file(path, old, len) < 0 || iso_write_file(path, cpu))
		return -1;
	before = irq_count(irq);
	for (i = 0; i < IRQ_TRIES && use_device(fd, mode); i++) {
		if (irq_count(irq) > before)
			return irq;
	}
	iso_write_file(path, old);
	return -1;
}

/* A device interrupt aimed at the CPU. */
TEST_F_TIMEOUT(iso, cpu_device_irq, ISO_TIMEOUT)
{
	int fd = -1, irq = -1, mode = 0, tries;
	char name[256], text[64], old[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(devices) && irq < 0; i++) {
		snprintf(name, sizeof(name), "%s", devices[i].irq);
		if (!strcmp(name, "virtio") && !rng_name(name, sizeof(name)))
			continue;
		mode = devices[i].mode;
		fd = open(devices[i].path, mode | O_NOCTTY | O_NONBLOCK);
		if (fd < 0)
			continue;
		irq = aim_device(fd, mode, name, old, sizeof(old));
		if (irq < 0)
			close(fd);
	}
	if (irq < 0)
		SKIP(return, "no device can be made to interrupt CPU %d", iso.cpu);
	iso_start_quiet(_metadata, &iso_spin_case);
	for (tries = 0; tries < IRQ_TRIES && !LOAD(iso.sh->sig_total); tries++) {
		if (!use_device(fd, mode))
			break;
	}
	snprintf(text, sizeof(text), "/proc/irq/%d/smp_affinity_list", irq);
	iso_write_file(text, old);
	close(fd);
	snprintf(text, sizeof(text), "irq %d", irq);
	iso_expect_loss(_metadata, SIGUSR1, text);
}

/* A is isolated; B enters, leaves and loses on another CPU, many times. */
TEST_F_TIMEOUT(iso, two_cpus, 2 * ISO_TIMEOUT)
{
	struct iso_shared *other = iso_share(sizeof(*other));
	int i, status;
	pid_t pid;

	if (iso.cpu2 < 0)
		SKIP(return, "only one isolation CPU");
	ASSERT_TRUE(other != MAP_FAILED);
	iso_start_quiet(_metadata, &iso_spin_case);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		iso_catch_all();
		iso_prepare(other, iso.cpu2);
		for (i = 0; i < 100; i++) {
			if (iso_enter(other, ISO_USR1))
				_exit(1);
			iso_spin_rounds(10000);
			if (i % 2)
				syscall(SYS_getppid);
			iso_prctl(0);
		}
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(50, other->sig_total);
	iso_expect_silent(_metadata);
}

/* CPUs going down. These come last: what they change may linger. */

/*
 * Another CPU goes down and comes up. Whether that enters the isolation CPU
 * is not promised, but if the kernel says so in the log the thread knows.
 */
TEST_F_TIMEOUT(iso, hotplug_other, 2 * ISO_TIMEOUT)
{
	char cause[ISO_LOG_LEN];
	cpu_set_t set;
	int cpu, n;

	iso_housekeeping(&set);
	for (cpu = CPU_SETSIZE - 1; cpu > 0; cpu--) {
		if (CPU_ISSET(cpu, &set))
			break;
	}
	if (!cpu)
		SKIP(return, "no other CPU to take down");
	iso_start_quiet(_metadata, &iso_spin_case);
	if (iso_set_online(cpu, 0)) {
		iso_stop(_metadata);
		SKIP(return, "CPU %d does not go down: %s", cpu, strerror(errno));
	}
	EXPECT_EQ(0, iso_set_online(cpu, 1));
	iso_sleep_ms(50);
	iso_stop(_metadata);
	EXPECT_GE(1, iso.sh->sig_total);
	EXPECT_EQ(iso.sh->sig_total, iso.sh->sig[SIGUSR1]);
	n = iso_log_losses(&iso.log, iso.sh->tid, cause, sizeof(cause));
	if (!iso.log.limited && iso.log.fd >= 0)
		EXPECT_EQ(iso.sh->sig_total, n);
	TH_LOG("%s", n ? cause : "not entered");
}

TEST_F_TIMEOUT(iso, hotplug_own, 2 * ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &iso_spin_case);
	if (iso_set_online(iso.cpu, 0)) {
		iso_stop(_metadata);
		SKIP(return, "CPU %d does not go down: %s", iso.cpu,
		     strerror(errno));
	}
	/* It was told, perhaps while still here, and goes on elsewhere. */
	iso_expect_loss(_metadata, SIGUSR1, "affinity change");
	EXPECT_EQ(0, iso_set_online(iso.cpu, 1));
	EXPECT_NE(iso.cpu, iso.sh->val[2]);

	/* The CPU is as good as before, once all work of that is done. */
	iso_sleep_ms(500);
	iso_start_quiet(_metadata, &iso_spin_case);
	iso_expect_silent(_metadata);
}

/* What exec starts: any trace of isolation would kill it here. */
static int exec_child(void)
{
	int i, n = 0;

	for (i = 0; i < 10; i++)
		n += syscall(SYS_getppid) > 0;
	return n == 10 ? 55 : 56;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--exec-child"))
		return exec_child();
	return test_harness_run(argc, argv);
}
