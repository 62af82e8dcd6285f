// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/units.h"

#include "tests/bench/bench.h"
#include "tests/bench/storage.h"
#include "tests/unit/fake_head.h"

struct units units;

static void load(uint64_t count)
{
	struct order order;
	struct provpkg_blob file;
	uint8_t package_id[PROVPKG_ID_SIZE];

	station_order(&units.station, &order);
	order.recipient.ceiling_good = count;
	file = station_pack(&order, package_id);
	units.job = station_job(&units.station);
	NEED(!station_load(&units.station, units.job, &file, NULL));
	NEED(!station_allocate(&units.station, package_id, count));
	provpkg_blob_free(&file);
}

void units_begin(const char *folder, uint64_t ledger_size, uint64_t log_size, uint64_t count)
{
	station_new(&units.station, UNIT_THREADS);
	station_off(&units.station);
	storage_use(&units.station, folder, ledger_size, log_size);
	station_on(&units.station);
	station_prepare(&units.station);
	load(count);
}

double units_threads(thrd_start_t work)
{
	unsigned int number[UNIT_THREADS];
	thrd_t thread[UNIT_THREADS];
	double from = seconds_now();

	for (unsigned int i = 0; i < UNIT_THREADS; i++) {
		number[i] = i;
		NEED(thrd_create(&thread[i], work, &number[i]) == thrd_success);
	}
	for (unsigned int i = 0; i < UNIT_THREADS; i++)
		thrd_join(thread[i], NULL);
	return seconds_now() - from;
}

static int work_of_head(void *context)
{
	unsigned int head = *(unsigned int *)context;

	for (uint32_t i = 0; i < units.each; i++) {
		fake_insert(head, units.next + head * units.each + i);
		fake_part[head].discard = true;
		NEED(!station_run(&units.station, units.job, head, NULL));
	}
	return 0;
}

double units_make(uint32_t each)
{
	double seconds;

	units.each = each;
	seconds = units_threads(work_of_head);
	units.next += each * UNIT_THREADS;
	return seconds;
}

void units_end(void)
{
	station_free(&units.station);
	fake_remove_all();
	storage_close();
}
