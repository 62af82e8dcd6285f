// SPDX-License-Identifier: GPL-2.0-or-later
/* Signed requests and the people behind them: what the card does for whom, and every way it says no. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <openssl/sha.h>

#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define NOTHING ((struct provpkg_view){ 0 })

static struct station station;

static int set_up_blank(void **state)
{
	(void)state;
	station_new(&station, 1);
	return 0;
}

static int set_up(void **state)
{
	set_up_blank(state);
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

static bool has_object(uint32_t kind, struct provpkg_view selector)
{
	struct provpkg_blob object = station_object(&station, kind, selector);
	bool has = object.size != 0;

	provpkg_blob_free(&object);
	return has;
}

static uint16_t send_by(struct provpkg_request *request, const struct person *person)
{
	return station_request(&station, request, person, NULL);
}

static struct provpkg_request zeroise(void)
{
	return (struct provpkg_request){ .operation = PROVPKG_OPERATION_ZEROISE };
}

static void test_states(void **state)
{
	uint8_t blank_id[32];
	struct provcard_service_status status = station_status(&station);

	(void)state;
	assert_int_equal(status.state, PROVCARD_CARD_BLANK);
	assert_string_equal(status.serial, "TEST-1");
	assert_int_equal(status.boot_count, 1);
	memcpy(blank_id, status.card_id, sizeof(blank_id));
	assert_int_equal(station_initialise(&station), 0);
	status = station_status(&station);
	assert_int_equal(status.state, PROVCARD_CARD_INITIALISED);
	assert_memory_not_equal(status.card_id, blank_id, sizeof(blank_id));
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_OPERATOR, "otto", station.operator.certificate), 0);
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_INITIALISED);
	assert_int_equal(station_enrol_oem(&station, "Acme", station.oem.anchors), 0);
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_OPERATIONAL);
	station_off(&station);
	station_on(&station);
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_OPERATIONAL);
	assert_int_equal(station_status(&station).boot_count, 2);
	assert_memory_equal(station_status(&station).card_id, status.card_id, sizeof(status.card_id));
}

static void test_blank_refuses(void **state)
{
	struct provpkg_request request = zeroise();
	uint64_t arg[3] = { 0, 100, 0 };
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(send_by(&request, &station.officer), REFUSED(APPROVER_UNKNOWN));
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_WRITE, station_job(&station), arg,
					 (struct provpkg_view){ &byte, 1 }, NULL, 0, NULL),
			 REFUSED(NOT_INITIALISED));
	assert_false(has_object(PROVCARD_OBJECT_CHECKPOINT, NOTHING));
}

static void test_form(void **state)
{
	struct provpkg_request request = zeroise();
	const struct person *officer = &station.officer;
	struct provpkg_blob cms, longer;

	(void)state;
	station_address(&station, &request);
	cms = station_sign(&request, &officer, 1);
	longer = (struct provpkg_blob){ OPENSSL_zalloc(cms.size + 1), cms.size + 1 };
	memcpy(longer.data, cms.data, cms.size);
	assert_int_equal(station_send(&station, &longer, NULL), REFUSED(TRAILING_DATA));
	longer.size = cms.size / 2;
	assert_int_equal(station_send(&station, &longer, NULL), REFUSED(REQUEST_DER));
	longer.size = cms.size;
	longer.data[cms.size - 2] ^= 1;
	assert_int_equal(station_send(&station, &longer, NULL), REFUSED(REQUEST_SIGNATURE));
	longer.size = 0;
	assert_int_equal(station_send(&station, &longer, NULL), REFUSED(INVALID_FIELD));
	/* None of them spent the nonce: the honest one is still good. */
	assert_int_equal(station_send(&station, &cms, NULL), 0);
	provpkg_blob_free(&cms);
	provpkg_blob_free(&longer);
}

static void test_unknown_operation(void **state)
{
	static const uint8_t five[] = { 0x02, 0x01, PROVPKG_OPERATION_ZEROISE };
	struct provpkg_request request = zeroise();
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct provpkg_signer signer = { station.officer.key, station.officer.certificate, NULL };
	uint8_t *operation;

	(void)state;
	station_address(&station, &request);
	assert_int_equal(provpkg_request_encode(&request, &der), 0);
	operation = memmem(der.data, der.size, five, sizeof(five));
	assert_non_null(operation);
	operation[2] = 77;
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(&der), &signer, 1, &cms), 0);
	assert_int_equal(station_send(&station, &cms, NULL), REFUSED(OPERATION_UNKNOWN));
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
}

