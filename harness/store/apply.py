#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Put the series on a 7.3 tree of the user's own.

usage: apply TREE

On a git repository the mails become commits (git am); on any other folder the
sum of them is applied. All is tried first: a tree that does not take the
series, has changes of its own or is of another version stays as it was.

exit status: 0 applied, 1 refused, and why.
"""

import os
import re
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import series                                               # noqa: E402


def version(tree):
    """'7.3.4' of a kernel tree, from its Makefile."""
    try:
        with open(os.path.join(tree, "Makefile"), encoding="utf-8") as f:
            text = f.read(2000)
    except OSError:
        return ""
    return ".".join(re.findall(r"^(?:VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$", text, re.M))


def refuse(tree, run):
    """What git said is the reason."""
    raise series.Error(f"{tree} does not take the series, nothing was changed:\n"
                       f"{(run.stdout + run.stderr).strip()}")


def as_commits(tree, base, commits):
    """git am, after a try in an index of its own."""
    if series.git("status", "--porcelain", "--untracked-files=no", cwd=tree).strip():
        raise series.Error(f"{tree} has changes that are not committed: commit or stash them")
    with tempfile.TemporaryDirectory() as tmp:
        series.git("format-patch", "--quiet", "--zero-commit", "--no-renames", "-o", tmp,
                   f"{base}..{commits[-1][1]}")
        mails = sorted(os.path.join(tmp, n) for n in os.listdir(tmp))
        index = {"GIT_INDEX_FILE": os.path.join(tmp, "index")}
        series.git("read-tree", "HEAD", cwd=tree, env=index)
        for mail in mails:
            run = series.git("apply", "--cached", mail, cwd=tree, env=index, check=False)
            if run.returncode:
                refuse(tree, run)
        who = {}
        if series.git("config", "user.email", cwd=tree, check=False, own_config=True).returncode:
            who = {"GIT_COMMITTER_NAME": "apply", "GIT_COMMITTER_EMAIL": "apply@localhost"}
        run = series.git("am", "--quiet", *mails, cwd=tree, env=who, check=False,
                         own_config=True)
        if run.returncode:
            series.git("am", "--abort", cwd=tree, check=False)
            refuse(tree, run)
    print(f"  APPLY    {len(mails)} commits on {tree}")


def as_diff(tree, base, commits):
    """git apply does all or nothing."""
    alone = {"GIT_CEILING_DIRECTORIES": os.path.dirname(tree)}
    diff = series.git("diff", "--binary", "--no-renames", base, commits[-1][1], text=False)
    with tempfile.NamedTemporaryFile(suffix=".patch") as f:
        f.write(diff)
        f.flush()
        run = series.git("apply", "--whitespace=nowarn", f.name, cwd=tree, env=alone, check=False)
    if run.returncode:
        refuse(tree, run)
    print(f"  APPLY    the sum of {len(commits)} mails on {tree}")


def main():
    if len(sys.argv) != 2 or not sys.argv[1] or sys.argv[1].startswith("-"):
        print(__doc__.strip())
        print("apply: say which tree: make apply TREE=path", file=sys.stderr)
        return 1
    tree = os.path.abspath(sys.argv[1])
    if not os.path.isdir(tree):
        raise series.Error(f"{tree}: there is no such folder")
    found = version(tree)
    if not re.match(r"7\.3(\.\d+)?$", found):
        raise series.Error(f"{tree} is not a Linux 7.3 tree (its Makefile says '{found}')")
    series.open_tree()
    base, commits, _ = series.compose()
    if not commits:
        raise series.Error("series/series has no step yet")
    if os.path.exists(os.path.join(tree, "kernel", "isolation.c")):
        raise series.Error(f"{tree} has kernel/isolation.c already: nothing was changed")
    if os.path.exists(os.path.join(tree, ".git")):
        as_commits(tree, base, commits)
    else:
        as_diff(tree, base, commits)
    return 0


series.main(main)
