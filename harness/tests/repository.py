# SPDX-License-Identifier: GPL-2.0
"""A repository with this harness and a small base, in a temporary directory."""

import os
import shutil
import subprocess
import tempfile
import unittest

from harness.lib import paths

SMP = "".join(f"int line{n};\n" for n in range(1, 41))


class Repository(unittest.TestCase):
    """One step, with a whole file and a diff. It is made once for a class, and copied for each test."""

    @classmethod
    def setUpClass(cls):
        cls.template = cls.top = tempfile.mkdtemp(prefix="store-")
        cls.addClassCleanup(shutil.rmtree, cls.template)
        shutil.copytree(paths.HARNESS, f"{cls.top}/harness",
                        ignore=shutil.ignore_patterns("__pycache__", "tests"))
        maker = cls("setUp")
        maker.write("src/Makefile", "VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 9\n")
        maker.write("src/kernel/smp.c", SMP)
        maker.write("src/.gitignore", ".*\n/*\n*.o\n")
        maker.write("series/series", "author A B <a@localhost>\ndate 1767225600\nset all\n"
                    "step one | one: Add it\n    kernel/new.c\n    kernel/smp.c.patch\n")
        maker.write("series/all/one.txt", "Why it is needed.\n")
        maker.write("kernel/new.c", "int new;\n")
        maker.write("kernel/smp.c.patch", "--- a/kernel/smp.c\n+++ b/kernel/smp.c\n"
                    "@@ -4,5 +4,5 @@\n int line4;\n int line5;\n-int line6;\n+int six;\n"
                    " int line7;\n int line8;\n")
        maker.prepare()
        maker.good("fetch-base", BASE=f"{cls.top}/src")
        maker.good("compose")

    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="store-")
        self.addCleanup(shutil.rmtree, self.top)
        shutil.copytree(self.template, self.top, dirs_exist_ok=True, symlinks=True)
        # build/tree borrows the objects of its own build/base.
        self.write("build/tree/.git/objects/info/alternates", self.path("build/base/.git/objects\n"))
        subprocess.run(["git", "-C", self.path("build/tree"), "update-index", "-q", "--refresh"], check=True)

    def prepare(self):
        """For tests that want another base or series."""

    def path(self, name):
        """A path below the temporary directory."""
        return os.path.join(self.top, name)

    def write(self, name, text):
        """Write a file below the temporary directory."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def read(self, name):
        """Read one."""
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def diff(self, name, old, new):
        """Write the diff of two texts, as refresh would."""
        target = name[:-len(".patch")] if os.path.exists(self.path("src/" + name[:-len(".patch")])) \
            else os.path.splitext(name[:-len(".patch")])[0]
        self.write("a", old)
        self.write("b", new)
        run = subprocess.run(["git", "diff", "--no-index", "--diff-algorithm=myers", "a", "b"], cwd=self.top,
                             text=True, check=False, stdout=subprocess.PIPE)
        self.write(name, f"--- a/{target}\n+++ b/{target}\n" + run.stdout[run.stdout.index("@@ "):])

    def stored(self):
        """All that rebase and refresh may write: {name: text}."""
        names = ["harness/base.conf", "series/series"]
        for top in ("kernel", "mm", "tools"):
            for where, _, files in os.walk(self.path(top)):
                names += [os.path.relpath(os.path.join(where, n), self.top) for n in files]
        return {name: self.read(name) for name in names}

    def tool(self, name, *args, **env):
        """Run a tool of the copied harness: (exit status, output)."""
        clean = {k: v for k, v in os.environ.items() if k not in ("BASE", "BUILD", "MIRROR", "PYTHONPATH")}
        run = subprocess.run([self.path("harness/ti"), name, *args], text=True, check=False,
                             env=dict(clean, **env), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        return run.returncode, run.stdout

    def good(self, name, *args, **env):
        """Run a tool that has to succeed."""
        status, said = self.tool(name, *args, **env)
        self.assertEqual(status, 0, said)
        return said

    def bad(self, name, *args, **env):
        """Run a tool that has to refuse."""
        status, said = self.tool(name, *args, **env)
        self.assertNotEqual(status, 0, said)
        self.assertNotIn("Traceback", said)
        return said


# Two functions whose lines differ from each other, for a step each.
FIRST = "".join(f"int first{n};\n" for n in range(1, 13))
SECOND = "".join(f"int second{n};\n" for n in range(1, 13))
END = "".join(f"int end{n};\n" for n in range(1, 21))


def one(text):
    """What step one makes of a text."""
    return text.replace("first6;", "six;")


def two(text):
    """What steps one and two make of it."""
    return one(text).replace("second6;", "sechs;\nint more;")


class TwoSteps(Repository):
    """Two steps that change kernel/smp.c, one that changes mm/lru.c, and whole files."""

    BASE = FIRST + SECOND + END

    def prepare(self):
        self.write("src/kernel/smp.c", self.BASE)
        self.write("src/mm/lru.c", END)
        self.write("series/series", "author A B <a@localhost>\ndate 1767225600\nset all\n"
                   "step one | one: Add it\n    kernel/new.c\n    kernel/smp.c.patch\n    mm/lru.c.patch\n\n"
                   "step two | two: More of it\n    kernel/smp.c.two.patch\n    tools/t/\n")
        self.write("series/all/two.txt", "More.\n")
        self.write("tools/t/a.c", "int a;\n")
        self.diff("kernel/smp.c.patch", self.BASE, one(self.BASE))
        self.diff("kernel/smp.c.two.patch", one(self.BASE), two(self.BASE))
        self.diff("mm/lru.c.patch", END, END.replace("end9;", "neuf;"))

    def composed(self, name="kernel/smp.c"):
        """What build/tree has for a file after another compose."""
        self.good("compose")
        return self.read(f"build/tree/{name}")
