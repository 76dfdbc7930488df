// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation tests: what a stimulus has to lead to, see expect.h
 */
#include "expect.h"

/* Words for the blockers, by their bits */
static const char * const blockers[64] = {
	"affinity", "nohz", "domain", "deadline", "clock", "device",
	[16] = "task", "resched", "tick", "timer", "vmstat", "lru", "softirq", "irq_work", "rcu",
	"signal", "call",
};

#define IPI_FUNC_OR_WORK	(ISO_CAUSE(IPI_FUNC) | ISO_CAUSE(IRQ_WORK))
/* Causes with a name: a function, an exception, a vector, the domain of an interrupt */
#define NAMED		(IPI_FUNC_OR_WORK | ISO_CAUSE(TRAP) | ISO_CAUSE(VECTOR) | \
				 ISO_CAUSE(IRQ))
/* Causes that another CPU may have sent */
#define SENT		(IPI_FUNC_OR_WORK | ISO_CAUSE(RESCHED) | ISO_CAUSE(SIGNAL) | \
				 ISO_CAUSE(STOP) | ISO_CAUSE(AFFINITY))

/* Distance from the beginning of a loop to its end, in bytes, at most */
#define LOOP_SIZE		256

/* Members of a record which a channel has, as bits */
enum {
	HAS_CAUSE	= 1 << 0,
	HAS_NUMBER	= 1 << 1,
	HAS_HWIRQ	= 1 << 2,
	HAS_WHAT	= 1 << 3,
	HAS_IP		= 1 << 4,
	HAS_CPU		= 1 << 5,
	HAS_LOSSES	= 1 << 6,
	HAS_ENTERED	= 1 << 7,
	HAS_LOST	= 1 << 8,
	HAS_WHERE	= 1 << 9,
	HAS_PID		= 1 << 10,
	HAS_TID		= 1 << 11,
	HAS_UID		= 1 << 12,
	HAS_COMM	= 1 << 13,
};

#define HAS_ALL		(~0U)
#define HAS_CULPRIT	(HAS_WHERE | HAS_PID | HAS_TID | HAS_UID | HAS_COMM)
#define HAS_SIGINFO	(HAS_CAUSE | HAS_PID | HAS_UID)
#define HAS_LAST	(HAS_CAUSE | HAS_NUMBER | HAS_WHAT | HAS_LOST | HAS_WHERE | HAS_PID | \
			 HAS_COMM)
#define HAS_EVENT	(HAS_CAUSE | HAS_NUMBER | HAS_HWIRQ | HAS_WHAT | HAS_IP | HAS_CPU | \
			 HAS_LOSSES | HAS_WHERE | HAS_TID | HAS_COMM)

static void compare_number(const char *channel, const char *member, bool has, long long want,
			   long long seen)
{
	if (has && want != seen)
		DIFFER("%s: %s is %lld, not %lld", channel, member, seen, want);
}

static void compare_text(const char *channel, const char *member, bool has, const char *want,
			 const char *seen)
{
	if (has && strcmp(want, seen))
		DIFFER("%s: %s is '%s', not '%s'", channel, member, seen, want);
}

/* Compares those has of what a channel says of a loss which it @has. */
static void compare(const char *channel, const struct task_isolation_record *want,
		    const struct task_isolation_record *seen, unsigned int has)
{
	compare_number(channel, "cause", has & HAS_CAUSE, want->cause, seen->cause);
	compare_number(channel, "number", has & HAS_NUMBER, want->number, seen->number);
	compare_number(channel, "hwirq", has & HAS_HWIRQ, want->hwirq, seen->hwirq);
	compare_text(channel, "what", has & HAS_WHAT, want->what, seen->what);
	compare_number(channel, "ip", has & HAS_IP, want->ip, seen->ip);
	compare_number(channel, "cpu", has & HAS_CPU, want->cpu, seen->cpu);
	compare_number(channel, "losses", has & HAS_LOSSES, want->losses, seen->losses);
	compare_number(channel, "entered_ns", has & HAS_ENTERED, want->entered_ns,
		       seen->entered_ns);
	compare_number(channel, "lost_ns", has & HAS_LOST, want->lost_ns, seen->lost_ns);
	compare_number(channel, "culprit_cpu", has & HAS_WHERE, want->culprit_cpu,
		       seen->culprit_cpu);
	compare_number(channel, "culprit_pid", has & HAS_PID, want->culprit_pid,
		       seen->culprit_pid);
	compare_number(channel, "culprit_tid", has & HAS_TID, want->culprit_tid,
		       seen->culprit_tid);
	compare_number(channel, "culprit_uid", has & HAS_UID, want->culprit_uid,
		       seen->culprit_uid);
	compare_text(channel, "culprit_comm", has & HAS_COMM, want->culprit_comm,
		     seen->culprit_comm);
}

