# SPDX-License-Identifier: GPL-2.0
"""Make the guest's initramfs, or a small one to lay over it.

A program brings the libraries it is linked with: this machine's, or those of the
packages that fetch-guest gets. The kernel takes archives one after the other, so boot
appends an --over archive to the common one. Equal files give an equal archive.

exit status: 0 OUT is written, 1 a program or a file is missing
"""

import gzip
import os
import re
import shutil
import stat
import subprocess

from harness.lib import arch, cli, paths
from harness.lib.cli import Error


class Foreign:
    """Programs and libraries out of the packages of another architecture."""

    def __init__(self, isa):
        root = os.path.join(paths.GUEST, "debian-" + isa)
        if subprocess.run(paths.program("fetch-guest", isa), check=False).returncode:
            raise SystemExit(1)
        self.found = {}
        for where, _, names in sorted(os.walk(root)):
            for name in names:
                self.found.setdefault(name, os.path.join(where, name))

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
                raise Error(f"{path} needs {where}, which is in no package")
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
        raise Error(f"{path} needs {', '.join(missing)}, not on this machine")
    return re.findall(r"(/\S+) \(0x", run.stdout)


class Archive:
    """A newc cpio archive with nothing in it that varies from run to run."""

    def __init__(self, source):
        self.files = {}
        self.source = source

    def directory(self, path):
        """A directory and those above it."""
        path = path.strip("/")
        while path and path not in self.files:
            self.files[path] = (stat.S_IFDIR | 0o755, b"", 0)
            path = os.path.dirname(path)

    def add(self, src, dst):
        """A file or a directory of the host, at a path in the guest."""
        if os.path.isdir(src):
            self.directory(dst)
            for name in sorted(os.listdir(src)):
                self.add(os.path.join(src, name), os.path.join(dst, name))
            return
        self.directory(os.path.dirname(dst))
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
        self.directory(os.path.dirname(path))
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


def system(cpio):
    """What each guest has: programs, devices, and the first process."""
    for name in ("bin", "dev", "etc", "lib", "proc", "sys", "ti"):
        cpio.directory(name)
    cpio.device("dev/console", 5, 1)
    cpio.device("dev/null", 1, 3)
    for name in ("busybox", "stress-ng", "tcpdump"):
        path = cpio.source.program(name)
        if not path:
            raise Error(f"{name} is not installed: run 'harness/ti packages'")
        cpio.add(path, "/bin/" + name)
    cpio.add(os.path.join(paths.INSIDE, "init.sh"), "/init")


def main():
    p = cli.parser(__doc__)
    p.add_argument("--arch", metavar="ARCH", type=arch.architecture,
                   help="the architecture of the guest (this machine's)")
    p.add_argument("--over", action="store_true",
                   help="only the files that are named, without busybox, stress-ng, tcpdump and init")
    p.add_argument("out", metavar="OUT", help="the archive, compressed by gzip")
    p.add_argument("pairs", metavar="SRC=DST", nargs="*",
                   help="a file or directory of the host, and where it is in the guest")
    opt = p.parse_args()
    native = not opt.arch or arch.load(opt.arch)["DEB_ARCH"] == arch.debian()
    cpio = Archive(Native() if native else Foreign(opt.arch))
    if not opt.over:
        system(cpio)
    for pair in opt.pairs:
        src, equals, dst = pair.partition("=")
        if not equals:
            p.error(f"'{pair}' was given, expected SRC=DST")
        if not os.path.exists(src):
            raise Error(f"{src}: no such file")
        cpio.add(src, dst)
    os.makedirs(os.path.dirname(os.path.abspath(opt.out)), exist_ok=True)
    cpio.write(opt.out)
    return 0


if __name__ == "__main__":
    cli.main(main)
