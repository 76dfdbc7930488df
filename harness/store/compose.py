# SPDX-License-Identifier: GPL-2.0
"""Compose build/tree: the pristine base with the series on top.

One commit a step, with fixed author and dates: the same store gives the same commit
ids. Diffs must apply at their lines. Only files whose content differs are written, so
that a later build is incremental. With edits in build/tree that the store does not
have, nothing is changed.

exit status: 0 done, 1 a file is in no step, a diff does not apply, or build/tree has
edits of its own
"""

from harness.lib import cli, commits, git, tree


def refuse_own_edits(edited, new):
    """Edits are fine when the store has them to the byte."""
    own = [p for p in edited if tree.work_blob(p) != git.blob(new, p)]
    if own:
        shown = "\n".join(f"  {p}" for p in own[:20])
        more = f"\n  and {len(own) - 20} more" if len(own) > 20 else ""
        raise cli.Error(
            f"build/tree has edits that the store does not have:\n{shown}{more}\n"
            "run 'make refresh' to keep them, or discard them in build/tree with git")


def checkout(composed, new, edited):
    """Have build/tree stand on the new commit; how many files were written."""
    changed = [p for p in git.names("diff", "--name-only", composed, new) if p not in edited]
    # git has to know first what the store has taken over from build/tree, so that the
    # checkout leaves those files, and their times, as they are.
    git.git("reset", "--quiet", "--soft", composed)
    for start in range(0, len(edited), 200):
        git.git("add", "--all", "--force", "--", *edited[start:start + 200])
    git.git("checkout", "--quiet", "--detach", new)
    git.git("update-ref", "refs/composed", new)
    return len(changed)


def main():
    p = cli.parser(__doc__)
    p.add_argument("--check", action="store_true",
                   help="only say whether the store composes and build/tree agrees with it")
    p.add_argument("--fits", metavar="TREE",
                   help="only say whether the series applies, at its lines, to the HEAD of this git "
                        "tree, in which objects are left behind")
    opt = p.parse_args()
    if opt.fits:
        commits.compose(repo=opt.fits)
        return 0
    composed = tree.open_tree()
    base, made, steps = commits.compose()
    new = made[-1][1] if made else base
    edited = tree.edited(composed)
    refuse_own_edits(edited, new)
    if opt.check:
        if new != composed:
            raise cli.Error("build/tree is behind the store: run 'make tree'")
        return 0
    written = checkout(composed, new, edited)
    print(f"  COMPOSE  {len(steps)} steps, {sum(len(s.entries) for s in steps)} files, "
          f"{written} written, {new[:12]}")
    return 0


if __name__ == "__main__":
    cli.main(main)
