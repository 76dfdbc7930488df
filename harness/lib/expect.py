# SPDX-License-Identifier: GPL-2.0
"""What a guest's program has to say: each thing is a result of TAP."""

import re

SHOWN = 30              # lines of a guest that are shown where something is missing


def missing(text, pattern):
    """Why a text does not say what it has to; '' if it does.

    pattern is a regular expression, in which ^ and $ are those of a line.
    """
    if re.search(pattern, text, re.M):
        return ""
    end = "\n".join(text.splitlines()[-SHOWN:])
    return f"'{pattern}' was to be said. The end of what was:\n{end}"


def judge(tap, title, guest, expected):
    """Results of one guest: that it ran, and then each expectation, by name.

    guest: (exit status, what boot said, what its program said). expected: {name: pattern};
    in place of a pattern a function of the text, which returns why it is wrong.
    """
    status, said, text = guest
    tap.result(f"{title}: boot, run and no splat", status == 0, said)
    if status:
        return
    for name, want in expected.items():
        why = want(text) if callable(want) else missing(text, want)
        tap.result(f"{title}: {name}", not why, why)
