// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: ways into the kernel that only arm64 has.
 *
 * Test Summary
 *
 *  * row.mrs		An instruction that the kernel emulates
 *  * row.sve, sme	State that is switched on at its first use
 *  * row.mte		A tag fault that is noticed later: its signal, no other
 *  * iso.mte_leave	Noticed by the leaving call
 *  * row.single_step	Stepped by a tracer: notified, when it goes on
 *  * row.trap_*		Exceptions that end in a signal: that one, no other
 */
#include <sys/auxv.h>
#include <sys/ptrace.h>

#include "rows.h"

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

static const char *arrange_cpuid(void)
{
	return getauxval(AT_HWCAP) & HWCAP_CPUID ? NULL : "ID registers can't be read here";
}

static void act_mrs(struct iso_shared *sh)
{
	__asm__ __volatile__("mrs %0, id_aa64pfr0_el1" : "=r" (sh->value));
}

static void check_not_zero(void)
{
	WANT(iso.sh->value);
}

static const struct stimulus stim_mrs = {
	.arrange = arrange_cpuid, .act = act_mrs, .check = check_not_zero,
	.causes = ISO_CAUSE(TRAP), .what = "MSR/MRS (AArch64)",
};

static const char *arrange_sve(void)
{
	return getauxval(AT_HWCAP) & HWCAP_SVE ? NULL : "no SVE";
}

static void act_sve(struct iso_shared *sh)
{
	unsigned long len;

	/* rdvl len, #1 */
	__asm__ __volatile__(".inst 0x04bf5020\n\tmov %0, x0" : "=r" (len) : : "x0");
	sh->value = len;
}

static void check_length(void)
{
	WANT(iso.sh->value >= 16);
}

/* A new process has not used it yet. */
static const struct stimulus stim_sve = {
	.arrange = arrange_sve, .act = act_sve, .check = check_length,
	.causes = ISO_CAUSE(TRAP), .what = "SVE",
};

static const char *arrange_sme(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_SME ? NULL : "no SME";
}

static void act_sme(struct iso_shared *sh)
{
	/* smstart za, smstop za */
	__asm__ __volatile__(".inst 0xd503457f\n\t.inst 0xd503447f" : : : "memory");
	sh->value = 1;
}

static const struct stimulus stim_sme = {
	.arrange = arrange_sme, .act = act_sme, .check = check_not_zero,
	.causes = ISO_CAUSE(TRAP), .what = "SME",
};

static char *tagged;

static const char *arrange_mte(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_MTE ? NULL : "no MTE";
}

/* Enables faults that the CPU only notes, for the next entry to find. */
static void prepare_mte(struct iso_shared *sh)
{
	unsigned long flags = PR_TAGGED_ADDR_ENABLE | PR_MTE_TCF_ASYNC |
			      (0xfffeUL << PR_MTE_TAG_SHIFT);

	if (prctl(PR_SET_TAGGED_ADDR_CTRL, flags, 0, 0, 0))
		sh->unable = errno;
	tagged = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE | PROT_MTE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (tagged == MAP_FAILED)
		sh->unable = errno;
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
	sh->value = syscall(SYS_getppid);
}

static void check_value_getppid(void)
{
	WANT_EQ(getpid(), iso.sh->value);
}

/* Found by a call that is refused, or by one that is allowed */
static const struct stimulus stim_mte = {
	.arrange = arrange_mte, .prepare = prepare_mte, .act = act_mte,
	.check = check_value_getppid, .causes = ISO_CAUSE(SIGNAL), .sig = SIGSEGV,
};

static void act_mte_leave(struct iso_shared *sh)
{
	wrong_tag();
	sh->value = iso_prctl(0);
}

static int step(int *status)
{
	int sig = WSTOPSIG(*status) == SIGUSR1 ? SIGUSR1 : 0;

	return ptrace(PTRACE_SINGLESTEP, iso.victim, 0, sig) ||
	       waitpid(iso.victim, status, 0) != iso.victim || !WIFSTOPPED(*status) ? -1 : 0;
}

static int inject_steps(void)
{
	int i, status;

	if (ptrace(PTRACE_SEIZE, iso.victim, 0, 0) ||
	    ptrace(PTRACE_INTERRUPT, iso.victim, 0, 0) ||
	    waitpid(iso.victim, &status, 0) != iso.victim)
		return -1;
	/* The first step ends in the handler, at the latest. */
	for (i = 0; i < 3; i++) {
		if (step(&status))
			return -1;
	}
	return ptrace(PTRACE_DETACH, iso.victim, 0, WSTOPSIG(status) == SIGUSR1 ? SIGUSR1 : 0);
}

static const struct stimulus stim_single_step = {
	.inject = inject_steps, .causes = ISO_CAUSE(STOP), .who = WHO_TEST,
};

/* In a page that can be executed, or that would be the fault. */
ISO_ACT_JUMP(act_odd_pc, __asm__ __volatile__("br %0" : : "r" ((unsigned long)act_mrs + 2)))

static const struct stimulus stim_trap_pc_alignment = {
	.act = act_odd_pc, .causes = ISO_CAUSE(SIGNAL), .sig = SIGBUS,
};

ISO_ACT_JUMP(act_kernel_register, __asm__ __volatile__("mrs x0, ttbr0_el1" : : : "x0"))

static const struct stimulus stim_trap_kernel_register = {
	.act = act_kernel_register, .causes = ISO_CAUSE(SIGNAL), .sig = SIGILL,
};

ROW(mrs);
ROW(sve);
ROW(sme);
ROW(mte);
ROW(single_step);
ROW(trap_pc_alignment);
ROW(trap_kernel_register);

FIXTURE(iso) {};

FIXTURE_SETUP(iso)
{
	iso_begin(_metadata);
}

FIXTURE_TEARDOWN(iso)
{
	iso_finish(_metadata);
}

/* Isolation is off by the call when the signal comes, so it is no loss. */
TEST_F_TIMEOUT(iso, mte_leave, ISO_TIMEOUT)
{
	const struct stimulus s = { .prepare = prepare_mte, .act = act_mte_leave };
	const char *reason = arrange_mte();

	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_TRUE(iso_start_acted(&s)) {
		TH_LOG("%s", strerror(iso.sh->unable));
	}
	iso_sleep_ms(20);
	iso_stop();
	EXPECT_EQ(1, iso.sh->sig[SIGSEGV]);
	EXPECT_EQ(1, iso.sh->sig_total);
	EXPECT_EQ(0, iso.sh->value);
	/* By the leaving call or, if that looks for the fault before, by its signal */
	iso_expect_totals(1, iso.sh->rec.losses);
	if (iso.sh->rec.losses)
		EXPECT_EQ(TASK_ISOLATION_SIGNAL, iso.sh->rec.cause);
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
