# SPDX-License-Identifier: GPL-2.0
"""Carry edits made in build/tree back into the store, byte for byte.

A new file is stored whole, a changed file of the base as its diff. Where several steps
change one file, each line goes to the step that owns it, as git blame of the composed
commits says. A new line goes to the step of the line beside it; if that is the base's,
to a diff that is listed in series/series and does not exist yet, or otherwise to the
step with the nearest line.

A path that no step owns is not stored: add the name that is printed to series/series
and run it again. A file edited both here and in build/tree is a conflict, and left
alone on both sides.

exit status: 0 the store now has every edit, 1 something is left, and named
"""

import json
import os

from harness.lib import cli, commits, git, owners, paths, tree, writeback
from harness.lib.series import Entry


def carried(now=None):
    """What refresh itself stored since the last compose: path, content."""
    note = os.path.join(paths.TREE, ".git", "refreshed.json")
    if now is not None:
        with open(note, "w", encoding="utf-8") as f:
            json.dump(now, f)
    if not os.path.exists(note):
        return {}
    with open(note, encoding="utf-8") as f:
        return json.load(f)


def write(entry, data, mode="100644"):
    """Store and say so."""
    if writeback.write(entry, data, mode):
        print(f"  REFRESH  {entry.name} (step {entry.step.slug})")


def remove(entry):
    """An entry of which nothing is left; what remains to be done."""
    if os.path.exists(entry.file):
        os.unlink(entry.file)
        print(f"  REFRESH  {entry.name} (removed)")
    return f"remove {entry.name} from series/series"


def refresh_own(path, entries, composed, work):
    """Carry back an edited file that one step adds, and others change: it is stored as it is at last."""
    if work is None:
        return [remove(e) for e in entries]
    after = owners.spread(path, [composed[e.step.slug] for e in entries], work[1])
    write(entries[0], git.content(work[1]), work[0])
    left = []
    for entry, before, ident in zip(entries[1:], after, after[1:]):
        data = writeback.diff(path, before, ident)
        if data:
            write(entry, data)
        else:
            left.append(remove(entry))
    return left


def refresh_diffs(path, entries, composed, base, work):
    """Carry an edited file of the base back; what is left to do, in lines."""
    old = git.blob(base, path)
    if work is None or work[0] != old[0]:
        return [f"{path}: a diff can neither delete a file nor change its mode"]
    new = [n for n, e in enumerate(entries) if not os.path.exists(e.file)]
    after = owners.spread(path, [composed[e.step.slug] for e in entries], work[1],
                          spare=new[-1] if new else None)
    left = []
    was, before = old[1], old[1]
    for entry, ident in zip(entries, after):
        step_had = git.blob(composed[entry.step.slug], path)[1]
        if (was, step_had) != (before, ident) or not os.path.exists(entry.file):
            data = writeback.diff(path, before, ident)
            if data:
                write(entry, data)
            else:
                left.append(remove(entry))
        was, before = step_had, ident
    return left


def refresh(path, entries, composed, base):
    """Carry one path back; what is left to do, in lines."""
    work = tree.work_blob(path)
    if not entries:
        return [f"add {path}{'.patch' if git.blob(base, path) else ''} to series/series"]
    if entries[0].is_patch:
        return refresh_diffs(path, entries, composed, base, work)
    if len(entries) > 1:
        return refresh_own(path, entries, composed, work)
    if work is None:
        return [remove(entries[0])]
    write(entries[0], git.content(work[1]), work[0])
    return []


def main():
    cli.parser(__doc__).parse_args()
    before = tree.open_tree()
    base, made, steps = commits.compose(missing_ok=True)
    new = made[-1][1] if made else base
    composed = {step.slug: commit for step, commit in made}
    owned = {}
    for entry in (e for s in steps for e in s.entries):
        owned.setdefault(entry.target, []).append(entry)
    left = []
    mine = carried()
    for path in tree.edited(before):
        stored = git.blob(new, path)
        if tree.work_blob(path) == stored:
            continue
        entries = owned.get(path, [])
        if not entries and not git.blob(base, path):
            entries = [Entry(path, s) for s in steps for d in s.directories if path.startswith(d)]
        known = (git.blob(before, path), tuple(mine.get(path) or ()) or None)
        there = [e for e in entries if os.path.exists(e.file)]
        if there and stored not in known:
            left.append(f"{path} was edited here and in build/tree: "
                        f"make {there[-1].name} agree with one of them")
            continue
        problems = refresh(path, entries, composed, base)
        left += problems
        if not problems:
            mine[path] = tree.work_blob(path)
    carried(mine)
    if left:
        raise cli.Error("\n".join(left))
    return 0


if __name__ == "__main__":
    cli.main(main)
