/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FLOE, c2sp.org/FLOE: random-access authenticated encryption, AES-256-GCM with HKDF-Expand-SHA-384. Internal to libprovpkg;
 * the random-access calls leave length and completeness to the caller, for whom the signed manifest says both.
 */
#ifndef PROVPKG_FLOE_H
#define PROVPKG_FLOE_H

#include "provpkg/types.h"

#define PROVPKG_FLOE_IV_SIZE 32
#define PROVPKG_FLOE_HEADER_SIZE (10 + PROVPKG_FLOE_IV_SIZE + 32)
#define PROVPKG_FLOE_NONCE_SIZE 12
#define PROVPKG_FLOE_OVERHEAD (4 + PROVPKG_FLOE_NONCE_SIZE + 16) /* per segment */
#define PROVPKG_FLOE_AAD_MAX 64

struct provpkg_floe_parameters {
	uint32_t segment_size; /* encrypted */
	unsigned int rotation_bits; /* one key for 2^this segments; 20 but in tests */
};

/* One message. Immutable after creation, hence thread safe. */
struct provpkg_floe;

/* Begin a message with @iv (fresh and random) and write its header. */
PROVPKG_MUST_CHECK int provpkg_floe_new(const struct provpkg_floe_parameters *parameters, const uint8_t key[PROVPKG_KEY_SIZE],
					struct provpkg_view aad, const uint8_t iv[PROVPKG_FLOE_IV_SIZE],
					uint8_t header[PROVPKG_FLOE_HEADER_SIZE], struct provpkg_floe **floe);
/* Read one: FLOE_HEADER unless @header is of these parameters, this key and this @aad. */
PROVPKG_MUST_CHECK int provpkg_floe_open(const struct provpkg_floe_parameters *parameters, const uint8_t key[PROVPKG_KEY_SIZE],
					 struct provpkg_view aad, struct provpkg_view header, struct provpkg_floe **floe);
void provpkg_floe_free(struct provpkg_floe *floe);

struct provpkg_floe_segment {
	uint64_t index;
	bool last; /* only the last may be shorter than the others */
};

/* Encrypt the @count pieces as one segment under @nonce (fresh and random) into @out; *size: what was written. */
PROVPKG_MUST_CHECK int provpkg_floe_seal(const struct provpkg_floe *floe, struct provpkg_floe_segment segment,
					 const uint8_t nonce[PROVPKG_FLOE_NONCE_SIZE], const struct provpkg_view *pieces, size_t count,
					 uint8_t *out, size_t *size);
/*
 * Check and decrypt a segment: SEGMENT_TAG. @plain has room for what @cipher holds; it may be the same memory, or begin where the
 * content does, but not overlap it in another way. Nothing of the plaintext is left there when the segment is refused.
 */
PROVPKG_MUST_CHECK int provpkg_floe_unseal(const struct provpkg_floe *floe, struct provpkg_floe_segment segment,
					   struct provpkg_view cipher, uint8_t *plain, size_t *size);

#endif
