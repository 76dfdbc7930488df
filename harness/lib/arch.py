# SPDX-License-Identifier: GPL-2.0
"""Per-architecture settings and kernel variants, shared by the tools."""

import os
import shlex
import shutil
import subprocess

HARNESS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(HARNESS)
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
LOGS = os.path.join(BUILD, "logs")

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
# What stands in build/bare: all that isolates, and nothing that explains a loss.
BARE = "prctl"

# Modules of the kernel that the disturber bench loads, each with its option.
MODULES = {"CONFIG_TEST_LKM": "lib/test_module.ko",
           "CONFIG_SAMPLE_LIVEPATCH": "samples/livepatch/livepatch-sample.ko",
           "CONFIG_TEST_CLOCKSOURCE_WATCHDOG": "kernel/time/clocksource-wdtest.ko"}


def known():
    """Architectures the harness has a file for."""
    return sorted(n[:-5] for n in os.listdir(os.path.join(HARNESS, "arch"))
                  if n.endswith(".conf"))


def load(arch):
    """Settings of an architecture as a dict; SystemExit if unknown."""
    if arch not in known():
        raise SystemExit(f"ARCH={arch} is not known here: one of {', '.join(known())}")
    conf = {}
    with open(os.path.join(HARNESS, "arch", arch + ".conf"), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, _, value = line.partition("=")
                conf[name] = shlex.split(value)[0]
    return conf


def compiler(conf):
    """The C compiler of an architecture."""
    return "clang" + conf["LLVM"] if "LLVM" in conf else conf["CROSS"] + "gcc"


def kbuild(conf):
    """What make has to know of an architecture's compiler."""
    args = [f"ARCH={conf['KARCH']}", f"CROSS_COMPILE={conf['CROSS']}"]
    if "LLVM" in conf:
        args.append("LLVM=" + conf["LLVM"])
    if shutil.which("ccache"):
        args.append("CC=ccache " + compiler(conf))
    return args


def split(name):
    """'x86_64-debug' -> ('x86_64', 'debug')."""
    arch, _, variant = name.partition("-")
    load(arch)
    if variant not in VARIANTS:
        raise SystemExit(f"{name}: no such variant, one of "
                         f"{', '.join(v or '(none)' for v in VARIANTS)}")
    return arch, variant


def obj(name):
    """Object folder of a kernel."""
    return os.path.join(BUILD, "obj", name)


def fragments(name):
    """Names of the config fragments of a kernel, in their order."""
    isa, variant = split(name)
    found = ["common", *load(isa).get("FRAGMENTS", "").split(), isa]
    for part in VARIANTS[variant][1]:
        found.append(part)
        if os.path.exists(os.path.join(HARNESS, "config", f"{isa}-{part}.config")):
            found.append(f"{isa}-{part}")
    return found


def debian():
    """Debian's name of this machine's architecture, or ''."""
    try:
        return subprocess.run(["dpkg", "--print-architecture"], text=True, check=True,
                              stdout=subprocess.PIPE).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "")


def image(name):
    """The bootable image of a kernel."""
    return os.path.join(obj(name), load(split(name)[0])["IMAGE"])
