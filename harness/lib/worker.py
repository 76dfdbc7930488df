# SPDX-License-Identifier: GPL-2.0
"""The packet worker of guest/inside/demo, as demo and silence run it."""

import os

from harness.lib import arch, make, paths
from harness.lib.cli import Error


def build(isa):
    """Build worker and producer; the directory that they are in."""
    out = os.path.join(paths.GUEST, f"demo-{isa}")
    os.makedirs(out, exist_ok=True)
    run = make.run(["make", "-s", "-C", os.path.join(paths.INSIDE, "demo"), f"OUT={out}",
                    f"CROSS_COMPILE={arch.load(isa)['CROSS']}"])
    if run.returncode:
        raise Error(f"{run.stdout}the demo could not be built, as it says above")
    return out


def options(out, seconds, cpus, only=""):
    """The options of boot that run the demo, or one run of it, on all but the last CPU."""
    housekeeping = f"{(1 << cpus - 1) - 1:x}"
    return ["--cpus", str(cpus), "--file", f"{out}/worker=/ti/worker",
            "--file", f"{out}/producer=/ti/producer", "--file", f"{paths.INSIDE}/demo.sh=/ti/demo",
            "--shell", f"exec sh /ti/demo {seconds} {housekeeping} {only}".rstrip()]
