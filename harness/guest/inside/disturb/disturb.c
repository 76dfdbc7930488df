// SPDX-License-Identifier: GPL-2.0
/*
 * The disturber bench: disturbs an isolated thread in known ways, and sees what
 * it is told.
 *
 * usage: disturb REPEAT CPU [KIND]
 *
 * A victim thread is isolated on CPU. Its handler copies the record of each loss
 * into shared memory, and it isolates itself again. A disturber, a process of
 * its own for each kind, waits until the victim is isolated, disturbs it once,
 * and waits for the loss. The truth is what it did and its own number.
 *
 * A loss has to be what this kind of disturbance causes: the cause, the function
 * that the CPU was made to run, and the culprit that belongs to the two. Where a
 * kind may cause nothing, the count of interrupts that the kernel keeps of that
 * CPU says whether it did. Between kinds the victim is watched for a while: a loss
 * then is a false alarm.
 *
 * Speaks lines of NAME=VALUE for harness/check/disturb.py.
 */
#include "disturb-kinds.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define LOSS_MS			15000	/* to wait for a loss */
#define NOTHING_MS		60	/* the same, if it may be that none comes */
#define READY_MS		20000	/* to be isolated again */
#define IDLE_MS			150	/* to look for false alarms, after each kind */

struct shared *sh;
int iso_cpu;

/* Of taskiso, which knows the kernel's words */
extern const char *const cause_words[NR_CAUSES];

/* What came of a kind. Of those tried, some may fail, and some cause nothing. */
struct tally {
	int tried, failed, error, injected, missed, losses, cause_bad;
	int culprit_known, culprit_bad, unknown, stray;
};

#define SEEN			16

static struct {
	unsigned int	cause;
	char		what[64], comm[16];
	int		cpu, times;
} seen[SEEN];
static int nr_seen;

/* Said where a file that a kind writes to is not there. */
const char *missing(const char *path)
{
	static char why[160];

	if (!access(path, W_OK))
		return NULL;
	snprintf(why, sizeof(why), "%s: %s", path, strerror(errno));
	return why;
}

/* Until the victim has noticed something, for so long at most */
void wait_loss(int ms)
{
	for (; ms > 0 && LOAD(sh->hits) == sh->from; ms--)
		iso_sleep_ms(1);
}

int load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret = syscall(SYS_finit_module, fd, "", 0);
	int err = errno;

	close(fd);
	errno = err;
	return ret;
}

/*
 * Mappings that are gone are flushed all at once, later, by a kworker. Another
 * one switches off the code that perf, a cgroup or io_uring has needed.
 */
void finish_later(void)
{
	iso_sleep_ms(2000);
}

/* The victim */

static void handler(int sig, siginfo_t *info, void *context)
{
	int i = LOAD(sh->hits);
	struct entry *e = &sh->log[i % LOG_SIZE];
	static unsigned long long seen;

	if (iso_record(&e->rec))
		_exit(3);
	victim_woken(sig, info, context);
	/* A signal may come right after the one that told of a loss. */
	if (e->rec.losses != seen) {
		seen = e->rec.losses;
		sh->caused[e->rec.cause % NR_CAUSES]++;
	}
	e->code = info->si_code;
	e->error = info->si_errno;
	STORE(sh->isolated, 0);
	STORE(sh->hits, i + 1);
}

static void catch_signals(void)
{
	const int signals[] = { SIGUSR1, SIGUSR2, SIGTRAP, SIGILL, SIGRTMIN + 1 };
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &sa, NULL);
	/* What comes of a limit of CPU time that is reached */
	signal(SIGXCPU, SIG_IGN);
}

/*
 * The number of losses seen is read before the call: if a signal comes between
 * the call and the loop, this round is over. What the handler cleared is not
 * set again then.
 */
