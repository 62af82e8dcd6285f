# SPDX-License-Identifier: GPL-2.0-or-later
JSON_CFLAGS := $(shell $(PKG_CONFIG) --cflags json-c libelf 2>/dev/null)
JSON_LIBS := $(shell $(PKG_CONFIG) --libs json-c libelf 2>/dev/null)
CFLAGS-tools := $(JSON_CFLAGS)

$(O)/provcard: $(call objects,tools) $(O)/libprovcard.a $(O)/libprovpkg.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS) $(JSON_LIBS) $(NL_LIBS) -lpthread
PROGRAMS += $(O)/provcard

INSTALL += install-tools
.PHONY: install-tools
install-tools: $(O)/provcard
	install -D -m 755 $(O)/provcard $(DESTDIR)$(bindir)/provcard
	install -D -m 644 Documentation/man/provcard.1 $(DESTDIR)$(mandir)/man1/provcard.1
	install -d $(DESTDIR)$(datadir)/bash-completion/completions $(DESTDIR)$(datadir)/provcard
	$(O)/provcard completion >$(DESTDIR)$(datadir)/bash-completion/completions/provcard
	install -m 644 Documentation/schema/*.json Documentation/netlink/specs/*.yaml $(DESTDIR)$(datadir)/provcard
