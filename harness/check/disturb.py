# SPDX-License-Identifier: GPL-2.0
"""Disturb an isolated thread in every known way, and see what it is told.

For each kind of disturbance: how many were injected, how many the thread did not notice,
and how often it was told the right cause and culprit. A kind that caused nothing, or could
not be provoked in the guest, is listed with the reason. The log, build/logs/disturb-NAME.log,
has a line for each cause and culprit that a kind has led to, which begins with "seen". The
table also goes to build/disturb-NAME.json, that of a short run to build/disturb-NAME-short.json.
TAP is among it, with a result for each kind, each counter of the kernel and each goal.

exit status: 0 all goals are met, 1 not: each disturbance noticed, no false alarms, no
unknown causes, 99 % right causes and culprits, at least 25 kinds and (not with --short)
1000 losses; the kernel's counters are what the thread was told; each kind could be
provoked, but for those that are known to be missing. With --short, two wrong causes and two
wrong culprits are let pass even if that is more than 1 %
"""

import glob
import json
import os
import subprocess

from harness.lib import arch, cli, guest, judge, ktap, paths

REPEAT = {True: 3, False: 30}
RAN = "boot, run and no splat"


def program(isa):
    """The guest's part, against the headers of the series and the library of its self-tests."""
    tests = os.path.join(paths.ROOT, "tools/testing/selftests/task_isolation")
    return guest.compiled(
        isa, "disturb", *sorted(glob.glob(os.path.join(paths.INSIDE, "disturb", "*.c"))),
        os.path.join(tests, "lib.c"), os.path.join(paths.ROOT, "tools/task_isolation/words.c"),
        # The last is for the one header that libc does not have.
        flags=["-Wall", "-pthread", "-I", os.path.join(paths.TREE, "tools/testing/selftests"),
               "-I", tests, "-idirafter", os.path.join(paths.ROOT, "include/uapi")])


def modules(name):
    """The options of boot for the modules that the kernel has."""
    found = []
    for module in arch.MODULES.values():
        built = os.path.join(arch.obj(name), module)
        if os.path.exists(built):
            found += ["--file", f"{built}=/ti/{os.path.basename(module)}"]
    return found


def run(name, short):
    """Boot and disturb: for each thing that is expected why it did not hold, or ''."""
    isa, variant = arch.split(name)
    log = "disturb-" + name + "-short" * short
    settings = arch.load(isa)
    # A variant of the kernel may refuse more.
    without = arch.words(isa, "DISTURB_WITHOUT") + \
        arch.words(isa, "DISTURB_WITHOUT_" + variant.upper())
    # Two nodes, where the kernel has any, for pages to move between.
    status, said, text = guest.boot(
        name, log, "--time", "3000", "--cmdline", "numa=fake=2 " + settings.get("DISTURB_CMDLINE", ""),
        "--qemu", settings.get("DISTURB_QEMU", "").replace("PID", str(os.getpid())), *modules(name),
        command=[program(isa), REPEAT[short], 3])
    if status:
        raise judge.Bad(f"the guest ended with {status}: see build/logs/{log}.log\n{said.strip()}")
    kinds, idle = judge.parse(text)
    figures = judge.total(kinds, idle)
    with open(os.path.join(paths.BUILD, log + ".json"), "w", encoding="utf-8") as f:
        json.dump({"arch": name, "figures": figures, "kinds": kinds}, f, indent=1)
    print("\n".join(judge.table(kinds)))
    print("\n".join(line for line in text.splitlines() if line.startswith(("wrong ", "stray "))))
    # In a short run some background threads come by too seldom.
    least = judge.KINDS if short or variant else int(settings.get("DISTURB_KINDS", judge.KINDS))
    print(judge.summary(name, figures), flush=True)
    return {RAN: "", **judge.provoked(kinds, without), **judge.counters(text),
            **judge.goals(figures, short, least)}


def main():
    p = cli.parser(__doc__)
    p.add_argument("--short", action="store_true",
                   help=f"each {REPEAT[True]} times, as part of 'make check' ({REPEAT[False]} times)")
    p.add_argument("--no-build", action="store_true", help="the kernel has been built before")
    p.add_argument("names", metavar="KERNEL", nargs="*", type=arch.kernel,
                   help=f"ARCH[-VARIANT] ({arch.default()})")
    opt = p.parse_args()
    names = opt.names or [arch.default()]
    if not opt.no_build and subprocess.run(paths.program("build", *names), check=False).returncode:
        return 1
    tap = ktap.Writer()
    for name in names:
        try:
            found = run(name, opt.short)
        except judge.Bad as e:
            found = {RAN: str(e)}
        for what, why in found.items():
            tap.result(f"{name}: {what}" if len(names) > 1 else what, not why, why)
    return tap.status()


if __name__ == "__main__":
    cli.main(main)
