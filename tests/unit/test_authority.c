// SPDX-License-Identifier: GPL-2.0-or-later
/* Quota authorities: who belongs to one, when enough of it signed a grant, and how both stand in a manifest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/provpkg/der.h"
#include "lib/provpkg/manifest_form.h"
#include "tests/unit/parcel.h"

#define MEMBERS 3
#define REFUSED(name) PROVCARD_REFUSAL_##name

static struct pki_oem member[MEMBERS], oem;
static struct provpkg_authority authority;
static const struct provpkg_view content = { (const uint8_t *)"a grant of some units", 21 };

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < MEMBERS; i++)
		pki_oem_new(&member[i], "member");
	pki_oem_new(&oem, "Acme");
	pki_authority(member, MEMBERS, 2, &authority);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < MEMBERS; i++)
		pki_oem_free(&member[i]);
	pki_oem_free(&oem);
	return 0;
}

/* ---- Judging ---- */

/* As many of @signers as there are, at @at; *members gets who counts. */
static int judge_at(const struct provpkg_authority *by, unsigned int suite, const struct provpkg_signer *signers, size_t count, int64_t at,
		    uint32_t *members)
{
	struct provpkg_blob cms = { 0 };
	struct provpkg_signed *object;
	int result;

	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_GRANT, content, signers, count, &cms), 0);
	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&cms), &object), 0);
	result = provpkg_authority_judge(by, suite, object, at, members);
	provpkg_signed_free(object);
	provpkg_blob_free(&cms);
	return result;
}

static int judge(const struct provpkg_signer *signers, size_t count, uint32_t *members)
{
	return judge_at(&authority, PROVPKG_SUITE_HYBRID, signers, count, PKI_NOW, members);
}

static void enough_members_grant(void **state)
{
	const struct provpkg_signer *a = member[0].signers, *b = member[1].signers, *c = member[2].signers;
	uint32_t by;

	(void)state;
	assert_int_equal(judge((struct provpkg_signer[]){ a[0], a[1], b[0], b[1] }, 4, &by), 0);
	assert_int_equal(by, 3);
	assert_int_equal(judge((struct provpkg_signer[]){ c[1], b[0], c[0], b[1] }, 4, &by), 0);
	assert_int_equal(by, 6);
	assert_int_equal(judge((struct provpkg_signer[]){ a[0], a[1], b[0], b[1], c[0], c[1] }, 6, &by), 0);
	assert_int_equal(by, 7);
	assert_int_equal(judge((struct provpkg_signer[]){ a[0], a[1], b[0], b[1] }, 4, NULL), 0);
	/* A half beside two wholes takes nothing away. */
	assert_int_equal(judge((struct provpkg_signer[]){ a[0], a[1], b[0], b[1], c[0] }, 5, &by), 0);
	assert_int_equal(by, 3);
}

static void too_few_do_not(void **state)
{
	const struct provpkg_signer *a = member[0].signers, *b = member[1].signers, *c = member[2].signers;
	uint32_t by;

	(void)state;
	assert_int_equal(judge(a, 2, &by), REFUSED(GRANT_APPROVALS));
	assert_int_equal(by, 1);
	/* Only whole sets count: halves of three do not make two. */
	for (size_t kind = 0; kind < 2; kind++) {
		assert_int_equal(judge((struct provpkg_signer[]){ a[0], a[1], b[kind], c[kind] }, 4, &by), REFUSED(GRANT_APPROVALS));
		assert_int_equal(by, 1);
		assert_int_equal(judge((struct provpkg_signer[]){ a[kind], b[kind], c[kind] }, 3, &by), REFUSED(GRANT_APPROVALS));
		assert_int_equal(by, 0);
	}
	assert_int_equal(judge((struct provpkg_signer[]){ a[0], b[1] }, 2, &by), REFUSED(GRANT_APPROVALS));
}

static void others_are_neither_needed_nor_allowed(void **state)
{
	const struct provpkg_signer *a = member[0].signers, *b = member[1].signers;

	(void)state;
	assert_int_equal(judge(oem.signers, 2, NULL), REFUSED(GRANT_AUTHORITY));
	assert_int_equal(judge((struct provpkg_signer[]){ a[0], a[1], b[0], b[1], oem.signers[0] }, 5, NULL), REFUSED(GRANT_AUTHORITY));
	assert_int_equal(judge((struct provpkg_signer[]){ a[0], a[1], oem.signers[0], oem.signers[1] }, 4, NULL), REFUSED(GRANT_AUTHORITY));
}

