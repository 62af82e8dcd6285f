# SPDX-License-Identifier: GPL-2.0-or-later
#
#   make             build libraries, tools, emulated card, simulated part and driver with this machine's own tools
#   make demo        the whole workflow, in the reference environment, nothing to prepare
#   make check       every test, in the reference environment
#   make install     DESTDIR, prefix as usual
#
# O=folder puts what is built elsewhere than build/, V=1 shows the commands. Each room's rules stand in its build.mk.

VERSION := 0.1.0
O ?= build
prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
libdir ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man

ifeq ($(origin CC),default)
CC := gcc
endif
PKG_CONFIG ?= pkg-config
OPTIMISE ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wvla -Wundef -Wpointer-arith
CFLAGS += -std=c11 -D_GNU_SOURCE $(OPTIMISE) $(WARNINGS) -fPIC -fvisibility=hidden -fstack-protector-strong
CPPFLAGS += -DPROVCARD_VERSION='"$(VERSION)"' -Ilib/include -Idriver/include/uapi -Idriver/include -Ifirmware
LDFLAGS += -Wl,-z,relro,-z,now

# Begins a recipe line: names the tool and its target, or shows the command itself.
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $(patsubst $(O)/%,%,$@);)

# Sources of a folder as objects.
objects = $(patsubst %.c,$(O)/obj/%.o,$(wildcard $(addsuffix /*.c,$(1))))

.SECONDEXPANSION:
all: libraries programs driver

include lib/build.mk
include firmware/build.mk
include tools/build.mk
include driver/build.mk
include tests/build.mk
include Documentation/build.mk

.PHONY: all libraries programs driver clean install
libraries: $(LIBRARIES)
programs: $(PROGRAMS)

$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS-$(firstword $(subst /, ,$*))) -MMD -MP -c -o $@ $<

clean:
	rm -rf $(O) out

install: $(INSTALL)

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