static void record_of_siginfo(const siginfo_t *info, struct task_isolation_record *rec)
{
	memset(rec, 0, sizeof(*rec));
	rec->cause = info->si_errno;
	rec->number = (unsigned long)info->si_value.sival_ptr;
	rec->culprit_pid = info->si_pid;
	rec->culprit_uid = info->si_uid;
}

/* The signal that comes, or that would come if it did not kill. */
static int loss_signal(const struct stimulus *s)
{
	return s->sig ?: PR_TASK_ISOLATION_GET_SIG(s->flags ?: ISO_USR1) ?: SIGKILL;
}

static bool begins(const char *text, const char *words)
{
	size_t len;

	for (;; words += len + 1) {
		len = strcspn(words, "|");
		if (!strncmp(text, words, len))
			return true;
		if (!words[len])
			return false;
	}
}

static void check_cause(const struct stimulus *s, const struct task_isolation_record *rec)
{
	unsigned int cause = 1U << rec->cause;

	if (!(s->causes & cause))
		DIFFER("the cause is %s, not one of 0x%x", iso_causes[rec->cause % ISO_NR_CAUSES],
		       s->causes);
	switch (rec->cause) {
	case TASK_ISOLATION_SYSCALL:
		if (!s->any_number)
			WANT_EQ(s->number, (long long)rec->number);
		break;
	case TASK_ISOLATION_FAULT:
		WANT_EQ(iso.sh->addr ?: rec->number, rec->number);
		break;
	case TASK_ISOLATION_SIGNAL:
		WANT_EQ(loss_signal(s), rec->number);
		break;
	case TASK_ISOLATION_IRQ:
		WANT_EQ(iso.irq, rec->number);
		break;
	case TASK_ISOLATION_VECTOR:
		break;
	default:
		WANT_EQ(0, rec->number);
		break;
	}
	if (rec->cause != TASK_ISOLATION_IRQ)
		WANT_EQ(0, rec->hwirq);

	/* A name, never an address */
	WANT(!strstr(rec->what, "0x"));
	if (rec->hidden & TASK_ISOLATION_HIDDEN_WHAT) {
		WANT(cause & IPI_FUNC_OR_WORK);
		WANT_STR("", rec->what);
	} else if (!(cause & NAMED)) {
		WANT_STR("", rec->what);
	} else {
		WANT(rec->what[0]);
		if (s->what && !begins(rec->what, s->what))
			DIFFER("what is '%s', not one of '%s'", rec->what, s->what);
	}
}

/*
 * The culprit that a stimulus has to have. @inside: as the victim sees it, which may
 * be in a pid namespace. With a CPU of -2 it is any housekeeping CPU, with an ID of
 * -1 that is not known.
 */
static void expected_culprit(const struct stimulus *s, bool inside,
			     struct task_isolation_record *want)
{
	const struct iso_shared *sh = iso.sh;
	const char *comm = "";
	char own[16];

