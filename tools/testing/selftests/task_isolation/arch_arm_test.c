// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: ways into the kernel that only arm has. A 32-bit program on
 * arm64 has most of them, too.
 *
 * Test Summary
 *
 *  * row.vfp		Registers that are loaded at their first use
 *  * row.alignment	An access that the kernel makes up for
 *  * row.cacheflush	A system call with a number of arm's own
 *  * row.trap_*		An exception that ends in a signal: that one, no other
 */
#include <sys/utsname.h>

#include "rows.h"

#define ARM_CACHEFLUSH		0xf0002

/* A 64-bit kernel identifies as armv8l to a 32-bit program, or as aarch64. */
static bool on_arm64(void)
{
	struct utsname name;

	return !uname(&name) && (!strcmp(name.machine, "aarch64") ||
				 !strncmp(name.machine, "armv8", 5));
}

static const char *arrange_vfp(void)
{
	return on_arm64() ? "arm64 does not load the registers lazily" : NULL;
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
		sh->error = iso_prctl(ISO_USR1) ? errno : 0;
		if (sh->error != EAGAIN)
			break;
		sh->again++;
		iso_sleep_ms(10);
	}
	iso_load_fpu();
	sh->value = 1;
}

static void check_vfp(void)
{
	WANT_EQ(0, iso.sh->error);
	WANT_EQ(1, iso.sh->value);
}

static const struct stimulus stim_vfp = {
	.arrange = arrange_vfp, .act = act_vfp, .check = check_vfp, .entries = 2,
	.causes = ISO_CAUSE(TRAP), .what = "undefined instruction",
};

static unsigned int words[4] = { 0x04030201, 0x08070605, 0x0c0b0a09 };

static void act_unaligned(struct iso_shared *sh)
{
	register unsigned int a __asm__("r4"), b __asm__("r5");

	__asm__ __volatile__("ldm %2, {r4, r5}"
			     : "=r" (a), "=r" (b)
			     : "r" ((char *)words + 1) : "memory");
	sh->value = a;
	sh->second = b;
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

/* /proc/cpu/alignment: 2 in its mode is to fix up. arm64 has no such file. */
static const char *arrange_alignment(void)
{
	bool fixed_up = false;
	char buf[1024], *p;

	if (on_arm64()) {
		fixed_up = fixed_up_for_child();
	} else if (iso_read_file("/proc/cpu/alignment", buf, sizeof(buf)) > 0) {
		p = strstr(buf, "User faults:");
		fixed_up = p && atoi(p + strlen("User faults:")) & 2;
	}
	return fixed_up ? NULL : "the kernel does not fix up unaligned accesses";
}

static const struct stimulus stim_alignment = {
	.arrange = arrange_alignment, .act = act_unaligned, .value = 0x05040302,
	.second = 0x09080706,
	.causes = ISO_CAUSE(TRAP), .what = "alignment",
};

static void act_cacheflush(struct iso_shared *sh)
{
	sh->value = syscall(ARM_CACHEFLUSH, words, words + 4, 0);
}

static void check_succeeded(void)
{
	WANT_EQ(0, iso.sh->value);
}

static const struct stimulus stim_cacheflush = {
	.act = act_cacheflush, .check = check_succeeded, .causes = ISO_CAUSE(SYSCALL),
	.number = ARM_CACHEFLUSH,
};

ISO_ACT_JUMP(act_kernel_address,
	     __asm__ __volatile__("ldr r4, [%0]" : : "r" (0xffff8000U) : "r4"))

static const struct stimulus stim_trap_kernel_address = {
	.act = act_kernel_address, .causes = ISO_CAUSE(SIGNAL), .sig = SIGSEGV,
};

ROW(vfp);
ROW(alignment);
ROW(cacheflush);
ROW(trap_kernel_address);

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
