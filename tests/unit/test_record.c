// SPDX-License-Identifier: GPL-2.0-or-later
/* Records and checkpoints. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/provpkg/note.h"
#include "tests/unit/maker.h"
#include "tests/unit/sweep.h"

static struct maker maker;
static struct made_card made;
static X509 *identities[2];

static int setup(void **state)
{
	(void)state;
	maker_new(&maker);
	made_card_new(&made, &maker, "PC-0001");
	identities[0] = made.certificates.identity_classical;
	identities[1] = made.certificates.identity_pq;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	made_card_free(&made);
	maker_free(&maker);
	return 0;
}

/* ---- Records ---- */

static struct provpkg_record full_record(void)
{
	struct provpkg_record record = {
		.index = UINT64_MAX,
		.boot = UINT32_MAX,
		.time = INT64_MAX,
		.time_authenticated = true,
		.event = PROVPKG_EVENT_UNIT_GOOD,
		.actor = "Jörg",
		.has_job = true,
		.before = { 1, 2, 3, 4 },
		.after = { 2, 2, 2, 4 },
		.has_unit = true,
		.head = 3,
		.uid_size = 8,
		.uid = { 1, 2, 3, 4, 5, 6, 7, 8 },
		.part = "nRF52840",
		.locked = true,
		.proof = 2,
		.code = 0x7fff,
	};

	memset(record.previous, 0x11, sizeof(record.previous));
	memset(record.package_id, 0x22, sizeof(record.package_id));
	memset(record.certificate_digest, 0x33, sizeof(record.certificate_digest));
	memset(record.attachment_digest, 0x44, sizeof(record.attachment_digest));
	return record;
}

static void there_and_back(const struct provpkg_record *record)
{
	struct provpkg_record decoded;
	struct provpkg_blob der;

	memset(&decoded, 0xee, sizeof(decoded));
	assert_int_equal(provpkg_record_encode(record, &der), 0);
	assert_int_equal(provpkg_record_decode(provpkg_blob_view(&der), &decoded), 0);
	assert_int_equal(decoded.index, record->index);
	assert_memory_equal(decoded.previous, record->previous, sizeof(record->previous));
	assert_int_equal(decoded.boot, record->boot);
	assert_int_equal(decoded.time, record->time);
	assert_int_equal(decoded.time_authenticated, record->time_authenticated);
	assert_int_equal(decoded.event, record->event);
	assert_string_equal(decoded.actor, record->actor);
	assert_int_equal(decoded.has_job, record->has_job);
	assert_memory_equal(decoded.package_id, record->package_id, sizeof(record->package_id));
	assert_memory_equal(&decoded.before, &record->before, sizeof(record->before));
	assert_memory_equal(&decoded.after, &record->after, sizeof(record->after));
	assert_int_equal(decoded.has_unit, record->has_unit);
	assert_int_equal(decoded.head, record->head);
	assert_int_equal(decoded.uid_size, record->uid_size);
	assert_memory_equal(decoded.uid, record->uid, sizeof(record->uid));
	assert_string_equal(decoded.part, record->part);
	assert_memory_equal(decoded.certificate_digest, record->certificate_digest, sizeof(record->certificate_digest));
	assert_int_equal(decoded.locked, record->locked);
	assert_int_equal(decoded.proof, record->proof);
	assert_int_equal(decoded.code, record->code);
	assert_memory_equal(decoded.attachment_digest, record->attachment_digest, sizeof(record->attachment_digest));
	provpkg_blob_free(&der);
}

static void record_round_trip(void **state)
{
	struct provpkg_record record = full_record();

	(void)state;
	there_and_back(&record);
	record.uid_size = 0;
	memset(record.uid, 0, sizeof(record.uid));
	record.part[0] = 0;
	there_and_back(&record);
	record = (struct provpkg_record){ .event = PROVPKG_EVENT_BOOT };
	there_and_back(&record);
}

