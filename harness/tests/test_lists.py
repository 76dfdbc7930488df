# SPDX-License-Identifier: GPL-2.0
"""Each cause and each blocker is in all of the files that list them.

What the compiler and KUnit do not notice: documentation, and the uapi bits of blockers.
"""

import glob
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SYSFS = "Documentation/ABI/testing/sysfs-devices-system-cpu.counters.patch"
UAPI = "include/uapi/linux/task_isolation.h"


def read(path):
    """The text of a file of the store."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def documentation():
    """All pages but that of the events, which describes neither causes nor blockers."""
    pages = glob.glob(os.path.join(ROOT, "Documentation", "**", "task?isolation*.rst"), recursive=True)
    return "".join(read(page) for page in pages)


def words(text, intro):
    """The words that a page lists after an introduction, up to the next full stop or empty line."""
    return re.findall(r"\w+", re.split(r"\.\s|\n\+?\s*\n", text.split(intro, 1)[1])[0])


class Lists(unittest.TestCase):
    """The lists of the kernel against all others."""

    def setUp(self):
        self.causes = re.findall(r'cause_entry\((\d+), +"(\w+)", +(\w+),.*"(.*)"\)',
                                 read("kernel/isolation_cause.h"))
        self.blockers = re.findall(r"blocker_entry\((\w+), +(\w+), +\w+\)",
                                   read("kernel/isolation_check.h"))
        self.assertGreater(len(self.causes), 10)
        self.assertGreater(len(self.blockers), 10)

    def test_causes_of_uapi(self):
        uapi = read(UAPI)
        enum = uapi.split("enum task_isolation_cause {")[1].split("}")[0]
        names = re.findall(r"^\tTASK_ISOLATION_(\w+),", enum, re.M)
        self.assertEqual([name for _, _, name, _ in self.causes], names)
        self.assertEqual([int(nr) for nr, _, _, _ in self.causes], list(range(len(names))))
        described = re.findall(r"^ \* @TASK_ISOLATION_(\w+):", uapi, re.M)
        self.assertEqual(described, names)

    def test_causes_are_documented(self):
        """By what the log has of them, or, if it never has a line, by name."""
        text = documentation()
        for _, word, name, said in self.causes:
            self.assertTrue(f"``{said}" in text or f"TASK_ISOLATION_{name}" in text, word)

    def test_causes_of_sysfs(self):
        text = read(SYSFS).replace("\n+", "\n")
        self.assertEqual(words(text, "The words are "), [word for _, word, _, _ in self.causes])

    def test_blockers_of_uapi(self):
        bits = re.findall(r"^#define TASK_ISOLATION_BLOCKER_(\w+)\t*\(1ULL << (\d+)\)", read(UAPI), re.M)
        self.assertEqual([name for name, _ in self.blockers], [name for name, _ in bits])
        self.assertEqual(sorted(bits, key=lambda bit: int(bit[1])), bits)

    def test_blockers_are_documented(self):
        rows = "".join(re.findall(r"^ +\* - ([A-Z_, ]+\n)", documentation(), re.M))
        for name, _ in self.blockers:
            self.assertRegex(rows, rf"\b{name}\b")

    def test_blockers_of_the_event(self):
        """It is documented to show their names in lower case."""
        for name, word in self.blockers:
            self.assertEqual(word, name.lower())

    def test_named_files(self):
        """The comments name the files whose lists are tested, so these have to exist."""
        for path in (UAPI, "kernel/isolation_check.h"):
            text = re.split(r"one more touches three other files:", read(path))
            self.assertEqual(len(text), 2, path)
            named = re.findall(r"^[ \t]*\*   ([\w/.-]+)", text[1].split("*/")[0], re.M)
            self.assertEqual(len(named), 3, path)
            for file in named:
                file = file.rstrip(".")
                self.assertTrue(os.path.exists(os.path.join(ROOT, file)) or
                                os.path.exists(os.path.join(ROOT, file + ".patch")), file)


if __name__ == "__main__":
    unittest.main()
