#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Get Debian's configurations of the base for amd64 into build/debian-configs.
#
# usage: fetch-configs
#
# They are those of the package that harness/base.conf pins, for the generic, the
# cloud and the realtime kernel: amd64, cloud-amd64 and rt-amd64.
#
# exit status: 0 they are there, 1 they are not, and why.
set -eu

here=$(dirname "$(readlink -f "$0")")
build=${BUILD:-$(dirname "$here")/build}
# shellcheck source=harness/base.conf
. "$here/base.conf"
# shellcheck source=harness/lib/mirror.sh
. "$here/lib/mirror.sh"
out=$build/debian-configs
deb=$build/download/${CONFIG_PACKAGE}_${PACKAGE_VERSION}_amd64.deb

die() {
	echo "fetch-configs: $*" >&2
	exit 1
}

[ ! -d "$out" ] || exit 0
mkdir -p "$build/download"
if [ ! -f "$deb" ]; then
	echo "  FETCH    $CONFIG_PACKAGE $PACKAGE_VERSION (1 MB)"
	private_apt "$build/apt-configs" "$SUITE" amd64 || die "no Debian mirror in /etc/apt"
	apt-get update || die "$SUITE cannot be reached on this machine's mirror"
	(cd "$build/download" && apt-get download "$CONFIG_PACKAGE=$PACKAGE_VERSION") ||
		die "$CONFIG_PACKAGE $PACKAGE_VERSION is not in $SUITE any more"
fi
[ -f "$deb" ] || die "apt left no $deb"
echo "$CONFIG_SHA256  $deb" | sha256sum --check --status ||
	die "$deb does not have the checksum of base.conf: remove it and try again"
tmp=$(mktemp -d "$build/debian-configs.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
dpkg-deb --fsys-tarfile "$deb" | tar -C "$tmp" --strip-components=4 -x --wildcards './usr/src/*/config.*.xz'
for file in "$tmp"/config.amd64_none_*.xz; do
	[ -f "$file" ] || die "$deb holds no configuration of amd64"
	name=${file##*_none_}
	xz -dc "$file" >"$tmp/${name%.xz}"
	rm "$file"
done
chmod 755 "$tmp"
mv "$tmp" "$out"
