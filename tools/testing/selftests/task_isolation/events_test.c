// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the trace events. For root: they tell what others do.
 *
 * Test Summary
 *
 *  * events.leave		Isolated and left: enter and leave, nothing else
 *  * events.syscall		A loss of the thread's own doing, as in its record
 *  * events.function		A loss to another thread: what and who, as in the record
 *  * events.raw		All that the event of a loss has, printed or not
 *  * events.blocked_einval	A refusal for good says why
 *  * events.blocked_task	A refusal for now says which task is in the way
 *  * events.format		The event of a loss has a field for each member of the
 *				record that is about one
 *  * events.nobody		Nobody else may open the trace
 */
#include <grp.h>
#include <sys/stat.h>

#include "fixture.h"

#define TRACING		"/sys/kernel/tracing"
#define SYSTEM		"events/task_isolation"
/* A trace of our own, so that nobody else's settings and events are in it. */
#define INSTANCE	TRACING "/instances/task_isolation_test"

/* What all their names begin with */
#define EVENT		"task_isolation_"

#define MAX_EVENTS	512

/* A line of the trace: who, on which CPU, what, and its fields. */
struct event {
	int	tid;
	int	cpu;
	char	name[32];
	char	fields[800];
};

static struct event events[MAX_EVENTS];
static int nr_events;

FIXTURE(events) {
	uint64_t begin;
};

/* Removes the trace: ours, or one that a killed test has left behind. */
static int remove_instance(void)
{
	iso_write_file(INSTANCE "/" SYSTEM "/enable", "0");
	return rmdir(INSTANCE);
}

/* Why there is nothing to trace here, or NULL. */
static const char *find_events(void)
{
	if (geteuid())
		return "only root may trace";
	if (access(TRACING "/instances", F_OK) &&
	    mount("tracefs", TRACING, "tracefs", 0, NULL))
		return "no tracefs at " TRACING;
	if (access(TRACING "/instances", F_OK))
		return "no trace instances in " TRACING;
	if (access(TRACING "/" SYSTEM, F_OK))
		return "no events of task_isolation in " TRACING;
	return NULL;
}

