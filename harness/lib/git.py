# SPDX-License-Identifier: GPL-2.0
"""git, as the store uses it: without the user's configuration, with errors that say why."""

import os
import subprocess

from harness.lib import paths
from harness.lib.cli import Error


def git(*args, cwd=None, env=None, data=None, text=True, check=True, own_config=False):
    """Run git in build/tree, or in cwd, and return its output.

    With check, an Error says why it failed; without it, the finished process is returned.
    own_config: with the user's configuration, for trees that are the user's own.
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
    run = subprocess.run(cmd, cwd=cwd or paths.TREE, env=full, input=data, text=text,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if check and run.returncode:
        err = run.stderr if text else run.stderr.decode(errors="replace")
        raise Error(f"git {' '.join(args[:3])} failed: {err.strip()}")
    return run.stdout if check else run


def names(*args, cwd=None):
    """The paths that a git command prints with -z."""
    return [p for p in git(*args, "-z", cwd=cwd).split("\0") if p]


def blob(commit, path, cwd=None):
    """(mode, content id) of a path in a commit, or None."""
    out = git("ls-tree", "-z", commit, "--", path, cwd=cwd)
    if not out:
        return None
    mode, _, ident = out.split("\t")[0].split(" ")
    return mode, ident


def content(ident, cwd=None):
    """The bytes of a content id."""
    return git("cat-file", "blob", ident, cwd=cwd, text=False)


def identity(name, mail, date=""):
    """The environment in which git makes commits of somebody."""
    who = {}
    for role in ("AUTHOR", "COMMITTER"):
        who.update({f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": mail})
        if date:
            who[f"GIT_{role}_DATE"] = date
    return who
