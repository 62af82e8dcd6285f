// SPDX-License-Identifier: GPL-2.0-or-later
/* Packages: loading one, and every way the card says no; nothing of a refused one stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/internal.h"
#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define NOTHING ((struct provpkg_view){ 0 })

static struct station station;
static struct provpkg_blob file; /* an honest package */
static struct provpkg_layout layout;
static uint8_t package_id[PROVPKG_ID_SIZE];

static int set_up(void **state)
{
	struct order order;

	(void)state;
	station_new(&station, 1);
	station_prepare(&station);
	station_order(&station, &order);
	file = station_pack(&order, package_id);
	assert_int_equal(provpkg_layout_decode(provpkg_blob_view(&file), file.size, &layout), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_remove_all();
	provpkg_blob_free(&file);
	station_free(&station);
	return 0;
}

/* The answer to a package, loaded through a handle of its own; *result gets the command's. */
static uint16_t load(const struct provpkg_blob *package, struct core_result *result)
{
	struct provcard_service_job report;
	struct core_result unused;
	uint32_t job = station_job(&station);
	uint16_t status = station_write(&station, job, package);

	if (!status)
		status = station_command(&station, PROVCARD_OP_PACKAGE_COMMIT, job, NULL, NOTHING, &report, sizeof(report),
					 result ? result : &unused);
	core_job_delete(station.core, job);
	return status;
}

static uint16_t load_order(void (*change)(struct order *order))
{
	struct order order;
	struct provpkg_blob package;
	uint16_t status;

	station_order(&station, &order);
	change(&order);
	package = station_pack(&order, NULL);
	status = load(&package, NULL);
	provpkg_blob_free(&package);
	return status;
}

static uint16_t load_flipped(uint64_t offset, struct core_result *result)
{
	uint16_t status;

	file.data[offset] ^= 0x01;
	status = load(&file, result);
	file.data[offset] ^= 0x01;
	return status;
}

static void test_honest(void **state)
{
	struct provcard_service_job report;
	struct station_entry entry;
	struct provpkg_grant grant;

	(void)state;
	assert_int_equal(station_load(&station, station_job(&station), &file, &report), 0);
	assert_int_equal(report.state, PROVCARD_JOB_ARMED);
	assert_int_equal(report.flags, 0);
	assert_memory_equal(report.package_id, package_id, sizeof(package_id));
	assert_int_equal(report.ceiling_good, 10);
	assert_int_equal(report.ceiling_scrap, 2);
	assert_int_equal(report.allocated, 0);
	assert_string_equal(report.product, "sensor 7");
	assert_string_equal(report.oem, "Acme");
	assert_string_equal(report.part, "nRF52840");
	assert_int_equal(report.not_after, PKI_NOW + PKI_DAY);
	assert_true(station_log(&station, station_status(&station).log_size - 1, &entry));
	assert_int_equal(entry.record.event, PROVPKG_EVENT_LOADED);
	assert_string_equal(entry.record.actor, "Acme");
	assert_int_equal(provpkg_grant_decode(entry.attachment, &grant), 0);
	assert_int_equal(grant.ceiling_good, 10);
	provpkg_blob_free(&entry.bytes);
}

static void test_damaged(void **state)
{
	struct provpkg_blob shorter = { file.data, file.size - 1 };
	struct core_result result;

	(void)state;
	assert_int_equal(load_flipped(0, NULL), REFUSED(PACKAGE_MAGIC));
	assert_int_equal(load(&shorter, NULL), REFUSED(PACKAGE_TRUNCATED));
	shorter.size = 100;
	assert_int_equal(load(&shorter, NULL), REFUSED(PACKAGE_TRUNCATED));
	assert_int_equal(load_flipped(layout.manifest.offset, NULL), REFUSED(MANIFEST_DER));
	assert_int_equal(load_flipped(layout.manifest.offset + layout.manifest.size - 3, NULL), REFUSED(MANIFEST_SIGNATURE));
	assert_int_equal(load_flipped(layout.leaves.offset, NULL), REFUSED(LEAVES_MISMATCH));
	assert_int_equal(load_flipped(layout.payload.offset + 5000, &result), REFUSED(SEGMENT_DIGEST));
	assert_int_equal(result.result, 0);
	/* The ledger has heard of none of them. */
	assert_int_equal(station_status(&station).jobs, 0);
	assert_int_equal(load(&file, NULL), 0);
	assert_int_equal(station_status(&station).jobs, 1);
}

static void by_rival(struct order *order)
{
	order->build.signers = station.rival.signers;
}

static void not_yet(struct order *order)
{
	order->build.window.not_before = PKI_NOW + 1000;
}

static void older(struct order *order)
{
	order->build.security_version = 2;
}

static void newer(struct order *order)
{
	order->build.security_version = 4;
}

static void older_other_product(struct order *order)
{
	order->build.security_version = 1;
	order->build.product = "sensor 8";
}

static void wrong_digest(struct order *order)
{
	order->rot.image[0].digest[3] ^= 1;
}

static void no_room_for_certificate(struct order *order)
{
	order->rot.identity.certificate_size = 400;
}

static X509 *foreign_issuer;

static void issuer_of_another_card(struct order *order)
{
	order->recipient.issuer = foreign_issuer;
}

static void test_judgements(void **state)
{
	EVP_PKEY *key = pki_key("P-256");

	(void)state;
	foreign_issuer = pki_certificate(key, &(struct pki_profile){ .subject = "line 2", .ca = true }, station.pki.root,
					 station.pki.root_key);
	assert_int_equal(load_order(by_rival), REFUSED(SIGNER_UNTRUSTED));
	assert_int_equal(load_order(not_yet), REFUSED(PACKAGE_NOT_YET_VALID));
	assert_int_equal(load_order(issuer_of_another_card), REFUSED(ISSUER_MISMATCH));
	assert_int_equal(load_order(wrong_digest), REFUSED(IMAGE_DIGEST));
	assert_int_equal(load_order(no_room_for_certificate), REFUSED(ROT_DOES_NOT_FIT));
	assert_int_equal(station_status(&station).jobs, 0);
	X509_free(foreign_issuer);
	EVP_PKEY_free(key);
}

static void test_rollback(void **state)
{
	uint32_t job = station_job(&station);

	(void)state;
	assert_int_equal(load(&file, NULL), 0);
	assert_int_equal(load_order(older), REFUSED(ROLLBACK));
	assert_int_equal(load_order(older_other_product), 0);
	assert_int_equal(load_order(newer), 0);
	/* The floor has risen, and stays where it is. A job that is there goes on. */
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(load(&file, NULL), REFUSED(ROLLBACK));
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
}

static void test_time(void **state)
{
	(void)state;
	station.board.clock = PKI_NOW + 2 * PKI_DAY;
	assert_int_equal(load(&file, NULL), REFUSED(PACKAGE_EXPIRED));
	station.board.clock = PKI_NOW + 400 * PKI_DAY;
	assert_int_equal(load(&file, NULL), REFUSED(SIGNER_EXPIRED));
}

static void test_wrong_card(void **state)
{
	struct made_card other;
	struct order order;
	struct provpkg_blob package;

	(void)state;
	made_card_new(&other, &station.maker, "TEST-2");
	station_order(&station, &order);
	order.recipient.card = other.card;
	package = station_pack(&order, NULL);
	assert_int_equal(load(&package, NULL), REFUSED(NOT_A_RECIPIENT));
	provpkg_blob_free(&package);
	made_card_free(&other);
}

static void test_again(void **state)
{
	struct provcard_service_job report;
	uint32_t job = station_job(&station), again = station_job(&station);

	(void)state;
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	assert_int_equal(station_allocate(&station, package_id, 10), 0);
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	/* The same package gives no fresh count. */
	assert_int_equal(station_load(&station, again, &file, &report), 0);
	assert_int_equal(report.flags, PROVCARD_JOB_FLAG_ALREADY_LOADED);
	assert_int_equal(report.allocated, 10);
	assert_int_equal(report.good, 1);
	assert_int_equal(station_status(&station).jobs, 1);
	fake_insert(0, 2);
	assert_int_equal(station_run(&station, again, 0, NULL), 0);
	assert_int_equal(station_report(&station, job).good, 2);
	/* A handle is bound once. */
	assert_int_equal(station_load(&station, again, &file, NULL), REFUSED(INVALID_FIELD));
	/* Nor after the end. */
	assert_int_equal(station_close(&station, package_id, NULL), 0);
	assert_int_equal(load(&file, NULL), REFUSED(JOB_CLOSED));
}

/* Package ids are random, so two alike are made here by changing what the ledger remembers. */
static void test_id_reused(void **state)
{
	(void)state;
	assert_int_equal(load(&file, NULL), 0);
	station.core->ledger.job[0]->terms.manifest_digest[0] ^= 1;
	assert_int_equal(load(&file, NULL), REFUSED(PACKAGE_ID_REUSED));
}

static void test_writing(void **state)
{
	uint32_t job = station_job(&station), other = station_job(&station);
	uint64_t arg[3] = { 0, file.size, 0 };
	struct provpkg_view piece = { file.data, 4096 };
	struct provcard_service_job report;
	uint8_t none[PROVPKG_ID_SIZE] = { 0 };

	(void)state;
	assert_int_equal(station_bind(&station, job, none), REFUSED(JOB_NOT_LOADED));
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_COMMIT, job, NULL, NOTHING, &report, sizeof(report), NULL),
			 REFUSED(PACKAGE_TRUNCATED));
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_WRITE, job, arg, piece, NULL, 0, NULL), 0);
	/* One at a time, in order, within what was said. */
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_WRITE, other, arg, piece, NULL, 0, NULL), REFUSED(JOB_BUSY));
	arg[0] = 8192;
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_WRITE, job, arg, piece, NULL, 0, NULL),
			 REFUSED(INVALID_FIELD));
	arg[0] = 4096;
	arg[1] = 8000;
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_WRITE, job, arg, piece, NULL, 0, NULL),
			 REFUSED(INVALID_FIELD));
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_COMMIT, job, NULL, NOTHING, &report, sizeof(report), NULL),
			 REFUSED(PACKAGE_TRUNCATED));
	/* The writer's end frees the way. */
	core_job_delete(station.core, job);
	assert_int_equal(station_load(&station, other, &file, NULL), 0);
}