/* All before there is a victim: to switch an event on interrupts every CPU. */
FIXTURE_SETUP(events)
{
	const char *reason;

	nr_events = 0;
	iso_setup_cpu(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	reason = find_events();
	if (reason)
		SKIP(return, "%s", reason);
	if (!access(INSTANCE, F_OK))
		ASSERT_EQ(0, remove_instance());
	ASSERT_EQ(0, mkdir(INSTANCE, 0700)) {
		TH_LOG("%s: %s", INSTANCE, strerror(errno));
	}
	/* The options come from the main trace. Those that change a line: */
	iso_write_file(INSTANCE "/trace_options", "context-info");
	iso_write_file(INSTANCE "/trace_options", "norecord-tgid");
	iso_write_file(INSTANCE "/trace_options", "noraw");
	iso_write_file(INSTANCE "/trace_options", "nofields");
	ASSERT_EQ(0, iso_write_file(INSTANCE "/tracing_on", "1"));
	ASSERT_EQ(0, iso_write_file(INSTANCE "/" SYSTEM "/enable", "1"));
	self->begin = iso_now_ns();
}

FIXTURE_TEARDOWN(events)
{
	iso_close(_metadata);
	EXPECT_EQ(0, remove_instance()) {
		TH_LOG("%s: %s", INSTANCE, strerror(errno));
	}
}

/*
 * "COMM-TID [CPU] FLAGS TIME: NAME: FIELDS", with blanks before and between,
 * and where COMM may be anything.
 */
static bool parse_event(char *line, struct event *e)
{
	char *cpu, *name, *fields, *tid, *end;

	for (cpu = strstr(line, " ["); cpu; cpu = strstr(cpu + 1, " [")) {
		e->cpu = strtol(cpu + 2, &end, 10);
		if (end != cpu + 2 && *end == ']')
			break;
	}
	if (!cpu)
		return false;
	name = strstr(end, ": ");
	if (!name)
		return false;
	name += 2;
	fields = strstr(name, ": ");
	if (!fields)
		return false;
	snprintf(e->name, sizeof(e->name), "%.*s", (int)(fields - name), name);
	snprintf(e->fields, sizeof(e->fields), "%s", fields + 2);
	e->fields[strcspn(e->fields, "\n")] = '\0';
	*cpu = '\0';
	tid = strrchr(line, '-');
	if (!tid)
		return false;
	e->tid = strtol(tid + 1, &end, 10);
	return end != tid + 1;
}

static void read_events(struct __test_metadata *_metadata)
{
	char line[1024];
	FILE *f;

	nr_events = 0;
	f = fopen(INSTANCE "/trace", "r");
	ASSERT_TRUE(!!f);
	while (nr_events < MAX_EVENTS && fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		EXPECT_TRUE(parse_event(line, &events[nr_events])) {
			TH_LOG("not understood: %s", line);
			continue;
		}
		nr_events++;
	}
	fclose(f);
	ASSERT_GT(MAX_EVENTS, nr_events);
}

/* Of this thread. Others may be isolated elsewhere. The last one is in *@last. */
static int count_events(int tid, const char *name, const struct event **last)
{
	int i, n = 0;

	if (last)
		*last = NULL;
	for (i = 0; i < nr_events; i++) {
		if (events[i].tid != tid || strcmp(events[i].name, name))
			continue;
		n++;
		if (last)
			*last = &events[i];
	}
	return n;
}

static void print_events(struct __test_metadata *_metadata)
{
	int i;

	for (i = 0; i < nr_events; i++)
		TH_LOG("%d on CPU %d: %s: %s", events[i].tid, events[i].cpu, events[i].name,
		       events[i].fields);
}

/* What comes behind "KEY=", to the end of the line, or NULL. */
static const char *find_field(const struct event *e, const char *key)
{
	size_t len = strlen(key);
	const char *p;

	for (p = e->fields; p; p = strchr(p, ' ')) {
		p += *p == ' ';
		if (!strncmp(p, key, len) && p[len] == '=')
			return p + len + 1;
	}
	return NULL;
}

/* The text of a field, up to the next blank, or NULL. */
static const char *field(const struct event *e, const char *key)
{
	static char value[128];
	const char *p = find_field(e, key);

	if (!p)
		return NULL;
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(p, " "), p);
	return value;
}

static void expect_text(struct __test_metadata *_metadata, const struct event *e,
			const char *key, const char *want)
{
	const char *value = field(e, key);

	EXPECT_TRUE(value && !strcmp(want, value)) {
		TH_LOG("%s is '%s', not '%s', in %s: %s", key, value ?: "missing", want, e->name,
		       e->fields);
	}
}

static void expect_number(struct __test_metadata *_metadata, const struct event *e,
			  const char *key, long long want)
{
	const char *value = field(e, key);
	long long n;
	char *end;

	ASSERT_TRUE(value && *value) {
		TH_LOG("no %s in %s: %s", key, e->name, e->fields);
	}
	n = strtoull(value, &end, 0);
	EXPECT_TRUE(!*end && n == want) {
		TH_LOG("%s is '%s', not %lld, in %s: %s", key, value, want, e->name, e->fields);
	}
}

/* With the option "fields" a number is "KEY=... (NUMBER)", whatever the event prints. */
static void expect_raw(struct __test_metadata *_metadata, const struct event *e,
		       const char *key, long long want)
{
	const char *p = find_field(e, key);

	p = p ? strpbrk(p, "(=") : NULL;
	EXPECT_TRUE(p && *p == '(' && strtoll(p + 1, NULL, 10) == want) {
		TH_LOG("%s is not %lld in %s: %s", key, want, e->name, e->fields);
	}
}

/*
 * What the victim has done until it ended: entered, after as many refusals as
 * it has seen, and then this. A last check that fails comes after the event.
 */
