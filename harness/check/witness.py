# SPDX-License-Identifier: GPL-2.0
"""Count entries from user mode on one CPU, as QEMU's own log shows them.

The LOGs are what 'harness/ti boot --witness DIR' leaves in DIR (-d int,tid), or one made
with -d int; it may be a pipe. A guest program marks a window on its CPU with one
breakpoint before and one after it: int3, brk, ebreak, bkpt.

x86: the log names no CPU. It is told apart by its task register, and a mark may say which
one it is, by 0x150a7e00 plus its number in EAX, for --cpu to choose. With --only, an entry
counts if that register held that value: a program keeps one there for just the time that
it is isolated, since the mark itself is an entry and has to be made outside.

The others: the log has system calls. The program comes into its window by two,
rt_sigreturn() of the mark's handler and prctl(), and out of it by another prctl(): these
three, and what is outside of them, don't count. If there are fewer, the window begins with
the first. arm and arm64: where several threads of QEMU write one log its lines get mixed
up, so use -d int,tid or thread=single. riscv: what the firmware takes is shown, but does
not enter the kernel and does not count.

Prints each window with its entries by kind.

exit status: 0 silent, 1 entries were seen, 2 no complete window was
"""

import collections
import re
import sys

from harness.lib import cli

MARK_CPU = 0x150a7e00
X86_NAMES = {
    0x00: "divide error", 0x01: "debug", 0x02: "NMI", 0x03: "int3", 0x06: "invalid opcode",
    0x07: "FPU not available", 0x0b: "segment not present", 0x0d: "general protection",
    0x0e: "page fault", 0x10: "FPU error", 0x11: "alignment check", 0x12: "machine check",
    0x13: "SIMD error", 0x20: "IRQ move cleanup", 0x80: "int 0x80", 0xec: "local timer",
    0xf6: "irq_work", 0xf7: "x86 platform", 0xf8: "reboot", 0xf9: "threshold APIC",
    0xfa: "thermal", 0xfb: "call function single", 0xfc: "call function",
    0xfd: "reschedule", 0xfe: "APIC error", 0xff: "spurious",
}
X86_HEAD = re.compile(r"\bv=([0-9a-f]{2}) e=[0-9a-f]+ i=\d cpl=3 (?:IP=\S+ )?(?:pc=([0-9a-f]+))?"
                      r"(?:.*R_EAX\]=([0-9a-f]+))?")
ARM_HEAD = re.compile(r"Taking exception (\d+) \[(.*)\] on CPU (\d+)")
ARM_SVC, ARM_BKPT = 2, 7
RISCV_HEAD = re.compile(r"riscv_cpu_do_interrupt: hart:(\d+), async:(\d), cause:([0-9a-f]+), "
                        r"epc:0x([0-9a-f]+), tval:\S+ desc=(.*)")
RISCV_BREAK, RISCV_ECALL = (0, 3), (0, 8)
RISCV_FIRMWARE = range(0x80000000, 0x80400000)

# kind is MARK, CALL, BELOW (not the kernel's business) or None
Entry = collections.namedtuple("Entry", "cpu kind name pc held says")
MARK, CALL, BELOW = "mark", "call", "below"


class X86:
    """A line with the vector, and then the registers."""

    def __init__(self, reg):
        self.want = re.compile(rf"(?:^|\s){reg.upper()} *=([0-9a-f]+)") if reg else None
        self.head = self.held = None

    def line(self, line):
        """The entry that this line completes, or None."""
        if " cpl=" in line:
            self.head = X86_HEAD.search(line)
            self.held = None
            return None
        if not self.head:
            return None
        if self.want and self.held is None:
            found = self.want.search(line)
            self.held = int(found.group(1), 16) if found else None
        if not line.startswith("TR ="):
            return None
        vector, pc, eax = self.head.groups()
        vector, self.head = int(vector, 16), None
        name = X86_NAMES.get(vector, "device interrupt" if 0x20 <= vector < 0xec else "unknown")
        return Entry(line.split()[2], MARK if vector == 3 else None, f"v={vector:02x} {name}", pc,
                     self.held, int(eax or "0", 16) - MARK_CPU)


class Arm:
    """Lines with the exception, where from, and on arm64 the PC."""

    def __init__(self):
        self.head = self.user = self.pc = None

    def line(self, line):
        """The entry before the one that this line begins, or None."""
        if line.startswith("Taking exception "):
            done = self.end()
            self.head = ARM_HEAD.match(line)
            self.user = self.pc = None
            return done
        if line.startswith("...from EL"):
            self.user = line.startswith("...from EL0 ")
        elif line.startswith("...with ELR 0x"):
            self.pc = line.split()[-1][2:]
        return None

    def end(self):
        """The entry that has begun, or None."""
        if not self.head or not self.user:
            return None
        number, name, cpu = self.head.groups()
        self.head, number, kind = None, int(number), None
        if number == ARM_BKPT:
            kind = MARK
        elif number == ARM_SVC:
            kind = CALL
        return Entry(cpu, kind, name, self.pc or "?", None, int(cpu))


