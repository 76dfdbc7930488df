// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: what a thread learns about its losses and refusals.
 *
 * Test Summary
 *
 *  * call.*		What prctl(PR_TASK_ISOLATION_RECORD) says without an isolation
 *			CPU: sizes, arguments, pointers, and what it never changes
 *  * obstacles.*	What keeps a thread from being isolated for good
 *  * iso.siginfo_*	The signal of a loss says why
 *  * iso.record_*	The record says why, where and when
 *  * iso.blocker_*	Who stood in the way of a refused request. What is only
 *			there for a moment (reschedule, softirq, RCU, VM counters
 *			and batches, a signal in the last check) can't be made to
 *			be there; the clock is in contract_test, the domain in
 *			cpuset_test, irq_work and function calls in KUnit, the
 *			device in the test of taskiso
 *  * iso.keepalive	Timers which another CPU expires are no reason
 *  * iso.time_*	Times are those of the reader's namespace
 *  * secret.*		Names of kernel functions are for whom kptr_restrict lets
 *			see their addresses
 */
#include <arpa/inet.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "fixture.h"

#define VER0	TASK_ISOLATION_RECORD_SIZE_VER0

static int raw_record(void *rec, unsigned long size, unsigned long a4, unsigned long a5)
{
	return syscall(SYS_prctl, PR_TASK_ISOLATION_RECORD, rec, size, a4, a5);
}

/* A record in memory of its own, which ends where its page does. */
static struct call {
	char	*page;
	char	*rec;
	size_t	page_size;
} call;

/* Something that is overwritten. */
static void call_fill(char *rec, size_t size)
{
	memset(rec, 0xa5, size);
}

/* The call fails like this, and leaves the memory alone. */
static void expect_refused(struct __test_metadata *_metadata, int err, void *rec,
			   unsigned long size, unsigned long a4, unsigned long a5)
{
	char *copy = malloc(call.page_size);

	memcpy(copy, call.page, call.page_size);
	EXPECT_EQ(-1, raw_record(rec, size, a4, a5)) {
		TH_LOG("size %lu, %lu, %lu was accepted", size, a4, a5);
	}
	EXPECT_EQ(err, errno) {
		TH_LOG("size %lu, %lu, %lu", size, a4, a5);
	}
	EXPECT_EQ(0, memcmp(copy, call.page, call.page_size));
	free(copy);
}

FIXTURE(call) {};

FIXTURE_SETUP(call)
{
	if (access(ISO_CPUS_FILE, F_OK))
		SKIP(return, "no " ISO_CPUS_FILE ": kernel without CONFIG_TASK_ISOLATION");
	call.page_size = sysconf(_SC_PAGESIZE);
	/* Nothing comes behind it. */
	call.page = mmap(NULL, 2 * call.page_size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(call.page != MAP_FAILED);
	ASSERT_EQ(0, munmap(call.page + call.page_size, call.page_size));
	call.rec = call.page + call.page_size - VER0;
	call_fill(call.page, call.page_size);
}

FIXTURE_TEARDOWN(call) {}

TEST_F(call, size_first)
{
	EXPECT_EQ(0, raw_record(call.rec, VER0, 0, 0));
}

TEST_F(call, size_smaller)
{
	unsigned long size;

	for (size = 0; size < VER0; size++)
		expect_refused(_metadata, EINVAL, call.rec, size, 0, 0);
}

/* A program that was built for a later kernel. */
TEST_F(call, size_larger)
{
	static const unsigned long more[] = { 1, 4, 8, 64 };
	unsigned int i, byte;

	for (i = 0; i < ARRAY_SIZE(more); i++) {
		char *rec = call.rec - more[i];

		call_fill(rec, VER0 + more[i]);
		EXPECT_EQ(0, raw_record(rec, VER0 + more[i], 0, 0));
		EXPECT_EQ(0, ((struct task_isolation_record *)rec)->hidden);
		for (byte = 0; byte < more[i]; byte++)
			EXPECT_EQ(0, rec[VER0 + byte]);
	}
}

/* What a program that was built for a later kernel left there is never looked at. */
TEST_F(call, size_larger_garbage)
{
	char *rec = call.rec - 16;
	unsigned int byte;

	for (byte = 0; byte < 16; byte++) {
		memset(rec + VER0, 0, 16);
		rec[VER0 + byte] = 1;
		EXPECT_EQ(0, raw_record(rec, VER0 + 16, 0, 0));
		EXPECT_EQ(0, rec[VER0 + byte]);
	}
}

TEST_F(call, size_page)
{
	call_fill(call.page, call.page_size);
	EXPECT_EQ(0, raw_record(call.page, call.page_size, 0, 0));
}

TEST_F(call, size_above_page)
{
	call_fill(call.page, call.page_size);
	expect_refused(_metadata, E2BIG, call.page, call.page_size + 1, 0, 0);
	expect_refused(_metadata, E2BIG, call.page, ~0UL, 0, 0);
}

TEST_F(call, einval_flags)
{
	unsigned int bit;

	for (bit = 0; bit < 8 * sizeof(long); bit++)
		expect_refused(_metadata, EINVAL, call.rec, VER0, 1UL << bit, 0);
}

/* Nothing is input. */
TEST_F(call, flags_garbage)
{
	__u32 *flags = (void *)(call.rec + offsetof(struct task_isolation_record, flags));
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		*flags = 1U << bit;
		EXPECT_EQ(0, raw_record(call.rec, VER0, 0, 0));
		EXPECT_EQ(0, *flags);
	}
}

TEST_F(call, einval_args)
{
	expect_refused(_metadata, EINVAL, call.rec, VER0, 0, 1);
}

