// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the trace events. For root, as they contain what others do.
 *
 * What they print is checked for each loss and refusal, see expect.h. Here is what they
 * have besides, and who may read them.
 *
 * Test Summary
 *
 *  * events.raw		All that the event of a loss has, printed or not
 *  * events.format		The event of a loss has a field for each member of the
 *				record that is about one
 *  * events.nobody		No other user may open the trace
 */
#include <grp.h>
#include <sys/stat.h>

#include "fixture.h"
#include "stimuli.h"

FIXTURE(events) {};

FIXTURE_SETUP(events)
{
	iso_begin(_metadata);
	if (_metadata->exit_code == KSFT_SKIP)
		return;
	if (!iso_has_trace)
		SKIP(return, "%s", iso_find_events() ?: "no instance to trace in");
}

FIXTURE_TEARDOWN(events)
{
	iso_write_file(ISO_INSTANCE "/trace_options", "nofields");
	iso_finish(_metadata);
}

/* With the option "fields" a number is "KEY=... (NUMBER)", whatever the event prints. */
static void expect_raw(struct __test_metadata *_metadata, const struct iso_event *e,
		       const char *key, long long want)
{
	const char *p = iso_field(e, key);

	p = p ? strchr(p, '(') : NULL;
	EXPECT_TRUE(p && strtoll(p + 1, NULL, 10) == want) {
		TH_LOG("%s is not %lld in %s: %s", key, want, e->name, e->fields);
	}
}

/* Their user is not that of all the others here. */
static void prepare_nobody(struct iso_shared *sh)
{
	iso_prepare_membarrier(sh);
	if (iso_drop_uid())
		sh->unable = errno;
}

TEST_F_TIMEOUT(events, raw, ISO_TIMEOUT)
{
	struct stimulus s = stim_thread_membarrier;
	const struct task_isolation_record *rec;
	struct iso_trace trace;

	if (iso_write_file(ISO_INSTANCE "/trace_options", "fields"))
		SKIP(return, "no option fields in " ISO_INSTANCE "/trace_options");
	s.prepare = prepare_nobody;
	if (!iso_start_quiet(&s))
		SKIP(return, "no expedited membarrier: %s", strerror(iso.sh->unable));
	STORE(iso.sh->go, 1);
	EXPECT_TRUE(iso_wait_for(iso.victim, &iso.sh->sig_total, 1));
	iso_stop();
	rec = &iso.sh->rec;
	iso_read_trace(iso.sh->tid, &trace);
	ASSERT_EQ(1, trace.losses);
	expect_raw(_metadata, &trace.loss, "cause", TASK_ISOLATION_IPI_FUNC);
	expect_raw(_metadata, &trace.loss, "cpu", iso.cpu);
	expect_raw(_metadata, &trace.loss, "number", rec->number);
	expect_raw(_metadata, &trace.loss, "hwirq", rec->hwirq);
	expect_raw(_metadata, &trace.loss, "ip", rec->ip);
	expect_raw(_metadata, &trace.loss, "entered_ns", rec->entered_ns);
	expect_raw(_metadata, &trace.loss, "lost_ns", rec->lost_ns);
	expect_raw(_metadata, &trace.loss, "losses", 1);
	expect_raw(_metadata, &trace.loss, "culprit_cpu", iso.sh->other_cpu);
	expect_raw(_metadata, &trace.loss, "culprit_pid", iso.sh->tid);
	expect_raw(_metadata, &trace.loss, "culprit_tid", iso.sh->other_tid);
	expect_raw(_metadata, &trace.loss, "culprit_uid", ISO_NOBODY);
	EXPECT_STREQ(ISO_OTHER, iso_field(&trace.loss, "culprit_comm") ?: "missing");
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

	ASSERT_LT(0, iso_read_file(ISO_INSTANCE "/" ISO_EVENTS "/" ISO_EVENT "loss/format", format,
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
		ISO_INSTANCE "/trace", ISO_INSTANCE "/trace_pipe",
		ISO_INSTANCE "/" ISO_EVENTS "/" ISO_EVENT "loss/format",
		ISO_TRACEFS "/trace", ISO_TRACEFS "/trace_pipe",
	};
	struct stat st;
	unsigned int i;
	int status;
	pid_t pid;

	ASSERT_EQ(0, stat(ISO_TRACEFS, &st));
	if (st.st_mode & 0007)
		SKIP(return, ISO_TRACEFS " is open to everybody here");
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
		if (try_open(ISO_INSTANCE "/" ISO_EVENTS "/enable", O_WRONLY) != EACCES)
			_exit(1 + i);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status) {
		TH_LOG("nobody: file %d is not refused", WEXITSTATUS(status) - 1);
	}
}

int main(int argc, char **argv)
{
	return iso_main(argc, argv);
}
