// SPDX-License-Identifier: GPL-2.0-or-later
/* Units with device keys of every kind, under every issuing key that the card has: made, resumed, proven, found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/internal.h"
#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define ROOM 8192

static struct station station;
static uint8_t package_id[PROVPKG_ID_SIZE];

static int set_up(void **state)
{
	(void)state;
	station_new(&station, 2);
	station_prepare(&station);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_remove_all();
	station_free(&station);
	return 0;
}

/* A job for devices of this kind, loaded, its ten units allocated. */
static uint16_t load(enum provpkg_key_algorithm kind, uint32_t room, uint32_t *job)
{
	struct provpkg_blob file;
	struct order order;
	uint16_t status;

	station_order(&station, &order);
	order.rot.identity.algorithm = kind;
	order.rot.identity.certificate_size = room;
	order.rot.identity.certificate_address = STATION_KEY_ADDRESS - ROOM;
	order.rot.responder_timeout_us = 1000;
	file = station_pack(&order, package_id);
	*job = station_job(&station);
	status = station_load(&station, *job, &file, NULL);
	provpkg_blob_free(&file);
	if (!status)
		assert_int_equal(station_allocate(&station, package_id, 10), 0);
	return status;
}

static void insert(unsigned int head, uint32_t number, enum provpkg_key_algorithm kind)
{
	fake_insert(head, number);
	fake_part[head].key_address = STATION_KEY_ADDRESS;
	fake_part[head].key_kind = kind;
}

/* The certificate in the log is the part's, and goes with the key that the part holds. */
static void assert_identity(unsigned int head, const struct provcard_service_unit *unit, enum provpkg_key_algorithm kind)
{
	const uint8_t *flash = fake_part[head].flash, *at = flash + STATION_KEY_ADDRESS - ROOM;
	EVP_PKEY *key = fake_device_key_of(kind, flash + STATION_KEY_ADDRESS);
	struct station_entry entry;
	X509 *certificate;
	uint32_t length;

	assert_true(station_log(&station, unit->log_index, &entry));
	memcpy(&length, at, sizeof(length));
	assert_int_equal(length, entry.attachment.size);
	assert_memory_equal(at + sizeof(length), entry.attachment.data, length);
	assert_int_equal(provpkg_der_certificate(entry.attachment, &certificate), 0);
	assert_int_equal(X509_verify(certificate, X509_get0_pubkey(station.issuer)), 1);
	assert_int_equal(EVP_PKEY_eq(key, X509_get0_pubkey(certificate)), 1);
	assert_false(fake_port_holds(&station.board, flash + STATION_KEY_ADDRESS, provpkg_key_kind(kind)->private_size));
	X509_free(certificate);
	EVP_PKEY_free(key);
	provpkg_blob_free(&entry.bytes);
}

static void make(size_t issuing, enum provpkg_key_algorithm kind)
{
	static uint32_t number = 1;
	struct provcard_service_unit unit;
	uint32_t job;

	station_issuer(&station, provpkg_issuing_kind(issuing)->name);
	assert_int_equal(load(kind, ROOM, &job), 0);
	insert(0, number++, kind);
	assert_int_equal(station_run(&station, job, 0, &unit), 0);
	assert_int_equal(unit.state, PROVCARD_UNIT_GOOD);
	assert_int_equal(unit.proof, PROVCARD_PROOF_CHALLENGE);
	assert_identity(0, &unit, kind);
	insert(1, number++, kind);
	fake_part[1].answers_wrongly = true;
	assert_int_equal(station_run(&station, job, 1, &unit), REFUSED(PROOF_FAILED));
	core_job_delete(station.core, job);
}

static void test_every_kind_under_every_issuer(void **state)
{
	(void)state;
	for (size_t issuing = 0; issuing < PROVPKG_ISSUING_KINDS; issuing++)
		for (int kind = PROVPKG_KEY_P256; kind <= PROVPKG_KEY_ML_DSA_65; kind++)
			make(issuing, kind);
}

/* The power fails at the worst moment: the same unit has the same key and the same certificate again, to the byte. */
static void test_resume(void **state)
{
	static uint8_t before[ROOM + PROVPKG_DEVICE_PRIVATE_MAX];

	(void)state;
	station_issuer(&station, "ML-DSA-65");
	for (int kind = PROVPKG_KEY_P256; kind <= PROVPKG_KEY_ML_DSA_65; kind++) {
		struct provcard_service_unit unit;
		uint32_t job;

		assert_int_equal(load(kind, ROOM, &job), 0);
		insert(0, 100u + kind, kind);
		fake_part[0].fails_at = FAKE_VERIFY;
		fake_part[0].code = REFUSED(PART_GONE);
		assert_int_equal(station_run(&station, job, 0, &unit), REFUSED(PART_GONE));
		memcpy(before, fake_part[0].flash + STATION_KEY_ADDRESS - ROOM, sizeof(before));
		station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
		job = station_job(&station);
		assert_int_equal(station_bind(&station, job, package_id), 0);
		fake_part[0].fails_at = 0;
		assert_int_equal(station_run(&station, job, 0, &unit), 0);
		assert_memory_equal(fake_part[0].flash + STATION_KEY_ADDRESS - ROOM, before, sizeof(before));
		core_job_delete(station.core, job);
	}
}

