// SPDX-License-Identifier: GPL-2.0-or-later
/* Provisioning: what one part, one job, one quota comes to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <threads.h>

#include <cmocka.h>

#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name

static struct station station;
static uint8_t package_id[PROVPKG_ID_SIZE];
static uint32_t job;

static int set_up(void **state)
{
	struct order order;
	struct provpkg_blob file;

	(void)state;
	station_new(&station, 4);
	station_prepare(&station);
	station_order(&station, &order);
	file = station_pack(&order, package_id);
	job = station_job(&station);
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	provpkg_blob_free(&file);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_remove_all();
	station_free(&station);
	return 0;
}

static void allocate(uint64_t count)
{
	assert_int_equal(station_allocate(&station, package_id, count), 0);
}

static uint16_t run_part(unsigned int head, uint32_t number, struct provcard_service_unit *unit)
{
	fake_insert(head, number);
	return station_run(&station, job, head, unit);
}

static void assert_counts(uint64_t good, uint64_t scrap, uint64_t reserved)
{
	struct provcard_service_job report = station_report(&station, job);

	assert_int_equal(report.good, good);
	assert_int_equal(report.scrap, scrap);
	assert_int_equal(report.reserved, reserved);
}

static void test_good(void **state)
{
	struct provcard_service_unit unit;
	const uint8_t *flash;
	uint32_t length;

	(void)state;
	allocate(1);
	assert_int_equal(run_part(0, 1, &unit), 0);
	assert_int_equal(unit.state, PROVCARD_UNIT_GOOD);
	assert_int_equal(unit.code, 0);
	assert_int_equal(unit.proof, PROVCARD_PROOF_LOCK_ONLY);
	flash = fake_part[0].flash;
	assert_memory_equal(flash + 0x1000, station.image, STATION_IMAGE_SIZE);
	memcpy(&length, flash + STATION_CERTIFICATE_ADDRESS, sizeof(length));
	assert_in_range(length, 300, 1020);
	assert_true(fake_part[0].locked);
	assert_counts(1, 0, 0);
}

static void test_certificate(void **state)
{
	struct provcard_service_unit unit;
	struct station_entry entry;
	uint8_t *flash;
	uint32_t length;
	EVP_PKEY *key;
	X509 *certificate;

	(void)state;
	allocate(1);
	assert_int_equal(run_part(0, 1, &unit), 0);
	assert_true(station_log(&station, unit.log_index, &entry));
	assert_int_equal(entry.record.event, PROVPKG_EVENT_UNIT_GOOD);
	assert_string_equal(entry.record.actor, "otto");
	assert_true(entry.record.locked);
	assert_memory_equal(entry.record.certificate_digest, unit.certificate_digest, 32);
	assert_int_equal(entry.record.before.reserved, 1);
	assert_int_equal(entry.record.after.good, 1);
	/* The part carries the certificate of the log, and the key that belongs to it. */
	flash = fake_part[0].flash;
	memcpy(&length, flash + STATION_CERTIFICATE_ADDRESS, sizeof(length));
	assert_int_equal(length, entry.attachment.size);
	assert_memory_equal(flash + STATION_CERTIFICATE_ADDRESS + 4, entry.attachment.data, length);
	assert_int_equal(provpkg_der_certificate(entry.attachment, &certificate), 0);
	assert_int_equal(X509_verify(certificate, X509_get0_pubkey(station.issuer)), 1);
	key = fake_device_key(flash + STATION_KEY_ADDRESS);
	assert_int_equal(EVP_PKEY_eq(key, X509_get0_pubkey(certificate)), 1);
	/* And the private key is nowhere in the card's memory. */
	assert_false(fake_port_holds(&station.board, flash + STATION_KEY_ADDRESS, 32));
	assert_true(fake_port_holds(&station.board, entry.attachment.data, entry.attachment.size));
	EVP_PKEY_free(key);
	X509_free(certificate);
	provpkg_blob_free(&entry.bytes);
}

static void test_lifecycle_key(void **state)
{
	struct provpkg_lifecycle lifecycle = { .name = "debug", .size = 32, .secret = "thirty-two bytes of a secret ..." };
	struct provcard_service_unit unit;
	uint8_t key[32];

	(void)state;
	allocate(1);
	assert_int_equal(run_part(0, 1, &unit), 0);
	assert_int_equal(provpkg_lifecycle_key(&lifecycle, (struct provpkg_view){ unit.uid, unit.uid_size }, key), 0);
	assert_memory_equal(fake_part[0].flash + STATION_LIFECYCLE_ADDRESS, key, sizeof(key));
}

