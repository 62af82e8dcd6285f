// SPDX-License-Identifier: GPL-2.0-or-later
/* The small forms: DER itself, the package header, grants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/provpkg/der.h"
#include "provpkg.h"

/* ---- DER ---- */

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static bool walks(const uint8_t *data, size_t size)
{
	size_t walked;

	return provpkg_der_walk((struct provpkg_view){ data, size }, &walked) && walked == size;
}

static void der_is_walked(void **state)
{
	(void)state;
	assert_true(walks(BYTES(0x30, 0x00)));
	assert_true(walks(BYTES(0x30, 0x06, 0x02, 0x01, 0x80, 0x01, 0x01, 0xff)));
	assert_true(walks(BYTES(0x02, 0x02, 0x00, 0x80)));
	assert_true(walks(BYTES(0x03, 0x02, 0x03, 0xf8)));
	assert_true(walks(BYTES(0x31, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02)));
	assert_true(walks(BYTES(0x06, 0x02, 0x2a, 0x03)));
	assert_true(walks(BYTES(0xa0, 0x02, 0x05, 0x00)));
	assert_true(walks(BYTES(0x80, 0x01, 0x99)));
}

static void what_is_not_der_is_refused(void **state)
{
	(void)state;
	assert_false(walks(BYTES(0x30)));
	assert_false(walks(BYTES(0x30, 0x80, 0x00, 0x00))); /* indefinite */
	assert_false(walks(BYTES(0x30, 0x81, 0x00))); /* long form of a short length */
	assert_false(walks(BYTES(0x04, 0x82, 0x00, 0x01, 0x00)));
	assert_false(walks(BYTES(0x30, 0x84, 0xff, 0xff, 0xff, 0xff)));
	assert_false(walks(BYTES(0x30, 0x85, 0x00, 0x00, 0x00, 0x00, 0x00)));
	assert_false(walks(BYTES(0x30, 0xff)));
	assert_false(walks(BYTES(0x30, 0x02, 0x02, 0x01))); /* child beyond its parent */
	assert_false(walks(BYTES(0x1f, 0x81, 0x01, 0x00))); /* high tag */
	assert_false(walks(BYTES(0x00, 0x00))); /* end of contents */
	assert_false(walks(BYTES(0x10, 0x00))); /* primitive SEQUENCE */
	assert_false(walks(BYTES(0x24, 0x03, 0x04, 0x01, 0x00))); /* constructed OCTET STRING */
	assert_false(walks(BYTES(0x01, 0x01, 0x01))); /* TRUE is 0xff */
	assert_false(walks(BYTES(0x01, 0x00)));
	assert_false(walks(BYTES(0x02, 0x00)));
	assert_false(walks(BYTES(0x02, 0x02, 0x00, 0x7f))); /* padded INTEGER */
	assert_false(walks(BYTES(0x02, 0x02, 0xff, 0x80)));
	assert_false(walks(BYTES(0x0a, 0x02, 0x00, 0x01)));
	assert_false(walks(BYTES(0x03, 0x01, 0x01))); /* unused bits of no bits */
	assert_false(walks(BYTES(0x03, 0x02, 0x08, 0x00)));
	assert_false(walks(BYTES(0x03, 0x02, 0x03, 0xff))); /* padding bits set */
	assert_false(walks(BYTES(0x05, 0x01, 0x00)));
	assert_false(walks(BYTES(0x06, 0x00)));
	assert_false(walks(BYTES(0x06, 0x02, 0x2a, 0x83))); /* unfinished arc */
	assert_false(walks(BYTES(0x06, 0x03, 0x2a, 0x80, 0x03))); /* padded arc */
	assert_false(walks(BYTES(0x31, 0x06, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01))); /* SET out of order */
}

static void deep_nesting_is_refused(void **state)
{
	uint8_t deep[200];

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		deep[2 * i] = 0x30;
		deep[2 * i + 1] = (uint8_t)(198 - 2 * i);
	}
	assert_true(walks(deep + 140, 60));
	assert_false(walks(deep + 100, 100));
}

static void names_are_text(void **state)
{
	static const char *const bad[] = { "", "a\n", "\x7f", "\xc2\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82" };
	char longest[65];

	(void)state;
	assert_true(provpkg_name_valid((struct provpkg_view){ (const uint8_t *)"Zürich 7", 9 }));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(provpkg_name_valid((struct provpkg_view){ (const uint8_t *)bad[i], strlen(bad[i]) }));
	assert_false(provpkg_name_valid((struct provpkg_view){ (const uint8_t *)"a\0b", 3 }));
	memset(longest, 'x', sizeof(longest));
	assert_true(provpkg_name_valid((struct provpkg_view){ (const uint8_t *)longest, 63 }));
	assert_false(provpkg_name_valid((struct provpkg_view){ (const uint8_t *)longest, 64 }));
}

