/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manifest as ASN.1, and what builder and reader must compute alike. Internal to libprovpkg. */
#ifndef PROVPKG_MANIFEST_FORM_H
#define PROVPKG_MANIFEST_FORM_H

#include <openssl/asn1t.h>
#include <openssl/x509.h>

#include "authority_form.h"
#include "envelope.h"
#include "floe.h"
#include "provpkg/package.h"
#include "window.h"

#define PROVPKG_MANIFEST_VERSION 1
#define PROVPKG_RECIPIENTS_MAX 4096

/* Known before anything is encrypted; the job key is bound to it. */
typedef struct {
	uint32_t version;
	uint32_t suite;
	ASN1_OCTET_STRING *package_id;
	ASN1_UTF8STRING *product;
	uint32_t security_version;
	PROVPKG_WINDOW window;
	uint32_t segment_size;
	uint64_t payload_size;
	uint64_t segments;
	ASN1_OCTET_STRING *template_digest; /* SHA-256 of the identity in the RoT configuration */
	ASN1_OCTET_STRING *issuer_digest; /* SHA-256 of the certificate above the issuing certificates */
	STACK_OF(X509_EXTENSION) *extensions; /* same form as in certificates; none is defined yet */
	STACK_OF(APPROVAL) *approvals;
	QUOTA_AUTHORITY *authority;
} MANIFEST_CORE;

typedef struct {
	ASN1_OCTET_STRING *card_id;
	ASN1_OCTET_STRING *kem_key_id; /* subject key identifiers of the card's certificates; the envelopes name it so */
	ASN1_OCTET_STRING *agreement_key_id; /* NULL in a suite without agreement */
} MANIFEST_RECIPIENT;

typedef struct {
	MANIFEST_CORE *core;
	ASN1_OCTET_STRING *payload_header;
	ASN1_OCTET_STRING *payload_root;
	STACK_OF(MANIFEST_RECIPIENT) *recipients;
	ASN1_OCTET_STRING *kem_envelope; /* DER of CMS */
	ASN1_OCTET_STRING *agreement_envelope; /* likewise */
	STACK_OF(ASN1_TYPE) *grants; /* each as its own DER, see grant.c */
} MANIFEST;

DEFINE_STACK_OF(MANIFEST_RECIPIENT)
DECLARE_ASN1_ITEM(MANIFEST_RECIPIENT)
DECLARE_ASN1_ITEM(MANIFEST)

/*
 * Job key: HKDF-SHA-384(salt = SHA-384(core), ikm = shares, info = label, package id, suite). @shares: those of the suite, KEM, then
 * agreement.
 */
PROVPKG_MUST_CHECK int provpkg_job_key(const MANIFEST_CORE *core, struct provpkg_view shares, uint8_t key[PROVPKG_KEY_SIZE]);

/* Associated data of the payload: package id and suite (4 bytes, big-endian). */
#define PROVPKG_PAYLOAD_AAD_SIZE (PROVPKG_ID_SIZE + 4)
void provpkg_payload_aad(const MANIFEST_CORE *core, uint8_t aad[PROVPKG_PAYLOAD_AAD_SIZE]);

extern const struct provpkg_floe_parameters provpkg_payload_parameters;

/* Plaintext bytes in a full segment, and the arithmetic of sizes that follows from it. */
#define PROVPKG_SEGMENT_PLAIN (PROVPKG_SEGMENT_SIZE - PROVPKG_FLOE_OVERHEAD)
uint64_t provpkg_segment_count(uint64_t plain_size); /* at least 1 */

/* RFC 9162 root over the @count segment digests, 32 bytes each. */
PROVPKG_MUST_CHECK int provpkg_leaves_root(const uint8_t *leaves, uint64_t count, uint8_t root[PROVPKG_HASH_SIZE]);

#endif
