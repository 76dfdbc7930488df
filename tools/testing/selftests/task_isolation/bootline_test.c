// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation: the kernel accepts the CPU lists of its command line.
 *
 * Test Summary
 *
 *  * bootline.equal_lists	nohz_full= and isolcpus= name the same CPUs: both are
 *				accepted in either order, without a message
 *  * bootline.other_lists	They do not: a message says that one was dropped
 *
 * Which of the two can be tested depends on how the kernel was booted.
 */
#include "kselftest_harness.h"
#include "lib.h"

#define DROPPED		"Housekeeping: nohz_full= must match isolcpus="

FIXTURE(bootline)
{
	cpu_set_t	nohz;		/* of nohz_full= */
	cpu_set_t	isolated;	/* of isolcpus= */
	bool		domain;		/* isolcpus= has this flag, or none */
	bool		both;		/* it has nohz, too */
};

/* The list is what follows the flags, which begin with letters. */
static const char *read_flags(const char *text, bool *domain, bool *nohz)
{
	bool any = false;

	while (*text >= 'a' && *text <= 'z') {
		size_t len = strcspn(text, ", ");

		*domain |= len == strlen("domain") && !strncmp(text, "domain", len);
		*nohz |= len == strlen("nohz") && !strncmp(text, "nohz", len);
		any = true;
		text += len;
		text += *text == ',';
	}
	*domain |= !any;
	return text;
}

FIXTURE_SETUP(bootline)
{
	const char *list;
	char line[4096];
	char *word;

	ASSERT_LT(0, iso_read_file("/proc/cmdline", line, sizeof(line)));
	CPU_ZERO(&self->nohz);
	CPU_ZERO(&self->isolated);
	for (word = strtok(line, "\n "); word; word = strtok(NULL, "\n ")) {
		if (!strncmp(word, "nohz_full=", strlen("nohz_full="))) {
			iso_parse_cpus(word + strlen("nohz_full="), &self->nohz);
		} else if (!strncmp(word, "isolcpus=", strlen("isolcpus="))) {
			list = read_flags(word + strlen("isolcpus="), &self->domain, &self->both);
			iso_parse_cpus(list, &self->isolated);
		}
	}
	if (!CPU_COUNT(&self->nohz) || !CPU_COUNT(&self->isolated))
		SKIP(return, "booted without both nohz_full= and isolcpus=");
}

FIXTURE_TEARDOWN(bootline) {}

/* Whether this has been logged since the kernel was booted. */
static bool kernel_said(const char *what)
{
	char buf[8192];
	bool said = false;
	ssize_t n;
	int fd;

	fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	while (fd >= 0 && !said) {
		n = read(fd, buf, sizeof(buf) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;
		buf[n] = '\0';
		said = strstr(buf, what);
	}
	close(fd);
	return said;
}

TEST_F(bootline, equal_lists)
{
	cpu_set_t set;

	if (!CPU_EQUAL(&self->nohz, &self->isolated))
		SKIP(return, "booted with lists that differ");
	EXPECT_FALSE(kernel_said(DROPPED));
	iso_read_cpus("/sys/devices/system/cpu/nohz_full", &set);
	EXPECT_TRUE(CPU_EQUAL(&self->nohz, &set)) {
		TH_LOG("nohz_full= was not taken");
	}
	if (!self->domain)
		return;
	iso_read_cpus("/sys/devices/system/cpu/isolated", &set);
	EXPECT_TRUE(CPU_EQUAL(&self->isolated, &set)) {
		TH_LOG("isolcpus= was not taken");
	}
}

TEST_F(bootline, other_lists)
{
	if (CPU_EQUAL(&self->nohz, &self->isolated))
		SKIP(return, "booted with equal lists");
	if (!self->both)
		SKIP(return, "isolcpus= does not have nohz, so the lists may differ");
	EXPECT_TRUE(kernel_said(DROPPED));
}

TEST_HARNESS_MAIN
