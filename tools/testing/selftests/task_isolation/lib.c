// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation test library, see lib.h
 */
#include "lib.h"

#include <dirent.h>

#define MAX_SHARES	8

struct iso_shared *iso_sh;
void (*iso_hook)(int sig);
char *iso_selector;
sigjmp_buf iso_env;
int iso_jump;

/* Memory that a victim has to touch before it is isolated */
static struct {
	void	*area;
	size_t	size;
} shares[MAX_SHARES];
static int nr_shares;

/**
 * iso_record - Read the record of the calling thread
 * @rec:	The record, cleared before
 *
 * Return: 0, or -1 with errno set
 */
int iso_record(struct task_isolation_record *rec)
{
	memset(rec, 0, sizeof(*rec));
	return prctl(PR_TASK_ISOLATION_RECORD, rec, sizeof(*rec), 0UL, 0UL);
}

/**
 * iso_now_ns - Read the clock of the record
 *
 * Return: CLOCK_MONOTONIC in ns
 */
uint64_t iso_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/**
 * iso_drop_uid - Take all privileges from the calling thread, and from no other
 *
 * Return: 0, or -1 with errno set
 */
int iso_drop_uid(void)
{
#ifdef SYS_setresuid32
	return syscall(SYS_setresuid32, ISO_NOBODY, ISO_NOBODY, ISO_NOBODY);
#else
	return syscall(SYS_setresuid, ISO_NOBODY, ISO_NOBODY, ISO_NOBODY);
#endif
}

/**
 * iso_sleep_ms - Sleep, also across signals
 * @ms:		Time in ms
 */
void iso_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/**
 * iso_read_file - Read a file, without the newline at its end
 * @path:	The file
 * @buf:	Its text, empty after an error
 * @len:	Size of @buf. The rest of a longer file is left out.
 *
 * Return: length of the text, or -1 with errno set
 */
int iso_read_file(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n, all = 0;

	buf[0] = '\0';
	if (fd < 0)
		return -1;
	/* Those of procfs come in pieces. */
	while ((n = read(fd, buf + all, len - 1 - all)) > 0)
		all += n;
	close(fd);
	if (n < 0) {
		buf[0] = '\0';
		return -1;
	}
	while (all > 0 && (buf[all - 1] == '\n' || buf[all - 1] == ' '))
		all--;
	buf[all] = '\0';
	return all;
}

/**
 * iso_write_file - Write to a file that exists, in one piece
 * @path:	The file
 * @text:	What to write
 *
 * Return: 0, or -1 with errno set
 */
int iso_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	err = errno;
	close(fd);
	errno = err;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/**
 * iso_wait_file - Wait until a file contains a text
 * @path:	The file
 * @want:	The text
 *
 * Return: %false if it does not within ISO_WAIT_MS
 */
bool iso_wait_file(const char *path, const char *want)
{
	char text[512];
	int ms;

	for (ms = 0; ms < ISO_WAIT_MS; ms++) {
		iso_read_file(path, text, sizeof(text));
		if (strstr(text, want))
			return true;
		iso_sleep_ms(1);
	}
	return false;
}

/**
 * iso_tmpfile - Create a file without a name
 * @pages:	Its length in pages
 *
 * Return: a file descriptor, or -1 with errno set
 */
int iso_tmpfile(unsigned int pages)
{
	char name[] = "/tmp/task_isolation.XXXXXX";
	int fd;

	fd = mkstemp(name);
	if (fd < 0)
		return -1;
	unlink(name);
	if (ftruncate(fd, (off_t)pages * sysconf(_SC_PAGESIZE))) {
		close(fd);
		return -1;
	}
	return fd;
}

/**
 * iso_mount_cgroup - Mount cgroup v2 at ISO_CGROUP, if it is not there
 *
 * Return: %false if there is none
 */
bool iso_mount_cgroup(void)
{
	if (!access(ISO_CGROUP "/cgroup.controllers", F_OK))
		return true;
	return !mount("none", ISO_CGROUP, "cgroup2", 0, NULL) &&
	       !access(ISO_CGROUP "/cgroup.controllers", F_OK);
}

/**
 * iso_mount_tracefs - Mount tracefs at ISO_TRACEFS, if it is not there
 *
 * Return: %false if there is none
 */