static void test_eleventh(void **state)
{
	struct provcard_service_unit unit;

	(void)state;
	assert_int_equal(run_part(0, 100, &unit), REFUSED(ALLOCATION_EXHAUSTED));
	allocate(4);
	assert_int_equal(station_allocate(&station, package_id, 7), REFUSED(ALLOCATION_ABOVE_GRANT));
	assert_int_equal(station_allocate(&station, package_id, UINT64_MAX), REFUSED(ALLOCATION_ABOVE_GRANT));
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(run_part(i, i, NULL), 0);
	assert_int_equal(run_part(0, 4, &unit), REFUSED(ALLOCATION_EXHAUSTED));
	assert_null(fake_part[0].flash);
	allocate(6);
	for (uint32_t i = 4; i < 10; i++)
		assert_int_equal(run_part(0, i, NULL), 0);
	assert_int_equal(run_part(0, 10, &unit), REFUSED(GRANT_EXHAUSTED));
	/* Nothing was done to the part, and the attempt has its record. */
	assert_null(fake_part[0].flash);
	assert_int_equal(unit.state, PROVCARD_UNIT_NONE);
	assert_int_not_equal(unit.log_index, ~0ull);
	assert_counts(10, 0, 0);
}

static void test_done_and_locked(void **state)
{
	(void)state;
	allocate(2);
	assert_int_equal(run_part(0, 1, NULL), 0);
	/* A locked part does not tell its UID. */
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_LOCKED));
	fake_part[0].uid_readable = true;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(UNIT_DONE));
	fake_insert(0, 2);
	fake_part[0].locked = fake_part[0].uid_readable = true;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(PART_LOCKED));
	assert_counts(1, 0, 0);
}

static void test_socket(void **state)
{
	struct provcard_service_unit unit;
	uint64_t before = station_status(&station).log_size + 1; /* the allocation's */

	(void)state;
	allocate(1);
	assert_int_equal(station_run(&station, job, 0, &unit), REFUSED(NO_PART));
	assert_int_equal(station_run(&station, job, 4, &unit), REFUSED(HEAD_UNKNOWN));
	assert_int_equal(station_status(&station).log_size, before);
	fake_insert(0, 1);
	fake_part[0].name = "nRF5340";
	assert_int_equal(station_run(&station, job, 0, &unit), REFUSED(WRONG_PART));
	assert_int_equal(station_status(&station).log_size, before + 1);
	assert_counts(0, 0, 0);
}

static struct provpkg_blob part_certificate(unsigned int head)
{
	uint32_t length;

	memcpy(&length, fake_part[head].flash + STATION_CERTIFICATE_ADDRESS, sizeof(length));
	return (struct provpkg_blob){ OPENSSL_memdup(fake_part[head].flash + STATION_CERTIFICATE_ADDRESS + 4, length), length };
}

static void test_resume(void **state)
{
	struct provcard_service_unit unit;
	struct provpkg_blob first, second;
	uint8_t key[32];

	(void)state;
	allocate(1);
	fake_insert(0, 1);
	fake_part[0].fails_at = FAKE_VERIFY;
	fake_part[0].code = REFUSED(PART_GONE);
	assert_int_equal(station_run(&station, job, 0, &unit), REFUSED(PART_GONE));
	assert_counts(0, 0, 1);
	first = part_certificate(0);
	memcpy(key, fake_part[0].flash + STATION_KEY_ADDRESS, sizeof(key));
	/* Charged, so nobody else may have it, not even after the card was off. */
	assert_int_equal(run_part(1, 2, NULL), REFUSED(ALLOCATION_EXHAUSTED));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
	fake_part[0].fails_at = 0;
	assert_int_equal(station_run(&station, job, 0, &unit), 0);
	assert_counts(1, 0, 0);
	/* The same identity, to the byte. */
	second = part_certificate(0);
	assert_memory_equal(fake_part[0].flash + STATION_KEY_ADDRESS, key, sizeof(key));
	assert_int_equal(first.size, second.size);
	assert_memory_equal(first.data, second.data, first.size);
	provpkg_blob_free(&first);
	provpkg_blob_free(&second);
}

