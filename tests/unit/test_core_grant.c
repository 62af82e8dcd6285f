// SPDX-License-Identifier: GPL-2.0-or-later
/* Grants that follow the manifest's: ceilings rise in sequence, and nothing else is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/internal.h"
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
	station_new(&station, 2);
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

/* A grant that follows the one in force, with the same ceilings. */
static struct provpkg_grant following(void)
{
	const struct ledger_grant *last = &station.core->ledger.job[0]->terms.grant;
	struct provpkg_grant grant = { .sequence = last->sequence + 1,
				       .ceiling_good = last->ceiling_good,
				       .ceiling_scrap = last->ceiling_scrap };

	memcpy(grant.package_id, package_id, sizeof(grant.package_id));
	memcpy(grant.card_id, station.card->card_id, sizeof(grant.card_id));
	memcpy(grant.previous, last->digest, sizeof(grant.previous));
	return grant;
}

static uint16_t send_signed(const struct provpkg_grant *grant, const struct provpkg_signer *signers, size_t count)
{
	struct provpkg_blob der = { 0 }, cms = { 0 };
	uint16_t status;

	assert_int_equal(provpkg_grant_encode(grant, &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&der), signers, count, &cms), 0);
	status = station_command(&station, PROVCARD_OP_GRANT, 0, NULL, provpkg_blob_view(&cms), NULL, 0, NULL);
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
	return status;
}

static uint16_t send_grant(const struct provpkg_grant *grant)
{
	return send_signed(grant, station.oem.signers, 2);
}

static void test_more(void **state)
{
	struct provpkg_grant grant = following();

	(void)state;
	grant.ceiling_good = 20;
	assert_int_equal(station_allocate(&station, package_id, 15), REFUSED(ALLOCATION_ABOVE_GRANT));
	assert_int_equal(send_grant(&grant), 0);
	assert_int_equal(station_report(&station, job).ceiling_good, 20);
	assert_int_equal(station_allocate(&station, package_id, 15), 0);
	/* The same once more gives nothing more, also after a restart. */
	assert_int_equal(send_grant(&grant), 0);
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(send_grant(&grant), 0);
	assert_int_equal(station_allocate(&station, package_id, 6), REFUSED(ALLOCATION_ABOVE_GRANT));
	assert_int_equal(station_allocate(&station, package_id, 5), 0);
}

static void test_order(void **state)
{
	struct provpkg_grant first = following(), second, stray;

	(void)state;
	first.ceiling_good = 20;
	second = first;
	second.sequence++;
	second.ceiling_good = 30;
	assert_int_equal(provpkg_grant_digest(&first, second.previous), 0);
	assert_int_equal(send_grant(&second), REFUSED(GRANT_SEQUENCE));
	stray = first;
	stray.previous[0] ^= 1;
	assert_int_equal(send_grant(&stray), REFUSED(GRANT_SEQUENCE));
	assert_int_equal(send_grant(&first), 0);
	/* Another one in the place of the one in force. */
	stray = first;
	stray.ceiling_good = 1000;
	assert_int_equal(send_grant(&stray), REFUSED(GRANT_SEQUENCE));
	assert_int_equal(send_grant(&second), 0);
	assert_int_equal(send_grant(&first), REFUSED(GRANT_SEQUENCE));
	assert_int_equal(station_report(&station, job).ceiling_good, 30);
}

static void test_refusals(void **state)
{
	struct provpkg_grant grant = following();
	uint8_t nonsense[] = "nonsense";

	(void)state;
	grant.ceiling_good--;
	assert_int_equal(send_grant(&grant), REFUSED(GRANT_LOWERED));
	grant = following();
	grant.ceiling_scrap = 0;
	assert_int_equal(send_grant(&grant), REFUSED(GRANT_LOWERED));
	grant = following();
	grant.window.not_before = PKI_NOW + 1000;
	assert_int_equal(send_grant(&grant), REFUSED(GRANT_NOT_YET_VALID));
	grant = following();
	grant.window.not_after = PKI_NOW - 1000;
	assert_int_equal(send_grant(&grant), REFUSED(GRANT_EXPIRED));
	grant = following();
	grant.card_id[0] ^= 1;
	assert_int_equal(send_grant(&grant), REFUSED(GRANT_MISSING));
	grant = following();
	grant.package_id[0] ^= 1;
	assert_int_equal(send_grant(&grant), REFUSED(JOB_NOT_LOADED));
	grant = following();
	assert_int_equal(send_signed(&grant, station.rival.signers, 2), REFUSED(SIGNER_UNTRUSTED));
	assert_int_equal(send_signed(&grant, station.oem.signers, 1), REFUSED(MANIFEST_SIGNER_MISSING));
	assert_int_equal(station_command(&station, PROVCARD_OP_GRANT, 0, NULL, (struct provpkg_view){ nonsense, sizeof(nonsense) },
					 NULL, 0, NULL),
			 REFUSED(MANIFEST_DER));
}