bool iso_mount_tracefs(void)
{
	return !access(ISO_TRACEFS "/trace", F_OK) ||
	       !mount("tracefs", ISO_TRACEFS, "tracefs", 0, NULL);
}

/**
 * iso_cgroup_settle - Wait until removed control groups are gone
 *
 * What the kernel does for them afterwards may patch its code, which interrupts
 * every CPU. That must not hit the next test.
 */
void iso_cgroup_settle(void)
{
	char stat[1024];
	int ms;

	for (ms = 0; ms < 10000; ms++) {
		if (iso_read_file(ISO_CGROUP "/cgroup.stat", stat, sizeof(stat)) < 0 ||
		    strstr(stat, "nr_dying_descendants 0"))
			return;
		iso_sleep_ms(1);
	}
}

/**
 * iso_remove_cpuset - Remove a cpuset of the tests, and wait until it is gone
 * @dir:	Its directory, which need not exist
 */
void iso_remove_cpuset(const char *dir)
{
	if (rmdir(dir))
		return;
	iso_write_file(ISO_CGROUP "/cgroup.subtree_control", "-cpuset");
	iso_cgroup_settle();
}

/**
 * iso_wait_state - Wait until a process sleeps, is stopped, or is in another state
 * @pid:	The process
 * @state:	The letter of the state in /proc/PID/stat
 * @times:	The state has to be seen so often, once per ms without another one
 *		in between
 *
 * Return: %false if it is not within ISO_WAIT_MS
 */
bool iso_wait_state(pid_t pid, char state, int times)
{
	char path[64], stat[512], *p;
	int ms, seen = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (ms = 0; ms < ISO_WAIT_MS && seen < times; ms++) {
		iso_read_file(path, stat, sizeof(stat));
		p = strrchr(stat, ')');
		seen = p && p[1] && p[2] == state ? seen + 1 : 0;
		iso_sleep_ms(1);
	}
	return seen == times;
}

/**
 * iso_parse_cpus - Parse a CPU list such as "1,3-5"
 * @list:	The list
 * @set:	Its CPUs
 *
 * Return: number of CPUs in @set
 */
int iso_parse_cpus(const char *list, cpu_set_t *set)
{
	const char *p = list;
	char *end;

	CPU_ZERO(set);
	while (*p) {
		unsigned long first, last;

		first = strtoul(p, &end, 10);
		if (end == p)
			break;
		last = first;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (; first <= last && first < CPU_SETSIZE; first++)
			CPU_SET(first, set);
		if (*end != ',')
			break;
		p = end + 1;
	}
	return CPU_COUNT(set);
}

/**
 * iso_read_cpus - Read a CPU list from a file
 * @path:	The file
 * @set:	Its CPUs, none after an error
 *
 * Return: number of CPUs in @set, or -1 if the file can't be read
 */
int iso_read_cpus(const char *path, cpu_set_t *set)
{
	char buf[1024];

	CPU_ZERO(set);
	if (iso_read_file(path, buf, sizeof(buf)) < 0)
		return -1;
	return iso_parse_cpus(buf, set);
}

/**
 * iso_housekeeping - Find the CPUs which run everything but the victims
 * @set:	The CPUs which are online, no isolation CPUs and not in nohz_full=
 */
void iso_housekeeping(cpu_set_t *set)
{
	cpu_set_t online, iso, nohz;
	int cpu;

	CPU_ZERO(set);
	iso_read_cpus(ISO_CPUS_FILE, &iso);
	iso_read_cpus("/sys/devices/system/cpu/nohz_full", &nohz);
	iso_read_cpus("/sys/devices/system/cpu/online", &online);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &online) && !CPU_ISSET(cpu, &iso) &&
		    !CPU_ISSET(cpu, &nohz))
			CPU_SET(cpu, set);
	}
}

/**
 * iso_housekeeping_cpu - Choose a housekeeping CPU
 * @last:	The last one, otherwise the first one
 *
 * Return: the CPU, or -1 without any
 */
int iso_housekeeping_cpu(bool last)
{
	int cpu, found = -1;
	cpu_set_t set;

	iso_housekeeping(&set);
	for (cpu = 0; cpu < CPU_SETSIZE && (last || found < 0); cpu++) {
		if (CPU_ISSET(cpu, &set))
			found = cpu;
	}
	return found;
}

