# SPDX-License-Identifier: GPL-2.0
"""What the disturber bench measured: read it, judge it, print it."""

import re

# Goals, percent: of all injections, of all losses, of those with a culprit.
GOALS = {"recall": 100.0, "cause": 99.0, "culprit": 99.0}
TITLES = {"recall": "each disturbance noticed", "cause": "right causes", "culprit": "right culprits"}
KINDS = 25              # at least so many, where an architecture does not say how many
LOSSES = 1000           # of a whole run
# In so few losses as a short run may have, one is more than 1 %: so many wrong ones are let pass there.
SHORT_WRONG = 2
NUMBERS = ("tried", "failed", "injected", "missed", "losses", "cause_bad", "culprit_known", "culprit_bad", "unknown",
           "stray")


class Bad(Exception):
    """The guest did not say what it had to."""


def state(fields):
    """Whether a kind caused losses, nothing, or could not be provoked."""
    if int(fields["injected"]):
        return "disturbs"
    return "nothing" if int(fields["tried"]) > int(fields["failed"]) else "not provoked"


def parse(text):
    """(kinds, losses without any disturber) of the lines that the guest wrote."""
    kinds, idle, done = [], 0, False
    for line in text.splitlines():
        fields = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|\S+)', line)}
        if line.startswith("kind="):
            kinds.append({"kind": fields["kind"], "state": state(fields), "what": fields["what"],
                          "note": fields["note"], "never": fields.get("never") == "1",
                          **{n: int(fields[n]) for n in NUMBERS}})
        elif line.startswith("idle="):
            idle += int(fields["idle"])
        elif line.startswith("fatal="):
            raise Bad(fields["fatal"])
        done |= line.startswith("done=1")
    if not done:
        raise Bad("the guest's program did not get to its end")
    return kinds, idle


def provoked(kinds, without):
    """For each kind what is wrong with it, in words: it could not be provoked, or was missed.

    Where a file or a program is missing all of a sudden, a kind would not be tried any more, and
    nobody would see it. without: names that an architecture's kernel, or emulator, is without.
    """
    found = {}
    for k in kinds:
        why = f"{k['missed']} of {k['injected']} were not noticed" if k["missed"] else ""
        if k["state"] == "not provoked":
            if k["never"] or k["kind"] in without:
                continue
            why = f"it could not be provoked: {k['note']}"
        found[f"kind {k['kind']}"] = why
    return found


def counters(text):
    """For each cause why the kernel's counter is not what the thread was told, in words."""
    said = re.findall(r"^counter=(\w+) counted=(\d+) told=(\d+)$", text, re.M)
    if not said:
        return {"counters": "the guest did not say what the kernel has counted"}
    return {f"counter {cause}": f"the kernel counted {counted} losses by {cause}, the thread was told of {told}"
            if counted != told else "" for cause, counted, told in said}


def percent(good, of):
    """Never rounded up to a goal that is missed."""
    return 100.0 if not of else int(10000 * good / of) / 100


def total(kinds, idle):
    """The figures of a run."""
    add = {n: sum(k[n] for k in kinds) for n in NUMBERS}
    return {
        "kinds": sum(1 for k in kinds if k["injected"]),
        "injected": add["injected"],
        "losses": add["losses"],
        "recall": percent(add["injected"] - add["missed"], add["injected"]),
        "false": idle + add["stray"],
        "cause": percent(add["losses"] - add["cause_bad"], add["losses"]),
        "culprit": percent(add["culprit_known"] - min(add["culprit_bad"], add["culprit_known"]),
                           add["culprit_known"]),
        "unknown": add["unknown"],
        "cause_bad": add["cause_bad"],
        "culprit_bad": add["culprit_bad"],
    }


def goals(figures, short, least=KINDS):
    """For each goal of a run why it was missed, in words, or ''.

    A short run may have SHORT_WRONG wrong causes and as many wrong culprits, whatever share
    of its losses that is. Nothing else is let pass: not what was not noticed, no false alarm,
    no unknown cause. A full run has to reach each goal. least: kinds that cause a loss, fewer
    would mean that some have ceased to do what they are there for.
    """
    passed = [name for name in ("cause", "culprit") if short and figures[name + "_bad"] <= SHORT_WRONG]
    found = {TITLES[name]: f"{name} {figures[name]:.2f} %, the goal is {goal:.0f} %"
             if figures[name] < goal and name not in passed else "" for name, goal in GOALS.items()}
    for name, what in (("false", "false alarms"), ("unknown", "unknown causes")):
        found[f"no {what}"] = f"{figures[name]} {what}, the goal is none" if figures[name] else ""
    found["enough kinds"] = f"{figures['kinds']} kinds caused a loss, the goal is {least}" \
        if figures["kinds"] < least else ""
    if not short:
        found["enough losses"] = f"{figures['losses']} losses in all, the goal is {LOSSES}" \
            if figures["losses"] < LOSSES else ""
    return found


def table(kinds):
    """A line for each kind."""
    lines = [f"{'kind':22}{'injected':>9}{'missed':>8}{'losses':>8}{'cause':>9}{'culprit':>9}"
             f"{'unknown':>9}{'false':>7}"]
    for k in kinds:
        if not k["injected"]:
            lines.append(f"{k['kind']:22} {k['state']}, tried {k['tried']} times: {k['note']}")
            continue
        culprit = "none" if not k["culprit_known"] else \
            f"{percent(k['culprit_known'] - k['culprit_bad'], k['culprit_known']):.2f}"
        cause = percent(k["losses"] - k["cause_bad"], k["losses"])
        lines.append(f"{k['kind']:22}{k['injected']:9}{k['missed']:8}{k['losses']:8}{cause:9.2f}"
                     f"{culprit:>9}{k['unknown']:9}{k['stray']:7}"
                     f"{'  ' * bool(k['note'])}{k['note']}")
    return lines


def summary(isa, figures):
    """The last line."""
    return (f"DISTURB arch={isa} kinds={figures['kinds']} injected={figures['injected']} "
            f"recall={figures['recall']:.2f} false={figures['false']} cause={figures['cause']:.2f} "
            f"culprit={figures['culprit']:.2f} unknown={figures['unknown']}")
