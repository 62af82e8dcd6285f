// SPDX-License-Identifier: GPL-2.0-or-later
/* FLOE against the known answers of its specification, in both directions, and against alteration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "lib/provpkg/floe.h"
#include "provcard-refusal.h"
#include "tests/unit/vectors.h"

/* The known answers' key is zero, their associated data this. */
static const uint8_t key[PROVPKG_KEY_SIZE];
static const struct provpkg_view aad = { (const uint8_t *)"This is AAD", 11 };

static const struct {
	const char *name;
	struct provpkg_floe_parameters parameters;
} answers[] = {
	{ "cpp_GCM256_IV256_4K", { 4096, 20 } },      { "cpp_GCM256_IV256_64", { 64, 20 } },	  { "cpp_rotation", { 40, 2 } },
	{ "go_GCM256_IV256_4K", { 4096, 20 } },	      { "go_GCM256_IV256_64", { 64, 20 } },	  { "go_rotation", { 40, 2 } },
	{ "java_GCM256_IV256_4K", { 4096, 20 } },     { "java_GCM256_IV256_64", { 64, 20 } },	  { "java_rotation", { 40, 2 } },
	{ "pub_java_GCM256_IV256_4K", { 4096, 20 } }, { "pub_java_GCM256_IV256_64", { 64, 20 } }, { "pub_java_rotation", { 40, 2 } },
	{ "rust_GCM256_IV256_4K", { 4096, 20 } },     { "rust_GCM256_IV256_64", { 64, 20 } },	  { "rust_rotation", { 40, 2 } },
	{ "java_lastSegAligned", { 40, 20 } },	      { "java_lastSegEmpty", { 40, 20 } },
};

struct answer {
	struct provpkg_floe_parameters parameters;
	struct provpkg_blob plain;
	struct provpkg_blob cipher;
	uint64_t segments;
};

static struct answer read_answer(size_t index)
{
	struct answer answer = { .parameters = answers[index].parameters };
	char path[128];

	snprintf(path, sizeof(path), "floe/%s_pt.txt", answers[index].name);
	answer.plain = vectors_hex(path);
	snprintf(path, sizeof(path), "floe/%s_ct.txt", answers[index].name);
	answer.cipher = vectors_hex(path);
	assert_true(answer.cipher.size > PROVPKG_FLOE_HEADER_SIZE);
	answer.segments = (answer.cipher.size - PROVPKG_FLOE_HEADER_SIZE - 1) / answer.parameters.segment_size + 1;
	return answer;
}

static void free_answer(struct answer *answer)
{
	provpkg_blob_free(&answer->plain);
	provpkg_blob_free(&answer->cipher);
}

static struct provpkg_view segment_of(const struct answer *answer, uint64_t index)
{
	size_t begin = PROVPKG_FLOE_HEADER_SIZE + index * answer->parameters.segment_size, left = answer->cipher.size - begin;

	return (struct provpkg_view){ answer->cipher.data + begin,
				      left < answer->parameters.segment_size ? left : answer->parameters.segment_size };
}

static struct provpkg_floe *open_answer(const struct answer *answer)
{
	struct provpkg_floe *floe;

	assert_int_equal(provpkg_floe_open(&answer->parameters, key, aad,
					   (struct provpkg_view){ answer->cipher.data, PROVPKG_FLOE_HEADER_SIZE }, &floe),
			 0);
	return floe;
}

static void known_answers_decrypt(void **state)
{
	uint8_t plain[4096];
	struct provpkg_floe *floe;
	size_t size, total;

	(void)state;
	vectors_need("floe/go_rotation_ct.txt");
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct answer answer = read_answer(i);

		floe = open_answer(&answer);
		total = 0;
		for (uint64_t k = 0; k < answer.segments; k++) {
			struct provpkg_floe_segment segment = { k, k + 1 == answer.segments };

			assert_int_equal(provpkg_floe_unseal(floe, segment, segment_of(&answer, k), plain, &size), 0);
			assert_true(total + size <= answer.plain.size);
			assert_memory_equal(plain, answer.plain.data + total, size);
			total += size;
		}
		assert_int_equal(total, answer.plain.size);
		provpkg_floe_free(floe);
		free_answer(&answer);
	}
}

