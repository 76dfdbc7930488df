# SPDX-License-Identifier: GPL-2.0
"""Use each verb of taskiso in a guest, with and without an isolation CPU.

Speaks TAP: one result for each thing that it has to say.

exit status: 0 it said all of it, 1 not, as printed
"""

import subprocess

from harness.lib import arch, cli, expect, guest, ktap, paths


def undisturbed(text):
    """Why 'taskiso check' has interrupted the thread that was isolated; '' if it has not."""
    counts = {when: [line.split()[6:9] for line in text.splitlines()
                     if line.split()[:3] == [f"{when}:", "3", "long"]] for when in ("during", "checked")}
    if counts["during"] and counts["during"] == counts["checked"]:
        return ""
    return f"the counts of the thread were {counts['during']} before and {counts['checked']} after"


# With an isolation CPU: by guest/inside/taskiso.sh.
ISOLATION = {
    "check of the isolation CPU": "^cpu 3: yes$",
    "check: status": "^check: 0",
    "check -t: tried": "^cpu 3: yes, tried",
    "check -t: status": "^try: 0",
    "check of another CPU": "^cpu 1: no",
    "check of another CPU: why": "the CPU is not in nohz_full=",
    "check of another CPU: what to change of nohz_full=": "^  replace nohz_full=3 by nohz_full=1-3$",
    "check of another CPU: what to change of rcu_nocbs=": "^  replace rcu_nocbs=3 by rcu_nocbs=1-3$",
    "check of another CPU: status": "^others: 1",
    "check by an ordinary user": "^nobody checks: 0",
    "top by an ordinary user: status": "^nobody looks: 2",
    "trace by an ordinary user: status": "^nobody traces: 2",
    "trace: enter": r"^(example|<\.\.\.>)-[0-9]+ cpu 3 +[0-9.]+ enter sig=",
    "trace: loss": r"^(example|<\.\.\.>)-[0-9]+ cpu 3 +[0-9.]+ loss cause=syscall",
    "trace: status": "^trace: 0",
    "trace leaves no instance": "^instances: 0$",
    "top: losses by cause": "^ +3 .* syscall=[1-9]",
    "top: the last loss": "^ +last: syscall",
    "top: status": "^top: 0",
    "top -d 0: what was expected": "takes a whole number from 1 on, not '0'",
    "top -d 0: status": "^usage: 2",
    "top: a thread that is isolated": "^during:  +3 long ",
    "top: the culprit of a loss": r"^after:  +last: .* by head/[0-9]+ on cpu [0-2]",
    "check -t of a CPU with another task": "^cpu 3: refused",
    "check -t: why it was refused": "another task wants to run there",
    "check -t: which task": "the task is sh/[0-9]",
    "check -t: status if refused": "^refused: 1",
    "check of a CPU in use": "^during: cpu 3: in use: thread [0-9]+ is isolated there",
    "check -t of a CPU in use: status": "^try in use: 1",
    "top: a thread that was checked": "^checked:  +3 long ",
    "check and top do not interrupt a thread": undisturbed,
    "trace without a reader leaves no instance": "^instances left: 0",
}
# With a timer device that can't be turned off.
NO_HIGHRES = {
    "check": "^cpu 3: no",
    "check: why": "the timer device of the CPU can't be turned off",
    "check: what to change": "boot without highres=off",
    "check: status": "^check: 1",
}
# Without any.
NO_ISOLATION = {
    "check": "^cpu 0: no",
    "check: status": "^check: 1",
    "top: why it shows nothing": "no CPU has counters",
    "top: status": "^top: 2",
}


def programs(isa):
    """Build what the guest needs: the options of boot for it."""
    taskiso = guest.taskiso()
    said = subprocess.run([taskiso, "trace", "-n", "x"], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    if "left out" in said:
        raise cli.Error("built without libtracefs: install libtracefs-dev and libtraceevent-dev, "
                        "as 'harness/ti packages check' does")
    example = guest.example(isa, "taskiso-example")
    long = guest.example(isa, "taskiso-long", zeros="00")
    return ["--file", f"{taskiso}=/ti/taskiso", "--file", f"{example}=/ti/example",
            "--file", f"{long}=/ti/long", "--file", f"{paths.INSIDE}/taskiso.sh=/ti/taskiso.sh"]


def main():
    p = cli.parser(__doc__)
    p.add_argument("name", metavar="KERNEL", nargs="?", type=arch.kernel, default=arch.default(),
                   help="ARCH[-VARIANT], of this machine's architecture, which has to be built (%(default)s)")
    opt = p.parse_args()
    files = programs(arch.split(opt.name)[0])
    tap = ktap.Writer()
    for title, options, script, expected in (
            ("isolation CPU", [], "exec sh /ti/taskiso.sh", ISOLATION),
            ("highres=off", ["--cmdline", "highres=off"],
             "NO_COLOR=1 /ti/taskiso check 3; echo check: $?; exit 0", NO_HIGHRES),
            ("no isolation CPU", ["--no-isolation"],
             "export NO_COLOR=1; /ti/taskiso check; echo check: $?; /ti/taskiso top; echo top: $?; exit 0",
             NO_ISOLATION)):
        log = "taskiso-" + title.replace(" ", "-").replace("=", "-")
        expect.judge(tap, title, guest.boot(opt.name, log, *files, *options, "--shell", script), expected)
    return tap.status()


if __name__ == "__main__":
    cli.main(main)
