// SPDX-License-Identifier: GPL-2.0-or-later
/* Evidence: what the card says of itself, that it is this card which says it, and every reason not to pack to it. */
#include <errno.h>
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
#define ROOM (64u << 10)

static struct station station;
static uint8_t nonce[PROVPKG_NONCE_SIZE] = "the OEM's own nonce, 32 bytes of";
static struct provpkg_evidence evidence;

static int set_up(void **state)
{
	(void)state;
	station_new(&station, 1);
	memset(station.board.firmware.digest, 0xf1, sizeof(station.board.firmware.digest));
	station.board.firmware.security_version = 7;
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

static uint16_t ask(struct provpkg_blob *cms)
{
	struct core_result result;
	uint16_t status;

	cms->data = OPENSSL_malloc(ROOM);
	status = station_command(&station, PROVCARD_OP_EVIDENCE, 0, NULL, (struct provpkg_view){ nonce, sizeof(nonce) }, cms->data,
				 ROOM, &result);
	cms->size = result.length;
	assert_int_equal(result.result, result.length);
	return status;
}

/* Evidence of now in @evidence. */
static void look(void)
{
	struct provpkg_blob cms;

	assert_int_equal(ask(&cms), 0);
	assert_int_equal(provpkg_evidence_open(provpkg_blob_view(&cms), station.card, &evidence), 0);
	provpkg_blob_free(&cms);
}

static int judge(const struct provpkg_evidence_demands *demands)
{
	return provpkg_evidence_judge(&evidence, station.card, demands);
}

static void go(uint32_t to)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_SET_STATE, .set_state.state = to };

	assert_int_equal(station_request(&station, &request, &station.officer, NULL), 0);
}

static void test_what_it_says(void **state)
{
	struct provcard_service_status status = station_status(&station);
	uint8_t root[32];
	uint64_t size;

	(void)state;
	look();
	assert_memory_equal(evidence.nonce, nonce, sizeof(nonce));
	assert_memory_equal(evidence.card_id, status.card_id, sizeof(status.card_id));
	assert_string_equal(evidence.serial, "TEST-1");
	assert_string_equal(evidence.firmware, "test");
	assert_memory_equal(evidence.firmware_digest, station.board.firmware.digest, 32);
	assert_int_equal(evidence.security_version, 7);
	assert_int_equal(evidence.state, PROVCARD_CARD_OPERATIONAL);
	assert_int_equal(evidence.boots, 1);
	assert_in_range(evidence.time, PKI_NOW, PKI_NOW + 60);
	assert_false(evidence.time_authenticated);
	assert_int_equal(evidence.ledger_generation, station.board.fuse);
	assert_int_equal(log_head(&station.core->log, &size, root), 0);
	assert_int_equal(evidence.log_size, size);
	assert_memory_equal(evidence.log_root, root, 32);
	assert_true(evidence.keys >= 5);
	assert_string_equal(evidence.key[0].algorithm, "P-384");
	assert_string_equal(evidence.key[1].algorithm, "ML-DSA-87");
	assert_string_equal(evidence.key[evidence.keys - 1].owner, "Acme");
}

static void test_counts(void **state)
{
	uint8_t package_id[PROVPKG_ID_SIZE];
	struct order order;
	struct provpkg_blob file;
	uint32_t job = station_job(&station);

	(void)state;
	station_order(&station, &order);
	file = station_pack(&order, package_id);
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	assert_int_equal(station_allocate(&station, package_id, 3), 0);
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	fake_insert(0, 2);
	fake_part[0].fails_at = FAKE_VERIFY;
	fake_part[0].code = REFUSED(VERIFY_FAILED);
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(VERIFY_FAILED));
	look();
	assert_int_equal(evidence.jobs, 1);
	assert_int_equal(evidence.good, 1);
	assert_int_equal(evidence.scrap, 1);
	provpkg_blob_free(&file);
}

