# SPDX-License-Identifier: GPL-2.0-or-later
# The simulated part must not link OpenSSL: a process, and a licence, of its own.
$(O)/provcard-part: $(call objects,tests/parts)
	$(CC) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs unicorn 2>/dev/null) -lpthread
PROGRAMS += $(O)/provcard-part

# tests/unit/test_NAME.c is one cmocka program.
UNIT_TESTS := $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/test_*.c))
UNIT_HELPERS := $(filter-out $(O)/obj/tests/unit/test_%.o,$(call objects,tests/unit))
$(O)/unit/%: $(O)/obj/tests/unit/%.o $(UNIT_HELPERS) $(FIRMWARE_EMU) $(FIRMWARE_CORE) $(FIRMWARE_HEAD) $(O)/libprovcard.a $(O)/libprovpkg.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(CRYPTO_LIBS) $(NL_LIBS) -lpthread

CFLAGS-tests := -Itests/parts -I. -Wno-missing-prototypes
