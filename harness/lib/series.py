# SPDX-License-Identifier: GPL-2.0
"""The store, which is the kernel files and diffs of this repository, and its order in
series/series."""

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


class Step:
    """One mail of the series."""

    def __init__(self, slug, subject):
        self.slug = slug
        self.subject = subject
        self.entries = []
        self.directories = []           # entries that end in a slash

    def message(self):
        """Subject and changelog of this step's commit."""
        path = os.path.join(paths.ROOT, "series", self.slug + ".txt")
        if not os.path.exists(path):
            raise Error(f"series/{self.slug}.txt is missing: the changelog of step {self.slug}")
        with open(path, encoding="utf-8") as f:
            return f"{self.subject}\n\n{f.read().strip()}\n"

    def entry(self, target):
        """The entry for a path of the kernel tree, or None."""
        return next((e for e in self.entries if e.target == target), None)


def load():
    """Read series/series: (author, date, steps)."""
    author = date = None
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
        elif word == "step":
            slug, bar, subject = (part.strip() for part in rest.partition("|"))
            if not bar or not subject or not re.fullmatch(r"[a-z0-9-]+", slug):
                raise Error(f"{where}: a step is written 'step slug | Subject'")
            steps.append(Step(slug, subject))
        else:
            raise Error(f"{where}: '{word}' is none of author, date, step")
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

    kernel/smp.c.patch and kernel/smp.c.NAME.patch both change kernel/smp.c.
    """
    for step in steps:
        for e in step.entries:
            if not e.is_patch:
                e.target = e.name
                if e.target in base:
                    raise Error(f"{e.name} is a file of the base: store a diff, {e.name}.patch")
                continue
            stem = e.name[:-len(".patch")]
            e.target = stem if stem in base else os.path.splitext(stem)[0]
            if e.target not in base:
                raise Error(f"{e.name}: the base has no file {stem}")


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
        if line.startswith("step "):
            end()
            slug = line.split()[1]
        if line.strip() not in drop:
            new.append(line)
    end()
    with open(SERIES, "w", encoding="utf-8") as f:
        f.write("\n".join(new) + "\n")
