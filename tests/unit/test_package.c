// SPDX-License-Identifier: GPL-2.0-or-later
/* Packages from end to end, and every way in which one must not open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "tests/unit/parcel.h"

#define MIB ((size_t)1 << 20)

/* Three segments: two full ones and a short one. */
static struct parcel parcel;

static int setup(void **state)
{
	(void)state;
	parcel_new(&parcel, 2 * MIB + 12345);
	parcel_pack(&parcel);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	parcel_free(&parcel);
	return 0;
}

/* The first card's view of the package, trusted and unlocked. */
struct opened {
	struct provpkg_manifest *manifest;
	struct provpkg_payload *payload;
};

static struct opened open_package(const struct parcel *from)
{
	struct opened opened = { NULL, NULL };
	uint8_t key[PROVPKG_KEY_SIZE];

	assert_int_equal(parcel_open(from, &opened.manifest), 0);
	assert_int_equal(provpkg_manifest_leaves(opened.manifest, provpkg_blob_view(&from->leaves)), 0);
	assert_int_equal(parcel_key(from, opened.manifest, 0, key), 0);
	assert_int_equal(provpkg_payload_new(opened.manifest, key, &opened.payload), 0);
	return opened;
}

static void close_package(struct opened *opened)
{
	provpkg_payload_free(opened->payload);
	provpkg_manifest_free(opened->manifest);
}

static struct provpkg_view segment_of(const struct parcel *from, uint64_t index)
{
	size_t begin = index * PROVPKG_SEGMENT_SIZE, left = from->payload.size - begin;

	return (struct provpkg_view){ from->payload.data + begin, left < PROVPKG_SEGMENT_SIZE ? left : PROVPKG_SEGMENT_SIZE };
}

static const uint8_t *leaf_of(const struct parcel *from, uint64_t index)
{
	return from->leaves.data + index * PROVPKG_HASH_SIZE;
}

/* All of the plaintext. */
static struct provpkg_blob decrypt(const struct parcel *from, const struct opened *opened)
{
	const struct provpkg_manifest_fields *fields = provpkg_manifest_fields(opened->manifest);
	struct provpkg_blob plain = { OPENSSL_malloc(fields->payload_size), 0 };
	size_t size;

	for (uint64_t i = 0; i < fields->segments; i++) {
		assert_int_equal(provpkg_payload_segment(opened->payload, i, leaf_of(from, i), segment_of(from, i),
							 plain.data + plain.size, &size),
				 0);
		plain.size += size;
	}
	return plain;
}

static void a_package_opens_to_what_was_packed(void **state)
{
	struct opened opened = open_package(&parcel);
	const struct provpkg_manifest_fields *fields = provpkg_manifest_fields(opened.manifest);
	struct provpkg_blob plain = decrypt(&parcel, &opened);
	struct provpkg_contents contents;

	(void)state;
	assert_int_equal(fields->suite, PROVPKG_SUITE_HYBRID);
	assert_string_equal(fields->product, "sensor 7");
	assert_int_equal(fields->security_version, 3);
	assert_int_equal(fields->window.not_before, PKI_NOW - PKI_DAY);
	assert_int_equal(fields->segments, 3);
	assert_int_equal(fields->payload_size, parcel.payload.size);
	assert_int_equal(fields->recipients, 2);
	assert_memory_equal(fields->package_id, provpkg_builder_package_id(parcel.builder), PROVPKG_ID_SIZE);
	assert_int_equal(provpkg_contents_decode(opened.manifest, provpkg_blob_view(&plain), &contents), 0);
	assert_int_equal(contents.image_area % PROVPKG_ALIGNMENT, 0);
	assert_int_equal(plain.size, contents.image_area + parcel.image.size);
	assert_memory_equal(plain.data + contents.image_area, parcel.image.data, parcel.image.size);
	assert_string_equal(contents.rot.identity.common_name, "sensor");
	assert_int_equal(X509_cmp(contents.oem, parcel.oem.classical.certificate), 0);
	assert_int_equal(sk_X509_num(contents.issuers), 2);
	assert_int_equal(sk_X509_num(contents.issuer_chain), 1);
	provpkg_contents_clear(&contents);
	provpkg_blob_free(&plain);
	close_package(&opened);
}