/**
 * iso_pin - Bind the calling thread to one CPU
 * @cpu:	The CPU
 *
 * Return: 0, or -1 with errno set
 */
int iso_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/**
 * iso_pin_housekeeping - Bind the calling thread to the housekeeping CPUs
 *
 * Return: 0, or -1 with errno set
 */
int iso_pin_housekeeping(void)
{
	cpu_set_t set;

	iso_housekeeping(&set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/**
 * iso_set_online - Take a CPU down, or up again
 * @cpu:	The CPU
 * @on:		Up
 *
 * Return: 0, or -1 with errno set
 */
int iso_set_online(int cpu, bool on)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	return iso_write_file(path, on ? "1" : "0");
}

/**
 * iso_find_cpu - Find the CPUs for the victims
 * @cpu:	The last isolation CPU, -1 without any
 * @cpu2:	Another one, -1 without a second one
 *
 * Return: %NULL, or why this machine can't run the tests
 */
const char *iso_find_cpu(int *cpu, int *cpu2)
{
	char buf[128];
	cpu_set_t set;
	int i, n;

	*cpu = -1;
	*cpu2 = -1;
	n = iso_read_cpus(ISO_CPUS_FILE, &set);
	if (n < 0)
		return "no " ISO_CPUS_FILE ": kernel without CONFIG_TASK_ISOLATION";
	if (!n)
		return ISO_CPUS_FILE " is empty: boot with nohz_full= and isolcpus=domain,";
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set)) {
			*cpu2 = *cpu;
			*cpu = i;
		}
	}
	iso_housekeeping(&set);
	if (!CPU_COUNT(&set))
		return "no housekeeping CPU";
	iso_read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		      buf, sizeof(buf));
	if (!strcmp(buf, "hpet") || !strcmp(buf, "acpi_pm") ||
	    !strcmp(buf, "refined-jiffies") || !strcmp(buf, "jiffies"))
		return "TSC unstable, so the tick cannot stop (try tsc=reliable)";
	return NULL;
}

/**
 * iso_rng_name - Find the name of virtio's random generator
 * @name:	The name that its driver has for it, in /proc/interrupts, too
 * @len:	Size of @name
 *
 * Return: %false if there is none
 */