static void expect_events(struct __test_metadata *_metadata, int losses, int leaves)
{
	const struct event *e, *last = NULL;
	int enters, i;

	read_events(_metadata);
	enters = count_events(iso.sh->tid, EVENT "enter", &e);
	EXPECT_LE(1, enters);
	EXPECT_GE(1 + iso.sh->again, enters);
	EXPECT_EQ(iso.sh->again, count_events(iso.sh->tid, EVENT "blocked", NULL));
	EXPECT_EQ(losses, count_events(iso.sh->tid, EVENT "loss", NULL));
	EXPECT_EQ(leaves, count_events(iso.sh->tid, EVENT "leave", NULL));
	if (e)
		expect_number(_metadata, e, "sig", SIGUSR1);
	for (i = 0; i < nr_events; i++) {
		if (events[i].tid != iso.sh->tid)
			continue;
		EXPECT_EQ(iso.cpu, events[i].cpu);
		last = &events[i];
	}
	/* The one that ended it comes last. */
	if (last)
		EXPECT_STREQ(losses ? EVENT "loss" : EVENT "leave", last->name);
	if (_metadata->exit_code == KSFT_FAIL)
		print_events(_metadata);
}

/* The last one of the victim. */
static const struct event *last_event(struct __test_metadata *_metadata, const char *name)
{
	const struct event *e;

	count_events(iso.sh->tid, name, &e);
	ASSERT_TRUE(!!e) {
		TH_LOG("no event %s of thread %d", name, iso.sh->tid);
		print_events(_metadata);
	}
	return e;
}

TEST_F_TIMEOUT(events, leave, ISO_TIMEOUT)
{
	const struct event *e;
	const char *value;
	long long quiet;

	iso_start_quiet(_metadata, &iso_spin_case);
	iso_stop(_metadata);
	EXPECT_EQ(0, iso.sh->sig_total);
	expect_events(_metadata, 0, 1);
	e = last_event(_metadata, EVENT "leave");
	expect_number(_metadata, e, "nr", SYS_prctl);
	value = field(e, "quiet");
	quiet = value ? strtoll(value, NULL, 10) : 0;
	EXPECT_LT(0, quiet);
	EXPECT_GT((long long)(iso_now_ns() - self->begin), quiet);
}

/* The event and the record of the victim's only loss say the same. */
static void expect_loss(struct __test_metadata *_metadata, const char *cause)
{
	const struct task_isolation_record *rec = &iso.sh->rec;
	const struct event *e;
	char who[32];

	EXPECT_EQ(1, iso.sh->recorded);
	expect_events(_metadata, 1, 0);
	e = last_event(_metadata, EVENT "loss");
	expect_text(_metadata, e, "cause", cause);
	expect_number(_metadata, e, "number", rec->number);
	expect_number(_metadata, e, "hwirq", rec->hwirq);
	expect_number(_metadata, e, "ip", rec->ip);
	expect_number(_metadata, e, "cpu", iso.cpu);
	expect_number(_metadata, e, "quiet", rec->lost_ns - rec->entered_ns);
	expect_number(_metadata, e, "losses", 1);
	snprintf(who, sizeof(who), "%s/%d", rec->culprit_comm, rec->culprit_tid);
	expect_text(_metadata, e, "culprit", who);
	expect_number(_metadata, e, "culprit_cpu", rec->culprit_cpu);
	EXPECT_NE(0, rec->ip);
	EXPECT_LT(rec->entered_ns, rec->lost_ns);
}

static void act_getppid(struct iso_shared *sh)
{
	syscall(SYS_getppid);
}

