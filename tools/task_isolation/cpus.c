// SPDX-License-Identifier: GPL-2.0
/* taskiso: lists of CPUs as the kernel reads and writes them, and files of one value. */

#include "taskiso.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Between two ranges there may be more than one of these. */
#define SEPARATORS	", \t\n"

/* A number, or N for the last CPU. *end is @p if it is neither. */
static unsigned long parse_number(const char *p, unsigned long last_cpu, char **end)
{
	*end = (char *)p;
	if (*p == 'N') {
		*end += 1;
		return last_cpu;
	}
	return isdigit((unsigned char)*p) ? strtoul(p, end, 10) : 0;
}

/* 1, 3-5, 2-N or all. Returns what follows, or NULL. */
static char *parse_ends(const char *p, unsigned long last_cpu, unsigned long *first,
			unsigned long *last)
{
	char *end;

	if (!strncasecmp(p, "all", 3)) {
		*first = 0;
		*last = last_cpu;
		return (char *)p + 3;
	}
	*first = parse_number(p, last_cpu, &end);
	if (end == p)
		return NULL;
	*last = *first;
	if (*end != '-')
		return end;
	p = end + 1;
	*last = parse_number(p, last_cpu, &end);
	return end == p ? NULL : end;
}

/* A range or, of each four of its CPUs the first two, 0-15:2/4. Returns what follows, or NULL. */
static char *parse_range(const char *p, unsigned long last_cpu, cpu_set_t *set)
{
	unsigned long first, last, used = 1, group = 1;
	char *end = parse_ends(p, last_cpu, &first, &last);

	if (!end)
		return NULL;
	if (*end == ':') {
		used = strtoul(end + 1, &end, 10);
		if (*end != '/')
			return NULL;
		group = strtoul(end + 1, &end, 10);
	}
	if (last < first || last >= CPU_SETSIZE || !used || used > group)
		return NULL;
	for (unsigned long cpu = first; cpu <= last; cpu++) {
		if ((cpu - first) % group < used)
			CPU_SET(cpu, set);
	}
	return end;
}

/* A list such as 1,3-5, 2-N or all, with @last_cpu for N: how many CPUs, -1 if it is none. */
int parse_list(const char *list, int last_cpu, cpu_set_t *set)
{
	const char *p = list + strspn(list, SEPARATORS);

	CPU_ZERO(set);
	while (*p) {
		p = parse_range(p, last_cpu, set);
		if (!p || (*p && !strchr(SEPARATORS, *p)))
			return -1;
		p += strspn(p, SEPARATORS);
	}
	return CPU_COUNT(set);
}

int parse_cpus(const char *list, cpu_set_t *set)
{
	return parse_list(list, sysconf(_SC_NPROCESSORS_CONF) - 1, set);
}

/* A mask such as 00000001,0000000f: how many CPUs, -1 if it is none. */
int parse_mask(const char *mask, cpu_set_t *set)
{
	int bit = 0;

	CPU_ZERO(set);
	for (size_t i = strlen(mask); i--; ) {
		char digit[] = { mask[i], '\0' };
		unsigned long nibble = strtoul(digit, NULL, 16);

		if (mask[i] == ',' || mask[i] == '\n')
			continue;
		if (!isxdigit((unsigned char)mask[i]))
			return -1;
		for (int n = 0; n < 4; n++, bit++) {
			if (nibble & (1ul << n))
				CPU_SET(bit, set);
		}
	}
	return CPU_COUNT(set);
}

void print_cpus(const cpu_set_t *set, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int first = 0; first < CPU_SETSIZE; first++) {
		int last = first;

		if (!CPU_ISSET(first, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		if (len < size)
			len += snprintf(buf + len, size - len, last > first ? "%s%d-%d" : "%s%d",
					len ? "," : "", first, last);
		first = last;
	}
}

/* A file's text without its last newline: its length, or -1 and errno. */
int read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	err = errno;
	close(fd);
	errno = err;
	if (n < 0)
		return -1;
	buf[n] = '\0';
	if (n && buf[n - 1] == '\n')
		buf[--n] = '\0';
	return n;
}

int read_cpus(const char *path, cpu_set_t *set)
{
	char buf[4096];

	CPU_ZERO(set);
	if (read_text(path, buf, sizeof(buf)) < 0)
		return -1;
	/* nohz_full says "(null)" where there is none. */
	return buf[0] == '(' ? 0 : parse_cpus(buf, set);
}
