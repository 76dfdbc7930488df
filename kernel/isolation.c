// SPDX-License-Identifier: GPL-2.0
/*
 * Task isolation
 *
 * A thread requests with prctl(PR_TASK_ISOLATION) not to be interrupted on its
 * CPU. If that succeeds, every later entry into the kernel on that CPU is either
 * one which the thread asked for, or it is a loss, and the thread is notified by
 * a signal.
 *
 * Detection is in one place, __ct_user_exit(), which every entry from user mode
 * passes on a nohz_full CPU. It tests one per-CPU flag, task_isolation_on, and
 * marks the thread, which may be notified much later and elsewhere:
 *
 *   user mode		task_isolation_on = 1, state ISOLATED
 *   entry		task_isolation_on = 0, state MARKED, TIF_NOTIFY_RESUME
 *   handlers		annotate the cause: the first one that knows wins
 *   syscall entry	allowed call: state OFF. Any other is not executed.
 *   signals		a handler or death: state OFF, no other notification
 *   exit work		still MARKED: state OFF, then signal and log
 *
 * The beginning is the last check in the exit path of the prctl() itself, see
 * task_isolation_start().
 */

#include <linux/compat.h>
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/irqdesc.h>
#include <linux/irqdomain.h>
#include <linux/isolation.h>
#include <linux/isolation_culprit.h>
#include <linux/kernel.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/sched/nohz.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include <asm/irq_regs.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#include <trace/events/ipi.h>

#include "isolation_check.h"
#include "isolation_internal.h"

/* How long prctl() waits for work on this CPU which finishes by itself */
#define TASK_ISOLATION_WAIT_MS	100

/* An NMI hit the isolated thread, and its interrupt is pending. */
static DEFINE_PER_CPU(bool, task_isolation_nmi_hit);

/* task_isolation_kick() interrupts this CPU. */
static DEFINE_PER_CPU(bool, task_isolation_kicked);

/**
 * task_isolation_parse - Check the argument of prctl(PR_TASK_ISOLATION)
 * @flags:	The argument
 * @sig:	Set to the signal of a loss
 *
 * The signals of job control are refused: SIGSTOP can't be handled, and a
 * queued SIGTSTP, SIGTTIN or SIGTTOU vanishes with the next SIGCONT and the
 * other way round. The thread would not be notified.
 *
 * Return: 0, or -EINVAL for unknown bits and impossible signals
 */
int task_isolation_parse(unsigned long flags, int *sig)
{
	if (flags & ~(PR_TASK_ISOLATION_ENABLE | PR_TASK_ISOLATION_SET_SIG(0x7fUL)))
		return -EINVAL;

	*sig = PR_TASK_ISOLATION_GET_SIG(flags) ?: SIGKILL;
	if (*sig > _NSIG || sig_kernel_stop(*sig) || *sig == SIGCONT)
		return -EINVAL;

	return 0;
}

static void task_isolation_off(struct task_isolation *iso)
{
	iso->state = TASK_ISOLATION_OFF;
	clear_syscall_work(SYSCALL_TASK_ISOLATION);
	clear_thread_flag(TIF_TASK_ISOLATION);
}

/*
 * Quiesce what would interrupt this CPU later. Nothing here interrupts another
 * CPU: a thread may be isolated there.
 */
static void task_isolation_quiesce(void)
{
	/* vmstat_update() would run here to fold counters. */
	quiet_vmstat_sync();
	/* lru_add_drain_all() would queue work here for each filled batch. */
	lru_cpu_quiesce();
	/* The timers of the deadline servers would fire here without a task to serve. */
	sched_isolation_quiesce();
}

/*
 * Refuse a request because of what a check has found. Interrupts are disabled, so
 * that the report is about the same CPU, and close to the check.
 */
static int task_isolation_refuse(u64 bits)
{
	task_isolation_record_blocked(bits);
	return task_isolation_error(bits);
}

/*
 * Kernel threads with work to finish and timers about to expire get their time
 * by a real sleep: yielding would not help those below a SCHED_FIFO thread. A
 * signal ends the wait, as its handler voids the request anyway.
 */
