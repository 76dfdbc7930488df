// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: ways into the kernel that only x86-64 has.
 *
 * Test Summary
 *
 *  * row.int80_*		The gate reads a 32-bit call's number as what it is
 *  * row.compat_*	The fast system call of 32-bit programs
 *  * row.x32_*		Numbers with the x32 bit
 *  * row.vsyscall	The emulated page: notified, and executed
 *  * row.umip		An instruction that the kernel emulates
 *  * row.trap_*		Exceptions that end in a signal: that one, no other
 *  * iso.x32_prctl_off	The allowed call by such a number
 *  * iso.trap_single_step	Many exceptions: as many signals, and one loss
 */
#include <cpuid.h>
#include <sys/stat.h>

#include "rows.h"

#define IA32_EXIT		1
#define IA32_GETPID		20
#define IA32_UMASK		60
#define IA32_PRCTL		172
#define IA32_EXIT_GROUP		252
#define X32_BIT			0x40000000L

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

/* Tries it in a child: without IA32 emulation int80 is a fault. */
static const char *arrange_int80(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(int80(IA32_GETPID, 0, 0, 0, 0, 0) == getpid() ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status ? NULL : "no int 0x80";
}

static void hook_umask(int sig)
{
	/* Neither the old nor the new mask may have changed yet. */
	iso_sh->early = umask(0022) != 0077;
}

static void prepare_umask(struct iso_shared *sh)
{
	umask(0077);
	iso_hook = hook_umask;
}

static void act_umask(struct iso_shared *sh)
{
	/* 60 is exit for a 64-bit call. */
	sh->value = int80(IA32_UMASK, 0123, 0, 0, 0, 0);
	sh->second = int80(IA32_UMASK, 0, 0, 0, 0, 0);
}

static void check_not_early(void)
{
	WANT_EQ(0, iso.sh->early);
}

static const struct stimulus stim_int80_umask = {
	.arrange = arrange_int80, .prepare = prepare_umask, .act = act_umask,
	.value = 0022, .second = 0123, .check = check_not_early, .causes = ISO_CAUSE(SYSCALL),
	.number = IA32_UMASK,
};

static void act_157(struct iso_shared *sh)
{
	/* 157 is prctl for a 64-bit call, sched_getscheduler for this one. */
	sh->value = int80(157, 0, 0, 0, 0, 0);
}

static void check_succeeded(void)
{
	WANT_EQ(0, iso.sh->value);
}

static const struct stimulus stim_int80_sched_getscheduler = {
	.arrange = arrange_int80, .act = act_157, .check = check_succeeded,
	.causes = ISO_CAUSE(SYSCALL), .number = 157,
};

static void act_157_48(struct iso_shared *sh)
{
	/* The arguments of the allowed call in both sets of registers. */
	__asm__ __volatile__("int $0x80"
			     : "=a" (sh->value)
			     : "a" (157L), "b" (48L), "c" (0L), "d" (0L),
			       "S" (0L), "D" (48L)
			     : "memory", "r8", "r9", "r10", "r11");
}

static const struct stimulus stim_int80_looks_allowed = {
	.arrange = arrange_int80, .act = act_157_48, .causes = ISO_CAUSE(SYSCALL),
	.number = 157,
};

static void act_231(struct iso_shared *sh)
{
	/* 231 is exit_group for a 64-bit call, fgetxattr for this one. */
	sh->value = int80(231, -1, 0, 0, 0, 0);
}

static void check_failed(void)
{
	WANT(iso.sh->value < 0);
}

static const struct stimulus stim_int80_fgetxattr = {
	.arrange = arrange_int80, .act = act_231, .check = check_failed,
	.causes = ISO_CAUSE(SYSCALL), .number = 231,
};

static void act_prctl_off(struct iso_shared *sh)
{
	int i;

	sh->value = int80(IA32_PRCTL, PR_TASK_ISOLATION, 0, 0, 0, 0);
	for (i = 0; i < 10; i++)
		sh->second += getppid() > 0;
}

static void check_prctl_off(void)
{
	WANT_EQ(0, iso.sh->value);
	WANT_EQ(10, iso.sh->second);
}

static const struct stimulus stim_int80_prctl_off = {
	.arrange = arrange_int80, .act = act_prctl_off, .check = check_prctl_off,
	.number = IA32_PRCTL,
};

static void act_prctl_on(struct iso_shared *sh)
{
	int tries;

	/* As iso_enter() does. */
	for (tries = 0; tries < ISO_TRIES; tries++) {
		sh->value = int80(IA32_PRCTL, PR_TASK_ISOLATION,
				  PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(SIGUSR2),
				  0, 0, 0);
		if (sh->value != -EAGAIN)
			break;
		sh->again++;
		iso_sleep_ms(10);
	}
	sh->second = getppid();
}

/* Enters through int80 as well; what follows is a loss by its signal. */
static const struct stimulus stim_int80_prctl_on = {
	.arrange = arrange_int80, .act = act_prctl_on, .check = check_succeeded, .entries = 2,
	.causes = ISO_CAUSE(SYSCALL), .number = SYS_getppid, .sig = SIGUSR2,
};

static void act_exit(struct iso_shared *sh)
{
	int80(IA32_EXIT, 21, 0, 0, 0, 0);
}

static const struct stimulus stim_int80_exit = {
	.flags = PR_TASK_ISOLATION_ENABLE, .arrange = arrange_int80, .act = act_exit,
	.number = IA32_EXIT, .status = 21 << 8,
};

static void act_exit_group(struct iso_shared *sh)
{
	int80(IA32_EXIT_GROUP, 22, 0, 0, 0, 0);
}

static const struct stimulus stim_int80_exit_group = {
	.flags = PR_TASK_ISOLATION_ENABLE, .arrange = arrange_int80, .act = act_exit_group,
	.number = IA32_EXIT_GROUP, .status = 22 << 8,
};

static void prepare_minus_one(struct iso_shared *sh)
{
	sh->plain = -int80(-1, 0, 0, 0, 0, 0);
}

static void act_minus_one(struct iso_shared *sh)
{
	sh->value = int80(-1, 0, 0, 0, 0, 0);
}

static void check_minus_one(void)
{
	WANT(iso.sh->plain > 0);
	WANT_EQ(-iso.sh->plain, iso.sh->value);
}

static const struct stimulus stim_int80_minus_one = {
	.arrange = arrange_int80, .prepare = prepare_minus_one, .act = act_minus_one,
	.check = check_minus_one, .causes = ISO_CAUSE(SYSCALL), .number = -1,
};

ROW(int80_umask);
ROW(int80_sched_getscheduler);
ROW(int80_looks_allowed);
ROW(int80_fgetxattr);
ROW(int80_prctl_off);
ROW(int80_prctl_on);
ROW(int80_exit);
ROW(int80_exit_group);
ROW(int80_minus_one);

/*
 * SYSCALL of 32-bit code where the CPU has it, otherwise SYSENTER. The kernel
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

/* @bad_stack: the sixth argument is read from there, and nothing is mapped. */
static void prepare_compat(struct iso_shared *sh, bool bad_stack)
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
		sh->unable = errno;
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
	addr = bad_stack ? 0 : addr + size / 2;
	memcpy(compat_code + COMPAT_EBP, &addr, sizeof(addr));
	memcpy(compat_code + COMPAT_ESP, &addr, sizeof(addr));
	memcpy(code, compat_code, sizeof(compat_code));
}

