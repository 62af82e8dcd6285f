// SPDX-License-Identifier: GPL-2.0-or-later
/* Storage that fails: power cuts at every operation, old images, damage, no room. What was promised must hold. */
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
#define ALLOCATED 3

static struct station station;
static struct fake_port prepared; /* job loaded, three units allocated, card switched off */
static uint8_t package_id[PROVPKG_ID_SIZE];
static uint32_t job;

static void bind_job(void)
{
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
}

static int set_up_all(void **state)
{
	struct order order;
	struct provpkg_blob file;

	(void)state;
	station_new(&station, 2);
	station_prepare(&station);
	station_order(&station, &order);
	order.rot.lock = PROVPKG_LOCK_NONE; /* so that a part can be tried again after a cut at the very end */
	file = station_pack(&order, package_id);
	assert_int_equal(station_load(&station, station_job(&station), &file, NULL), 0);
	assert_int_equal(station_allocate(&station, package_id, ALLOCATED), 0);
	provpkg_blob_free(&file);
	station_off(&station);
	fake_port_copy(&prepared, &station.board);
	return 0;
}

static int tear_down_all(void **state)
{
	(void)state;
	station_free(&station);
	fake_port_free(&prepared);
	return 0;
}

/* The prepared card, switched on. */
static int set_up(void **state)
{
	(void)state;
	if (station.core)
		station_off(&station);
	fake_port_free(&station.board);
	fake_port_copy(&station.board, &prepared);
	station_on(&station);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_remove_all();
	return 0;
}

static uint32_t fault(void)
{
	return station_status(&station).fault;
}

/* ---- Power cuts ---- */

/* What the log says of the job, to be compared with what the ledger says. */
struct logged {
	uint64_t good;
	uint64_t scrap;
	uint64_t allocated;
	bool closed;
};

static struct logged read_log(void)
{
	struct logged logged = { 0 };
	struct station_entry entry;

	for (uint64_t i = 0; station_log(&station, i, &entry); i++) {
		logged.good += entry.record.event == PROVPKG_EVENT_UNIT_GOOD;
		logged.scrap += entry.record.event == PROVPKG_EVENT_UNIT_SCRAP;
		logged.closed |= entry.record.event == PROVPKG_EVENT_CLOSED;
		if (entry.record.event == PROVPKG_EVENT_ALLOCATED)
			logged.allocated = entry.record.after.allocated;
		provpkg_blob_free(&entry.bytes);
	}
	return logged;
}

static bool has_secrets(unsigned int head)
{
	static const uint8_t erased[4] = { 0xff, 0xff, 0xff, 0xff };

	return fake_part[head].flash && memcmp(fake_part[head].flash + STATION_KEY_ADDRESS, erased, sizeof(erased));
}

static struct provcard_service_job check_invariants(void)
{
	struct provcard_service_job report = station_report(&station, job);
	struct logged logged = read_log();

	assert_true(report.good + report.reserved <= report.allocated);
	assert_true(report.allocated <= report.ceiling_good);
	assert_true(report.scrap <= report.ceiling_scrap);
	assert_true((uint64_t)has_secrets(0) + has_secrets(1) <= report.good + report.reserved + report.scrap);
	assert_int_equal(logged.good, report.good);
	assert_int_equal(logged.scrap, report.scrap);
	assert_int_equal(logged.allocated, report.allocated);
	assert_int_equal(logged.closed, report.state == PROVCARD_JOB_CLOSED);
	return report;
}

/* What is tried under power cuts, and what it must have led to when the card said that it was done. */
struct trial {
	uint16_t (*act)(void);
	uint16_t done; /* its answer when nothing goes wrong */
	void (*check)(const struct provcard_service_job *report);
};

static uint16_t act_run(void)
{
	return station_run(&station, job, 0, NULL);
}

static void check_good(const struct provcard_service_job *report)
{
	assert_int_equal(report->good, 1);
}

static uint16_t act_scrap(void)
{
	fake_part[0].fails_at = FAKE_VERIFY;
	fake_part[0].code = REFUSED(VERIFY_FAILED);
	return station_run(&station, job, 0, NULL);
}

static void check_scrap(const struct provcard_service_job *report)
{
	assert_int_equal(report->scrap, 1);
}

static uint16_t act_allocate(void)
{
	return station_allocate(&station, package_id, 2);
}

static void check_allocated(const struct provcard_service_job *report)
{
	assert_int_equal(report->allocated, ALLOCATED + 2);
}

static uint16_t act_close(void)
{
	return station_close(&station, package_id, NULL);
}