/* ---- The package header ---- */

#define PAYLOAD_SIZE (PROVPKG_SEGMENT_SIZE + 100)
#define FILE_SIZE (16384 + PAYLOAD_SIZE)

static const struct provpkg_layout layout = { { 4096, 5000 }, { 12288, 64 }, { 16384, PAYLOAD_SIZE } };

static int decode_header(const uint8_t header[PROVPKG_HEADER_SIZE], uint64_t file_size)
{
	struct provpkg_layout decoded;

	return provpkg_layout_decode((struct provpkg_view){ header, PROVPKG_HEADER_SIZE }, file_size, &decoded);
}

static void headers_round_trip(void **state)
{
	uint8_t header[PROVPKG_HEADER_SIZE];
	struct provpkg_layout decoded;

	(void)state;
	assert_int_equal(provpkg_layout_encode(&layout, header), 0);
	assert_int_equal(provpkg_layout_decode((struct provpkg_view){ header, sizeof(header) }, FILE_SIZE, &decoded), 0);
	assert_memory_equal(&decoded, &layout, sizeof(layout));
}

static void nothing_lies_between_sections(void **state)
{
	struct provpkg_section gaps[PROVPKG_GAPS];
	uint8_t bytes[3192] = { 0 };

	(void)state;
	provpkg_layout_gaps(&layout, gaps);
	assert_int_equal(gaps[0].size, 0);
	assert_int_equal(gaps[1].offset, 4096 + 5000);
	assert_int_equal(gaps[1].size, sizeof(bytes));
	assert_int_equal(gaps[2].offset, 12288 + 64);
	assert_int_equal(gaps[2].size, 4096 - 64);
	assert_int_equal(provpkg_layout_check_gap((struct provpkg_view){ bytes, 0 }), 0);
	assert_int_equal(provpkg_layout_check_gap((struct provpkg_view){ bytes, sizeof(bytes) }), 0);
	bytes[sizeof(bytes) - 1] = 1;
	assert_int_equal(provpkg_layout_check_gap((struct provpkg_view){ bytes, sizeof(bytes) - 1 }), 0);
	assert_int_equal(provpkg_layout_check_gap((struct provpkg_view){ bytes, sizeof(bytes) }), PROVCARD_REFUSAL_PACKAGE_LAYOUT);
}

static void short_and_long_files_are_refused(void **state)
{
	uint8_t header[PROVPKG_HEADER_SIZE];
	struct provpkg_layout decoded;

	(void)state;
	assert_int_equal(provpkg_layout_encode(&layout, header), 0);
	assert_int_equal(decode_header(header, FILE_SIZE - 1), PROVCARD_REFUSAL_PACKAGE_TRUNCATED);
	assert_int_equal(decode_header(header, FILE_SIZE + 1), PROVCARD_REFUSAL_TRAILING_DATA);
	for (size_t size = 0; size < sizeof(header); size += 7)
		assert_int_equal(provpkg_layout_decode((struct provpkg_view){ header, size }, size, &decoded),
				 PROVCARD_REFUSAL_PACKAGE_TRUNCATED);
}

static void strangers_files_are_told_apart(void **state)
{
	uint8_t header[PROVPKG_HEADER_SIZE];

	(void)state;
	assert_int_equal(provpkg_layout_encode(&layout, header), 0);
	header[8] = 2;
	assert_int_equal(decode_header(header, FILE_SIZE), PROVCARD_REFUSAL_PACKAGE_VERSION);
	header[0] = 'p';
	assert_int_equal(decode_header(header, FILE_SIZE), PROVCARD_REFUSAL_PACKAGE_MAGIC);
}

/* The header with one of its 64-bit fields replaced. */
static int with_field(size_t field, uint64_t value)
{
	uint8_t header[PROVPKG_HEADER_SIZE];

	assert_int_equal(provpkg_layout_encode(&layout, header), 0);
	for (size_t i = 0; i < 8; i++)
		header[16 + 8 * field + i] = (uint8_t)(value >> (8 * i));
	return decode_header(header, FILE_SIZE);
}

