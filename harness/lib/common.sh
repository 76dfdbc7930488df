# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What the programs in sh have in common. harness/ti sets HARNESS and BUILD.

# The comment at the head of the program is its help.
case ${1:-} in
-h | --help)
	sed -n '3,${/^#/!q;s/^# \{0,1\}//p;}' "$0"
	exit 0
	;;
esac
name=$(basename "$0" .sh)

die() {
	echo "$name: $*" >&2
	exit 1
}

# A bad argument, and what was expected.
bad() {
	echo "$name: $*: see 'harness/ti $name --help'" >&2
	exit 2
}

# known ARCH: it has a .conf, or the program ends.
known() {
	[ -f "$HARNESS/arch/$1.conf" ] ||
		bad "ARCH=$1 is not known here: one of$(cd "$HARNESS/arch" && printf ' %s' *.conf | sed 's/\.conf//g')"
}
