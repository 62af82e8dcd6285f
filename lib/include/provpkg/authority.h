/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who decides on quantities when the OEM's signature on the package shall not: a quota authority, of which so many members must
 * sign every grant. It stands in the manifest. And what an OEM demands of the programming house's own people.
 */
#ifndef PROVPKG_AUTHORITY_H
#define PROVPKG_AUTHORITY_H

#include "provpkg/certificate.h"
#include "provpkg/request.h"
#include "provpkg/sign.h"
#include "provpkg/types.h"

PROVPKG_BEGIN

#define PROVPKG_MEMBERS_MAX 16
#define PROVPKG_MEMBER_SIGNERS_MAX 2

struct provpkg_member {
	char name[PROVPKG_NAME_MAX + 1];
	size_t signers; /* as many as the suite demands */
	uint8_t signer[PROVPKG_MEMBER_SIGNERS_MAX][PROVPKG_HASH_SIZE]; /* SHA-256 of its certificates, in the suite's order */
};

struct provpkg_authority {
	unsigned int threshold; /* so many members sign each grant, 1 to @members */
	size_t members;
	struct provpkg_member member[PROVPKG_MEMBERS_MAX];
};

/*
 * No two members with one name, no certificate twice, for each member as many certificates as @suite demands, and a threshold that
 * they can reach?
 */
bool provpkg_authority_valid(const struct provpkg_authority *authority, unsigned int suite);

/*
 * A further member by its certificates, in any order: one of each kind that @suite demands, all for digitalSignature.
 * CERTIFICATE_UNUSABLE when they are others; -EINVAL for a name that is none or is taken, a certificate that another member has, or
 * one member too many. The threshold is the caller's.
 */
PROVPKG_MUST_CHECK int provpkg_authority_add(struct provpkg_authority *authority, unsigned int suite, const char *name,
					     const STACK_OF(X509) *certificates);

/* -EINVAL for names, numbers or certificates that do not fit each other. */
PROVPKG_MUST_CHECK int provpkg_authority_encode(const struct provpkg_authority *authority, struct provpkg_blob *der);
PROVPKG_MUST_CHECK int provpkg_authority_decode(struct provpkg_view der, struct provpkg_authority *authority); /* MANIFEST_DER */

/*
 * Is @object, a grant, signed by enough members? A member counts when it signed with each of its certificates, each with a key of
 * the kind that @suite demands, allowed to sign and valid at @at, and none of these keys signed for a member before it.
 * @signed_by, may be NULL, gets a bit for each member that counts, also when they are too few.
 * GRANT_AUTHORITY when a certificate that signed is no member's; GRANT_APPROVALS when too few count; SIGNER_EXPIRED when enough would
 * but for their certificates' dates.
 */
PROVPKG_MUST_CHECK int provpkg_authority_judge(const struct provpkg_authority *authority, unsigned int suite,
					       const struct provpkg_signed *object, int64_t at, uint32_t *signed_by);

/* ---- Approvals ---- */

/* Each of the two operations on a job, each of the three roles. */
#define PROVPKG_APPROVALS_MAX 6
#define PROVPKG_APPROVAL_COUNT_MAX 16

/* So many enrolled people of a role must sign an operation on the OEM's job, beyond what the card demands anyway. */
struct provpkg_approval {
	enum provpkg_operation operation; /* ALLOCATE or CLOSE */
	enum provpkg_role role; /* OFFICER, OPERATOR or AUDITOR */
	unsigned int count; /* 1 to PROVPKG_APPROVAL_COUNT_MAX */
};

/* Each of them within its limits, and none said twice? */
bool provpkg_approvals_valid(const struct provpkg_approval *approvals, size_t count);

PROVPKG_END

#endif
