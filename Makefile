# SPDX-License-Identifier: GPL-2.0
# Verbs only; each is a program in harness/ that can be run by itself.

ARCH ?= x86_64
ASKED := $(filter command line environment,$(origin ARCH) $(origin ARCHS))
ARCHS ?= $(if $(ASKED),$(ARCH),x86_64 arm64 riscv arm)
ifneq ($(KERNELS),)
ARCHS := $(sort $(foreach name,$(KERNELS),$(firstword $(subst -, ,$(name)))))
endif
CPUS ?= 4
DURATION ?= 10
O ?= build
export BUILD := $(abspath $(O))
export BASE V ARCHS CPUS DURATION DEBUG KERNELS LIMIT QEMU THREAD

MAKEFLAGS += --no-print-directory

.PHONY: help run check tree refresh config configs build boot series apply lint bench disturb
.PHONY: repeat clean distclean
.PHONY: arch packages base

help:
	@echo 'make VERB [VARIABLE=value]...'
	@echo
	@echo '  run        a packet worker under load, isolated and not: what it gains'
	@echo '  check      every test; ends in "N passed, N failed, N skipped"'
	@echo '  bench      what the feature costs, counted in instructions'
	@echo '  repeat     TIMES=20 runs in a row of all lanes of ARCHS, or LANES="..."'
	@echo '  disturb    disturb an isolated thread in every known way, and see what'
	@echo '             it is told; ARCHS="x86_64 arm64" if not said otherwise'
	@echo
	@echo '  tree       compose build/tree: the base with the series on top'
	@echo '  refresh    carry edits made in build/tree back into this repository'
	@echo '  config     make the kernel configuration, each asked line verified'
	@echo '  configs    compile what the series touches with other configurations:'
	@echo '             those of Debian, CLANG, random ones, without this and that'
	@echo '  build      build the kernel (build/obj/ARCH)'
	@echo '  boot       a root shell in the guest, with an isolation CPU;'
	@echo '             RUN=program ARGS="..." runs a program of yours instead'
	@echo '             and returns its exit status'
	@echo '  series     write the mails to build/series, and prove them'
	@echo '  apply      put the series on a 7.3 tree of yours: TREE=path'
	@echo '  lint       style of the scripts, the diffs and the whole files'
	@echo '  clean      remove objects, guests and logs; keep base and build/tree'
	@echo '  distclean  remove build/, edits in build/tree included'
	@echo
	@echo '  ARCH=x86_64     the architecture of config, build, boot, run, bench:'
	@echo '                  x86_64, arm64, arm or riscv (not for bench)'
	@echo '  ARCHS="x86_64 arm64 riscv arm"'
	@echo '                  the architectures of check; ARCH= for one'
	@echo '  DEBUG="x86_64 arm64"'
	@echo '                  which of them check tests in a debug kernel, too;'
	@echo '                  x86_64-kasan and x86_64-kcsan are others, or none'
	@echo '  KERNELS="x86_64 arm64-debug"'
	@echo '                  the kernels that check tests, by name'
	@echo '  LIMIT=minutes   when check begins nothing new any more (no limit)'
	@echo '  CPUS=4          vCPUs; the last is the isolation CPU'
	@echo '  DURATION=10     seconds that run isolates its worker for'
	@echo '  BASE=path       a v7.3.x tree or tarball instead of the Debian package'
	@echo '  V=1             show commands;  O=dir  another folder than build/'
	@echo '  QEMU=path       another emulator, or a folder of them; otherwise that of'
	@echo '                  this machine or, if it is older than 8.1, a newer one,'
	@echo '                  which harness/fetch-qemu gets into build/qemu'
	@echo '  THREAD=mode     how its vCPUs run: multi, in parallel; single, by turns'

arch:
	@test -f harness/arch/$(ARCH).conf || { \
		echo "ARCH=$(ARCH) is not known here: one of" \
			$(patsubst harness/arch/%.conf,%,$(wildcard harness/arch/*.conf)) >&2; exit 1; }

packages:
	@harness/packages $(ARCH)

base: packages
	@harness/fetch-base

tree: base
	@harness/compose

refresh: base
	@harness/refresh

config: arch tree
	@harness/build --config $(ARCH)

configs: tree
	@harness/packages configs
	@harness/configs --all

build: arch tree
	@harness/build $(ARCH)

boot: build
	@harness/boot --cpus $(CPUS) $(ARCH) $(if $(RUN),-- $(RUN) $(ARGS))

run: build
	@harness/run-demo $(ARCH)

bench: arch tree
	@harness/bench $(ARCH)

# The figures are for these, unless others are asked for.
disturb: DISTURB_ARCHS := $(if $(ASKED),$(ARCHS),x86_64 arm64)
disturb: tree
	@for arch in $(DISTURB_ARCHS); do harness/packages $$arch || exit 1; done
	@harness/disturb $(DISTURB_ARCHS)

check:
	@harness/packages check $(ARCHS)
	@harness/fetch-base
	@harness/check

repeat: tree
	@harness/packages check $(ARCHS)
	@harness/build $(ARCHS)
	@harness/repeat $(or $(TIMES),20) $(or $(LANES),$(ARCHS))

series: tree
	@harness/series-export

apply: base
	@harness/apply '$(TREE)'

lint:
	@harness/packages check
	@harness/fetch-base
	@harness/lint

clean:
	rm -rf $(BUILD)/obj $(BUILD)/guest $(BUILD)/logs $(BUILD)/series

distclean:
	rm -rf $(BUILD)