/* The second member's certificate for the same key by @profile, in place of the one that it has. */
static int judge_renewed(const struct pki_profile *profile, int64_t at, bool with_third)
{
	struct provpkg_signer signers[6] = { member[0].signers[0], member[0].signers[1], member[1].signers[0],
					     member[1].signers[1], member[2].signers[0], member[2].signers[1] };
	struct provpkg_authority by = authority;
	X509 *certificate = pki_certificate(member[1].classical.key, profile, member[1].classical.root, member[1].classical.root_key);
	int result;

	assert_int_equal(provpkg_certificate_digest(certificate, by.member[1].signer[0]), 0);
	signers[2].certificate = certificate;
	result = judge_at(&by, PROVPKG_SUITE_HYBRID, signers, with_third ? 6 : 4, at, NULL);
	X509_free(certificate);
	return result;
}

static void certificates_are_judged_by_the_time_given(void **state)
{
	const struct pki_profile today = { .not_before = PKI_NOW - PKI_DAY, .not_after = PKI_NOW + PKI_DAY };

	(void)state;
	assert_int_equal(judge_renewed(&today, PKI_NOW, false), 0);
	assert_int_equal(judge_renewed(&today, PKI_NOW + 2 * PKI_DAY, false), REFUSED(SIGNER_EXPIRED));
	assert_int_equal(judge_renewed(&today, PKI_NOW - 2 * PKI_DAY, false), REFUSED(SIGNER_EXPIRED));
	assert_int_equal(judge_renewed(&today, PKI_NOW + 2 * PKI_DAY, true), 0);
}

static void certificates_must_be_for_signing(void **state)
{
	(void)state;
	assert_int_equal(judge_renewed(&(struct pki_profile){ .usage = "critical,keyAgreement" }, PKI_NOW, false),
			 REFUSED(GRANT_APPROVALS));
	assert_int_equal(judge_renewed(&(struct pki_profile){ .usage = "critical,keyAgreement" }, PKI_NOW, true), 0);
}

/* Two names, four certificates, but a key that both have: that is one member. */
static void one_key_is_one_member(void **state)
{
	struct provpkg_signer signers[4] = { member[0].signers[0], member[0].signers[1], member[0].signers[0], member[1].signers[1] };
	struct provpkg_authority by = authority;
	uint32_t counted;
	X509 *again = pki_certificate(member[0].classical.key, NULL, member[0].classical.root, member[0].classical.root_key);

	(void)state;
	signers[2].certificate = again;
	assert_int_equal(provpkg_certificate_digest(again, by.member[1].signer[0]), 0);
	assert_true(provpkg_authority_valid(&by, PROVPKG_SUITE_HYBRID));
	assert_int_equal(judge_at(&by, PROVPKG_SUITE_HYBRID, signers, 4, PKI_NOW, &counted), REFUSED(GRANT_APPROVALS));
	assert_int_equal(counted, 1);
	X509_free(again);
}

static void the_suite_says_what_a_set_is(void **state)
{
	struct provpkg_authority by = authority;

	(void)state;
	assert_int_equal(judge_at(&authority, 99, member[0].signers, 2, PKI_NOW, NULL), REFUSED(SUITE_UNKNOWN));
	/* The two certificates the other way round: neither key is of the kind that its place demands. */
	by.threshold = 1;
	memcpy(by.member[0].signer[0], authority.member[0].signer[1], PROVPKG_HASH_SIZE);
	memcpy(by.member[0].signer[1], authority.member[0].signer[0], PROVPKG_HASH_SIZE);
	assert_int_equal(judge_at(&by, PROVPKG_SUITE_HYBRID, member[0].signers, 2, PKI_NOW, NULL), REFUSED(GRANT_APPROVALS));
	by = authority;
	by.threshold = 1;
	by.member[0].signers = 1;
	assert_int_equal(judge_at(&by, PROVPKG_SUITE_HYBRID, member[0].signers, 1, PKI_NOW, NULL), REFUSED(GRANT_APPROVALS));
	assert_false(provpkg_authority_valid(&by, PROVPKG_SUITE_HYBRID));
	assert_false(provpkg_authority_valid(&authority, 99));
}

