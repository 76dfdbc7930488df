// SPDX-License-Identifier: GPL-2.0
/*
 * A poll-mode packet worker. It takes frames from a ring in shared memory,
 * looks into them and counts flows, without a system call from beginning to
 * end, isolated or not. Then it says what it saw.
 *
 * A child on the housekeeping CPUs reads what the kernel counted on the
 * worker's CPU, at the beginning and at the end of the window, while the worker
 * goes on polling: the worker's own reading would be an entry.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "ring.h"

#ifndef PR_TASK_ISOLATION
#define PR_TASK_ISOLATION		48
#define PR_TASK_ISOLATION_ENABLE	(1 << 0)
#define PR_TASK_ISOLATION_SET_SIG(sig)	(((sig) & 0x7f) << 8)
#endif

#define NSEC		1000000000ULL
#define FLOWS		65536U
#define MAX_ROWS	128

enum state { PREPARE, BEGIN, RUN, END, OVER };

struct row {
	char			name[24];
	unsigned long long	count;
};

/* What the kernel counts on one CPU, and for one thread. */
struct counts {
	unsigned int		rows;
	struct row		row[MAX_ROWS];
	unsigned long long	voluntary;
	unsigned long long	involuntary;
	unsigned long long	minor_faults;
};

/* Shared with the child. */
struct shared {
	int		state;
	struct counts	before;
	struct counts	after;
};

struct flow {
	uint8_t		addr[32];
	uint16_t	sport;
	uint16_t	dport;
	uint8_t		proto;
	uint8_t		used;
	uint64_t	packets;
	uint64_t	bytes;
};

static struct flow flows[FLOWS];
static struct {
	uint64_t	packets;
	uint64_t	bytes;
	uint64_t	flows;
	uint64_t	ipv4;
	uint64_t	ipv6;
	uint64_t	tcp;
	uint64_t	udp;
	uint64_t	other;
	uint64_t	polls;
	uint64_t	longest;
} stats;

static struct shared *sh;
static struct ring *ring;
static char *fresh;
static volatile sig_atomic_t losses, lost_signal, marks;

#if defined(__x86_64__)
static inline uint64_t cycles(void)
{
	uint32_t lo, hi;

	__asm__ __volatile__("rdtsc" : "=a" (lo), "=d" (hi));
	return (uint64_t)hi << 32 | lo;
}

/* The log of x86 names no CPU: say it in a register. */
static inline void mark(int cpu)
{
	__asm__ __volatile__("int3" : : "a" (0x150a7e00 + cpu) : "memory");
}

static void skip_mark(ucontext_t *uc)
{
}
#elif defined(__aarch64__)
static inline uint64_t cycles(void)
{
	uint64_t val;

	__asm__ __volatile__("isb; mrs %0, cntvct_el0" : "=r" (val) : : "memory");
	return val;
}

static inline void mark(int cpu)
{
	__asm__ __volatile__("brk #0" ::: "memory");
}

static void skip_mark(ucontext_t *uc)
{
	uc->uc_mcontext.pc += 4;
}
#elif defined(__arm__)
static inline uint64_t cycles(void)
{
	uint64_t val;

	__asm__ __volatile__("isb; mrrc p15, 1, %Q0, %R0, c14"
			     : "=r" (val) : : "memory");
	return val;
}

static inline void mark(int cpu)
{
	/* Not the breakpoint of debuggers: undefined instructions are common. */
	__asm__ __volatile__("bkpt #0" ::: "memory");
}

static void skip_mark(ucontext_t *uc)
{
#ifdef __thumb__
	uc->uc_mcontext.arm_pc += 2;
#else
	uc->uc_mcontext.arm_pc += 4;
#endif
}
#elif defined(__riscv)
static inline uint64_t cycles(void)
{
	uint64_t val;

	__asm__ __volatile__("rdtime %0" : "=r" (val));
	return val;
}

