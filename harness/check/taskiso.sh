#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Use each verb of taskiso in a guest, with and without an isolation CPU.
#
# usage: taskiso                             (x86_64, which has to be built)
#
# exit status: 0 it said what it has to, 1 not, and what was missing.
set -eu

here=$(dirname "$(readlink -f "$0")")
build=${BUILD:-$here/../build}
[ $# = 0 ] || { sed -n '3,8s/^# \{0,1\}//p' "$0"; exit 1; }
mkdir -p "$build/guest"
log=$build/logs/taskiso.log

# Static, so that it runs in the guest without its libraries.
make -s -C "$here/../tools/task_isolation" OUTPUT="$build/guest" LDFLAGS=-static >"$build/guest/taskiso.log" 2>&1 ||
	{ cat "$build/guest/taskiso.log" >&2; exit 1; }
# It can be built without its libraries, but then has no verb trace.
if "$build/guest/taskiso" trace -n x 2>&1 | grep -q 'left out'; then
	echo "taskiso: built without libtracefs: install libtracefs-dev and libtraceevent-dev," \
	     "as 'harness/packages check' does" >&2
	exit 1
fi
example=$here/../tools/testing/selftests/task_isolation/example.c
gcc -O2 -static -o "$build/guest/taskiso-example" "$example"
# A hundred times as long, to be looked at meanwhile
sed 's/^\(#define POLLS.*\)UL$/\100UL/' "$example" |
	gcc -O2 -static -o "$build/guest/taskiso-long" -x c -

guest() {
	"$here/boot" --quiet --log taskiso --file "$build/guest/taskiso=/ti/taskiso" \
		--file "$build/guest/taskiso-example=/ti/example" \
		--file "$build/guest/taskiso-long=/ti/long" "$@" x86_64
}

expect() {
	grep -qE -- "$1" "$log" || { cat "$log"; echo "taskiso: '$1' was to be said" >&2; exit 1; }
}

# The guest's shell is to expand it.
# shellcheck disable=SC2016
guest --shell '
	export NO_COLOR=1
	/ti/taskiso check; echo "check: $?"
	/ti/taskiso check -t 3; echo "try: $?"
	/ti/taskiso check 1-2; echo "others: $?"
	echo nobody:x:65534:65534::/:/bin/sh >>/etc/passwd
	su nobody -c "/ti/taskiso check 3"; echo "nobody checks: $?"
	su nobody -c "/ti/taskiso top -b -n 1"; echo "nobody looks: $?"
	su nobody -c "/ti/taskiso trace -n 1"; echo "nobody traces: $?"
	# Waits until a command says so, 20 s at most.
	until_it() { for _ in $(seq 200); do "$@" && return; sleep 0.1; done; }
	traced() { grep -q 1 /sys/kernel/tracing/instances/*/events/task_isolation/enable; }
	untraced() { [ -z "$(ls /sys/kernel/tracing/instances)" ]; }
	/ti/taskiso trace -a -n 4 >/tmp/trace & pid=$!
	until_it traced
	/ti/example >/dev/null
	sleep 1
	wait $pid; echo "trace: $?"
	cat /tmp/trace
	ls /sys/kernel/tracing/instances | wc -l
	/ti/taskiso top -b -n 1; echo "top: $?"
	/ti/taskiso top -d 0; echo "usage: $?"
	/ti/long >/dev/null & pid=$!
	n=0
	while [ "$(cat /sys/devices/system/cpu/cpu3/task_isolation/pid)" = 0 ] && [ $n -lt 100 ]; do
		n=$((n + 1)); sleep 0.1
	done
	/ti/taskiso top -b -n 1 | sed "s/^/during: /"
	/ti/taskiso check 3 | sed "s/^/during: /"
	/ti/taskiso check -t 3 >/dev/null; echo "try in use: $?"
	/ti/taskiso top -b -n 1 | sed "s/^/checked: /"
	head -c 1 /proc/sys/vm/stat_refresh
	# The thread notes its loss when it gets to run again.
	by_head() { /ti/taskiso top -b -n 1 | grep -q " by head/"; }
	until_it by_head
	/ti/taskiso top -b -n 1 | sed "s/^/after: /"
	kill $pid
	wait $pid
	taskset -c 3 sh -c "echo \$\$ >/tmp/busy; while :; do :; done" & pid=$!
	until_it test -s /tmp/busy
	/ti/taskiso check -t 3; echo "refused: $?"
	kill $pid
	/ti/taskiso trace -a | head -n 1 >/dev/null & pid=$!
	until_it traced
	# The second one finds nobody who reads.
	/ti/example >/dev/null
	sleep 1
	/ti/example >/dev/null
	wait $pid
	until_it untraced
	echo "instances left: $(ls /sys/kernel/tracing/instances | wc -l)"
	exit 0'
expect '^cpu 3: yes$'
expect '^check: 0'
expect '^cpu 3: yes, tried'
expect '^try: 0'
expect '^cpu 1: no'
expect 'the CPU is not in nohz_full='
expect '^  replace nohz_full=3 by nohz_full=1-3$'
expect '^  replace rcu_nocbs=3 by rcu_nocbs=1-3$'
expect '^others: 1'
expect '^nobody checks: 0'
expect '^nobody looks: 2'
expect '^nobody traces: 2'
expect '^(example|<\.\.\.>)-[0-9]+ cpu 3 +[0-9.]+ enter sig='
expect '^(example|<\.\.\.>)-[0-9]+ cpu 3 +[0-9.]+ loss cause=syscall'
expect '^trace: 0'
expect '^0$'
expect '^ +3 .* syscall=[1-9]'
expect '^ +last: syscall'
expect '^top: 0'
expect "takes a whole number from 1 on, not '0'"
expect '^usage: 2'
expect '^during:  +3 long '
expect '^after:  +last: .* by head/[0-9]+ on cpu [0-2]'
expect '^cpu 3: refused'
expect 'another task wants to run there'
expect 'the task is sh/[0-9]'
expect '^refused: 1'
expect '^during: cpu 3: in use: thread [0-9]+ is isolated there'
expect '^try in use: 1'
expect '^checked:  +3 long '
# Looked at twice, and lost nothing
counts() {
	awk -v when="$1:" '$1 == when && $2 == 3 && $3 == "long" { print $7, $8, $9 }' "$log"
}
[ "$(counts during)" = "$(counts checked)" ] ||
	{ cat "$log"; echo "taskiso: check has interrupted the thread that is isolated" >&2; exit 1; }
expect '^instances left: 0'

# shellcheck disable=SC2016
guest --cmdline highres=off --shell '
	export NO_COLOR=1
	/ti/taskiso check 3; echo "check: $?"
	exit 0'
expect '^cpu 3: no'
expect "the timer device of the CPU can't be turned off"
expect 'boot without highres=off'
expect '^check: 1'

# shellcheck disable=SC2016
guest --no-isolation --shell '
	export NO_COLOR=1
	/ti/taskiso check; echo "check: $?"
	/ti/taskiso top; echo "top: $?"
	exit 0'
expect '^cpu 0: no'
expect '^check: 1'
expect 'no CPU has counters'
expect '^top: 2'