TEST_F(call, efault)
{
	expect_refused(_metadata, EFAULT, NULL, VER0, 0, 0);
	/* An address of the kernel, or of nobody. */
	expect_refused(_metadata, EFAULT, (void *)-4096L, VER0, 0, 0);
	/* The first byte is there and may have been written, the last one is not. */
	EXPECT_EQ(-1, raw_record(call.rec + 1, VER0, 0, 0));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(call, efault_read_only)
{
	ASSERT_EQ(0, mprotect(call.page, call.page_size, PROT_READ));
	expect_refused(_metadata, EFAULT, call.rec, VER0, 0, 0);
}

/* What was in the other members does not matter, and is gone. */
TEST_F(call, never_isolated)
{
	const struct task_isolation_record *rec = (void *)call.rec;

	ASSERT_EQ(0, raw_record(call.rec, VER0, 0, 0));
	EXPECT_EQ(0, rec->flags);
	EXPECT_EQ(TASK_ISOLATION_UNKNOWN, rec->cause);
	EXPECT_EQ(0, rec->losses);
	EXPECT_EQ(0, rec->number);
	EXPECT_EQ(0, rec->hwirq);
	EXPECT_EQ(0, rec->ip);
	EXPECT_EQ(0, rec->entered_ns);
	EXPECT_EQ(0, rec->lost_ns);
	EXPECT_EQ(0, rec->blockers);
	EXPECT_EQ(-1, rec->culprit_cpu);
	EXPECT_EQ(0, rec->culprit_pid);
	EXPECT_EQ(0, rec->culprit_tid);
	EXPECT_EQ(0, rec->culprit_uid);
	EXPECT_EQ(0, rec->blocker_pid);
	EXPECT_EQ(0, rec->blocker_tid);
	EXPECT_EQ(0, rec->hidden);
	EXPECT_STREQ("", rec->culprit_comm);
	EXPECT_STREQ("", rec->what);
	EXPECT_STREQ("", rec->blocker_comm);
	EXPECT_STREQ("", rec->tick);
	EXPECT_STREQ("", rec->timer);
	EXPECT_STREQ("", rec->work);
}

/* Obstacles. */

FIXTURE(obstacles)
{
	struct task_isolation_record rec;
};

FIXTURE_SETUP(obstacles)
{
	const char *reason = iso_find_cpu(&iso.cpu, &iso.cpu2);

	if (reason)
		SKIP(return, "%s", reason);
}

FIXTURE_TEARDOWN(obstacles) {}

/* Whether the scheduler balances load on this CPU. */
static bool in_domain(int cpu)
{
	cpu_set_t set;

	iso_read_cpus("/sys/devices/system/cpu/isolated", &set);
	return !CPU_ISSET(cpu, &set);
}

TEST_F(obstacles, none)
{
	ASSERT_EQ(0, iso_pin(iso.cpu));
	ASSERT_EQ(0, iso_record(&self->rec));
	EXPECT_EQ(0, self->rec.blockers_now);
}

TEST_F(obstacles, two_cpus)
{
	cpu_set_t set;

	ASSERT_EQ(0, iso_pin(iso.cpu));
	CPU_ZERO(&set);
	CPU_SET(iso.cpu, &set);
	CPU_SET(iso_housekeeping_cpu(false), &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	ASSERT_EQ(0, iso_record(&self->rec));
	EXPECT_NE(0, self->rec.blockers_now & TASK_ISOLATION_BLOCKER_AFFINITY);
}

TEST_F(obstacles, housekeeping_cpu)
{
	int cpu = iso_housekeeping_cpu(false);

	ASSERT_EQ(0, iso_pin(cpu));
	ASSERT_EQ(0, iso_record(&self->rec));
	EXPECT_EQ(0, self->rec.blockers_now & TASK_ISOLATION_BLOCKER_AFFINITY);
	EXPECT_NE(0, self->rec.blockers_now & TASK_ISOLATION_BLOCKER_NOHZ);
	EXPECT_EQ(in_domain(cpu), !!(self->rec.blockers_now & TASK_ISOLATION_BLOCKER_DOMAIN));
	EXPECT_EQ(0, self->rec.blockers_now & ~TASK_ISOLATION_BLOCKERS_FINAL);
}

struct deadline_attr {
	__u32	size;
	__u32	policy;
	__u64	flags;
	__s32	nice;
	__u32	priority;
	__u64	runtime;
	__u64	deadline;
	__u64	period;
};

TEST_F(obstacles, deadline)
{
	struct deadline_attr attr = {
		.size = sizeof(attr), .policy = 6, .runtime = 10000000,
		.deadline = 1000000000, .period = 1000000000,
	};

	/* This policy wants all CPUs of its domain. */
	ASSERT_EQ(0, iso_pin_housekeeping());
	ASSERT_EQ(0, iso_record(&self->rec));
	EXPECT_EQ(0, self->rec.blockers_now & TASK_ISOLATION_BLOCKER_DEADLINE);
	if (syscall(SYS_sched_setattr, 0, &attr, 0))
		SKIP(return, "no SCHED_DEADLINE here: %s", strerror(errno));
	ASSERT_EQ(0, iso_record(&self->rec));
	EXPECT_NE(0, self->rec.blockers_now & TASK_ISOLATION_BLOCKER_DEADLINE);
}

FIXTURE(iso)
{
	uint64_t begin;
};

FIXTURE_SETUP(iso)
{
	iso_setup_cpu(_metadata);
	self->begin = iso_now_ns();
}

FIXTURE_TEARDOWN(iso)
{
	iso_close(_metadata);
}

/*
 * Where addresses of the kernel begin: the upper half, or the last of four GiB,
 * where the first half of one of 64 bits is found, too. On arm, modules are
 * below that.
 */
#ifdef __arm__
#define KERNEL		0xbf000000UL
#else
#define KERNEL		((unsigned long)(sizeof(long) == 8 ? 1ULL << 63 : 0xc0000000))
#endif

/* A 64-bit kernel lets a 32-bit program be there: its stack, at least. */
static bool user_above(void)
{
	int here;

	return (unsigned long)&here >= KERNEL;
}

/* No word of it is an address of the kernel. */
static void expect_no_address(struct __test_metadata *_metadata, const void *data, size_t size)
{
	unsigned long word;
	size_t i;

	for (i = 0; i + sizeof(word) <= size; i += sizeof(word)) {
		memcpy(&word, (const char *)data + i, sizeof(word));
		EXPECT_GT(KERNEL, word) {
			TH_LOG("0x%lx at offset %zu", word, i);
		}
	}
}

static unsigned long told_value(void)
{
	return (unsigned long)iso.sh->info.si_value.sival_ptr;
}

/* What the thread was told, and what it has asked for, fit each other. */
static void expect_told(struct __test_metadata *_metadata, int cause)
{
	struct task_isolation_record rec = iso.sh->rec;
	siginfo_t info = iso.sh->info;

	iso_expect_recorded(_metadata, cause);
	EXPECT_EQ(SIGUSR1, info.si_signo);
	EXPECT_EQ(SI_TASK_ISOLATION, info.si_code);
	EXPECT_EQ(cause, info.si_errno);
	EXPECT_EQ((unsigned long)rec.number, told_value());
	EXPECT_EQ(rec.culprit_pid, info.si_pid);
	EXPECT_EQ(rec.culprit_uid, info.si_uid);

	/* No address, but it would look like one. */
	EXPECT_LE(-1, rec.culprit_cpu);
	rec.culprit_cpu = 0;
	if (sizeof(long) == 4) {
		/* Half a time has any value. */
		rec.entered_ns = 0;
		rec.lost_ns = 0;
		/* Addresses of the program have no other half. */
		EXPECT_EQ(0, rec.ip >> 32);
		EXPECT_EQ(0, rec.number >> 32);
	}
	if (user_above()) {
		rec.ip = 0;
		rec.number = 0;
		info.si_value.sival_ptr = NULL;
	}
	expect_no_address(_metadata, &rec, sizeof(rec));
	expect_no_address(_metadata, &info, sizeof(info));
}

static void expect_nobody(struct __test_metadata *_metadata)
{
	EXPECT_EQ(-1, iso.sh->rec.culprit_cpu);
	EXPECT_EQ(0, iso.sh->rec.culprit_pid);
	EXPECT_EQ(0, iso.sh->rec.culprit_tid);
	EXPECT_EQ(0, iso.sh->rec.culprit_uid);
	EXPECT_STREQ("", iso.sh->rec.culprit_comm);
}

static void act_getppid(struct iso_shared *sh)
{
	sh->val[1] = syscall(SYS_getppid);
}

static const struct iso_case syscall_case = {
	.flags = ISO_USR1, .act = act_getppid, .finish = iso_finish_record,
};

TEST_F_TIMEOUT(iso, siginfo_syscall, ISO_TIMEOUT)
{
	iso_start_acted(_metadata, &syscall_case);
	iso_expect_refused(_metadata, SIGUSR1, SYS_getppid);
	expect_told(_metadata, TASK_ISOLATION_SYSCALL);
	EXPECT_EQ(SYS_getppid, told_value());
	EXPECT_EQ(0, iso.sh->info.si_pid);
	EXPECT_EQ(0, iso.sh->info.si_uid);
}

static char *fault_page;

static void prepare_page(struct iso_shared *sh)
{
	fault_page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sh->val[0] = (long)fault_page;
}

static void act_touch(struct iso_shared *sh)
{
	__atomic_store_n(fault_page + 8, 42, __ATOMIC_SEQ_CST);
}

TEST_F_TIMEOUT(iso, siginfo_fault, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_page, .act = act_touch,
		.finish = iso_finish_record,
	};

	iso_start_acted(_metadata, &c);
	ASSERT_NE((long)MAP_FAILED, iso.sh->val[0]);
	iso_expect_loss(_metadata, SIGUSR1, "page fault at");
	expect_told(_metadata, TASK_ISOLATION_FAULT);
	EXPECT_EQ((unsigned long)iso.sh->val[0] + 8, told_value());
	EXPECT_EQ(0, iso.sh->info.si_pid);
	expect_nobody(_metadata);
}

/* A function of the kernel has no number, and its address is nobody's business. */
TEST_F_TIMEOUT(iso, siginfo_ipi, ISO_TIMEOUT)
{
	if (!iso_lose_to_sender(_metadata, &iso_sender_case))
		return;
	expect_told(_metadata, TASK_ISOLATION_IPI_FUNC);
	EXPECT_EQ(0, told_value());
	EXPECT_EQ(iso.sh->tid, iso.sh->info.si_pid);
	EXPECT_EQ(getuid(), iso.sh->info.si_uid);
}

static const struct iso_case spin_case = {
	.flags = ISO_USR1, .act = iso_act_spin, .finish = iso_finish_record,
};

TEST_F_TIMEOUT(iso, siginfo_stop, ISO_TIMEOUT)
{
	int status;

	iso_start_quiet(_metadata, &spin_case);
	ASSERT_EQ(0, kill(iso.victim, SIGSTOP));
	ASSERT_EQ(iso.victim, waitpid(iso.victim, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(iso.victim, SIGCONT));
	iso_expect_loss(_metadata, SIGUSR1, "stop");
	expect_told(_metadata, TASK_ISOLATION_STOP);
	EXPECT_EQ(0, told_value());
	EXPECT_EQ(getpid(), iso.sh->info.si_pid);
}

TEST_F_TIMEOUT(iso, siginfo_affinity, ISO_TIMEOUT)
{
	cpu_set_t set;

	iso_start_quiet(_metadata, &spin_case);
	iso_housekeeping(&set);
	CPU_SET(iso.cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(iso.victim, sizeof(set), &set));
	iso_expect_loss(_metadata, SIGUSR1, "affinity change");
	expect_told(_metadata, TASK_ISOLATION_AFFINITY);
	EXPECT_EQ(0, told_value());
	EXPECT_EQ(getpid(), iso.sh->info.si_pid);
}

static void prepare_sigsegv(struct iso_shared *sh)
{
	fault_page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sh->val[0] = (long)fault_page;
}

ISO_ACT_JUMP(segv, __atomic_store_n(fault_page, 1, __ATOMIC_SEQ_CST))

/* The signals of others stay as they are. */
TEST_F_TIMEOUT(iso, siginfo_of_another, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_sigsegv, .act = act_segv,
		.finish = iso_finish_record,
	};

	iso_start_acted(_metadata, &c);
	iso_expect_one(_metadata, SIGSEGV);
	EXPECT_EQ(SEGV_ACCERR, iso.sh->info.si_code);
	EXPECT_EQ(iso.sh->val[0], (long)iso.sh->info.si_addr);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SIGNAL);
	EXPECT_EQ(SIGSEGV, iso.sh->rec.number);
	expect_nobody(_metadata);
}

