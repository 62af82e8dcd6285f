// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sweep.h"

static void try_changed(struct provpkg_view der, sweep_decode decode)
{
	struct provpkg_blob again = { 0 };

	if (decode(der, &again))
		return;
	assert_int_equal(again.size, der.size);
	assert_memory_equal(again.data, der.data, der.size);
	provpkg_blob_free(&again);
}

/* The copy has exactly the size, so that reading beyond it is seen by the address sanitizer. */
static void try_cut(struct provpkg_view der, size_t size, sweep_decode decode)
{
	struct provpkg_blob again = { 0 };
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, der.data, size);
	assert_true(decode((struct provpkg_view){ copy, size }, &again) > 0);
	free(copy);
}

void sweep(struct provpkg_view der, sweep_decode decode)
{
	uint8_t *copy = malloc(der.size + 1);

	for (size_t bit = 0; bit < 8 * der.size; bit++) {
		memcpy(copy, der.data, der.size);
		copy[bit / 8] ^= 1u << bit % 8;
		try_changed((struct provpkg_view){ copy, der.size }, decode);
	}
	for (size_t size = 0; size < der.size; size++)
		try_cut(der, size, decode);
	memcpy(copy, der.data, der.size);
	for (int byte = 0; byte < 256; byte += 0x30) {
		struct provpkg_blob again = { 0 };

		copy[der.size] = byte;
		assert_int_equal(decode((struct provpkg_view){ copy, der.size + 1 }, &again), PROVCARD_REFUSAL_TRAILING_DATA);
	}
	free(copy);
}
