#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Get the guest's programs for an architecture that is not this machine's.
#
# usage: fetch-guest ARCH [SUITE]         (SUITE: see harness/base.conf)
#
# busybox, stress-ng, tcpdump and the libraries they need, from that
# architecture's Debian packages, go to build/guest/debian-ARCH. The packages
# are fetched by name, verified by apt, and unpacked: nothing is installed. A
# suite whose index does not verify (a mirror in the middle of an update) is
# passed over for the next.
#
# exit status: 0 they are there, 1 they are not, and why.
set -eu

here=$(dirname "$(readlink -f "$0")")
build=${BUILD:-$(dirname "$here")/build}
[ $# -gt 0 ] || { sed -n '3,14s/^# \{0,1\}//p' "$0"; exit 1; }
isa=$1
# shellcheck source=harness/arch/arm64.conf
. "$here/arch/$isa.conf"
# shellcheck source=harness/base.conf
. "$here/base.conf"
# shellcheck source=harness/lib/mirror.sh
. "$here/lib/mirror.sh"
suites=${2:-$GUEST_SUITES}

die() {
	echo "fetch-guest: $*" >&2
	exit 1
}

into=$build/guest/debian-$isa
[ ! -d "$into" ] || exit 0
mkdir -p "$build/guest"
tmp=$(mktemp -d "$build/guest/debian.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
suite=
for try in $suites; do
	echo "  FETCH    the guest's programs for $DEB_ARCH ($try)"
	private_apt "$build/apt-$DEB_ARCH-$try" "$try" "$DEB_ARCH" || die "no Debian mirror in /etc/apt"
	if apt-get update >"$tmp/said" 2>&1; then
		suite=$try
		break
	fi
	grep '^E:' "$tmp/said" >&2 || cat "$tmp/said" >&2
done
[ -n "$suite" ] || die "none of $suites can be had for $DEB_ARCH on this machine's mirror"
programs="busybox-static stress-ng tcpdump"
# shellcheck disable=SC2086 # programs is a list
needed=$(apt-get --simulate install $programs | sed -nE 's/^Inst ([^ ]+) .*/\1/p')
names=$programs
for name in $needed; do
	case $name in
	lib* | zlib*) names="$names $name" ;;
	esac
done
mkdir "$tmp/debs" "$tmp/root"
cd "$tmp/debs"
# shellcheck disable=SC2086 # names is a list
apt-get download $names || die "not all of $names are in $suite for $DEB_ARCH"
for deb in *.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -C "$tmp/root" -x --keep-directory-symlink \
		--exclude=./usr/share || die "$deb does not unpack"
done
for name in busybox stress-ng tcpdump; do
	[ -n "$(find "$tmp/root" -name "$name" -type f)" ] || die "$name is in none of the packages"
done
mv "$tmp/root" "$into"
