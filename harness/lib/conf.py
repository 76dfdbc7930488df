# SPDX-License-Identifier: GPL-2.0
"""The .conf files: NAME="value" lines, which sh reads as well."""

import os
import re
import shlex

from harness.lib import paths


def read(path):
    """The settings of a file as a dict."""
    found = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, _, value = line.partition("=")
                found[name] = (shlex.split(value) or [""])[0]
    return found


def base():
    """The settings of the base."""
    return read(os.path.join(paths.HARNESS, "base.conf"))


def release(version):
    """'7.3' of '7.3.4': the versions that are alike enough for the series."""
    return ".".join(version.split(".")[:2])


def version_of(tree):
    """'7.3.4' of a kernel tree, by its Makefile; '' if it is none."""
    try:
        with open(os.path.join(tree, "Makefile"), encoding="utf-8") as f:
            text = f.read(2000)
    except OSError:
        return ""
    return ".".join(re.findall(r"^(?:VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$", text, re.M))
