#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Make the .config of a kernel: tinyconfig plus fragments, each line verified.
# Where two fragments differ on an option, the later one has its way.
#
# usage: configure SOURCE OBJ ARCH FRAGMENT...
#
# SOURCE is a kernel tree, OBJ its object folder, a FRAGMENT the name of a file
# in harness/config without .config. OBJ/.config is written only if it differs.
#
# With LENIENT set, dropped lines are named and that is all. CLANG=-19, say, is for
# clang of that version.
#
# exit status: 0 done, 1 a fragment's line did not survive, and which.
set -eu

here=$(dirname "$(readlink -f "$0")")
[ $# -ge 4 ] || { sed -n '3,16s/^# \{0,1\}//p' "$0"; exit 1; }
source=$(readlink -f "$1")
obj=$2
arch=$3
shift 3
LLVM=${CLANG:-}
# shellcheck source=harness/arch/x86_64.conf
. "$here/arch/$arch.conf"
compiler=${CROSS}gcc
[ -z "${LLVM:-}" ] || compiler=clang$LLVM

mkdir -p "$obj"
obj=$(readlink -f "$obj")
new=$obj/.new-config
log=$obj/configure.log
mkdir -p "$new"
fragments=
for name in "$@"; do
	fragments="$fragments $here/config/$name.config"
done

# Nothing that the configuration depends on has changed: leave it.
inputs() {
	# shellcheck disable=SC2086 # fragments is a list
	cat $fragments "$obj/.config" && "$compiler" --version &&
		git -C "$source" rev-parse HEAD && git -C "$source" diff HEAD -- '*Kconfig*'
}
if [ -f "$obj/.configured" ] && now=$(inputs 2>/dev/null | sha256sum) &&
	[ "$now" = "$(cat "$obj/.configured")" ]; then
	exit 0
fi
rm -f "$obj/.configured"

# shellcheck disable=SC2086 # fragments is a list
{
	make -C "$source" O="$new" ARCH="$KARCH" CROSS_COMPILE="$CROSS" ${LLVM:+LLVM="$LLVM"} tinyconfig &&
	(cd "$new" && KCONFIG_CONFIG=.config "$source/scripts/kconfig/merge_config.sh" \
		-m .config $fragments) &&
	make -C "$source" O="$new" ARCH="$KARCH" CROSS_COMPILE="$CROSS" ${LLVM:+LLVM="$LLVM"} olddefconfig
} >"$log" 2>&1 || { tail -n 20 "$log" >&2; echo "configure: see $log" >&2; exit 1; }

# The last fragment that has a line for an option decides: "CONFIG_X=y FRAGMENT".
# shellcheck disable=SC2086 # fragments is a list
asked=$(awk '
	/^# CONFIG_[A-Za-z0-9_]+ is not set$/ { option = $2 }
	/^CONFIG_[A-Za-z0-9_]+=/ { option = $0; sub(/=.*/, "", option) }
	option { file = FILENAME; sub(/.*\//, "", file); last[option] = file " " $0; option = "" }
	END { for (option in last) print last[option] }' $fragments | sort)

dropped=0
while read -r fragment line; do
	case $line in
	"# CONFIG_"*)
		name=${line#\# }
		name=${name% is not set}
		grep -q "^$name=" "$new/.config" || continue
		;;
	*) ! grep -qxF "$line" "$new/.config" || continue ;;
	esac
	echo "configure: $fragment asks for '$line', and the configuration drops it" >&2
	dropped=1
done <<EOF
$asked
EOF
[ $dropped = 0 ] || [ -n "${LENIENT:-}" ] || exit 1
cmp -s "$new/.config" "$obj/.config" || cp "$new/.config" "$obj/.config"
if [ -z "${LENIENT:-}" ] && inputs >/dev/null 2>&1; then
	inputs | sha256sum >"$obj/.configured"
fi
