# SPDX-License-Identifier: GPL-2.0
"""README.md and its like name only what there is."""

import glob
import os
import re
import unittest

from test_programs import programs

from harness.lib import arch, lanes, paths

PAGES = sorted([*glob.glob(os.path.join(paths.ROOT, "*.md")), os.path.join(paths.HARNESS, "README.md")])


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as f:
        return f.read()


class Pages(unittest.TestCase):
    """Paths, programs, verbs and lanes."""

    def test_programs(self):
        for page in PAGES:
            for name in re.findall(r"harness/ti ([a-z][a-z-]*)", read(page)):
                self.assertIn(name, programs(), page)

    def test_verbs(self):
        verbs = " ".join(re.findall(r"(?m)^\.PHONY: (.*)$", read(os.path.join(paths.ROOT, "Makefile")))).split()
        for page in PAGES:
            for name in re.findall(r"(?m)(?:^ {4}|`)make ([a-z]+)", read(page)):
                self.assertIn(name, verbs, page)

    def test_verbs_have_help(self):
        text = read(os.path.join(paths.ROOT, "Makefile"))
        verbs = " ".join(re.findall(r"(?m)^\.PHONY: (.*)$", text)).split()
        for name in set(verbs) - {"help", "packages", "base"}:
            self.assertRegex(text, rf"(?m)^\t@echo '  {name} +\S")

    def test_paths(self):
        for page in PAGES:
            text = read(page)
            linked = re.findall(r"\]\((?!\w+:)([^)#]+)\)", text)
            named = re.findall(r"\b((?:harness|Documentation|series)/[\w./-]*[\w/])(?![\w*-])", text)
            for path in linked + [p for p in named if not re.search("NAME|SLUG", p)]:
                there = [os.path.exists(os.path.join(where, path)) for where in (paths.ROOT, os.path.dirname(page))]
                self.assertTrue(any(there), f"{page}: {path}")

    def test_lanes_and_variants(self):
        text = read(os.path.join(paths.HARNESS, "README.md"))
        theirs = [word for isa in arch.known() for word in arch.words(isa, "LANES")]
        for name in [*lanes.SELFTESTS, *lanes.OTHERS, *theirs, *filter(None, arch.VARIANTS), *programs()]:
            self.assertIn(f"`{name}`", text)

    def test_length(self):
        for page, most in (("README.md", 130), ("harness/README.md", 80)):
            self.assertLessEqual(len(read(os.path.join(paths.ROOT, page)).splitlines()), most, page)