bool iso_rng_name(char *name, size_t len)
{
	DIR *dir = opendir("/sys/bus/virtio/drivers/virtio_rng");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		found = !strncmp(entry->d_name, "virtio", strlen("virtio"));
		snprintf(name, len, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/**
 * iso_find_irq - Find an interrupt by its name
 * @name:	The name in /proc/interrupts, or a part of it
 *
 * Return: its number, or -1
 */
int iso_find_irq(const char *name)
{
	FILE *f = fopen("/proc/interrupts", "r");
	char line[1024];
	int irq = -1;

	while (f && irq < 0 && fgets(line, sizeof(line), f)) {
		if (strstr(line, name))
			irq = atoi(line);
	}
	if (f)
		fclose(f);
	return irq;
}

/**
 * iso_irq_count - Find out how often a CPU has had an interrupt
 * @irq:	Number of the interrupt
 * @cpu:	The CPU. All up to this one are online.
 *
 * Return: how often, 0 if there is no such interrupt
 */
unsigned long iso_irq_count(int irq, int cpu)
{
	FILE *f = fopen("/proc/interrupts", "r");
	unsigned long count = 0;
	char line[1024], *p;

	while (f && fgets(line, sizeof(line), f)) {
		if (strtol(line, &p, 10) != irq || *p != ':')
			continue;
		for (p++; cpu >= 0; cpu--)
			count = strtoul(p, &p, 10);
		break;
	}
	if (f)
		fclose(f);
	return count;
}

/**
 * iso_emulated - Test whether this is an emulator or a guest
 *
 * Return: %true if it is, and times mean nothing
 */
bool iso_emulated(void)
{
	static const char * const files[] = {
		"/sys/class/dmi/id/sys_vendor",
		"/sys/class/dmi/id/product_name",
		"/sys/firmware/devicetree/base/compatible",
	};
	char buf[8192], *line;
	unsigned int i;
	FILE *f;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (iso_read_file(files[i], buf, sizeof(buf)) > 0 &&
		    (strstr(buf, "QEMU") || strstr(buf, "linux,dummy-virt") ||
		     strstr(buf, "riscv-virtio")))
			return true;
	}
	f = fopen("/proc/cpuinfo", "r");
	while (f && (line = fgets(buf, sizeof(buf), f))) {
		if (strstr(line, "QEMU") || strstr(line, " hypervisor")) {
			fclose(f);
			return true;
		}
	}
	if (f)
		fclose(f);
	return false;
}

/* Counts and keeps what arrived. Isolation is off by now. */
static void handler(int sig, siginfo_t *info, void *ctx)
{
	struct iso_shared *sh = iso_sh;
	int err = errno;
	sigset_t empty;

	/* First, before a call below is taken for one that is dispatched. */
	if (iso_selector)
		__atomic_store_n(iso_selector, 0, __ATOMIC_SEQ_CST);
	sh->info = *info;
	sh->sig_cpu = sched_getcpu();
	sh->sig_tid = syscall(SYS_gettid);
	sh->told_err = iso_record(&sh->told) ? errno : 0;
	if (iso_hook)
		iso_hook(sig);
	INC(sh->sig[sig]);
	INC(sh->sig_total);
	errno = err;
	if (iso_jump) {
		/* The mask is not in iso_env, as saving it is a system call. */
		sigemptyset(&empty);
		sigprocmask(SIG_SETMASK, &empty, NULL);
		siglongjmp(iso_env, 1);
	}
}

/**
 * iso_catch - Handle a signal in a victim
 * @sig:	The signal
 */
void iso_catch(int sig)
{
	struct sigaction sa = { .sa_sigaction = handler };

	sa.sa_flags = SA_SIGINFO;
	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

/**
 * iso_catch_all - Handle most signals in a victim
 *
 * All but those which the tests use with their default action.
 */
void iso_catch_all(void)
{
	int sig;

	for (sig = 1; sig <= SIGRTMAX; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sig == SIGCONT ||
		    sig == SIGCHLD || sig == SIGTERM || sig == SIGTSTP ||
		    (sig >= 32 && sig < SIGRTMIN))
			continue;
		iso_catch(sig);
	}
}

/**
 * iso_share - Allocate memory which the victims share with the test
 * @size:	Its size in bytes
 *
 * Return: the memory, cleared, or MAP_FAILED
 */
void *iso_share(size_t size)
{
	void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (area != MAP_FAILED && nr_shares < MAX_SHARES) {
		shares[nr_shares].area = area;
		shares[nr_shares++].size = size;
	}
	return area;
}

/*
 * A shared page is mapped for writing only once it is written to. Another process
 * may be writing to it right now.
 */
static void touch(void *area, size_t size)
{
	size_t i, page = sysconf(_SC_PAGESIZE);
	int *p, old;

	for (i = 0; i < size; i += page) {
		p = (int *)((char *)area + i);
		old = LOAD(*p);
		while (!__atomic_compare_exchange_n(p, &old, old, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST))
			;
	}
}

/**
 * iso_touch_stack - Map as much of the stack as a victim may need
 */
void iso_touch_stack(void)
{
	char buf[64 * 1024];
	size_t i;

	for (i = 0; i < sizeof(buf); i += 1024)
		__atomic_store_n(&buf[i], 1, __ATOMIC_RELAXED);
}

/**
 * iso_prepare - Provide the calling thread with all that it needs while isolated
 * @sh:		Its shared memory. An error is left in @sh->err.
 * @cpu:	Its CPU
 *
 * Binds it, locks its memory, and touches what is not mapped by that.
 */
void iso_prepare(struct iso_shared *sh, int cpu)
{
	int i;

	iso_sh = sh;
	STORE(sh->tid, (int)syscall(SYS_gettid));
	iso_touch_stack();
	if (iso_pin(cpu))
		sh->err = errno;
	if (mlockall(MCL_CURRENT))
		sh->err = errno;
	touch(sh, sizeof(*sh));
	for (i = 0; i < nr_shares; i++)
		touch(shares[i].area, shares[i].size);
}

/**
 * iso_enter - Isolate the calling thread, with retries after EAGAIN
 * @sh:		Its shared memory: @sh->again counts the retries, and @sh->rec
 *		is the record after an error
 * @flags:	The argument of prctl()
 *
 * Return: 0, or the errno
 */
int iso_enter(struct iso_shared *sh, unsigned long flags)
{
	int tries;

	for (tries = 0; tries < ISO_TRIES; tries++) {
		iso_load_fpu();
		sh->ret = iso_prctl(flags);
		if (!sh->ret)
			return 0;
		sh->err = errno;
		if (sh->err != EAGAIN)
			break;
		sh->again++;
		iso_sleep_ms(10);
	}
	iso_record(&sh->rec);
	return sh->err;
}

/**
 * iso_wait_go - Wait until the test asks for an action
 * @sh:		The shared memory
 */
void iso_wait_go(struct iso_shared *sh)
{
	while (!LOAD(sh->go))
		iso_sleep_ms(1);
}

/**
 * iso_act_wait - Wait in user mode until the test ends the victim
 * @sh:		The shared memory
 *
 * Nothing but this loop, so that its address is where the victim is interrupted.
 */
void iso_act_wait(struct iso_shared *sh)
{
	iso_spin_until(&sh->stop);
}

/**
 * iso_log_open - Begin to watch the kernel log
 * @log:	The log, without any lines so far
 */
void iso_log_open(struct iso_log *log)
{
	char buf[2048];

	log->count = 0;
	log->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log->fd >= 0)
		lseek(log->fd, 0, SEEK_END);
	iso_read_file("/proc/cmdline", buf, sizeof(buf));
	log->limited = !strstr(buf, "task_isolation_debug");
}