/* The record. */

/* Isolated before it was lost, in this order, both while the test ran. */
static void expect_times(struct __test_metadata *_metadata, uint64_t begin)
{
	const struct task_isolation_record *rec = &iso.sh->rec;

	EXPECT_LE(begin, rec->entered_ns);
	EXPECT_LT(rec->entered_ns, rec->lost_ns);
	EXPECT_LE(rec->lost_ns, iso_now_ns());
}

TEST_F_TIMEOUT(iso, record_syscall, ISO_TIMEOUT)
{
	iso_start_acted(_metadata, &syscall_case);
	iso_expect_refused(_metadata, SIGUSR1, SYS_getppid);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SYSCALL);
	EXPECT_EQ(SYS_getppid, iso.sh->rec.number);
	EXPECT_NE(0, iso.sh->rec.ip);
	EXPECT_STREQ("", iso.sh->rec.what);
	expect_times(_metadata, self->begin);
	expect_nobody(_metadata);
}

/* Nothing but this loop, so that its address says where the thread was. */
static void act_loop(struct iso_shared *sh)
{
	iso_spin_until(&sh->stop);
}

static void act_minus_one(struct iso_shared *sh)
{
	syscall(-1);
}

/* The number of this call has as many bits in each kernel. */
TEST_F_TIMEOUT(iso, record_minus_one, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .act = act_minus_one, .finish = iso_finish_record,
	};

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, -1);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SYSCALL);
	EXPECT_EQ(~0ULL, iso.sh->rec.number);
}

