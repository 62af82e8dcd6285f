# SPDX-License-Identifier: GPL-2.0-only
# What kernel maintainers run before they read. Each target fails on any finding.
#
#   make driver-lint                    all of them, side by side
#   make driver-lint-gcc-RELEASE        W=1 -Werror, sparse, objtool, modpost; for every release with headers in /usr/src
#   make driver-lint-clang-RELEASE      the same with clang, without sparse
#   make driver-lint-checkpatch         checkpatch --strict, of the selftests too
#   make driver-lint-kernel-doc
#   make driver-lint-coccinelle         the kernel's own semantic patches; COCCI=PATTERN for some of them
#
# DRIVER=FOLDER takes another folder for the driver's, which tests of the lint itself do.
DRIVER ?= driver
LINT = $(O)/lint
LINT_SOURCES := $(call driver_sources,$(DRIVER))
LINT_RELEASES := $(patsubst /usr/src/linux-headers-%/include/generated/utsrelease.h,%, \
	$(wildcard /usr/src/linux-headers-*/include/generated/utsrelease.h))
LINT_BUILDS := $(addprefix driver-lint-gcc-,$(LINT_RELEASES)) $(addprefix driver-lint-clang-,$(LINT_RELEASES))
LINTS := $(LINT_BUILDS) driver-lint-checkpatch driver-lint-kernel-doc driver-lint-coccinelle
.PHONY: driver-lint $(LINTS)

driver-lint:
	@+$(if $(LINT_BUILDS),,echo "driver-lint: no kernel headers in /usr/src"; exit 1;) \
		$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc)) -Otarget $(LINTS)

comma := ,
# $(1): a target without driver-lint-; says when it is done.
lint_done = @echo "  LINT $(1)"
lint_kbuild = env -u MAKEFLAGS $(MAKE) -s -C $(1) M=$(abspath $(LINT)/$(2)) W=1 KCFLAGS=-Werror $(3) modules

# A kernel that looks first whether sparse is new enough for it, by a script which its headers come without, uses more of C than this sparse
# reads. sparse cannot follow a lock that guard() releases, so it does not count contexts.
lint_makefile = $(shell sed -n 's/^include //p' /usr/src/linux-headers-$(1)/Makefile)
lint_sparse = $(if $(shell grep -s checker-valid.sh $(call lint_makefile,$(1))),,C=2 CF="-Wsparse-error -Wno-context")
# The compiler is this machine's, whatever the distribution built that kernel with. What sparse refused has left an object behind.
$(filter driver-lint-gcc-%,$(LINTS)): driver-lint-gcc-%:
	@$(call copy_driver,$(DRIVER),$(LINT)/gcc-$*)
	@rm -f $(LINT)/gcc-$*/*.o
	@$(call lint_kbuild,/usr/src/linux-headers-$*,gcc-$*,CC=gcc $(call lint_sparse,$*))
	$(call lint_done,gcc $*$(if $(call lint_sparse,$*),$(comma) sparse))

$(filter driver-lint-clang-%,$(LINTS)): driver-lint-clang-%: $(LINT)/headers-%
	@$(call copy_driver,$(DRIVER),$(LINT)/clang-$*)
	@$(call lint_kbuild,$(abspath $(LINT)/headers-$*),clang-$*,LLVM=1 CC=clang)
	$(call lint_done,clang $*)

.PRECIOUS: $(LINT)/headers-%
$(LINT)/headers-%: tests/matrix/clang-headers.sh /usr/src/linux-headers-%/include/config/auto.conf
	@mkdir -p $(@D)
	@tests/matrix/clang-headers.sh /usr/src/linux-headers-$* $(abspath $@)

# compat.h has to compare versions; the host interface header is also firmware's, so it uses ISO C types. Selftests are user space,
# with its types, signals, syscalls that may not be there and the tree's 132 columns; a fixture's type there looks like a product, a
# test's name like a function's, and what skips a test returns.
LINT_USER_SPACE = SPACING,EMBEDDED_FUNCTION_NAME,MACRO_WITH_FLOW_CONTROL,PREFER_KERNEL_TYPES,VOLATILE,ENOSYS
CHECKPATCH = perl $(abspath $(KERNEL_TOOLS)/scripts/checkpatch.pl) --strict --no-tree --terse --show-types
driver-lint-checkpatch: $(KERNEL_TOOLS)
	@cd $(DRIVER) && $(CHECKPATCH) --max-line-length=100 --ignore LINUX_VERSION_CODE,CONSTANT_COMPARISON,BIT_MACRO,PREFER_KERNEL_TYPES \
		-f $(LINT_SOURCES)
	@$(CHECKPATCH) --max-line-length=132 --ignore $(LINT_USER_SPACE) -f $(wildcard tests/kselftest/*.[ch])
	$(call lint_done,checkpatch)

driver-lint-kernel-doc: $(KERNEL_TOOLS)
	@cd $(DRIVER) && perl $(abspath $(KERNEL_TOOLS))/scripts/kernel-doc -none -Werror $(filter %.c %.h,$(LINT_SOURCES))
	$(call lint_done,kernel-doc)

driver-lint-coccinelle: $(LINT)/coccinelle$(COCCI)
$(LINT)/coccinelle$(COCCI): $(addprefix $(DRIVER)/,$(LINT_SOURCES)) tests/matrix/coccicheck.sh $(KERNEL_TOOLS)
	@rm -f $@
	@$(call copy_driver,$(DRIVER),$(LINT)/semantic)
	@tests/matrix/coccicheck.sh $(KERNEL_TOOLS) $(LINT)/semantic $(COCCI)
	$(call lint_done,coccinelle)
	@touch $@