static void check_closed(const struct provcard_service_job *report)
{
	assert_int_equal(report->state, PROVCARD_JOB_CLOSED);
}

static uint16_t act_enrol(void)
{
	return station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", station.auditor.certificate);
}

static void check_enrolled(const struct provcard_service_job *report)
{
	struct provpkg_blob people = station_object(&station, PROVCARD_OBJECT_PEOPLE, (struct provpkg_view){ 0 });

	(void)report;
	assert_non_null(memmem(people.data, people.size, "anna", 4));
	provpkg_blob_free(&people);
}

/* After the cut: the card starts, the invariants hold, and the part can be finished without a second charge. */
static void check_after(const struct trial *trial, bool done)
{
	struct provcard_service_job report;
	uint16_t status;

	assert_int_equal(fault(), 0);
	bind_job();
	report = check_invariants();
	if (done)
		trial->check(&report);
	if (report.state == PROVCARD_JOB_CLOSED)
		return;
	fake_part[0].fails_at = 0;
	status = station_run(&station, job, 0, NULL);
	assert_true(status == 0 || status == REFUSED(UNIT_DONE) || status == REFUSED(UNIT_SCRAPPED));
	report = check_invariants();
	assert_int_equal(report.good + report.reserved + report.scrap, 1);
}

/* One cut at operation @at; returns false when the act ends before. With @second, the start after it is cut as well. */
static bool cut_once(const struct trial *trial, uint64_t at, enum fake_cut cut, uint64_t seed, uint64_t second)
{
	bool within;
	uint16_t status;

	set_up(NULL);
	bind_job();
	fake_insert(0, 1);
	station.board.power_ends_at = station.board.operations + at;
	status = trial->act();
	within = station.board.operations >= station.board.power_ends_at;
	if (second) {
		station.board.power_ends_at = 1;
		station_off(&station);
		fake_port_cut(&station.board, cut, seed);
		station.board.power_ends_at = station.board.operations + second;
		station_on(&station);
	}
	station_power_cut(&station, cut, seed + 1);
	check_after(trial, status == trial->done);
	tear_down(NULL);
	return within;
}

static uint64_t enumerate(const struct trial *trial)
{
	uint64_t states = 0, at = 1;
	bool within = true;

	for (; within; at++) {
		within = cut_once(trial, at, FAKE_CUT_LOSE_ALL, 0, 0);
		cut_once(trial, at, FAKE_CUT_KEEP_ALL, 0, 0);
		for (uint64_t seed = 1; seed <= 3; seed++)
			cut_once(trial, at, FAKE_CUT_RANDOM, seed * 1000 + at, 0);
		cut_once(trial, at, FAKE_CUT_RANDOM, at, 1 + at % 7);
		states += 6;
	}
	/* A trial that writes nothing would pass for nothing. */
	assert_true(at > 4);
	return states;
}

static void test_cut_run(void **state)
{
	(void)state;
	enumerate(&(struct trial){ act_run, 0, check_good });
}

static void test_cut_scrap(void **state)
{
	(void)state;
	enumerate(&(struct trial){ act_scrap, REFUSED(VERIFY_FAILED), check_scrap });
}

static void test_cut_requests(void **state)
{
	(void)state;
	enumerate(&(struct trial){ act_allocate, 0, check_allocated });
	enumerate(&(struct trial){ act_close, 0, check_closed });
	enumerate(&(struct trial){ act_enrol, 0, check_enrolled });
}

/* A card that has its first power cut while it comes to life begins again, and is usable. */
static void test_cut_birth(void **state)
{
	struct fake_port board;
	struct core *core;

	(void)state;
	for (uint64_t at = 1; at < 16; at++) {
		for (enum fake_cut cut = FAKE_CUT_LOSE_ALL; cut <= FAKE_CUT_RANDOM; cut++) {
			fake_port_new(&board, 1);
			board.power_ends_at = board.operations + at;
			core_stop(core_start(&board.port));
			fake_port_cut(&board, cut, at);
			core = core_start(&board.port);
			assert_int_equal(atomic_load(&core->fault), 0);
			assert_int_equal(core_state(core), PROVCARD_CARD_BLANK);
			core_stop(core);
			fake_port_free(&board);
		}
	}
}

static void test_cut_zeroise(void **state)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ZEROISE };
	bool within = true;

	(void)state;
	for (uint64_t at = 1; within; at++) {
		uint32_t card_state;

		set_up(NULL);
		station.board.power_ends_at = station.board.operations + at;
		station_request(&station, &request, &station.officer, NULL);
		within = station.board.operations >= station.board.power_ends_at;
		station_power_cut(&station, FAKE_CUT_RANDOM, at);
		assert_int_equal(fault(), 0);
		/* As it was, or blank: never in between. */
		card_state = station_status(&station).state;
		assert_int_equal(card_state, station.board.root_gone || memcmp(station.board.root, prepared.root, 32)
						     ? PROVCARD_CARD_BLANK
						     : PROVCARD_CARD_OPERATIONAL);
	}
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_BLANK);
}

