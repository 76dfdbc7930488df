/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Task isolation: a thread gets a CPU of its own, and is notified when the kernel
 * takes it away. See Documentation/userspace-api/task_isolation.rst for the
 * contract with user space, and Documentation/core-api/task-isolation.rst for
 * how it works and for what an architecture has to provide.
 */
#ifndef _LINUX_ISOLATION_H
#define _LINUX_ISOLATION_H

#include <linux/isolation_irq.h>
#include <linux/isolation_state.h>
#include <linux/isolation_types.h>
#include <linux/sched.h>
#include <linux/thread_info.h>

#include <asm/ptrace.h>

struct kernel_siginfo;

#ifdef CONFIG_TASK_ISOLATION

long task_isolation_prctl(unsigned long flags);
bool task_isolation_start(struct pt_regs *regs);
bool __task_isolation_syscall(struct pt_regs *regs);
void __task_isolation_user_exit(void);
void __task_isolation_nmi(void);
void __task_isolation_deliver(struct pt_regs *regs);
void __task_isolation_end_by_signal(int sig, const struct kernel_siginfo *info);
void __task_isolation_entry_note(enum task_isolation_cause cause,
				 unsigned long nr, const void *what);
void __task_isolation_close(void);
void __task_isolation_irq_note(enum task_isolation_cause cause, const void *what,
			       const void *key);
void __task_isolation_note_stop(int sig);
void __task_isolation_kick(int cpu);
void task_isolation_free(struct task_struct *p);
void task_isolation_update_cpus(void);

/**
 * task_isolation_marked - Test whether the current entry is, or may become, a loss
 *
 * Return: %true from the entry of an isolated thread until the loss is delivered,
 * or until the entry is known to be allowed
 */
static __always_inline bool task_isolation_marked(void)
{
	return task_isolation_armed() && current->isolation.state == TASK_ISOLATION_MARKED;
}

/**
 * task_isolation_user_exit - Detect that an isolated CPU entered the kernel
 *
 * The only point of detection. Marks the thread, which delivers the loss on the
 * way back to user mode, unless the entry turns out to be allowed.
 *
 * Invoked from __ct_user_exit(), on CPUs with context tracking active, first
 * once RCU is watching. Interrupts are disabled.
 */
static __always_inline void task_isolation_user_exit(void)
{
	if (unlikely(__this_cpu_read(task_isolation_on)))
		__task_isolation_user_exit();
}

/**
 * task_isolation_nmi - Detect that an NMI hit an isolated CPU
 * @regs:	Interrupted registers
 *
 * NMIs do not pass __ct_user_exit() and return without handling any exit work.
 * Note the NMI and raise an interrupt, whose entry is then the loss.
 *
 * Invoked from irqentry_nmi_enter(), inside an instrumentable section.
 */
static __always_inline void task_isolation_nmi(struct pt_regs *regs)
{
	if (static_branch_unlikely(&task_isolation_key) &&
	    unlikely(__this_cpu_read(task_isolation_on)) && user_mode(regs))
		__task_isolation_nmi();
}

/**
 * task_isolation_syscall - The gate: decide on a system call of an isolated thread
 * @regs:	Registers of the thread
 *
 * Invoked from syscall_trace_enter(), that of arm64 and arm included, with
 * SYSCALL_WORK_SYSCALL_TASK_ISOLATION set: after the ptrace entry stop, which may
 * change the number, and before seccomp, which may act on it. Interrupts are
 * enabled.
 *
 * Return: %true if the call is to be executed. Otherwise %false, with the return
 * value set so that the call restarts once the thread was notified.
 */
static inline bool task_isolation_syscall(struct pt_regs *regs)
{
	return current->isolation.state != TASK_ISOLATION_MARKED ||
	       __task_isolation_syscall(regs);
}

/**
 * task_isolation_deliver - Notify the thread of a loss
 * @regs:	Registers of the thread, NULL in an io_uring worker
 *
 * Invoked from resume_user_mode_work() with interrupts enabled. May sleep.
 */
static inline void task_isolation_deliver(struct pt_regs *regs)
{
	if (task_isolation_marked())
		__task_isolation_deliver(regs);
}

/**
 * task_isolation_end_by_signal - End isolation because of a signal
 * @sig:	Signal number
 * @info:	Its siginfo. Not valid for SIGKILL.
 *
 * Invoked from get_signal() when a handler is about to run, before the signal
 * frame is written, and when the thread is about to die. A pending request
 * fails with EAGAIN, as its registers are about to become the handler's.
 * sighand->siglock is held.
 */