static void each_card_has_its_grant(void **state)
{
	struct provpkg_manifest *manifest;
	const struct provpkg_grant *grant;

	(void)state;
	assert_int_equal(parcel_open(&parcel, &manifest), 0);
	for (size_t i = 0; i < PARCEL_CARDS; i++) {
		assert_int_equal(provpkg_manifest_grant(manifest, parcel.cards[i].card.card_id, &grant), 0);
		assert_int_equal(grant->ceiling_good, 10 + i);
		assert_int_equal(grant->ceiling_scrap, 2 + i);
		assert_int_equal(grant->sequence, 1);
	}
	provpkg_manifest_free(manifest);
}

static void a_card_that_is_not_named_gets_nothing(void **state)
{
	uint8_t stranger[PROVPKG_CARD_ID_SIZE] = { 1 }, key[PROVPKG_KEY_SIZE];
	struct provpkg_manifest *manifest;
	const struct provpkg_grant *grant;

	(void)state;
	assert_int_equal(parcel_open(&parcel, &manifest), 0);
	assert_int_equal(provpkg_manifest_grant(manifest, stranger, &grant), PROVCARD_REFUSAL_NOT_A_RECIPIENT);
	assert_int_equal(provpkg_manifest_key(manifest, stranger, &parcel.cards[0].keys, key), PROVCARD_REFUSAL_NOT_A_RECIPIENT);
	provpkg_manifest_free(manifest);
}

static void both_cards_derive_the_same_key_and_need_both_halves(void **state)
{
	const struct pki_card *one = &parcel.cards[0], *other = &parcel.cards[1];
	uint8_t key[2][PROVPKG_KEY_SIZE], none[PROVPKG_KEY_SIZE];
	struct provpkg_card_keys mixed = one->keys;
	struct provpkg_manifest *manifest;

	(void)state;
	assert_int_equal(parcel_open(&parcel, &manifest), 0);
	assert_int_equal(parcel_key(&parcel, manifest, 0, key[0]), 0);
	assert_int_equal(parcel_key(&parcel, manifest, 1, key[1]), 0);
	assert_memory_equal(key[0], key[1], PROVPKG_KEY_SIZE);
	mixed.agreement = other->keys.agreement;
	assert_int_equal(provpkg_manifest_key(manifest, one->card.card_id, &mixed, none), PROVCARD_REFUSAL_ENVELOPE);
	mixed = one->keys;
	mixed.kem_768 = other->keys.kem_768;
	assert_int_equal(provpkg_manifest_key(manifest, one->card.card_id, &mixed, none), PROVCARD_REFUSAL_ENVELOPE);
	provpkg_manifest_free(manifest);
}

static void keys_wait_for_trust(void **state)
{
	struct provpkg_manifest *manifest;
	uint8_t key[PROVPKG_KEY_SIZE];

	(void)state;
	assert_int_equal(provpkg_manifest_open(provpkg_blob_view(&parcel.manifest), &manifest), 0);
	assert_int_equal(parcel_key(&parcel, manifest, 0, key), -22);
	assert_int_equal(provpkg_manifest_trust(manifest, NULL, PKI_NOW), PROVCARD_REFUSAL_SIGNER_UNTRUSTED);
	assert_int_equal(parcel_key(&parcel, manifest, 0, key), -22);
	assert_int_equal(provpkg_manifest_trust(manifest, parcel.oem.anchors, PKI_NOW + 1000 * PKI_DAY), PROVCARD_REFUSAL_SIGNER_EXPIRED);
	assert_int_equal(parcel_key(&parcel, manifest, 0, key), -22);
	provpkg_manifest_free(manifest);
}

static void a_wrong_job_key_is_found_by_the_header(void **state)
{
	uint8_t key[PROVPKG_KEY_SIZE] = { 0 };
	struct provpkg_manifest *manifest;
	struct provpkg_payload *payload;

	(void)state;
	assert_int_equal(parcel_open(&parcel, &manifest), 0);
	assert_int_equal(provpkg_payload_new(manifest, key, &payload), PROVCARD_REFUSAL_FLOE_HEADER);
	provpkg_manifest_free(manifest);
}

