#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""One long isolated window under load, watched by QEMU's own log.

usage: silence [--seconds N] [--cpus N] [--parallel] [NAME]     (600 s, 4 vCPUs, x86_64)

The packet worker of harness/demo, an ordinary SCHED_OTHER thread, runs isolated
while stress-ng loads the other CPUs. What could come once a second (the
residual tick, the deadline server) or less often would be seen. QEMU's log is
read while it is written, as it would fill the disk, and vCPUs take turns, where the
lines of several would get mixed up. With --parallel, and always on arm, they run in
parallel, and each has a log of its own, which takes some GB.

Prints what was counted, and as last line
SILENCE arch=ARCH seconds=N losses=N kernel=N witness=N

exit status: 0 silent by both counts, 1 not.
"""

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import arch                                                 # noqa: E402


def files(guest, look, name, _out, _conf):
    """A log a vCPU, read at the end: (the guest's status, what the witness says)."""
    logs = os.path.join(arch.LOGS, "witness-silence")
    boot = subprocess.run([*guest, "--witness", logs, name], check=False)
    seen = subprocess.run([*look, *sorted(glob.glob(os.path.join(logs, "int.*")))], text=True,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    shutil.rmtree(logs, ignore_errors=True)
    return boot.returncode, seen.stdout


def pipe(guest, look, name, out, conf):
    """One log, read while it is written: the same."""
    fifo = os.path.join(out, "int")
    # The lines of several threads would get mixed up, see witness. riscv's are one each.
    single = [] if conf["KARCH"] == "riscv" else ["--thread", "single"]
    if os.path.lexists(fifo):
        os.unlink(fifo)
    os.mkfifo(fifo)
    with subprocess.Popen([*look, fifo], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as witness:
        boot = subprocess.run([*guest, "--qemu", f"-d int -D {fifo}", *single, name], check=False)
        if boot.returncode:
            witness.kill()
        said = witness.communicate()[0]
    os.unlink(fifo)
    return boot.returncode, said


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--seconds", type=int, default=600)
    p.add_argument("--cpus", type=int, default=4)
    p.add_argument("--parallel", action="store_true")
    p.add_argument("name", nargs="?", default="x86_64")
    opt = p.parse_args()
    isa = arch.split(opt.name)[0]
    conf = arch.load(isa)
    out = os.path.join(arch.BUILD, "guest", f"demo-{isa}")
    os.makedirs(out, exist_ok=True)
    os.makedirs(arch.LOGS, exist_ok=True)
    subprocess.run(["make", "-s", "-C", os.path.join(HERE, "demo"), f"OUT={out}",
                    f"CROSS_COMPILE={conf['CROSS']}"], check=True)
    guest = [os.path.join(HERE, "boot"), "--quiet", "--log", "silence", "--cpus", str(opt.cpus),
             "--time", str(900 + 2 * opt.seconds),
             "--file", f"{out}/worker=/ti/worker", "--file", f"{out}/producer=/ti/producer",
             "--file", f"{HERE}/guest/demo=/ti/demo", "--shell",
             f"exec sh /ti/demo {opt.seconds} {(1 << opt.cpus - 1) - 1:x} isolated"]
    look = [os.path.join(HERE, "witness"), "--cpu", str(opt.cpus - 1), "--last"]
    # arm is too slow where vCPUs take turns, and a thread each has a log each.
    if opt.parallel:
        guest += ["--thread", "multi"]
    watch = files if conf["KARCH"] == "arm" or opt.parallel else pipe
    status, said = watch(guest, look, opt.name, out, conf)
    with open(os.path.join(arch.LOGS, "silence.log"), encoding="utf-8", errors="replace") as f:
        text = f.read()
    print(text + said)
    run = dict(re.findall(r"^(\w+)=(\S+)$", text, re.M))
    seen = re.search(r": (\d+) entries$", said, re.M)
    seen = seen.group(1) if seen else "?"
    print(f"SILENCE arch={isa} seconds={opt.seconds} losses={run.get('losses', '?')} "
          f"kernel={run.get('entries_kernel', '?')} witness={seen}")
    return 0 if (status, run.get("losses"), run.get("entries_kernel"), seen) == \
        (0, "0", "0", "0") else 1


sys.exit(main())
