#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Get the pristine base of the series into build/base.
#
# usage: fetch-base            the pinned Debian package (harness/base.conf)
#        BASE=path fetch-base  a v7.3.x tree or tarball of the user's own
#
# The tree is unpacked beside build/base and renamed into place, as a git
# repository with one commit of a fixed date. What BASE names is only read.
#
# exit status: 0 build/base is there, 1 it is not, and why.
set -eu

here=$(dirname "$(readlink -f "$0")")
build=${BUILD:-$(dirname "$here")/build}
# shellcheck source=harness/base.conf
. "$here/base.conf"
# shellcheck source=harness/lib/mirror.sh
. "$here/lib/mirror.sh"

die() {
	echo "fetch-base: $*" >&2
	exit 1
}

download() {
	mkdir -p "$build/download"
	private_apt "$build/apt" "$SUITE" ||
		die "no Debian mirror in /etc/apt: use BASE=path to a v7.3.x tree or tarball"
	apt-get update || die "$SUITE cannot be reached on this machine's mirror: use BASE=path"
	(cd "$build/download" && apt-get download "$PACKAGE=$PACKAGE_VERSION") ||
		die "$PACKAGE $PACKAGE_VERSION is not in $SUITE any more: use BASE=path"
}

version_of() {
	sed -nE 's/^(VERSION|PATCHLEVEL|SUBLEVEL) = ([0-9]+)$/\2/p' "$1/Makefile" 2>/dev/null |
		head -n 3 | paste -sd.
}

from_package() {
	deb=$build/download/${PACKAGE}_${PACKAGE_VERSION}_all.deb
	if [ ! -f "$deb" ]; then
		echo "  FETCH    $PACKAGE $PACKAGE_VERSION (167 MB)"
		download
	fi
	[ -f "$deb" ] || die "apt left no $deb"
	echo "$SHA256  $deb" | sha256sum --check --status ||
		die "$deb does not have the checksum of base.conf: remove it and try again"
	echo "  UNPACK   $(basename "$deb")"
	dpkg-deb --fsys-tarfile "$deb" | tar -C "$tmp" -x --wildcards './usr/src/*.tar.*'
	tar -C "$tmp/tree" --strip-components=1 -xf "$tmp"/usr/src/linux-source-*.tar.*
}

from_user() {
	if [ -d "$BASE" ]; then
		case $(version_of "$BASE") in
		7.3.*) ;;
		*) die "$BASE is not a v7.3.x tree (its Makefile says '$(version_of "$BASE")')" ;;
		esac
		echo "  COPY     $BASE"
		if [ -e "$BASE/.git" ]; then
			git -C "$BASE" archive HEAD | tar -C "$tmp/tree" -x
		else
			[ ! -e "$BASE/.config" ] || die "$BASE has been built in: give a clean tree or a tarball"
			cp -a "$BASE/." "$tmp/tree/"
		fi
	elif [ -f "$BASE" ]; then
		echo "  UNPACK   $BASE"
		tar -C "$tmp/tree" --strip-components=1 -xf "$BASE" || die "$BASE is not a tarball of Linux"
	else
		die "BASE=$BASE: there is no such tree or tarball"
	fi
}

if [ -d "$build/base/.git" ]; then
	if [ -z "${BASE:-}" ] || [ "$(cat "$build/base/.git/origin.txt" 2>/dev/null)" = "$BASE" ]; then
		exit 0
	fi
	die "$build/base is there already, from elsewhere: 'make distclean' first"
fi
mkdir -p "$build"
tmp=$(mktemp -d "$build/base.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
mkdir "$tmp/tree"
if [ -n "${BASE:-}" ]; then
	from_user
	origin=$BASE
else
	from_package
	origin="$PACKAGE $PACKAGE_VERSION"
fi
version=$(version_of "$tmp/tree")
case $version in
7.3.*) ;;
*) die "$origin is Linux '$version', and the series is for 7.3.x: nothing was done" ;;
esac
[ -n "${BASE:-}" ] || [ "$version" = "$VERSION" ] ||
	die "$origin holds Linux $version, base.conf says $VERSION"

echo "  COMMIT   Linux $version"
cd "$tmp/tree"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=base GIT_AUTHOR_EMAIL=base@localhost
export GIT_COMMITTER_NAME=base GIT_COMMITTER_EMAIL=base@localhost
export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
git -c init.defaultBranch=master init -q
git config gc.auto 0
git -c core.autocrlf=false add --all --force
git commit -q -m "Linux $version, ${origin##*/}"
echo "$origin" >.git/origin.txt
mv "$tmp/tree" "$build/base"
