# SPDX-License-Identifier: GPL-2.0-or-later
# What "provcard status" shows, and what the floor is compared with; the latter rises when an older firmware must not start any more.
FIRMWARE_VERSION ?= $(VERSION)
FIRMWARE_SECURITY_VERSION ?= 1
CFLAGS-firmware = -DFIRMWARE_VERSION='"$(FIRMWARE_VERSION)"' -DFIRMWARE_SECURITY_VERSION=$(FIRMWARE_SECURITY_VERSION)

FIRMWARE_CORE := $(O)/libfirmware-core.a
FIRMWARE_HEAD := $(O)/libfirmware-head.a
FIRMWARE_EMU := $(O)/libfirmware-emu.a # the emulated port without a main()

$(FIRMWARE_CORE): $(call objects,firmware/core firmware/boot)
$(FIRMWARE_HEAD): $(call objects,firmware/head)
$(FIRMWARE_EMU): $(filter-out %/main.o %/boot_main.o,$(call objects,firmware/port/emu))
$(FIRMWARE_CORE) $(FIRMWARE_HEAD) $(FIRMWARE_EMU):
	@mkdir -p $(@D); rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

# The emulated card's firmware.
FIRMWARE_LIBRARIES := $(FIRMWARE_EMU) $(FIRMWARE_CORE) $(FIRMWARE_HEAD) $(O)/libprovpkg.a
$(O)/provcard-firmware: $(O)/obj/firmware/port/emu/main.o $(FIRMWARE_LIBRARIES)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS) -lpthread

# The maker signs it; the anchors go into the boot stage, which is the card. A build makes itself a maker, whose keys are worth
# nothing beyond it; FIRMWARE_MAKER=FOLDER names another, with anchors.der, classical.key, classical.pem, pq.key and pq.pem.
FIRMWARE_MAKER ?= $(O)/maker
# Once: cards do not start what another maker signed.
$(O)/maker/anchors.der: | firmware/make-maker.sh
	$(call say,KEYS)firmware/make-maker.sh $(@D)
$(O)/obj/firmware/port/emu/anchors.o: firmware/port/emu/anchors.S $(FIRMWARE_MAKER)/anchors.der
	@mkdir -p $(@D)
	$(call say,AS)$(CC) -DANCHORS='"$(FIRMWARE_MAKER)/anchors.der"' -c -o $@ $<
$(O)/provcard-card: $(O)/obj/firmware/port/emu/boot_main.o $(O)/obj/firmware/port/emu/anchors.o $(FIRMWARE_LIBRARIES)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS) -lpthread

pack_firmware = $(O)/provcard firmware pack --image $(1) --board provcard-emulated --release $(2) --security-version $(3) \
	--key $(FIRMWARE_MAKER)/classical.key --cert $(FIRMWARE_MAKER)/classical.pem \
	--key $(FIRMWARE_MAKER)/pq.key --cert $(FIRMWARE_MAKER)/pq.pem --output $@ >/dev/null
$(O)/provcard-firmware.pfw: $(O)/provcard-firmware $(O)/provcard $(FIRMWARE_MAKER)/anchors.der
	$(call say,PACK)$(call pack_firmware,$<,$(FIRMWARE_VERSION),$(FIRMWARE_SECURITY_VERSION))
PROGRAMS += $(O)/provcard-firmware $(O)/provcard-card $(O)/provcard-firmware.pfw

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