#define LOOP_SIZE	256

TEST_F_TIMEOUT(iso, record_ip, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = iso_prepare_sender, .act = act_loop,
		.finish = iso_finish_record,
	};

	if (!iso_lose_to_sender(_metadata, &c))
		return;
	iso_expect_recorded(_metadata, TASK_ISOLATION_IPI_FUNC);
	EXPECT_GT(LOOP_SIZE, llabs((long long)iso.sh->rec.ip - (long)act_loop)) {
		TH_LOG("at 0x%llx, the loop is at %p", (unsigned long long)iso.sh->rec.ip,
		       act_loop);
	}
	EXPECT_EQ(0, iso.sh->rec.number);
	expect_times(_metadata, self->begin);
}

/* The time between the two is that which the thread was isolated for. */
TEST_F_TIMEOUT(iso, record_times, ISO_TIMEOUT)
{
	uint64_t isolated;

	iso_start_quiet(_metadata, &spin_case);
	isolated = iso_now_ns();
	iso_sleep_ms(100);
	ASSERT_EQ(0, kill(iso.victim, SIGUSR2));
	iso_expect_one(_metadata, SIGUSR2);
	expect_times(_metadata, self->begin);
	EXPECT_LE(iso.sh->rec.entered_ns, isolated);
	EXPECT_LE(isolated + 100000000, iso.sh->rec.lost_ns);
}

#define ROUNDS	5

static void act_count(struct iso_shared *sh)
{
	uint64_t last = 0;
	int i;

	for (i = 1; i <= ROUNDS; i++) {
		/* The first time the thread is isolated already. */
		if (i > 1 && iso_enter(sh, ISO_USR1))
			break;
		iso_spin_rounds(1000);
		syscall(SYS_getppid);
		iso_finish_record(sh);
		sh->val[0] += sh->rec.losses == (unsigned int)i;
		sh->val[1] += sh->rec.entered_ns > last;
		last = sh->rec.lost_ns;
	}
}

TEST_F_TIMEOUT(iso, record_counts, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_count };

	iso_start_acted(_metadata, &c);
	iso_stop(_metadata);
	EXPECT_EQ(ROUNDS, iso.sh->sig[SIGUSR1]);
	EXPECT_EQ(ROUNDS, iso.sh->recorded);
	EXPECT_EQ(ROUNDS, iso.sh->val[0]);
	EXPECT_EQ(ROUNDS, iso.sh->val[1]);
}

/* A signal of another one is a loss by the record, and says so itself. */
TEST_F_TIMEOUT(iso, record_signal, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &spin_case);
	ASSERT_EQ(0, kill(iso.victim, SIGUSR2));
	iso_expect_one(_metadata, SIGUSR2);
	iso_expect_not_logged(_metadata);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SIGNAL);
	EXPECT_EQ(SIGUSR2, iso.sh->rec.number);
	EXPECT_EQ(SI_USER, iso.sh->info.si_code);
	expect_times(_metadata, self->begin);
}

