# SPDX-License-Identifier: GPL-2.0-or-later
# The simulated part must not link OpenSSL: a process, and a licence, of its own.
$(O)/provcard-part: $(call objects,tests/parts)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs unicorn 2>/dev/null) -lpthread
PROGRAMS += $(O)/provcard-part

# tests/unit/test_NAME.c is one cmocka program; the other files there serve several.
UNIT_TESTS := $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/test_*.c))
UNIT_HELPERS := $(filter-out $(O)/obj/tests/unit/test_%.o,$(call objects,tests/unit))
$(O)/unit/%: $(O)/obj/tests/unit/%.o $(UNIT_HELPERS) $(FIRMWARE_EMU) $(FIRMWARE_CORE) $(FIRMWARE_HEAD) $(O)/libprovcard.a $(O)/libprovpkg.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(CRYPTO_LIBS) $(NL_LIBS) -lpthread

# tests/bench/bench_NAME.c is one bench; bench_device_issue needs the library alone, and tests of the library use it.
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,$(O)/bench/%,$(filter-out %/bench_device_issue.c,$(wildcard tests/bench/bench_*.c)))
.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS) $(O)/bench/copy_control $(O)/bench/copies.ko $(O)/bench/commands $(O)/bench/instructions.so $(O)/vm/stubborn-card
vm-tools: $(O)/bench/commands
# One program for two drivers, for a guest; and the plugin of QEMU that counts what it costs.
$(O)/bench/commands: $(wildcard tests/bench/nvme/*.[ch]) driver/include/uapi/linux/provcard.h
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) -Idriver/include/uapi -static -o $@ $(filter-out %/instructions.c,$(filter %.c,$^)) -luring
$(O)/bench/instructions.so: tests/bench/nvme/instructions.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) -shared -fPIC -fvisibility=hidden -o $@ $< -lpthread
$(O)/bench/copies.ko: $(wildcard tests/bench/copies/*)
	@mkdir -p $(@D)/copies
	@cp $^ $(@D)/copies
	env -u MAKEFLAGS $(MAKE) -s -C $(KERNEL) M=$(abspath $(@D)/copies) W=1 KCFLAGS=-Werror modules
	@cp $(@D)/copies/copies.ko $@
$(O)/bench/copy_control: tests/bench/copy_control.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) -static -o $@ $<
$(O)/bench/bench_issue $(O)/bench/bench_job: $(O)/obj/tests/bench/units.o
$(O)/bench/%: $(O)/obj/tests/bench/%.o $(O)/obj/tests/bench/storage.o $(UNIT_HELPERS) $(FIRMWARE_EMU) $(FIRMWARE_CORE) $(FIRMWARE_HEAD) $(O)/libprovcard.a $(O)/libprovpkg.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(CRYPTO_LIBS) -lpthread

CFLAGS-tests := -Itests/parts -I. -Wno-missing-prototypes

# What runs in the reference environment: enter it, then the same name with -here.
ENTER := $(CURDIR)/tests/env/enter.sh
HERE := $(MAKE) --no-print-directory O=$(if $(filter file,$(origin O)),build/env,$(O))
SUITES := source unit sanitize fuzz crash parts card interop vm vm-newest
CHECKS := check $(addprefix check-,$(SUITES))

.PHONY: demo bench soak $(CHECKS) demo-here bench-here soak-here $(addsuffix -here,$(CHECKS))
demo bench soak fuzz fuzz-corpus $(CHECKS):
	@$(ENTER) $(HERE) $@-here

demo-here: all device-firmware
	@PROVCARD_BUILD=$(O) python3 tests/demo/demo.py

bench-here: all device-firmware bench-programs
	@PROVCARD_BUILD=$(O) $(if $(UNITS),PROVCARD_BENCH_UNITS=$(UNITS)) python3 tests/bench/bench.py $(BENCH)

# Cards that come and go under load; START=N goes on where a run was stopped.
soak-here: all vm-tools
	@PROVCARD_BUILD=$(O) PYTHONPATH=tests python3 -m provtest.soak --cycles $(or $(CYCLES),1000) --seed $(SEED) --start $(or $(START),0)

check-here: all unit-tests sanitized-tests fuzz-programs crash-program device-firmware vm-tools
	@PROVCARD_BUILD=$(O) tests/run.py $(SUITES)

check-%-here: all unit-tests device-firmware vm-tools
	@PROVCARD_BUILD=$(O) tests/run.py $*

check-fuzz-here: fuzz-programs
	@PROVCARD_BUILD=$(O) tests/run.py fuzz

check-sanitize-here: sanitized-tests
	@PROVCARD_BUILD=$(O) tests/run.py sanitize

# The whole enumeration; "make check" has a short one and the boards that must be found out.
STATES ?= 100000
SEED ?= 1
check-crash-here: crash-program
	@$(O)/crash --seed $(SEED) $(if $(HOURS),--hours $(HOURS),--states $(STATES))

.PHONY: unit-tests sanitized-tests device-firmware vm-tools crash-program
# A large job, for tests that need one.
unit-tests: $(UNIT_TESTS) $(O)/bench/bench_job

# The unit tests once more, with everything they reach built to notice what C leaves undefined.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
sanitized-tests:
	@$(MAKE) --no-print-directory O=$(O)/sanitize OPTIMISE='-O1 -g -fno-omit-frame-pointer $(SANITIZE)' LDFLAGS='$(SANITIZE)' \
		unit-tests programs device-firmware crash-program

# Firmware that a card may be given: the same objects with another version. And one that crashes.
TEST_FIRMWARE := $(O)/firmware/next.pfw $(O)/firmware/patch.pfw $(O)/firmware/crash.pfw
$(O)/firmware/%.o: firmware/core/version.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -DFIRMWARE_VERSION='"$(version)"' -DFIRMWARE_SECURITY_VERSION=$(security_version) -c -o $@ $<
$(O)/firmware/next $(O)/firmware/patch: $(O)/firmware/%: $(O)/obj/firmware/port/emu/main.o $(O)/firmware/%.o $(FIRMWARE_LIBRARIES)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS) -lpthread
$(O)/firmware/crash: tests/card/crash.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) -o $@ $<
$(O)/firmware/next.o $(O)/firmware/next.pfw: version := 9.2.0
$(O)/firmware/next.o $(O)/firmware/next.pfw: security_version := 2
$(O)/firmware/patch.o $(O)/firmware/patch.pfw: version := 9.1.1
$(O)/firmware/patch.o $(O)/firmware/patch.pfw: security_version := 1
$(O)/firmware/crash.pfw: version := 9.9.9
$(O)/firmware/crash.pfw: security_version := 3
$(TEST_FIRMWARE): $(O)/firmware/%.pfw: $(O)/firmware/% $(O)/provcard $(FIRMWARE_MAKER)/anchors.der
	$(call say,PACK)$(call pack_firmware,$<,$(version),$(security_version))
.PRECIOUS: $(O)/firmware/%.o
PROGRAMS += $(TEST_FIRMWARE)

# What the VM tests use beside our own programs.
VM_TOOLS := $(O)/vm/find-pieces $(O)/vm/kdf-spy.so $(O)/vm/send-command $(O)/vm/soak-load $(O)/vm/stubborn-card $(O)/evil/evil-card $(O)/evil/evil-load $(O)/vm/ynl-monitor
vm-tools: $(VM_TOOLS)
$(O)/vm/send-command: tests/vm/send_command.c
$(O)/vm/soak-load: tests/vm/soak_load.c
$(O)/vm/send-command $(O)/vm/soak-load:
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CPPFLAGS) $(CFLAGS) -static -o $@ $<
$(O)/vm/stubborn-card: $(O)/obj/firmware/port/emu/main.o $(O)/obj/tests/vm/stubborn_core.o $(FIRMWARE_EMU) $(O)/libprovpkg.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS) -lpthread
# Its controller stands in the place of the emulated card's; the PCI function is the same but for what these two say.
$(O)/evil/evil-card: $(patsubst %,$(O)/obj/tests/evil/%.o,main controller queues misdeeds script) $(FIRMWARE_EMU)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -Wl,--wrap=endpoint_region_size,--wrap=pci_read -o $@ $^ -lpthread
$(O)/evil/evil-load: tests/evil/load.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CPPFLAGS) $(CFLAGS) -static -o $@ $< -lpthread
$(O)/vm/find-pieces: tests/vm/find_pieces.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) -o $@ $<
$(O)/vm/kdf-spy.so: tests/vm/kdf_spy.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) -shared -o $@ $< -ldl

# The kernel's own netlink client, generated from our specification by the kernel's own generator.
YNL := $(KERNEL_CACHE)/$(basename $(basename $(notdir $(KERNEL_TARBALL))))-ynl
YNL_SPEC := Documentation/netlink/specs/provcard.yaml
YNL_GENERATE = python3 $(YNL)/tools/net/ynl/ynl-gen-c.py --spec $(O)/vm/ynl/Documentation/netlink/specs/provcard.yaml
$(YNL): $(KERNEL_TARBALL)
	rm -rf $@.$$$$ && mkdir -p $@.$$$$ && \
	tar -xf $< -C $@.$$$$ --strip-components=1 --wildcards '*/tools/net/ynl/*' '*/Documentation/netlink/genetlink*.yaml' && \
	{ mv -T $@.$$$$ $@ || rm -rf $@.$$$$; } && touch $@
# The generator names its source by what stands below the folder that has MAINTAINERS, and finds the schema beside the specification.
$(O)/vm/ynl/stamp: $(YNL_SPEC) | $(YNL)
	@mkdir -p $(@D)/Documentation/netlink/specs
	@: >$(@D)/MAINTAINERS
	@cp $(YNL)/Documentation/netlink/*.yaml $(@D)/Documentation/netlink
	@cp $< $(@D)/Documentation/netlink/specs
	$(YNL_GENERATE) --mode uapi --header -o $(@D)/provcard_netlink.h
	$(YNL_GENERATE) --mode user --header -o $(@D)/provcard-user.h
	$(YNL_GENERATE) --mode user --source -o $(@D)/provcard-user.c
	@: >$@
$(O)/vm/ynl-monitor: tests/vm/ynl_monitor.c driver/include/uapi/linux/provcard_netlink.h $(O)/vm/ynl/stamp
	$(call say,LD)$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g -Wall -static -Idriver/include/uapi -I$(O)/vm/ynl \
		-isystem $(YNL)/tools/net/ynl/lib -o $@ $< $(O)/vm/ynl/provcard-user.c $(YNL)/tools/net/ynl/lib/ynl.c

# Firmware of the demonstration device, for the simulated part and for a real one alike.
DEVICE_CC ?= arm-none-eabi-gcc
DEVICE_OBJCOPY ?= arm-none-eabi-objcopy
DEVICE_CFLAGS := -std=c11 -O2 -g -mcpu=cortex-m4 -mthumb -ffreestanding -fno-tree-loop-distribute-patterns $(WARNINGS)
DEVICE_LDFLAGS := -nostdlib -Wl,-n -Wl,--fatal-warnings -Ltests/device
device_objects = $(patsubst %,$(O)/device/obj/%.o,$(1))
$(O)/device/obj/%.o: tests/device/%.c $(wildcard tests/device/*.h)
	@mkdir -p $(@D)
	$(DEVICE_CC) $(DEVICE_CFLAGS) -c -o $@ $<
$(O)/device/bootloader.elf: $(call device_objects,startup bootloader)
$(O)/device/application.elf: $(call device_objects,startup application ecdsa p256 sha256)
$(O)/device/%.elf: tests/device/%.ld tests/device/sections.ld
	$(DEVICE_CC) $(DEVICE_CFLAGS) $(DEVICE_LDFLAGS) -T $< -o $@ $(filter %.o,$^)
$(O)/device/%.bin: $(O)/device/%.elf
	$(DEVICE_OBJCOPY) -O binary $< $@
$(O)/device/%.hex: $(O)/device/%.elf
	$(DEVICE_OBJCOPY) -O ihex $< $@
DEVICE_IMAGES := $(foreach image,bootloader application,$(addprefix $(O)/device/$(image),.elf .bin .hex))
.PHONY: device-firmware
device-firmware: $(DEVICE_IMAGES)

# A head without a card, to be set beside others' tools.
$(O)/head-session: $(O)/obj/tests/interop/head_session.o $(O)/obj/tests/unit/cable_port.o $(O)/obj/firmware/port/emu/cable.o \
		$(FIRMWARE_HEAD) $(O)/obj/lib/refusal.o
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ -lpthread
PROGRAMS += $(O)/head-session

# A card's papers, to be set before stock tools; and what a device certificate costs.
$(O)/card-papers: $(O)/obj/tests/interop/card_papers.o $(O)/libprovpkg.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS) -lpthread
$(O)/bench-device-issue: $(O)/obj/tests/bench/bench_device_issue.o $(O)/libprovpkg.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS) -lpthread
PROGRAMS += $(O)/card-papers $(O)/bench-device-issue

# tests/fuzz/fuzz_NAME.c is one libFuzzer harness; the other files there serve all. They and what they reach are built by clang with
# sanitizers, in a folder of their own. "make fuzz TIME=60" is the whole run's wall clock in seconds; "make fuzz-corpus" makes the
# corpus of the tree anew from valid objects.
FUZZ_OPTIMISE := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link $(SANITIZE)
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_COMMON := $(O)/obj/tests/fuzz/fuzz.o $(O)/obj/tests/fuzz/random.o
FUZZ_TOOLS := $(O)/libtools.a
FUZZ_PARTS := $(filter-out %/main.o,$(call objects,tests/parts))
TIME ?= 60
.PHONY: fuzz fuzz-here fuzz-corpus fuzz-corpus-here fuzz-programs fuzz-harnesses
fuzz-here: fuzz-programs
	@PROVCARD_BUILD=$(O) tests/fuzz/run.py fuzz $(TIME)
fuzz-corpus-here: fuzz-programs
	@PROVCARD_BUILD=$(O) tests/fuzz/run.py corpus
fuzz-harnesses: $(addprefix $(O)/fuzz_,$(FUZZ_NAMES))
fuzz-programs:
	@$(MAKE) --no-print-directory O=$(O)/fuzz CC=clang OPTIMISE='$(FUZZ_OPTIMISE)' fuzz-harnesses

$(O)/fuzz_part: $(O)/obj/tests/fuzz/fuzz_part.o $(O)/obj/tests/fuzz/fuzz.o $(FUZZ_PARTS)
	$(call say,LD)$(CC) $(LDFLAGS) -fsanitize=fuzzer $(SANITIZE) -o $@ $^ $(shell $(PKG_CONFIG) --libs unicorn 2>/dev/null) -lpthread
$(O)/fuzz_library $(O)/fuzz_cable: $(O)/fuzz_%: $(O)/obj/tests/fuzz/fuzz_%.o $(O)/obj/tests/fuzz/fuzz.o $(FIRMWARE_EMU) $(O)/libprovcard.a
	$(call say,LD)$(CC) $(LDFLAGS) -fsanitize=fuzzer $(SANITIZE) -o $@ $^ -lpthread
$(FUZZ_TOOLS): $(filter-out %/main.o,$(call objects,tools))
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^
$(O)/fuzz_image $(O)/fuzz_rot_json: $(O)/fuzz_%: $(O)/obj/tests/fuzz/fuzz_%.o $(FUZZ_COMMON) $(FUZZ_TOOLS) $(O)/libprovcard.a $(O)/libprovpkg.a
	$(call say,LD)$(CC) $(LDFLAGS) -fsanitize=fuzzer $(SANITIZE) -o $@ $^ $(CRYPTO_LIBS) $(JSON_LIBS) $(NL_LIBS) -lpthread
$(O)/fuzz_handover: $(O)/obj/tests/fuzz/fuzz_handover.o $(FUZZ_COMMON) $(patsubst %,$(O)/obj/tests/unit/%.o,maker pki) $(FUZZ_TOOLS) \
		$(O)/libprovcard.a $(O)/libprovpkg.a
	$(call say,LD)$(CC) $(LDFLAGS) -fsanitize=fuzzer $(SANITIZE) -o $@ $^ $(CRYPTO_LIBS) $(JSON_LIBS) $(NL_LIBS) -lpthread
$(O)/fuzz_%: $(O)/obj/tests/fuzz/fuzz_%.o $(FUZZ_COMMON) $(UNIT_HELPERS) $(FIRMWARE_EMU) $(FIRMWARE_CORE) $(FIRMWARE_HEAD) $(O)/libprovcard.a \
		$(O)/libprovpkg.a
	$(call say,LD)$(CC) $(LDFLAGS) -fsanitize=fuzzer $(SANITIZE) -o $@ $^ -lcmocka $(CRYPTO_LIBS) $(NL_LIBS) -lpthread

# Crash states of the card's memory (Documentation/crash-states.rst): heads wait before every commit until they are told to go, and vaults are decoded once.
crash-program: $(O)/crash
$(O)/crash: $(call objects,tests/crash) $(patsubst %,$(O)/obj/tests/unit/%.o,station fake_port maker pki vendor) $(FIRMWARE_CORE) $(O)/libprovpkg.a
	$(call say,LD)$(CC) $(LDFLAGS) -Wl,--wrap=commit_run,--wrap=vault_decode -o $@ $^ $(CRYPTO_LIBS) -lpthread

include tests/debug/build.mk
