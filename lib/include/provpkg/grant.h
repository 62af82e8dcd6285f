/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Grants: how many units one card may make of one package. In the manifest, or a signed file of its own. */
#ifndef PROVPKG_GRANT_H
#define PROVPKG_GRANT_H

#include "provpkg/types.h"

PROVPKG_BEGIN

struct provpkg_grant {
	uint8_t grant_id[PROVPKG_ID_SIZE];
	uint8_t card_id[PROVPKG_CARD_ID_SIZE];
	uint8_t package_id[PROVPKG_ID_SIZE];
	uint64_t sequence; /* 1 in the manifest; each later one is the last + 1 */
	uint64_t ceiling_good; /* totals since the beginning; they only rise */
	uint64_t ceiling_scrap;
	struct provpkg_window window;
	uint8_t previous[PROVPKG_HASH_SIZE]; /* provpkg_grant_digest() of the grant before; zero for the first */
	bool termination; /* ends the job */
};

PROVPKG_MUST_CHECK int provpkg_grant_encode(const struct provpkg_grant *grant, struct provpkg_blob *der);
PROVPKG_MUST_CHECK int provpkg_grant_decode(struct provpkg_view der, struct provpkg_grant *grant); /* MANIFEST_DER */
/* SHA-256 of the grant's DER. */
PROVPKG_MUST_CHECK int provpkg_grant_digest(const struct provpkg_grant *grant, uint8_t digest[PROVPKG_HASH_SIZE]);

PROVPKG_END

#endif