/* To leave is no loss. */
TEST_F_TIMEOUT(iso, record_left, ISO_TIMEOUT)
{
	iso_start_quiet(_metadata, &spin_case);
	iso_expect_silent(_metadata);
	EXPECT_EQ(1, iso.sh->recorded);
	EXPECT_EQ(0, iso.sh->rec.losses);
	EXPECT_EQ(TASK_ISOLATION_UNKNOWN, iso.sh->rec.cause);
	EXPECT_EQ(0, iso.sh->rec.lost_ns);
	EXPECT_EQ(0, iso.sh->rec.blockers);
	EXPECT_EQ(0, iso.sh->rec.blockers_now);
	expect_nobody(_metadata);
}

static void act_record(struct iso_shared *sh)
{
	iso_finish_record(sh);
}

/* To ask while isolated is a loss, and the answer, which comes later, is that. */
TEST_F_TIMEOUT(iso, record_isolated, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_record };

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, SYS_prctl);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SYSCALL);
	EXPECT_EQ(1, iso.sh->recorded);
	EXPECT_EQ(SYS_prctl, iso.sh->rec.number);
}

static void hook_record(int sig)
{
	iso_finish_record(iso_sh);
}

static void prepare_hook(struct iso_shared *sh)
{
	iso_hook = hook_record;
}

/* In the handler it is known already, and to ask is no loss. */
TEST_F_TIMEOUT(iso, record_in_handler, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_hook, .act = act_getppid,
	};

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, SYS_getppid);
	EXPECT_EQ(1, iso.sh->recorded);
	expect_told(_metadata, TASK_ISOLATION_SYSCALL);
	EXPECT_EQ(SYS_getppid, iso.sh->rec.number);
}

/* Records the losses of a child, and its own. */
static void finish_fork(struct iso_shared *sh)
{
	pid_t pid = fork();

	if (!pid) {
		iso_finish_record(sh);
		sh->val[2] = sh->rec.losses;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	iso_finish_record(sh);
}

TEST_F_TIMEOUT(iso, record_fork, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .act = act_getppid, .finish = finish_fork,
	};

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, SYS_getppid);
	EXPECT_EQ(2, iso.sh->recorded);
	EXPECT_EQ(0, iso.sh->val[2]);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SYSCALL);
}

static void *thread_record(void *arg)
{
	struct iso_shared *sh = arg;

	iso_finish_record(sh);
	sh->val[2] = sh->rec.losses;
	return NULL;
}

static void finish_thread(struct iso_shared *sh)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, thread_record, sh))
		pthread_join(thread, NULL);
	iso_finish_record(sh);
}

TEST_F_TIMEOUT(iso, record_thread, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .act = act_getppid, .finish = finish_thread,
	};

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, SYS_getppid);
	EXPECT_EQ(2, iso.sh->recorded);
	EXPECT_EQ(0, iso.sh->val[2]);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SYSCALL);
}

/* Blockers. */

#define TRIES	100

/* How to ask */
#define ASK_NOBODY	1	/* without any rights */
#define ASK_CPU_TIMER	2	/* with a timer of CPU time */
#define ASK_FIFO	4	/* above what iso_start_busy() starts */
#define ASK_WORK	8	/* until a kworker is named, and its work or a secret */
#define ASK_BUSY	16	/* until what iso_start_busy() starts is named */
#define ASK_TIMER	32	/* until the timer of pending_timer() is, or a secret */

#define ASK_ALONE	64	/* until there is no other task */
#define ASK_KEEPALIVE	128	/* with timers of a connection: until there is no timer */

#define TIMER		"perf_swevent_hrtimer"

/* There may be others, for a moment. */
static bool has_other(const struct task_isolation_record *rec, unsigned int how)
{
	if (how & ASK_WORK)
		return !strncmp(rec->blocker_comm, "kworker/", 8) &&
		       (!strcmp(rec->work, ISO_WORK) ||
			(rec->hidden & TASK_ISOLATION_HIDDEN_WORK));
	if (how & ASK_TIMER)
		return !strcmp(rec->timer, TIMER) || (rec->hidden & TASK_ISOLATION_HIDDEN_TIMER);
	if (how & ASK_ALONE)
		return !rec->blocker_tid;
	/* Whoever else has a timer there, it goes away. */
	if ((how & ASK_KEEPALIVE) && (rec->blockers & TASK_ISOLATION_BLOCKER_TIMER))
		return false;
	if (how & ASK_BUSY)
		return !strcmp(rec->blocker_comm, "iso-busy");
	return true;
}

/*
 * Runs in a child, bound to the CPU: asks until a refusal has these reasons, and
 * records it. There may be others at first.
 */
static void ask_until(struct iso_shared *sh, unsigned int how, uint64_t blockers)
{
	int i;

	for (i = 0; i < TRIES; i++) {
		sh->ret = iso_prctl(ISO_USR1);
		sh->err = sh->ret ? errno : 0;
		if (!sh->ret) {
			iso_prctl(0);
			_exit(1);
		}
		iso_finish_record(sh);
		if ((sh->rec.blockers & blockers) == blockers && has_other(&sh->rec, how))
			_exit(0);
	}
	_exit(2);
}

static void expect_blocked(struct __test_metadata *_metadata, int err, uint64_t blockers)
{
	int status = iso_wait_exit();

	EXPECT_EQ(0, status) {
		TH_LOG("status 0x%x, errno %d, blockers 0x%llx, task %s, tick %s, work %s", status,
		       iso.sh->err, (unsigned long long)iso.sh->rec.blockers,
		       iso.sh->rec.blocker_comm, iso.sh->rec.tick, iso.sh->rec.work);
	}
	EXPECT_EQ(err, iso.sh->err);
	EXPECT_EQ(blockers, iso.sh->rec.blockers & blockers);
	/* Those of one group only, as the error says. */
	EXPECT_EQ(0, iso.sh->rec.blockers & (err == EINVAL ? ~TASK_ISOLATION_BLOCKERS_FINAL :
					     TASK_ISOLATION_BLOCKERS_FINAL));
	EXPECT_EQ(0, iso.sh->rec.losses);
}

