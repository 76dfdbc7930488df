// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: ways into the kernel that only arm has. A 32-bit program on
 * arm64 has most of them, too.
 *
 * Test Summary
 *
 *  * iso.vfp		Registers that are loaded at their first use
 *  * iso.alignment	An access that the kernel makes up for
 *  * iso.cacheflush	A system call with a number of arm's own
 *  * iso.trap_*	Exceptions that end in a signal: that one, no other
 */
#include "fixture.h"

#ifdef __arm__
#include <sys/utsname.h>

#define ARM_CACHEFLUSH		0xf0002

FIXTURE(iso) {};

FIXTURE_SETUP(iso)
{
	iso_setup_cpu(_metadata);
}

FIXTURE_TEARDOWN(iso)
{
	iso_close(_metadata);
}

/* A 64-bit kernel says armv8l to a 32-bit program, or aarch64. */
static bool on_arm64(void)
{
	struct utsname name;

	return !uname(&name) && (!strcmp(name.machine, "aarch64") ||
				 !strncmp(name.machine, "armv8", 5));
}

static void ignore(int sig)
{
}

static void act_vfp(struct iso_shared *sh)
{
	int tries;

	/* A signal frame takes the registers away, to be loaded again. */
	iso_prctl(0);
	signal(SIGUSR2, ignore);
	raise(SIGUSR2);
	/* Not iso_enter(), which loads them. */
	for (tries = 0; tries < ISO_TRIES; tries++) {
		sh->val[0] = iso_prctl(ISO_USR1);
		if (!sh->val[0] || errno != EAGAIN)
			break;
		iso_sleep_ms(10);
	}
	__asm__ __volatile__("vmov.f32 s0, s0");
	sh->val[1] = 1;
}

TEST_F_TIMEOUT(iso, vfp, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_vfp };

	if (on_arm64())
		SKIP(return, "arm64 does not load the registers lazily");
	iso_start_acted(_metadata, &c);
	EXPECT_EQ(0, iso.sh->val[0]);
	iso_expect_loss(_metadata, SIGUSR1, "trap (undefined instruction)");
	EXPECT_EQ(1, iso.sh->val[1]);
}

static unsigned int words[4] = { 0x04030201, 0x08070605, 0x0c0b0a09 };

static void act_unaligned(struct iso_shared *sh)
{
	register unsigned int a __asm__("r4"), b __asm__("r5");

	__asm__ __volatile__("ldm %2, {r4, r5}"
			     : "=r" (a), "=r" (b)
			     : "r" ((char *)words + 1) : "memory");
	sh->val[1] = a;
	sh->val[2] = b;
}

/* A child tries. Whether the kernel makes up for it, the processor never does. */
static bool fixed_up_for_child(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		act_unaligned(iso.sh);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

/* What /proc/cpu/alignment says: 2 in its mode is to fix up. arm64 has no such file. */
static bool fixed_up(void)
{
	char buf[1024], *p;

	if (on_arm64())
		return fixed_up_for_child();
	if (iso_read_file("/proc/cpu/alignment", buf, sizeof(buf)) < 0)
		return false;
	p = strstr(buf, "User faults:");
	return p && atoi(p + strlen("User faults:")) & 2;
}

TEST_F_TIMEOUT(iso, alignment, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_unaligned };

	if (!fixed_up())
		SKIP(return, "the kernel does not fix up unaligned accesses");
	iso_start_acted(_metadata, &c);
	iso_expect_loss(_metadata, SIGUSR1, "trap (alignment)");
	EXPECT_EQ(0x05040302, iso.sh->val[1]);
	EXPECT_EQ(0x09080706, iso.sh->val[2]);
}

static void act_cacheflush(struct iso_shared *sh)
{
	sh->val[1] = syscall(ARM_CACHEFLUSH, words, words + 4, 0);
}

TEST_F_TIMEOUT(iso, cacheflush, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_cacheflush };

	iso_start_acted(_metadata, &c);
	iso_expect_refused(_metadata, SIGUSR1, ARM_CACHEFLUSH);
	EXPECT_EQ(0, iso.sh->val[1]);
}

ISO_ACT_JUMP(kernel_address, __asm__ __volatile__("ldr r4, [%0]"
						  : : "r" (0xffff8000U) : "r4"))

TEST_F_TIMEOUT(iso, trap_kernel_address, ISO_TIMEOUT)
{
	const struct iso_case c = { .flags = ISO_USR1, .act = act_kernel_address };

	iso_start_acted(_metadata, &c);
	iso_expect_one(_metadata, SIGSEGV);
	EXPECT_EQ(getpid(), iso.sh->val[1]);
}

#else /* !__arm__ */

TEST(arm_vfp)
{
	iso_elsewhere(_metadata, "not arm");
}

TEST(arm_alignment)
{
	iso_elsewhere(_metadata, "not arm");
}

TEST(arm_cacheflush)
{
	iso_elsewhere(_metadata, "not arm");
}

TEST(arm_trap_kernel_address)
{
	iso_elsewhere(_metadata, "not arm");
}

#endif /* __arm__ */

TEST_HARNESS_MAIN