/* With the header's IV and the segments' nonces given, what we write is what they wrote. */
static void known_answers_encrypt(void **state)
{
	uint8_t header[PROVPKG_FLOE_HEADER_SIZE], out[4096];
	struct provpkg_floe *floe;
	size_t size;

	(void)state;
	vectors_need("floe/go_rotation_ct.txt");
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct answer answer = read_answer(i);
		size_t room = answer.parameters.segment_size - PROVPKG_FLOE_OVERHEAD;

		assert_int_equal(provpkg_floe_new(&answer.parameters, key, aad, answer.cipher.data + 10, header, &floe), 0);
		assert_memory_equal(header, answer.cipher.data, sizeof(header));
		for (uint64_t k = 0; k < answer.segments; k++) {
			struct provpkg_view expected = segment_of(&answer, k);
			struct provpkg_view pieces[2] = { { answer.plain.data + k * room, (expected.size - PROVPKG_FLOE_OVERHEAD) / 2 } };

			pieces[1].data = pieces[0].data + pieces[0].size;
			pieces[1].size = expected.size - PROVPKG_FLOE_OVERHEAD - pieces[0].size;
			assert_int_equal(provpkg_floe_seal(floe, (struct provpkg_floe_segment){ k, k + 1 == answer.segments },
							   expected.data + 4, pieces, 2, out, &size),
					 0);
			assert_int_equal(size, expected.size);
			assert_memory_equal(out, expected.data, size);
		}
		provpkg_floe_free(floe);
		free_answer(&answer);
	}
}

/* A message of our own: five segments of 64 bytes, the last short. */
static const struct provpkg_floe_parameters small = { 64, 1 };

struct message {
	uint8_t header[PROVPKG_FLOE_HEADER_SIZE];
	uint8_t segment[5][64];
	size_t size[5];
	struct provpkg_floe *floe;
};

static void write_message(struct message *message)
{
	static const uint8_t iv[PROVPKG_FLOE_IV_SIZE] = "an initialisation vector";
	uint8_t nonce[PROVPKG_FLOE_NONCE_SIZE] = { 0 }, plain[32] = { 0 };

	assert_int_equal(provpkg_floe_new(&small, key, aad, iv, message->header, &message->floe), 0);
	for (uint64_t i = 0; i < 5; i++) {
		struct provpkg_view piece = { plain, i == 4 ? 7 : 32 };

		nonce[0] = plain[0] = (uint8_t)i;
		assert_int_equal(provpkg_floe_seal(message->floe, (struct provpkg_floe_segment){ i, i == 4 }, nonce, &piece, 1,
						   message->segment[i], &message->size[i]),
				 0);
	}
}

static int unseal(const struct message *message, uint64_t index, bool last, const uint8_t *data, size_t size)
{
	uint8_t plain[64];
	size_t plain_size;

	return provpkg_floe_unseal(message->floe, (struct provpkg_floe_segment){ index, last }, (struct provpkg_view){ data, size },
				   plain, &plain_size);
}

static void segments_are_bound_to_their_place(void **state)
{
	struct message message;

	(void)state;
	write_message(&message);
	for (uint64_t i = 0; i < 5; i++)
		for (uint64_t k = 0; k < 5; k++)
			assert_int_equal(unseal(&message, k, k == 4, message.segment[i], message.size[i]),
					 i == k ? 0 : PROVCARD_REFUSAL_SEGMENT_TAG);
	provpkg_floe_free(message.floe);
}

/* The length field, altered along, does not make another segment the last one. */
static void the_last_segment_is_bound_to_being_last(void **state)
{
	struct message message;

	(void)state;
	write_message(&message);
	assert_int_equal(unseal(&message, 3, true, message.segment[3], 64), PROVCARD_REFUSAL_SEGMENT_TAG);
	memcpy(message.segment[3], (uint8_t[]){ 0, 0, 0, 64 }, 4);
	assert_int_equal(unseal(&message, 3, true, message.segment[3], 64), PROVCARD_REFUSAL_SEGMENT_TAG);
	assert_int_equal(unseal(&message, 4, false, message.segment[4], message.size[4]), PROVCARD_REFUSAL_SEGMENT_TAG);
	provpkg_floe_free(message.floe);
}

