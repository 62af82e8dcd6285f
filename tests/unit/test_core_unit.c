// SPDX-License-Identifier: GPL-2.0-or-later
/* Provisioning: what one part, one job, one quota comes to. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
