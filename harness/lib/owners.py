# SPDX-License-Identifier: GPL-2.0
"""Give an edit of a file to the steps of the series that own its lines.

Several steps may change one file. An edit of the composed file is cut into hunks, and
each is moved into the version of the step that git blame names for its lines: there,
and in the versions of all later steps, it becomes part of the file.
"""

import re

from harness.lib.git import content, git


def lines(ident, repo=None):
    """The lines of a content id, with their ends."""
    return re.findall(rb"[^\n]*\n|[^\n]+", content(ident, repo))


def blame(commit, path, repo=None):
    """For each line of a path in a commit, a key that it has in other versions as well."""
    said = git("blame", "--porcelain", commit, "--", path, text=False, cwd=repo)
    return re.findall(rb"^([0-9a-f]{40}) (\d+) \d+", said, re.M)


class Hunk:
    """Lines start to end of the composed file are replaced by others."""

    def __init__(self, start, end, new):
        self.start = start
        self.end = end
        self.new = new
        self.owner = None               # index of the step
        self.after = False              # inserted behind the line before, not before the next

    def where(self, keys, at):
        """(start, end) in another version, or None. at: that version's line of each key."""
        if self.start == self.end:
            if not keys:
                return 0, 0
            if self.after:
                pos = at.get(keys[self.start - 1]) if self.start else None
                return None if pos is None else (pos + 1, pos + 1)
            pos = at.get(keys[self.start]) if self.start < len(keys) else None
            return None if pos is None else (pos, pos)
        found = [at.get(key) for key in keys[self.start:self.end]]
        if None in found or found != list(range(found[0], found[0] + len(found))):
            return None
        return found[0], found[-1] + 1


def hunks(old, new, repo=None):
    """The hunks between two content ids; where lines are replaced one by one, one of each."""
    said = git("diff", "--no-color", "--no-ext-diff", "--diff-algorithm=myers", "--unified=0",
               "--inter-hunk-context=0", old, new, text=False, cwd=repo)
    fresh = lines(new, repo)
    found = []
    for head in re.findall(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", said, re.M):
        start, count, to, more = (1 if n == b"" else int(n) for n in head)
        start -= count > 0
        to -= more > 0
        if count == more:
            found += [Hunk(start + n, start + n + 1, fresh[to + n:to + n + 1]) for n in range(count)]
        else:
            found.append(Hunk(start, start + count, fresh[to:to + more]))
    return found


def choose(hunk, owned, spare):
    """The first step that a hunk may belong to.

    owned: the step of each line, -1 for the base's. Of several it is the last. Lines of the
    base go to spare if that is a step, otherwise to the one with the nearest line.
    """
    near = owned[hunk.start:hunk.end] or owned[max(hunk.start - 1, 0):hunk.end + 1]
    if max(near, default=-1) >= 0:
        return max(near)
    if spare is not None:
        return spare
    far = [(min(abs(n - hunk.start), abs(n - hunk.end)), -step)
           for n, step in enumerate(owned) if step >= 0]
    return -min(far)[1] if far else None


def place(hunk, keys, owned, versions, spare):
    """Set the hunk's owner: the chosen step, or the next one that has all of its lines."""
    last = len(versions) - 1
    first = choose(hunk, owned, spare)
    for step in range(last if first is None else first, last + 1):
        hunk.owner = step
        # An insertion stays with the line of its step, if it has one.
        hunk.after = hunk.start > 0 and (hunk.start >= len(keys) or owned[hunk.start - 1] == step or
                                         owned[hunk.start] != step)
        for _ in range(2):
            if all(hunk.where(keys, at) for at in versions[step:]):
                return
            hunk.after = not hunk.after


def spread(path, commits, work, spare=None, repo=None):
    """The content id of the file after each of its steps, with the edit in it.

    commits: those of the steps that change the file, in their order; work: the content
    id of the edited file; spare: which step takes lines that none of them owns.
    """
    idents = [git("rev-parse", f"{c}:{path}", cwd=repo).strip() for c in commits]
    if len(commits) == 1:
        return [work]
    keyed = [blame(c, path, repo) for c in commits]
    versions = [{key: n for n, key in enumerate(keys)} for keys in keyed]
    step_of = {c.encode(): n for n, c in enumerate(commits)}
    owned = [step_of.get(commit, -1) for commit, _ in keyed[-1]]
    edit = hunks(idents[-1], work, repo)
    for hunk in edit:
        place(hunk, keyed[-1], owned, versions, spare)
    after = []
    for n, ident in enumerate(idents):
        text = lines(ident, repo)
        there = [(*h.where(keyed[-1], versions[n]), at, h.new) for at, h in enumerate(edit) if h.owner <= n]
        for start, end, _, new in sorted(there, key=lambda t: (t[0], t[2]), reverse=True):
            text[start:end] = new
        after.append(git("hash-object", "-w", "--stdin", data=b"".join(text), text=False,
                         cwd=repo).decode().strip())
    assert after[-1] == work
    return after