TEST_F_TIMEOUT(events, syscall, ISO_TIMEOUT)
{
	const struct iso_case c = {
		.flags = ISO_USR1, .act = act_getppid, .finish = iso_finish_record,
	};
	const struct event *e;

	iso_start(_metadata, &c);
	iso_expect_one(_metadata, SIGUSR1);
	iso_expect_recorded(_metadata, TASK_ISOLATION_SYSCALL);
	expect_loss(_metadata, "syscall");
	e = last_event(_metadata, EVENT "loss");
	expect_number(_metadata, e, "number", SYS_getppid);
	expect_text(_metadata, e, "what", "");
	expect_text(_metadata, e, "culprit", "/0");
	expect_text(_metadata, e, "culprit_cpu", "-1");
}

TEST_F_TIMEOUT(events, function, ISO_TIMEOUT)
{
	const struct event *e;
	const char *what;
	char who[32];

	if (!iso_lose_to_sender(_metadata, &iso_sender_case))
		return;
	iso_expect_recorded(_metadata, TASK_ISOLATION_IPI_FUNC);
	expect_loss(_metadata, "ipi_func");
	e = last_event(_metadata, EVENT "loss");
	snprintf(who, sizeof(who), ISO_SENDER "/%d", iso.sh->sender_tid);
	expect_text(_metadata, e, "culprit", who);
	expect_number(_metadata, e, "culprit_cpu", iso.sh->sender_cpu);
	what = field(e, "what");
	EXPECT_TRUE(what && *what && !strstr(what, "0x"));
	/* kptr_restrict hides it from the thread, not from who may trace. */
	if (!iso.sh->rec.hidden)
		expect_text(_metadata, e, "what", iso.sh->rec.what);
}

/* Their user is not that of all the others here. */
static void prepare_nobody(struct iso_shared *sh)
{
	sh->val[0] = iso_drop_uid();
	iso_prepare_sender(sh);
}

TEST_F_TIMEOUT(events, raw, ISO_TIMEOUT)
{
	const struct task_isolation_record *rec = &iso.sh->rec;
	const struct iso_case c = {
		.flags = ISO_USR1, .prepare = prepare_nobody, .act = iso_act_spin,
		.finish = iso_finish_record,
	};
	const struct event *e;

	if (iso_write_file(INSTANCE "/trace_options", "fields"))
		SKIP(return, "no option fields in " INSTANCE "/trace_options");
	if (!iso_lose_to_sender(_metadata, &c))
		return;
	EXPECT_EQ(0, iso.sh->val[0]);
	iso_expect_recorded(_metadata, TASK_ISOLATION_IPI_FUNC);
	read_events(_metadata);
	e = last_event(_metadata, EVENT "loss");
	expect_raw(_metadata, e, "cause", TASK_ISOLATION_IPI_FUNC);
	expect_raw(_metadata, e, "cpu", iso.cpu);
	expect_raw(_metadata, e, "number", rec->number);
	expect_raw(_metadata, e, "hwirq", rec->hwirq);
	expect_raw(_metadata, e, "ip", rec->ip);
	expect_raw(_metadata, e, "entered_ns", rec->entered_ns);
	expect_raw(_metadata, e, "lost_ns", rec->lost_ns);
	expect_raw(_metadata, e, "losses", 1);
	expect_raw(_metadata, e, "culprit_cpu", iso.sh->sender_cpu);
	expect_raw(_metadata, e, "culprit_pid", iso.sh->tid);
	expect_raw(_metadata, e, "culprit_tid", iso.sh->sender_tid);
	expect_raw(_metadata, e, "culprit_uid", ISO_NOBODY);
	expect_text(_metadata, e, "culprit_comm", ISO_SENDER);
}

