// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: 32-bit programs on x86_64, by each of their two ways to make
 * a system call. See x86_test.c for 32-bit calls of a 64-bit program.
 *
 * Test Summary (each by int 0x80, and by the vDSO's SYSENTER or SYSCALL)
 *
 *  * iso.leave_and_enter	Leaves silently, enters, and is told by the new signal
 *  * iso.exit, exit_group	The allowed numbers are those of this ABI
 *  * iso.exit_64, prctl_64	Those of a 64-bit program are ordinary calls
 *  * iso.six_args		A refused call has all its arguments when made again
 *  * iso.minus_one		A number that is none
 */
#include <sys/auxv.h>

#include "fixture.h"

/* What these numbers are for a 64-bit program */
#define NR_64_EXIT_GROUP	231
#define NR_64_PRCTL		157

static __attribute__((naked)) void ia32_int80(void)
{
	__asm__("int $0x80; ret");
}

/*
 * Makes system call @nr by calling @how, which is the entry of the vDSO, or
 * ia32_int80. Returns what the kernel does.
 */
static __attribute__((naked)) long ia32_call(unsigned long how, long nr, long a1, long a2,
					     long a3, long a4, long a5, long a6)
{
	__asm__("pushl %ebp\n\t"
		"pushl %ebx\n\t"
		"pushl %esi\n\t"
		"pushl %edi\n\t"
		"movl 24(%esp), %eax\n\t"
		"movl 28(%esp), %ebx\n\t"
		"movl 32(%esp), %ecx\n\t"
		"movl 36(%esp), %edx\n\t"
		"movl 40(%esp), %esi\n\t"
		"movl 44(%esp), %edi\n\t"
		"movl 48(%esp), %ebp\n\t"
		"call *20(%esp)\n\t"
		"popl %edi\n\t"
		"popl %esi\n\t"
		"popl %ebx\n\t"
		"popl %ebp\n\t"
		"ret");
}

static unsigned long entry;

static long call3(long nr, long a1, long a2, long a3)
{
	return ia32_call(entry, nr, a1, a2, a3, 0, 0, 0);
}

/* The vDSO's entry has one of the two instructions, chosen by the kernel. */
static const char *fast_call(const unsigned char *code)
{
	int i;

	for (i = 0; i < 16; i++) {
		if (code[i] == 0x0f && code[i + 1] == 0x34)
			return "SYSENTER";
		if (code[i] == 0x0f && code[i + 1] == 0x05)
			return "SYSCALL";
	}
	return NULL;
}

FIXTURE(iso) {};

FIXTURE_VARIANT(iso)
{
	bool vdso;
};

FIXTURE_VARIANT_ADD(iso, int80)
{
	.vdso = false,
};

FIXTURE_VARIANT_ADD(iso, vdso)
{
	.vdso = true,
};

FIXTURE_SETUP(iso)
{
	const char *insn;

	entry = (unsigned long)ia32_int80;
	if (variant->vdso) {
		entry = getauxval(AT_SYSINFO);
		if (!entry)
			SKIP(return, "no 32-bit vDSO");
		insn = fast_call((const unsigned char *)entry);
		if (!insn)
			SKIP(return, "the vDSO uses int 0x80");
		TH_LOG("by %s", insn);
	}
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(iso)
{
	iso_close(_metadata);
}

static void act_leave_and_enter(struct iso_shared *sh)
{
	int tries;

	sh->val[0] = call3(SYS_prctl, PR_TASK_ISOLATION, 0, 0);
	sh->val[1] = call3(SYS_getppid, 0, 0, 0);
	/* As iso_enter() does. */
	for (tries = 0; tries < ISO_TRIES; tries++) {
		sh->val[2] = call3(SYS_prctl, PR_TASK_ISOLATION, PR_TASK_ISOLATION_ENABLE |
				   PR_TASK_ISOLATION_SET_SIG(SIGUSR2), 0);
		if (sh->val[2] != -EAGAIN)
			break;
		iso_sleep_ms(10);
	}
	sh->val[3] = call3(SYS_getppid, 0, 0, 0);
	sh->val[4] = call3(SYS_getppid, 0, 0, 0);
}

TEST_F_TIMEOUT(iso, leave_and_enter, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_leave_and_enter };

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR2, SYS_getppid);
	EXPECT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(getpid(), iso.sh->val[1]);
	EXPECT_EQ(0, iso.sh->val[2]);
	EXPECT_EQ(getpid(), iso.sh->val[3]);
	EXPECT_EQ(getpid(), iso.sh->val[4]);
}

