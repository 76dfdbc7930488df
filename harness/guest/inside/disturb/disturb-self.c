// SPDX-License-Identifier: GPL-2.0
/*
 * The disturber bench: what the victim and its own process do.
 */
#include "disturb-kinds.h"

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/io_uring.h>
#include <linux/membarrier.h>

#define HUGE	(2UL << 20)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/* By the victim itself */

/* A page of its own: what is done to it is not done to the victim's loop. */
__attribute__((noinline, aligned(PAGE), section("probed_text"))) void probed(void)
{
	__asm__ __volatile__("nop");
}

void victim_serve(int order)
{
	switch (order) {
	case VICTIM_SYSCALL:
		syscall(SYS_getppid);
		break;
	case VICTIM_FAULT:
		*(volatile char *)sh->page = 1;
		break;
	case VICTIM_TRAP:
#if defined(__x86_64__)
		{
			char table[16];

			__asm__ __volatile__("sgdt %0" : "=m" (table));
		}
#elif defined(__aarch64__)
		{
			unsigned long val;

			__asm__ __volatile__("mrs %0, id_aa64pfr0_el1" : "=r" (val));
		}
#endif
		break;
	case VICTIM_SIGTRAP:
		__asm__ __volatile__(ISO_BREAKPOINT);
		break;
	case VICTIM_PROBED:
		probed();
		break;
	}
}

/* In the handler of each signal. Some CPUs don't go on after a breakpoint by themselves. */
void victim_woken(int sig, siginfo_t *info, void *context)
{
#if defined(__aarch64__)
	if (sig == SIGTRAP && info->si_code == TRAP_BRKPT)
		((ucontext_t *)context)->uc_mcontext.pc += 4;
#endif
}

/* The victim waits for sh->event_fd by io_uring, without a thread that does. */
static struct {
	int			fd;
	struct io_uring_params	p;
	char			*rings;
	struct io_uring_sqe	*sqes;
} ring = { .fd = -1 };

static unsigned int *ring_at(unsigned int offset)
{
	return (unsigned int *)(ring.rings + offset);
}

static bool ring_open(void)
{
	ring.fd = syscall(SYS_io_uring_setup, 4, &ring.p);
	if (ring.fd < 0)
		return false;
	ring.rings = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  ring.fd, IORING_OFF_SQ_RING);
	ring.sqes = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			 ring.fd, IORING_OFF_SQES);
	if (ring.rings != MAP_FAILED && ring.sqes != MAP_FAILED)
		return true;
	close(ring.fd);
	ring.fd = -1;
	return false;
}

static void ring_wait(void)
{
	unsigned int tail = *ring_at(ring.p.sq_off.tail);
	unsigned int i = tail & *ring_at(ring.p.sq_off.ring_mask);

	memset(&ring.sqes[i], 0, sizeof(ring.sqes[i]));
	ring.sqes[i].opcode = IORING_OP_POLL_ADD;
	ring.sqes[i].fd = sh->event_fd;
	ring.sqes[i].poll32_events = POLLIN;
	ring_at(ring.p.sq_off.array)[i] = i;
	__atomic_store_n(ring_at(ring.p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring.fd, 1, 0, 0, NULL, 0) == 1)
		STORE(sh->ring_armed, sh->ring_armed + 1);
}

/* Files without a name, whose inodes RCU frees */
static void free_some(void)
{
	for (int i = 0; i < 256; i++)
		close(memfd_create("disturb", 0));
}

/* Before the victim asks to be isolated */
void victim_ready(void)
{
	unsigned int done;
	uint64_t count;

	if (LOAD(sh->frees))
		free_some();
	if (!LOAD(sh->ring)) {
		if (ring.fd >= 0) {
			munmap(ring.rings, PAGE);
			munmap(ring.sqes, PAGE);
			close(ring.fd);
			ring.fd = -1;
		}
		return;
	}
	if (ring.fd < 0) {
		if (!ring_open())
			return;
		ring_wait();
		return;
	}
	done = __atomic_load_n(ring_at(ring.p.cq_off.tail), __ATOMIC_ACQUIRE);
	if (done == *ring_at(ring.p.cq_off.head))
		return;
	__atomic_store_n(ring_at(ring.p.cq_off.head), done, __ATOMIC_RELEASE);
	if (read(sh->event_fd, &count, sizeof(count)) == sizeof(count))
		ring_wait();
}

