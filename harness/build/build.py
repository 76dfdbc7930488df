# SPDX-License-Identifier: GPL-2.0
"""Build kernels, quietly and with progress.

Variants: none (the feature on), debug, kasan, kcsan, off (the option off), base (the
pristine base), bare (the series up to the set core: no exact cause, no culprit; x86_64). Each
goes to build/obj/NAME, its log to build/logs/build-NAME.log. V=1 shows the commands. One
build runs at a time. Names, times and hosts are fixed, so that equal sources give equal
images.

exit status: 0 built, 1 a configuration was dropped or a build failed
"""

import fcntl
import os
import re
import subprocess
import sys
import time

from harness.lib import arch, cli, make, paths

EVERY = 15              # seconds between two lines of progress
STEP = re.compile(r"^  (CC|AS|LD|AR|HOSTCC|GEN|OBJCOPY|UPD|VDSO\S*|CALL)\s")
WRONG = re.compile(r"error:|warning: objtool|\*\*\*")


def clock(start):
    """Time since start, as 3m07s."""
    took = int(time.monotonic() - start)
    return f"{took // 60}m{took % 60:02d}s"


def kbuild(name, targets, log):
    """Run kbuild with a line of progress now and then: (status, objects, time)."""
    isa, variant = arch.split(name)
    settings = arch.load(isa)
    cmd = ["make", "-C", arch.tree(name), f"O={arch.obj(name)}", *arch.kbuild(settings),
           f"-j{os.cpu_count()}"]
    env = make.env(KBUILD_BUILD_TIMESTAMP="2026-01-01", KBUILD_BUILD_USER="build",
                   KBUILD_BUILD_HOST="localhost", LC_ALL="C",
                   # Lets another clone of this repository use what ccache has.
                   CCACHE_BASEDIR=paths.BUILD, CCACHE_NOHASHDIR="1")
    verbose = os.environ.get("V", "0") not in ("", "0")
    if verbose:
        cmd.append("V=" + os.environ["V"])
    fresh = not os.path.exists(os.path.join(arch.obj(name), "vmlinux"))
    many = settings.get("OBJECTS_" + variant.upper(), settings["OBJECTS"])
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


def targets_of(name):
    """What is built of a kernel: its image, and modules of its configuration."""
    with open(os.path.join(arch.obj(name), ".config"), encoding="utf-8") as f:
        chosen = f.read().splitlines()
    return [arch.load(arch.split(name)[0])["IMAGE_TARGET"],
            *(path for option, path in arch.MODULES.items() if option + "=m" in chosen)]


def reason(log):
    """The lines of a log that say why a build failed."""
    with open(log, encoding="utf-8") as f:
        lines = f.read().splitlines()
    wrong = [n for n, line in enumerate(lines) if WRONG.search(line)]
    first = max(wrong[0] - 3, 0) if wrong else max(len(lines) - 20, 0)
    return "\n".join(lines[first:first + 30])


def build(name, config_only):
    """Configure and build one kernel."""
    isa, variant = arch.split(name)
    tree, obj = arch.tree(name), arch.obj(name)
    os.makedirs(paths.LOGS, exist_ok=True)
    os.makedirs(obj, exist_ok=True)
    if variant == "bare" and subprocess.run(paths.program("step-tree", arch.BARE, tree),
                                            check=False).returncode:
        return 1
    if subprocess.run(paths.program("configure", tree, obj, isa, *arch.fragments(name)),
                      check=False).returncode:
        return 1
    if config_only:
        print(f"  CONFIG   {os.path.join(obj, '.config')}")
        return 0
    log = os.path.join(paths.LOGS, f"build-{name}.log")
    failed, done, took = kbuild(name, targets_of(name), log)
    if failed:
        print(reason(log), file=sys.stderr)
        print(f"build: {name} failed after {took}: see {log}", file=sys.stderr)
        return 1
    print(f"  BUILD    {name}: {done} objects, {took}", flush=True)
    return 0


def main():
    p = cli.parser(__doc__)
    p.add_argument("--config", action="store_true", help="stop after the configuration")
    p.add_argument("names", metavar="KERNEL", nargs="*", type=arch.kernel,
                   help=f"ARCH[-VARIANT] ({arch.default()})")
    opt = p.parse_args()
    os.makedirs(paths.BUILD, exist_ok=True)
    with open(os.path.join(paths.BUILD, ".lock"), "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  BUILD    waits for another build", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        return max(build(name, opt.config) for name in opt.names or [arch.default()])


if __name__ == "__main__":
    cli.main(main)
