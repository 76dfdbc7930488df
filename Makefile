# SPDX-License-Identifier: GPL-2.0
# Verbs only; each is a program of the harness, which 'harness/ti NAME' runs by itself.

TI := harness/ti
KNOWN := $(shell $(TI) archs)
ARCH ?= $(firstword $(KNOWN))
ASKED := $(filter command line environment,$(origin ARCH) $(origin ARCHS))
ARCHS ?= $(if $(ASKED),$(ARCH),$(KNOWN))
ifneq ($(KERNELS),)
ARCHS := $(sort $(foreach name,$(KERNELS),$(firstword $(subst -, ,$(name)))))
endif
CPUS ?= 4
DURATION ?= 10
O ?= build
export BUILD := $(abspath $(O))
export BASE V ARCHS CPUS DURATION DEBUG KERNELS LIMIT MIRROR QEMU THREAD

MAKEFLAGS += --no-print-directory

.PHONY: help run check tree refresh rebase config configs build boot series apply lint bench
.PHONY: disturb repeat clean distclean
.PHONY: packages base

help:
	@echo 'make VERB [VARIABLE=value]...'
	@echo
	@echo '  run        a packet worker under load, isolated and not: what it gains'
	@echo '  check      every test; ends in "N passed, N failed, N skipped"'
	@echo '  bench      what the feature costs, counted in instructions'
	@echo '  repeat     TIMES=20 runs in a row of all lanes of ARCHS, or LANES="..."'
	@echo '  disturb    disturb an isolated thread in every known way, and see what'
	@echo '             it is told; ARCHS="$(shell $(TI) archs disturb)" by default'
	@echo
	@echo '  tree       compose build/tree: the base with the series on top'
	@echo '  refresh    carry edits made in build/tree back into this repository'
	@echo '  rebase     take the series to another Linux 7.x: BASE=tree, tarball or package'
	@echo '  config     make the kernel configuration, each requested line verified'
	@echo '  configs    compile what the series touches with other configurations:'
	@echo '             those of Debian, clang, random ones, without this and that'
	@echo '  build      build the kernel (build/obj/ARCH)'
	@echo '  boot       a root shell in the guest, with an isolation CPU;'
	@echo '             RUN=program ARGS="..." runs a program of yours instead'
	@echo '             and returns its exit status'
	@echo '  series     write the mails to build/series, a set beside the other, and prove'
	@echo '             them; SET=core only that one'
	@echo '  apply      put the series on a tree of yours, of the same release: TREE=path'
	@echo '  lint       style of the scripts, the diffs and the whole files'
	@echo '  clean      remove objects, guests and logs; keep base and build/tree'
	@echo '  distclean  remove build/, edits in build/tree included'
	@echo
	@echo '  ARCH=$(firstword $(KNOWN))     the architecture of config, build, boot, run, bench:'
	@echo '                  $(KNOWN); bench: $(shell $(TI) archs bench)'
	@echo '  ARCHS="$(KNOWN)"'
	@echo '                  the architectures of check; ARCH= for one'
	@echo '  DEBUG="$(firstword $(KNOWN))"  which of them check tests in a debug kernel, too;'
	@echo '                  $(firstword $(KNOWN))-kasan and -kcsan are others, or none'
	@echo '  KERNELS="$(firstword $(KNOWN)) $(word 2,$(KNOWN))-debug"'
	@echo '                  the kernels that check tests, by name'
	@echo '  LIMIT=minutes   when check begins nothing new any more (no limit)'
	@echo '  CPUS=4          vCPUs; the last is the isolation CPU'
	@echo '  DURATION=10     seconds that run isolates its worker for'
	@echo '  BASE=path       a tree, tarball or package of the same release (7.3.y) instead of'
	@echo '                  the Debian package that harness/base.conf pins'
	@echo '  V=1             show commands;  O=dir  another directory than build/'
	@echo '  QEMU=path       another emulator, or a directory of them; otherwise that of this'
	@echo '                  machine or, if it is too old, a newer one that is unpacked into'
	@echo '                  build/qemu'
	@echo '  THREAD=mode     how its vCPUs run: multi, in parallel; single, by turns'
	@echo
	@echo 'harness/ti lists the programs behind them, and others; each has --help.'

packages:
	@$(TI) packages $(ARCH)

base: packages
	@$(TI) fetch-base

tree: base
	@$(TI) compose

refresh: base
	@$(TI) refresh

# BASE is the new base here, and the old one has to be in build/base, or is fetched.
rebase: packages
	@BASE= $(TI) fetch-base
	@$(TI) rebase $(if $(BASE),'$(BASE)')

config: tree
	@$(TI) build --config $(ARCH)

configs: tree
	@$(TI) packages configs
	@$(TI) configs --all

build: tree
	@$(TI) build $(ARCH)

boot: build
	@$(TI) boot --cpus $(CPUS) $(ARCH) $(if $(RUN),-- $(RUN) $(ARGS))

run: build
	@$(TI) demo $(ARCH)

bench: tree
	@$(TI) bench $(ARCH)

# The figures are for these, unless others are asked for.
disturb: DISTURB_ARCHS = $(if $(ASKED),$(ARCHS),$(shell $(TI) archs disturb))
disturb: tree
	@$(TI) packages $(DISTURB_ARCHS)
	@$(TI) disturb $(DISTURB_ARCHS)

check:
	@$(TI) packages check $(ARCHS)
	@$(TI) fetch-base
	@$(TI) check

repeat: tree
	@$(TI) packages check $(ARCHS)
	@$(TI) build $(ARCHS)
	@$(TI) repeat $(or $(TIMES),20) $(or $(LANES),$(ARCHS))

series: tree
	@$(TI) export $(if $(SET),--set $(SET))

apply: base
	@$(TI) apply '$(TREE)'

lint:
	@$(TI) packages check
	@$(TI) fetch-base
	@$(TI) lint

clean:
	rm -rf $(BUILD)/obj $(BUILD)/guest $(BUILD)/logs $(BUILD)/series

distclean:
	rm -rf $(BUILD)