static uint16_t sign_and_send(const struct provpkg_request *request, const struct person *person)
{
	struct provpkg_blob cms = station_sign(request, &person, 1);
	uint16_t status = station_send(&station, &cms, NULL);

	provpkg_blob_free(&cms);
	return status;
}

static void test_card_and_nonce(void **state)
{
	struct provpkg_request request = zeroise(), later = zeroise();

	(void)state;
	station_address(&station, &request);
	request.card_id[0] ^= 1;
	assert_int_equal(sign_and_send(&request, &station.officer), REFUSED(REQUEST_WRONG_CARD));
	request.card_id[0] ^= 1;
	/* A newer nonce replaces the one before. */
	station_address(&station, &later);
	assert_int_equal(sign_and_send(&request, &station.officer), REFUSED(REQUEST_REPLAYED));
	/* And a wrong one spends the right one. */
	assert_int_equal(sign_and_send(&later, &station.officer), REFUSED(REQUEST_REPLAYED));
	/* A card without a nonce outstanding accepts none, whatever its memory holds. */
	memset(later.nonce, 0, sizeof(later.nonce));
	assert_int_equal(sign_and_send(&later, &station.officer), REFUSED(REQUEST_REPLAYED));
	/* A nonce does not outlive the card's power. */
	station_address(&station, &request);
	station_off(&station);
	station_on(&station);
	assert_int_equal(sign_and_send(&request, &station.officer), REFUSED(REQUEST_REPLAYED));
}

static void test_replay(void **state)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ENROL,
					   .enrol.role = PROVPKG_ROLE_AUDITOR,
					   .enrol.name = "anna" };
	const struct person *officer = &station.officer;
	struct provpkg_blob cms;

	(void)state;
	request.enrol.certificates = sk_X509_new_null();
	sk_X509_push(request.enrol.certificates, station.auditor.certificate);
	station_address(&station, &request);
	cms = station_sign(&request, &officer, 1);
	assert_int_equal(station_send(&station, &cms, NULL), 0);
	assert_int_equal(station_send(&station, &cms, NULL), REFUSED(REQUEST_REPLAYED));
	provpkg_blob_free(&cms);
	sk_X509_free(request.enrol.certificates);
}

static void test_approvers(void **state)
{
	struct provpkg_request request = zeroise();
	const struct person *both[] = { &station.officer, &station.stranger };
	const struct person *two[] = { &station.operator, & station.officer };
	struct provpkg_blob cms;

	(void)state;
	assert_int_equal(send_by(&request, &station.stranger), REFUSED(APPROVER_UNKNOWN));
	assert_int_equal(send_by(&request, &station.operator), REFUSED(APPROVER_ROLE));
	station_address(&station, &request);
	cms = station_sign(&request, both, 2);
	assert_int_equal(station_send(&station, &cms, NULL), REFUSED(APPROVER_UNKNOWN));
	provpkg_blob_free(&cms);
	request = (struct provpkg_request){ .operation = PROVPKG_OPERATION_ALLOCATE, .allocate.count = 1 };
	assert_int_equal(send_by(&request, &station.officer), REFUSED(APPROVER_ROLE));
	assert_int_equal(send_by(&request, &station.operator), REFUSED(JOB_NOT_LOADED));
	request = (struct provpkg_request){ .operation = PROVPKG_OPERATION_CLOSE };
	assert_int_equal(send_by(&request, &station.officer), REFUSED(APPROVER_ROLE));
	/* A second enrolled signer does no harm. */
	request = zeroise();
	station_address(&station, &request);
	cms = station_sign(&request, two, 2);
	assert_int_equal(station_send(&station, &cms, NULL), 0);
	provpkg_blob_free(&cms);
}

static void test_initialise_refusals(void **state)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_INITIALISE, .initialise.officer_name = "olga" };
	struct made_card other;

	(void)state;
	made_card_new(&other, &station.maker, "TEST-1");
	request.initialise.officer = station.officer.certificate;
	request.initialise.identity_classical = other.certificates.identity_classical;
	request.initialise.identity_pq = other.certificates.identity_pq;
	request.initialise.chain = station.maker.anchors;
	/* Not signed by the officer whom it names. */
	assert_int_equal(send_by(&request, &station.stranger), REFUSED(APPROVER_UNKNOWN));
	/* Certificates of another card's keys. */
	assert_int_equal(send_by(&request, &station.officer), REFUSED(CARD_CERTIFICATE));
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_BLANK);
	assert_int_equal(station_initialise(&station), 0);
	assert_int_equal(station_initialise(&station), REFUSED(ALREADY_INITIALISED));
	made_card_free(&other);
}