/* A raised scrap ceiling lets a job go on that had stopped for it. */
static void test_more_scrap(void **state)
{
	struct provpkg_grant grant = following();

	(void)state;
	assert_int_equal(station_allocate(&station, package_id, 10), 0);
	for (uint32_t i = 0; i < 3; i++) {
		fake_insert(0, i);
		fake_part[0].fails_at = FAKE_VERIFY;
		fake_part[0].code = REFUSED(VERIFY_FAILED);
		assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(VERIFY_FAILED));
	}
	fake_insert(0, 10);
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(SCRAP_EXHAUSTED));
	grant.ceiling_scrap = 5;
	assert_int_equal(send_grant(&grant), 0);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	assert_int_equal(station_report(&station, job).good, 1);
}

/* A window is judged by the card's time, when a unit begins: one that has begun may finish. */
static void move_clock(void *context)
{
	station.board.clock = *(const uint64_t *)context;
}

static void test_window(void **state)
{
	const uint64_t over = PKI_NOW + 101;
	struct provpkg_grant grant = following();

	(void)state;
	assert_int_equal(station_allocate(&station, package_id, 5), 0);
	grant.window = (struct provpkg_window){ PKI_NOW - 100, PKI_NOW + 100 };
	assert_int_equal(send_grant(&grant), 0);
	assert_int_equal(station_report(&station, job).not_before, PKI_NOW - 100);
	assert_int_equal(station_report(&station, job).not_after, PKI_NOW + 100);
	station.board.clock = PKI_NOW + 100;
	fake_insert(0, 1);
	fake_part[0].on_program = move_clock;
	fake_part[0].context = (void *)&over;
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	fake_insert(0, 2);
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(GRANT_EXPIRED));
	/* The one in force is over, also when it comes again; the next one gives new time, from its beginning on. */
	assert_int_equal(send_grant(&grant), 0);
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(GRANT_EXPIRED));
	grant = following();
	grant.window.not_after = over + 100;
	assert_int_equal(send_grant(&grant), 0);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	assert_int_equal(station_report(&station, job).good, 2);
}

/* It ends what nobody else may extend. */
static void test_termination_at_any_time(void **state)
{
	struct provpkg_grant grant = following();

	(void)state;
	grant.termination = true;
	grant.window = (struct provpkg_window){ PKI_NOW + PKI_DAY, PKI_NOW + 2 * PKI_DAY };
	station.board.clock = PKI_NOW + 5 * PKI_DAY;
	assert_int_equal(send_grant(&grant), 0);
	assert_int_equal(station_allocate(&station, package_id, 1), REFUSED(JOB_CLOSED));
}

/* What a termination met in the middle of a unit, and what another head heard then. */
static struct {
	const struct provpkg_grant *grant;
	uint16_t answer, other_head, other_grant;
} met;

static void terminate(void *context)
{
	struct provpkg_grant more = *met.grant;

	(void)context;
	met.answer = send_grant(met.grant);
	fake_insert(1, 2);
	met.other_head = station_run(&station, job, 1, NULL);
	more.termination = false;
	more.ceiling_good--;
	met.other_grant = send_grant(&more);
}

static void check_end(uint64_t good, uint64_t granted)
{
	struct provpkg_blob end = station_object(&station, PROVCARD_OBJECT_END_CERTIFICATE,
						 (struct provpkg_view){ package_id, sizeof(package_id) });
	struct provpkg_verifier *verifier;

	assert_int_equal(provpkg_verifier_new(provpkg_blob_view(&end), station.card, NULL, &verifier), 0);
	assert_int_equal(provpkg_verifier_end(verifier)->good, good);
	assert_int_equal(provpkg_verifier_end(verifier)->granted, granted);
	provpkg_verifier_free(verifier);
	provpkg_blob_free(&end);
}

static void test_termination(void **state)
{
	struct provpkg_grant grant = following();
	uint64_t records;

	(void)state;
	assert_int_equal(station_allocate(&station, package_id, 3), 0);
	grant.termination = true;
	met.grant = &grant;
	fake_insert(0, 1);
	fake_part[0].on_program = terminate;
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	/* The unit in progress finishes, no other begins. */
	assert_int_equal(met.answer, REFUSED(JOB_BUSY));
	assert_int_equal(met.other_head, REFUSED(JOB_ENDING));
	assert_int_equal(met.other_grant, REFUSED(GRANT_LOWERED));
	assert_int_equal(station_run(&station, job, 1, NULL), REFUSED(JOB_ENDING));
	assert_int_equal(send_grant(&grant), 0);
	assert_int_equal(station_run(&station, job, 1, NULL), REFUSED(JOB_CLOSED));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	check_end(1, 12);
	/* Once more: nothing happens. Another one: there is nothing to be ended. */
	records = station_status(&station).log_size;
	assert_int_equal(send_grant(&grant), 0);
	assert_int_equal(station_status(&station).log_size, records);
	grant.grant_id[0] ^= 1;
	assert_int_equal(send_grant(&grant), REFUSED(JOB_CLOSED));
	check_end(1, 12);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_more), TEST(test_order), TEST(test_refusals), TEST(test_more_scrap), TEST(test_window),
		TEST(test_termination_at_any_time), TEST(test_termination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
