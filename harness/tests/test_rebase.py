# SPDX-License-Identifier: GPL-2.0
"""The series on another base: what is written back, and where it stops."""

import os
import subprocess

from repository import END, FIRST, SECOND, TwoSteps, one, two


class Rebase(TwoSteps):
    """The new base is Linux 7.4."""

    def new_base(self, text, **files):
        """Another base, with a text for kernel/smp.c and perhaps other files."""
        self.write("new/Makefile", "VERSION = 7\nPATCHLEVEL = 4\nSUBLEVEL = 0\n")
        self.write("new/kernel/smp.c", text)
        for name, content in {"mm/lru.c": END, **files}.items():
            self.write(f"new/{name}", content)
        return f"{self.top}/new"

    def repo(self, where):
        """A git tree of a directory."""
        who = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
        for args in (["init", "-q"], ["add", "--all"], [*who, "commit", "-q", "-m", "base"]):
            subprocess.run(["git", *args], cwd=where, check=True)
        return where

    def test_blank_line(self):
        """Only what is elsewhere now is written."""
        text = "\n" + FIRST + SECOND + END
        lru = self.read("mm/lru.c.patch")
        new = self.repo(self.new_base(text))
        self.assertIn("kernel/smp.c.patch applies, but not at its lines", self.bad("compose", "--fits", new))
        said = self.good("rebase", new)
        self.assertIn("2 steps onto Linux 7.4.0, 2 files of the series written", said)
        self.assertEqual(self.composed(), two(text))
        self.assertEqual(self.read("mm/lru.c.patch"), lru)
        self.assertIn("VERSION=7.4.0", self.read("harness/base.conf"))
        self.assertFalse(os.path.exists(f"{self.top}/build/rebase"))

    def test_around_what_was_moved(self):
        """Functions that change places are merged."""
        text = "\n" + SECOND + FIRST + "int between;\n" + END
        self.good("rebase", self.new_base(text))
        self.assertEqual(self.composed(), two(text))
        self.assertNotIn("sechs", self.read("kernel/smp.c.patch"))

    def test_moved_hunk(self):
        """The lines that a diff changes are elsewhere in the file, between other ones."""
        moved = "".join(f"int first{n};\n" for n in range(3, 10))
        text = "\n" + FIRST.replace(moved, "") + SECOND + END.replace("int end10;\n", "int end10;\n" + moved)
        said = self.good("rebase", self.new_base(text))
        self.assertIn("MOVED    kernel/smp.c", said)
        self.assertEqual(self.composed(), two(text))

    def conflict(self):
        """A base in which a line that step one changes is another one."""
        before = self.stored()
        said = self.bad("rebase", self.new_base("\n" + FIRST.replace("first6", "FIRST6") + SECOND + END))
        self.assertIn("conflict in step one (1 of 2): kernel/smp.c", said)
        self.assertIn("--continue", said)
        self.assertEqual(self.stored(), before)
        return before

    def test_abort(self):
        before = self.conflict()
        self.assertIn("a rebase is under way", self.bad("rebase", f"{self.top}/new"))
        self.good("rebase", "--abort")
        self.assertEqual(self.stored(), before)
        self.good("compose", "--check")
        self.assertIn("no rebase is under way", self.bad("rebase", "--continue"))

    def test_continue(self):
        self.conflict()
        self.assertIn("still has conflict marks", self.bad("rebase", "--continue"))
        text = "\n" + FIRST.replace("first6;", "SIX;") + SECOND + END
        self.write("build/rebase/tree/kernel/smp.c", text)
        self.good("rebase", "--continue")
        self.assertEqual(self.composed(), two(text))
        self.assertIn("-int FIRST6;\n+int SIX;\n", self.read("kernel/smp.c.patch"))

    def test_continue_with_nothing(self):
        """Where the new base has it already, the diff goes, and its line in series/series."""
        self.conflict()
        self.write("build/rebase/tree/kernel/smp.c", "\n" + FIRST.replace("first6", "FIRST6") + SECOND + END)
        self.assertIn("REMOVED  kernel/smp.c.patch", self.good("rebase", "--continue"))
        self.assertNotIn("kernel/smp.c.patch", self.read("series/series"))
        self.assertIn("sechs", self.composed())

    def test_taken_by_the_new_base(self):
        said = self.good("rebase", self.new_base(two(FIRST + SECOND + END)))
        self.assertIn("REMOVED  kernel/smp.c.patch", said)
        self.assertIn("REMOVED  kernel/smp.c.two.patch", said)
        self.assertEqual(self.composed(), two(FIRST + SECOND + END))

    def test_resolved_in_another_file(self):
        """A file that the new base has instead gets a diff of its own."""
        new = self.new_base("int elsewhere;\n", **{"kernel/other.c": FIRST + SECOND + END})
        self.assertIn("conflict in step one (1 of 2): kernel/smp.c", self.bad("rebase", new))
        self.write("build/rebase/tree/kernel/smp.c", "int elsewhere;\n")
        self.write("build/rebase/tree/kernel/other.c", one(FIRST + SECOND + END))
        self.assertIn("conflict in step two (2 of 2): kernel/smp.c", self.bad("rebase", "--continue"))
        self.write("build/rebase/tree/kernel/smp.c", "int elsewhere;\n")
        self.write("build/rebase/tree/kernel/other.c", two(FIRST + SECOND + END))
        said = self.good("rebase", "--continue")
        self.assertIn("ADDED    kernel/other.c.patch (step one)", said)
        self.assertEqual(self.composed("kernel/other.c"), two(FIRST + SECOND + END))

    def test_file_that_is_gone(self):
        new = self.new_base(FIRST + SECOND + END)
        os.unlink(f"{new}/mm/lru.c")
        said = self.bad("rebase", new)
        self.assertIn("step one", said)
        self.assertIn("mm/lru.c is not in the new base", said)
        self.good("rebase", "--abort")

    def test_edits_are_not_lost(self):
        self.write("build/tree/kernel/new.c", "int edited;\n")
        self.assertIn("run 'make refresh' first", self.bad("rebase", self.new_base("\n" + FIRST + SECOND + END)))

    def test_what_can_not_be_a_base(self):
        self.assertIn("there is no such tree", self.bad("rebase", f"{self.top}/nowhere"))
        new = self.new_base(FIRST + SECOND + END)
        self.write("new/Makefile", "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\n")
        self.assertIn("is not Linux 7.x", self.bad("rebase", new))
        self.good("compose", "--check")