/* Suite 2: one signature is a member's whole set, and a pair of suite 1 is none. */
static void members_of_suite_2_sign_once(void **state)
{
	struct provpkg_authority by = { .threshold = 2 };
	struct provpkg_signer signers[2];
	struct pki_chain chain[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		STACK_OF(X509) *certificates = sk_X509_new_null();

		pki_chain_new(&chain[i], "ML-DSA-87", &(struct pki_profile){ .subject = "member" });
		signers[i] = (struct provpkg_signer){ chain[i].key, chain[i].certificate, NULL };
		assert_true(sk_X509_push(certificates, chain[i].certificate));
		assert_int_equal(provpkg_authority_add(&by, PROVPKG_SUITE_HYBRID, "x", certificates), REFUSED(CERTIFICATE_UNUSABLE));
		assert_int_equal(provpkg_authority_add(&by, PROVPKG_SUITE_CNSA2, i ? "b" : "a", certificates), 0);
		sk_X509_free(certificates);
	}
	assert_true(provpkg_authority_valid(&by, PROVPKG_SUITE_CNSA2));
	assert_false(provpkg_authority_valid(&by, PROVPKG_SUITE_HYBRID));
	assert_false(provpkg_authority_valid(&authority, PROVPKG_SUITE_CNSA2));
	assert_int_equal(judge_at(&by, PROVPKG_SUITE_CNSA2, signers, 2, PKI_NOW, NULL), 0);
	assert_int_equal(judge_at(&by, PROVPKG_SUITE_CNSA2, signers, 1, PKI_NOW, NULL), REFUSED(GRANT_APPROVALS));
	assert_int_equal(judge_at(&by, PROVPKG_SUITE_HYBRID, signers, 2, PKI_NOW, NULL), REFUSED(GRANT_APPROVALS));
	assert_int_equal(judge_at(&authority, PROVPKG_SUITE_CNSA2, member[0].signers, 2, PKI_NOW, NULL), REFUSED(GRANT_APPROVALS));
	for (size_t i = 0; i < 2; i++)
		pki_chain_free(&chain[i]);
}

/* ---- Form ---- */

static int encode(const struct provpkg_authority *from, struct provpkg_blob *der)
{
	*der = (struct provpkg_blob){ 0 };
	return provpkg_authority_encode(from, der);
}

static void what_is_encoded_is_decoded(void **state)
{
	struct provpkg_authority large = { .threshold = 16, .members = 16 }, back;
	struct provpkg_blob der;

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		memset(large.member[i].name, 'a' + (int)i, PROVPKG_NAME_MAX);
		large.member[i].signers = 2;
		large.member[i].signer[0][0] = large.member[i].signer[1][1] = (uint8_t)(i + 1);
	}
	assert_int_equal(encode(&large, &der), 0);
	assert_int_equal(provpkg_authority_decode(provpkg_blob_view(&der), &back), 0);
	assert_memory_equal(&back, &large, sizeof(large));
	for (size_t size = 0; size < der.size; size++)
		assert_int_equal(provpkg_authority_decode((struct provpkg_view){ der.data, size }, &back), REFUSED(MANIFEST_DER));
	provpkg_blob_free(&der);
}

static void what_does_not_fit_is_not_encoded(void **state)
{
	struct provpkg_authority wrong[8];
	struct provpkg_blob der;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		wrong[i] = authority;
	wrong[0].threshold = 0;
	wrong[1].threshold = MEMBERS + 1;
	wrong[2].members = 0;
	wrong[3].members = PROVPKG_MEMBERS_MAX + 1;
	memcpy(wrong[4].member[2].name, authority.member[0].name, sizeof(authority.member[0].name));
	memcpy(wrong[5].member[2].signer[1], authority.member[0].signer[0], PROVPKG_HASH_SIZE);
	memcpy(wrong[6].member[1].signer[1], authority.member[1].signer[0], PROVPKG_HASH_SIZE);
	wrong[7].member[1].signers = 0;
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(encode(&wrong[i], &der), -EINVAL);
		assert_false(provpkg_authority_valid(&wrong[i], PROVPKG_SUITE_HYBRID));
	}
	wrong[0] = authority;
	wrong[0].member[0].name[0] = 0;
	assert_int_equal(encode(&wrong[0], &der), -EINVAL);
}

