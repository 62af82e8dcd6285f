// SPDX-License-Identifier: LGPL-2.1-or-later
/* Approvals that an OEM demands. */
#include <errno.h>

#include "authority_form.h"

ASN1_SEQUENCE(APPROVAL) = {
	ASN1_EMBED(APPROVAL, operation, UINT32),
	ASN1_EMBED(APPROVAL, role, UINT32),
	ASN1_EMBED(APPROVAL, count, UINT32),
} ASN1_SEQUENCE_END(APPROVAL)

static bool approval_valid(const struct provpkg_approval *approval)
{
	return (approval->operation == PROVPKG_OPERATION_ALLOCATE || approval->operation == PROVPKG_OPERATION_CLOSE) &&
	       approval->role >= PROVPKG_ROLE_OFFICER && approval->role <= PROVPKG_ROLE_AUDITOR && approval->count &&
	       approval->count <= PROVPKG_APPROVAL_COUNT_MAX;
}

bool provpkg_approvals_valid(const struct provpkg_approval *approvals, size_t count)
{
	if (count > PROVPKG_APPROVALS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!approval_valid(&approvals[i]))
			return false;
		for (size_t k = 0; k < i; k++)
			if (approvals[k].operation == approvals[i].operation && approvals[k].role == approvals[i].role)
				return false;
	}
	return true;
}

int provpkg_approvals_set(STACK_OF(APPROVAL) *to, const struct provpkg_approval *approvals, size_t count)
{
	if (!provpkg_approvals_valid(approvals, count))
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		APPROVAL *approval = (APPROVAL *)ASN1_item_new(ASN1_ITEM_rptr(APPROVAL));

		if (!approval || !sk_APPROVAL_push(to, approval)) {
			ASN1_item_free((ASN1_VALUE *)approval, ASN1_ITEM_rptr(APPROVAL));
			return -ENOMEM;
		}
		*approval = (APPROVAL){ approvals[i].operation, approvals[i].role, approvals[i].count };
	}
	return 0;
}

bool provpkg_approvals_get(const STACK_OF(APPROVAL) *from, struct provpkg_approval approvals[PROVPKG_APPROVALS_MAX], size_t *count)
{
	int given = from ? sk_APPROVAL_num(from) : 0;

	if (from && (given < 1 || given > PROVPKG_APPROVALS_MAX))
		return false;
	for (int i = 0; i < given; i++) {
		const APPROVAL *approval = sk_APPROVAL_value(from, i);

		approvals[i] = (struct provpkg_approval){ approval->operation, approval->role, approval->count };
	}
	*count = (size_t)given;
	return provpkg_approvals_valid(approvals, *count);
}
