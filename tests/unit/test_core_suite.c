// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The card and what an OEM can get wrong by itself: packages whose signatures are right and whose cryptography is not, suite 2, and
 * packages for many cards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "core/internal.h"
#include "lib/provpkg/der.h"
#include "lib/provpkg/manifest_form.h"
#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define NOTHING ((struct provpkg_view){ 0 })

static struct station station;

static int set_up(void **state)
{
	(void)state;
	station_new(&station, 1);
	station_prepare(&station);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_remove_all();
	station_free(&station);
	return 0;
}

/* The card's answer to a package. */
static uint16_t load(struct station *at, const struct provpkg_blob *file)
{
	uint32_t job = station_job(at);
	uint16_t status = station_load(at, job, file, NULL);

	core_job_delete(at->core, job);
	return status;
}

static struct provpkg_blob pack(unsigned int suite, uint8_t *package_id)
{
	struct order order;

	station_order(&station, &order);
	station_suite(&station, &order, suite);
	return station_pack(&order, package_id);
}

/* ---- Altered, and signed again by the OEM ---- */

/* A package taken apart. */
struct apart {
	struct provpkg_blob file;
	struct provpkg_layout layout;
	MANIFEST *form;
};

static struct provpkg_blob content_of(const struct provpkg_blob *file, const struct provpkg_layout *layout)
{
	struct provpkg_view cms = { file->data + layout->manifest.offset, layout->manifest.size }, content;
	struct provpkg_signed *object;
	struct provpkg_blob copy;

	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, cms, &object), 0);
	content = provpkg_signed_content(object);
	copy = (struct provpkg_blob){ OPENSSL_memdup(content.data, content.size), content.size };
	provpkg_signed_free(object);
	return copy;
}

static struct apart take_apart_file(struct provpkg_blob file)
{
	struct apart apart = { .file = file };
	struct provpkg_blob content;
	void *form;

	assert_int_equal(provpkg_layout_decode(provpkg_blob_view(&apart.file), apart.file.size, &apart.layout), 0);
	content = content_of(&apart.file, &apart.layout);
	assert_int_equal(provpkg_der_decode(provpkg_blob_view(&content), PROVPKG_MANIFEST_MAX, ASN1_ITEM_rptr(MANIFEST), 1, &form),
			 0);
	apart.form = form;
	provpkg_blob_free(&content);
	return apart;
}

static struct apart take_apart(unsigned int suite)
{
	return take_apart_file(pack(suite, NULL));
}

/* Leaves and root as the payload now is. */
static void hash_again(struct apart *apart)
{
	uint8_t *leaves = apart->file.data + apart->layout.leaves.offset, root[PROVPKG_HASH_SIZE];
	uint64_t segments = apart->form->core->segments, left = apart->layout.payload.size;

	for (uint64_t i = 0; i < segments; i++, left -= PROVPKG_SEGMENT_SIZE)
		SHA256(apart->file.data + apart->layout.payload.offset + i * PROVPKG_SEGMENT_SIZE,
		       i + 1 < segments ? PROVPKG_SEGMENT_SIZE : left, leaves + i * PROVPKG_HASH_SIZE);
	assert_int_equal(provpkg_leaves_root(leaves, segments, root), 0);
	assert_true(provpkg_octets_set(apart->form->payload_root, root, sizeof(root)));
}

/* Sign and write the manifest into the room that it had. */
static void sign_again(struct apart *apart)
{
	const struct provpkg_signer *signers = station.oem.signers + (apart->form->core->suite == PROVPKG_SUITE_CNSA2 ? 2 : 0);
	size_t count = provpkg_suite_signers(apart->form->core->suite);
	uint8_t *place = apart->file.data + apart->layout.manifest.offset;
	struct provpkg_blob der = { 0 }, cms = { 0 };

	assert_int_equal(provpkg_der_encode(apart->form, ASN1_ITEM_rptr(MANIFEST), &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&der), signers, count, &cms), 0);
	assert_true(apart->layout.manifest.offset + cms.size <= apart->layout.leaves.offset);
	memset(place, 0, apart->layout.leaves.offset - apart->layout.manifest.offset);
	memcpy(place, cms.data, cms.size);
	apart->layout.manifest.size = cms.size;
	assert_int_equal(provpkg_layout_encode(&apart->layout, apart->file.data), 0);
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
}