static int add(struct provpkg_authority *to, const char *name, X509 *first, X509 *second, X509 *third)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	X509 *all[] = { first, second, third };
	int result;

	for (size_t i = 0; i < 3; i++)
		if (all[i])
			sk_X509_push(certificates, all[i]);
	result = provpkg_authority_add(to, PROVPKG_SUITE_HYBRID, name, certificates);
	sk_X509_free(certificates);
	return result;
}

static void members_are_added_by_their_certificates(void **state)
{
	X509 *a = member[0].signers[0].certificate, *a_pq = member[0].signers[1].certificate;
	X509 *b = member[1].signers[0].certificate, *b_pq = member[1].signers[1].certificate;
	struct provpkg_authority made = { .threshold = 1 };
	X509 *unusable = pki_certificate(member[1].classical.key, &(struct pki_profile){ .usage = "critical,keyAgreement" }, NULL, NULL);

	(void)state;
	assert_int_equal(add(&made, "a", a_pq, a, NULL), 0);
	assert_int_equal(add(&made, "a", b, b_pq, NULL), -EINVAL);
	assert_int_equal(add(&made, "b", b, a_pq, NULL), -EINVAL);
	assert_int_equal(add(&made, "", b, b_pq, NULL), -EINVAL);
	assert_int_equal(add(&made, "b", b, NULL, NULL), REFUSED(CERTIFICATE_UNUSABLE));
	assert_int_equal(add(&made, "b", b, b, NULL), REFUSED(CERTIFICATE_UNUSABLE));
	assert_int_equal(add(&made, "b", b, b_pq, a), REFUSED(CERTIFICATE_UNUSABLE));
	assert_int_equal(add(&made, "b", unusable, b_pq, NULL), REFUSED(CERTIFICATE_UNUSABLE));
	assert_int_equal(made.members, 1);
	assert_int_equal(add(&made, "b", b, b_pq, NULL), 0);
	assert_int_equal(made.members, 2);
	assert_memory_equal(made.member[0].signer, authority.member[0].signer, sizeof(made.member[0].signer));
	assert_memory_equal(made.member[1].signer, authority.member[1].signer, sizeof(made.member[1].signer));
	assert_true(provpkg_authority_valid(&made, PROVPKG_SUITE_HYBRID));
	assert_int_equal(provpkg_authority_add(&made, 99, "c", NULL), REFUSED(SUITE_UNKNOWN));
	made.members = PROVPKG_MEMBERS_MAX;
	assert_int_equal(add(&made, "c", b, b_pq, NULL), -EINVAL);
	X509_free(unusable);
}

/* ---- In a manifest ---- */

static struct parcel parcel;

static int pack(void **state)
{
	(void)state;
	parcel_new(&parcel, 4096);
	return 0;
}

static int unpack(void **state)
{
	(void)state;
	parcel_free(&parcel);
	return 0;
}

static void a_manifest_names_the_authority_and_grants_nothing(void **state)
{
	static const struct provpkg_approval approvals[] = { { PROVPKG_OPERATION_ALLOCATE, PROVPKG_ROLE_OPERATOR, 2 },
							     { PROVPKG_OPERATION_CLOSE, PROVPKG_ROLE_AUDITOR, 16 } };
	const struct provpkg_manifest_fields *fields;
	struct provpkg_manifest *manifest;
	const struct provpkg_grant *grant;
	uint8_t key[PROVPKG_KEY_SIZE];

	(void)state;
	parcel.build.authority = &authority;
	parcel.build.approvals = approvals;
	parcel.build.approval_count = 2;
	for (size_t i = 0; i < PARCEL_CARDS; i++)
		parcel.recipients[i].ceiling_good = parcel.recipients[i].ceiling_scrap = 0;
	parcel_pack(&parcel);
	assert_int_equal(parcel_open(&parcel, &manifest), 0);
	fields = provpkg_manifest_fields(manifest);
	assert_memory_equal(fields->authority, &authority, sizeof(authority));
	assert_int_equal(fields->approvals, 2);
	assert_memory_equal(fields->approval, approvals, sizeof(approvals));
	assert_int_equal(fields->grants, 0);
	assert_int_equal(provpkg_manifest_recipient(manifest, fields->card_ids[1]), 0);
	assert_int_equal(provpkg_manifest_recipient(manifest, key), REFUSED(NOT_A_RECIPIENT));
	assert_int_equal(provpkg_manifest_grant(manifest, fields->card_ids[0], &grant), REFUSED(GRANT_MISSING));
	assert_int_equal(parcel_key(&parcel, manifest, 0, key), 0);
	provpkg_manifest_free(manifest);
}

