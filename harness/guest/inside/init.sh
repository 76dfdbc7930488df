#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# The guest's first process: mounts, says what machine this is, runs /ti/run
# on the port named by ti.tty= and powers off.
#
# The host waits for two lines there, with the number it gave as ti.nonce=:
#   @ti NONCE begin          and          @ti NONCE exit STATUS
# Without /ti/run there is a shell. /ti/first, if there is one, is the first process
# before that, once, and starts what it is given.

if [ -x /ti/first ] && [ -z "${TI_FIRST:-}" ]; then
	export TI_FIRST=was
	exec /ti/first /bin/busybox sh /init
fi
/bin/busybox mkdir -p /proc /sys /dev /etc /tmp /run /root
echo root:x:0:0:root:/root:/bin/sh >/etc/passwd
echo root:x:0: >/etc/group
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin HOME=/root LD_LIBRARY_PATH=/lib TERM=linux
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmp /tmp
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts 2>/dev/null
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing 2>/dev/null
mount -t cgroup2 cgroup /sys/fs/cgroup 2>/dev/null
ip link set lo up 2>/dev/null
# shellcheck disable=SC3045 # busybox has it
ulimit -c 0

arg() {
	sed -nE "s/.*(^| )$1=([^ ]*).*/\2/p" /proc/cmdline
}

show() {
	echo "# $1: $(cat "$2" 2>/dev/null || echo unknown)"
}

tty=/dev/$(arg ti.tty)
# A virtio port comes up by itself, a little later perhaps.
for _ in $(seq 50); do
	[ ! -c "$tty" ] || break
	sleep 0.1
done
[ -c "$tty" ] || tty=/dev/console
nonce=$(arg ti.nonce)
# shellcheck disable=SC2094 # a terminal
exec <"$tty" >"$tty" 2>&1
stty -onlcr 2>/dev/null

# The kernel switches to its final clocksource some time after boot, and stops
# the machine to do so. Not a thing that a test should meet by chance.
clock=/sys/devices/system/clocksource/clocksource0/current_clocksource
for _ in $(seq 60); do
	case $(cat $clock) in *-early | jiffies) sleep 0.5 ;; *) break ;; esac
done

{
	echo "# kernel: $(uname -r) $(uname -m), $(nproc --all) CPUs"
	show clocksource /sys/devices/system/clocksource/clocksource0/current_clocksource
	show nohz_full /sys/devices/system/cpu/nohz_full
	show isolated /sys/devices/system/cpu/isolated
	show task_isolation /sys/devices/system/cpu/task_isolation
	echo "# options: $(cat /proc/cmdline)"
} >/ti/environment

echo "@ti $nonce begin"
cat /ti/environment
if [ -f /ti/run ]; then
	cd /root || exit
	# A process group of its own, so that what it leaves behind does not
	# outlive it on the port.
	setsid sh /ti/run
	status=$?
else
	stty onlcr 2>/dev/null
	echo "Isolation CPU: $(cat /sys/devices/system/cpu/isolated). 'exit' powers off."
	setsid -c sh
	status=$?
	stty -onlcr 2>/dev/null
fi
echo "@ti $nonce exit $status"
sync
poweroff -f
