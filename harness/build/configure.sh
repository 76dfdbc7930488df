#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Make the .config of a kernel: tinyconfig plus fragments, each line verified.
#
# usage: harness/ti configure [--lenient] [--clang -VERSION] SOURCE OBJ ARCH FRAGMENT...
#
# SOURCE is a kernel tree, OBJ its object directory, a FRAGMENT the name of a file in
# harness/config without .config. Where two fragments differ on an option, the later one
# decides. OBJ/.config is written only if it differs.
#
# --lenient         name the lines that were dropped, and accept it
# --clang -VERSION  for clang of that version, -19 for instance (gcc)
#
# exit status: 0 done, 1 a fragment's line did not survive, and which, 2 a bad argument.
set -eu
# shellcheck source=harness/lib/common.sh
. "${HARNESS:?run it by harness/ti}/lib/common.sh"

lenient=
LLVM=
while :; do
	case ${1:-} in
	--lenient) lenient=y ;;
	--clang)
		[ $# -ge 2 ] || bad "--clang: expected a version such as -19"
		LLVM=$2
		shift
		;;
	-*) bad "'$1' was given, expected --lenient or --clang" ;;
	*) break ;;
	esac
	shift
done
[ $# -ge 4 ] || bad "expected SOURCE OBJ ARCH FRAGMENT..."
[ -f "$1/Kconfig" ] || bad "SOURCE '$1' was given, expected a kernel tree"
known "$3"
source=$(readlink -f "$1")
obj=$2
arch=$3
shift 3
# shellcheck source=harness/arch/x86_64.conf
. "$HARNESS/arch/$arch.conf"
compiler=${CROSS}gcc
[ -z "$LLVM" ] || compiler=clang$LLVM

mkdir -p "$obj"
obj=$(readlink -f "$obj")
new=$obj/.new-config
log=$obj/configure.log
mkdir -p "$new"
fragments=
for part in "$@"; do
	[ -f "$HARNESS/config/$part.config" ] || bad "FRAGMENT '$part': there is no harness/config/$part.config"
	fragments="$fragments $HARNESS/config/$part.config"
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
} >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "see $log"; }

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
		option=${line#\# }
		option=${option% is not set}
		grep -q "^$option=" "$new/.config" || continue
		;;
	*) ! grep -qxF "$line" "$new/.config" || continue ;;
	esac
	echo "configure: $fragment asks for '$line', and the configuration drops it" >&2
	dropped=1
done <<END
$asked
END
[ $dropped = 0 ] || [ -n "$lenient" ] || exit 1
cmp -s "$new/.config" "$obj/.config" || cp "$new/.config" "$obj/.config"
if [ -z "$lenient" ] && inputs >/dev/null 2>&1; then
	inputs | sha256sum >"$obj/.configured"
fi
