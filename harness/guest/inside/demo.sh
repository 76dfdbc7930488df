#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The demo, in the guest: capture real traffic, then the same worker under load:
# isolated; as an ordinary thread beside the load; on the CPU that was set aside,
# without asking for isolation; and breaking the rule in two ways.
#
# usage: demo SECONDS HOUSEKEEPING-MASK [RUN]
#
# With RUN, one of isolated, plain, aside, syscall, fault, only that one.
seconds=$1
mask=$2
only=${3:-}
ring=/dev/shm/ring
pcap=/tmp/lo.pcap

echo "@run capture"
# Until it has seen enough. On a slow host it takes seconds before it looks at all.
stress-ng --sock 1 --udp 1 --quiet &
talk=$!
timeout 300 tcpdump -Z root -i lo -s 256 -c 2000 -w $pcap 2>/tmp/tcpdump.log || {
	cat /tmp/tcpdump.log
	echo "demo: no 2000 packets were captured in 300 s"
	exit 1
}
kill $talk
wait $talk

taskset "$mask" stress-ng --cpu 1 --vm 1 --vm-bytes 32M --fork 1 --sock 1 --timer 1 \
	--quiet >/dev/null 2>&1 &
load=$!
sleep 1

run() {
	[ "${only:-$1}" = "$1" ] || return 0
	echo "@run $1"
	shift
	taskset "$mask" /ti/producer --ring $ring --pcap $pcap --rate 5000 &
	/ti/worker --ring $ring --witness "$@"
	echo "status=$?"
	wait $!
}

aside=$(cat /sys/devices/system/cpu/isolated)
run isolated --seconds "$seconds"
run plain --seconds "$seconds" --plain --cpu $((aside - 1))
run aside --seconds 1 --plain --cpu "$aside"
run syscall --seconds 1 --break syscall
run fault --seconds 1 --break fault
kill $load
exit 0
