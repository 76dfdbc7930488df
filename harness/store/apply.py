# SPDX-License-Identifier: GPL-2.0
"""Put the series on a tree of the user's own, of the base's Linux release.

On a git repository the mails become commits (git am); on any other directory the sum of
them is applied. All is tried first: a tree that does not take the series, has changes
of its own or is of another version stays as it was.

exit status: 0 applied, 1 refused, and why
"""

import os
import tempfile

from harness.lib import cli, commits, conf, tree
from harness.lib.cli import Error
from harness.lib.git import git, names


def refuse(where, run):
    """What git said is the reason."""
    raise Error(f"{where} does not take the series, nothing was changed:\n"
                f"{(run.stdout + run.stderr).strip()}")


def as_commits(where, base, last):
    """git am, after a try in an index of its own."""
    if git("status", "--porcelain", "--untracked-files=no", cwd=where).strip():
        raise Error(f"{where} has changes that are not committed: commit or stash them")
    with tempfile.TemporaryDirectory() as tmp:
        git("format-patch", "--quiet", "--zero-commit", "--no-renames", "-o", tmp, f"{base}..{last}")
        mails = sorted(os.path.join(tmp, n) for n in os.listdir(tmp))
        index = {"GIT_INDEX_FILE": os.path.join(tmp, "index")}
        git("read-tree", "HEAD", cwd=where, env=index)
        for mail in mails:
            run = git("apply", "--cached", mail, cwd=where, env=index, check=False)
            if run.returncode:
                refuse(where, run)
        who = {}
        if git("config", "user.email", cwd=where, check=False, own_config=True).returncode:
            who = {"GIT_COMMITTER_NAME": "apply", "GIT_COMMITTER_EMAIL": "apply@localhost"}
        run = git("am", "--quiet", *mails, cwd=where, env=who, check=False, own_config=True)
        if run.returncode:
            git("am", "--abort", cwd=where, check=False)
            refuse(where, run)
    print(f"  APPLY    {len(mails)} commits on {where}")


def as_diff(where, base, last, count):
    """git apply does all or nothing."""
    alone = {"GIT_CEILING_DIRECTORIES": os.path.dirname(where)}
    diff = git("diff", "--binary", "--no-renames", base, last, text=False)
    with tempfile.NamedTemporaryFile(suffix=".patch") as f:
        f.write(diff)
        f.flush()
        run = git("apply", "--whitespace=nowarn", f.name, cwd=where, env=alone, check=False)
    if run.returncode:
        refuse(where, run)
    print(f"  APPLY    the sum of {count} mails on {where}")


def main():
    p = cli.parser(__doc__)
    p.add_argument("tree", metavar="TREE", help="a kernel tree (make apply TREE=path)")
    where = p.parse_args().tree
    if not os.path.isdir(where):
        p.error(f"'{where}' is not a directory, expected a kernel tree: make apply TREE=path")
    where = os.path.abspath(where)
    found, release = conf.version_of(where), conf.release(conf.base()["VERSION"])
    if conf.release(found) != release:
        raise Error(f"{where} is not a Linux {release} tree (its Makefile says '{found}')")
    tree.open_tree()
    base, made, _ = commits.compose()
    if not made:
        raise Error("series/series has no step yet")
    there = [n for n in names("diff", "--name-only", "--diff-filter=A", base, made[-1][1])
             if os.path.exists(os.path.join(where, n))]
    if there:
        raise Error(f"{where} has {there[0]} already: nothing was changed")
    if os.path.exists(os.path.join(where, ".git")):
        as_commits(where, base, made[-1][1])
    else:
        as_diff(where, base, made[-1][1], len(made))
    return 0


if __name__ == "__main__":
    cli.main(main)
