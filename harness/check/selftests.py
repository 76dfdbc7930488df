# SPDX-License-Identifier: GPL-2.0
"""Build the kernel's selftests, run them in a guest, count what they said.

The tests come from build/tree, built against its own exported headers; TARGETS=names
chooses others than task_isolation. KUnit's results are read from the kernel's log of that
boot. Speaks TAP: one result for each of theirs, with the program's name before it.

exit status: 0 all passed or skipped, 1 not
"""

import glob
import os
import re
import shutil
import sys

from harness.lib import arch, cli, guest, ktap, make, paths

TARGETS = os.environ.get("TARGETS") or "task_isolation"


def compiler32(isa):
    """The compiler of 32-bit programs: (name or empty, why there is none)."""
    cross = arch.load(isa).get("CROSS32", "")
    if not cross:
        return "", f"{isa} runs none"
    if not shutil.which(cross + "gcc"):
        return "", f"no {cross}gcc"
    return cross + "gcc", ""


def sources(tree):
    """When the newest of what the tests are built from was changed."""
    tests = os.path.join(tree, "tools/testing/selftests")
    files = glob.glob(f"{tests}/*.*") + glob.glob(f"{tree}/include/uapi/**/*.h", recursive=True)
    for target in TARGETS.split():
        files += glob.glob(f"{tests}/{target}/**", recursive=True)
    return max(os.path.getmtime(path) for path in files)


def build(isa, tree):
    """Install the tests: (their directory or None, what make said)."""
    settings = arch.load(isa)
    headers = os.path.join(paths.GUEST, f"headers-{isa}")
    out = os.path.join(paths.GUEST, f"kselftest-{isa}")
    into = os.path.join(out, "install")
    # make takes seconds to find that there is nothing to do, and a run has many lanes.
    stamp = os.path.join(out, "built-from")
    what = f"{tree} {sources(tree)} {TARGETS} {compiler32(isa)[0]}"
    if os.path.exists(stamp) and os.path.exists(os.path.join(into, "kselftest-list.txt")):
        with open(stamp, encoding="utf-8") as f:
            if f.read() == what:
                return into, ""
    os.makedirs(headers, exist_ok=True)
    common = [f"ARCH={settings['KARCH']}", f"CROSS_COMPILE={settings['CROSS']}", f"-j{os.cpu_count()}"]
    said = ""
    for cmd in (["make", "-C", tree, f"O={headers}", *common, "headers"],
                ["make", "-C", f"{tree}/tools/testing/selftests", f"O={out}",
                 f"TARGETS={TARGETS}", f"KHDR_INCLUDES=-isystem {headers}/usr/include",
                 f"CC32={compiler32(isa)[0]}",
                 f"INSTALL_PATH={into}", "FORCE_TARGETS=1", *common, "install"]):
        run = make.run(cmd)
        said += run.stdout
        if run.returncode:
            return None, said
    if not os.path.exists(os.path.join(into, "kselftest-list.txt")):
        return None, said + "\nno kselftest-list.txt was installed"
    with open(stamp, "w", encoding="utf-8") as f:
        f.write(what)
    return into, said


def report(tap, totals):
    """Pass on the results of one program."""
    for name in totals.passed:
        tap.result(name, True)
    for name in totals.skipped:
        where, _, why = name.rpartition(": ")
        tap.result(where or name, True, skip=why)
    for name in totals.failed:
        tap.result(name, False, totals.why.get(name) or totals.text)


def each_program(lines):
    """Yield (name, exit status or None, lines) of each program in a run."""
    name, body = None, []
    for line in lines:
        if line.startswith("@test begin "):
            if name:
                yield name, None, body
            name, body = line.split(" ", 2)[2].strip(), []
        elif line.startswith("@test exit ") and name:
            print(f"# {name}: {line.split()[4]} s")
            yield name, int(line.split()[2]), body
            name = None
        elif name:
            body.append(line.rstrip("\n"))
    if name:
        yield name, None, body


def kunit(tap, log, wanted):
    """Results that KUnit printed while booting."""
    with open(log, encoding="utf-8", errors="replace") as f:
        lines = [ktap.STAMP.sub("", line.rstrip("\n")) for line in f]
    start = next((n for n, line in enumerate(lines) if line.startswith("KTAP version")), None)
    if start is None:
        if wanted:
            tap.result("KUnit", False, "no KTAP in the kernel's log")
        return
    totals = ktap.parse(lines[start:], "KUnit")
    totals.where, totals.text = "KUnit", "\n".join(lines[start:][:60])
    report(tap, totals)


