// SPDX-License-Identifier: GPL-2.0-or-later
/* What the card tells is durable, and what is durable cannot be exchanged in parts: found by enumerating crash states. */
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
#define NOTHING ((struct provpkg_view){ 0 })
#define ID ((struct provpkg_view){ package_id, sizeof(package_id) })

static struct station station;
static struct port_ops spying; /* the board's, with a flush that asks the card before it flushes the ledger */
static const struct port_ops *plain;
static void (*ask)(void);
static unsigned int asked, wrong; /* answers in the middle of a command: judged after it, for a failed test leaves by longjmp */
static uint8_t package_id[PROVPKG_ID_SIZE];
static struct provpkg_blob file;
static uint32_t job;

static int spying_flush(void *context, enum port_region region)
{
	if (region == PORT_NV_LEDGER && ask) {
		asked++;
		ask();
	}
	return plain->nv_flush(context, region);
}

static int set_up(void **state)
{
	struct order order;

	(void)state;
	station_new(&station, 1);
	plain = station.board.port.ops;
	spying = *plain;
	spying.nv_flush = spying_flush;
	station.board.port.ops = &spying;
	station_off(&station);
	station_on(&station);
	station_prepare(&station);
	station_order(&station, &order);
	file = station_pack(&order, package_id);
	job = station_job(&station);
	asked = wrong = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ask = NULL;
	fake_remove_all();
	provpkg_blob_free(&file);
	station_free(&station);
	return 0;
}

static void load(void)
{
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
}

static uint32_t fault(void)
{
	return station_status(&station).fault;
}

/* ---- Nothing is told before it is durable ---- */

static uint32_t listed(struct provcard_service_job *report)
{
	struct core_result result;

	if (station_command(&station, PROVCARD_OP_JOB_LIST, 0, NULL, NOTHING, report, sizeof(*report), &result))
		return UINT32_MAX;
	return result.result;
}

static void ask_for_job(void)
{
	struct provcard_service_job report;

	wrong += listed(&report) != 0;
	wrong += station_status(&station).jobs != 0;
	wrong += station_bind(&station, station_job(&station), package_id) != REFUSED(JOB_NOT_LOADED);
}

static void test_load_told_late(void **state)
{
	(void)state;
	ask = ask_for_job;
	load();
	assert_true(asked && !wrong);
	ask = NULL;
	assert_int_equal(station_status(&station).jobs, 1);
}

static void ask_for_ceiling(void)
{
	struct provcard_service_job report;

	wrong += listed(&report) != 1 || report.ceiling_good != 10;
}

static void test_grant_told_late(void **state)
{
	struct provpkg_grant grant = { .sequence = 2, .ceiling_good = 20, .ceiling_scrap = 2 };
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct provcard_service_job report;

	(void)state;
	load();
	memcpy(grant.package_id, package_id, sizeof(grant.package_id));
	memcpy(grant.card_id, station.card->card_id, sizeof(grant.card_id));
	memcpy(grant.previous, station.core->ledger.job[0]->terms.grant.digest, sizeof(grant.previous));
	assert_int_equal(provpkg_grant_encode(&grant, &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&der), station.oem.signers, 2, &cms), 0);
	ask = ask_for_ceiling;
	assert_int_equal(station_command(&station, PROVCARD_OP_GRANT, 0, NULL, provpkg_blob_view(&cms), NULL, 0, NULL), 0);
	assert_true(asked && !wrong);
	assert_int_equal(listed(&report), 1);
	assert_int_equal(report.ceiling_good, 20);
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
}

/* A signed end certificate of a job that goes on after a power cut would be a lie for ever. */
static void ask_for_end(void)
{
	struct provcard_service_job report;
	struct provpkg_blob end = station_object(&station, PROVCARD_OBJECT_END_CERTIFICATE, ID);

	wrong += end.size != 0;
	provpkg_blob_free(&end);
	wrong += listed(&report) != 1 || report.state != PROVCARD_JOB_ARMED;
}

static void test_end_told_late(void **state)
{
	(void)state;
	load();
	ask = ask_for_end;
	assert_int_equal(station_close(&station, package_id, NULL), 0);
	assert_true(asked && !wrong);
	ask = NULL;
	assert_int_equal(station_report(&station, job).state, PROVCARD_JOB_CLOSED);
}

/* Another package must not take the place of one whose job may be open again after a power cut. */
static void stage_another(void)
{
	wrong += station_write(&station, station_job(&station), &file) != 0;
}

static void test_staging_kept_until_closed(void **state)
{
	(void)state;
	load();
	memset(file.data, 0x5a, file.size);
	ask = stage_another;
	/* The closing finds no power for its flush. */
	station.board.flush_fails[PORT_NV_LEDGER] = true;
	assert_int_equal(station_close(&station, package_id, NULL), REFUSED(LEDGER_FAILED));
	assert_true(asked && !wrong);
	ask = NULL;
	station.board.flush_fails[PORT_NV_LEDGER] = false;
	/* Of the ledger nothing reaches the memory, of the staged package everything. */
	station_off(&station);
	memcpy(station.board.region[PORT_NV_LEDGER].now, station.board.region[PORT_NV_LEDGER].durable,
	       station.board.region[PORT_NV_LEDGER].size);
	station_on(&station);
	assert_int_equal(fault(), 0);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
}

