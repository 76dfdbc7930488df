// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: ways into the kernel that only x86-64 has.
 *
 * Test Summary
 *
 *  * int80.*		The gate reads a 32-bit call's number as what it is
 *  * iso.compat_*	The fast system call of 32-bit programs
 *  * iso.x32_*		Numbers with the x32 bit
 *  * iso.vsyscall	The emulated page: told, and executed
 *  * iso.umip		An instruction that the kernel emulates
 *  * iso.trap_*	Exceptions that end in a signal: that one, no other
 */
#include <sys/stat.h>

#include "fixture.h"

#ifdef __x86_64__
#include <cpuid.h>

#define IA32_EXIT		1
#define IA32_GETPID		20
#define IA32_UMASK		60
#define IA32_GETPPID		64
#define IA32_PRCTL		172
#define IA32_EXIT_GROUP		252
#define X32_BIT			0x40000000L

FIXTURE(iso) {};

FIXTURE_SETUP(iso)
{
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(iso)
{
	iso_close(_metadata);
}

static long int80(long nr, long a1, long a2, long a3, long a4, long a5)
{
	register long r8 __asm__("r8") = 0;
	long ret;

	__asm__ __volatile__("int $0x80"
			     : "=a" (ret), "+r" (r8)
			     : "a" (nr), "b" (a1), "c" (a2), "d" (a3), "S" (a4),
			       "D" (a5)
			     : "memory", "r9", "r10", "r11");
	return (int)ret;
}

/* Finds out in a child: without IA32 emulation int80 is a fault. */
static bool have_int80(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(int80(IA32_GETPID, 0, 0, 0, 0, 0) == getpid() ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

FIXTURE(int80) {};

FIXTURE_SETUP(int80)
{
	if (!have_int80())
		SKIP(return, "no int 0x80");
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(int80)
{
	iso_close(_metadata);
}

static void act_int80_umask(struct iso_shared *sh)
{
	/* 60 is exit for a 64-bit call. */
	sh->val[1] = int80(IA32_UMASK, 0123, 0, 0, 0, 0);
	sh->val[2] = int80(IA32_UMASK, 0, 0, 0, 0, 0);
}

static void hook_umask(int sig)
{
	/* Neither the old nor the new mask may have changed yet. */
	iso_sh->val[0] = umask(0022);
}

static void prepare_umask(struct iso_shared *sh)
{
	umask(0077);
	iso_hook = hook_umask;
}

TEST_F_TIMEOUT(int80, umask, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_umask,
		.act = act_int80_umask,
	};

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, 60);
	EXPECT_EQ(0077, iso.sh->val[0]) {
		TH_LOG("executed before the handler ran");
	}
	EXPECT_EQ(0022, iso.sh->val[1]);
	EXPECT_EQ(0123, iso.sh->val[2]);
}

static void act_int80_157(struct iso_shared *sh)
{
	/* 157 is prctl for a 64-bit call, sched_getscheduler for this one. */
	sh->val[1] = int80(157, 0, 0, 0, 0, 0);
}

TEST_F_TIMEOUT(int80, sched_getscheduler, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_int80_157 };

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, 157);
	EXPECT_EQ(0, iso.sh->val[1]);
}

static void act_int80_157_48(struct iso_shared *sh)
{
	/* The arguments of the allowed call in both sets of registers. */
	__asm__ __volatile__("int $0x80"
			     : "=a" (sh->val[1])
			     : "a" (157L), "b" (48L), "c" (0L), "d" (0L),
			       "S" (0L), "D" (48L)
			     : "memory", "r8", "r9", "r10", "r11");
}

TEST_F_TIMEOUT(int80, looks_allowed, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_int80_157_48 };

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, 157);
}

static void act_int80_231(struct iso_shared *sh)
{
	/* 231 is exit_group for a 64-bit call, fgetxattr for this one. */
	sh->val[1] = int80(231, -1, 0, 0, 0, 0);
}

TEST_F_TIMEOUT(int80, fgetxattr, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_int80_231 };

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, 231);
	EXPECT_GT(0, iso.sh->val[1]);
}

static void act_int80_prctl_off(struct iso_shared *sh)
{
	int i;

	sh->val[0] = int80(IA32_PRCTL, PR_TASK_ISOLATION, 0, 0, 0, 0);
	for (i = 0; i < 10; i++)
		sh->val[1] += getppid() > 0;
}

