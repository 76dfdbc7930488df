/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation test helpers: the ABI, the CPU to use, the victim's memory
 * and the kernel log. Nothing here depends on the test harness; see fixture.h.
 */
#ifndef __TASK_ISOLATION_COMMON_H
#define __TASK_ISOLATION_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/task_isolation.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest.h"

#ifndef PR_TASK_ISOLATION
#define PR_TASK_ISOLATION		48
#define PR_TASK_ISOLATION_ENABLE	0x01
#define PR_TASK_ISOLATION_SET_SIG(sig)	(((sig) & 0x7f) << 8)
#endif

#ifndef PR_TASK_ISOLATION_RECORD
#define PR_TASK_ISOLATION_RECORD	49
#endif

#ifndef SI_TASK_ISOLATION
#define SI_TASK_ISOLATION		0x40
#endif

#define ISO_CPUS_FILE	"/sys/devices/system/cpu/task_isolation"
#define ISO_USR1	(PR_TASK_ISOLATION_ENABLE | \
			 PR_TASK_ISOLATION_SET_SIG(SIGUSR1))
#define ISO_MAX_SIG	72
#define ISO_MAX_CPUS	1024
/* A user without any privilege */
#define ISO_NOBODY	65534
/* How often EAGAIN is tried again where the test is not about EAGAIN. */
#define ISO_TRIES	120

#define LOAD(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)
#define INC(x)		__atomic_add_fetch(&(x), 1, __ATOMIC_SEQ_CST)

/**
 * struct iso_shared - What the victim and the test say to each other
 * @ready:	The entering call returned 0, the victim is isolated
 * @go:		The test asks the victim (or its sibling) for its action
 * @acted:	The action has returned
 * @stop:	The test asks the victim to leave and exit
 * @done:	The victim has left
 * @ret:	Result of the last entering call
 * @err:	Its errno
 * @again:	How many entering calls gave EAGAIN
 * @leave:	Result of the leaving call
 * @tid:	Thread id of the isolated thread
 * @sig:	How often the handler ran, by signal
 * @sig_total:	How often any handler ran
 * @sig_cpu:	CPU on which the last handler ran
 * @sig_tid:	Thread on which the last handler ran
 * @info:	siginfo of the last signal
 * @recorded:	How often the record was read
 * @rec:	The record that was read last
 * @sender_tid:	A thread of the victim, which interrupts it when told to go
 * @sender_cpu:	Its CPU
 * @sender_err:	The error of what it does, once it has started and again later
 * @count:	Rounds of a victim that does something many times
 * @val:	Whatever a test wants to hand over
 */
struct iso_shared {
	int		ready;
	int		go;
	int		acted;
	int		stop;
	int		done;
	int		ret;
	int		err;
	int		again;
	int		leave;
	int		tid;
	int		sig[ISO_MAX_SIG];
	int		sig_total;
	int		sig_cpu;
	int		sig_tid;
	siginfo_t	info;
	int		recorded;
	int		sender_tid;
	int		sender_cpu;
	int		sender_err;
	struct task_isolation_record rec;
	int		count;
	long		val[16];
};

static struct iso_shared *iso_sh;
static void (*iso_hook)(int sig);
/* The selector of syscall user dispatch, which the handler turns off. */
static char *iso_selector;
/* Where the handler goes instead of returning, if iso_jump is set. */
static sigjmp_buf iso_env;
static int iso_jump;

static inline int iso_prctl(unsigned long flags)
{
	return prctl(PR_TASK_ISOLATION, flags, 0UL, 0UL, 0UL);
}

/* Reads the record of the calling thread. */
static int __maybe_unused iso_record(struct task_isolation_record *rec)
{
	memset(rec, 0, sizeof(*rec));
	return prctl(PR_TASK_ISOLATION_RECORD, rec, sizeof(*rec), 0UL, 0UL);
}

static uint64_t __maybe_unused iso_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Makes a user without any privilege of the calling thread, and of no other. */
static int __maybe_unused iso_drop_uid(void)
{
#ifdef SYS_setresuid32
	return syscall(SYS_setresuid32, ISO_NOBODY, ISO_NOBODY, ISO_NOBODY);
#else
	return syscall(SYS_setresuid, ISO_NOBODY, ISO_NOBODY, ISO_NOBODY);
#endif
}

static void __maybe_unused iso_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* Reads a short file, without its newline. Returns the length or -1. */
static int __maybe_unused iso_read_file(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -1;
	n = read(fd, buf, len - 1);
	close(fd);
	if (n < 0)
		return -1;
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		n--;
	buf[n] = '\0';
	return n;
}

static int __maybe_unused iso_write_file(const char *path, const char *text)
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

/*
 * Finds the line "KEY=VALUE" in what the kernel says of the last loss on @cpu.
 * That is one file, as it is of one loss.
 */
