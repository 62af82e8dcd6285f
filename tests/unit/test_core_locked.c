// SPDX-License-Identifier: GPL-2.0-or-later
/* Locked parts, which hide who they are: found again by their answer, erased at the operator's word, else left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define RECOVER PROVCARD_UNIT_RECOVER

static struct station station;
static uint8_t package_id[PROVPKG_ID_SIZE];
static uint32_t job;

static void begin(uint32_t responder_timeout_us)
{
	struct order order;
	struct provpkg_blob file;

	station_new(&station, 4);
	station_prepare(&station);
	station_order(&station, &order);
	order.rot.responder_timeout_us = responder_timeout_us;
	order.recipient.ceiling_good = 100;
	file = station_pack(&order, package_id);
	job = station_job(&station);
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	assert_int_equal(station_allocate(&station, package_id, 100), 0);
	provpkg_blob_free(&file);
}

static int set_up(void **state)
{
	(void)state;
	begin(1000);
	return 0;
}

static int set_up_silent(void **state)
{
	(void)state;
	begin(0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_remove_all();
	station_free(&station);
	return 0;
}

static void insert(unsigned int head, uint32_t number)
{
	fake_insert(head, number);
	fake_part[head].key_address = STATION_KEY_ADDRESS;
}

static void assert_counts(uint64_t good, uint64_t scrap, uint64_t reserved)
{
	struct provcard_service_job report = station_report(&station, job);

	assert_int_equal(report.good, good);
	assert_int_equal(report.scrap, scrap);
	assert_int_equal(report.reserved, reserved);
}

/* The part is locked and its unit is not finished, as after a power cut between the two. */
static void lose(unsigned int head, uint32_t number)
{
	insert(head, number);
	fake_part[head].fails_at = FAKE_READ_LOCK;
	fake_part[head].code = REFUSED(CABLE);
	assert_int_equal(station_run(&station, job, head, NULL), REFUSED(CABLE));
	assert_true(fake_part[head].locked);
	fake_part[head].fails_at = 0;
	fake_part[head].asked = fake_part[head].erased = 0;
}

static void restart(void)
{
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
}

static void test_found(void **state)
{
	struct provcard_service_unit unit;
	struct station_entry entry;
	uint8_t uid[8];
	uint32_t length;

	(void)state;
	lose(0, 1);
	lose(1, 2);
	lose(2, 3);
	assert_counts(0, 0, 3);
	restart();
	memcpy(uid, fake_part[1].uid, sizeof(uid));
	assert_int_equal(station_run(&station, job, 1, &unit), 0);
	assert_int_equal(unit.state, PROVCARD_UNIT_GOOD);
	assert_int_equal(unit.proof, PROVCARD_PROOF_CHALLENGE);
	assert_int_equal(unit.uid_size, sizeof(uid));
	assert_memory_equal(unit.uid, uid, sizeof(uid));
	assert_int_equal(fake_part[1].erased, 1); /* made again: nobody knows who locked it */
	assert_counts(1, 0, 2);
	/* Its record names the certificate that the part carries. */
	assert_true(station_log(&station, unit.log_index, &entry));
	assert_int_equal(entry.record.event, PROVPKG_EVENT_UNIT_GOOD);
	assert_int_equal(entry.record.proof, PROVCARD_PROOF_CHALLENGE);
	assert_true(entry.record.locked);
	memcpy(&length, fake_part[1].flash + STATION_CERTIFICATE_ADDRESS, sizeof(length));
	assert_int_equal(entry.attachment.size, length);
	assert_memory_equal(entry.attachment.data, fake_part[1].flash + STATION_CERTIFICATE_ADDRESS + 4, length);
	provpkg_blob_free(&entry.bytes);
	/* Done is done: it matches no unit any more. */
	assert_int_equal(station_run(&station, job, 1, NULL), REFUSED(PART_LOCKED));
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	assert_int_equal(station_run(&station, job, 2, NULL), 0);
	assert_counts(3, 0, 0);
}

/* Whoever does not answer with the key of a lost unit, or not freshly, is not it. */
static void test_not_found(void **state)
{
	struct provcard_service_unit unit;
	uint8_t answer[64];

	(void)state;
	lose(0, 1);
	insert(1, 2);
	assert_int_equal(station_run(&station, job, 1, NULL), 0);
	assert_int_equal(station_run(&station, job, 1, &unit), REFUSED(PART_LOCKED)); /* another unit's key */
	assert_int_equal(unit.state, PROVCARD_UNIT_NONE);
	assert_int_equal(unit.uid_size, 0);
	assert_int_not_equal(unit.log_index, ~0ull);
	fake_part[0].answers_wrongly = true;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_LOCKED));
	fake_part[0].answers_wrongly = false;
	fake_part[0].key_address = 0;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_LOCKED));
	fake_part[0].key_address = STATION_KEY_ADDRESS;
	fake_part[0].fails_at = FAKE_READ_LOCK;
	fake_part[0].code = REFUSED(PART_GONE);
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_GONE));
	memcpy(answer, fake_part[0].answer, sizeof(answer));
	fake_part[0].fails_at = 0;
	memcpy(fake_part[0].replayed, answer, sizeof(answer)); /* right once, for another challenge */
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_LOCKED));
	assert_counts(1, 0, 1);
	memset(fake_part[0].replayed, 0, sizeof(answer));
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	assert_counts(2, 0, 0);
}