	memset(want, 0, sizeof(*want));
	want->culprit_cpu = -2;
	switch (s->who) {
	case WHO_NOBODY:
		want->culprit_cpu = -1;
		break;
	case WHO_TEST:
		if (inside && iso.ns)
			break;
		want->culprit_pid = getpid();
		want->culprit_tid = getpid();
		want->culprit_uid = iso.uid;
		prctl(PR_GET_NAME, own);
		comm = own;
		break;
	case WHO_OTHER:
		want->culprit_tid = inside || !iso.ns ? sh->other_tid : -1;
		want->culprit_pid = want->culprit_tid;
		if (s->other)
			want->culprit_pid = inside && iso.ns ? 1 : iso.pid;
		want->culprit_uid = iso.uid;
		want->culprit_cpu = s->other ? sh->other_cpu : -2;
		comm = ISO_OTHER;
		break;
	case WHO_PROCESS:
	case WHO_GONE:
		want->culprit_pid = iso.who;
		want->culprit_tid = iso.who;
		want->culprit_uid = iso.who_uid;
		comm = iso.who_comm;
		break;
	case WHO_INTERRUPT:
	case WHO_WORKER:
		break;
	}
	snprintf(want->culprit_comm, sizeof(want->culprit_comm), "%s", comm);
}

/*
 * A process has it done by threads of the kernel, and each of these may be what
 * interrupts the CPU first, never a task which only ran there meanwhile.
 */
static bool is_worker(const struct task_isolation_record *rec)
{
	if (rec->culprit_tid == getpid() || (iso.who && rec->culprit_tid == iso.who))
		return true;
	if (!rec->culprit_tid)
		return !rec->culprit_comm[0];
	return begins(rec->culprit_comm, "kworker/|cpuhp/|migration/|rcu|iou-wrk-");
}

static bool is_housekeeping(int cpu)
{
	cpu_set_t set;

	iso_housekeeping(&set);
	return cpu >= 0 && CPU_ISSET(cpu, &set);
}

/* Checks those members of the culprit which a channel @has. */
static void check_culprit(const struct stimulus *s, const char *channel,
			  const struct task_isolation_record *rec, unsigned int has,
			  bool inside)
{
	struct stimulus alone = { .who = WHO_NOBODY };
	struct task_isolation_record want;

	if (!(SENT & 1U << rec->cause))
		s = &alone;
	if (s->who == WHO_WORKER) {
		if (!is_worker(rec))
			DIFFER("%s: the culprit is %s/%d", channel, rec->culprit_comm,
			       rec->culprit_tid);
		return;
	}
	expected_culprit(s, inside, &want);
	if (s->who == WHO_GONE && !rec->culprit_tid) {
		/* The name is right or there is none. */
		memset(&want, 0, sizeof(want));
		want.culprit_cpu = rec->culprit_cpu;
	} else if (want.culprit_cpu == -2) {
		if (!is_housekeeping(rec->culprit_cpu))
			DIFFER("%s: the culprit is on CPU %d", channel, rec->culprit_cpu);
		want.culprit_cpu = rec->culprit_cpu;
	}
	if (want.culprit_tid < 0)
		has &= ~HAS_TID;
	if (want.culprit_pid < 0)
		has &= ~HAS_PID;
	compare(channel, &want, rec, has & HAS_CULPRIT);
}

/**
 * iso_expect_times - Expect times of the record that are in order
 *
 * Isolated before it was lost, both since the victim was started.
 */
void iso_expect_times(void)
{
	const struct task_isolation_record *rec = &iso.sh->rec;

	WANT(iso.began_ns + iso.ahead_ns <= rec->entered_ns);
	WANT(rec->entered_ns < rec->lost_ns);
	WANT(rec->lost_ns <= iso_now_ns() + iso.ahead_ns);
}

/*
 * Where addresses of the kernel begin: the upper half, or the last of four GiB,
 * where the first half of one of 64 bits is found, too. On arm, modules are
 * below that.
 */
#ifdef __arm__
#define KERNEL		0xbf000000UL
#else
#define KERNEL		((unsigned long)(sizeof(long) == 8 ? 1ULL << 63 : 0xc0000000))
#endif

static void check_words(const char *channel, const void *data, size_t size)
{
	unsigned long word;
	size_t i;

	for (i = 0; i + sizeof(word) <= size; i += sizeof(word)) {
		memcpy(&word, (const char *)data + i, sizeof(word));
		if (word >= KERNEL)
			DIFFER("%s: 0x%lx at offset %zu is an address of the kernel", channel,
			       word, i);
	}
}