static void test_enrol_refusals(void **state)
{
	X509 *sealing = pki_certificate(
		station.auditor.key, &(struct pki_profile){ .subject = "anna", .usage = "critical,keyEncipherment" }, NULL, NULL);
	X509 *again = pki_certificate(station.officer.key, &(struct pki_profile){ .subject = "another name" }, NULL, NULL);

	(void)state;
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "otto", station.auditor.certificate),
			 REFUSED(ALREADY_ENROLLED));
	assert_int_equal(station_enrol_oem(&station, "Acme", station.rival.anchors), REFUSED(ALREADY_ENROLLED));
	/* Officer and auditor are never one person: not by certificate, not by key. */
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", station.officer.certificate),
			 REFUSED(ALREADY_ENROLLED));
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", again), REFUSED(ALREADY_ENROLLED));
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", sealing), REFUSED(CERTIFICATE_UNUSABLE));
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", station.auditor.certificate), 0);
	X509_free(sealing);
	X509_free(again);
}

static void test_too_many(void **state)
{
	uint16_t status = 0;
	unsigned int people = 3; /* officer, operator, OEM */
	char name[16];

	(void)state;
	for (; !status && people < 100; people++) {
		EVP_PKEY *key = pki_key("P-256");
		X509 *certificate;

		snprintf(name, sizeof(name), "operator %u", people);
		certificate = pki_certificate(key, &(struct pki_profile){ .subject = name }, NULL, NULL);
		status = station_enrol(&station, PROVPKG_ROLE_OPERATOR, name, certificate);
		X509_free(certificate);
		EVP_PKEY_free(key);
	}
	assert_int_equal(status, REFUSED(TOO_MANY_PEOPLE));
	assert_int_equal(people, 65);
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_OPERATIONAL);
}

static void test_log(void **state)
{
	struct provpkg_request request = zeroise();
	struct station_entry entry;
	uint8_t previous[32] = { 0 }, digest[32];
	uint64_t index;
	static const enum provpkg_event events[] = { PROVPKG_EVENT_BOOT, PROVPKG_EVENT_INITIALISED, PROVPKG_EVENT_ENROLLED,
						     PROVPKG_EVENT_ENROLLED, PROVPKG_EVENT_REQUEST_REFUSED };

	(void)state;
	assert_int_equal(send_by(&request, &station.operator), REFUSED(APPROVER_ROLE));
	for (index = 0; station_log(&station, index, &entry); index++) {
		assert_int_equal(entry.record.event, events[index]);
		assert_memory_equal(entry.record.previous, previous, 32);
		SHA256(entry.der.data, entry.der.size, previous);
		if (entry.attachment.size) {
			struct provpkg_signed *object;

			/* The very bytes that were approved. */
			SHA256(entry.attachment.data, entry.attachment.size, digest);
			assert_memory_equal(entry.record.attachment_digest, digest, 32);
			assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_REQUEST, entry.attachment, &object), 0);
			provpkg_signed_free(object);
			assert_string_equal(entry.record.actor, "olga");
		}
		if (entry.record.event == PROVPKG_EVENT_REQUEST_REFUSED) {
			assert_int_equal(entry.record.code, REFUSED(APPROVER_ROLE));
			assert_string_equal(entry.record.actor, "otto");
		}
		provpkg_blob_free(&entry.bytes);
	}
	assert_int_equal(index, 5);
}

/* A host cannot fill the log with nonsense. */
static void test_refusals_are_bounded(void **state)
{
	uint8_t nonsense[] = "nonsense";
	struct provpkg_blob cms = { nonsense, sizeof(nonsense) };
	uint64_t before = station_status(&station).log_size;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(station_send(&station, &cms, NULL), REFUSED(REQUEST_DER));
	assert_in_range(station_status(&station).log_size, before + 1, before + 256);
}

