# SPDX-License-Identifier: GPL-2.0
"""Which objects a change touches, and which of them a configuration has."""

import os
import tempfile
import unittest

from harness.lib import touched

TREE = {
    "kernel/Makefile": "obj-y := always.o\nobj-$(CONFIG_A) += chosen.o sub/\n"
                       "whole-y := part.o\nobj-$(CONFIG_B) += whole.o\n"
                       "$(obj)/made.c: FORCE\n",
    "kernel/always.c": "",
    "kernel/chosen.c": "",
    "kernel/part.c": "",
    "kernel/build.c": '#include "inner.c"\n',
    "kernel/inner.c": "",
    "kernel/sub/Makefile": "obj-y := deep.o\n",
    "kernel/sub/deep.c": "",
}


class Touched(unittest.TestCase):
    """A tree of one directory and one below it."""

    def setUp(self):
        where = tempfile.TemporaryDirectory()       # pylint: disable=consider-using-with
        self.addCleanup(where.cleanup)
        self.tree = os.path.join(where.name, "tree")
        self.obj = os.path.join(where.name, "obj")
        for path, text in TREE.items():
            full = os.path.join(self.tree, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as f:
                f.write(text)

    def configured(self, config, *objs):
        """Those that a configuration has."""
        path = os.path.join(self.obj, "include/config/auto.conf")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(config)
        return touched.configured(self.tree, self.obj, list(objs), "x86")

    def test_source(self):
        """A source is made into its own object, or into that which includes it."""
        self.assertEqual(["kernel/always.o", "kernel/build.o"], touched.objects(
            self.tree, ["kernel/always.c", "kernel/inner.c", "tools/x.c"], "x86"))

    def test_option(self):
        """Objects, parts of objects and directories of options that are off are out."""
        objs = ["kernel/always.o", "kernel/chosen.o", "kernel/part.o", "kernel/sub/deep.o"]
        self.assertEqual(["kernel/always.o"], self.configured("", *objs))
        self.assertEqual(["kernel/always.o", "kernel/chosen.o", "kernel/sub/deep.o"],
                         self.configured("CONFIG_A=y\n", *objs))
        self.assertEqual(["kernel/always.o", "kernel/part.o"],
                         self.configured("CONFIG_B=m\n", *objs))

    def test_unreadable(self):
        """A Makefile that can't be read is no Makefile without objects."""
        with open(os.path.join(self.tree, "kernel/Makefile"), "a", encoding="utf-8") as f:
            f.write("$(error broken)\n")
        with self.assertRaises(ValueError):
            self.configured("", "kernel/always.o")
