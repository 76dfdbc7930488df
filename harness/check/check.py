# SPDX-License-Identifier: GPL-2.0
"""Every test, for every architecture asked for.

For each architecture: the kernel, and for some a debug kernel, are built, booted, and run
KUnit and the selftests; any complaint of a kernel fails. The next kernel is built while one
is tested. Logs are in build/logs. What has not begun when the time is up, as hosts differ a
lot, is skipped by name.

A test that fails is run again alone, in a fresh guest. If it passes then it is FLAKY, which
does not fail the run, but more than two of them do. Ends in one line: "N passed, N failed,
N skipped"; those before it count guests started anew and the flaky tests, and name what was
left out for its time.

exit status: 0 nothing failed, 1 something did
"""

import argparse
import atexit
import os
import shutil
import signal
import subprocess
import threading
import time

from harness.lib import arch, cli, ktap, lanes, paths, stages

START = time.monotonic()


class Builds(threading.Thread):
    """Builds kernels one after the other, behind the tests."""

    def __init__(self, names, limit):
        super().__init__(daemon=True)
        self.limit = limit
        self.ready = {name: threading.Event() for name in names}
        self.status = {}
        self.job = None

    def run(self):
        for name, ready in self.ready.items():
            # Tests wait for it, so it makes way for those that run.
            with subprocess.Popen(["nice", *paths.program("build", name)],
                                  start_new_session=True) as self.job:
                try:
                    self.status[name] = self.job.wait(self.left())
                except subprocess.TimeoutExpired:
                    self.stop()
                    return
            ready.set()

    def left(self):
        """Seconds until the time is up, or None."""
        return None if self.limit == float("inf") else max(self.limit - (time.monotonic() - START), 0)

    def wait(self, name):
        """True if this one could be built, None if the time was up before."""
        left = self.left()
        if left == 0 or not self.ready[name].wait(left):
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


def debug_kernels():
    """The kernels that are tested besides those of the architectures."""
    return [f"{isa}-{variant}" for isa in arch.known() for variant in arch.words(isa, "VARIANTS")]


def kernels(archs, debug):
    """Names of the kernels of some architectures, in the order in which they are built."""
    found = []
    for isa in archs:
        found.append(isa)
        # Debug kernels take the longest. The first is also for what all have in common.
        if debug[:1] == [f"{isa}-debug"]:
            found.append(debug[0])
    return found + [name for name in debug if name.partition("-")[0] in archs and name not in found]


def names(what, text):
    """A type: a list of kernels, or of architectures if text is ''."""
    def read(given):
        found = [name + text * ("-" not in name) for name in given.split() if name != "none"]
        for name in found:
            try:
                arch.split(name)
            except cli.Error as e:
                raise argparse.ArgumentTypeError(f"expected {what}: {e}") from e
        return found
    return read


def minutes(text):
    """The type of --limit: seconds."""
    try:
        return 60 * float(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"'{text}' was given, expected a number of minutes") from e


def parse():
    """Command line: (kernels, seconds)."""
    p = cli.parser(__doc__)
    archs, debug = " ".join(arch.known()), " ".join(debug_kernels())
    p.add_argument("--archs", metavar="LIST", type=names("architectures", ""),
                   default=os.environ.get("ARCHS") or archs,
                   help=f"the architectures, in one word ({archs}, or ARCHS)")
    p.add_argument("--debug", metavar="LIST", type=names("debug kernels", "-debug"),
                   default=os.environ.get("DEBUG") or debug,
                   help="which of them have a debug kernel, too: ARCH or ARCH-VARIANT, x86_64-kasan and "
                        f"x86_64-kcsan for instance, or none ({debug}, or DEBUG)")
    p.add_argument("--kernels", metavar="LIST", type=names("kernels", ""),
                   default=os.environ.get("KERNELS") or "",
                   help="the kernels, by name, in place of both (or KERNELS)")
    p.add_argument("--limit", metavar="MINUTES", type=minutes, default=os.environ.get("LIMIT") or "inf",
                   help="when to begin nothing new any more, in minutes (no limit, or LIMIT)")
    opt = p.parse_args()
    return opt.kernels or kernels(opt.archs, opt.debug), opt.limit


def left_out(run, tested):
    """Print what was not run, and how to have it."""
    for name in run.all.skipped:
        if "the time is up" in name:
            print(f"  LEFT OUT {name}")
    for name in kernels(arch.known(), debug_kernels()):
        if name not in tested:
            print(f"  LEFT OUT the kernel {name}: make check KERNELS={name}")
    for name in lanes.LEFT_OUT:
        print(f"  LEFT OUT {name}")


def bad_input(run, isa):
    """Wrong requests are refused, with a sentence that says which."""
    run.say("  CHECK    bad input")
    run.one("build: unknown ARCH", 2, "build", "vax", says="ARCH=vax is not known here: one of")
    obj = os.path.join(paths.BUILD, "obj", "check-dropped")
    run.one("configure: dropped option", 1, "configure", paths.TREE, obj, isa, "common", "../tests/dropped",
            says="dropped.config asks for 'CONFIG_NO_SUCH_OPTION=y', and the configuration drops it")
    shutil.rmtree(obj, ignore_errors=True)


def kernel(run, name, first, limit):
    """All lanes of a kernel that has been built."""
    todo, skipped = lanes.of(name)
    # They are about the harness, not about a kernel.
    todo += lanes.failing_guests(name) if first else []
    for reason in skipped:
        run.skip(reason)
    for lane in todo:
        if time.monotonic() - START > limit:
            run.skip(f"{lane.title}: the time is up (LIMIT={limit / 60:.0f} minutes)")
        else:
            run.lane(lane)


def main():
    todo, limit = parse()
    os.makedirs(paths.LOGS, exist_ok=True)
    stages.started_anew(reset=True)
    run = stages.Stages(START, lambda text: print(text, flush=True))
    run.one("compose", 0, "compose")
    if run.all.failed:
        print(run.all)
        return 1
    builds = Builds(todo, limit)
    builds.start()
    atexit.register(builds.stop)
    # checkpatch has the mails to look at, which are the same lines.
    run.tap("lint", "lint", "--but-checkpatch")
    run.tap("harness", "tests")
    run.tap("mails", "export", "--no-build")
    first = arch.split(todo[0])[0]
    if arch.words(first, "CONFIGS"):
        run.tap("configs", "configs")
    bad_input(run, first)
    for name in todo:
        good = built(run, builds, name)
        if good:
            kernel(run, name, name == todo[0], limit)
        elif good is None:
            for lane in lanes.of(name)[0]:
                run.skip(f"{lane.title}: the time is up (LIMIT={limit / 60:.0f} minutes)")
    left_out(run, todo)
    return run.end()


if __name__ == "__main__":
    cli.main(main)