static void altered_leaves_are_refused(void **state)
{
	struct provpkg_manifest *manifest;
	struct provpkg_view leaves = provpkg_blob_view(&parcel.leaves);
	uint8_t swapped[3 * PROVPKG_HASH_SIZE];

	(void)state;
	assert_int_equal(parcel_open(&parcel, &manifest), 0);
	memcpy(swapped, leaf_of(&parcel, 1), PROVPKG_HASH_SIZE);
	memcpy(swapped + 32, leaf_of(&parcel, 0), PROVPKG_HASH_SIZE);
	memcpy(swapped + 64, leaf_of(&parcel, 2), PROVPKG_HASH_SIZE);
	assert_int_equal(provpkg_manifest_leaves(manifest, (struct provpkg_view){ swapped, 96 }), PROVCARD_REFUSAL_LEAVES_MISMATCH);
	for (size_t i = 0; i < leaves.size; i += 7) {
		parcel.leaves.data[i] ^= 1;
		assert_int_equal(provpkg_manifest_leaves(manifest, leaves), PROVCARD_REFUSAL_LEAVES_MISMATCH);
		parcel.leaves.data[i] ^= 1;
	}
	for (size_t size = 0; size < leaves.size; size += 31)
		assert_int_equal(provpkg_manifest_leaves(manifest, (struct provpkg_view){ leaves.data, size }),
				 PROVCARD_REFUSAL_LEAVES_MISMATCH);
	provpkg_manifest_free(manifest);
}

static int read_segment(const struct opened *opened, uint64_t index, const uint8_t *leaf, struct provpkg_view cipher)
{
	static uint8_t plain[PROVPKG_SEGMENT_SIZE];
	size_t size;

	return provpkg_payload_segment(opened->payload, index, leaf, cipher, plain, &size);
}

static void altered_segments_are_refused_by_their_leaf(void **state)
{
	struct opened opened = open_package(&parcel);
	struct provpkg_view last = segment_of(&parcel, 2);

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		struct provpkg_view cipher = segment_of(&parcel, i);
		uint8_t *byte = parcel.payload.data + i * PROVPKG_SEGMENT_SIZE + cipher.size / 3;

		*byte ^= 0x10;
		assert_int_equal(read_segment(&opened, i, leaf_of(&parcel, i), cipher), PROVCARD_REFUSAL_SEGMENT_DIGEST);
		*byte ^= 0x10;
	}
	/* swapped, duplicated, cut, lengthened, beyond the end */
	assert_int_equal(read_segment(&opened, 0, leaf_of(&parcel, 0), segment_of(&parcel, 1)), PROVCARD_REFUSAL_SEGMENT_DIGEST);
	assert_int_equal(read_segment(&opened, 1, leaf_of(&parcel, 1), segment_of(&parcel, 0)), PROVCARD_REFUSAL_SEGMENT_DIGEST);
	assert_int_equal(read_segment(&opened, 2, leaf_of(&parcel, 2), segment_of(&parcel, 0)), PROVCARD_REFUSAL_SEGMENT_DIGEST);
	last.size--;
	assert_int_equal(read_segment(&opened, 2, leaf_of(&parcel, 2), last), PROVCARD_REFUSAL_SEGMENT_DIGEST);
	assert_int_equal(read_segment(&opened, 2, leaf_of(&parcel, 2), (struct provpkg_view){ last.data, 0 }),
			 PROVCARD_REFUSAL_SEGMENT_DIGEST);
	assert_int_equal(read_segment(&opened, 3, leaf_of(&parcel, 2), last), -22);
	close_package(&opened);
}