static void what_the_card_would_refuse_is_not_packed(void **state)
{
	struct provpkg_approval twice[2] = { { PROVPKG_OPERATION_CLOSE, PROVPKG_ROLE_AUDITOR, 1 },
					     { PROVPKG_OPERATION_CLOSE, PROVPKG_ROLE_AUDITOR, 2 } };
	struct provpkg_builder *builder = NULL;
	struct provpkg_authority wrong = authority;

	(void)state;
	parcel.build.approvals = twice;
	parcel.build.approval_count = 2;
	assert_int_equal(provpkg_builder_new(&parcel.build, &builder), -EINVAL);
	parcel.build.approval_count = 1;
	parcel.build.authority = &authority;
	assert_int_equal(provpkg_builder_new(&parcel.build, &builder), -EINVAL); /* ceilings beside it */
	for (size_t i = 0; i < PARCEL_CARDS; i++)
		parcel.recipients[i].ceiling_good = parcel.recipients[i].ceiling_scrap = 0;
	wrong.member[0].signers = 1;
	parcel.build.authority = &wrong;
	assert_int_equal(provpkg_builder_new(&parcel.build, &builder), -EINVAL);
	parcel.build.authority = &authority;
	assert_int_equal(provpkg_builder_new(&parcel.build, &builder), 0);
	provpkg_builder_free(builder);
}

/* The parcel's manifest, altered and signed again by its OEM. */
static int refusal_of(void (*alter)(MANIFEST_CORE *core))
{
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct provpkg_manifest *manifest = NULL;
	struct provpkg_signed *object;
	MANIFEST *form;
	void *decoded;
	int result;

	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&parcel.manifest), &object), 0);
	assert_int_equal(provpkg_der_decode(provpkg_signed_content(object), PROVPKG_MANIFEST_MAX, ASN1_ITEM_rptr(MANIFEST), 1, &decoded), 0);
	form = decoded;
	alter(form->core);
	assert_int_equal(provpkg_der_encode(form, ASN1_ITEM_rptr(MANIFEST), &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&der), parcel.oem.signers, 2, &cms), 0);
	result = provpkg_manifest_open(provpkg_blob_view(&cms), &manifest);
	provpkg_manifest_free(manifest);
	provpkg_signed_free(object);
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(MANIFEST));
	return result;
}

static void approve(MANIFEST_CORE *core, uint32_t operation, uint32_t role, uint32_t count)
{
	APPROVAL *approval = (APPROVAL *)ASN1_item_new(ASN1_ITEM_rptr(APPROVAL));

	*approval = (APPROVAL){ operation, role, count };
	if (!core->approvals)
		core->approvals = sk_APPROVAL_new_null();
	assert_true(sk_APPROVAL_push(core->approvals, approval));
}

static void alter_all(MANIFEST_CORE *core)
{
	for (uint32_t role = PROVPKG_ROLE_OFFICER; role <= PROVPKG_ROLE_AUDITOR; role++) {
		approve(core, PROVPKG_OPERATION_ALLOCATE, role, 1);
		approve(core, PROVPKG_OPERATION_CLOSE, role, 16);
	}
}

static void alter_empty(MANIFEST_CORE *core)
{
	core->approvals = sk_APPROVAL_new_null();
}

static void alter_twice(MANIFEST_CORE *core)
{
	approve(core, PROVPKG_OPERATION_CLOSE, PROVPKG_ROLE_AUDITOR, 1);
	approve(core, PROVPKG_OPERATION_CLOSE, PROVPKG_ROLE_AUDITOR, 2);
}

