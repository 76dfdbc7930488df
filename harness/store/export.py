# SPDX-License-Identifier: GPL-2.0
"""Write the series as mails, a set of them after the other, and prove them.

The mails of a set go to build/series/SET: numbered, with series/SET/cover-letter.txt in
front (its first line is the subject) and without a sign-off, which is for whoever submits.
Proved, one result of TAP each:
  git am of a set on the base and the sets before it gives the composed tree,
  no mail is longer than a reader takes,
  checkpatch --strict has nothing to say of a mail,
  each step builds the objects it touches with the option on and off.

exit status: 0 written and proved, 1 not
"""

import fcntl
import glob
import os
import re
import shutil
import subprocess

from harness.lib import arch, cli, commits, ktap, make, paths, series, touched, tree
from harness.lib.cli import Error
from harness.lib.git import git

OUT = os.path.join(paths.BUILD, "series")
PROOF = os.path.join(paths.BUILD, "proof")
# That every new file has a maintainer is checked by lint, over all steps.
IGNORE = "FILE_PATH_CHANGES"
# How many lines a mail may have without those of tests and documents, and with them.
LINES = 800
LINES_OF_TEXT = 1500
TEXTS = ("Documentation/", "tools/testing/", "kernel/tests/")
# The layout of events is that of all the others; lint looks at the other files.
EVENTS = ",OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT"


class Set:
    """A set: its steps as commits, and the commit that it applies on."""

    def __init__(self, name, before, made):
        self.name = name
        self.before = before
        self.made = made                # [(step, commit)]
        self.last = made[-1][1]
        self.out = os.path.join(OUT, name)


def cut(base, made):
    """The composed commits by sets."""
    found = []
    for name, steps in series.sets([step for step, _ in made]).items():
        before = found[-1].last if found else base
        found.append(Set(name, before, [(s, c) for s, c in made if s in steps]))
    return found


def write(part):
    """Write the mails of a set; their paths, the cover letter first."""
    shutil.rmtree(part.out, ignore_errors=True)
    os.makedirs(part.out)
    args = ["--zero-commit", "--no-signature", "--cover-letter", "--stat=72",
            "--no-renames", "-o", part.out]
    git("format-patch", "--quiet", *args, f"{part.before}..{part.last}")
    mails = sorted(glob.glob(os.path.join(part.out, "*.patch")))
    subject, _, body = series.read_text(part.name, "cover-letter", f"the cover letter of the set {part.name}"
                                        ).partition("\n")
    with open(mails[0], encoding="utf-8") as f:
        cover = f.read()
    author = series.load()[0]
    with open(mails[1], encoding="utf-8") as f:
        date = re.search(r"^Date: .*$", f.read(), re.M).group(0)
    cover = re.sub(r"^From: .*$", lambda _: f"From: {author}", cover, count=1, flags=re.M)
    cover = re.sub(r"^Date: .*$", date, cover, count=1, flags=re.M)
    # The diffstat names the same files, in lines that are not too long for a mail.
    cover = re.sub(r"^ create mode .*\n", "", cover, flags=re.M)
    cover = cover.replace("*** SUBJECT HERE ***", subject)
    cover = cover.replace("*** BLURB HERE ***", body.strip())
    with open(mails[0], "w", encoding="utf-8") as f:
        f.write(cover)
    return mails


def proof_tree(commit):
    """A checkout of a commit, apart from build/tree, whose objects it borrows."""
    if git("-C", PROOF, "cat-file", "-e", commit, cwd=paths.BUILD, check=False).returncode:
        shutil.rmtree(PROOF, ignore_errors=True)
        git("clone", "--quiet", "--shared", "--no-checkout", "--no-tags", paths.TREE, PROOF, cwd=paths.BUILD)
    git("am", "--abort", cwd=PROOF, check=False)
    git("checkout", "--quiet", "--force", "--detach", commit, cwd=PROOF)
    git("clean", "-ffdqx", cwd=PROOF)


def prove_am(tap, part, mails):
    """The mails, applied by git am, give the composed tree."""
    who = {"GIT_COMMITTER_NAME": "proof", "GIT_COMMITTER_EMAIL": "proof@localhost"}
    title = f"{part.name}: git am of {len(mails) - 1} mails gives the composed tree"
    try:
        git("am", "--quiet", *mails[1:], cwd=PROOF, env=who)
        got = git("rev-parse", "HEAD^{tree}", cwd=PROOF)
        want = git("rev-parse", f"{part.last}^{{tree}}")
        tap.result(title, got == want, "the trees differ")
        return got == want
    except Error as e:
        tap.result(title, False, str(e))
        return False


def prove_size(tap, part, mails):
    """No mail is longer than a reader takes."""
    for mail in mails[1:]:
        with open(mail, encoding="utf-8") as f:
            head, *diffs = f.read().split("\ndiff --git ")
        texts = sum(diff.count("\n") + 1 for diff in diffs if diff.split(" b/", 1)[1].startswith(TEXTS))
        others = head.count("\n") + sum(diff.count("\n") + 1 for diff in diffs) - texts
        tap.result(f"{part.name}: {os.path.basename(mail)} has {others + texts} lines, {texts} of them of texts",
                   others <= LINES and others + texts <= LINES_OF_TEXT,
                   f"cut the step in two: at most {LINES_OF_TEXT} lines, and {LINES} without {', '.join(TEXTS)}")


