#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# See that the Debian packages the harness uses are there.
#
# usage: harness/ti packages [check] [configs] [ARCH]...
#
# "check" asks for what the tests need besides, "configs" for the compiler of
# 'harness/ti configs --all', an ARCH for its compiler and its emulator (the first of
# 'harness/ti archs'). As root with apt, missing packages are installed; otherwise the
# apt command that would do it is printed.
#
# exit status: 0 all are there, 1 some are missing, 2 a bad argument.
set -eu
# shellcheck source=harness/lib/common.sh
. "${HARNESS:?run it by harness/ti}/lib/common.sh"

need="bc bison flex gcc git kmod libc6-dev libelf-dev libssl-dev make python3 rsync
	busybox-static cpio stress-ng tcpdump xz-utils"
check=
if [ "${1:-}" = check ]; then
	check=y
	need="$need codespell flake8 libtracefs-dev libtraceevent-dev mandoc pkg-config
		python3-git python3-ply shellcheck sparse"
	shift
fi
configs=
if [ "${1:-}" = configs ]; then
	configs=y
	shift
fi
# shellcheck disable=SC2046 # one word
[ $# -gt 0 ] || set -- $("$HARNESS/ti" archs | head -n 1)
for isa in "$@"; do
	known "$isa"
	PACKAGES_CHECK=
	CLANG=
	# shellcheck source=harness/arch/x86_64.conf
	. "$HARNESS/arch/$isa.conf"
	need="$need $PACKAGES ${check:+$PACKAGES_CHECK}"
	[ -z "$configs" ] || [ -z "$CLANG" ] || need="$need clang$CLANG lld$CLANG llvm$CLANG"
done

command -v dpkg-query >/dev/null || exit 0	# not Debian: builds name what they miss

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
die "some are missing. As root: apt-get install$missing"