static inline void task_isolation_end_by_signal(int sig, const struct kernel_siginfo *info)
{
	if (task_isolation_armed())
		__task_isolation_end_by_signal(sig, info);
}

/**
 * task_isolation_note_stop - Annotate that the thread is about to stop
 * @sig:	Signal which stops the whole process, 0 when traced or frozen
 *
 * Refines the cause, as a reschedule interrupt says little. Invoked from
 * get_signal() and __refrigerator(). sighand->siglock is held with @sig, and may
 * be held without.
 */
static inline void task_isolation_note_stop(int sig)
{
	if (task_isolation_marked())
		__task_isolation_note_stop(sig);
}

/**
 * task_isolation_fault - Annotate a page fault
 * @regs:	Registers at the fault
 * @address:	Faulting address
 *
 * Invoked from the architecture's page fault handler, with interrupts
 * disabled or enabled.
 */
static __always_inline void task_isolation_fault(struct pt_regs *regs, unsigned long address)
{
	if (task_isolation_marked() && user_mode(regs))
		__task_isolation_entry_note(TASK_ISOLATION_FAULT, address, NULL);
}

/**
 * task_isolation_trap - Annotate an exception other than a page fault
 * @regs:	Registers at the exception
 * @name:	Name of the exception, a string literal
 *
 * Invoked from the architecture's exception handlers.
 */
static __always_inline void task_isolation_trap(struct pt_regs *regs, const char *name)
{
	if (task_isolation_marked() && user_mode(regs))
		__task_isolation_entry_note(TASK_ISOLATION_TRAP, 0, name);
}

/**
 * task_isolation_machine_check - Annotate a machine check
 *
 * Invoked from the architecture's machine check handler for user mode.
 */
static __always_inline void task_isolation_machine_check(void)
{
	if (task_isolation_marked())
		__task_isolation_entry_note(TASK_ISOLATION_MCE, 0, NULL);
}

/**
 * task_isolation_bad_syscall - Annotate a system call that never gets to the gate
 * @nr:		System call number
 *
 * Invoked where an architecture fails a system call before the entry work, and
 * where the tracer suppresses it.
 */
static __always_inline void task_isolation_bad_syscall(long nr)
{
	if (task_isolation_marked())
		__task_isolation_entry_note(TASK_ISOLATION_SYSCALL, nr, NULL);
}

/**
 * task_isolation_vector - Annotate an interrupt
 * @regs:	Interrupted registers
 * @nr:		Vector or other number, 0 if @name is sufficient
 * @name:	Name of the vector, a string literal
 *
 * Opens the window in which handlers may refine the annotation. An interrupt
 * which hit the kernel closes it: whatever follows is not the reason why the
 * thread was disturbed.
 *
 * Invoked from the architecture's interrupt entry, with interrupts disabled.
 */
static __always_inline void task_isolation_vector(struct pt_regs *regs, unsigned long nr,
						  const char *name)
{
	if (!task_isolation_marked())
		return;
	if (user_mode(regs))
		__task_isolation_entry_note(TASK_ISOLATION_VECTOR, nr, name);
	else
		__task_isolation_close();
}

/**
 * task_isolation_ipi - Annotate an IPI that is a device interrupt
 * @name:	Name of the IPI, a string literal
 *
 * Handlers may refine that, for instance by the function of a function call.
 *
 * Invoked from the architecture's IPI handler in hard interrupt context, where
 * IPIs have interrupt descriptors and not a vector each.
 */
static __always_inline void task_isolation_ipi(const char *name)
{
	if (task_isolation_marked())
		__task_isolation_irq_note(TASK_ISOLATION_VECTOR, name, NULL);
}

/**
 * task_isolation_timer - Annotate an interrupt of the local clock event device
 *
 * Invoked from hrtimer_interrupt() in hard interrupt context.
 */
static __always_inline void task_isolation_timer(void)
{
	if (task_isolation_marked())
		__task_isolation_irq_note(TASK_ISOLATION_TIMER, NULL, NULL);
}

/**
 * task_isolation_ipi_func - Annotate a function call from another CPU
 * @func:	Function which is called
 * @csd:	The entry which was queued for it
 *
 * Invoked from csd_do_func() in hard interrupt context.
 */
static __always_inline void task_isolation_ipi_func(const void *func, const void *csd)
{
	if (task_isolation_marked())
		__task_isolation_irq_note(TASK_ISOLATION_IPI_FUNC, func, csd);
}

