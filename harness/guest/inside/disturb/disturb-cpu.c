// SPDX-License-Identifier: GPL-2.0
/*
 * The disturber bench: calls, devices, and CPUs that come and go.
 */
#include "disturb-kinds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/perf_event.h>

/* Calls to that CPU */

static int perf_fd = -1;

static int inject_perf(int round)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_CONTEXT_SWITCHES,
	};

	perf_fd = syscall(SYS_perf_event_open, &attr, -1, iso_cpu, -1, 0);
	return perf_fd < 0 ? -1 : 0;
}

static void undo_perf(void)
{
	if (perf_fd >= 0)
		close(perf_fd);
	perf_fd = -1;
}

/* One whose frequency is kept by the tick, of each CPU, wherever it runs */
static int inject_perf_frequency(int round)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_PAGE_FAULTS, .freq = 1, .sample_freq = 100,
	};

	perf_fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	return perf_fd < 0 ? -1 : 0;
}

static int inject_perf_thread(int round)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK,
	};

	perf_fd = syscall(SYS_perf_event_open, &attr, sh->victim_tid, -1, -1, 0);
	return perf_fd < 0 ? -1 : 0;
}

/* A timer on that CPU. A thread that is isolated while it runs would be told of it. */
static int inject_perf_clock(int round)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK, .sample_period = 10000000,
	};

	perf_fd = syscall(SYS_perf_event_open, &attr, -1, iso_cpu, -1, 0);
	return perf_fd < 0 ? -1 : 0;
}

static void undo_perf_clock(void)
{
	iso_sleep_ms(50);
	undo_perf();
}

static char msr_path[64], cpuid_path[64];

static const char *prepare_cpuid(void)
{
	snprintf(cpuid_path, sizeof(cpuid_path), "/dev/cpu/%d/cpuid", iso_cpu);
	return access(cpuid_path, R_OK) ? "no /dev/cpu/N/cpuid" : NULL;
}

static int inject_cpuid(int round)
{
	int fd = open(cpuid_path, O_RDONLY), n;
	char regs[16];

	n = pread(fd, regs, sizeof(regs), 0);
	close(fd);
	return n == sizeof(regs) ? 0 : -1;
}

/* All that sysfs says of that CPU */
static void read_folder(const char *path, int depth)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char below[512], buf[4096];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (entry->d_type == DT_DIR && depth)
			read_folder(below, depth - 1);
		else if (entry->d_type == DT_REG)
			iso_read_file(below, buf, sizeof(buf));
	}
	if (dir)
		closedir(dir);
}

static int inject_cpu_read(int round)
{
	char path[64], buf[4096];

	snprintf(path, sizeof(path), CPUS "cpu%d", iso_cpu);
	read_folder(path, 2);
	return iso_read_file("/proc/cpuinfo", buf, sizeof(buf)) > 0 &&
	       iso_read_file("/proc/stat", buf, sizeof(buf)) > 0 ? 0 : -1;
}

static const char *prepare_msr(void)
{
	snprintf(msr_path, sizeof(msr_path), "/dev/cpu/%d/msr", iso_cpu);
	return access(msr_path, R_OK) ? "no /dev/cpu/N/msr" : NULL;
}

static int inject_msr(int round)
{
	int fd = open(msr_path, O_RDONLY), n;
	unsigned long long tsc;

	n = pread(fd, &tsc, sizeof(tsc), 0x10);
	close(fd);
	return n == sizeof(tsc) ? 0 : -1;
}

#define CHECK_INTERVAL	"/sys/devices/system/machinecheck/machinecheck0/check_interval"

static const char *prepare_mce_restart(void)
{
	return missing(CHECK_INTERVAL);
}

static int inject_mce_restart(int round)
{
	return iso_write_file(CHECK_INTERVAL, round & 1 ? "300" : "301");
}

/* Is there another clock, which the kernel's timers can do with as well? */
#define CLOCK		"/sys/devices/system/clocksource/clocksource0/"

static char clock_old[64], clock_new[64];

