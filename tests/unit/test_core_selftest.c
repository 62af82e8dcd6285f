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

static void test_self_tests(void **state)
{
	size_t count;
	const struct selftest *all = selftest_all(&count);
	struct selftest *broken = calloc(count, sizeof(*broken));
	struct provcard_service_status status;
	uint8_t wrong[128];

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
		/* Everything but status is refused. */
		assert_int_equal(station_command(&station, PROVCARD_OP_NONCE, 0, NULL, (struct provpkg_view){ 0 }, wrong, 32, NULL),
				 REFUSED(CARD_STOPPED));
		assert_int_equal(
			station_command(&station, PROVCARD_OP_JOB_LIST, 0, NULL, (struct provpkg_view){ 0 }, NULL, 0, NULL),
			REFUSED(CARD_STOPPED));
	}
	free(broken);
	station_free(&station);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_self_tests) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
