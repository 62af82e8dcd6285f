/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signed objects: CMS SignedData (RFC 5652), DER, attached content, signed attributes; ML-DSA by RFC 9882. */
#ifndef PROVPKG_SIGN_H
#define PROVPKG_SIGN_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "provpkg/types.h"

PROVPKG_BEGIN

/* What is signed: each has its own eContentType, and its own refusal codes for bad DER and bad signatures. */
enum provpkg_content {
	PROVPKG_CONTENT_MANIFEST = 1, /* MANIFEST_DER, MANIFEST_SIGNATURE */
	PROVPKG_CONTENT_GRANT = 2, /* likewise */
	PROVPKG_CONTENT_REQUEST = 3, /* REQUEST_DER, REQUEST_SIGNATURE */
	PROVPKG_CONTENT_END_CERTIFICATE = 4, /* STATEMENT_DER, STATEMENT_SIGNATURE */
	PROVPKG_CONTENT_EVIDENCE = 5, /* likewise */
	PROVPKG_CONTENT_FIRMWARE = 6, /* FIRMWARE_DER, FIRMWARE_SIGNATURE */
};

/* A key that signs: all borrowed. @chain: intermediate certificates to send along, may be NULL. */
struct provpkg_signer {
	EVP_PKEY *key;
	X509 *certificate;
	STACK_OF(X509) *chain;
};

/* One SignerInfo per signer, in this order. */
PROVPKG_MUST_CHECK int provpkg_sign(enum provpkg_content type, struct provpkg_view content, const struct provpkg_signer *signers,
				    size_t count, struct provpkg_blob *cms);

/* Most signatures on one object: both of sixteen who approve. */
#define PROVPKG_SIGNERS_MAX 32

/*
 * For those who sign one after another, each in a place of its own: what @cms holds, signed by @signers too. All that is there is
 * checked first, as provpkg_signed_open() does, and stays as it is; one of its signatures must be over SHA-512, as
 * provpkg_sign() makes them, or the answer is -EIO. SIGNED_ALREADY when one of the certificates has signed; -E2BIG when there
 * would be more than PROVPKG_SIGNERS_MAX.
 */
PROVPKG_MUST_CHECK int provpkg_sign_add(enum provpkg_content type, struct provpkg_view cms, const struct provpkg_signer *signers,
					size_t count, struct provpkg_blob *out);

/* A signed object whose every signature is good for the certificate it carries; whom to believe is still open. */
struct provpkg_signed;

/*
 * Parse strictly (DER, expected type, no trailing bytes, at least one SignerInfo, each with its certificate inside) and check
 * every signature. TRAILING_DATA, or the codes of @type.
 */
PROVPKG_MUST_CHECK int provpkg_signed_open(enum provpkg_content type, struct provpkg_view cms, struct provpkg_signed **object);
void provpkg_signed_free(struct provpkg_signed *object);

/*
 * Whose certificates @cms names as its signers, without a look at the signatures: anybody can name anybody. In the order of the
 * SignerInfos; sk_X509_pop_free() them. TRAILING_DATA, or the code of @type for bad DER.
 */
PROVPKG_MUST_CHECK int provpkg_signed_claims(enum provpkg_content type, struct provpkg_view cms, STACK_OF(X509) **certificates);

struct provpkg_view provpkg_signed_content(const struct provpkg_signed *object); /* lives as long as @object */
size_t provpkg_signed_count(const struct provpkg_signed *object);
X509 *provpkg_signed_signer(const struct provpkg_signed *object, size_t index); /* borrowed */

/* For whoever has no clock: validity is not looked at. */
#define PROVPKG_ANY_TIME INT64_MIN

/*
 * Does signer @index chain to one of @anchors (roots or pinned end certificates) at time @at, with digitalSignature usage?
 * SIGNER_UNTRUSTED or SIGNER_EXPIRED.
 */
PROVPKG_MUST_CHECK int provpkg_signed_chain(const struct provpkg_signed *object, size_t index, STACK_OF(X509) *anchors, int64_t at);

/* How many signatures suite @suite demands; 0 for an unknown one. */
size_t provpkg_suite_signers(unsigned int suite);
/* The first suite whose kinds of signatures @object carries, whoever made them; 0 for none. */
unsigned int provpkg_signed_kinds(const struct provpkg_signed *object);
/*
 * Does @object carry the signatures that suite @suite demands: one of each algorithm, each chaining to an anchor through keys of
 * its own family, and all end certificates with the same subject? MANIFEST_SIGNER_MISSING, SIGNER_UNTRUSTED, SIGNER_EXPIRED, SUITE_UNKNOWN.
 */
PROVPKG_MUST_CHECK int provpkg_signed_suite(const struct provpkg_signed *object, unsigned int suite, STACK_OF(X509) *anchors,
					    int64_t at);

PROVPKG_END

#endif
