// SPDX-License-Identifier: GPL-2.0-or-later
/* Deliveries: a whole one is accepted, and each way of making it dishonest has its refusal. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/delivery.h"
#include "tests/unit/sweep.h"

static void honest_delivery_is_accepted(void **state)
{
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	assert_int_equal(delivery_verify(&delivery), 0);
	delivery_free(&delivery);
}

/* ---- The end certificate ---- */

static void end_certificate_round_trip(void **state)
{
	struct provpkg_end_certificate decoded;
	struct delivery delivery;
	struct provpkg_blob der;

	(void)state;
	delivery_new(&delivery);
	assert_int_equal(provpkg_end_certificate_encode(&delivery.end, &der), 0);
	memset(&decoded, 0, sizeof(decoded));
	assert_int_equal(provpkg_end_certificate_decode(provpkg_blob_view(&der), &decoded), 0);
	assert_memory_equal(&decoded, &delivery.end, sizeof(decoded));
	provpkg_blob_free(&der);
	delivery_free(&delivery);
}

static int decode_end(struct provpkg_view der, struct provpkg_blob *again)
{
	struct provpkg_end_certificate end;
	int result = provpkg_end_certificate_decode(der, &end);

	if (!result)
		assert_int_equal(provpkg_end_certificate_encode(&end, again), 0);
	return result;
}

static void end_certificate_has_one_encoding(void **state)
{
	struct delivery delivery;
	struct provpkg_blob der;

	(void)state;
	delivery_new(&delivery);
	assert_int_equal(provpkg_end_certificate_encode(&delivery.end, &der), 0);
	sweep(provpkg_blob_view(&der), decode_end);
	provpkg_blob_free(&der);
	delivery.end.product[0] = '\a';
	assert_int_equal(provpkg_end_certificate_encode(&delivery.end, &der), -EINVAL);
	delivery.end.product[0] = 0;
	assert_int_equal(provpkg_end_certificate_encode(&delivery.end, &der), -EINVAL);
	delivery_free(&delivery);
}

static int open_end(const struct delivery *delivery)
{
	struct provpkg_verifier *verifier = NULL;
	int result = provpkg_verifier_new(provpkg_blob_view(&delivery->cms), world.made.card, world.issuer.chain, &verifier);

	assert_true(result ? !verifier : !!verifier);
	provpkg_verifier_free(verifier);
	return result;
}

static void end_needs_exactly_the_cards_signatures(void **state)
{
	struct delivery delivery;
	struct made_card other;
	struct provpkg_signer three[3];

	(void)state;
	delivery_new(&delivery);
	made_card_new(&other, &world.maker, "PC-0001");
	delivery_sign(&delivery, world.made.signers, 1);
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_STATEMENT_SIGNER);
	delivery_sign(&delivery, world.made.signers + 1, 1);
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_STATEMENT_SIGNER);
	delivery_sign(&delivery, other.signers, 2);
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_STATEMENT_SIGNER);
	three[0] = world.made.signers[0];
	three[1] = other.signers[1];
	delivery_sign(&delivery, three, 2);
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_STATEMENT_SIGNER);
	three[1] = world.made.signers[1];
	three[2] = other.signers[0];
	delivery_sign(&delivery, three, 3);
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_STATEMENT_SIGNER);
	delivery_sign(&delivery, world.made.signers, 2);
	assert_int_equal(open_end(&delivery), 0);
	made_card_free(&other);
	delivery_free(&delivery);
}

static void end_of_another_card_is_refused(void **state)
{
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	delivery.end.card_id[0] ^= 1;
	delivery_sign(&delivery, world.made.signers, 2);
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_STATEMENT_SIGNER);
	delivery_free(&delivery);
}

