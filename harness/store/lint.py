#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Style of the scripts, the whole files and the diffs.

usage: lint [--but-checkpatch]

--but-checkpatch leaves to series-export, which checks the same lines as mails, what
takes the longest. Speaks TAP: one result for each tool and file set.

exit status: 0 clean, 1 something to mend, as printed.
"""

import ast
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
import ktap                                                 # noqa: E402
import series                                               # noqa: E402

# What does not suit a file or a diff out of its mail; the mails themselves
# are checked with all but the sign-off.
CHECKPATCH = ["--strict", "--no-tree", "--no-signoff", "--no-summary", "--terse",
              "--show-types", "--ignore",
              "FILE_PATH_CHANGES,UNDOCUMENTED_SETUP,COMMIT_MESSAGE,EMAIL_SUBJECT,MISSING_SIGN_OFF"]
EVENTS = ["--ignore", "OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT"]


def run(*cmd, data=None):
    """Run a tool: (ok, what it said)."""
    try:
        job = subprocess.run(cmd, cwd=series.ROOT, input=data, text=True, errors="replace", check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        return False, f"{cmd[0]} is not installed: run harness/packages check"
    return job.returncode == 0, job.stdout


def scripts():
    """Scripts of the harness: (shell, python)."""
    shell, python = [], []
    for top in ("harness", ".ci"):
        for folder, _, names in os.walk(os.path.join(series.ROOT, top)):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), series.ROOT)
                with open(os.path.join(series.ROOT, path), "rb") as f:
                    first = f.readline()
                if first.startswith(b"#!") and b"python" in first or name.endswith(".py"):
                    python.append(path)
                elif first.startswith(b"#!"):
                    shell.append(path)
    return sorted(shell), sorted(python)


def compiles(paths):
    """Each Python file parses; nothing is written."""
    said = []
    for path in paths:
        with open(os.path.join(series.ROOT, path), encoding="utf-8") as f:
            try:
                ast.parse(f.read(), path)
            except SyntaxError as e:
                said.append(str(e))
    return not said, "\n".join(said)


def checkpatch(tap, stored):
    """Whole files with -f, diffs as they are."""
    tool = os.path.join(series.BASE, "scripts", "checkpatch.pl")
    for name in stored:
        base = os.path.basename(name)
        if name.endswith(".patch"):
            # By its name, a tracked file would be checked as a source.
            with open(os.path.join(series.ROOT, name), encoding="utf-8") as f:
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
    tool = os.path.join(series.BASE, "scripts", "kernel-doc")
    for name in stored:
        if name.endswith((".c", ".h")) and name.startswith(("include/linux/", "kernel/", "arch/")):
            with open(os.path.join(series.ROOT, name), encoding="utf-8") as f:
                if "\n/**\n" not in f.read():
                    continue
            ok, said = run(tool, "-Wall", "-Werror", "-none", name)
            tap.result(f"kernel-doc {name}", ok, said)


def main():
    if sys.argv[1:] not in ([], ["--but-checkpatch"]):
        print(__doc__.strip())
        return 1
    tap = ktap.Writer()
    shell, python = scripts()
    for path in shell:
        args = ["-x", "-P", "SCRIPTDIR"]
        tap.result(f"shellcheck {path}", *run("shellcheck", *args, "-s", "sh", path))
    tap.result("python syntax", *compiles(python))
    try:
        steps = series.load()[2]
        series.validate(steps)
        tap.result("each file in one step", True)
    except series.Error as e:
        tap.result("each file in one step", False, str(e))
    stored = series.stored_files()
    texts = [p for p in ("README.md", "Makefile", "series", "harness") if
             os.path.exists(os.path.join(series.ROOT, p))]
    # diff cuts off the function that it names at the head of a hunk.
    words = ["codespell", "--quiet-level=3", "--skip=harness/tests,__pycache__",
             "--ignore-regex=^@@.*", "--ignore-words-list=hart,nd"]
    tap.result("codespell", *run(*words, *texts, *stored))
    if not sys.argv[1:]:
        checkpatch(tap, stored)
    kernel_doc(tap, stored)
    return tap.status()


sys.exit(main())