static bool __maybe_unused iso_read_last(int cpu, const char *key, char *value, size_t size)
{
	size_t len = strlen(key);
	char path[80], text[512], *line;

	value[0] = '\0';
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/task_isolation/last", cpu);
	if (iso_read_file(path, text, sizeof(text)) < 0)
		return false;
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) || line[len] != '=')
			continue;
		line += len + 1;
		snprintf(value, size, "%.*s", (int)strcspn(line, "\n"), line);
		return true;
	}
	return false;
}

/* Parses a CPU list such as "1,3-5". Returns how many CPUs are in @set. */
static int __maybe_unused iso_parse_cpus(const char *list, cpu_set_t *set)
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

static int __maybe_unused iso_read_cpus(const char *path, cpu_set_t *set)
{
	char buf[1024];

	CPU_ZERO(set);
	if (iso_read_file(path, buf, sizeof(buf)) < 0)
		return -1;
	return iso_parse_cpus(buf, set);
}

/* The CPUs that do everything but run the victim. */
static void __maybe_unused iso_housekeeping(cpu_set_t *set)
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

static int __maybe_unused iso_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static int __maybe_unused iso_pin_housekeeping(void)
{
	cpu_set_t set;

	iso_housekeeping(&set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* One of them: the first, or the last. */
static int __maybe_unused iso_housekeeping_cpu(bool last)
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

/*
 * Why this machine cannot run the tests, or NULL; @cpu is the last isolation
 * CPU, @cpu2 another one or -1.
 */
static __maybe_unused const char *iso_find_cpu(int *cpu, int *cpu2)
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

/* Whether the machine is an emulator or a guest, where times are noise. */
static bool __maybe_unused iso_emulated(void)
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

/* Counts what arrived; everything it calls is called without isolation. */
static void iso_handler(int sig, siginfo_t *info, void *ctx)
{
	struct iso_shared *sh = iso_sh;
	sigset_t empty;

	/* First, before anything here can be taken for one more. */
	if (iso_selector)
		__atomic_store_n(iso_selector, 0, __ATOMIC_SEQ_CST);
	sh->info = *info;
	sh->sig_cpu = sched_getcpu();
	sh->sig_tid = syscall(SYS_gettid);
	if (iso_hook)
		iso_hook(sig);
	INC(sh->sig[sig]);
	INC(sh->sig_total);
	if (iso_jump) {
		/* The mask is not in iso_env: saving it is a system call. */
		sigemptyset(&empty);
		sigprocmask(SIG_SETMASK, &empty, NULL);
		siglongjmp(iso_env, 1);
	}
}

static void __maybe_unused iso_catch(int sig)
{
	struct sigaction sa = { .sa_sigaction = iso_handler };

	sa.sa_flags = SA_SIGINFO;
	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

static void __maybe_unused iso_catch_all(void)
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

static void iso_touch_stack(void)
{
	char buf[64 * 1024];
	size_t i;

	for (i = 0; i < sizeof(buf); i += 1024)
		__atomic_store_n(&buf[i], 1, __ATOMIC_RELAXED);
}

/*
 * Makes sure that nothing the victim needs while isolated is missing: its
 * CPU, its stack, its pages, and the handlers.
 */
static void __maybe_unused iso_prepare(struct iso_shared *sh, int cpu)
{
	unsigned int i;

	iso_sh = sh;
	STORE(sh->tid, (int)syscall(SYS_gettid));
	iso_touch_stack();
	if (iso_pin(cpu))
		sh->err = errno;
	if (mlockall(MCL_CURRENT))
		sh->err = errno;
	/* A shared page is only mapped for writing once it was written. */
	for (i = 0; i < ARRAY_SIZE(sh->val); i++)
		STORE(sh->val[i], LOAD(sh->val[i]));
	STORE(sh->stop, LOAD(sh->stop));
}

/*
 * Enters, trying again while something passes by. Returns 0 or the errno, with
 * the record then.
 */
static int __maybe_unused iso_enter(struct iso_shared *sh, unsigned long flags)
{
	int tries;

	for (tries = 0; tries < ISO_TRIES; tries++) {
#ifdef __arm__
		/* Or their first use, by libc perhaps, is a trap. */
		__asm__ __volatile__("vmov.f32 s0, s0");
#endif
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

#define ISO_CGROUP	"/sys/fs/cgroup"

/* Makes sure that cgroup v2 is mounted at its usual place. */
static bool __maybe_unused iso_mount_cgroup(void)
{
	if (!access(ISO_CGROUP "/cgroup.controllers", F_OK))
		return true;
	return !mount("none", ISO_CGROUP, "cgroup2", 0, NULL) &&
	       !access(ISO_CGROUP "/cgroup.controllers", F_OK);
}

/*
 * Waits until removed control groups are gone. What the kernel does for them
 * afterwards may patch its code, which interrupts every CPU: that is not to
 * hit the next test.
 */
static void __maybe_unused iso_cgroup_settle(void)
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

/* Removes a cpuset of the tests, and waits until it is gone, if there is one. */
static void __maybe_unused iso_remove_cpuset(const char *dir)
{
	if (rmdir(dir))
		return;
	iso_write_file(ISO_CGROUP "/cgroup.subtree_control", "-cpuset");
	iso_cgroup_settle();
}

/* Takes a CPU down, or up again. */
static int __maybe_unused iso_set_online(int cpu, bool on)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	return iso_write_file(path, on ? "1" : "0");
}

/* A file without a name, @pages long. */
static int __maybe_unused iso_tmpfile(unsigned int pages)
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

/* What a sibling does until the test asks it for its action. */
static void __maybe_unused iso_wait_go(struct iso_shared *sh)
{
	while (!LOAD(sh->go))
		iso_sleep_ms(1);
}

/* An action that jumps over @insn, which a handler leaves with iso_jump. */
#define ISO_ACT_JUMP(name, insn)			\
static void act_##name(struct iso_shared *sh)		\
{							\
	iso_jump = 1;					\
	if (!sigsetjmp(iso_env, 0)) {			\
		insn;					\
	}						\
	iso_jump = 0;					\
	sh->val[1] = syscall(SYS_getppid);		\
}

/* Stays in user mode until *flag is set. */
static void __maybe_unused iso_spin_until(int *flag)
{
	while (!LOAD(*flag))
		__asm__ __volatile__("" ::: "memory");
}

/* Stays in user mode for some rounds, however long they take. */
static void __maybe_unused iso_spin_rounds(unsigned long rounds)
{
	while (rounds--)
		__asm__ __volatile__("" ::: "memory");
}

/*
 * The kernel log, from a mark on. Lines of other programs do not matter; a
 * line of the victim is found by its thread id.
 */
#define ISO_LOG_LINES	256
#define ISO_LOG_LEN	240

struct iso_log {
	int		fd;
	int		count;
	bool		limited;
	char		line[ISO_LOG_LINES][ISO_LOG_LEN];
};

static void __maybe_unused iso_log_open(struct iso_log *log)
{
	char buf[2048];

	log->count = 0;
	log->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log->fd >= 0)
		lseek(log->fd, 0, SEEK_END);
	iso_read_file("/proc/cmdline", buf, sizeof(buf));
	/* Without the flag the kernel may suppress lines. */
	log->limited = !strstr(buf, "task_isolation_debug");
}

#define ISO_LOG_SYSCTL	"/proc/sys/kernel/task_isolation_log"

/*
 * A kworker logs the losses. To write what is there already waits until it has
 * done so for those that are over.
 */
static void iso_log_settle(void)
{
	char on[8];

	if (iso_read_file(ISO_LOG_SYSCTL, on, sizeof(on)) > 0)
		iso_write_file(ISO_LOG_SYSCTL, on);
}

static void __maybe_unused iso_log_read(struct iso_log *log)
{
	char buf[8192], *text, *end;
	ssize_t n;

	iso_log_settle();
	while (log->fd >= 0) {
		n = read(log->fd, buf, sizeof(buf) - 1);
		/* The record was overwritten before it was read: go on. */
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

#define ISO_LOST	"task_isolation lost due to "

/*
 * Counts the losses of thread @tid since the mark (of any thread if 0) and
 * copies the cause of the first to @cause, without the culprit.
 */
static int __maybe_unused iso_log_losses(struct iso_log *log, int tid,
					 char *cause, size_t len)
{
	char who[32], *p;
	int i, n = 0;

	iso_log_read(log);
	cause[0] = '\0';
	snprintf(who, sizeof(who), "/%d (cpu ", tid);
	for (i = 0; i < log->count; i++) {
		p = strstr(log->line[i], ISO_LOST);
		if (!p || (tid && !strstr(log->line[i], who)))
			continue;
		if (n++)
			continue;
		snprintf(cause, len, "%s", p + strlen(ISO_LOST));
		p = strstr(cause, " by ");
		if (p)
			*p = '\0';
	}
	return n;
}

/* Whether @cause begins with @want and goes on with no other word or digit. */
static bool __maybe_unused iso_cause_is(const char *cause, const char *want)
{
	size_t len = strlen(want);

	if (strncmp(cause, want, len))
		return false;
	return cause[len] == '\0' || cause[len] == ' ' || cause[len] == ',' ||
	       want[len - 1] == '(' || want[len - 1] == ' ';
}

/* How many losses of thread @tid since the mark have a cause like @want. */
static int __maybe_unused iso_log_count(struct iso_log *log, int tid,
					const char *want)
{
	char who[32], *p;
	int i, n = 0;

	iso_log_read(log);
	snprintf(who, sizeof(who), "/%d (cpu ", tid);
	for (i = 0; i < log->count; i++) {
		p = strstr(log->line[i], ISO_LOST);
		if (p && strstr(log->line[i], who))
			n += iso_cause_is(p + strlen(ISO_LOST), want);
	}
	return n;
}

/* How many log lines since the mark have cause "unknown". */
static int __maybe_unused iso_log_unknown(struct iso_log *log)
{
	int i, n = 0;

	iso_log_read(log);
	for (i = 0; i < log->count; i++)
		n += !!strstr(log->line[i], ISO_LOST "unknown");
	return n;
}

#endif /* __TASK_ISOLATION_COMMON_H */