/* No word of a record or siginfo is an address of the kernel. */
static void check_no_address(const struct task_isolation_record *record, const siginfo_t *siginfo)
{
	struct task_isolation_record rec = *record;
	siginfo_t info = *siginfo;
	int here;

	/* These are none, but look like some. */
	rec.culprit_cpu = 0;
	/* A 64-bit kernel lets a 32-bit program be there: its stack, at least. */
	if ((unsigned long)&here >= KERNEL)
		rec.ip = 0;
	if (rec.cause == TASK_ISOLATION_SYSCALL || iso.sh->addr >= KERNEL || !rec.ip) {
		rec.number = 0;
		info.si_value.sival_ptr = NULL;
	}
	if (sizeof(long) == 4) {
		/* Half of a time has any value. */
		rec.entered_ns = 0;
		rec.lost_ns = 0;
		/* Addresses of the program have no upper half. */
		WANT_EQ(0, rec.ip >> 32);
		WANT_EQ(0, rec.number >> 32);
	}
	check_words("record", &rec, sizeof(rec));
	if (info.si_code == SI_TASK_ISOLATION)
		check_words("siginfo", &info, sizeof(info));
}

/* The handlers that ran, and how the victim went on. */
static void check_signal(const struct stimulus *s, bool lost)
{
	const struct iso_shared *sh = iso.sh;
	int sig = loss_signal(s);
	bool handled = lost && sig != SIGKILL && !WIFSIGNALED(s->status);

	WANT_EQ(handled, sh->sig_total);
	if (sig < ISO_MAX_SIG)
		WANT_EQ(handled, sh->sig[sig]);
	if (s->status) {
		WANT_EQ(s->status, iso.status & ~0x80);
		WANT_EQ(1, sh->ready);
	}
	if (!handled)
		return;
	WANT_EQ(sh->tid, sh->sig_tid);
	WANT_EQ(0, sh->told_err);
	WANT_EQ(sig, sh->info.si_signo);
	if (!s->moves && !s->wide)
		WANT_EQ(iso.cpu, sh->sig_cpu);
	if (s->status)
		return;
	WANT_EQ(iso.ns ? 0 : getpid(), sh->ppid);
	if (s->moves)
		WANT(is_housekeeping(sh->where));
	else if (!s->wide)
		WANT_EQ(iso.cpu, sh->where);
}

/* What the thread itself gets to know of its loss. */
static void check_loss(const struct stimulus *s, const struct task_isolation_record *rec)
{
	const struct iso_shared *sh = iso.sh;
	struct task_isolation_record told;

	check_cause(s, rec);
	check_culprit(s, "record", rec, HAS_ALL, true);
	WANT_EQ(1, rec->losses);
	WANT_EQ(iso.cpu, rec->cpu);
	WANT_EQ(0, rec->flags);
	WANT_EQ(0, rec->blockers);
	WANT(rec->ip);
	/* A signal, a stop or an interrupt finds it in its loop. */
	if (!s->act && !(1U << rec->cause & (ISO_CAUSE(SYSCALL) | ISO_CAUSE(FAULT))) &&
	    llabs((long long)(rec->ip - (unsigned long)iso_act_wait)) >= LOOP_SIZE)
		DIFFER("at 0x%llx, the loop is at %p", (unsigned long long)rec->ip, iso_act_wait);
	if (rec->cause == TASK_ISOLATION_SIGNAL) {
		WANT(sh->info.si_code != SI_TASK_ISOLATION);
	} else {
		WANT_EQ(SI_TASK_ISOLATION, sh->info.si_code);
		record_of_siginfo(&sh->info, &told);
		compare("siginfo", rec, &told, HAS_SIGINFO);
		/* A pointer of a 32-bit program has half of the number. */
		WANT_EQ((unsigned long)rec->number, (unsigned long)told.number);
	}
	check_no_address(rec, &sh->info);
}

/* The record that the victim has read at its end. */
static void check_record(const struct stimulus *s, bool lost)
{
	const struct task_isolation_record *rec = &iso.sh->rec;
	const struct task_isolation_record never = { .culprit_cpu = -1, .cpu = -1 };
	unsigned int has = HAS_ALL;

	WANT(iso.sh->recorded >= 1);
	WANT_EQ(0, rec->blockers);
	if (!s->moves && !s->wide)
		WANT_EQ(0, rec->blockers_now);
	if (!lost) {
		compare("record", &never, rec, HAS_ALL);
		return;
	}
	if (s->gone)
		has &= ~HAS_CULPRIT;
	compare("record", &iso.sh->told, rec, has);
	WANT_EQ(iso.sh->told.hidden, rec->hidden);
	iso_expect_times();
}

