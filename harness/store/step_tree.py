# SPDX-License-Identifier: GPL-2.0
"""Make a tree with the series up to one step, or one set, to build and to compare.

A directory that exists is only written to where it differs, so that a later build is
incremental.

exit status: 0 done, 1 there is no such step or set, or the directory has edits
"""

import os

from harness.lib import cli, commits, paths, tree
from harness.lib.git import git


def main():
    p = cli.parser(__doc__)
    p.add_argument("step", metavar="STEP",
                   help="a step, or a set, as series/series names it: prctl, or core, for instance")
    p.add_argument("directory", metavar="DIRECTORY", help="where the tree goes; it is made if need be")
    opt = p.parse_args()
    where = os.path.abspath(opt.directory)
    tree.open_tree()
    steps = commits.compose()[1]
    made = {step.set: commit for step, commit in steps}
    made.update({step.slug: commit for step, commit in steps})
    if opt.step not in made:
        raise cli.Error(f"{opt.step} is no step or set of the series, expected one of {', '.join(made)}")
    if not os.path.isdir(os.path.join(where, ".git")):
        git("clone", "--quiet", "--shared", "--no-checkout", "--no-tags", paths.TREE, where,
            cwd=paths.BUILD)
    elif git("status", "--porcelain", cwd=where):
        raise cli.Error(f"{where} has edits: discard them there with git, or remove it")
    git("checkout", "--quiet", "--detach", made[opt.step], cwd=where)
    print(f"  COMPOSE  up to {opt.step}, {made[opt.step][:12]}")
    return 0


if __name__ == "__main__":
    cli.main(main)
