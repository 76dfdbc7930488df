#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run each program of an installed kselftest directory in the guest.
#
# usage: selftests DIR [PATTERN[,PATTERN]...]
#
# Only the programs whose name has one of the PATTERNs, if there are any.
# A line before and one after each program tell the host which one spoke, its exit
# status, of which 4 is a skip, and the seconds that it took. A program has as many
# seconds as the settings file of its directory says, 300 without one; timeout=0 is no
# limit but the guest's.

dir=$1
patterns=$(echo "${2:-}" | tr , ' ')

chosen() {
	[ -n "$patterns" ] || return 0
	for pattern in $patterns; do
		case $1 in
		*"$pattern"*) return 0 ;;
		esac
	done
	return 1
}

seconds() {
	cut -d. -f1 /proc/uptime
}

# A CPU that is given work for the first time gets a second kworker, a moment later,
# and the first is woken up to be told. That would interrupt a thread for no reason
# which a test has made: give each CPU some work before.
head -c 1 /proc/sys/vm/stat_refresh >/dev/null 2>&1
sleep 1

while IFS=: read -r collection name; do
	chosen "$name" || continue
	cd "$dir/$collection" || exit 1
	limit=$(sed -n 's/^timeout=//p' settings 2>/dev/null)
	start=$(seconds)
	echo "@test begin $name"
	if [ "${limit:-300}" = 0 ]; then
		./"$name" </dev/null
	else
		timeout "${limit:-300}" ./"$name" </dev/null
	fi
	status=$?
	echo "@test exit $status $name $(($(seconds) - start))"
done <"$dir/kselftest-list.txt"