static void check_trace_counts(const struct iso_trace *trace, int entries, int losses)
{
	/* A last check that fails comes after the event. */
	WANT(trace->enters >= entries && trace->enters <= entries + iso.sh->again);
	WANT_EQ(iso.sh->again, trace->refusals);
	WANT_EQ(losses, trace->losses);
	WANT_EQ(entries - losses, trace->leaves);
}

/* The events of the victim. */
static void check_trace(const struct stimulus *s, const struct iso_trace *trace, bool lost)
{
	int sig = PR_TASK_ISOLATION_GET_SIG(s->flags ?: ISO_USR1) ?: SIGKILL;

	check_trace_counts(trace, s->entries ?: 1, lost);
	WANT_STR(lost ? ISO_EVENT "loss" : ISO_EVENT "leave", trace->last);
	if (!s->moves && !s->wide)
		WANT_EQ(0, trace->elsewhere);
	if (!s->entries && trace->enters)
		WANT_EQ(sig, iso_field_number(&trace->enter, "sig"));
	if (!lost && trace->leaves) {
		WANT_EQ(s->number ?: SYS_prctl, iso_field_number(&trace->leave, "nr"));
		WANT(iso_field_number(&trace->leave, "quiet") > 0);
	}
}

static void check_counts(int again, int entries, int losses, struct iso_counters *now)
{
	iso_read_counters(now);
	WANT_EQ(iso.before.entered + entries, now->entered);
	WANT_EQ(iso.before.left + entries - losses, now->left);
	WANT_EQ(iso.before.blocked + again, now->blocked);
	WANT_EQ(iso.before.losses + losses, now->losses);
	/* No thread is isolated there any more. */
	WANT_EQ(0, iso_read_counter("pid"));
	WANT_EQ(0, iso_read_counter("current_quiet_ns"));
}

static void check_counters(const struct stimulus *s, bool lost, unsigned int cause)
{
	struct iso_counters now;
	unsigned int i;

	check_counts(iso.sh->again, s->entries ?: 1, lost, &now);
	for (i = 0; i < ISO_NR_CAUSES; i++) {
		if (now.cause[i] != iso.before.cause[i] + (lost && i == cause))
			DIFFER("sysfs: the counter of %s is %lld, and was %lld", iso_causes[i],
			       now.cause[i], iso.before.cause[i]);
	}
}

/* So many lines and, with @rec, what the first of them contains. */
static void check_log(const struct task_isolation_record *rec, int lines)
{
	char text[ISO_LOG_LEN], want[ISO_LOG_LEN];
	int n = iso_log_losses(&iso_log, iso_tid(), text, sizeof(text));

	if (iso_log.fd < 0 || (iso_log.limited && !n))
		return;
	if (n != lines)
		DIFFER("log: %d lines, not %d, the first is '%s'", n, lines, text);
	if (!n || !rec)
		return;
	iso_describe(rec, want, sizeof(want));
	if (strcmp(want, text))
		DIFFER("log: '%s', not '%s'", text, want);
}

/*
 * The loss as the readers of the trace, of sysfs and of the log see it: from the
 * record, or from the first of these channels where the victim is dead.
 */
static void host_view(const struct stimulus *s, const struct task_isolation_record *record,
		      const struct iso_trace *trace, struct task_isolation_record *host)
{
	const char *channel = iso_has_trace ? "trace" : "sysfs";
	unsigned int has = iso_has_trace ? HAS_EVENT : HAS_LAST;
	struct task_isolation_record seen = { 0 };

	if (iso_has_trace)
		iso_record_of_event(&trace->loss, &seen);
	else if (iso_has_counters)
		iso_record_of_last(&seen);
	if (!record) {
		*host = seen;
		check_cause(s, host);
		check_culprit(s, channel, host, has, false);
		return;
	}
	*host = *record;
	host->entered_ns -= iso.ahead_ns;
	host->lost_ns -= iso.ahead_ns;
	/* The victim may not know the function, but root does. */
	if (host->hidden & TASK_ISOLATION_HIDDEN_WHAT)
		memcpy(host->what, seen.what, sizeof(host->what));
	if (!iso.ns)
		return;
	check_culprit(s, channel, &seen, has, false);
	host->culprit_tid = seen.culprit_tid;
	memcpy(host->culprit_comm, seen.culprit_comm, sizeof(host->culprit_comm));
}

