// SPDX-License-Identifier: GPL-2.0
/* taskiso: what the kernel did not take of the boot line, why, and what to change there. */

#include "taskiso.h"

#include <stdio.h>

/* In this order, a kernel that drops the second of two equal lists takes all of it. */
static const struct {
	enum parameter	name;
	const char	*flags;
} recommended[] = {
	{ NOHZ_FULL, "" },
	{ ISOLCPUS, "domain,managed_irq," },
	{ RCU_NOCBS, "" },
	{ IRQAFFINITY, "" },
};

static void subtract(cpu_set_t *set, const cpu_set_t *less)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, less))
			CPU_CLR(cpu, set);
	}
}

static bool has_any(const cpu_set_t *set, const cpu_set_t *of)
{
	cpu_set_t both;

	CPU_AND(&both, set, of);
	return CPU_COUNT(&both);
}

/* Those of these CPUs which are not set up as the parameter requests */
static bool not_taken(const struct setting *s, const struct machine *now, const cpu_set_t *cpus,
		      cpu_set_t *missing)
{
	CPU_AND(missing, &s->cpus, cpus);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if ((!s->nohz || CPU_ISSET(cpu, &now->nohz_full)) &&
		    (!s->domain || CPU_ISSET(cpu, &now->isolated)))
			CPU_CLR(cpu, missing);
	}
	return CPU_COUNT(missing);
}

/* Two parameters for the same need the same list. Some kernels take only one even then. */
static bool print_rival(FILE *out, const struct setting *s, const struct setting *first,
			const struct machine *now)
{
	cpu_set_t all;

	if (!first->nohz && !first->domain)
		return false;
	CPU_OR(&all, &s->cpus, &first->cpus);
	if (!(s->nohz && first->nohz) && !(s->domain && first->domain)) {
		if (CPU_COUNT(&all) <= now->last_cpu)
			return false;
		fprintf(out, "together with %s, it leaves no CPU to the kernel", first->text);
	} else if (CPU_EQUAL(&s->cpus, &first->cpus)) {
		fprintf(out, "this kernel takes only the first of two equal lists, %s",
			first->text);
	} else {
		fprintf(out, "its list has to match that of %s, which came first", first->text);
	}
	return true;
}

static void print_reason(FILE *out, const struct boot_line *line, const struct setting *s,
			 const struct machine *now, const cpu_set_t *missing)
{
	if (s->wrong[0]) {
		fputs(s->wrong, out);
		return;
	}
	if (s->nohz && CPU_ISSET(0, missing) && CPU_COUNT(missing) == 1) {
		fputs("the boot CPU keeps the time for all others", out);
		return;
	}
	for (const struct setting *first = line->settings; first < s; first++) {
		if (print_rival(out, s, first, now))
			return;
	}
	fputs("the kernel's log may say why", out);
}

/* Say which parameters the kernel did not take for these CPUs, and why: true if any. */
bool print_dropped(FILE *out, const struct boot_line *line, const struct machine *now,
		   const cpu_set_t *cpus)
{
	cpu_set_t missing;
	bool any = false;
	char list[1024];

	for (int i = 0; i < line->count; i++) {
		const struct setting *s = &line->settings[i];
		bool dropped = !CPU_COUNT(&s->cpus);

		if (s->name != ISOLCPUS && s->name != NOHZ_FULL)
			continue;
		if (!not_taken(s, now, cpus, &missing) && !dropped)
			continue;
		any = true;
		print_cpus(&missing, list, sizeof(list));
		fprintf(out, "boot line: %s was not taken%s%s: ", s->text,
			dropped ? "" : " for CPU ", dropped ? "" : list);
		print_reason(out, line, s, now, &missing);
		fputc('\n', out);
	}
	return any;
}

