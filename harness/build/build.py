#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Build kernels, quietly and with progress.

usage: build [--config] [ARCH[-VARIANT]...]      (default: x86_64)

Variants: none (the feature on), debug, off (option off), base (the pristine
base), bare (the series before it explains a loss: no record, no culprit). Each
goes to build/obj/NAME, its log to build/logs/build-NAME.log. V=1 shows the
commands; --config stops after the configuration. One build runs at a time.
Names, times and hosts are fixed, so that equal sources give equal images.

exit status: 0 built, 1 a configuration was dropped or a build failed.
"""

import fcntl
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import arch                                                 # noqa: E402

EVERY = 15              # seconds between two lines of progress
STEP = re.compile(r"^  (CC|AS|LD|AR|HOSTCC|GEN|OBJCOPY|UPD|VDSO\S*|CALL)\s")


def clock(start):
    """Time since start, as 3m07s."""
    took = int(time.monotonic() - start)
    return f"{took // 60}m{took % 60:02d}s"


def make(name, conf, tree, targets, log):
    """Run kbuild with a line of progress now and then."""
    obj = arch.obj(name)
    cmd = ["make", "-C", tree, f"O={obj}", *arch.kbuild(conf), f"-j{os.cpu_count()}"]
    env = dict(os.environ, KBUILD_BUILD_TIMESTAMP="2026-01-01", KBUILD_BUILD_USER="build",
               KBUILD_BUILD_HOST="localhost", LC_ALL="C",
               # Lets another clone of this repository use what ccache has.
               CCACHE_BASEDIR=arch.BUILD, CCACHE_NOHASHDIR="1")
    for leak in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARCH", "O", "MAKEOVERRIDES"):
        env.pop(leak, None)
    verbose = os.environ.get("V", "0") not in ("", "0")
    if verbose:
        cmd.append("V=" + os.environ["V"])
    fresh = not os.path.exists(os.path.join(obj, "vmlinux"))
    many = conf.get("OBJECTS_" + arch.split(name)[1].upper(), conf["OBJECTS"])
    total = f"/{many}" if fresh else ""
    start = last = time.monotonic()
    done = 0
    with open(log, "w", encoding="utf-8") as out, \
            subprocess.Popen(cmd + targets, env=env, text=True, errors="replace",
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as job:
        for line in job.stdout:
            out.write(line)
            if verbose:
                sys.stdout.write(line)
            done += bool(STEP.match(line))
            if time.monotonic() - last >= EVERY:
                last = time.monotonic()
                print(f"  BUILD    {name}: {done}{total} objects, {clock(start)}", flush=True)
    return job.returncode, done, clock(start)


def build(name, config_only):
    """Configure and build one kernel."""
    isa, variant = arch.split(name)
    conf = arch.load(isa)
    tree = os.path.join(arch.BUILD, arch.VARIANTS[variant][0])
    obj = arch.obj(name)
    os.makedirs(arch.LOGS, exist_ok=True)
    os.makedirs(obj, exist_ok=True)
    if variant == "bare" and subprocess.run(
            [os.path.join(arch.HARNESS, "step-tree"), arch.BARE, tree], check=False).returncode:
        return 1
    run = subprocess.run([os.path.join(arch.HARNESS, "configure"), tree, obj, isa,
                          *arch.fragments(name)], check=False)
    if run.returncode:
        return 1
    if config_only:
        print(f"  CONFIG   {os.path.join(obj, '.config')}")
        return 0
    log = os.path.join(arch.LOGS, f"build-{name}.log")
    targets = [conf["IMAGE_TARGET"]]
    with open(os.path.join(obj, ".config"), encoding="utf-8") as f:
        chosen = f.read().splitlines()
    targets += [path for option, path in arch.MODULES.items() if option + "=m" in chosen]
    failed, done, took = make(name, conf, tree, targets, log)
    if failed:
        with open(log, encoding="utf-8") as f:
            lines = f.read().splitlines()
        wrong = [n for n, line in enumerate(lines) if re.search(r"error:|warning: objtool|\*\*\*", line)]
        first = max(wrong[0] - 3, 0) if wrong else max(len(lines) - 20, 0)
        print("\n".join(lines[first:first + 30]), file=sys.stderr)
        print(f"build: {name} failed after {took}: see {log}", file=sys.stderr)
        return 1
    print(f"  BUILD    {name}: {done} objects, {took}", flush=True)
    return 0


def main():
    config_only = sys.argv[1:2] == ["--config"]
    names = sys.argv[1 + config_only:] or ["x86_64"]
    if any(n.startswith("-") for n in names):
        print(__doc__.strip())
        return 1
    for name in names:
        arch.split(name)
    os.makedirs(arch.BUILD, exist_ok=True)
    with open(os.path.join(arch.BUILD, ".lock"), "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  BUILD    waits for another build", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        return max(build(name, config_only) for name in names)


sys.exit(main())
