# SPDX-License-Identifier: GPL-2.0
"""Which objects a change of the kernel touches."""

import glob
import os
import re
import subprocess

import arch

# Objects that stand for all the others when a step changes a header.
COMMON = ["init/main.o", "kernel/fork.o", "kernel/entry/common.o"]


def objects(tree, paths, folder_of):
    """Objects of a tree to build, for arch/folder_of, of the paths that were touched."""
    found = []
    for path in paths:
        if path.startswith(("tools/", "Documentation/")):
            continue
        if path.startswith("arch/") and path.endswith("/thread_info.h"):
            # Where the masks are used, if that is assembly.
            source = f"arch/{folder_of}/kernel/entry-common"
            found += [source + ".o"] * os.path.exists(os.path.join(tree, source + ".S"))
        if path.endswith(".h"):
            found += [o for o in COMMON if o != "kernel/entry/common.o" or
                      os.path.exists(os.path.join(tree, "arch", folder_of,
                                                  "include/asm/entry-common.h"))]
        if not path.endswith((".c", ".S")):
            continue
        folder, name = os.path.split(path)
        made = ""
        for makefile in ("Makefile", "Kbuild"):
            full = os.path.join(tree, folder, makefile)
            if os.path.exists(full):
                with open(full, encoding="utf-8") as f:
                    made += f.read()
        stem = os.path.splitext(name)[0]
        above = os.path.join(tree, os.path.dirname(folder), "Makefile")
        if os.path.exists(above):
            with open(above, encoding="utf-8") as f:
                # Without a Makefile of its own a folder can't be built alone.
                if f"{os.path.basename(folder)}/{stem}.o" in f.read():
                    found.append(os.path.dirname(folder) + "/")
                    continue
        if re.search(rf"(?<![\w-]){re.escape(stem)}\.o\b", made):
            found.append(f"{folder}/{stem}.o")
            continue
        for other in glob.glob(os.path.join(tree, folder, "*.c")):
            with open(other, encoding="utf-8", errors="replace") as f:
                if re.search(rf'^#include "{re.escape(name)}"', f.read(), re.M):
                    found.append(os.path.relpath(other, tree)[:-2] + ".o")
    return sorted(set(found))


def targets(paths):
    """{architecture of the harness: its folder} to build for; other folders."""
    folders = {p.split("/")[1] for p in paths if p.startswith("arch/")}
    # A driver is named after the architecture it is for.
    folders |= {m.group(1) for p in paths if p.startswith("drivers/")
                for m in [re.search(r"-(\w+)\.c$", p)] if m and m.group(1) in arch.known()}
    here = {}
    for isa in arch.known():
        karch = arch.load(isa)["KARCH"]
        here["x86" if karch == "x86_64" else karch] = isa
    build = {here[n]: n for n in sorted(folders & set(here))}
    return build or ({} if folders else {"x86_64": "x86"}), sorted(folders - set(here))


# Asks a Makefile of the kernel what it makes with a configuration.
ASK = """
all:
include {obj}/include/config/auto.conf
srctree := {tree}
srcroot := {tree}
objtree := {obj}
obj := {folder}
src := {tree}/{folder}
-include {tree}/scripts/Kbuild.include
include {makefile}
made := $(obj-y) $(obj-m) $(lib-y) $(subdir-y) $(subdir-m)
$(info @made $(made) $(foreach o,$(made),$($(o:.o=-y)) $($(o:.o=-m)) $($(o:.o=-objs))))
"""


def makes(tree, obj, folder, asked):
    """What is made in a folder of the tree with OBJ's configuration."""
    if folder not in asked:
        kbuild = [p for p in (os.path.join(tree, folder, n) for n in ("Kbuild", "Makefile"))
                  if os.path.exists(p)]
        text = ASK.format(tree=tree, obj=obj, folder=folder, makefile=kbuild[0])
        run = subprocess.run(["make", "-s", "-f", "-"], input=text, text=True, check=False,
                             cwd=obj, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = [line for line in run.stdout.splitlines() if line.startswith("@made ")]
        if run.returncode or not said:
            raise ValueError(f"{kbuild[0]} can't be read: {run.stdout[-1000:]}")
        asked[folder] = set(said[-1].split())
    return asked[folder]


def configured(tree, obj, objs, isa):
    """Those objects that OBJ's configuration has; OBJ is prepared."""
    asked = {}

    def has(path):
        folder, name = os.path.split(path.rstrip("/"))
        if not folder or folder == "arch" or path.rstrip("/") == f"arch/{isa}":
            return True
        name += "/" * path.endswith("/")
        return has(folder + "/") and name in makes(tree, obj, folder, asked)

    return [o for o in objs if has(o)]
