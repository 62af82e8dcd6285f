/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small wrappers around libcrypto that several files need. Internal to libprovpkg. */
#ifndef PROVPKG_CRYPTO_H
#define PROVPKG_CRYPTO_H

#include <openssl/evp.h>

#include "provpkg/types.h"

/* Digest of @count pieces, one behind the other. 0 or -EIO. */
PROVPKG_MUST_CHECK int provpkg_digest(const EVP_MD *md, const struct provpkg_view *pieces, size_t count, uint8_t *digest);

struct provpkg_hkdf {
	const char *digest; /* "SHA384" */
	bool expand_only; /* then ikm is the pseudo-random key and salt is not used */
	struct provpkg_view salt;
	struct provpkg_view ikm;
	struct provpkg_view info;
};

/* RFC 5869. 0 or -EIO. */
PROVPKG_MUST_CHECK int provpkg_hkdf(const struct provpkg_hkdf *hkdf, uint8_t *out, size_t size);

/*
 * AES-256 key wrap, RFC 3394. @out_size is exactly what must come out: 8 bytes more than @in, or fewer; @out of the latter has room for
 * as many as @in, since libcrypto writes there before it has checked. False for whatever fails.
 */
PROVPKG_MUST_CHECK bool provpkg_key_wrap(const uint8_t kek[32], struct provpkg_view in, uint8_t *out, size_t out_size);
PROVPKG_MUST_CHECK bool provpkg_key_unwrap(const uint8_t kek[32], struct provpkg_view in, uint8_t *out, size_t out_size);

/* Zero-terminated text as bytes. */
struct provpkg_view provpkg_text_view(const char *text);

/* A private copy of bytes; -ENOMEM. */
PROVPKG_MUST_CHECK int provpkg_blob_copy(struct provpkg_view view, struct provpkg_blob *blob);
PROVPKG_MUST_CHECK int provpkg_blob_new(size_t size, struct provpkg_blob *blob);

#endif
