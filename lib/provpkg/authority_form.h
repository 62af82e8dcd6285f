/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Quota authorities and approvals as they stand in a manifest. Internal to libprovpkg. */
#ifndef PROVPKG_AUTHORITY_FORM_H
#define PROVPKG_AUTHORITY_FORM_H

#include <openssl/asn1t.h>

#include "provpkg/authority.h"

typedef struct {
	ASN1_UTF8STRING *name;
	STACK_OF(ASN1_OCTET_STRING) *signers;
} QUOTA_MEMBER;

DEFINE_STACK_OF(QUOTA_MEMBER)
DEFINE_STACK_OF(ASN1_OCTET_STRING)

typedef struct {
	uint32_t threshold;
	STACK_OF(QUOTA_MEMBER) *members;
} QUOTA_AUTHORITY;

DECLARE_ASN1_ITEM(QUOTA_AUTHORITY)

typedef struct {
	uint32_t operation;
	uint32_t role;
	uint32_t count;
} APPROVAL;

DEFINE_STACK_OF(APPROVAL)
DECLARE_ASN1_ITEM(APPROVAL)

/* -ENOMEM, or -EINVAL for what is not valid. */
PROVPKG_MUST_CHECK int provpkg_authority_set(QUOTA_AUTHORITY *to, const struct provpkg_authority *authority);
PROVPKG_MUST_CHECK bool provpkg_authority_get(const QUOTA_AUTHORITY *from, struct provpkg_authority *authority);

PROVPKG_MUST_CHECK int provpkg_approvals_set(STACK_OF(APPROVAL) *to, const struct provpkg_approval *approvals, size_t count);
/* *count gets how many; NULL, what an absent field is, gives none, an empty list is wrong. */
PROVPKG_MUST_CHECK bool provpkg_approvals_get(const STACK_OF(APPROVAL) *from, struct provpkg_approval approvals[PROVPKG_APPROVALS_MAX],
					      size_t *count);

#endif
