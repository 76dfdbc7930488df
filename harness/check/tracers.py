# SPDX-License-Identifier: GPL-2.0
"""Record the events of a loss with perf and with trace-cmd, in a guest.

They are this machine's, from the Debian packages linux-perf and trace-cmd. Speaks TAP: one
result for each event that each of them has to show in words.

exit status: 0 both have shown all events, 1 not, 2 one of them is missing
"""

import os
import re
import shutil
import subprocess
import sys

from harness.lib import arch, cli, expect, guest, ktap, paths

TOOLS = ("perf", "trace-cmd")
EVENTS = {
    "perf shows enter": "perf: .*task_isolation:task_isolation_enter: sig=",
    "perf shows loss": "perf: .*task_isolation:task_isolation_loss: cause=syscall",
    "trace-cmd shows enter": "trace-cmd: .*task_isolation_enter: .*sig=",
    "trace-cmd shows loss": "trace-cmd: .*task_isolation_loss: .*cause=syscall",
}
SHOWN = re.compile(r"^(?:perf|trace-cmd): .*task_isolation_(?:enter|loss):.*$", re.M)


def with_libraries(tool):
    """The options of boot for a program of the host and the libraries that it needs."""
    path = os.path.realpath(shutil.which(tool))
    options = ["--file", f"{path}=/ti/{tool}"]
    said = subprocess.run(["ldd", path], text=True, check=False, stdout=subprocess.PIPE).stdout
    for lib in re.findall(r"/\S+", said):
        options += ["--file", f"{os.path.realpath(lib)}={lib}"]
    return options


def main():
    p = cli.parser(__doc__)
    p.add_argument("name", metavar="KERNEL", nargs="?", type=arch.kernel, default=arch.default(),
                   help="ARCH[-VARIANT], of this machine's architecture, which has to be built (%(default)s)")
    opt = p.parse_args()
    for tool in TOOLS:
        if not shutil.which(tool):
            print(f"tracers: there is no {tool}: apt install linux-perf trace-cmd", file=sys.stderr)
            return 2
    example = guest.example(arch.split(opt.name)[0], "tracers-example")
    files = ["--file", f"{example}=/ti/example", "--file", f"{paths.INSIDE}/tracers.sh=/ti/tracers.sh"]
    for tool in TOOLS:
        files += with_libraries(tool)
    tap = ktap.Writer()
    ran = guest.boot(opt.name, "tracers", *files, "--shell", "exec sh /ti/tracers.sh")
    for line in SHOWN.findall(ran[2]):
        print(f"# {line}")
    expect.judge(tap, "tracers", ran, EVENTS)
    return tap.status()


if __name__ == "__main__":
    cli.main(main)