/* The process of the culprit, where there is no record, or not one of the host. */
static int culprit_process(const struct stimulus *s, const struct task_isolation_record *host)
{
	struct task_isolation_record want;

	if (!host->culprit_tid || s->who == WHO_WORKER)
		return host->culprit_tid;
	expected_culprit(s, false, &want);
	return want.culprit_pid > 0 ? want.culprit_pid : host->culprit_tid;
}

static void check_host_loss(const struct stimulus *s, const struct task_isolation_record *record,
			    const struct iso_trace *trace)
{
	/* A signal speaks for itself. */
	bool logged = s->causes != ISO_CAUSE(SIGNAL);
	struct task_isolation_record host, seen;
	unsigned int has = HAS_LAST;

	if (!iso_has_trace && (iso.ns || !record)) {
		/* The log has what neither sysfs nor this record has. */
		check_log(NULL, logged);
		if (!iso_has_counters)
			return;
	}
	/* The event is missing, or the thread was not notified: enough has differed. */
	if (iso_has_trace && !trace->losses)
		return;
	host_view(s, record, trace, &host);
	if (iso_has_trace) {
		iso_record_of_event(&trace->loss, &seen);
		compare("trace", &host, &seen, HAS_EVENT);
		if (record)
			WANT_EQ(host.lost_ns - host.entered_ns,
				iso_field_number(&trace->loss, "quiet"));
	}
	if (iso_has_counters) {
		iso_record_of_last(&seen);
		if (!record || iso.ns)
			host.culprit_pid = culprit_process(s, &host);
		if (!record)
			has &= ~HAS_LOST;
		/* kptr_restrict may hide the function from this process, too. */
		if (!seen.what[0])
			has &= ~HAS_WHAT;
		compare("sysfs", &host, &seen, has);
		check_counters(s, true, host.cause);
	}
	if (iso_has_trace || (!iso.ns && record))
		check_log(&host, logged);
}

/* Waits for what comes of the stimulus. Returns whether isolation was lost. */
static bool await_outcome(const struct stimulus *s)
{
	if (s->status) {
		WANT(iso_wait_exit() != -1);
		return s->causes;
	}
	if (s->causes && !s->maybe) {
		WANT(iso_wait_for(iso.victim, &iso.sh->sig_total, 1));
		/* A second signal would be on its way by now. */
		iso_sleep_ms(20);
	} else {
		iso_sleep_ms(s->wait_ms ?: 50);
	}
	iso_stop();
	return s->causes && (!s->maybe || iso.sh->sig_total);
}

/**
 * iso_expect - Wait for the outcome of a stimulus, and check it on each channel
 * @s:		The stimulus, which the test has applied
 *
 * The victim has ended afterwards, and iso.sh has its results. Differences are
 * counted, see iso_differ().
 */
void iso_expect(const struct stimulus *s)
{
	bool lost = await_outcome(s);
	const struct iso_shared *sh = iso.sh;
	struct iso_trace trace = { 0 };
	/* What the thread knew, if it lived to read it */
	const struct task_isolation_record *record = sh->sig_total ? &sh->told : NULL;

	check_signal(s, lost);
	if (!s->status)
		check_record(s, lost);
	if (iso_has_trace) {
		iso_read_trace(iso_tid(), &trace);
		check_trace(s, &trace, lost);
	}
	if (lost && record)
		check_loss(s, record);
	if (lost) {
		check_host_loss(s, record, &trace);
	} else {
		if (iso_has_counters)
			check_counters(s, false, 0);
		check_log(NULL, 0);
	}
}

/**
 * iso_expect_totals - Check how often a victim was isolated, on each channel
 * @entries:	Number of times that it was
 * @losses:	Number of times that it lost that, each by the cause in its record
 *
 * For a victim which does that many times, and has ended.
 */
