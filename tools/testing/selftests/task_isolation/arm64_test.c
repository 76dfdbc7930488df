// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: ways into the kernel that only arm64 has.
 *
 * Test Summary
 *
 *  * iso.mrs		An instruction that the kernel emulates
 *  * iso.sve, iso.sme	State that is switched on at its first use
 *  * iso.single_step	Stepped by a tracer: told, when it goes on
 *  * iso.trap_*	Exceptions that end in a signal: that one, no other
 *  * iso.nmi		A backtrace that another CPU asks for
 */
#include <sys/auxv.h>

#include "fixture.h"

#ifdef __aarch64__

#ifndef HWCAP_CPUID
#define HWCAP_CPUID		0x800
#endif
#ifndef HWCAP_SVE
#define HWCAP_SVE		0x400000
#endif
#ifndef HWCAP2_SME
#define HWCAP2_SME		0x800000
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

static void act_mrs(struct iso_shared *sh)
{
	unsigned long val;

	__asm__ __volatile__("mrs %0, id_aa64pfr0_el1" : "=r" (val));
	sh->val[1] = val;
	sh->val[2] = syscall(SYS_getppid);
}

TEST_F_TIMEOUT(iso, mrs, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_mrs };

	if (!(getauxval(AT_HWCAP) & HWCAP_CPUID))
		SKIP(return, "ID registers can't be read here");
	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "trap (el0_sys)");
	EXPECT_NE(0, iso.sh->val[1]);
	EXPECT_EQ(getpid(), iso.sh->val[2]);
}

static void act_sve(struct iso_shared *sh)
{
	unsigned long len;

	/* rdvl len, #1 */
	__asm__ __volatile__(".inst 0x04bf5020\n\tmov %0, x0" : "=r" (len) : : "x0");
	sh->val[1] = len;
}

/* A new process has not used it yet. */
TEST_F_TIMEOUT(iso, sve, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_sve };

	if (!(getauxval(AT_HWCAP) & HWCAP_SVE))
		SKIP(return, "no SVE");
	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "trap (el0_sve_acc)");
	EXPECT_LE(16, iso.sh->val[1]);
}

static void act_sme(struct iso_shared *sh)
{
	/* smstart za, smstop za */
	__asm__ __volatile__(".inst 0xd503457f\n\t.inst 0xd503447f" : : : "memory");
	sh->val[1] = 1;
}

TEST_F_TIMEOUT(iso, sme, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_sme };

	if (!(getauxval(AT_HWCAP2) & HWCAP2_SME))
		SKIP(return, "no SME");
	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "trap (el0_sme_acc)");
	EXPECT_EQ(1, iso.sh->val[1]);
}

static void act_spin(struct iso_shared *sh)
{
	iso_spin_until(&sh->stop);
}

TEST_F_TIMEOUT(iso, single_step, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_spin };
	int i, status;

	iso_start_quiet(_metadata, &c);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, iso.victim, 0, 0));
	ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, iso.victim, 0, 0));
	ASSERT_EQ(iso.victim, waitpid(iso.victim, &status, 0));
	/* The first step ends in the handler, at the latest. */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ptrace(PTRACE_SINGLESTEP, iso.victim, 0,
				    WSTOPSIG(status) == SIGUSR1 ? SIGUSR1 : 0));
		ASSERT_EQ(iso.victim, waitpid(iso.victim, &status, 0));
		ASSERT_TRUE(WIFSTOPPED(status));
	}
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, iso.victim, 0,
			    WSTOPSIG(status) == SIGUSR1 ? SIGUSR1 : 0));
	iso_expect_loss(_metadata, SIGUSR1, "stop");
}

/* In a page that can be executed, or that would be the fault. */
ISO_ACT_JUMP(odd_pc, __asm__ __volatile__("br %0" : : "r" ((unsigned long)act_mrs + 2)))
ISO_ACT_JUMP(kernel_register, __asm__ __volatile__("mrs x0, ttbr0_el1" : : : "x0"))

static void run_trap(struct __test_metadata *_metadata, const struct iso_case *c, int sig)
{
	iso_start_acted(_metadata, c);
	iso_expect_one(_metadata, sig);
	/* Isolation was off in the handler and stays off after it. */
	EXPECT_EQ(getpid(), iso.sh->val[1]);
}

TEST_F_TIMEOUT(iso, trap_pc_alignment, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_odd_pc };

	run_trap(_metadata, &c, SIGBUS);
}

TEST_F_TIMEOUT(iso, trap_kernel_register, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_kernel_register };

	run_trap(_metadata, &c, SIGILL);
}

/*
 * SysRq-L fills the log with backtraces, which whoever looks for splats must
 * expect: asked for by TASK_ISOLATION_NMI. Without pseudo-NMIs it is an IPI.
 */
TEST_F_TIMEOUT(iso, nmi, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_spin };

	if (!getenv("TASK_ISOLATION_NMI"))
		SKIP(return, "TASK_ISOLATION_NMI is not set");
	if (access("/proc/sysrq-trigger", W_OK))
		SKIP(return, "no /proc/sysrq-trigger");
	iso_start_quiet(_metadata, &c);
	ASSERT_EQ(0, iso_write_file("/proc/sysrq-trigger", "l"));
	iso_expect_loss(_metadata, SIGUSR1, "vector (CPU backtrace");
}

#else /* !__aarch64__ */

TEST(arm64)
{
	SKIP(return, "not arm64");
}

#endif /* __aarch64__ */

TEST_HARNESS_MAIN
