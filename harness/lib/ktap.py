# SPDX-License-Identifier: GPL-2.0
"""Read KTAP, and write it: what every tester of the harness speaks."""

import re

RESULT = re.compile(r"^( *)(ok|not ok) (\d+)(?:[ \t]+-?[ \t]*(.*?))?(?:[ \t]+#[ \t]*(SKIP|TODO|XFAIL)\b[ \t]*(.*))?$",
                    re.I)
PLAN = re.compile(r"^( *)1\.\.(\d+)(?:\s+#\s*SKIP\b\s*(.*))?", re.I)
STAMP = re.compile(r"^\[ *\d+\.\d+\] ")


class Totals:
    """Results counted, with the names of those that need a look."""

    def __init__(self):
        self.passed = []
        self.failed = []
        self.skipped = []
        self.why = {}           # failed: the lines that came before its result

    def add(self, other):
        """Add another run's results."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.why.update(other.why)

    def count(self):
        """All of them."""
        return len(self.passed) + len(self.failed) + len(self.skipped)

    def __str__(self):
        return f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def parse(lines, where):
    """Count the innermost results of KTAP among other lines.

    A plan that is not fulfilled is a failure, and so is output without any
    result: a tester that died early must not look like one that passed.
    """
    totals = Totals()
    below = {}                  # indent: results seen at that level
    plans = {}                  # indent: planned number
    since = []                  # lines since the last result
    for line in lines:
        since.append(line.rstrip("\n"))
        line = STAMP.sub("", line.rstrip("\n"))
        # kselftest's runner marks what a test program said.
        while line.startswith("# ") and re.match(r"(# )+ *((not )?ok \d|1\.\.\d)", line):
            line = "    " + line[2:]
        plan = PLAN.match(line)
        if plan:
            indent = len(plan.group(1))
            if int(plan.group(2)) == 0:
                totals.skipped.append(f"{where}: {plan.group(3) or 'empty plan'}")
            # Before the results or after them, TAP allows both.
            plans[indent] = int(plan.group(2))
            below.setdefault(indent, 0)
            continue
        found = RESULT.match(line)
        if not found:
            continue
        before, since = since[:-1], []
        indent = len(found.group(1))
        name = f"{where}: {found.group(4) or found.group(3)}"
        below[indent] = below.get(indent, 0) + 1
        deeper = [n for n in below if n > indent]
        parent = any(below[n] for n in deeper)
        for n in deeper:
            if plans.get(n) not in (None, below[n]):
                totals.failed.append(f"{name}: {plans[n]} planned, {below[n]} run")
            below.pop(n)
            plans.pop(n, None)
        failed = found.group(2).lower() == "not ok"
        kind = (found.group(5) or "").upper()
        if parent and not (failed and not any(f.startswith(where) for f in totals.failed)):
            continue
        if kind in ("SKIP", "XFAIL", "TODO"):
            totals.skipped.append(f"{name}: {found.group(6) or kind}")
        elif failed:
            totals.failed.append(name)
            totals.why[name] = "\n".join(before[-40:])
        else:
            totals.passed.append(name)
    for n, planned in plans.items():
        if planned != below.get(n, 0):
            totals.failed.append(f"{where}: {planned} planned, {below.get(n, 0)} run")
    if not totals.count():
        totals.failed.append(f"{where}: ran no test")
    return totals


class Writer:
    """Print results as they come; status() for the exit status."""

    def __init__(self):
        self.nr = 0
        self.bad = 0
        print("TAP version 13", flush=True)

    def result(self, name, ok, detail="", skip=""):
        """One result; what is known of a failure as comment lines before it.

        They are marked, or results among them would count for parse().
        """
        self.nr += 1
        self.bad += not ok
        if not ok:
            for line in detail.strip().splitlines()[:40]:
                print(f"# | {line}")
        print(f"{'ok' if ok else 'not ok'} {self.nr} {name}{' # SKIP ' + skip if skip else ''}",
              flush=True)

    def status(self):
        """End of the run."""
        print(f"1..{self.nr}", flush=True)
        return 1 if self.bad or not self.nr else 0
