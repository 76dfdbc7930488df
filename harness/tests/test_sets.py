# SPDX-License-Identifier: GPL-2.0
"""Sets of steps, and a file that one step adds and another one changes."""

from repository import END, FIRST, SECOND, Repository

ADDED = FIRST + SECOND + END
CHANGED = ADDED.replace("first6;", "six;").replace("second6;", "sechs;\nint more;")


class Sets(Repository):
    """kernel/new.c is added by step one, of set few, and changed by step two, of set more."""

    def prepare(self):
        self.write("series/series", "author A B <a@localhost>\ndate 1767225600\nset few\n"
                   "step one | one: Add it\n    kernel/new.c\n    kernel/smp.c.patch\n\n"
                   "set more\nstep two | two: More of it\n    kernel/new.c.two.patch\n")
        self.write("series/few/one.txt", "Why it is needed.\n")
        self.write("series/more/two.txt", "More.\n")
        self.write("kernel/new.c", CHANGED)
        self.diff("kernel/new.c.two.patch", ADDED, CHANGED)

    def after(self, step):
        """kernel/new.c as a step leaves it."""
        self.good("compose")
        self.good("step-tree", step, self.path("build/step"))
        return self.read("build/step/kernel/new.c")

    def test_each_step_has_its_part(self):
        self.assertEqual(self.read("build/tree/kernel/new.c"), CHANGED)
        self.assertEqual(self.after("one"), ADDED)
        self.assertEqual(self.after("two"), CHANGED)

    def test_a_set_is_its_last_step(self):
        self.assertEqual(self.after("few"), ADDED)
        self.assertIn("expected one of few, more, one, two", self.bad("step-tree", "none", self.path("x")))

    def test_refresh_gives_an_edit_to_its_step(self):
        edited = CHANGED.replace("int first2;", "int new;\nint first2;")
        edited = edited.replace("six;", "VI;").replace("more;", "moar;").replace("end9;", "neuf;")
        self.write("build/tree/kernel/new.c", edited)
        self.good("refresh")
        self.assertEqual(self.read("kernel/new.c"), edited)
        first = ADDED.replace("int first2;", "int new;\nint first2;").replace("end9;", "neuf;")
        self.assertEqual(self.after("one"), first)
        self.assertEqual(self.after("two"), edited)

    def test_refresh_when_nothing_is_left(self):
        self.write("build/tree/kernel/new.c", ADDED)
        self.assertIn("remove kernel/new.c.two.patch from series/series", self.bad("refresh"))
        self.assertEqual(self.read("kernel/new.c"), ADDED)

    def test_edit_of_the_stored_file(self):
        """Its diffs would not apply at their lines: the error says where to edit."""
        self.write("kernel/new.c", "int first0;\n" + CHANGED)
        self.assertIn("edit it in build/tree, and run 'make refresh'", self.bad("compose"))
        self.assertEqual(self.read("kernel/new.c"), "int first0;\n" + CHANGED)

    def test_rebase(self):
        self.write("new/Makefile", "VERSION = 7\nPATCHLEVEL = 4\nSUBLEVEL = 0\n")
        self.write("new/kernel/smp.c", "\n" + self.read("src/kernel/smp.c"))
        self.write("new/.gitignore", self.read("src/.gitignore"))
        self.good("rebase", self.path("new"))
        self.assertEqual(self.read("kernel/new.c"), CHANGED)
        self.assertEqual(self.after("one"), ADDED)

    def test_order(self):
        text = self.read("series/series")
        self.write("series/series", text.replace("set few\n", ""))
        self.assertIn("a step before the first set", self.bad("compose"))
        self.write("series/series", text.replace("set more", "set few"))
        self.assertIn("a set is written 'set name', once", self.bad("compose"))
        self.write("series/series", text)
        self.write("series/series", text.replace("set more\nstep two", "step two").replace(
            "    kernel/new.c\n", "").replace("two.patch\n", "two.patch\n    kernel/new.c\n"))
        self.assertIn("neither the base nor a step before two has a file", self.bad("compose"))
