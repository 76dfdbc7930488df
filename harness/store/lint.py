# SPDX-License-Identifier: GPL-2.0
"""Check the style of the scripts, the whole files and the diffs.

Speaks TAP: one result for each tool and file set.

exit status: 0 clean, 1 something to fix, as printed
"""

import os
import subprocess

from harness.lib import cli, ktap, paths, series

# What does not suit a file or a diff out of its mail; the mails themselves
# are checked with all but the sign-off.
CHECKPATCH = ["--strict", "--no-tree", "--no-signoff", "--no-summary", "--terse",
              "--show-types", "--ignore",
              "FILE_PATH_CHANGES,UNDOCUMENTED_SETUP,COMMIT_MESSAGE,EMAIL_SUBJECT,MISSING_SIGN_OFF"]
EVENTS = ["--ignore", "OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT"]


def run(*cmd, data=None):
    """Run a tool: (ok, what it said)."""
    try:
        job = subprocess.run(cmd, cwd=paths.ROOT, input=data, text=True, errors="replace", check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        return False, f"{cmd[0]} is not installed: run 'harness/ti packages check'"
    return job.returncode == 0, job.stdout


def shell_scripts():
    """Scripts in sh, by their suffix or their first line."""
    found = []
    for top in ("harness", ".ci"):
        for where, _, names in os.walk(os.path.join(paths.ROOT, top)):
            for name in names:
                path = os.path.join(where, name)
                with open(path, "rb") as f:
                    first = f.readline()
                if name.endswith(".sh") or first.startswith(b"#!/bin/sh"):
                    found.append(os.path.relpath(path, paths.ROOT))
    return sorted(found)


def checkpatch(tap, stored):
    """Whole files with -f, diffs as they are."""
    tool = os.path.join(paths.BASE, "scripts", "checkpatch.pl")
    for name in stored:
        base = os.path.basename(name)
        if name.endswith(".patch"):
            # By its name, a tracked file would be checked as a source.
            with open(os.path.join(paths.ROOT, name), encoding="utf-8") as f:
                ok, said = run(tool, *CHECKPATCH, "-", data=f.read())
        elif base.endswith((".c", ".h", ".S", ".sh", ".py", ".rst")) or base == "Makefile":
            # The layout of events is that of all the others.
            events = name.startswith("include/trace/events/")
            ok, said = run(tool, *CHECKPATCH, *EVENTS * events, "-f", name)
        else:
            continue
        said = "\n".join(line for line in said.splitlines() if ": " in line)
        tap.result(f"checkpatch {name}", ok and not said, said)


def kernel_doc(tap, stored):
    """Kernel-doc comments of new C files are complete."""
    tool = os.path.join(paths.BASE, "scripts", "kernel-doc")
    for name in stored:
        if name.endswith((".c", ".h")) and name.startswith(("include/linux/", "kernel/", "arch/")):
            with open(os.path.join(paths.ROOT, name), encoding="utf-8") as f:
                if "\n/**\n" not in f.read():
                    continue
            ok, said = run(tool, "-Wall", "-Werror", "-none", name)
            tap.result(f"kernel-doc {name}", ok, said)


def main():
    p = cli.parser(__doc__)
    p.add_argument("--but-checkpatch", action="store_true",
                   help="leave to export, which checks the same lines as mails, what takes the longest")
    opt = p.parse_args()
    tap = ktap.Writer()
    for path in shell_scripts():
        tap.result(f"shellcheck {path}", *run("shellcheck", "-s", "sh", path))
    tap.result("flake8", *run("flake8", "harness"))
    try:
        series.validate(series.load()[2])
        tap.result("each file in one step", True)
    except cli.Error as e:
        tap.result("each file in one step", False, str(e))
    stored = series.stored_files()
    texts = [n for n in os.listdir(paths.ROOT) if n.endswith(".md")] + ["Makefile", "series", "harness"]
    # diff cuts off the function that it names at the head of a hunk.
    words = ["codespell", "--quiet-level=3", "--skip=harness/tests,__pycache__",
             "--ignore-regex=^@@.*", "--ignore-words-list=hart,nd"]
    tap.result("codespell", *run(*words, *sorted(texts), *stored))
    if not opt.but_checkpatch:
        checkpatch(tap, stored)
    kernel_doc(tap, stored)
    return tap.status()


if __name__ == "__main__":
    cli.main(main)