/* ---- Old images ---- */

static void test_rollback(void **state)
{
	struct fake_port image;

	(void)state;
	bind_job();
	fake_port_copy(&image, &station.board);
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	/* Taken while the card was running, put back while it was off. */
	station.board.power_ends_at = 1;
	station_off(&station);
	fake_port_restore(&station.board, &image);
	station.board.power_ends_at = 0;
	station_on(&station);
	assert_int_equal(fault(), REFUSED(LEDGER_ROLLBACK));
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_FAILED);
	fake_port_free(&image);
}

static void restore_region(enum port_region region, const struct fake_port *image)
{
	memcpy(station.board.region[region].now, image->region[region].now, image->region[region].size);
	memcpy(station.board.region[region].durable, image->region[region].now, image->region[region].size);
}

static void test_rollback_of_one(void **state)
{
	static const struct {
		enum port_region region;
		int code;
	} regions[] = {
		{ PORT_NV_LEDGER, REFUSED(LEDGER_ROLLBACK) },
		{ PORT_NV_LOG, REFUSED(LEDGER_CORRUPT) },
		{ PORT_NV_VAULT, REFUSED(LEDGER_ROLLBACK) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
		set_up(NULL);
		/* Two enrolments, because the vault keeps the one before in its other slot. */
		assert_int_equal(act_enrol(), 0);
		assert_int_equal(station_enrol(&station, PROVPKG_ROLE_OPERATOR, "pia", station.stranger.certificate), 0);
		station_off(&station);
		restore_region(regions[i].region, &prepared);
		station_on(&station);
		assert_int_equal(fault(), regions[i].code);
	}
}

/* Older than the fuse is one thing; a fuse that fell behind is another. */
static void test_fuse_replaced(void **state)
{
	(void)state;
	station_off(&station);
	station.board.fuse -= 2;
	station_on(&station);
	assert_int_equal(fault(), REFUSED(LEDGER_CORRUPT));
}

/* ---- Damage ---- */

static void flip(enum port_region region, uint64_t offset)
{
	station.board.region[region].now[offset] ^= 0x10;
	station.board.region[region].durable[offset] ^= 0x10;
}

static void test_damaged_journal(void **state)
{
	uint64_t record;

	(void)state;
	bind_job();
	for (uint32_t i = 0; i < ALLOCATED; i++) {
		fake_insert(0, i);
		assert_int_equal(station_run(&station, job, 0, NULL), 0);
	}
	/* A record in the middle, with good ones behind it that say it was there. */
	record = station.core->journal.next - 4;
	station.board.power_ends_at = 1;
	station_off(&station);
	fake_port_cut(&station.board, FAKE_CUT_KEEP_ALL, 0);
	flip(PORT_NV_LEDGER, JOURNAL_START + record * JOURNAL_RECORD_SIZE + 100);
	station_on(&station);
	assert_int_equal(fault(), REFUSED(LEDGER_CORRUPT));
}

static void test_cut_journal(void **state)
{
	uint64_t record;

	(void)state;
	record = station.core->journal.next - 1;
	station_off(&station);
	flip(PORT_NV_LEDGER, JOURNAL_START + record * JOURNAL_RECORD_SIZE);
	station_on(&station);
	assert_int_equal(fault(), REFUSED(LEDGER_CORRUPT));
}

static void test_damaged_superblocks(void **state)
{
	(void)state;
	station_off(&station);
	flip(PORT_NV_LEDGER, 8);
	flip(PORT_NV_LEDGER, JOURNAL_SUPERBLOCK_STRIDE + 8);
	station_on(&station);
	assert_int_equal(fault(), REFUSED(LEDGER_CORRUPT));
}

static void test_damaged_log(void **state)
{
	uint64_t offset;

	(void)state;
	offset = station.core->log.offset[station.core->log.size - 1];
	station_off(&station);
	flip(PORT_NV_LOG, offset + sizeof(struct log_frame) + 5);
	station_on(&station);
	assert_int_equal(fault(), REFUSED(LEDGER_CORRUPT));
}

static void test_damaged_vault(void **state)
{
	(void)state;
	station_off(&station);
	flip(PORT_NV_VAULT, 300);
	flip(PORT_NV_VAULT, station.board.region[PORT_NV_VAULT].size / 2 + 300);
	station_on(&station);
	assert_int_equal(fault(), REFUSED(VAULT_CORRUPT));
}

/* ---- Storage that refuses ---- */

static void test_flush_fails(void **state)
{
	static const enum port_region regions[] = { PORT_NV_LEDGER, PORT_NV_LOG };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		bool ledger = regions[i] == PORT_NV_LEDGER;

		set_up(NULL);
		bind_job();
		fake_insert(0, 1);
		station.board.flush_fails[regions[i]] = true;
		assert_int_equal(station_run(&station, job, 0, NULL), ledger ? REFUSED(LEDGER_FAILED) : REFUSED(STORAGE_FAILED));
		/* Nothing secret went out before the charge was durable. */
		if (ledger)
			assert_false(has_secrets(0));
		assert_int_equal(fault(), ledger ? REFUSED(LEDGER_FAILED) : REFUSED(STORAGE_FAILED));
		/* No second try, even if the memory works again. */
		station.board.flush_fails[regions[i]] = false;
		assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(CARD_STOPPED));
		station_power_cut(&station, FAKE_CUT_RANDOM, i);
		check_after(&(struct trial){ act_run, 0, check_good }, false);
	}
}

