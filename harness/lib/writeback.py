# SPDX-License-Identifier: GPL-2.0
"""Write files and diffs of the store."""

import os

from harness.lib import paths
from harness.lib.git import git


def diff(path, old, new, repo=None):
    """The diff of two content ids, with the path of the kernel tree and nothing that varies."""
    out = git("diff", "--no-color", "--no-ext-diff", "--no-renames",
              "--diff-algorithm=myers", "--unified=3", "--full-index",
              "--inter-hunk-context=0", old, new, text=False, cwd=repo)
    start = out.find(b"\n@@ ") + 1
    if not start:
        return b""
    name = path.encode()
    return b"--- a/" + name + b"\n+++ b/" + name + b"\n" + out[start:]


def write(entry, data, mode="100644"):
    """Write the file of an entry if it differs; True if it was written."""
    bits = 0o755 if mode == "100755" else 0o644
    if os.path.exists(entry.file):
        with open(entry.file, "rb") as f:
            same = f.read() == data
        if same and bool(os.stat(entry.file).st_mode & 0o100) == (bits == 0o755):
            return False
    os.makedirs(os.path.dirname(entry.file), exist_ok=True)
    with open(entry.file, "wb") as f:
        f.write(data)
    os.chmod(entry.file, bits)
    return True


def remove(entry):
    """Remove the file of an entry, and directories that are empty then."""
    if os.path.exists(entry.file):
        os.unlink(entry.file)
    where = os.path.dirname(entry.file)
    while where != paths.ROOT and os.path.isdir(where) and not os.listdir(where):
        os.rmdir(where)
        where = os.path.dirname(where)
