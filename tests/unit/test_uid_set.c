// SPDX-License-Identifier: GPL-2.0-or-later
/* Finding a part that comes twice, with little memory: at every edge between runs, and when storage fails. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/provpkg/uid_set.h"

#define RUN 32 /* two runs at most */
#define SPOOL_SIZE (64 * RUN * sizeof(struct uid_entry))

static uint8_t storage[SPOOL_SIZE];
static size_t highest;
static int writes_left, reads_left; /* before they fail */

static int put(void *context, uint64_t offset, const void *data, size_t size)
{
	(void)context;
	assert_true(offset + size <= sizeof(storage));
	if (!writes_left--)
		return -ENOSPC;
	memcpy(storage + offset, data, size);
	highest = offset + size > highest ? offset + size : highest;
	return 0;
}

static int get(void *context, uint64_t offset, void *data, size_t size)
{
	(void)context;
	assert_true(offset + size <= highest);
	if (!reads_left--)
		return -EIO;
	memcpy(data, storage + offset, size);
	return 0;
}

static const struct provpkg_spool spool = { put, get, NULL };

/* @count ids in a shuffled order; the one at @again is that of @first once more. What uid_set_repeats() says. */
static int ask(size_t run, size_t count, size_t first, size_t again, bool *repeated)
{
	struct uid_set set = { 0 };
	int result = 0;

	highest = 0;
	if (run)
		uid_set_spool(&set, &spool, run);
	for (size_t i = 0; i < count && !result; i++) {
		uint32_t number = (uint32_t)((i == again ? first : i) * 2654435761u);

		result = uid_set_add(&set, (const uint8_t *)&number, sizeof(number));
	}
	if (!result)
		result = uid_set_repeats(&set, repeated);
	uid_set_free(&set);
	return result;
}

static bool repeats(size_t run, size_t count, size_t first, size_t again)
{
	bool repeated = false;

	writes_left = reads_left = 1 << 20;
	assert_int_equal(ask(run, count, first, again, &repeated), 0);
	return repeated;
}

/* With and without runs, of every length near the edges, and each pair at the edges. */
static void each_edge(void **state)
{
	static const size_t counts[] = { 2, RUN - 1, RUN, RUN + 1, 2 * RUN - 1, 2 * RUN };
	static const size_t runs[] = { 0, RUN };

	(void)state;
	for (size_t run = 0; run < 2; run++) {
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
			size_t count = counts[i];

			assert_false(repeats(runs[run], count, 0, count));
			for (size_t again = 1; again < count; again++)
				for (size_t first = 0; first < again; first++)
					assert_true(repeats(runs[run], count, first, again));
		}
	}
}

static void many_runs_share_the_memory(void **state)
{
	const size_t run = 128;

	(void)state;
	assert_false(repeats(run, 8 * run, 0, 8 * run));
	assert_int_equal(highest, 8 * run * sizeof(struct uid_entry));
	assert_true(repeats(run, 8 * run, 0, 8 * run - 1));
	assert_true(repeats(run, 8 * run - 5, run - 1, 7 * run));
}

static void too_many_for_the_memory(void **state)
{
	bool repeated;

	(void)state;
	writes_left = reads_left = 1 << 20;
	assert_int_equal(ask(RUN, 2 * RUN + 1, 0, 2 * RUN + 1, &repeated), -EOVERFLOW);
}

static void failing_storage(void **state)
{
	bool repeated;

	(void)state;
	for (int good = 0; good < 2; good++) {
		writes_left = good;
		reads_left = 1 << 20;
		assert_int_equal(ask(RUN, 2 * RUN, 0, 2 * RUN, &repeated), -ENOSPC);
	}
	for (int good = 0; good < 4; good++) {
		writes_left = 1 << 20;
		reads_left = good;
		assert_int_equal(ask(RUN, 2 * RUN, 0, 2 * RUN, &repeated), -EIO);
	}
}

/* An id is its bytes and their number. */
static void ids_of_other_lengths_are_others(void **state)
{
	const uint8_t uid[PROVPKG_UID_MAX] = { 0 };
	struct uid_set set = { 0 };
	bool repeated = true;

	(void)state;
	for (size_t size = 0; size <= PROVPKG_UID_MAX; size++)
		assert_int_equal(uid_set_add(&set, uid, size), 0);
	assert_int_equal(uid_set_repeats(&set, &repeated), 0);
	assert_false(repeated);
	uid_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_edge),
		cmocka_unit_test(many_runs_share_the_memory),
		cmocka_unit_test(too_many_for_the_memory),
		cmocka_unit_test(failing_storage),
		cmocka_unit_test(ids_of_other_lengths_are_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