/* How a failure at each step ends: can the part be tried again, or is it scrap? */
static void test_failures(void **state)
{
	static const struct {
		enum fake_step step;
		int code;
		bool scrap;
	} failures[] = {
		{ FAKE_ERASE, REFUSED(SWD_FAULT), false },     { FAKE_PROGRAM, REFUSED(SWD_WAIT), false },
		{ FAKE_PROGRAM, REFUSED(PART_GONE), false },   { FAKE_LOCK, REFUSED(CABLE), false },
		{ FAKE_ERASE, REFUSED(ERASE_FAILED), true },   { FAKE_PROGRAM, REFUSED(PROGRAM_FAILED), true },
		{ FAKE_VERIFY, REFUSED(VERIFY_FAILED), true }, { FAKE_VERIFY, REFUSED(PART_SWAPPED), true },
		{ FAKE_ERASE, REFUSED(PART_SWAPPED), false },  { FAKE_PROGRAM, -ENOMEM, false },
	};
	struct provcard_service_unit unit;

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		int code = failures[i].code < 0 ? REFUSED(OUT_OF_MEMORY) : failures[i].code;

		allocate(1);
		fake_insert(0, 1);
		fake_part[0].fails_at = failures[i].step;
		fake_part[0].code = failures[i].code;
		assert_int_equal(station_run(&station, job, 0, &unit), code);
		assert_int_equal(unit.code, code);
		assert_counts(0, failures[i].scrap, !failures[i].scrap);
		assert_int_equal(station_run(&station, job, 0, NULL), failures[i].scrap ? REFUSED(UNIT_SCRAPPED) : code);
		tear_down(NULL);
		set_up(NULL);
	}
}

static void test_lock_and_record(void **state)
{
	struct provcard_service_unit unit;
	struct station_entry entry;

	(void)state;
	allocate(1);
	fake_insert(0, 1);
	fake_part[0].lock_broken = true;
	assert_int_equal(station_run(&station, job, 0, &unit), REFUSED(LOCK_FAILED));
	assert_int_equal(unit.state, PROVCARD_UNIT_SCRAP);
	assert_true(station_log(&station, unit.log_index, &entry));
	assert_int_equal(entry.record.event, PROVPKG_EVENT_UNIT_SCRAP);
	assert_int_equal(entry.record.code, REFUSED(LOCK_FAILED));
	assert_int_equal(entry.record.after.scrap, 1);
	assert_int_equal(entry.record.after.reserved, 0);
	/* The part carries a certificate, so the OEM must be able to revoke it. */
	assert_true(entry.attachment.size > 300);
	provpkg_blob_free(&entry.bytes);
}

static uint16_t scrap_part(uint32_t number, struct provcard_service_unit *unit)
{
	fake_insert(0, number);
	fake_part[0].fails_at = FAKE_VERIFY;
	fake_part[0].code = REFUSED(VERIFY_FAILED);
	return station_run(&station, job, 0, unit);
}

static void test_scrap_ceiling(void **state)
{
	struct provcard_service_unit unit;
	struct station_entry entry;

	(void)state;
	allocate(10);
	assert_int_equal(run_part(1, 50, NULL), 0);
	assert_int_equal(scrap_part(1, NULL), REFUSED(VERIFY_FAILED));
	assert_int_equal(scrap_part(2, NULL), REFUSED(VERIFY_FAILED));
	assert_int_equal(run_part(1, 51, NULL), 0);
	assert_counts(2, 2, 0);
	/* One more than the ceiling: the part is dead, its charge stays, and the job stops. */
	assert_int_equal(scrap_part(3, &unit), REFUSED(VERIFY_FAILED));
	assert_counts(2, 2, 1);
	assert_true(station_log(&station, unit.log_index, &entry));
	assert_int_equal(entry.record.event, PROVPKG_EVENT_UNIT_REFUSED);
	provpkg_blob_free(&entry.bytes);
	assert_int_equal(run_part(1, 52, NULL), REFUSED(SCRAP_EXHAUSTED));
	assert_int_equal(run_part(1, 3, NULL), REFUSED(UNIT_SCRAPPED));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
	assert_counts(2, 2, 1);
	assert_int_equal(run_part(1, 52, NULL), REFUSED(SCRAP_EXHAUSTED));
}

