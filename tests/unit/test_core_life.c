// SPDX-License-Identifier: GPL-2.0-or-later
/* The card's life: every way between its states, the ways that are none, what each state serves, and what is destroyed. */
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
#define ID ((struct provpkg_view){ package_id, sizeof(package_id) })

static struct station station;
static uint8_t package_id[PROVPKG_ID_SIZE];
static struct provpkg_blob file;
static int (*plain_flush)(void *context, enum port_region region);
static thrd_t *tamper_thread;
static uint32_t job;

static int set_up(void **state)
{
	struct order order;

	(void)state;
	station_new(&station, 1);
	station_prepare(&station);
	station_order(&station, &order);
	file = station_pack(&order, package_id);
	job = station_job(&station);
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	assert_int_equal(station_allocate(&station, package_id, 5), 0);
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
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

static uint32_t life(void)
{
	return station_status(&station).state;
}

static uint16_t go_by(uint32_t to, const struct person *person)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_SET_STATE, .set_state.state = to };

	return station_request(&station, &request, person, NULL);
}

static uint16_t go(uint32_t to)
{
	return go_by(to, &station.officer);
}

static uint16_t zeroise(void)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ZEROISE };

	return station_request(&station, &request, &station.officer, NULL);
}

static bool logged(enum provpkg_event event)
{
	struct station_entry entry;
	bool found = false;

	for (uint64_t i = 0; !found && station_log(&station, i, &entry); i++) {
		found = entry.record.event == event;
		provpkg_blob_free(&entry.bytes);
	}
	return found;
}

/* A unit, on a fresh part. */
static uint16_t make(uint32_t number)
{
	fake_insert(0, number);
	return station_run(&station, job, 0, NULL);
}

static void test_every_edge(void **state)
{
	/* From, to: 1 is a way that officers have. */
	static const bool edge[6][6] = {
		[PROVCARD_CARD_OPERATIONAL] = { [PROVCARD_CARD_MAINTENANCE] = true, [PROVCARD_CARD_DECOMMISSIONED] = true },
		[PROVCARD_CARD_MAINTENANCE] = { [PROVCARD_CARD_OPERATIONAL] = true, [PROVCARD_CARD_DECOMMISSIONED] = true },
	};
	static const uint32_t from[] = { PROVCARD_CARD_OPERATIONAL, PROVCARD_CARD_MAINTENANCE, PROVCARD_CARD_DECOMMISSIONED };

	(void)state;
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		if (life() != from[i])
			assert_int_equal(go(from[i]), 0);
		for (uint32_t to = 0; to < 6; to++) {
			assert_int_equal(life(), from[i]);
			if (!edge[from[i]][to])
				assert_int_equal(go(to), REFUSED(STATE_EDGE));
		}
		/* Nobody else may, on a way that there is. */
		if (from[i] != PROVCARD_CARD_DECOMMISSIONED) {
			assert_int_equal(go_by(PROVCARD_CARD_DECOMMISSIONED, &station.operator), REFUSED(APPROVER_ROLE));
			assert_int_equal(go_by(PROVCARD_CARD_DECOMMISSIONED, &station.stranger), REFUSED(APPROVER_UNKNOWN));
		}
	}
	assert_int_equal(zeroise(), 0);
	assert_int_equal(life(), PROVCARD_CARD_BLANK);
	for (uint32_t to = 0; to < 6; to++)
		assert_int_equal(go(to), REFUSED(APPROVER_UNKNOWN));
}

static void test_from_maintenance_to_where_it_was(void **state)
{
	(void)state;
	assert_int_equal(zeroise(), 0);
	assert_int_equal(station_initialise(&station), 0);
	assert_int_equal(life(), PROVCARD_CARD_INITIALISED);
	assert_int_equal(go(PROVCARD_CARD_OPERATIONAL), REFUSED(STATE_EDGE));
	assert_int_equal(go(PROVCARD_CARD_MAINTENANCE), 0);
	assert_int_equal(go(PROVCARD_CARD_OPERATIONAL), REFUSED(STATE_EDGE));
	assert_int_equal(go(PROVCARD_CARD_INITIALISED), 0);
	assert_int_equal(life(), PROVCARD_CARD_INITIALISED);
}

