// SPDX-License-Identifier: GPL-2.0-or-later
/* The two suites beside each other: what each demands, and that neither passes for the other or for half of itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/provpkg/der.h"
#include "lib/provpkg/manifest_form.h"
#include "tests/unit/maker.h"
#include "tests/unit/parcel.h"

static struct parcel parcel[3]; /* by suite */

static int setup(void **state)
{
	(void)state;
	for (unsigned int suite = 1; suite <= 2; suite++) {
		parcel_new(&parcel[suite], 8192);
		parcel_suite(&parcel[suite], suite);
		parcel_pack(&parcel[suite]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	parcel_free(&parcel[1]);
	parcel_free(&parcel[2]);
	return 0;
}

/* ---- An honest package of suite 2 ---- */

static void suite_2_opens_for_each_card(void **state)
{
	struct parcel *of = &parcel[PROVPKG_SUITE_CNSA2];
	uint8_t key[2][PROVPKG_KEY_SIZE], plain[PROVPKG_SEGMENT_SIZE];
	struct provpkg_contents contents;
	struct provpkg_manifest *manifest;
	struct provpkg_payload *payload;
	size_t size;

	(void)state;
	assert_int_equal(parcel_open(of, &manifest), 0);
	assert_int_equal(provpkg_manifest_fields(manifest)->suite, PROVPKG_SUITE_CNSA2);
	assert_int_equal(provpkg_signed_count(provpkg_manifest_signed(manifest)), 1);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(parcel_key(of, manifest, i, key[i]), 0);
	assert_memory_equal(key[0], key[1], PROVPKG_KEY_SIZE);
	assert_int_equal(provpkg_payload_new(manifest, key[0], &payload), 0);
	assert_int_equal(provpkg_payload_segment(payload, 0, of->leaves.data, provpkg_blob_view(&of->payload), plain, &size), 0);
	assert_int_equal(provpkg_contents_decode(manifest, (struct provpkg_view){ plain, size }, &contents), 0);
	assert_int_equal(X509_cmp(contents.oem, of->oem.pq_87.certificate), 0);
	assert_memory_equal(plain + contents.image_area, of->image.data, of->image.size);
	provpkg_contents_clear(&contents);
	provpkg_payload_free(payload);
	provpkg_manifest_free(manifest);
}

/* Of a card's keys the ML-KEM-1024 one alone takes part. */
static void suite_2_takes_the_large_kem_key(void **state)
{
	struct parcel *of = &parcel[PROVPKG_SUITE_CNSA2];
	const struct pki_card *one = &of->cards[0], *other = &of->cards[1];
	struct provpkg_card_keys keys = { .kem_1024 = one->keys.kem_1024 };
	uint8_t expected[PROVPKG_KEY_SIZE], key[PROVPKG_KEY_SIZE];
	struct provpkg_manifest *manifest;

	(void)state;
	assert_int_equal(parcel_open(of, &manifest), 0);
	assert_int_equal(parcel_key(of, manifest, 0, expected), 0);
	assert_int_equal(provpkg_manifest_key(manifest, one->card.card_id, &keys, key), 0);
	assert_memory_equal(key, expected, sizeof(key));
	keys = one->keys;
	keys.kem_1024 = other->keys.kem_1024;
	assert_int_equal(provpkg_manifest_key(manifest, one->card.card_id, &keys, key), PROVCARD_REFUSAL_ENVELOPE);
	keys.kem_1024 = one->keys.kem_768;
	assert_int_equal(provpkg_manifest_key(manifest, one->card.card_id, &keys, key), PROVCARD_REFUSAL_ENVELOPE);
	provpkg_manifest_free(manifest);
}

/* ---- Correctly signed, and wrong ---- */

static MANIFEST *take_apart(unsigned int suite)
{
	struct provpkg_signed *object;
	void *form;

	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&parcel[suite].manifest), &object), 0);
	assert_int_equal(
		provpkg_der_decode(provpkg_signed_content(object), PROVPKG_MANIFEST_MAX, ASN1_ITEM_rptr(MANIFEST), 1, &form), 0);
	provpkg_signed_free(object);
	return form;
}