static uint16_t answer(unsigned int suite, void (*alter)(struct apart *apart))
{
	struct apart apart = take_apart(suite);
	uint16_t status;

	alter(&apart);
	sign_again(&apart);
	status = load(&station, &apart.file);
	ASN1_item_free((ASN1_VALUE *)apart.form, ASN1_ITEM_rptr(MANIFEST));
	provpkg_blob_free(&apart.file);
	return status;
}

static void alter_nothing(struct apart *apart)
{
	hash_again(apart);
}

static void alter_tag(struct apart *apart)
{
	apart->file.data[apart->layout.payload.offset + apart->layout.payload.size - 1] ^= 1;
	hash_again(apart);
}

static void alter_cipher(struct apart *apart)
{
	apart->file.data[apart->layout.payload.offset + PROVPKG_SEGMENT_PREFIX + 100] ^= 1;
	hash_again(apart);
}

static void alter_header(struct apart *apart)
{
	((uint8_t *)ASN1_STRING_get0_data(apart->form->payload_header))[40] ^= 1;
}

/* The job key is bound to every field of the core. */
static void alter_core(struct apart *apart)
{
	apart->form->core->security_version++;
}

static void flip_end(ASN1_OCTET_STRING *envelope)
{
	((uint8_t *)ASN1_STRING_get0_data(envelope))[ASN1_STRING_length(envelope) - 1] ^= 1;
}

static void alter_kem_envelope(struct apart *apart)
{
	flip_end(apart->form->kem_envelope);
}

static void alter_agreement_envelope(struct apart *apart)
{
	flip_end(apart->form->agreement_envelope);
}

static void alter_key_name(struct apart *apart)
{
	((uint8_t *)ASN1_STRING_get0_data(sk_MANIFEST_RECIPIENT_value(apart->form->recipients, 0)->kem_key_id))[0] ^= 1;
}

static void put_no_envelope(struct apart *apart)
{
	assert_true(ASN1_STRING_set(apart->form->kem_envelope, "0", 1));
}

/* Both suites: a wrong tag below right leaves, a payload header of another key, envelopes that do not open. */
static void test_signed_but_wrong(void **state)
{
	(void)state;
	for (unsigned int suite = PROVPKG_SUITE_HYBRID; suite <= PROVPKG_SUITE_CNSA2; suite++) {
		assert_int_equal(answer(suite, alter_tag), REFUSED(SEGMENT_TAG));
		assert_int_equal(answer(suite, alter_cipher), REFUSED(SEGMENT_TAG));
		assert_int_equal(answer(suite, alter_header), REFUSED(FLOE_HEADER));
		assert_int_equal(answer(suite, alter_core), REFUSED(FLOE_HEADER));
		assert_int_equal(answer(suite, alter_kem_envelope), REFUSED(ENVELOPE));
		assert_int_equal(answer(suite, alter_key_name), REFUSED(ENVELOPE));
		assert_int_equal(answer(suite, put_no_envelope), REFUSED(ENVELOPE));
	}
	assert_int_equal(answer(PROVPKG_SUITE_HYBRID, alter_agreement_envelope), REFUSED(ENVELOPE));
	assert_int_equal(station_status(&station).jobs, 0);
	assert_int_equal(answer(PROVPKG_SUITE_HYBRID, alter_nothing), 0);
	assert_int_equal(answer(PROVPKG_SUITE_CNSA2, alter_nothing), 0);
	assert_int_equal(station_status(&station).jobs, 2);
}

/* A recipient's envelopes, moved with its card id into another package by the same OEM. */
static void test_moved_recipient(void **state)
{
	struct apart from = take_apart(PROVPKG_SUITE_HYBRID), to = take_apart(PROVPKG_SUITE_HYBRID);

	(void)state;
	assert_true(ASN1_STRING_copy(to.form->kem_envelope, from.form->kem_envelope));
	assert_true(ASN1_STRING_copy(to.form->agreement_envelope, from.form->agreement_envelope));
	sign_again(&to);
	assert_int_equal(load(&station, &to.file), REFUSED(FLOE_HEADER));
	ASN1_item_free((ASN1_VALUE *)from.form, ASN1_ITEM_rptr(MANIFEST));
	ASN1_item_free((ASN1_VALUE *)to.form, ASN1_ITEM_rptr(MANIFEST));
	provpkg_blob_free(&from.file);
	provpkg_blob_free(&to.file);
}

