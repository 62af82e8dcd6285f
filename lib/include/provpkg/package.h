/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Packages. File: fixed header (4 KiB), manifest (CMS), leaves (SHA-256 of every ciphertext segment), payload (FLOE segments);
 * each section begins at a multiple of 4 KiB. The plaintext of the payload is the DER of the contents (self-delimiting: RoT
 * configuration, OEM certificate, issuing certificates), zero-filled to a multiple of 4 KiB, then the image area.
 */
#ifndef PROVPKG_PACKAGE_H
#define PROVPKG_PACKAGE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "provpkg/authority.h"
#include "provpkg/certificate.h"
#include "provpkg/grant.h"
#include "provpkg/rot.h"
#include "provpkg/sign.h"
#include "provpkg/types.h"

PROVPKG_BEGIN

#define PROVPKG_HEADER_SIZE 4096
#define PROVPKG_ALIGNMENT 4096
#define PROVPKG_SEGMENT_SIZE (1u << 20) /* FLOE encrypted segment, bytes on disk; the last may be shorter */
#define PROVPKG_SEGMENT_PREFIX 16 /* bytes of a segment before its content */
#define PROVPKG_MANIFEST_MAX (16u << 20)

struct provpkg_section {
	uint64_t offset;
	uint64_t size;
};

struct provpkg_layout {
	struct provpkg_section manifest;
	struct provpkg_section leaves;
	struct provpkg_section payload;
};

PROVPKG_MUST_CHECK int provpkg_layout_encode(const struct provpkg_layout *layout, uint8_t header[PROVPKG_HEADER_SIZE]);
/* PACKAGE_TRUNCATED, PACKAGE_MAGIC, PACKAGE_VERSION, PACKAGE_LAYOUT, TRAILING_DATA. @file_size: what is there. */
PROVPKG_MUST_CHECK int provpkg_layout_decode(struct provpkg_view header, uint64_t file_size, struct provpkg_layout *layout);

/* What lies between the sections, in order: so many bytes, of which each must be zero, or there would be room to hide in. */
#define PROVPKG_GAPS 3
void provpkg_layout_gaps(const struct provpkg_layout *layout, struct provpkg_section gaps[PROVPKG_GAPS]);
/* PACKAGE_LAYOUT unless all of these bytes of a gap are zero. */
PROVPKG_MUST_CHECK int provpkg_layout_check_gap(struct provpkg_view bytes);

/* ---- Making one (the OEM's desk) ---- */

struct provpkg_recipient {
	const struct provpkg_card *card; /* borrowed; already verified by the caller */
	uint64_t ceiling_good; /* both 0 with a quota authority */
	uint64_t ceiling_scrap;
	X509 *issuer; /* certificate of this card's issuing key; NULL without identity, or when the package brings the key */
};

/* What to pack. Everything is borrowed until provpkg_builder_free(). */
struct provpkg_build {
	unsigned int suite;
	const char *product;
	uint32_t security_version;
	struct provpkg_window window; /* of the package and of its grants */
	const struct provpkg_rot *rot;
	STACK_OF(X509) *issuer_chain; /* above the issuing certificates, root included; may be NULL */
	EVP_PKEY *issuing_key; /* a CA's key that every card is to issue with, and its certificate; both NULL for the cards' own */
	X509 *issuing_certificate;
	STACK_OF(X509) *escrow; /* certificates that returned secrets are for; NULL exactly when none are returned */
	const struct provpkg_recipient *recipients;
	size_t recipient_count;
	const struct provpkg_signer *signers; /* as the suite demands: 1, P-384, then ML-DSA-65; 2, ML-DSA-87 alone */
	size_t signer_count;
	uint64_t image_size; /* bytes of the image area */
	const struct provpkg_authority *authority; /* NULL: the OEM grants, and the package holds each card's first grant */
	const struct provpkg_approval *approvals;
	size_t approval_count;
};

struct provpkg_builder;

