# SPDX-License-Identifier: GPL-2.0-or-later
# The debug kernel and what runs on it.
#
#   make check-debug                 the VM tests and those of this folder, on a kernel with every detector
#   make fuzz-ioctl TIME=600 SEED=2  the fuzzer of the ioctls, for so many seconds
.PHONY: check-debug fuzz-ioctl check-debug-here fuzz-ioctl-here debug-tools debug-modules
check-debug fuzz-ioctl:
	@$(ENTER) $(HERE) $@-here

check-debug-here: all unit-tests device-firmware vm-tools debug-tools
	@PROVCARD_KERNEL=debug PROVCARD_BUILD=$(O) tests/run.py vm debug

fuzz-ioctl-here: all vm-tools debug-tools
	@PROVCARD_KERNEL=debug PROVCARD_BUILD=$(O) PROVCARD_FUZZ_TIME=$(TIME) PROVCARD_FUZZ_SEED=$(SEED) \
		python3 -m pytest -q -s -p no:cacheprovider tests/debug/test_fuzz_ioctl.py

debug-tools: $(O)/debug/fuzz_ioctl
	@$(MAKE) --no-print-directory O=$(O) KERNEL=$$(tests/debug/kernel.sh) KBUILD_OPTIONS=KCOV_INSTRUMENT=y driver-module debug-modules

debug-modules: $(O)/debug/defects.ko
$(O)/debug/defects.ko: $(wildcard tests/debug/defects/*) driver/include/provcard_hif.h
	@mkdir -p $(@D)/defects/include
	@cp $(filter tests/%,$^) $(@D)/defects
	@cp driver/include/provcard_hif.h $(@D)/defects/include
	env -u MAKEFLAGS $(MAKE) -s -C $(KERNEL) M=$(abspath $(@D)/defects) W=1 KCFLAGS=-Werror modules
	@cp $(@D)/defects/defects.ko $@

$(O)/debug/fuzz_ioctl: $(wildcard tests/debug/fuzz_*.c) tests/debug/fuzz_calls.h driver/include/uapi/linux/provcard.h
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CPPFLAGS) $(CFLAGS) -static -o $@ $(filter %.c,$^) -lpthread
