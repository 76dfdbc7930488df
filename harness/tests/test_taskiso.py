# SPDX-License-Identifier: GPL-2.0
"""taskiso builds with and without its libraries, and its pure parts are right."""

import ctypes
import os
import pty
import shutil
import subprocess
import tempfile
import unittest

from harness.lib import paths

SOURCE = os.path.join(paths.ROOT, "tools", "task_isolation")
CHANGE = "boot line, what to change:\n"


class Taskiso(unittest.TestCase):
    """In a directory of its own."""

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
        """Its functions, of which the tests use the pure ones."""
        lib = os.path.join(self.out, "words.so")
        self.make("PKG_CONFIG=false", "LDFLAGS=-shared -fPIC", f"OUTPUT={self.out}")
        os.rename(os.path.join(self.out, "taskiso"), lib)
        found = ctypes.CDLL(lib)
        found.next_blocker.restype = ctypes.c_char_p
        return found

    def boot_line(self, text, isolated="", nohz_full="", irqs="0", lacking="", able=""):
        """What it says of a boot line on a machine with four CPUs."""
        words = self.words()

        def cpus(text):
            mask = ctypes.create_string_buffer(128)
            self.assertGreaterEqual(words.parse_list(text.encode(), 3, mask), 0)
            return mask

        class Machine(ctypes.Structure):
            """struct machine"""
            _fields_ = [("last_cpu", ctypes.c_long), ("sets", ctypes.c_char * 128 * 3)]

        class Settings(ctypes.Structure):
            """struct boot_line, and more"""
            _fields_ = [("room", ctypes.c_char * (1 << 20))]

        line, now = Settings(), Machine(last_cpu=3)
        for i, value in enumerate((isolated, nohz_full, irqs)):
            ctypes.memmove(now.sets[i], cpus(value), 128)
        libc = ctypes.CDLL(None)
        libc.fopen.restype = ctypes.c_void_p
        path = os.path.join(self.out, "said")
        out = ctypes.c_void_p(libc.fopen(path.encode(), b"w"))
        words.read_boot_line(text.encode(), 3, ctypes.byref(line))
        words.print_dropped(out, ctypes.byref(line), ctypes.byref(now), cpus(f"{lacking},{able}"))
        words.print_changes(out, ctypes.byref(line), ctypes.byref(now), cpus(lacking), cpus(able))
        libc.fclose(out)
        with open(path, encoding="utf-8") as f:
            return f.read()

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
        for args in (("--help",), ("check", "--help"), ("top", "-h")):
            self.assertEqual(self.taskiso(*args)[0], 0)
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
                                    (b"0-1,2,3", 4, b"0-3"), (b"1-7:2/4", 4, b"1-2,5-6"),
                                    (b",1,,2 3,", 3, b"1-3")):
            self.assertEqual(words.parse_cpus(good, mask), number, good)
            words.print_cpus(mask, text, 64)
            self.assertEqual(text.value, again)
        for every in (b"all", b"0-N"):
            self.assertEqual(words.parse_cpus(every, mask), os.sysconf("SC_NPROCESSORS_CONF"))
        for bad in (b"x", b"1-", b"5-3", b"1;2", b"-1", b"1024", b"1all", b"0-7:3/2", b"0-7:2"):
            self.assertEqual(words.parse_cpus(bad, mask), -1, bad)

    def test_masks(self):
        words = self.words()
        mask = ctypes.create_string_buffer(128)
        text = ctypes.create_string_buffer(64)
        for good, again in ((b"9", b"0,3"), (b"00000001,0000000F\n", b"0-3,32"), (b"", b"")):
            self.assertGreaterEqual(words.parse_mask(good, mask), 0)
            words.print_cpus(mask, text, 64)
            self.assertEqual(text.value, again)
        self.assertEqual(words.parse_mask(b"0x9", mask), -1)

    def test_boot_line_that_was_taken(self):
        here = {"isolated": "3", "nohz_full": "3", "able": "3"}
        for line in ("nohz_full=3 isolcpus=domain,managed_irq,3 rcu_nocbs=3 irqaffinity=0",
                     "isolcpus=nohz,domain,managed_irq,3 nohz_full=3",
                     "nohz_full=3 isolcpus=nohz,domain,managed_irq,3",
                     "isolcpus=nohz,domain,3", "nohz_full=3 isolcpus=3",
                     "nohz-full=3 isolcpus=3", '"nohz_full=3" isolcpus="domain,managed_irq, 3"',
                     "nohz_full=N isolcpus=domain,3-3", "nohz_full=3 isolcpus=domain,1-3:1/2",
                     # This one is for init.
                     "nohz_full=3 isolcpus=3 -- isolcpus=2"):
            self.assertEqual(self.boot_line(line, **here), "", line)

    def test_boot_line_that_was_not_taken(self):
        here = {"nohz_full": "3", "lacking": "3"}
        for line, why in (
                ("isolcpus=nohz,domain,managed_irq,", "it has no list of CPUs"),
                ("isolcpus=domain,", "it has no list of CPUs"),
                ("isolcpus", "it has no list of CPUs"),
                ("isolcpus=", "it has no list of CPUs"),
                ("isolcpus=domain,all", "'all' is read as a flag, so it has no list of CPUs"),
                ("isolcpus=domain", "'domain' is read as a flag, so it has no list of CPUs"),
                ("isolcpus=domain,3-4", "'3-4' is not a list of CPUs from 0 to 3"),
                ("isolcpus=domain,3;2", "'3;2' is not a list of CPUs from 0 to 3"),
                ("isolcpus=domain,managed-irq,3",
                 "'managed-irq' is not one of the flags nohz, domain and managed_irq")):
            self.assertEqual(self.boot_line("nohz_full=3 rcu_nocbs=3 " + line, **here),
                             f"boot line: {line} was not taken: {why}\n{CHANGE}  replace {line} "
                             "by isolcpus=domain,managed_irq,3\n")
        for line, why in (
                ("isolcpus=nohz,domain,2-3", "its list has to match that of nohz_full=3, which "
                 "came first"),
                ("isolcpus=nohz,domain,3", "this kernel takes only the first of two equal lists, "
                 "nohz_full=3"),
                ("isolcpus=domain,0-3", "together with nohz_full=3, it leaves no CPU to the kernel"),
                ("isolcpus=3", "the kernel's log may say why"),
                ("isolcpus=nohz,domains,3",
                 "'domains' is not one of the flags nohz, domain and managed_irq")):
            said = self.boot_line("nohz_full=3 rcu_nocbs=3 " + line, **here)
            self.assertIn(f"boot line: {line} was not taken for CPU 3: {why}\n{CHANGE}", said)

    def test_boot_cpu(self):
        line = "nohz_full=0,3 isolcpus=0,3 rcu_nocbs=0,3"
        self.assertEqual(self.boot_line(line, isolated="0,3", nohz_full="3", able="0"),
                         "boot line: nohz_full=0,3 was not taken for CPU 0: the boot CPU keeps "
                         "the time for all others\n")

    def test_what_to_change(self):
        for line, here, more in (
                ("quiet", {"irqs": "0-3", "lacking": "1-2"},
                 "  add nohz_full=1-2 isolcpus=domain,managed_irq,1-2 rcu_nocbs=1-2 irqaffinity=0\n"),
                # The other CPUs stay in the lists, and nohz goes where it would contradict.
                ("nohz_full=3 isolcpus=nohz,domain,3", {"nohz_full": "3", "isolated": "3",
                                                        "lacking": "2"},
                 "  replace nohz_full=3 by nohz_full=2-3\n"
                 "  replace isolcpus=nohz,domain,3 by isolcpus=domain,managed_irq,2-3\n"
                 "  add rcu_nocbs=2\n"),
                ("isolcpus=nohz,1 isolcpus=domain,2-3 rcu_nocbs", {"nohz_full": "1",
                                                                   "isolated": "2-3",
                                                                   "lacking": "2"},
                 "  replace isolcpus=nohz,1 and isolcpus=domain,2-3 by "
                 "isolcpus=domain,managed_irq,1-3\n"
                 "  replace rcu_nocbs by rcu_nocbs=2\n  add nohz_full=1-2\n"),
                ("irqaffinity=1-3", {"irqs": "0-3", "able": "2"},
                 "  replace irqaffinity=1-3 by irqaffinity=1,3\n"),
                # What was changed at run time is not the boot line's fault.
                ("irqaffinity=0", {"irqs": "0-3", "able": "2"}, "")):
            self.assertEqual(self.boot_line(line, **here), more and CHANGE + more)

    def test_each_blocker_has_words(self):
        words = self.words()
        with open(os.path.join(paths.ROOT, "include/uapi/linux/task_isolation.h"), encoding="utf-8") as f:
            shifts = [int(line.split("<<")[1].split(")")[0]) for line in f
                      if line.startswith("#define TASK_ISOLATION_BLOCKER_") and "<<" in line]
        self.assertGreater(len(shifts), 10)
        seen = set()
        for shift in shifts:
            bits = ctypes.c_ulonglong(1 << shift)
            text = words.next_blocker(ctypes.byref(bits))
            self.assertNotIn(b"too old", text)
            seen.add(text)
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
