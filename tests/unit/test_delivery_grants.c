// SPDX-License-Identifier: GPL-2.0-or-later
/* Who granted what in a delivery: by the OEM, by a quota authority; and what a card that takes grants too easily is caught at. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/delivery.h"

#define MEMBERS 3
#define REFUSAL(name) PROVCARD_REFUSAL_##name

/* Where the unit that was refused stood, a grant is recorded here; a first one of an authority where units were allocated. */
enum { LATER = REFUSED, FIRST = ALLOCATED };

static struct pki_oem member[MEMBERS], oem;
static struct provpkg_signer two[4]; /* members */

static int setup(void **state)
{
	for (size_t i = 0; i < MEMBERS; i++)
		pki_oem_new(&member[i], "member");
	pki_oem_new(&oem, "Acme");
	for (size_t i = 0; i < 4; i++)
		two[i] = member[i / 2].signers[i % 2];
	return delivery_world_new(state);
}

static int teardown(void **state)
{
	for (size_t i = 0; i < MEMBERS; i++)
		pki_oem_free(&member[i]);
	pki_oem_free(&oem);
	return delivery_world_free(state);
}

static struct provpkg_grant grant_of(const struct delivery *delivery, uint64_t sequence, uint64_t good, uint64_t scrap)
{
	struct provpkg_grant grant = { .sequence = sequence, .ceiling_good = good, .ceiling_scrap = scrap };

	memcpy(grant.card_id, delivery->end.card_id, sizeof(grant.card_id));
	memcpy(grant.package_id, delivery->end.package_id, sizeof(grant.package_id));
	return grant;
}

static void attach(struct entry *entry, struct provpkg_blob attachment)
{
	provpkg_blob_free(&entry->attachment);
	delivery_attach(entry, attachment);
}

static void record_signed(struct entry *entry, const struct provpkg_grant *grant, const struct provpkg_signer *signers, size_t count)
{
	struct provpkg_blob der = { 0 }, cms = { 0 };

	assert_int_equal(provpkg_grant_encode(grant, &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&der), signers, count, &cms), 0);
	provpkg_blob_free(&der);
	attach(entry, cms);
}

/* The entry of another event becomes a grant's. */
static struct entry *as_granted(struct delivery *delivery, uint64_t index)
{
	struct entry *entry = &delivery->entry[index];

	entry->record.event = PROVPKG_EVENT_GRANTED;
	entry->record.has_unit = false;
	return entry;
}

/* ---- By the OEM ---- */

/* The manifest's grant is of 5 and 1; @grant becomes the later one, which is to be of 8 and 2. */
static void granted_by_oem(struct delivery *delivery, struct provpkg_grant *grant)
{
	struct provpkg_grant first;
	struct provpkg_blob der = { 0 };

	delivery_new(delivery);
	first = grant_of(delivery, 1, 5, 1);
	assert_int_equal(provpkg_grant_encode(&first, &der), 0);
	attach(&delivery->entry[LOADED], der);
	*grant = grant_of(delivery, 2, 8, 2);
	assert_int_equal(provpkg_grant_digest(&first, grant->previous), 0);
	as_granted(delivery, LATER);
}

static int verify_by(struct delivery *delivery, STACK_OF(X509) *anchors)
{
	struct provpkg_verifier *verifier;
	int result;

	delivery_seal(delivery);
	delivery_sign(delivery, world.made.signers, 2);
	verifier = delivery_verifier(delivery);
	if (anchors)
		assert_int_equal(provpkg_verifier_oem(verifier, anchors), 0);
	result = delivery_feed_range(verifier, delivery, 0, LOG_SIZE);
	if (!result)
		result = provpkg_verifier_finish(verifier);
	provpkg_verifier_free(verifier);
	return result;
}

/* The later grant is @grant, signed by @signers. */
static int verify_later(struct delivery *delivery, const struct provpkg_grant *grant, const struct provpkg_signer *signers, size_t count,
			STACK_OF(X509) *anchors)
{
	record_signed(&delivery->entry[LATER], grant, signers, count);
	return verify_by(delivery, anchors);
}

static void the_oem_grants(void **state)
{
	const struct provpkg_signer strange[] = { member[0].signers[0], member[0].signers[1] };
	struct provpkg_grant grant;
	struct delivery delivery;

	(void)state;
	granted_by_oem(&delivery, &grant);
	assert_int_equal(verify_later(&delivery, &grant, oem.signers, 2, oem.anchors), 0);
	assert_int_equal(verify_by(&delivery, NULL), 0);
	assert_int_equal(verify_by(&delivery, member[0].anchors), REFUSAL(SIGNER_UNTRUSTED));
	assert_int_equal(verify_later(&delivery, &grant, strange, 2, oem.anchors), REFUSAL(SIGNER_UNTRUSTED));
	assert_int_equal(verify_later(&delivery, &grant, oem.signers, 1, oem.anchors), REFUSAL(MANIFEST_SIGNER_MISSING));
	assert_int_equal(verify_later(&delivery, &grant, oem.signers, 1, NULL), REFUSAL(MANIFEST_SIGNER_MISSING));
	delivery.entry[LATER].record.time = PKI_NOW + 1000 * PKI_DAY * 365;
	assert_int_equal(verify_later(&delivery, &grant, oem.signers, 2, oem.anchors), REFUSAL(SIGNER_EXPIRED));
	delivery_free(&delivery);
}

