#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the feature costs, counted in instructions (-icount of the machine's QEMU).

usage: bench [--no-build] [--explains | --senders] [ARCH]

getppid(), an anonymous page fault, a context switch, and a wake-up on another CPU
with all that this one does for it: for the base, the option off, the option on,
and on with the series only up to where it explains a loss. Without an isolation
CPU, and on a housekeeping and an isolation CPU, nothing being isolated. And the
size of each vmlinux. With --explains only the last two: half the kernels to build.
On x86_64 a sender's cost besides: a signal that interrupts 1 to 12 CPUs of 16, whose
threads are isolated or not; --senders counts that alone.

exit status: 0 within the bounds, 1 not: option off, and on without nohz_full,
cost no more than the base; with it the option on at most 4 more, on isolation
CPUs of other architectures than x86_64 at most 8. What explains a loss takes
nothing at all, and with nohz_full at most 12 for a wake-up there and back. From
boot to boot a system call varies by 0.5, the others by 0.3 %. riscv can't be counted.
"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import arch                                                 # noqa: E402

WHAT = ("getppid", "fault", "switch", "wakeup")
# (column, more for boot, CPU)
WHERE = (("no nohz_full", ["--no-isolation"], 0), ("housekeeping CPU", [], 0),
         ("isolation CPU", [], 3))
BARE = "on, losses unexplained"
KERNELS = (("base", "-base"), ("option off", "-off"), (BARE, "-bare"), ("option on", ""))
# A count varies by so much from boot to boot: what the allocator and scheduler find.
NOISE = {"getppid": lambda base: 0.5, "fault": lambda base: 0.003 * base,
         "switch": lambda base: 0.003 * base, "wakeup": lambda base: 0.003 * base}
# Where it takes more than one instruction to test a per-CPU variable, there are more.
BOUND = {"no nohz_full": 0, "housekeeping CPU": 4}
ISOLATION = {"x86_64": 4}
# Who sends an interrupt looks if the CPU is isolated, there and back.
EXPLAINS = {"wakeup": 12}

# How many isolated CPUs a signal is sent to, of 16 less the first FIRST, and what leaving
# a name takes for each of them.
SENT_TO, FIRST, SENDER = (1, 4, 12), 4, 200
SENDERS_OF = "x86_64"

# Seen with QEMU 7.2: the boot gets no further than to the second CPU.
STUCK = {"riscv": "QEMU does not start several riscv CPUs with -icount: nothing can be counted"}


def program(conf, name, isa):
    """Build one of the programs; its path."""
    prog = os.path.join(arch.BUILD, "guest", f"{name}-{isa}")
    os.makedirs(os.path.dirname(prog), exist_ok=True)
    subprocess.run([conf["CROSS"] + "gcc", "-O2", "-static", "-o", prog,
                    os.path.join(HERE, "guest", name + ".c")], check=True)
    return prog


def measure(name, prog, options, *args):
    """{what: instructions} of one boot."""
    log = "bench-" + name
    run = subprocess.run([os.path.join(HERE, "boot"), "--quiet", "--log", log, *options,
                          "--qemu", "-icount shift=0,sleep=off -seed 1", name, "--", prog,
                          *map(str, args)], text=True, check=False, stderr=subprocess.PIPE)
    if run.returncode:
        raise SystemExit(f"bench: {name}, {os.path.basename(prog)} {args}: {run.stderr.strip()}")
    with open(os.path.join(arch.LOGS, log + ".log"), encoding="utf-8") as f:
        return {k: float(v) for k, v in re.findall(r"^(\w+)=([\d.]+)$", f.read(), re.M)}


def size(name):
    """text + data + bss of vmlinux."""
    out = subprocess.run(["size", os.path.join(arch.obj(name), "vmlinux")], text=True,
                         check=True, stdout=subprocess.PIPE).stdout
    return [int(n) for n in out.splitlines()[1].split()[:3]]


def senders(conf, isa):
    """Count what a sender pays for each CPU that it interrupts; what is too much."""
    prog = program(conf, "senders", isa)
    print("\na signal to N threads, instructions of its sender".ljust(52) + "polling".rjust(12) +
          "isolated".rjust(12) + "for each".rjust(12))
    worst = 0
    for count in SENT_TO:
        plain, isolated = (measure(isa, prog, ["--cpus", "16", "--isolation", "most"],
                                   FIRST, count, how)["signal"] for how in (0, 1))
        each = (isolated - plain) / count
        worst = max(worst, each)
        print(f"  {count:<49}{plain:12.0f}{isolated:12.0f}{each:+12.1f}", flush=True)
    return [f"a sender, for each isolated CPU: {worst:+.1f}, at most {SENDER} more"] * (worst > SENDER)


def judge(what, got):
    """What is too much, in words."""
    over = []
    for where, _, _ in WHERE:
        bare, full = got[BARE, where][what], got["option on", where][what]
        # The key is off without nohz_full.
        explains = EXPLAINS.get(what, 0) if where != "no nohz_full" else 0
        if full - bare > explains + NOISE[what](bare):
            over.append(f"{what}, {where}: explaining losses takes {full - bare:+.1f}, at most {explains} more")
        for title in ("option off", BARE, "option on"):
            if ("base", where) not in got:
                continue
            base, value = got["base", where][what], got[title, where][what]
            bound = BOUND.get(where, got["isolation"]) if title != "option off" else 0
            bound += explains * (title == "option on")
            if value - base > bound + NOISE[what](base):
                over.append(f"{what}, {title}, {where}: {value - base:+.1f}, at most {bound} more")
    return over


def costs(conf, isa, names):
    """Count and print what threads pay that are not isolated; what is too much."""
    prog = program(conf, "bench", isa)
    first = next(iter(names))
    got = {"isolation": ISOLATION.get(isa, 8)}
    for title, name in names.items():
        for where, options, cpu in WHERE:
            print(f"  BENCH    {title}, {where}", flush=True)
            got[title, where] = measure(name, prog, options, cpu)
    over = []
    for what in WHAT:
        print(f"\n{what}, instructions".ljust(28) + "".join(f"{w:>20}" for w, _, _ in WHERE))
        for title in names:
            values = [(got[title, where][what], got[first, where][what]) for where, _, _ in WHERE]
            print(f"  {title:24}" + "".join(f"{v:.1f} ({v - f:+.1f})".rjust(20) for v, f in values))
        over += judge(what, got)
    print("\nvmlinux, bytes".ljust(28) + "".join(f"{c:>20}" for c in ("text", "data", "bss")))
    least = size(names[first])
    for title, name in names.items():
        print(f"  {title:24}" + "".join(f"{n} ({n - b:+d})".rjust(20)
                                        for n, b in zip(size(name), least)))
    return over


def main():
    args = [a for a in sys.argv[1:] if a not in ("--no-build", "--explains", "--senders")]
    isa = args[0] if args else "x86_64"
    if isa.startswith("-"):
        print(__doc__.strip())
        return 1
    conf = arch.load(isa)
    if isa in STUCK:
        raise SystemExit(f"bench: {STUCK[isa]}")
    alone = "--senders" in sys.argv
    names = {title: isa + end
             for title, end in KERNELS[3 if alone else 2 * ("--explains" in sys.argv):]}
    if "--no-build" not in sys.argv and subprocess.run(
            [os.path.join(HERE, "build"), *names.values()], check=False).returncode:
        return 1
    over = [] if alone else costs(conf, isa, names)
    if isa == SENDERS_OF:
        over += senders(conf, isa)
    for line in over:
        print(f"bench: too much: {line}", file=sys.stderr)
    return 1 if over else 0


sys.exit(main())
