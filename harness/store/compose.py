#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compose build/tree: the pristine base with the series on top.

usage: compose [--check]

One commit a step, with fixed author and dates: the same store gives the same
commit ids. Diffs must apply to the line. Only files whose content differs are
written, so that a later build is incremental. With edits in build/tree that
the store does not have, nothing is changed.

--check only says whether the store composes and build/tree agrees with it.

exit status: 0 done, 1 a file is in no step, a diff does not fit, or build/tree
has edits of its own.
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import series                                               # noqa: E402


def refuse_own_edits(paths, new):
    """Edits are fine when the store has them to the byte."""
    own = [p for p in paths if series.work_blob(p) != series.blob(new, p)]
    if own:
        shown = "\n".join(f"  {p}" for p in own[:20])
        more = f"\n  and {len(own) - 20} more" if len(own) > 20 else ""
        raise series.Error(
            f"build/tree has edits that the store does not have:\n{shown}{more}\n"
            "run 'make refresh' to keep them, or discard them in build/tree with git")


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        print(__doc__.strip())
        return 1
    composed = series.open_tree()
    base, commits, steps = series.compose()
    new = commits[-1][1] if commits else base
    paths = series.edited(composed)
    refuse_own_edits(paths, new)
    if check:
        if new != composed:
            raise series.Error("build/tree is behind the store: run 'make tree'")
        return 0
    changed = [p for p in series.git("diff", "--name-only", "-z", composed, new).split("\0")
               if p and p not in paths]
    # What the store has taken over from build/tree is told to git first, so
    # that the checkout leaves those files, and their times, as they are.
    series.git("reset", "--quiet", "--soft", composed)
    for start in range(0, len(paths), 200):
        series.git("add", "--all", "--force", "--", *paths[start:start + 200])
    series.git("checkout", "--quiet", "--detach", new)
    series.git("update-ref", "refs/composed", new)
    print(f"  COMPOSE  {len(steps)} steps, {sum(len(s.entries) for s in steps)} files, "
          f"{len(changed)} written, {new[:12]}")
    return 0


series.main(main)