/* In the order of the bits. */
static const struct {
	uint64_t	bit;
	const char	*word;
} blockers[] = {
	{ TASK_ISOLATION_BLOCKER_AFFINITY,	"affinity" },
	{ TASK_ISOLATION_BLOCKER_NOHZ,		"nohz" },
	{ TASK_ISOLATION_BLOCKER_DOMAIN,	"domain" },
	{ TASK_ISOLATION_BLOCKER_DEADLINE,	"deadline" },
	{ TASK_ISOLATION_BLOCKER_CLOCK,		"clock" },
	{ TASK_ISOLATION_BLOCKER_DEVICE,	"device" },
	{ TASK_ISOLATION_BLOCKER_TASK,		"task" },
	{ TASK_ISOLATION_BLOCKER_RESCHED,	"resched" },
	{ TASK_ISOLATION_BLOCKER_TICK,		"tick" },
	{ TASK_ISOLATION_BLOCKER_TIMER,		"timer" },
	{ TASK_ISOLATION_BLOCKER_VMSTAT,	"vmstat" },
	{ TASK_ISOLATION_BLOCKER_LRU,		"lru" },
	{ TASK_ISOLATION_BLOCKER_SOFTIRQ,	"softirq" },
	{ TASK_ISOLATION_BLOCKER_IRQ_WORK,	"irq_work" },
	{ TASK_ISOLATION_BLOCKER_RCU,		"rcu" },
	{ TASK_ISOLATION_BLOCKER_SIGNAL,	"signal" },
	{ TASK_ISOLATION_BLOCKER_CALL,		"call" },
};

#define ASKS	80

/* By the record, there may be others for a moment */
static bool is_named(const struct task_isolation_record *rec, bool fifo, uint64_t why)
{
	if (!(rec->blockers & why))
		return false;
	if (fifo)
		return !strcmp(rec->work, ISO_WORK);
	return why != TASK_ISOLATION_BLOCKER_TASK || !strcmp(rec->blocker_comm, "iso-busy");
}

/*
 * Asks in a child on @cpu until a refusal has this reason, and, under SCHED_FIFO,
 * until work is named. Returns the last event of it.
 */
static const struct event *ask(struct __test_metadata *_metadata, int cpu, bool fifo, int err,
			       uint64_t why)
{
	const struct sched_param param = { .sched_priority = 2 };
	const struct task_isolation_record *rec = &iso.sh->rec;
	const struct event *e;
	char words[256] = "";
	unsigned int i;

	iso.victim = fork();
	ASSERT_LE(0, iso.victim);
	if (!iso.victim) {
		if (fifo && sched_setscheduler(0, SCHED_FIFO, &param))
			_exit(1);
		iso_prepare(iso.sh, cpu);
		while (iso.sh->count < ASKS && !is_named(rec, fifo, why)) {
			iso.sh->count++;
			if (!iso_prctl(ISO_USR1))
				iso_prctl(0);
			iso_finish_record(iso.sh);
		}
		_exit(0);
	}
	EXPECT_EQ(0, iso_wait_exit());
	ASSERT_NE(0, rec->blockers & why) {
		TH_LOG("blockers 0x%llx", (unsigned long long)rec->blockers);
	}
	for (i = 0; i < ARRAY_SIZE(blockers); i++) {
		if (!(rec->blockers & blockers[i].bit))
			continue;
		if (words[0])
			strcat(words, "|");
		strcat(words, blockers[i].word);
	}
	read_events(_metadata);
	EXPECT_LE(1, count_events(iso.sh->tid, EVENT "blocked", NULL));
	EXPECT_GE(iso.sh->count, count_events(iso.sh->tid, EVENT "blocked", NULL));
	EXPECT_EQ(0, count_events(iso.sh->tid, EVENT "loss", NULL));
	e = last_event(_metadata, EVENT "blocked");
	expect_number(_metadata, e, "err", -err);
	expect_text(_metadata, e, "blockers", words);
	EXPECT_EQ(cpu, e->cpu);
	return e;
}

TEST_F_TIMEOUT(events, blocked_einval, ISO_TIMEOUT)
{
	const struct event *e;

	e = ask(_metadata, iso_housekeeping_cpu(false), false, EINVAL,
		TASK_ISOLATION_BLOCKER_NOHZ);
	/* It has asked once, and did not get as far as to the last check. */
	EXPECT_EQ(1, iso.sh->count);
	EXPECT_EQ(0, count_events(iso.sh->tid, EVENT "enter", NULL));
	expect_text(_metadata, e, "task", "/0");
	expect_text(_metadata, e, "tick", "-");
	expect_text(_metadata, e, "work", "-");
}

