#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Disturb an isolated thread in every known way, and see what it is told.

usage: disturb [--short] [--no-build] [ARCH[-VARIANT]]...

For each kind of disturbance: how many were injected, how many the thread did
not notice, and how often it was told the right cause and culprit. A kind that
caused nothing, or could not be provoked in the guest, is listed with the reason.
The log, build/logs/disturb-ARCH.log, has a line for each cause and culprit that
a kind has led to, which begins with "seen".

--short does each a few times, as part of 'make check'. Without --no-build the
kernel is built first. The table also goes to build/disturb-ARCH.json, that of
a short run to build/disturb-ARCH-short.json.

exit status: 0 all goals are met, 1 not: each disturbance noticed, no false
alarms, no unknown causes, 99 % right causes and culprits, at least 25 kinds and
(not with --short) 1000 losses; the kernel's counters are what the thread was told;
each kind could be provoked, but for those that are known to be missing. With
--short, two wrong causes and two wrong culprits are let pass even if that is more
than 1 %.
"""

import glob
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import arch                                                 # noqa: E402
import disturb                                              # noqa: E402

REPEAT = {True: 3, False: 30}


def program(isa):
    """The guest's part, against the headers of the series."""
    prog = os.path.join(arch.BUILD, "guest", "disturb-" + isa)
    guest = os.path.join(HERE, "guest")
    os.makedirs(os.path.dirname(prog), exist_ok=True)
    subprocess.run([arch.load(isa)["CROSS"] + "gcc", "-O2", "-Wall", "-static", "-pthread",
                    # For the one header that libc does not have.
                    "-idirafter", os.path.join(os.path.dirname(HERE), "include/uapi"),
                    "-o", prog, *sorted(glob.glob(os.path.join(guest, "disturb*.c"))),
                    os.path.join(os.path.dirname(HERE), "tools/task_isolation/words.c")],
                   check=True)
    return prog


def run(name, short):
    """Boot and disturb: the goals that were missed."""
    isa, variant = arch.split(name)
    log = "disturb-" + name + "-short" * short
    conf = arch.load(isa)
    # A variant of the kernel may refuse more.
    without = conf.get("DISTURB_WITHOUT", "").split()
    without += conf.get("DISTURB_WITHOUT_" + variant.upper(), "").split()
    # Two nodes, where the kernel has any, for pages to move between.
    cmd = [os.path.join(HERE, "boot"), "--quiet", "--log", log, "--time", "3000",
           "--cmdline", "numa=fake=2 " + conf.get("DISTURB_CMDLINE", ""),
           "--qemu", conf.get("DISTURB_QEMU", "").replace("PID", str(os.getpid()))]
    for module in arch.MODULES.values():
        built = os.path.join(arch.obj(name), module)
        if os.path.exists(built):
            cmd += ["--file", f"{built}=/ti/{os.path.basename(module)}"]
    job = subprocess.run(cmd + [name, "--", program(isa), str(REPEAT[short]), "3"], text=True,
                         errors="replace", check=False, stderr=subprocess.PIPE)
    path = os.path.join(arch.LOGS, log + ".log")
    text = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
    if job.returncode:
        raise disturb.Bad(f"the guest ended with {job.returncode}: see {path}\n{job.stderr.strip()}")
    kinds, idle = disturb.parse(text)
    figures = disturb.total(kinds, idle)
    with open(os.path.join(arch.BUILD, log + ".json"), "w", encoding="utf-8") as f:
        json.dump({"arch": name, "figures": figures, "kinds": kinds}, f, indent=1)
    print("\n".join(disturb.table(kinds)))
    print("\n".join(line for line in text.splitlines() if line.startswith(("wrong ", "stray "))))
    # In a short run some background threads come by too seldom.
    least = disturb.KINDS if short or variant else int(conf.get("DISTURB_KINDS", disturb.KINDS))
    wrong = disturb.missed(figures, short, least) + disturb.miscounted(text) + \
        disturb.gone(kinds, without)
    for line in wrong:
        print(f"disturb: {name}: {line}", file=sys.stderr)
    print(disturb.summary(name, figures), flush=True)
    return wrong


def main():
    names = [a for a in sys.argv[1:] if a not in ("--short", "--no-build")] or ["x86_64"]
    if any(a.startswith("-") for a in names):
        print(__doc__.strip())
        return 1
    for name in names:
        arch.split(name)
    if "--no-build" not in sys.argv and subprocess.run(
            [os.path.join(HERE, "build"), *names], check=False).returncode:
        return 1
    failed = False
    for name in names:
        try:
            failed |= bool(run(name, "--short" in sys.argv))
        except disturb.Bad as e:
            print(f"disturb: {name}: {e}", file=sys.stderr)
            failed = True
    return int(failed)


sys.exit(main())
