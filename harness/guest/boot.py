# SPDX-License-Identifier: GPL-2.0
"""Boot a kernel in QEMU on an isolation setup and run a program in it as root.

A program of the host is copied into the guest with its libraries; a name that is not a
file here is taken from the guest. Without a program there is a shell. The kernel's
messages have a port, and a log, of their own. A guest that dies before user space of
what can only be the emulator's fault is started anew, once, and build/logs/started-anew
has a line more.

The QEMU is this machine's; where that is too old for vCPUs in parallel, a newer one, see
fetch-qemu. QEMU=path, of a program or of a directory of them, is another. With -icount
it is always the machine's.

exit status: that of the program; 124 the time limit, 125 the guest crashed, hung, ran
nothing or its kernel complained (a splat)
"""

import os
import re
import secrets
import select
import shlex
import shutil
import subprocess
import sys
import time

from harness.lib import arch, cli, paths, qemu
from harness.lib.cli import Error

COME_UP = 600           # seconds until user space has to speak
STUCK = re.compile(r"detected stalls? on|soft lockup|hard LOCKUP|Kernel panic")


def say(text):
    """One line of the harness's own, apart from the guest's output."""
    print(text, file=sys.stderr, flush=True)


def guest_files(opt):
    """The initramfs: the common one and, laid over it, what this run needs."""
    out = os.path.join(paths.LOGS, opt.log + ".cpio.gz")
    pairs = list(opt.file)
    script = opt.shell
    if opt.program:
        if opt.shell:
            raise Error("either --shell or a program, not both")
        prog = opt.program[0]
        inside = prog
        if os.path.isfile(prog):
            inside = "/ti/" + os.path.basename(prog)
            pairs.append(f"{prog}={inside}")
        elif "/" in prog and not any(p.split("=")[1] == prog for p in pairs):
            raise Error(f"{prog}: no such program")
        script = "exec " + shlex.join([inside] + opt.program[1:])
    if script:
        path = os.path.join(paths.LOGS, opt.log + ".run")
        with open(path, "w", encoding="utf-8") as f:
            f.write(script + "\n")
        pairs.append(f"{path}=/ti/run")
    common = os.path.join(paths.GUEST, opt.arch + ".cpio.gz")
    for args in ([common], ["--over", out, *pairs]):
        if subprocess.run(paths.program("rootfs", "--arch", opt.arch, *args), check=False).returncode:
            raise SystemExit(125)
    data = []
    for path in (common, out):
        with open(path, "rb") as f:
            data.append(f.read())
    with open(out, "wb") as f:
        f.write(data[0] + bytes(-len(data[0]) % 4) + data[1])
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
    """What a running guest writes to its port, line by line."""

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
    cmd = paths.program("splats", *["--boot-line-errors-ok"] * opt.boot_line_errors_ok, kernel_log)
    run = subprocess.run(cmd, text=True, stdout=subprocess.PIPE, check=False)
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
    argv, program = cli.split(sys.argv[1:])
    p = cli.parser(__doc__)
    p.usage = "%(prog)s [OPTION]... [KERNEL] [-- PROGRAM [ARGUMENT]...]"
    p.add_argument("name", metavar="KERNEL", nargs="?", type=arch.kernel, default=arch.default(),
                   help="ARCH[-VARIANT], which has to be built (%(default)s)")
    p.add_argument("--cpus", metavar="N", type=cli.number("a number of vCPUs"), default=4,
                   help="number of vCPUs; the last one is the isolation CPU (%(default)s)")
    p.add_argument("--no-isolation", action="store_true", help="no isolation CPU on the boot line")
    p.add_argument("--isolation", choices=("one", "two", "most", "cpuset"), default="one",
                   help="which CPUs to set aside: one, the last; two, the last two; most, all but the "
                        "first four; cpuset, the last two for nohz_full but only the last one outside "
                        "of the scheduler domains (%(default)s)")
    p.add_argument("--cmdline", metavar="TEXT", default="", help="more for the kernel's command line")
    p.add_argument("--boot-line-errors-ok", action="store_true",
                   help="go on if the kernel says that it took less than all of its command line")
    p.add_argument("--file", metavar="SRC=DST", action="append", default=[],
                   help="copy a file or directory of the host into the guest (repeatable)")
    p.add_argument("--shell", metavar="TEXT", default="", help="run this shell text instead of a program")
    p.add_argument("--time", metavar="SECONDS", type=cli.number("a number of seconds"), default=600,
                   help="the guest's time limit (%(default)s; a shell has none)")
    p.add_argument("--thread", choices=("auto", "single", "multi"),
                   default=os.environ.get("THREAD") or "auto",
                   help="how vCPUs run: multi, in parallel; single, by turns; auto, in parallel if QEMU "
                        "is new enough for text that is patched (auto, or THREAD)")
    p.add_argument("--witness", metavar="DIR", help="QEMU's own log of every exception and interrupt, "
                   "a file for each vCPU, into DIR")
    p.add_argument("--qemu", metavar="ARGS", default="", help="more arguments for QEMU, in one word")
    p.add_argument("--log", metavar="NAME", default="boot",
                   help="logs are build/logs/NAME.log and NAME.kernel.log (%(default)s)")
    p.add_argument("--quiet", action="store_true", help="the program's output only goes to the log")
    opt = p.parse_args(argv)
    opt.program = program
    opt.arch = arch.split(opt.name)[0]
    if opt.thread not in ("auto", "single", "multi"):
        p.error(f"THREAD={opt.thread}: expected auto, single or multi")
    if opt.cpus < 2 and not opt.no_isolation:
        p.error("expected 2 vCPUs or more (CPUS, --cpus): one of them is the isolation CPU")
    if opt.cpus < 5 and opt.isolation == "most":
        p.error("expected 5 vCPUs or more (--cpus): --isolation most sets aside all but four")
    for pair in opt.file:
        if "=" not in pair:
            p.error(f"--file {pair}: expected SRC=DST")
    return opt


def main():
    opt = parse()
    conf = arch.load(opt.arch)
    if not os.path.exists(arch.image(opt.name)):
        raise Error(f"{arch.image(opt.name)} is not built: "
                    f"run 'make build' or 'harness/ti build {opt.name}'")
    os.makedirs(paths.LOGS, exist_ok=True)
    base = os.path.join(paths.LOGS, opt.log)
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
    if wrong and guest.began and qemu.stale(kernel_log, mode):
        qemu.started_anew(opt.log, qemu.STALE)
        say(f"boot: {qemu.STALE}, see {kernel_log}")
    if wrong:
        say(f"boot: {wrong[1]}: the last it said, see {kernel_log}:")
        with open(kernel_log, encoding="utf-8", errors="replace") as f:
            say("".join(f.readlines()[-8:]).rstrip())
        return wrong[0]
    if complained:
        say(f"boot: the kernel complained, see {kernel_log}")
        return 125
    return guest.status


if __name__ == "__main__":
    cli.main(main)
