# SPDX-License-Identifier: GPL-2.0
"""What is run again, and what is called flaky."""

import os
import stat
import tempfile
import unittest
from unittest import mock

from harness.lib import arch, cli, conf, lanes, paths, qemu, stages

# A tester that fails as long as there is no file, and leaves one.
ONCE = """#!/bin/sh
echo "$*" >>{tmp}/args
echo "log of run $(wc -l <{tmp}/args)" >{tmp}/logs/selftests.log
{run}
"""
FIRST_RUN = "[ $(wc -l <{tmp}/args) = 1 ]"
CLEAN = "echo '1..2'; echo 'ok 1 loss_test: a'; echo 'ok 2 loss_test: b'"
BAD = "echo '1..2'; echo '# why'; echo 'not ok 1 loss_test: a'; echo 'ok 2 loss_test: b'; exit 1"


class Fake(unittest.TestCase):
    """A harness of scripts in a directory of its own."""

    def setUp(self):
        # Closed by the cleanup.
        self.tmp = tempfile.TemporaryDirectory()        # pylint: disable=consider-using-with
        self.addCleanup(self.tmp.cleanup)
        os.mkdir(os.path.join(self.tmp.name, "logs"))
        for name, value in (("TI", os.path.join(self.tmp.name, "ti")),
                            ("LOGS", os.path.join(self.tmp.name, "logs"))):
            patch = mock.patch.object(paths, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.write("ti", f'#!/bin/sh\nname=$1\nshift\nexec "{self.tmp.name}/$name" "$@"\n')
        self.said = []
        self.run_of = stages.Stages(say=self.said.append)

    def write(self, name, text):
        """Write a script."""
        path = os.path.join(self.tmp.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)

    def program(self, name, text):
        """Put a program there; {tmp} in it is the directory."""
        self.write(name, ONCE.replace("{run}", text).replace("{tmp}", self.tmp.name))

    def args(self):
        """The arguments of each run."""
        with open(os.path.join(self.tmp.name, "args"), encoding="utf-8") as f:
            return f.read().splitlines()

    def counts(self):
        """(passed, failed, skipped, flaky)."""
        got = self.run_of.all
        return len(got.passed), len(got.failed), len(got.skipped), len(self.run_of.flaky)

    def kept(self, *path):
        """What a kept log has."""
        with open(os.path.join(paths.LOGS, "flaky", *path), encoding="utf-8") as f:
            return f.read()


class Again(Fake):
    """A test that fails is run again, alone."""

    def test_clean_is_run_once(self):
        self.program("selftests", CLEAN)
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(self.args(), ["x86_64"])
        self.assertEqual(self.counts(), (2, 0, 0, 0))

    def test_flaky(self):
        self.program("selftests", f"if {FIRST_RUN}; then {BAD}; else {CLEAN}; fi")
        self.run_of.tap("x86_64", "selftests", "x86_64", "--only", "_test", "--", "--cpus", "5")
        self.assertEqual(self.args()[1],
                         "x86_64 --only _test --only loss_test -- --cpus 5")
        self.assertEqual(self.counts(), (1, 0, 0, 1))
        self.assertIn("FLAKY    x86_64: loss_test: a", "\n".join(self.said))
        self.assertEqual(self.run_of.end(), 0)
        self.assertEqual(self.said[-1], "1 passed, 0 failed, 0 skipped")
        self.assertIn("1 flaky: failed, and passed when run again alone\n"
                      "  x86_64: loss_test: a", self.said)
        # Both logs of both, although the second run wrote the same files.
        self.assertEqual(self.kept("x86_64", "first", "selftests.log"), "log of run 1\n")
        self.assertEqual(self.kept("x86_64", "again-loss_test", "selftests.log"), "log of run 2\n")
        self.assertIn("not ok 1", self.kept("x86_64", "first", "check-x86_64.log"))
        self.assertIn("ok 1", self.kept("x86_64", "again-loss_test", "check-x86_64-again.log"))

    def test_fails_twice(self):
        self.program("selftests", BAD)
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(len(self.args()), 2)
        self.assertEqual(self.counts(), (1, 1, 0, 0))
        self.assertEqual(self.run_of.end(), 1)

    def test_another_one_fails_the_second_time(self):
        other = "echo '1..2'; echo 'ok 1 loss_test: a'; echo 'not ok 2 loss_test: b'"
        self.program("selftests", f"if {FIRST_RUN}; then {BAD}; else {other}; fi")
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(self.counts(), (1, 1, 0, 1))
        self.assertIn("x86_64: loss_test: b", self.run_of.all.failed)

    def test_program_that_died_early(self):
        died = "echo '1..1'; echo 'not ok 1 loss_test: its time is up'"
        self.program("selftests", f"if {FIRST_RUN}; then {died}; else {CLEAN}; fi")
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(self.counts(), (0, 0, 0, 1))

    def test_dies_early_again(self):
        died = "echo '1..1'; echo 'not ok 1 loss_test: its time is up'"
        self.program("selftests", died)
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(self.counts(), (0, 1, 0, 0))

    def test_nothing_was_run_the_second_time(self):
        self.program("selftests", f"if {FIRST_RUN}; then {BAD}; else echo 1..0; fi")
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(self.counts()[1::2], (1, 0))

    def test_a_splat_is_never_flaky(self):
        splat = "echo 1..1; echo 'not ok 1 selftests-x86_64: boot, run and no splat'"
        self.program("selftests", f"if {FIRST_RUN}; then {splat}; else {CLEAN}; fi")
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(len(self.args()), 1)
        self.assertEqual(self.counts(), (0, 1, 0, 0))

    def test_the_emulator_failed(self):
        splat = "echo 1..1; echo 'not ok 1 selftests-x86_64: boot, run and no splat'; " \
            f"echo 'boot: {qemu.STALE}, see log'"
        ok = "echo '1..2'; echo 'ok 1 selftests-x86_64: boot, run and no splat'; echo 'ok 2 loss_test: a'"
        self.program("selftests", f"if {FIRST_RUN}; then {splat}; else {ok}; fi")
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(self.args(), ["x86_64", "x86_64"])
        self.assertEqual(self.counts(), (2, 0, 0, 0))

    def test_a_test_beside_a_splat_is_not_run_again(self):
        splat = BAD.replace("1..2", "1..3").replace(
            "exit 1", "echo 'not ok 3 selftests-x86_64: boot, run and no splat'")
        self.program("selftests", splat)
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(len(self.args()), 1)
        self.assertEqual(self.counts(), (1, 2, 0, 0))

    def test_a_splat_in_the_second_run_fails(self):
        splat = CLEAN.replace("1..2", "1..3") + \
            "; echo 'not ok 3 selftests-x86_64: boot, run and no splat'"
        self.program("selftests", f"if {FIRST_RUN}; then {BAD}; else {splat}; fi")
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(self.counts(), (1, 2, 0, 0))

    def test_many_failures_are_no_accident(self):
        many = "echo 1..4; for n in 1 2 3 4; do echo \"not ok $n ${n}_test: a\"; done"
        self.program("selftests", many)
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(len(self.args()), 1)
        self.assertEqual(self.counts(), (0, 4, 0, 0))

    def test_other_stages_are_not_run_again(self):
        self.program("lint", BAD)
        self.run_of.tap("lint", "lint")
        self.assertEqual(len(self.args()), 1)
        self.assertEqual(self.counts(), (1, 1, 0, 0))

    def test_program_without_tap(self):
        plain = "echo 1..2; echo ok 1 loss_test: a; echo"
        self.program("selftests", f"if {FIRST_RUN}; then {plain} not ok 2 example; "
                     f"else {plain} ok 2 example; fi")
        self.run_of.tap("x86_64", "selftests", "x86_64")
        self.assertEqual(self.counts(), (1, 0, 0, 1))

    def test_what_is_of_no_program_is_not_run_again(self):
        for name in ("x86_64: 3 planned, 2 run", "x86_64: exit status 1", "x86_64: selftests",
                     "x86_64: kernel log: the stacks", "x86_64: selftests-x86_64: boot",
                     "x86_64: selftests build for x86_64", "another: loss_test: a"):
            self.assertEqual(stages.programs("x86_64", [name]), [], name)
            self.assertEqual(stages.programs("x86_64", [name, "x86_64: loss_test: a"]), [], name)

    def test_kunit_is_run_beside_something_short(self):
        self.assertEqual(stages.alone(["selftests", "arm64"], "KUnit"),
                         ["selftests", "arm64", "--only", "example"])

    def test_more_than_two_fail_the_run(self):
        for flaky, status in ((2, 0), (3, 1)):
            run = stages.Stages(say=self.said.append)
            run.all.passed.append("all others")
            run.flake([f"x86_64: t: {n}" for n in range(flaky)], "first", "again")
            self.assertEqual(run.end(), status)
            self.assertEqual(self.said[-1], f"1 passed, {status} failed, 0 skipped")


class Commands(Fake):
    """The same for a command that is one test."""

    def test_flaky(self):
        self.program("silence", f"if {FIRST_RUN}; then echo losses=1; exit 1; fi; echo losses=0")
        self.run_of.one("silence", 0, "silence", says="losses=0")
        self.assertEqual(self.counts(), (0, 0, 0, 1))
        self.assertEqual(self.kept("silence", "first", "said"), "losses=1\n")
        self.assertEqual(self.kept("silence", "again", "said"), "losses=0\n")

    def test_fails_twice(self):
        self.program("silence", "exit 1")
        self.run_of.one("silence", 0, "silence")
        self.assertEqual(len(self.args()), 2)
        self.assertEqual(self.counts(), (0, 1, 0, 0))

    def test_right_status_but_does_not_say_it(self):
        self.program("silence", "echo losses=1")
        self.run_of.one("silence", 0, "silence", says="losses=0")
        self.assertEqual(self.counts(), (0, 1, 0, 0))

    def test_a_splat_is_never_flaky(self):
        self.program("silence", f"{FIRST_RUN} && echo boot: the kernel complained && exit 1")
        self.run_of.one("silence", 0, "silence")
        self.assertEqual(len(self.args()), 1)
        self.assertEqual(self.counts(), (0, 1, 0, 0))


class Tools(Fake):
    """The tools in a guest: a result for each expectation, and the lane again as a whole."""

    GOOD = "echo 1..3; echo ok 1 g: a; echo ok 2 g: b; echo ok 3 g: c"
    TWO = "echo 1..3; echo ok 1 g: a; echo not ok 2 g: b; echo not ok 3 g: c; exit 1"
    DEAD = "echo 1..1; echo '# | boot: the guest died'; echo 'not ok 1 g: boot'; exit 1"

    def test_each_expectation_counts(self):
        self.program("taskiso", self.GOOD)
        self.run_of.tap("x86_64-taskiso", "taskiso", "x86_64")
        self.assertEqual(self.counts(), (3, 0, 0, 0))

    def test_an_accident_is_one_however_many_results_it_took(self):
        self.program("taskiso", f"if {FIRST_RUN}; then {self.TWO}; else {self.GOOD}; fi")
        self.run_of.tap("x86_64-taskiso", "taskiso", "x86_64")
        self.assertEqual(self.args(), ["x86_64", "x86_64"])
        self.assertEqual(self.counts(), (1, 0, 0, 1))
        self.assertIn("not ok 2", self.kept("x86_64-taskiso", "first", "check-x86_64-taskiso.log"))
        self.assertEqual(self.run_of.flaky, ["x86_64-taskiso: g: b and 1 more"])

    def test_what_a_dead_guest_did_not_say_counts_the_second_time(self):
        self.program("tracers", f"if {FIRST_RUN}; then {self.DEAD}; else "
                     f"{self.GOOD.replace('1..3', '1..4')}; echo ok 4 g: boot; fi")
        self.run_of.tap("x86_64-tracers", "tracers")
        self.assertEqual(self.counts(), (3, 0, 0, 1))

    def test_fails_twice(self):
        self.program("taskiso", self.TWO)
        self.run_of.tap("x86_64-taskiso", "taskiso")
        self.assertEqual(self.counts(), (1, 2, 0, 0))

    def test_a_splat_is_never_flaky(self):
        self.program("taskiso", self.DEAD.replace("the guest died", stages.COMPLAINT))
        self.run_of.tap("x86_64-taskiso", "taskiso")
        self.assertEqual(len(self.args()), 1)
        self.assertEqual(self.counts(), (0, 1, 0, 0))


class Lanes(unittest.TestCase):
    """Names of lanes."""

    def test_lanes_that_an_architecture_is_without_have_a_reason(self):
        skipped = [reason for isa in arch.known() for reason in lanes.of(isa)[1]]
        for isa in arch.known():
            for word in lanes.REASONS:
                named = f"{isa}: {lanes.REASONS[word]}: "
                self.assertNotEqual(word in arch.words(isa, "LANES"),
                                    any(reason.startswith(named) for reason in skipped), (isa, word))

    def test_new_architecture(self):
        """A .conf is all that the harness needs of it."""
        settings = {"ORDER": "9", "LANES": "two silence", "NO_DISTURB": "because"}
        with mock.patch.object(arch, "known", lambda: ["vax"]), \
                mock.patch.object(conf, "read", lambda path: settings):
            found, skipped = lanes.of("vax")
        self.assertEqual([lane.name for lane in found], ["vax", "vax-two", "vax-silence"])
        self.assertEqual(skipped, ["vax: disturbed in each known way: because"])

    def test_lane_of_its_own(self):
        """What only one architecture can have, its .conf says, too."""
        settings = {"ORDER": "9", "LANES": "old-clock", "NO_DISTURB": "because", "NO_TASKISO": "because",
                    "LANE_OLD_CLOCK": "--only log_test -- --qemu '-cpu max,old=on'"}
        with mock.patch.object(arch, "known", lambda: ["vax"]), \
                mock.patch.object(conf, "read", lambda path: settings):
            lane = lanes.of("vax")[0][1]
        self.assertEqual((lane.name, lane.cmd),
                         ("vax-old-clock",
                          ["selftests", "--only", "log_test", "vax", "--", "--qemu", "-cpu max,old=on"]))

    def test_unknown_word(self):
        with mock.patch.object(arch, "words", lambda *_: ["nonsense"]):
            with self.assertRaisesRegex(cli.Error, "'nonsense' in the .conf of x86_64 is not a lane"):
                lanes.of("x86_64")

    def test_each_lane_can_be_named(self):
        for isa in arch.known():
            for lane in lanes.of(isa)[0]:
                self.assertEqual([n.name for n in lanes.named(lane.name)],
                                 [n.name for n in lanes.of(isa)[0]] if lane.name == isa
                                 else [lane.name])

    def test_names_are_unique(self):
        names = [lane.name for isa in arch.known() for lane in lanes.of(isa)[0]]
        self.assertEqual(len(names), len(set(names)))

    def test_no_such_lane(self):
        with self.assertRaisesRegex(cli.Error, "no lane of x86_64, which are: x86_64 "):
            lanes.named("x86_64-nonsense")

    def test_text_is_also_patched_by_turns(self):
        lane = lanes.named("x86_64-by-turns")[0]
        self.assertEqual(lane.cmd[-2:], ["--thread", "single"])
