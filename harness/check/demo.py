# SPDX-License-Identifier: GPL-2.0
"""A poll-mode packet worker under load: isolated, and not.

One guest under stress-ng runs the worker of harness/guest/inside/demo five times: isolated;
as an ordinary thread, on a CPU that the load uses; for a moment on the CPU set aside, but
without asking for isolation; and breaking the rule with a system call and with a page
fault. Entries into the kernel on the worker's CPU are shown as the kernel counted them and
as QEMU's own log has them.

exit status: 0 the isolated window was silent by both counts, 1 not
"""

import glob
import os
import shutil
import subprocess

from harness.lib import arch, cli, paths, worker

TITLES = {"isolated": "isolated", "plain": "not isolated, on a CPU that the load uses",
          "aside": "not isolated, on the CPU set aside (quiet or not, nothing is promised)",
          "syscall": "a stray system call", "fault": "a page fault"}


def runs(log):
    """{run: {key: value}} from what the guest printed."""
    found, now = {}, None
    with open(log, encoding="utf-8", errors="replace") as f:
        for line in f:
            line = line.strip()
            if line.startswith("@run "):
                now = found.setdefault(line.split()[1], {})
            elif now is not None and "=" in line:
                key, _, value = line.partition("=")
                if key != "log":
                    for pair in line.split():
                        key, _, value = pair.partition("=")
                        now.setdefault(key, value)
                else:
                    now[key] = value
    return found


def witness(logs, marks_before, run):
    """(entries, report) between the last two marks of a run, on its CPU."""
    marks = int(run.get("marks", 0))
    if marks < 2:
        return None, "the worker made no window"
    said = subprocess.run(paths.program("witness", "--cpu", run["cpu"], "--after",
                                        str(marks_before + marks - 1),
                                        *sorted(glob.glob(os.path.join(logs, "int.*")))),
                          text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if said.returncode == 2:
        return None, said.stdout.strip()
    head, *kinds = said.stdout.splitlines()
    return int(head.rsplit(":", 1)[1].split()[0]), "\n".join(kinds)


def show(name, run, seen, kinds):
    """What a person wants to see of a run."""
    print(f"\n{TITLES[name]}:")
    if run.get("error", "none") != "none":
        print(f"  the worker could not: {run['error']}")
    if name in ("isolated", "plain", "aside"):
        print(f"  packets handled             {run.get('packets', '?'):>12}")
        print(f"  flows                       {run.get('flows', '?'):>12}")
        print(f"  longest gap                 {run.get('longest_gap_ns', '?'):>12} ns")
        print(f"  entries, the kernel's count {run.get('entries_kernel', '?'):>12}")
        shared = ", those of the load included" if name == "plain" else ""
        print(f"  entries, QEMU's log         {'?' if seen is None else seen:>12}{shared}")
        if kinds:
            print("\n".join("  " + line for line in kinds.splitlines()[:6]))
    else:
        print(f"  losses {run.get('losses', '?')}, signal {run.get('signal', '?')}")
    if run.get("log"):
        print(f"  kernel: {run['log']}")


def main():
    p = cli.parser(__doc__)
    p.add_argument("--seconds", metavar="N", type=cli.number("a number of seconds"),
                   default=os.environ.get("DURATION") or "10",
                   help="how long two of the runs take (10, or DURATION)")
    p.add_argument("--cpus", metavar="N", type=cli.number("a number of vCPUs", 3),
                   default=os.environ.get("CPUS") or "4",
                   help="vCPUs; the last is the isolation CPU (4, or CPUS)")
    p.add_argument("isa", metavar="ARCH", nargs="?", type=arch.architecture, default=arch.default(),
                   help="(%(default)s)")
    opt = p.parse_args()
    logs = os.path.join(paths.LOGS, "witness-run")
    out = worker.build(opt.isa)
    print(f"  RUN      5 runs of a packet worker under load, 2 of {opt.seconds} s", flush=True)
    boot = subprocess.run(
        paths.program("boot", "--quiet", "--log", "run", "--time", str(300 + 20 * opt.seconds),
                      "--witness", logs, *worker.options(out, opt.seconds, opt.cpus), opt.isa),
        check=False)
    found = runs(os.path.join(paths.LOGS, "run.log"))
    marks = {}
    counts = {}
    for name in TITLES:
        run = found.get(name, {})
        cpu = run.get("cpu")
        counts[name], kinds = witness(logs, marks.get(cpu, 0), run)
        marks[cpu] = marks.get(cpu, 0) + int(run.get("marks", 0))
        show(name, run, counts[name], kinds)
    shutil.rmtree(logs, ignore_errors=True)
    run = found.get("isolated", {})
    losses = run.get("losses", "?")
    silent = (boot.returncode == 0 and losses == "0" and counts["isolated"] == 0 and
              run.get("entries_kernel") == "0" and run.get("status") == "0")
    seen = "?" if counts["isolated"] is None else counts["isolated"]
    print(f"\nThe log is {os.path.join(paths.LOGS, 'run.log')}")
    print(f"RESULT arch={opt.isa} seconds={opt.seconds} losses={losses} witness={seen}")
    return 0 if silent else 1


if __name__ == "__main__":
    cli.main(main)