static int task_isolation_wait(void)
{
	unsigned long end = jiffies + msecs_to_jiffies(TASK_ISOLATION_WAIT_MS);
	ktime_t pause = TICK_NSEC;
	u64 bits;

	for (;;) {
		/* Before touching a CPU which the thread has no claim to */
		scoped_guard (irq) {
			bits = task_isolation_check_thread();
			if (bits)
				return task_isolation_refuse(bits);
		}
		task_isolation_quiesce();

		scoped_guard (irq) {
			bits = task_isolation_check();
			if (!bits)
				return 0;
			if (task_isolation_error(bits) != -EAGAIN || signal_pending(current) ||
			    time_after(jiffies, end))
				return task_isolation_refuse(bits);
		}
		/*
		 * Not schedule_timeout(): with PREEMPT_RT, a kthread of this CPU
		 * expires its timer, and has less priority than this thread may have.
		 */
		set_current_state(TASK_INTERRUPTIBLE);
		schedule_hrtimeout(&pause, HRTIMER_MODE_REL);
	}
}

/* The first request of a thread. The entry stays until the thread is gone. */
static int task_isolation_alloc(void)
{
	struct task_isolation_entry *entry;
	int err;

	if (current->isolation.entry)
		return 0;

	entry = kzalloc_obj(*entry, GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;

	err = task_isolation_record_alloc(entry);
	if (err) {
		kfree(entry);
		return err;
	}

	/* Pairs with the dependency in task_isolation_note_group_signal(). */
	smp_store_release(&current->isolation.entry, entry);
	return 0;
}

/**
 * task_isolation_prctl - prctl(PR_TASK_ISOLATION)
 * @flags:	PR_TASK_ISOLATION_ENABLE and PR_TASK_ISOLATION_SET_SIG(), or 0
 *
 * Isolation has ended in task_isolation_syscall() when an isolated thread gets
 * here, so there is nothing to turn off.
 *
 * task_isolation_start() decides on the way out. This only prepares, as
 * thoroughly as it can.
 *
 * Context: Process context, may sleep.
 * Return: 0, -EINVAL, -EAGAIN, or -ENOMEM for the first call of a thread
 */
long task_isolation_prctl(unsigned long flags)
{
	struct task_isolation *iso = &current->isolation;
	int sig, err;

	err = task_isolation_parse(flags, &sig);
	if (err)
		return err;

	if (!(flags & PR_TASK_ISOLATION_ENABLE))
		return 0;

	/* Nothing kills the first process: a loss can only lead to a handler. */
	if (is_global_init(current) && (sig_kernel_only(sig) || sig_kernel_ignore(sig)))
		return -EINVAL;

	err = task_isolation_alloc();
	if (err)
		return err;

	err = task_isolation_wait();
	if (err)
		return err;

	task_isolation_record_request(sig);
	iso->sig = sig;
	iso->state = TASK_ISOLATION_REQUESTED;
	set_syscall_work(SYSCALL_TASK_ISOLATION);
	set_thread_flag(TIF_TASK_ISOLATION);
	return 0;
}

/**
 * task_isolation_start - The last check before an isolated thread enters user mode
 * @regs:	Registers of the thread, those of its own prctl()
 *
 * Everything may have changed since the check of task_isolation_prctl(), so check
 * again. Nothing that follows on the way out may trace to a local reader, print,
 * wake up or queue anything on this CPU.
 *
 * The conditions can change while the CPU is isolated. Whoever changes them has to
 * kick the CPU. Therefore publish the flag before evaluating the conditions::
 *
 *   task_isolation_start()		affinity, housekeeping_update()
 *
 *   task_isolation_on = true		change the mask
 *   smp_mb()				smp_mb(), synchronize_rcu()
 *   evaluate the masks			task_isolation_kick(): task_isolation_on?
 *
 * Either the check observes the change, or the kick observes the flag.
 *
 * Invoked from exit_to_user_mode_loop(), or its counterpart of an architecture.
 *
 * Context: Last in the exit work of a system call, interrupts disabled.
 * Return: %true if the thread can go to user mode, %false if its flags have to
 * be read again before, as the check and its tracing may have raised exit work.
 * %TIF_TASK_ISOLATION is clear after this.
 */
bool task_isolation_start(struct pt_regs *regs)
{
	struct task_isolation *iso = &current->isolation;
	u64 bits;

	lockdep_assert_irqs_disabled();
	clear_thread_flag(TIF_TASK_ISOLATION);

	if (iso->state != TASK_ISOLATION_REQUESTED)
		return true;

	this_cpu_write(task_isolation_nmi_hit, false);
	this_cpu_write(task_isolation_kicked, false);
	task_isolation_record_start();
	this_cpu_write(task_isolation_on, true);
	/*
	 * Pairs with the barriers in __task_isolation_kick(), see above, and in
	 * task_isolation_note_sender().
	 */
	smp_mb();

	bits = task_isolation_last_check();
	if (bits) {
		this_cpu_write(task_isolation_on, false);
		task_isolation_off(iso);
		syscall_set_return_value(current, regs, task_isolation_refuse(bits), 0);
		return false;
	}

	task_isolation_record_begin();
	iso->state = TASK_ISOLATION_ISOLATED;
	return true;
}

/* Out of line part of task_isolation_user_exit(). No locks, no tracing. */
void __task_isolation_user_exit(void)
{
	struct task_isolation_entry *entry = current->isolation.entry;
	bool nmi = __this_cpu_read(task_isolation_nmi_hit);

	__this_cpu_write(task_isolation_on, false);

	entry->cpu = smp_processor_id();
	entry->cause = nmi ? TASK_ISOLATION_NMI : TASK_ISOLATION_UNKNOWN;
	entry->closed = nmi;
	entry->nr = 0;
	entry->hwirq = 0;
	entry->what = NULL;
	current->isolation.state = TASK_ISOLATION_MARKED;
	set_thread_flag(TIF_NOTIFY_RESUME);
	task_isolation_record_entry();
}

/*
 * An NMI returns to user mode without handling any exit work, and the next entry
 * may be hours away. So it raises an interrupt, which is handled as soon as user
 * mode is reached, and whose entry is the loss::
 *
 *   isolated thread		NMI, another interrupt
 *
 *   user mode
 *				NMI: task_isolation_nmi_hit = true
 *				     irq_work_queue(), raises an interrupt
 *   user mode, not one instruction
 *				irq_work, or another pending interrupt:
 *				   task_isolation_on = false
 *				   nmi_hit: cause NMI, closed to others
 *
 * An NMI in the first instructions of another entry, before that has cleared
 * task_isolation_on, finds kernel registers: it did not disturb the thread. Where
 * the other interrupt comes before irq_work, the irq_work is still pending when the
 * thread is notified. If the thread requests isolation again the last check detects
 * that by irq_work_raised(), and a stale task_isolation_nmi_hit is cleared there.
 */
static void task_isolation_nmi_func(struct irq_work *work)
{
}

static DEFINE_PER_CPU(struct irq_work, task_isolation_nmi_work) =
	IRQ_WORK_INIT_HARD(task_isolation_nmi_func);

/* Out of line part of task_isolation_nmi(). NMI context. */
void __task_isolation_nmi(void)
{
	this_cpu_write(task_isolation_nmi_hit, true);
	irq_work_queue(this_cpu_ptr(&task_isolation_nmi_work));
}

/*
 * Annotations. "The first one that knows": an entry note, which is for an entry
 * from user mode, determines the class. Later notes may only refine it, for the
 * same interrupt. A reschedule interrupt is the exception, as the reason for it
 * is noted only later.
 */
void __task_isolation_entry_note(enum task_isolation_cause cause, unsigned long nr,
				 const void *what)
{
	struct task_isolation_entry *entry = current->isolation.entry;

	if (entry->cause != TASK_ISOLATION_UNKNOWN)
		return;

	entry->nr = nr;
	entry->what = what;
	entry->cause = cause;
}

/* What interrupts the rest of this entry is not the cause. */
void __task_isolation_close(void)
{
	current->isolation.entry->closed = true;
}

/*
 * True while the handlers of the interrupt that marked this thread run. What
 * interrupts a softirq, or the rest of the entry, has closed the window in
 * task_isolation_vector(), and what is handled after it in the same entry finds
 * it closed by task_isolation_irq_done(). So only softirqs which invoke handlers
 * directly remain to be excluded. Where IPIs and the clock event are device
 * interrupts, their handlers are more specific than the note of those.
 */
static bool task_isolation_irq_open(const struct task_isolation_entry *entry)
{
	struct pt_regs *regs = get_irq_regs();

	/* An interrupt which is like an NMI, and hit the rest of the entry */
	if (in_nmi() && !(regs && user_mode(regs)))
		return false;

	return (entry->cause == TASK_ISOLATION_VECTOR || entry->cause == TASK_ISOLATION_IRQ) &&
	       !entry->closed && in_hardirq() && !in_serving_softirq();
}

void __task_isolation_irq_note(enum task_isolation_cause cause, const void *what,
			       const void *key)
{
	struct task_isolation_entry *entry = current->isolation.entry;

	if (!task_isolation_irq_open(entry))
		return;

	if (cause == TASK_ISOLATION_RESCHED && this_cpu_read(task_isolation_kicked)) {
		cause = TASK_ISOLATION_AFFINITY;
		/* Pairs with the first smp_wmb() in __task_isolation_kick(). */
		smp_rmb();
	}

	entry->what = what;
	entry->cause = cause;
	if (task_isolation_has_sender(cause))
		task_isolation_record_sender(key);
}

/* Out of line part of task_isolation_irq(). */
bool __task_isolation_irq(struct irq_desc *desc)
{
	struct task_isolation_entry *entry = current->isolation.entry;
	struct irq_domain *domain = desc->irq_data.domain;

	if (!task_isolation_marked() || !task_isolation_irq_open(entry))
		return false;

	entry->nr = desc->irq_data.irq;
	entry->hwirq = desc->irq_data.hwirq;
	strscpy(entry->domain, domain && domain->name ? domain->name : "none");
	entry->cause = TASK_ISOLATION_IRQ;
	return true;
}

/* Out of line part of task_isolation_irq_done(). */
void __task_isolation_irq_done(void)
{
	/* Not when an NMI is done while the handler which it interrupted is not */
	if (task_isolation_irq_open(current->isolation.entry))
		__task_isolation_close();
}

void __task_isolation_note_stop(int sig)
{
	struct task_isolation_entry *entry = current->isolation.entry;

	if (entry->cause != TASK_ISOLATION_UNKNOWN && entry->cause != TASK_ISOLATION_RESCHED)
		return;

	entry->cause = TASK_ISOLATION_STOP;
	task_isolation_record_stop(sig);
}

#ifdef __NR_task_isolation_prctl_32
static bool task_isolation_compat_allowed(long nr, unsigned long arg0)
{
	return nr == __NR_task_isolation_exit_32 ||
	       nr == __NR_task_isolation_exit_group_32 ||
	       (nr == __NR_task_isolation_prctl_32 && (u32)arg0 == PR_TASK_ISOLATION);
}
#else
static bool task_isolation_compat_allowed(long nr, unsigned long arg0)
{
	return false;
}
#endif

static bool task_isolation_native_allowed(long nr, unsigned long arg0)
{
	return nr == __NR_exit || nr == __NR_exit_group ||
	       (nr == __NR_prctl && (int)arg0 == PR_TASK_ISOLATION);
}

/*
 * The numbers of the ABI which is used, not of the one which the program was
 * built for. What is not recognised is not allowed. prctl() takes an int.
 */
static bool task_isolation_allowed(struct pt_regs *regs, long nr)
{
	unsigned long args[6];

	syscall_get_arguments(current, regs, args);
#ifdef __task_isolation_x32_nr
	/* A compat call as well, but these three have the numbers of 64 bits. */
	if (in_x32_syscall() && !in_ia32_syscall())
		return task_isolation_native_allowed(__task_isolation_x32_nr(nr), args[0]);
#endif
	if (in_compat_syscall())
		return task_isolation_compat_allowed(nr, args[0]);

	return task_isolation_native_allowed(nr, args[0]);
}

/*
 * Out of line part of task_isolation_syscall().
 *
 * A refused call may get back here without the thread having been in user
 * mode, where an architecture restarts it inside the kernel. It is still
 * refused then, until the loss is delivered.
 *
 * There is no restarting number -1: it keeps its -ENOSYS.
 */
bool __task_isolation_syscall(struct pt_regs *regs)
{
	struct task_isolation *iso = &current->isolation;
	long nr = syscall_get_nr(current, regs);

	if (iso->entry->cause == TASK_ISOLATION_UNKNOWN && task_isolation_allowed(regs, nr)) {
		task_isolation_off(iso);
		task_isolation_record_leave(nr);
		return true;
	}

	__task_isolation_entry_note(TASK_ISOLATION_SYSCALL, nr, NULL);
	if (nr != -1)
		syscall_set_return_value(current, regs, -ERESTARTNOINTR, 0);
	return false;
}

/*
 * The thread is notified in any case. force_sig_info() resets the action of
 * blocked and ignored signals to the default. Where that does not end the
 * thread, or the signal could not be queued, the thread dies.
 */
static void task_isolation_notify(const struct task_isolation *iso)
{
	struct kernel_siginfo info;
	int sig = iso->sig;
	bool fatal;

	spin_lock_irq(&current->sighand->siglock);
	fatal = sig == SIGKILL ||
		(sig_kernel_ignore(sig) &&
		 (sigismember(&current->blocked, sig) ||
		  current->sighand->action[sig - 1].sa.sa_handler == SIG_DFL ||
		  current->sighand->action[sig - 1].sa.sa_handler == SIG_IGN));
	spin_unlock_irq(&current->sighand->siglock);

	if (!fatal) {
		clear_siginfo(&info);
		info.si_signo = sig;
		info.si_code = SI_TASK_ISOLATION;
		info.si_errno = iso->entry->cause;
		info.si_ptr = (void __user *)(unsigned long)task_isolation_number(iso->entry);
		task_isolation_record_siginfo(&info);
		fatal = force_sig_info(&info);
		spin_lock_irq(&current->sighand->siglock);
		fatal |= !sigismember(&current->pending.signal, sig);
		spin_unlock_irq(&current->sighand->siglock);
		if (!fatal)
			return;
	}
	/* Only a signal with its default action ends the first process. */
	force_exit_sig(is_global_init(current) ? SIGSEGV : SIGKILL);
}

/* True if other exit work of this round is going to send a signal. */
static bool task_isolation_signal_due(void)
{
#ifdef TIF_MTE_ASYNC_FAULT
	if (test_thread_flag(TIF_MTE_ASYNC_FAULT))
		return true;
#endif
	return false;
}

/*
 * Out of line part of task_isolation_deliver().
 *
 * Signals come first: one with a handler, or a deadly one, is a notification by
 * itself. Not every architecture handles them before it gets here.
 */
void __task_isolation_deliver(struct pt_regs *regs)
{
	struct task_isolation *iso = &current->isolation;

	/* A worker has no registers, and must not have inherited the mark. */
	if (WARN_ON_ONCE(current->flags & (PF_KTHREAD | PF_USER_WORKER)) || !regs)
		return;

	if (task_sigpending(current) || task_isolation_signal_due()) {
		set_thread_flag(TIF_NOTIFY_RESUME);
		return;
	}

	task_isolation_off(iso);
	task_isolation_record_loss(regs);
	task_isolation_notify(iso);
	task_isolation_log();
}

/* Out of line part of task_isolation_end_by_signal(). Under siglock. */
void __task_isolation_end_by_signal(int sig, const struct kernel_siginfo *info)
{
	struct task_isolation *iso = &current->isolation;
	struct pt_regs *regs = task_pt_regs(current);

	if (iso->state == TASK_ISOLATION_REQUESTED) {
		syscall_set_return_value(current, regs, -EAGAIN, 0);
		task_isolation_off(iso);
		scoped_guard (irqsave)
			task_isolation_refuse(TASK_ISOLATION_BLOCKER_SIGNAL);
		return;
	}

	iso->entry->cause = TASK_ISOLATION_SIGNAL;
	iso->entry->nr = sig;
	task_isolation_off(iso);
	task_isolation_record_signal(sig == SIGKILL ? NULL : info);
	task_isolation_record_loss(regs);
}

/* Out of line part of task_isolation_kick(). */
void __task_isolation_kick(int cpu)
{
	/* Pairs with the barrier in task_isolation_start(), see there. */
	smp_mb();
	if (!READ_ONCE(per_cpu(task_isolation_on, cpu)))
		return;

	task_isolation_note_sender(cpu, NULL, true);
	/*
	 * The interrupt of another sender may pick up the cause, and then finds
	 * this sender besides its own. With two of them the culprit is unknown.
	 * Pairs with smp_rmb() in __task_isolation_irq_note().
	 */
	smp_wmb();
	WRITE_ONCE(per_cpu(task_isolation_kicked, cpu), true);
	/* The interrupt reads the cause in __task_isolation_irq_note(). */
	smp_wmb();
	smp_send_reschedule(cpu);
}

/**
 * task_isolation_update_cpus - Kick CPUs which are no longer isolation CPUs
 *
 * Invoked from housekeeping_update() after a grace period, with what keeps
 * cpusets from changing. A last check which ran before has set its flag, one
 * which runs now observes the new set.
 */
void task_isolation_update_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		/* Holds off stop_machine(), and with it the end of the CPU. */
		guard(preempt)();
		if (cpu_online(cpu) && !task_isolation_cpu(cpu))
			task_isolation_kick(cpu);
	}
}

/**
 * task_isolation_free - Free what a thread has allocated
 * @p:		The thread, which is gone
 *
 * Invoked from free_task().
 */
void task_isolation_free(struct task_struct *p)
{
	struct task_isolation_entry *entry = p->isolation.entry;

	if (!entry)
		return;

	task_isolation_record_free(entry);
	kfree(entry);
}