TEST_F_TIMEOUT(int80, prctl_off, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_int80_prctl_off };

	iso_start_acted(_metadata, &c);
	iso_expect_silent(_metadata);
	EXPECT_EQ(0, iso.sh->val[0]);
	EXPECT_EQ(10, iso.sh->val[1]);
}

static void act_int80_prctl_on(struct iso_shared *sh)
{
	int tries;

	/* As iso_enter() does. */
	for (tries = 0; tries < ISO_TRIES; tries++) {
		sh->val[0] = int80(IA32_PRCTL, PR_TASK_ISOLATION,
				   PR_TASK_ISOLATION_ENABLE |
				   PR_TASK_ISOLATION_SET_SIG(SIGUSR2), 0, 0, 0);
		if (sh->val[0] != -EAGAIN)
			break;
		iso_sleep_ms(10);
	}
	sh->val[1] = getppid();
}

/* Enters through int80 as well; what follows is a loss by its signal. */
TEST_F_TIMEOUT(int80, prctl_on, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_int80_prctl_on };

	iso_start_acted(_metadata, &c);
	EXPECT_EQ(0, iso.sh->val[0]);
	iso_expect_refused(_metadata, SIGUSR2, SYS_getppid);
}

static void act_int80_exit(struct iso_shared *sh)
{
	int80(IA32_EXIT, 21, 0, 0, 0, 0);
}

TEST_F_TIMEOUT(int80, exit, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = PR_TASK_ISOLATION_ENABLE, .act = act_int80_exit,
	};

	iso_start(_metadata, &c);
	EXPECT_EQ(21 << 8, iso_wait_exit());
	EXPECT_EQ(1, iso.sh->ready);
	iso_expect_not_logged(_metadata);
}

static void act_int80_exit_group(struct iso_shared *sh)
{
	int80(IA32_EXIT_GROUP, 22, 0, 0, 0, 0);
}

TEST_F_TIMEOUT(int80, exit_group, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = PR_TASK_ISOLATION_ENABLE, .act = act_int80_exit_group,
	};

	iso_start(_metadata, &c);
	EXPECT_EQ(22 << 8, iso_wait_exit());
	EXPECT_EQ(1, iso.sh->ready);
	iso_expect_not_logged(_metadata);
}

static void prepare_int80_minus_one(struct iso_shared *sh)
{
	sh->val[0] = int80(-1, 0, 0, 0, 0, 0);
}

static void act_int80_minus_one(struct iso_shared *sh)
{
	sh->val[1] = int80(-1, 0, 0, 0, 0, 0);
}

TEST_F_TIMEOUT(int80, minus_one, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_int80_minus_one,
		.act = act_int80_minus_one,
	};

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	EXPECT_EQ(iso.sh->val[0], iso.sh->val[1]);
	EXPECT_GT(0, iso.sh->val[1]);
}

/*
 * SYSCALL of 32-bit code where the CPU has it, SYSENTER where not. The kernel
 * returns from both to the 32-bit vDSO, which a 64-bit program does not have,
 * so the handler must not return, and needs a stack of its own: the pointer
 * to the current one is what is wrong.
 */
#define COMPAT_CS		0x23
#define SIGNATURE_HYGON_EBX	0x6f677948

/* movl nr, %eax; movl stack, %ebp; movl stack, %esp; the call; ud2 */
static unsigned char compat_code[] = {
	0xb8, IA32_GETPID, 0, 0, 0, 0xbd, 0, 0, 0, 0, 0xbc, 0, 0, 0, 0, 0x0f, 0x34, 0x0f, 0x0b,
};

#define COMPAT_EBP	6
#define COMPAT_ESP	11
#define COMPAT_CALL	16

/* What ljmp reads: offset and selector. */
static unsigned short compat_entry[3] = { 0, 0, COMPAT_CS };

static bool compat_bad_stack;

static void prepare_compat(struct iso_shared *sh)
{
	long size = sysconf(_SC_PAGESIZE);
	unsigned int max, b, c, d, addr;
	stack_t stack = { .ss_size = 16 * size };
	struct sigaction sa;
	void *code;

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	code = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT | MAP_POPULATE, -1, 0);
	if (stack.ss_sp == MAP_FAILED || code == MAP_FAILED || sigaltstack(&stack, NULL)) {
		sh->val[0] = errno;
		return;
	}
	sigaction(SIGUSR1, NULL, &sa);
	sa.sa_flags |= SA_ONSTACK;
	sigaction(SIGUSR1, &sa, NULL);

	__cpuid(0, max, b, c, d);
	/* AMD and Hygon have no SYSENTER in long mode, the others no SYSCALL in compat mode. */
	if (b == signature_AMD_ebx || b == SIGNATURE_HYGON_EBX)
		compat_code[COMPAT_CALL] = 0x05;
	addr = (unsigned long)code;
	memcpy(compat_entry, &addr, sizeof(addr));
	/* Where the sixth argument is read from; nothing is mapped at 0. */
	addr = compat_bad_stack ? 0 : addr + size / 2;
	memcpy(compat_code + COMPAT_EBP, &addr, sizeof(addr));
	memcpy(compat_code + COMPAT_ESP, &addr, sizeof(addr));
	memcpy(code, compat_code, sizeof(compat_code));
}

