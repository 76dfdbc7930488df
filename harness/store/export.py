# SPDX-License-Identifier: GPL-2.0
"""Write the series as mails, and prove them.

The mails go to build/series: numbered, with series/cover-letter.txt in front (its first
line is the subject) and without a sign-off, which is for whoever submits. Proved, one
result of TAP each:
  git am on the pristine base gives the composed tree,
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
# The layout of events is that of all the others; lint looks at the other files.
EVENTS = ",OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT"


def write(base, made):
    """Write the mails; their paths, the cover letter first."""
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    args = ["--zero-commit", "--no-signature", "--cover-letter", "--stat=72",
            "--no-renames", "-o", OUT]
    git("format-patch", "--quiet", *args, f"{base}..{made[-1][1]}")
    mails = sorted(glob.glob(os.path.join(OUT, "*.patch")))
    letter = os.path.join(paths.ROOT, "series", "cover-letter.txt")
    with open(letter, encoding="utf-8") as f:
        subject, _, body = f.read().strip().partition("\n")
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


def proof_tree(base):
    """A pristine checkout of the base, apart from build/tree."""
    if not os.path.isdir(os.path.join(PROOF, ".git")):
        git("clone", "--quiet", "--shared", "--no-tags", paths.BASE, PROOF, cwd=paths.BUILD)
    git("am", "--abort", cwd=PROOF, check=False)
    git("checkout", "--quiet", "--force", "--detach", base, cwd=PROOF)
    git("clean", "-ffdqx", cwd=PROOF)


def prove_am(tap, mails, made):
    """The mails, applied by git am, give the composed tree."""
    who = {"GIT_COMMITTER_NAME": "proof", "GIT_COMMITTER_EMAIL": "proof@localhost"}
    try:
        git("am", "--quiet", *mails[1:], cwd=PROOF, env=who)
        got = git("rev-parse", "HEAD^{tree}", cwd=PROOF)
        want = git("rev-parse", f"{made[-1][1]}^{{tree}}")
        tap.result("git am gives the composed tree", got == want, "the trees differ")
        return got == want
    except Error as e:
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


def prove_build(tap, base, made, pattern):
    """Each step, as git am made it, builds what it touches, the option on and off."""
    applied = git("rev-list", "--reverse", f"{base}..HEAD", cwd=PROOF).split()
    new = set(git("diff", "--name-only", "--diff-filter=A", base, made[-1][1]).split())
    before = base
    for (step, _), commit in zip(made, applied):
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


def main():
    p = cli.parser(__doc__)
    builds = p.add_mutually_exclusive_group()
    builds.add_argument("--no-build", action="store_true", help="do not build the steps")
    builds.add_argument("--step", metavar="PATTERN", default="",
                        help="build only the steps whose names contain this (all)")
    opt = p.parse_args()
    tree.open_tree()
    base, made, _ = commits.compose()
    if not made:
        raise Error("series/series has no step yet")
    mails = write(base, made)
    tap = ktap.Writer()
    print(f"# {len(mails)} mails in {OUT}")
    # Apart from build's own lock: here a tree and two object directories are used.
    with open(os.path.join(paths.BUILD, ".proof-lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        proof_tree(base)
        applies = prove_am(tap, mails, made)
        prove_style(tap, mails)
        if applies and not opt.no_build:
            prove_build(tap, base, made, opt.step)
    return tap.status()


if __name__ == "__main__":
    cli.main(main)
