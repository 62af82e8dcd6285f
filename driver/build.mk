# SPDX-License-Identifier: GPL-2.0-only
# kbuild writes beside its sources, so they are copied: one folder per kernel, the checkout stays clean.
#
#   make driver KERNEL=/lib/modules/RELEASE/build     for one kernel; default: the first one with headers here
#   make driver-lint                                  W=1, sparse, checkpatch
#   make uapi-table                                   the checked-in table of the user-space ABI
#   make install-driver DESTDIR=...                   module, dkms source, udev rule, groups
KERNEL ?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build /lib/modules/*/build))
KERNEL_RELEASE = $(shell sed -n 's/^\#define UTS_RELEASE "\(.*\)"/\1/p' $(KERNEL)/include/generated/utsrelease.h 2>/dev/null)
DRIVER_BUILD = $(O)/driver/$(KERNEL_RELEASE)
DRIVER_SOURCES := $(wildcard driver/*.c driver/*.h) driver/Kbuild driver/include/provcard_hif.h \
	$(wildcard driver/include/uapi/linux/*.h)
# O means something else to kbuild, so our flags do not go down.
KBUILD = env -u MAKEFLAGS $(MAKE) -C $(KERNEL) M=$(abspath $(DRIVER_BUILD)) W=1

driver:
	@$(if $(KERNEL_RELEASE),$(MAKE) --no-print-directory driver-module, \
		echo "driver: no kernel headers on this machine, provcard.ko is not built (Debian: linux-headers-amd64)")

# Unchanged sources keep their time, so kbuild has nothing to do for them.
.PHONY: driver-module driver-sources driver-lint install-driver
driver-sources:
	@for file in $(DRIVER_SOURCES:driver/%=%); do \
		mkdir -p $(DRIVER_BUILD)/$$(dirname $$file); \
		cmp -s driver/$$file $(DRIVER_BUILD)/$$file || cp driver/$$file $(DRIVER_BUILD)/$$file; \
	done

driver-module: driver-sources
	$(KBUILD) modules

# checkpatch is not in the headers package but in the kernel's source.
KERNEL_CACHE ?= $(or $(PROVCARD_CACHE),$(O))
KERNEL_TARBALL = $(firstword $(wildcard /usr/src/linux-source-*.tar.xz))
KERNEL_TOOLS = $(KERNEL_CACHE)/$(basename $(basename $(notdir $(KERNEL_TARBALL))))-tools
CHECKPATCH = $(KERNEL_TOOLS)/scripts/checkpatch.pl

$(KERNEL_CACHE)/linux-source-%-tools: /usr/src/linux-source-%.tar.xz
	rm -rf $@.partial
	mkdir -p $@.partial
	tar -xf $< -C $@.partial --strip-components=1 --wildcards '*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
		'*/scripts/const_structs.checkpatch' '*/scripts/kernel-doc' '*/tools/testing/selftests/kselftest*.h'
	rm -rf $@
	mv $@.partial $@

# compat.h has to compare versions; the host interface header is also firmware's, so it uses ISO C types.
CHECKPATCH_IGNORE = LINUX_VERSION_CODE,CONSTANT_COMPARISON,BIT_MACRO,PREFER_KERNEL_TYPES
# sparse cannot follow a lock that guard() releases, so it does not count contexts.
driver-lint: driver-sources $(KERNEL_TOOLS)
	cd driver && perl $(abspath $(CHECKPATCH)) --strict --no-tree --terse --show-types --max-line-length=100 \
		--ignore $(CHECKPATCH_IGNORE) -f $(DRIVER_SOURCES:driver/%=%)
	perl $(KERNEL_TOOLS)/scripts/kernel-doc -none -Werror $(filter %.c %.h,$(DRIVER_SOURCES))
	rm -f $(DRIVER_BUILD)/*.o
	$(KBUILD) C=2 CF="-Wsparse-error -Wno-context" KCFLAGS=-Werror modules

# After the UAPI has grown.
.PHONY: uapi-table
uapi-table:
	python3 tests/source/uapi_table.py >tests/source/uapi_table.partial
	mv tests/source/uapi_table.partial tests/source/uapi_table.txt

INSTALL += install-driver
DKMS_SOURCE = /usr/src/provcard-$(VERSION)
install-driver: driver
	$(if $(KERNEL_RELEASE),install -D -m 644 $(DRIVER_BUILD)/provcard.ko \
		$(DESTDIR)/lib/modules/$(KERNEL_RELEASE)/updates/provcard.ko)
	for file in $(DRIVER_SOURCES:driver/%=%); do \
		install -D -m 644 driver/$$file $(DESTDIR)$(DKMS_SOURCE)/$$file; \
	done
	sed 's/@VERSION@/$(VERSION)/' driver/dkms.conf.in >$(DESTDIR)$(DKMS_SOURCE)/dkms.conf
	install -D -m 644 udev/60-provcard.rules $(DESTDIR)/usr/lib/udev/rules.d/60-provcard.rules
	install -D -m 644 udev/provcard.sysusers $(DESTDIR)/usr/lib/sysusers.d/provcard.conf

# The kernel's own harness, from the kernel's source; in a kernel tree tests/kselftest/Makefile does this.
KSELFTESTS := $(patsubst tests/kselftest/%.c,$(O)/kselftest/%,$(wildcard tests/kselftest/provcard_*.c))
.PHONY: kselftest
kselftest: $(KSELFTESTS)
vm-tools: $(KSELFTESTS)
$(O)/kselftest/%: tests/kselftest/%.c tests/kselftest/provcard_selftest.h driver/include/uapi/linux/provcard.h | $(KERNEL_TOOLS)
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -static -Idriver/include/uapi -I$(KERNEL_TOOLS)/tools/testing/selftests \
		-isystem $(KERNEL_TOOLS)/tools/testing/selftests -o $@ $<
