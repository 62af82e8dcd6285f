/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Evidence: what a card says of itself to somebody who asks with a nonce, signed with both of its identity keys. It shows which
 * firmware runs, in which state the card is, what it has counted, and which keys it holds, so that an OEM can look before it packs.
 */
#ifndef PROVPKG_EVIDENCE_H
#define PROVPKG_EVIDENCE_H

#include "provpkg/certificate.h"
#include "provpkg/types.h"

PROVPKG_BEGIN

enum provpkg_key_role {
	PROVPKG_KEY_IDENTITY_CLASSICAL = 1,
	PROVPKG_KEY_IDENTITY_PQ = 2,
	PROVPKG_KEY_AGREEMENT = 3,
	PROVPKG_KEY_KEM = 4, /* one of each parameter set */
	PROVPKG_KEY_ISSUING = 5, /* of an OEM, which owner names */
};

const char *provpkg_key_role_name(enum provpkg_key_role role); /* "identity-classical"; NULL for none */

#define PROVPKG_EVIDENCE_KEYS_MAX 256

/* A private key that the card holds. */
struct provpkg_evidence_key {
	enum provpkg_key_role role;
	char algorithm[32]; /* "P-384" */
	char owner[PROVPKG_NAME_MAX + 1]; /* enrolled name, empty for the card's own */
	uint8_t digest[PROVPKG_HASH_SIZE]; /* SHA-256 of the public key's SubjectPublicKeyInfo, DER */
};

struct provpkg_evidence {
	uint8_t nonce[PROVPKG_NONCE_SIZE];
	uint8_t card_id[PROVPKG_CARD_ID_SIZE];
	char serial[PROVPKG_NAME_MAX + 1];
	char firmware[PROVPKG_NAME_MAX + 1]; /* version */
	uint8_t firmware_digest[PROVPKG_HASH_SIZE]; /* SHA-256 of the image that runs, as the boot stage measured it */
	uint32_t security_version; /* of the firmware */
	uint32_t state; /* enum provcard_card_state */
	uint32_t boots;
	int64_t time; /* card time */
	bool time_authenticated; /* a time authority set it, and the clock has not been lost since */
	uint64_t jobs; /* in the ledger */
	uint64_t good; /* units of all jobs */
	uint64_t scrap;
	uint64_t ledger_generation; /* the monotonic counter that the ledger is bound to */
	uint64_t log_size;
	uint8_t log_root[PROVPKG_HASH_SIZE];
	size_t keys;
	struct provpkg_evidence_key key[PROVPKG_EVIDENCE_KEYS_MAX];
};

/* Append a key: algorithm and digest are its own; @owner may be NULL. -EINVAL when there is no room or the name is none. */
PROVPKG_MUST_CHECK int provpkg_evidence_add_key(struct provpkg_evidence *evidence, enum provpkg_key_role role, const char *owner,
						EVP_PKEY *key);

/* -EINVAL for bad names, roles, a negative time, or too many keys. */
PROVPKG_MUST_CHECK int provpkg_evidence_encode(const struct provpkg_evidence *evidence, struct provpkg_blob *der);
PROVPKG_MUST_CHECK int provpkg_evidence_decode(struct provpkg_view der, struct provpkg_evidence *evidence); /* STATEMENT_DER */

/*
 * Open signed evidence of @card, whose certificates the caller believes (provpkg_card_trust()): exactly two signatures, by its two
 * identity certificates, and its serial number and id inside. STATEMENT_DER, STATEMENT_SIGNATURE, STATEMENT_SIGNER, TRAILING_DATA.
 */
PROVPKG_MUST_CHECK int provpkg_evidence_open(struct provpkg_view cms, const struct provpkg_card *card,
					     struct provpkg_evidence *evidence);

/* What somebody demands of evidence; zero where nothing is demanded. */
struct provpkg_evidence_demands {
	const uint8_t *nonce; /* PROVPKG_NONCE_SIZE bytes */
	const uint8_t *firmware_digest; /* PROVPKG_HASH_SIZE bytes */
	int64_t now; /* with max_age: the caller's time */
	uint64_t max_age; /* seconds; the card's time must be authenticated, too */
	bool packing; /* the card is in service and holds the keys of its encryption certificates */
	X509 *issuer; /* and the one that this issuing certificate is for */
};

/* EVIDENCE_STALE, EVIDENCE_FIRMWARE, EVIDENCE_STATE, EVIDENCE_KEYS, in this order. */
PROVPKG_MUST_CHECK int provpkg_evidence_judge(const struct provpkg_evidence *evidence, const struct provpkg_card *card,
					      const struct provpkg_evidence_demands *demands);

PROVPKG_END

#endif