static void test_maintenance(void **state)
{
	uint64_t arg[3] = { 0, 100, 0 };
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(go(PROVCARD_CARD_MAINTENANCE), 0);
	assert_true(logged(PROVPKG_EVENT_STATE_CHANGED));
	assert_int_equal(make(2), REFUSED(IN_MAINTENANCE));
	assert_int_equal(station_command(&station, PROVCARD_OP_PACKAGE_WRITE, job, arg, (struct provpkg_view){ &byte, 1 }, NULL, 0,
					 NULL),
			 REFUSED(IN_MAINTENANCE));
	assert_int_equal(station_allocate(&station, package_id, 1), REFUSED(IN_MAINTENANCE));
	assert_int_equal(station_command(&station, PROVCARD_OP_GRANT, 0, NULL, (struct provpkg_view){ &byte, 1 }, NULL, 0, NULL),
			 REFUSED(IN_MAINTENANCE));
	/* People come and go, jobs are seen and closed. */
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", station.auditor.certificate), 0);
	assert_int_equal(station_report(&station, job).good, 1);
	/* It is a state of the card, not of its power. */
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(life(), PROVCARD_CARD_MAINTENANCE);
	assert_int_equal(go(PROVCARD_CARD_OPERATIONAL), 0);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
	assert_int_equal(make(2), 0);
}

static void begin_maintenance(void *context)
{
	uint16_t *status = context;

	*status = go(PROVCARD_CARD_MAINTENANCE);
}

/* The unit that is in the head ends; the ledger begins none after it, whatever passed the gate before. */
static void test_maintenance_lets_a_unit_end(void **state)
{
	struct commit commit = { .change = { .type = LEDGER_RESERVE, .unit = { .uid = "another", .uid_size = 8 } } };
	uint16_t status = 1;

	(void)state;
	fake_insert(0, 2);
	fake_part[0].on_program = begin_maintenance;
	fake_part[0].context = &status;
	assert_int_equal(station_run(&station, job, 0, NULL), 0);
	assert_int_equal(status, 0);
	assert_int_equal(station_report(&station, job).good, 2);
	assert_int_equal(commit_run(station.core, &commit), REFUSED(IN_MAINTENANCE));
}

#define KEYS 6

/* Private keys as the vault stores them, and secrets. */
struct secrets {
	struct provpkg_blob key[KEYS]; /* identity, identity, agreement, kem, kem, issuing */
	struct vault_secrets drawn;
};

static void get_secrets(struct secrets *secrets)
{
	struct vault *vault = core_vault(station.core);
	const EVP_PKEY *key[KEYS] = { vault->keys.identity_classical, vault->keys.identity_pq, vault->keys.agreement,
				      vault->keys.kem_768, vault->keys.kem_1024, NULL };

	for (size_t i = 0; i < vault->people; i++)
		if (vault->person[i].issuing_key[0])
			key[KEYS - 1] = vault->person[i].issuing_key[0];
	for (int i = 0; i < KEYS; i++) {
		uint8_t *der = NULL;
		int size = i2d_PrivateKey(key[i], &der);

		assert_true(size > 0);
		secrets->key[i] = (struct provpkg_blob){ der, (size_t)size };
	}
	secrets->drawn = *vault->secrets;
	vault_put(vault);
}

static void free_secrets(struct secrets *secrets)
{
	for (int i = 0; i < KEYS; i++)
		provpkg_blob_free(&secrets->key[i]);
}

static bool holds(const void *data, size_t size)
{
	return fake_port_holds(&station.board, data, size);
}

/* No key and no secret in the clear, at no place of any storage, whole or the half of it that matters. */
static void assert_nothing_clear(const struct secrets *secrets)
{
	for (int i = 0; i < KEYS; i++)
		for (size_t at = 0; at + 32 <= secrets->key[i].size; at += 16)
			/* What is public of a key may be there. */
			if (at < 80 && at >= 16)
				assert_false(holds(secrets->key[i].data + at, 24));
	assert_false(holds(secrets->drawn.ledger_key, 16));
	assert_false(holds(secrets->drawn.log_key, 16));
	assert_false(holds(secrets->drawn.device_secret, 16));
}