/* Locked between its making and its record, and found again by its answer. */
static void test_lost_units_are_found(void **state)
{
	(void)state;
	for (int kind = PROVPKG_KEY_P256; kind <= PROVPKG_KEY_ML_DSA_65; kind++) {
		struct provcard_service_unit unit;
		uint32_t job;

		assert_int_equal(load(kind, ROOM, &job), 0);
		insert(0, 200u + kind, kind);
		fake_part[0].fails_at = FAKE_UART;
		fake_part[0].code = REFUSED(CABLE);
		assert_int_equal(station_run(&station, job, 0, &unit), REFUSED(CABLE));
		fake_part[0].fails_at = 0;
		assert_true(fake_part[0].locked);
		assert_int_equal(station_run(&station, job, 0, &unit), 0);
		assert_int_equal(unit.state, PROVCARD_UNIT_GOOD);
		core_job_delete(station.core, job);
	}
}

/* A certificate of this size would never fit; that is found out before a part is charged for it. */
static void test_room_is_judged_at_loading(void **state)
{
	uint32_t job;

	(void)state;
	assert_int_equal(load(PROVPKG_KEY_P256, 1024, &job), 0);
	assert_int_equal(load(PROVPKG_KEY_ML_DSA_65, 2048, &job), REFUSED(ROT_DOES_NOT_FIT));
	station_issuer(&station, "ML-DSA-65");
	assert_int_equal(load(PROVPKG_KEY_P256, 1024, &job), REFUSED(ROT_DOES_NOT_FIT));
}

/* ---- A CA's key in the package ---- */

static struct provpkg_blob pack_with_key(const char *kind, EVP_PKEY **key, X509 **certificate)
{
	struct order order;

	*key = pki_key(kind);
	*certificate = pki_certificate(*key, &(struct pki_profile){ .subject = "line", .ca = true }, station.pki.root, station.pki.root_key);
	station_order(&station, &order);
	order.build.issuing_key = *key;
	order.build.issuing_certificate = *certificate;
	order.recipient.issuer = NULL;
	order.rot.identity.certificate_size = ROOM;
	order.rot.identity.certificate_address = STATION_KEY_ADDRESS - ROOM;
	return station_pack(&order, package_id);
}

/* The card issues with it, stores it nowhere, also not across a power cut, and forgets it when the job ends. */
static void test_key_in_the_package(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROVPKG_ISSUING_KINDS; i++) {
		struct provcard_service_unit unit;
		struct station_entry entry;
		uint8_t *der = NULL;
		EVP_PKEY *key;
		X509 *issuer, *certificate;
		struct provpkg_blob file = pack_with_key(provpkg_issuing_kind(i)->name, &key, &issuer);
		uint32_t job = station_job(&station);
		int size = i2d_PrivateKey(key, &der);

		assert_int_equal(station_load(&station, job, &file, NULL), 0);
		assert_int_equal(station_allocate(&station, package_id, 2), 0);
		station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
		job = station_job(&station);
		assert_int_equal(station_bind(&station, job, package_id), 0);
		fake_insert(0, 300 + (uint32_t)i);
		assert_int_equal(station_run(&station, job, 0, &unit), 0);
		assert_true(station_log(&station, unit.log_index, &entry));
		assert_int_equal(provpkg_der_certificate(entry.attachment, &certificate), 0);
		assert_int_equal(X509_verify(certificate, X509_get0_pubkey(issuer)), 1);
		assert_true(size > 64);
		assert_false(fake_port_holds(&station.board, der + 8, 40));
		assert_non_null(station.core->packages);
		assert_int_equal(station_close(&station, package_id, NULL), 0);
		assert_null(station.core->packages);
		assert_int_equal(station_run(&station, job, 0, &unit), REFUSED(JOB_CLOSED));
		X509_free(certificate);
		X509_free(issuer);
		EVP_PKEY_free(key);
		OPENSSL_clear_free(der, (size_t)size);
		provpkg_blob_free(&entry.bytes);
		provpkg_blob_free(&file);
	}
}

/* A packer that skips its own check: the card says what is missing. */
static void test_returned_secret_without_escrow(void **state)
{
	struct provpkg_blob file;
	struct order order;

	(void)state;
	station_order(&station, &order);
	order.late_return = true;
	file = station_pack(&order, package_id);
	assert_int_equal(station_load(&station, station_job(&station), &file, NULL), REFUSED(ESCROW_MISSING));
	provpkg_blob_free(&file);
}

static void test_requests_by_kind(void **state)
{
	static const char *const wrong[] = { "Acme\0P-521", "Acme\0", "Acme\0Ed25519", "Acme\0P-256\0" };
	static const size_t sizes[] = { 10, 5, 12, 11 };
	struct provpkg_blob pem;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		pem = station_object(&station, PROVCARD_OBJECT_ISSUER_CSR, (struct provpkg_view){ (const uint8_t *)wrong[i], sizes[i] });
		assert_int_equal(pem.size > 0, i == 3);
		provpkg_blob_free(&pem);
	}
	pem = station_object(&station, PROVCARD_OBJECT_ISSUER_CSR, (struct provpkg_view){ (const uint8_t *)"Acme", 4 });
	assert_true(pem.size > 0);
	provpkg_blob_free(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_kind_under_every_issuer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resume, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost_units_are_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_room_is_judged_at_loading, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_key_in_the_package, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_returned_secret_without_escrow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_requests_by_kind, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
