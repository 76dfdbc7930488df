# SPDX-License-Identifier: GPL-2.0
"""What is run on each kernel, by name: the lanes of check and repeat.

An architecture's .conf lists its lanes, and says what those are that only it can have:
LANE_NAME, the options of selftests, then -- and those of boot. What each of the others is
stands here, and how its vCPUs run. In parallel, as boot does by itself with a QEMU that is new enough: what two
CPUs do at the same time is most of what this series has to get right, so the self-tests,
the disturber, the window of silence on arm and all that races or takes random steps. By
turns besides, on x86_64: what patches kernel text. An emulated CPU can execute an
instruction as it was before it was patched, which ends in "Oops: int3". QEMU 8.1 has made
that rare, and only where vCPUs take turns it can't be the emulator's fault. By turns only:
what reads one log of all vCPUs while it is written (silence, but on arm), as the lines of
several would get mixed up, and what counts instructions (bench).
"""

import shlex

from harness.lib import arch, cli
from harness.lib.cli import Error

# The tests in which kernel text is patched under an isolated thread.
PATCHES = "loss_test,events_test"
# Not part of any run, for its time, and how to have it.
LEFT_OUT = (
    "ten minutes of silence: harness/ti silence NAME",
    "each disturbance thirty times: harness/ti disturb",
    "what the feature costs: harness/ti bench",
    "each lane twenty times: harness/ti repeat 20 NAME...",
)


class Lane:
    """A program of the harness and what it has to end with.

    tap: it speaks TAP, and each of its results counts; otherwise all of it is one, which
    has to have the exit status want and say what says matches.
    """

    def __init__(self, name, *cmd, tap=False, want=0, says="", title=""):
        self.name = name
        self.cmd = list(cmd)
        self.tap = tap
        self.want = want
        self.says = says
        self.title = title or name


def tests(name, kernel, *options, boot=()):
    """A lane of self-tests."""
    more = ["--", *boot] if boot else []
    return Lane(name, "selftests", *options, kernel, *more, tap=True)


# What each lane of a kernel is, by the name that follows the kernel's: (options of
# selftests, options of boot).
SELFTESTS = {
    "two": (["--isolation", "two", "--only", "loss_test"], []),
    "cpuset": (["--isolation", "cpuset", "--limited-log", "--only", "cpuset_test,log_test"], []),
    "no-isolation": (["--no-isolation"], []),
    "by-turns": (["--only", PATCHES], ["--thread", "single"]),
    # Equal lists, of which the kernel once dropped the second.
    "boot-line": (["--no-isolation", "--only", "bootline_test",
                   "--cmdline", "nohz_full=3 isolcpus=nohz,domain,managed_irq,3"], []),
    # Twelve isolated threads, and one broadcast to all of them.
    "many": (["--isolation", "most", "--only", "many_test"], ["--cpus", "16"]),
}
OTHERS = {
    # A window in which nothing may come, by two counts.
    "silence": lambda name, lane: Lane(lane, "silence", "--seconds", "20", name, tap=True),
    # Each known disturbance, some of each: each kind is a result, and each goal.
    "disturb": lambda name, lane: Lane(lane, "disturb", "--short", "--no-build", name, tap=True),
    # The tools in a guest: each thing that they have to say is a result.
    "taskiso": lambda name, lane: Lane(lane, "taskiso", name, tap=True),
    "boot-lines": lambda name, lane: Lane(lane, "boot-lines", "--kernel", name, tap=True),
    "tracers": lambda name, lane: Lane(lane, "tracers", name, tap=True),
}
# What is named with its reason where an architecture does not have it: NO_DISTURB="why".
REASONS = {"disturb": "disturbed in each known way", "taskiso": "taskiso in a guest"}


def setting(word):
    """What a lane of an architecture's own is called in its .conf."""
    return "LANE_" + word.upper().replace("-", "_")


def one(name, word):
    """One lane of a kernel."""
    lane = f"{name}-{word}"
    own = arch.load(arch.split(name)[0]).get(setting(word))
    if own:
        options, boot = cli.split(shlex.split(own))
        return tests(lane, name, *options, boot=boot)
    if word in SELFTESTS:
        options, boot = SELFTESTS[word]
        return tests(lane, name, *options, boot=boot)
    if word not in OTHERS:
        raise Error(f"'{word}' in the .conf of {name} is not a lane: one of {' '.join([*SELFTESTS, *OTHERS])}, "
                    f"or what {setting(word)} says there")
    return OTHERS[word](name, lane)


def of(name):
    """The lanes of a kernel, ARCH[-VARIANT]: ([Lane], [what is skipped, and why])."""
    isa, variant = arch.split(name)
    words = arch.words(isa, f"LANES_{variant.upper()}" if variant else "LANES")
    settings = arch.load(isa)
    skipped = [f"{isa}: {what}: {settings[f'NO_{word.upper()}']}" for word, what in REASONS.items()
               if not variant and f"NO_{word.upper()}" in settings]
    return [tests(name, name), *(one(name, word) for word in words)], skipped


def failing_guests(isa):
    """A guest that dies, hangs, complains or is not told to isolate."""
    boot = ["boot", "--quiet", "--log", "check-boot"]
    planted = "echo 'WARNING: planted' >/dev/kmsg; sleep 1"
    # It is managed_irq.
    dropped = ["--cmdline", "isolcpus=managed-irq,1"]
    return [
        Lane("boot: exit status", *boot, "--shell", "exit 7", isa, want=7),
        Lane("boot: no such program", *boot, "--shell", "exec /nonexistent", isa, want=127),
        Lane("boot: hang", *boot, "--time", "20", "--shell", "exec sleep 1000", isa, want=124,
             says="did not end in 20 s"),
        Lane("boot: kernel dies", *boot, "--cmdline", "rdinit=/nonexistent root=/dev/none",
             "--shell", "true", isa, want=125, says="before user space"),
        Lane("boot: splat", *boot, "--shell", planted, isa, want=125, says="kernel complained"),
        Lane("boot: dropped parameter", *boot, *dropped, "--shell", "exit 0", isa, want=125,
             says="isolcpus: Invalid flag(.|\n)*kernel complained"),
        Lane("boot: dropped parameter, wanted", *boot, *dropped, "--boot-line-errors-ok",
             "--shell", "exit 0", isa),
    ]


def named(name):
    """The lanes that a person means: those of a kernel, or one of its lanes."""
    isa, _, rest = name.partition("-")
    if not rest or rest in arch.VARIANTS:
        return of(name)[0]
    kernel = isa
    if rest.split("-")[0] in arch.VARIANTS:
        kernel = f"{isa}-{rest.split('-')[0]}"
    found = [lane for lane in of(kernel)[0] if lane.name == name]
    if not found:
        raise Error(f"{name} is no lane of {kernel}, which are: "
                    f"{' '.join(lane.name for lane in of(kernel)[0])}")
    return found
