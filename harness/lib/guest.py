# SPDX-License-Identifier: GPL-2.0
"""Programs for the guest, and runs of it, for the programs of check."""

import os
import subprocess

from harness.lib import arch, paths
from harness.lib.cli import Error


def compiled(isa, name, *sources, flags=()):
    """Compile a static program of an architecture; its path."""
    prog = os.path.join(paths.GUEST, f"{name}-{isa}")
    os.makedirs(paths.GUEST, exist_ok=True)
    subprocess.run([arch.load(isa)["CROSS"] + "gcc", "-O2", "-static", *flags, "-o", prog, *sources],
                   check=True)
    return prog


def example(isa, name="example", zeros=""):
    """The example of the documentation; with zeros="00", of a hundred times as many polls."""
    source = os.path.join(paths.ROOT, "tools/testing/selftests/task_isolation/example.c")
    if zeros:
        with open(source, encoding="utf-8") as f:
            text = f.read()
        source = os.path.join(paths.GUEST, f"{name}.c")
        os.makedirs(paths.GUEST, exist_ok=True)
        with open(source, "w", encoding="utf-8") as f:
            f.write("".join(line.replace("UL", f"{zeros}UL") if line.startswith("#define POLLS") else line
                            for line in text.splitlines(keepends=True)))
    return compiled(isa, name, source)


def taskiso():
    """The taskiso of the guest, built for this machine and static: it has no libraries there."""
    os.makedirs(paths.GUEST, exist_ok=True)
    run = subprocess.run(["make", "-s", "-C", os.path.join(paths.ROOT, "tools/task_isolation"),
                          f"OUTPUT={paths.GUEST}", "LDFLAGS=-static"], text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode:
        raise Error(f"{run.stdout}taskiso could not be built, as it says above")
    return os.path.join(paths.GUEST, "taskiso")


def said(log):
    """What the guest's program has written in the last run with this log."""
    path = os.path.join(paths.LOGS, log + ".log")
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def boot(kernel, log, *options, command=()):
    """Run a guest: (exit status, what boot said, what the guest's program said).

    options are those of boot, command the program with its arguments.
    """
    os.makedirs(paths.LOGS, exist_ok=True)
    path = os.path.join(paths.LOGS, log + ".log")
    if os.path.exists(path):
        os.unlink(path)
    end = ["--", *map(str, command)] if command else []
    run = subprocess.run(paths.program("boot", "--quiet", "--log", log, *options, kernel, *end),
                         text=True, errors="replace", check=False, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    return run.returncode, run.stdout, said(log)