/* Both ends of a connection of this process to itself. */
static int connection[2] = { -1, -1 };

static bool connect_oneself(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool done;

	connection[0] = socket(AF_INET, SOCK_STREAM, 0);
	done = !bind(fd, (void *)&addr, len) && !listen(fd, 1) &&
	       !getsockname(fd, (void *)&addr, &len) &&
	       !connect(connection[0], (void *)&addr, len);
	if (done)
		connection[1] = accept(fd, NULL, NULL);
	close(fd);
	return done && connection[1] >= 0;
}

/* Two timers of two hours each, which are queued on the CPU where this is done. */
static bool keep_alive(void)
{
	const int on = 1;

	return !setsockopt(connection[0], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) &&
	       !setsockopt(connection[1], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* Asks in a child on @cpu. */
static void ask(struct __test_metadata *_metadata, int cpu, unsigned int how, uint64_t blockers)
{
	struct itimerval it = { .it_value.tv_sec = 1000000 };
	struct sched_param param = { .sched_priority = 2 };

	iso.victim = fork();
	ASSERT_LE(0, iso.victim);
	if (iso.victim)
		return;
	if ((how & ASK_FIFO) && sched_setscheduler(0, SCHED_FIFO, &param))
		_exit(5);
	iso_prepare(iso.sh, cpu);
	if ((how & ASK_NOBODY) && iso_drop_uid())
		_exit(3);
	if ((how & ASK_CPU_TIMER) && setitimer(ITIMER_PROF, &it, NULL))
		_exit(4);
	if ((how & ASK_KEEPALIVE) && !keep_alive())
		_exit(6);
	ask_until(iso.sh, how, blockers);
}

TEST_F_TIMEOUT(iso, blocker_task, ISO_TIMEOUT)
{
	pid_t pid;

	pid = iso_run_busy(_metadata, false);
	ask(_metadata, iso.cpu, ASK_BUSY, TASK_ISOLATION_BLOCKER_TASK);
	expect_blocked(_metadata, EAGAIN, TASK_ISOLATION_BLOCKER_TASK);
	EXPECT_EQ(pid, iso.sh->rec.blocker_pid);
	EXPECT_EQ(pid, iso.sh->rec.blocker_tid);
	EXPECT_STREQ("iso-busy", iso.sh->rec.blocker_comm);
	iso_end(pid);
}

TEST_F_TIMEOUT(iso, blocker_tick, ISO_TIMEOUT)
{
	ask(_metadata, iso.cpu, ASK_CPU_TIMER | ASK_ALONE, TASK_ISOLATION_BLOCKER_TICK);
	expect_blocked(_metadata, EAGAIN, TASK_ISOLATION_BLOCKER_TICK);
	EXPECT_STRNE("", iso.sh->rec.tick);
	EXPECT_STREQ("", iso.sh->rec.blocker_comm);
	EXPECT_EQ(0, iso.sh->rec.blocker_tid);
	TH_LOG("needed by %s", iso.sh->rec.tick);
}

/* All of them, not only the first. */
TEST_F_TIMEOUT(iso, blocker_several, ISO_TIMEOUT)
{
	const uint64_t both = TASK_ISOLATION_BLOCKER_TASK | TASK_ISOLATION_BLOCKER_TICK;
	pid_t pid;

	pid = iso_run_busy(_metadata, false);
	ask(_metadata, iso.cpu, ASK_BUSY | ASK_CPU_TIMER, both);
	expect_blocked(_metadata, EAGAIN, both);
	EXPECT_STREQ("iso-busy", iso.sh->rec.blocker_comm);
	EXPECT_EQ(pid, iso.sh->rec.blocker_tid);
	EXPECT_STREQ("posix_timer", iso.sh->rec.tick);
	iso_end(pid);
}

/*
 * Work that a kworker can't get to, as a thread of higher priority keeps the CPU
 * for a second, until the deadline server lets others run.
 */
static void ask_with_work(struct __test_metadata *_metadata, unsigned int how)
{
	pid_t pid, work;

	pid = iso_run_busy(_metadata, true);
	work = iso_start_work();
	ASSERT_LT(0, work);
	ask(_metadata, iso.cpu, ASK_FIFO | ASK_WORK | how, TASK_ISOLATION_BLOCKER_TASK);
	expect_blocked(_metadata, EAGAIN, TASK_ISOLATION_BLOCKER_TASK);
	iso_end(pid);
	iso_end(work);
}

TEST_F_TIMEOUT(iso, blocker_work, ISO_TIMEOUT)
{
	ask_with_work(_metadata, 0);
	EXPECT_STREQ(ISO_WORK, iso.sh->rec.work);
	EXPECT_EQ(0, iso.sh->rec.hidden & TASK_ISOLATION_HIDDEN_WORK);
}

/* A timer that stays on the CPU: that of an event of perf. -1 without it. */
static int pending_timer(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000ULL * 1000000000,
	};

	return syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);
}

TEST_F_TIMEOUT(iso, blocker_timer, ISO_TIMEOUT)
{
	int fd = pending_timer(iso.cpu);

	if (fd < 0)
		SKIP(return, "no perf event on CPU %d: %s", iso.cpu, strerror(errno));
	ask(_metadata, iso.cpu, ASK_TIMER, TASK_ISOLATION_BLOCKER_TIMER);
	expect_blocked(_metadata, EAGAIN, TASK_ISOLATION_BLOCKER_TIMER);
	close(fd);
}