/*
 * Draws package id and keys. ROT_*, CARD_CERTIFICATE, SUITE_UNKNOWN, MANIFEST_SIGNER_MISSING, ISSUER_MISMATCH, ISSUING_KEY,
 * CERTIFICATE_UNUSABLE (an issuing certificate for a key that may not issue), ESCROW_MISSING, ESCROW_CERTIFICATE.
 */
PROVPKG_MUST_CHECK int provpkg_builder_new(const struct provpkg_build *build, struct provpkg_builder **builder);
void provpkg_builder_free(struct provpkg_builder *builder);

const uint8_t *provpkg_builder_package_id(const struct provpkg_builder *builder); /* PROVPKG_ID_SIZE bytes */
/* Where the sections go: fixed from the start; room for the manifest is reserved, its final size may be smaller. */
const struct provpkg_layout *provpkg_builder_layout(const struct provpkg_builder *builder);
uint64_t provpkg_builder_segments(const struct provpkg_builder *builder);
/* Plaintext bytes of segment @index, and which bytes of the image area it needs (@image_offset, @image_size; may be 0). */
void provpkg_builder_need(const struct provpkg_builder *builder, uint64_t index, uint64_t *image_offset, size_t *image_size);
/*
 * Encrypt segment @index from the image bytes that provpkg_builder_need() named, into @out (PROVPKG_SEGMENT_SIZE bytes of
 * room; *out_size written; it goes to payload.offset + index * PROVPKG_SEGMENT_SIZE). Segments in any order, from any thread,
 * each once. Segment 0 holds the RoT configuration: the digests of its images, and nothing else of it, may be filled in until
 * that segment is encrypted.
 */
PROVPKG_MUST_CHECK int provpkg_builder_segment(struct provpkg_builder *builder, uint64_t index, struct provpkg_view image,
					       uint8_t *out, size_t *out_size);
/* After every segment: sign. Returns header, manifest and leaves; write the three and the file is complete. */
PROVPKG_MUST_CHECK int provpkg_builder_finish(struct provpkg_builder *builder, uint8_t header[PROVPKG_HEADER_SIZE],
					      struct provpkg_blob *manifest, struct provpkg_blob *leaves);

/* ---- Opening one (the card; anyone, as far as without keys) ---- */

/* What the manifest says in the clear. Pointers live as long as the struct provpkg_manifest. */
struct provpkg_manifest_fields {
	unsigned int suite;
	uint8_t package_id[PROVPKG_ID_SIZE];
	char product[PROVPKG_NAME_MAX + 1];
	uint32_t security_version;
	struct provpkg_window window;
	uint64_t payload_size; /* exact ciphertext length */
	uint64_t segments;
	uint8_t root[PROVPKG_HASH_SIZE];
	size_t recipients;
	const uint8_t (*card_ids)[PROVPKG_CARD_ID_SIZE];
	size_t grants;
	const struct provpkg_grant *grant;
	const struct provpkg_authority *authority; /* NULL: the OEM grants; else there are no grants here */
	size_t approvals;
	const struct provpkg_approval *approval;
};

struct provpkg_manifest;

/*
 * Steps 1 and 2a of the card's order: sizes, DER, every signature good. MANIFEST_*, TRAILING_DATA, PACKAGE_VERSION, SUITE_UNKNOWN,
 * CRITICAL_UNKNOWN.
 */
PROVPKG_MUST_CHECK int provpkg_manifest_open(struct provpkg_view cms, struct provpkg_manifest **manifest);
void provpkg_manifest_free(struct provpkg_manifest *manifest);
const struct provpkg_manifest_fields *provpkg_manifest_fields(const struct provpkg_manifest *manifest);
/* Step 2b: the suite's signers chain to @anchors at @at. As provpkg_signed_suite(). */
PROVPKG_MUST_CHECK int provpkg_manifest_trust(struct provpkg_manifest *manifest, STACK_OF(X509) *anchors, int64_t at);
const struct provpkg_signed *provpkg_manifest_signed(const struct provpkg_manifest *manifest);
/* Does this card's id stand among the recipients? NOT_A_RECIPIENT. */
PROVPKG_MUST_CHECK int provpkg_manifest_recipient(const struct provpkg_manifest *manifest,
						  const uint8_t card_id[PROVPKG_CARD_ID_SIZE]);