static void *victim(void *arg)
{
	sigset_t blocked;
	int hits, order;

	prctl(PR_SET_NAME, "victim");
	iso_pin(iso_cpu);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGNAL_BLOCKED);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	STORE(sh->victim_tid, (int)syscall(SYS_gettid));

	while (!LOAD(sh->quit)) {
		victim_ready();
		hits = LOAD(sh->hits);
		/* A page that is not dirty would be a fault later, on some CPUs. */
		STORE(sh->isolated, 0);
		if (iso_prctl(ISO_USR1)) {
			sh->refused++;
			iso_record(&sh->why);
			iso_sleep_ms(2);
			continue;
		}
		__atomic_compare_exchange_n(&sh->isolated, &(int){ 0 }, 1, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		if (LOAD(sh->hits) != hits)
			STORE(sh->isolated, 0);
		while (LOAD(sh->hits) == hits && !LOAD(sh->quit)) {
			STORE(sh->turns, sh->turns + 1);
			order = LOAD(sh->order);
			if (order >= VICTIM_SYSCALL && order < SIBLING_MEMBARRIER) {
				STORE(sh->order, ORDER_NONE);
				victim_serve(order);
			}
		}
	}
	iso_prctl(0);
	return NULL;
}

/* The thread beside it, which disturbs it from within. */
static void sibling(void)
{
	int order;

	prctl(PR_SET_NAME, "sibling");
	iso_pin(SIBLING_CPU);
	STORE(sh->sibling_tid, (int)syscall(SYS_gettid));
	while (!LOAD(sh->quit)) {
		order = LOAD(sh->order);
		if (order >= SIBLING_MEMBARRIER) {
			STORE(sh->order, ORDER_NONE);
			sibling_serve(order);
			STORE(sh->served, sh->served + 1);
		}
		iso_sleep_ms(1);
	}
}

