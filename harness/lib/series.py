# SPDX-License-Identifier: GPL-2.0
"""The store (kernel files and diffs of this repository), its order in
series/series, and the commits composed from the two.

Everything here works on git objects with an index of its own; no file of
build/tree is looked at or touched.
"""

import hashlib
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
BASE = os.path.join(BUILD, "base")
TREE = os.path.join(BUILD, "tree")
SERIES = os.path.join(ROOT, "series", "series")

# Where kernel content may stand; the rest of the repository is not kernel.
TOPS = ("arch", "block", "crypto", "Documentation", "drivers", "fs", "include",
        "init", "io_uring", "ipc", "kernel", "lib", "mm", "net", "rust",
        "samples", "scripts", "security", "tools", "virt")
LEFTOVERS = ("~", ".orig", ".rej", ".swp", ".pyc")


class Error(Exception):
    """Something the user has to mend; printed as one sentence."""


class Entry:
    """One line of a step: a whole file, or a diff of one."""

    def __init__(self, name, step):
        self.name = name                # path in this repository
        self.step = step
        self.file = os.path.join(ROOT, name)
        self.is_patch = name.endswith(".patch")
        self.target = None              # in-tree path, see resolve()


class Step:
    """One mail of the series."""

    def __init__(self, slug, subject):
        self.slug = slug
        self.subject = subject
        self.entries = []
        self.folders = []               # entries that end in a slash

    def message(self):
        """Subject and changelog of this step's commit."""
        path = os.path.join(ROOT, "series", self.slug + ".txt")
        if not os.path.exists(path):
            raise Error(f"series/{self.slug}.txt is missing: the changelog of step {self.slug}")
        with open(path, encoding="utf-8") as f:
            return f"{self.subject}\n\n{f.read().strip()}\n"


