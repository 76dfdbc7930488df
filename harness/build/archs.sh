#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# List the architectures, in the order in which they are tested.
#
# usage: harness/ti archs [WORD]
#
# With WORD, disturb or bench for instance, only those that have it: whose .conf has no
# NO_WORD with a reason why not.
#
# exit status: 0 listed, 2 a bad argument.
set -eu
# shellcheck source=harness/lib/common.sh
. "${HARNESS:?run it by harness/ti}/lib/common.sh"

[ $# -le 1 ] || bad "expected one word at most"
word=$(echo "${1:-}" | tr a-z- A-Z_)
case ${1:-} in
-* | *[!a-z-]*) bad "'$1' was given, expected a word such as disturb or bench" ;;
esac
for conf in "$HARNESS"/arch/*.conf; do
	[ -n "$word" ] && grep -q "^NO_$word=" "$conf" && continue
	echo "$(sed -n 's/^ORDER="\([0-9]*\)"$/\1/p' "$conf") $(basename "$conf" .conf)"
done | sort -n | cut -d' ' -f2
