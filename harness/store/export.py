#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write the series as mails, and prove them.

usage: series-export [--no-build | --step PATTERN]

The mails go to build/series: numbered, with series/cover-letter.txt in front
(its first line is the subject) and without a sign-off, which is for whoever
submits. Proved, one result of TAP each:
  git am on the pristine base gives the composed tree,
  checkpatch --strict has nothing to say of a mail,
  each step builds the objects it touches with the option on and off
  (not with --no-build; with --step, only the steps whose name has PATTERN).

exit status: 0 written and proved, 1 not.
"""

import fcntl
import glob
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import arch                                                 # noqa: E402
import ktap                                                 # noqa: E402
import series                                               # noqa: E402
import touched                                              # noqa: E402

OUT = os.path.join(series.BUILD, "series")
PROOF = os.path.join(series.BUILD, "proof")
# That every new file has a maintainer is checked by lint, over all steps.
IGNORE = "FILE_PATH_CHANGES"
# The layout of events is that of all the others; lint looks at the other files.
EVENTS = ",OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT"


def write(base, commits):
    """Write the mails; their paths, the cover letter first."""
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    args = ["--zero-commit", "--no-signature", "--cover-letter", "--stat=72",
            "--no-renames", "-o", OUT]
    series.git("format-patch", "--quiet", *args, f"{base}..{commits[-1][1]}")
    mails = sorted(glob.glob(os.path.join(OUT, "*.patch")))
    letter = os.path.join(series.ROOT, "series", "cover-letter.txt")
    with open(letter, encoding="utf-8") as f:
        subject, _, body = f.read().strip().partition("\n")
    with open(mails[0], encoding="utf-8") as f:
        cover = f.read()
    author = series.load()[0]
    with open(mails[1], encoding="utf-8") as f:
        date = re.search(r"^Date: .*$", f.read(), re.M).group(0)
    cover = re.sub(r"^From: .*$", lambda _: f"From: {author}", cover, count=1, flags=re.M)
    cover = re.sub(r"^Date: .*$", date, cover, count=1, flags=re.M)
    cover = cover.replace("*** SUBJECT HERE ***", subject)
    cover = cover.replace("*** BLURB HERE ***", body.strip())
    with open(mails[0], "w", encoding="utf-8") as f:
        f.write(cover)
    return mails


def proof_tree(base):
    """A pristine checkout of the base, apart from build/tree."""
    if not os.path.isdir(os.path.join(PROOF, ".git")):
        series.git("clone", "--quiet", "--shared", "--no-tags", series.BASE, PROOF,
                   cwd=series.BUILD)
    series.git("am", "--abort", cwd=PROOF, check=False)
    series.git("checkout", "--quiet", "--force", "--detach", base, cwd=PROOF)
    series.git("clean", "-ffdqx", cwd=PROOF)


def prove_am(tap, mails, commits):
    """The mails, applied by git am, give the composed tree."""
    who = {"GIT_COMMITTER_NAME": "proof", "GIT_COMMITTER_EMAIL": "proof@localhost"}
    try:
        series.git("am", "--quiet", *mails[1:], cwd=PROOF, env=who)
        got = series.git("rev-parse", "HEAD^{tree}", cwd=PROOF)
        want = series.git("rev-parse", f"{commits[-1][1]}^{{tree}}")
        tap.result("git am gives the composed tree", got == want, "the trees differ")
        return got == want
    except series.Error as e:
        tap.result("git am gives the composed tree", False, str(e))
        return False


def prove_style(tap, mails):
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
        tap.result(f"checkpatch {os.path.basename(mail)}", not bad, said)


def build_step(isa, option, fragments, objs):
    """Configure, and build some objects: (ok, the end of what was said)."""
    conf = arch.load(isa)
    obj = os.path.join(series.BUILD, "obj", f"proof-{isa}-{option}")
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O")}
    env["LENIENT"] = "1"        # early steps do not have the option yet
    make = ["make", "-C", PROOF, f"O={obj}", *arch.kbuild(conf), f"-j{os.cpu_count()}",
            "KCFLAGS=-Werror"]
    if os.path.exists(os.path.join(HERE, "config", f"{isa}-proof.config")):
        fragments = fragments + [f"{isa}-proof"]
    for cmd in ([os.path.join(HERE, "configure"), PROOF, obj, isa, "common", isa, *fragments],
                make + ["prepare"], make + objs):
        run = subprocess.run(cmd, env=env, text=True, errors="replace", check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if run.returncode:
            return False, run.stdout[-3000:]
    return True, ""


def prove_build(tap, base, commits, pattern):
    """Each step, as git am made it, builds what it touches, the option on and off."""
    applied = series.git("rev-list", "--reverse", f"{base}..HEAD", cwd=PROOF).split()
    new = set(series.git("diff", "--name-only", "--diff-filter=A", base, commits[-1][1]).split())
    before = base
    for (step, _), commit in zip(commits, applied):
        series.git("checkout", "--quiet", "--force", "--detach", commit, cwd=PROOF)
        paths = series.git("diff", "--name-only", before, commit, cwd=PROOF).split()
        before = commit
        if pattern not in step.slug:
            continue
        known, others = touched.targets(paths)
        for folder in others:
            tap.result(f"{step.slug}: arch/{folder}", True,
                       skip="not an architecture of the harness")
        for isa, folder in known.items():
            own = [p for p in paths if not p.startswith("arch/") or
                   p.startswith(f"arch/{folder}/")]
            for option, fragments in (("on", ["isolation"]), ("off", [])):
                # What the series adds is built only with the option on.
                objs = touched.objects(PROOF, [p for p in own if option == "on" or
                                               p not in new or p.endswith(".h")], folder)
                name = f"{step.slug}: {isa}, option {option}, {len(objs)} objects"
                if not shutil.which(arch.compiler(arch.load(isa))):
                    tap.result(name, True, skip=f"no {arch.compiler(arch.load(isa))}")
                elif objs:
                    tap.result(name, *build_step(isa, option, fragments, objs))
                else:
                    tap.result(name, True, skip="touches no object")


def main():
    if sys.argv[1:] not in ([], ["--no-build"]) and \
            (len(sys.argv) != 3 or sys.argv[1] != "--step"):
        print(__doc__.strip())
        return 1
    series.open_tree()
    base, commits, _ = series.compose()
    if not commits:
        raise series.Error("series/series has no step yet")
    mails = write(base, commits)
    tap = ktap.Writer()
    print(f"# {len(mails)} mails in {OUT}")
    # Apart from build's own lock: here a tree and two object folders are used.
    with open(os.path.join(series.BUILD, ".proof-lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        proof_tree(base)
        applies = prove_am(tap, mails, commits)
        prove_style(tap, mails)
        if applies and sys.argv[1:] != ["--no-build"]:
            prove_build(tap, base, commits, sys.argv[2] if sys.argv[1:] else "")
    return tap.status()


series.main(main)