def first(into, only):
    """What boot needs to have pid1_test be the first process, if it is to run."""
    path = os.path.join(into, "task_isolation", "pid1_test")
    wanted = not only or any(part in "pid1_test" for part in only.split(","))
    return ["--file", f"{path}=/ti/first"] if wanted and os.path.exists(path) else []


def parse():
    """Command line: (options, those of boot after --)."""
    argv, more = cli.split(sys.argv[1:])
    p = cli.parser(__doc__)
    p.usage = "%(prog)s [OPTION]... [KERNEL] [-- OPTION-OF-BOOT...]"
    p.add_argument("--no-isolation", action="store_true", help="no isolation CPU on the boot line")
    p.add_argument("--isolation", metavar="SET", choices=("one", "two", "most", "cpuset"), default="one",
                   help="which CPUs to set aside: one, two, most or cpuset, see boot (%(default)s)")
    p.add_argument("--only", metavar="PATTERN[,PATTERN]...", default="",
                   help="only the test programs whose names contain one of these (all)")
    p.add_argument("--cmdline", metavar="TEXT", default="",
                   help="more for the kernel's command line, with logs of its own")
    p.add_argument("--says", metavar="TEXT", default="",
                   help="what the kernel has to log for the results to mean what they seem to")
    p.add_argument("--limited-log", action="store_true",
                   help="boot without task_isolation_debug, with which the kernel logs each loss")
    p.add_argument("name", metavar="KERNEL", nargs="?", type=arch.kernel, default=arch.default(),
                   help="ARCH[-VARIANT], which has to be built (%(default)s)")
    return p.parse_args(argv), more


def log_name(opt, more):
    """Each setup has logs of its own."""
    log = f"selftests-{opt.name}" + ("-no-isolation" if opt.no_isolation else "")
    if opt.isolation != "one":
        log += "-" + opt.isolation
    log += "-limited-log" * opt.limited_log
    for extra in [opt.cmdline] * bool(opt.cmdline) + more:
        log += "-" + re.sub(r"[^\w.]+", "-", extra).strip("-")
    return log


def boot(opt, more, log, into):
    """Run the tests in a guest: (exit status, what boot said, what they said)."""
    setup = ["--no-isolation"] if opt.no_isolation else ["--isolation", opt.isolation]
    debug = "" if opt.limited_log else "task_isolation_debug"
    return guest.boot(
        opt.name, log, "--file", f"{into}=/ti/kselftest",
        "--file", f"{paths.INSIDE}/selftests.sh=/ti/selftests", *first(into, opt.only),
        "--shell", f"exec sh /ti/selftests /ti/kselftest '{opt.only}'", "--time", "3000", *setup,
        "--cmdline", f"{debug} {opt.cmdline}".strip(), *more)


def judge(tap, text):
    """Pass on what each test program in the guest's log has said."""
    programs = list(each_program(text.split("\n")))
    if not programs:
        tap.result("selftests", False, "no test program was run")
    for name, status, body in programs:
        # As for kselftest's own runner: without TAP, the exit status is the result.
        if not any(ktap.RESULT.match(line) or "TAP version" in line for line in body):
            tap.result(name, status in (0, 4), "\n".join(body[-60:] + [f"exit status {status}"]),
                       skip=" ".join(body)[:200] if status == 4 else "")
            continue
        totals = ktap.parse(body, name)
        totals.where, totals.text = name, "\n".join(body[-60:])
        if status not in (0, 4) and not totals.failed:
            what = {None: "did not end", 124: "its time is up", 143: "its time is up"}
            totals.failed.append(f"{name}: {what.get(status, f'exit status {status}')}")
        report(tap, totals)


def main():
    opt, more = parse()
    isa, variant = arch.split(opt.name)
    tap = ktap.Writer()
    into, said = build(isa, arch.tree(opt.name))
    tap.result(f"selftests build for {isa}", bool(into), said[-3000:])
    if not into:
        return tap.status()
    if not compiler32(isa)[0]:
        tap.result("32-bit programs", True, skip=compiler32(isa)[1])
    log = log_name(opt, more)
    status, said, text = boot(opt, more, log, into)
    tap.result(f"{log}: boot, run and no splat", status == 0, said)
    if not os.path.exists(os.path.join(paths.LOGS, log + ".log")):
        return tap.status()
    kernel_log = os.path.join(paths.LOGS, log + ".kernel.log")
    if not opt.no_isolation and opt.isolation == "one":
        kunit(tap, kernel_log, "isolation" in arch.VARIANTS[variant][1])
    if opt.says:
        with open(kernel_log, encoding="utf-8", errors="replace") as f:
            tap.result(f"kernel log: {opt.says}", opt.says in f.read(), "it does not say so")
    judge(tap, text)
    return tap.status()


if __name__ == "__main__":
    cli.main(main)
