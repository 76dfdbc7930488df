# SPDX-License-Identifier: GPL-2.0
"""What there is to run on each kernel, by name: the lanes of check and repeat.

How the vCPUs run is decided here. In parallel, as boot does by itself with a QEMU
that is new enough: what two CPUs do at the same time is most of what this series
has to get right, so the self-tests, the disturber, the window of silence on arm
and all that races or takes random steps. By turns besides, on x86_64: what patches
kernel text. An emulated CPU can execute an instruction as it was before it was
patched, which ends in "Oops: int3". QEMU 8.1 has made that rare, and only where
vCPUs take turns it can't be the emulator's. By turns only: what reads one log of
all vCPUs while it is written (silence, but on arm), as the lines of several would
get mixed up, and what counts instructions (bench).
"""

import arch

# The tests in which kernel text is patched under an isolated thread.
PATCHES = "loss_test,events_test"
# The disturber bench has figures for these only.
DISTURB = ("x86_64", "arm64")
# Not part of any run, for its time, and how to have it.
LEFT_OUT = (
    "ten minutes of silence: harness/silence NAME",
    "each disturbance thirty times: harness/disturb",
    "what the feature costs: harness/bench",
    "each lane twenty times: harness/repeat 20 NAME...",
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


def selftests(name, kernel, *options, boot=()):
    """A lane of self-tests."""
    more = ["--", *boot] if boot else []
    return Lane(name, "selftests", *options, kernel, *more, tap=True)


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


def silence(name):
    """A window in which nothing may come, by two counts."""
    return Lane(f"{name}-silence", "silence", "--seconds", "20", name,
                says="losses=0 kernel=0 witness=0",
                title=f"{name}: 20 s of silence, by the witness")


def disturb(name):
    """Each known disturbance, some of each."""
    return Lane(f"{name}-disturb", "disturb", "--short", "--no-build", name,
                says="recall=100.00 false=0", title=f"{name}: disturbed in each known way")


def of(name):
    """The lanes of a kernel, ARCH[-VARIANT]: ([Lane], [what is skipped, and why])."""
    isa, variant = arch.split(name)
    if variant == "debug" and isa in DISTURB:
        # That of x86_64 is PREEMPT_RT: other locks, other contexts, and what its users boot.
        return [selftests(name, name), silence(name), disturb(name)], []
    if variant:
        return [selftests(name, name)], []
    found = [
        selftests(isa, isa),
        selftests(f"{isa}-two", isa, "--isolation", "two", "--only", "loss_test"),
        selftests(f"{isa}-cpuset", isa, "--isolation", "cpuset", "--limited-log", "--only",
                  "cpuset_test,log_test"),
        selftests(f"{isa}-no-isolation", isa, "--no-isolation"),
    ]
    skipped = []
    if isa == "x86_64":
        found += [
            selftests(f"{isa}-by-turns", isa, "--only", PATCHES, boot=["--thread", "single"]),
            selftests(f"{isa}-unstable-clock", isa, "--only", "contract_test",
                      "--cmdline", "tsc=unstable"),
            # Equal lists, of which the kernel once dropped the second.
            selftests(f"{isa}-boot-line", isa, "--no-isolation", "--only", "bootline_test",
                      "--cmdline", "nohz_full=3 isolcpus=nohz,domain,managed_irq,3"),
            # Twelve isolated threads, and one broadcast to all of them.
            selftests(f"{isa}-many", isa, "--isolation", "most", "--only", "many_test",
                      boot=["--cpus", "16"]),
            # This vendor's 32-bit programs use SYSENTER, the other's SYSCALL.
            selftests(f"{isa}-intel", isa, "--only", "arch_x86_test,_32",
                      boot=["--qemu", "-cpu max,vendor=GenuineIntel"]),
        ]
    if isa == "arm64":
        # Interrupts like NMIs: masked and unmasked by priority.
        found.append(selftests(f"{isa}-pseudo-nmi", isa, "--only", "loss_test,arch_arm64_test",
                               "--cmdline", "irqchip.gicv3_pseudo_nmi=1",
                               "--says", "Pseudo-NMIs enabled"))
    found.append(silence(isa))
    if isa in DISTURB:
        found.append(disturb(isa))
    else:
        skipped.append(f"{isa}: disturbed in each known way: what it calls on other CPUs "
                       "has not been looked up")
    if isa == "x86_64":
        found += [Lane(f"{isa}-taskiso", "taskiso", title="taskiso in a guest"),
                  Lane(f"{isa}-boot-lines", "boot-lines", tap=True),
                  Lane(f"{isa}-tracers", "tracers", title="perf and trace-cmd show a loss")]
    else:
        skipped.append(f"{isa}: taskiso in a guest: it is built for this machine")
    return found, skipped


def named(name):
    """The lanes that a person means: those of a kernel, or one of its lanes."""
    isa = name.partition("-")[0]
    if name == isa or name.partition("-")[2] in arch.VARIANTS:
        return of(name)[0]
    kernel = isa
    if name.split("-")[1] in arch.VARIANTS:
        kernel = "-".join(name.split("-")[:2])
    found = [lane for lane in of(kernel)[0] if lane.name == name]
    if not found:
        raise SystemExit(f"{name} is no lane of {kernel}, which are: "
                         f"{' '.join(lane.name for lane in of(kernel)[0])}")
    return found