/* Signed, but another kind of statement; or not a statement; or changed behind the signature. */
static void end_must_be_a_statement(void **state)
{
	const struct provpkg_view nonsense = { (const uint8_t *)"nonsense", 8 };
	struct delivery delivery;
	struct provpkg_blob der;

	(void)state;
	delivery_new(&delivery);
	delivery.cms.data[delivery.cms.size - 1] ^= 1;
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_STATEMENT_SIGNATURE);
	provpkg_blob_free(&delivery.cms);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_END_CERTIFICATE, nonsense, world.made.signers, 2, &delivery.cms), 0);
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_STATEMENT_DER);
	provpkg_blob_free(&delivery.cms);
	assert_int_equal(provpkg_end_certificate_encode(&delivery.end, &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&der), world.made.signers, 2, &delivery.cms), 0);
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_STATEMENT_DER);
	provpkg_blob_free(&der);
	delivery_free(&delivery);
}

static int open_changed_end(struct delivery *delivery, uint64_t *field, uint64_t value)
{
	uint64_t kept = *field;
	int result;

	*field = value;
	delivery_sign(delivery, world.made.signers, 2);
	result = open_end(delivery);
	*field = kept;
	return result;
}

static void end_counts_must_add_up(void **state)
{
	struct delivery delivery;
	struct provpkg_end_certificate *end = &delivery.end;

	(void)state;
	delivery_new(&delivery);
	assert_int_equal(open_changed_end(&delivery, &end->granted, 11), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->granted, 9), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->granted_good, 9), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->granted_good, UINT64_MAX), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->granted_scrap, 1), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->good, 4), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->good, UINT64_MAX - 6), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->scrap, UINT64_MAX), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->unused, UINT64_MAX), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->first_index, LOG_SIZE), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->log_size, LOG_SIZE - 1), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->records, 0), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	assert_int_equal(open_changed_end(&delivery, &end->records, LOG_SIZE - LOADED), 0); /* possible, so far */
	assert_int_equal(open_changed_end(&delivery, &end->records, LOG_SIZE - LOADED + 1), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	delivery_free(&delivery);
}