/* ---- Segments in the wrong places ---- */

#define LONG_IMAGE (3 * PROVPKG_SEGMENT_SIZE)

/* Four segments, the last one short. */
static struct apart take_long_apart(const uint8_t *image)
{
	struct order order;

	station_order(&station, &order);
	order.image = image;
	order.build.image_size = LONG_IMAGE;
	return take_apart_file(station_pack(&order, NULL));
}

static void put_away(struct apart *apart)
{
	ASN1_item_free((ASN1_VALUE *)apart->form, ASN1_ITEM_rptr(MANIFEST));
	provpkg_blob_free(&apart->file);
}

/* Who else was changed so that it fits. */
enum depth { PAYLOAD_ALONE, LEAVES_TOO, SIGNATURE_TOO };

/* Segment 1 takes the place of segment 2, and the other way round unless it is doubled. */
static uint16_t answer_moved(const uint8_t *image, bool doubled, enum depth depth)
{
	struct apart apart = take_long_apart(image);
	uint8_t *first = apart.file.data + apart.layout.payload.offset + PROVPKG_SEGMENT_SIZE, *second = first + PROVPKG_SEGMENT_SIZE;
	uint8_t *kept = OPENSSL_memdup(second, PROVPKG_SEGMENT_SIZE);
	uint16_t status;

	memcpy(second, first, PROVPKG_SEGMENT_SIZE);
	if (!doubled)
		memcpy(first, kept, PROVPKG_SEGMENT_SIZE);
	if (depth != PAYLOAD_ALONE)
		hash_again(&apart);
	if (depth == SIGNATURE_TOO)
		sign_again(&apart);
	status = load(&station, &apart.file);
	OPENSSL_free(kept);
	put_away(&apart);
	return status;
}

/* The last segment left out; header and leaves, and where the OEM does it the manifest, made to fit. */
static uint16_t answer_cut(const uint8_t *image, bool signed_so)
{
	struct apart apart = take_long_apart(image);
	uint64_t whole = (apart.form->core->segments - 1) * PROVPKG_SEGMENT_SIZE;
	uint16_t status;

	apart.file.size -= apart.layout.payload.size - whole;
	apart.layout.payload.size = whole;
	apart.layout.leaves.size -= PROVPKG_HASH_SIZE;
	memset(apart.file.data + apart.layout.leaves.offset + apart.layout.leaves.size, 0, PROVPKG_HASH_SIZE);
	assert_int_equal(provpkg_layout_encode(&apart.layout, apart.file.data), 0);
	if (signed_so) {
		apart.form->core->segments--;
		apart.form->core->payload_size = whole;
		hash_again(&apart);
		sign_again(&apart);
	}
	status = load(&station, &apart.file);
	put_away(&apart);
	return status;
}

static void test_segments_keep_their_places(void **state)
{
	uint8_t *image = OPENSSL_zalloc(LONG_IMAGE);

	(void)state;
	memcpy(image, station.image, STATION_IMAGE_SIZE);
	for (int doubled = 0; doubled < 2; doubled++) {
		assert_int_equal(answer_moved(image, doubled, PAYLOAD_ALONE), REFUSED(SEGMENT_DIGEST));
		assert_int_equal(answer_moved(image, doubled, LEAVES_TOO), REFUSED(LEAVES_MISMATCH));
		assert_int_equal(answer_moved(image, doubled, SIGNATURE_TOO), REFUSED(SEGMENT_TAG));
	}
	assert_int_equal(answer_cut(image, false), REFUSED(PACKAGE_TRUNCATED));
	assert_int_equal(answer_cut(image, true), REFUSED(FLOE_HEADER));
	assert_int_equal(station_status(&station).jobs, 0);
	OPENSSL_free(image);
}

/* ---- Roles ---- */

