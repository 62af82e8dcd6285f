/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lifecycle-management keys on their way back to the OEM. The card makes a key for each job, wraps it for the OEM's escrow
 * certificates as a package's shares are wrapped for cards, and seals each unit's secrets under a key of that unit. The wrapped key
 * stands in the attachment of the job's LOADED record, the sealed secrets in those of the units' records.
 */
#ifndef PROVPKG_ESCROW_H
#define PROVPKG_ESCROW_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "provpkg/rot.h"
#include "provpkg/types.h"

PROVPKG_BEGIN

/*
 * Are these what @suite asks for, in any order: suite 1 one P-384 with keyAgreement and one ML-KEM-768 with keyEncipherment; each
 * with a subjectKeyIdentifier? Dates and issuers are not looked at: the package's signature vouches for them. ESCROW_CERTIFICATE.
 */
PROVPKG_MUST_CHECK int provpkg_escrow_check(unsigned int suite, STACK_OF(X509) *certificates);

/* Whose secrets: the envelope opens to another key for any other card or job. */
struct provpkg_escrow_job {
	const uint8_t *card_id; /* PROVPKG_CARD_ID_SIZE bytes */
	const uint8_t *package_id; /* PROVPKG_ID_SIZE bytes */
};

#define PROVPKG_ESCROW_SHARES 64 /* bytes, two shares; a suite without key agreement uses the first alone */

/*
 * Wrap @shares, random or derived, for the certificates, and derive the job's escrow key from them. @envelope: EscrowEnvelope, DER.
 * ESCROW_CERTIFICATE.
 */
PROVPKG_MUST_CHECK int provpkg_escrow_seal(unsigned int suite, STACK_OF(X509) *certificates, const struct provpkg_escrow_job *job,
					   const uint8_t shares[PROVPKG_ESCROW_SHARES], struct provpkg_blob *envelope,
					   uint8_t key[PROVPKG_KEY_SIZE]);
/*
 * The OEM's side: @keys are the private keys of its escrow certificates, in any order. SEALED_SECRETS: no envelope. ESCROW_KEY: not
 * these keys, or altered.
 */
PROVPKG_MUST_CHECK int provpkg_escrow_open(struct provpkg_view envelope, const struct provpkg_escrow_job *job, EVP_PKEY *const *keys,
					   size_t count, uint8_t key[PROVPKG_KEY_SIZE]);

/* ---- A unit's secrets ---- */

struct provpkg_secret {
	char name[PROVPKG_NAME_MAX + 1];
	size_t size; /* 16 to 64 */
	uint8_t value[64];
};

struct provpkg_secrets {
	size_t count; /* 1 to PROVPKG_LIFECYCLE_MAX */
	struct provpkg_secret secret[PROVPKG_LIFECYCLE_MAX];
};

/* @charge: the unit's number in the card's ledger; it goes along in the clear. @sealed: SealedSecrets, DER. */
PROVPKG_MUST_CHECK int provpkg_secrets_seal(const uint8_t key[PROVPKG_KEY_SIZE], struct provpkg_view uid, uint64_t charge,
					    const struct provpkg_secrets *secrets, struct provpkg_blob *sealed);
/* SEALED_SECRETS for bad form; ESCROW_KEY when it does not open. Cleanse @secrets when they are done with. */
PROVPKG_MUST_CHECK int provpkg_secrets_open(const uint8_t key[PROVPKG_KEY_SIZE], struct provpkg_view uid, struct provpkg_view sealed,
					    struct provpkg_secrets *secrets);

/* ---- What records have attached ---- */

/* One behind the other, each absent when its size is 0. */
struct provpkg_attachment {
	struct provpkg_view first; /* a unit's device certificate; of LOADED what it keeps of the manifest */
	struct provpkg_view sealed; /* SealedSecrets; of LOADED the EscrowEnvelope */
};

/* SEALED_SECRETS unless @attachment is a SEQUENCE, which must be there when @loaded, and what follows is of the form expected. */
PROVPKG_MUST_CHECK int provpkg_attachment_split(struct provpkg_view attachment, bool loaded, struct provpkg_attachment *parts);

PROVPKG_END

#endif
