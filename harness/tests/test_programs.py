# SPDX-License-Identifier: GPL-2.0
"""Every program of the harness: its help, and what it says of a bad argument."""

import glob
import importlib
import os
import re
import subprocess
import unittest

from harness.lib import paths

# What an architecture's .conf has to say, beside what some of them add.
SETTINGS = ("ORDER", "KARCH", "SRCARCH", "CROSS", "IMAGE", "IMAGE_TARGET", "DEB_ARCH", "PACKAGES", "QEMU",
            "QEMU_ARGS", "CONSOLE", "RUN_TTY", "RUN_QEMU", "CMDLINE", "PATCH_SAFE_QEMU", "OBJECTS", "LANES")


def programs():
    """The names of all programs."""
    found = [path for where in ("store", "build", "guest", "check") for end in ("py", "sh")
             for path in glob.glob(os.path.join(paths.HARNESS, where, "*." + end))]
    return sorted(os.path.splitext(os.path.basename(path))[0].replace("_", "-") for path in found)


def run(*args):
    """Run harness/ti: (exit status, output, errors)."""
    job = subprocess.run([paths.TI, *args], text=True, check=False, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return job.returncode, job.stdout, job.stderr


class Programs(unittest.TestCase):
    """Each of them, by its name."""

    def test_names_are_unique(self):
        self.assertEqual(len(programs()), len(set(programs())))
        self.assertGreater(len(programs()), 30)

    def test_help(self):
        for name in programs():
            status, said, errors = run(name, "--help")
            self.assertEqual((status, errors), (0, ""), name)
            self.assertIn(f"harness/ti {name}", said)
            self.assertRegex(said, r"exit status: .*", name)
            self.assertRegex(said, r"(?m)^usage: ", name)

    def test_each_option_is_described(self):
        for name in programs():
            said = run(name, "--help")[1]
            for option in re.findall(r"(?m)^  (-[^\s,]+(?:, --\S+)?(?: [A-Z]\S*)*)$(?!\n {8})", said):
                self.fail(f"{name}: {option} has no description")

    def test_bad_option(self):
        for name in programs():
            status, said, errors = run(name, "--no-such-option")
            self.assertEqual((status, said), (2, ""), name)
            self.assertRegex(errors, r"usage: |expected|--help", name)
            self.assertNotIn("Traceback", errors)

    def test_what_was_expected(self):
        for args, said in (
                (("build", "vax"), "ARCH=vax is not known here: one of x86_64, arm64"),
                (("build", "x86_64-fast"), "'fast' is not a variant of a kernel: one of debug"),
                (("boot", "--cpus", "four"), "'four' was given, expected a number of vCPUs"),
                (("boot", "--cpus", "1"), "expected 2 vCPUs or more"),
                (("boot", "--thread", "many"), "invalid choice: 'many' (choose from 'auto'"),
                (("boot", "--file", "x"), "--file x: expected SRC=DST"),
                (("silence", "--seconds", "-1"), "expected"),
                (("witness", "--only", "r15", "x"), "expected a register and its value: r15=1f"),
                (("repeat", "0", "x86_64"), "expected a number of runs: a whole number, 1 or more"),
                (("repeat", "1", "x86_64-nonsense"), "no lane of x86_64, which are: x86_64 "),
                (("check", "--limit", "soon"), "'soon' was given, expected a number of minutes"),
                (("check", "--kernels", "vax"), "expected kernels: ARCH=vax is not known here"),
                (("configs", "tiny"), "'tiny' is not a configuration, expected one of without-stacktrace"),
                (("boot-lines", "nonsense"), "'nonsense' is not a line, expected one of: recommended"),
                (("apply", "/nowhere"), "'/nowhere' is not a directory, expected a kernel tree"),
                (("rebase",), "one of the arguments BASE --continue --abort is required"),
                (("packages", "vax"), "ARCH=vax is not known here: one of arm arm64"),
                (("fetch-base", "now"), "'now' was given, expected --any or nothing"),
                (("fetch-guest",), "expected ARCH, and SUITE perhaps"),
                (("configure", "x"), "expected SOURCE OBJ ARCH FRAGMENT..."),
                (("archs", "1"), "expected a word such as disturb or bench"),
                (("nonsense",), "'nonsense' is not a program, expected one of:")):
            status, _, errors = run(*args)
            self.assertEqual(status, 2, (args, errors))
            self.assertIn(said, re.sub(r"\s+", " ", errors), args)

    def test_each_can_be_imported(self):
        for path in glob.glob(os.path.join(paths.HARNESS, "[a-z]*", "*.py")):
            where, name = path[:-len(".py")].split(os.sep)[-2:]
            if where != "tests":
                self.assertTrue(importlib.import_module(f"harness.{where}.{name}").__doc__, name)

    def test_list(self):
        status, said, _ = run()
        self.assertEqual(status, 0)
        for name in programs():
            self.assertRegex(said, rf"(?m)^  {name} +[A-Z]\S* .*\.$")


class Architectures(unittest.TestCase):
    """harness/arch/*.conf."""

    def test_settings(self):
        for path in glob.glob(os.path.join(paths.HARNESS, "arch", "*.conf")):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            for name in SETTINGS:
                self.assertRegex(text, rf'(?m)^{name}="', path)

    def test_nothing_else_names_them_in_code(self):
        """Makefile and programs take what they know of an architecture from its .conf."""
        names = [os.path.basename(p)[:-len(".conf")] for p in
                 glob.glob(os.path.join(paths.HARNESS, "arch", "*.conf"))]
        word = re.compile(r"""["'= ](?:%s)["' ]""" % "|".join(names))
        code = [os.path.join(paths.ROOT, "Makefile")]
        for where in ("store", "build", "guest", "check", "lib"):
            code += glob.glob(os.path.join(paths.HARNESS, where, "*.py"))
            code += glob.glob(os.path.join(paths.HARNESS, where, "*.sh"))
        for path in code:
            with open(path, encoding="utf-8") as f:
                text = re.sub(r'"""[\s\S]*?"""|(?m:#.*$)|help=[\s\S]*?\)\n', "", f.read())
            found = word.findall(text)
            self.assertEqual(found, [], path)
