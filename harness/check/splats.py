# SPDX-License-Identifier: GPL-2.0
"""Find what a kernel complains of in its log.

The patterns are in harness/check/splat-patterns.txt (SPLAT_PATTERNS=file for others);
without one, no log is called clean. Those after the line "# [boot line]" are about
parameters which the kernel did not take.

exit status: 0 no complaint, 1 complaints, which are printed, 2 no patterns or no log
"""

import os
import re
import sys

from harness.lib import cli, paths

PATTERNS = os.environ.get("SPLAT_PATTERNS") or \
    os.path.join(paths.HARNESS, "check", "splat-patterns.txt")
SHOWN = 20              # complaints that are printed


class NoJudgement(Exception):
    """A log can't be called clean."""


def read(path):
    """The lines of a file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()
    except OSError as e:
        raise NoJudgement(f"{path}: {e.strerror}") from e


def patterns(lax):
    """All patterns as one; lax: without those about the boot line."""
    lines = read(PATTERNS)
    if lax and "# [boot line]" in lines:
        lines = lines[:lines.index("# [boot line]")]
    words = [w for w in lines if w.strip() and not w.startswith("#")]
    if not words:
        raise NoJudgement(f"{PATTERNS} has no pattern: no log can be called clean")
    return re.compile("|".join(f"(?:{w})" for w in words))


def main():
    p = cli.parser(__doc__)
    p.add_argument("--boot-line-errors-ok", action="store_true",
                   help="do not look for parameters which the kernel did not take")
    p.add_argument("logs", metavar="LOG", nargs="+", help="a kernel's log")
    opt = p.parse_args()
    try:
        pattern = patterns(opt.boot_line_errors_ok)
        found = [f"{os.path.basename(path)}:{nr}: {line}" for path in opt.logs
                 for nr, line in enumerate(read(path), 1) if pattern.search(line)]
    except NoJudgement as e:
        print(f"splats: {e}", file=sys.stderr)
        return 2
    for line in found[:SHOWN]:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    cli.main(main)