static inline void mark(int cpu)
{
	__asm__ __volatile__(".option push; .option norvc; ebreak; .option pop"
			     ::: "memory");
}

static void skip_mark(ucontext_t *uc)
{
	uc->uc_mcontext.__gregs[REG_PC] += 4;
}
#else
/* Any other architecture: a clock of user mode, and no mark that the witness knows. */
static inline uint64_t cycles(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static inline void mark(int cpu)
{
}

static void skip_mark(ucontext_t *uc)
{
}
#endif

static void on_loss(int sig, siginfo_t *info, void *ctx)
{
	losses++;
	lost_signal = sig;
}

static void on_mark(int sig, siginfo_t *info, void *ctx)
{
	marks++;
	skip_mark(ctx);
}

static void die(const char *what)
{
	fprintf(stderr, "worker: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

static void sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static uint64_t calibrate(void)
{
	uint64_t t0 = now_ns(), c0 = cycles();

	sleep_ms(200);
	return (double)(cycles() - c0) * NSEC / (now_ns() - t0);
}

/* What the kernel has counted. Called in the child. */

static void read_interrupts(struct counts *c, int cpu)
{
	char line[4096], name[24], *p, *end;
	int column = -1, i;
	FILE *f;

	c->rows = 0;
	f = fopen("/proc/interrupts", "r");
	if (!f)
		return;
	/* The head names the CPUs that are online. */
	if (fgets(line, sizeof(line), f)) {
		for (i = 0, p = strtok(line, " \n"); p; i++, p = strtok(NULL, " \n")) {
			if (!strncmp(p, "CPU", 3) && atoi(p + 3) == cpu)
				column = i;
		}
	}
	while (column >= 0 && c->rows < MAX_ROWS && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %23[^:]:", name) != 1)
			continue;
		p = strchr(line, ':') + 1;
		for (i = 0; i <= column; i++, p = end) {
			c->row[c->rows].count = strtoull(p, &end, 10);
			if (end == p)
				break;
		}
		if (i <= column)
			continue;
		strcpy(c->row[c->rows++].name, name);
	}
	fclose(f);
}

static void read_counts(struct counts *c, pid_t pid, int cpu)
{
	char path[64], line[1024], *p;
	unsigned long long val;
	FILE *f;

	read_interrupts(c, cpu);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "voluntary_ctxt_switches: %llu", &val) == 1)
			c->voluntary = val;
		if (sscanf(line, "nonvoluntary_ctxt_switches: %llu", &val) == 1)
			c->involuntary = val;
	}
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f && fgets(line, sizeof(line), f)) {
		p = strrchr(line, ')');
		if (p)
			sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %llu",
			       &c->minor_faults);
	}
	if (f)
		fclose(f);
}

