# SPDX-License-Identifier: GPL-2.0
"""Take the series to another base: any Linux 7.x.

In build/rebase, the new base is unpacked and the composed commits are rebased onto it
by git, with a three-way merge for each file. A diff whose lines were moved elsewhere in
their file is applied where its context is, and named. At a conflict it stops, with the
step and the files:

    edit them in build/rebase/tree, between the marks <<<<<<< and >>>>>>>
    harness/ti rebase --continue        or --abort, which leaves all as it was

At the end it writes each diff and whole file of the series that has changed, puts the
new base and its version into build/base and harness/base.conf, and proves that what was
written composes to what was rebased.

exit status: 0 done, 1 a conflict, or refused and why
"""

import json
import os
import re
import shutil
import subprocess

from harness.lib import cli, commits, conf, paths, series, tree, writeback
from harness.lib.cli import Error
from harness.lib.git import blob, content, git, identity, names

WORK = os.path.join(paths.BUILD, "rebase")
BASE = os.path.join(WORK, "base")
TREE = os.path.join(WORK, "tree")
STATE = os.path.join(WORK, "state.json")
WHO = identity("rebase", "rebase@localhost")


def state():
    """What was noted at the start of a rebase that is under way."""
    if not os.path.exists(STATE):
        raise Error("no rebase is under way: start one with 'make rebase BASE=path'")
    with open(STATE, encoding="utf-8") as f:
        return json.load(f)


def no_edits():
    """build/tree is made anew, so it must not have edits."""
    edits = tree.edited(tree.open_tree())
    if edits:
        raise Error(f"build/tree has edits, {edits[0]} for instance: run 'make refresh' first")


def start(source):
    """Get the new base, and a tree that has its commit and the composed ones."""
    if os.path.exists(STATE):
        raise Error("a rebase is under way: go on with --continue, or give up with --abort")
    no_edits()
    old, made, _ = commits.compose()
    shutil.rmtree(WORK, ignore_errors=True)
    fetch = subprocess.run(paths.program("fetch-base", "--any"), check=False,
                           env=dict(os.environ, BUILD=WORK, BASE=os.path.abspath(source)))
    if fetch.returncode:
        raise Error(f"{source} can't be the new base, as it says above")
    git("clone", "--quiet", "--shared", "--no-tags", BASE, TREE, cwd=WORK)
    with open(os.path.join(TREE, ".git/objects/info/alternates"), "a", encoding="utf-8") as f:
        f.write(os.path.join(paths.TREE, ".git/objects\n"))
    with open(STATE, "w", encoding="utf-8") as f:
        json.dump({"old": old, "new": git("rev-parse", "HEAD", cwd=BASE).strip(),
                   "steps": [[step.slug, commit] for step, commit in made]}, f)


def under_way():
    """Whether git has stopped, with some commits left."""
    return os.path.isdir(os.path.join(TREE, ".git/rebase-merge"))


def conflicts():
    """Paths that are left to be resolved."""
    return sorted(set(names("diff", "--name-only", "--diff-filter=U", cwd=TREE)))


def moved(path, commit):
    """Apply the diff of one file where its context is; True if it is there, and exactly."""
    diff = git("diff", "--no-renames", "--full-index", f"{commit}^", commit, "--", path, cwd=TREE, text=False)
    if git("checkout", "--ours", "--", path, cwd=TREE, check=False).returncode:
        return False
    if git("apply", "--whitespace=nowarn", "-", cwd=TREE, data=diff, text=False, check=False).returncode:
        git("checkout", "--merge", "--", path, cwd=TREE)
        return False
    git("add", "--", path, cwd=TREE)
    print(f"  MOVED    {path}: the lines that it changes are elsewhere in the new base: look at it")
    return True


def go_on(run, steps):
    """Go on until git is done; an Error at a conflict."""
    while under_way():
        commit = git("rev-parse", "REBASE_HEAD", cwd=TREE).strip()
        nr = [c for _, c in steps].index(commit)
        left = conflicts()
        if not left:
            raise Error(f"git stopped at step {steps[nr][0]}: {(run.stdout + run.stderr).strip()}")
        left = [p for p in left if not moved(p, commit)]
        if left:
            gone = [f"\n{p} is not in the new base, or not in the old" for p in left
                    if not os.path.exists(os.path.join(TREE, p)) or not marks(p)]
            raise Error(f"conflict in step {steps[nr][0]} ({nr + 1} of {len(steps)}): {', '.join(left)}"
                        f"{''.join(gone)}\nresolve it in {TREE},\nthen run 'harness/ti rebase "
                        "--continue', or --abort to leave all as it was")
        run = git("-c", "core.editor=true", "rebase", "--continue", cwd=TREE, env=WHO, check=False)
    return run


def marks(path):
    """Whether a file has conflict marks."""
    with open(os.path.join(TREE, path), encoding="utf-8", errors="replace") as f:
        return bool(re.search(r"^(<<<<<<< |>>>>>>> )", f.read(), re.M))


def resolved():
    """Take over what the user has resolved, and go on."""
    for path in conflicts():
        if os.path.exists(os.path.join(TREE, path)) and marks(path):
            raise Error(f"{path} still has conflict marks in {TREE}")
    git("add", "--update", cwd=TREE)
    if not git("diff", "--cached", "--quiet", cwd=TREE, check=False).returncode:
        # Nothing is left of the step: git would not commit that by itself.
        git("commit", "--quiet", "--allow-empty", "-C", "REBASE_HEAD", cwd=TREE, env=WHO)
    return git("-c", "core.editor=true", "rebase", "--continue", cwd=TREE, env=WHO, check=False)


