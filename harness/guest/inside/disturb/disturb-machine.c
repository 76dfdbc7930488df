// SPDX-License-Identifier: GPL-2.0
/*
 * The disturber bench: what is done to the whole machine, or waits for all of it.
 */
#include "disturb-kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

/* Limits of CPU time */
#define LIMITED	"/sys/fs/cgroup/limited"

static const char *prepare_cpu_max(void)
{
	const char *why;

	if (iso_write_file("/sys/fs/cgroup/cgroup.subtree_control", "+cpu"))
		return "no cgroup v2 that limits CPU time";
	why = prepare_cgroup();
	if (why || (why = missing(CGROUP "/cpu.max")))
		return why;
	/* The first limit of all switches code on, which is another disturbance. */
	mkdir(LIMITED, 0755);
	if (iso_write_file(LIMITED "/cpu.max", "50000 100000"))
		return missing(LIMITED "/cpu.max");
	return NULL;
}

/* Less than the whole CPU, which is what the victim uses */
static int inject_cpu_max(int round)
{
	return iso_write_file(CGROUP "/cpu.max", "50000 100000");
}

static void undo_cpu_max(void)
{
	iso_write_file(CGROUP "/cpu.max", "max");
}

static void finish_cpu_max(void)
{
	finish_cgroup();
	rmdir(LIMITED);
	/* The last limit that goes switches code off. */
	finish_later();
}

/* Far away. The kernel counts the process's time in the tick all the same. */
static int inject_rlimit(int round)
{
	struct rlimit far = { 1000000, RLIM_INFINITY };

	return syscall(SYS_prlimit64, sh->victim_pid, RLIMIT_CPU, &far, NULL);
}

/*
 * It goes on counting until the limit is reached, whatever becomes of the limit. The
 * victim ignores the signal.
 */
static void undo_rlimit(void)
{
	struct rlimit reached = { 1, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };

	syscall(SYS_prlimit64, sh->victim_pid, RLIMIT_CPU, &reached, NULL);
	iso_sleep_ms(50);
	syscall(SYS_prlimit64, sh->victim_pid, RLIMIT_CPU, &none, NULL);
}

/* What waits for all CPUs, or looks at each */

#define BARRIER	"/sys/module/rcutree/parameters/do_rcu_barrier"

/* The victim frees something before it is isolated, from now on. */
static const char *prepare_rcu_barrier(void)
{
	if (access(BARRIER, W_OK))
		return missing(BARRIER);
	STORE(sh->frees, 1);
	return NULL;
}

/* The victim has just freed it: what the injection before led to has seen to that. */
static int inject_rcu_barrier(int round)
{
	give_order(VICTIM_SYSCALL);
	wait_loss(1000);
	if (!wait_isolated())
		return -1;
	/* What the victim has done by order is not what this is about. */
	start_over();
	return iso_write_file(BARRIER, "1");
}

static void finish_rcu_barrier(void)
{
	STORE(sh->frees, 0);
}

/* Each CPU's counters are gathered this often by default: once a second. */
static int inject_vmstat(int round)
{
	iso_sleep_ms(1100);
	return 0;
}

/*
 * A clock that another one is compared with, at last on each CPU. It takes half a
 * minute, and it takes that the other tests of the watchdog have been passed.
 */
#define CLOCK_TEST	"/ti/clocksource-wdtest.ko"

static const char *prepare_clock_watchdog(void)
{
	return access(CLOCK_TEST, R_OK) ? "no such test was built" : NULL;
}

static int inject_clock_watchdog(int round)
{
	if (load_module(CLOCK_TEST))
		return -1;
	/* That was one already, and not of this kind. */
	finish_later();
	if (!settle())
		return -1;
	start_over();
	wait_loss(60000);
	return 0;
}

static void finish_clock_watchdog(void)
{
	syscall(SYS_delete_module, "clocksource_wdtest", O_NONBLOCK);
}

/* Functions are replaced, for each thread when it does not run them. */
#define LIVEPATCH	"/ti/livepatch-sample.ko"
#define PATCHED		"/sys/kernel/livepatch/livepatch_sample/"

static const char *prepare_livepatch(void)
{
	return access(LIVEPATCH, R_OK) ? "no module with replaced functions was built" : NULL;
}

static void wait_transition(void)
{
	for (int s = 0; s < 60; s++)
		if (iso_wait_file(PATCHED "transition", "0"))
			return;
}

static int inject_livepatch(int round)
{
	if (load_module(LIVEPATCH))
		return -1;
	wait_transition();
	return 0;
}

static void undo_livepatch(void)
{
	iso_write_file(PATCHED "enabled", "0");
	for (int s = 0; s < 60 && !access(PATCHED "enabled", F_OK); s++)
		iso_sleep_ms(1000);
	syscall(SYS_delete_module, "livepatch_sample", O_NONBLOCK);
}

/* Suspend, which gets no further than to stop all tasks. */
#define POWER	"/sys/power/"

