/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Integers in files. Internal to libprovpkg. */
#ifndef PROVPKG_ENDIAN_H
#define PROVPKG_ENDIAN_H

#include <stddef.h>
#include <stdint.h>

static inline void provpkg_put_be(uint8_t *at, size_t size, uint64_t value)
{
	for (size_t i = size; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

static inline uint64_t provpkg_get_be(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

static inline void provpkg_put_le(uint8_t *at, size_t size, uint64_t value)
{
	for (size_t i = 0; i < size; i++, value >>= 8)
		at[i] = (uint8_t)value;
}

static inline uint64_t provpkg_get_le(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = size; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

#endif