/**
 * task_isolation_irq_work - Annotate an irq_work
 * @func:	Callback of the irq_work
 * @work:	The irq_work
 *
 * Invoked from irq_work_single() in hard interrupt context.
 */
static __always_inline void task_isolation_irq_work(const void *func, const void *work)
{
	if (task_isolation_marked())
		__task_isolation_irq_note(TASK_ISOLATION_IRQ_WORK, func, work);
}

/**
 * task_isolation_resched - Annotate a reschedule interrupt
 *
 * Invoked from the architecture's reschedule interrupt.
 */
static __always_inline void task_isolation_resched(void)
{
	if (task_isolation_marked())
		__task_isolation_irq_note(TASK_ISOLATION_RESCHED, NULL, NULL);
}

/**
 * task_isolation_kick - Force a CPU out of isolation
 * @cpu:	CPU to interrupt
 *
 * For callers which violate the conditions of isolation without entering the
 * CPU otherwise. Does nothing if the CPU is not isolated. The caller has to
 * publish its change before, see task_isolation_start().
 *
 * Context: Any, with preemption disabled or @cpu kept from going offline.
 */
static inline void task_isolation_kick(int cpu)
{
	if (static_branch_unlikely(&task_isolation_key))
		__task_isolation_kick(cpu);
}

/**
 * task_isolation_affinity - End isolation because of a changed affinity
 * @p:		The thread
 * @running:	It is on its CPU right now
 *
 * A running thread stays isolated only where it can't be moved.
 *
 * Invoked from do_set_cpus_allowed() with the runqueue of @p locked.
 */
static inline void task_isolation_affinity(struct task_struct *p, bool running)
{
	if (static_branch_unlikely(&task_isolation_key) && running &&
	    (p->nr_cpus_allowed != 1 || !cpumask_test_cpu(task_cpu(p), &p->cpus_mask)))
		__task_isolation_kick(task_cpu(p));
}

/**
 * task_isolation_fork - Clear the state of a new thread
 * @p:		New thread, a copy of current, not visible yet
 *
 * System calls of an isolated thread are refused, but io_uring creates workers
 * from task work on the way out, when the thread may be marked or about to be
 * isolated. The child does not inherit the history either.
 *
 * Invoked from dup_task_struct().
 */
static inline void task_isolation_fork(struct task_struct *p)
{
	p->isolation = (struct task_isolation) { };
	if (likely(!task_isolation_armed()))
		return;

	clear_task_syscall_work(p, SYSCALL_TASK_ISOLATION);
	clear_tsk_thread_flag(p, TIF_TASK_ISOLATION);
}

#else /* CONFIG_TASK_ISOLATION */

static inline long task_isolation_prctl(unsigned long flags) { return -EINVAL; }
static __always_inline bool task_isolation_marked(void) { return false; }
static inline bool task_isolation_start(struct pt_regs *regs) { return true; }
static __always_inline void task_isolation_user_exit(void) { }
static __always_inline void task_isolation_nmi(struct pt_regs *regs) { }
static inline bool task_isolation_syscall(struct pt_regs *regs) { return true; }
static inline void task_isolation_deliver(struct pt_regs *regs) { }
static inline void task_isolation_end_by_signal(int sig, const struct kernel_siginfo *info) { }
static inline void task_isolation_note_stop(int sig) { }
static __always_inline void task_isolation_fault(struct pt_regs *regs, unsigned long address) { }
static __always_inline void task_isolation_trap(struct pt_regs *regs, const char *name) { }
static __always_inline void task_isolation_machine_check(void) { }
static __always_inline void task_isolation_bad_syscall(long nr) { }
static __always_inline void task_isolation_vector(struct pt_regs *regs, unsigned long nr,
						  const char *name) { }
static __always_inline void task_isolation_ipi(const char *name) { }
static __always_inline void task_isolation_timer(void) { }
static __always_inline void task_isolation_ipi_func(const void *func, const void *csd) { }
static __always_inline void task_isolation_irq_work(const void *func, const void *work) { }
static __always_inline void task_isolation_resched(void) { }
static inline void task_isolation_kick(int cpu) { }
static inline void task_isolation_affinity(struct task_struct *p, bool running) { }
static inline void task_isolation_fork(struct task_struct *p) { }
static inline void task_isolation_free(struct task_struct *p) { }
static inline void task_isolation_update_cpus(void) { }

#endif /* !CONFIG_TASK_ISOLATION */

#endif /* _LINUX_ISOLATION_H */