static void test_secrets_at_rest(void **state)
{
	struct fake_port before;
	struct secrets secrets;

	(void)state;
	get_secrets(&secrets);
	assert_nothing_clear(&secrets);
	fake_port_copy(&before, &station.board);
	assert_int_equal(zeroise(), 0);
	assert_memory_not_equal(station.board.root, before.root, 32);
	/* The whole old image, fuse and all, under the new root secret: it opens nothing, and the card begins a new life. */
	station_off(&station);
	fake_port_restore(&station.board, &before);
	station.board.fuse = before.fuse;
	station_on(&station);
	assert_int_equal(life(), PROVCARD_CARD_BLANK);
	assert_nothing_clear(&secrets);
	/* It was the secret that made the difference. */
	station_off(&station);
	fake_port_restore(&station.board, &before);
	station.board.fuse = before.fuse;
	memcpy(station.board.root, before.root, 32);
	station_on(&station);
	assert_int_equal(life(), PROVCARD_CARD_OPERATIONAL);
	free_secrets(&secrets);
	fake_port_free(&before);
}

static void test_decommission(void **state)
{
	struct provpkg_blob end, note;
	struct fake_port image;
	struct vault *vault;

	(void)state;
	assert_int_equal(go(PROVCARD_CARD_DECOMMISSIONED), 0);
	assert_int_equal(life(), PROVCARD_CARD_DECOMMISSIONED);
	vault = core_vault(station.core);
	assert_null(vault->keys.agreement);
	assert_null(vault->keys.kem_768);
	assert_null(vault->keys.kem_1024);
	for (size_t i = 0; i < vault->people; i++)
		for (int k = 0; k < PROVPKG_ISSUING_KINDS; k++)
			assert_null(vault->person[i].issuing_key[k]);
	for (size_t i = 0; i < sizeof(vault->secrets->device_secret); i++)
		assert_int_equal(vault->secrets->device_secret[i], 0);
	vault_put(vault);
	assert_int_equal(make(2), REFUSED(DECOMMISSIONED));
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", station.auditor.certificate), REFUSED(DECOMMISSIONED));
	assert_int_equal(go(PROVCARD_CARD_OPERATIONAL), REFUSED(STATE_EDGE));
	/* What it has to say it still says, signed: also after its power went. */
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(life(), PROVCARD_CARD_DECOMMISSIONED);
	end = station_object(&station, PROVCARD_OBJECT_END_CERTIFICATE, ID);
	note = station_object(&station, PROVCARD_OBJECT_CHECKPOINT, NOTHING);
	assert_true(end.size && note.size);
	assert_true(logged(PROVPKG_EVENT_STATE_CHANGED) && logged(PROVPKG_EVENT_CLOSED));
	/* With the right root secret, too, the old keys are nowhere any more: the other slot is empty. */
	fake_port_copy(&image, &station.board);
	for (int slot = 0, full = 0; slot < 2; slot++) {
		static const uint8_t zero[64];
		uint64_t half = image.region[PORT_NV_VAULT].size / 2;

		full += !!memcmp(image.region[PORT_NV_VAULT].durable + slot * half, zero, sizeof(zero));
		assert_true(slot == 0 || full == 1);
	}
	fake_port_free(&image);
	provpkg_blob_free(&end);
	provpkg_blob_free(&note);
}

/* The last vault that cannot be stored: what such a write has lost nobody knows, so the card stops, and is what it was at its next start. */
static void stop_at_last_vault(bool fails[PORT_NV_REGIONS])
{
	fails[PORT_NV_VAULT] = true;
	assert_int_equal(go(PROVCARD_CARD_DECOMMISSIONED), REFUSED(STORAGE_FAILED));
	fails[PORT_NV_VAULT] = false;
	assert_int_equal(station_status(&station).fault, REFUSED(STORAGE_FAILED));
	assert_int_equal(make(2), REFUSED(CARD_STOPPED));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(life(), PROVCARD_CARD_OPERATIONAL);
	assert_int_equal(station_status(&station).fault, 0);
	assert_int_equal(go(PROVCARD_CARD_DECOMMISSIONED), 0);
}

static void test_decommission_without_writes(void **state)
{
	(void)state;
	stop_at_last_vault(station.board.write_fails);
}

static void test_decommission_without_flush(void **state)
{
	(void)state;
	stop_at_last_vault(station.board.flush_fails);
}

