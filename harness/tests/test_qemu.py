# SPDX-License-Identifier: GPL-2.0
"""Which QEMU is taken, and which failure is its own."""

import os
import tempfile
import unittest
from unittest import mock

from harness.lib import qemu


class Emulator(unittest.TestCase):
    """Which QEMU, and which failure is its own."""

    def choose(self, machine, got, *args, env="", **more):
        """choose() where the machine has one version and fetch-qemu another."""
        versions = {"/got": got, "qemu-system-x86_64": machine, "/mine": (9, 9, 9)}
        with mock.patch.object(qemu, "version", versions.get), \
                mock.patch.dict(os.environ, {"QEMU": env}):
            return qemu.choose("x86_64", *args, fetch=lambda isa: "/got" if got else None, **more)

    def test_old_one_is_replaced(self):
        got = self.choose((7, 2, 22), (10, 0, 2))
        self.assertEqual((got.path, got.mode), ("/got", "multi"))

    def test_old_one_takes_turns(self):
        got = self.choose((7, 2, 22), None)
        self.assertEqual((got.path, got.mode), ("qemu-system-x86_64", "single"))
        self.assertIn("by turns: no newer one could be had", str(got))

    def test_new_one_is_kept(self):
        got = self.choose((9, 0, 0), (10, 0, 2))
        self.assertEqual((got.path, got.mode), ("qemu-system-x86_64", "multi"))

    def test_turns_can_be_asked_for(self):
        self.assertEqual(self.choose((7, 2, 22), (10, 0, 2), "single").mode, "single")

    def test_counting_takes_the_machines(self):
        got = self.choose((7, 2, 22), (10, 0, 2), counts=True)
        self.assertEqual((got.path, got.mode), ("qemu-system-x86_64", "single"))

    def test_asked_for(self):
        self.assertEqual(self.choose((7, 2, 22), (10, 0, 2), env="/mine").path, "/mine")

    def fault(self, text, mode):
        """fault() of a log."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as log:
            log.write(text)
            log.flush()
            return qemu.fault(log.name, mode)

    def test_stale_code_is_its_fault_in_parallel_only(self):
        log = "[    1.300000] Oops: int3: 0000 [#1] SMP PREEMPT\n"
        self.assertIn("patched", self.fault(log, "multi"))
        self.assertIsNone(self.fault(log, "single"))

    def stale(self, code, mode="multi"):
        """stale() of a log with that code."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as log:
            log.write(f"[   99.1] Oops: int3: 0000 [#1] SMP\n[   99.1] RIP: 0010:f+0x1/0x2\n"
                      f"[   99.1] Code: {code}\n")
            log.flush()
            return qemu.stale(log.name, mode)

    def test_breakpoint_that_memory_does_not_have(self):
        self.assertTrue(self.stale("66 90 0f 1f <44> 00 00"))
        self.assertFalse(self.stale("66 90 0f cc <44> 00 00"))
        self.assertFalse(self.stale("66 90 0f 1f <44> 00 00", "single"))
        self.assertFalse(self.stale("Bad RIP value."))

    def test_clock(self):
        self.assertIn("clock", self.fault("[    0.0] tsc: Unable to calibrate against PIT\n", "single"))

    def test_anything_else_is_the_kernels(self):
        for text in ("", "BUG: unable to handle page fault", "Oops: general protection fault",
                     "Kernel panic - not syncing: No working init found"):
            self.assertIsNone(self.fault(text, "multi"))
