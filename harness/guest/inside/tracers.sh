#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Record the events of the example with perf and with trace-cmd, and print them.
#
# What is written here is judged by harness/check/tracers.py.

cd /tmp || exit 1
/ti/perf record -q -a -e 'task_isolation:*' -o perf.data /ti/example
/ti/perf script -i perf.data | sed 's/^/perf: /'
/ti/trace-cmd record -q -e task_isolation -o trace.dat /ti/example
/ti/trace-cmd report -i trace.dat | sed 's/^/trace-cmd: /'
exit 0