/* At whatever operation on storage the power ends: the card is in service with its keys, or decommissioned without any. */
static void test_decommission_cut_anywhere(void **state)
{
	struct fake_port before;
	uint64_t first, last = 0;

	(void)state;
	station_off(&station);
	fake_port_copy(&before, &station.board);
	for (uint64_t cut = 1; !last; cut++) {
		struct provpkg_request request = { .operation = PROVPKG_OPERATION_SET_STATE,
						   .set_state.state = PROVCARD_CARD_DECOMMISSIONED };
		const struct person *officer = &station.officer;
		struct provpkg_blob cms;
		uint16_t status;
		struct vault *vault;

		fake_port_free(&station.board);
		fake_port_copy(&station.board, &before);
		station_on(&station);
		station_address(&station, &request);
		cms = station_sign(&request, &officer, 1);
		first = station.board.operations;
		station.board.power_ends_at = first + cut;
		status = station_send(&station, &cms, NULL);
		provpkg_blob_free(&cms);
		if (station.board.operations < first + cut)
			last = cut;
		station_power_cut(&station, FAKE_CUT_RANDOM, cut);
		vault = core_vault(station.core);
		assert_non_null(vault);
		if (!status)
			assert_int_equal(life(), PROVCARD_CARD_DECOMMISSIONED);
		if (life() == PROVCARD_CARD_DECOMMISSIONED) {
			static const uint8_t zero[64];
			uint64_t half = station.board.region[PORT_NV_VAULT].size / 2;
			const uint8_t *other = station.board.region[PORT_NV_VAULT].durable + (vault->generation + 1) % 2 * half;

			assert_null(vault->keys.agreement);
			assert_memory_equal(other, zero, sizeof(zero));
		} else {
			assert_int_equal(life(), PROVCARD_CARD_OPERATIONAL);
			assert_non_null(vault->keys.agreement);
		}
		vault_put(vault);
		station_off(&station);
	}
	station_on(&station);
	fake_port_free(&before);
}

static uint16_t send_bare(enum provpkg_operation operation)
{
	struct provpkg_request request = { .operation = operation, .set_state.state = PROVCARD_CARD_MAINTENANCE };
	struct provpkg_blob der = { 0 };
	uint16_t status;

	station_address(&station, &request);
	assert_int_equal(provpkg_request_encode(&request, &der), 0);
	status = station_send(&station, &der, NULL);
	provpkg_blob_free(&der);
	return status;
}

static void test_tamper(void **state)
{
	static const uint8_t zero[32];
	uint8_t buffer[64];

	(void)state;
	station.board.tampered = station.board.tamper_active = true;
	core_tamper(station.core);
	assert_memory_equal(station.board.root, zero, 32);
	assert_int_equal(life(), PROVCARD_CARD_TAMPERED);
	assert_int_equal(station_status(&station).fault, REFUSED(TAMPERED));
	assert_null(station.core->vault);
	assert_non_null(strstr(station.board.said, "tampered"));
	/* The last record is there for whoever takes the card apart: an event and a code no request could cause. */
	assert_true(holds("\x02\x01\x14\x02\x01\x00", 6));
	for (int restart = 0; restart < 2; restart++) {
		assert_int_equal(make(2), REFUSED(TAMPERED));
		assert_int_equal(station_command(&station, PROVCARD_OP_LOG_READ, 0, NULL, NOTHING, buffer, sizeof(buffer), NULL),
				 REFUSED(TAMPERED));
		/* Nobody's word is believed, and nobody who is not there may end it; not while the case is open either. */
		assert_int_equal(zeroise(), REFUSED(TAMPERED));
		station.board.present = false;
		assert_int_equal(send_bare(PROVPKG_OPERATION_ZEROISE), REFUSED(PRESENCE_MISSING));
		station.board.present = true;
		assert_int_equal(send_bare(PROVPKG_OPERATION_SET_STATE), REFUSED(TAMPERED));
		assert_int_equal(send_bare(PROVPKG_OPERATION_ZEROISE), REFUSED(TAMPERED));
		station_power_cut(&station, FAKE_CUT_KEEP_ALL, 0);
		assert_int_equal(life(), PROVCARD_CARD_TAMPERED);
	}
	station.board.tamper_active = false;
	assert_int_equal(send_bare(PROVPKG_OPERATION_ZEROISE), 0);
	assert_int_equal(life(), PROVCARD_CARD_TAMPERED);
	station_off(&station);
	station_on(&station);
	assert_int_equal(life(), PROVCARD_CARD_BLANK);
}