/* Gets back by a jump out of the handler, which the kernel enters in 64-bit mode. */
ISO_ACT_JUMP(compat, __asm__ __volatile__("ljmpl *%0" : : "m" (compat_entry) : "memory"))

static void run_compat(struct __test_metadata *_metadata, bool bad_stack)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_compat, .act = act_compat,
	};

	if (!have_int80())
		SKIP(return, "no 32-bit system calls");
	compat_bad_stack = bad_stack;
	iso_start_acted(_metadata, &c);
	ASSERT_EQ(0, iso.sh->val[0]);
	iso_expect_refused(_metadata, SIGUSR1, IA32_GETPID);
	EXPECT_EQ(getpid(), iso.sh->val[1]);
}

TEST_F_TIMEOUT(iso, compat_syscall, ISO_TIMEOUT)
{
	run_compat(_metadata, false);
}

/* Fails before it gets to where isolation refuses calls, which is told too. */
TEST_F_TIMEOUT(iso, compat_bad_stack, ISO_TIMEOUT)
{
	run_compat(_metadata, true);
}

static void act_x32_getpid(struct iso_shared *sh)
{
	sh->val[1] = syscall(X32_BIT | SYS_getpid);
}

/* With or without x32 in the kernel: an entry that has to be told. */
TEST_F_TIMEOUT(iso, x32_getpid, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_x32_getpid };

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	EXPECT_TRUE(iso.sh->val[1] == -1 || iso.sh->val[1] > 0);
}

static bool have_x32(void)
{
	return syscall(X32_BIT | SYS_getpid) > 0;
}

static void act_x32_prctl(struct iso_shared *sh)
{
	sh->val[1] = syscall(X32_BIT | SYS_prctl, PR_TASK_ISOLATION, 0, 0, 0, 0);
	sh->val[2] = LOAD(sh->sig_total);
	sh->val[3] = getppid();
}

/* Where x32 exists this is the allowed call; where not, it fails, which is told. */
TEST_F_TIMEOUT(iso, x32_prctl_off, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_x32_prctl };

	iso_start_acted(_metadata, &c);
	if (have_x32()) {
		EXPECT_EQ(0, iso.sh->val[1]);
		EXPECT_EQ(0, iso.sh->val[2]);
		EXPECT_EQ(getpid(), iso.sh->val[3]);
		iso_expect_silent(_metadata);
		return;
	}
	EXPECT_EQ(1, iso.sh->val[2]);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
}

static void act_x32_other_prctl(struct iso_shared *sh)
{
	sh->val[1] = syscall(X32_BIT | SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
}

TEST_F_TIMEOUT(iso, x32_other_prctl, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_x32_other_prctl };

	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, NULL);
	EXPECT_EQ(have_x32() ? 1 : -1, iso.sh->val[1]);
}

static void act_x32_exit(struct iso_shared *sh)
{
	syscall(X32_BIT | SYS_exit, 7);
}

TEST_F_TIMEOUT(iso, x32_exit, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = PR_TASK_ISOLATION_ENABLE, .act = act_x32_exit,
	};

	if (!have_x32())
		SKIP(return, "the kernel has no x32");
	iso_start(_metadata, &c);
	EXPECT_EQ(7 << 8, iso_wait_exit());
	EXPECT_EQ(1, iso.sh->ready);
	iso_expect_not_logged(_metadata);
}

#define VSYSCALL_TIME	0xffffffffff600400UL

static bool have_vsyscall(void)
{
	char line[512];
	bool found = false;
	FILE *f = fopen("/proc/self/maps", "r");

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, "[vsyscall]") && strstr(line, "x");
	if (f)
		fclose(f);
	return found;
}

static void act_vsyscall(struct iso_shared *sh)
{
	long (*vtime)(long *t) = (void *)VSYSCALL_TIME;

	sh->val[1] = vtime(NULL);
}