/* ---- Memory restored in parts ---- */

static void restore(enum port_region region, const struct fake_port *image)
{
	struct fake_region *at = &station.board.region[region];

	memcpy(at->now, image->region[region].now, at->size);
	memcpy(at->durable, image->region[region].now, at->size);
}

static uint16_t run_part(uint32_t number, enum fake_step fails_at, int code)
{
	fake_insert(0, number);
	fake_part[0].fails_at = fails_at;
	fake_part[0].code = code;
	return station_run(&station, job, 0, NULL);
}

/* A refused attempt has no ledger record of its own; the next record vouches for its entry. */
static void test_log_alone_is_old(void **state)
{
	struct fake_port image;

	(void)state;
	load();
	assert_int_equal(station_allocate(&station, package_id, 2), 0);
	assert_int_equal(run_part(1, FAKE_PROGRAM, REFUSED(PART_GONE)), REFUSED(PART_GONE));
	fake_port_copy(&image, &station.board);
	assert_int_equal(station_allocate(&station, package_id, 100), REFUSED(ALLOCATION_ABOVE_GRANT));
	/* Charged: write, flush, fuse. Then the power is gone. */
	fake_insert(0, 2);
	station.board.power_ends_at = station.board.operations + 4;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(STORAGE_FAILED));
	station.board.power_ends_at = 1;
	station_off(&station);
	fake_port_cut(&station.board, FAKE_CUT_LOSE_ALL, 0);
	restore(PORT_NV_LOG, &image);
	station_on(&station);
	assert_int_equal(fault(), REFUSED(LEDGER_CORRUPT));
	fake_port_free(&image);
}

/* Two vaults of one generation: one whose enrolment a power cut undid, and the one that came in its place. */
static void test_vault_of_undone_enrolment(void **state)
{
	struct fake_port image;

	(void)state;
	/* The vault is stored (two writes and a flush), then the log fails. */
	station.board.flush_fails[PORT_NV_LOG] = true;
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", station.auditor.certificate),
			 REFUSED(STORAGE_FAILED));
	station.board.flush_fails[PORT_NV_LOG] = false;
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(fault(), 0);
	fake_port_copy(&image, &station.board);
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_OPERATOR, "pia", station.stranger.certificate), 0);
	station_off(&station);
	restore(PORT_NV_VAULT, &image);
	station_on(&station);
	assert_int_equal(fault(), REFUSED(VAULT_CORRUPT));
	fake_port_free(&image);
}

/* ---- A failed flush stops the card, whichever memory it was ---- */

static void test_staging_flush_fails(void **state)
{
	(void)state;
	station.board.flush_fails[PORT_NV_STAGING] = true;
	assert_int_equal(station_load(&station, job, &file, NULL), REFUSED(STORAGE_FAILED));
	assert_int_equal(fault(), REFUSED(STORAGE_FAILED));
	station.board.flush_fails[PORT_NV_STAGING] = false;
	assert_int_equal(station_load(&station, job, &file, NULL), REFUSED(CARD_STOPPED));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	job = station_job(&station);
	load();
}

static void ask_for_lock(void)
{
	struct provpkg_blob people = station_object(&station, PROVCARD_OBJECT_PEOPLE, NOTHING);

	wrong += !people.size || memmem(people.data, people.size, "\tlocked\t", 8);
	provpkg_blob_free(&people);
}

static void test_lock_told_late(void **state)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_POLICY, .policy = { 1, 2 } };
	struct provpkg_blob people;

	(void)state;
	assert_int_equal(station_request(&station, &request, &station.officer, NULL), 0);
	assert_int_equal(station_request(&station, &request, &station.operator, NULL), REFUSED(APPROVER_ROLE));
	ask = ask_for_lock;
	assert_int_equal(station_request(&station, &request, &station.operator, NULL), REFUSED(APPROVER_ROLE));
	assert_true(asked && !wrong);
	ask = NULL;
	people = station_object(&station, PROVCARD_OBJECT_PEOPLE, NOTHING);
	assert_non_null(memmem(people.data, people.size, "\tlocked\t", 8));
	provpkg_blob_free(&people);
}

/* ---- A good unit that was told stays good, also when the memory fails while the card repeats its record ---- */

static void test_repeating_a_record_fails(void **state)
{
	(void)state;
	load();
	assert_int_equal(station_allocate(&station, package_id, 1), 0);
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	/* Its log entry is durable, its journal record is not. */
	station.board.write_fails[PORT_NV_LEDGER] = true;
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(fault(), REFUSED(LEDGER_FAILED));
	station.board.write_fails[PORT_NV_LEDGER] = false;
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(fault(), 0);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
	assert_int_equal(station_report(&station, job).good, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_load_told_late),	TEST(test_grant_told_late),
		TEST(test_end_told_late),	TEST(test_staging_kept_until_closed),
		TEST(test_log_alone_is_old),	TEST(test_vault_of_undone_enrolment),
		TEST(test_staging_flush_fails), TEST(test_repeating_a_record_fails),
		TEST(test_lock_told_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
