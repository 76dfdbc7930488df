# SPDX-License-Identifier: GPL-2.0
"""Compile what the series touches with other configurations of the kernel.

Without a NAME a few small ones, each without an option that the series has to do
without. With --all besides:

  clang        the kernel of the tests, by clang
  debian-*     Debian's, by olddefconfig: the option is kept, and its own symbols are
               all that differs
  random-1 to random-10
               randconfig with that seed and the option on

The architecture's .conf lists the small ones, Debian's, and the version of clang. Only
objects are compiled, those that the series touches and the configuration has, in
build/obj/configs and build/obj/configs-clang. Speaks TAP.

exit status: 0 all compile, 1 not
"""

import fcntl
import os
import re
import shutil
import time

from harness.lib import arch, cli, ktap, make, paths, touched, tree
from harness.lib.git import git, names

OPTION = "CONFIG_TASK_ISOLATION"
RANDOM = range(1, 11)


class Bad(Exception):
    """A configuration, or an object, that is not as it should be."""


def isa():
    """The architecture whose configurations these are."""
    return next(name for name in arch.known() if "CONFIGS" in arch.load(name))


def small():
    """Names of the small configurations."""
    return [f"without-{n}" for n in arch.words(isa(), "CONFIGS")]


def every():
    """Names of all configurations."""
    return [*small(), "clang", *(f"debian-{n}" for n in arch.words(isa(), "DEBIAN_CONFIGS")),
            *(f"random-{n}" for n in RANDOM)]


def run(cmd, **env):
    """Run a command; Bad with what it said if it fails."""
    job = make.run(cmd, **env)
    if job.returncode:
        wrong = [line for line in job.stdout.splitlines()
                 if re.search(r"error:|warning:|undefined", line)]
        raise Bad("\n".join(wrong or job.stdout.splitlines()[-20:]))


def symbols(obj):
    """The lines of a .config that mean something."""
    with open(os.path.join(obj, ".config"), encoding="utf-8") as f:
        return {line.strip() for line in f if re.match(r"CONFIG_|# CONFIG_\w+ is not set", line)}


def debian(name, obj, kbuild):
    """Debian's configuration; the option is all that is added to it."""
    run(paths.program("fetch-configs", isa()))
    config = os.path.join(obj, ".config")
    shutil.copy(os.path.join(paths.BUILD, "debian-configs", name), config)
    run([*kbuild, "olddefconfig"])
    before = symbols(obj)
    with open(config, "a", encoding="utf-8") as f:
        f.write(OPTION + "=y\n")
    run([*kbuild, "olddefconfig"])
    other = sorted(line for line in before ^ symbols(obj) if OPTION not in line)
    if other:
        raise Bad("the option changes others, too:\n" + "\n".join(other))


def configure(name, obj, kbuild, clang):
    """Make OBJ/.config; Bad if it is not what the name says."""
    kind, _, which = name.partition("-")
    os.makedirs(obj, exist_ok=True)
    if kind == "debian":
        debian(which, obj, kbuild)
    elif kind == "random":
        run([*kbuild, "randconfig"], KCONFIG_SEED=which,
            KCONFIG_ALLCONFIG=os.path.join(arch.CONFIG, "random.config"))
    else:
        fragments = arch.fragments(isa()) if clang else ["small", "isolation", name]
        run(paths.program("configure", *(["--clang", clang] if clang else []), paths.TREE, obj, isa(),
                          *fragments))
    if which != "nohz-full" and OPTION + "=y" not in symbols(obj):
        raise Bad(f"{OPTION}=y was asked for, and the configuration drops it")


def one(tap, name, objs):
    """Configure and compile: two results."""
    settings = arch.load(isa())
    clang = settings["CLANG"] if name == "clang" else ""
    if clang:
        settings["LLVM"] = clang
    if not shutil.which(arch.compiler(settings)):
        tap.result(name, True, skip=f"no {arch.compiler(settings)}: harness/ti packages configs")
        return
    start = time.monotonic()
    obj = arch.obj("configs-clang" if clang else "configs")
    kbuild = ["make", "-C", paths.TREE, f"O={obj}", *arch.kbuild(settings), f"-j{os.cpu_count()}"]
    try:
        configure(name, obj, kbuild, clang)
        tap.result(f"{name}: configuration", True)
    except Bad as e:
        tap.result(f"{name}: configuration", False, str(e))
        return
    here = []
    try:
        run([*kbuild, "prepare"])
        here = touched.configured(paths.TREE, obj, objs, settings["SRCARCH"])
        run([*kbuild, "-k", "KCFLAGS=-Werror", *here])
        missing = [o for o in here if o.endswith(".o") and not os.path.exists(os.path.join(obj, o))]
        if missing or not here:
            raise Bad("not made: " + (" ".join(missing) or "any object"))
        bad = ""
    except (Bad, ValueError) as e:
        bad = str(e)
    print(f"# {name}: {time.monotonic() - start:.0f} s")
    tap.result(f"{name}: {len(here)} objects", not bad, bad)


def main():
    p = cli.parser(__doc__)
    p.add_argument("--all", action="store_true", help="every configuration, which takes an hour or more")
    p.add_argument("names", metavar="NAME", nargs="*", help=f"one of {' '.join(every())}")
    opt = p.parse_args()
    for name in opt.names:
        if name not in every():
            p.error(f"'{name}' is not a configuration, expected one of {' '.join(every())}")
    composed = tree.open_tree()
    base = git("rev-parse", "HEAD", cwd=paths.BASE).strip()
    srcarch = arch.load(isa())["SRCARCH"]
    edited = [n for n in names("diff", "--name-only", base, composed)
              if not n.startswith("arch/") or n.startswith(f"arch/{srcarch}/")]
    # Not whole directories: what is tested only by being in one is in the kernels of the tests.
    objs = [o for o in touched.objects(paths.TREE, edited, srcarch) if o.endswith(".o")]
    tap = ktap.Writer()
    with open(os.path.join(paths.BUILD, ".configs-lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in every() if opt.all else opt.names or small():
            one(tap, name, objs)
    return tap.status()


if __name__ == "__main__":
    cli.main(main)
