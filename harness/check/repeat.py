# SPDX-License-Identifier: GPL-2.0
"""Run lanes of the tests N times in a row, and sum up.

The kernels have to be built. A failed test is run again alone as in check, but here each
flaky one only counts. What was seen is printed at the end for each lane, and each test that
was not clean with how often; the logs are in build/logs/flaky.

exit status: 0 no test failed in any run, flaky ones aside, 1 some did
"""

import argparse
import collections
import os
import sys
import time

from harness.lib import cli, lanes, paths, stages


def lanes_named(text):
    """The type of an argument that names lanes."""
    try:
        return lanes.named(text)
    except cli.Error as e:
        raise argparse.ArgumentTypeError(str(e)) from e


class Sums:
    """What was seen of one lane."""

    def __init__(self):
        self.clean = self.flaky = self.failed = self.tests = 0
        self.took = []

    def __str__(self):
        runs = len(self.took)
        return (f"{runs:4} runs, {self.clean} clean, {self.flaky} with flaky tests, "
                f"{self.failed} failed, {self.tests} results, "
                f"{min(self.took):.0f} to {max(self.took):.0f} s")


def once(lane, sums, bad):
    """Run a lane, and add it up."""
    run = stages.Stages(say=lambda text: print(text, flush=True))
    start = time.monotonic()
    run.lane(lane)
    sums.took.append(time.monotonic() - start)
    sums.tests += len(run.all.passed)
    sums.failed += bool(run.all.failed)
    sums.flaky += bool(run.flaky and not run.all.failed)
    sums.clean += not run.flaky and not run.all.failed
    bad.update([f"FAIL     {name}" for name in run.all.failed] +
               [f"FLAKY    {name}" for name in run.flaky])


def main():
    p = cli.parser(__doc__)
    p.add_argument("count", metavar="N", type=cli.number("a number of runs"), help="how many runs")
    p.add_argument("lanes", metavar="NAME", nargs="+", type=lanes_named,
                   help="a kernel, ARCH[-VARIANT], for all of its lanes, or one lane, such as "
                        "x86_64-by-turns")
    opt = p.parse_args()
    todo = [lane for named in opt.lanes for lane in named]
    os.makedirs(paths.LOGS, exist_ok=True)
    stages.started_anew(reset=True)
    sums = {lane.name: Sums() for lane in todo}
    bad = collections.Counter()
    try:
        for nr in range(1, opt.count + 1):
            print(f"  RUN      {nr} of {opt.count}", flush=True)
            for lane in todo:
                once(lane, sums[lane.name], bad)
    except KeyboardInterrupt:
        print("repeat: interrupted: what follows is of the runs until then", file=sys.stderr)
    for name, of_it in sums.items():
        if of_it.took:
            print(f"{name}: {of_it}")
    for name, times in bad.most_common():
        print(f"  {times} times {name}")
    for line in stages.started_anew():
        print(f"  ANEW     {line}")
    failed = sum(of_it.failed for of_it in sums.values())
    print(f"{sum(len(s.took) for s in sums.values())} runs of {len(sums)} lanes, {failed} failed, "
          f"{sum(s.flaky for s in sums.values())} flaky, {len(stages.started_anew())} guests started anew")
    return 1 if failed else 0


if __name__ == "__main__":
    cli.main(main)
