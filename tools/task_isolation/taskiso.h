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

/* words.c */
const char *next_blocker(unsigned long long *bits);
void format_span(unsigned long long ns, char *buf, size_t size);

/* cpus.c */
int parse_list(const char *list, int last_cpu, cpu_set_t *set);
int parse_cpus(const char *list, cpu_set_t *set);
int parse_mask(const char *mask, cpu_set_t *set);
void print_cpus(const cpu_set_t *set, char *buf, size_t size);
int read_text(const char *path, char *buf, size_t size);
int read_cpus(const char *path, cpu_set_t *set);

/* bootline.c: a pure function */
#define MAX_SETTINGS	16

enum parameter { ISOLCPUS, NOHZ_FULL, RCU_NOCBS, IRQAFFINITY, NR_PARAMETERS };

/* A parameter of the boot line that sets CPUs aside */
struct setting {
	enum parameter	name;
	bool		nohz, domain, managed_irq;	/* what it requests */
	cpu_set_t	cpus;		/* empty if the kernel can't read it */
	char		text[2048];	/* as it is on the boot line */
	char		wrong[2176];	/* what the kernel does not like, or "" */
};

struct boot_line {
	int		count;
	struct setting	settings[MAX_SETTINGS];
};

extern const char *const parameter_names[];

void read_boot_line(const char *text, int last_cpu, struct boot_line *line);

/* advice.c: pure functions */
/* What /sys and /proc say */
struct machine {
	int		last_cpu;
	cpu_set_t	isolated;	/* by isolcpus=domain */
	cpu_set_t	nohz_full;
	cpu_set_t	irq_default;	/* where new device interrupts may go */
};

bool print_dropped(FILE *out, const struct boot_line *line, const struct machine *now,
		   const cpu_set_t *cpus);
bool print_changes(FILE *out, const struct boot_line *line, const struct machine *now,
		   const cpu_set_t *lacking, const cpu_set_t *able);

/* setup.c */
void explain_setup(const cpu_set_t *lacking, const cpu_set_t *able);

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
