# SPDX-License-Identifier: GPL-2.0
"""Which objects a change of the kernel touches."""

import glob
import os
import re
import subprocess

from harness.lib import arch

# Objects that stand for all the others when a step changes a header.
COMMON = ["init/main.o", "kernel/fork.o", "kernel/entry/common.o"]


def objects(tree, paths, srcarch):
    """Objects of a tree to build, for arch/srcarch, of the paths that were touched."""
    found = []
    for path in paths:
        if path.startswith(("tools/", "Documentation/")):
            continue
        if path.startswith("arch/") and path.endswith("/thread_info.h"):
            # Where the masks are used, if that is assembly.
            source = f"arch/{srcarch}/kernel/entry-common"
            found += [source + ".o"] * os.path.exists(os.path.join(tree, source + ".S"))
        if path.endswith(".h"):
            found += [o for o in COMMON if o != "kernel/entry/common.o" or
                      os.path.exists(os.path.join(tree, "arch", srcarch,
                                                  "include/asm/entry-common.h"))]
        if not path.endswith((".c", ".S")):
            continue
        directory, name = os.path.split(path)
        made = ""
        for makefile in ("Makefile", "Kbuild"):
            full = os.path.join(tree, directory, makefile)
            if os.path.exists(full):
                with open(full, encoding="utf-8") as f:
                    made += f.read()
        stem = os.path.splitext(name)[0]
        above = os.path.join(tree, os.path.dirname(directory), "Makefile")
        if os.path.exists(above):
            with open(above, encoding="utf-8") as f:
                # Without a Makefile of its own a directory can't be built alone.
                if f"{os.path.basename(directory)}/{stem}.o" in f.read():
                    found.append(os.path.dirname(directory) + "/")
                    continue
        if re.search(rf"(?<![\w-]){re.escape(stem)}\.o\b", made):
            found.append(f"{directory}/{stem}.o")
            continue
        for other in glob.glob(os.path.join(tree, directory, "*.c")):
            with open(other, encoding="utf-8", errors="replace") as f:
                if re.search(rf'^#include "{re.escape(name)}"', f.read(), re.M):
                    found.append(os.path.relpath(other, tree)[:-2] + ".o")
    return sorted(set(found))


def targets(paths):
    """{architecture: its SRCARCH} to build for; directories of other architectures."""
    found = {p.split("/")[1] for p in paths if p.startswith("arch/")}
    # A driver is named after the architecture it is for.
    found |= {m.group(1) for p in paths if p.startswith("drivers/")
              for m in [re.search(r"-(\w+)\.c$", p)] if m and m.group(1) in arch.known()}
    here = {arch.load(isa)["SRCARCH"]: isa for isa in arch.known()}
    build = {here[n]: n for n in sorted(found & set(here))}
    first = arch.default()
    return build or ({} if found else {first: arch.load(first)["SRCARCH"]}), sorted(found - set(here))


# Asks a Makefile of the kernel what it makes with a configuration.
ASK = """
all:
include {obj}/include/config/auto.conf
srctree := {tree}
srcroot := {tree}
objtree := {obj}
obj := {directory}
src := {tree}/{directory}
-include {tree}/scripts/Kbuild.include
include {makefile}
made := $(obj-y) $(obj-m) $(lib-y) $(subdir-y) $(subdir-m)
$(info @made $(made) $(foreach o,$(made),$($(o:.o=-y)) $($(o:.o=-m)) $($(o:.o=-objs))))
"""


def makes(tree, obj, directory, asked):
    """What is made in a directory of the tree with OBJ's configuration."""
    if directory not in asked:
        kbuild = [p for p in (os.path.join(tree, directory, n) for n in ("Kbuild", "Makefile"))
                  if os.path.exists(p)]
        text = ASK.format(tree=tree, obj=obj, directory=directory, makefile=kbuild[0])
        run = subprocess.run(["make", "-s", "-f", "-"], input=text, text=True, check=False,
                             cwd=obj, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = [line for line in run.stdout.splitlines() if line.startswith("@made ")]
        if run.returncode or not said:
            raise ValueError(f"{kbuild[0]} can't be read: {run.stdout[-1000:]}")
        asked[directory] = set(said[-1].split())
    return asked[directory]


def configured(tree, obj, objs, srcarch):
    """Those objects that OBJ's configuration has; OBJ is prepared."""
    asked = {}

    def has(path):
        directory, name = os.path.split(path.rstrip("/"))
        if not directory or directory == "arch" or path.rstrip("/") == f"arch/{srcarch}":
            return True
        name += "/" * path.endswith("/")
        return has(directory + "/") and name in makes(tree, obj, directory, asked)

    return [o for o in objs if has(o)]
