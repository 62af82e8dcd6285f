/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all of our certificates have in common. Internal to libprovpkg. */
#ifndef PROVPKG_X509_H
#define PROVPKG_X509_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "provpkg/types.h"

/* Is it a key of exactly this kind: "P-256", "P-384", "ML-DSA-65", ...? Explicit curve parameters are not. */
bool provpkg_key_is(const EVP_PKEY *key, const char *kind);
/* Does the name of its algorithm begin so: "EC", "ML-DSA", "ML-DSA-87"? */
bool provpkg_key_begins(const EVP_PKEY *key, const char *family);
/* The digest that goes with a signing key: NULL where the algorithm brings its own. */
const EVP_MD *provpkg_key_digest(const EVP_PKEY *key);

/* May it issue: v3, CA:TRUE, keyCertSign, a key identifier, no critical extension that is not understood? */
bool provpkg_x509_is_issuer(X509 *certificate);
/* An end certificate with exactly this key usage, and none of what may not be in one? */
bool provpkg_x509_is_end(X509 *certificate, uint32_t usage);
/* Named as its issuer and signed by it? */
bool provpkg_x509_issued(X509 *issuer, X509 *certificate);
/* The one common name of @name as zero-terminated text of @room bytes. */
bool provpkg_x509_common_name(const X509_NAME *name, char *text, size_t room);

/* Append what a memory BIO holds. */
PROVPKG_MUST_CHECK int provpkg_blob_append_bio(struct provpkg_blob *blob, BIO *bio);

/* Add an extension in OpenSSL's configuration syntax. */
PROVPKG_MUST_CHECK bool provpkg_extension(STACK_OF(X509_EXTENSION) **extensions, X509V3_CTX *context, int nid, const char *value);

/*
 * Does @certificate chain to @anchors (roots, or certificates pinned) at @at, by X.509's strict rules, through @others? If
 * @family is given, every certificate above the first must have a key whose algorithm begins so ("EC", "ML-DSA").
 */
bool provpkg_x509_chains(X509 *certificate, STACK_OF(X509) *others, STACK_OF(X509) *anchors, int64_t at, const char *family);

#endif
