// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A job of so many units, complete but for its closing, in FOLDER/state as provcard-card keeps it (serial TEST-1), with what is needed
 * to close and check it beside: operator.key, operator.pem, maker-anchors.pem, device-root.pem. The card's mind runs here, sixteen heads
 * whose parts take no time, every flush a real one. Prints the issuing rate of the first and the last units, up to 10,000 of each: a
 * card must not slow down as its job grows. Usage: bench_job FOLDER UNITS
 */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <threads.h>

#include <openssl/pem.h>

#include "tests/bench/bench.h"
#include "tests/bench/storage.h"
#include "tests/unit/fake_head.h"

#define THREADS 16
#define WINDOW 10000
#define LEDGER_PER_UNIT 2048
#define LOG_PER_UNIT 4096
#define REGION_LEAST (64ull << 20)

static struct station station;
static uint32_t job;
static uint32_t next_part;
static uint32_t per_thread;

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

	NEED(PEM_write_PrivateKey(file, station.operator.key, NULL, NULL, 0, NULL, NULL) == 1 && !fclose(file));
	file = create(folder, "operator.pem");
	NEED(PEM_write_X509(file, station.operator.certificate) == 1 && !fclose(file));
	file = create(folder, "maker-anchors.pem");
	for (int i = 0; i < sk_X509_num(station.maker.anchors); i++)
		NEED(PEM_write_X509(file, sk_X509_value(station.maker.anchors, i)) == 1);
	NEED(!fclose(file));
	file = create(folder, "device-root.pem");
	NEED(PEM_write_X509(file, station.pki.root) == 1 && !fclose(file));
}

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

static int work(void *context)
{
	unsigned int head = *(unsigned int *)context;

	for (uint32_t i = 0; i < per_thread; i++) {
		fake_insert(head, next_part + head * per_thread + i);
		fake_part[head].discard = true;
		NEED(!station_run(&station, job, head, NULL));
	}
	return 0;
}

/* Units per second of the next @count. */
static double make(uint32_t count)
{
	unsigned int number[THREADS];
	thrd_t thread[THREADS];
	double from = seconds_now();

	per_thread = count / THREADS;
	for (unsigned int i = 0; i < THREADS; i++) {
		number[i] = i;
		NEED(thrd_create(&thread[i], work, &number[i]) == thrd_success);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		thrd_join(thread[i], NULL);
	next_part += per_thread * THREADS;
	return per_thread * THREADS / (seconds_now() - from);
}

static uint64_t region(uint64_t units, uint64_t each)
{
	return units * each > REGION_LEAST ? units * each : REGION_LEAST;
}

int main(int argc, char **argv)
{
	uint32_t units = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) / THREADS * THREADS : 0;
	uint32_t window = (units < 2 * WINDOW ? units / 2 : WINDOW) / THREADS * THREADS;
	double first, last;
	char path[4096];

	NEED(window && snprintf(path, sizeof(path), "%s/state", argv[1]) < (int)sizeof(path) && !mkdir(path, 0777));
	station_new(&station, THREADS);
	station_off(&station);
	storage_use(&station, path, region(units, LEDGER_PER_UNIT), region(units, LOG_PER_UNIT));
	station_on(&station);
	station_prepare(&station);
	load(units);
	first = make(window);
	if (units > 2 * window)
		make(units - 2 * window);
	last = make(window);
	NEED(station_report(&station, job).good == units);
	write_papers(argv[1]);
	printf("units %" PRIu32 "\nunits_per_second_first %.0f\nunits_per_second_last %.0f\n", units, first, last);
	printf("ledger_bytes %" PRIu64 "\nlog_bytes %" PRIu64 "\n", region(units, LEDGER_PER_UNIT), region(units, LOG_PER_UNIT));
	station_free(&station);
	fake_remove_all();
	storage_close();
	return 0;
}
