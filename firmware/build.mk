# SPDX-License-Identifier: GPL-2.0-or-later
FIRMWARE_CORE := $(O)/libfirmware-core.a
FIRMWARE_HEAD := $(O)/libfirmware-head.a
FIRMWARE_EMU := $(O)/libfirmware-emu.a # the emulated port without its main()

$(FIRMWARE_CORE): $(call objects,firmware/core)
$(FIRMWARE_HEAD): $(call objects,firmware/head)
$(FIRMWARE_EMU): $(filter-out %/main.o,$(call objects,firmware/port/emu))
$(FIRMWARE_CORE) $(FIRMWARE_HEAD) $(FIRMWARE_EMU):
	@mkdir -p $(@D); rm -f $@
	$(AR) rcs $@ $^

$(O)/provcard-card: $(O)/obj/firmware/port/emu/main.o $(FIRMWARE_EMU) $(FIRMWARE_CORE) $(FIRMWARE_HEAD) $(O)/libprovpkg.a
	$(CC) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS) -lpthread
PROGRAMS += $(O)/provcard-card