def patch_name(path, step, steps, in_base):
    """The entry for a file that a step has not changed before."""
    if not in_base:
        return path
    taken = any(e.target == path for s in steps for e in s.entries)
    return f"{path}.{step.slug}.patch" if taken else f"{path}.patch"


def write_back(now):
    """Write what has changed into the store: (number of files written, dropped, added)."""
    _, _, steps = series.load()
    series.resolve(steps, series.base_paths(now["old"], TREE))
    new = git("rev-list", "--reverse", f"{now['new']}..HEAD", cwd=TREE).split()
    if len(new) != len(now["steps"]):
        raise Error(f"{len(now['steps'])} steps became {len(new)} commits")
    written, drop, add = 0, set(), {}
    before_old, before = now["old"], now["new"]
    for step, (_, old), commit in zip(steps, now["steps"], new):
        changed = names("diff", "--name-only", "--no-renames", before, commit, cwd=TREE)
        if not changed:
            print(f"  EMPTY    step {step.slug}: nothing is left of it: remove it from series/series")
        for entry in (e for e in step.entries if e.target not in changed):
            drop.add(entry.name)
            writeback.remove(entry)
        for path in changed:
            entry = step.entry(path)
            was, is_now = blob(before, path, TREE), blob(commit, path, TREE)
            if is_now is None:
                raise Error(f"step {step.slug} removes {path}, which a diff can't do")
            if entry is None or entry.is_patch != bool(was):
                if entry:
                    drop.add(entry.name)
                    writeback.remove(entry)
                entry = series.Entry(patch_name(path, step, steps, was), step)
                entry.target = path
                step.entries.append(entry)
                if not any(entry.name.startswith(d) for d in step.directories):
                    add.setdefault(step.slug, []).append(entry.name)
            elif was and (was, is_now) == (blob(before_old, path, TREE), blob(old, path, TREE)):
                continue
            # A file that the series adds is stored as it is at last.
            last = is_now if was else blob("HEAD", path, TREE)
            data = writeback.diff(path, was[1], is_now[1], TREE) if was else content(last[1], TREE)
            written += writeback.write(entry, data, "100644" if was else last[0])
        before_old, before = old, commit
    series.rewrite(drop, add)
    return written, sorted(drop), add


def new_base():
    """Put the new base in the place of the old one, and its version into base.conf."""
    version = conf.version_of(BASE)
    with open(os.path.join(BASE, ".git/package.conf"), encoding="utf-8") as f:
        facts = [f"VERSION={version}", *f.read().splitlines()]
    path = os.path.join(paths.HARNESS, "base.conf")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for line in facts:
        text = re.sub(rf"^{line.partition('=')[0]}=.*$", lambda _, line=line: line, text, flags=re.M)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    for where in (paths.TREE, paths.BASE):
        if os.path.islink(where):
            os.unlink(where)
        else:
            shutil.rmtree(where)
    os.rename(BASE, paths.BASE)
    which = "SUITE and CONFIG_*" if len(facts) > 1 else "SUITE, PACKAGE*, SHA256 and CONFIG_*"
    print(f"  BASE     harness/base.conf says VERSION={version}: see that {which} suit it")


def finish(now):
    """The result, once git is done."""
    no_edits()
    written, dropped, added = write_back(now)
    for name in dropped:
        print(f"  REMOVED  {name}: nothing is left of it")
    for slug, new in added.items():
        print(f"  ADDED    {' '.join(new)} (step {slug})")
    made = commits.compose(repo=BASE)[1]
    if git("rev-parse", f"{made[-1][1]}^{{tree}}", cwd=BASE) != git("rev-parse", "HEAD^{tree}", cwd=TREE):
        raise Error("what was written does not compose to what was rebased: see git diff")
    new_base()
    shutil.rmtree(WORK)
    print(f"  REBASE   {len(made)} steps onto Linux {conf.version_of(paths.BASE)}, {written} files of the "
          "series written: see git diff, then 'make tree'")


def main():
    p = cli.parser(__doc__)
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument("base", nargs="?", metavar="BASE",
                      help="a Linux 7.x: a tree, a tarball, or a Debian package linux-source-7.x")
    what.add_argument("--continue", action="store_true", dest="go_on",
                      help="go on after a conflict that was resolved in build/rebase/tree")
    what.add_argument("--abort", action="store_true", help="give up: nothing was written yet")
    opt = p.parse_args()
    if opt.abort:
        state()
        shutil.rmtree(WORK)
        return 0
    if opt.go_on:
        now = state()
        run = resolved() if under_way() else None
    else:
        start(opt.base)
        now = state()
        run = git("rebase", "--quiet", "--empty=keep", "--keep-empty", "--onto", now["new"], now["old"],
                  now["steps"][-1][1], cwd=TREE, env=WHO, check=False)
    run = go_on(run, now["steps"])
    if run and run.returncode:
        raise Error(f"git rebase failed: {(run.stdout + run.stderr).strip()}")
    finish(now)
    return 0


if __name__ == "__main__":
    cli.main(main)
