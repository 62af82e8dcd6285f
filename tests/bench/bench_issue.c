// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The card's issuing rate: complete units per second, each reserved, keyed, certified, recorded and committed durably on the
 * emulated card's own storage in FOLDER, by sixteen heads whose parts take no time. Beside it, the least that identities cost:
 * P-256 key generation and one signature, on as many threads. In turns; the best of each. Usage: bench_issue FOLDER [UNITS]
 */
#include <time.h>

#include "tests/bench/bench.h"
#include "tests/bench/units.h"

#define ROUNDS 3
#define FLOOR_PER_THREAD 1000

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

/* One round took @seconds, and the processors were at @processor before it: each of the threads did it @each times. */
static void note(struct pace *pace, double seconds, double processor, uint32_t each)
{
	double rate = UNIT_THREADS * each / seconds;

	pace->processor_seconds += processor_seconds() - processor;
	if (rate > pace->per_second)
		pace->per_second = rate;
}

static void measure(struct pace *floor, struct pace *made, uint32_t each)
{
	double processor = processor_seconds();

	note(floor, units_threads(make_identities), processor, FLOOR_PER_THREAD);
	processor = processor_seconds();
	note(made, units_make(each), processor, each);
}

int main(int argc, char **argv)
{
	uint32_t each = (argc > 2 ? (uint32_t)atoi(argv[2]) : 16000) / UNIT_THREADS;
	uint64_t count = (uint64_t)ROUNDS * UNIT_THREADS * each, flushes;
	struct pace made = { 0 }, floor = { 0 };

	NEED(argc > 1);
	units_begin(argv[1], 1u << 30, 4ull << 30, count);
	flushes = station_status(&units.station).flushes;
	for (int i = 0; i < ROUNDS; i++)
		measure(&floor, &made, each);
	flushes = station_status(&units.station).flushes - flushes;
	/* Every one of them must stand in the ledger, or it was not issuing that was measured. */
	NEED(station_report(&units.station, units.job).good == count);
	printf("units_per_second %.0f\nfloor_per_second %.0f\nflushes_per_unit %.3f\n", made.per_second, floor.per_second,
	       (double)flushes / (double)count);
	printf("processor_us_per_unit %.1f\nprocessor_us_per_floor %.1f\n", made.processor_seconds * 1e6 / (double)count,
	       floor.processor_seconds * 1e6 / (ROUNDS * UNIT_THREADS * FLOOR_PER_THREAD));
	units_end();
	return 0;
}