static void record_encode_refuses_nonsense(void **state)
{
	struct provpkg_blob der = { 0 };
	struct provpkg_record record = full_record();

	(void)state;
	record.event = 0;
	assert_int_equal(provpkg_record_encode(&record, &der), -EINVAL);
	record.event = 99;
	assert_int_equal(provpkg_record_encode(&record, &der), -EINVAL);
	record = full_record();
	record.time = -1;
	assert_int_equal(provpkg_record_encode(&record, &der), -EINVAL);
	record = full_record();
	record.uid_size = PROVPKG_UID_MAX + 1;
	assert_int_equal(provpkg_record_encode(&record, &der), -EINVAL);
	record = full_record();
	record.code = 0x8000;
	assert_int_equal(provpkg_record_encode(&record, &der), -EINVAL);
	record = full_record();
	record.proof = 3;
	assert_int_equal(provpkg_record_encode(&record, &der), -EINVAL);
	record = full_record();
	strcpy(record.actor, "line\nfeed");
	assert_int_equal(provpkg_record_encode(&record, &der), -EINVAL);
	record = full_record();
	strcpy(record.part, "\x80");
	assert_int_equal(provpkg_record_encode(&record, &der), -EINVAL);
	assert_null(der.data);
}

static int decode_record(struct provpkg_view der, struct provpkg_blob *again)
{
	struct provpkg_record record;
	int result = provpkg_record_decode(der, &record);

	if (!result)
		assert_int_equal(provpkg_record_encode(&record, again), 0);
	return result;
}

static void record_has_one_encoding(void **state)
{
	struct provpkg_record records[] = { full_record(), { .event = PROVPKG_EVENT_BOOT } };
	struct provpkg_blob der;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(provpkg_record_encode(&records[i], &der), 0);
		sweep(provpkg_blob_view(&der), decode_record);
		provpkg_blob_free(&der);
	}
}

/* Forms that encode() never makes: another version, an unknown event, an empty actor, a long part number. */
static void record_decode_refuses_nonsense(void **state)
{
	struct provpkg_record record = { .event = PROVPKG_EVENT_BOOT, .actor = "a" }, decoded;
	struct provpkg_blob der;
	uint8_t *event;

	(void)state;
	assert_int_equal(provpkg_record_encode(&record, &der), 0);
	assert_memory_equal(der.data, "\x30\x5c\x02\x01\x01", 5);
	der.data[4] = 2;
	assert_int_equal(provpkg_record_decode(provpkg_blob_view(&der), &decoded), PROVCARD_REFUSAL_STATEMENT_DER);
	der.data[4] = 1;
	event = memmem(der.data, der.size, "\x02\x01\x01\x02\x01\x00\x0c\x01\x61", 9);
	assert_non_null(event);
	event[2] = 99;
	assert_int_equal(provpkg_record_decode(provpkg_blob_view(&der), &decoded), PROVCARD_REFUSAL_STATEMENT_DER);
	event[2] = 1;
	event[8] = 0x1f;
	assert_int_equal(provpkg_record_decode(provpkg_blob_view(&der), &decoded), PROVCARD_REFUSAL_STATEMENT_DER);
	event[8] = 'a';
	assert_int_equal(provpkg_record_decode(provpkg_blob_view(&der), &decoded), 0);
	provpkg_blob_free(&der);
}

static void events_have_names(void **state)
{
	(void)state;
	for (int event = PROVPKG_EVENT_BOOT; event <= PROVPKG_EVENT_GRANTED; event++)
		assert_non_null(provpkg_event_name(event));
	for (int event = PROVPKG_EVENT_REMOVED; event <= PROVPKG_EVENT_AUDITED; event++)
		assert_non_null(provpkg_event_name(event));
	assert_null(provpkg_event_name(0));
	assert_null(provpkg_event_name(99));
	assert_string_equal(provpkg_event_name(PROVPKG_EVENT_UNIT_GOOD), "unit-good");
}

/* ---- Checkpoints ---- */

static struct provpkg_checkpoint checkpoint(void)
{
	struct provpkg_checkpoint head = { .origin = "provcard/PC-0001", .size = 20852163 };

	memset(head.root, 0xa5, sizeof(head.root));
	return head;
}

static int open_note(const char *note, size_t size, X509 *const *certificates, size_t count)
{
	struct provpkg_checkpoint opened;

	return provpkg_checkpoint_open((struct provpkg_view){ (const uint8_t *)note, size }, certificates, count, &opened);
}

static struct provpkg_blob signed_checkpoint(const struct provpkg_signer *signers, size_t count)
{
	struct provpkg_checkpoint head = checkpoint();
	struct provpkg_blob note = { 0 };

