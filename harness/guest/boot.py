#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Boot a kernel in QEMU on an isolation setup and run a program in it as root.

usage: boot [options] [NAME]                a shell (NAME: ARCH[-VARIANT])
       boot [options] [NAME] -- PROGRAM [ARG]...

options:
  --cpus N         vCPUs (4); the last one is the isolation CPU
  --no-isolation   no isolation CPU on the boot line
  --isolation SET  which CPUs to set aside: one, the last (default); two, the
                   last two; most, all but the first four; cpuset, the last two
                   for nohz_full but only the last one outside of the scheduler
                   domains
  --cmdline TEXT   more for the kernel's command line
  --boot-line-errors-ok
                   go on if the kernel says that it took less than all of it
  --file SRC=DST   copy a file or folder of the host into the guest (repeatable)
  --shell TEXT     run this shell text instead of a program
  --time SECONDS   the guest's time limit (600; a shell has none)
  --thread MODE    how vCPUs run: multi, in parallel; single, by turns; auto, in
                   parallel if QEMU is new enough for text that is patched (auto)
  --witness DIR    QEMU's own log of every exception and interrupt, into DIR
  --qemu "ARGS"    more for QEMU
  --log NAME       logs are build/logs/NAME.log and NAME.kernel.log (boot)
  --quiet          the program's output only goes to the log

A program of the host is copied into the guest with its libraries; a name that
is no file here is taken from the guest. The kernel's messages have a port, and
a log, of their own. A guest that dies before user space of what can only be the
emulator's fault is started anew, once, and build/logs/started-anew has a line more.

The QEMU is this machine's; where that is too old for vCPUs in parallel a newer
one, see fetch-qemu. QEMU=path, of a program or of a folder of them, is another.
With -icount it is always the machine's.

exit status: the program's. 125: the guest crashed, hung, ran nothing or its
kernel complained (a splat); 124: the time limit.
"""

import argparse
import os
import re
import secrets
import select
import shlex
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import arch                                                 # noqa: E402
import qemu                                                 # noqa: E402

COME_UP = 600           # seconds until user space has to speak
STUCK = re.compile(r"detected stalls? on|soft lockup|hard LOCKUP|Kernel panic")


def say(text):
    """One line of the harness's own, apart from the guest's output."""
    print(text, file=sys.stderr, flush=True)


def guest_files(opt):
    """The initramfs: the common one and, laid over it, what this run needs."""
    out = os.path.join(arch.LOGS, opt.log + ".cpio.gz")
    pairs = list(opt.file)
    script = opt.shell
    if opt.program:
        if opt.shell:
            raise SystemExit("boot: either --shell or a program")
        prog = opt.program[0]
        inside = prog
        if os.path.isfile(prog):
            inside = "/ti/" + os.path.basename(prog)
            pairs.append(f"{prog}={inside}")
        elif "/" in prog and not any(p.split("=")[1] == prog for p in pairs):
            raise SystemExit(f"boot: {prog}: no such program")
        script = "exec " + shlex.join([inside] + opt.program[1:])
    if script:
        path = os.path.join(arch.LOGS, opt.log + ".run")
        with open(path, "w", encoding="utf-8") as f:
            f.write(script + "\n")
        pairs.append(f"{path}=/ti/run")
    common = os.path.join(arch.BUILD, "guest", opt.arch + ".cpio.gz")
    rootfs = os.path.join(HERE, "rootfs")
    rootfs = [rootfs, "--arch", opt.arch]
    for cmd in ([*rootfs, common], [*rootfs, "--over", out, *pairs]):
        if subprocess.run(cmd, check=False).returncode:
            raise SystemExit(125)
    with open(out, "ab") as over, open(common, "rb") as base:
        data = base.read()
    with open(out, "rb") as f:
        over_data = f.read()
    with open(out, "wb") as f:
        f.write(data + bytes(-len(data) % 4) + over_data)
    return out, bool(script)


def command(opt, conf, initrd, nonce, kernel_log):
    """QEMU's command line, and how its vCPUs run."""
    counts = "-icount" in opt.qemu
    emulator = qemu.choose(opt.arch, opt.thread, counts)
    say(f"  QEMU     {emulator}")
    last = opt.cpus - 1
    more = conf.get("CMDLINE_" + arch.split(opt.name)[1].upper(), "")
    line = [f"console={conf['CONSOLE']}", f"{conf['CMDLINE']} {more}".strip(), "panic=-1",
            f"ti.tty={conf['RUN_TTY']}", f"ti.nonce={nonce}"]
    if not opt.no_isolation:
        first = {"one": last, "most": 4}.get(opt.isolation, last - 1)
        quiet = f"{first}-{last}" if first < last else str(last)
        away = str(last) if opt.isolation == "cpuset" else quiet
        # Not isolcpus=nohz, which is another nohz_full=: 7.3 drops the second of two.
        line += [f"nohz_full={quiet}", f"isolcpus=domain,managed_irq,{away}",
                 f"rcu_nocbs={quiet}", "irqaffinity=0"]
    line += [*([] if counts else qemu.clock(opt.name)), opt.cmdline]
    cmd = [emulator.path, *shlex.split(conf["QEMU_ARGS"]),
           "-smp", str(opt.cpus), "-m", "1G", "-nodefaults", "-display", "none",
           "-no-reboot", "-kernel", arch.image(opt.name), "-initrd", initrd,
           "-append", " ".join(line),
           "-chardev", f"file,id=kernel,path={kernel_log}", "-serial", "chardev:kernel",
           "-chardev", "stdio,id=run,signal=off", *shlex.split(conf["RUN_QEMU"])]
    if not counts:
        cmd += ["-accel", f"tcg,thread={emulator.mode}"]
    if opt.witness:
        shutil.rmtree(opt.witness, ignore_errors=True)
        os.makedirs(opt.witness)
        cmd += ["-d", "int,tid", "-D", os.path.join(opt.witness, "int.%d")]
    return cmd + shlex.split(opt.qemu), emulator.mode