/*
 * Nobody has to interrupt the CPU for these timers: another one expires them. The
 * thread is refused for something else, and they are not to be blamed.
 */
TEST_F_TIMEOUT(iso, blocker_not_timer, ISO_TIMEOUT)
{
	pid_t pid;

	if (!connect_oneself())
		SKIP(return, "no connection on the loopback device: %s", strerror(errno));
	pid = iso_run_busy(_metadata, false);
	ask(_metadata, iso.cpu, ASK_BUSY | ASK_KEEPALIVE, TASK_ISOLATION_BLOCKER_TASK);
	expect_blocked(_metadata, EAGAIN, TASK_ISOLATION_BLOCKER_TASK);
	EXPECT_EQ(0, iso.sh->rec.blockers & TASK_ISOLATION_BLOCKER_TIMER);
	EXPECT_STREQ("", iso.sh->rec.timer);
	iso_end(pid);
}

static void prepare_keepalive(struct iso_shared *sh)
{
	sh->val[0] = keep_alive();
}

/* Nor do they keep it from being isolated, or end that. */
TEST_F_TIMEOUT(iso, keepalive, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_keepalive, .act = iso_act_spin,
	};

	if (!connect_oneself())
		SKIP(return, "no connection on the loopback device: %s", strerror(errno));
	iso_start_quiet(_metadata, &c);
	EXPECT_EQ(1, iso.sh->val[0]);
	iso_expect_silent(_metadata);
}

TEST_F_TIMEOUT(iso, blocker_affinity, ISO_TIMEOUT)
{
	iso.victim = fork();
	ASSERT_LE(0, iso.victim);
	if (!iso.victim) {
		cpu_set_t set;

		iso_prepare(iso.sh, iso.cpu);
		iso_housekeeping(&set);
		CPU_SET(iso.cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
		ask_until(iso.sh, 0, TASK_ISOLATION_BLOCKER_AFFINITY);
	}
	expect_blocked(_metadata, EINVAL, TASK_ISOLATION_BLOCKER_AFFINITY);
	EXPECT_NE(0, iso.sh->rec.blockers_now & TASK_ISOLATION_BLOCKER_AFFINITY);
}

TEST_F_TIMEOUT(iso, blocker_housekeeping_cpu, ISO_TIMEOUT)
{
	int cpu = iso_housekeeping_cpu(false);

	ask(_metadata, cpu, 0, TASK_ISOLATION_BLOCKER_NOHZ);
	expect_blocked(_metadata, EINVAL, TASK_ISOLATION_BLOCKER_NOHZ);
	EXPECT_EQ(in_domain(cpu), !!(iso.sh->rec.blockers & TASK_ISOLATION_BLOCKER_DOMAIN));
	EXPECT_EQ(0, iso.sh->rec.blockers & TASK_ISOLATION_BLOCKER_AFFINITY);
}

static void prepare_blocked(struct iso_shared *sh)
{
	cpu_set_t set;

	iso_housekeeping(&set);
	sched_setaffinity(0, sizeof(set), &set);
	iso_prctl(ISO_USR1);
	iso_finish_record(sh);
	sh->val[0] = !!sh->rec.blockers;
	iso_pin(iso_cpu);
}

/* It was refused once, but no longer is: nothing is left of that. */
TEST_F_TIMEOUT(iso, blocker_gone, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_blocked, .finish = iso_finish_record,
	};

	iso_start_quiet(_metadata, &c);
	iso_expect_silent(_metadata);
	EXPECT_EQ(2, iso.sh->recorded);
	EXPECT_EQ(1, iso.sh->val[0]);
	EXPECT_EQ(0, iso.sh->rec.blockers);
	EXPECT_EQ(0, iso.sh->rec.blockers_now);
	EXPECT_EQ(0, iso.sh->rec.losses);
}

/* Time namespaces. The victim is in one, the test is outside. */

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x00000080
#endif

#define OFFSET_S	1000000

static uint64_t prepared;

/* In a new namespace nothing has happened yet, and that is at no time. */
static void prepare_time(struct iso_shared *sh)
{
	prepared = iso_now_ns();
	iso_finish_record(sh);
	sh->val[0] = sh->rec.entered_ns || sh->rec.lost_ns;
}

static void finish_time(struct iso_shared *sh)
{
	iso_finish_record(sh);
	sh->val[1] = prepared <= sh->rec.entered_ns && sh->rec.lost_ns <= iso_now_ns();
}

TEST_F_TIMEOUT(iso, time_namespace, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_time, .act = iso_act_spin,
		.finish = finish_time,
	};
	const uint64_t offset = OFFSET_S * 1000000000ULL;
	char text[40];

	if (unshare(CLONE_NEWTIME))
		SKIP(return, "can't make a time namespace: %s", strerror(errno));
	/* For the children: the clocks of this process stay as they are. */
	snprintf(text, sizeof(text), "monotonic %d 0", OFFSET_S);
	ASSERT_EQ(0, iso_write_file("/proc/self/timens_offsets", text));
	iso_start_quiet(_metadata, &c);
	ASSERT_EQ(0, kill(iso.victim, SIGUSR2));
	iso_expect_one(_metadata, SIGUSR2);
	EXPECT_EQ(2, iso.sh->recorded);
	EXPECT_LE(self->begin + offset, iso.sh->rec.entered_ns);
	EXPECT_LT(iso.sh->rec.entered_ns, iso.sh->rec.lost_ns);
	EXPECT_LE(iso.sh->rec.lost_ns, iso_now_ns() + offset);
	/* Its own clock says so, too. */
	EXPECT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(1, iso.sh->val[1]);
}

/* Names of functions. */

#define KPTR	"/proc/sys/kernel/kptr_restrict"

FIXTURE(secret)
{
	char old[16];
	int timer;
};