/* Reads both ends of the window; the worker polls on meanwhile. */
static void watch(pid_t worker, int cpu)
{
	int state;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((state = LOAD(sh->state)) != OVER) {
		if (state == BEGIN) {
			read_counts(&sh->before, worker, cpu);
			/* A worker that lost by now is past this state. */
			__atomic_compare_exchange_n(&sh->state, &state, RUN, false,
						    __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
		} else if (state == END) {
			read_counts(&sh->after, worker, cpu);
			STORE(sh->state, OVER);
		}
		sleep_ms(1);
	}
	_exit(0);
}

/* The work. Nothing below here until leave() may enter the kernel. */

static inline uint16_t be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void count_flow(const uint8_t *addr, uint32_t alen, uint8_t proto,
		       uint16_t sport, uint16_t dport, uint32_t len)
{
	uint32_t hash = 2166136261U, i, n;
	struct flow key = { .proto = proto, .sport = sport, .dport = dport };
	struct flow *f;

	for (i = 0; i < alen; i++) {
		key.addr[i] = addr[i];
		hash = (hash ^ addr[i]) * 16777619U;
	}
	hash = (hash ^ proto) * 16777619U;
	hash = (hash ^ sport) * 16777619U;
	hash = (hash ^ dport) * 16777619U;
	for (n = 0; n < FLOWS; n++) {
		f = &flows[(hash + n) % FLOWS];
		if (!f->used) {
			*f = key;
			f->used = 1;
			stats.flows++;
		} else if (f->proto != proto || f->sport != sport ||
			   f->dport != dport ||
			   memcmp(f->addr, key.addr, sizeof(key.addr))) {
			continue;
		}
		f->packets++;
		f->bytes += len;
		return;
	}
}

static void parse_l4(const uint8_t *addr, uint32_t alen, uint8_t proto,
		     const uint8_t *p, uint32_t len, uint32_t total)
{
	uint16_t sport = 0, dport = 0;

	if (proto == 6 && len >= 20) {
		stats.tcp++;
		sport = be16(p);
		dport = be16(p + 2);
	} else if (proto == 17 && len >= 8) {
		stats.udp++;
		sport = be16(p);
		dport = be16(p + 2);
	} else {
		stats.other++;
	}
	count_flow(addr, alen, proto, sport, dport, total);
}

static void parse(const uint8_t *p, uint32_t len)
{
	uint32_t off = 14, ihl;
	uint16_t type;

	stats.packets++;
	stats.bytes += len;
	if (len < 14)
		return;
	type = be16(p + 12);
	while ((type == 0x8100 || type == 0x88a8) && len >= off + 4) {
		type = be16(p + off + 2);
		off += 4;
	}
	if (type == 0x0800 && len >= off + 20) {
		stats.ipv4++;
		ihl = (p[off] & 15) * 4;
		if (ihl < 20 || len < off + ihl)
			return;
		/* A later fragment has no ports. */
		parse_l4(p + off + 12, 8, p[off + 9], p + off + ihl,
			 be16(p + off + 6) & 0x1fff ? 0 : len - off - ihl, len);
	} else if (type == 0x86dd && len >= off + 40) {
		stats.ipv6++;
		parse_l4(p + off + 8, 32, p[off + 6], p + off + 40,
			 len - off - 40, len);
	} else {
		stats.other++;
	}
}

static inline void poll_once(uint64_t *last)
{
	uint32_t tail = ring->tail;
	struct ring_slot *s;
	uint64_t now;

	if (tail != LOAD(ring->head)) {
		s = &ring->slot[tail % RING_SLOTS];
		parse(s->data, s->len <= RING_FRAME ? s->len : RING_FRAME);
		STORE(ring->tail, tail + 1);
	}
	now = cycles();
	if (now - *last > stats.longest)
		stats.longest = now - *last;
	*last = now;
	stats.polls++;
}

/* Polls until the child has seen this state, or the worker has lost. */
static void __attribute__((noinline)) poll_until(int state, uint64_t *last)
{
	while (LOAD(sh->state) != state && !losses)
		poll_once(last);
}

static void __attribute__((noinline)) work(uint64_t ticks, int breaks)
{
	uint64_t last = cycles(), start;
	bool broken = false;

	STORE(sh->state, BEGIN);
	poll_until(RUN, &last);
	start = cycles();
	last = start;
	stats.longest = 0;
	while (last - start < ticks && !losses) {
		poll_once(&last);
		if (breaks && !broken && last - start > ticks / 2) {
			broken = true;
			if (breaks == 's')
				syscall(SYS_getppid);
			else
				__atomic_store_n(fresh, 1, __ATOMIC_SEQ_CST);
		}
	}
	/* A loss ends it: what follows is not isolated. */
	STORE(sh->state, END);
	poll_until(OVER, &last);
}

/* Makes sure that nothing is missing once it counts. */
static void prefault(void)
{
	volatile char stack[64 * 1024];
	uint32_t i;
	size_t n;

	for (n = 0; n < sizeof(stack); n += 512)
		stack[n] = 1;
	memset(flows, 0, sizeof(flows));
	memset(&stats, 0, sizeof(stats));
	for (i = 0; i < RING_SLOTS; i++)
		(void)LOAD(ring->slot[i].len);
	STORE(ring->tail, LOAD(ring->head));
	STORE(sh->state, PREPARE);
}

/* A kworker logs losses. To write what is there already waits until it has done so. */
static void settle_log(void)
{
	int fd = open("/proc/sys/kernel/task_isolation_log", O_RDWR | O_CLOEXEC);
	char on[8];
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, on, sizeof(on));
	if (n > 0 && pwrite(fd, on, n, 0) != n)
		perror("worker: task_isolation_log");
	close(fd);
}