static void test_who_says_it(void **state)
{
	struct made_card other;
	struct provpkg_blob cms;
	struct provpkg_evidence untouched = { .boots = 77 };

	(void)state;
	made_card_new(&other, &station.maker, "TEST-1");
	assert_int_equal(ask(&cms), 0);
	assert_int_equal(provpkg_evidence_open(provpkg_blob_view(&cms), other.card, &untouched), REFUSED(STATEMENT_SIGNER));
	cms.data[cms.size - 2] ^= 1;
	assert_int_equal(provpkg_evidence_open(provpkg_blob_view(&cms), station.card, &untouched), REFUSED(STATEMENT_SIGNATURE));
	cms.data[cms.size - 2] ^= 1;
	assert_int_equal(provpkg_evidence_open((struct provpkg_view){ cms.data, cms.size - 1 }, station.card, &untouched),
			 REFUSED(STATEMENT_DER));
	cms.data[cms.size] = 0;
	assert_int_equal(provpkg_evidence_open((struct provpkg_view){ cms.data, cms.size + 1 }, station.card, &untouched),
			 REFUSED(TRAILING_DATA));
	assert_int_equal(untouched.boots, 77);
	provpkg_blob_free(&cms);
	made_card_free(&other);
}

/* Signed by the card in another role: an end certificate is no evidence; one signature is none. */
static void test_half_signed(void **state)
{
	struct vault *vault = core_vault(station.core);
	struct provpkg_signer both[2] = { { vault->keys.identity_classical, vault->certificates.identity_classical, NULL },
					  { vault->keys.identity_pq, vault->certificates.identity_pq, NULL } };
	struct provpkg_blob der, cms;

	(void)state;
	look();
	assert_int_equal(provpkg_evidence_encode(&evidence, &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_EVIDENCE, provpkg_blob_view(&der), both, 1, &cms), 0);
	assert_int_equal(provpkg_evidence_open(provpkg_blob_view(&cms), station.card, &evidence), REFUSED(STATEMENT_SIGNER));
	provpkg_blob_free(&cms);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_END_CERTIFICATE, provpkg_blob_view(&der), both, 2, &cms), 0);
	assert_int_equal(provpkg_evidence_open(provpkg_blob_view(&cms), station.card, &evidence), REFUSED(STATEMENT_DER));
	provpkg_blob_free(&cms);
	/* Another card's evidence signed by this one. */
	evidence.card_id[0] ^= 1;
	provpkg_blob_free(&der);
	assert_int_equal(provpkg_evidence_encode(&evidence, &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_EVIDENCE, provpkg_blob_view(&der), both, 2, &cms), 0);
	assert_int_equal(provpkg_evidence_open(provpkg_blob_view(&cms), station.card, &evidence), REFUSED(STATEMENT_SIGNER));
	provpkg_blob_free(&cms);
	provpkg_blob_free(&der);
	vault_put(vault);
}

static void test_demands(void **state)
{
	uint8_t other[32] = { 0 };
	struct provpkg_evidence_demands demands = { .nonce = nonce, .firmware_digest = station.board.firmware.digest,
						    .packing = true, .issuer = station.issuer };

	(void)state;
	look();
	assert_int_equal(judge(&(struct provpkg_evidence_demands){ 0 }), 0);
	assert_int_equal(judge(&demands), 0);
	demands.nonce = other;
	assert_int_equal(judge(&demands), REFUSED(EVIDENCE_STALE));
	demands.nonce = nonce;
	demands.firmware_digest = other;
	assert_int_equal(judge(&demands), REFUSED(EVIDENCE_FIRMWARE));
	demands.firmware_digest = NULL;
	demands.issuer = station.pki.root;
	assert_int_equal(judge(&demands), REFUSED(EVIDENCE_KEYS));
	demands.issuer = NULL;
	for (size_t i = 0; i < evidence.keys; i++) {
		evidence.key[i].digest[0] ^= 1;
		assert_int_equal(judge(&demands), evidence.key[i].role == PROVPKG_KEY_AGREEMENT ||
								  evidence.key[i].role == PROVPKG_KEY_KEM ?
							  REFUSED(EVIDENCE_KEYS) :
							  0);
		evidence.key[i].digest[0] ^= 1;
	}
}

static void test_age(void **state)
{
	struct provpkg_evidence_demands demands = { .now = PKI_NOW, .max_age = 100 };

	(void)state;
	look();
	/* A time that nobody has vouched for is no age. */
	assert_int_equal(judge(&demands), REFUSED(EVIDENCE_STALE));
	evidence.time_authenticated = true;
	assert_int_equal(judge(&demands), 0);
	demands.now = evidence.time + 101;
	assert_int_equal(judge(&demands), REFUSED(EVIDENCE_STALE));
	demands.now = evidence.time - 101;
	assert_int_equal(judge(&demands), REFUSED(EVIDENCE_STALE));
}