void iso_expect_totals(int entries, int losses)
{
	/* A signal speaks for itself. */
	bool logged = iso.sh->rec.cause != TASK_ISOLATION_SIGNAL;
	struct iso_counters now;
	struct iso_trace trace;

	WANT_EQ(losses, iso.sh->rec.losses);
	if (iso_has_trace) {
		iso_read_trace(iso_tid(), &trace);
		check_trace_counts(&trace, entries, losses);
	}
	if (iso_has_counters)
		check_counts(iso.sh->again, entries, losses, &now);
	if (losses < ISO_LOG_LINES / 2)
		check_log(NULL, logged ? losses : 0);
}

/*
 * A blocker's function in @key of the event, or the words for it in @words, are what
 * the victim has in @name, unless that is hidden.
 */
static void check_blocked_name(const struct iso_event *e, const char *key, const char *words,
			       const char *name, bool hidden)
{
	const char *value = iso_field(e, key);

	/* The trace has no name for an address of 0. */
	if (value && value[0] != '0' && value[0] != '(')
		WANT_STR(hidden ? "" : value, name);
	else if (words)
		WANT_STR(name[0] ? name : "-", iso_field(e, words) ?: "missing");
}

/**
 * iso_expect_refused - Expect that the last request was refused, on each channel
 * @err:	The errno
 * @wanted:	Blockers that there have to be. Others may be there for a moment.
 *
 * The victim has left its record in iso.sh, and the number of its requests in
 * @count, all of which were refused.
 */
void iso_expect_refused(int err, uint64_t wanted)
{
	const struct task_isolation_record *rec = &iso.sh->rec;
	char words[256] = "", task[32];
	struct iso_counters now;
	struct iso_trace trace;
	unsigned int i, len = 0;

	WANT_EQ(-1, iso.sh->ret);
	WANT_EQ(err, iso.sh->err);
	WANT_EQ(wanted, rec->blockers & wanted);
	/* Those of one group only, as the error says. */
	WANT_EQ(0, rec->blockers & (err == EINVAL ? ~TASK_ISOLATION_BLOCKERS_FINAL :
				    TASK_ISOLATION_BLOCKERS_FINAL));
	WANT_EQ(0, rec->losses);
	check_log(NULL, 0);
	if (iso_has_counters) {
		iso_read_counters(&now);
		/* Other CPUs have counters of their own. */
		if (!(rec->blockers & TASK_ISOLATION_BLOCKER_NOHZ))
			WANT_EQ(iso.before.blocked + iso.sh->count, now.blocked);
		WANT_EQ(iso.before.entered, now.entered);
	}
	if (!iso_has_trace)
		return;
	iso_read_trace(iso_tid(), &trace);
	WANT_EQ(iso.sh->count, trace.refusals);
	WANT_EQ(0, trace.losses);
	WANT_EQ(0, trace.leaves);
	if (err == EINVAL)
		WANT_EQ(0, trace.enters);
	if (!trace.refusals)
		return;
	for (i = 0; i < ARRAY_SIZE(blockers); i++) {
		if (rec->blockers >> i & 1)
			len += snprintf(words + len, sizeof(words) - len, "%s%s", len ? "|" : "",
					blockers[i] ?: "?");
	}
	WANT_EQ(-err, iso_field_number(&trace.blocked, "err"));
	WANT_STR(words, iso_field(&trace.blocked, "blockers") ?: "missing");
	WANT_STR(rec->tick[0] ? rec->tick : "-", iso_field(&trace.blocked, "tick") ?: "missing");
	check_blocked_name(&trace.blocked, "timer", NULL, rec->timer,
			   rec->hidden & TASK_ISOLATION_HIDDEN_TIMER);
	check_blocked_name(&trace.blocked, "func", "work", rec->work,
			   rec->hidden & TASK_ISOLATION_HIDDEN_WORK);
	if (!iso.ns) {
		snprintf(task, sizeof(task), "%s/%d", rec->blocker_comm, rec->blocker_tid);
		WANT_STR(task, iso_field(&trace.blocked, "task") ?: "missing");
	}
}
