# SPDX-License-Identifier: GPL-2.0
"""Boot lines as people write them, right and wrong, and what taskiso check says of each.

A boot, of some seconds, for each. Speaks TAP.

exit status: 0 the answer was right for all, 1 not, as printed
"""

import fnmatch

from harness.lib import arch, cli, guest, ktap

# name: (the line, the CPU that is looked at, the whole answer, where * is anything). The
# number at its end is the exit status of taskiso check.
LINES = {
    "recommended": (
        "nohz_full=3 isolcpus=domain,managed_irq,3 rcu_nocbs=3 irqaffinity=0", 3, """\
cpu 3: yes
status 0"""),
    "recommended, isolcpus= first": (
        "isolcpus=domain,managed_irq,3 nohz_full=3 irqaffinity=0", 3, """\
cpu 3: yes
status 0"""),
    "isolcpus= with nohz alone": (
        "isolcpus=nohz,domain,managed_irq,3 irqaffinity=0,1", 3, """\
cpu 3: yes
status 0"""),
    "equal lists, isolcpus= first": (
        "isolcpus=nohz,domain,managed_irq,3 nohz_full=3 rcu_nocbs=3 irqaffinity=0", 3, """\
cpu 3: yes
status 0"""),
    "equal lists, nohz_full= first": (
        "nohz_full=3 isolcpus=nohz,domain,managed_irq,3 rcu_nocbs=3 irqaffinity=0", 3, """\
cpu 3: yes
status 0"""),
    "quotes, steps and dashes": (
        '"nohz-full=2-N:1/2 3" isolcpus="domain,managed_irq,2 3" rcu-nocbs irqaffinity=0-1', 3, """\
cpu 3: yes
status 0"""),
    "nothing": (
        "quiet", 2, """\
cpu 2: no
  the CPU is not in nohz_full=
  the scheduler uses the CPU: neither isolcpus=domain nor an isolated cpuset has it
boot line, what to change:
  add nohz_full=2 isolcpus=domain,managed_irq,2 rcu_nocbs=2 irqaffinity=0
status 1"""),
    "no nohz_full=, and a misspelt irqaffinity=": (
        "isolcpus=3 irq_affinity=0-2 rcu_nocbs=3", 3, """\
cpu 3: no
  the CPU is not in nohz_full=
boot line, what to change:
  add nohz_full=3 irqaffinity=0
  kernel: Unknown kernel command line parameters "irq_affinity=0-2"*
status 1"""),
    "a list that was forgotten": (
        "nohz_full=3 isolcpus=nohz,domain,managed_irq, rcu_nocbs=3 irqaffinity=3", 3, """\
cpu 3: no
  the scheduler uses the CPU: neither isolcpus=domain nor an isolated cpuset has it
boot line: isolcpus=nohz,domain,managed_irq, was not taken: it has no list of CPUs
boot line, what to change:
  replace isolcpus=nohz,domain,managed_irq, by isolcpus=domain,managed_irq,3
  replace irqaffinity=3 by irqaffinity=0
  or, without booting: a cpuset of cgroup v2 with cpuset.cpus.partition
  isolated; cpuset.sched_load_balance of cgroup v1 does not count
  kernel: Unknown kernel command line parameters "isolcpus=nohz,domain,managed_irq,"*
status 1"""),
    "interrupts for the isolation CPU": (
        "nohz_full=3 isolcpus=domain,managed_irq,3 rcu_nocbs=3 irqaffinity=3", 3, """\
cpu 3: yes
warning: device interrupt * (ttyS1) comes to CPU 3, see
  /proc/irq/*/smp_affinity_list
warning: new device interrupts may come to CPU 3, see
  /proc/irq/default_smp_affinity, and irqaffinity= on the boot line
boot line, what to change:
  replace irqaffinity=3 by irqaffinity=0
status 0"""),
    "a flag with an odd letter": (
        "isolcpus=domain,managed-irq,3 nohz_full=3 rcu_nocbs=3 irqaffinity=0", 3, """\
cpu 3: no
  the scheduler uses the CPU: neither isolcpus=domain nor an isolated cpuset has it
boot line: isolcpus=domain,managed-irq,3 was not taken: 'managed-irq' is not one of the flags nohz, domain and managed_irq
boot line, what to change:
  replace isolcpus=domain,managed-irq,3 by isolcpus=domain,managed_irq,3
  or, without booting: a cpuset of cgroup v2 with cpuset.cpus.partition
  isolated; cpuset.sched_load_balance of cgroup v1 does not count
  kernel: isolcpus: Invalid flag managed-irq
  kernel: Unknown kernel command line parameters "isolcpus=domain,managed-irq,3"*
status 1"""),
    "a flag that is skipped": (
        "nohz_full=3 isolcpus=managed_irq,domains,3 rcu_nocbs=3 irqaffinity=0", 3, """\
cpu 3: no
  the scheduler uses the CPU: neither isolcpus=domain nor an isolated cpuset has it
boot line: isolcpus=managed_irq,domains,3 was not taken for CPU 3: 'domains' is not one of the flags nohz, domain and managed_irq
boot line, what to change:
  replace isolcpus=managed_irq,domains,3 by isolcpus=domain,managed_irq,3
  or, without booting: a cpuset of cgroup v2 with cpuset.cpus.partition
  isolated; cpuset.sched_load_balance of cgroup v1 does not count
  kernel: isolcpus: Skipped unknown flag domains
status 1"""),
    "lists that contradict each other": (
        "nohz_full=2-3 isolcpus=nohz,domain,managed_irq,3 rcu_nocbs=2-3 irqaffinity=0", 3, """\
cpu 3: no
  the scheduler uses the CPU: neither isolcpus=domain nor an isolated cpuset has it
boot line: isolcpus=nohz,domain,managed_irq,3 was not taken for CPU 3: its list has to match that of nohz_full=2-3, which came first
boot line, what to change:
  replace isolcpus=nohz,domain,managed_irq,3 by isolcpus=domain,managed_irq,3
  or, without booting: a cpuset of cgroup v2 with cpuset.cpus.partition
  isolated; cpuset.sched_load_balance of cgroup v1 does not count
  kernel: Housekeeping: nohz_full= must match isolcpus=
  kernel: Unknown kernel command line parameters "isolcpus=nohz,domain,managed_irq,3"*
status 1"""),
    "isolcpus= twice": (
        "isolcpus=2 nohz_full=3 rcu_nocbs=3 irqaffinity=0 isolcpus=nohz,domain,managed_irq,3", 3,
        """\
cpu 3: no
  the scheduler uses the CPU: neither isolcpus=domain nor an isolated cpuset has it
boot line: isolcpus=nohz,domain,managed_irq,3 was not taken for CPU 3: its list has to match that of isolcpus=2, which came first
boot line, what to change:
  replace isolcpus=2 and isolcpus=nohz,domain,managed_irq,3 by isolcpus=domain,managed_irq,2-3
  or, without booting: a cpuset of cgroup v2 with cpuset.cpus.partition
  isolated; cpuset.sched_load_balance of cgroup v1 does not count
  kernel: Housekeeping: nohz_full= must match isolcpus=
  kernel: Unknown kernel command line parameters "isolcpus=nohz,domain,managed_irq,3"*
status 1"""),
    "all for isolcpus=": (
        "isolcpus=nohz,domain,managed_irq,all nohz_full=all rcu_nocbs=all irqaffinity=0", 3, """\
cpu 3: no
  the scheduler uses the CPU: neither isolcpus=domain nor an isolated cpuset has it
boot line: isolcpus=nohz,domain,managed_irq,all was not taken: 'all' is read as a flag, so it has no list of CPUs
boot line, what to change:
  replace isolcpus=nohz,domain,managed_irq,all by isolcpus=domain,managed_irq,3
  or, without booting: a cpuset of cgroup v2 with cpuset.cpus.partition
  isolated; cpuset.sched_load_balance of cgroup v1 does not count
*
status 1"""),
    "a CPU that there is not": (
        "nohz_full=3 isolcpus=domain,managed_irq,3-4 rcu_nocbs=3 irqaffinity=0", 3, """\
cpu 3: no
  the scheduler uses the CPU: neither isolcpus=domain nor an isolated cpuset has it
boot line: isolcpus=domain,managed_irq,3-4 was not taken: '3-4' is not a list of CPUs from 0 to 3
boot line, what to change:
  replace isolcpus=domain,managed_irq,3-4 by isolcpus=domain,managed_irq,3
  or, without booting: a cpuset of cgroup v2 with cpuset.cpus.partition
  isolated; cpuset.sched_load_balance of cgroup v1 does not count
  kernel: Housekeeping: nohz_full= or isolcpus= incorrect CPU range
  kernel: Unknown kernel command line parameters "isolcpus=domain,managed_irq,3-4"*
status 1"""),
    "no CPU left": (
        "nohz_full=1-3 isolcpus=domain,managed_irq,0 irqaffinity=0", 0, """\
cpu 0: no
  the CPU is not in nohz_full=
  the scheduler uses the CPU: neither isolcpus=domain nor an isolated cpuset has it
boot line: isolcpus=domain,managed_irq,0 was not taken for CPU 0: together with nohz_full=1-3, it leaves no CPU to the kernel
boot line: CPU 0 keeps the time for all others with most kernels: choose
  another one
  kernel: Housekeeping: must include one present CPU neither in nohz_full= nor in isolcpus=domain, ignoring setting 0
  kernel: Unknown kernel command line parameters "isolcpus=domain,managed_irq,0"*
status 1"""),
    "the boot CPU": (
        "isolcpus=nohz,domain,managed_irq,0,3 nohz_full=0,3 rcu_nocbs=0,3 irqaffinity=1", 0, """\
cpu 0: no
  the CPU is not in nohz_full=
boot line: isolcpus=nohz,domain,managed_irq,0,3 was not taken for CPU 0: the boot CPU keeps the time for all others
boot line: nohz_full=0,3 was not taken for CPU 0: the boot CPU keeps the time for all others
boot line: CPU 0 keeps the time for all others with most kernels: choose
  another one
*  kernel: NO_HZ: Clearing 0 from nohz_full range for timekeeping
status 1"""),
}


