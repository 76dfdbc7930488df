#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The harness's own tests, as TAP.

usage: run [PATTERN]        only tests whose name contains PATTERN

exit status: 0 all passed, 1 not.
"""

import os
import sys
import traceback
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import ktap                                                 # noqa: E402


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
    loader = unittest.TestLoader()
    if sys.argv[1:]:
        loader.testNamePatterns = [f"*{sys.argv[1]}*"]
    suite = loader.discover(HERE, "test_*.py")
    tap = ktap.Writer()
    suite.run(Tap(tap))
    return tap.status()


sys.exit(main())