/* A fault that the kernel resolves by executing the call. */
TEST_F_TIMEOUT(iso, vsyscall, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_vsyscall };

	if (!have_vsyscall())
		SKIP(return, "no vsyscall page");
	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "page fault at");
	EXPECT_NE(-1, iso.sh->val[1]);
	EXPECT_NE(0, iso.sh->val[1]);
}

static bool have_umip(void)
{
	char line[8192];
	bool found = false;
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f))
		found |= !strncmp(line, "flags", 5) && strstr(line, " umip");
	if (f)
		fclose(f);
	return found;
}

static unsigned char table[16];

static void act_sgdt(struct iso_shared *sh)
{
	__asm__ __volatile__("sgdt %0" : "=m" (table));
}

/* The emulation is a trap that the kernel resolves. */
TEST_F_TIMEOUT(iso, umip, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_sgdt };

	if (!have_umip())
		SKIP(return, "no UMIP");
	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "trap ");
}

static void run_trap(struct __test_metadata *_metadata, void (*act)(struct iso_shared *sh),
		     int sig)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act };

	iso_start_acted(_metadata, &c);
	iso_expect_one(_metadata, sig);
	EXPECT_EQ(getpid(), iso.sh->val[1]);
}

static void act_int3(struct iso_shared *sh)
{
	__asm__ __volatile__("int3");
	sh->val[1] = getppid();
}

TEST_F_TIMEOUT(iso, trap_int3, ISO_TIMEOUT)
{
	run_trap(_metadata, act_int3, SIGTRAP);
}

ISO_ACT_JUMP(divide, __asm__ __volatile__("xorl %%edx, %%edx\n\t"
					  "movl $1, %%eax\n\t"
					  "xorl %%ecx, %%ecx\n\t"
					  "divl %%ecx"
					  : : : "eax", "ecx", "edx", "cc"))

TEST_F_TIMEOUT(iso, trap_sigfpe, ISO_TIMEOUT)
{
	run_trap(_metadata, act_divide, SIGFPE);
}

ISO_ACT_JUMP(noncanonical, __asm__ __volatile__("movb $1, (%0)"
						: : "r" (0x8000000000000000UL) : "memory"))

/* A general protection fault that is nobody's business but the program's. */
TEST_F_TIMEOUT(iso, trap_general_protection, ISO_TIMEOUT)
{
	run_trap(_metadata, act_noncanonical, SIGSEGV);
}

static void act_single_step(struct iso_shared *sh)
{
	/* Steps over the red zone before it pushes. */
	__asm__ __volatile__("leaq -128(%%rsp), %%rsp\n\t"
			     "pushfq\n\t"
			     "orq $0x100, (%%rsp)\n\t"
			     "popfq\n\t"
			     "nop\n\t"
			     "pushfq\n\t"
			     "andq $~0x100, (%%rsp)\n\t"
			     "popfq\n\t"
			     "leaq 128(%%rsp), %%rsp"
			     : : : "memory", "cc");
}

/* Debug exceptions, one an instruction: each SIGTRAP, none of them a loss. */
TEST_F_TIMEOUT(iso, trap_single_step, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_single_step };

	iso_start_acted(_metadata, &c);
	iso_stop(_metadata);
	EXPECT_LE(1, iso.sh->sig[SIGTRAP]);
	EXPECT_EQ(iso.sh->sig[SIGTRAP], iso.sh->sig_total);
}

ISO_ACT_JUMP(cli, __asm__ __volatile__("cli"))

TEST_F_TIMEOUT(iso, trap_cli, ISO_TIMEOUT)
{
	run_trap(_metadata, act_cli, SIGSEGV);
}

#else /* !__x86_64__ */

TEST(int80_umask)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(int80_sched_getscheduler)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(int80_looks_allowed)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(int80_fgetxattr)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(int80_prctl_off)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(int80_prctl_on)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(int80_exit)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(int80_exit_group)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(int80_minus_one)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_compat_syscall)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_compat_bad_stack)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_x32_getpid)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_x32_prctl_off)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_x32_other_prctl)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_x32_exit)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_vsyscall)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_umip)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_trap_int3)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_trap_sigfpe)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_trap_general_protection)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_trap_single_step)
{
	iso_elsewhere(_metadata, "not x86-64");
}

TEST(x86_trap_cli)
{
	iso_elsewhere(_metadata, "not x86-64");
}

#endif /* __x86_64__ */

TEST_HARNESS_MAIN
