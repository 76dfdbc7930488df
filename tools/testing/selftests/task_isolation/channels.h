/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation tests: the channels on which a loss is found.
 *
 *   signal	of the loss, exactly once, on the isolated thread, with its siginfo
 *   record	as the handler reads it, and as the victim reads it at its end
 *   trace	events of the thread, in an instance of these tests
 *   sysfs	counters of the CPU, and what they say of the last loss
 *   log	one line, with the cause and the culprit in words
 *
 * The first two are always there. Where one of the others is missing this is
 * printed once, at the start of the program.
 */
#ifndef __TASK_ISOLATION_CHANNELS_H
#define __TASK_ISOLATION_CHANNELS_H

#include "victim.h"

#define ISO_EVENTS	"events/task_isolation"
/* A trace of these tests, without the settings and events of others */
#define ISO_INSTANCE	ISO_TRACEFS "/instances/task_isolation_test"
/* What the names of the events begin with */
#define ISO_EVENT	"task_isolation_"

/**
 * struct iso_event - A line of the trace
 * @tid:	Thread which had the event
 * @cpu:	CPU on which it had it
 * @name:	Name of the event
 * @fields:	Its fields, "KEY=VALUE" separated by blanks
 */
struct iso_event {
	int	tid;
	int	cpu;
	char	name[32];
	char	fields[800];
};

/**
 * struct iso_trace - The events of a thread
 * @enters:	Number of requests which got as far as to the last check
 * @refusals:	Number of requests which failed
 * @losses:	Number of losses
 * @leaves:	Number of times that it left
 * @enter:	The last enter event
 * @blocked:	The last blocked event
 * @loss:	The last loss event
 * @leave:	The last leave event
 * @last:	Name of the last event
 * @elsewhere:	Events on another CPU than iso.cpu
 */
struct iso_trace {
	int			enters;
	int			refusals;
	int			losses;
	int			leaves;
	struct iso_event	enter;
	struct iso_event	blocked;
	struct iso_event	loss;
	struct iso_event	leave;
	char			last[32];
	int			elsewhere;
};

/* The words for causes, of enum task_isolation_cause */
extern const char * const iso_causes[ISO_NR_CAUSES];

/* Which of the channels that may be missing there are */
extern bool iso_has_trace, iso_has_counters;

void iso_channels_open(void);
void iso_channels_close(void);
void iso_channels_clear(void);

int iso_tid(void);
const char *iso_find_events(void);
void iso_read_trace(int tid, struct iso_trace *trace);
const char *iso_field(const struct iso_event *e, const char *key);
long long iso_field_number(const struct iso_event *e, const char *key);
long long iso_read_counter(const char *name);
void iso_read_counters(struct iso_counters *counters);
bool iso_read_last(const char *key, char *value, size_t size);
void iso_record_of_event(const struct iso_event *e, struct task_isolation_record *rec);
void iso_record_of_last(struct task_isolation_record *rec);
void iso_describe(const struct task_isolation_record *rec, char *text, size_t size);

#endif /* __TASK_ISOLATION_CHANNELS_H */
