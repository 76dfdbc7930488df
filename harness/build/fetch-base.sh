#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Get the pristine base of the series into build/base.
#
# usage: harness/ti fetch-base               the pinned Debian package (harness/base.conf)
#        BASE=path harness/ti fetch-base     a tree, tarball or Debian package of the user's
#
# If the pinned version is gone from the mirror, the newest of the same release is taken,
# provided that each diff of the series applies to it, at its lines. The tree is unpacked
# beside build/base and renamed into place, as a git repository with one commit of a fixed
# date. What BASE names is only read; it has to be of the same release. MIRROR=directory
# is another mirror, see harness/lib/mirror.sh.
#
# --any   any Linux 7.x, for rebase
#
# exit status: 0 build/base is there, 1 it is not, and why, 2 a bad argument.
set -eu
# shellcheck source=harness/lib/common.sh
. "${HARNESS:?run it by harness/ti}/lib/common.sh"
# shellcheck source=harness/base.conf
. "$HARNESS/base.conf"
# shellcheck source=harness/lib/mirror.sh
. "$HARNESS/lib/mirror.sh"

release=$(echo "$VERSION" | cut -d. -f1-2)
case ${1:-} in
'') ;;
--any) release=7 ;;
*) bad "'$1' was given, expected --any or nothing" ;;
esac

version_of() {
	sed -nE 's/^(VERSION|PATCHLEVEL|SUBLEVEL) = ([0-9]+)$/\2/p' "$1/Makefile" 2>/dev/null |
		head -n 3 | paste -sd.
}

unpack_deb() {
	echo "  UNPACK   $(basename "$1")"
	dpkg-deb --fsys-tarfile "$1" | tar -C "$tmp" -x --wildcards './usr/src/*.tar.*' ||
		die "$1 does not hold the source of Linux"
	tar -C "$tmp/tree" --strip-components=1 -xf "$tmp"/usr/src/linux-source-*.tar.*
}

# The version that is taken, and its file.
choose() {
	package_version=$PACKAGE_VERSION
	deb=$BUILD/download/${PACKAGE}_${PACKAGE_VERSION}_all.deb
	[ ! -f "$deb" ] || return 0
	echo "  FETCH    $PACKAGE $PACKAGE_VERSION (167 MB)"
	private_apt "$BUILD/apt" "$SUITE" ||
		die "no Debian mirror in /etc/apt: use BASE=path to a tree or tarball of Linux $VERSION"
	apt-get update || die "$SUITE can't be reached on this machine's mirror: use BASE=path"
	package_version=$(offered "$PACKAGE" "$PACKAGE_VERSION")
	[ -n "$package_version" ] ||
		die "$PACKAGE $PACKAGE_VERSION is not in $SUITE any more, nor another $release: use BASE=path" \
		    "to a tree or tarball of Linux $VERSION"
	deb=$BUILD/download/${PACKAGE}_${package_version}_all.deb
}

from_package() {
	choose
	sum=
	whose="the mirror"
	if [ "$package_version" = "$PACKAGE_VERSION" ]; then
		sum=$SHA256
		whose=base.conf
	fi
	get "$PACKAGE" "$package_version" "$deb" "$sum" || {
		[ -f "$deb" ] || die "$PACKAGE $package_version can't be fetched"
		die "$deb does not have the checksum of $whose: remove it and try again"
	}
	unpack_deb "$deb"
	origin="$PACKAGE $package_version"
}

# A tree, a tarball or a package of the user's.
from_user() {
	origin=$BASE
	case $BASE in
	*.deb)
		[ -f "$BASE" ] || die "BASE=$BASE: there is no such package"
		unpack_deb "$BASE"
		return
		;;
	esac
	if [ -d "$BASE" ]; then
		fits "$(version_of "$BASE")" "$BASE"
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
		die "BASE=$BASE: there is no such tree, tarball or package"
	fi
}

# fits VERSION WHAT: it is of the release, or the program ends.
fits() {
	case $1 in
	"$release".*) ;;
	*) die "$2 is not Linux $release.x (its Makefile says '$1'): nothing was done" ;;
	esac
}

# What base.conf would have to say of a package, for rebase.
facts() {
	case $1 in
	*.deb)
		echo "PACKAGE=$(dpkg-deb -f "$1" Package)"
		echo "PACKAGE_VERSION=$(dpkg-deb -f "$1" Version)"
		echo "SHA256=$(sha256sum "$1" | cut -d' ' -f1)"
		;;
	esac
}

commit() {
	echo "  COMMIT   Linux $version"
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
	export GIT_AUTHOR_NAME=base GIT_AUTHOR_EMAIL=base@localhost
	export GIT_COMMITTER_NAME=base GIT_COMMITTER_EMAIL=base@localhost
	export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
	cd "$tmp/tree"
	git -c init.defaultBranch=master init -q
	git config gc.auto 0
	git -c core.autocrlf=false add --all --force
	git commit -q -m "Linux $version, ${origin##*/}"
	echo "$origin" >.git/origin.txt
	facts "${BASE:-$deb}" >.git/package.conf
	cd - >/dev/null
}

# A version that the series was not made for.
newer() {
	"$HARNESS/ti" compose --fits "$tmp/tree" || die "$PACKAGE $PACKAGE_VERSION is gone from $SUITE, and the" \
		"series does not apply to $package_version, which is there, as it says above. Use BASE=path to a" \
		"tree or tarball of Linux $VERSION; 'make rebase BASE=$deb' then takes the series to the newer one"
	echo "  NEWER    $PACKAGE $PACKAGE_VERSION is gone from $SUITE: $package_version in its place, each diff applies"
}

if [ -d "$BUILD/base/.git" ]; then
	if [ -z "${BASE:-}" ] || [ "$(cat "$BUILD/base/.git/origin.txt" 2>/dev/null)" = "$BASE" ]; then
		exit 0
	fi
	die "$BUILD/base is there already, from elsewhere: 'make distclean' first"
fi
mkdir -p "$BUILD"
tmp=$(mktemp -d "$BUILD/base.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
mkdir "$tmp/tree"
if [ -n "${BASE:-}" ]; then
	from_user
else
	from_package
fi
version=$(version_of "$tmp/tree")
fits "$version" "$origin"
commit
if [ -z "${BASE:-}" ]; then
	if [ "$package_version" != "$PACKAGE_VERSION" ]; then
		newer
	elif [ "$version" != "$VERSION" ]; then
		die "$origin holds Linux $version, base.conf says $VERSION"
	fi
fi
mv "$tmp/tree" "$BUILD/base"
