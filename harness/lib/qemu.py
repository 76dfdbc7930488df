# SPDX-License-Identifier: GPL-2.0
"""Which QEMU, how its vCPUs run, and what is its fault."""

import os
import re
import shutil
import subprocess

from harness.lib import arch, paths
from harness.lib.cli import Error

# What can only be the emulator's, before user space: (pattern, in which mode, what it is).
FAULTS = (
    # A vCPU executes what another one has patched as it was before. Where vCPUs take
    # turns that can't be, and it is the kernel's.
    (re.compile(r"\bOops: int3\b"), "multi", "code from before it was patched"),
    # The kernel counts the TSC's ticks between two looks at a timer, and the host had
    # something else to do in between.
    (re.compile(r"\btsc: Unable to calibrate against PIT\b|\bcould not calculate TSC khz\b"),
     "any", "a clock that could not be calibrated"),
)


class Choice:
    """A QEMU: its path, its version, and how its vCPUs run."""

    def __init__(self, path, version, mode, why):
        self.path = path
        self.version = version
        self.mode = mode
        self.why = why

    def __str__(self):
        how = {"multi": "vCPUs in parallel", "single": "vCPUs by turns"}[self.mode]
        return f"{'.'.join(map(str, self.version))}, {how}{': ' * bool(self.why)}{self.why}"


def version(path):
    """(major, minor, micro) of a QEMU binary."""
    if not shutil.which(path):
        raise Error(f"there is no {path}: run 'harness/ti packages', or say QEMU=path")
    out = subprocess.run([path, "--version"], text=True, check=False, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT).stdout
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", out)
    if not found:
        raise Error(f"{path} does not say its version, but: {out.strip()[:200]}")
    return tuple(int(n) for n in found.groups())


def newer(isa):
    """The path of the one that fetch-qemu gets, or None."""
    path = os.path.join(paths.BUILD, "qemu", isa, "run")
    if not os.path.exists(path):
        subprocess.run(paths.program("fetch-qemu", isa), check=False)
    return path if os.path.exists(path) else None


def choose(isa, asked="auto", counts=False, fetch=newer):
    """The QEMU for a guest.

    asked: how the vCPUs are to run, auto, single or multi. In parallel is right for
    all that looks for races; by turns for what judges patched text, where a vCPU that
    executes what was there before can only be the kernel's fault. counts: for
    -icount, with which 10.0.2 does not leave the firmware: the machine's own.
    """
    conf = arch.load(isa)
    safe = tuple(int(n) for n in conf["PATCH_SAFE_QEMU"].split("."))
    path, why = os.environ.get("QEMU") or "", "QEMU="
    if os.path.isdir(path):
        path = os.path.join(path, conf["QEMU"])
    if not path:
        path, why = conf["QEMU"], ""
        if not counts and version(path) < safe:
            got = fetch(isa)
            path, why = (got, "in place of the machine's, see fetch-qemu") if got else \
                (path, "no newer one could be had")
    have = version(path)
    mode = asked if asked != "auto" else "multi" if have >= safe else "single"
    if mode == "multi" and have < safe:
        why = f"older than {conf['PATCH_SAFE_QEMU']}, patched text may crash the guest"
    return Choice(path, have, mode, why)


def fault(log, mode):
    """What the emulator did to a guest that died before user space, or None."""
    with open(log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    for pattern, where, what in FAULTS:
        if where in ("any", mode) and pattern.search(text):
            return what
    return None


# What boot says of a guest of which a vCPU executed code from before it was patched.
STALE = "the emulator executed a breakpoint that memory does not have"


def stale(log, mode):
    """True if the kernel died of a breakpoint that was patched away before.

    The kernel dumps the code around it from memory, where the breakpoint, 0xcc before the
    marked byte, is gone. A vCPU that translates the code while another one writes to it
    may keep what it has read for good. Where vCPUs take turns that can't be: then it is
    the kernel, which has not waited for that CPU.
    """
    with open(log, encoding="utf-8", errors="replace") as f:
        found = re.search(r"Oops: int3\b.*?\bCode: (?:[0-9a-f]{2} )*([0-9a-f]{2}) <", f.read(), re.S)
    return mode == "multi" and bool(found) and found.group(1) != "cc"


def started_anew(name, what):
    """Note a guest that was started a second time, for the programs that count them."""
    with open(os.path.join(paths.LOGS, "started-anew"), "a", encoding="utf-8") as f:
        f.write(f"{name}: {what}\n")


def clock(name):
    """What to tell a kernel of its clock on the command line.

    An x86 kernel counts the ticks of its TSC, which is the host's own, between two
    looks at a timer. On a busy host that goes wrong: the clock is off, or there is
    none. QEMU reports the frequency by CPUID only with KVM, but two parameters do.
    """
    settings = arch.load(arch.split(name)[0])
    here = "TSC" in settings and settings["KARCH"] == os.uname().machine
    khz = tsc_khz() if here else None
    if not khz:
        return []
    said = [f"tsc_early_khz={khz}"]
    with open(os.path.join(arch.obj(name), ".config"), encoding="utf-8") as f:
        hz = re.search(r"^CONFIG_HZ=(\d+)$", f.read(), re.M)
    # The delay loop of all CPUs but the first, which has it from the TSC.
    return said + [f"lpj={int(khz) * 1000 // int(hz.group(1))}"] * bool(hz)


def tsc_khz():
    """The frequency of this machine's TSC, or None."""
    source = os.path.join(paths.HARNESS, "lib", "tsc.c")
    prog = os.path.join(paths.GUEST, "tsc")
    if not os.path.exists(prog) or os.path.getmtime(prog) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(prog), exist_ok=True)
        new = f"{prog}.{os.getpid()}"
        subprocess.run(["gcc", "-O2", "-o", new, source], check=True)
        os.rename(new, prog)
    run = subprocess.run([prog], text=True, check=False, stdout=subprocess.PIPE)
    return run.stdout.strip() or None