/* Whoever holds leaves that fit (an OEM's mistake, or the host between two passes) still meets position and tag. */
static void altered_segments_are_refused_by_their_tag(void **state)
{
	struct opened opened = open_package(&parcel);
	struct provpkg_view cipher = segment_of(&parcel, 1);
	uint8_t digest[PROVPKG_HASH_SIZE];
	static const size_t places[] = { 0, 4, 16, 4096, PROVPKG_SEGMENT_SIZE - 1 };

	(void)state;
	assert_int_equal(read_segment(&opened, 0, leaf_of(&parcel, 1), cipher), PROVCARD_REFUSAL_SEGMENT_TAG);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint8_t *byte = parcel.payload.data + PROVPKG_SEGMENT_SIZE + places[i];

		*byte ^= 0x80;
		SHA256(cipher.data, cipher.size, digest);
		assert_int_equal(read_segment(&opened, 1, digest, cipher), PROVCARD_REFUSAL_SEGMENT_TAG);
		*byte ^= 0x80;
	}
	close_package(&opened);
}

static void segments_decrypt_in_place(void **state)
{
	struct opened opened = open_package(&parcel);
	struct provpkg_view cipher = segment_of(&parcel, 2);
	uint8_t *buffer = OPENSSL_malloc(cipher.size), *apart = OPENSSL_malloc(cipher.size);
	size_t size, apart_size;

	(void)state;
	memcpy(buffer, cipher.data, cipher.size);
	assert_int_equal(provpkg_payload_segment(opened.payload, 2, leaf_of(&parcel, 2), cipher, apart, &apart_size), 0);
	cipher.data = buffer;
	assert_int_equal(provpkg_payload_segment(opened.payload, 2, leaf_of(&parcel, 2), cipher, buffer, &size), 0);
	assert_int_equal(size, apart_size);
	assert_memory_equal(buffer, apart, size);
	/* And where the content stands, without moving it. */
	memcpy(buffer, segment_of(&parcel, 2).data, cipher.size);
	assert_int_equal(provpkg_payload_segment(opened.payload, 2, leaf_of(&parcel, 2), cipher, buffer + PROVPKG_SEGMENT_PREFIX, &size),
			 0);
	assert_int_equal(size, apart_size);
	assert_memory_equal(buffer + PROVPKG_SEGMENT_PREFIX, apart, size);
	OPENSSL_free(buffer);
	OPENSSL_free(apart);
	close_package(&opened);
}

/* Share envelopes of one package do not open another: the job key differs by the manifest, the header says so. */
static void a_key_does_not_open_another_package(void **state)
{
	struct parcel other;
	struct opened opened = open_package(&parcel);
	struct provpkg_manifest *manifest;
	struct provpkg_payload *payload;
	uint8_t key[PROVPKG_KEY_SIZE];

	(void)state;
	parcel_new(&other, 4096);
	parcel_pack(&other);
	assert_int_equal(parcel_open(&other, &manifest), 0);
	assert_int_equal(parcel_key(&parcel, opened.manifest, 0, key), 0);
	assert_int_equal(provpkg_payload_new(manifest, key, &payload), PROVCARD_REFUSAL_FLOE_HEADER);
	provpkg_manifest_free(manifest);
	parcel_free(&other);
	close_package(&opened);
}

