# SPDX-License-Identifier: GPL-2.0
"""Run the stages of a test run, and once more what has failed.

A test that fails is run again alone, in a fresh guest; where a lane is one guest or a few, all
of the lane. If it passes then, it is FLAKY: it does not fail the run, the logs of both are kept,
and more than two of them do fail it. What the kernel complains of, and a guest that dies,
is never let pass, unless it is the emulator of which the guest died, for which the lane is
run anew, once, and that is counted.
"""

import os
import re
import shutil
import subprocess
import time

from harness.lib import ktap, paths, qemu

LET_PASS = 2            # so many flaky tests in a run
TICK = 0.02             # seconds, with room to spare
AGAIN = 3               # programs of a lane that are run again; more are no accident
# Lanes that are run again as a whole: each has one guest, or few of some seconds.
AS_A_WHOLE = ("taskiso", "tracers", "silence", "disturb")
COMPLAINT = "the kernel complained"
# The second word of a result is its program's, but for those of the guest as a whole.
PROGRAM = re.compile(r"^(?!selftests$)\w+$")


def programs(lane, failed):
    """The programs whose failed results may be an accident; [] if there is none."""
    found = []
    for name in failed:
        parts = name.split(": ")
        if len(parts) < 2 or parts[0] != lane or not PROGRAM.match(parts[1]):
            return []
        if parts[1] not in found:
            found.append(parts[1])
    return found if len(found) <= AGAIN else []


def alone(cmd, program):
    """The command of a lane of self-tests, for one of its programs."""
    at = cmd.index("--") if "--" in cmd else len(cmd)
    # KUnit runs at each boot, beside whatever is short.
    return [*cmd[:at], "--only", "example" if program == "KUnit" else program, *cmd[at:]]


def accidents(lane, program, first, second):
    """Those failures of a program that did not happen again; of all, if it is ''."""
    def of_it(names):
        return [n for n in names if n == f"{lane}: {program}" or
                n.startswith(f"{lane}: {program}: ") or not program]

    mine, again = of_it(first.failed), of_it(second.failed)
    if len(again) < len(second.failed):
        return []               # the guest itself failed this time
    if not again and of_it(second.passed):
        return mine
    return [name for name in mine if name in second.passed and name not in again]