static void prepare_good_stack(struct iso_shared *sh)
{
	prepare_compat(sh, false);
}

static void prepare_bad_stack(struct iso_shared *sh)
{
	prepare_compat(sh, true);
}

/* Gets back by a jump out of the handler, which the kernel enters in 64-bit mode. */
ISO_ACT_JUMP(act_compat, __asm__ __volatile__("ljmpl *%0" : : "m" (compat_entry) : "memory"))

static const struct stimulus stim_compat_syscall = {
	.arrange = arrange_int80, .prepare = prepare_good_stack, .act = act_compat,
	.causes = ISO_CAUSE(SYSCALL), .number = IA32_GETPID,
};

/* Fails before it gets to where isolation refuses calls, which is notified, too. */
static const struct stimulus stim_compat_bad_stack = {
	.arrange = arrange_int80, .prepare = prepare_bad_stack, .act = act_compat,
	.causes = ISO_CAUSE(SYSCALL), .number = IA32_GETPID,
};

static bool have_x32(void)
{
	return syscall(X32_BIT | SYS_getpid) > 0;
}

static void act_x32_getpid(struct iso_shared *sh)
{
	sh->value = syscall(X32_BIT | SYS_getpid);
}

static void check_x32_getpid(void)
{
	WANT_EQ(have_x32() ? iso.pid : -1, iso.sh->value);
}

/* With or without x32 in the kernel: an entry of which the thread is notified */
static const struct stimulus stim_x32_getpid = {
	.act = act_x32_getpid, .check = check_x32_getpid, .causes = ISO_CAUSE(SYSCALL),
	.number = X32_BIT | SYS_getpid,
};

static void act_x32_other_prctl(struct iso_shared *sh)
{
	sh->value = syscall(X32_BIT | SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
}

static void check_x32_prctl(void)
{
	WANT_EQ(have_x32() ? 1 : -1, iso.sh->value);
}

static const struct stimulus stim_x32_other_prctl = {
	.act = act_x32_other_prctl, .check = check_x32_prctl, .causes = ISO_CAUSE(SYSCALL),
	.number = X32_BIT | SYS_prctl,
};

static const char *arrange_x32(void)
{
	return have_x32() ? NULL : "the kernel has no x32";
}

static void act_x32_exit(struct iso_shared *sh)
{
	syscall(X32_BIT | SYS_exit, 7);
}

static const struct stimulus stim_x32_exit = {
	.flags = PR_TASK_ISOLATION_ENABLE, .arrange = arrange_x32, .act = act_x32_exit,
	.number = X32_BIT | SYS_exit, .status = 7 << 8,
};

#define VSYSCALL_TIME	0xffffffffff600400UL

static const char *arrange_vsyscall(void)
{
	char line[512];
	bool found = false;
	FILE *f = fopen("/proc/self/maps", "r");

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, "[vsyscall]") && strstr(line, "x");
	if (f)
		fclose(f);
	return found ? NULL : "no vsyscall page";
}