static void no_altered_bit_of_the_manifest_is_accepted(void **state)
{
	struct provpkg_blob *cms = &parcel.manifest;
	struct provpkg_manifest *manifest;

	(void)state;
	for (size_t bit = 0; bit < cms->size * 8; bit += 97) {
		cms->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		manifest = NULL;
		assert_true(parcel_open(&parcel, &manifest) > 0);
		assert_null(manifest);
		cms->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
}

static void cut_and_lengthened_manifests_are_refused(void **state)
{
	struct provpkg_view cms = provpkg_blob_view(&parcel.manifest);
	uint8_t *longer = OPENSSL_malloc(cms.size + 1);
	struct provpkg_manifest *manifest;

	(void)state;
	memcpy(longer, cms.data, cms.size);
	longer[cms.size] = 0;
	assert_int_equal(provpkg_manifest_open((struct provpkg_view){ longer, cms.size + 1 }, &manifest), PROVCARD_REFUSAL_TRAILING_DATA);
	for (size_t size = 0; size < cms.size; size += 97)
		assert_int_equal(provpkg_manifest_open((struct provpkg_view){ cms.data, size }, &manifest), PROVCARD_REFUSAL_MANIFEST_DER);
	OPENSSL_free(longer);
}

/* Packing refuses what the card would refuse. @change spoils the parcel. */
static int refusal_of(void (*change)(struct parcel *))
{
	struct parcel spoiled;
	int result;

	parcel_new(&spoiled, 8192);
	change(&spoiled);
	result = provpkg_builder_new(&spoiled.build, &spoiled.builder);
	parcel_free(&spoiled);
	return result;
}

static void spoil_nothing(struct parcel *spoiled)
{
	(void)spoiled;
}

static void spoil_suite(struct parcel *spoiled)
{
	spoiled->build.suite = 3;
}

static void spoil_signer_count(struct parcel *spoiled)
{
	spoiled->build.signer_count = 1;
}

static void spoil_signer_order(struct parcel *spoiled)
{
	struct provpkg_signer first = spoiled->oem.signers[0];

	spoiled->oem.signers[0] = spoiled->oem.signers[1];
	spoiled->oem.signers[1] = first;
}

static void spoil_signer_key(struct parcel *spoiled)
{
	spoiled->oem.signers[0].key = spoiled->oem.classical.root_key;
}

static void spoil_same_card(struct parcel *spoiled)
{
	spoiled->recipients[1].card = spoiled->recipients[0].card;
}

static void spoil_card_key(struct parcel *spoiled)
{
	X509 *wrong = pki_certificate(spoiled->cards[0].keys.agreement, NULL, NULL, NULL);

	X509_free(spoiled->cards[0].card.certificates.kem_768);
	spoiled->cards[0].card.certificates.kem_768 = wrong;
}

static void spoil_card_identifier(struct parcel *spoiled)
{
	X509 *wrong =
		pki_certificate(spoiled->cards[0].keys.agreement, &(struct pki_profile){ .no_key_identifier = true }, NULL, NULL);

	X509_free(spoiled->cards[0].card.certificates.agreement);
	spoiled->cards[0].card.certificates.agreement = wrong;
}

static void spoil_issuer_missing(struct parcel *spoiled)
{
	spoiled->recipients[1].issuer = NULL;
}

static void spoil_issuer_needless(struct parcel *spoiled)
{
	spoiled->rot.identity.present = false;
}

static void spoil_issuer_no_ca(struct parcel *spoiled)
{
	spoiled->recipients[0].issuer = spoiled->oem.classical.certificate;
}

static void spoil_issuer_chain(struct parcel *spoiled)
{
	sk_X509_set(spoiled->issuer_chain, 0, spoiled->oem.classical.root);
}

static void spoil_image_outside(struct parcel *spoiled)
{
	spoiled->rot.image[0].offset = 8192 - 4095;
}

static void spoil_overlap(struct parcel *spoiled)
{
	spoiled->rot.lifecycle[0].address = spoiled->rot.identity.key_address;
}

static void spoil_window(struct parcel *spoiled)
{
	spoiled->build.window = (struct provpkg_window){ PKI_NOW, PKI_NOW - 1 };
}

static void spoil_product(struct parcel *spoiled)
{
	spoiled->build.product = "two\nlines";
}

static void packing_refuses_what_the_card_would_refuse(void **state)
{
	(void)state;
	assert_int_equal(refusal_of(spoil_nothing), 0);
	assert_int_equal(refusal_of(spoil_suite), PROVCARD_REFUSAL_SUITE_UNKNOWN);
	assert_int_equal(refusal_of(spoil_signer_count), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	assert_int_equal(refusal_of(spoil_signer_order), PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING);
	assert_int_equal(refusal_of(spoil_signer_key), PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE);
	assert_int_equal(refusal_of(spoil_same_card), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(refusal_of(spoil_card_key), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(refusal_of(spoil_card_identifier), PROVCARD_REFUSAL_CARD_CERTIFICATE);
	assert_int_equal(refusal_of(spoil_issuer_missing), PROVCARD_REFUSAL_ISSUER_MISMATCH);
	assert_int_equal(refusal_of(spoil_issuer_needless), PROVCARD_REFUSAL_ISSUER_MISMATCH);
	assert_int_equal(refusal_of(spoil_issuer_no_ca), PROVCARD_REFUSAL_ISSUER_MISMATCH);
	assert_int_equal(refusal_of(spoil_issuer_chain), PROVCARD_REFUSAL_ISSUER_MISMATCH);
	assert_int_equal(refusal_of(spoil_image_outside), PROVCARD_REFUSAL_ROT_RANGE);
	assert_int_equal(refusal_of(spoil_overlap), PROVCARD_REFUSAL_ROT_OVERLAP);
	assert_int_equal(refusal_of(spoil_window), -22);
	assert_int_equal(refusal_of(spoil_product), -22);
}

static void the_builder_wants_every_segment_once(void **state)
{
	static uint8_t out[PROVPKG_SEGMENT_SIZE];
	struct provpkg_blob manifest, leaves;
	uint8_t header[PROVPKG_HEADER_SIZE];
	struct parcel fresh;
	uint64_t offset;
	size_t size;

	(void)state;
	parcel_new(&fresh, 4096);
	assert_int_equal(provpkg_builder_new(&fresh.build, &fresh.builder), 0);
	provpkg_builder_need(fresh.builder, 0, &offset, &size);
	assert_int_equal(size, 4096);
	assert_int_equal(provpkg_builder_finish(fresh.builder, header, &manifest, &leaves), -22);
	assert_int_equal(provpkg_builder_segment(fresh.builder, 1, provpkg_blob_view(&fresh.image), out, &size), -22);
	assert_int_equal(provpkg_builder_segment(fresh.builder, 0, (struct provpkg_view){ fresh.image.data, 4095 }, out, &size), -22);
	assert_int_equal(provpkg_builder_segment(fresh.builder, 0, provpkg_blob_view(&fresh.image), out, &size), 0);
	assert_int_equal(provpkg_builder_segment(fresh.builder, 0, provpkg_blob_view(&fresh.image), out, &size), -22);
	parcel_free(&fresh);
}

/* Sizes around the segment's edge: last segment of one byte, exactly full, one short of it. */
static void sizes_around_a_segment_boundary_round_trip(void **state)
{
	struct provpkg_blob plain;
	struct opened opened;
	struct parcel edge;
	size_t contents;

	(void)state;
	parcel_new(&edge, 4096);
	parcel_pack(&edge);
	contents = edge.payload.size - 32 - 4096;
	parcel_free(&edge);
	for (int delta = -1; delta <= 1; delta++) {
		parcel_new(&edge, PROVPKG_SEGMENT_SIZE - 32 - contents + (size_t)(delta + 1) - 1);
		parcel_pack(&edge);
		assert_int_equal(provpkg_builder_segments(edge.builder), delta == 1 ? 2 : 1);
		opened = open_package(&edge);
		plain = decrypt(&edge, &opened);
		assert_memory_equal(plain.data + contents, edge.image.data, edge.image.size);
		provpkg_blob_free(&plain);
		close_package(&opened);
		parcel_free(&edge);
	}
}

/* ---- From several threads ---- */

#define THREADS 4
#define SEGMENTS 9

struct share_of_work {
	struct parcel *parcel;
	struct provpkg_payload *payload;
	uint64_t first;
	int result;
};

static void *encrypt_share(void *context)
{
	struct share_of_work *work = context;
	struct parcel *to = work->parcel;
	uint64_t offset;
	size_t size;

	for (uint64_t i = work->first; i < SEGMENTS && !work->result; i += THREADS) {
		provpkg_builder_need(to->builder, i, &offset, &size);
		work->result = provpkg_builder_segment(to->builder, i, (struct provpkg_view){ to->image.data + offset, size },
						       to->payload.data + i * PROVPKG_SEGMENT_SIZE, &size);
	}
	return NULL;
}

/* Every thread reads every segment. */
static void *decrypt_share(void *context)
{
	struct share_of_work *work = context;
	uint8_t *plain = OPENSSL_malloc(PROVPKG_SEGMENT_SIZE);
	size_t size;

	for (uint64_t n = 0; n < SEGMENTS && !work->result; n++) {
		uint64_t i = (n + work->first) % SEGMENTS;

		work->result = provpkg_payload_segment(work->payload, i, leaf_of(work->parcel, i), segment_of(work->parcel, i), plain, &size);
	}
	OPENSSL_free(plain);
	return NULL;
}

static void run_threads(void *(*body)(void *context), struct parcel *of, struct provpkg_payload *payload)
{
	struct share_of_work work[THREADS];
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		work[i] = (struct share_of_work){ of, payload, i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, body, &work[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(work[i].result, 0);
	}
}

static void segments_are_made_and_read_by_several_threads(void **state)
{
	struct opened opened;
	struct parcel wide;

	(void)state;
	parcel_new(&wide, (SEGMENTS - 1) * MIB);
	assert_int_equal(provpkg_builder_new(&wide.build, &wide.builder), 0);
	assert_int_equal(provpkg_builder_segments(wide.builder), SEGMENTS);
	wide.payload = (struct provpkg_blob){ OPENSSL_zalloc(SEGMENTS * MIB), provpkg_builder_layout(wide.builder)->payload.size };
	run_threads(encrypt_share, &wide, NULL);
	assert_int_equal(provpkg_builder_finish(wide.builder, wide.header, &wide.manifest, &wide.leaves), 0);
	opened = open_package(&wide);
	run_threads(decrypt_share, &wide, opened.payload);
	close_package(&opened);
	parcel_free(&wide);
}

/* A hundred cards: at most 200 KiB beside the payload. */
static void a_hundred_recipients_stay_small(void **state)
{
	static struct provpkg_recipient recipients[100];
	static struct provpkg_card cards[100];
	struct provpkg_manifest *manifest;
	uint8_t key[PROVPKG_KEY_SIZE];
	struct parcel many;

	(void)state;
	parcel_new(&many, 4096);
	for (size_t i = 0; i < 100; i++) {
		recipients[i] = many.recipients[i == 99];
		cards[i] = *recipients[i].card;
		cards[i].card_id[0] = (uint8_t)i;
		recipients[i].card = &cards[i];
	}
	memcpy(cards[99].card_id, many.cards[1].card.card_id, PROVPKG_CARD_ID_SIZE);
	many.build.recipients = recipients;
	many.build.recipient_count = 100;
	parcel_pack(&many);
	print_message("manifest for 100 cards: %zu bytes\n", many.manifest.size);
	assert_true(many.manifest.size < 200 * 1024);
	assert_int_equal(parcel_open(&many, &manifest), 0);
	assert_int_equal(parcel_key(&many, manifest, 1, key), 0);
	provpkg_manifest_free(manifest);
	parcel_free(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_package_opens_to_what_was_packed),
		cmocka_unit_test(each_card_has_its_grant),
		cmocka_unit_test(a_card_that_is_not_named_gets_nothing),
		cmocka_unit_test(both_cards_derive_the_same_key_and_need_both_halves),
		cmocka_unit_test(keys_wait_for_trust),
		cmocka_unit_test(a_wrong_job_key_is_found_by_the_header),
		cmocka_unit_test(altered_leaves_are_refused),
		cmocka_unit_test(altered_segments_are_refused_by_their_leaf),
		cmocka_unit_test(altered_segments_are_refused_by_their_tag),
		cmocka_unit_test(segments_decrypt_in_place),
		cmocka_unit_test(a_key_does_not_open_another_package),
		cmocka_unit_test(no_altered_bit_of_the_manifest_is_accepted),
		cmocka_unit_test(cut_and_lengthened_manifests_are_refused),
		cmocka_unit_test(packing_refuses_what_the_card_would_refuse),
		cmocka_unit_test(the_builder_wants_every_segment_once),
		cmocka_unit_test(sizes_around_a_segment_boundary_round_trip),
		cmocka_unit_test(segments_are_made_and_read_by_several_threads),
		cmocka_unit_test(a_hundred_recipients_stay_small),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