	assert_int_equal(provpkg_checkpoint_sign(&head, signers, count, &note), 0);
	return note;
}

static void checkpoint_round_trip(void **state)
{
	struct provpkg_blob note = signed_checkpoint(made.signers, 2);
	struct provpkg_checkpoint opened, head = checkpoint();
	const char *text =
		"provcard/PC-0001\n20852163\npaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=\n\n\xe2\x80\x94 provcard/PC-0001 ";

	(void)state;
	assert_true(note.size > strlen(text));
	assert_memory_equal(note.data, text, strlen(text));
	assert_int_equal(provpkg_checkpoint_open(provpkg_blob_view(&note), identities, 2, &opened), 0);
	assert_string_equal(opened.origin, head.origin);
	assert_int_equal(opened.size, head.size);
	assert_memory_equal(opened.root, head.root, sizeof(head.root));
	provpkg_blob_free(&note);
}

static void checkpoint_of_an_empty_and_a_full_log(void **state)
{
	struct provpkg_checkpoint head = checkpoint(), opened;
	struct provpkg_blob note = { 0 };

	(void)state;
	head.size = 0;
	assert_int_equal(provpkg_checkpoint_sign(&head, made.signers, 1, &note), 0);
	assert_int_equal(provpkg_checkpoint_open(provpkg_blob_view(&note), identities, 1, &opened), 0);
	assert_int_equal(opened.size, 0);
	provpkg_blob_free(&note);
	head.size = UINT64_MAX;
	assert_int_equal(provpkg_checkpoint_sign(&head, made.signers, 1, &note), 0);
	assert_int_equal(provpkg_checkpoint_open(provpkg_blob_view(&note), identities, 1, &opened), 0);
	assert_true(opened.size == UINT64_MAX);
	provpkg_blob_free(&note);
}

static void checkpoint_needs_every_signature(void **state)
{
	struct provpkg_blob both = signed_checkpoint(made.signers, 2);
	struct provpkg_blob classical = signed_checkpoint(made.signers, 1);
	struct provpkg_blob pq = signed_checkpoint(made.signers + 1, 1);
	const char *text = (const char *)both.data;

	(void)state;
	assert_int_equal(open_note(text, both.size, identities, 2), 0);
	assert_int_equal(open_note(text, both.size, identities, 0), PROVCARD_REFUSAL_CHECKPOINT);
	assert_int_equal(open_note((char *)classical.data, classical.size, identities, 2), PROVCARD_REFUSAL_CHECKPOINT);
	assert_int_equal(open_note((char *)pq.data, pq.size, identities, 2), PROVCARD_REFUSAL_CHECKPOINT);
	assert_int_equal(open_note((char *)pq.data, pq.size, identities + 1, 1), 0);
	provpkg_blob_free(&both);
	provpkg_blob_free(&classical);
	provpkg_blob_free(&pq);
}

static void checkpoint_refuses_another_card(void **state)
{
	struct provpkg_blob note = signed_checkpoint(made.signers, 2);
	struct made_card other;
	X509 *mixed[2];

	(void)state;
	made_card_new(&other, &maker, "PC-0001");
	mixed[0] = other.certificates.identity_classical;
	mixed[1] = identities[1];
	assert_int_equal(open_note((char *)note.data, note.size, mixed, 2), PROVCARD_REFUSAL_CHECKPOINT);
	mixed[0] = identities[0];
	mixed[1] = other.certificates.identity_pq;
	assert_int_equal(open_note((char *)note.data, note.size, mixed, 2), PROVCARD_REFUSAL_CHECKPOINT);
	made_card_free(&other);
	provpkg_blob_free(&note);
}

/* Witnesses may add theirs. */
static void checkpoint_passes_over_strangers(void **state)
{
	struct provpkg_blob note = signed_checkpoint(made.signers, 2);
	char *longer = NULL;
	int size = asprintf(&longer, "%.*s\xe2\x80\x94 witness.example/w1 jWbPPwAAAABkGFDLEZMHwSRa\n", (int)note.size, note.data);

	(void)state;
	assert_true(size > 0);
	assert_int_equal(open_note(longer, size, identities, 2), 0);
	longer[size - 2] = '?';
	assert_int_equal(open_note(longer, size, identities, 2), PROVCARD_REFUSAL_CHECKPOINT);
	free(longer);
	provpkg_blob_free(&note);
}