static const char *prepare_clocksource(void)
{
	char all[256], *name, *save = NULL;

	if (iso_read_file(CLOCK "current_clocksource", clock_old, sizeof(clock_old)) < 0 ||
	    iso_read_file(CLOCK "available_clocksource", all, sizeof(all)) < 0)
		return "no clocksource in sysfs";
	strtok(clock_old, " \n");
	for (name = strtok_r(all, " \n", &save); name; name = strtok_r(NULL, " \n", &save)) {
		if (strcmp(name, clock_old) && !clock_new[0])
			snprintf(clock_new, sizeof(clock_new), "%s", name);
	}
	return clock_new[0] ? NULL : "there is only one clocksource";
}

static int inject_clocksource(int round)
{
	return iso_write_file(CLOCK "current_clocksource", clock_new);
}

static void undo_clocksource(void)
{
	iso_write_file(CLOCK "current_clocksource", clock_old);
}

/* A network namespace that goes away looks for its packets on each CPU. */
static const char *prepare_netns(void)
{
	return access("/proc/self/ns/net", R_OK) ? "no network namespaces" : NULL;
}

static int inject_netns(int round)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(unshare(CLONE_NEWNET) ? errno : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

static const char *prepare_rps(void)
{
	static const char path[] = "/sys/class/net/lo/queues/rx-0/rps_cpus";
	char mask[16];

	snprintf(mask, sizeof(mask), "%x", 1 << iso_cpu);
	if (iso_write_file(path, mask))
		return missing(path) ?: "the kernel refuses to steer packets to an isolated CPU";
	return NULL;
}

/* To itself, by way of the loopback device */
static int inject_rps(int round)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), n;

	n = sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return n == 1 ? 0 : -1;
}

static void finish_rps(void)
{
	iso_write_file("/sys/class/net/lo/queues/rx-0/rps_cpus", "0");
}

static int inject_clock(int round)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	/* Never back to where it began: it can't be set to before the guest was booted. */
	ts.tv_sec += round & 1 ? -1 : 2;
	return clock_settime(CLOCK_REALTIME, &ts);
}

#define HOTPLUG	CPUS "cpu1/online"

static const char *prepare_hotplug(void)
{
	return missing(HOTPLUG);
}

static int inject_hotplug(int round)
{
	return iso_write_file(HOTPLUG, "0");
}

static void undo_hotplug(void)
{
	cpu_set_t set;

	iso_write_file(HOTPLUG, "1");
	/* Whatever ran there has been moved away. */
	CPU_ZERO(&set);
	CPU_SET(1, &set);
	sched_setaffinity(sh->sibling_tid, sizeof(set), &set);
}

static char offline_path[64];

static const char *prepare_offline(void)
{
	snprintf(offline_path, sizeof(offline_path), CPUS "cpu%d/online", iso_cpu);
	return missing(offline_path);
}

static int inject_offline(int round)
{
	return iso_write_file(offline_path, "0");
}

/* The victim has been moved away, and its affinity is gone. */
static void undo_offline(void)
{
	iso_write_file(offline_path, "1");
	victim_affinity(false);
}

static const char *prepare_sysrq(void)
{
	return missing("/proc/sysrq-trigger");
}

static int inject_sysrq(int round)
{
	return iso_write_file("/proc/sysrq-trigger", "l");
}

/* A device, whose interrupt is sent there */

static char irq_path[64], irq_old[64];
static int dev_irq;
static unsigned long dev_hwirq;
static long dev_count;

/* The number under which the kernel has counted it there */
static bool check_device(const struct task_isolation_record *r)
{
	/* The thread that handles it has been moved there before. */
	if (r->cause != TASK_ISOLATION_IRQ)
		return true;
	return r->number == (unsigned int)dev_irq && r->hwirq == dev_hwirq &&
	       (long)iso_irq_count(dev_irq, iso_cpu) > dev_count;
}

static int find_device(void)
{
	char name[256];

	return iso_find_irq(iso_rng_name(name, sizeof(name)) ? name : "ttyS0");
}

