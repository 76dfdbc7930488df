#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Find what a kernel complains of in its log.

usage: splats [--boot-line-errors-ok] LOG...

The patterns are in harness/splat-patterns.txt; without one, nothing is called
clean. Those after the line "# [boot line]" are about parameters which the kernel
did not take: not looked for with --boot-line-errors-ok.

exit status: 0 no complaint, 1 complaints (printed), 2 no patterns or no log.
"""

import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
PATTERNS = os.environ.get("SPLAT_PATTERNS") or os.path.join(HERE, "splat-patterns.txt")


def main():
    lax = sys.argv[1:2] == ["--boot-line-errors-ok"]
    logs = sys.argv[1 + lax:]
    if not logs or logs[0].startswith("--"):
        print(__doc__.strip())
        return 2
    try:
        with open(PATTERNS, encoding="utf-8") as f:
            lines = f.read().splitlines()
    except OSError as e:
        print(f"splats: {e.filename}: {e.strerror}")
        return 2
    if lax and "# [boot line]" in lines:
        lines = lines[:lines.index("# [boot line]")]
    words = [w for w in lines if w.strip() and not w.startswith("#")]
    if not words:
        print(f"splats: {PATTERNS} has no pattern: no log can be called clean")
        return 2
    pattern = re.compile("|".join(f"(?:{w})" for w in words))
    found = 0
    for path in logs:
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                lines = f.read().splitlines()
        except OSError as e:
            print(f"splats: {path}: {e.strerror}")
            return 2
        for nr, line in enumerate(lines, 1):
            if pattern.search(line):
                found += 1
                if found <= 20:
                    print(f"{os.path.basename(path)}:{nr}: {line}")
    return 1 if found else 0


sys.exit(main())
