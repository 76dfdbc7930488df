#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Get the guest's programs for an architecture that is not this machine's.
#
# usage: harness/ti fetch-guest ARCH [SUITE]         (SUITE: see harness/base.conf)
#
# busybox, stress-ng, tcpdump and the libraries they need, from that architecture's Debian
# packages, go to build/guest/debian-ARCH. The packages are fetched by name, verified by
# apt, and unpacked: nothing is installed. A suite whose index does not verify (a mirror in
# the middle of an update) is passed over for the next.
#
# exit status: 0 they are there, 1 they are not, and why, 2 a bad argument.
set -eu
# shellcheck source=harness/lib/common.sh
. "${HARNESS:?run it by harness/ti}/lib/common.sh"

case $# in
1 | 2) ;;
*) bad "expected ARCH, and SUITE perhaps" ;;
esac
isa=$1
known "$isa"
# shellcheck source=harness/arch/arm64.conf
. "$HARNESS/arch/$isa.conf"
# shellcheck source=harness/base.conf
. "$HARNESS/base.conf"
# shellcheck source=harness/lib/mirror.sh
. "$HARNESS/lib/mirror.sh"
suites=${2:-$GUEST_SUITES}

into=$BUILD/guest/debian-$isa
[ ! -d "$into" ] || exit 0
mkdir -p "$BUILD/guest"
tmp=$(mktemp -d "$BUILD/guest/debian.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
suite=
for try in $suites; do
	echo "  FETCH    the guest's programs for $DEB_ARCH ($try)"
	private_apt "$BUILD/apt-$DEB_ARCH-$try" "$try" "$DEB_ARCH" || die "no Debian mirror in /etc/apt"
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
packages=$programs
for package in $needed; do
	case $package in
	lib* | zlib*) packages="$packages $package" ;;
	esac
done
mkdir "$tmp/debs" "$tmp/root"
cd "$tmp/debs"
# shellcheck disable=SC2086 # packages is a list
apt-get download $packages || die "not all of $packages are in $suite for $DEB_ARCH"
for deb in *.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -C "$tmp/root" -x --keep-directory-symlink \
		--exclude=./usr/share || die "$deb does not unpack"
done
for program in busybox stress-ng tcpdump; do
	[ -n "$(find "$tmp/root" -name "$program" -type f)" ] || die "$program is in none of the packages"
done
mv "$tmp/root" "$into"
