# SPDX-License-Identifier: GPL-2.0
"""The commits composed from the base and the store, one for each step.

Everything here works on git objects with an index of its own; no file of build/tree
is read or written.
"""

import hashlib
import json
import os
import re

from harness.lib import paths, series
from harness.lib.cli import Error
from harness.lib.git import git, identity


def add_files(entries, index, repo, first=None):
    """Put whole files into the index, all of a step at once.

    first: the lines of the index for those which later steps change, see first_states().
    """
    names = "".join(e.file + "\n" for e in entries)
    blobs = git("hash-object", "-w", "--no-filters", "--stdin-paths", data=names, cwd=repo).split()
    lines = [f"{'100755' if os.access(e.file, os.X_OK) else '100644'} {blob}\t{e.target}\n"
             for e, blob in zip(entries, blobs)]
    lines = [(first or {}).get(e.target, line) for e, line in zip(entries, lines)]
    git("update-index", "--add", "--index-info", env=index, data="".join(lines), cwd=repo)


def displaced(said):
    """The files of which a hunk did not apply at its lines, as git apply --verbose says."""
    found, path = [], None
    for line in said.splitlines():
        checking = re.match(r"Checking patch (.*)\.\.\.$", line)
        path = checking.group(1) if checking else path
        if re.match(r"Hunk #\d+ succeeded at .*(offset|fuzz)", line) and path not in found:
            found.append(path)
    return found


def apply_diffs(entries, index, repo, undo=False):
    """Put diffs into the index, all of a step at once: each must apply at its lines."""
    run = git("apply", "--cached", "--verbose", "--whitespace=nowarn", *["--reverse"] * undo,
              *(e.file for e in entries), env=index, cwd=repo, check=False)
    said = (run.stdout + run.stderr).strip()
    if run.returncode and len(entries) > 1:
        # Which one is it? Nothing was applied.
        for e in entries:
            apply_diffs([e], index, repo, undo)
    name, target = entries[0].name, entries[0].target
    hint = (f"{target} stands as it is after the last step, with what {name} adds: "
            "edit it in build/tree, and run 'make refresh'\n") if undo else ""
    if run.returncode:
        raise Error(f"{name} " + ("can't be undone: " + hint if undo else "does not apply to the base:\n") + said)
    moved = displaced(said)
    for e in entries:
        if e.target in moved:
            raise Error(f"{e.name} applies, but not at its lines:\n{hint}{said}")
    touched = re.findall(r"^Applied patch (.*) cleanly", said, re.M)
    if touched == [e.target for e in entries]:
        return
    if len(entries) > 1:
        raise Error(f"step {entries[0].step.slug}: a diff changes another file than its own:\n{said}")
    raise Error(f"{name} changes {', '.join(touched) or 'nothing'}, not only {target}")


def present(step):
    """The entries of a step whose files exist; the diff of a whole file needs that one, too."""
    return [e for e in step.entries if os.path.isfile(e.file) and
            (not (e.is_patch and e.own) or os.path.isfile(os.path.join(paths.ROOT, e.target)))]


def first_states(steps, index, repo):
    """What the step that adds a file has of it, if others change it: {path: its line in the index}.

    The file is stored as it is after the last one.
    """
    diffs = [[e for e in present(step) if e.is_patch and e.own] for step in steps]
    changed = {e.target for entries in diffs for e in entries}
    if not changed:
        return {}
    git("read-tree", "--empty", env=index, cwd=repo)
    add_files([e for s in steps for e in present(s) if not e.is_patch and e.target in changed], index, repo)
    for entries in reversed(diffs):
        if entries:
            apply_diffs(entries, index, repo, undo=True)
    found = {}
    for line in git("ls-files", "--stage", "-z", env=index, cwd=repo).split("\0")[:-1]:
        (mode, blob, _), path = line.partition("\t")[0].split(), line.partition("\t")[2]
        found[path] = f"{mode} {blob}\t{path}\n"
    return found


def apply_step(step, index, repo, first):
    """Put the entries of a step whose files exist into the index."""
    there = present(step)
    whole = [e for e in there if not e.is_patch]
    diffs = [e for e in there if e.is_patch]
    if whole:
        add_files(whole, index, repo, first)
    if diffs:
        apply_diffs(diffs, index, repo)


def fingerprint(base, steps, author, date):
    """What the composed commits depend on, as one number."""
    sha = hashlib.sha256(f"{base} {author} {date}".encode())
    for step in steps:
        sha.update(f"\0{step.slug}\0{step.message()}".encode())
        for e in step.entries:
            sha.update(f"\0{e.name}\0{os.stat(e.file).st_mode}\0".encode())
            with open(e.file, "rb") as f:
                sha.update(f.read())
    return sha.hexdigest()


def remembered(key, steps):
    """The commits that the same store gave before, or None."""
    try:
        with open(os.path.join(paths.BUILD, ".composed"), encoding="utf-8") as f:
            old = json.load(f)
    except (OSError, ValueError):
        return None
    if old.get("key") != key or len(old.get("commits", ())) != len(steps) or not steps:
        return None
    if git("cat-file", "-e", old["commits"][-1], check=False).returncode:
        return None
    return list(zip(steps, old["commits"]))


def commit_steps(base, author, date, steps, missing_ok, repo):
    """Commit one step after the other: [(step, commit)]."""
    name, _, mail = author.partition("<")
    index = {"GIT_INDEX_FILE": os.path.join(paths.BUILD, f".compose-index.{os.getpid()}")}
    commits = []
    parent = base
    try:
        first = first_states(steps, index, repo)
        git("read-tree", base, env=index, cwd=repo)
        for step in steps:
            apply_step(step, index, repo, first)
            tree = git("write-tree", env=index, cwd=repo).strip()
            message = step.subject + "\n" if missing_ok else step.message()
            date += 60
            who = identity(name.strip(), mail.rstrip("> "), f"{date} +0000")
            parent = git("commit-tree", tree, "-p", parent, env=who, data=message, cwd=repo).strip()
            commits.append((step, parent))
    finally:
        for end in ("", ".lock"):
            if os.path.exists(index["GIT_INDEX_FILE"] + end):
                os.unlink(index["GIT_INDEX_FILE"] + end)
    return commits


def compose(missing_ok=False, repo=None):
    """Compose the store into commits in build/tree's repository.

    Returns (base commit, [(step, commit)], steps); the same store always gives the
    same commits. With missing_ok, entries whose file does not exist are passed over,
    and so are files that no step owns. repo is another git tree, whose HEAD is the base.
    """
    author, date, steps = series.load()
    base = git("rev-parse", "HEAD", cwd=repo or paths.BASE).strip()
    series.resolve(steps, series.base_paths(base, repo or paths.BASE))
    series.validate(steps, missing_ok)
    key = None if missing_ok or repo else fingerprint(base, steps, author, date)
    commits = remembered(key, steps) if key else None
    if commits is None:
        commits = commit_steps(base, author, date, steps, missing_ok, repo)
        if key:
            with open(os.path.join(paths.BUILD, ".composed"), "w", encoding="utf-8") as f:
                json.dump({"key": key, "commits": [c for _, c in commits]}, f)
    return base, commits, steps
