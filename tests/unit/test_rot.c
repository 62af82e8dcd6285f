// SPDX-License-Identifier: GPL-2.0-or-later
/* RoT configurations: form, values, and whether they fit a part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/kdf.h>
#include <openssl/sha.h>

#include "provpkg.h"

static struct provpkg_rot good(void)
{
	return (struct provpkg_rot){
		.part = "nRF52840",
		.images = 2,
		.image = { { .name = "bootloader", .address = 0, .size = 4095, .digest = { 1 } },
			   { .name = "application", .address = 0x1000, .offset = 4096, .size = 0x8000, .digest = { 2 } } },
		.identity = { .present = true,
			      .algorithm = PROVPKG_KEY_P256,
			      .key_address = 0xfe000,
			      .certificate_address = 0xfe020,
			      .certificate_size = 1024,
			      .organisation = "Zürich Sensors",
			      .common_name = "sensor",
			      .hardware_type = "1.3.6.1.4.1.99999.1" },
		.lifecycles = 2,
		.lifecycle = { { .name = "debug", .address = 0xff000, .size = 16, .secret = { 3 } },
			       { .name = "recover", .address = 0xff010, .size = 64, .secret = { 4 } } },
		.lock = PROVPKG_LOCK_RECOVERABLE,
		.responder_timeout_us = 500000,
	};
}

static void a_configuration_round_trips(void **state)
{
	struct provpkg_rot rot = good(), again;
	struct provpkg_blob der = { 0 };

	(void)state;
	for (int identity = 0; identity < 2; identity++) {
		rot.identity.present = identity;
		if (!identity)
			memset(&rot.identity, 0, sizeof(rot.identity));
		else
			rot.identity = good().identity;
		assert_int_equal(provpkg_rot_encode(&rot, &der), 0);
		assert_int_equal(provpkg_rot_decode(provpkg_blob_view(&der), &again), 0);
		assert_string_equal(again.part, rot.part);
		assert_int_equal(again.images, 2);
		assert_memory_equal(&again.image[1], &rot.image[1], sizeof(rot.image[1]));
		assert_memory_equal(&again.identity, &rot.identity, sizeof(rot.identity));
		assert_memory_equal(&again.lifecycle[1], &rot.lifecycle[1], sizeof(rot.lifecycle[1]));
		assert_int_equal(again.lock, rot.lock);
		assert_int_equal(again.responder_timeout_us, rot.responder_timeout_us);
		provpkg_blob_free(&der);
	}
}

static void altered_der_is_refused_or_still_good(void **state)
{
	struct provpkg_rot rot = good(), again;
	struct provpkg_blob der = { 0 };
	char detail[200];

	(void)state;
	assert_int_equal(provpkg_rot_encode(&rot, &der), 0);
	for (size_t size = 0; size < der.size; size++)
		assert_int_equal(provpkg_rot_decode((struct provpkg_view){ der.data, size }, &again), PROVCARD_REFUSAL_ROT_DER);
	for (size_t bit = 0; bit < der.size * 8; bit++) {
		der.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		memset(&again, 0xff, sizeof(again));
		if (!provpkg_rot_decode(provpkg_blob_view(&der), &again)) {
			assert_true(again.images && again.images <= PROVPKG_IMAGES_MAX);
			(void)!provpkg_rot_check(&again, detail, sizeof(detail));
		}
		der.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	provpkg_blob_free(&der);
}

/* What encoding says of a configuration spoilt in one place; what decoding says is the same check. */
#define REFUSED(code, change)                                                       \
	do {                                                                        \
		struct provpkg_rot rot = good();                                    \
		struct provpkg_blob der = { 0 };                                    \
		change;                                                             \
		assert_int_equal(provpkg_rot_encode(&rot, &der), PROVCARD_REFUSAL_##code); \
	} while (0)

static void bad_values_are_refused(void **state)
{
	(void)state;
	REFUSED(ROT_MISSING, rot.images = 0);
	REFUSED(ROT_RANGE, rot.images = PROVPKG_IMAGES_MAX + 1);
	REFUSED(ROT_RANGE, rot.lifecycles = PROVPKG_LIFECYCLE_MAX + 1);
	REFUSED(ROT_RANGE, rot.part[0] = 0);
	REFUSED(ROT_RANGE, memset(rot.part, 'x', sizeof(rot.part)));
	REFUSED(ROT_RANGE, rot.image[1].size = 0);
	REFUSED(ROT_RANGE, strcpy(rot.image[1].name, rot.image[0].name));
	REFUSED(ROT_RANGE, rot.image[0].name[0] = '\n');
	REFUSED(ROT_RANGE, rot.image[0].offset = UINT64_MAX);
	REFUSED(ROT_RANGE, rot.lifecycle[0].size = 15);
	REFUSED(ROT_RANGE, rot.lifecycle[0].size = 65);
	REFUSED(ROT_RANGE, strcpy(rot.lifecycle[0].name, rot.lifecycle[1].name));
	REFUSED(ROT_RANGE, rot.lock = 3);
	REFUSED(ROT_RANGE, rot.identity.algorithm = 6);
	REFUSED(ROT_RANGE, rot.identity.certificate_size = 4);
	REFUSED(ROT_RANGE, rot.identity.common_name[0] = 0);
	REFUSED(ROT_RANGE, strcpy(rot.identity.organisation, "\xff"));
	REFUSED(ROT_RANGE, strcpy(rot.identity.hardware_type, "sensor"));
	REFUSED(ROT_RANGE, strcpy(rot.identity.hardware_type, "1.3.06"));
	REFUSED(ROT_RANGE, strcpy(rot.identity.hardware_type, ""));
}

/* What the fitting says, and that the detail names @region. */
#define UNFIT(code, region, change)                                                                           \
	do {                                                                                                  \
		struct provpkg_rot rot = good();                                                              \
		char detail[200] = "";                                                                        \
		change;                                                                                       \
		assert_int_equal(provpkg_rot_check(&rot, detail, sizeof(detail)), PROVCARD_REFUSAL_##code);   \
		if (!strstr(detail, region))                                                                  \
			fail_msg("'%s' does not name '%s'", detail, region);                                  \
		assert_int_equal(provpkg_rot_check(&rot, NULL, 0), PROVCARD_REFUSAL_##code);                  \
	} while (0)

static void regions_must_fit_the_part(void **state)
{
	struct provpkg_rot fits = good();

	(void)state;
	assert_int_equal(provpkg_rot_check(&fits, NULL, 0), 0);
	UNFIT(ROT_PART_UNKNOWN, "nRF99", strcpy(rot.part, "nRF99"));
	UNFIT(ROT_DOES_NOT_FIT, "application", rot.image[1].address = 0xf9000);
	UNFIT(ROT_DOES_NOT_FIT, "application", rot.image[1].size = UINT32_MAX);
	UNFIT(ROT_DOES_NOT_FIT, "application", rot.image[1].address = UINT32_MAX - 3);
	UNFIT(ROT_DOES_NOT_FIT, "identity key", rot.identity.key_address = 0xfffe4);
	UNFIT(ROT_DOES_NOT_FIT, "identity certificate", rot.identity.certificate_size = 0x2000);
	UNFIT(ROT_DOES_NOT_FIT, "recover", rot.lifecycle[1].address = 0x20000000);
	UNFIT(ROT_ALIGNMENT, "application", rot.image[1].address = 0x1002);
	UNFIT(ROT_ALIGNMENT, "identity key", rot.identity.key_address = 0xfd001);
	UNFIT(ROT_ALIGNMENT, "debug", rot.lifecycle[0].size = 18);
	UNFIT(ROT_OVERLAP, "bootloader", rot.image[0].size = 4097);
	UNFIT(ROT_OVERLAP, "identity certificate", rot.identity.certificate_address = 0xfe01c);
	UNFIT(ROT_OVERLAP, "recover", rot.lifecycle[1].address = 0xff00c);
	UNFIT(ROT_OVERLAP, "recover", rot.lifecycle[1].address = rot.identity.key_address);
	UNFIT(ROT_OVERLAP, "share a flash page", rot.lifecycle[1].address = 0x9000 - 64; rot.image[1].size = 0x7f00);
	UNFIT(ROT_RANGE, "permanent", rot.lock = PROVPKG_LOCK_PERMANENT);
	UNFIT(ROT_RANGE, "application", rot.image[1].size = 0);
}

static void every_part_has_a_memory(void **state)
{
	const struct provpkg_memory *memory;
	size_t count = 0;

	(void)state;
	for (; provpkg_memory_part(count); count++) {
		memory = provpkg_memory_find(provpkg_memory_part(count));
		assert_non_null(memory);
		assert_int_equal(memory->flash_size % memory->page_size, 0);
		assert_int_equal(memory->page_size % memory->word_size, 0);
	}
	assert_true(count >= 1);
	assert_null(provpkg_memory_find("nRF"));
	assert_null(provpkg_memory_find(""));
}

/* Against libcrypto's one-shot HKDF with the label written out. */
static void lifecycle_keys_follow_the_definition(void **state)
{
	static const uint8_t uid[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const char info[] = "provcard lifecycle key\0debug";
	struct provpkg_rot rot = good();
	uint8_t key[64], expected[16], other[64];
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	size_t size = sizeof(expected);

	(void)state;
	assert_int_equal(provpkg_lifecycle_key(&rot.lifecycle[0], (struct provpkg_view){ uid, 8 }, key), 0);
	assert_true(EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha384()) == 1 &&
		    EVP_PKEY_CTX_set1_hkdf_salt(context, uid, 8) == 1 &&
		    EVP_PKEY_CTX_set1_hkdf_key(context, rot.lifecycle[0].secret, 32) == 1 &&
		    EVP_PKEY_CTX_add1_hkdf_info(context, (const uint8_t *)info, sizeof(info) - 1) == 1 &&
		    EVP_PKEY_derive(context, expected, &size) == 1);
	assert_memory_equal(key, expected, sizeof(expected));
	EVP_PKEY_CTX_free(context);
	assert_int_equal(provpkg_lifecycle_key(&rot.lifecycle[0], (struct provpkg_view){ uid, 7 }, other), 0);
	assert_memory_not_equal(key, other, 16);
	assert_int_equal(provpkg_lifecycle_key(&rot.lifecycle[0], (struct provpkg_view){ uid, 0 }, other), -22);
}

/* RFC 9162, written out for one, two and three pieces. */
static void an_image_digest_is_the_root_over_its_pieces(void **state)
{
	static uint8_t image[1 + 2 * PROVPKG_IMAGE_PIECE + 1];
	const uint8_t *const piece[] = { image, image + PROVPKG_IMAGE_PIECE, image + (size_t)2 * PROVPKG_IMAGE_PIECE };
	uint8_t input[1 + PROVPKG_IMAGE_PIECE] = { 0 }, node[65] = { 1 }, leaf[3][32], digest[32];
	struct provpkg_view view = { image, PROVPKG_IMAGE_PIECE };

	(void)state;
	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i * 31 + (i >> 11));
	for (size_t i = 0; i < 3; i++) {
		memcpy(input + 1, piece[i], i < 2 ? PROVPKG_IMAGE_PIECE : 2);
		SHA256(input, i < 2 ? sizeof(input) : 3, leaf[i]);
	}
	assert_int_equal(provpkg_image_digest(view, digest), 0);
	assert_memory_equal(digest, leaf[0], 32);
	memcpy(node + 1, leaf, 64);
	SHA256(node, sizeof(node), leaf[0]);
	view.size = (size_t)2 * PROVPKG_IMAGE_PIECE;
	assert_int_equal(provpkg_image_digest(view, digest), 0);
	assert_memory_equal(digest, leaf[0], 32);
	memcpy(node + 1, leaf[0], 32);
	memcpy(node + 33, leaf[2], 32);
	SHA256(node, sizeof(node), leaf[0]);
	view.size = sizeof(image);
	assert_int_equal(provpkg_image_digest(view, digest), 0);
	assert_memory_equal(digest, leaf[0], 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_configuration_round_trips),
		cmocka_unit_test(altered_der_is_refused_or_still_good),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(regions_must_fit_the_part),
		cmocka_unit_test(every_part_has_a_memory),
		cmocka_unit_test(lifecycle_keys_follow_the_definition),
		cmocka_unit_test(an_image_digest_is_the_root_over_its_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
