// SPDX-License-Identifier: GPL-2.0-or-later
/* The end of a job: what the card hands over, and that a stranger can check it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define NOTHING ((struct provpkg_view){ 0 })
#define ID ((struct provpkg_view){ package_id, sizeof(package_id) })

static struct station station;
static uint8_t package_id[PROVPKG_ID_SIZE];
static uint32_t job;
static STACK_OF(X509) * chain; /* issuing certificate, root */

static uint16_t run_part(uint32_t number, enum fake_step fails_at, int code)
{
	fake_insert(0, number);
	fake_part[0].fails_at = fails_at;
	fake_part[0].code = code;
	return station_run(&station, job, 0, NULL);
}

/* A job with two good units, one scrapped and one that was left in the middle. */
static int set_up(void **state)
{
	struct order order;
	struct provpkg_blob file;

	(void)state;
	station_new(&station, 1);
	station_prepare(&station);
	station_order(&station, &order);
	file = station_pack(&order, package_id);
	job = station_job(&station);
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	assert_int_equal(station_allocate(&station, package_id, 10), 0);
	provpkg_blob_free(&file);
	assert_int_equal(run_part(1, 0, 0), 0);
	assert_int_equal(run_part(2, FAKE_VERIFY, REFUSED(VERIFY_FAILED)), REFUSED(VERIFY_FAILED));
	assert_int_equal(run_part(3, 0, 0), 0);
	assert_int_equal(run_part(4, FAKE_PROGRAM, REFUSED(PART_GONE)), REFUSED(PART_GONE));
	chain = sk_X509_new_null();
	assert_true(sk_X509_push(chain, station.issuer) && sk_X509_push(chain, station.pki.root));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sk_X509_free(chain);
	fake_remove_all();
	station_free(&station);
	return 0;
}

static void test_closed_is_closed(void **state)
{
	struct provpkg_blob early = station_object(&station, PROVCARD_OBJECT_END_CERTIFICATE, ID);
	uint64_t log_size;

	(void)state;
	assert_int_equal(early.size, 0);
	provpkg_blob_free(&early);
	assert_int_equal(station_close(&station, package_id, NULL), 0);
	assert_int_equal(station_report(&station, job).state, PROVCARD_JOB_CLOSED);
	log_size = station_status(&station).log_size;
	assert_int_equal(run_part(5, 0, 0), REFUSED(JOB_CLOSED));
	/* The closing is the job's last record. */
	assert_int_equal(station_status(&station).log_size, log_size);
	assert_int_equal(station_close(&station, package_id, NULL), REFUSED(JOB_CLOSED));
	assert_int_equal(station_allocate(&station, package_id, 1), REFUSED(JOB_CLOSED));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
	assert_int_equal(run_part(5, 0, 0), REFUSED(JOB_CLOSED));
}

/* Record @index, and the run of others' before it. */
static void feed(struct provpkg_verifier *verifier, uint64_t seen, uint64_t index)
{
	uint64_t arg[3] = { seen, index - seen, 0 };
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	struct station_entry entry;
	struct core_result result;

	if (index > seen) {
		assert_int_equal(station_command(&station, PROVCARD_OP_LOG_RUN, 0, arg, NOTHING, hash, sizeof(hash), &result), 0);
		assert_int_equal(provpkg_verifier_run(verifier, index - seen, (const uint8_t(*)[PROVPKG_HASH_SIZE])hash, result.result),
				 0);
	}
	assert_true(station_log(&station, index, &entry));
	assert_int_equal(provpkg_verifier_record(verifier, entry.der, entry.attachment), 0);
	provpkg_blob_free(&entry.bytes);
}

/* The whole delivery, as a stranger checks it. */
static void test_delivery(void **state)
{
	struct provpkg_blob cms;
	struct provpkg_verifier *verifier;
	const struct provpkg_end_certificate *end;
	uint64_t index[64];
	struct core_result result;

	(void)state;
	assert_int_equal(station_close(&station, package_id, &cms), 0);
	assert_int_equal(provpkg_verifier_new(provpkg_blob_view(&cms), station.card, chain, &verifier), 0);
	end = provpkg_verifier_end(verifier);
	assert_int_equal(end->good, 2);
	assert_int_equal(end->scrap, 1);
	assert_int_equal(end->granted, 12);
	assert_int_equal(end->granted_good, 10);
	assert_int_equal(end->granted_scrap, 2);
	assert_int_equal(end->unused, 9);
	station_command(&station, PROVCARD_OP_JOB_LOG, job, NULL, NOTHING, index, sizeof(index), &result);
	assert_int_equal(result.status, 0);
	assert_int_equal(result.result, result.length / sizeof(*index));
	assert_int_equal(result.result, end->records);
	assert_int_equal(index[result.result - 1], end->last_index);
	for (uint32_t i = 0; i < result.result; i++)
		feed(verifier, i ? index[i - 1] + 1 : 0, index[i]);
	assert_int_equal(provpkg_verifier_finish(verifier), 0);
	provpkg_verifier_free(verifier);
	provpkg_blob_free(&cms);
}

