// SPDX-License-Identifier: GPL-2.0-or-later
/* Power-on self-test: every answer is checked, and a card that fails one does nothing but say so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/internal.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name

static struct station station;

static uint16_t send(const struct person *person)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ZEROISE };
	struct provpkg_blob bytes = { 0 };
	uint16_t status;

	station_address(&station, &request);
	if (person)
		bytes = station_sign(&request, &person, 1);
	else
		assert_int_equal(provpkg_request_encode(&request, &bytes), 0);
	status = station_send(&station, &bytes, NULL);
	provpkg_blob_free(&bytes);
	return status;
}

/* A card whose arithmetic is wrong believes no signature: whoever zeroises it stands before it. */
static void check_zeroise(const struct selftest *broken, size_t count)
{
	uint8_t root[32];

	station_off(&station);
	station_on(&station);
	station_prepare(&station);
	station_off(&station);
	memcpy(root, station.board.root, sizeof(root));
	station.core = core_start_with(&station.board.port, broken, count);
	assert_int_equal(send(&station.officer), REFUSED(CARD_STOPPED));
	assert_int_equal(send(NULL), REFUSED(PRESENCE_MISSING));
	assert_memory_equal(station.board.root, root, sizeof(root));
	station.board.present = true;
	assert_int_equal(send(NULL), 0);
	assert_memory_not_equal(station.board.root, root, sizeof(root));
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_FAILED);
	station_off(&station);
	station_on(&station);
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_BLANK);
}

static void test_self_tests(void **state)
{
	size_t count;
	const struct selftest *all = selftest_all(&count);
	struct selftest *broken = calloc(count, sizeof(*broken));
	struct provcard_service_status status;
	uint8_t wrong[128];
	char line[64];

	(void)state;
	station_new(&station, 1);
	assert_true(count >= 9);
	assert_null(selftest_run(all, count));
	for (size_t i = 0; i < count; i++) {
		station_off(&station);
		memcpy(broken, all, count * sizeof(*broken));
		memcpy(wrong, all[i].expected, all[i].expected_size);
		wrong[all[i].expected_size / 2] ^= 1;
		broken[i].expected = wrong;
		assert_ptr_equal(selftest_run(broken, count), &broken[i]);
		station.core = core_start_with(&station.board.port, broken, count);
		status = station_status(&station);
		assert_int_equal(status.state, PROVCARD_CARD_FAILED);
		assert_int_equal(status.fault, REFUSED(SELF_TEST));
		/* The card's log names the algorithm. */
		snprintf(line, sizeof(line), "self-test of %s failed", all[i].name);
		assert_non_null(strstr(station.board.said, line));
		/* Everything but status and zeroising is refused. */
		assert_int_equal(
			station_command(&station, PROVCARD_OP_JOB_LIST, 0, NULL, (struct provpkg_view){ 0 }, NULL, 0, NULL),
			REFUSED(CARD_STOPPED));
	}
	check_zeroise(broken, count);
	free(broken);
	station_free(&station);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_self_tests) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