/* Whoever is enrolled as a person signs no packages, and an OEM approves no requests. */
static void test_roles_do_not_swap(void **state)
{
	const struct person oem = { station.oem.classical.key, station.oem.classical.certificate };
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ALLOCATE, .allocate.count = 1 };
	struct provpkg_blob file;
	struct order order;

	(void)state;
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_OPERATOR, "rita", station.rival.classical.certificate), 0);
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_OPERATOR, "rolf", station.rival.pq.certificate), 0);
	station_order(&station, &order);
	order.build.signers = station.rival.signers;
	file = station_pack(&order, request.allocate.package_id);
	assert_int_equal(load(&station, &file), REFUSED(SIGNER_UNTRUSTED));
	assert_int_equal(station_request(&station, &request, &oem, NULL), REFUSED(APPROVER_UNKNOWN));
	provpkg_blob_free(&file);
}

/* ---- Suite 2 from load to end certificate ---- */

static uint16_t send_grant(const uint8_t *package_id, const struct provpkg_blob *file, const struct provpkg_signer *signers,
			   size_t count)
{
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct provpkg_manifest *manifest;
	const struct provpkg_grant *first;
	struct provpkg_layout layout;
	struct provpkg_grant grant;
	uint16_t status;

	assert_int_equal(provpkg_layout_decode(provpkg_blob_view(file), file->size, &layout), 0);
	assert_int_equal(provpkg_manifest_open((struct provpkg_view){ file->data + layout.manifest.offset, layout.manifest.size },
					       &manifest),
			 0);
	assert_int_equal(provpkg_manifest_grant(manifest, station.card->card_id, &first), 0);
	grant = *first;
	provpkg_manifest_free(manifest);
	assert_memory_equal(grant.package_id, package_id, PROVPKG_ID_SIZE);
	assert_int_equal(provpkg_grant_digest(&grant, grant.previous), 0);
	grant.sequence++;
	grant.ceiling_good += 5;
	assert_int_equal(provpkg_grant_encode(&grant, &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&der), signers, count, &cms), 0);
	status = station_command(&station, PROVCARD_OP_GRANT, 0, NULL, provpkg_blob_view(&cms), NULL, 0, NULL);
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
	return status;
}

static void test_suite_2_job(void **state)
{
	struct provcard_service_unit unit;
	struct provpkg_blob file, end = { 0 };
	uint8_t package_id[PROVPKG_ID_SIZE];
	uint32_t job = station_job(&station);

	(void)state;
	file = pack(PROVPKG_SUITE_CNSA2, package_id);
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	/* Its grants are signed as it is, also after a restart; the other suite's pair has no say. */
	assert_int_equal(send_grant(package_id, &file, station.oem.signers, 2), REFUSED(MANIFEST_SIGNER_MISSING));
	assert_int_equal(send_grant(package_id, &file, station.rival.signers + 2, 1), REFUSED(SIGNER_UNTRUSTED));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(send_grant(package_id, &file, station.oem.signers + 1, 1), REFUSED(MANIFEST_SIGNER_MISSING));
	assert_int_equal(send_grant(package_id, &file, station.oem.signers + 2, 1), 0);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
	assert_int_equal(station_report(&station, job).ceiling_good, 15);
	assert_int_equal(station_allocate(&station, package_id, 12), 0);
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, &unit), 0);
	assert_int_equal(unit.state, PROVCARD_UNIT_GOOD);
	assert_int_equal(station_close(&station, package_id, &end), 0);
	provpkg_blob_free(&end);
	provpkg_blob_free(&file);
}

/* And a suite 1 package's grant is not signed by ML-DSA-87 alone. */
static void test_suite_1_grant(void **state)
{
	uint8_t package_id[PROVPKG_ID_SIZE];
	struct provpkg_blob file = pack(PROVPKG_SUITE_HYBRID, package_id);

	(void)state;
	assert_int_equal(load(&station, &file), 0);
	assert_int_equal(send_grant(package_id, &file, station.oem.signers + 2, 1), REFUSED(MANIFEST_SIGNER_MISSING));
	assert_int_equal(send_grant(package_id, &file, station.oem.signers, 1), REFUSED(MANIFEST_SIGNER_MISSING));
	assert_int_equal(send_grant(package_id, &file, station.oem.signers, 2), 0);
	provpkg_blob_free(&file);
}

/* ---- A hundred cards ---- */

#define CARDS 100
#define OVERHEAD_MAX (200u << 10)
#define OVERHEAD_MAX_2 (220u << 10) /* larger keys, one share */

/* Another card of the same house and OEM. */
static struct station *join(void)
{
	struct station *other = calloc(1, sizeof(*other));

