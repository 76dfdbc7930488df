// SPDX-License-Identifier: GPL-2.0
/*
 * Feeds the ring with the packets of a capture, over and over, at a steady
 * rate. Runs on the housekeeping CPUs; the worker's CPU never hears of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"

#define MAX_FRAMES	65536
#define DLT_NULL	0
#define DLT_EN10MB	1
#define DLT_RAW_BSD	12
#define DLT_RAW		101
#define DLT_SLL		113
#define DLT_SLL2	276

struct frame {
	uint32_t	len;
	uint8_t		*data;
};

static struct frame frames[MAX_FRAMES];
static unsigned int frame_count;
static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	ended = sig;
}

static void die(const char *what)
{
	fprintf(stderr, "producer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t get32(const uint8_t *p, bool swap)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swap ? __builtin_bswap32(v) : v;
}

/* Keeps a packet as an Ethernet frame. */
static void add_frame(uint32_t dlt, const uint8_t *p, uint32_t len)
{
	uint8_t head[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };
	uint32_t skip = 0, n = sizeof(head);
	struct frame *f;

	switch (dlt) {
	case DLT_EN10MB:
		n = 0;
		break;
	case DLT_NULL:
		skip = 4;
		break;
	case DLT_RAW:
	case DLT_RAW_BSD:
		break;
	case DLT_SLL:
		skip = 16;
		break;
	case DLT_SLL2:
		skip = 20;
		break;
	default:
		fprintf(stderr, "producer: link type %u is not known\n", dlt);
		exit(1);
	}
	if (len <= skip || frame_count == MAX_FRAMES)
		return;
	p += skip;
	len -= skip;
	if (n && p[0] >> 4 == 6) {
		head[12] = 0x86;
		head[13] = 0xdd;
	}
	if (len > RING_FRAME - n)
		len = RING_FRAME - n;
	f = &frames[frame_count++];
	f->len = n + len;
	f->data = malloc(f->len);
	if (!f->data)
		die("malloc");
	memcpy(f->data, head, n);
	memcpy(f->data + n, p, len);
}

/* Reads a classic pcap file of either byte order. */
static void read_pcap(const char *path)
{
	static uint8_t buf[256 * 1024];
	uint8_t head[24], rec[16];
	uint32_t magic, dlt, len;
	bool swap;
	FILE *f;

	f = fopen(path, "rb");
	if (!f)
		die(path);
	if (fread(head, sizeof(head), 1, f) != 1) {
		fprintf(stderr, "producer: %s is too short\n", path);
		exit(1);
	}
	magic = get32(head, false);
	swap = magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1;
	if (!swap && magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) {
		fprintf(stderr, "producer: %s is no pcap file\n", path);
		exit(1);
	}
	dlt = get32(head + 20, swap) & 0xffff;
	while (fread(rec, sizeof(rec), 1, f) == 1) {
		len = get32(rec + 8, swap);
		if (len > sizeof(buf) || fread(buf, 1, len, f) != len) {
			/* A capture that was cut off is as good as its rest. */
			fprintf(stderr, "producer: %s ends in a packet\n", path);
			break;
		}
		add_frame(dlt, buf, len);
	}
	fclose(f);
}

static bool put(struct ring *r, const struct frame *f)
{
	uint32_t head = r->head;
	struct ring_slot *s = &r->slot[head % RING_SLOTS];

	if (head - LOAD(r->tail) == RING_SLOTS)
		return false;
	memcpy(s->data, f->data, f->len);
	s->len = f->len;
	STORE(r->head, head + 1);
	return true;
}

static const char usage[] =
	"usage: producer --ring FILE --pcap FILE [--pcap FILE]... [--rate PPS]\n"
	"                [--seconds N]\n"
	"Ends by a signal, after N seconds, or when the worker asks for it.\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ring", 1, NULL, 'r' }, { "pcap", 1, NULL, 'p' },
		{ "rate", 1, NULL, 'R' }, { "seconds", 1, NULL, 's' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	unsigned long long sent = 0, want, rate = 20000, seconds = 0;
	const char *path = NULL;
	struct timespec t0, now;
	unsigned int next = 0;
	struct ring *r;
	double run;
	int c, fd;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			path = optarg;
			break;
		case 'p':
			read_pcap(optarg);
			break;
		case 'R':
			rate = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seconds = strtoull(optarg, NULL, 0);
			break;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (!path || !rate) {
		fputs(usage, stderr);
		return 2;
	}
	if (!frame_count) {
		fprintf(stderr, "producer: no packets\n");
		return 1;
	}

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		die(path);
	if (ftruncate(fd, sizeof(*r)))
		die("ftruncate");
	r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (r == MAP_FAILED)
		die("mmap");
	/* Every page exists before the worker maps them. */
	memset(r, 0, sizeof(*r));
	r->slots = RING_SLOTS;
	STORE(r->magic, RING_MAGIC);

	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	while (!ended && !LOAD(r->stop)) {
		struct timespec ms = { 0, 1000000 };

		clock_gettime(CLOCK_MONOTONIC, &now);
		run = (now.tv_sec - t0.tv_sec) + (now.tv_nsec - t0.tv_nsec) / 1e9;
		if (seconds && run >= seconds)
			break;
		want = run * rate;
		/* Behind after a long sleep: drop the debt, not the rate. */
		if (want > sent + RING_SLOTS)
			sent = want - RING_SLOTS;
		for (; sent < want; sent++) {
			if (!put(r, &frames[next]))
				r->dropped++;
			else
				next = (next + 1) % frame_count;
		}
		nanosleep(&ms, NULL);
	}
	printf("capture_packets=%u\nproduced=%u\ndropped=%u\n", frame_count,
	       r->head, r->dropped);
	unlink(path);
	return 0;
}