/* The case was opened while the card had no power. */
static void test_tampered_without_power(void **state)
{
	struct secrets secrets;

	(void)state;
	get_secrets(&secrets);
	station_off(&station);
	station.board.tampered = true;
	station_on(&station);
	assert_int_equal(life(), PROVCARD_CARD_TAMPERED);
	assert_nothing_clear(&secrets);
	/* The latch cleared by whatever trick: there is nothing left to come back. */
	station_off(&station);
	station.board.tampered = false;
	station_on(&station);
	assert_int_equal(life(), PROVCARD_CARD_BLANK);
	free_secrets(&secrets);
}

static int tell_tampering(void *context)
{
	core_tamper(context);
	return 0;
}

/* In the middle of a unit: the unit goes on when the root secret is gone and the fault is set, not before. */
static void break_in(void *context)
{
	station.board.tampered = true;
	assert_int_equal(thrd_create(context, tell_tampering, station.core), thrd_success);
	while (!atomic_load(&station.core->fault))
		thrd_yield();
}

static void test_tamper_stops_a_unit(void **state)
{
	static const uint8_t zero[32];
	thrd_t thread;

	(void)state;
	fake_insert(0, 2);
	fake_part[0].on_program = break_in;
	fake_part[0].context = &thread;
	assert_int_not_equal(station_run(&station, job, 0, NULL), 0);
	assert_int_equal(thrd_join(thread, NULL), thrd_success);
	assert_memory_equal(station.board.root, zero, sizeof(zero));
	assert_null(station.core->vault);
	for (size_t i = 0; i < CORE_MAX_JOBS; i++)
		assert_null(station.core->handle[i].package);
	assert_int_equal(life(), PROVCARD_CARD_TAMPERED);
}

/* A request that has passed its judges when the board is broken into stores a vault under a new root secret: that dies as well. */
static int tamper_flush(void *context, enum port_region region)
{
	static thrd_t *told;

	if (region == PORT_NV_VAULT && tamper_thread && !told) {
		told = tamper_thread;
		assert_int_equal(thrd_create(told, tell_tampering, station.core), thrd_success);
		while (!atomic_load(&station.core->fault))
			thrd_yield();
	}
	return plain_flush(context, region);
}

static void test_tamper_in_the_middle_of_a_request(void **state)
{
	static struct port_ops ops;
	static const uint8_t zero[32];
	thrd_t thread;

	(void)state;
	station_off(&station);
	ops = *station.board.port.ops;
	plain_flush = ops.nv_flush;
	ops.nv_flush = tamper_flush;
	station.board.port.ops = &ops;
	station_on(&station);
	tamper_thread = &thread;
	assert_int_not_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", station.auditor.certificate), 0);
	tamper_thread = NULL;
	assert_int_equal(thrd_join(thread, NULL), thrd_success);
	assert_memory_equal(station.board.root, zero, sizeof(zero));
	assert_int_equal(life(), PROVCARD_CARD_TAMPERED);
}

/* A stranger with the card in hand wipes none that works; the jumper means nothing to it. */
static void test_presence_is_not_for_working_cards(void **state)
{
	(void)state;
	station.board.present = true;
	assert_int_equal(send_bare(PROVPKG_OPERATION_ZEROISE), REFUSED(REQUEST_DER));
	assert_int_equal(life(), PROVCARD_CARD_OPERATIONAL);
}

/* A card that stopped for another reason still knows its officers. */
static void test_stopped_card_knows_its_officers(void **state)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ZEROISE };

	(void)state;
	station.board.flush_fails[PORT_NV_LEDGER] = true;
	assert_int_equal(make(2), REFUSED(LEDGER_FAILED));
	assert_int_equal(life(), PROVCARD_CARD_FAILED);
	assert_int_equal(go(PROVCARD_CARD_MAINTENANCE), REFUSED(CARD_STOPPED));
	assert_int_equal(station_request(&station, &request, &station.operator, NULL), REFUSED(APPROVER_ROLE));
	assert_int_equal(station_request(&station, &request, &station.stranger, NULL), REFUSED(APPROVER_UNKNOWN));
	assert_int_equal(send_bare(PROVPKG_OPERATION_ZEROISE), REFUSED(PRESENCE_MISSING));
	assert_int_equal(zeroise(), 0);
	assert_int_equal(life(), PROVCARD_CARD_FAILED);
	station.board.flush_fails[PORT_NV_LEDGER] = false;
	station_power_cut(&station, FAKE_CUT_KEEP_ALL, 0);
	assert_int_equal(life(), PROVCARD_CARD_BLANK);
}

