# SPDX-License-Identifier: GPL-2.0
"""build/tree, where the composed series stands as files, and the edits made there."""

import os

from harness.lib import paths
from harness.lib.cli import Error
from harness.lib.git import git, names


def open_tree():
    """Make build/tree if it does not exist; return the commit it was composed from."""
    if not os.path.isdir(os.path.join(paths.BASE, ".git")):
        raise Error("there is no build/base yet: run 'make tree', or 'harness/ti fetch-base'")
    if not os.path.isdir(os.path.join(paths.TREE, ".git")):
        git("clone", "--quiet", "--shared", "--no-tags", paths.BASE, paths.TREE, cwd=paths.BUILD)
    run = git("rev-parse", "--verify", "--quiet", "refs/composed", check=False)
    if run.returncode == 0:
        return run.stdout.strip()
    base = git("rev-parse", "HEAD", cwd=paths.BASE).strip()
    git("update-ref", "refs/composed", base)
    return base


def edited(composed):
    """Paths of build/tree that differ from what was composed last."""
    git("update-index", "-q", "--refresh", check=False)
    changed = names("diff", "--name-only", "--no-renames", composed)
    # Debian's tree ignores "/*", and so every new file: take that one back.
    new = names("ls-files", "--others", "--exclude-standard", "--exclude=!/*")
    return sorted(set(changed + new))


def work_blob(path):
    """(mode, content id) of a path as it stands in build/tree, or None."""
    full = os.path.join(paths.TREE, path)
    if not os.path.isfile(full):
        return None
    mode = "100755" if os.access(full, os.X_OK) else "100644"
    return mode, git("hash-object", "-w", "--no-filters", full).strip()