/* A second package of the same OEM, loaded and fully allocated. */
static uint32_t load_other(void (*change)(struct order *order), uint8_t *id, uint16_t *status)
{
	struct order order;
	struct provpkg_blob file;
	uint32_t other = station_job(&station);

	station_order(&station, &order);
	if (change)
		change(&order);
	file = station_pack(&order, id);
	*status = station_load(&station, other, &file, NULL);
	if (!*status)
		assert_int_equal(station_allocate(&station, id, order.recipient.ceiling_good), 0);
	provpkg_blob_free(&file);
	return other;
}

static void no_identity(struct order *order)
{
	order->rot.identity = (struct provpkg_identity){ 0 };
	order->recipient.issuer = NULL;
	order->build.issuer_chain = NULL;
	order->rot.lock = PROVPKG_LOCK_NONE;
}

static void with_responder(struct order *order)
{
	order->rot.responder_timeout_us = 1000;
}

static void test_elsewhere(void **state)
{
	uint8_t id[PROVPKG_ID_SIZE];
	uint16_t status;
	uint32_t other;

	(void)state;
	allocate(1);
	assert_int_equal(run_part(0, 1, NULL), 0);
	other = load_other(NULL, id, &status);
	assert_int_equal(status, 0);
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, other, 0, NULL), REFUSED(UID_ELSEWHERE));
	fake_insert(0, 2);
	assert_int_equal(station_run(&station, other, 0, NULL), 0);
}

static void test_no_identity_no_lock(void **state)
{
	struct provcard_service_unit unit;
	struct station_entry entry;
	uint8_t id[PROVPKG_ID_SIZE];
	uint16_t status;
	uint32_t other = load_other(no_identity, id, &status);

	(void)state;
	assert_int_equal(status, 0);
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, other, 0, &unit), 0);
	assert_int_equal(unit.proof, PROVCARD_PROOF_NONE);
	assert_false(fake_part[0].locked);
	assert_true(station_log(&station, unit.log_index, &entry));
	assert_false(entry.record.locked);
	assert_int_equal(entry.attachment.size, 0);
	provpkg_blob_free(&entry.bytes);
	/* A part without a certificate may get one in another job. */
	allocate(1);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
}

static void test_challenge(void **state)
{
	struct provcard_service_unit unit;
	uint8_t id[PROVPKG_ID_SIZE];
	uint16_t status;
	uint32_t other = load_other(with_responder, id, &status);

	(void)state;
	assert_int_equal(status, 0);
	fake_insert(0, 1);
	fake_part[0].key_address = STATION_KEY_ADDRESS;
	assert_int_equal(station_run(&station, other, 0, &unit), 0);
	assert_int_equal(unit.proof, PROVCARD_PROOF_CHALLENGE);
	fake_insert(0, 2);
	assert_int_equal(station_run(&station, other, 0, &unit), REFUSED(PROOF_FAILED));
	assert_int_equal(unit.state, PROVCARD_UNIT_SCRAP);
	fake_insert(0, 3);
	fake_part[0].key_address = STATION_KEY_ADDRESS;
	fake_part[0].answers_wrongly = true;
	assert_int_equal(station_run(&station, other, 0, &unit), REFUSED(PROOF_FAILED));
}

/* What the other head sees while this one programs. */
struct meanwhile {
	uint16_t run;
	uint16_t same_head;
	uint16_t close;
	uint32_t step;
};

static void while_programming(void *context)
{
	struct meanwhile *seen = context;
	struct provcard_service_head heads[4];

	memcpy(fake_part[1].uid, fake_part[0].uid, sizeof(fake_part[1].uid));
	seen->run = station_run(&station, job, 1, NULL);
	seen->same_head = station_run(&station, job, 0, NULL);
	seen->close = station_close(&station, package_id, NULL);
	station_command(&station, PROVCARD_OP_HEAD_STATUS, 0, NULL, (struct provpkg_view){ 0 }, heads, sizeof(heads), NULL);
	seen->step = heads[0].step;
}