/* It answered, and then does not read back as locked: a unit of ours that failed. */
static void test_lock_gone(void **state)
{
	struct provcard_service_unit unit;
	struct station_entry entry;

	(void)state;
	lose(0, 1);
	fake_part[0].fails_at = FAKE_READ_LOCK;
	fake_part[0].code = REFUSED(LOCK_FAILED);
	assert_int_equal(station_run(&station, job, 0, &unit), REFUSED(LOCK_FAILED));
	assert_int_equal(unit.state, PROVCARD_UNIT_SCRAP);
	assert_counts(0, 1, 0);
	assert_true(station_log(&station, unit.log_index, &entry));
	assert_true(entry.attachment.size > 300); /* it carries a certificate */
	provpkg_blob_free(&entry.bytes);
}

static void test_cable_fails(void **state)
{
	(void)state;
	lose(0, 1);
	fake_part[0].fails_at = FAKE_UART;
	fake_part[0].code = REFUSED(CABLE);
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(CABLE));
	assert_counts(0, 0, 1);
	fake_part[0].fails_at = 0;
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
}

/* Nobody is asked where no answer could help: no unit is lost, or the image has no responder. */
static void test_nobody_lost(void **state)
{
	(void)state;
	insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	fake_part[0].asked = 0;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_LOCKED));
	assert_int_equal(fake_part[0].asked, 0);
}

static void test_no_responder(void **state)
{
	(void)state;
	lose(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_LOCKED));
	assert_int_equal(fake_part[0].asked, 0);
	assert_int_equal(fake_part[0].erased, 0);
	assert_counts(0, 0, 1);
	assert_int_equal(station_run_flags(&station, job, 0, RECOVER, NULL), 0);
	assert_counts(1, 0, 0);
}

/* A unit that is in another head now is not looked for; the others are, up to a bound, the newest first. */
static uint16_t seen_meanwhile;

static void run_lost(void *context)
{
	(void)context;
	seen_meanwhile = station_run(&station, job, 1, NULL);
}

static void test_busy_elsewhere(void **state)
{
	(void)state;
	lose(1, 1);
	insert(0, 1);
	fake_part[0].on_program = run_lost;
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	assert_int_equal(seen_meanwhile, REFUSED(PART_LOCKED));
	assert_int_equal(fake_part[1].asked, 0);
	assert_counts(1, 0, 0);
}

static void test_bound(void **state)
{
	(void)state;
	lose(0, 1);
	for (uint32_t number = 2; number <= 65; number++)
		lose(1, number);
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_LOCKED));
	assert_int_equal(station_run(&station, job, 1, NULL), 0); /* now there are 64 */
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	assert_counts(2, 0, 63);
}

static void test_flags(void **state)
{
	(void)state;
	insert(0, 1);
	for (unsigned int bit = 1; bit < 64; bit++)
		assert_int_equal(station_run_flags(&station, job, 0, 1ull << bit, NULL), REFUSED(INVALID_FIELD));
	assert_null(fake_part[0].flash);
	assert_counts(0, 0, 0);
	/* An open part is made as ever. */
	assert_int_equal(station_run_flags(&station, job, 0, RECOVER, NULL), 0);
	assert_int_equal(fake_part[0].erased, 1);
}

static void test_recover_unknown(void **state)
{
	struct provcard_service_unit unit;

	(void)state;
	insert(0, 1);
	fake_part[0].locked = true;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_LOCKED));
	assert_int_equal(fake_part[0].erased, 0);
	assert_int_equal(station_run_flags(&station, job, 0, RECOVER, &unit), 0);
	assert_int_equal(unit.uid_size, 8);
	assert_int_equal(fake_part[0].erased, 1);
	assert_counts(1, 0, 0);
}

/* The same identity again, without a second charge. */
static void test_recover_reserved(void **state)
{
	uint8_t key[32];

	(void)state;
	lose(0, 1);
	memcpy(key, fake_part[0].flash + STATION_KEY_ADDRESS, sizeof(key));
	restart();
	assert_int_equal(station_run_flags(&station, job, 0, RECOVER, NULL), 0);
	assert_int_equal(fake_part[0].erased, 1);
	assert_memory_equal(fake_part[0].flash + STATION_KEY_ADDRESS, key, sizeof(key));
	assert_counts(1, 0, 0);
}

static void test_recover_ended(void **state)
{
	struct provcard_service_unit unit;

	(void)state;
	insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	fake_part[0].erased = 0;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_LOCKED));
	assert_int_equal(fake_part[0].erased, 0);
	/* What the operator said was done; it becomes no unit again. */
	assert_int_equal(station_run_flags(&station, job, 0, RECOVER, &unit), REFUSED(UNIT_DONE));
	assert_int_equal(unit.state, PROVCARD_UNIT_GOOD);
	assert_int_equal(fake_part[0].erased, 1);
	insert(1, 2);
	fake_part[1].fails_at = FAKE_UART;
	fake_part[1].code = REFUSED(PROOF_FAILED);
	assert_int_equal(station_run(&station, job, 1, NULL), REFUSED(PROOF_FAILED));
	assert_int_equal(station_run_flags(&station, job, 1, RECOVER, NULL), REFUSED(UNIT_SCRAPPED));
	assert_counts(1, 1, 0);
}

static void test_recover_fails(void **state)
{
	(void)state;
	insert(0, 1);
	fake_part[0].locked = true;
	fake_part[0].fails_at = FAKE_ERASE;
	fake_part[0].code = REFUSED(RECOVER_FAILED);
	assert_int_equal(station_run_flags(&station, job, 0, RECOVER, NULL), REFUSED(RECOVER_FAILED));
	assert_counts(0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_found),
		TEST(test_not_found),
		TEST(test_lock_gone),
		TEST(test_cable_fails),
		TEST(test_nobody_lost),
		cmocka_unit_test_setup_teardown(test_no_responder, set_up_silent, tear_down),
		TEST(test_busy_elsewhere),
		TEST(test_bound),
		TEST(test_flags),
		TEST(test_recover_unknown),
		TEST(test_recover_reserved),
		TEST(test_recover_ended),
		TEST(test_recover_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
