# SPDX-License-Identifier: GPL-2.0
"""The store, which is the kernel files and diffs of this repository, and its order in
series/series.

The series is made of sets. Each is posted by itself, with a cover letter, and applies on
those before it. series/SET has the texts of its mails.
"""

import os
import re

from harness.lib import paths
from harness.lib.cli import Error
from harness.lib.git import git

SERIES = os.path.join(paths.ROOT, "series", "series")

# Where kernel content may stand; the rest of the repository is not kernel.
TOPS = ("arch", "block", "crypto", "Documentation", "drivers", "fs", "include",
        "init", "io_uring", "ipc", "kernel", "lib", "mm", "net", "rust",
        "samples", "scripts", "security", "tools", "virt")
LEFTOVERS = ("~", ".orig", ".rej", ".swp", ".pyc")


class Entry:
    """One line of a step: a whole file, or a diff of one."""

    def __init__(self, name, step):
        self.name = name                # path in this repository
        self.step = step
        self.file = os.path.join(paths.ROOT, name)
        self.is_patch = name.endswith(".patch")
        self.target = None              # path in the kernel tree, see resolve()
        self.own = not self.is_patch    # it is of a file that the series adds


class Step:
    """One mail of the series."""

    def __init__(self, slug, subject, part):
        self.slug = slug
        self.subject = subject
        self.set = part
        self.entries = []
        self.directories = []           # entries that end in a slash

    def message(self):
        """Subject and changelog of this step's commit."""
        text = read_text(self.set, self.slug, f"the changelog of step {self.slug}")
        return f"{self.subject}\n\n{text}\n"

    def entry(self, target):
        """The entry for a path of the kernel tree, or None."""
        return next((e for e in self.entries if e.target == target), None)


def read_text(part, name, what):
    """A text of a set."""
    path = f"series/{part}/{name}.txt"
    if not os.path.exists(os.path.join(paths.ROOT, path)):
        raise Error(f"{path} is missing: {what}")
    with open(os.path.join(paths.ROOT, path), encoding="utf-8") as f:
        return f.read().strip()


def sets(steps):
    """{name of a set: its steps}, in their order."""
    found = {}
    for step in steps:
        found.setdefault(step.set, []).append(step)
    return found


def load():
    """Read series/series: (author, date, steps)."""
    author = date = part = None
    steps = []
    with open(SERIES, encoding="utf-8") as f:
        lines = f.read().splitlines()
    for nr, line in enumerate(lines, 1):
        where = f"series/series:{nr}"
        bare = line.split("#")[0].rstrip()
        if not bare:
            continue
        if bare[0].isspace():
            if not steps:
                raise Error(f"{where}: a path before the first step")
            name = bare.strip()
            if name.endswith("/"):
                steps[-1].directories.append(name)
            else:
                steps[-1].entries.append(Entry(name, steps[-1]))
            continue
        word, _, rest = bare.partition(" ")
        if word == "author":
            author = rest.strip()
        elif word == "date":
            date = int(rest)
        elif word == "set":
            part = rest.strip()
            if not re.fullmatch(r"[a-z0-9-]+", part) or any(s.set == part for s in steps):
                raise Error(f"{where}: a set is written 'set name', once, before its steps")
        elif word == "step":
            slug, bar, subject = (text.strip() for text in rest.partition("|"))
            if not bar or not subject or not re.fullmatch(r"[a-z0-9-]+", slug):
                raise Error(f"{where}: a step is written 'step slug | Subject'")
            if not part:
                raise Error(f"{where}: a step before the first set")
            steps.append(Step(slug, subject, part))
        else:
            raise Error(f"{where}: '{word}' is none of author, date, set, step")
    if not author or date is None:
        raise Error("series/series needs an author and a date line")
    slugs = [s.slug for s in steps]
    twice = sorted({s for s in slugs if slugs.count(s) > 1})
    if twice:
        raise Error(f"series/series: two steps are called {', '.join(twice)}")
    for step in steps:
        for directory in step.directories:
            step.entries += [Entry(n, step) for n in stored_files() if n.startswith(directory)]
    return author, date, steps


def stored_files():
    """Every kernel file and diff of this repository."""
    found = [n for n in os.listdir(paths.ROOT) if n.endswith(".patch")]
    for top in TOPS:
        for where, dirs, names in os.walk(os.path.join(paths.ROOT, top)):
            dirs[:] = [d for d in dirs if d != "__pycache__"]
            found += [os.path.relpath(os.path.join(where, n), paths.ROOT)
                      for n in names if not n.endswith(LEFTOVERS)]
    return sorted(found)


def base_paths(commit, repo=None):
    """All paths of the pristine base."""
    return set(git("ls-tree", "-r", "-z", "--name-only", commit, cwd=repo).split("\0"))


def resolve(steps, base):
    """Find the path in the kernel tree of each entry.

    kernel/smp.c.patch and kernel/smp.c.NAME.patch both change kernel/smp.c, which is a
    file of the base, or one that a step before has added. That one is stored whole as it
    is after the last of its steps: what the first one adds is found by undoing the others.
    """
    whole = set()
    for step in steps:
        for e in step.entries:
            if not e.is_patch:
                e.target = e.name
                if e.target in base:
                    raise Error(f"{e.name} is a file of the base: store a diff, {e.name}.patch")
        for e in step.entries:
            if not e.is_patch:
                continue
            stem = e.name[:-len(".patch")]
            e.target = stem if stem in base or stem in whole else os.path.splitext(stem)[0]
            e.own = e.target in whole
            if not e.own and e.target not in base:
                raise Error(f"{e.name}: neither the base nor a step before {step.slug} has a file {stem}")
        whole |= {e.target for e in step.entries if not e.is_patch}


def validate(steps, missing_ok=False):
    """A file belongs to exactly one step, and is there."""
    errors = []
    owner = {}
    for step in steps:
        for e in step.entries:
            if e.name in owner:
                errors.append(f"{e.name} belongs to two steps: {owner[e.name]} and {step.slug}")
            owner[e.name] = step.slug
            if not missing_ok and not os.path.isfile(e.file):
                errors.append(f"{e.name} is listed in step {step.slug} but is not there")
    if not missing_ok:
        errors += [f"{name} belongs to no step: add it to series/series"
                   for name in stored_files() if name not in owner]
    if errors:
        raise Error("\n".join(errors))


def rewrite(drop, add):
    """Change series/series: drop entries by name, add {slug: names} at the end of steps."""
    with open(SERIES, encoding="utf-8") as f:
        old = f.read().splitlines()
    new, slug = [], None

    def end():
        """Behind the last path of the step, before the blank line."""
        at = len(new)
        while at and not new[at - 1].strip():
            at -= 1
        new[at:at] = [f"    {name}" for name in add.get(slug, ())]

    for line in old:
        if line.startswith(("step ", "set ")):
            end()
            slug = line.split()[1] if line.startswith("step ") else None
        if line.strip() not in drop:
            new.append(line)
    end()
    with open(SERIES, "w", encoding="utf-8") as f:
        f.write("\n".join(new) + "\n")