def answer(kernel, taskiso, line, cpu):
    """What taskiso check says in a guest with this boot line."""
    status, said, text = guest.boot(
        kernel, "boot-lines", "--no-isolation", "--boot-line-errors-ok", "--cmdline", line,
        "--file", f"{taskiso}=/ti/taskiso",
        "--shell", f"NO_COLOR=1 /ti/taskiso check {cpu}; echo status $?")
    if status:
        return said
    return "\n".join(found for found in text.splitlines() if not found.startswith("#")).rstrip()


def main():
    p = cli.parser(__doc__)
    p.add_argument("--kernel", metavar="KERNEL", type=arch.kernel, default=arch.default(),
                   help="ARCH[-VARIANT], of this machine's architecture, which has to be built (%(default)s)")
    p.add_argument("names", metavar="NAME", nargs="*",
                   help="only these lines: " + "; ".join(LINES).replace("%", "%%"))
    opt = p.parse_args()
    unknown = [name for name in opt.names if name not in LINES]
    if unknown:
        p.error(f"'{unknown[0]}' is not a line, expected one of: {'; '.join(LINES)}")
    taskiso = guest.taskiso()
    tap = ktap.Writer()
    for name in opt.names or LINES:
        line, cpu, want = LINES[name]
        heard = answer(opt.kernel, taskiso, line, cpu)
        tap.result(name, fnmatch.fnmatchcase(heard, want), f"boot line: {line}\n"
                   f"was to be answered by\n{want}\nand was by\n{heard}")
    return tap.status()


if __name__ == "__main__":
    cli.main(main)
