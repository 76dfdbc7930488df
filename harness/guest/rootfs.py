#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Make the guest's initramfs, or a small one to lay over it.

usage: rootfs [--arch ARCH] OUT             busybox, stress-ng, tcpdump, guest/init
       rootfs [--arch ARCH] --over OUT [SRC=DST]...
                                        only the files named, SRC at DST

A program brings the libraries it is linked with: this machine's, or those of
the packages that fetch-guest gets. The kernel takes archives one after the
other, so boot appends an --over archive to the common one.

exit status: 0 OUT is written, 1 a program is missing.
"""

import gzip
import os
import re
import shutil
import stat
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import arch                                                 # noqa: E402


class Foreign:
    """Programs and libraries out of the packages of another architecture."""

    def __init__(self, isa):
        root = os.path.join(arch.BUILD, "guest", "debian-" + isa)
        if subprocess.run([os.path.join(HERE, "fetch-guest"), isa], check=False).returncode:
            raise SystemExit(1)
        self.found = {}
        for folder, _, names in sorted(os.walk(root)):
            for name in names:
                self.found.setdefault(name, os.path.join(folder, name))

    def program(self, name):
        """Where a program of the guest is."""
        return self.found.get(name)

    def libraries(self, path):
        """(name in the guest, file) of what a program needs, loader included."""
        said = subprocess.run(["readelf", "-ld", path], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=True).stdout
        loader = re.findall(r"program interpreter: (/\S+)\]", said)
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", said)
        for where in loader + ["/lib/" + n for n in needed]:
            lib = self.found.get(os.path.basename(where))
            if not lib:
                raise SystemExit(f"rootfs: {path} needs {where}, which is in no package")
            # The loader is one of the libraries, too, and has to be the same.
            if where in loader or os.path.basename(where) not in map(os.path.basename, loader):
                yield where, lib


class Native:
    """Programs and libraries of this machine."""

    def program(self, name):
        """Where a program of the guest is."""
        return shutil.which(name)

    def libraries(self, path):
        """(name in the guest, file) of what a program needs, loader included."""
        for lib in libraries(path):
            yield lib if "/ld-" in lib else "/lib/" + os.path.basename(lib), lib


def libraries(path):
    """The shared libraries a program is linked with, loader included."""
    run = subprocess.run(["ldd", path], text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=False)
    missing = re.findall(r"^\s*(\S+) => not found", run.stdout, re.M)
    if missing:
        raise SystemExit(f"rootfs: {path} needs {', '.join(missing)}, not on this machine")
    return re.findall(r"(/\S+) \(0x", run.stdout)


class Archive:
    """A newc cpio archive with nothing in it that varies from run to run."""

    def __init__(self, source):
        self.files = {}
        self.source = source

    def folder(self, path):
        """A folder and those above it."""
        path = path.strip("/")
        while path and path not in self.files:
            self.files[path] = (stat.S_IFDIR | 0o755, b"", 0)
            path = os.path.dirname(path)

    def add(self, src, dst):
        """A file or a folder of the host, at a path in the guest."""
        if os.path.isdir(src):
            self.folder(dst)
            for name in sorted(os.listdir(src)):
                self.add(os.path.join(src, name), os.path.join(dst, name))
            return
        self.folder(os.path.dirname(dst))
        with open(src, "rb") as f:
            data = f.read()
        mode = stat.S_IFREG | (0o755 if os.access(src, os.X_OK) else 0o644)
        self.files[dst.strip("/")] = (mode, data, 0)
        if data[:4] == b"\x7fELF":
            for where, lib in self.source.libraries(src):
                if where.strip("/") not in self.files:
                    self.add(os.path.realpath(lib), where)

    def device(self, path, major, minor):
        """A character device."""
        self.folder(os.path.dirname(path))
        self.files[path.strip("/")] = (stat.S_IFCHR | 0o600, b"", (major, minor))

    def write(self, out):
        """Write the archive, compressed, and rename it into place."""
        tmp = f"{out}.{os.getpid()}"           # several guests may be started at once
        with open(tmp, "wb") as raw, \
                gzip.GzipFile("", "wb", 1, raw, mtime=0) as f:
            entries = sorted(self.files.items()) + [("TRAILER!!!", (0, b"", 0))]
            for ino, (name, (mode, data, dev)) in enumerate(entries, 1):
                major, minor = dev or (0, 0)
                links = 2 if stat.S_ISDIR(mode) else 1
                head = (ino, mode, 0, 0, links, 0, len(data), 0, 0, major, minor,
                        len(name) + 1, 0)
                f.write(b"070701" + b"".join(b"%08X" % v for v in head))
                f.write(name.encode() + b"\0" + bytes(-(110 + len(name) + 1) % 4))
                f.write(data + bytes(-len(data) % 4))
        os.replace(tmp, out)


def main():
    args = sys.argv[1:]
    isa = None
    if args[:1] == ["--arch"]:
        isa, args = args[1], args[2:]
    over = args[:1] == ["--over"]
    args = args[over:]
    if not args or args[0].startswith("-"):
        print(__doc__.strip())
        return 1
    native = not isa or arch.load(isa)["DEB_ARCH"] == arch.debian()
    cpio = Archive(Native() if native else Foreign(isa))
    if not over:
        for folder in ("bin", "dev", "etc", "lib", "proc", "sys", "ti"):
            cpio.folder(folder)
        cpio.device("dev/console", 5, 1)
        cpio.device("dev/null", 1, 3)
        for name in ("busybox", "stress-ng", "tcpdump"):
            path = cpio.source.program(name)
            if not path:
                raise SystemExit(f"rootfs: {name} is not installed: run harness/packages")
            cpio.add(path, "/bin/" + name)
        cpio.add(os.path.join(HERE, "guest", "init"), "/init")
    for pair in args[1:]:
        src, _, dst = pair.partition("=")
        if not os.path.exists(src):
            raise SystemExit(f"rootfs: {src}: no such file")
        cpio.add(src, dst)
    os.makedirs(os.path.dirname(os.path.abspath(args[0])), exist_ok=True)
    cpio.write(args[0])
    return 0


sys.exit(main())
