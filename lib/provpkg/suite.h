/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a suite id demands. Internal to libprovpkg. */
#ifndef PROVPKG_SUITE_H
#define PROVPKG_SUITE_H

#include <stddef.h>

#include "provpkg/certificate.h"
#include "provpkg/types.h"

#define PROVPKG_SHARES_MAX 2

/* A key that must sign, with SHA-512, and what every key above it in its chain must be: whoever breaks one family of algorithms
 * could otherwise certify a key of the other for himself, and would hold both. */
struct provpkg_suite_signer {
	const char *kind; /* of key */
	const char *chain; /* likewise, or how the kinds begin */
};

struct provpkg_suite {
	unsigned int id;
	size_t signers;
	struct provpkg_suite_signer signer[PROVPKG_SUITE_SIGNERS_MAX];
	size_t shares; /* of the job key: 2, or 1 where there is no agreement */
	const char *agreement; /* kinds of the card's keys; NULL: none takes part */
	const char *kem;
	const char *kem_chain; /* as of a signer */
	const char *kem_digest; /* of the HKDF in the KEM's envelope */
};

/* NULL for a suite that this version does not accept. */
const struct provpkg_suite *provpkg_suite_find(unsigned int id);

/* Which of the card's KEM certificates and keys the suite packs to. */
X509 *provpkg_suite_kem_certificate(const struct provpkg_suite *suite, const struct provpkg_card_certificates *certificates);
EVP_PKEY *provpkg_suite_kem_key(const struct provpkg_suite *suite, const struct provpkg_card_keys *keys);

#endif
