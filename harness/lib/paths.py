# SPDX-License-Identifier: GPL-2.0
"""Where things are, and how one program of the harness runs another."""

import os

HARNESS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(HARNESS)
TI = os.path.join(HARNESS, "ti")
INSIDE = os.path.join(HARNESS, "guest", "inside")       # what runs in the guest
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
BASE = os.path.join(BUILD, "base")
TREE = os.path.join(BUILD, "tree")
GUEST = os.path.join(BUILD, "guest")                    # what is built for the guest
LOGS = os.path.join(BUILD, "logs")


def program(name, *args):
    """The command that runs a program of the harness."""
    return [TI, name, *args]
