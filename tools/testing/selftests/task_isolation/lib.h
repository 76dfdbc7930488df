/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation test library: the ABI, files, CPUs, the memory and the handlers
 * of a victim, and the kernel log. Nothing here depends on the test harness.
 */
#ifndef __TASK_ISOLATION_LIB_H
#define __TASK_ISOLATION_LIB_H

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
#define PR_TASK_ISOLATION_GET_SIG(bits)	(((bits) >> 8) & 0x7f)
#endif

#ifndef PR_TASK_ISOLATION_RECORD
#define PR_TASK_ISOLATION_RECORD	49
#endif

#ifndef SI_TASK_ISOLATION
#define SI_TASK_ISOLATION		0x40
#endif

#define ISO_CPUS_FILE	"/sys/devices/system/cpu/task_isolation"
#define ISO_CGROUP	"/sys/fs/cgroup"
#define ISO_TRACEFS	"/sys/kernel/tracing"
#define ISO_KPTR	"/proc/sys/kernel/kptr_restrict"
#define ISO_LOG_SYSCTL	"/proc/sys/kernel/task_isolation_log"

/* Isolates a thread which is notified by SIGUSR1. */
#define ISO_USR1	(PR_TASK_ISOLATION_ENABLE | \
			 PR_TASK_ISOLATION_SET_SIG(SIGUSR1))
#define ISO_MAX_SIG	72
#define ISO_MAX_CPUS	1024
/* A realtime signal, as a constant: above SIGRTMIN of each C library */
#define ISO_SIG_REALTIME	40
/* A user without any privilege */
#define ISO_NOBODY	65534
/* Retries after EAGAIN where the test is not about EAGAIN */
#define ISO_TRIES	120
/* No architecture has that many system calls. */
#define ISO_NO_SYSCALL	0x3fff
/*
 * No verdict depends on a time. This only bounds the wait for something which a
 * broken kernel never does, in ms.
 */
#define ISO_WAIT_MS	15000

#define LOAD(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)
#define INC(x)		__atomic_add_fetch(&(x), 1, __ATOMIC_SEQ_CST)

/**
 * struct iso_shared - Memory which a victim shares with the test
 * @ready:	The entering call returned 0, the victim is isolated
 * @go:		The test asks the victim, or its other thread, for an action
 * @acted:	The action of the victim has returned
 * @stop:	The test asks the victim to leave and exit
 * @done:	The victim has left
 * @ret:	Result of the last entering call
 * @err:	Its errno
 * @again:	Number of entering calls that failed with EAGAIN
 * @leave:	Result of the leaving call
 * @tid:	Thread ID of the isolated thread, in its pid namespace
 * @sig:	Number of handlers that ran, by signal
 * @sig_total:	Number of handlers that ran
 * @sig_cpu:	CPU on which the last handler ran
 * @sig_tid:	Thread on which the last handler ran
 * @info:	siginfo of the last signal
 * @told:	The record, as the last handler read it
 * @told_err:	The errno of that, 0 if the record was read
 * @rec:	The record, as the victim read it at its end, or at a refusal
 * @recorded:	Number of times that @rec was read
 * @unable:	errno of the preparations, 0 if the victim can do its action
 * @value:	Result of the action: usually what a system call returned
 * @error:	Its errno
 * @second:	Result of a second action
 * @plain:	errno of the same action without isolation
 * @early:	The action had an effect before the handler ran
 * @addr:	Address which the action is about
 * @ppid:	getppid() after the handler has returned
 * @where:	CPU on which the victim was then
 * @other_tid:	The other thread of the victim
 * @other_cpu:	Its CPU
 * @other_err:	errno of its start, and then of its action
 * @count:	Rounds of a victim that repeats something
 */
struct iso_shared {
	int				ready;
	int				go;
	int				acted;
	int				stop;
	int				done;
	int				ret;
	int				err;
	int				again;
	int				leave;
	int				tid;
	int				sig[ISO_MAX_SIG];
	int				sig_total;
	int				sig_cpu;
	int				sig_tid;
	siginfo_t			info;
	struct task_isolation_record	told;
	int				told_err;
	struct task_isolation_record	rec;
	int				recorded;
	int				unable;
	long				value;
	int				error;
	long				second;
	int				plain;
	int				early;
	unsigned long			addr;
	int				ppid;
	int				where;
	int				other_tid;
	int				other_cpu;
	int				other_err;
	int				count;
};

/*
 * Of a victim: its shared memory; what its handler also does; the selector of
 * syscall user dispatch, which the handler turns off; and, with iso_jump set, the
 * place where the handler goes to instead of returning.
 */
