/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring between producer and worker: one writer, one reader, no locks, in
 * a file that both map. Frames are Ethernet, whatever the capture was.
 */
#ifndef DEMO_RING_H
#define DEMO_RING_H

#include <stdint.h>

#define RING_MAGIC	0x746b6972U
#define RING_SLOTS	1024U
#define RING_FRAME	2044U

struct ring_slot {
	uint32_t	len;
	uint8_t		data[RING_FRAME];
};

struct ring {
	/* Set last by the producer. */
	uint32_t	magic;
	uint32_t	slots;
	/* Asks the producer to end. */
	uint32_t	stop;
	/* Next slot to write, the producer's alone to change. */
	uint32_t	head __attribute__((aligned(64)));
	/* Frames that found the ring full. */
	uint32_t	dropped;
	/* Next slot to read, the worker's alone to change. */
	uint32_t	tail __attribute__((aligned(64)));
	struct ring_slot slot[RING_SLOTS] __attribute__((aligned(4096)));
};

#define LOAD(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELEASE)

#endif /* DEMO_RING_H */