static void alter_operation(MANIFEST_CORE *core)
{
	approve(core, PROVPKG_OPERATION_ZEROISE, PROVPKG_ROLE_OFFICER, 1);
}

static void alter_role(MANIFEST_CORE *core)
{
	approve(core, PROVPKG_OPERATION_CLOSE, PROVPKG_ROLE_OEM, 1);
}

static void alter_no_count(MANIFEST_CORE *core)
{
	approve(core, PROVPKG_OPERATION_CLOSE, PROVPKG_ROLE_AUDITOR, 0);
}

static void alter_count(MANIFEST_CORE *core)
{
	approve(core, PROVPKG_OPERATION_CLOSE, PROVPKG_ROLE_AUDITOR, 17);
}

static void set_authority(MANIFEST_CORE *core)
{
	core->authority = (QUOTA_AUTHORITY *)ASN1_item_new(ASN1_ITEM_rptr(QUOTA_AUTHORITY));
	assert_int_equal(provpkg_authority_set(core->authority, &authority), 0);
}

static void a_manifest_with_wrong_demands_is_refused(void **state)
{
	static void (*const wrong[])(MANIFEST_CORE *core) = { alter_empty, alter_twice,	   alter_operation, alter_role,
							      alter_no_count, alter_count, set_authority };

	(void)state;
	parcel_pack(&parcel);
	assert_int_equal(refusal_of(alter_all), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(refusal_of(wrong[i]), REFUSED(MANIFEST_DER));
}

static void alter_threshold(MANIFEST_CORE *core)
{
	core->authority->threshold = MEMBERS + 1;
}

/* A set for another suite. */
static void alter_signers(MANIFEST_CORE *core)
{
	QUOTA_MEMBER *first = sk_QUOTA_MEMBER_value(core->authority->members, 0);

	ASN1_OCTET_STRING_free(sk_ASN1_OCTET_STRING_pop(first->signers));
}

static void alter_digest(MANIFEST_CORE *core)
{
	QUOTA_MEMBER *first = sk_QUOTA_MEMBER_value(core->authority->members, 0);

	sk_ASN1_OCTET_STRING_value(first->signers, 0)->length--;
}

static void alter_nothing(MANIFEST_CORE *core)
{
	(void)core;
}

static void a_manifest_with_a_wrong_authority_is_refused(void **state)
{
	(void)state;
	parcel.build.authority = &authority;
	for (size_t i = 0; i < PARCEL_CARDS; i++)
		parcel.recipients[i].ceiling_good = parcel.recipients[i].ceiling_scrap = 0;
	parcel_pack(&parcel);
	assert_int_equal(refusal_of(alter_nothing), 0);
	assert_int_equal(refusal_of(alter_threshold), REFUSED(MANIFEST_DER));
	assert_int_equal(refusal_of(alter_signers), REFUSED(MANIFEST_DER));
	assert_int_equal(refusal_of(alter_digest), REFUSED(MANIFEST_DER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enough_members_grant),
		cmocka_unit_test(too_few_do_not),
		cmocka_unit_test(others_are_neither_needed_nor_allowed),
		cmocka_unit_test(certificates_are_judged_by_the_time_given),
		cmocka_unit_test(certificates_must_be_for_signing),
		cmocka_unit_test(one_key_is_one_member),
		cmocka_unit_test(the_suite_says_what_a_set_is),
		cmocka_unit_test(members_of_suite_2_sign_once),
		cmocka_unit_test(members_are_added_by_their_certificates),
		cmocka_unit_test(what_is_encoded_is_decoded),
		cmocka_unit_test(what_does_not_fit_is_not_encoded),
		cmocka_unit_test_setup_teardown(a_manifest_names_the_authority_and_grants_nothing, pack, unpack),
		cmocka_unit_test_setup_teardown(what_the_card_would_refuse_is_not_packed, pack, unpack),
		cmocka_unit_test_setup_teardown(a_manifest_with_wrong_demands_is_refused, pack, unpack),
		cmocka_unit_test_setup_teardown(a_manifest_with_a_wrong_authority_is_refused, pack, unpack),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