TEST_F_TIMEOUT(events, blocked_task, ISO_TIMEOUT)
{
	const struct event *e;
	char who[32];
	pid_t pid;

	pid = iso_run_busy(_metadata, false);
	e = ask(_metadata, iso.cpu, false, EAGAIN, TASK_ISOLATION_BLOCKER_TASK);
	iso_end(pid);
	snprintf(who, sizeof(who), "iso-busy/%d", pid);
	expect_text(_metadata, e, "task", who);
	expect_text(_metadata, e, "tick", iso.sh->rec.blockers & TASK_ISOLATION_BLOCKER_TICK ?
		    iso.sh->rec.tick : "-");
}

TEST_F_TIMEOUT(events, blocked_work, ISO_TIMEOUT)
{
	const struct event *e;
	pid_t pid, work;

	pid = iso_run_busy(_metadata, true);
	work = iso_start_work();
	ASSERT_LT(0, work);
	e = ask(_metadata, iso.cpu, true, EAGAIN, TASK_ISOLATION_BLOCKER_TASK);
	iso_end(pid);
	iso_end(work);
	expect_text(_metadata, e, "func", ISO_WORK);
}

/* "	field:TYPE NAME;	offset:...", where an array's size is behind its name. */
static bool has_field(const char *format, const char *name)
{
	size_t len = strlen(name);
	const char *p, *end;

	for (p = strstr(format, "field:"); p; p = strstr(p + 1, "field:")) {
		end = p + strcspn(p, ";[\n");
		/* The type of a text has brackets, too. */
		if (!strncmp(end, "[] ", 3))
			end += strcspn(end, ";\n");
		if (end - p > (long)len && !strncmp(end - len, name, len) && end[-len - 1] == ' ')
			return true;
	}
	return false;
}

TEST_F(events, format)
{
	/* Not flags and hidden, and not what belongs to a refusal. */
	static const char * const names[] = {
		"cause", "losses", "number", "hwirq", "ip", "entered_ns", "lost_ns", "cpu",
		"culprit_cpu", "culprit_pid", "culprit_tid", "culprit_uid", "culprit_comm",
		"what",
	};
	char format[4096];
	unsigned int i;

	ASSERT_LT(0, iso_read_file(INSTANCE "/" SYSTEM "/" EVENT "loss/format", format,
				   sizeof(format)));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_TRUE(has_field(format, names[i])) {
			TH_LOG("no field %s", names[i]);
		}
	}
	EXPECT_FALSE(has_field(format, "no_such_field"));
	EXPECT_FALSE(has_field(format, "comm"));
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

TEST_F(events, nobody)
{
	static const char * const files[] = {
		INSTANCE "/trace", INSTANCE "/trace_pipe",
		INSTANCE "/" SYSTEM "/" EVENT "loss/format",
		TRACING "/trace", TRACING "/trace_pipe",
	};
	struct stat st;
	unsigned int i;
	int status;
	pid_t pid;

	ASSERT_EQ(0, stat(TRACING, &st));
	if (st.st_mode & 0007)
		SKIP(return, TRACING " is open to everybody here");
	for (i = 0; i < ARRAY_SIZE(files); i++)
		EXPECT_EQ(0, try_open(files[i], O_RDONLY));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(ISO_NOBODY, ISO_NOBODY, ISO_NOBODY) ||
		    iso_drop_uid())
			_exit(100);
		for (i = 0; i < ARRAY_SIZE(files); i++) {
			if (try_open(files[i], O_RDONLY) != EACCES)
				_exit(1 + i);
		}
		if (try_open(INSTANCE "/" SYSTEM "/enable", O_WRONLY) != EACCES)
			_exit(1 + i);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status) {
		TH_LOG("nobody: file %d is not refused", WEXITSTATUS(status) - 1);
	}
}

TEST_HARNESS_MAIN
