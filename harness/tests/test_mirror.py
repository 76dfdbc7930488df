# SPDX-License-Identifier: GPL-2.0
"""fetch-base and fetch-configs, where the pinned version is or is not on the mirror."""

import hashlib
import os
import re
import shutil
import subprocess
import unittest

from repository import SMP, Repository

from harness.lib import arch

PINNED = "7.3.4-1"
SUITE = "some-backports"


@unittest.skipUnless(shutil.which("apt-get") and shutil.which("dpkg-deb"), "not Debian")
class Mirror(Repository):
    """A mirror that is a directory, with packages of a few files."""

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.path("build"))
        self.index = ""
        self.pin("")

    def pin(self, sha):
        """Write base.conf."""
        self.write("harness/base.conf", f"VERSION=7.3.4\nPACKAGE=linux-source-7.3\nPACKAGE_VERSION={PINNED}\n"
                   f"SUITE={SUITE}\nSHA256={sha}\nCONFIG_PACKAGE=linux-config-7.3\nCONFIG_SHA256={sha}\n"
                   "GUEST_SUITES=none\n")

    def package(self, name, version, architecture, *files):
        """Put a package onto the mirror, with the files of a directory; its checksum."""
        root = self.path(f"packages/{name}_{version}")
        self.write(f"{root}/DEBIAN/control", f"Package: {name}\nVersion: {version}\n"
                   f"Architecture: {architecture}\nMaintainer: A <a@localhost>\nDescription: a test\n")
        for src, dst in files:
            os.makedirs(os.path.dirname(f"{root}/{dst}"), exist_ok=True)
            shutil.copy(src, f"{root}/{dst}")
        deb = f"pool/{name}_{version}_{architecture}.deb"
        os.makedirs(self.path("mirror/pool"), exist_ok=True)
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, self.path(f"mirror/{deb}")],
                       check=True, stdout=subprocess.DEVNULL)
        with open(self.path(f"mirror/{deb}"), "rb") as f:
            data = f.read()
        sha = hashlib.sha256(data).hexdigest()
        self.index += f"{self.read(f'{root}/DEBIAN/control')}Filename: {deb}\nSize: {len(data)}\nSHA256: {sha}\n\n"
        self.write(f"mirror/dists/{SUITE}/main/binary-{arch.debian()}/Packages", self.index)
        return sha

    def source(self, version, text=SMP):
        """Put a linux-source onto the mirror; its checksum."""
        self.write("linux/Makefile", "".join(
            f"{n} = {v}\n" for n, v in zip(("VERSION", "PATCHLEVEL", "SUBLEVEL"), re.findall(r"\d+", version))))
        self.write("linux/kernel/smp.c", text)
        tar = self.path("linux.tar.gz")
        subprocess.run(["tar", "-C", self.top, "-czf", tar, "linux"], check=True)
        return self.package("linux-source-7.3", version, "all", (tar, "usr/src/linux-source-7.3.tar.gz"))

    def fetch(self, how="good"):
        """Run fetch-base with this mirror."""
        return getattr(self, how)("fetch-base", MIRROR=self.path("mirror"))

    def test_pinned(self):
        self.pin(self.source(PINNED))
        self.source("7.3.7-1")
        self.assertNotIn("NEWER", self.fetch())
        self.assertIn("SUBLEVEL = 4", self.read("build/base/Makefile"))

    def test_pinned_with_another_checksum(self):
        self.source(PINNED)
        self.pin("0" * 64)
        self.assertIn("does not have the checksum of base.conf", self.fetch("bad"))

    def test_gone(self):
        """The newest of the release is taken, with one line about it."""
        for version in ("7.3.5-1~bpo1", "7.3.10-1", "7.3.9-1", "7.4.1-1"):
            self.source(version)
        said = self.fetch()
        self.assertIn(f"NEWER    linux-source-7.3 {PINNED} is gone from {SUITE}: 7.3.10-1 in its place", said)
        self.assertIn("SUBLEVEL = 10", self.read("build/base/Makefile"))
        self.good("compose")
        self.assertEqual(self.fetch(), "")

    def test_gone_and_the_newest_does_not_fit(self):
        self.source("7.3.5-1")
        self.source("7.3.6-1", "\n" + SMP)
        said = self.fetch("bad")
        self.assertIn("kernel/smp.c.patch applies, but not at its lines", said)
        self.assertIn("does not apply to 7.3.6-1", said)
        self.assertIn("Use BASE=path to a tree or tarball of Linux 7.3.4", said)
        self.assertFalse(os.path.exists(self.path("build/base")))
        # As it says: with the old base, the series can be taken to what is offered.
        deb = re.search(r"BASE=(\S+\.deb)", said).group(1)
        self.write("src/Makefile", "VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\n")
        self.good("fetch-base", BASE=self.path("src"))
        self.assertIn("1 steps onto Linux 7.3.6", self.good("rebase", deb))
        conf = self.read("harness/base.conf")
        self.assertIn("VERSION=7.3.6\n", conf)
        self.assertIn("PACKAGE_VERSION=7.3.6-1\n", conf)
        shutil.rmtree(self.path("build/base"))
        shutil.rmtree(self.path("build/download"))
        self.fetch()
        self.good("compose")

    def test_all_gone(self):
        self.source("7.4.1-1")
        self.assertIn(f"{PINNED} is not in {SUITE} any more, nor another 7.3", self.fetch("bad"))

    def test_configurations(self):
        self.write("config", "CONFIG_X=y\n")
        subprocess.run(["xz", self.path("config")], check=True)
        files = [(self.path("config.xz"), f"usr/src/linux-config-7.3/config.amd64_none_{name}.xz")
                 for name in arch.words(arch.default(), "DEBIAN_CONFIGS")]
        self.package("linux-config-7.3", "7.3.6-1", "amd64", *files)
        os.renames(self.path(f"mirror/dists/{SUITE}/main/binary-{arch.debian()}"),
                   self.path(f"mirror/dists/{SUITE}/main/binary-amd64"))
        said = self.good("fetch-configs", arch.default(), MIRROR=self.path("mirror"))
        self.assertIn(f"NEWER    linux-config-7.3 {PINNED} is gone", said)
        self.assertEqual(self.read("build/debian-configs/rt-amd64"), "CONFIG_X=y\n")