static const char *prepare_suspend(void)
{
	/* Seconds until it goes on again */
	iso_write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
	return iso_write_file(POWER "pm_test", "freezer") ?
	       "this kernel can't be made to try a suspend" : NULL;
}

static int inject_suspend(int round)
{
	return iso_write_file(POWER "state", "freeze");
}

static void finish_suspend(void)
{
	iso_write_file(POWER "pm_test", "none");
}

/* The emulator, which has a port of the guest for a terminal */
#define MONITOR	"/dev/ttyS2"

static int monitor = -1;

static const char *prepare_nmi(void)
{
	struct termios t;

	monitor = open(MONITOR, O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (monitor < 0 || tcgetattr(monitor, &t))
		return "the guest has no port that leads to its emulator";
	/* What the emulator says is not to come back to it. */
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL;
	tcsetattr(monitor, TCSANOW, &t);
	tcflush(monitor, TCIFLUSH);
	return NULL;
}

static int inject_nmi(int round)
{
	return write(monitor, "nmi\n", 4) == 4 ? 0 : -1;
}

static void undo_nmi(void)
{
	tcflush(monitor, TCIFLUSH);
}

static const struct kind list[] = {
	{ "cpu_max", "the victim's cgroup gets half a CPU",
	  /* Once a second a kworker does what its tick would, and finds that it is used up. */
	  { { CAUSE(RESCHED), WHO_SENDER | WHO_OTHER, NULL, "kworker/" }, PATCH },
	  .prepare = prepare_cpu_max, .inject = inject_cpu_max, .undo = undo_cpu_max,
	  .finish = finish_cpu_max, .most = 5 },
	{ "cpu_limit", "the victim's process gets a limit of CPU time",
	  { { CAUSE(IRQ_WORK), WHO_SENDER, "nohz_full_kick_func" } },
	  .inject = inject_rlimit, .undo = undo_rlimit },
	{ "rcu_barrier", "all callbacks of RCU are waited for, some of that CPU",
	  { CALL("rcu_barrier_handler") }, .quiet = "RCU has called them by then",
	  .prepare = prepare_rcu_barrier, .inject = inject_rcu_barrier,
	  .finish = finish_rcu_barrier },
	{ "vmstat", "the counters of each CPU are gathered", { { CAUSE_WAKE, WHO_OTHER, WAKES } },
	  .quiet = "CPUs that are set aside are left out", .inject = inject_vmstat,
	  .most = 5 },
	{ "clock_watchdog", "a clock is compared with that of each CPU",
	  { { CAUSE(IPI_FUNC), WHO_TIMER, "watchdog_check_skew_remote" }, UNMAP },
	  .quiet = "the clock did not get as far as to be compared there",
	  .prepare = prepare_clock_watchdog, .inject = inject_clock_watchdog,
	  .finish = finish_clock_watchdog, .most = 1 },
	{ "livepatch", "functions of the kernel are replaced",
	  { PATCH, UNMAP, { CAUSE_WAKE, WHO_SENDER | WHO_OTHER, WAKES, "kworker/" },
	    { CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER, "ftrace_sync_ipi", "kworker/" } },
	  .prepare = prepare_livepatch, .inject = inject_livepatch, .undo = undo_livepatch,
	  .finish = finish_later, .most = 1 },
	{ "suspend", "all tasks are stopped for a suspend", { BY(CAUSE(STOP)), PATCH },
	  .prepare = prepare_suspend, .inject = inject_suspend, .finish = finish_suspend,
	  .most = 5 },
	{ "nmi", "an NMI of the machine", { OWN(NMI) },
	  .prepare = prepare_nmi, .inject = inject_nmi, .undo = undo_nmi },
	{ "mce", "a machine check that the victim survives",
	  .never = "where the emulator injects one, the guest mostly hangs or dies of it" },
	{ "microcode", "new microcode is loaded",
	  .never = "the emulated CPUs have none" },
	{ "cpufreq", "the frequency of that CPU is changed, or asked for",
	  .never = "the emulated CPUs have only one" },
	{ "managed_irq", "an interrupt that the kernel spreads over the CPUs",
	  .never = "the guest has no device with an interrupt for each CPU" },
	{ "hardware_counter", "one overflows, as the hard lockup detector has it",
	  .never = "the emulated CPUs have none" },
	{ "sensor", "the hardware is too hot, or reports errors that it has mended",
	  .never = "the emulated CPUs have no such interrupts" },
	{ "clock_unstable", "the clock turns out to be unstable",
	  .never = "nobody could be isolated any more: contract_test has a boot of its own" },
	{ "resume", "the clocks go on after the machine has slept",
	  .never = "a guest does not sleep in this bench, see suspend" },
	{ "sched_ext", "a scheduler made of BPF programs takes over",
	  .never = "there is none in the guest" },
	{ "firmware", "firmware or a hypervisor takes the CPU away",
	  .never = "no kernel can see it: a gap in the program's own clock is all there is" },
};

const struct kinds machine_kinds = { list, sizeof(list) / sizeof(list[0]) };
