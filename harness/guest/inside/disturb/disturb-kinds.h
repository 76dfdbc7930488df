/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The disturber bench: what the kinds have in common, and short words for what
 * may come of them.
 */
#ifndef DISTURB_KINDS_H
#define DISTURB_KINDS_H

#include "disturb.h"

#define CPUS	"/sys/devices/system/cpu/"
#define CGROUP	"/sys/fs/cgroup/disturb"

/*
 * What architectures do in their own way. The functions that one of them calls on
 * other CPUs are only known here if it has been looked up.
 */
#if defined(__x86_64__)
#define ARCH_TLB	NULL
#define ARCH_PATCH	NULL
#define ARCH_FLUSH	"flush_tlb_func"
#define ARCH_UNMAP	"do_flush_tlb_all do_kernel_range_flush"
#define ARCH_SYNC	"do_sync_core"
#else
#define ARCH_TLB	"the CPUs tell each other of TLB flushes without an interrupt"
#define ARCH_PATCH	"the CPUs see new text without an interrupt"
#if defined(__aarch64__)
/* No function: there are none for these two. */
#define ARCH_FLUSH	"-"
#define ARCH_UNMAP	"-"
#define ARCH_SYNC	"do_nothing"
#else
#define ARCH_FLUSH	NULL
#define ARCH_UNMAP	NULL
#define ARCH_SYNC	NULL
#endif
#endif

#if defined(__x86_64__)
#define ARCH_BACKTRACE	{ CAUSE(NMI), WHO_NOBODY }
/* Text that nobody has run yet is put there without telling anybody. */
#define ARCH_NEW_TEXT	{ }
#define ARCH_STOP	{ }
/* The types of memory are set by stop_machine(), before there are threads. */
#define ARCH_STARTING	{ CAUSE_WAKE, WHO_STARTING, WAKES }
#else
#define ARCH_BACKTRACE	{ CAUSE(VECTOR) | CAUSE(NMI), WHO_NOBODY }
#define ARCH_NEW_TEXT	PATCH
/* Some text is only patched while all CPUs stand still. */
#define ARCH_STOP	WAKE
#define ARCH_STARTING	{ }
#endif

#define NO_BATCHES	"the batches of an isolated CPU are empty"

/* What nobody else does */
#define OWN(cause)	{ CAUSE(cause), WHO_NOBODY }
/* What the disturber or the sibling does, by itself and at once */
#define BY(causes)	{ causes, WHO_SENDER }
#define CALL(function)	{ CAUSE(IPI_FUNC), WHO_SENDER, function }
/* A wake-up is either, as the scheduler sees fit. */
#define WAKE		{ CAUSE_WAKE, WHO_SENDER, WAKES }
/* Other text, by the disturber or by work that it has queued */
#define PATCH		{ CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER, ARCH_SYNC, "kworker/" }
/* Mappings of the kernel that are gone, or have another protection */
#define UNMAP		{ CAUSE(IPI_FUNC), WHO_SENDER | WHO_OTHER, ARCH_UNMAP, "kworker/" }

const char *missing(const char *path);
void wait_loss(int ms);
int load_module(const char *path);
void start_over(void);
void finish_later(void);
void probed(void);
void victim_affinity(bool two);
const char *prepare_cgroup(void);
void finish_cgroup(void);

#endif /* DISTURB_KINDS_H */
