// SPDX-License-Identifier: GPL-2.0
/*
 * taskiso trace: losses and refusals as they happen.
 *
 * In a separate trace instance, so that no other one is changed. Its buffers are
 * polled: a reader which waits for an event is woken up by an interrupt on the
 * CPU of the event, which would be a loss.
 */

#include "taskiso.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <traceevent/event-parse.h>
#include <tracefs/tracefs.h>

#define SYSTEM	"task_isolation"
/* The prefix of the names of all events, which is not shown. */
#define PREFIX	"task_isolation_"
#define POLL_MS	100

static sig_atomic_t stop;

struct reader {
	struct tep_handle	*tep;
	struct trace_seq	seq;
	long			left;	/* events to show, negative for all */
};

static void on_signal(int sig)
{
	(void)sig;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}

/* The kernel notes names when threads are switched, which an isolated one is not. */
static void name_thread(struct tep_handle *tep, int pid)
{
	char path[32], comm[32];

	if (tep_is_pid_registered(tep, pid))
		return;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (read_text(path, comm, sizeof(comm)) > 0)
		tep_register_comm(tep, comm, pid);
}

static int show(struct tep_event *event, struct tep_record *record, int cpu, void *data)
{
	struct reader *r = data;
	size_t prefix = strncmp(event->name, PREFIX, strlen(PREFIX)) ? 0 : strlen(PREFIX);
	const char *name = event->name + prefix;
	const char *on = !strcmp(name, "loss") ? red() : "";

	if (!r->left)
		return 1;

	name_thread(r->tep, tep_data_pid(r->tep, record));
	trace_seq_reset(&r->seq);
	tep_print_event(r->tep, &r->seq, record, "%s-%d", TEP_PRINT_COMM, TEP_PRINT_PID);
	trace_seq_printf(&r->seq, " cpu %d ", cpu);
	tep_print_event(r->tep, &r->seq, record, "%6.1000d", TEP_PRINT_TIME);
	trace_seq_printf(&r->seq, " %s%s%s ", on, name, *on ? plain() : "");
	tep_print_event(r->tep, &r->seq, record, "%s", TEP_PRINT_INFO);
	trace_seq_terminate(&r->seq);
	puts(r->seq.buffer);

	if (r->left > 0)
		r->left--;
	return !r->left;
}

static int enable(struct tracefs_instance *instance, bool all)
{
	static const char *const events[] = {
		PREFIX "loss", PREFIX "blocked", PREFIX "enter", PREFIX "leave"
	};

	for (int i = 0; i < (all ? 4 : 2); i++) {
		if (tracefs_event_enable(instance, SYSTEM, events[i])) {
			complain("the event %s can't be switched on: %s. It takes a kernel with",
				 events[i], strerror(errno));
			complain("CONFIG_TASK_ISOLATION");
			return -1;
		}
	}
	return 0;
}

static int follow(struct tracefs_instance *instance, long count)
{
	static const char *const systems[] = { SYSTEM, NULL };
	struct reader r = { .left = count ?: -1 };

	r.tep = tracefs_local_events_system(NULL, systems);
	if (!r.tep) {
		complain("the formats of the events can't be read: %s", strerror(errno));
		return EXIT_WRONG;
	}
	trace_seq_init(&r.seq);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) && r.left) {
		tracefs_iterate_raw_events(r.tep, instance, NULL, 0, show, &r);
		if (r.left)
			usleep(POLL_MS * 1000);
	}
	trace_seq_destroy(&r.seq);
	tep_free(r.tep);
	return EXIT_YES;
}

int cmd_trace(int argc, char **argv)
{
	struct tracefs_instance *instance;
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction sa = { .sa_handler = on_signal };
	int status = EXIT_WRONG, opt;
	bool all = false;
	cpu_set_t set;
	char name[32];
	long count = 0;
	char *end;

	while ((opt = getopt(argc, argv, "an:")) != -1) {
		if (opt == 'a') {
			all = true;
		} else if (opt == 'n') {
			count = strtol(optarg, &end, 10);
			if (*end || count < 1) {
				complain("-n takes a whole number from 1 on, not '%s'", optarg);
				return EXIT_WRONG;
			}
		} else {
			return EXIT_WRONG;
		}
	}
	if (optind < argc) {
		complain("trace does not know what '%s' is", argv[optind]);
		return EXIT_WRONG;
	}

	if (read_cpus(SYS_CPU "/task_isolation", &set) > 0)
		stay_away(&set);
	/* The instance is removed whatever ends this, a pipe to head included. */
	for (unsigned int i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		sigaction(ends[i], &sa, NULL);

	snprintf(name, sizeof(name), "taskiso-%d", getpid());
	instance = tracefs_instance_create(name);
	if (!instance) {
		complain("no trace instance can be made: %s. It takes root, and tracefs",
			 strerror(errno));
		return EXIT_WRONG;
	}
	if (!enable(instance, all))
		status = follow(instance, count);
	tracefs_event_disable(instance, SYSTEM, NULL);
	tracefs_instance_destroy(instance);
	tracefs_instance_free(instance);
	return status;
}
