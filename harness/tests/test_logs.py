# SPDX-License-Identifier: GPL-2.0
"""splats, witness and KTAP, on sample logs."""

import contextlib
import glob
import io
import os
import re
import subprocess
import tempfile
import unittest

from harness.lib import ktap, paths

HERE = os.path.dirname(os.path.realpath(__file__))


def tool(name, *args, **env):
    """Run a tool of the harness: (exit status, output)."""
    run = subprocess.run(paths.program(name, *args), text=True, check=False,
                         env=dict(os.environ, **env), stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    return run.returncode, run.stdout


class Splats(unittest.TestCase):
    """Each pattern matches a sample, each sample is matched."""

    def logs(self, kind):
        """Sample logs of a kind."""
        found = sorted(glob.glob(os.path.join(HERE, "splats", f"*.{kind}.log")))
        self.assertTrue(found)
        return found

    def test_bad_logs_are_found(self):
        for path in self.logs("bad"):
            self.assertEqual(tool("splats", path)[0], 1, path)

    def test_clean_logs_are_clean(self):
        for path in self.logs("clean"):
            self.assertEqual(tool("splats", path), (0, ""), path)

    def test_each_pattern_has_a_log(self):
        lines = []
        for path in self.logs("bad"):
            with open(path, encoding="utf-8") as f:
                lines += f.read().splitlines()
        with open(os.path.join(paths.HARNESS, "check", "splat-patterns.txt"), encoding="utf-8") as f:
            words = [w for w in f.read().splitlines() if w and not w.startswith("#")]
        for word in words:
            self.assertTrue(any(re.search(word, line) for line in lines), word)

    def test_each_complaint_about_the_boot_line(self):
        with open(os.path.join(HERE, "splats", "boot-line.bad.log"), encoding="utf-8") as f:
            lines = f.read().splitlines()
        with tempfile.NamedTemporaryFile("w+", encoding="utf-8", suffix=".log") as log:
            for line in lines:
                log.seek(0)
                log.truncate()
                log.write(line + "\n")
                log.flush()
                self.assertEqual(tool("splats", log.name)[0], 1, line)
                self.assertEqual(tool("splats", "--boot-line-errors-ok", log.name), (0, ""), line)

    def test_boot_line_errors_are_the_only_ones_that_may_be(self):
        for path in self.logs("bad"):
            self.assertEqual(tool("splats", "--boot-line-errors-ok", path)[0],
                             0 if path.endswith("boot-line.bad.log") else 1, path)

    def test_no_pattern_is_no_clean_log(self):
        self.assertEqual(tool("splats", self.logs("clean")[0], SPLAT_PATTERNS="/dev/null")[0], 2)

    def test_no_log_is_no_clean_log(self):
        self.assertEqual(tool("splats", "/nonexistent")[0], 2)


class Witness(unittest.TestCase):
    """Windows of QEMU's log."""

    def witness(self, *args):
        """Run it on a sample."""
        return tool("witness", *args[:-1], os.path.join(HERE, "witness", args[-1] + ".log"))

    def test_silent(self):
        self.assertEqual(self.witness("--count", "silent"), (0, "0\n"))

    def test_entries_between_the_marks(self):
        self.assertEqual(self.witness("--count", "disturbed"), (1, "4\n"))

    def test_entries_while_the_register_says_isolated(self):
        status, said = self.witness("--only", "r15=150a7e15", "disturbed")
        self.assertEqual(status, 1)
        self.assertIn(": 3 entries", said)
        self.assertRegex(said, r"2  v=fc call function,")
        self.assertRegex(said, r"1  v=0e page fault,")

    def test_nth_mark(self):
        self.assertEqual(self.witness("--count", "--after", "1", "disturbed"), (1, "4\n"))
        self.assertEqual(self.witness("--count", "--after", "2", "disturbed")[0], 2)

    def test_last_two_marks(self):
        self.assertEqual(self.witness("--count", "--last", "disturbed"), (1, "4\n"))
        self.assertEqual(self.witness("--count", "--last", "silent"), (0, "0\n"))
        self.assertEqual(self.witness("--last", "open")[0], 2)

    def test_marks_of_another_cpu(self):
        self.assertEqual(self.witness("--cpu", "3", "disturbed")[0], 2)

    def test_system_calls_of_the_way_in_and_out(self):
        for name in ("arm64-silent", "arm-silent", "riscv-silent"):
            self.assertEqual(self.witness("--cpu", "3", "--last", "--count", name), (0, "0\n"), name)

    def test_other_architectures(self):
        for name, count, what in (("arm64-disturbed", 6, "2  IRQ, first at 401c7c"),
                                  ("arm64-disturbed", 6, "2  Data Abort, first at ffff9990fbdc"),
                                  ("arm-disturbed", 8, "2  Undefined Instruction, first at"),
                                  ("arm-disturbed", 8, "2  Data Abort, first at"),
                                  ("riscv-disturbed", 3, "2  s_timer, first at 7fff86dd5db6"),
                                  ("riscv-disturbed", 3, "1  store_page_fault, first at 11066")):
            status, said = self.witness("--cpu", "2", name)
            self.assertEqual(status, 1, name)
            self.assertIn(what, said)
            self.assertIn(f": {count} entries", said)

    def test_firmware_is_shown_only(self):
        self.assertEqual(self.witness("--cpu", "3", "--count", "riscv-firmware"), (0, "0\n"))
        self.assertIn("m_software (below the kernel)", self.witness("riscv-firmware")[1])

    def test_no_window_is_not_silence(self):
        self.assertEqual(self.witness("open")[0], 2)


class Ktap(unittest.TestCase):
    """What counts as passed, failed and skipped."""

    def check(self, text, passed, failed, skipped):
        """Parse and compare the numbers."""
        got = ktap.parse(text.splitlines(), "t")
        self.assertEqual((len(got.passed), len(got.failed), len(got.skipped)),
                         (passed, failed, skipped), (got.failed, got.skipped))

    def test_flat(self):
        self.check("TAP version 13\n1..3\nok 1 a\nnot ok 2 b\nok 3 c # SKIP no TSC", 1, 1, 1)

    def test_parent_is_not_counted(self):
        self.check("1..1\n    1..2\n    ok 1 a\n    ok 2 b\nok 1 suite", 2, 0, 0)

    def test_kunit_with_time_stamps(self):
        self.check("[    1.1] KTAP version 1\n[    1.1] 1..1\n[    1.1]     KTAP version 1\n"
                   "[    1.2]     # Subtest: s\n[    1.2]     1..2\n[    1.3]     ok 1 a\n"
                   "[    1.3]     not ok 2 b\n[    1.4] not ok 1 s", 1, 1, 0)

    def test_parent_alone_failed(self):
        self.check("1..1\n    1..1\n    ok 1 a\nnot ok 1 suite", 1, 1, 0)

    def test_plan_at_the_end(self):
        self.check("ok 1 a\nok 2 b\n1..2", 2, 0, 0)
        self.check("ok 1 a\n1..2", 1, 1, 0)

    def test_died_early(self):
        self.check("1..3\nok 1 a", 1, 1, 0)

    def test_nothing_run(self):
        self.check("hello", 0, 1, 0)

    def test_a_failure_says_what_came_before_it(self):
        got = ktap.parse(["1..2", "# about a", "ok 1 a", "# about b", "not ok 2 b"], "t")
        self.assertEqual(got.why, {"t: b": "# about b"})

    def test_results_in_the_reason_do_not_count(self):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            out = ktap.Writer()
            out.result("walk_test: walk", False, "TAP version 13\n1..3\n# 1..3\nnot ok 1 walk")
            out.status()
        self.check(said.getvalue(), 0, 1, 0)

    def test_skip_all(self):
        self.check("1..0 # SKIP no isolation CPU", 0, 0, 1)


class TempFiles(unittest.TestCase):
    """rootfs writes the same archive each time."""

    def test_rootfs_is_reproducible(self):
        with tempfile.TemporaryDirectory() as tmp:
            data = []
            for name in ("a", "b"):
                out = os.path.join(tmp, name)
                self.assertEqual(tool("rootfs", "--over", out, f"{__file__}=/ti/x")[0], 0)
                with open(out, "rb") as f:
                    data.append(f.read())
            self.assertEqual(*data)

    def test_rootfs_names_what_is_missing(self):
        status, said = tool("rootfs", "--over", "/tmp/none", "/nonexistent=/ti/x")
        self.assertEqual(status, 1)
        self.assertIn("/nonexistent", said)
