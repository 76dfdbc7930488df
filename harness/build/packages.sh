#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# See that the Debian packages the harness uses are there.
#
# usage: packages [check] [configs] [ARCH]...          (x86_64)
#
# "check" asks for what the tests need besides, "configs" for the compiler of
# harness/configs --all, an ARCH for its compiler and its emulator. As root with apt, missing packages are installed; else one apt line
# is printed.
#
# exit status: 0 all there, 1 something is missing.
set -eu

need="bc bison flex gcc git kmod libc6-dev libelf-dev libssl-dev make python3 rsync
	busybox-static cpio stress-ng tcpdump xz-utils"
here=$(dirname "$(readlink -f "$0")")
check=
if [ "${1:-}" = check ]; then
	check=y
	need="$need codespell libtracefs-dev libtraceevent-dev mandoc pkg-config python3-git python3-ply shellcheck sparse"
	shift
fi
if [ "${1:-}" = configs ]; then
	need="$need clang-19 lld-19 llvm-19"
	shift
fi
[ $# -gt 0 ] || set -- x86_64
for isa in "$@"; do
	[ -f "$here/arch/$isa.conf" ] || continue	# whoever wants it says so
	PACKAGES_CHECK=
	# shellcheck source=harness/arch/x86_64.conf
	. "$here/arch/$isa.conf"
	need="$need $PACKAGES ${check:+$PACKAGES_CHECK}"
done

command -v dpkg-query >/dev/null || exit 0	# no Debian: builds say what they miss

installed() {
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

missing=
for package in $need; do
	installed "$package" && continue
	# One excludes the other, and either will do.
	[ "$package" = busybox-static ] && installed busybox && continue
	missing="$missing $package"
done
[ -n "$missing" ] || exit 0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # missing is a list
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "  INSTALL $missing"
	export DEBIAN_FRONTEND=noninteractive
	if { apt-get -qq install -y --no-install-recommends $missing ||
		{ apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; }
	} >"$log" 2>&1; then
		exit 0
	fi
	tail -n 5 "$log" >&2
fi
echo "packages: some are missing. As root: apt-get install$missing" >&2
exit 1