static void test_busy(void **state)
{
	struct meanwhile seen = { 0 };

	(void)state;
	allocate(2);
	fake_insert(0, 1);
	fake_insert(1, 2);
	fake_part[0].on_program = while_programming;
	fake_part[0].context = &seen;
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	assert_int_equal(seen.run, REFUSED(UNIT_BUSY));
	assert_int_equal(seen.same_head, REFUSED(HEAD_BUSY));
	assert_int_equal(seen.close, REFUSED(JOB_BUSY));
	assert_int_equal(seen.step, PROVCARD_STEP_PROGRAM);
	assert_counts(1, 0, 0);
}

static void abort_job(void *context)
{
	core_job_abort(station.core, *(uint32_t *)context);
}

static void abort_command(void *context)
{
	atomic_store((atomic_bool *)context, true);
}

static void test_stopped(void **state)
{
	uint32_t all = 0;

	(void)state;
	allocate(1);
	fake_insert(0, 1);
	fake_part[0].on_program = abort_job;
	fake_part[0].context = &job;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(UNIT_STOPPED));
	fake_part[0].context = &all;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(UNIT_STOPPED));
	fake_part[0].on_program = abort_command;
	fake_part[0].context = &station.aborted;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(UNIT_STOPPED));
	atomic_store(&station.aborted, false);
	assert_counts(0, 0, 1);
	fake_part[0].on_program = NULL;
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
}

static void test_handles(void **state)
{
	uint32_t handles[CORE_MAX_JOBS], extra, empty = station_job(&station);

	(void)state;
	assert_int_equal(station_report(&station, empty).state, PROVCARD_JOB_EMPTY);
	assert_int_equal(station_run(&station, empty, 0, NULL), REFUSED(JOB_NOT_LOADED));
	assert_int_equal(station_run(&station, 0, 0, NULL), REFUSED(UNKNOWN_JOB));
	assert_int_equal(core_job_delete(station.core, empty), 0);
	assert_int_equal(core_job_delete(station.core, empty), REFUSED(UNKNOWN_JOB));
	assert_int_equal(station_run(&station, empty, 0, NULL), REFUSED(UNKNOWN_JOB));
	for (size_t i = 0; i < CORE_MAX_JOBS - 1; i++)
		handles[i] = station_job(&station);
	assert_int_equal(core_job_create(station.core, &extra), REFUSED(TOO_MANY_JOBS));
	for (size_t i = 0; i < CORE_MAX_JOBS - 1; i++)
		assert_int_equal(core_job_delete(station.core, handles[i]), 0);
}

/* All heads at once, more parts than quota: exactly the quota is made, and flushes are shared. */
static int run_head(void *context)
{
	unsigned int head = *(unsigned int *)context;
	int good = 0;

	for (uint32_t i = 0; i < 5; i++)
		good += !run_part(head, 1000 * (head + 1) + i, NULL);
	return good;
}

static void test_gang(void **state)
{
	unsigned int number[4] = { 0, 1, 2, 3 };
	thrd_t thread[4];
	int good = 0;

	(void)state;
	allocate(10);
	for (int i = 0; i < 4; i++)
		assert_int_equal(thrd_create(&thread[i], run_head, &number[i]), thrd_success);
	for (int i = 0; i < 4; i++) {
		int made;

		thrd_join(thread[i], &made);
		good += made;
	}
	assert_int_equal(good, 10);
	assert_counts(10, 0, 0);
}

static void test_window(void **state)
{
	(void)state;
	allocate(2);
	station.board.clock = PKI_NOW + 2 * PKI_DAY;
	assert_int_equal(run_part(0, 1, NULL), REFUSED(GRANT_EXPIRED));
	/* Time does not run backwards, whatever the board's clock says. */
	station.board.clock = PKI_NOW;
	assert_int_equal(run_part(0, 1, NULL), REFUSED(GRANT_EXPIRED));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_true(station_status(&station).time >= PKI_NOW + 2 * PKI_DAY);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
	assert_counts(0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good),
		TEST(test_certificate),
		TEST(test_lifecycle_key),
		TEST(test_eleventh),
		TEST(test_done_and_locked),
		TEST(test_socket),
		TEST(test_resume),
		TEST(test_failures),
		TEST(test_lock_and_record),
		TEST(test_scrap_ceiling),
		TEST(test_elsewhere),
		TEST(test_no_identity_no_lock),
		TEST(test_challenge),
		TEST(test_busy),
		TEST(test_stopped),
		TEST(test_handles),
		TEST(test_gang),
		TEST(test_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
