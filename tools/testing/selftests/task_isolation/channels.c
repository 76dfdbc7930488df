// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation tests: reads the channels on which a loss is found, see channels.h
 */
#include <sys/stat.h>

#include "channels.h"

/* Of enum task_isolation_cause, in its order */
const char * const iso_causes[ISO_NR_CAUSES] = {
	"unknown", "syscall", "signal", "nmi", "page_fault", "trap", "vector", "mce", "irq",
	"timer", "ipi_func", "reschedule", "irq_work", "stop", "affinity",
};

bool iso_has_trace, iso_has_counters;

static void counter_path(char *path, size_t size, const char *name)
{
	snprintf(path, size, "/sys/devices/system/cpu/cpu%d/task_isolation/%s", iso.cpu, name);
}

static int remove_instance(void)
{
	iso_write_file(ISO_INSTANCE "/" ISO_EVENTS "/enable", "0");
	return rmdir(ISO_INSTANCE);
}

/**
 * iso_find_events - Look for the trace events
 *
 * Return: %NULL, or why they can't be traced here
 */
const char *iso_find_events(void)
{
	if (geteuid())
		return "only root may trace";
	if (!iso_mount_tracefs())
		return "no tracefs at " ISO_TRACEFS;
	if (access(ISO_TRACEFS "/instances", F_OK))
		return "no trace instances in " ISO_TRACEFS;
	if (access(ISO_TRACEFS "/" ISO_EVENTS, F_OK))
		return "no events of task_isolation in " ISO_TRACEFS;
	return NULL;
}

static const char *open_trace(void)
{
	const char *reason = iso_find_events();

	if (reason)
		return reason;
	/* A test that was killed may have left it behind. */
	if (!access(ISO_INSTANCE, F_OK))
		remove_instance();
	if (mkdir(ISO_INSTANCE, 0700))
		return iso_reason("can't make " ISO_INSTANCE ": %s", strerror(errno));
	/* The options come from the main trace. Set those that change a line. */
	iso_write_file(ISO_INSTANCE "/trace_options", "context-info");
	iso_write_file(ISO_INSTANCE "/trace_options", "norecord-tgid");
	iso_write_file(ISO_INSTANCE "/trace_options", "noraw");
	iso_write_file(ISO_INSTANCE "/trace_options", "nofields");
	if (iso_write_file(ISO_INSTANCE "/tracing_on", "1") ||
	    iso_write_file(ISO_INSTANCE "/" ISO_EVENTS "/enable", "1"))
		return iso_reason("can't switch on " ISO_EVENTS ": %s", strerror(errno));
	return NULL;
}

static const char *find_counters(void)
{
	char path[96];

	if (geteuid())
		return "only root may read them";
	counter_path(path, sizeof(path), "entered");
	return access(path, R_OK) ? iso_reason("no %s", path) : NULL;
}

/**
 * iso_channels_open - Open the channels, and say which of them are missing
 *
 * Once for each program: switching on an event interrupts every CPU. iso.cpu is a
 * CPU in nohz_full=.
 */
void iso_channels_open(void)
{
	const char *reason = open_trace();

	iso_has_trace = !reason;
	if (reason)
		ksft_print_msg("channel trace is skipped: %s\n", reason);
	reason = find_counters();
	iso_has_counters = !reason;
	if (reason)
		ksft_print_msg("channel sysfs is skipped: %s\n", reason);
	iso_log_open(&iso_log);
	if (iso_log.fd < 0)
		ksft_print_msg("channel log is skipped: no /dev/kmsg: %s\n", strerror(errno));
	else if (iso_log.limited)
		ksft_print_msg("channel log: without task_isolation_debug lines may be missing\n");
	if (iso_log.fd >= 0)
		close(iso_log.fd);
}

/**
 * iso_channels_close - Close the channels
 */
void iso_channels_close(void)
{
	if (iso_has_trace && remove_instance())
		ksft_print_msg("can't remove " ISO_INSTANCE ": %s\n", strerror(errno));
}

/**
 * iso_channels_clear - Forget what the channels have of the tests before
 *
 * No victim runs.
 */
