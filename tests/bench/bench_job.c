// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A job of so many units, complete but for its closing, in FOLDER/state as provcard-card keeps it (serial TEST-1), with what is needed
 * to close and check it beside: operator.key, operator.pem, maker-anchors.pem, device-root.pem. The card's mind runs here, sixteen heads
 * whose parts take no time, every flush a real one. Prints the issuing rate of the first and the last units, up to 10,000 of each: a
 * card must not slow down as its job grows. Usage: bench_job FOLDER UNITS
 */
#include <inttypes.h>
#include <sys/stat.h>

#include <openssl/pem.h>

#include "tests/bench/bench.h"
#include "tests/bench/units.h"

#define WINDOW 10000
#define LEDGER_PER_UNIT 2048
#define LOG_PER_UNIT 4096
#define REGION_LEAST (64ull << 20)

static FILE *create(const char *folder, const char *name)
{
	char path[4096];
	FILE *file;

	NEED(snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path));
	file = fopen(path, "w");
	NEED(file);
	return file;
}

static void write_papers(const char *folder)
{
	FILE *file = create(folder, "operator.key");

	NEED(PEM_write_PrivateKey(file, units.station.operator.key, NULL, NULL, 0, NULL, NULL) == 1 && !fclose(file));
	file = create(folder, "operator.pem");
	NEED(PEM_write_X509(file, units.station.operator.certificate) == 1 && !fclose(file));
	file = create(folder, "maker-anchors.pem");
	for (int i = 0; i < sk_X509_num(units.station.maker.anchors); i++)
		NEED(PEM_write_X509(file, sk_X509_value(units.station.maker.anchors, i)) == 1);
	NEED(!fclose(file));
	file = create(folder, "device-root.pem");
	NEED(PEM_write_X509(file, units.station.pki.root) == 1 && !fclose(file));
}

/* Units per second of the next @count. */
static double make(uint32_t count)
{
	return count / units_make(count / UNIT_THREADS);
}

static uint64_t region(uint64_t count, uint64_t each)
{
	return count * each > REGION_LEAST ? count * each : REGION_LEAST;
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) / UNIT_THREADS * UNIT_THREADS : 0;
	uint32_t window = (count < 2 * WINDOW ? count / 2 : WINDOW) / UNIT_THREADS * UNIT_THREADS;
	double first, last;
	char path[4096];

	NEED(window && snprintf(path, sizeof(path), "%s/state", argv[1]) < (int)sizeof(path) && !mkdir(path, 0777));
	units_begin(path, region(count, LEDGER_PER_UNIT), region(count, LOG_PER_UNIT), count);
	first = make(window);
	if (count > 2 * window)
		make(count - 2 * window);
	last = make(window);
	NEED(station_report(&units.station, units.job).good == count);
	write_papers(argv[1]);
	printf("units %" PRIu32 "\nunits_per_second_first %.0f\nunits_per_second_last %.0f\n", count, first, last);
	printf("ledger_bytes %" PRIu64 "\nlog_bytes %" PRIu64 "\n", region(count, LEDGER_PER_UNIT), region(count, LOG_PER_UNIT));
	units_end();
	return 0;
}