class Guest:
    """What a running guest says on its port, line by line."""

    def __init__(self, job, nonce, log, echo):
        self.job = job
        self.marks = (f"@ti {nonce} begin", f"@ti {nonce} exit ")
        self.log = log
        self.echo = echo
        self.began = False
        self.status = None
        self.rest = b""

    def line(self, raw):
        """Handle one line."""
        text = raw.decode(errors="replace").rstrip("\r")
        if text == self.marks[0]:
            self.began = True
        elif text.startswith(self.marks[1]):
            self.status = int(text[len(self.marks[1]):])
        elif self.began:
            self.log.write(text + "\n")
            if self.echo:
                print(text, flush=True)

    def pump(self, wait):
        """Take what is there; False at the end of the output."""
        if not select.select([self.job.stdout], [], [], wait)[0]:
            return True
        data = os.read(self.job.stdout.fileno(), 65536)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for raw in lines:
            self.line(raw)
        return bool(data)


def stuck(kernel_log):
    """True if the kernel has said that a CPU goes nowhere."""
    with open(kernel_log, encoding="utf-8", errors="replace") as f:
        return any(STUCK.search(line) for line in f)


def watch(guest, limit, kernel_log):
    """Until the guest is done or its time is up; None or what went wrong."""
    start = looked = time.monotonic()
    while guest.pump(1):
        past = time.monotonic() - start
        if time.monotonic() - looked > 10:
            looked = time.monotonic()
            if stuck(kernel_log):
                return 125, "a CPU of the guest is stuck"
        if not guest.began and past > COME_UP:
            return 125, f"the guest did not reach user space in {COME_UP} s"
        if limit and past > limit:
            what = "did not end" if guest.status is None else "did not power off"
            return 124, f"the guest {what} in {limit} s"
    if not guest.began:
        return 125, "the guest ended before user space: QEMU refused, or the kernel died"
    if guest.status is None:
        return 125, "the guest died while the program ran"
    return None


def run(opt, cmd, nonce, base):
    """One guest: it, and None or what went wrong."""
    with open(base + ".log", "w", encoding="utf-8") as log, \
            subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=None) as job:
        guest = Guest(job, nonce, log, not opt.quiet)
        try:
            wrong = watch(guest, opt.time, base + ".kernel.log")
        finally:
            job.kill()
    return guest, wrong


