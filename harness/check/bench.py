# SPDX-License-Identifier: GPL-2.0
"""What the feature costs, counted in instructions (-icount of the machine's QEMU).

getppid(), an anonymous page fault, a context switch, and a wake-up on another CPU with all
that this one does for it: for the base, the option off, the option on, and on with the
series only up to where it explains a loss, if the .conf of the architecture says HAS_BARE.
Without an isolation CPU, and on a housekeeping and an isolation CPU, nothing being isolated.
And the size of each vmlinux. Where the .conf says BENCH_SENDERS, a sender's cost besides: a
signal that interrupts 1 to 12 CPUs of 16, whose threads are isolated or not.

exit status: 0 within the bounds, 1 not: option off, and on without nohz_full, cost no more
than the base; with it the option on at most 4 more, on isolation CPUs what the .conf says.
What explains a loss takes nothing at all, and with nohz_full at most 12 for a wake-up there
and back. From boot to boot a system call varies by 0.5, the others by 0.3 %
"""

import os
import re
import subprocess
import sys

from harness.lib import arch, cli, guest, paths
from harness.lib.cli import Error

WHAT = ("getppid", "fault", "switch", "wakeup")
# (column, more for boot, CPU)
WHERE = (("no nohz_full", ["--no-isolation"], 0), ("housekeeping CPU", [], 0),
         ("isolation CPU", [], 3))
BARE = "on, losses unexplained"
KERNELS = (("base", "-base"), ("option off", "-off"), (BARE, "-bare"), ("option on", ""))
# A count varies by so much from boot to boot: what the allocator and scheduler find.
NOISE = {"getppid": lambda base: 0.5, "fault": lambda base: 0.003 * base,
         "switch": lambda base: 0.003 * base, "wakeup": lambda base: 0.003 * base}
# The isolation CPU's is in the .conf.
BOUND = {"no nohz_full": 0, "housekeeping CPU": 4}
ISOLATION = 8
# The sender of an interrupt tests whether the CPU is isolated, there and back.
EXPLAINS = {"wakeup": 12}

# How many isolated CPUs a signal is sent to, of 16 less the first FIRST, and what recording
# the sender may take for each of them.
SENT_TO, FIRST, SENDER = (1, 4, 12), 4, 200


def measure(name, prog, options, *args):
    """{what: instructions} of one boot."""
    status, said, text = guest.boot(name, "bench-" + name, *options,
                                    "--qemu", "-icount shift=0,sleep=off -seed 1",
                                    command=[prog, *args])
    if status:
        raise Error(f"{name}, {os.path.basename(prog)} {args}: {said.strip()}")
    return {k: float(v) for k, v in re.findall(r"^(\w+)=([\d.]+)$", text, re.M)}


def size(name):
    """text + data + bss of vmlinux."""
    out = subprocess.run(["size", os.path.join(arch.obj(name), "vmlinux")], text=True,
                         check=True, stdout=subprocess.PIPE).stdout
    return [int(n) for n in out.splitlines()[1].split()[:3]]


def senders(isa):
    """Count what a sender pays for each CPU that it interrupts; what is too much."""
    prog = guest.compiled(isa, "senders", os.path.join(paths.INSIDE, "senders.c"))
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
        # The key is off without nohz_full.
        explains = EXPLAINS.get(what, 0) if where != "no nohz_full" else 0
        if (BARE, where) in got:
            bare, full = got[BARE, where][what], got["option on", where][what]
            if full - bare > explains + NOISE[what](bare):
                over.append(f"{what}, {where}: explaining losses takes {full - bare:+.1f}, "
                            f"at most {explains} more")
        for title in ("option off", BARE, "option on"):
            if ("base", where) not in got or (title, where) not in got:
                continue
            base, value = got["base", where][what], got[title, where][what]
            bound = BOUND.get(where, got["isolation"]) if title != "option off" else 0
            bound += explains * (title == "option on")
            if value - base > bound + NOISE[what](base):
                over.append(f"{what}, {title}, {where}: {value - base:+.1f}, at most {bound} more")
    return over


def costs(isa, names):
    """Count and print what threads pay that are not isolated; what is too much."""
    prog = guest.compiled(isa, "bench", os.path.join(paths.INSIDE, "bench.c"))
    first = next(iter(names))
    got = {"isolation": int(arch.load(isa).get("BENCH_ISOLATION", ISOLATION))}
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
    p = cli.parser(__doc__)
    p.add_argument("--no-build", action="store_true", help="the kernels have been built before")
    part = p.add_mutually_exclusive_group()
    part.add_argument("--explains", action="store_true",
                      help="only the series up to where it explains a loss, and all of it: half the "
                           "kernels to build")
    part.add_argument("--senders", action="store_true", help="only what a sender pays")
    p.add_argument("isa", metavar="ARCH", nargs="?", type=arch.architecture, default=arch.default(),
                   help="(%(default)s)")
    opt = p.parse_args()
    settings = arch.load(opt.isa)
    if "NO_BENCH" in settings:
        raise Error(settings["NO_BENCH"])
    if opt.explains and "HAS_BARE" not in settings:
        raise Error(f"{opt.isa} has no kernel without what explains a loss: see HAS_BARE in its .conf")
    skipped = 3 if opt.senders else 2 if opt.explains else 0
    names = {title: opt.isa + end for title, end in KERNELS[skipped:]
             if title != BARE or "HAS_BARE" in settings}
    if not opt.no_build and subprocess.run(paths.program("build", *names.values()), check=False).returncode:
        return 1
    over = [] if opt.senders else costs(opt.isa, names)
    if "BENCH_SENDERS" in settings:
        over += senders(opt.isa)
    for line in over:
        print(f"bench: too much: {line}", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    cli.main(main)
