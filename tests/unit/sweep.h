/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every decoder of DER must survive. */
#ifndef TEST_SWEEP_H
#define TEST_SWEEP_H

#include "provpkg.h"

/* Decodes, and when it accepts, encodes again into @again. */
typedef int (*sweep_decode)(struct provpkg_view der, struct provpkg_blob *again);

/*
 * Flips each bit of @der, cuts it at each length and appends a byte: a decoder may accept a changed value, but then it must
 * encode to exactly those bytes; what is cut or longer it must refuse. Fails the running test.
 */
void sweep(struct provpkg_view der, sweep_decode decode);

#endif