static void test_fuse_fails(void **state)
{
	(void)state;
	bind_job();
	fake_insert(0, 1);
	station.board.fuse_fails = true;
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(LEDGER_FAILED));
	assert_false(has_secrets(0));
	station.board.fuse_fails = false;
	station_power_cut(&station, FAKE_CUT_KEEP_ALL, 0);
	check_after(&(struct trial){ act_run, 0, check_good }, false);
}

static void test_entropy_fails(void **state)
{
	uint8_t nonce[PROVPKG_NONCE_SIZE];

	(void)state;
	station.board.entropy_fails = true;
	assert_int_equal(
		station_command(&station, PROVCARD_OP_NONCE, 0, NULL, (struct provpkg_view){ 0 }, nonce, sizeof(nonce), NULL),
		REFUSED(ENTROPY));
	station_off(&station);
	station_on(&station);
	assert_int_equal(fault(), REFUSED(ENTROPY));
}

/* A card whose memory is nearly full refuses to begin a unit, and can still finish and close what is begun. */
static void fill_up(enum port_region region, uint64_t size, int code)
{
	struct order order;
	struct provpkg_blob file;
	uint8_t id[PROVPKG_ID_SIZE];
	uint16_t status = 0;

	station_off(&station);
	fake_port_free(&station.board);
	fake_port_new(&station.board, 2);
	fake_port_resize(&station.board, region, size);
	station_on(&station);
	station_prepare(&station);
	station_order(&station, &order);
	order.recipient.ceiling_good = 1000;
	file = station_pack(&order, id);
	job = station_job(&station);
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	assert_int_equal(station_allocate(&station, id, 1000), 0);
	provpkg_blob_free(&file);
	for (uint32_t i = 0; i < 1000 && !status; i++) {
		fake_insert(0, i);
		fake_part[0].fails_at = FAKE_PROGRAM;
		fake_part[0].code = REFUSED(PART_GONE);
		if (station_run(&station, job, 0, NULL) == REFUSED(PART_GONE))
			continue;
		fake_part[0].fails_at = 0;
		status = station_run(&station, job, 0, NULL);
	}
	assert_int_equal(status, code);
	fake_insert(0, 0);
	assert_int_equal(station_run(&station, job, 0, NULL), region == PORT_NV_LOG ? code : 0);
	assert_int_equal(station_close(&station, id, NULL), 0);
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(fault(), 0);
}

static void test_ledger_full(void **state)
{
	(void)state;
	fill_up(PORT_NV_LEDGER, JOURNAL_START + 70 * JOURNAL_RECORD_SIZE, REFUSED(LEDGER_FULL));
}

static void test_log_full(void **state)
{
	(void)state;
	fill_up(PORT_NV_LOG, 700u << 10, REFUSED(LOG_FULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cut_run),	    TEST(test_cut_scrap),   TEST(test_cut_requests),	    TEST(test_cut_birth),
		TEST(test_cut_zeroise),	    TEST(test_rollback),    TEST(test_rollback_of_one),	    TEST(test_fuse_replaced),
		TEST(test_damaged_journal), TEST(test_cut_journal), TEST(test_damaged_superblocks), TEST(test_damaged_log),
		TEST(test_damaged_vault),   TEST(test_flush_fails), TEST(test_fuse_fails),	    TEST(test_entropy_fails),
		TEST(test_ledger_full),	    TEST(test_log_full),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
