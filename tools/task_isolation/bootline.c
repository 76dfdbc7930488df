// SPDX-License-Identifier: GPL-2.0
/*
 * taskiso: what the boot line requests.
 *
 * Words are split as next_arg() of the kernel's lib/cmdline.c does, and isolcpus= is
 * read as housekeeping_isolcpus_setup() of kernel/sched/isolation.c does.
 */

#include "taskiso.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *const parameter_names[] = {
	[ISOLCPUS]	= "isolcpus",
	[NOHZ_FULL]	= "nohz_full",
	[RCU_NOCBS]	= "rcu_nocbs",
	[IRQAFFINITY]	= "irqaffinity",
};

#define set_wrong(s, format, ...)	\
	snprintf((s)->wrong, sizeof((s)->wrong), format, ##__VA_ARGS__)

/* Without its flags, the value is a list. One that is wrong is dropped as a whole. */
static void read_list(struct setting *s, const char *value, int last_cpu)
{
	int count = parse_list(value, last_cpu, &s->cpus);

	for (int cpu = last_cpu + 1; cpu < CPU_SETSIZE && count > 0; cpu++) {
		if (CPU_ISSET(cpu, &s->cpus))
			count = -1;
	}
	if (count <= 0)
		CPU_ZERO(&s->cpus);
	if (count < 0)
		set_wrong(s, "'%s' is not a list of CPUs from 0 to %d", value, last_cpu);
	else if (!count)
		set_wrong(s, "it has no list of CPUs");
}

static bool read_flag(struct setting *s, const char *flag, size_t len)
{
	const struct {
		const char	*name;
		bool		*set;
	} flags[] = {
		{ "nohz", &s->nohz }, { "domain", &s->domain }, { "managed_irq", &s->managed_irq },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		if (len == strlen(flags[i].name) && !strncmp(flag, flags[i].name, len)) {
			*flags[i].set = true;
			return true;
		}
	}
	return false;
}

/*
 * Each word up to the list is taken for a flag. The kernel skips one that it does not
 * know, which may have been meant for domain, but takes nothing if it has odd letters.
 */
static void read_isolcpus(struct setting *s, const char *value, int last_cpu)
{
	while (isalpha((unsigned char)*value)) {
		int len = strcspn(value, ",");

		if (!value[len]) {
			set_wrong(s, "'%s' is read as a flag, so it has no list of CPUs", value);
			return;
		}
		if (!read_flag(s, value, len)) {
			set_wrong(s, "'%.*s' is not one of the flags nohz, domain and managed_irq",
				  len, value);
			for (int i = 0; i < len; i++) {
				if (!isalpha((unsigned char)value[i]) && value[i] != '_')
					return;
			}
			s->domain = true;
		}
		value += len + 1;
	}
	if (!s->nohz && !s->domain && !s->managed_irq)
		s->domain = true;
	read_list(s, value, last_cpu);
}

/* To the kernel, - is the same as _ in a name. */
static bool same_name(const char *word, size_t len, const char *name)
{
	if (len != strlen(name))
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((word[i] == '-' ? '_' : word[i]) != name[i])
			return false;
	}
	return true;
}

/* @word without its quotes is one of the parameters, or not. */
static bool read_setting(struct setting *s, const char *word, int last_cpu)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : "";

	memset(s, 0, sizeof(*s));
	while (s->name < NR_PARAMETERS && !same_name(word, len, parameter_names[s->name]))
		s->name++;
	if (s->name == NR_PARAMETERS)
		return false;
	if (s->name == ISOLCPUS) {
		read_isolcpus(s, value, last_cpu);
	} else {
		s->nohz = s->name == NOHZ_FULL;
		read_list(s, value, last_cpu);
	}
	return true;
}

/* The end of a word: a space that is not in quotes. @word gets it without the quotes. */
static const char *next_word(const char *p, char *word, size_t size)
{
	bool quoted = false;
	size_t len = 0;

	for (; *p && (quoted || !isspace((unsigned char)*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (len < size - 1)
			word[len++] = *p;
	}
	word[len] = '\0';
	return p;
}

void read_boot_line(const char *text, int last_cpu, struct boot_line *line)
{
	char word[sizeof(line->settings[0].text)];
	const char *end;

	line->count = 0;
	for (const char *p = text; line->count < MAX_SETTINGS; p = end) {
		struct setting *s = &line->settings[line->count];

		p += strspn(p, " \t\n");
		end = next_word(p, word, sizeof(word));
		/* What follows -- is for init. */
		if (end == p || !strcmp(word, "--"))
			return;
		if (read_setting(s, word, last_cpu)) {
			snprintf(s->text, sizeof(s->text), "%.*s", (int)(end - p), p);
			line->count++;
		}
	}
}