def git(*args, cwd=None, env=None, data=None, text=True, check=True, own_config=False):
    """Run git and return its output; an Error carries what git said.

    The user's configuration is left out, but for their own tree.
    """
    full = dict(os.environ, LC_ALL="C", **(env or {}))
    if not own_config:
        full.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    for leak in ("GIT_DIR", "GIT_WORK_TREE"):
        full.pop(leak, None)
    if not (env and "GIT_INDEX_FILE" in env):
        full.pop("GIT_INDEX_FILE", None)
    cmd = ["git", "-c", "core.autocrlf=false", "-c", "core.quotepath=false",
           "-c", "safe.directory=*", "-c", "gc.auto=0", *args]
    run = subprocess.run(cmd, cwd=cwd or TREE, env=full, input=data, text=text,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if check and run.returncode:
        err = run.stderr if text else run.stderr.decode(errors="replace")
        raise Error(f"git {' '.join(args[:3])} failed: {err.strip()}")
    return run.stdout if check else run


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
                steps[-1].folders.append(name)
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
        for folder in step.folders:
            step.entries += [Entry(n, step) for n in stored_files() if n.startswith(folder)]
    return author, date, steps


def stored_files():
    """Every kernel file and diff of this repository."""
    found = [n for n in os.listdir(ROOT) if n.endswith(".patch")]
    for top in TOPS:
        for folder, dirs, names in os.walk(os.path.join(ROOT, top)):
            dirs[:] = [d for d in dirs if d != "__pycache__"]
            found += [os.path.relpath(os.path.join(folder, n), ROOT)
                      for n in names if not n.endswith(LEFTOVERS)]
    return sorted(found)


def base_paths(commit):
    """In-tree paths of the pristine base, with their modes."""
    out = git("ls-tree", "-r", "-z", commit)
    return {line.split("\t", 1)[1]: line.split(" ", 1)[0]
            for line in out.split("\0") if line}


def resolve(steps, base):
    """Find the in-tree path of each entry.

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


def add_files(entries, index):
    """Put whole files into the index, all of a step at once."""
    names = "".join(e.file + "\n" for e in entries)
    blobs = git("hash-object", "-w", "--no-filters", "--stdin-paths", data=names).split()
    lines = [f"{'100755' if os.access(e.file, os.X_OK) else '100644'} {blob}\t{e.target}\n"
             for e, blob in zip(entries, blobs)]
    git("update-index", "--add", "--index-info", env=index, data="".join(lines))


def apply_diffs(entries, index):
    """Put diffs into the index, all of a step at once: each must fit to the line."""
    run = git("apply", "--cached", "--verbose", "--whitespace=nowarn", *(e.file for e in entries),
              env=index, check=False)
    said = run.stdout + run.stderr
    exact = not run.returncode and "offset" not in said and "fuzz" not in said
    touched = re.findall(r"^Applied patch (.*) cleanly", said, re.M)
    if exact and touched == [e.target for e in entries]:
        return
    if len(entries) > 1 and run.returncode:
        # Which one is it? Nothing was applied.
        for e in entries:
            apply_diffs([e], index)
    if len(entries) > 1:
        raise Error(f"step {entries[0].step.slug}: a diff applies, but not at its lines, or not "
                    f"to its file:\n{said.strip()}")
    name, target = entries[0].name, entries[0].target
    if run.returncode:
        raise Error(f"{name} does not apply to the base:\n{said.strip()}")
    if not exact:
        raise Error(f"{name} applies, but not at its lines:\n{said.strip()}")
    raise Error(f"{name} changes {', '.join(touched) or 'nothing'}, not only {target}")


def apply_step(step, index):
    """Put what is there of a step into the index."""
    there = [e for e in step.entries if os.path.isfile(e.file)]
    whole = [e for e in there if not e.is_patch]
    diffs = [e for e in there if e.is_patch]
    if whole:
        add_files(whole, index)
    if diffs:
        apply_diffs(diffs, index)


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
        with open(os.path.join(BUILD, ".composed"), encoding="utf-8") as f:
            old = json.load(f)
    except (OSError, ValueError):
        return None
    if old.get("key") != key or len(old.get("commits", ())) != len(steps) or not steps:
        return None
    if git("cat-file", "-e", old["commits"][-1], check=False).returncode:
        return None
    return list(zip(steps, old["commits"]))


def compose(missing_ok=False):
    """Compose the store into commits in build/tree's repository.

    Returns (base commit, [(step, commit)], steps); the same store always
    gives the same commits. With missing_ok, entries whose file is not there
    are passed over, and so are files that no step owns.
    """
    author, date, steps = load()
    base = git("rev-parse", "HEAD", cwd=BASE).strip()
    resolve(steps, base_paths(base))
    validate(steps, missing_ok)
    key = None if missing_ok else fingerprint(base, steps, author, date)
    commits = remembered(key, steps) if key else None
    if commits:
        return base, commits, steps
    name, _, mail = author.partition("<")
    index = {"GIT_INDEX_FILE": os.path.join(BUILD, f".compose-index.{os.getpid()}")}
    commits = []
    parent = base
    try:
        git("read-tree", base, env=index)
        for step in steps:
            apply_step(step, index)
            tree = git("write-tree", env=index).strip()
            message = step.subject + "\n" if missing_ok else step.message()
            date += 60
            who = {}
            for role in ("AUTHOR", "COMMITTER"):
                who[f"GIT_{role}_NAME"] = name.strip()
                who[f"GIT_{role}_EMAIL"] = mail.rstrip("> ")
                who[f"GIT_{role}_DATE"] = f"{date} +0000"
            parent = git("commit-tree", tree, "-p", parent, env=who, data=message).strip()
            commits.append((step, parent))
    finally:
        for end in ("", ".lock"):
            if os.path.exists(index["GIT_INDEX_FILE"] + end):
                os.unlink(index["GIT_INDEX_FILE"] + end)
    if key:
        with open(os.path.join(BUILD, ".composed"), "w", encoding="utf-8") as f:
            json.dump({"key": key, "commits": [c for _, c in commits]}, f)
    return base, commits, steps


def open_tree():
    """Make build/tree if it is not there; return the commit it stands on."""
    if not os.path.isdir(os.path.join(BASE, ".git")):
        raise Error("there is no build/base yet: run harness/fetch-base")
    if not os.path.isdir(os.path.join(TREE, ".git")):
        git("clone", "--quiet", "--shared", "--no-tags", BASE, TREE, cwd=BUILD)
    run = git("rev-parse", "--verify", "--quiet", "refs/composed", check=False)
    if run.returncode == 0:
        return run.stdout.strip()
    base = git("rev-parse", "HEAD", cwd=BASE).strip()
    git("update-ref", "refs/composed", base)
    return base


def edited(composed):
    """Paths of build/tree that differ from what was composed last."""
    git("update-index", "-q", "--refresh", check=False)
    changed = git("diff", "--name-only", "-z", "--no-renames", composed)
    # Debian's tree ignores "/*", and so every new file: take that one back.
    new = git("ls-files", "--others", "--exclude-standard", "--exclude=!/*", "-z")
    return sorted({p for p in (changed + new).split("\0") if p})


def blob(commit, path):
    """(mode, content id) of a path in a commit, or None."""
    out = git("ls-tree", "-z", commit, "--", path)
    if not out:
        return None
    mode, _, ident = out.split("\t")[0].split(" ")
    return mode, ident


def work_blob(path):
    """(mode, content id) of a path as it stands in build/tree, or None."""
    full = os.path.join(TREE, path)
    if not os.path.isfile(full):
        return None
    mode = "100755" if os.access(full, os.X_OK) else "100644"
    return mode, git("hash-object", "-w", "--no-filters", full).strip()


def main(run):
    """Run a tool's main function; an Error becomes a message and exit 1."""
    tool = os.path.basename(sys.argv[0])
    try:
        sys.exit(run())
    except Error as e:
        for line in str(e).splitlines():
            print(f"{tool}: {line}", file=sys.stderr)
        sys.exit(1)
    except FileNotFoundError as e:
        print(f"{tool}: {e.filename}: no such file", file=sys.stderr)
        sys.exit(1)
