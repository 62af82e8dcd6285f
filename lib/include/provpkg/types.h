/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Types and conventions shared by all of libprovpkg. */
#ifndef PROVPKG_TYPES_H
#define PROVPKG_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Around the prototypes of every public header: visible in the shared library, callable from C++. */
#ifdef __cplusplus
#define PROVPKG_BEGIN _Pragma("GCC visibility push(default)") extern "C" {
#define PROVPKG_END } _Pragma("GCC visibility pop")
#else
#define PROVPKG_BEGIN _Pragma("GCC visibility push(default)")
#define PROVPKG_END _Pragma("GCC visibility pop")
#endif

/*
 * Result of every function that can fail: 0, a refusal code (positive, provcard-refusal.h: the input is bad), or a negative
 * errno (-ENOMEM; -EINVAL for a caller's mistake; -EIO when libcrypto itself failed). On failure out-parameters are untouched.
 */
#define PROVPKG_MUST_CHECK __attribute__((warn_unused_result))

#define PROVPKG_HASH_SIZE 32 /* SHA-256: leaves, tree, digests */
#define PROVPKG_ID_SIZE 16 /* package and grant ids, random */
#define PROVPKG_CARD_ID_SIZE 32
#define PROVPKG_NONCE_SIZE 32
#define PROVPKG_UID_MAX 16
#define PROVPKG_KEY_SIZE 32 /* job key, AES-256 */
#define PROVPKG_NAME_MAX 63 /* names are UTF-8 of at most this many bytes, without control characters */

/* Bytes that belong to somebody else. */
struct provpkg_view {
	const uint8_t *data;
	size_t size;
};

/* Bytes of one's own, allocated by OPENSSL_malloc(): provpkg_blob_free() cleanses and frees. Zero-initialise before use. */
struct provpkg_blob {
	uint8_t *data;
	size_t size;
};

PROVPKG_BEGIN

void provpkg_blob_free(struct provpkg_blob *blob);

PROVPKG_END

static inline struct provpkg_view provpkg_blob_view(const struct provpkg_blob *blob)
{
	return (struct provpkg_view){ blob->data, blob->size };
}

/* Seconds since 1970; 0 means "no limit" in windows. */
struct provpkg_window {
	int64_t not_before;
	int64_t not_after;
};

/* Suites: which algorithms a package uses. */
#define PROVPKG_SUITE_HYBRID 1 /* ECDSA P-384 + ML-DSA-65, ECDH P-384 + ML-KEM-768, AES-256-GCM, SHA-256, HKDF-SHA-384 */
#define PROVPKG_SUITE_CNSA2 2 /* ML-DSA-87, ML-KEM-1024, AES-256-GCM, SHA-256 trees, HKDF-SHA-384 */
#define PROVPKG_SUITE_SIGNERS_MAX 2

#endif
