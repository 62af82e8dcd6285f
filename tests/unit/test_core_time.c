// SPDX-License-Identifier: GPL-2.0-or-later
/* Signed card time: who sets it, how far, how late; what outlives a restart, and what a battery clock can do to it. */
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
#define SECOND_NS 1000000000ull
#define NEAR 30 /* seconds that a test may take */

static struct station station;
static struct person authority;

static int set_up(void **state)
{
	(void)state;
	station_new(&station, 1);
	station_prepare(&station);
	authority.key = pki_key("P-256");
	authority.certificate = pki_certificate(authority.key, &(struct pki_profile){ .subject = "time" }, NULL, NULL);
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_TIME, "tick", authority.certificate), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(authority.key);
	X509_free(authority.certificate);
	fake_remove_all();
	station_free(&station);
	return 0;
}

static uint16_t set_by(int64_t time, const struct person *const *people, size_t count)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_SET_TIME, .set_time.time = time };
	struct provpkg_blob cms;
	uint16_t status;

	station_address(&station, &request);
	cms = station_sign(&request, people, count);
	status = station_send(&station, &cms, NULL);
	provpkg_blob_free(&cms);
	return status;
}

static uint16_t set(int64_t time)
{
	const struct person *one = &authority;

	return set_by(time, &one, 1);
}

static uint64_t now(void)
{
	return station_status(&station).time;
}

static void assert_near(uint64_t time, uint64_t expected)
{
	assert_in_range(time, expected, expected + NEAR);
}

/* Is the time of the newest record authenticated? */
static bool authenticated(void)
{
	struct station_entry entry;
	bool is;

	/* Something to be recorded now. */
	assert_int_equal(set_by(1, (const struct person *const[]){ &station.operator }, 1), REFUSED(APPROVER_ROLE));
	assert_true(station_log(&station, station_status(&station).log_size - 1, &entry));
	is = entry.record.time_authenticated;
	provpkg_blob_free(&entry.bytes);
	return is;
}

static void restart(void)
{
	station_off(&station);
	station_on(&station);
}

static void test_set(void **state)
{
	uint64_t wanted = PKI_NOW + 1000;
	struct station_entry entry;
	uint64_t index;

	(void)state;
	assert_false(authenticated());
	index = station_status(&station).log_size;
	assert_int_equal(set((int64_t)wanted), 0);
	assert_near(now(), wanted);
	assert_true(station_log(&station, index, &entry));
	assert_int_equal(entry.record.event, PROVPKG_EVENT_TIME_SET);
	assert_string_equal(entry.record.actor, "tick");
	assert_true(entry.attachment.size);
	provpkg_blob_free(&entry.bytes);
	assert_true(authenticated());
	/* From now on monotonic time counts, and nothing that anybody does to the battery clock. */
	station.board.clock = PKI_NOW + 400 * PKI_DAY;
	assert_near(now(), wanted);
	station.board.monotonic_extra += 3600 * SECOND_NS;
	assert_near(now(), wanted + 3600);
}

static void test_who(void **state)
{
	const struct person *officer = &station.officer, *both[] = { &authority, &station.stranger };

	(void)state;
	assert_int_equal(set_by(PKI_NOW, &officer, 1), REFUSED(APPROVER_ROLE));
	assert_int_equal(set_by(PKI_NOW, both, 2), REFUSED(APPROVER_UNKNOWN));
	/* The time authority does nothing else. */
	assert_int_equal(station_request(&station, &(struct provpkg_request){ .operation = PROVPKG_OPERATION_ZEROISE }, &authority, NULL),
			 REFUSED(APPROVER_ROLE));
}

static void test_forward_only(void **state)
{
	(void)state;
	assert_int_equal(set(PKI_NOW - CLOCK_TOLERANCE - 1), REFUSED(TIME_BACKWARDS));
	assert_false(authenticated());
	/* A little behind confirms the card's time, and does not turn it back. */
	assert_int_equal(set(PKI_NOW - CLOCK_TOLERANCE / 2), 0);
	assert_near(now(), PKI_NOW);
	assert_true(authenticated());
	assert_int_equal(set(1), REFUSED(TIME_BACKWARDS));
	assert_true(authenticated());
}

static void test_far_ahead(void **state)
{
	const struct person *two[] = { &authority, &station.officer }, *wrong[] = { &authority, &station.operator };
	int64_t far = PKI_NOW + CLOCK_STEP_MAX + 100;

	(void)state;
	assert_int_equal(set(far), REFUSED(TIME_TOO_FAR));
	assert_int_equal(set_by(far, wrong, 2), REFUSED(TIME_TOO_FAR));
	assert_int_equal(set_by(INT64_MAX, two, 2), REFUSED(TIME_TOO_FAR));
	assert_near(now(), PKI_NOW);
	assert_int_equal(set_by(far, two, 2), 0);
	assert_near(now(), (uint64_t)far);
}

