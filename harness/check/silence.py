# SPDX-License-Identifier: GPL-2.0
"""One long isolated window under load, watched by QEMU's own log.

The packet worker of harness/guest/inside/demo, an ordinary SCHED_OTHER thread, runs
isolated while stress-ng loads the other CPUs. What could come once a second (the residual
tick, the deadline server) or less often would be seen. QEMU's log is read while it is
written, as it would fill the disk, and the .conf of the architecture says how: turns, where
vCPUs take turns, as the lines of several would get mixed up; lines, where they run in
parallel and an entry is one line; files, in parallel with a log for each, which takes some
GB and is read at the end.

Prints what was counted, TAP with a result for each count, and as last line
SILENCE arch=ARCH seconds=N losses=N kernel=N witness=N

exit status: 0 silent by both counts, 1 not
"""

import glob
import os
import re
import shutil
import subprocess

from harness.lib import arch, cli, guest, ktap, paths, worker


# The counts, each of which has to be 0.
TITLES = {"losses": "no loss that the thread was told of", "kernel": "no entry by the kernel's count",
          "witness": "no entry by QEMU's log"}


def files(boot, look, name):
    """A log for each vCPU, read at the end: (the guest's status, what the witness says)."""
    logs = os.path.join(paths.LOGS, "witness-silence")
    status = subprocess.run([*boot, "--thread", "multi", "--witness", logs, name],
                            check=False).returncode
    seen = subprocess.run([*look, *sorted(glob.glob(os.path.join(logs, "int.*")))], text=True,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    shutil.rmtree(logs, ignore_errors=True)
    return status, seen.stdout


def pipe(boot, look, name):
    """One log, read while it is written: the same."""
    fifo = os.path.join(paths.GUEST, "int")
    if os.path.lexists(fifo):
        os.unlink(fifo)
    os.mkfifo(fifo)
    with subprocess.Popen([*look, fifo], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as witness:
        status = subprocess.run([*boot, "--qemu", f"-d int -D {fifo}", name], check=False).returncode
        if status:
            witness.kill()
        said = witness.communicate()[0]
    os.unlink(fifo)
    return status, said


def judge(status, counts):
    """A result for the guest and for each count; the exit status."""
    tap = ktap.Writer()
    tap.result("boot, run and no splat", status == 0, f"the guest ended with {status}")
    for name, title in TITLES.items():
        tap.result(title, counts[name] == "0", f"{counts[name]} were counted, none was expected")
    return tap.status()


def main():
    p = cli.parser(__doc__)
    p.add_argument("--seconds", metavar="N", type=cli.number("a number of seconds"), default=600,
                   help="how long to be isolated (%(default)s)")
    p.add_argument("--cpus", metavar="N", type=cli.number("a number of vCPUs", 2), default=4,
                   help="vCPUs; the last is the isolation CPU (%(default)s)")
    p.add_argument("--parallel", action="store_true", help="files, whatever the .conf says")
    p.add_argument("name", metavar="KERNEL", nargs="?", type=arch.kernel, default=arch.default(),
                   help="ARCH[-VARIANT], which has to be built (%(default)s)")
    opt = p.parse_args()
    isa = arch.split(opt.name)[0]
    os.makedirs(paths.LOGS, exist_ok=True)
    boot = paths.program("boot", "--quiet", "--log", "silence", "--time", str(900 + 2 * opt.seconds),
                         *worker.options(worker.build(isa), opt.seconds, opt.cpus, "isolated"))
    look = paths.program("witness", "--cpu", str(opt.cpus - 1), "--last")
    how = "files" if opt.parallel else arch.load(isa).get("SILENCE_LOG", "turns")
    if how == "turns":
        boot += ["--thread", "single"]
    status, said = (files if how == "files" else pipe)(boot, look, opt.name)
    text = guest.said("silence")
    print(text + said)
    run = dict(re.findall(r"^(\w+)=(\S+)$", text, re.M))
    seen = re.search(r": (\d+) entries$", said, re.M)
    counts = {"losses": run.get("losses", "?"), "kernel": run.get("entries_kernel", "?"),
              "witness": seen.group(1) if seen else "?"}
    wrong = judge(status, counts)
    print(f"SILENCE arch={isa} seconds={opt.seconds} " + " ".join(f"{k}={v}" for k, v in counts.items()))
    return wrong


if __name__ == "__main__":
    cli.main(main)
