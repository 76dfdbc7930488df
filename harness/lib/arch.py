# SPDX-License-Identifier: GPL-2.0
"""The architectures, by harness/arch/NAME.conf, and the variants of their kernels."""

import argparse
import os
import shutil
import subprocess

from harness.lib import conf, paths
from harness.lib.cli import Error

CONF = os.path.join(paths.HARNESS, "arch")
CONFIG = os.path.join(paths.HARNESS, "config")

# name: (tree in build, fragments after common and the architecture's); that of
# an architecture alone, ARCH-FRAGMENT, comes after it.
VARIANTS = {
    "": ("tree", ["isolation"]),
    "debug": ("tree", ["isolation", "debug"]),
    "kasan": ("tree", ["isolation", "kasan"]),
    "kcsan": ("tree", ["isolation", "kcsan"]),
    "off": ("tree", []),
    "base": ("base", []),
    "bare": ("bare", ["bare"]),
}
# The set that build/bare ends with: all that isolates, and nothing that explains a loss. An
# architecture whose .conf does not say HAS_BARE comes after that.
BARE = "core"

# Modules of the kernel that the disturber bench loads, each with its option.
MODULES = {"CONFIG_TEST_LKM": "lib/test_module.ko",
           "CONFIG_SAMPLE_LIVEPATCH": "samples/livepatch/livepatch-sample.ko",
           "CONFIG_TEST_CLOCKSOURCE_WATCHDOG": "kernel/time/clocksource-wdtest.ko"}


def known():
    """Architectures that have a .conf, in the order in which they are tested."""
    found = {n[:-len(".conf")]: conf.read(os.path.join(CONF, n))
             for n in os.listdir(CONF) if n.endswith(".conf")}
    return sorted(found, key=lambda isa: (int(found[isa]["ORDER"]), isa))


def load(isa):
    """Settings of an architecture as a dict; an Error if it is unknown."""
    if isa not in known():
        raise Error(f"ARCH={isa} is not known here: one of {', '.join(known())}")
    return conf.read(os.path.join(CONF, isa + ".conf"))


def default():
    """The architecture where none is named."""
    return known()[0]


def words(isa, name):
    """A setting that is a list."""
    return load(isa).get(name, "").split()


def split(name):
    """'x86_64-debug' -> ('x86_64', 'debug')."""
    isa, _, variant = name.partition("-")
    load(isa)
    if variant not in VARIANTS:
        raise Error(f"{name}: '{variant}' is not a variant of a kernel: "
                    f"one of {', '.join(v for v in VARIANTS if v)}, or none")
    return isa, variant


def kernel(text):
    """The type of an argument that names a kernel."""
    try:
        split(text)
    except Error as e:
        raise argparse.ArgumentTypeError(str(e)) from e
    return text


def architecture(text):
    """The type of an argument that names an architecture."""
    try:
        load(text)
    except Error as e:
        raise argparse.ArgumentTypeError(str(e)) from e
    return text


def compiler(settings):
    """The C compiler of an architecture."""
    return "clang" + settings["LLVM"] if "LLVM" in settings else settings["CROSS"] + "gcc"


def kbuild(settings):
    """What make has to know of an architecture's compiler."""
    args = [f"ARCH={settings['KARCH']}", f"CROSS_COMPILE={settings['CROSS']}"]
    if "LLVM" in settings:
        args.append("LLVM=" + settings["LLVM"])
    if shutil.which("ccache"):
        args.append("CC=ccache " + compiler(settings))
    return args


def tree(name):
    """The tree that a kernel is built from."""
    return os.path.join(paths.BUILD, VARIANTS[split(name)[1]][0])


def obj(name):
    """Object directory of a kernel."""
    return os.path.join(paths.BUILD, "obj", name)


def image(name):
    """The bootable image of a kernel."""
    return os.path.join(obj(name), load(split(name)[0])["IMAGE"])


def fragments(name):
    """Names of the config fragments of a kernel, in their order."""
    isa, variant = split(name)
    found = ["common", *words(isa, "FRAGMENTS"), isa]
    for part in VARIANTS[variant][1]:
        found.append(part)
        if os.path.exists(os.path.join(CONFIG, f"{isa}-{part}.config")):
            found.append(f"{isa}-{part}")
    return found


def debian():
    """Debian's name of this machine's architecture, or ''."""
    try:
        return subprocess.run(["dpkg", "--print-architecture"], text=True, check=True,
                              stdout=subprocess.PIPE).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return next((load(isa)["DEB_ARCH"] for isa in known()
                     if load(isa)["QEMU"].endswith("-" + os.uname().machine)), "")
