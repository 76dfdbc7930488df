# SPDX-License-Identifier: GPL-2.0
"""taskiso builds with and without its libraries, and its pure parts are right."""

import ctypes
import os
import pty
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE = os.path.join(ROOT, "tools", "task_isolation")
LINE = "console=ttyS0 isolcpus=nohz,domain,2-3 nohz_full=3 rcu_nocbs=3 irqaffinity=0 quiet"


class Taskiso(unittest.TestCase):
    """In a folder of its own."""

    def setUp(self):
        self.out = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.out)

    def make(self, *args):
        """Build it: the output."""
        run = subprocess.run(["make", "-s", "-C", SOURCE, f"OUTPUT={self.out}", "CFLAGS=-O2 -Werror",
                              *args], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             check=False)
        self.assertEqual(run.returncode, 0, run.stdout)
        return run.stdout

    def taskiso(self, *args):
        """Run it: (exit status, output)."""
        run = subprocess.run([os.path.join(self.out, "taskiso"), *args], text=True, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return run.returncode, run.stdout

    def words(self):
        """Its pure functions."""
        lib = os.path.join(self.out, "words.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-idirafter",
                        os.path.join(ROOT, "include", "uapi"), "-o", lib,
                        os.path.join(SOURCE, "words.c")], check=True)
        found = ctypes.CDLL(lib)
        found.has_parameter.restype = ctypes.c_bool
        found.next_blocker.restype = ctypes.c_char_p
        return found

    def on_terminal(self, **environment):
        """What it says to a terminal."""
        said = []

        def read(fd):
            said.append(os.read(fd, 4096))
            return b""

        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        keep = {k: os.environ.pop(k, None) for k in ("NO_COLOR", "TERM")}
        os.environ.update({"TERM": "xterm", **environment})
        try:
            pty.spawn([os.path.join(self.out, "taskiso"), "check", "0"], read)
        finally:
            for name in ("TERM", *environment):
                os.environ.pop(name, None)
            os.environ.update({k: v for k, v in keep.items() if v is not None})
        return b"".join(said)

    def test_colour(self):
        self.make("PKG_CONFIG=false")
        self.assertIn(b"\x1b[", self.on_terminal())
        self.assertNotIn(b"\x1b[", self.on_terminal(NO_COLOR="1"))
        self.assertNotIn("\x1b[", self.taskiso("check", "0")[1])

    @unittest.skipIf(os.path.exists("/sys/devices/system/cpu/task_isolation"), "this kernel has it")
    def test_without_the_feature(self):
        self.make("PKG_CONFIG=false")
        for verb, said in (("check", "this kernel can't isolate tasks"), ("top", "no CPU has counters")):
            status, out = self.taskiso(verb)
            self.assertEqual(status, 2)
            self.assertIn(said, out)

    def test_without_libraries(self):
        self.assertIn('"taskiso trace" is left out', self.make("PKG_CONFIG=false"))
        status, said = self.taskiso("trace")
        self.assertEqual(status, 2)
        self.assertIn("left out when this program was built", said)

    def test_with_libraries(self):
        if subprocess.run(["pkg-config", "--exists", "libtracefs", "libtraceevent"],
                          check=False).returncode:
            self.skipTest("no libtracefs or libtraceevent")
        # Also if they were installed after it was built.
        self.make("PKG_CONFIG=false")
        self.assertEqual(self.make(), "")
        self.assertNotIn("left out", self.taskiso("trace", "-n", "x")[1])

    def test_built_again(self):
        tool = os.path.join(self.out, "taskiso")

        def built(*args):
            before = os.stat(tool).st_mtime_ns if os.path.exists(tool) else 0
            self.make(*args)
            return os.stat(tool).st_mtime_ns != before

        self.assertTrue(built("PKG_CONFIG=false"))
        self.assertFalse(built("PKG_CONFIG=false"))
        self.assertTrue(built("PKG_CONFIG=false", "LDFLAGS=-static"))
        self.assertFalse(built("PKG_CONFIG=false", "LDFLAGS=-static"))

    def test_usage(self):
        self.make("PKG_CONFIG=false")
        self.assertEqual(self.taskiso("--help")[0], 0)
        for args in ((), ("tip",), ("check", "1", "2"), ("check", "3-1"), ("check", "99999"),
                     ("top", "-n", "0"), ("top", "-d", "1s"), ("top", "now")):
            status, said = self.taskiso(*args)
            self.assertEqual(status, 2, (args, said))
            self.assertTrue(said)

    def test_lists_of_cpus(self):
        words = self.words()
        mask = ctypes.create_string_buffer(128)
        text = ctypes.create_string_buffer(64)
        for good, number, again in ((b"3", 1, b"3"), (b"1,3-5\n", 4, b"1,3-5"), (b"", 0, b""),
                                    (b"0-1,2,3", 4, b"0-3"), (b"1-7:2/4", 4, b"1-2,5-6")):
            self.assertEqual(words.parse_cpus(good, mask), number, good)
            words.print_cpus(mask, text, 64)
            self.assertEqual(text.value, again)
        self.assertEqual(words.parse_cpus(b"all", mask), 1024)
        self.assertEqual(words.parse_cpus(b"0-N", mask), os.sysconf("SC_NPROCESSORS_CONF"))
        for bad in (b"x", b"1-", b"5-3", b"1;2", b"-1", b"1024", b"1,,2", b"0-7:3/2", b"0-7:2"):
            self.assertEqual(words.parse_cpus(bad, mask), -1, bad)

    def test_boot_line(self):
        words = self.words()
        has = [words.has_parameter(LINE.encode(), name, cpu) for name, cpu in
               ((b"isolcpus", 2), (b"isolcpus", 3), (b"isolcpus", 1), (b"nohz_full", 2),
                (b"nohz_full", 3), (b"irqaffinity", -1), (b"quiet", -1), (b"cpus", -1))]
        self.assertEqual(has, [True, True, False, False, True, True, True, False])

    def test_what_to_add(self):
        words = self.words()
        text = ctypes.create_string_buffer(256)
        for line, cpu, more in (
                (LINE, 3, ""), (LINE, 2, "nohz_full=2 rcu_nocbs=2"),
                # The last one of two counts for the kernel, but both are looked at.
                ("nohz_full=2 isolcpus=nohz,domain,2 rcu_nocbs=2 nohz_full=3", 3,
                 "isolcpus=nohz,domain,managed_irq,3 rcu_nocbs=3 irqaffinity=0"),
                ("isolcpus=domain,1-N nohz_full=all rcu_nocbs=all irqaffinity=0", 1, ""),
                # Words without domain: the scheduler still uses the CPU.
                ("isolcpus=nohz,3 nohz_full=3 rcu_nocbs=3 irqaffinity=0", 3,
                 "isolcpus=nohz,domain,managed_irq,3"),
                ("isolcpus=3 nohz_full=3 rcu_nocbs=3 irqaffinity=0", 3, ""),
                ("quiet", 5, "isolcpus=nohz,domain,managed_irq,5 nohz_full=5 rcu_nocbs=5 irqaffinity=0"),
                ("irqaffinity=1", 0, "isolcpus=nohz,domain,managed_irq,0 nohz_full=0 rcu_nocbs=0")):
            words.missing_parameters(line.encode(), cpu, text, 256)
            self.assertEqual(text.value.decode(), more)

    def test_each_blocker_has_words(self):
        words = self.words()
        with open(os.path.join(ROOT, "include/uapi/linux/task_isolation.h"), encoding="utf-8") as f:
            shifts = [int(line.split("<<")[1].split(")")[0]) for line in f
                      if line.startswith("#define TASK_ISOLATION_BLOCKER_") and "<<" in line]
        self.assertGreater(len(shifts), 10)
        seen = set()
        for shift in shifts:
            bits = ctypes.c_ulonglong(1 << shift)
            seen.add(words.next_blocker(ctypes.byref(bits)))
            self.assertEqual(bits.value, 0)
            self.assertIsNone(words.next_blocker(ctypes.byref(bits)))
        self.assertEqual(len(seen), len(shifts))
        bits = ctypes.c_ulonglong(1 << 60)
        self.assertIn(b"too old", words.next_blocker(ctypes.byref(bits)))

    def test_spans(self):
        words = self.words()
        text = ctypes.create_string_buffer(32)
        for ns, want in ((0, b"-"), (1500, b"1us"), (2000000, b"2ms"), (1500000000, b"1.5s"),
                         (61 * 10**9, b"1m01s"), (7260 * 10**9, b"2h01m")):
            words.format_span(ctypes.c_ulonglong(ns), text, 32)
            self.assertEqual(text.value, want)

    def test_manual_page(self):
        if not shutil.which("mandoc"):
            self.skipTest("no mandoc")
        run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                              os.path.join(SOURCE, "taskiso.1")], text=True, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual((run.returncode, run.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main()