FIXTURE_SETUP(secret)
{
	self->timer = -1;
	self->old[0] = '\0';
	iso_setup_cpu(_metadata);
	if (geteuid() || access(KPTR, W_OK))
		SKIP(return, "not allowed to set " KPTR);
	iso_read_file(KPTR, self->old, sizeof(self->old));
}

FIXTURE_TEARDOWN(secret)
{
	if (self->old[0])
		iso_write_file(KPTR, self->old);
	if (self->timer >= 0)
		close(self->timer);
	iso_close(_metadata);
}

static void prepare_nobody(struct iso_shared *sh)
{
	iso_prepare_sender(sh);
	sh->val[0] = iso_drop_uid();
}

/* Loses to a function call, as root or not. */
static bool run_secret(struct __test_metadata *_metadata, const char *restrict_to, bool nobody)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = nobody ? prepare_nobody : iso_prepare_sender,
		.act = iso_act_spin, .finish = iso_finish_record,
	};

	EXPECT_EQ(0, iso_write_file(KPTR, restrict_to));
	if (!iso_lose_to_sender(_metadata, &c))
		return false;
	EXPECT_EQ(0, iso.sh->val[0]);
	expect_told(_metadata, TASK_ISOLATION_IPI_FUNC);
	return true;
}

static void expect_function(struct __test_metadata *_metadata, const char *name, unsigned int bit,
			    bool visible)
{
	if (visible) {
		EXPECT_STRNE("", name);
		EXPECT_EQ(0, iso.sh->rec.hidden & bit);
	} else {
		EXPECT_STREQ("", name);
		EXPECT_EQ(bit, iso.sh->rec.hidden & bit);
	}
	/* A name, never an address. */
	EXPECT_NULL(strstr(name, "0x"));
}

TEST_F_TIMEOUT(secret, function_0_nobody, ISO_TIMEOUT)
{
	if (run_secret(_metadata, "0", true))
		expect_function(_metadata, iso.sh->rec.what, TASK_ISOLATION_HIDDEN_WHAT,
				true);
}

TEST_F_TIMEOUT(secret, function_1_nobody, ISO_TIMEOUT)
{
	if (run_secret(_metadata, "1", true))
		expect_function(_metadata, iso.sh->rec.what, TASK_ISOLATION_HIDDEN_WHAT,
				false);
}

TEST_F_TIMEOUT(secret, function_1_root, ISO_TIMEOUT)
{
	if (run_secret(_metadata, "1", false))
		expect_function(_metadata, iso.sh->rec.what, TASK_ISOLATION_HIDDEN_WHAT,
				true);
}

TEST_F_TIMEOUT(secret, function_2_root, ISO_TIMEOUT)
{
	if (run_secret(_metadata, "2", false))
		expect_function(_metadata, iso.sh->rec.what, TASK_ISOLATION_HIDDEN_WHAT,
				false);
}

/* The function of a timer that stands in the way. */
static bool run_secret_timer(struct __test_metadata *_metadata, const char *restrict_to,
			     bool nobody, int *fd)
{
	EXPECT_EQ(0, iso_write_file(KPTR, restrict_to));
	*fd = pending_timer(iso.cpu);
	if (*fd < 0)
		SKIP(return false, "no perf event on CPU %d: %s", iso.cpu, strerror(errno));
	ask(_metadata, iso.cpu, ASK_TIMER | (nobody ? ASK_NOBODY : 0),
	    TASK_ISOLATION_BLOCKER_TIMER);
	expect_blocked(_metadata, EAGAIN, TASK_ISOLATION_BLOCKER_TIMER);
	expect_no_address(_metadata, iso.sh->rec.timer, sizeof(iso.sh->rec.timer));
	return true;
}

TEST_F_TIMEOUT(secret, timer_0_nobody, ISO_TIMEOUT)
{
	if (run_secret_timer(_metadata, "0", true, &self->timer))
		expect_function(_metadata, iso.sh->rec.timer, TASK_ISOLATION_HIDDEN_TIMER,
				true);
}

TEST_F_TIMEOUT(secret, timer_1_nobody, ISO_TIMEOUT)
{
	if (run_secret_timer(_metadata, "1", true, &self->timer))
		expect_function(_metadata, iso.sh->rec.timer, TASK_ISOLATION_HIDDEN_TIMER,
				false);
}

TEST_F_TIMEOUT(secret, timer_2_root, ISO_TIMEOUT)
{
	if (run_secret_timer(_metadata, "2", false, &self->timer))
		expect_function(_metadata, iso.sh->rec.timer, TASK_ISOLATION_HIDDEN_TIMER,
				false);
}

/* The function of work that stands in the way. */
static void run_secret_work(struct __test_metadata *_metadata, const char *restrict_to, bool nobody)
{
	EXPECT_EQ(0, iso_write_file(KPTR, restrict_to));
	ask_with_work(_metadata, nobody ? ASK_NOBODY : 0);
	expect_no_address(_metadata, iso.sh->rec.work, sizeof(iso.sh->rec.work));
}

TEST_F_TIMEOUT(secret, work_0_nobody, ISO_TIMEOUT)
{
	run_secret_work(_metadata, "0", true);
	expect_function(_metadata, iso.sh->rec.work, TASK_ISOLATION_HIDDEN_WORK, true);
}

TEST_F_TIMEOUT(secret, work_1_nobody, ISO_TIMEOUT)
{
	run_secret_work(_metadata, "1", true);
	expect_function(_metadata, iso.sh->rec.work, TASK_ISOLATION_HIDDEN_WORK, false);
}

TEST_F_TIMEOUT(secret, work_2_root, ISO_TIMEOUT)
{
	run_secret_work(_metadata, "2", false);
	expect_function(_metadata, iso.sh->rec.work, TASK_ISOLATION_HIDDEN_WORK, false);
}

TEST_HARNESS_MAIN
