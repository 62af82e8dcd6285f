// SPDX-License-Identifier: LGPL-2.1-or-later
/* Quota authorities: their form, and whether enough of one signed a grant. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "authority_form.h"
#include "crypto.h"
#include "der.h"
#include "provcard-refusal.h"
#include "signed_form.h"
#include "suite.h"
#include "x509.h"

/* Sixteen members with their names and digests stay below this. */
#define AUTHORITY_DER_MAX 4096

ASN1_SEQUENCE(QUOTA_MEMBER) = {
	ASN1_SIMPLE(QUOTA_MEMBER, name, ASN1_UTF8STRING),
	ASN1_SEQUENCE_OF(QUOTA_MEMBER, signers, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(QUOTA_MEMBER)

ASN1_SEQUENCE(QUOTA_AUTHORITY) = {
	ASN1_EMBED(QUOTA_AUTHORITY, threshold, UINT32),
	ASN1_SEQUENCE_OF(QUOTA_AUTHORITY, members, QUOTA_MEMBER),
} ASN1_SEQUENCE_END(QUOTA_AUTHORITY)

static bool digest_in(const struct provpkg_member *member, const uint8_t digest[PROVPKG_HASH_SIZE], size_t most)
{
	for (size_t i = 0; i < member->signers && i < most; i++)
		if (!memcmp(member->signer[i], digest, PROVPKG_HASH_SIZE))
			return true;
	return false;
}

static bool member_distinct(const struct provpkg_authority *authority, size_t index)
{
	const struct provpkg_member *member = &authority->member[index];

	for (size_t i = 0; i < index; i++)
		if (!strcmp(authority->member[i].name, member->name))
			return false;
	for (size_t k = 0; k < member->signers; k++) {
		if (digest_in(member, member->signer[k], k))
			return false;
		for (size_t i = 0; i < index; i++)
			if (digest_in(&authority->member[i], member->signer[k], PROVPKG_MEMBER_SIGNERS_MAX))
				return false;
	}
	return true;
}

/* As far as that is known without the suite. */
static bool authority_distinct(const struct provpkg_authority *authority)
{
	if (!authority->members || authority->members > PROVPKG_MEMBERS_MAX || !authority->threshold ||
	    authority->threshold > authority->members)
		return false;
	for (size_t i = 0; i < authority->members; i++)
		if (!authority->member[i].signers || authority->member[i].signers > PROVPKG_MEMBER_SIGNERS_MAX ||
		    !member_distinct(authority, i))
			return false;
	return true;
}

bool provpkg_authority_valid(const struct provpkg_authority *authority, unsigned int suite)
{
	const struct provpkg_suite *demands = provpkg_suite_find(suite);

	if (!demands || !authority_distinct(authority))
		return false;
	for (size_t i = 0; i < authority->members; i++)
		if (authority->member[i].signers != demands->signers)
			return false;
	return true;
}

/* The one certificate of @kind; NULL when there is none or more than one. */
static X509 *certificate_of_kind(const STACK_OF(X509) *certificates, const char *kind)
{
	X509 *found = NULL;

	for (int i = 0; i < sk_X509_num(certificates); i++) {
		X509 *certificate = sk_X509_value(certificates, i);

		if (!provpkg_key_is(X509_get0_pubkey(certificate), kind))
			continue;
		if (found || !(X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE))
			return NULL;
		found = certificate;
	}
	return found;
}

int provpkg_authority_add(struct provpkg_authority *authority, unsigned int suite, const char *name,
			  const STACK_OF(X509) *certificates)
{
	const struct provpkg_suite *demands = provpkg_suite_find(suite);
	struct provpkg_member *member = &authority->member[authority->members];

	if (!demands)
		return PROVCARD_REFUSAL_SUITE_UNKNOWN;
	if (authority->members == PROVPKG_MEMBERS_MAX || !provpkg_name_valid(provpkg_text_view(name)))
		return -EINVAL;
	if ((size_t)sk_X509_num(certificates) != demands->signers)
		return PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
	memset(member, 0, sizeof(*member));
	memcpy(member->name, name, strlen(name));
	for (member->signers = 0; member->signers < demands->signers; member->signers++) {
		X509 *certificate = certificate_of_kind(certificates, demands->signer[member->signers].kind);
		int result = PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;

		if (certificate)
			result = provpkg_certificate_digest(certificate, member->signer[member->signers]);
		if (result)
			return result;
	}
	if (!member_distinct(authority, authority->members))
		return -EINVAL;
	authority->members++;
	return 0;
}

/* ---- Form ---- */

static bool set_member(QUOTA_MEMBER *to, const struct provpkg_member *member)
{
	if (!provpkg_name_set(to->name, member->name))
		return false;
	for (size_t i = 0; i < member->signers; i++) {
		ASN1_OCTET_STRING *digest = ASN1_OCTET_STRING_new();

		if (!digest || !provpkg_octets_set(digest, member->signer[i], PROVPKG_HASH_SIZE) ||
		    !sk_ASN1_OCTET_STRING_push(to->signers, digest)) {
			ASN1_OCTET_STRING_free(digest);
			return false;
		}
	}
	return true;
}

int provpkg_authority_set(QUOTA_AUTHORITY *to, const struct provpkg_authority *authority)
{
	if (!authority_distinct(authority))
		return -EINVAL;
	to->threshold = authority->threshold;
	for (size_t i = 0; i < authority->members; i++) {
		QUOTA_MEMBER *member = (QUOTA_MEMBER *)ASN1_item_new(ASN1_ITEM_rptr(QUOTA_MEMBER));

		if (!member || !sk_QUOTA_MEMBER_push(to->members, member)) {
			ASN1_item_free((ASN1_VALUE *)member, ASN1_ITEM_rptr(QUOTA_MEMBER));
			return -ENOMEM;
		}
		if (!set_member(member, &authority->member[i]))
			return -EINVAL;
	}
	return 0;
}

static bool get_member(const QUOTA_MEMBER *from, struct provpkg_member *member)
{
	int count = sk_ASN1_OCTET_STRING_num(from->signers);

	if (count < 1 || count > PROVPKG_MEMBER_SIGNERS_MAX || !provpkg_name_get(from->name, member->name, sizeof(member->name)))
		return false;
	member->signers = (size_t)count;
	for (int i = 0; i < count; i++)
		if (!provpkg_octets_get(sk_ASN1_OCTET_STRING_value(from->signers, i), member->signer[i], PROVPKG_HASH_SIZE))
			return false;
	return true;
}

bool provpkg_authority_get(const QUOTA_AUTHORITY *from, struct provpkg_authority *authority)
{
	int count = sk_QUOTA_MEMBER_num(from->members);

	if (count < 1 || count > PROVPKG_MEMBERS_MAX)
		return false;
	memset(authority, 0, sizeof(*authority));
	authority->threshold = from->threshold;
	authority->members = (size_t)count;
	for (int i = 0; i < count; i++)
		if (!get_member(sk_QUOTA_MEMBER_value(from->members, i), &authority->member[i]))
			return false;
	return authority_distinct(authority);
}

int provpkg_authority_encode(const struct provpkg_authority *authority, struct provpkg_blob *der)
{
	QUOTA_AUTHORITY *form = (QUOTA_AUTHORITY *)ASN1_item_new(ASN1_ITEM_rptr(QUOTA_AUTHORITY));
	int result = form ? provpkg_authority_set(form, authority) : -ENOMEM;

	if (!result)
		result = provpkg_der_encode(form, ASN1_ITEM_rptr(QUOTA_AUTHORITY), der);
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(QUOTA_AUTHORITY));
	return result;
}

int provpkg_authority_decode(struct provpkg_view der, struct provpkg_authority *authority)
{
	struct provpkg_authority taken;
	void *form;
	int result = provpkg_der_decode(der, AUTHORITY_DER_MAX, ASN1_ITEM_rptr(QUOTA_AUTHORITY), PROVCARD_REFUSAL_MANIFEST_DER, &form);

	if (result)
		return result;
	if (provpkg_authority_get(form, &taken))
		*authority = taken;
	else
		result = PROVCARD_REFUSAL_MANIFEST_DER;
	ASN1_item_free(form, ASN1_ITEM_rptr(QUOTA_AUTHORITY));
	return result;
}

/* ---- Judging a grant ---- */

#define NOBODY SIZE_MAX

/* Who signed what: for each of a member's certificates the signer's number, NOBODY where it did not sign. */
struct signatures {
	size_t by[PROVPKG_MEMBERS_MAX][PROVPKG_MEMBER_SIGNERS_MAX];
};

static bool note_signer(const struct provpkg_authority *authority, size_t signer, const uint8_t digest[PROVPKG_HASH_SIZE],
			struct signatures *signatures)
{
	for (size_t i = 0; i < authority->members; i++) {
		for (size_t k = 0; k < authority->member[i].signers; k++) {
			if (memcmp(authority->member[i].signer[k], digest, PROVPKG_HASH_SIZE))
				continue;
			signatures->by[i][k] = signer;
			return true;
		}
	}
	return false;
}

static int note_signers(const struct provpkg_authority *authority, const struct provpkg_signed *object, struct signatures *signatures)
{
	uint8_t digest[PROVPKG_HASH_SIZE];

	for (size_t i = 0; i < PROVPKG_MEMBERS_MAX; i++)
		for (size_t k = 0; k < PROVPKG_MEMBER_SIGNERS_MAX; k++)
			signatures->by[i][k] = NOBODY;
	for (size_t i = 0; i < provpkg_signed_count(object); i++) {
		int result = provpkg_certificate_digest(provpkg_signed_signer(object, i), digest);

		if (result)
			return result;
		if (!note_signer(authority, i, digest, signatures))
			return PROVCARD_REFUSAL_GRANT_AUTHORITY;
	}
	return 0;
}

/* One certificate's signature by itself; the manifest pins the certificate, so it is its own anchor. */
static int judge_signature(const struct provpkg_signed *object, size_t signer, const char *kind, int64_t at)
{
	STACK_OF(X509) *pinned;
	int result = PROVCARD_REFUSAL_GRANT_APPROVALS;

	if (signer == NOBODY || !provpkg_signed_is(object, signer, kind))
		return result;
	pinned = sk_X509_new_null();
	if (!pinned || !sk_X509_push(pinned, provpkg_signed_signer(object, signer)))
		result = -ENOMEM;
	else
		result = provpkg_signed_chain(object, signer, pinned, at);
	sk_X509_free(pinned);
	return result == PROVCARD_REFUSAL_SIGNER_UNTRUSTED ? PROVCARD_REFUSAL_GRANT_APPROVALS : result;
}

/* One key, one member: two certificates for a key would make two of one. */
static bool shares_key(const struct provpkg_signed *object, const struct signatures *signatures, size_t member, size_t other)
{
	for (size_t i = 0; i < PROVPKG_MEMBER_SIGNERS_MAX; i++) {
		for (size_t k = 0; k < PROVPKG_MEMBER_SIGNERS_MAX; k++) {
			size_t one = signatures->by[member][i], two = signatures->by[other][k];

			if (one != NOBODY && two != NOBODY &&
			    EVP_PKEY_eq(X509_get0_pubkey(provpkg_signed_signer(object, one)),
					X509_get0_pubkey(provpkg_signed_signer(object, two))) == 1)
				return true;
		}
	}
	return false;
}

static int judge_member(const struct provpkg_authority *authority, size_t member, const struct provpkg_suite *suite,
			const struct provpkg_signed *object, const struct signatures *signatures, int64_t at)
{
	int expired = 0;

	if (authority->member[member].signers != suite->signers)
		return PROVCARD_REFUSAL_GRANT_APPROVALS;
	for (size_t i = 0; i < member; i++)
		if (shares_key(object, signatures, member, i))
			return PROVCARD_REFUSAL_GRANT_APPROVALS;
	for (size_t k = 0; k < suite->signers; k++) {
		int result = judge_signature(object, signatures->by[member][k], suite->signer[k].kind, at);

		if (result == PROVCARD_REFUSAL_SIGNER_EXPIRED)
			expired = result;
		else if (result)
			return result;
	}
	return expired;
}

int provpkg_authority_judge(const struct provpkg_authority *authority, unsigned int suite, const struct provpkg_signed *object,
			    int64_t at, uint32_t *signed_by)
{
	const struct provpkg_suite *demands = provpkg_suite_find(suite);
	unsigned int count = 0, expired = 0;
	struct signatures signatures;
	uint32_t members = 0;
	int result;

	if (!demands)
		return PROVCARD_REFUSAL_SUITE_UNKNOWN;
	result = note_signers(authority, object, &signatures);
	for (size_t i = 0; !result && i < authority->members; i++) {
		int code = judge_member(authority, i, demands, object, &signatures, at);

		if (code < 0)
			result = code;
		if (!code)
			members |= 1u << i;
		count += !code;
		expired += code == PROVCARD_REFUSAL_SIGNER_EXPIRED;
	}
	if (signed_by && result >= 0)
		*signed_by = members;
	if (result || count >= authority->threshold)
		return result;
	return count + expired >= authority->threshold ? PROVCARD_REFUSAL_SIGNER_EXPIRED : PROVCARD_REFUSAL_GRANT_APPROVALS;
}
