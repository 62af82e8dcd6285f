/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few primitives that the core uses itself; formats have theirs in libprovpkg. 0, or a negative errno. */
#ifndef CORE_CRYPTO_H
#define CORE_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#define CRYPTO_DIGEST 32

struct crypto_piece {
	const void *data;
	size_t size;
};

int crypto_sha256(const void *data, size_t size, uint8_t digest[CRYPTO_DIGEST]);

/* HMAC-SHA-256 over pieces one after another. A context is one thread's at a time. */
EVP_MAC_CTX *crypto_mac_new(const uint8_t key[32]);
int crypto_mac(EVP_MAC_CTX *mac, const struct crypto_piece *pieces, size_t count, uint8_t tag[CRYPTO_DIGEST]);

/* HKDF-SHA-384 without salt over a uniformly random secret. */
int crypto_derive(const uint8_t *secret, size_t secret_size, const struct crypto_piece *info, size_t count, uint8_t *out,
		  size_t out_size);

#define CRYPTO_GCM_NONCE 12
#define CRYPTO_GCM_TAG 16

/* AES-256-GCM in place over @data; open fails with -EBADMSG and cleanses @data. */
int crypto_seal(const uint8_t key[32], const uint8_t nonce[CRYPTO_GCM_NONCE], struct crypto_piece aad, uint8_t *data, size_t size,
		uint8_t tag[CRYPTO_GCM_TAG]);
int crypto_open(const uint8_t key[32], const uint8_t nonce[CRYPTO_GCM_NONCE], struct crypto_piece aad, uint8_t *data, size_t size,
		const uint8_t tag[CRYPTO_GCM_TAG]);

#endif