/* And its grant? GRANT_MISSING. */
PROVPKG_MUST_CHECK int provpkg_manifest_grant(const struct provpkg_manifest *manifest, const uint8_t card_id[PROVPKG_CARD_ID_SIZE],
					      const struct provpkg_grant **grant);

/* Step 5: do the leaves give the signed root? LEAVES_MISMATCH; segment count and sizes are checked against the manifest too. */
PROVPKG_MUST_CHECK int provpkg_manifest_leaves(const struct provpkg_manifest *manifest, struct provpkg_view leaves);

/*
 * Step 6: unwrap the suite's shares with those of @keys that it takes, derive the job key. NOT_A_RECIPIENT, ENVELOPE. The envelopes
 * are opened only after provpkg_manifest_trust() succeeded: -EINVAL.
 */
PROVPKG_MUST_CHECK int provpkg_manifest_key(const struct provpkg_manifest *manifest, const uint8_t card_id[PROVPKG_CARD_ID_SIZE],
					    const struct provpkg_card_keys *keys, uint8_t key[PROVPKG_KEY_SIZE]);

/* A payload that can be read: job key and FLOE header checked (FLOE_HEADER). Thread safe after creation. */
struct provpkg_payload;
PROVPKG_MUST_CHECK int provpkg_payload_new(const struct provpkg_manifest *manifest, const uint8_t key[PROVPKG_KEY_SIZE],
					   struct provpkg_payload **payload);
void provpkg_payload_free(struct provpkg_payload *payload);
/*
 * Step 7: check segment @index against its leaf and its tag, decrypt. @plain has room for PROVPKG_SEGMENT_SIZE bytes, or is the
 * ciphertext's own memory: its beginning, or its content PROVPKG_SEGMENT_PREFIX bytes on, which saves moving the plaintext.
 * SEGMENT_DIGEST, SEGMENT_TAG.
 */
PROVPKG_MUST_CHECK int provpkg_payload_segment(const struct provpkg_payload *payload, uint64_t index,
					       const uint8_t leaf[PROVPKG_HASH_SIZE], struct provpkg_view cipher, uint8_t *plain,
					       size_t *plain_size);
/* Plaintext bytes in each full segment: where byte n of the plaintext is found. */
size_t provpkg_payload_segment_plain(void);

/* What stands before the images inside the encryption. */
struct provpkg_contents {
	struct provpkg_rot rot;
	X509 *oem; /* the OEM's signing certificate, the P-384 one in suite 1; must be one that signed */
	STACK_OF(X509) *issuers; /* issuing certificates, one per card; the one of issuing_key when that is there */
	STACK_OF(X509) *issuer_chain; /* above them */
	EVP_PKEY *issuing_key; /* NULL when the cards issue with keys of their own */
	STACK_OF(X509) *escrow; /* fit for the suite; NULL when nothing is returned */
	uint64_t image_area; /* offset of the image area in the plaintext */
};

/*
 * @plain: the plaintext from its beginning; the contents and their fill stand in the first segment. ROT_*; against @manifest:
 * SIGNER_MISMATCH, CONTENTS_MISMATCH. ISSUING_KEY, ISSUER_MISMATCH (not the key of exactly one issuing certificate),
 * ESCROW_MISSING, ESCROW_CERTIFICATE.
 */
PROVPKG_MUST_CHECK int provpkg_contents_decode(const struct provpkg_manifest *manifest, struct provpkg_view plain,
					       struct provpkg_contents *contents);
void provpkg_contents_clear(struct provpkg_contents *contents); /* frees and cleanses what it holds */

PROVPKG_END

#endif
