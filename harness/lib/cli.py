# SPDX-License-Identifier: GPL-2.0
"""The command line of a program of the harness.

Its docstring is its help. A bad argument ends it with status 2 and a message that
says what was expected.
"""

import argparse
import os
import sys


class Error(Exception):
    """Something that the user has to fix; printed as it is, without a traceback."""


def name():
    """What this program is called."""
    return os.path.splitext(os.path.basename(sys.argv[0]))[0].replace("_", "-")


def parser(doc):
    """A parser whose help is the docstring: what it does, then its exit status."""
    what, _, status = doc.partition("exit status:")
    return argparse.ArgumentParser(
        prog=f"harness/ti {name()}", description=what.strip(),
        epilog=f"exit status: {status.strip().rstrip('.')}, 2 a bad argument.",
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)


def number(what, least=1):
    """The type of an argument that is a whole number."""
    def read(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"'{text}' was given, expected {what}: a whole number, {least} or more")
        return int(text)
    return read


def split(argv):
    """(what stands before --, what stands after it)."""
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], argv[at + 1:]


def main(run):
    """Run the main function of a program; an Error becomes a message and status 1."""
    try:
        sys.exit(run())
    except Error as e:
        said, status = str(e), 1
    except FileNotFoundError as e:
        said, status = f"{e.filename}: no such file", 1
    except KeyboardInterrupt:
        said, status = "interrupted", 130
    for line in said.splitlines():
        print(f"{name()}: {line}", file=sys.stderr)
    sys.exit(status)