static void every_altered_bit_and_length_is_refused(void **state)
{
	struct message message;

	(void)state;
	write_message(&message);
	for (size_t bit = 0; bit < message.size[4] * 8; bit++) {
		message.segment[4][bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_int_equal(unseal(&message, 4, true, message.segment[4], message.size[4]), PROVCARD_REFUSAL_SEGMENT_TAG);
		message.segment[4][bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	for (size_t size = 0; size < 64; size++)
		assert_int_equal(unseal(&message, 1, false, message.segment[1], size), PROVCARD_REFUSAL_SEGMENT_TAG);
	for (size_t size = 0; size < message.size[4]; size++)
		assert_int_equal(unseal(&message, 4, true, message.segment[4], size), PROVCARD_REFUSAL_SEGMENT_TAG);
	provpkg_floe_free(message.floe);
}

static void refused_segments_leave_no_plaintext(void **state)
{
	static const uint8_t zeros[64];
	struct message message;
	uint8_t plain[64];
	size_t size = 99;

	(void)state;
	write_message(&message);
	message.segment[1][63] ^= 1;
	memset(plain, 0xa5, sizeof(plain));
	assert_int_equal(provpkg_floe_unseal(message.floe, (struct provpkg_floe_segment){ 1, false },
					     (struct provpkg_view){ message.segment[1], 64 }, plain, &size),
			 PROVCARD_REFUSAL_SEGMENT_TAG);
	assert_memory_equal(plain, zeros, 32);
	assert_int_equal(size, 99);
	provpkg_floe_free(message.floe);
}

static void every_altered_header_bit_is_refused(void **state)
{
	struct message message;
	struct provpkg_floe *floe = NULL;
	const struct provpkg_view other_aad = { (const uint8_t *)"This is AAd", 11 };
	uint8_t other_key[PROVPKG_KEY_SIZE] = { 1 };

	(void)state;
	write_message(&message);
	for (size_t bit = 0; bit < sizeof(message.header) * 8; bit++) {
		message.header[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_int_equal(provpkg_floe_open(&small, key, aad, (struct provpkg_view){ message.header, sizeof(message.header) }, &floe),
				 PROVCARD_REFUSAL_FLOE_HEADER);
		message.header[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	assert_int_equal(provpkg_floe_open(&small, key, other_aad, (struct provpkg_view){ message.header, sizeof(message.header) }, &floe),
			 PROVCARD_REFUSAL_FLOE_HEADER);
	assert_int_equal(provpkg_floe_open(&small, other_key, aad, (struct provpkg_view){ message.header, sizeof(message.header) }, &floe),
			 PROVCARD_REFUSAL_FLOE_HEADER);
	assert_int_equal(provpkg_floe_open(&small, key, aad, (struct provpkg_view){ message.header, 73 }, &floe),
			 PROVCARD_REFUSAL_FLOE_HEADER);
	provpkg_floe_free(message.floe);
}

static void callers_mistakes_are_einval(void **state)
{
	struct message message;
	struct provpkg_view piece = { message.header, 33 };
	uint8_t out[128], nonce[PROVPKG_FLOE_NONCE_SIZE] = { 0 };
	size_t size;

	(void)state;
	write_message(&message);
	assert_int_equal(provpkg_floe_seal(message.floe, (struct provpkg_floe_segment){ 9, true }, nonce, &piece, 1, out, &size), -22);
	piece.size = 31;
	assert_int_equal(provpkg_floe_seal(message.floe, (struct provpkg_floe_segment){ 9, false }, nonce, &piece, 1, out, &size), -22);
	provpkg_floe_free(message.floe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers_decrypt),
		cmocka_unit_test(known_answers_encrypt),
		cmocka_unit_test(segments_are_bound_to_their_place),
		cmocka_unit_test(the_last_segment_is_bound_to_being_last),
		cmocka_unit_test(every_altered_bit_and_length_is_refused),
		cmocka_unit_test(refused_segments_leave_no_plaintext),
		cmocka_unit_test(every_altered_header_bit_is_refused),
		cmocka_unit_test(callers_mistakes_are_einval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
