// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The card's issuing rate: complete units per second, each reserved, keyed, certified, recorded and committed durably on the
 * emulated card's own storage in FOLDER, by sixteen heads whose parts take no time. Beside it, the least that identities cost:
 * P-256 key generation and one signature, on as many threads. In turns; the best of each. Usage: bench_issue FOLDER [UNITS]
 */
#include <string.h>
#include <threads.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/storage.h"
#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

#define THREADS 16
#define ROUNDS 3
#define FLOOR_PER_THREAD 1000

static struct station station;
static uint32_t job;
static unsigned int units_per_thread;
static uint32_t next_part;

static void load(uint64_t count)
{
	struct order order;
	struct provpkg_blob file;
	uint8_t package_id[PROVPKG_ID_SIZE];

	station_order(&station, &order);
	order.recipient.ceiling_good = count;
	file = station_pack(&order, package_id);
	job = station_job(&station);
	NEED(!station_load(&station, job, &file, NULL));
	NEED(!station_allocate(&station, package_id, count));
	provpkg_blob_free(&file);
}

static int make_units(void *context)
{
	unsigned int head = *(unsigned int *)context;

	for (unsigned int i = 0; i < units_per_thread; i++) {
		fake_insert(head, next_part + head * units_per_thread + i);
		fake_part[head].discard = true;
		NEED(!station_run(&station, job, head, NULL));
	}
	return 0;
}

static int make_identities(void *context)
{
	static const uint8_t digest[32] = { 1 };
	EVP_PKEY *issuer = pki_key("P-256");

	(void)context;
	for (int i = 0; i < FLOOR_PER_THREAD; i++) {
		EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		EVP_PKEY_CTX *signing = EVP_PKEY_CTX_new_from_pkey(NULL, issuer, NULL);
		uint8_t signature[80];
		size_t size = sizeof(signature);

		NEED(key && EVP_PKEY_sign_init(signing) == 1 &&
		     EVP_PKEY_sign(signing, signature, &size, digest, sizeof(digest)) == 1);
		EVP_PKEY_CTX_free(signing);
		EVP_PKEY_free(key);
	}
	EVP_PKEY_free(issuer);
	return 0;
}

struct pace {
	double per_second; /* the best of all rounds */
	double processor_seconds; /* of all rounds together */
};

static double processor_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One round: each of the threads does it @each times. */
static void measure(struct pace *pace, thrd_start_t work, unsigned int each)
{
	unsigned int number[THREADS];
	thrd_t thread[THREADS];
	double from = seconds_now(), processor = processor_seconds(), rate;

	for (unsigned int i = 0; i < THREADS; i++) {
		number[i] = i;
		NEED(thrd_create(&thread[i], work, &number[i]) == thrd_success);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		thrd_join(thread[i], NULL);
	rate = THREADS * each / (seconds_now() - from);
	pace->processor_seconds += processor_seconds() - processor;
	if (rate > pace->per_second)
		pace->per_second = rate;
}

int main(int argc, char **argv)
{
	struct pace units = { 0 }, floor = { 0 };
	uint64_t flushes, made;

	NEED(argc > 1);
	units_per_thread = (argc > 2 ? (unsigned int)atoi(argv[2]) : 16000) / THREADS;
	made = (uint64_t)ROUNDS * THREADS * units_per_thread;
	station_new(&station, THREADS);
	station_off(&station);
	storage_use(&station, argv[1], 1u << 30, 4ull << 30);
	station_on(&station);
	station_prepare(&station);
	load(made);
	flushes = station_status(&station).flushes;
	for (int i = 0; i < ROUNDS; i++) {
		measure(&floor, make_identities, FLOOR_PER_THREAD);
		measure(&units, make_units, units_per_thread);
		next_part += THREADS * units_per_thread;
	}
	flushes = station_status(&station).flushes - flushes;
	/* Every one of them must stand in the ledger, or it was not issuing that was measured. */
	NEED(station_report(&station, job).good == made);
	printf("units_per_second %.0f\nfloor_per_second %.0f\nflushes_per_unit %.3f\n", units.per_second, floor.per_second,
	       (double)flushes / (double)made);
	printf("processor_us_per_unit %.1f\nprocessor_us_per_floor %.1f\n", units.processor_seconds * 1e6 / (double)made,
	       floor.processor_seconds * 1e6 / (ROUNDS * THREADS * FLOOR_PER_THREAD));
	station_free(&station);
	fake_remove_all();
	storage_close();
	return 0;
}