static void test_staging_memory(void **state)
{
	uint64_t all = station_status(&station).staging_size, arg[3] = { 0, all + 1, 0 };
	uint32_t job = station_job(&station);
	struct provpkg_view piece = { file.data, 4096 };
	struct provcard_service_job report;
	uint16_t status = 0;
	int loaded;

	(void)state;
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_WRITE, job, arg, piece, NULL, 0, NULL),
			 REFUSED(PACKAGE_TOO_LARGE));
	assert_int_equal(load(&file, NULL), 0);
	for (loaded = 1; loaded < 1000 && !status; loaded += !status)
		status = load_order(newer);
	assert_int_equal(status, REFUSED(OUT_OF_MEMORY));
	assert_true(loaded > 2);
	/* A closed job makes room. */
	assert_int_equal(station_close(&station, package_id, NULL), 0);
	assert_int_equal(load_order(newer), 0);
	assert_int_equal(station_bind(&station, job, package_id), 0);
	report = station_report(&station, job);
	assert_int_equal(report.state, PROVCARD_JOB_CLOSED);
}

/* The staging memory is outside of the card's security boundary: what is read again is verified again. */
static void test_staging_altered(void **state)
{
	struct ledger_load terms;
	uint32_t job;

	(void)state;
	assert_int_equal(load(&file, NULL), 0);
	terms = station.core->ledger.job[0]->terms;
	station_off(&station);
	station.board.region[PORT_NV_STAGING].now[terms.staging_offset + layout.payload.offset + 6000] ^= 1;
	station_on(&station);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), REFUSED(SEGMENT_DIGEST));
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(JOB_NOT_LOADED));
}