	assert_non_null(other);
	station_new(other, 1);
	pki_oem_free(&other->oem);
	pki_chain_free(&other->pki);
	other->oem = station.oem;
	other->pki = station.pki;
	station_prepare(other);
	return other;
}

static void leave(struct station *other)
{
	memset(&other->oem, 0, sizeof(other->oem));
	memset(&other->pki, 0, sizeof(other->pki));
	station_free(other);
	free(other);
}

/* One for each card: its own certificates, grant and issuing certificate. Real cards at the first, the fiftieth and the last place.
 */
struct crowd {
	struct pki_card made[CARDS];
	X509 *issuer[CARDS];
	struct provpkg_recipient recipient[CARDS];
};

static void crowd_new(struct crowd *crowd, struct station *const real[3])
{
	static const size_t places[3] = { 0, CARDS / 2 - 1, CARDS - 1 };
	const struct pki_profile profile = { .subject = "Acme line", .ca = true };

	for (size_t i = 0; i < CARDS; i++) {
		EVP_PKEY *key = pki_key("P-256");

		pki_card_new(&crowd->made[i], "another card");
		crowd->issuer[i] = pki_certificate(key, &profile, station.pki.root, station.pki.root_key);
		crowd->recipient[i] = (struct provpkg_recipient){
			.card = &crowd->made[i].card, .ceiling_good = i + 1, .ceiling_scrap = 1, .issuer = crowd->issuer[i]
		};
		EVP_PKEY_free(key);
	}
	for (size_t i = 0; i < 3; i++) {
		crowd->recipient[places[i]].card = real[i]->card;
		crowd->recipient[places[i]].issuer = real[i]->issuer;
	}
}

static void crowd_free(struct crowd *crowd)
{
	for (size_t i = 0; i < CARDS; i++) {
		pki_card_free(&crowd->made[i]);
		X509_free(crowd->issuer[i]);
	}
}

/* The file without its payload. The issuing certificates, one for each card, are in the payload, and told beside. */
static uint64_t overhead(const struct provpkg_blob *file, size_t image)
{
	struct provpkg_layout layout;

	assert_int_equal(provpkg_layout_decode(provpkg_blob_view(file), file->size, &layout), 0);
	print_message("%u cards: %llu bytes beside the payload, %llu in it beside the image\n", CARDS,
		      (unsigned long long)(file->size - layout.payload.size), (unsigned long long)(layout.payload.size - image));
	return file->size - layout.payload.size;
}

static uint64_t granted_to(struct station *at, const struct provpkg_blob *file)
{
	struct provcard_service_job report;

	assert_int_equal(station_load(at, station_job(at), file, &report), 0);
	return report.ceiling_good;
}

static void test_hundred_cards(void **state)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	struct station *real[3] = { join(), join(), join() };
	const uint64_t most[] = { 0, OVERHEAD_MAX, OVERHEAD_MAX_2 };

	(void)state;
	assert_non_null(crowd);
	crowd_new(crowd, real);
	for (unsigned int suite = PROVPKG_SUITE_HYBRID; suite <= PROVPKG_SUITE_CNSA2; suite++) {
		struct provpkg_blob file;
		struct order order;

		station_order(&station, &order);
		station_suite(&station, &order, suite);
		order.build.recipients = crowd->recipient;
		order.build.recipient_count = CARDS;
		file = station_pack(&order, NULL);
		assert_in_range(overhead(&file, STATION_IMAGE_SIZE), 1, most[suite]);
		assert_int_equal(granted_to(real[0], &file), 1);
		assert_int_equal(granted_to(real[1], &file), CARDS / 2);
		assert_int_equal(granted_to(real[2], &file), CARDS);
		/* This house's other card is the hundred and first. */
		assert_int_equal(load(&station, &file), REFUSED(NOT_A_RECIPIENT));
		provpkg_blob_free(&file);
	}
	for (size_t i = 0; i < 3; i++)
		leave(real[i]);
	crowd_free(crowd);
	free(crowd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_signed_but_wrong), TEST(test_moved_recipient), TEST(test_suite_2_job),
		TEST(test_suite_1_grant),    TEST(test_hundred_cards),	TEST(test_segments_keep_their_places),
		TEST(test_roles_do_not_swap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
