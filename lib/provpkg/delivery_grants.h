/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who granted what, as a job's records keep it. Internal to libprovpkg. */
#ifndef DELIVERY_GRANTS_H
#define DELIVERY_GRANTS_H

#include "provpkg/authority.h"
#include "provpkg/delivery.h"
#include "provpkg/grant.h"

struct delivery_grants {
	STACK_OF(X509) *anchors; /* of the OEM, the verifier's; NULL: only a quota authority is judged by name */
	bool known; /* the loading said who grants */
	bool by_authority;
	struct provpkg_authority authority;
	struct provpkg_grant last; /* sequence 0 before the first */
	uint64_t ceiling_good; /* in force; a termination leaves them */
	uint64_t ceiling_scrap;
};

/*
 * The next record of the job that @end is of, whose attachment has the record's digest or is left out. @grants is spoilt by a refusal.
 * ATTACHMENT_MISMATCH, MANIFEST_DER, MANIFEST_SIGNATURE, MANIFEST_SIGNER_MISSING, SIGNER_UNTRUSTED, SIGNER_EXPIRED, GRANT_AUTHORITY,
 * GRANT_APPROVALS, GRANT_MISSING, GRANT_SEQUENCE, GRANT_LOWERED, RECORD_MISPLACED, COUNTS_MISMATCH.
 */
PROVPKG_MUST_CHECK int grants_record(struct delivery_grants *grants, const struct provpkg_end_certificate *end,
				     const struct provpkg_record *record, struct provpkg_view attachment);
/* COUNTS_MISMATCH unless the grant in force at the end is what the end certificate says. */
PROVPKG_MUST_CHECK int grants_finish(const struct delivery_grants *grants, const struct provpkg_end_certificate *end);

#endif