static const char *prepare_breakpoint(void)
{
#if defined(__x86_64__) || defined(__aarch64__)
	return NULL;
#else
	return "not written for this architecture";
#endif
}

static const char *prepare_trap(void)
{
#if defined(__x86_64__)
	char text[65536];

	iso_read_file("/proc/cpuinfo", text, sizeof(text));
	return strstr(text, " umip") ? NULL : "the CPU has no UMIP";
#elif defined(__aarch64__)
	return NULL;
#else
	return "no such instruction on this architecture";
#endif
}

/* What comes of taking the page away is not what this is about. */
static int inject_fault(int round)
{
	give_order(SIBLING_DONTNEED);
	iso_sleep_ms(100);
	if (!settle())
		return -1;
	sh->from = LOAD(sh->hits);
	give_order(VICTIM_FAULT);
	return 0;
}

static bool check_fault(const struct task_isolation_record *rec)
{
	return rec->number == (unsigned long)sh->page;
}

/* By another thread of the victim's process */

static void timer_signal(void)
{
	struct sigevent sev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	struct itimerspec its = { .it_value = { 0, 5000000 } };
	static timer_t timer;
	static bool made;

	sev._sigev_un._tid = sh->victim_tid;
	if (!made)
		timer_create(CLOCK_MONOTONIC, &sev, &timer);
	made = true;
	timer_settime(timer, 0, &its, NULL);
}

static void cpu_timer(void)
{
	struct itimerval on = { .it_value = { 1000, 0 } }, off = { 0 };

	/* A limit of CPU time for the process: every thread of it gets the tick. */
	setitimer(ITIMER_PROF, &on, NULL);
	iso_sleep_ms(5);
	setitimer(ITIMER_PROF, &off, NULL);
}

/* A huge page out of small ones, as khugepaged makes them */
static void collapse(void)
{
	char *all = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	char *p = (char *)(((unsigned long)all + HUGE - 1) & ~(HUGE - 1));

	madvise(p, HUGE, MADV_NOHUGEPAGE);
	for (unsigned long i = 0; i < HUGE; i += PAGE)
		p[i] = 1;
	madvise(p, HUGE, MADV_HUGEPAGE);
	madvise(p, HUGE, MADV_COLLAPSE);
	munmap(all, 2 * HUGE);
}

/* Pages that are the same, for ksmd */
static void merge(void)
{
	static char *p;

	if (!p) {
		p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
		madvise(p, 16 * PAGE, MADV_MERGEABLE);
	}
	memset(p, 1, 16 * PAGE);
}

/*
 * The scheduler has a thread look at pages when it has run for a while, until
 * the victim has noticed. Only those that were used since the last look count.
 */
static void balance(void)
{
	int hits = LOAD(sh->hits);
	struct timespec start, now;

	for (int i = 1; i < 16; i++)
		__atomic_fetch_add(&sh->page[i * PAGE], 1, __ATOMIC_SEQ_CST);
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < 3 &&
		 LOAD(sh->hits) == hits);
}

void sibling_serve(int order)
{
	char *p;
	pid_t pid;

	switch (order) {
	case SIBLING_MEMBARRIER:
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
		break;
	case SIBLING_SYNC_CORE:
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
		break;
	case SIBLING_RSEQ:
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0);
		break;
	case SIBLING_REGISTER:
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
		break;
	case SIBLING_MUNMAP:
		p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		munmap(p, 16 * PAGE);
		break;
	case SIBLING_MPROTECT:
		mprotect(sh->page + 8 * PAGE, PAGE, PROT_READ);
		mprotect(sh->page + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE);
		sh->page[8 * PAGE] = 1;
		break;
	case SIBLING_DONTNEED:
		munlock(sh->page, PAGE);
		sh->page[0] = 1;
		madvise(sh->page, PAGE, MADV_DONTNEED);
		break;
	case SIBLING_FORK:
		pid = fork();
		if (!pid)
			_exit(0);
		STORE(sh->child_tid, pid);
		waitpid(pid, NULL, 0);
		break;
	case SIBLING_CPU_TIMER:
		cpu_timer();
		break;
	case SIBLING_TIMER_SIGNAL:
		timer_signal();
		break;
	case SIBLING_COLLAPSE:
		collapse();
		break;
	case SIBLING_MERGE:
		merge();
		break;
	case SIBLING_BALANCE:
		balance();
		break;
	}
}

