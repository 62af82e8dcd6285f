# SPDX-License-Identifier: GPL-2.0-or-later
# What "provcard status" shows, and what the floor is compared with; the latter rises when an older firmware must not start any more.
FIRMWARE_VERSION ?= $(VERSION)
FIRMWARE_SECURITY_VERSION ?= 1
CFLAGS-firmware = -DFIRMWARE_VERSION='"$(FIRMWARE_VERSION)"' -DFIRMWARE_SECURITY_VERSION=$(FIRMWARE_SECURITY_VERSION)

FIRMWARE_CORE := $(O)/libfirmware-core.a
FIRMWARE_HEAD := $(O)/libfirmware-head.a
FIRMWARE_EMU := $(O)/libfirmware-emu.a # the emulated port without its main()

$(FIRMWARE_CORE): $(call objects,firmware/core)
$(FIRMWARE_HEAD): $(call objects,firmware/head)
$(FIRMWARE_EMU): $(filter-out %/main.o,$(call objects,firmware/port/emu))
$(FIRMWARE_CORE) $(FIRMWARE_HEAD) $(FIRMWARE_EMU):
	@mkdir -p $(@D); rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

$(O)/provcard-card: $(O)/obj/firmware/port/emu/main.o $(FIRMWARE_EMU) $(FIRMWARE_CORE) $(FIRMWARE_HEAD) $(O)/libprovpkg.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS) -lpthread
PROGRAMS += $(O)/provcard-card

# The routine that runs on targets is kept assembled, for machines without a cross assembler; a test compares the two.
ARM_AS ?= arm-none-eabi-as
ARM_OBJCOPY ?= arm-none-eabi-objcopy
$(O)/crc_routine.bin: firmware/head/crc_routine.S
	@mkdir -p $(@D)
	$(ARM_AS) -o $(O)/crc_routine.o $<
	$(ARM_OBJCOPY) -O binary -j .text $(O)/crc_routine.o $@

.PHONY: crc-routine
crc-routine: $(O)/crc_routine.bin
	{ printf '/* SPDX-License-Identifier: GPL-2.0-or-later */\n/* Made from crc_routine.S by "make crc-routine". */\n'; \
	  printf 'static const uint32_t crc_routine[] = {\n'; \
	  od -An -v -t x4 -w16 $< | sed 's/ \([0-9a-f]*\)/ 0x\1,/g; s/^ /\t/'; printf '};\n'; } >firmware/head/crc_routine.h
