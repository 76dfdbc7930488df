#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Carry edits made in build/tree back into the store, byte for byte.

usage: refresh

A new file is stored whole, a changed file of the base as its diff. Where
several steps change one file, the edit goes to the last of them: to put it
into an earlier one, edit that step's diff by hand.

A path that no step owns is not stored: add the name that refresh prints to
series/series and run it again. A file edited both here and in build/tree is a
conflict, and left alone on both sides.

exit status: 0 the store now has every edit, 1 something is left, and named.
"""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import series                                               # noqa: E402


def diff(path, old, new):
    """The diff of two contents, with in-tree names and nothing that varies."""
    out = series.git("diff", "--no-color", "--no-ext-diff", "--no-renames",
                     "--diff-algorithm=myers", "--unified=3", "--full-index",
                     "--inter-hunk-context=0", old, new, text=False)
    start = out.find(b"\n@@ ") + 1
    if not start:
        return b""
    name = path.encode()
    return b"--- a/" + name + b"\n+++ b/" + name + b"\n" + out[start:]


def carried(now=None):
    """What refresh itself stored since the last compose: path, content."""
    note = os.path.join(series.TREE, ".git", "refreshed.json")
    if now is not None:
        with open(note, "w", encoding="utf-8") as f:
            json.dump(now, f)
    if not os.path.exists(note):
        return {}
    with open(note, encoding="utf-8") as f:
        return json.load(f)


def write(name, data, mode):
    """Write a file of the store if it differs."""
    full = os.path.join(series.ROOT, name)
    if os.path.exists(full):
        with open(full, "rb") as f:
            same = f.read() == data
        if same and bool(os.stat(full).st_mode & 0o100) == (mode == 0o755):
            return
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as f:
        f.write(data)
    os.chmod(full, mode)
    print(f"  REFRESH  {name}")


def refresh(path, base, commits, last, new):
    """Carry one path back; return what is left to do, or None."""
    work = series.work_blob(path)
    entry = last.get(path)
    in_base = series.blob(base, path)
    if entry is None:
        return f"add {path}{'.patch' if in_base else ''} to series/series"
    if entry.is_patch:
        if work is None or work[0] != in_base[0]:
            return f"{path}: a diff can neither delete a file nor change its mode"
        # What this step's diff starts from: the state after the step before.
        before = base
        for step, commit in commits:
            if step is entry.step:
                break
            before = commit
        data = diff(path, series.blob(before, path)[1], work[1])
        if data:
            write(entry.name, data, 0o644)
            return None
    elif work is not None:
        data = series.git("cat-file", "blob", work[1], text=False)
        write(entry.name, data, 0o755 if work[0] == "100755" else 0o644)
        return None
    if os.path.exists(entry.file):
        os.unlink(entry.file)
        print(f"  REFRESH  {entry.name} (removed)")
    return f"remove {entry.name} from series/series"


def main():
    if sys.argv[1:]:
        print(__doc__.strip())
        return 1
    composed = series.open_tree()
    base, commits, steps = series.compose(missing_ok=True)
    new = commits[-1][1] if commits else base
    last = {e.target: e for s in steps for e in s.entries}
    folders = [(f, s) for s in steps for f in s.folders]
    left = []
    mine = carried()
    for path in series.edited(composed):
        stored = series.blob(new, path)
        work = series.work_blob(path)
        if work == stored:
            continue
        entry = last.get(path)
        if entry is None and not series.blob(base, path):
            for folder, step in folders:
                if path.startswith(folder):
                    last[path] = entry = series.Entry(path, step)
        known = (series.blob(composed, path), tuple(mine.get(path) or ()) or None)
        if entry and os.path.exists(entry.file) and stored not in known:
            left.append(f"{path} was edited here and in build/tree: "
                        f"make {entry.name} agree with one of them")
            continue
        problem = refresh(path, base, commits, last, new)
        if problem:
            left.append(problem)
        else:
            mine[path] = work
    carried(mine)
    if left:
        raise series.Error("\n".join(left))
    return 0


series.main(main)
