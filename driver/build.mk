# SPDX-License-Identifier: GPL-2.0-only
# kbuild writes beside its sources, so they are copied: one folder per kernel, the checkout stays clean.
#
#   make driver                                       for the running kernel, or else for every kernel with headers here
#   make driver KERNEL=/lib/modules/RELEASE/build     for one kernel
#   make driver-images                                for every kernel with an image, as the tests want it
#   make uapi-table                                   the checked-in table of the user-space ABI
#   make install-driver DESTDIR=...                   module, dkms source, udev rule, groups
#   make dkms-package                                 the last three as a Debian package that builds the module where it is installed
RUNNING_KERNEL := $(wildcard /lib/modules/$(shell uname -r)/build)
ifeq ($(origin KERNEL),undefined)
KERNELS := $(or $(RUNNING_KERNEL),$(wildcard /lib/modules/*/build))
else
KERNELS = $(KERNEL)
endif
KERNEL ?= $(firstword $(KERNELS))
KERNEL_RELEASE = $(shell sed -n 's/^\#define UTS_RELEASE "\(.*\)"/\1/p' $(KERNEL)/include/generated/utsrelease.h 2>/dev/null)
KERNEL_IMAGES := $(foreach image,$(wildcard /boot/vmlinuz-*),$(wildcard $(image:/boot/vmlinuz-%=/lib/modules/%/build)))
DRIVER_BUILD = $(O)/driver/$(KERNEL_RELEASE)
# $(1): a folder; what kbuild needs of it.
driver_sources = $(sort $(patsubst $(1)/%,%,$(shell find $(1) -name '*.[ch]' -o -name Kbuild)))
DRIVER_SOURCES := $(addprefix driver/,$(call driver_sources,driver))
# O means something else to kbuild, so our variables do not go down.
KBUILD = env MAKEFLAGS="$(filter -j% --jobserver-auth=%,$(MAKEFLAGS))" $(MAKE) -C $(KERNEL) M=$(abspath $(DRIVER_BUILD)) W=1 $(KBUILD_OPTIONS)

# $(1): from, $(2): to. Unchanged sources keep their time, so kbuild has nothing to do for them.
copy_driver = for file in $(call driver_sources,$(1)); do \
		mkdir -p $(2)/$$(dirname $$file); \
		cmp -s $(1)/$$file $(2)/$$file || cp $(1)/$$file $(2)/$$file; \
	done
# $(1): kernels
build_modules = $(foreach kernel,$(1),$(MAKE) --no-print-directory driver-module KERNEL=$(kernel) &&) true

.PHONY: driver driver-images driver-module driver-sources install-driver
driver:
	@+$(if $(KERNELS),$(call build_modules,$(KERNELS)), \
		echo "driver: no kernel headers on this machine, provcard.ko is not built (Debian: linux-headers-amd64)")

driver-images: | driver
	@+$(call build_modules,$(filter-out $(KERNELS),$(KERNEL_IMAGES)))

driver-sources:
	@$(call copy_driver,driver,$(DRIVER_BUILD))

driver-module: driver-sources
	$(KBUILD) modules

# What is not in the headers packages but in the kernel's source. The folder's name counts what is taken from there.
KERNEL_CACHE ?= $(or $(PROVCARD_CACHE),$(O))
KERNEL_TARBALL = $(firstword $(wildcard /usr/src/linux-source-*.tar.xz))
KERNEL_TOOLS_FILES = '*/scripts/checkpatch.pl' '*/scripts/spelling.txt' '*/scripts/const_structs.checkpatch' '*/scripts/kernel-doc' \
	'*/scripts/coccicheck' '*/scripts/coccinelle' '*/scripts/get_abi.pl' '*/tools/testing/selftests/kselftest*.h'
KERNEL_TOOLS_KEY := $(firstword $(shell echo "$(KERNEL_TOOLS_FILES)" | cksum))
KERNEL_TOOLS = $(KERNEL_CACHE)/$(basename $(basename $(notdir $(KERNEL_TARBALL))))-tools-$(KERNEL_TOOLS_KEY)

$(KERNEL_CACHE)/linux-source-%-tools-$(KERNEL_TOOLS_KEY): /usr/src/linux-source-%.tar.xz
	@rm -rf $@.$$$$ && mkdir -p $@.$$$$ && \
		tar -xf $< -C $@.$$$$ --strip-components=1 --wildcards $(KERNEL_TOOLS_FILES) && \
		{ mv -T $@.$$$$ $@ 2>/dev/null || rm -rf $@.$$$$; } && touch $@

include driver/lint.mk

# After the UAPI has grown.
.PHONY: uapi-table
uapi-table:
	python3 tests/source/uapi_table.py >tests/source/uapi_table.partial
	mv tests/source/uapi_table.partial tests/source/uapi_table.txt

INSTALL += install-driver
.PHONY: install-module install-driver-files
install-driver: driver install-driver-files
	@+$(foreach kernel,$(KERNELS),$(MAKE) --no-print-directory install-module KERNEL=$(kernel) &&) true

install-module:
	install -D -m 644 $(DRIVER_BUILD)/provcard.ko $(DESTDIR)/lib/modules/$(KERNEL_RELEASE)/updates/provcard.ko

# Source for dkms, and what belongs to the module on every kernel. $(1): one of driver/dkms/*.in, $(2): to
fill_in = sed -e 's/@VERSION@/$(VERSION)/' -e 's/@MAINTAINER@/$(MAINTAINER)/' driver/dkms/$(1) >$(2)
DKMS_SOURCE = /usr/src/provcard-$(VERSION)
install-driver-files:
	for file in $(patsubst driver/%,%,$(filter-out driver/tests/%,$(DRIVER_SOURCES))); do \
		install -D -m 644 driver/$$file $(DESTDIR)$(DKMS_SOURCE)/$$file; \
	done
	$(call fill_in,dkms.conf.in,$(DESTDIR)$(DKMS_SOURCE)/dkms.conf)
	install -D -m 644 udev/60-provcard.rules $(DESTDIR)/usr/lib/udev/rules.d/60-provcard.rules
	install -D -m 644 udev/provcard.sysusers $(DESTDIR)/usr/lib/sysusers.d/provcard.conf
	install -D -m 644 udev/provcard.modprobe $(DESTDIR)/usr/lib/modprobe.d/provcard.conf

# The same bytes from the same commit: the archive has the commit's time, or SOURCE_DATE_EPOCH.
MAINTAINER ?= provcard maintainers
DKMS_PACKAGE = $(O)/provcard-dkms_$(VERSION)_all.deb
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
.PHONY: dkms-package
dkms-package:
	rm -rf $(O)/dkms-package
	$(MAKE) --no-print-directory install-driver-files DESTDIR=$(abspath $(O)/dkms-package)
	install -d -m 755 $(O)/dkms-package/DEBIAN
	install -D -m 644 driver/dkms/copyright $(O)/dkms-package/usr/share/doc/provcard-dkms/copyright
	$(call fill_in,control.in,$(O)/dkms-package/DEBIAN/control)
	sed -i '/^#/d' $(O)/dkms-package/DEBIAN/control # dpkg knows no comments there
	$(foreach script,postinst prerm,$(call fill_in,$(script).in,$(O)/dkms-package/DEBIAN/$(script)) && )true
	chmod 755 $(O)/dkms-package/DEBIAN/postinst $(O)/dkms-package/DEBIAN/prerm
	cd $(O)/dkms-package && find usr -type f -exec md5sum {} + | sort -k 2 >DEBIAN/md5sums
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) dpkg-deb --root-owner-group --build $(O)/dkms-package $(DKMS_PACKAGE)

# The kernel's own harness, from the kernel's source; in a kernel tree tests/kselftest/Makefile does this.
KSELFTESTS := $(patsubst tests/kselftest/%.c,$(O)/kselftest/%,$(wildcard tests/kselftest/provcard_*.c))
.PHONY: kselftest
kselftest: $(KSELFTESTS)
vm-tools: $(KSELFTESTS) driver-images
$(O)/kselftest/%: tests/kselftest/%.c tests/kselftest/provcard_selftest.h $(wildcard driver/include/uapi/linux/*.h) | $(KERNEL_TOOLS)
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -static -Idriver/include/uapi -I$(KERNEL_TOOLS)/tools/testing/selftests \
		-isystem $(KERNEL_TOOLS)/tools/testing/selftests -o $@ $<
# The same programs as 32-bit callers, where the compiler can make them.
KSELFTESTS_32 := $(if $(filter 4,$(shell echo __SIZEOF_POINTER__ | $(CC) -m32 -E -P -xc - 2>/dev/null)), \
	$(addprefix $(O)/kselftest/,provcard_ioctl-32 provcard_job-32 provcard_async-32 provcard_uring-32))
kselftest vm-tools: $(KSELFTESTS_32)
$(O)/kselftest/%-32: tests/kselftest/%.c tests/kselftest/provcard_selftest.h $(wildcard driver/include/uapi/linux/*.h) | $(KERNEL_TOOLS)
	@mkdir -p $(@D)
	$(CC) -m32 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -static -Idriver/include/uapi -I$(KERNEL_TOOLS)/tools/testing/selftests \
		-isystem $(KERNEL_TOOLS)/tools/testing/selftests -o $@ $<
