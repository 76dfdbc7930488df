#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Build the kernel's selftests, run them in a guest, count what they said.

usage: selftests [--no-isolation | --isolation SET] [--only PATTERN[,PATTERN]...]
                 [--cmdline TEXT] [--says TEXT] [--limited-log] [NAME]
                 [-- BOOT-OPTION...]

NAME is the kernel to boot: ARCH[-VARIANT]. The tests come from build/tree,
built against its own exported headers; TARGETS chooses others than
task_isolation. KUnit's results are read from the kernel's log of that boot.
--cmdline TEXT is more for the kernel's command line, with logs of its own, as
options of boot have. --says TEXT is what the kernel has to log for the results to
mean what they seem to. --limited-log boots without task_isolation_debug, with which
the kernel logs each loss.
Speaks TAP: one result for each of theirs, with the program's name before it.

exit status: 0 all passed or skipped, 1 not.
"""

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import arch                                                 # noqa: E402
import ktap                                                 # noqa: E402

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
    paths = glob.glob(f"{tests}/*.*") + glob.glob(f"{tree}/include/uapi/**/*.h", recursive=True)
    for target in TARGETS.split():
        paths += glob.glob(f"{tests}/{target}/**", recursive=True)
    return max(os.path.getmtime(path) for path in paths)


def build(isa, tree):
    """Install the tests; their folder, or what make said."""
    conf = arch.load(isa)
    guest = os.path.join(arch.BUILD, "guest")
    headers = os.path.join(guest, f"headers-{isa}")
    out = os.path.join(guest, f"kselftest-{isa}")
    into = os.path.join(out, "install")
    # make takes seconds to find that there is nothing to do, and a run has many lanes.
    stamp = os.path.join(out, "built-from")
    what = f"{tree} {sources(tree)} {TARGETS} {compiler32(isa)[0]}"
    if os.path.exists(stamp) and os.path.exists(os.path.join(into, "kselftest-list.txt")):
        with open(stamp, encoding="utf-8") as f:
            if f.read() == what:
                return into, ""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O")}
    os.makedirs(headers, exist_ok=True)
    common = [f"ARCH={conf['KARCH']}", f"CROSS_COMPILE={conf['CROSS']}", f"-j{os.cpu_count()}"]
    said = ""
    for cmd in (["make", "-C", tree, f"O={headers}", *common, "headers"],
                ["make", "-C", f"{tree}/tools/testing/selftests", f"O={out}",
                 f"TARGETS={TARGETS}", f"KHDR_INCLUDES=-isystem {headers}/usr/include",
                 f"CC32={compiler32(isa)[0]}",
                 f"INSTALL_PATH={into}", "FORCE_TARGETS=1", *common, "install"]):
        run = subprocess.run(cmd, env=env, text=True, errors="replace", check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
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


def main():
    argv = sys.argv[1:]
    more = argv[argv.index("--") + 1:] if "--" in argv else []
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--no-isolation", action="store_true")
    p.add_argument("--isolation", default="one")
    p.add_argument("--only", default="")
    p.add_argument("--cmdline", default="")
    p.add_argument("--says", default="")
    p.add_argument("--limited-log", action="store_true")
    p.add_argument("name", nargs="?", default="x86_64")
    opt = p.parse_args(argv[:argv.index("--")] if "--" in argv else argv)
    isa, variant = arch.split(opt.name)
    tap = ktap.Writer()
    tree = os.path.join(arch.BUILD, arch.VARIANTS[variant][0])
    into, said = build(isa, tree)
    tap.result(f"selftests build for {isa}", bool(into), said[-3000:])
    if not into:
        return tap.status()
    if not compiler32(isa)[0]:
        tap.result("32-bit programs", True, skip=compiler32(isa)[1])
    log = f"selftests-{opt.name}" + ("-no-isolation" if opt.no_isolation else "")
    if opt.isolation != "one":
        log += "-" + opt.isolation
    log += "-limited-log" * opt.limited_log
    for extra in [opt.cmdline] * bool(opt.cmdline) + more:
        log += "-" + re.sub(r"[^\w.]+", "-", extra).strip("-")
    cmd = [os.path.join(HERE, "boot"), "--quiet", "--log", log,
           "--file", f"{into}=/ti/kselftest", "--file", f"{HERE}/guest/selftests=/ti/selftests",
           *first(into, opt.only),
           "--shell", f"exec sh /ti/selftests /ti/kselftest '{opt.only}'", "--time", "3000"]
    cmd += ["--no-isolation"] if opt.no_isolation else ["--isolation", opt.isolation]
    debug = "" if opt.limited_log else "task_isolation_debug"
    cmd += ["--cmdline", f"{debug} {opt.cmdline}".strip()]
    run = subprocess.run(cmd + more + [opt.name], text=True, errors="replace", check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tap.result(f"{log}: boot, run and no splat", run.returncode == 0, run.stdout)
    base = os.path.join(arch.LOGS, log)
    if not opt.no_isolation and opt.isolation == "one":
        kunit(tap, base + ".kernel.log", "isolation" in arch.VARIANTS[variant][1])
    if opt.says:
        with open(base + ".kernel.log", encoding="utf-8", errors="replace") as f:
            tap.result(f"kernel log: {opt.says}", opt.says in f.read(), "it does not say so")
    if not os.path.exists(base + ".log"):
        return tap.status()
    with open(base + ".log", encoding="utf-8") as f:
        programs = list(each_program(f))
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
    return tap.status()


sys.exit(main())