static void act_exit(struct iso_shared *sh)
{
	call3(SYS_exit, 21, 0, 0);
}

static void act_exit_group(struct iso_shared *sh)
{
	call3(SYS_exit_group, 22, 0, 0);
}

static void run_exit(struct __test_metadata *_metadata, const struct iso_case *c, int code)
{
	iso_start(_metadata, c);
	EXPECT_EQ(code << 8, iso_wait_exit());
	EXPECT_EQ(1, iso.sh->ready);
	iso_expect_not_logged(_metadata);
}

/* The signal would be SIGKILL. */
TEST_F_TIMEOUT(iso, exit, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = PR_TASK_ISOLATION_ENABLE, .act = act_exit };

	run_exit(_metadata, &c, 21);
}

TEST_F_TIMEOUT(iso, exit_group, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = PR_TASK_ISOLATION_ENABLE, .act = act_exit_group };

	run_exit(_metadata, &c, 22);
}

static void act_exit_64(struct iso_shared *sh)
{
	sh->val[1] = call3(NR_64_EXIT_GROUP, -1, 0, 0);
}

TEST_F_TIMEOUT(iso, exit_64, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_exit_64 };

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, NR_64_EXIT_GROUP);
	EXPECT_GT(0, iso.sh->val[1]);
}

static void act_prctl_64(struct iso_shared *sh)
{
	sh->val[1] = call3(NR_64_PRCTL, 0, 0, 0);
}

TEST_F_TIMEOUT(iso, prctl_64, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_prctl_64 };

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, NR_64_PRCTL);
	EXPECT_EQ(0, iso.sh->val[1]);
}

#define PAGE_MARK	0x5a

static int two_pages;

/* The second of its pages has the mark; an offset that got lost has not. */
static void prepare_six_args(struct iso_shared *sh)
{
	char mark = PAGE_MARK;

	two_pages = iso_tmpfile(2);
	if (pwrite(two_pages, &mark, 1, sysconf(_SC_PAGESIZE)) != 1)
		sh->val[0] = errno;
}

static void act_six_args(struct iso_shared *sh)
{
	sh->val[1] = ia32_call(entry, SYS_mmap2, 0, 4096, PROT_READ, MAP_SHARED, two_pages, 1);
}

static void finish_six_args(struct iso_shared *sh)
{
	if ((unsigned long)sh->val[1] < -4095UL)
		sh->val[2] = __atomic_load_n((char *)sh->val[1], __ATOMIC_SEQ_CST);
}

TEST_F_TIMEOUT(iso, six_args, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_six_args, .act = act_six_args,
		.finish = finish_six_args,
	};

	iso_start_acted(_metadata, &c);
	ASSERT_EQ(0, iso.sh->val[0]);
	iso_expect_refused(_metadata, SIGUSR1, SYS_mmap2);
	EXPECT_EQ(PAGE_MARK, iso.sh->val[2]);
}

/* No system call has this number. */
#define NO_NUMBER	0x3fff

static void prepare_minus_one(struct iso_shared *sh)
{
	sh->val[0] = call3(NO_NUMBER, 0, 0, 0);
}

static void act_minus_one(struct iso_shared *sh)
{
	sh->val[1] = call3(-1, 0, 0, 0);
}

TEST_F_TIMEOUT(iso, minus_one, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_minus_one, .act = act_minus_one,
	};

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "syscall -1");
	EXPECT_GT(0, iso.sh->val[0]);
	EXPECT_EQ(iso.sh->val[0], iso.sh->val[1]);
}

TEST_HARNESS_MAIN