static const char *prepare_membarrier_rseq(void)
{
	int can = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	return can > 0 && can & MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ ? NULL :
	       "the kernel has no restartable sequences";
}

static const char *prepare_collapse(void)
{
	return access("/sys/kernel/mm/transparent_hugepage/khugepaged", R_OK) ?
	       "the kernel has no huge pages that are transparent" : NULL;
}

#define KSM	"/sys/kernel/mm/ksm/"

static const char *prepare_merge(void)
{
	iso_write_file(KSM "sleep_millisecs", "1");
	iso_write_file(KSM "pages_to_scan", "1000");
	return iso_write_file(KSM "run", "1") ? missing(KSM "run") : NULL;
}

static void finish_merge(void)
{
	iso_write_file(KSM "run", "2");
}

static const struct kind list[] = {
	{ "syscall", "a system call of the victim", { OWN(SYSCALL) }, .order = VICTIM_SYSCALL,
	  .number = SYS_getppid },
	{ "page_fault", "a page that was taken away", { OWN(FAULT) }, .inject = inject_fault,
	  .check = check_fault },
	{ "trap", "an instruction that the kernel emulates", { OWN(TRAP) },
	  .prepare = prepare_trap, .order = VICTIM_TRAP },
	{ "breakpoint", "a trap that ends in a signal", { OWN(SIGNAL) },
	  .prepare = prepare_breakpoint, .order = VICTIM_SIGTRAP, .number = SIGTRAP },
	{ "membarrier", "membarrier() by a thread of the process", { CALL("ipi_mb ipi_sync_rq") },
	  .order = SIBLING_MEMBARRIER },
	{ "membarrier_sync_core", "the same, SYNC_CORE", { CALL("ipi_sync_core ipi_sync_rq") },
	  .order = SIBLING_SYNC_CORE },
	{ "membarrier_rseq", "the same, RSEQ", { CALL("ipi_rseq ipi_sync_rq") },
	  .prepare = prepare_membarrier_rseq, .order = SIBLING_RSEQ },
	{ "munmap", "munmap() by a thread of the process", { CALL(ARCH_FLUSH) },
	  .quiet = ARCH_TLB, .order = SIBLING_MUNMAP },
	{ "mprotect", "mprotect() by a thread of the process", { CALL(ARCH_FLUSH) },
	  .quiet = ARCH_TLB, .order = SIBLING_MPROTECT },
	{ "madvise", "MADV_DONTNEED by a thread of the process", { CALL(ARCH_FLUSH) },
	  .quiet = ARCH_TLB, .order = SIBLING_DONTNEED },
	/* SIGCHLD, which nobody wants: that thread blocks it, so this one takes it. */
	{ "fork", "fork() by a thread of the process",
	  { CALL(ARCH_FLUSH), OWN(FAULT), { CAUSE(RESCHED), WHO_CHILD } },
	  .order = SIBLING_FORK },
	{ "collapse", "small pages become a huge one",
	  { { CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER, ARCH_FLUSH, "khugepaged" }, OWN(FAULT),
	    { CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER, "tlb_remove_table_smp_sync", "khugepaged" } },
	  .quiet = ARCH_TLB, .prepare = prepare_collapse, .order = SIBLING_COLLAPSE },
	{ "ksm", "pages that are the same become one",
	  { { CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER, ARCH_FLUSH, "ksmd" }, OWN(FAULT) },
	  .quiet = "ksmd has not come by yet", .prepare = prepare_merge,
	  .finish = finish_merge, .order = SIBLING_MERGE },
	{ "cpu_timer", "a CPU time limit for the process",
	  { { CAUSE(IRQ_WORK), WHO_SENDER, "nohz_full_kick_func" } },
	  .order = SIBLING_CPU_TIMER },
	{ "timer_signal", "a timer that sends a signal", { { CAUSE(SIGNAL), WHO_INTERRUPT } },
	  .order = SIBLING_TIMER_SIGNAL },
};

const struct kinds self_kinds = { list, sizeof(list) / sizeof(list[0]) };