static void victim_process(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t mask;

	catch_signals();
	sh->page = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	sh->victim_pid = getpid();
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	/* So that each signal to the process goes to the victim. */
	pthread_create(&thread, &attr, victim, NULL);
	sigfillset(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	sibling();
	pthread_join(thread, NULL);
	_exit(0);
}

/* The disturber */

bool wait_isolated(void)
{
	for (int ms = 0; ms < READY_MS; ms++) {
		if (LOAD(sh->isolated))
			return true;
		iso_sleep_ms(1);
	}
	return false;
}

/*
 * Isolated, and no loss on its way. Time alone does not tell: the victim's CPU may
 * not get to run in it, on a host that has others. Once it has gone on in user mode,
 * it has been told of all that it has handled by then.
 */
bool settle(void)
{
	unsigned int turns;
	int hits, ms;

	do {
		hits = LOAD(sh->hits);
		if (!wait_isolated())
			return false;
		iso_sleep_ms(5);
		turns = LOAD(sh->turns);
		for (ms = 0; LOAD(sh->turns) - turns < 2 && LOAD(sh->hits) == hits; ms++) {
			if (ms == READY_MS)
				return false;
			iso_sleep_ms(1);
		}
	} while (LOAD(sh->hits) != hits || !LOAD(sh->isolated));
	return true;
}

/* All interrupts that the kernel has counted on that CPU */
static long interrupts(void)
{
	static char text[65536];
	char *line, *save = NULL;
	long sum = 0;

	if (iso_read_file("/proc/interrupts", text, sizeof(text)) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *p = strchr(line, ':');
		long n = 0;
		int cpu;

		if (!p)
			continue;
		p++;
		for (cpu = 0; cpu <= iso_cpu; cpu++) {
			char *end;

			n = strtol(p, &end, 10);
			if (end == p)
				break;
			p = end;
		}
		if (cpu > iso_cpu)
			sum += n;
	}
	return sum;
}

/* What has been so far is not what comes of the injection. */
void start_over(void)
{
	sh->from = LOAD(sh->hits);
	sh->before = interrupts();
}

/* Does the text begin with one of these words? */
static bool begins(const char *text, const char *words)
{
	char names[256], *name, *save = NULL;

	if (!words)
		return false;
	snprintf(names, sizeof(names), "%s", words);
	for (name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		if (!strncmp(text, name, strlen(name)))
			return true;
	}
	return false;
}

static bool fits(const struct verdict *v, const struct task_isolation_record *r)
{
	unsigned int cause = 1U << r->cause;

	if (!(v->causes & cause))
		return false;
	return !v->says || !(cause & (CAUSE(IPI_FUNC) | CAUSE(IRQ_WORK))) ||
	       begins(r->what, v->says);
}

/* The disturber stays on its CPU, and so do the timers that it starts. */
static int sender_cpu(const struct kind *k)
{
	return k->order >= SIBLING_MEMBARRIER ? SIBLING_CPU : DISTURBER_CPU;
}

static bool is_sender(const struct kind *k, const struct task_isolation_record *r, int truth)
{
	int pid = k->order >= SIBLING_MEMBARRIER ? sh->victim_pid : truth;

	return r->culprit_tid == truth && r->culprit_pid == pid &&
	       r->culprit_cpu == sender_cpu(k);
}

static bool right_culprit(const struct kind *k, const struct verdict *v,
			  const struct task_isolation_record *r, int truth)
{
	if (r->culprit_tid)
		return (v->who & WHO_SENDER && is_sender(k, r, truth)) ||
		       (v->who & WHO_CHILD && r->culprit_tid == LOAD(sh->child_tid)) ||
		       (v->who & WHO_OTHER && begins(r->culprit_comm, v->others));
	if (r->culprit_cpu >= 0)
		return (v->who & WHO_INTERRUPT && r->culprit_cpu == sender_cpu(k)) ||
		       (v->who & WHO_TIMER && r->culprit_cpu != iso_cpu) ||
		       (v->who & WHO_STARTING && r->culprit_cpu == STARTING_CPU);
	return v->who & WHO_NOBODY;
}

/* A few, for who wants to know what is wrong. */
static void show(const char *how, const struct kind *k, const struct task_isolation_record *r,
		 int truth)
{
	static int shown;

	if (shown++ >= 8)
		return;
	printf("%s kind=%s cause=%u number=%llu what=%s ", how, k->name, r->cause,
	       (unsigned long long)r->number, r->what);
	printf("culprit=%s/%d culprit_cpu=%d truth=%d\n", r->culprit_comm, r->culprit_tid,
	       r->culprit_cpu, truth);
}

/* What this kind has caused so far, for who wants to know what its verdict lets pass. */
static void note_seen(const struct task_isolation_record *r)
{
	char comm[16];
	int i;

	/* Not which one of the kernel's threads */
	snprintf(comm, sizeof(comm), "%.*s", (int)strcspn(r->culprit_comm, "/"), r->culprit_comm);
	for (i = 0; i < nr_seen; i++) {
		if (seen[i].cause == r->cause && !strcmp(seen[i].what, r->what) &&
		    !strcmp(seen[i].comm, comm))
			break;
	}
	if (i == SEEN)
		return;
	if (i == nr_seen) {
		nr_seen++;
		seen[i].cause = r->cause;
		snprintf(seen[i].what, sizeof(seen[i].what), "%s", r->what);
		snprintf(seen[i].comm, sizeof(seen[i].comm), "%s", comm);
		seen[i].cpu = r->culprit_cpu;
	}
	seen[i].times++;
}

static void say_seen(const struct kind *k)
{
	for (int i = 0; i < nr_seen; i++)
		printf("seen kind=%s cause=%u what=%s culprit=%s culprit_cpu=%d times=%d\n",
		       k->name, seen[i].cause, seen[i].what, seen[i].comm, seen[i].cpu,
		       seen[i].times);
}

/*
 * What may come of putting things back: other text, mappings that are gone, tasks
 * that are woken up to die, whose memory is flushed, and what they had queued. It
 * is the disturber who does that, for the sibling as well, or one that it has forked.
 */
#define TIDIES	WHO_SENDER | WHO_OTHER
#define THESE	"disturber kworker/ migration/"

static const struct verdict after[] = {
	{ CAUSE(IPI_FUNC), TIDIES, ARCH_SYNC, THESE },
	{ CAUSE(IPI_FUNC), TIDIES, ARCH_UNMAP, THESE },
	{ CAUSE(IPI_FUNC), TIDIES, "ftrace_sync_ipi", THESE },
	{ CAUSE(IPI_FUNC), TIDIES, ARCH_FLUSH, THESE },
	{ CAUSE_WAKE, TIDIES, WAKES, THESE },
};

/* Whether the loss, or its culprit, is right: a bit for each */
#define RIGHT_CAUSE	1
#define RIGHT_CULPRIT	2

static int right(const struct kind *k, const struct verdict *v, int nr,
		 const struct task_isolation_record *r, int truth, unsigned int *who)
{
	int found = 0;

	for (int i = 0; i < nr && v[i].causes; i++) {
		if (!fits(&v[i], r))
			continue;
		*who = found ? *who | v[i].who : v[i].who;
		found |= RIGHT_CAUSE;
		if (right_culprit(k, &v[i], r, truth))
			found |= RIGHT_CULPRIT;
	}
	return found;
}

/* With @finished, these are losses of after the kind has been through. */
static void judge(const struct kind *k, struct tally *t, int from, int to, int truth,
		  bool finished)
{
	for (int i = from; i < to; i++) {
		const struct entry *e = &sh->log[i % LOG_SIZE];
		const struct task_isolation_record *r = &e->rec;
		/* A loss with a wrong cause should have had this culprit: */
		unsigned int who = k->right[0].who;
		int found = right(k, k->right, VERDICTS, r, truth, &who);
		bool cause, culprit;

		if (k->number && r->number != k->number)
			found &= ~RIGHT_CAUSE;
		if (found & RIGHT_CAUSE && k->check && !k->check(r))
			found &= ~RIGHT_CAUSE;
		if (finished)
			found |= right(k, after, sizeof(after) / sizeof(after[0]), r, truth, &who);
		cause = found & RIGHT_CAUSE;
		culprit = found & RIGHT_CULPRIT;
		if (e->code == SI_TASK_ISOLATION && e->error != (int)r->cause)
			cause = false;

		t->losses++;
		t->unknown += r->cause == TASK_ISOLATION_UNKNOWN;
		t->cause_bad += !cause;
		t->culprit_known += !(who & WHO_NOBODY);
		t->culprit_bad += !culprit;
		note_seen(r);
		if (!cause || !culprit)
			show("wrong", k, r, truth);
	}
}

/* The victim's own orders show in its losses, those of the sibling are waited for. */
void give_order(enum order order)
{
	int served = LOAD(sh->served);

	STORE(sh->order, order);
	for (int ms = 0; order >= SIBLING_MEMBARRIER && ms < LOSS_MS; ms++) {
		if (LOAD(sh->served) != served)
			break;
		iso_sleep_ms(1);
	}
}

/* Why the victim is not isolated, as it was told last. */
static const char *refusal(void)
{
	static char text[384];
	const struct task_isolation_record *r = &sh->why;

	snprintf(text, sizeof(text), "the victim does not get isolated any more: %d refusals, the last for 0x%llx, task %s, tick %s, timer %s, work %s",
		 sh->refused, (unsigned long long)r->blockers, r->blocker_comm, r->tick,
		 r->timer, r->work);
	return text;
}

static int inject(const struct kind *k, int round)
{
	if (k->inject)
		return k->inject(round);
	give_order(k->order);
	return 0;
}

/* One injection. False if the victim does not get isolated any more. */
static bool disturb(const struct kind *k, struct tally *t, int round, int truth)
{
	int wait = k->quiet ? NOTHING_MS : LOSS_MS;
	bool counted;

	if (!settle())
		return false;

	start_over();
	if (LOAD(sh->hits) != sh->from) {
		/* A late one. The count may be of before it or after: begin again. */
		judge(k, t, sh->from, LOAD(sh->hits), truth, false);
		return true;
	}
	t->tried++;
	errno = 0;
	if (inject(k, round) < 0) {
		t->failed++;
		t->error = errno;
		if (k->undo)
			k->undo();
		return true;
	}
	wait_loss(wait);

	/* The kernel counts an interrupt before the victim gets to say so: let it go on. */
	counted = k->quiet && LOAD(sh->hits) == sh->from && interrupts() != sh->before;
	if (counted && !settle())
		return false;
	if (LOAD(sh->hits) != sh->from) {
		t->injected++;
	} else if (!k->quiet || counted) {
		t->injected++;
		t->missed++;
	}
	if (k->undo)
		k->undo();
	if (!settle())
		return false;
	judge(k, t, sh->from, LOAD(sh->hits), truth, false);
	return true;
}

static void say(const struct kind *k, const struct tally *t, const char *note)
{
	printf("kind=%s tried=%d failed=%d injected=%d missed=%d losses=%d ", k->name, t->tried,
	       t->failed, t->injected, t->missed, t->losses);
	printf("cause_bad=%d culprit_known=%d culprit_bad=%d ", t->cause_bad, t->culprit_known,
	       t->culprit_bad);
	printf("never=%d ", !!k->never);
	printf("unknown=%d stray=%d what=\"%s\" note=\"%s\"\n", t->unknown, t->stray, k->what,
	       note);
	fflush(stdout);
}

static void run_kind(const struct kind *k, int repeat)
{
	const char *note = NULL;
	struct tally t = { 0 };
	char why[64];
	int truth, hits;

	prctl(PR_SET_NAME, "disturber");
	iso_pin(DISTURBER_CPU);
	truth = k->order >= SIBLING_MEMBARRIER ? LOAD(sh->sibling_tid) : (int)syscall(SYS_gettid);
	if (k->most && repeat > k->most)
		repeat = k->most;
	if (k->never)
		note = k->never;
	else if (k->prepare)
		note = k->prepare();
	if (note) {
		say(k, &t, note);
		return;
	}

	for (int i = 0; i < repeat && !note; i++) {
		if (!disturb(k, &t, i, truth))
			note = refusal();
	}
	/* What finish() has set in motion is not for nothing either. */
	hits = LOAD(sh->hits);
	if (k->finish) {
		k->finish();
		iso_sleep_ms(3 * IDLE_MS);
		settle();
		judge(k, &t, hits, LOAD(sh->hits), truth, true);
	}
	if (settle()) {
		hits = LOAD(sh->hits);
		iso_sleep_ms(IDLE_MS);
		t.stray = LOAD(sh->hits) - hits;
		for (int i = hits; i < LOAD(sh->hits); i++)
			show("stray", k, &sh->log[i % LOG_SIZE].rec, truth);
	}
	if (t.failed && !note) {
		snprintf(why, sizeof(why), "%d of %d failed: %s", t.failed, t.tried,
			 strerror(t.error));
		note = why;
	}
	if (!t.injected && !note)
		note = k->quiet ?: "nothing could be injected";
	say_seen(k);
	say(k, &t, note ?: "");
}

/* Losses without any disturber. Returns how many. */
static int watch(int ms)
{
	int hits;

	if (!settle()) {
		printf("fatal=\"%s\"\n", refusal());
		exit(1);
	}
	hits = LOAD(sh->hits);
	iso_sleep_ms(ms);
	return LOAD(sh->hits) - hits;
}

/* What the kernel has counted on that CPU meanwhile has to be what the victim was told. */
static void say_counters(void)
{
	char path[96], text[1024], *line, *rest = text;

	snprintf(path, sizeof(path), CPUS "cpu%d/task_isolation/causes", iso_cpu);
	if (iso_read_file(path, text, sizeof(text)) < 0)
		return;
	for (int cause = 0; cause < NR_CAUSES && (line = strsep(&rest, "\n")); cause++) {
		char word[32];
		int n;

		if (sscanf(line, "%31s %d", word, &n) == 2)
			printf("counter=%s counted=%d told=%d\n", word, n,
			       LOAD(sh->caused[cause]));
	}
}

/* A process for each, which takes with it whatever it did not give back. */
static void run_apart(const struct kind *kind, int repeat)
{
	struct tally none = { .missed = 1, .injected = 1 };
	pid_t pid = fork();
	char why[64];
	int status;

	if (!pid) {
		run_kind(kind, repeat);
		exit(0);
	}
	waitpid(pid, &status, 0);
	if (!status)
		return;
	snprintf(why, sizeof(why), "its disturber ended with status %#x", status);
	say(kind, &none, why);
}

static const struct kinds *const all[] = {
	&self_kinds, &task_kinds, &memory_kinds, &cpu_kinds, &machine_kinds,
};

int main(int argc, char **argv)
{
	int repeat = argc > 1 ? atoi(argv[1]) : 3;
	const char *only = argc > 3 ? argv[3] : NULL;
	pid_t process;

	iso_cpu = argc > 2 ? atoi(argv[2]) : 3;
	setvbuf(stdout, NULL, _IOLBF, 0);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	mkdir("/sys/fs/cgroup", 0755);
	mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL);

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (sh == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	memset(sh, 0, sizeof(*sh));
	sh->event_fd = eventfd(0, EFD_NONBLOCK);
	process = fork();
	if (!process)
		victim_process();

	iso_pin(0);
	printf("idle=%d\n", watch(1000));
	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (int j = 0; j < all[i]->nr; j++) {
			const struct kind *kind = &all[i]->kind[j];

			if (!only || !strcmp(only, kind->name))
				run_apart(kind, repeat);
		}
	}
	printf("idle=%d\n", watch(1000));
	printf("refused=%d\n", sh->refused);
	say_counters();
	STORE(sh->quit, 1);
	waitpid(process, NULL, 0);
	printf("done=1\n");
	return 0;
}
