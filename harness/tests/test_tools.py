# SPDX-License-Identifier: GPL-2.0
"""What taskiso, perf and trace-cmd have to say in a guest, on samples of it."""

import contextlib
import io
import os
import unittest

from harness.check import silence, taskiso, tracers
from harness.lib import expect, ktap

HERE = os.path.dirname(os.path.realpath(__file__))
SAMPLES = (("taskiso-isolation", taskiso.ISOLATION), ("taskiso-highres", taskiso.NO_HIGHRES),
           ("taskiso-no-isolation", taskiso.NO_ISOLATION), ("tracers", tracers.EVENTS))


def sample(name):
    """What a guest has said."""
    with open(os.path.join(HERE, "tools", name + ".log"), encoding="utf-8") as f:
        return f.read()


def results(guest, expected):
    """What judge() makes of a guest, as it counts in a test run."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        tap = ktap.Writer()
        expect.judge(tap, "guest", guest, expected)
        tap.status()
    return ktap.parse(said.getvalue().splitlines(), "lane")


class Silence(unittest.TestCase):
    """The window of silence: the guest, and each count, is a result that can fail."""

    def judge(self, status=0, **counts):
        """(exit status, the names of what failed)."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            wrong = silence.judge(status, {"losses": "0", "kernel": "0", "witness": "0", **counts})
        got = ktap.parse(said.getvalue().splitlines(), "lane")
        self.assertEqual(got.count(), 4)
        return wrong, [name.partition(": ")[2] for name in got.failed]

    def test_silent(self):
        self.assertEqual(self.judge(), (0, []))

    def test_each_can_fail(self):
        self.assertEqual(self.judge(status=125), (1, ["boot, run and no splat"]))
        for name, title in silence.TITLES.items():
            for count in ("1", "?"):
                self.assertEqual(self.judge(**{name: count}), (1, [title]))


class Expectations(unittest.TestCase):
    """Each thing that has to be said is a result."""

    def test_good(self):
        for name, expected in SAMPLES:
            got = results((0, "", sample(name)), expected)
            self.assertEqual(got.failed, [], name)
            self.assertEqual(len(got.passed), len(expected) + 1)

    def test_each_can_fail(self):
        """Without the lines that one of them is about, this one fails."""
        for name, expected in SAMPLES:
            for what, pattern in expected.items():
                if callable(pattern):
                    continue
                text = "\n".join(line for line in sample(name).splitlines() if expect.missing(line, pattern))
                self.assertIn(f"lane: guest: {what}", results((0, "", text), expected).failed, name)

    def test_nothing_was_said(self):
        for name, expected in SAMPLES:
            got = results((0, "", ""), expected)
            self.assertEqual((len(got.passed), len(got.failed)), (1, len(expected)), name)

    def test_a_guest_that_dies_is_one_failure(self):
        got = results((125, "boot: the kernel complained", sample("tracers")), tracers.EVENTS)
        self.assertEqual(got.failed, ["lane: guest: boot, run and no splat"])
        self.assertIn("the kernel complained", got.why[got.failed[0]])

    def test_a_thread_that_was_interrupted(self):
        text = sample("taskiso-isolation")
        self.assertEqual(taskiso.undisturbed(text), "")
        lost_one = text.replace("534ms        6        0        3", "534ms        6        0        4")
        self.assertIn("[['6', '0', '3']] before and [['6', '0', '4']] after", taskiso.undisturbed(lost_one))
        self.assertTrue(taskiso.undisturbed(""))


class Samples(unittest.TestCase):
    """The samples are all used."""

    def test_samples(self):
        self.assertEqual({name + ".log" for name, _ in SAMPLES}, set(os.listdir(os.path.join(HERE, "tools"))))
