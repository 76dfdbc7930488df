// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: 32-bit programs on x86_64, by each of their two ways to make
 * a system call. See arch_x86_test.c for 32-bit calls of a 64-bit program.
 *
 * Test Summary (each by int 0x80, and by the vDSO's SYSENTER or SYSCALL)
 *
 *  * ia32.leave_and_enter	Leaves silently, enters, and is notified by the new signal
 *  * ia32.exit, exit_group	The allowed numbers are those of this ABI
 *  * ia32.exit_64, prctl_64	Those of a 64-bit program are ordinary calls
 *  * ia32.six_args		A refused call has all its arguments when made again
 *  * ia32.minus_one		A number that is none
 */
#include <sys/auxv.h>

#include "fixture.h"
#include "stimuli.h"

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

FIXTURE(ia32) {};

FIXTURE_VARIANT(ia32)
{
	bool vdso;
};

FIXTURE_VARIANT_ADD(ia32, int80) { .vdso = false };
FIXTURE_VARIANT_ADD(ia32, vdso) { .vdso = true };

FIXTURE_SETUP(ia32)
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
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(ia32)
{
	iso_finish(_metadata);
}

/**
 * struct results - What the calls of leave_and_enter returned
 * @left:	The one that leaves
 * @between:	One without isolation
 * @entered:	The one that enters again
 * @refused:	The one that is refused, and made again
 * @after:	One after that
 */
static struct results {
	long	left;
	long	between;
	long	entered;
	long	refused;
	long	after;
} *results;

static void act_leave_and_enter(struct iso_shared *sh)
{
	int tries;

	results->left = call3(SYS_prctl, PR_TASK_ISOLATION, 0, 0);
	results->between = call3(SYS_getppid, 0, 0, 0);
	/* As iso_enter() does. */
	for (tries = 0; tries < ISO_TRIES; tries++) {
		results->entered = call3(SYS_prctl, PR_TASK_ISOLATION, PR_TASK_ISOLATION_ENABLE |
					 PR_TASK_ISOLATION_SET_SIG(SIGUSR2), 0);
		if (results->entered != -EAGAIN)
			break;
		sh->again++;
		iso_sleep_ms(10);
	}
	results->refused = call3(SYS_getppid, 0, 0, 0);
	results->after = call3(SYS_getppid, 0, 0, 0);
}

TEST_F_TIMEOUT(ia32, leave_and_enter, ISO_TIMEOUT)
{
	const struct stimulus s = {
		.act = act_leave_and_enter, .entries = 2, .causes = ISO_CAUSE(SYSCALL),
		.number = SYS_getppid, .sig = SIGUSR2,
	};

	results = iso_share(sizeof(*results));
	ASSERT_TRUE((void *)results != MAP_FAILED);
	iso_test(_metadata, &s);
	EXPECT_EQ(0, results->left);
	EXPECT_EQ(getpid(), results->between);
	EXPECT_EQ(0, results->entered);
	EXPECT_EQ(getpid(), results->refused);
	EXPECT_EQ(getpid(), results->after);
}

static void act_exit(struct iso_shared *sh)
{
	call3(SYS_exit, 21, 0, 0);
}

/* The signal would be SIGKILL. */
TEST_F_TIMEOUT(ia32, exit, ISO_TIMEOUT)
{
	const struct stimulus s = {
		.flags = PR_TASK_ISOLATION_ENABLE, .act = act_exit, .number = SYS_exit,
		.status = 21 << 8,
	};

	iso_test(_metadata, &s);
}

static void act_exit_group(struct iso_shared *sh)
{
	call3(SYS_exit_group, 22, 0, 0);
}

TEST_F_TIMEOUT(ia32, exit_group, ISO_TIMEOUT)
{
	const struct stimulus s = {
		.flags = PR_TASK_ISOLATION_ENABLE, .act = act_exit_group,
		.number = SYS_exit_group, .status = 22 << 8,
	};

	iso_test(_metadata, &s);
}

static void act_exit_64(struct iso_shared *sh)
{
	sh->value = call3(NR_64_EXIT_GROUP, -1, 0, 0);
}

TEST_F_TIMEOUT(ia32, exit_64, ISO_TIMEOUT)
{
	const struct stimulus s = {
		.act = act_exit_64, .causes = ISO_CAUSE(SYSCALL), .number = NR_64_EXIT_GROUP,
	};

	iso_test(_metadata, &s);
	EXPECT_GT(0, iso.sh->value);
}

static void act_prctl_64(struct iso_shared *sh)
{
	sh->value = call3(NR_64_PRCTL, 0, 0, 0);
}

TEST_F_TIMEOUT(ia32, prctl_64, ISO_TIMEOUT)
{
	const struct stimulus s = {
		.act = act_prctl_64, .causes = ISO_CAUSE(SYSCALL), .number = NR_64_PRCTL,
	};

	iso_test(_metadata, &s);
	EXPECT_EQ(0, iso.sh->value);
}

#define PAGE_MARK	0x5a

static int two_pages;

/* The second of its pages has the mark, which a call without its offset does not find. */
static void prepare_six_args(struct iso_shared *sh)
{
	char mark = PAGE_MARK;

	two_pages = iso_tmpfile(2);
	if (pwrite(two_pages, &mark, 1, sysconf(_SC_PAGESIZE)) != 1)
		sh->unable = errno;
}

static void act_six_args(struct iso_shared *sh)
{
	sh->value = ia32_call(entry, SYS_mmap2, 0, 4096, PROT_READ, MAP_SHARED, two_pages, 1);
}

static void finish_six_args(struct iso_shared *sh)
{
	if ((unsigned long)sh->value < -4095UL)
		sh->second = __atomic_load_n((char *)sh->value, __ATOMIC_SEQ_CST);
}

TEST_F_TIMEOUT(ia32, six_args, ISO_TIMEOUT)
{
	const struct stimulus s = {
		.prepare = prepare_six_args, .act = act_six_args, .finish = finish_six_args,
		.causes = ISO_CAUSE(SYSCALL), .number = SYS_mmap2,
	};

	iso_test(_metadata, &s);
	EXPECT_EQ(PAGE_MARK, iso.sh->second);
}

static void prepare_minus_one(struct iso_shared *sh)
{
	sh->plain = -call3(ISO_NO_SYSCALL, 0, 0, 0);
}

static void act_minus_one(struct iso_shared *sh)
{
	sh->value = call3(-1, 0, 0, 0);
}

TEST_F_TIMEOUT(ia32, minus_one, ISO_TIMEOUT)
{
	const struct stimulus s = {
		.prepare = prepare_minus_one, .act = act_minus_one,
		.causes = ISO_CAUSE(SYSCALL), .number = -1,
	};

	iso_test(_metadata, &s);
	EXPECT_LT(0, iso.sh->plain);
	EXPECT_EQ(-iso.sh->plain, iso.sh->value);
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