static void act_vsyscall(struct iso_shared *sh)
{
	long (*vtime)(long *t) = (void *)VSYSCALL_TIME;

	sh->addr = VSYSCALL_TIME;
	sh->value = vtime(NULL);
}

static void check_time(void)
{
	WANT(iso.sh->value > 0);
}

/* A fault that the kernel resolves by executing the call */
static const struct stimulus stim_vsyscall = {
	.arrange = arrange_vsyscall, .act = act_vsyscall, .check = check_time,
	.causes = ISO_CAUSE(FAULT),
};

static const char *arrange_umip(void)
{
	char line[8192];
	bool found = false;
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f))
		found |= !strncmp(line, "flags", 5) && strstr(line, " umip");
	if (f)
		fclose(f);
	return found ? NULL : "no UMIP";
}

static unsigned char table[16];

static void act_sgdt(struct iso_shared *sh)
{
	__asm__ __volatile__("sgdt %0" : "=m" (table));
}

/* The emulation is a trap that the kernel resolves. */
static const struct stimulus stim_umip = {
	.arrange = arrange_umip, .act = act_sgdt, .causes = ISO_CAUSE(TRAP),
};

static void act_int3(struct iso_shared *sh)
{
	__asm__ __volatile__("int3");
}

static const struct stimulus stim_trap_int3 = {
	.act = act_int3, .causes = ISO_CAUSE(SIGNAL), .sig = SIGTRAP,
};

ISO_ACT_JUMP(act_divide, __asm__ __volatile__("xorl %%edx, %%edx\n\t"
					      "movl $1, %%eax\n\t"
					      "xorl %%ecx, %%ecx\n\t"
					      "divl %%ecx"
					      : : : "eax", "ecx", "edx", "cc"))

static const struct stimulus stim_trap_sigfpe = {
	.act = act_divide, .causes = ISO_CAUSE(SIGNAL), .sig = SIGFPE,
};

ISO_ACT_JUMP(act_noncanonical, __asm__ __volatile__("movb $1, (%0)"
						    : : "r" (0x8000000000000000UL) : "memory"))

/* A general protection fault that only concerns the program */
static const struct stimulus stim_trap_general_protection = {
	.act = act_noncanonical, .causes = ISO_CAUSE(SIGNAL), .sig = SIGSEGV,
};

ISO_ACT_JUMP(act_cli, __asm__ __volatile__("cli"))

static const struct stimulus stim_trap_cli = {
	.act = act_cli, .causes = ISO_CAUSE(SIGNAL), .sig = SIGSEGV,
};

ROW(compat_syscall);
ROW(compat_bad_stack);
ROW(x32_getpid);
ROW(x32_other_prctl);
ROW(x32_exit);
ROW(vsyscall);
ROW(umip);
ROW(trap_int3);
ROW(trap_sigfpe);
ROW(trap_general_protection);
ROW(trap_cli);

FIXTURE(iso) {};

FIXTURE_SETUP(iso)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(iso)
{
	iso_finish(_metadata);
}

static void act_x32_prctl(struct iso_shared *sh)
{
	sh->value = syscall(X32_BIT | SYS_prctl, PR_TASK_ISOLATION, 0, 0, 0, 0);
	sh->error = LOAD(sh->sig_total);
	sh->second = getppid();
}

/* With x32 in the kernel this is the allowed call; otherwise it fails, and is a loss. */
TEST_F_TIMEOUT(iso, x32_prctl_off, ISO_TIMEOUT)
{
	struct stimulus s = { .act = act_x32_prctl, .number = X32_BIT | SYS_prctl };

	if (!have_x32())
		s.causes = ISO_CAUSE(SYSCALL);
	if (!iso_test(_metadata, &s))
		return;
	EXPECT_EQ(have_x32() ? 0 : -1, iso.sh->value);
	EXPECT_EQ(!have_x32(), iso.sh->error);
	EXPECT_EQ(getpid(), iso.sh->second);
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
	const struct stimulus s = { .act = act_single_step };

	ASSERT_TRUE(iso_start_acted(&s));
	iso_stop();
	EXPECT_LE(1, iso.sh->sig[SIGTRAP]);
	EXPECT_EQ(iso.sh->sig[SIGTRAP], iso.sh->sig_total);
	/* The first one has ended isolation. */
	EXPECT_EQ(1, iso.sh->rec.losses);
	EXPECT_EQ(TASK_ISOLATION_SIGNAL, iso.sh->rec.cause);
	EXPECT_EQ(SIGTRAP, iso.sh->rec.number);
	iso_expect_totals(1, 1);
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
