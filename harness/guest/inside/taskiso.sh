#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Use each verb of taskiso in a guest whose last CPU, 3, is the isolation CPU.
#
# Beside taskiso, /ti has the example of the documentation and long, which is the same with
# a hundred times as many polls. What is written here is judged by harness/check/taskiso.py.
#
# shellcheck disable=SC2317 # functions are called by until_it

export NO_COLOR=1
instances=/sys/kernel/tracing/instances

# Wait until a command succeeds, for 20 s at most.
until_it() {
	for _ in $(seq 200); do
		"$@" && return
		sleep 0.1
	done
}

traced() {
	grep -qs 1 "$instances"/*/events/task_isolation/enable
}

untraced() {
	[ -z "$(ls "$instances")" ]
}

number_of_instances() {
	find "$instances" -mindepth 1 -maxdepth 1 | wc -l
}

in_use() {
	[ "$(cat /sys/devices/system/cpu/cpu3/task_isolation/pid)" != 0 ]
}

# The thread notes its loss when it gets to run again. What ran meanwhile may have left a
# worker of the CPU in need of another one, whose creation interrupts the thread once more,
# and is the last loss then.
lost_by_head() {
	head -c 1 /proc/sys/vm/stat_refresh
	sleep 0.5
	/ti/taskiso top -b -n 1 >/tmp/after
	grep -q ' by head/' /tmp/after
}

/ti/taskiso check
echo "check: $?"
/ti/taskiso check -t 3
echo "try: $?"
/ti/taskiso check 1-2
echo "others: $?"

echo nobody:x:65534:65534::/:/bin/sh >>/etc/passwd
su nobody -c "/ti/taskiso check 3"
echo "nobody checks: $?"
su nobody -c "/ti/taskiso top -b -n 1"
echo "nobody looks: $?"
su nobody -c "/ti/taskiso trace -n 1"
echo "nobody traces: $?"

/ti/taskiso trace -a -n 4 >/tmp/trace &
pid=$!
until_it traced
/ti/example >/dev/null
sleep 1
wait $pid
echo "trace: $?"
cat /tmp/trace
echo "instances: $(number_of_instances)"

/ti/taskiso top -b -n 1
echo "top: $?"
/ti/taskiso top -d 0
echo "usage: $?"

# A thread that is isolated all the time: looking at it must not interrupt it.
/ti/long >/dev/null &
pid=$!
until_it in_use
/ti/taskiso top -b -n 1 | sed 's/^/during: /'
/ti/taskiso check 3 | sed 's/^/during: /'
/ti/taskiso check -t 3 >/dev/null
echo "try in use: $?"
/ti/taskiso top -b -n 1 | sed 's/^/checked: /'
until_it lost_by_head
sed 's/^/after: /' /tmp/after
kill $pid
wait $pid

taskset -c 3 sh -c 'echo $$ >/tmp/busy; while :; do :; done' &
pid=$!
until_it test -s /tmp/busy
/ti/taskiso check -t 3
echo "refused: $?"
kill $pid

/ti/taskiso trace -a | head -n 1 >/dev/null &
pid=$!
until_it traced
# Nobody reads what the second one causes.
/ti/example >/dev/null
sleep 1
/ti/example >/dev/null
wait $pid
until_it untraced
echo "instances left: $(number_of_instances)"
exit 0