class Stages:
    """Results of all stages."""

    def __init__(self, started=None, say=print):
        self.all = ktap.Totals()
        self.flaky = []
        self.started = time.monotonic() if started is None else started
        self.say = say

    def clock(self):
        """Time since the start."""
        took = int(time.monotonic() - self.started)
        return f"{took // 60}m{took % 60:02d}s"

    def note(self, totals):
        """Add a stage and print what needs a look."""
        self.all.add(totals)
        for name in totals.failed:
            self.say(f"  FAIL     {name}")
        for name in totals.skipped:
            self.say(f"  SKIP     {name}")

    def skip(self, name):
        """A stage that there is not, with the reason."""
        totals = ktap.Totals()
        totals.skipped.append(name)
        self.note(totals)

    def keep(self, lane, which, since):
        """Copy the logs that have been written since; the directory."""
        into = os.path.join(paths.LOGS, "flaky", re.sub(r"[^\w.-]+", "-", lane), which)
        shutil.rmtree(into, ignore_errors=True)
        os.makedirs(into)
        for entry in os.scandir(paths.LOGS):
            # The time of a file is that of the last tick.
            if entry.is_file() and entry.stat().st_mtime >= since - TICK:
                shutil.copy2(entry.path, into)
        return into

    def flake(self, names, first, second):
        """Tests that failed and passed."""
        for name in names:
            self.flaky.append(name)
            self.say(f"  FLAKY    {name}: failed, and passed when run again alone: see "
                     f"{first} and {second}")

    def run_tap(self, name, cmd, log):
        """A command that speaks TAP: (what it said, in lines, its results)."""
        with open(log, "w", encoding="utf-8") as out:
            job = subprocess.run(paths.program(*cmd), stdout=out, stderr=subprocess.STDOUT,
                                 check=False)
        with open(log, encoding="utf-8", errors="replace") as f:
            lines = f.read().splitlines()
        totals = ktap.parse(lines, name)
        if job.returncode and not totals.failed:
            totals.failed.append(f"{name}: exit status {job.returncode}")
        return lines, totals

    def show(self, lines):
        """What came before each failure is why."""
        at = [n for n, line in enumerate(lines) if line.startswith("not ok")]
        for n in at[:10]:
            first = n
            while first and lines[first - 1].startswith("#"):
                first -= 1
            self.say("\n".join(f"           {line}" for line in lines[first:n][-30:]))

    def tap(self, name, *cmd):
        """A stage that speaks TAP."""
        self.say(f"  CHECK    {name}")
        log = os.path.join(paths.LOGS, f"check-{name}.log")
        since = time.time()
        lines, totals = self.run_tap(name, cmd, log)
        if totals.failed:
            self.show(lines)
        again = []
        stale = qemu.STALE in "\n".join(lines)
        if totals.failed and stale:
            again = [("", list(cmd))]
        elif cmd[0] == "selftests":
            again = [(p, alone(list(cmd), p)) for p in programs(name, totals.failed)]
        elif cmd[0] in AS_A_WHOLE and totals.failed and COMPLAINT not in "\n".join(lines):
            again = [("", list(cmd))]
        first = self.keep(name, "first", since) if again else None
        for program, once_more in again:
            self.again(name, program, once_more, totals, first, stale)
        self.note(totals)
        self.say(f"           {totals} ({self.clock()}, {log})")
        return totals

    def again(self, name, program, cmd, totals, first, stale=False):
        """Run a program of a lane alone, or all of the lane, and correct its totals.

        stale: it was the emulator that failed, and none of the tests.
        """
        self.say(f"  AGAIN    {name}" + f": {program}, alone" * bool(program))
        since = time.time()
        lines, second = self.run_tap(name, cmd, os.path.join(paths.LOGS, f"check-{name}-again.log"))
        logs = self.keep(name, f"again-{program}" if program else "again", since)
        mine = accidents(name, program, totals, second)
        totals.failed = [f for f in totals.failed if f not in mine]
        totals.failed += [f for f in second.failed if f not in totals.failed and f not in mine]
        if not program:
            # What did not get as far as to a result the first time.
            totals.passed += [p for p in second.passed if p not in totals.passed and p not in mine]
        if second.failed:
            self.show(lines)
        if stale:
            totals.passed += [p for p in mine if p not in totals.passed]
        elif program:
            self.flake(mine, first, logs)
        elif mine:
            # One accident, however many results it took.
            self.flake([f"{mine[0]}" + f" and {len(mine) - 1} more" * (len(mine) > 1)], first, logs)

    def one(self, name, want, *cmd, says=""):
        """A command with the exit status, and the sentence, it has to give."""
        totals = ktap.Totals()
        logs = []
        for which in ("first", "again"):
            since = time.time()
            job = subprocess.run(paths.program(*cmd), text=True, errors="replace",
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            good = job.returncode == want and re.search(says, job.stdout)
            if not good or which == "again":
                logs.append(self.keep(name, which, since))
                with open(os.path.join(logs[-1], "said"), "w", encoding="utf-8") as f:
                    f.write(job.stdout)
            if not good:
                self.say(job.stdout[-2000:])
            if good or COMPLAINT in job.stdout:
                break
            if which == "first":
                self.say(f"  AGAIN    {name}")
        if not good:
            totals.failed.append(f"{name}: exit status {job.returncode}, {want} was due")
        elif logs:
            self.flake([name], *logs)
        else:
            totals.passed.append(name)
        self.note(totals)
        return totals

    def lane(self, lane):
        """One of lib/lanes.py."""
        if lane.tap:
            return self.tap(lane.name, *lane.cmd)
        return self.one(lane.title, lane.want, *lane.cmd, says=lane.says)

    def end(self):
        """Print what is to be known of the run; its exit status."""
        totals = ktap.Totals()
        if len(self.flaky) > LET_PASS:
            totals.failed.append(f"{len(self.flaky)} tests are flaky, {LET_PASS} are let pass")
        self.note(totals)
        anew = started_anew()
        for line in anew:
            self.say(f"  ANEW     {line}")
        self.say(f"  DONE     {self.clock()}")
        self.say(f"{len(anew)} guests started anew for a fault of the emulator")
        self.say(f"{len(self.flaky)} flaky: failed, and passed when run again alone"
                 + "".join(f"\n  {name}" for name in self.flaky))
        self.say(str(self.all))
        return 1 if self.all.failed else 0


def started_anew(reset=False):
    """The guests that boot has started twice since the last reset."""
    path = os.path.join(paths.LOGS, "started-anew")
    if reset and os.path.exists(path):
        os.unlink(path)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return f.read().splitlines()
