// SPDX-License-Identifier: GPL-2.0-or-later
/* Deliveries that count wrong: counters that do not run on, an end certificate that says other numbers, a part that is good twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/delivery.h"

static void good_twice(struct provpkg_record *record)
{
	record->after.good++;
}

static void good_not_counted(struct provpkg_record *record)
{
	record->after.good--;
}

static void unreserved(struct provpkg_record *record)
{
	record->before.reserved = 0;
	record->after.reserved = UINT64_MAX;
}

static void reservation_kept(struct provpkg_record *record)
{
	record->after.reserved = record->before.reserved;
}

static void lowered_before(struct provpkg_record *record)
{
	record->before.allocated--;
	record->after.allocated--;
}

static void begun_before(struct provpkg_record *record)
{
	record->before.good = record->after.good = 1;
}

static void charged(struct provpkg_record *record)
{
	record->after.reserved++;
}

static void allocated_less(struct provpkg_record *record)
{
	record->after.allocated = record->before.allocated;
}

static void no_unit(struct provpkg_record *record)
{
	record->has_unit = false;
}

static void counters_must_run_on(void **state)
{
	(void)state;
	assert_int_equal(delivery_verify_changed(FIRST_GOOD, good_twice), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(SECOND_GOOD, good_not_counted), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(SCRAP, good_twice), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(FIRST_GOOD, unreserved), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(SCRAP, unreserved), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(FIRST_GOOD, reservation_kept), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(FIRST_GOOD, lowered_before), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(LOADED, begun_before), PROVCARD_REFUSAL_RECORD_MISSING);
	assert_int_equal(delivery_verify_changed(REFUSED, charged), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(CLOSED, charged), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(CLOSED, good_twice), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(ALLOCATED, allocated_less), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(delivery_verify_changed(FIRST_GOOD, no_unit), PROVCARD_REFUSAL_STATEMENT_DER);
}

/* The card claims fewer, or more, than its records show. */
static void end_counts_must_be_the_records(void **state)
{
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	delivery.end.good = DELIVERY_GOOD - 1;
	delivery.end.unused++;
	assert_int_equal(delivery_verify_resealed(&delivery), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	delivery.end.good = DELIVERY_GOOD + 1;
	delivery.end.unused -= 2;
	assert_int_equal(delivery_verify_resealed(&delivery), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	delivery.end.good = DELIVERY_GOOD;
	delivery.end.scrap = 2;
	delivery.end.unused = 5;
	assert_int_equal(delivery_verify_resealed(&delivery), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	delivery.end.scrap = 1;
	delivery.end.unused = 6;
	assert_int_equal(delivery_verify_resealed(&delivery), 0);
	delivery.end.certificates_root[0] ^= 1;
	delivery_sign(&delivery, world.made.signers, 2);
	assert_int_equal(delivery_verify(&delivery), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	delivery_free(&delivery);
}

/* More records than the end certificate counts. */
static void records_are_counted(void **state)
{
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	delivery.end.records--;
	delivery_sign(&delivery, world.made.signers, 2);
	assert_int_equal(delivery_verify(&delivery), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	delivery_free(&delivery);
}

/* Gives a unit another UID, with a genuine certificate for it. */
static void make_again(struct entry *entry, size_t uid_size, uint8_t uid)
{
	struct provpkg_record *record = &entry->record;

	record->uid_size = uid_size;
	memset(record->uid, 0, sizeof(record->uid));
	memset(record->uid, uid, uid_size);
	provpkg_blob_free(&entry->attachment);
	delivery_attach(entry, delivery_certificate((struct provpkg_view){ record->uid, uid_size }));
	memcpy(record->certificate_digest, record->attachment_digest, PROVPKG_HASH_SIZE);
}

/* A card that calls one part good twice; a refused attempt at it, or its being scrap once, is not that. */
static void no_part_is_good_twice(void **state)
{
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	make_again(&delivery.entry[THIRD_GOOD], 8, 1);
	assert_int_equal(delivery_verify_resealed(&delivery), PROVCARD_REFUSAL_UID_REPEATED);
	make_again(&delivery.entry[THIRD_GOOD], 8, 2);
	assert_int_equal(delivery_verify_resealed(&delivery), PROVCARD_REFUSAL_UID_REPEATED);
	make_again(&delivery.entry[THIRD_GOOD], 7, 1);
	assert_int_equal(delivery_verify_resealed(&delivery), 0);
	make_again(&delivery.entry[THIRD_GOOD], 8, 4);
	make_again(&delivery.entry[SCRAP], 8, 1);
	assert_int_equal(delivery_verify_resealed(&delivery), 0);
	delivery_free(&delivery);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_must_run_on),
		cmocka_unit_test(end_counts_must_be_the_records),
		cmocka_unit_test(records_are_counted),
		cmocka_unit_test(no_part_is_good_twice),
	};

	return cmocka_run_group_tests(tests, delivery_world_new, delivery_world_free);
}