/* Every byte of the text, of both key ids and of the signatures' ends counts. */
static void checkpoint_refuses_any_change(void **state)
{
	struct provpkg_blob note = signed_checkpoint(made.signers, 2);
	size_t head = strstr((char *)note.data, "\n\n") - (char *)note.data + 200;

	(void)state;
	for (size_t at = 0; at < note.size; at += at < head ? 1 : 97) {
		note.data[at] ^= 1;
		assert_int_equal(open_note((char *)note.data, note.size, identities, 2), PROVCARD_REFUSAL_CHECKPOINT);
		note.data[at] ^= 1;
	}
	for (size_t size = 0; size < note.size; size += size < head ? 1 : 97)
		assert_int_equal(open_note((char *)note.data, size, identities, 2), PROVCARD_REFUSAL_CHECKPOINT);
	assert_int_equal(open_note((char *)note.data, note.size, identities, 2), 0);
	provpkg_blob_free(&note);
}

/* Notes well signed by the card whose text is not exactly a checkpoint. */
static void checkpoint_text_has_one_form(void **state)
{
	static const char root[] = "paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=";
	static const char *const forms[] = {
		"provcard/PC-0001\n08\n%s\n",	"provcard/PC-0001\n+8\n%s\n", "provcard/PC-0001\n 8\n%s\n",
		"provcard/PC-0001\n-8\n%s\n",	"provcard/PC-0001\n\n%s\n",   "provcard/PC-0001\n8\n%s\nextension\n",
		"provcard/PC-0001\n8\n%.40s\n", "provcard/PC-0001\n8x\n%s\n", "provcard/PC-0001\n18446744073709551616\n%s\n",
	};
	struct provpkg_blob note = { 0 };
	char text[160];

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		snprintf(text, sizeof(text), forms[i], root);
		assert_int_equal(provpkg_note_sign((struct provpkg_view){ (uint8_t *)text, strlen(text) }, "provcard/PC-0001",
						   made.signers, 2, &note),
				 0);
		assert_int_equal(open_note((char *)note.data, note.size, identities, 2), PROVCARD_REFUSAL_CHECKPOINT);
		provpkg_blob_free(&note);
	}
	snprintf(text, sizeof(text), "provcard/PC-0001\n8\npaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaV=\n"); /* spare bits set */
	assert_int_equal(provpkg_note_sign((struct provpkg_view){ (uint8_t *)text, strlen(text) }, "provcard/PC-0001", made.signers,
					   2, &note),
			 0);
	assert_int_equal(open_note((char *)note.data, note.size, identities, 2), PROVCARD_REFUSAL_CHECKPOINT);
	provpkg_blob_free(&note);
}

static void checkpoint_sign_refuses_bad_input(void **state)
{
	static const char *const origins[] = { "", "with space", "plus+", "line\nfeed" };
	struct provpkg_checkpoint head = checkpoint();
	struct provpkg_signer other = { .key = pki_key("P-256") };
	struct provpkg_blob note = { 0 };

	(void)state;
	assert_int_equal(provpkg_checkpoint_sign(&head, made.signers, 0, &note), -EINVAL);
	assert_int_equal(provpkg_checkpoint_sign(&head, &other, 1, &note), -EINVAL);
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		strcpy(head.origin, origins[i]);
		assert_int_equal(provpkg_checkpoint_sign(&head, made.signers, 2, &note), -EINVAL);
	}
	assert_null(note.data);
	EVP_PKEY_free(other.key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_round_trip),
		cmocka_unit_test(record_encode_refuses_nonsense),
		cmocka_unit_test(record_has_one_encoding),
		cmocka_unit_test(record_decode_refuses_nonsense),
		cmocka_unit_test(events_have_names),
		cmocka_unit_test(checkpoint_round_trip),
		cmocka_unit_test(checkpoint_of_an_empty_and_a_full_log),
		cmocka_unit_test(checkpoint_needs_every_signature),
		cmocka_unit_test(checkpoint_refuses_another_card),
		cmocka_unit_test(checkpoint_passes_over_strangers),
		cmocka_unit_test(checkpoint_refuses_any_change),
		cmocka_unit_test(checkpoint_text_has_one_form),
		cmocka_unit_test(checkpoint_sign_refuses_bad_input),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
