#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A tree with the series up to one step, to build and to compare.

usage: step-tree STEP FOLDER         STEP as series/series has it, prctl for instance

FOLDER is made if need be. One that is there is only written to where it differs,
so that a later build is incremental.

exit status: 0 done, 1 there is no such step, or FOLDER has edits.
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import series                                               # noqa: E402


def main():
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        print(__doc__.strip())
        return 1
    name, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    series.open_tree()
    commits = {step.slug: commit for step, commit in series.compose()[1]}
    if name not in commits:
        raise series.Error(f"{name} is no step of the series, one of {', '.join(commits)}")
    if not os.path.isdir(os.path.join(folder, ".git")):
        series.git("clone", "--quiet", "--shared", "--no-checkout", "--no-tags", series.TREE, folder,
                   cwd=series.BUILD)
    elif series.git("status", "--porcelain", cwd=folder):
        raise series.Error(f"{folder} has edits: discard them there with git, or remove it")
    series.git("checkout", "--quiet", "--detach", commits[name], cwd=folder)
    print(f"  COMPOSE  up to {name}, {commits[name][:12]}")
    return 0


series.main(main)
