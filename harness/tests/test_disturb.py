# SPDX-License-Identifier: GPL-2.0
"""The disturber bench's judgement, on sample results: each goal can be missed."""

import unittest

from harness.lib import judge

LINE = ('kind={kind} tried={tried} failed={failed} injected={injected} missed={missed} losses={losses} '
        'cause_bad={cause_bad} culprit_known={culprit_known} culprit_bad={culprit_bad} unknown={unknown} stray={stray} '
        'what="some words" note="{note}"')
GOOD = {"tried": 40, "failed": 0, "injected": 40, "missed": 0, "losses": 50, "cause_bad": 0, "culprit_known": 50,
        "culprit_bad": 0, "unknown": 0, "stray": 0, "note": ""}


def lines(idle=0, number=30, **first):
    """What the guest says of so many kinds, the first with some numbers of its own."""
    kinds = [{**GOOD, **({} if n else first), "kind": f"kind{n}"} for n in range(number)]
    return "\n".join([f"idle={idle}"] + [LINE.format(**k) for k in kinds] + ["idle=0", "done=1"])


def wrong(found):
    """What did not hold, of a dict of reasons."""
    return [why for why in found.values() if why]


class Goals(unittest.TestCase):
    """Which goals a run has missed."""

    def goals(self, text, short=False):
        """The goals that were missed."""
        return wrong(judge.goals(judge.total(*judge.parse(text)), short))

    @staticmethod
    def few(**first):
        """What the guest says in a short run: 90 losses, the first kind with some numbers of its own."""
        return lines(**first).replace("losses=50", "losses=3").replace("culprit_known=50", "culprit_known=3")

    def test_all_are_met(self):
        self.assertEqual(self.goals(lines()), [])

    def test_recall(self):
        self.assertIn("recall", self.goals(lines(missed=1))[0])

    def test_false_alarm_in_a_kind(self):
        self.assertIn("1 false alarms", self.goals(lines(stray=1))[0])

    def test_false_alarm_without_a_disturber(self):
        self.assertIn("2 false alarms", self.goals(lines(idle=2))[0])

    def test_unknown(self):
        self.assertIn("unknown", self.goals(lines(unknown=1))[0])

    def test_cause(self):
        self.assertEqual(self.goals(lines(cause_bad=15)), [])
        self.assertIn("cause 98.93 %", self.goals(lines(cause_bad=16))[0])

    def test_culprit(self):
        self.assertEqual(self.goals(lines(culprit_bad=15)), [])
        self.assertIn("culprit 98.93 %", self.goals(lines(culprit_bad=16))[0])

    def test_two_wrong_ones_are_let_pass_in_a_short_run(self):
        for what in ("cause", "culprit"):
            two, three = (self.few(**{what + "_bad": n}) for n in (2, 3))
            self.assertEqual(self.goals(two, short=True), [])
            self.assertIn(f"{what} 97.77 %", self.goals(two)[0])
            self.assertIn(f"{what} 96.66 %", self.goals(three, short=True)[0])

    def test_two_of_each_are_let_pass_together(self):
        self.assertEqual(self.goals(self.few(cause_bad=2, culprit_bad=2), short=True), [])

    def test_nothing_else_is_let_pass_in_a_short_run(self):
        for name, said in (("missed", "recall"), ("stray", "false alarms"), ("unknown", "unknown causes")):
            self.assertIn(said, self.goals(self.few(**{name: 1}), short=True)[0])

    def test_many_losses_may_have_more_wrong_ones_in_a_short_run(self):
        self.assertEqual(self.goals(lines(cause_bad=15), short=True), [])
        self.assertIn("cause 98.93 %", self.goals(lines(cause_bad=16), short=True)[0])

    def test_fewer_kinds_than_here(self):
        figures = judge.total(*judge.parse(lines(number=30)))
        self.assertEqual(wrong(judge.goals(figures, False, 30)), [])
        self.assertIn("30 kinds", wrong(judge.goals(figures, False, 31))[0])

    def test_too_few_kinds(self):
        self.assertIn("24 kinds", self.goals(lines(number=24))[0])

    def test_a_kind_that_caused_nothing_does_not_count(self):
        self.assertIn("24 kinds", self.goals(lines(number=25, injected=0, losses=0))[0])

    def test_too_few_losses(self):
        few = lines(number=25).replace("losses=50", "losses=30")
        self.assertIn("750 losses", self.goals(few)[0])
        self.assertEqual(self.goals(few, short=True), [])

    def test_a_run_that_did_not_end(self):
        with self.assertRaises(judge.Bad):
            judge.parse(lines().replace("done=1", ""))

    def test_what_was_seen_is_no_result(self):
        seen = "seen kind=kind0 cause=7 what=ipi_mb culprit=sibling culprit_cpu=1 times=3\n"
        self.assertEqual(judge.parse(seen + lines()), judge.parse(lines()))

    def test_a_kind_that_is_not_provoked_any_more(self):
        kinds, _ = judge.parse(lines(tried=0, injected=0, losses=0, note="no such file"))
        self.assertEqual(judge.provoked(kinds, [])["kind kind0"], "it could not be provoked: no such file")
        self.assertNotIn("kind kind0", judge.provoked(kinds, ["kind0"]))

    def test_each_kind_is_a_result(self):
        found = judge.provoked(judge.parse(lines(missed=1))[0], [])
        self.assertEqual(len(found), 30)
        self.assertEqual(found["kind kind0"], "1 of 40 were not noticed")
        self.assertEqual(wrong(found), ["1 of 40 were not noticed"])

    def test_a_kind_that_never_is_provoked(self):
        text = lines(tried=0, injected=0, losses=0, note="why").replace("tried=0", "never=1 tried=0")
        self.assertNotIn("kind kind0", judge.provoked(judge.parse(text)[0], []))

    def test_a_kind_that_causes_nothing_is_not_gone(self):
        self.assertEqual(judge.provoked(judge.parse(lines(injected=0, losses=0))[0], [])["kind kind0"], "")

    def test_counters(self):
        self.assertEqual(judge.counters("counter=irq counted=3 told=3\n"), {"counter irq": ""})
        self.assertIn("did not say", judge.counters("done=1\n")["counters"])
        self.assertEqual(judge.counters("counter=irq counted=3 told=3\ncounter=nmi counted=2 told=1\n"),
                         {"counter irq": "",
                          "counter nmi": "the kernel counted 2 losses by nmi, the thread was told of 1"})

    def test_never_rounded_up(self):
        self.assertEqual(judge.percent(99999, 100000), 99.99)

    def test_summary(self):
        figures = judge.total(*judge.parse(lines()))
        self.assertEqual(judge.summary("vax", figures),
                         "DISTURB arch=vax kinds=30 injected=1200 recall=100.00 false=0 "
                         "cause=100.00 culprit=100.00 unknown=0")

    def test_table_says_why_a_kind_caused_nothing(self):
        kinds, _ = judge.parse(lines(injected=0, losses=0, note="not here"))
        self.assertIn("nothing, tried 40 times: not here", judge.table(kinds)[1])

    def test_table_tells_what_could_not_be_provoked(self):
        kinds, _ = judge.parse(lines(injected=0, losses=0, failed=40, note="EPERM"))
        self.assertIn("not provoked, tried 40 times: EPERM", judge.table(kinds)[1])
