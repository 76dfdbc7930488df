#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Get a newer QEMU for an architecture than this machine's.
#
# usage: harness/ti fetch-qemu ARCH [SUITE]      (SUITE: this release's backports)
#
# Its Debian packages are fetched by name, verified by apt, and unpacked into
# build/qemu/ARCH: nothing is installed, and it runs with this machine's libraries.
# build/qemu/ARCH/run starts it with its own firmware and modules. What could not be had is
# not asked for again within an hour.
#
# exit status: 0 it is there and runs, 1 it is not, and why, 2 a bad argument.
set -eu
# shellcheck source=harness/lib/common.sh
. "${HARNESS:?run it by harness/ti}/lib/common.sh"

case $# in
1 | 2) ;;
*) bad "expected ARCH, and SUITE perhaps" ;;
esac
isa=$1
known "$isa"
QEMU_FETCH=
QEMU=
PATCH_SAFE_QEMU=
# shellcheck source=harness/arch/x86_64.conf
. "$HARNESS/arch/$isa.conf"
# shellcheck source=harness/lib/mirror.sh
. "$HARNESS/lib/mirror.sh"

into=$BUILD/qemu/$isa
refused=$BUILD/qemu/$isa.refused
mkdir -p "$BUILD/qemu"
exec 9>"$BUILD/qemu/.lock"
flock 9
[ ! -x "$into/run" ] || exit 0
if [ -n "$(find "$refused" -mmin -60 2>/dev/null)" ]; then
	cat "$refused" >&2
	exit 1
fi

# Also for whoever asks within the next hour.
die() {
	echo "fetch-qemu: $*" | tee "$refused" >&2
	exit 1
}

[ -n "$QEMU_FETCH" ] || die "$isa needs no newer one"
suite=${2:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null)-backports}
[ "$suite" != -backports ] || die "this machine's release has no name: say a SUITE"
tmp=$(mktemp -d "$BUILD/qemu/$isa.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
echo "  FETCH    QEMU for $isa ($suite)"
private_apt "$BUILD/apt-$suite" "$suite" || die "no Debian mirror in /etc/apt"
apt-get update >"$tmp/said" 2>&1 ||
	die "$suite cannot be reached on this machine's mirror: $(grep -m 1 '^E:' "$tmp/said" | sed 's,[a-z]*://[^ ]*,,g')"
mkdir "$tmp/debs" "$tmp/root"
for package in $QEMU_FETCH; do
	(cd "$tmp/debs" && apt-get download "$package/$suite" >"$tmp/said" 2>&1) ||
		die "$suite has no $package for this machine"
done
for deb in "$tmp"/debs/*.deb; do
	dpkg -x "$deb" "$tmp/root" || die "$(basename "$deb") does not unpack"
done
rm -rf "$tmp/debs" "$tmp/said" "$tmp/root/usr/share/doc"
cat >"$tmp/run" <<-END
	#!/bin/sh
	# Made by harness/build/fetch-qemu.sh. The modules of another version would be refused.
	here=\$(dirname "\$(readlink -f "\$0")")/root
	QEMU_MODULE_DIR=\$(echo "\$here"/usr/lib/*/qemu)
	export QEMU_MODULE_DIR
	exec "\$here/usr/bin/$QEMU" -L "\$here/usr/share/qemu" -L "\$here/usr/share/seabios" "\$@"
END
chmod +x "$tmp/run"
# A machine that is set up and stopped: libraries, modules and firmware are there.
# shellcheck disable=SC2086 # QEMU_ARGS is a list
echo quit | "$tmp/run" $QEMU_ARGS -nodefaults -display none -accel tcg -S -monitor stdio \
	>"$tmp/tried" 2>&1 ||
	die "the QEMU of $suite does not run here: $(tail -n 1 "$tmp/tried")"
have=$("$tmp/run" --version | sed -nE '1s/.*version ([0-9.]+).*/\1/p')
[ "$(printf '%s\n' "$PATCH_SAFE_QEMU" "$have" | sort -V | head -n 1)" = "$PATCH_SAFE_QEMU" ] ||
	die "$suite has QEMU $have, and it takes $PATCH_SAFE_QEMU"
rm -rf "$tmp/tried" "$into" "$refused"
mv "$tmp" "$into"
chmod 755 "$into"
trap - EXIT
