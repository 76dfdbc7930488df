# SPDX-License-Identifier: GPL-2.0
"""make, run by a program that may itself be run by make."""

import os
import subprocess

LEAKS = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARCH", "O")


def env(**more):
    """The environment without what a make above would hand down."""
    return dict({k: v for k, v in os.environ.items() if k not in LEAKS}, **more)


def run(cmd, **more):
    """Run a command quietly: the finished process, with all that it said as stdout."""
    return subprocess.run(cmd, env=env(**more), text=True, errors="replace", check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