static void grants_follow_each_other(void **state)
{
	struct provpkg_grant grant, other;
	struct delivery delivery;

	(void)state;
	granted_by_oem(&delivery, &grant);
	other = grant;
	other.sequence = 3;
	assert_int_equal(verify_later(&delivery, &other, oem.signers, 2, NULL), REFUSAL(GRANT_SEQUENCE));
	other = grant;
	other.previous[0] ^= 1;
	assert_int_equal(verify_later(&delivery, &other, oem.signers, 2, NULL), REFUSAL(GRANT_SEQUENCE));
	other = grant_of(&delivery, 1, 8, 2);
	assert_int_equal(verify_later(&delivery, &other, oem.signers, 2, NULL), REFUSAL(GRANT_SEQUENCE));
	other = grant;
	other.ceiling_good = 4;
	assert_int_equal(verify_later(&delivery, &other, oem.signers, 2, NULL), REFUSAL(GRANT_LOWERED));
	other = grant;
	other.ceiling_scrap = 0;
	assert_int_equal(verify_later(&delivery, &other, oem.signers, 2, NULL), REFUSAL(GRANT_LOWERED));
	other = grant;
	other.card_id[0] ^= 1;
	assert_int_equal(verify_later(&delivery, &other, oem.signers, 2, NULL), REFUSAL(GRANT_MISSING));
	other = grant;
	other.package_id[0] ^= 1;
	assert_int_equal(verify_later(&delivery, &other, oem.signers, 2, NULL), REFUSAL(GRANT_MISSING));
	other = grant;
	other.termination = true;
	assert_int_equal(verify_later(&delivery, &other, oem.signers, 2, NULL), REFUSAL(RECORD_MISPLACED));
	delivery_free(&delivery);
}

/* What the end certificate claims was granted, and when units were made, is what the grants say. */
static void ceilings_are_the_grants(void **state)
{
	struct provpkg_grant grant, other;
	struct provpkg_blob der = { 0 };
	struct delivery delivery;

	(void)state;
	granted_by_oem(&delivery, &grant);
	other = grant;
	other.ceiling_good = 9;
	assert_int_equal(verify_later(&delivery, &other, oem.signers, 2, NULL), REFUSAL(COUNTS_MISMATCH));
	other = grant;
	other.ceiling_scrap = 3;
	assert_int_equal(verify_later(&delivery, &other, oem.signers, 2, NULL), REFUSAL(COUNTS_MISMATCH));
	other = grant_of(&delivery, 1, 0, 0); /* a unit was made before the later one */
	assert_int_equal(provpkg_grant_encode(&other, &der), 0);
	attach(&delivery.entry[LOADED], der);
	assert_int_equal(provpkg_grant_digest(&other, grant.previous), 0);
	assert_int_equal(verify_later(&delivery, &grant, oem.signers, 2, NULL), REFUSAL(COUNTS_MISMATCH));
	delivery_free(&delivery);
}

static void grants_cannot_be_left_out(void **state)
{
	static const struct provpkg_view none = { 0 };
	STACK_OF(X509) *nobody = sk_X509_new_null();
	struct provpkg_verifier *verifier;
	struct provpkg_grant grant;
	struct delivery delivery;

	(void)state;
	granted_by_oem(&delivery, &grant);
	record_signed(&delivery.entry[LATER], &grant, oem.signers, 2);
	record_signed(&delivery.entry[CLOSED], &grant, oem.signers, 2);
	delivery_seal(&delivery);
	delivery_sign(&delivery, world.made.signers, 2);
	verifier = delivery_begin(&delivery);
	assert_int_equal(provpkg_verifier_oem(verifier, nobody), -EINVAL);
	assert_int_equal(delivery_feed_with(verifier, &delivery, LOADED, none), REFUSAL(ATTACHMENT_MISMATCH));
	assert_int_equal(delivery_feed_range(verifier, &delivery, LOADED, LATER), 0);
	assert_int_equal(provpkg_verifier_oem(verifier, oem.anchors), -EINVAL);
	assert_int_equal(delivery_feed_with(verifier, &delivery, LATER, none), REFUSAL(ATTACHMENT_MISMATCH));
	assert_int_equal(delivery_feed_range(verifier, &delivery, LATER, CLOSED), 0);
	assert_int_equal(delivery_feed_with(verifier, &delivery, CLOSED, none), REFUSAL(ATTACHMENT_MISMATCH));
	provpkg_verifier_free(verifier);
	sk_X509_free(nobody);
	/* Nothing is known of who grants: then nobody may. */
	provpkg_blob_free(&delivery.entry[LOADED].attachment);
	memset(delivery.entry[LOADED].record.attachment_digest, 0, PROVPKG_HASH_SIZE);
	assert_int_equal(verify_by(&delivery, NULL), REFUSAL(GRANT_MISSING));
	delivery_free(&delivery);
}

/* ---- By a quota authority ---- */