static void test_states(void **state)
{
	const struct provpkg_evidence_demands packing = { .packing = true };

	(void)state;
	go(PROVCARD_CARD_MAINTENANCE);
	look();
	assert_int_equal(evidence.state, PROVCARD_CARD_MAINTENANCE);
	assert_int_equal(judge(&packing), REFUSED(EVIDENCE_STATE));
	/* At the end of its life it shows that the keys are gone. */
	go(PROVCARD_CARD_DECOMMISSIONED);
	look();
	assert_int_equal(evidence.keys, 2);
	assert_int_equal(judge(&packing), REFUSED(EVIDENCE_STATE));
	evidence.state = PROVCARD_CARD_OPERATIONAL;
	assert_int_equal(judge(&packing), REFUSED(EVIDENCE_KEYS));
}

static void test_refusals(void **state)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ZEROISE };
	uint8_t small[100];
	struct provpkg_blob cms;

	(void)state;
	assert_int_equal(station_command(&station, PROVCARD_OP_EVIDENCE, 0, NULL, (struct provpkg_view){ nonce, 31 }, small,
					 sizeof(small), NULL),
			 REFUSED(INVALID_FIELD));
	assert_int_equal(station_command(&station, PROVCARD_OP_EVIDENCE, 0, NULL, (struct provpkg_view){ nonce, 32 }, small,
					 sizeof(small), NULL),
			 REFUSED(BUFFER_TOO_SMALL));
	assert_int_equal(station_request(&station, &request, &station.officer, NULL), 0);
	assert_int_equal(ask(&cms), REFUSED(NOT_INITIALISED));
	provpkg_blob_free(&cms);
	/* A card that cannot tell what it runs does not run. */
	station_off(&station);
	station.board.firmware_unknown = true;
	station_on(&station);
	assert_int_equal(station_status(&station).fault, REFUSED(FIRMWARE_INTEGRITY));
}

static void test_form(void **state)
{
	struct provpkg_evidence wrong, again;
	struct provpkg_blob der;

	(void)state;
	look();
	assert_int_equal(provpkg_evidence_encode(&evidence, &der), 0);
	assert_int_equal(provpkg_evidence_decode(provpkg_blob_view(&der), &again), 0);
	assert_memory_equal(&again.nonce, &evidence.nonce, sizeof(nonce));
	assert_int_equal(again.keys, evidence.keys);
	assert_memory_equal(again.key, evidence.key, evidence.keys * sizeof(evidence.key[0]));
	provpkg_blob_free(&der);
	wrong = evidence;
	wrong.state = PROVCARD_CARD_FAILED + 1;
	assert_int_equal(provpkg_evidence_encode(&wrong, &der), -EINVAL);
	wrong = evidence;
	wrong.key[0].role = 0;
	assert_int_equal(provpkg_evidence_encode(&wrong, &der), -EINVAL);
	wrong = evidence;
	wrong.key[0].owner[0] = 'x';
	assert_int_equal(provpkg_evidence_encode(&wrong, &der), -EINVAL);
	wrong = evidence;
	wrong.time = -1;
	assert_int_equal(provpkg_evidence_encode(&wrong, &der), -EINVAL);
	wrong = evidence;
	wrong.keys = PROVPKG_EVIDENCE_KEYS_MAX;
	assert_int_equal(provpkg_evidence_add_key(&wrong, PROVPKG_KEY_KEM, NULL, station.officer.key), -EINVAL);
	for (enum provpkg_key_role role = 1; role <= PROVPKG_KEY_ISSUING; role++)
		assert_non_null(provpkg_key_role_name(role));
	assert_null(provpkg_key_role_name(0));
	assert_null(provpkg_key_role_name(PROVPKG_KEY_ISSUING + 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_it_says), TEST(test_counts), TEST(test_who_says_it), TEST(test_half_signed), TEST(test_demands),
		TEST(test_age),		 TEST(test_states), TEST(test_refusals),    TEST(test_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
