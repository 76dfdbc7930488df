#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A poll-mode packet worker under load: isolated, and not.

usage: run-demo [ARCH]          DURATION=seconds and CPUS=number change it

One guest under stress-ng runs the worker of harness/demo five times: isolated;
as an ordinary thread, on a CPU that the load uses; for a moment on the CPU set
aside, but without asking for isolation; and breaking the rule with a system
call and with a page fault. Entries into the kernel on the worker's CPU are shown
as the kernel counted them and as QEMU's own log has them.

exit status: 0 the isolated window was silent by both counts, 1 not.
"""

import glob
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import arch                                                 # noqa: E402

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


def witness(folder, marks_before, run):
    """(entries, report) between the last two marks of a run, on its CPU."""
    marks = int(run.get("marks", 0))
    if marks < 2:
        return None, "the worker made no window"
    said = subprocess.run([os.path.join(HERE, "witness"), "--cpu", run["cpu"], "--after",
                           str(marks_before + marks - 1),
                           *sorted(glob.glob(os.path.join(folder, "int.*")))],
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
    isa = sys.argv[1] if sys.argv[1:] else "x86_64"
    if isa.startswith("-"):
        print(__doc__.strip())
        return 1
    conf = arch.load(isa)
    seconds = int(os.environ.get("DURATION") or 10)
    cpus = int(os.environ.get("CPUS") or 4)
    out = os.path.join(arch.BUILD, "guest", f"demo-{isa}")
    logs = os.path.join(arch.LOGS, "witness-run")
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    os.makedirs(out, exist_ok=True)
    made = subprocess.run(["make", "-s", "-C", os.path.join(HERE, "demo"), f"OUT={out}",
                           f"CROSS_COMPILE={conf['CROSS']}"], env=env, check=False)
    if made.returncode:
        return 1
    print(f"  RUN      5 runs of a packet worker under load, 2 of {seconds} s", flush=True)
    boot = subprocess.run(
        [os.path.join(HERE, "boot"), "--quiet", "--log", "run", "--cpus", str(cpus),
         "--time", str(300 + 20 * seconds), "--witness", logs,
         "--file", f"{out}/worker=/ti/worker", "--file", f"{out}/producer=/ti/producer",
         "--file", f"{HERE}/guest/demo=/ti/demo",
         "--shell", f"exec sh /ti/demo {seconds} {(1 << cpus - 1) - 1:x}", isa], check=False)
    found = runs(os.path.join(arch.LOGS, "run.log"))
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
    print(f"\nThe log is {os.path.join(arch.LOGS, 'run.log')}")
    print(f"RESULT arch={isa} seconds={seconds} losses={losses} witness={seen}")
    return 0 if silent else 1


sys.exit(main())