/* The sum is right, but units of one kind stand on the other kind's ceiling. */
static void each_ceiling_holds_alone(void **state)
{
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	delivery.end.granted_good = DELIVERY_GOOD;
	delivery.end.granted_scrap = 10 - DELIVERY_GOOD;
	delivery_sign(&delivery, world.made.signers, 2);
	assert_int_equal(open_end(&delivery), 0);
	delivery.end.granted_good--;
	delivery.end.granted_scrap++;
	delivery_sign(&delivery, world.made.signers, 2);
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	delivery.end.granted_good = 10;
	delivery.end.granted_scrap = 0;
	delivery_sign(&delivery, world.made.signers, 2);
	assert_int_equal(open_end(&delivery), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	delivery_free(&delivery);
}

static void issuer_chain_must_hold(void **state)
{
	struct provpkg_verifier *verifier = NULL;
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct delivery delivery;
	struct provpkg_view cms;

	(void)state;
	delivery_new(&delivery);
	cms = provpkg_blob_view(&delivery.cms);
	assert_int_equal(provpkg_verifier_new(cms, world.made.card, chain, &verifier), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
	sk_X509_push(chain, world.issuer.certificate);
	sk_X509_push(chain, world.maker.classical);
	assert_int_equal(provpkg_verifier_new(cms, world.made.card, chain, &verifier), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
	sk_X509_set(chain, 0, world.made.certificates.agreement);
	assert_int_equal(provpkg_verifier_new(cms, world.made.card, chain, &verifier), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
	assert_null(verifier);
	sk_X509_free(chain);
	delivery_free(&delivery);
}

/* ---- Records ---- */

static void missing_records_are_missed(void **state)
{
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	assert_int_equal(delivery_verify_without(&delivery, LOADED), PROVCARD_REFUSAL_RECORD_MISSING);
	assert_int_equal(delivery_verify_without(&delivery, ALLOCATED), PROVCARD_REFUSAL_RECORD_MISSING);
	assert_int_equal(delivery_verify_without(&delivery, FIRST_GOOD), PROVCARD_REFUSAL_RECORD_MISSING);
	assert_int_equal(delivery_verify_without(&delivery, REFUSED), PROVCARD_REFUSAL_RECORD_MISSING); /* changes no counter */
	assert_int_equal(delivery_verify_without(&delivery, SCRAP), PROVCARD_REFUSAL_RECORD_MISSING);
	assert_int_equal(delivery_verify_without(&delivery, THIRD_GOOD), PROVCARD_REFUSAL_RECORD_MISSING);
	assert_int_equal(delivery_verify_without(&delivery, CLOSED), PROVCARD_REFUSAL_RECORD_MISSING);
	delivery_free(&delivery);
}

static void order_is_the_logs(void **state)
{
	struct delivery delivery;
	struct provpkg_verifier *verifier;

	(void)state;
	delivery_new(&delivery);
	verifier = delivery_begin(&delivery);
	assert_int_equal(delivery_feed(verifier, &delivery, 0), PROVCARD_REFUSAL_RECORD_MISPLACED);
	assert_int_equal(delivery_feed_range(verifier, &delivery, LOADED, REFUSED), 0);
	assert_int_equal(delivery_feed(verifier, &delivery, FIRST_GOOD), PROVCARD_REFUSAL_RECORD_MISPLACED); /* twice */
	assert_int_equal(delivery_feed(verifier, &delivery, ALLOCATED), PROVCARD_REFUSAL_RECORD_MISPLACED);  /* backwards */
	assert_int_equal(delivery_feed(verifier, &delivery, FOREIGN), PROVCARD_REFUSAL_RECORD_MISPLACED);    /* no job's */
	assert_int_equal(delivery_feed_range(verifier, &delivery, REFUSED, LOG_SIZE), 0); /* refusals left it where it stood */
	assert_int_equal(delivery_feed(verifier, &delivery, CLOSED), PROVCARD_REFUSAL_RECORD_MISPLACED);
	assert_int_equal(provpkg_verifier_finish(verifier), 0);
	provpkg_verifier_free(verifier);
	delivery_free(&delivery);
}

static void another_jobs_record_is_refused(void **state)
{
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	delivery.entry[REFUSED].record.package_id[0] ^= 1;
	assert_int_equal(delivery_verify_resealed(&delivery), PROVCARD_REFUSAL_RECORD_MISPLACED);
	delivery_free(&delivery);
}

static void closing_stands_at_the_end(void **state)
{
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	delivery.entry[REFUSED].record.event = PROVPKG_EVENT_CLOSED;
	delivery.entry[REFUSED].record.has_unit = false;
	assert_int_equal(delivery_verify_resealed(&delivery), PROVCARD_REFUSAL_RECORD_MISPLACED);
	delivery_free(&delivery);
	delivery_new(&delivery);
	delivery.entry[CLOSED].record.event = PROVPKG_EVENT_LOADED;
	assert_int_equal(delivery_verify_resealed(&delivery), PROVCARD_REFUSAL_RECORD_MISPLACED);
	delivery_free(&delivery);
}

static void nothing_comes_after_the_last(void **state)
{
	struct provpkg_verifier *verifier;
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	delivery.end.last_index = FOREIGN;
	delivery.end.records = FOREIGN - LOADED;
	delivery_sign(&delivery, world.made.signers, 2);
	verifier = delivery_begin(&delivery);
	assert_int_equal(delivery_feed_range(verifier, &delivery, LOADED, FOREIGN), 0);
	assert_int_equal(delivery_feed(verifier, &delivery, SCRAP), PROVCARD_REFUSAL_RECORD_MISPLACED);
	provpkg_verifier_free(verifier);
	delivery_free(&delivery);
}

/* What the finish says when one record was altered behind the card's back; the first refusal. */
static int verify_altered(uint64_t index)
{
	struct delivery delivery;
	struct entry *entry = &delivery.entry[index];
	int result;

	delivery_new(&delivery);
	entry->record.boot ^= 1;
	provpkg_blob_free(&entry->der);
	assert_int_equal(provpkg_record_encode(&entry->record, &entry->der), 0);
	result = delivery_verify(&delivery);
	delivery_free(&delivery);
	return result;
}

/* The next record tells; where a run follows, or nothing, the root does. */
static void altered_records_are_found(void **state)
{
	(void)state;
	assert_int_equal(verify_altered(LOADED), PROVCARD_REFUSAL_RECORD_CHAIN);
	assert_int_equal(verify_altered(SCRAP), PROVCARD_REFUSAL_RECORD_CHAIN);
	assert_int_equal(verify_altered(SECOND_GOOD), PROVCARD_REFUSAL_LOG_ROOT_MISMATCH);
	assert_int_equal(verify_altered(CLOSED), PROVCARD_REFUSAL_LOG_ROOT_MISMATCH);
}

static void cut_record_is_refused(void **state)
{
	struct provpkg_verifier *verifier;
	struct provpkg_view record;
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	verifier = delivery_begin(&delivery);
	record = provpkg_blob_view(&delivery.entry[LOADED].der);
	record.size--;
	assert_int_equal(provpkg_verifier_record(verifier, record, (struct provpkg_view){ 0 }), PROVCARD_REFUSAL_STATEMENT_DER);
	provpkg_verifier_free(verifier);
	delivery_free(&delivery);
}

static void closing_is_when_the_end_says(void **state)
{
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	delivery.end.closed_at++;
	assert_int_equal(delivery_verify_resealed(&delivery), PROVCARD_REFUSAL_COUNTS_MISMATCH);
	delivery_free(&delivery);
}

static void time_is_as_good_as_the_closing_says(void **state)
{
	struct provpkg_verifier *verifier;
	struct delivery delivery;

	(void)state;
	for (int authenticated = 0; authenticated < 2; authenticated++) {
		delivery_new(&delivery);
		for (int i = LOADED; i < LOG_SIZE; i++)
			delivery.entry[i].record.time_authenticated = i == CLOSED ? authenticated : !authenticated;
		delivery_seal(&delivery);
		delivery_sign(&delivery, world.made.signers, 2);
		verifier = delivery_verifier(&delivery);
		assert_int_equal(delivery_feed_range(verifier, &delivery, 0, LOG_SIZE), 0);
		assert_int_equal(provpkg_verifier_finish(verifier), 0);
		assert_int_equal(provpkg_verifier_time_authenticated(verifier), authenticated);
		provpkg_verifier_free(verifier);
		delivery_free(&delivery);
	}
}

/* ---- Runs ---- */

/* The whole, with a bit of the first run's hash @number changed. */
static int verify_altered_run(uint64_t first, uint64_t count, size_t number)
{
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	struct provpkg_verifier *verifier;
	struct delivery delivery;
	size_t roots;
	int result;

	delivery_new(&delivery);
	verifier = delivery_verifier(&delivery);
	assert_int_equal(delivery_feed_range(verifier, &delivery, 0, first), 0);
	assert_int_equal(provpkg_run(provpkg_nodes_give, &delivery.nodes, first, count, hash, &roots), 0);
	assert_true(number < roots);
	hash[number][31] ^= 1;
	assert_int_equal(provpkg_verifier_run(verifier, count, hash, roots), 0);
	assert_int_equal(delivery_feed_range(verifier, &delivery, first + count, LOG_SIZE), 0);
	result = provpkg_verifier_finish(verifier);
	provpkg_verifier_free(verifier);
	delivery_free(&delivery);
	return result;
}

static void altered_runs_are_found(void **state)
{
	(void)state;
	assert_int_equal(verify_altered_run(0, LOADED, 0), PROVCARD_REFUSAL_LOG_ROOT_MISMATCH);
	assert_int_equal(verify_altered_run(FOREIGN, 1, 0), PROVCARD_REFUSAL_LOG_ROOT_MISMATCH);
}

static void runs_have_one_form(void **state)
{
	static const uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	const int malformed = PROVCARD_REFUSAL_RUN_MALFORMED;
	struct provpkg_verifier *verifier;
	struct delivery delivery;

	(void)state;
	delivery_new(&delivery);
	verifier = delivery_verifier(&delivery);
	assert_int_equal(provpkg_verifier_run(verifier, 0, hash, 0), malformed);
	assert_int_equal(provpkg_verifier_run(verifier, 2, hash, 2), malformed); /* one node */
	assert_int_equal(provpkg_verifier_run(verifier, 3, hash, 1), malformed);
	assert_int_equal(provpkg_verifier_run(verifier, 3, hash, 3), malformed);
	assert_int_equal(provpkg_verifier_run(verifier, LOG_SIZE + 1, hash, 3), malformed);
	assert_int_equal(provpkg_verifier_run(verifier, UINT64_MAX, hash, 64), malformed);
	assert_int_equal(delivery_feed_run(verifier, &delivery, 0, 1), 0);
	assert_int_equal(delivery_feed_run(verifier, &delivery, 1, 1), malformed); /* two where one would do */
	provpkg_verifier_free(verifier);
	delivery_free(&delivery);
}

/* Records of the job, given as if they were others'. */
static int verify_hidden(uint64_t first, uint64_t count)
{
	struct provpkg_verifier *verifier;
	struct delivery delivery;
	int result;

	delivery_new(&delivery);
	verifier = delivery_verifier(&delivery);
	result = delivery_feed_range(verifier, &delivery, 0, first);
	if (!result)
		result = delivery_feed_run(verifier, &delivery, first, count);
	if (!result)
		result = delivery_feed_range(verifier, &delivery, first + count, LOG_SIZE);
	if (!result)
		result = provpkg_verifier_finish(verifier);
	provpkg_verifier_free(verifier);
	delivery_free(&delivery);
	return result;
}

static void records_cannot_hide_in_runs(void **state)
{
	(void)state;
	assert_int_equal(verify_hidden(0, ALLOCATED), PROVCARD_REFUSAL_RECORD_MISSING);
	assert_int_equal(verify_hidden(FIRST_GOOD, 1), PROVCARD_REFUSAL_RECORD_MISSING);
	assert_int_equal(verify_hidden(REFUSED, 1), PROVCARD_REFUSAL_RECORD_MISSING);
	assert_int_equal(verify_hidden(CLOSED, 1), PROVCARD_REFUSAL_RECORD_MISSING);
	assert_int_equal(verify_hidden(0, LOG_SIZE), PROVCARD_REFUSAL_RECORD_MISSING);
}

/* A log that went on before the card spoke: what is behind the closing is a run. */
static void closing_need_not_be_the_logs_end(void **state)
{
	static const uint8_t others[1][PROVPKG_HASH_SIZE] = { { 5 } };
	struct provpkg_tree tree = { 0 };
	struct provpkg_verifier *verifier;
	struct delivery delivery;
	uint8_t leaf[PROVPKG_HASH_SIZE];

	(void)state;
	delivery_new(&delivery);
	for (int i = 0; i < LOG_SIZE; i++)
		assert_int_equal(provpkg_merkle_leaf(provpkg_blob_view(&delivery.entry[i].der), leaf) ||
					 provpkg_tree_add(&tree, leaf), 0);
	assert_int_equal(provpkg_tree_add(&tree, others[0]), 0);
	assert_int_equal(provpkg_tree_root(&tree, delivery.end.log_root), 0);
	delivery.end.log_size = LOG_SIZE + 1;
	delivery_sign(&delivery, world.made.signers, 2);
	assert_int_equal(delivery_verify(&delivery), PROVCARD_REFUSAL_RECORD_MISSING);
	verifier = delivery_verifier(&delivery);
	assert_int_equal(delivery_feed_range(verifier, &delivery, 0, LOG_SIZE), 0);
	assert_int_equal(provpkg_verifier_run(verifier, 1, others, 1), 0);
	assert_int_equal(provpkg_verifier_finish(verifier), 0);
	provpkg_verifier_free(verifier);
	delivery_free(&delivery);
}

/* ---- One alone ---- */

/* What is said of entry @index alone, with another's certificate when @certificate is another entry. */
static int verify_birth(uint64_t index, uint64_t certificate, bool flip)
{
	struct provpkg_birth birth = { .issuer_chain = world.issuer.chain };
	struct provpkg_record record;
	struct delivery delivery;
	int result;

	delivery_new(&delivery);
	birth.record = provpkg_blob_view(&delivery.entry[index].der);
	birth.certificate = provpkg_blob_view(&delivery.entry[certificate].attachment);
	birth.checkpoint.size = LOG_SIZE;
	memcpy(birth.checkpoint.root, delivery.end.log_root, PROVPKG_HASH_SIZE);
	assert_int_equal(provpkg_inclusion_proof(provpkg_nodes_give, &delivery.nodes, index, LOG_SIZE, birth.inclusion,
						 &birth.inclusion_count),
			 0);
	birth.inclusion[0][0] ^= flip;
	result = provpkg_birth_verify(&birth, &record);
	if (!result)
		assert_int_equal(record.index, index);
	delivery_free(&delivery);
	return result;
}

static void good_units_can_be_checked_alone(void **state)
{
	(void)state;
	assert_int_equal(verify_birth(FIRST_GOOD, FIRST_GOOD, false), 0);
	assert_int_equal(verify_birth(THIRD_GOOD, THIRD_GOOD, false), 0);
	assert_int_equal(verify_birth(FIRST_GOOD, FIRST_GOOD, true), PROVCARD_REFUSAL_PROOF_MISMATCH);
	assert_int_equal(verify_birth(FIRST_GOOD, SECOND_GOOD, false), PROVCARD_REFUSAL_DEVICE_CERTIFICATE);
	assert_int_equal(verify_birth(FIRST_GOOD, LOADED, false), PROVCARD_REFUSAL_DEVICE_CERTIFICATE); /* none */
	assert_int_equal(verify_birth(SCRAP, SCRAP, false), PROVCARD_REFUSAL_RECORD_MISPLACED);
	assert_int_equal(verify_birth(CLOSED, FIRST_GOOD, false), PROVCARD_REFUSAL_RECORD_MISPLACED);
	assert_int_equal(verify_birth(FOREIGN, FOREIGN, false), PROVCARD_REFUSAL_RECORD_MISPLACED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_delivery_is_accepted),
		cmocka_unit_test(end_certificate_round_trip),
		cmocka_unit_test(end_certificate_has_one_encoding),
		cmocka_unit_test(end_needs_exactly_the_cards_signatures),
		cmocka_unit_test(end_of_another_card_is_refused),
		cmocka_unit_test(end_must_be_a_statement),
		cmocka_unit_test(end_counts_must_add_up),
		cmocka_unit_test(each_ceiling_holds_alone),
		cmocka_unit_test(issuer_chain_must_hold),
		cmocka_unit_test(missing_records_are_missed),
		cmocka_unit_test(order_is_the_logs),
		cmocka_unit_test(another_jobs_record_is_refused),
		cmocka_unit_test(closing_stands_at_the_end),
		cmocka_unit_test(nothing_comes_after_the_last),
		cmocka_unit_test(altered_records_are_found),
		cmocka_unit_test(cut_record_is_refused),
		cmocka_unit_test(closing_is_when_the_end_says),
		cmocka_unit_test(time_is_as_good_as_the_closing_says),
		cmocka_unit_test(altered_runs_are_found),
		cmocka_unit_test(runs_have_one_form),
		cmocka_unit_test(records_cannot_hide_in_runs),
		cmocka_unit_test(closing_need_not_be_the_logs_end),
		cmocka_unit_test(good_units_can_be_checked_alone),
	};

	return cmocka_run_group_tests(tests, delivery_world_new, delivery_world_free);
}