def splats(opt, kernel_log):
    """Print what the kernel complained of; True if it did."""
    cmd = [os.path.join(HERE, "splats")] + ["--boot-line-errors-ok"] * opt.boot_line_errors_ok
    run = subprocess.run([*cmd, kernel_log], text=True, stdout=subprocess.PIPE, check=False)
    if run.returncode:
        say(run.stdout.rstrip())
    return run.returncode != 0


def interactive(opt, cmd, kernel_log):
    """A shell on this terminal."""
    say(f"  BOOT     a shell; kernel messages go to {kernel_log}")
    try:
        subprocess.run(["stty", "raw", "-echo"], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(cmd, check=False)
    finally:
        subprocess.run(["stty", "sane"], check=False, stderr=subprocess.DEVNULL)
    return 125 if splats(opt, kernel_log) else 0


def parse():
    """Command line; what follows -- is the program."""
    argv = sys.argv[1:]
    program = []
    if "--" in argv:
        program = argv[argv.index("--") + 1:]
        argv = argv[:argv.index("--")]
    p = argparse.ArgumentParser(usage=__doc__, add_help=True)
    p.add_argument("name", nargs="?", default="x86_64")
    p.add_argument("--cpus", type=int, default=4)
    p.add_argument("--no-isolation", action="store_true")
    p.add_argument("--isolation", choices=("one", "two", "cpuset", "most"), default="one")
    p.add_argument("--cmdline", default="")
    p.add_argument("--boot-line-errors-ok", action="store_true")
    p.add_argument("--file", action="append", default=[])
    p.add_argument("--shell", default="")
    p.add_argument("--time", type=int, default=600)
    p.add_argument("--thread", choices=("auto", "single", "multi"),
                   default=os.environ.get("THREAD") or "auto")
    p.add_argument("--witness")
    p.add_argument("--qemu", default="")
    p.add_argument("--log", default="boot")
    p.add_argument("--quiet", action="store_true")
    opt = p.parse_args(argv)
    opt.program = program
    opt.arch = arch.split(opt.name)[0]
    if opt.cpus < 2 and not opt.no_isolation:
        raise SystemExit("boot: CPUS must be at least 2: one of them is the isolation CPU")
    if opt.cpus < 5 and opt.isolation == "most":
        raise SystemExit("boot: --isolation most sets aside all but four CPUs: --cpus 5 or more")
    return opt


def main():
    opt = parse()
    conf = arch.load(opt.arch)
    if not os.path.exists(arch.image(opt.name)):
        raise SystemExit(f"boot: {arch.image(opt.name)} is not built: "
                         f"run 'make build' or harness/build {opt.name}")
    os.makedirs(arch.LOGS, exist_ok=True)
    base = os.path.join(arch.LOGS, opt.log)
    kernel_log = base + ".kernel.log"
    nonce = secrets.token_hex(4)
    initrd, batch = guest_files(opt)
    cmd, mode = command(opt, conf, initrd, nonce, kernel_log)
    if not batch:
        return interactive(opt, cmd, kernel_log)
    for first in (True, False):
        guest, wrong = run(opt, cmd, nonce, base)
        fault = qemu.fault(kernel_log, mode) if wrong and not guest.began else None
        if not fault or not first:
            break
        shutil.copyfile(kernel_log, base + ".first.kernel.log")
        qemu.started_anew(opt.log, fault)
        say(f"boot: started anew, as the emulator had {fault}: see {base}.first.kernel.log")
    os.unlink(initrd)
    complained = splats(opt, kernel_log)
    if wrong:
        say(f"boot: {wrong[1]}: the last it said, see {kernel_log}:")
        with open(kernel_log, encoding="utf-8", errors="replace") as f:
            say("".join(f.readlines()[-8:]).rstrip())
        return wrong[0]
    if complained:
        say(f"boot: the kernel complained, see {kernel_log}")
        return 125
    return guest.status


sys.exit(main())