/*
 * A kworker logs the losses. Writing the value which is there already waits until
 * it has done so for those that are over.
 */
static void log_settle(void)
{
	char on[8];

	if (iso_read_file(ISO_LOG_SYSCTL, on, sizeof(on)) > 0)
		iso_write_file(ISO_LOG_SYSCTL, on);
}

/**
 * iso_log_read - Read the lines of task isolation that are new
 * @log:	The log
 *
 * Lines of everything else are left out.
 */
void iso_log_read(struct iso_log *log)
{
	char buf[8192], *text, *end;
	ssize_t n;

	log_settle();
	while (log->fd >= 0) {
		n = read(log->fd, buf, sizeof(buf) - 1);
		/* The message was overwritten before it was read. */
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;
		buf[n] = '\0';
		text = strchr(buf, ';');
		if (!text || !strstr(text, "task_isolation"))
			continue;
		end = strchr(text, '\n');
		if (end)
			*end = '\0';
		if (log->count < ISO_LOG_LINES)
			snprintf(log->line[log->count++], ISO_LOG_LEN, "%.*s",
				 ISO_LOG_LEN - 1, text + 1);
	}
}

/* The cause in @line if that is a loss of @tid (of any thread if 0), or NULL. */
static const char *find_cause(const char *line, int tid)
{
	const char *p = strstr(line, ISO_LOST);
	char who[32];

	snprintf(who, sizeof(who), "/%d (cpu ", tid);
	return p && (!tid || strstr(line, who)) ? p + strlen(ISO_LOST) : NULL;
}

/**
 * iso_log_losses - Count the losses of a thread
 * @log:	The log, which is read before
 * @tid:	The thread, 0 for any
 * @cause:	Text of the first loss from the cause on, empty without any
 * @len:	Size of @cause
 *
 * Return: number of losses
 */
int iso_log_losses(struct iso_log *log, int tid, char *cause, size_t len)
{
	const char *p;
	int i, n = 0;

	iso_log_read(log);
	cause[0] = '\0';
	for (i = 0; i < log->count; i++) {
		p = find_cause(log->line[i], tid);
		if (p && !n++)
			snprintf(cause, len, "%s", p);
	}
	return n;
}

/**
 * iso_log_count - Count the losses of a thread that have a certain cause
 * @log:	The log, which is read before
 * @tid:	The thread, 0 for any
 * @want:	Beginning of the cause
 *
 * Return: number of losses
 */
int iso_log_count(struct iso_log *log, int tid, const char *want)
{
	const char *p;
	int i, n = 0;

	iso_log_read(log);
	for (i = 0; i < log->count; i++) {
		p = find_cause(log->line[i], tid);
		n += p && !strncmp(p, want, strlen(want));
	}
	return n;
}

/**
 * iso_log_unknown - Count the losses whose cause is unknown
 * @log:	The log, which is read before
 *
 * Return: number of losses, of any thread
 */
int iso_log_unknown(struct iso_log *log)
{
	return iso_log_count(log, 0, "unknown");
}
