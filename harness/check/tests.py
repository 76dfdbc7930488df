# SPDX-License-Identifier: GPL-2.0
"""The harness's own tests, as TAP.

exit status: 0 all passed, 1 not
"""

import os
import sys
import traceback
import unittest

from harness.lib import cli, ktap, paths

TESTS = os.path.join(paths.HARNESS, "tests")


class Tap(unittest.TestResult):
    """Each result as a line of TAP."""

    def __init__(self, tap):
        super().__init__()
        self.tap = tap

    def _bad(self, test, err):
        self.tap.result(test.id(), False, "".join(traceback.format_exception(*err)))

    def addSuccess(self, test):
        self.tap.result(test.id(), True)

    def addFailure(self, test, err):
        self._bad(test, err)

    def addError(self, test, err):
        self._bad(test, err)

    def addSkip(self, test, reason):
        self.tap.result(test.id(), True, skip=reason)


def main():
    p = cli.parser(__doc__)
    p.add_argument("pattern", metavar="PATTERN", nargs="?", default="",
                   help="only tests whose name contains it: test_store, Witness, ...")
    opt = p.parse_args()
    sys.path.insert(0, TESTS)
    loader = unittest.TestLoader()
    if opt.pattern:
        loader.testNamePatterns = [f"*{opt.pattern}*"]
    suite = loader.discover(TESTS, "test_*.py", TESTS)
    tap = ktap.Writer()
    suite.run(Tap(tap))
    return tap.status()


if __name__ == "__main__":
    cli.main(main)
