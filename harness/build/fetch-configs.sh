#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Get Debian's configurations of the base into build/debian-configs.
#
# usage: harness/ti fetch-configs ARCH
#
# They are those of the package that harness/base.conf pins, for the kernels which the
# architecture's DEBIAN_CONFIGS names: the generic, the cloud and the realtime one. If this
# version is gone from the mirror, the newest of the same release is taken.
#
# exit status: 0 they are there, 1 they are not, and why, 2 a bad argument.
set -eu
# shellcheck source=harness/lib/common.sh
. "${HARNESS:?run it by harness/ti}/lib/common.sh"

[ $# = 1 ] || bad "expected one ARCH"
known "$1"
DEBIAN_CONFIGS=
# shellcheck source=harness/arch/x86_64.conf
. "$HARNESS/arch/$1.conf"
# shellcheck source=harness/base.conf
. "$HARNESS/base.conf"
# shellcheck source=harness/lib/mirror.sh
. "$HARNESS/lib/mirror.sh"

out=$BUILD/debian-configs
[ -n "$DEBIAN_CONFIGS" ] || bad "$1 has no DEBIAN_CONFIGS in its .conf"
[ ! -d "$out" ] || exit 0
version=$PACKAGE_VERSION
sum=$CONFIG_SHA256
deb=$BUILD/download/${CONFIG_PACKAGE}_${version}_$DEB_ARCH.deb
if [ ! -f "$deb" ]; then
	echo "  FETCH    $CONFIG_PACKAGE $version (1 MB)"
	private_apt "$BUILD/apt-configs" "$SUITE" "$DEB_ARCH" || die "no Debian mirror in /etc/apt"
	apt-get update || die "$SUITE can't be reached on this machine's mirror"
	version=$(offered "$CONFIG_PACKAGE" "$PACKAGE_VERSION")
	[ -n "$version" ] || die "$CONFIG_PACKAGE $PACKAGE_VERSION is not in $SUITE any more, nor another of its release"
	if [ "$version" != "$PACKAGE_VERSION" ]; then
		echo "  NEWER    $CONFIG_PACKAGE $PACKAGE_VERSION is gone from $SUITE: $version in its place"
		sum=
		deb=$BUILD/download/${CONFIG_PACKAGE}_${version}_$DEB_ARCH.deb
	fi
fi
get "$CONFIG_PACKAGE" "$version" "$deb" "$sum" ||
	die "$deb can't be had, or does not have its checksum: remove it and try again"
tmp=$(mktemp -d "$BUILD/debian-configs.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
dpkg-deb --fsys-tarfile "$deb" | tar -C "$tmp" --strip-components=4 -x --wildcards './usr/src/*/config.*.xz'
for flavour in $DEBIAN_CONFIGS; do
	file=$tmp/config.${DEB_ARCH}_none_$flavour.xz
	[ -f "$file" ] || die "$deb holds no configuration $flavour"
	xz -dc "$file" >"$tmp/$flavour"
done
rm "$tmp"/config.*.xz
chmod 755 "$tmp"
mv "$tmp" "$out"