/* The kernel's line about this thread, if there is one. */
static void print_log(int fd)
{
	char buf[8192], who[64], *text, *end;
	ssize_t n;

	settle_log();
	snprintf(who, sizeof(who), "/%d (cpu ", getpid());
	while (fd >= 0) {
		n = read(fd, buf, sizeof(buf) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;
		buf[n] = '\0';
		text = strchr(buf, ';');
		if (!text || !strstr(text, "task_isolation lost") ||
		    !strstr(text, who))
			continue;
		end = strchr(text, '\n');
		if (end)
			*end = '\0';
		printf("log=%s\n", text + 1);
	}
}

static void print_counts(void)
{
	const struct counts *a = &sh->before, *b = &sh->after;
	unsigned long long d, sum = 0;
	unsigned int i, j;

	for (i = 0; i < b->rows; i++) {
		d = b->row[i].count;
		for (j = 0; j < a->rows; j++) {
			if (!strcmp(a->row[j].name, b->row[i].name))
				d -= a->row[j].count;
		}
		if (!d)
			continue;
		printf("irq.%s=%llu\n", b->row[i].name, d);
		/* Polls are no entries, and shootdowns are counted as calls. */
		if (strcmp(b->row[i].name, "MCP") && strcmp(b->row[i].name, "TLB"))
			sum += d;
	}
	printf("interrupts=%llu\n", sum);
	printf("context_switches=%llu\n", b->voluntary + b->involuntary -
	       a->voluntary - a->involuntary);
	printf("page_faults=%llu\n", b->minor_faults - a->minor_faults);
	sum += b->voluntary + b->involuntary - a->voluntary - a->involuntary;
	sum += b->minor_faults - a->minor_faults;
	printf("entries_kernel=%llu\n", sum);
}

static int last_isolation_cpu(void)
{
	char buf[256] = "", *p;
	int fd = open("/sys/devices/system/cpu/task_isolation", O_RDONLY);

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) < 0)
		buf[0] = '\0';
	if (fd >= 0)
		close(fd);
	for (p = buf + strlen(buf); p > buf && (p[-1] == '\n' || p[-1] == ' '); p--)
		p[-1] = '\0';
	while (p > buf && p[-1] >= '0' && p[-1] <= '9')
		p--;
	return *p ? atoi(p) : -1;
}