/* The CPUs of all parameters of this name. */
static void named_cpus(const struct boot_line *line, enum parameter name, cpu_set_t *cpus)
{
	CPU_ZERO(cpus);
	for (int i = 0; i < line->count; i++) {
		const struct setting *s = &line->settings[i];

		if (s->name == name || (name == NOHZ_FULL && s->nohz))
			CPU_OR(cpus, cpus, &s->cpus);
	}
}

static bool isolcpus_has_nohz(const struct boot_line *line)
{
	for (int i = 0; i < line->count; i++) {
		if (line->settings[i].name == ISOLCPUS && line->settings[i].nohz)
			return true;
	}
	return false;
}

/* True if this one is to be added or replaced. */
static bool is_missing(const struct boot_line *line, enum parameter name, const struct machine *now,
		       const cpu_set_t *lacking, const cpu_set_t *able)
{
	cpu_set_t left = *lacking, named;

	named_cpus(line, name, &named);
	switch (name) {
	case NOHZ_FULL:
		subtract(&left, &now->nohz_full);
		return CPU_COUNT(&left);
	case ISOLCPUS:
		/* The flag nohz has to go where nohz_full= gets another list. */
		if (isolcpus_has_nohz(line) && is_missing(line, NOHZ_FULL, now, lacking, able))
			return true;
		subtract(&left, &now->isolated);
		return CPU_COUNT(&left);
	case RCU_NOCBS:
		subtract(&left, &named);
		return CPU_COUNT(&left);
	default:
		/*
		 * The default may have been changed since. That is not the boot line's
		 * fault. Nor is the boot CPU, which the kernel puts in always.
		 */
		CPU_OR(&left, lacking, able);
		CPU_CLR(0, &left);
		return has_any(&now->irq_default, &left) &&
			(!CPU_COUNT(&named) || has_any(&named, &left));
	}
}

/* The value that is right for these CPUs, and for those which are in the list already. */
static void right_list(const struct boot_line *line, enum parameter name, const cpu_set_t *lacking,
		       const cpu_set_t *able, char *list, size_t size)
{
	cpu_set_t cpus;

	named_cpus(line, name, &cpus);
	if (name == IRQAFFINITY) {
		subtract(&cpus, lacking);
		subtract(&cpus, able);
		if (!CPU_COUNT(&cpus))
			CPU_SET(0, &cpus);
	} else {
		CPU_OR(&cpus, &cpus, lacking);
		CPU_CLR(0, &cpus);
	}
	print_cpus(&cpus, list, size);
}

/* How often the parameter is there. All of these are to be replaced by one. */
static int print_old(FILE *out, const struct boot_line *line, enum parameter name)
{
	int count = 0;

	for (int i = 0; i < line->count; i++) {
		if (line->settings[i].name == name)
			fprintf(out, "%s%s", count++ ? " and " : "  replace ",
				line->settings[i].text);
	}
	return count;
}

/*
 * Say what to change, so that CPUs which lack something become isolation CPUs, and no
 * device interrupts come to these and to those which are able: true if there is anything.
 */
bool print_changes(FILE *out, const struct boot_line *line, const struct machine *now,
		   const cpu_set_t *lacking, const cpu_set_t *able)
{
	char list[1024], right[1088], add[4096] = "";
	bool any = false;
	size_t len = 0;

	for (size_t i = 0; i < sizeof(recommended) / sizeof(*recommended); i++) {
		enum parameter name = recommended[i].name;

		if (!is_missing(line, name, now, lacking, able))
			continue;
		right_list(line, name, lacking, able, list, sizeof(list));
		snprintf(right, sizeof(right), "%s=%s%s", parameter_names[name],
			 recommended[i].flags, list);
		if (!any)
			fputs("boot line, what to change:\n", out);
		any = true;
		if (print_old(out, line, name))
			fprintf(out, " by %s%s%s\n", bold(), right, plain());
		else if (len < sizeof(add))
			len += snprintf(add + len, sizeof(add) - len, " %s", right);
	}
	if (add[0])
		fprintf(out, "  add%s%s%s\n", bold(), add, plain());
	return any;
}