def prove_style(tap, part, mails):
    """checkpatch, in the tree that has all of the series.

    Without codespell's words, which take it four minutes: lint has codespell itself look.
    """
    # spdxcheck.py needs modules that Debian gives its own Python.
    env = dict(os.environ, PATH="/usr/bin:/bin:" + os.environ["PATH"])
    for mail in mails:
        with open(mail, encoding="utf-8") as f:
            ignore = IGNORE + EVENTS * ("+++ b/include/trace/events/" in f.read())
        run = subprocess.run(["scripts/checkpatch.pl", "--strict", "--no-signoff",
                              "--ignore", ignore, "--no-summary", "--show-types", mail], cwd=PROOF, env=env,
                             text=True, errors="replace", check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = run.stdout.split("\n\nNOTE: ")[0]
        bad = run.returncode or re.search(r"^(ERROR|WARNING|CHECK):", said, re.M)
        tap.result(f"{part.name}: checkpatch {os.path.basename(mail)}", not bad, said)


def build_step(isa, option, fragments, objs):
    """Configure, and build some objects: (ok, the end of the output)."""
    obj = os.path.join(paths.BUILD, "obj", f"proof-{isa}-{option}")
    kbuild = ["make", "-C", PROOF, f"O={obj}", *arch.kbuild(arch.load(isa)), f"-j{os.cpu_count()}",
              "KCFLAGS=-Werror"]
    if os.path.exists(os.path.join(arch.CONFIG, f"{isa}-proof.config")):
        fragments = fragments + [f"{isa}-proof"]
    # Early steps do not have the option yet.
    for cmd in (paths.program("configure", "--lenient", PROOF, obj, isa, "common", isa, *fragments),
                kbuild + ["prepare"], kbuild + objs):
        run = make.run(cmd)
        if run.returncode:
            return False, run.stdout[-3000:]
    return True, ""


def prove_build(tap, part, base, pattern):
    """Each step, as git am made it, builds what it touches, the option on and off."""
    applied = git("rev-list", "--reverse", f"{part.before}..HEAD", cwd=PROOF).split()
    new = set(git("diff", "--name-only", "--diff-filter=A", base, part.last).split())
    before = part.before
    for (step, _), commit in zip(part.made, applied):
        git("checkout", "--quiet", "--force", "--detach", commit, cwd=PROOF)
        changed = git("diff", "--name-only", before, commit, cwd=PROOF).split()
        before = commit
        if pattern not in step.slug:
            continue
        known, others = touched.targets(changed)
        for other in others:
            tap.result(f"{step.slug}: arch/{other}", True,
                       skip="not an architecture of the harness")
        for isa, srcarch in known.items():
            own = [p for p in changed if not p.startswith("arch/") or
                   p.startswith(f"arch/{srcarch}/")]
            for option, fragments in (("on", ["isolation"]), ("off", [])):
                # What the series adds is built only with the option on.
                objs = touched.objects(PROOF, [p for p in own if option == "on" or
                                               p not in new or p.endswith(".h")], srcarch)
                name = f"{step.slug}: {isa}, option {option}, {len(objs)} objects"
                if not shutil.which(arch.compiler(arch.load(isa))):
                    tap.result(name, True, skip=f"no {arch.compiler(arch.load(isa))}")
                elif objs:
                    tap.result(name, *build_step(isa, option, fragments, objs))
                else:
                    tap.result(name, True, skip="touches no object")


def prove(tap, part, base, opt):
    """Write the mails of a set, and prove them."""
    mails = write(part)
    print(f"# {len(mails)} mails in {part.out}")
    proof_tree(part.before)
    applies = prove_am(tap, part, mails)
    prove_size(tap, part, mails)
    prove_style(tap, part, mails)
    if applies and not opt.no_build:
        prove_build(tap, part, base, opt.step)


def main():
    p = cli.parser(__doc__)
    builds = p.add_mutually_exclusive_group()
    builds.add_argument("--no-build", action="store_true", help="do not build the steps")
    builds.add_argument("--step", metavar="PATTERN", default="",
                        help="build only the steps whose names contain this (all)")
    p.add_argument("--set", metavar="SET", help="write and prove this set alone (all)")
    opt = p.parse_args()
    tree.open_tree()
    base, made, _ = commits.compose()
    parts = cut(base, made)
    if opt.set and opt.set not in [part.name for part in parts]:
        raise Error(f"'{opt.set}' is no set of series/series, expected one of "
                    f"{', '.join(part.name for part in parts)}")
    if not parts:
        raise Error("series/series has no step yet")
    if not opt.set:
        shutil.rmtree(OUT, ignore_errors=True)
    tap = ktap.Writer()
    # Apart from build's own lock: here a tree and two object directories are used.
    with open(os.path.join(paths.BUILD, ".proof-lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for part in parts:
            if opt.set in (None, part.name):
                prove(tap, part, base, opt)
    return tap.status()


if __name__ == "__main__":
    cli.main(main)
