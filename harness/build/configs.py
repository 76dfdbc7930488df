#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compile what the series touches with other configurations of x86_64.

usage: configs [--all | NAME...]

Without an argument a few small ones, each without an option that the series has to
do without: stacktrace, kallsyms, nohz-full, cpusets. With --all besides:

  clang        the kernel of the tests, by CLANG 19
  debian-*     Debian's three, by olddefconfig: the option is kept, and its own
               symbols are all that differs
  random-1 to random-10
               randconfig with that seed and the option on

Only objects are compiled, those that the series touches and the configuration has,
in build/obj/configs and build/obj/configs-clang. Speaks TAP.

exit status: 0 all compile, 1 not.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import arch                                                 # noqa: E402
import ktap                                                 # noqa: E402
import series                                               # noqa: E402
import touched                                              # noqa: E402

ISA, FOLDER = "x86_64", "x86"
CLANG = "-19"
OPTION = "CONFIG_TASK_ISOLATION"
WITHOUT = ["stacktrace", "kallsyms", "nohz-full", "cpusets"]
DEBIAN = ["amd64", "cloud-amd64", "rt-amd64"]
RANDOM = range(1, 11)
ALL = [f"without-{n}" for n in WITHOUT] + ["clang"] + [f"debian-{n}" for n in DEBIAN] + \
      [f"random-{n}" for n in RANDOM]


class Bad(Exception):
    """A configuration, or an object, that is not as it should be."""


def run(cmd, **env):
    """Run a command; what it said if it fails."""
    full = {k: v for k, v in os.environ.items()
            if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O", "ARCH")}
    job = subprocess.run(cmd, env=dict(full, **env), text=True, errors="replace", check=False,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if job.returncode:
        wrong = [line for line in job.stdout.splitlines()
                 if re.search(r"error:|warning:|undefined", line)]
        raise Bad("\n".join(wrong or job.stdout.splitlines()[-20:]))


def symbols(obj):
    """The lines of a .config that say something."""
    with open(os.path.join(obj, ".config"), encoding="utf-8") as f:
        return {line.strip() for line in f if re.match(r"CONFIG_|# CONFIG_\w+ is not set", line)}


def debian(name, obj, make):
    """Debian's configuration; the option is all that is added to it."""
    run([os.path.join(HERE, "fetch-configs")])
    config = os.path.join(obj, ".config")
    shutil.copy(os.path.join(arch.BUILD, "debian-configs", name), config)
    run([*make, "olddefconfig"])
    before = symbols(obj)
    with open(config, "a", encoding="utf-8") as f:
        f.write(OPTION + "=y\n")
    run([*make, "olddefconfig"])
    other = sorted(line for line in before ^ symbols(obj) if OPTION not in line)
    if other:
        raise Bad("the option changes others, too:\n" + "\n".join(other))


def configure(name, obj, make):
    """Make OBJ/.config; Bad if it is not what the name says."""
    kind, _, which = name.partition("-")
    os.makedirs(obj, exist_ok=True)
    if kind == "debian":
        debian(which, obj, make)
    elif kind == "random":
        run([*make, "randconfig"], KCONFIG_SEED=which,
            KCONFIG_ALLCONFIG=os.path.join(HERE, "config", "random.config"))
    else:
        fragments = arch.fragments(ISA) if kind == "clang" else ["small", "isolation", name]
        run([os.path.join(HERE, "configure"), series.TREE, obj, ISA, *fragments],
            CLANG=CLANG if kind == "clang" else "")
    if which != "nohz-full" and OPTION + "=y" not in symbols(obj):
        raise Bad(f"{OPTION}=y was asked for, and the configuration drops it")


def one(tap, name, objs):
    """Configure and compile: two results."""
    conf = dict(arch.load(ISA), **({"LLVM": CLANG} if name == "clang" else {}))
    if not shutil.which(arch.compiler(conf)):
        tap.result(name, True, skip=f"no {arch.compiler(conf)}: harness/packages configs")
        return
    start = time.monotonic()
    obj = arch.obj("configs-clang" if name == "clang" else "configs")
    make = ["make", "-C", series.TREE, f"O={obj}", *arch.kbuild(conf), f"-j{os.cpu_count()}"]
    try:
        configure(name, obj, make)
        tap.result(f"{name}: configuration", True)
    except Bad as e:
        tap.result(f"{name}: configuration", False, str(e))
        return
    here = []
    try:
        run([*make, "prepare"])
        here = touched.configured(series.TREE, obj, objs, FOLDER)
        run([*make, "-k", "KCFLAGS=-Werror", *here])
        missing = [o for o in here if o.endswith(".o") and not os.path.exists(os.path.join(obj, o))]
        if missing or not here:
            raise Bad("not made: " + (" ".join(missing) or "any object"))
        bad = ""
    except (Bad, ValueError) as e:
        bad = str(e)
    print(f"# {name}: {time.monotonic() - start:.0f} s")
    tap.result(f"{name}: {len(here)} objects", not bad, bad)


def main():
    names = sys.argv[1:] or ALL[:len(WITHOUT)]
    if names == ["--all"]:
        names = ALL
    for name in names:
        if name not in ALL:
            print(__doc__.strip())
            raise series.Error(f"{name} is no configuration: one of {' '.join(ALL)}")
    composed = series.open_tree()
    base = series.git("rev-parse", "HEAD", cwd=series.BASE).strip()
    paths = series.git("diff", "--name-only", base, composed).split()
    # Not whole folders: what is tested only by being in one is in the kernels of the tests.
    objs = [o for o in touched.objects(series.TREE, [p for p in paths if not p.startswith("arch/") or
                                                     p.startswith(f"arch/{FOLDER}/")], FOLDER)
            if o.endswith(".o")]
    tap = ktap.Writer()
    with open(os.path.join(arch.BUILD, ".configs-lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            one(tap, name, objs)
    return tap.status()


series.main(main)