static const char *prepare_device(void)
{
	char text[64];

	dev_irq = find_device();
	if (dev_irq < 0)
		return "no device that can be made to interrupt";
	snprintf(text, sizeof(text), "/sys/kernel/irq/%d/hwirq", dev_irq);
	if (iso_read_file(text, irq_old, sizeof(irq_old)) < 0)
		return missing(text) ?: "its number is not known";
	dev_hwirq = strtoul(irq_old, NULL, 0);
	snprintf(irq_path, sizeof(irq_path), "/proc/irq/%d/smp_affinity_list", dev_irq);
	iso_read_file(irq_path, irq_old, sizeof(irq_old));
	snprintf(text, sizeof(text), "%d", iso_cpu);
	if (iso_write_file(irq_path, text))
		return "its affinity can't be set";
	return NULL;
}

static int inject_device(int round)
{
	char data[64];
	int fd = open("/dev/hwrng", O_RDONLY | O_NONBLOCK), n;

	dev_count = (long)iso_irq_count(dev_irq, iso_cpu);
	if (fd >= 0) {
		struct pollfd p = { .fd = fd };

		poll(&p, 1, 1);
		n = read(fd, data, sizeof(data));
	} else {
		fd = open("/dev/ttyS0", O_WRONLY | O_NONBLOCK);
		n = write(fd, "\r\n", 2);
	}
	close(fd);
	return n < 0 && errno != EAGAIN ? -1 : 0;
}

static void finish_device(void)
{
	iso_write_file(irq_path, irq_old);
}

#define MTRR	"/proc/mtrr"

static const char *prepare_mtrr(void)
{
	return missing(MTRR);
}

/* An address where this machine has nothing */
static int inject_mtrr(int round)
{
	return iso_write_file(MTRR, "base=0x7fe0000000 size=0x100000 type=uncachable");
}

static void undo_mtrr(void)
{
	char text[4096], number[32], *line, *save = NULL;

	if (iso_read_file(MTRR, text, sizeof(text)) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strstr(line, "base=0x7fe0000000"))
			continue;
		snprintf(number, sizeof(number), "disable=%d", atoi(line + strlen("reg")));
		iso_write_file(MTRR, number);
	}
}

/* What drivers do. Programs can't, but by files of the kernel's own tests. */
#define QUEUE	"/sys/kernel/debug/task_isolation_queue/"

static const char *prepare_queue(void)
{
	return missing(QUEUE "timer");
}

static int queue_there(const char *path)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", iso_cpu);
	return iso_write_file(path, text);
}

static int inject_timer(int round)
{
	return queue_there(QUEUE "timer");
}

static int inject_delayed_work(int round)
{
	return queue_there(QUEUE "delayed_work");
}

static int inject_irq_work(int round)
{
	return queue_there(QUEUE "irq_work");
}

/* It is due after 10 ms, and then a worker of that CPU may have something to do. */
static void undo_queue(void)
{
	iso_sleep_ms(50);
}