static void test_objects(void **state)
{
	struct provpkg_blob people = station_object(&station, PROVCARD_OBJECT_PEOPLE, NOTHING);
	struct provpkg_blob note = station_object(&station, PROVCARD_OBJECT_CHECKPOINT, NOTHING);
	X509 *own[] = { station.card->certificates.identity_classical, station.card->certificates.identity_pq };
	struct provpkg_checkpoint checkpoint;
	uint8_t none[PROVPKG_ID_SIZE] = { 0 };

	(void)state;
	assert_non_null(memmem(people.data, people.size, "officer\tolga\t", 13));
	assert_non_null(memmem(people.data, people.size, "oem\tAcme\t", 9));
	assert_int_equal(provpkg_checkpoint_open(provpkg_blob_view(&note), own, 2, &checkpoint), 0);
	assert_string_equal(checkpoint.origin, "provcard/TEST-1");
	assert_int_equal(checkpoint.size, station_status(&station).log_size);
	assert_false(has_object(PROVCARD_OBJECT_ISSUER_CSR, (struct provpkg_view){ none, 4 }));
	assert_false(has_object(PROVCARD_OBJECT_END_CERTIFICATE, (struct provpkg_view){ none, 16 }));
	assert_false(has_object(99, NOTHING));
	provpkg_blob_free(&people);
	provpkg_blob_free(&note);
}

static int refuse_write(void *context, size_t offset, const void *data, size_t size)
{
	(void)context;
	(void)offset;
	(void)data;
	(void)size;
	return -EFAULT;
}

static void test_buffers(void **state)
{
	struct core_command command = { .opcode = PROVCARD_OP_STATUS, .out = { NULL, 4096, NULL, refuse_write } };
	struct core_result result;
	uint64_t beyond[3] = { 1000, 2000, 0 };
	uint8_t small[8];

	(void)state;
	core_execute(station.core, &command, &result);
	assert_int_equal(result.status, REFUSED(DATA_TRANSFER));
	assert_int_equal(station_command(&station, PROVCARD_OP_STATUS, 0, NULL, NOTHING, small, sizeof(small), NULL),
			 REFUSED(BUFFER_TOO_SMALL));
	assert_int_equal(station_command(&station, PROVCARD_OP_LOG_READ, 0, NULL, NOTHING, small, sizeof(small), NULL),
			 REFUSED(BUFFER_TOO_SMALL));
	assert_int_equal(station_command(&station, PROVCARD_OP_LOG_PROOF, 0, beyond, NOTHING, small, sizeof(small), NULL),
			 REFUSED(NO_SUCH_OBJECT));
	assert_int_equal(station_command(&station, 0x7f, 0, NULL, NOTHING, NULL, 0, NULL), REFUSED(INVALID_OPCODE));
	assert_int_equal(station_command(&station, PROVCARD_OP_JOB_BIND, 1, NULL, (struct provpkg_view){ small, 8 }, NULL, 0, NULL),
			 REFUSED(INVALID_FIELD));
}

static void test_zeroise(void **state)
{
	struct provpkg_request request = zeroise();
	struct provpkg_blob file, people;
	struct order order;
	uint8_t package_id[PROVPKG_ID_SIZE], secret[32];
	struct provcard_service_status before = station_status(&station), after;
	uint32_t job = station_job(&station);

	(void)state;
	station_order(&station, &order);
	file = station_pack(&order, package_id);
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	memcpy(secret, station.board.root, sizeof(secret));
	assert_int_equal(send_by(&request, &station.officer), 0);
	after = station_status(&station);
	assert_int_equal(after.state, PROVCARD_CARD_BLANK);
	assert_int_equal(after.jobs, 0);
	assert_memory_not_equal(after.card_id, before.card_id, sizeof(after.card_id));
	assert_memory_not_equal(station.board.root, secret, sizeof(secret));
	assert_int_equal(station_report(&station, job).state, PROVCARD_JOB_EMPTY);
	people = station_object(&station, PROVCARD_OBJECT_PEOPLE, NOTHING);
	assert_int_equal(people.size, 0);
	/* A new life, in which the old package is for another card. */
	station_prepare(&station);
	assert_int_equal(station_load(&station, job, &file, NULL), REFUSED(NOT_A_RECIPIENT));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_OPERATIONAL);
	provpkg_blob_free(&file);
	provpkg_blob_free(&people);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_BLANK(name) cmocka_unit_test_setup_teardown(name, set_up_blank, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BLANK(test_states),
		TEST_BLANK(test_blank_refuses),
		TEST_BLANK(test_initialise_refusals),
		TEST(test_form),
		TEST(test_unknown_operation),
		TEST(test_card_and_nonce),
		TEST(test_replay),
		TEST(test_approvers),
		TEST(test_enrol_refusals),
		TEST(test_too_many),
		TEST(test_log),
		TEST(test_refusals_are_bounded),
		TEST(test_objects),
		TEST(test_buffers),
		TEST(test_zeroise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
