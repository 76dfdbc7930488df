# SPDX-License-Identifier: GPL-2.0
"""compose, refresh, fetch-base and apply, on a small base of their own."""

import os
import shutil
import subprocess

from repository import SMP, Repository


class Store(Repository):
    """What compose, refresh and fetch-base do."""

    def test_compose(self):
        self.assertEqual(self.read("build/tree/kernel/new.c"), "int new;\n")
        self.assertIn("int six;", self.read("build/tree/kernel/smp.c"))
        self.good("compose", "--check")

    def test_same_store_same_commits(self):
        first = self.good("compose").split()[-1]
        shutil.rmtree(f"{self.top}/build/tree")
        self.assertEqual(self.good("compose").split()[-1], first)

    def test_compose_leaves_what_did_not_change(self):
        before = os.stat(f"{self.top}/build/tree/kernel/smp.c").st_mtime_ns
        self.write("kernel/new.c", "int newer;\n")
        self.good("compose")
        self.assertEqual(os.stat(f"{self.top}/build/tree/kernel/smp.c").st_mtime_ns, before)

    def test_compose_keeps_edits(self):
        self.write("build/tree/kernel/new.c", "int edited;\n")
        self.assertIn("make refresh", self.bad("compose"))
        self.assertEqual(self.read("build/tree/kernel/new.c"), "int edited;\n")

    def test_refresh_is_exact(self):
        self.write("build/tree/kernel/new.c", "int edited;  ")
        self.write("build/tree/kernel/smp.c", SMP.replace("line30;", "thirty;"))
        self.good("refresh")
        self.assertEqual(self.read("kernel/new.c"), "int edited;  ")
        self.assertNotIn("six", self.read("kernel/smp.c.patch"))
        self.good("compose")
        self.assertIn("thirty", self.read("build/tree/kernel/smp.c"))

    def test_refresh_twice(self):
        for text in ("int a;\n", "int b;\n"):
            self.write("build/tree/kernel/new.c", text)
            self.good("refresh")
            self.assertEqual(self.read("kernel/new.c"), text)

    def test_refresh_names_a_new_path(self):
        self.write("build/tree/kernel/other.c", "int other;\n")
        self.assertIn("add kernel/other.c to series/series", self.bad("refresh"))
        self.assertFalse(os.path.exists(f"{self.top}/kernel/other.c"))

    def test_folder_of_a_step(self):
        self.write("series/series", self.read("series/series") +
                   "step two | two: A directory\n    tools/t/\n")
        self.write("series/all/two.txt", "More.\n")
        self.write("tools/t/a.c", "int a;\n")
        self.good("compose")
        self.assertEqual(self.read("build/tree/tools/t/a.c"), "int a;\n")
        self.write("build/tree/tools/t/b.c", "int b;\n")
        self.good("refresh")
        self.assertEqual(self.read("tools/t/b.c"), "int b;\n")

    def test_refresh_sees_a_conflict(self):
        self.write("build/tree/kernel/new.c", "int there;\n")
        self.write("kernel/new.c", "int here;\n")
        self.assertIn("edited here and in build/tree", self.bad("refresh"))
        self.assertEqual(self.read("kernel/new.c"), "int here;\n")

    def test_second_diff_of_a_file(self):
        self.write("series/series", self.read("series/series") +
                   "step two | two: More\n    kernel/smp.c.two.patch\n")
        self.write("series/all/two.txt", "More.\n")
        self.write("kernel/smp.c.two.patch", "--- a/kernel/smp.c\n+++ b/kernel/smp.c\n"
                   "@@ -4,5 +4,5 @@\n int line4;\n int line5;\n-int six;\n+int sechs;\n"
                   " int line7;\n int line8;\n")
        self.good("compose")
        first = self.read("kernel/smp.c.patch")
        tree = self.read("build/tree/kernel/smp.c")
        self.write("build/tree/kernel/smp.c", tree.replace("sechs", "zes"))
        self.good("refresh")
        self.assertIn("+int zes;", self.read("kernel/smp.c.two.patch"))
        self.assertEqual(self.read("kernel/smp.c.patch"), first)

    def test_offset_is_refused(self):
        patch = self.read("kernel/smp.c.patch").replace("-4,5 +4,5", "-2,5 +2,5")
        self.write("kernel/smp.c.patch", patch)
        self.assertIn("not at its lines", self.bad("compose"))

    def test_patch_that_does_not_apply(self):
        self.write("kernel/smp.c.patch", self.read("kernel/smp.c.patch").replace("line6", "line60"))
        self.assertIn("does not apply", self.bad("compose"))

    def test_file_in_no_step(self):
        self.write("mm/stray.c", "int stray;\n")
        self.assertIn("mm/stray.c belongs to no step", self.bad("compose"))

    def test_file_in_two_steps(self):
        self.write("series/series", self.read("series/series") +
                   "step two | two: Again\n    kernel/new.c\n")
        self.assertIn("belongs to two steps", self.bad("compose"))

    def test_listed_but_missing(self):
        os.unlink(f"{self.top}/kernel/new.c")
        self.assertIn("is not there", self.bad("compose"))

    def test_wrong_version(self):
        self.write("other/Makefile", "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\n")
        said = self.bad("fetch-base", BASE=f"{self.top}/other", BUILD=f"{self.top}/b2")
        self.assertIn("is not Linux 7.3.x (its Makefile says '6.12.1')", said)
        self.assertFalse(os.path.exists(f"{self.top}/b2/base"))

    def test_wrong_checksum(self):
        deb = "build/download/linux-source-7.3_7.3.4-1~bpo13+1_all.deb"
        shutil.rmtree(f"{self.top}/build/base")
        self.write(deb, "not a package")
        self.assertIn("checksum", self.bad("fetch-base"))
        self.assertFalse(os.path.exists(f"{self.top}/build/base"))

    def test_base_tarball(self):
        subprocess.run(["tar", "-C", self.top, "-czf", f"{self.top}/l.tar.gz", "src"], check=True)
        self.good("fetch-base", BASE=f"{self.top}/l.tar.gz", BUILD=f"{self.top}/b3")
        self.assertTrue(os.path.exists(f"{self.top}/b3/base/kernel/smp.c"))
