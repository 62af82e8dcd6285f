# SPDX-License-Identifier: GPL-2.0-only
# kbuild writes beside its sources, so they are copied: one folder per kernel, the checkout stays clean.
KERNEL ?= $(shell ls -d /lib/modules/*/build 2>/dev/null | head -n 1)
