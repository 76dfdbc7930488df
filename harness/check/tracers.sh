#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Record the events of a loss with perf and with trace-cmd, in a guest.
#
# usage: tracers                             (x86_64, which has to be built)
#
# They come with the Debian packages linux-perf and trace-cmd.
#
# exit status: 0 both have shown enter and loss in words, 1 not, 2 one is missing.
set -eu

here=$(dirname "$(readlink -f "$0")")
build=${BUILD:-$here/../build}
[ $# = 0 ] || { sed -n '3,9s/^# \{0,1\}//p' "$0"; exit 1; }
for tool in perf trace-cmd; do
	command -v "$tool" >/dev/null ||
		{ echo "tracers: no $tool: apt install linux-perf trace-cmd" >&2; exit 2; }
done
mkdir -p "$build/guest"
log=$build/logs/tracers.log
gcc -O2 -static -o "$build/guest/tracers-example" \
	"$here/../tools/testing/selftests/task_isolation/example.c"

# The tools of the host, with the libraries that they need.
set -- --file "$build/guest/tracers-example=/ti/example"
for tool in perf trace-cmd; do
	path=$(readlink -f "$(command -v "$tool")")
	set -- "$@" --file "$path=/ti/$tool"
	for lib in $(ldd "$path" | grep -o '/[^ ]*'); do
		set -- "$@" --file "$(readlink -f "$lib")=$lib"
	done
done

"$here/boot" --quiet --log tracers "$@" --shell '
	cd /tmp
	/ti/perf record -q -a -e "task_isolation:*" -o perf.data /ti/example
	/ti/perf script -i perf.data | sed "s/^/perf: /"
	/ti/trace-cmd record -q -e task_isolation -o trace.dat /ti/example
	/ti/trace-cmd report -i trace.dat | sed "s/^/trace-cmd: /"
	exit 0' x86_64

for said in 'perf: .*task_isolation:task_isolation_enter: sig=' \
	    'perf: .*task_isolation:task_isolation_loss: cause=syscall' \
	    'trace-cmd: .*task_isolation_enter: .*sig=' \
	    'trace-cmd: .*task_isolation_loss: .*cause=syscall'; do
	grep -qE "$said" "$log" ||
		{ cat "$log"; echo "tracers: '$said' was to be said" >&2; exit 1; }
done
grep -E '^(perf|trace-cmd): .*task_isolation_(enter|loss):' "$log"