/* Neither the plaintext of the image nor anything of its neighbours is ever in the card's memory outside of the secure heap. */
static void test_no_plaintext_stored(void **state)
{
	(void)state;
	assert_int_equal(load(&file, NULL), 0);
	for (size_t at = 0; at + 16 <= sizeof(station.image); at += 512)
		assert_false(fake_port_holds(&station.board, station.image + at, 16));
	assert_false(fake_port_holds(&station.board, "thirty-two bytes of a secret", 28));
}

/* Several segments: the image at the far end arrives whole, and a damaged segment is named. */
static void test_large(void **state)
{
	static uint8_t area[(5 << 20) / 2];
	const uint32_t last = sizeof(area) - STATION_IMAGE_SIZE;
	struct order order;
	struct provpkg_blob package;
	struct core_result result;
	uint8_t id[PROVPKG_ID_SIZE];
	uint32_t job = station_job(&station);

	(void)state;
	memcpy(area + last, station.image, STATION_IMAGE_SIZE);
	station_order(&station, &order);
	order.image = area;
	order.build.image_size = sizeof(area);
	order.rot.image[0].offset = last;
	package = station_pack(&order, id);
	assert_int_equal(provpkg_layout_decode(provpkg_blob_view(&package), package.size, &layout), 0);
	package.data[layout.payload.offset + 2 * PROVPKG_SEGMENT_SIZE + 77] ^= 1;
	assert_int_equal(load(&package, &result), REFUSED(SEGMENT_DIGEST));
	assert_int_equal(result.result, 2);
	package.data[layout.payload.offset + 2 * PROVPKG_SEGMENT_SIZE + 77] ^= 1;
	assert_int_equal(station_load(&station, job, &package, NULL), 0);
	assert_int_equal(station_allocate(&station, id, 1), 0);
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	assert_memory_equal(fake_part[0].flash + 0x1000, station.image, STATION_IMAGE_SIZE);
	provpkg_blob_free(&package);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_honest),  TEST(test_damaged),	       TEST(test_judgements),	   TEST(test_rollback),
		TEST(test_time),    TEST(test_wrong_card),     TEST(test_again),	   TEST(test_id_reused),
		TEST(test_writing), TEST(test_staging_memory), TEST(test_staging_altered), TEST(test_no_plaintext_stored),
		TEST(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
