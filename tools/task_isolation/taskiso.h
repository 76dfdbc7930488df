/* SPDX-License-Identifier: GPL-2.0 */
/* taskiso: what its parts share. */
#ifndef TASKISO_H
#define TASKISO_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <linux/task_isolation.h>

/* Exit status */
#define EXIT_YES	0	/* it worked; check: the CPU can isolate */
#define EXIT_NO		1	/* check: it can't */
#define EXIT_WRONG	2	/* usage, no permission, no such thing */

#define SYS_CPU		"/sys/devices/system/cpu"

/* Those of the kernel that this was built for. A later one may have more. */
#define NR_CAUSES	(TASK_ISOLATION_AFFINITY + 1)

/* words.c: pure functions, and files with one value */
extern const char *const cause_words[NR_CAUSES];

int parse_cpus(const char *list, cpu_set_t *set);
void print_cpus(const cpu_set_t *set, char *buf, size_t size);
bool has_parameter(const char *cmdline, const char *name, int cpu);
void missing_parameters(const char *cmdline, int cpu, char *buf, size_t size);
const char *next_blocker(unsigned long long *bits);
void format_span(unsigned long long ns, char *buf, size_t size);
int read_text(const char *path, char *buf, size_t size);
int read_cpus(const char *path, cpu_set_t *set);

/* taskiso.c */
#define complain(format, ...)	fprintf(stderr, "taskiso: " format "\n", ##__VA_ARGS__)

extern bool colour;

const char *bold(void);
const char *red(void);
const char *green(void);
const char *plain(void);
bool stay_away(const cpu_set_t *isolation);

/* One for each verb */
int cmd_check(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_trace(int argc, char **argv);

#endif /* TASKISO_H */