static const char usage[] =
	"usage: worker --ring FILE [--seconds N] [--cpu N] [--plain]\n"
	"              [--break syscall|fault] [--witness]\n"
	"  --plain    not isolated\n"
	"  --break    half way through, enter the kernel once\n"
	"  --witness  a breakpoint before and one after the window\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ring", 1, NULL, 'r' }, { "seconds", 1, NULL, 's' },
		{ "cpu", 1, NULL, 'c' }, { "plain", 0, NULL, 'p' },
		{ "break", 1, NULL, 'b' }, { "witness", 0, NULL, 'w' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct sigaction sa = { .sa_sigaction = on_loss, .sa_flags = SA_SIGINFO };
	int c, fd, kmsg, status, cpu = -1, breaks = 0, again = 0, err = 0;
	bool plain = false, witness = false;
	const char *path = NULL;
	uint64_t hz, seconds = 10;
	cpu_set_t set;
	pid_t child;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			path = optarg;
			break;
		case 's':
			seconds = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			cpu = atoi(optarg);
			break;
		case 'p':
			plain = true;
			break;
		case 'b':
			breaks = optarg[0];
			if (strcmp(optarg, "syscall") && strcmp(optarg, "fault")) {
				fputs(usage, stderr);
				return 2;
			}
			break;
		case 'w':
			witness = true;
			break;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (!path || !seconds) {
		fputs(usage, stderr);
		return 2;
	}
	if (cpu < 0)
		cpu = last_isolation_cpu();
	if (cpu < 0) {
		fprintf(stderr, "worker: no isolation CPU, use --cpu\n");
		return 1;
	}

	/* The producer makes the ring, perhaps a little later. */
	for (c = 0; (fd = open(path, O_RDWR | O_CLOEXEC)) < 0 && c < 1000; c++)
		sleep_ms(10);
	if (fd < 0)
		die(path);
	while (lseek(fd, 0, SEEK_END) < (off_t)sizeof(*ring))
		sleep_ms(10);
	ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED || sh == MAP_FAILED)
		die("mmap");
	while (LOAD(ring->magic) != RING_MAGIC)
		sleep_ms(10);
	hz = calibrate();

	sigemptyset(&sa.sa_mask);
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_sigaction = on_mark;
	sigaction(SIGTRAP, &sa, NULL);

	fflush(stdout);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		watch(getppid(), cpu);

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
	prefault();
	if (mlockall(MCL_CURRENT))
		die("mlockall");
	/* Not touched until --break does. */
	fresh = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);

	/* The last mark before the window is the one that counts. */
	if (plain) {
		if (witness)
			mark(cpu);
		work(seconds * hz, breaks);
		if (witness)
			mark(cpu);
	} else {
		do {
			if (err)
				sleep_ms(10);
			err = 0;
			if (witness)
				mark(cpu);
			if (prctl(PR_TASK_ISOLATION, PR_TASK_ISOLATION_ENABLE |
				  PR_TASK_ISOLATION_SET_SIG(SIGUSR1), 0, 0, 0))
				err = errno;
		} while (err == EAGAIN && ++again < 1000);
		if (!err) {
			work(seconds * hz, breaks);
			if (prctl(PR_TASK_ISOLATION, 0, 0, 0, 0))
				err = errno;
			if (witness)
				mark(cpu);
		}
	}

	if (err)
		STORE(sh->state, OVER);
	while (LOAD(sh->state) != OVER)
		sleep_ms(1);
	waitpid(child, &status, 0);
	STORE(ring->stop, 1);
	printf("isolated=%d\ncpu=%d\nseconds=%llu\n", !plain, cpu,
	       (unsigned long long)seconds);
	printf("error=%s\neagain=%d\n", err ? strerror(err) : "none", again);
	printf("packets=%llu\nbytes=%llu\nflows=%llu\n",
	       (unsigned long long)stats.packets, (unsigned long long)stats.bytes,
	       (unsigned long long)stats.flows);
	printf("ipv4=%llu\nipv6=%llu\ntcp=%llu\nudp=%llu\nother=%llu\n",
	       (unsigned long long)stats.ipv4, (unsigned long long)stats.ipv6,
	       (unsigned long long)stats.tcp, (unsigned long long)stats.udp,
	       (unsigned long long)stats.other);
	printf("polls=%llu\nlongest_gap_ns=%llu\n", (unsigned long long)stats.polls,
	       (unsigned long long)((double)stats.longest * NSEC / hz));
	print_counts();
	printf("losses=%d\nsignal=%d\nmarks=%d\n", (int)losses, (int)lost_signal,
	       (int)marks);
	print_log(kmsg);
	return err ? 1 : losses ? 3 : 0;
}