static const struct kind list[] = {
	{ "perf", "perf_event_open() on that CPU", { CALL("remote_function"), PATCH },
	  .inject = inject_perf, .undo = undo_perf, .finish = finish_later },
	{ "perf_thread", "perf_event_open() of the victim", { CALL("remote_function"), PATCH },
	  .inject = inject_perf_thread, .undo = undo_perf, .finish = finish_later },
	{ "perf_frequency", "a perf event of another thread that has a frequency",
	  { { CAUSE(IRQ_WORK), WHO_SENDER, "nohz_full_kick_func" }, PATCH },
	  .inject = inject_perf_frequency, .undo = undo_perf, .finish = finish_later },
	{ "perf_clock", "a perf event that needs a timer on that CPU",
	  { CALL("remote_function"), OWN(TIMER) },
	  .inject = inject_perf_clock, .undo = undo_perf_clock },
	{ "cpu_read", "all that sysfs and /proc say of that CPU", { BY(CAUSE(IPI_FUNC)) },
	  .quiet = "it only reads", .inject = inject_cpu_read },
	{ "msr", "a register of that CPU is read", { CALL("__rdmsr_safe_on_cpu") },
	  .prepare = prepare_msr, .inject = inject_msr },
	{ "cpuid", "the same, of its identification", { CALL("cpuid_smp_cpuid") },
	  .prepare = prepare_cpuid, .inject = inject_cpuid },
	{ "mce_restart", "the interval of machine check polling is changed",
	  { CALL("mce_cpu_restart") }, .prepare = prepare_mce_restart,
	  .inject = inject_mce_restart },
	{ "clock", "the clock is set", { CALL("retrigger_next_event") },
	  .quiet = "no timer of that CPU follows the clock", .inject = inject_clock },
	{ "clocksource", "another clocksource, by stop_machine()",
	  { WAKE, CALL(ARCH_SYNC) },
	  .prepare = prepare_clocksource, .inject = inject_clocksource,
	  .undo = undo_clocksource },
	{ "hotplug", "another CPU is taken down and up",
	  { { CAUSE(IRQ_WORK), WHO_OTHER, "nohz_full_kick_func", "cpuhp/" }, WAKE,
	    ARCH_STARTING },
	  .prepare = prepare_hotplug, .inject = inject_hotplug, .undo = undo_hotplug },
	{ "offline", "that CPU is taken down and up", { BY(CAUSE(AFFINITY)), WAKE, PATCH },
	  .prepare = prepare_offline, .inject = inject_offline, .undo = undo_offline },
	{ "netns", "a network namespace comes and goes",
	  { { CAUSE_WAKE, WHO_SENDER | WHO_OTHER, WAKES, "kworker/" },
	    { CAUSE(IPI_FUNC), WHO_OTHER, "rcu_barrier_handler", "kworker/" } },
	  .quiet = "no packet waits on that CPU", .prepare = prepare_netns,
	  .inject = inject_netns, .finish = finish_later },
	{ "rps", "packets are steered there", { BY(CAUSE(IPI_FUNC)) },
	  .prepare = prepare_rps, .inject = inject_rps, .finish = finish_rps },
	{ "backtrace", "SysRq-L: an NMI, or what stands for it",
	  { ARCH_BACKTRACE }, .prepare = prepare_sysrq, .inject = inject_sysrq },
	/* With PREEMPT_RT a thread handles the interrupt, and follows it there. */
	{ "device", "a device interrupts that CPU",
	  { OWN(IRQ), { CAUSE_WAKE, WHO_OTHER, WAKES, "migration/" } },
	  .quiet = "the device has answered before", .prepare = prepare_device,
	  .inject = inject_device, .check = check_device, .finish = finish_device },
	{ "timer", "a timer is queued on that CPU, by a driver",
	  { { CAUSE(IRQ_WORK), WHO_SENDER, "nohz_full_kick_func" } },
	  .prepare = prepare_queue, .inject = inject_timer, .undo = undo_queue },
	/* The timer of which stays here. */
	{ "delayed_work", "work is queued on that CPU, for later",
	  { { CAUSE_WAKE, WHO_INTERRUPT, WAKES } },
	  .prepare = prepare_queue, .inject = inject_delayed_work, .undo = undo_queue },
	{ "irq_work", "an irq_work is queued on that CPU",
	  { { CAUSE(IRQ_WORK), WHO_SENDER, "queue_irq_work_func" } },
	  .prepare = prepare_queue, .inject = inject_irq_work },
	{ "mtrr", "the type of memory is changed, by stop_machine()", { WAKE },
	  .prepare = prepare_mtrr, .inject = inject_mtrr, .undo = undo_mtrr },
	{ "resctrl", "a share of the cache is changed",
	  .never = "the emulated CPUs don't share theirs out" },
	{ "padata", "work is spread over the CPUs",
	  .never = "only the boot does that, and IPsec with a cipher that is asked for" },
};

const struct kinds cpu_kinds = { list, sizeof(list) / sizeof(list[0]) };
