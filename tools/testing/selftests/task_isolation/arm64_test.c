// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: ways into the kernel that only arm64 has.
 *
 * Test Summary
 *
 *  * iso.mrs		An instruction that the kernel emulates
 *  * iso.sve, iso.sme	State that is switched on at its first use
 *  * iso.mte		A tag fault that is noticed later: its signal, no other
 *  * iso.single_step	Stepped by a tracer: told, when it goes on
 *  * iso.trap_*	Exceptions that end in a signal: that one, no other
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
#ifndef HWCAP2_MTE
#define HWCAP2_MTE		0x40000
#endif
#ifndef HWCAP2_SME
#define HWCAP2_SME		0x800000
#endif
#ifndef PROT_MTE
#define PROT_MTE		0x20
#endif

static char *tagged;

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
	iso_expect_loss(_metadata, SIGUSR1, "trap (MSR/MRS (AArch64))");
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
	iso_expect_loss(_metadata, SIGUSR1, "trap (SVE)");
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
	iso_expect_loss(_metadata, SIGUSR1, "trap (SME)");
	EXPECT_EQ(1, iso.sh->val[1]);
}

/* Enables faults that the CPU only notes, for the next entry to find. */
static void prepare_mte(struct iso_shared *sh)
{
	unsigned long flags = PR_TAGGED_ADDR_ENABLE | PR_MTE_TCF_ASYNC |
			      (0xfffeUL << PR_MTE_TAG_SHIFT);

	if (prctl(PR_SET_TAGGED_ADDR_CTRL, flags, 0, 0, 0))
		sh->val[0] = errno;
	tagged = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE | PROT_MTE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (tagged == MAP_FAILED)
		sh->val[0] = errno;
	else
		*tagged = 1;
}

static void wrong_tag(void)
{
	__atomic_store_n((char *)((unsigned long)tagged | 1UL << 56), 2, __ATOMIC_SEQ_CST);
}

static void act_mte(struct iso_shared *sh)
{
	wrong_tag();
	sh->val[1] = syscall(SYS_getppid);
}

static void act_mte_leave(struct iso_shared *sh)
{
	wrong_tag();
	sh->val[1] = iso_prctl(0);
}

static void run_mte(struct __test_metadata *_metadata, void (*act)(struct iso_shared *sh))
{
	const struct iso_case c = { .flags = ISO_USR1, .prepare = prepare_mte, .act = act };

	if (!(getauxval(AT_HWCAP2) & HWCAP2_MTE))
		SKIP(return, "no MTE");
	iso_start_acted(_metadata, &c);
	ASSERT_EQ(0, iso.sh->val[0]);
	iso_expect_one(_metadata, SIGSEGV);
	iso_expect_not_logged(_metadata);
}

/* Found by a call that is refused, or by one that is allowed. */
TEST_F_TIMEOUT(iso, mte, ISO_TIMEOUT)
{
	run_mte(_metadata, act_mte);
	EXPECT_EQ(getpid(), iso.sh->val[1]);
}

TEST_F_TIMEOUT(iso, mte_leave, ISO_TIMEOUT)
{
	run_mte(_metadata, act_mte_leave);
	EXPECT_EQ(0, iso.sh->val[1]);
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

#else /* !__aarch64__ */

TEST(arm64_mrs)
{
	iso_elsewhere(_metadata, "not arm64");
}

TEST(arm64_sve)
{
	iso_elsewhere(_metadata, "not arm64");
}

TEST(arm64_sme)
{
	iso_elsewhere(_metadata, "not arm64");
}

TEST(arm64_mte)
{
	iso_elsewhere(_metadata, "not arm64");
}

TEST(arm64_mte_leave)
{
	iso_elsewhere(_metadata, "not arm64");
}

TEST(arm64_single_step)
{
	iso_elsewhere(_metadata, "not arm64");
}

TEST(arm64_trap_pc_alignment)
{
	iso_elsewhere(_metadata, "not arm64");
}

TEST(arm64_trap_kernel_register)
{
	iso_elsewhere(_metadata, "not arm64");
}

#endif /* __aarch64__ */

TEST_HARNESS_MAIN