/* What the closing said stays what it was, whatever happens afterwards. */
static void test_said_again(void **state)
{
	struct provpkg_blob cms, pem;
	struct provpkg_verifier *verifier;
	struct provpkg_end_certificate end;

	(void)state;
	assert_int_equal(station_close(&station, package_id, &cms), 0);
	assert_int_equal(provpkg_verifier_new(provpkg_blob_view(&cms), station.card, chain, &verifier), 0);
	end = *provpkg_verifier_end(verifier);
	provpkg_verifier_free(verifier);
	provpkg_blob_free(&cms);
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", station.auditor.certificate), 0);
	station.board.clock += PKI_DAY;
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	cms = station_object(&station, PROVCARD_OBJECT_END_CERTIFICATE, ID);
	assert_int_equal(provpkg_verifier_new(provpkg_blob_view(&cms), station.card, chain, &verifier), 0);
	assert_memory_equal(provpkg_verifier_end(verifier), &end, sizeof(end));
	provpkg_verifier_free(verifier);
	provpkg_blob_free(&cms);
	/* The issuing chain outlives the package. */
	pem = station_object(&station, PROVCARD_OBJECT_PACKAGE_CHAIN, ID);
	assert_non_null(memmem(pem.data, pem.size, "BEGIN CERTIFICATE", 17));
	provpkg_blob_free(&pem);
}

static struct provpkg_checkpoint checkpoint_of(uint32_t kind, struct provpkg_view selector)
{
	X509 *const identities[] = { station.card->certificates.identity_classical, station.card->certificates.identity_pq };
	struct provpkg_blob note = station_object(&station, kind, selector);
	struct provpkg_checkpoint checkpoint;

	assert_int_equal(provpkg_checkpoint_open(provpkg_blob_view(&note), identities, 2, &checkpoint), 0);
	provpkg_blob_free(&note);
	return checkpoint;
}

static int consistency(const struct provpkg_checkpoint *older, const struct provpkg_checkpoint *newer)
{
	uint64_t arg[3] = { older->size, newer->size, 0 };
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	struct core_result result;
	int code = station_command(&station, PROVCARD_OP_LOG_CONSISTENCY, 0, arg, NOTHING, proof, sizeof(proof), &result);

	return code ? code :
		      provpkg_consistency_verify(older->size, older->root, newer->size, newer->root,
						 (const uint8_t(*)[PROVPKG_HASH_SIZE])proof, result.result);
}

/* The checkpoint of the closing stays what it was, and every later one begins with it. */
static void test_checkpoints(void **state)
{
	struct provpkg_checkpoint closed, later, none = { .size = 0 };
	struct provpkg_blob early = station_object(&station, PROVCARD_OBJECT_JOB_CHECKPOINT, ID), cms;
	struct provpkg_verifier *verifier;

	(void)state;
	assert_int_equal(early.size, 0);
	assert_int_equal(station_close(&station, package_id, &cms), 0);
	assert_int_equal(provpkg_verifier_new(provpkg_blob_view(&cms), station.card, chain, &verifier), 0);
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", station.auditor.certificate), 0);
	closed = checkpoint_of(PROVCARD_OBJECT_JOB_CHECKPOINT, ID);
	assert_int_equal(closed.size, provpkg_verifier_end(verifier)->log_size);
	assert_memory_equal(closed.root, provpkg_verifier_end(verifier)->log_root, PROVPKG_HASH_SIZE);
	later = checkpoint_of(PROVCARD_OBJECT_CHECKPOINT, NOTHING);
	assert_true(later.size > closed.size);
	assert_int_equal(consistency(&closed, &later), 0);
	assert_int_equal(consistency(&closed, &closed), 0);
	assert_int_equal(consistency(&later, &closed), REFUSED(NO_SUCH_OBJECT));
	assert_int_equal(consistency(&none, &later), REFUSED(NO_SUCH_OBJECT));
	closed.root[3] ^= 1;
	assert_int_equal(consistency(&closed, &later), REFUSED(CONSISTENCY_MISMATCH));
	later.size++;
	assert_int_equal(consistency(&closed, &later), REFUSED(NO_SUCH_OBJECT));
	provpkg_verifier_free(verifier);
	provpkg_blob_free(&early);
	provpkg_blob_free(&cms);
}

static int run_of(uint64_t first, uint64_t count)
{
	uint64_t arg[3] = { first, count, 0 };
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	struct core_result result;

	return station_command(&station, PROVCARD_OP_LOG_RUN, 0, arg, NOTHING, hash, sizeof(hash), &result);
}

static void test_runs_of_the_log(void **state)
{
	uint64_t size = station_status(&station).log_size;

	(void)state;
	assert_int_equal(run_of(0, size), 0);
	assert_int_equal(run_of(size - 1, 1), 0);
	assert_int_equal(run_of(0, 0), REFUSED(NO_SUCH_OBJECT));
	assert_int_equal(run_of(size, 1), REFUSED(NO_SUCH_OBJECT));
	assert_int_equal(run_of(1, size), REFUSED(NO_SUCH_OBJECT));
	assert_int_equal(run_of(1, UINT64_MAX), REFUSED(NO_SUCH_OBJECT));
	assert_int_equal(run_of(UINT64_MAX, 1), REFUSED(NO_SUCH_OBJECT));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_closed_is_closed), TEST(test_delivery), TEST(test_said_again), TEST(test_checkpoints), TEST(test_runs_of_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
