# SPDX-License-Identifier: GPL-2.0
"""Where several steps change one file, each edit goes to the step of its lines."""

import os
import shutil
import tempfile
import unittest

from harness.lib import owners
from harness.lib.git import content, git, identity

PATH = "smp.c"


class Owners(unittest.TestCase):
    """A file of the base and of two steps, of which refresh would make two diffs."""

    BASE = "".join(f"line{n}\n" for n in range(1, 31))
    ONE = BASE.replace("line6\n", "six\n")
    TWO = ONE.replace("line20\n", "twenty\nmore\n")

    def setUp(self):
        self.repo = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.repo)
        git("init", "-q", cwd=self.repo)
        self.commits = [self.commit(text) for text in (self.BASE, self.ONE, self.TWO)][1:]

    def commit(self, text):
        """Commit a content of the file."""
        with open(os.path.join(self.repo, PATH), "w", encoding="utf-8") as f:
            f.write(text)
        git("add", PATH, cwd=self.repo)
        git("commit", "-q", "-m", "step", cwd=self.repo, env=identity("a", "a@localhost"))
        return git("rev-parse", "HEAD", cwd=self.repo).strip()

    def edit(self, *pairs, spare=None, commits=None):
        """Replace texts of the composed file: what each step makes of it then."""
        text = self.TWO
        for old, new in pairs:
            self.assertIn(old, text)
            text = text.replace(old, new)
        work = git("hash-object", "-w", "--stdin", data=text, cwd=self.repo).strip()
        after = owners.spread(PATH, commits or self.commits, work, spare, self.repo)
        found = [content(ident, self.repo).decode() for ident in after]
        self.assertEqual(found[-1], text)
        return found

    def test_line_of_the_first_step(self):
        self.assertEqual(self.edit(("six", "seis"))[0], self.ONE.replace("six", "seis"))

    def test_line_of_the_second_step(self):
        self.assertEqual(self.edit(("twenty", "veinte"))[0], self.ONE)

    def test_both(self):
        self.assertEqual(self.edit(("six", "seis"), ("twenty", "veinte"))[0], self.ONE.replace("six", "seis"))

    def test_new_lines_go_with_their_neighbours(self):
        self.assertEqual(self.edit(("six\n", "six\nbehind\n"), ("twenty\n", "before\ntwenty\n"))[0],
                         self.ONE.replace("six\n", "six\nbehind\n"))
        self.assertEqual(self.edit(("six\n", "before\nsix\n"), ("more\n", "more\nbehind\n"))[0],
                         self.ONE.replace("six\n", "before\nsix\n"))

    def test_lines_of_the_base_go_to_the_nearest_step(self):
        self.assertEqual(self.edit(("line2\n", "zwei\n"), ("line30\n", "dreissig\n"))[0],
                         self.ONE.replace("line2\n", "zwei\n"))

    def test_lines_of_the_base_go_to_a_new_diff(self):
        """A step that has none yet, and is the last or the first."""
        last = [*self.commits, self.commits[-1]]
        found = self.edit(("line2\n", "zwei\n"), ("six", "seis"), spare=2, commits=last)
        self.assertEqual(found[:2], [t.replace("six", "seis") for t in (self.ONE, self.TWO)])
        base = git("rev-parse", f"{self.commits[0]}^", cwd=self.repo).strip()
        found = self.edit(("line2\n", "zwei\n"), ("six", "seis"), spare=0, commits=[base, *self.commits])
        self.assertEqual(found[0], self.BASE.replace("line2\n", "zwei\n"))

    def test_removed_lines(self):
        self.assertEqual(self.edit(("more\n", ""))[0], self.ONE)
        self.assertEqual(self.edit(("six\n", ""))[0], self.ONE.replace("six\n", ""))

    def test_ends_of_the_file(self):
        self.assertEqual(self.edit(("line1\n", "first\nline1\n"), ("line30\n", "line30\nlast"))[0],
                         self.ONE.replace("line1\n", "first\nline1\n", 1))


class Neighbours(Owners):
    """Both steps change lines that stand side by side."""

    TWO = Owners.ONE.replace("line7\n", "twenty\nmore\n")

    def test_new_lines_go_with_their_neighbours(self):
        """Between lines of both they go to the last."""
        self.assertEqual(self.edit(("six\n", "six\nbetween\n"))[0], self.ONE)
        self.assertEqual(self.edit(("six\n", "before\nsix\n"))[0], self.ONE.replace("six\n", "before\nsix\n"))

    def test_one_for_one(self):
        """Lines of both that are replaced one by one go to each."""
        self.assertEqual(self.edit(("six\ntwenty\n", "seis\nveinte\n"))[0], self.ONE.replace("six", "seis"))

    def test_what_joins_lines_of_both_goes_to_the_last(self):
        self.assertEqual(self.edit(("six\ntwenty\n", "twentysix\n"))[0], self.ONE)
