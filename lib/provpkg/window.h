/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time windows in structures. Internal to libprovpkg. */
#ifndef PROVPKG_WINDOW_H
#define PROVPKG_WINDOW_H

#include <openssl/asn1t.h>

#include "provpkg/types.h"

typedef struct {
	uint64_t not_before;
	uint64_t not_after;
} PROVPKG_WINDOW;

DECLARE_ASN1_ITEM(PROVPKG_WINDOW)

PROVPKG_MUST_CHECK bool provpkg_window_set(PROVPKG_WINDOW *to, const struct provpkg_window *window);
PROVPKG_MUST_CHECK bool provpkg_window_get(const PROVPKG_WINDOW *from, struct provpkg_window *window);

#endif