static void test_late_and_again(void **state)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_SET_TIME, .set_time.time = PKI_NOW + 5 };
	const struct person *one = &authority;
	struct provpkg_blob cms;

	(void)state;
	station_address(&station, &request);
	cms = station_sign(&request, &one, 1);
	station.board.monotonic_extra += (CLOCK_DELAY_MAX + 1) * SECOND_NS;
	assert_int_equal(station_send(&station, &cms, NULL), REFUSED(TIME_LATE));
	assert_int_equal(station_send(&station, &cms, NULL), REFUSED(REQUEST_REPLAYED));
	provpkg_blob_free(&cms);
	station_address(&station, &request);
	cms = station_sign(&request, &one, 1);
	assert_int_equal(station_send(&station, &cms, NULL), 0);
	assert_int_equal(station_send(&station, &cms, NULL), REFUSED(REQUEST_REPLAYED));
	provpkg_blob_free(&cms);
}

static void test_over_a_restart(void **state)
{
	(void)state;
	/* The battery clock is wrong, but it runs: what counts is how much it goes on. */
	station.board.clock = PKI_NOW + 100;
	assert_int_equal(set(PKI_NOW + 5000), 0);
	station.board.clock += 86400;
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_near(now(), PKI_NOW + 5000 + 86400);
	assert_true(authenticated());
}

static void test_lost_clock(void **state)
{
	(void)state;
	assert_int_equal(set(PKI_NOW + 5000), 0);
	station.board.clock -= 86400;
	restart();
	/* Never back, and not believed any more. */
	assert_near(now(), PKI_NOW + 5000);
	assert_false(authenticated());
	/* It goes on, so that no window stays open for ever. */
	station.board.monotonic_extra += 7200 * SECOND_NS;
	assert_near(now(), PKI_NOW + 5000 + 7200);
	/* By now the clock looks right again: it is not. */
	station.board.clock += 20 * 86400;
	restart();
	assert_false(authenticated());
	assert_int_equal(set(PKI_NOW + 20 * 86400), 0);
	assert_true(authenticated());
}

/* Nothing but the record of the setting itself says how late it is. */
static void test_clock_lost_at_once(void **state)
{
	(void)state;
	assert_int_equal(set(PKI_NOW + 5000), 0);
	station.board.clock -= 86400;
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_near(now(), PKI_NOW + 5000);
	assert_false(authenticated());
}

/* A clock that is set back by less than what was written down since is found out as well. */
static void test_clock_behind_the_log(void **state)
{
	(void)state;
	assert_int_equal(set(PKI_NOW + 10), 0);
	station.board.monotonic_extra += 3600 * SECOND_NS;
	assert_true(authenticated());
	station.board.clock += 60;
	restart();
	assert_near(now(), PKI_NOW + 10 + 3600);
	assert_false(authenticated());
}

/* Grants go by it, host and battery notwithstanding. */
static void test_grants_go_by_card_time(void **state)
{
	uint8_t package_id[PROVPKG_ID_SIZE];
	struct order order;
	struct provpkg_blob file;
	uint32_t job = station_job(&station);

	(void)state;
	station_order(&station, &order);
	file = station_pack(&order, package_id);
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	assert_int_equal(station_allocate(&station, package_id, 1), 0);
	assert_int_equal(set(PKI_NOW + 2 * PKI_DAY), 0);
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(GRANT_EXPIRED));
	station.board.clock = PKI_NOW;
	restart();
	job = station_job(&station);
	assert_int_not_equal(station_bind(&station, job, package_id) ? 1 : station_run(&station, job, 0, NULL), 0);
	provpkg_blob_free(&file);
}

static void test_zeroise_forgets_the_authority(void **state)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ZEROISE };

	(void)state;
	assert_int_equal(set(PKI_NOW + 5000), 0);
	assert_int_equal(station_request(&station, &request, &station.officer, NULL), 0);
	assert_near(now(), PKI_NOW + 5000);
	assert_false(core_time_authenticated(station.core));
}

/* At whatever operation on storage the power ends: acknowledged is set. */
static void test_cut_anywhere(void **state)
{
	struct fake_port before;
	bool whole = false;

	(void)state;
	station_off(&station);
	fake_port_copy(&before, &station.board);
	for (uint64_t cut = 1; !whole; cut++) {
		struct provpkg_request request = { .operation = PROVPKG_OPERATION_SET_TIME, .set_time.time = PKI_NOW + 5000 };
		const struct person *one = &authority;
		struct provpkg_blob cms;
		uint16_t status;

		fake_port_free(&station.board);
		fake_port_copy(&station.board, &before);
		station_on(&station);
		station_address(&station, &request);
		cms = station_sign(&request, &one, 1);
		station.board.power_ends_at = station.board.operations + cut;
		status = station_send(&station, &cms, NULL);
		whole = station.board.operations < station.board.power_ends_at;
		provpkg_blob_free(&cms);
		station_power_cut(&station, FAKE_CUT_RANDOM, cut);
		if (!status || now() >= PKI_NOW + 5000)
			assert_near(now(), PKI_NOW + 5000);
		assert_int_equal(core_time_authenticated(station.core), now() >= PKI_NOW + 5000);
		station_off(&station);
	}
	station_on(&station);
	fake_port_free(&before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_set),
		TEST(test_who),
		TEST(test_forward_only),
		TEST(test_far_ahead),
		TEST(test_late_and_again),
		TEST(test_over_a_restart),
		TEST(test_lost_clock),
		TEST(test_clock_lost_at_once),
		TEST(test_clock_behind_the_log),
		TEST(test_grants_go_by_card_time),
		TEST(test_zeroise_forgets_the_authority),
		TEST(test_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