class Riscv:
    """One line, which does not say the mode: user mode by the address."""

    def line(self, line):
        """The entry of this line, or None."""
        head = RISCV_HEAD.match(line)
        if not head:
            return None
        hart, is_async, cause, pc, name = head.groups()
        pc, cause = int(pc, 16), (int(is_async), int(cause, 16) & 0xff)
        if pc >> 47 or pc in RISCV_FIRMWARE:
            return None
        kind = {RISCV_BREAK: MARK, RISCV_ECALL: CALL}.get(cause)
        if cause in ((1, 3), (1, 7), (1, 11)):
            kind = BELOW
        return Entry(hart, kind, name.strip(), f"{pc:x}", None, int(hart))


def entries(paths, reg):
    """Yield each entry from user mode."""
    for path in paths:
        parser = None
        with open(path, encoding="ascii", errors="replace") as f:
            for line in f:
                if parser is None:
                    if " cpl=" in line:
                        parser = X86(reg)
                    elif line.startswith("Taking exception "):
                        parser = Arm()
                    elif line.startswith("riscv_cpu_do_interrupt: "):
                        parser = Riscv()
                    else:
                        continue
                entry = parser.line(line)
                if entry:
                    yield entry
        entry = parser.end() if isinstance(parser, Arm) else None
        if entry:
            yield entry


def inside(seen):
    """The entries of a window without the program's own way in and out."""
    calls = [n for n, e in enumerate(seen) if e.kind == CALL]
    if len(calls) >= 3:
        return seen[calls[1] + 1:calls[-1]]
    return seen[calls[0] + 1:] if calls else seen


def windows(paths, only, after=0, last=False, wanted=None):
    """Complete windows as (cpu, [Entry])."""
    reg, _, value = only.partition("=") if only else ("", "", "0")
    value = int(value, 16)
    open_on = {}
    marks = {}
    done = []
    for e in entries(paths, reg):
        cpu = e.cpu
        if e.kind == MARK:
            if wanted is not None and e.says != wanted:
                continue
            marks[cpu] = marks.get(cpu, 0) + 1
            if cpu in open_on and last:
                done = [(cpu, open_on[cpu])]
                open_on[cpu] = []
            elif cpu in open_on:
                done.append((cpu, open_on.pop(cpu)))
            elif not after or marks[cpu] == after:
                open_on[cpu] = []
        elif cpu in open_on and (not reg or e.held == value):
            open_on[cpu].append(e)
    return [(cpu, inside(seen)) for cpu, seen in done]


def register(text):
    """The type of --only."""
    if not re.fullmatch(r"[A-Za-z]\w*=[0-9A-Fa-f]+", text):
        raise cli.argparse.ArgumentTypeError(f"'{text}' was given, expected a register and its value: r15=1f")
    return text


def show(found):
    """Print the windows, each with its entries by kind."""
    for nr, (cpu, seen) in enumerate(found, 1):
        count = sum(e.kind != BELOW for e in seen)
        which = f"task register {cpu}" if len(cpu) > 3 else f"number {cpu}"
        print(f"window {nr} (CPU with {which}): {count} entries")
        kinds = {}
        for e in seen:
            name = e.name + (" (below the kernel)" if e.kind == BELOW else "")
            kinds.setdefault(name, []).append(e.pc)
        for name, pcs in sorted(kinds.items(), key=lambda k: -len(k[1])):
            print(f"  {len(pcs):8d}  {name}, first at {pcs[0]}")


def main():
    p = cli.parser(__doc__)
    p.add_argument("--cpu", metavar="N", type=cli.number("the number of a CPU", 0),
                   help="only windows of this CPU (all)")
    p.add_argument("--only", metavar="REG=HEX", type=register,
                   help="only entries for which this register held this value, in hexadecimal (all)")
    which = p.add_mutually_exclusive_group()
    which.add_argument("--after", metavar="N", type=cli.number("the number of a mark", 0), default=0,
                       help="only the window between the Nth mark of a CPU and the next (all)")
    which.add_argument("--last", action="store_true", help="only the window between the last two marks")
    p.add_argument("--count", action="store_true", help="print the sum of entries alone")
    p.add_argument("logs", metavar="LOG", nargs="+", help="a log of QEMU")
    opt = p.parse_args()
    found = windows(opt.logs, opt.only, opt.after, opt.last, opt.cpu)
    if not found:
        print("witness: no complete window: the program did not mark one", file=sys.stderr)
        return 2
    total = sum(e.kind != BELOW for _, seen in found for e in seen)
    if opt.count:
        print(total)
    else:
        show(found)
    return 1 if total else 0


if __name__ == "__main__":
    cli.main(main)