void iso_channels_clear(void)
{
	int fd = iso_has_trace ? open(ISO_INSTANCE "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC) : -1;

	if (fd >= 0)
		close(fd);
	iso_log_open(&iso_log);
}

/**
 * iso_tid - The victim's thread ID as the log and the trace have it
 *
 * Return: the thread ID in the initial pid namespace
 */
int iso_tid(void)
{
	return iso.ns ? iso.pid : iso.sh->tid;
}

/*
 * "COMM-TID [CPU] FLAGS TIME: NAME: FIELDS", with blanks before and between,
 * and where COMM may be anything.
 */
static bool parse_event(char *line, struct iso_event *e)
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
	fields = name ? strstr(name + 2, ": ") : NULL;
	if (!fields)
		return false;
	name += 2;
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

static void count_event(struct iso_trace *trace, const struct iso_event *e)
{
	if (!strcmp(e->name, ISO_EVENT "enter")) {
		trace->enters++;
		trace->enter = *e;
	} else if (!strcmp(e->name, ISO_EVENT "blocked")) {
		trace->refusals++;
		trace->blocked = *e;
	} else if (!strcmp(e->name, ISO_EVENT "loss")) {
		trace->losses++;
		trace->loss = *e;
	} else if (!strcmp(e->name, ISO_EVENT "leave")) {
		trace->leaves++;
		trace->leave = *e;
	} else {
		DIFFER("trace: what is the event %s?", e->name);
	}
	trace->elsewhere += e->cpu != iso.cpu;
	snprintf(trace->last, sizeof(trace->last), "%s", e->name);
}

/**
 * iso_read_trace - Read the events of a thread
 * @tid:	The thread. Others may be isolated elsewhere.
 * @trace:	Its events
 */
void iso_read_trace(int tid, struct iso_trace *trace)
{
	struct iso_event e;
	char line[1024];
	FILE *f;

	memset(trace, 0, sizeof(*trace));
	f = fopen(ISO_INSTANCE "/trace", "r");
	WANT(f);
	while (f && fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (!parse_event(line, &e))
			DIFFER("trace: not understood: %s", line);
		else if (e.tid == tid)
			count_event(trace, &e);
	}
	if (f)
		fclose(f);
}

/* The beginning of the next " KEY=" from @p on, or the end of the text. */
static const char *next_field(const char *p)
{
	for (p = strchr(p, ' '); p; p = strchr(p + 1, ' ')) {
		size_t len = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_");

		if (len && p[1 + len] == '=')
			return p;
	}
	return NULL;
}

/**
 * iso_field - Find a field of an event
 * @e:		The event
 * @key:	Name of the field
 *
 * Return: its text until the next field, valid until the next call, or %NULL
 */
const char *iso_field(const struct iso_event *e, const char *key)
{
	static char value[256];
	size_t len = strlen(key);
	const char *p, *end;

	for (p = e->fields; p; p = next_field(p)) {
		p += *p == ' ';
		if (strncmp(p, key, len) || p[len] != '=')
			continue;
		end = next_field(p);
		p += len + 1;
		snprintf(value, sizeof(value), "%.*s", end ? (int)(end - p) : (int)strlen(p), p);
		return value;
	}
	return NULL;
}

/**
 * iso_field_number - Read a number from a field of an event
 * @e:		The event
 * @key:	Name of the field
 *
 * Return: the number, or 0 if there is none, which is a difference
 */
long long iso_field_number(const struct iso_event *e, const char *key)
{
	const char *value = iso_field(e, key);
	unsigned long long n;
	char *end;

	if (!value) {
		DIFFER("trace: no %s in %s: %s", key, e->name, e->fields);
		return 0;
	}
	n = value[0] == '-' ? (unsigned long long)strtoll(value, &end, 0) :
			      strtoull(value, &end, 0);
	if (end == value || *end)
		DIFFER("trace: %s is '%s', no number", key, value);
	return n;
}

/**
 * iso_read_counter - Read a file of the counters of the CPU
 * @name:	The file
 *
 * Return: the number in it, or 0 if there is none, which is a difference
 */
long long iso_read_counter(const char *name)
{
	char path[96], text[32], *end;
	long long n;

	counter_path(path, sizeof(path), name);
	if (iso_read_file(path, text, sizeof(text)) < 0)
		DIFFER("sysfs: %s: %s", path, strerror(errno));
	n = strtoll(text, &end, 10);
	if (end == text || *end)
		DIFFER("sysfs: %s is '%s', no number", name, text);
	return n;
}

/* "WORD NUMBER" for each cause, in their order, and nothing else. */
static void read_causes(long long *cause)
{
	char path[96], text[1024], *line = text;
	unsigned int i;

	counter_path(path, sizeof(path), "causes");
	if (iso_read_file(path, text, sizeof(text)) < 0)
		DIFFER("sysfs: %s: %s", path, strerror(errno));
	for (i = 0; i < ISO_NR_CAUSES; i++) {
		size_t len = strlen(iso_causes[i]);

		if (strncmp(line, iso_causes[i], len) || line[len] != ' ') {
			DIFFER("sysfs: no line for %s in causes: %s", iso_causes[i], text);
			return;
		}
		cause[i] = strtoll(line + len + 1, &line, 10);
		line += *line == '\n';
	}
	WANT_STR("", line);
}

/**
 * iso_read_counters - Read the counters of the CPU
 * @counters:	Their values, 0 without this channel
 */
void iso_read_counters(struct iso_counters *counters)
{
	long long sum = 0;
	unsigned int i;

	memset(counters, 0, sizeof(*counters));
	if (!iso_has_counters)
		return;
	counters->entered = iso_read_counter("entered");
	counters->left = iso_read_counter("left");
	counters->blocked = iso_read_counter("blocked");
	counters->losses = iso_read_counter("losses");
	read_causes(counters->cause);
	for (i = 0; i < ISO_NR_CAUSES; i++)
		sum += counters->cause[i];
	WANT_EQ(sum, counters->losses);
}

/**
 * iso_read_last - Read a line "KEY=VALUE" of what sysfs says of the last loss
 * @key:	The key
 * @value:	The value, empty if there is no such line
 * @size:	Size of @value
 *
 * All of it is one file, as it is of one loss.
 *
 * Return: %false if there is no such line
 */
bool iso_read_last(const char *key, char *value, size_t size)
{
	size_t len = strlen(key);
	char path[96], text[512], *line;

	value[0] = '\0';
	counter_path(path, sizeof(path), "last");
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

static long long read_last_number(const char *key)
{
	char text[64], *end;
	long long n;

	iso_read_last(key, text, sizeof(text));
	n = text[0] == '-' ? strtoll(text, &end, 10) : (long long)strtoull(text, &end, 10);
	if (end == text || *end)
		DIFFER("sysfs: %s is '%s', no number", key, text);
	return n;
}

static unsigned int find_cause(const char *word)
{
	unsigned int i;

	for (i = 0; i < ISO_NR_CAUSES; i++) {
		if (word && !strcmp(word, iso_causes[i]))
			return i;
	}
	DIFFER("what is the cause '%s'?", word ?: "missing");
	return TASK_ISOLATION_UNKNOWN;
}

/**
 * iso_record_of_event - Put what the event of a loss prints into a record
 * @e:		The event
 * @rec:	The record. Other members are 0.
 */
void iso_record_of_event(const struct iso_event *e, struct task_isolation_record *rec)
{
	const char *text;
	char *slash;

	memset(rec, 0, sizeof(*rec));
	rec->cause = find_cause(iso_field(e, "cause"));
	rec->number = iso_field_number(e, "number");
	rec->hwirq = iso_field_number(e, "hwirq");
	rec->ip = iso_field_number(e, "ip");
	rec->cpu = iso_field_number(e, "cpu");
	rec->losses = iso_field_number(e, "losses");
	rec->culprit_cpu = iso_field_number(e, "culprit_cpu");
	text = iso_field(e, "what");
	snprintf(rec->what, sizeof(rec->what), "%s", text ?: "");
	/* COMM/TID, where COMM may have slashes, too. */
	text = iso_field(e, "culprit") ?: "";
	slash = strrchr(text, '/');
	WANT(slash);
	if (!slash)
		return;
	rec->culprit_tid = atoi(slash + 1);
	snprintf(rec->culprit_comm, sizeof(rec->culprit_comm), "%.*s", (int)(slash - text), text);
}

/**
 * iso_record_of_last - Put what sysfs says of the last loss into a record
 * @rec:	The record. Other members are 0.
 */
void iso_record_of_last(struct task_isolation_record *rec)
{
	char word[64];

	memset(rec, 0, sizeof(*rec));
	iso_read_last("cause", word, sizeof(word));
	rec->cause = find_cause(word);
	rec->number = read_last_number("number");
	rec->lost_ns = read_last_number("lost_ns");
	rec->culprit_cpu = read_last_number("culprit_cpu");
	rec->culprit_pid = read_last_number("culprit_pid");
	iso_read_last("what", rec->what, sizeof(rec->what));
	iso_read_last("culprit_comm", rec->culprit_comm, sizeof(rec->culprit_comm));
}

/**
 * iso_describe - Describe a loss in the words of the log
 * @rec:	The loss
 * @text:	The text, from the cause on
 * @size:	Size of @text
 */
void iso_describe(const struct task_isolation_record *rec, char *text, size_t size)
{
	static const char * const words[ISO_NR_CAUSES] = {
		"unknown", "syscall", "signal", "NMI", "page fault at", "trap", "vector",
		"machine check", "irq", "local timer interrupt", "IPI function", "reschedule IPI",
		"irq_work", "stop", "affinity change",
	};
	unsigned long long number = rec->number;
	const char *what = rec->what[0] ? rec->what : "?";
	int len = snprintf(text, size, "%s", words[rec->cause % ISO_NR_CAUSES]);

	switch (rec->cause) {
	case TASK_ISOLATION_SYSCALL:
		len += snprintf(text + len, size - len, " %lld", (long long)number);
		break;
	case TASK_ISOLATION_FAULT:
		len += snprintf(text + len, size - len, " 0x%llx", number);
		break;
	case TASK_ISOLATION_IRQ:
		len += snprintf(text + len, size - len, " %llu (%s hwirq %llu)", number,
				rec->what, (unsigned long long)rec->hwirq);
		break;
	case TASK_ISOLATION_TRAP:
	case TASK_ISOLATION_VECTOR:
	case TASK_ISOLATION_IPI_FUNC:
	case TASK_ISOLATION_IRQ_WORK:
		len += snprintf(text + len, size - len, " (%s)", what);
		break;
	}
	if (rec->culprit_tid)
		snprintf(text + len, size - len, " by %s/%d on cpu %d", rec->culprit_comm,
			 rec->culprit_tid, rec->culprit_cpu);
	else if (rec->culprit_cpu >= 0)
		snprintf(text + len, size - len, " by an interrupt or the idle loop on cpu %d",
			 rec->culprit_cpu);
}