static void bad_layouts_are_refused(void **state)
{
	static const struct {
		size_t field;
		uint64_t value;
	} bad[] = {
		{ 0, 0 },	   { 0, 4097 },	     { 0, 12288 },	       { 0, UINT64_MAX - 4095 }, { 1, 0 },
		{ 1, 8193 },	   { 1, UINT64_MAX }, { 1, (16u << 20) + 1 }, { 2, 8192 },		 { 2, 4096 },
		{ 3, 0 },	   { 3, 32 },	     { 3, 65 },		       { 3, 96 },		 { 3, UINT64_MAX - 31 },
		{ 4, 12288 },	   { 4, 16385 },     { 4, 1ull << 63 },	       { 5, 0 },		 { 5, UINT64_MAX },
		{ 5, 1u << 20 }, { 6, 1 },
	};
	uint8_t header[PROVPKG_HEADER_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(with_field(bad[i].field, bad[i].value), PROVCARD_REFUSAL_PACKAGE_LAYOUT);
	assert_int_equal(provpkg_layout_encode(&layout, header), 0);
	header[12] = 1;
	assert_int_equal(decode_header(header, FILE_SIZE), PROVCARD_REFUSAL_PACKAGE_LAYOUT);
	header[12] = 0;
	header[4095] = 1;
	assert_int_equal(decode_header(header, FILE_SIZE), PROVCARD_REFUSAL_PACKAGE_LAYOUT);
}

/* ---- Grants ---- */

static struct provpkg_grant good_grant(void)
{
	return (struct provpkg_grant){ .grant_id = { 1 },
				       .card_id = { 2 },
				       .package_id = { 3 },
				       .sequence = 2,
				       .ceiling_good = 1000,
				       .ceiling_scrap = 20,
				       .window = { 1000, 2000 },
				       .previous = { 4 },
				       .termination = true };
}

static void grants_round_trip(void **state)
{
	struct provpkg_grant grant = good_grant(), again;
	struct provpkg_blob der = { 0 };
	uint8_t digest[PROVPKG_HASH_SIZE], other[PROVPKG_HASH_SIZE];

	(void)state;
	assert_int_equal(provpkg_grant_encode(&grant, &der), 0);
	assert_int_equal(provpkg_grant_decode(provpkg_blob_view(&der), &again), 0);
	assert_memory_equal(again.card_id, grant.card_id, sizeof(grant.card_id));
	assert_memory_equal(again.previous, grant.previous, sizeof(grant.previous));
	assert_int_equal(again.ceiling_good, 1000);
	assert_int_equal(again.window.not_after, 2000);
	assert_true(again.termination);
	assert_int_equal(provpkg_grant_digest(&grant, digest), 0);
	grant.ceiling_scrap++;
	assert_int_equal(provpkg_grant_digest(&grant, other), 0);
	assert_memory_not_equal(digest, other, sizeof(digest));
	provpkg_blob_free(&der);
}

static void altered_grants_are_refused_or_good(void **state)
{
	struct provpkg_grant grant = good_grant(), again;
	struct provpkg_blob der = { 0 }, back = { 0 };

	(void)state;
	assert_int_equal(provpkg_grant_encode(&grant, &der), 0);
	for (size_t size = 0; size < der.size; size++)
		assert_int_equal(provpkg_grant_decode((struct provpkg_view){ der.data, size }, &again), PROVCARD_REFUSAL_MANIFEST_DER);
	for (size_t bit = 0; bit < der.size * 8; bit++) {
		der.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (!provpkg_grant_decode(provpkg_blob_view(&der), &again)) {
			assert_int_equal(provpkg_grant_encode(&again, &back), 0);
			assert_int_equal(back.size, der.size);
			assert_memory_equal(back.data, der.data, der.size);
			provpkg_blob_free(&back);
		}
		der.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	provpkg_blob_free(&der);
}

#define GRANT_REFUSED(change)                                              \
	do {                                                               \
		struct provpkg_grant grant = good_grant();                 \
		struct provpkg_blob der = { 0 };                           \
		change;                                                    \
		assert_int_equal(provpkg_grant_encode(&grant, &der), -22); \
	} while (0)

static void impossible_grants_are_not_written(void **state)
{
	(void)state;
	GRANT_REFUSED(grant.sequence = 0);
	GRANT_REFUSED(grant.sequence = 1); /* the first has nothing before it */
	GRANT_REFUSED(grant.previous[0] = 0);
	GRANT_REFUSED(grant.ceiling_good = UINT64_C(1) << 32);
	GRANT_REFUSED(grant.ceiling_scrap = UINT64_MAX);
	GRANT_REFUSED(grant.window.not_before = -1);
	GRANT_REFUSED(grant.window.not_after = 999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(der_is_walked),
		cmocka_unit_test(what_is_not_der_is_refused),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(names_are_text),
		cmocka_unit_test(headers_round_trip),
		cmocka_unit_test(nothing_lies_between_sections),
		cmocka_unit_test(short_and_long_files_are_refused),
		cmocka_unit_test(strangers_files_are_told_apart),
		cmocka_unit_test(bad_layouts_are_refused),
		cmocka_unit_test(grants_round_trip),
		cmocka_unit_test(altered_grants_are_refused_or_good),
		cmocka_unit_test(impossible_grants_are_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