static int open_as(const struct provpkg_blob *der, unsigned int suite, const struct provpkg_signer *signers, size_t count)
{
	struct provpkg_manifest *manifest = NULL;
	struct provpkg_blob cms = { 0 };
	int result;

	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(der), signers, count, &cms), 0);
	result = provpkg_manifest_open(provpkg_blob_view(&cms), &manifest);
	if (!result)
		result = provpkg_manifest_trust(manifest, parcel[suite].oem.anchors, PKI_NOW);
	provpkg_manifest_free(manifest);
	provpkg_blob_free(&cms);
	return result;
}

/* The answer to a manifest of @suite, altered and signed anew by the signers named. */
static int answer(unsigned int suite, void (*alter)(MANIFEST *form), const struct provpkg_signer *signers, size_t count)
{
	MANIFEST *form = take_apart(suite);
	struct provpkg_blob der = { 0 };
	int result;

	if (alter)
		alter(form);
	assert_int_equal(provpkg_der_encode(form, ASN1_ITEM_rptr(MANIFEST), &der), 0);
	result = open_as(&der, suite, signers, count);
	provpkg_blob_free(&der);
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(MANIFEST));
	return result;
}

static void each_suite_demands_its_own_signers(void **state)
{
	const struct provpkg_signer *one = parcel[1].oem.signers, *two = parcel[2].oem.signers;
	const struct provpkg_signer stronger[2] = { one[0], one[2] };

	(void)state;
	assert_int_equal(answer(1, NULL, one, 2), 0);
	assert_int_equal(answer(2, NULL, two + 2, 1), 0);
	/* Suite 1: one of two; ML-DSA-87 does not stand in for ML-DSA-65. */
	assert_int_equal(answer(1, NULL, one, 1), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	assert_int_equal(answer(1, NULL, one + 1, 1), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	assert_int_equal(answer(1, NULL, one + 2, 1), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	assert_int_equal(answer(1, NULL, stronger, 2), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	/* Suite 2: nothing weaker, however many. */
	assert_int_equal(answer(2, NULL, two, 1), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	assert_int_equal(answer(2, NULL, two + 1, 1), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	assert_int_equal(answer(2, NULL, two, 2), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	/* Others may sign as well, if they are trusted. */
	assert_int_equal(answer(1, NULL, one, 3), 0);
	assert_int_equal(answer(2, NULL, two, 3), 0);
}

static void set_suite_0(MANIFEST *form)
{
	form->core->suite = 0;
}

static void set_suite_3(MANIFEST *form)
{
	form->core->suite = 3;
}

static void set_suite_last(MANIFEST *form)
{
	form->core->suite = UINT32_MAX;
}

static void other_numbers_are_no_suites(void **state)
{
	void (*const alter[])(MANIFEST * form) = { set_suite_0, set_suite_3, set_suite_last };

	(void)state;
	for (size_t i = 0; i < sizeof(alter) / sizeof(alter[0]); i++) {
		assert_int_equal(answer(1, alter[i], parcel[1].oem.signers, 2), PROVCARD_REFUSAL_SUITE_UNKNOWN);
		assert_int_equal(answer(2, alter[i], parcel[2].oem.signers + 2, 1), PROVCARD_REFUSAL_SUITE_UNKNOWN);
	}
}

static void flip_suite(MANIFEST *form)
{
	form->core->suite = 3 - form->core->suite;
}

static void drop_envelope(MANIFEST *form)
{
	ASN1_OCTET_STRING_free(form->agreement_envelope);
	form->agreement_envelope = NULL;
}

static void drop_key_ids(MANIFEST *form)
{
	for (int i = 0; i < sk_MANIFEST_RECIPIENT_num(form->recipients); i++) {
		MANIFEST_RECIPIENT *recipient = sk_MANIFEST_RECIPIENT_value(form->recipients, i);

		ASN1_OCTET_STRING_free(recipient->agreement_key_id);
		recipient->agreement_key_id = NULL;
	}
}

static void drop_agreement(MANIFEST *form)
{
	drop_envelope(form);
	drop_key_ids(form);
}

static void become_suite_2(MANIFEST *form)
{
	drop_agreement(form);
	flip_suite(form);
}

static void add_envelope(MANIFEST *form)
{
	form->agreement_envelope = ASN1_STRING_dup(form->kem_envelope);
}

static void add_key_ids(MANIFEST *form)
{
	MANIFEST_RECIPIENT *first = sk_MANIFEST_RECIPIENT_value(form->recipients, 0);

	first->agreement_key_id = ASN1_STRING_dup(first->kem_key_id);
}

/* The second share is there in suite 1 and not in suite 2; neither form is read as the other. */
static void each_suite_has_its_own_form(void **state)
{
	void (*const from_1[])(MANIFEST * form) = { flip_suite, drop_envelope, drop_key_ids, drop_agreement };
	void (*const from_2[])(MANIFEST * form) = { flip_suite, add_envelope, add_key_ids };

	(void)state;
	for (size_t i = 0; i < sizeof(from_1) / sizeof(from_1[0]); i++)
		assert_int_equal(answer(1, from_1[i], parcel[1].oem.signers, 3), PROVCARD_REFUSAL_MANIFEST_DER);
	for (size_t i = 0; i < sizeof(from_2) / sizeof(from_2[0]); i++)
		assert_int_equal(answer(2, from_2[i], parcel[2].oem.signers, 3), PROVCARD_REFUSAL_MANIFEST_DER);
	assert_int_equal(answer(1, become_suite_2, parcel[1].oem.signers, 2), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
}

/* The envelope of suite 1 in a manifest that calls itself suite 2: the card takes its other key, which opens nothing. */
static void an_envelope_keeps_its_suite(void **state)
{
	MANIFEST *form = take_apart(1);
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct provpkg_manifest *manifest;
	uint8_t key[PROVPKG_KEY_SIZE];

	(void)state;
	become_suite_2(form);
	assert_int_equal(provpkg_der_encode(form, ASN1_ITEM_rptr(MANIFEST), &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&der), parcel[1].oem.signers + 2, 1, &cms), 0);
	assert_int_equal(provpkg_manifest_open(provpkg_blob_view(&cms), &manifest), 0);
	assert_int_equal(provpkg_manifest_trust(manifest, parcel[1].oem.anchors, PKI_NOW), 0);
	assert_int_equal(parcel_key(&parcel[1], manifest, 0, key), PROVCARD_REFUSAL_ENVELOPE);
	provpkg_manifest_free(manifest);
	provpkg_blob_free(&cms);
	provpkg_blob_free(&der);
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(MANIFEST));
}

/* ---- Algorithms in SignerInfos ---- */

/* The last place in @bytes where @old stands becomes @new; false when there is none. */
static bool replace_last(struct provpkg_blob *bytes, const uint8_t *old, const uint8_t *new, size_t size)
{
	for (size_t at = bytes->size - size; at > 0; at--) {
		if (memcmp(bytes->data + at, old, size))
			continue;
		memcpy(bytes->data + at, new, size);
		return true;
	}
	return false;
}

static int open_altered(const uint8_t *old, const uint8_t *new, size_t size, bool everywhere)
{
	const struct provpkg_blob *honest = &parcel[2].manifest;
	struct provpkg_blob altered = { OPENSSL_memdup(honest->data, honest->size), honest->size };
	struct provpkg_manifest *manifest = NULL;
	int result;

	assert_true(replace_last(&altered, old, new, size));
	while (everywhere && replace_last(&altered, old, new, size))
		;
	result = provpkg_manifest_open(provpkg_blob_view(&altered), &manifest);
	provpkg_manifest_free(manifest);
	provpkg_blob_free(&altered);
	return result;
}

static void signature_algorithms_are_not_interchangeable(void **state)
{
	static const uint8_t ml_dsa_87[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13 };
	static const uint8_t ml_dsa_65[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12 };
	static const uint8_t prehashed[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x22 };
	static const uint8_t sha_512[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03 };
	static const uint8_t sha_384[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 };

	(void)state;
	/* The algorithm named must be the key's; the pre-hashed form (RFC 9882 excludes it) and another digest are no form at all.
	 */
	assert_int_equal(open_altered(ml_dsa_87, ml_dsa_65, sizeof(ml_dsa_87), false), PROVCARD_REFUSAL_MANIFEST_SIGNATURE);
	assert_int_equal(open_altered(ml_dsa_87, prehashed, sizeof(ml_dsa_87), false), PROVCARD_REFUSAL_MANIFEST_DER);
	assert_int_equal(open_altered(sha_512, sha_384, sizeof(sha_512), false), PROVCARD_REFUSAL_MANIFEST_DER);
	assert_int_equal(open_altered(sha_512, sha_384, sizeof(sha_512), true), PROVCARD_REFUSAL_MANIFEST_DER);
}

/* ---- Lengths ---- */

/* What claims to be longer than there is, or than any machine has. */
static void huge_lengths_are_refused(void **state)
{
	static const uint8_t heads[][10] = {
		{ 0x30, 0x84, 0xff, 0xff, 0xff, 0xff },
		{ 0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		{ 0x30, 0x84, 0x7f, 0xff, 0xff, 0xff },
		{ 0x30, 0x83, 0x01, 0x00, 0x00, 0x00 },
	};
	struct provpkg_manifest *manifest;
	uint8_t bytes[64] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		memcpy(bytes, heads[i], sizeof(heads[i]));
		assert_int_equal(provpkg_manifest_open((struct provpkg_view){ bytes, sizeof(bytes) }, &manifest),
				 PROVCARD_REFUSAL_MANIFEST_DER);
	}
}

/* ---- Chains keep to their family ---- */

/* A signer of @kind, certified by the root of another chain. */
static struct provpkg_signer crossed(const char *kind, const struct pki_chain *by)
{
	const struct pki_profile profile = { .subject = "Acme" };
	EVP_PKEY *key = pki_key(kind);

	return (struct provpkg_signer){ key, pki_certificate(key, &profile, by->root, by->root_key), NULL };
}

static void free_signer(struct provpkg_signer *signer)
{
	EVP_PKEY_free(signer->key);
	X509_free(signer->certificate);
}

/*
 * Whoever breaks ECDSA could certify an ML-DSA key of his own by the P-384 root and hold both signatures; and ML-DSA-65 must not
 * vouch for a signer of suite 2.
 */
static void a_chain_does_not_cross_families(void **state)
{
	struct pki_oem *oem = &parcel[1].oem;
	struct provpkg_signer pq = crossed("ML-DSA-65", &oem->classical), classical = crossed("P-384", &oem->pq);
	struct provpkg_signer weak = crossed("ML-DSA-87", &oem->pq), strong = crossed("ML-DSA-65", &oem->pq_87);
	const struct provpkg_signer by_ec[] = { oem->signers[0], pq }, by_ml_dsa[] = { classical, oem->signers[1] };
	const struct provpkg_signer stronger[] = { oem->signers[0], strong };

	(void)state;
	assert_int_equal(answer(1, NULL, by_ec, 2), PROVCARD_REFUSAL_SIGNER_UNTRUSTED);
	assert_int_equal(answer(1, NULL, by_ml_dsa, 2), PROVCARD_REFUSAL_SIGNER_UNTRUSTED);
	assert_int_equal(answer(1, NULL, stronger, 2), 0);
	assert_true(sk_X509_push(parcel[2].oem.anchors, oem->pq.root));
	assert_int_equal(answer(2, NULL, &weak, 1), PROVCARD_REFUSAL_SIGNER_UNTRUSTED);
	sk_X509_pop(parcel[2].oem.anchors);
	free_signer(&pq);
	free_signer(&classical);
	free_signer(&weak);
	free_signer(&strong);
}

static void a_card_for_suite_2_is_vouched_for_by_ml_dsa_87(void **state)
{
	struct maker maker;
	struct made_card card;

	(void)state;
	maker_new(&maker);
	made_card_new(&card, &maker, "PC-0001");
	assert_int_equal(provpkg_card_trust(card.card, PROVPKG_SUITE_CNSA2, maker.anchors, PKI_NOW + 1), 0);
	assert_int_equal(provpkg_card_trust(card.card, 3, maker.anchors, PKI_NOW + 1), PROVCARD_REFUSAL_SUITE_UNKNOWN);
	made_card_free(&card);
	X509_free(maker.pq);
	EVP_PKEY_free(maker.pq_key);
	maker.pq_key = pki_key("ML-DSA-65");
	maker.pq = pki_certificate(maker.pq_key, &(struct pki_profile){ .subject = "maker 65", .ca = true }, NULL, NULL);
	sk_X509_set(maker.anchors, 1, maker.pq);
	made_card_new(&card, &maker, "PC-0001");
	assert_int_equal(provpkg_card_trust(card.card, PROVPKG_SUITE_HYBRID, maker.anchors, PKI_NOW + 1), 0);
	assert_int_equal(provpkg_card_trust(card.card, PROVPKG_SUITE_CNSA2, maker.anchors, PKI_NOW + 1),
			 PROVCARD_REFUSAL_CARD_CERTIFICATE);
	made_card_free(&card);
	maker_free(&maker);
}

/* ---- Packing ---- */

static int pack_with(const struct provpkg_signer *signers, size_t count, X509 *kem)
{
	struct provpkg_build build = parcel[2].build;
	struct provpkg_recipient recipient = parcel[2].recipients[0];
	struct provpkg_card card = *recipient.card;
	struct provpkg_builder *builder = NULL;
	int result;

	card.certificates.kem_1024 = kem;
	card.certificates.agreement = NULL; /* which takes no part */
	recipient.card = &card;
	build.signers = signers;
	build.signer_count = count;
	build.recipients = &recipient;
	build.recipient_count = 1;
	result = provpkg_builder_new(&build, &builder);
	provpkg_builder_free(builder);
	return result;
}

static void packing_for_suite_2_wants_its_keys(void **state)
{
	const struct provpkg_card_certificates *own = &parcel[2].cards[0].card.certificates;
	const struct provpkg_signer *signers = parcel[2].oem.signers;

	(void)state;
	assert_int_equal(pack_with(signers + 2, 1, own->kem_1024), 0);
	assert_int_equal(pack_with(signers, 2, own->kem_1024), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	assert_int_equal(pack_with(signers + 1, 1, own->kem_1024), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	assert_int_equal(pack_with(signers + 2, 1, own->kem_768), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(pack_with(signers + 2, 1, own->agreement), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(pack_with(signers + 2, 1, NULL), PROVCARD_REFUSAL_CARD_CERTIFICATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suite_2_opens_for_each_card),
		cmocka_unit_test(suite_2_takes_the_large_kem_key),
		cmocka_unit_test(each_suite_demands_its_own_signers),
		cmocka_unit_test(other_numbers_are_no_suites),
		cmocka_unit_test(each_suite_has_its_own_form),
		cmocka_unit_test(an_envelope_keeps_its_suite),
		cmocka_unit_test(signature_algorithms_are_not_interchangeable),
		cmocka_unit_test(huge_lengths_are_refused),
		cmocka_unit_test(a_chain_does_not_cross_families),
		cmocka_unit_test(a_card_for_suite_2_is_vouched_for_by_ml_dsa_87),
		cmocka_unit_test(packing_for_suite_2_wants_its_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
