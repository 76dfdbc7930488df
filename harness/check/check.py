#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Every test, for every architecture asked for.

usage: check            ARCHS="x86_64 arm64 riscv arm" chooses architectures,
                        DEBUG="x86_64 arm64" which of them have a debug kernel, too;
                        x86_64-kasan and x86_64-kcsan are others, or none
                        KERNELS="x86_64 arm64-debug" names the kernels instead
                        LIMIT=minutes says when to come to an end (no limit)

For each architecture: the kernel, and for some a debug kernel, are built,
booted, and run KUnit and the selftests; any complaint of a kernel fails. The
next kernel is built while one is tested. Logs are in build/logs. What has not
begun when the time is up, as hosts differ a lot, is skipped by name.

A test that fails is run again alone, in a fresh guest. If it passes then it is
FLAKY, which does not fail the run, but more than two of them do. Ends in one line:
"N passed, N failed, N skipped"; those before it count guests started anew and the
flaky tests, and name what was left out for its time.

exit status: 0 nothing failed, 1 something did.
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import arch                                                 # noqa: E402
import ktap                                                 # noqa: E402
import lanes                                                # noqa: E402
import stages                                               # noqa: E402

START = time.monotonic()
LIMIT = 60 * float(os.environ.get("LIMIT") or "inf")     # seconds
ARCHS = "x86_64 arm64 riscv arm"
# A debug kernel as well; what it checks is mostly code of all architectures.
DEBUG = "x86_64 arm64"


class Builds(threading.Thread):
    """Builds kernels one after the other, behind the tests."""

    def __init__(self, names):
        super().__init__(daemon=True)
        self.ready = {name: threading.Event() for name in names}
        self.status = {}
        self.job = None

    def run(self):
        for name, ready in self.ready.items():
            # Tests wait for it, so it makes way for those that run.
            with subprocess.Popen(["nice", os.path.join(HERE, "build"), name],
                                  start_new_session=True) as self.job:
                self.status[name] = self.job.wait()
            ready.set()

    def wait(self, name):
        """True if this one could be built, None if the time was up before."""
        left = LIMIT - (time.monotonic() - START)
        if left <= 0 or not self.ready[name].wait(None if left == float("inf") else left):
            return None
        return self.status[name] == 0

    def stop(self):
        """End the build that nobody waits for any more, with all it has started."""
        if self.job and self.job.poll() is None:
            os.killpg(self.job.pid, signal.SIGTERM)


def built(run, builds, name):
    """Wait for a kernel; True if it was built."""
    good = builds.wait(name)
    totals = ktap.Totals()
    if good is not None:
        (totals.passed if good else totals.failed).append(f"build {name}")
    run.note(totals)
    return good


def kernels(archs, debug):
    """Names of the kernels of some architectures, in the order in which they are built."""
    asked = [name if "-" in name else f"{name}-debug" for name in debug if name != "none"]
    found = []
    for isa in archs:
        found.append(isa)
        # Debug kernels take the longest. The first is also for what all have in common.
        if asked[:1] == [f"{isa}-debug"]:
            found.append(asked[0])
    return found + [name for name in asked if name.partition("-")[0] in archs and
                    name not in found]


def asked_for():
    """Names of the kernels that are to be tested."""
    names = os.environ.get("KERNELS", "").split() or \
        kernels((os.environ.get("ARCHS") or ARCHS).split(),
                (os.environ.get("DEBUG") or DEBUG).split())
    for name in names:
        arch.split(name)
    return names


def left_out(run, names):
    """Print what was not run, and how to have it."""
    for name in run.all.skipped:
        if "the time is up" in name:
            print(f"  LEFT OUT {name}")
    for name in kernels(ARCHS.split(), DEBUG.split()):
        if name not in names:
            print(f"  LEFT OUT the kernel {name}: make check KERNELS={name}")
    for name in lanes.LEFT_OUT:
        print(f"  LEFT OUT {name}")


def bad_input(run):
    """Wrong requests are refused, with a sentence that says which."""
    run.say("  CHECK    bad input")
    run.one("build: unknown ARCH", 1, "build", "vax", says="ARCH=vax is not known here: one of")
    obj = os.path.join(arch.BUILD, "obj", "check-dropped")
    run.one("configure: dropped option", 1, "configure", os.path.join(arch.BUILD, "tree"), obj,
            "x86_64", "common", "../tests/dropped",
            says="dropped.config asks for 'CONFIG_NO_SUCH_OPTION=y', and the configuration drops it")
    shutil.rmtree(obj, ignore_errors=True)


def kernel(run, name, first):
    """All lanes of a kernel that has been built."""
    todo, skipped = lanes.of(name)
    # They are about the harness, not about a kernel.
    todo += lanes.failing_guests(name) if first else []
    for reason in skipped:
        run.skip(reason)
    for lane in todo:
        if time.monotonic() - START > LIMIT:
            run.skip(f"{lane.title}: the time is up (LIMIT={LIMIT / 60:.0f} minutes)")
        else:
            run.lane(lane)


def main():
    if sys.argv[1:]:
        print(__doc__.strip())
        return 1
    names = asked_for()
    os.makedirs(arch.LOGS, exist_ok=True)
    stages.started_anew(reset=True)
    run = stages.Stages(START, lambda text: print(text, flush=True))
    run.one("compose", 0, "compose")
    if run.all.failed:
        print(run.all)
        return 1
    builds = Builds(names)
    builds.start()
    atexit.register(builds.stop)
    # checkpatch has the mails to look at, which are the same lines.
    run.tap("lint", "lint", "--but-checkpatch")
    run.tap("harness", "tests/run")
    run.tap("mails", "series-export", "--no-build")
    if names[0].startswith("x86_64"):
        run.tap("configs", "configs")
    bad_input(run)
    for name in names:
        good = built(run, builds, name)
        if good:
            kernel(run, name, name == names[0])
        elif good is None:
            for lane in lanes.of(name)[0]:
                run.skip(f"{lane.title}: the time is up (LIMIT={LIMIT / 60:.0f} minutes)")
    left_out(run, names)
    return run.end()


sys.exit(main())
