# SPDX-License-Identifier: LGPL-2.1-or-later
SONAME := 0
LIBCRYPTO := $(shell $(PKG_CONFIG) --libs 'libcrypto >= 3.5' 2>/dev/null)
CRYPTO_LIBS := $(or $(LIBCRYPTO),-lcrypto)

NL_CFLAGS := $(shell $(PKG_CONFIG) --cflags libnl-genl-3.0 2>/dev/null)
NL_LIBS := $(or $(shell $(PKG_CONFIG) --libs libnl-genl-3.0 2>/dev/null),-lnl-genl-3 -lnl-3)
CFLAGS-lib := $(NL_CFLAGS)

LIBRARIES := $(O)/libprovpkg.so $(O)/libprovcard.so $(O)/libprovpkg.a $(O)/libprovcard.a
libobjects = $(patsubst %.c,$(O)/obj/%.o,$(wildcard lib/$(1)/*.c lib/refusal.c))

# libprovpkg needs ML-KEM and ML-DSA, which OpenSSL has since 3.5.
.PHONY: check-libcrypto
check-libcrypto:
	@$(if $(LIBCRYPTO),:,echo "provcard needs OpenSSL 3.5 or newer to build natively (Debian 13: libssl-dev)." >&2; \
		echo "On this machine use 'make demo' or 'make check': they bring their own." >&2; exit 1)

$(O)/libprovpkg.a $(O)/libprovpkg.so: | check-libcrypto
$(O)/libprov%.a: $$(call libobjects,prov$$*)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

$(O)/libprov%.so: $$(call libobjects,prov$$*) lib/prov$$*/libprov$$*.map
	$(call say,LD)$(CC) $(LDFLAGS) -shared -Wl,-soname,libprov$*.so.$(SONAME) -Wl,--version-script=lib/prov$*/libprov$*.map \
		-o $@.$(SONAME) $(filter %.o,$^) $(if $(filter pkg,$*),$(CRYPTO_LIBS),$(NL_LIBS))
	@ln -sf $(@F).$(SONAME) $@

# Folders below the prefix are named by it, so that pkg-config can be told of another (--define-prefix, a sysroot).
relative = $(patsubst $(prefix)/%,$${prefix}/%,$(1))
define pkgconfig
prefix=$(prefix)
libdir=$(call relative,$(libdir))
includedir=$(call relative,$(includedir))

Name: $(1)
Description: $(2)
Version: $(VERSION)
Requires.private: $(3)
Libs: -L$${libdir} -l$(1)
Cflags: -I$${includedir}
endef

$(O)/pkgconfig/provpkg.pc: export text := $(call pkgconfig,provpkg,Formats of the provcard secure provisioning stack,libcrypto >= 3.5)
$(O)/pkgconfig/provcard.pc: export text := $(call pkgconfig,provcard,Access to provcard HSM programmer cards,libnl-genl-3.0)
# What "make install prefix=..." says counts, whatever was built before; unchanged files keep their time.
.PHONY: pkgconfig-always
$(O)/pkgconfig/%.pc: pkgconfig-always
	@mkdir -p $(@D)
	@printf '%s\n' "$$text" | cmp -s - $@ || printf '%s\n' "$$text" >$@
LIBRARIES += $(O)/pkgconfig/provpkg.pc $(O)/pkgconfig/provcard.pc

# The example is built against the shared library, as a user's program is.
$(O)/example-list-cards: lib/provcard/example/list-cards.c $(O)/libprovcard.so
	$(call say,LD)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $< -L$(O) -lprovcard -Wl,-rpath,'$$ORIGIN'
PROGRAMS += $(O)/example-list-cards

INSTALL += install-libraries
.PHONY: install-libraries
install-libraries: $(LIBRARIES)
	install -d $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(includedir)/provpkg $(DESTDIR)$(includedir)/linux
	install -m 644 $(O)/libprovpkg.a $(O)/libprovcard.a $(DESTDIR)$(libdir)
	for name in provpkg provcard; do \
		install -m 755 $(O)/lib$$name.so.$(SONAME) $(DESTDIR)$(libdir); \
		ln -sf lib$$name.so.$(SONAME) $(DESTDIR)$(libdir)/lib$$name.so; \
	done
	install -m 644 $(O)/pkgconfig/*.pc $(DESTDIR)$(libdir)/pkgconfig
	install -m 644 lib/include/*.h lib/include/*.def $(DESTDIR)$(includedir)
	install -m 644 lib/include/provpkg/*.h $(DESTDIR)$(includedir)/provpkg
	install -m 644 driver/include/uapi/linux/*.h $(DESTDIR)$(includedir)/linux