extern struct iso_shared *iso_sh;
extern void (*iso_hook)(int sig);
extern char *iso_selector;
extern sigjmp_buf iso_env;
extern int iso_jump;

static inline int iso_prctl(unsigned long flags)
{
	return prctl(PR_TASK_ISOLATION, flags, 0UL, 0UL, 0UL);
}

/* Stays in user mode until *flag is set. */
static inline void iso_spin_until(int *flag)
{
	while (!LOAD(*flag))
		__asm__ __volatile__("" ::: "memory");
}

/* Stays in user mode for some rounds, however long they take. */
static inline void iso_spin_rounds(unsigned long rounds)
{
	while (rounds--)
		__asm__ __volatile__("" ::: "memory");
}

/* Loads the floating point registers of arm, whose first use would be a trap. */
static inline void iso_load_fpu(void)
{
#ifdef __arm__
	__asm__ __volatile__("vmov.f32 s0, s0");
#endif
}

/* Instructions which end in SIGILL and SIGTRAP, where they are known */
#ifdef __x86_64__
#define ISO_ILLEGAL	"ud2"
#define ISO_BREAKPOINT	"int3"
#elif defined(__i386__)
#define ISO_ILLEGAL	"ud2"
#define ISO_BREAKPOINT	"int3"
#elif defined(__aarch64__)
#define ISO_ILLEGAL	".inst 0x00000000"
#define ISO_BREAKPOINT	"brk #0"
#elif defined(__thumb__)
#define ISO_ILLEGAL	".inst.n 0xde00"
#define ISO_BREAKPOINT	".inst.n 0xde01"
#elif defined(__arm__)
#define ISO_ILLEGAL	".inst 0xe7f000f0"
#define ISO_BREAKPOINT	".inst 0xe7f001f0"
#elif defined(__riscv)
#define ISO_ILLEGAL	"unimp"
#define ISO_BREAKPOINT	"ebreak"
#endif

/* Defines an action which executes @insn, and which a handler leaves by a jump. */
#define ISO_ACT_JUMP(name, insn)			\
static void name(struct iso_shared *sh)			\
{							\
	iso_jump = 1;					\
	if (!sigsetjmp(iso_env, 0)) {			\
		insn;					\
	}						\
	iso_jump = 0;					\
}

int iso_record(struct task_isolation_record *rec);
uint64_t iso_now_ns(void);
int iso_drop_uid(void);
void iso_sleep_ms(unsigned int ms);

int iso_read_file(const char *path, char *buf, size_t len);
int iso_write_file(const char *path, const char *text);
bool iso_wait_file(const char *path, const char *want);
int iso_tmpfile(unsigned int pages);
bool iso_mount_cgroup(void);
bool iso_mount_tracefs(void);
void iso_cgroup_settle(void);
void iso_remove_cpuset(const char *dir);
bool iso_wait_state(pid_t pid, char state, int times);

int iso_parse_cpus(const char *list, cpu_set_t *set);
int iso_read_cpus(const char *path, cpu_set_t *set);
void iso_housekeeping(cpu_set_t *set);
int iso_housekeeping_cpu(bool last);
int iso_pin(int cpu);
int iso_pin_housekeeping(void);
int iso_set_online(int cpu, bool on);
const char *iso_find_cpu(int *cpu, int *cpu2);
bool iso_rng_name(char *name, size_t len);
int iso_find_irq(const char *name);
unsigned long iso_irq_count(int irq, int cpu);
bool iso_emulated(void);

void iso_catch(int sig);
void iso_catch_all(void);
void *iso_share(size_t size);
void iso_touch_stack(void);
void iso_prepare(struct iso_shared *sh, int cpu);
int iso_enter(struct iso_shared *sh, unsigned long flags);
void iso_wait_go(struct iso_shared *sh);
void iso_act_wait(struct iso_shared *sh);

#define ISO_LOST	"task_isolation lost due to "
#define ISO_LOG_LINES	256
#define ISO_LOG_LEN	240

/**
 * struct iso_log - The lines of task isolation in the kernel log, from a mark on
 * @fd:		/dev/kmsg, negative if it can't be read
 * @count:	Number of lines
 * @limited:	The kernel may suppress lines, as it was booted without
 *		task_isolation_debug
 * @line:	The lines
 */
struct iso_log {
	int		fd;
	int		count;
	bool		limited;
	char		line[ISO_LOG_LINES][ISO_LOG_LEN];
};

void iso_log_open(struct iso_log *log);
void iso_log_read(struct iso_log *log);
int iso_log_losses(struct iso_log *log, int tid, char *cause, size_t len);
int iso_log_count(struct iso_log *log, int tid, const char *want);
int iso_log_unknown(struct iso_log *log);

#endif /* __TASK_ISOLATION_LIB_H */