/* Two of three members; *grant is the first, in the place of the allocation, of 8 and 2. */
static void granted_by_authority(struct delivery *delivery, struct provpkg_grant *grant)
{
	struct provpkg_authority authority;
	struct provpkg_blob der = { 0 };

	delivery_new(delivery);
	pki_authority(member, MEMBERS, 2, &authority);
	assert_int_equal(provpkg_authority_encode(&authority, &der), 0);
	attach(&delivery->entry[LOADED], der);
	*grant = grant_of(delivery, 1, 8, 2);
	as_granted(delivery, FIRST);
	for (size_t i = FIRST; i < LOG_SIZE; i++) {
		delivery->entry[i].record.before.allocated = 0;
		delivery->entry[i].record.after.allocated = 0;
	}
	record_signed(&delivery->entry[FIRST], grant, two, 4);
}

static int verify_first(struct delivery *delivery, const struct provpkg_grant *grant, const struct provpkg_signer *signers, size_t count)
{
	record_signed(&delivery->entry[FIRST], grant, signers, count);
	return verify_by(delivery, NULL);
}

static void enough_members_grant(void **state)
{
	const struct provpkg_signer halves[] = { two[0], two[3], member[2].signers[0] }, mixed[] = { two[0], two[1], oem.signers[0], oem.signers[1] };
	struct provpkg_grant grant, other;
	struct delivery delivery;

	(void)state;
	granted_by_authority(&delivery, &grant);
	assert_int_equal(verify_by(&delivery, NULL), 0);
	assert_int_equal(verify_by(&delivery, oem.anchors), 0); /* who are not asked */
	assert_int_equal(verify_first(&delivery, &grant, two, 2), REFUSAL(GRANT_APPROVALS));
	assert_int_equal(verify_first(&delivery, &grant, two, 3), REFUSAL(GRANT_APPROVALS));
	assert_int_equal(verify_first(&delivery, &grant, halves, 3), REFUSAL(GRANT_APPROVALS));
	assert_int_equal(verify_first(&delivery, &grant, oem.signers, 2), REFUSAL(GRANT_AUTHORITY));
	assert_int_equal(verify_first(&delivery, &grant, mixed, 4), REFUSAL(GRANT_AUTHORITY));
	other = grant;
	other.ceiling_good = 9;
	assert_int_equal(verify_first(&delivery, &other, two, 4), REFUSAL(COUNTS_MISMATCH));
	other = grant;
	other.sequence = 2;
	other.previous[0] = 1;
	assert_int_equal(verify_first(&delivery, &other, two, 4), REFUSAL(GRANT_SEQUENCE));
	assert_int_equal(verify_first(&delivery, &grant, two, 4), 0);
	delivery_free(&delivery);
}

/* Units before anybody granted any. */
static void nothing_is_made_ungranted(void **state)
{
	struct provpkg_grant grant;
	struct delivery delivery;

	(void)state;
	granted_by_authority(&delivery, &grant);
	delivery.entry[FIRST].record.event = PROVPKG_EVENT_ALLOCATED;
	delivery.entry[FIRST].record.after.allocated = 5;
	for (size_t i = FIRST_GOOD; i < LOG_SIZE; i++)
		delivery.entry[i].record.before.allocated = delivery.entry[i].record.after.allocated = 5;
	record_signed(as_granted(&delivery, LATER), &grant, two, 4);
	assert_int_equal(verify_by(&delivery, NULL), REFUSAL(COUNTS_MISMATCH));
	delivery_free(&delivery);
}

/* A termination leaves the ceilings; what is no grant is a request, and somebody else's to judge. */
static void terminations_are_judged(void **state)
{
	struct provpkg_grant grant, end;
	struct provpkg_blob request = { OPENSSL_memdup("request", 7), 7 };
	struct delivery delivery;

	(void)state;
	granted_by_authority(&delivery, &grant);
	end = grant_of(&delivery, 2, 0, 0);
	end.termination = true;
	assert_int_equal(provpkg_grant_digest(&grant, end.previous), 0);
	record_signed(&delivery.entry[CLOSED], &end, two, 4);
	assert_int_equal(verify_by(&delivery, NULL), 0);
	record_signed(&delivery.entry[CLOSED], &end, two, 2);
	assert_int_equal(verify_by(&delivery, NULL), REFUSAL(GRANT_APPROVALS));
	end.termination = false;
	end.ceiling_good = 8;
	end.ceiling_scrap = 2;
	record_signed(&delivery.entry[CLOSED], &end, two, 4);
	assert_int_equal(verify_by(&delivery, NULL), REFUSAL(RECORD_MISPLACED));
	attach(&delivery.entry[CLOSED], request);
	assert_int_equal(verify_by(&delivery, NULL), 0);
	delivery_free(&delivery);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oem_grants),	     cmocka_unit_test(grants_follow_each_other),
		cmocka_unit_test(ceilings_are_the_grants),   cmocka_unit_test(grants_cannot_be_left_out),
		cmocka_unit_test(enough_members_grant),	     cmocka_unit_test(nothing_is_made_ungranted),
		cmocka_unit_test(terminations_are_judged),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