/* Random bytes for the host: fresh, whole, none of a card that does not trust its source, or has no secrets to keep any more. */
static void test_random_for_the_host(void **state)
{
	static const uint8_t none[64];
	uint8_t first[64], second[64], most[4096];

	(void)state;
	assert_int_equal(core_random(station.core, first, sizeof(first)), 0);
	assert_int_equal(core_random(station.core, second, sizeof(second)), 0);
	assert_memory_not_equal(first, second, sizeof(first));
	assert_memory_not_equal(first, none, sizeof(first));
	assert_int_equal(core_random(station.core, most, sizeof(most)), 0);
	station.board.entropy_sticks = true;
	assert_int_equal(core_random(station.core, first, sizeof(first)), REFUSED(ENTROPY));
	assert_memory_equal(first, none, sizeof(first));
	assert_int_equal(station_status(&station).fault, REFUSED(ENTROPY));
	station.board.entropy_sticks = false;
	memset(first, 1, sizeof(first));
	assert_int_equal(core_random(station.core, first, sizeof(first)), REFUSED(CARD_STOPPED));
	assert_memory_equal(first, none, sizeof(first));
}

static void test_entropy_that_sticks(void **state)
{
	uint8_t nonce[32];

	(void)state;
	station.board.entropy_sticks = true;
	assert_int_equal(station_command(&station, PROVCARD_OP_NONCE, 0, NULL, NOTHING, nonce, sizeof(nonce), NULL),
			 REFUSED(ENTROPY));
	assert_int_equal(station_status(&station).fault, REFUSED(ENTROPY));
	/* Once is enough, until it is switched on anew; then the start-up test judges. */
	station.board.entropy_sticks = false;
	assert_int_equal(make(2), REFUSED(CARD_STOPPED));
	station_off(&station);
	station.board.entropy_sticks = true;
	station_on(&station);
	assert_int_equal(station_status(&station).fault, REFUSED(ENTROPY));
	station_off(&station);
	station.board.entropy_sticks = false;
	station_on(&station);
	assert_int_equal(life(), PROVCARD_CARD_OPERATIONAL);
}

static void test_entropy_cutoffs(void **state)
{
	struct entropy_health health;
	uint8_t bytes[ENTROPY_WINDOW];

	(void)state;
	/* So many equal bytes are one too many, over two draws as in one. */
	assert_int_equal(entropy_init(&health), 0);
	memset(bytes, 7, sizeof(bytes));
	assert_true(entropy_passes(&health, bytes, ENTROPY_REPETITION_CUTOFF - 1));
	assert_false(entropy_passes(&health, bytes, 1));
	bytes[0] = 8;
	assert_false(entropy_passes(&health, bytes, 1));
	entropy_clear(&health);
	/* The first byte of a window comes again too often, never twice in a row. */
	assert_int_equal(entropy_init(&health), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i % 2 ? (uint8_t)i : 0;
	assert_true(entropy_passes(&health, bytes, 2 * ENTROPY_PROPORTION_CUTOFF - 2));
	assert_false(entropy_passes(&health, bytes, 1));
	entropy_clear(&health);
	/* Each window is judged by itself. */
	assert_int_equal(entropy_init(&health), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i % 10 ? (uint8_t)(i * 7) : 0;
	for (int i = 0; i < 1000; i++)
		assert_true(entropy_passes(&health, bytes, sizeof(bytes)));
	entropy_clear(&health);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_edge),
		TEST(test_from_maintenance_to_where_it_was),
		TEST(test_maintenance),
		TEST(test_maintenance_lets_a_unit_end),
		TEST(test_secrets_at_rest),
		TEST(test_decommission),
		TEST(test_decommission_cut_anywhere),
		TEST(test_decommission_without_writes),
		TEST(test_decommission_without_flush),
		TEST(test_tamper),
		TEST(test_tampered_without_power),
		TEST(test_tamper_stops_a_unit),
		TEST(test_tamper_in_the_middle_of_a_request),
		TEST(test_presence_is_not_for_working_cards),
		TEST(test_stopped_card_knows_its_officers),
		TEST(test_random_for_the_host),
		TEST(test_entropy_that_sticks),
		cmocka_unit_test(test_entropy_cutoffs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
