// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an OEM gets back: end certificates, and whole deliveries by a card that signs whatever the input says.
 */
#include <string.h>

#include "fuzz.h"
#include "tests/unit/delivery.h"

enum { END_DER, END_CMS, DELIVERY, KINDS };

#define RECORDS_MAX 16

static struct delivery honest;

void fuzz_begin(void)
{
	FUZZ_MUST(!delivery_world_new(NULL));
	delivery_new(&honest);
}

static void decode_end(struct provpkg_view der)
{
	struct provpkg_end_certificate end;
	struct provpkg_blob again = { 0 };

	if (provpkg_end_certificate_decode(der, &end))
		return;
	fuzz_accepted();
	FUZZ_MUST(!provpkg_end_certificate_encode(&end, &again));
	FUZZ_MUST(again.size == der.size && !memcmp(again.data, der.data, der.size));
	provpkg_blob_free(&again);
}

/* Nobody but the card signs; its one statement is the honest one. */
static void open_end(struct provpkg_view cms)
{
	struct provpkg_verifier *verifier;

	if (provpkg_verifier_new(cms, world.made.card, world.issuer.chain, &verifier))
		return;
	fuzz_accepted();
	FUZZ_MUST(!memcmp(provpkg_verifier_end(verifier)->log_root, honest.end.log_root, PROVPKG_HASH_SIZE));
	provpkg_verifier_free(verifier);
}

/* ---- A dishonest card ---- */

struct told {
	size_t count;
	struct provpkg_view record[RECORDS_MAX];
	struct provpkg_view attachment[RECORDS_MAX];
	uint8_t leaf[RECORDS_MAX][PROVPKG_HASH_SIZE];
	bool after_run;
	struct provpkg_end_certificate end;
	uint64_t good, scrap; /* records that say so, counted here */
};

static void take(struct provpkg_view *input, struct told *told)
{
	struct provpkg_tree log = { 0 }, certificates = { 0 };
	uint8_t leaf[PROVPKG_HASH_SIZE];

	told->end = honest.end;
	told->end.granted = fuzz_u8(input);
	told->end.good = fuzz_u8(input);
	told->end.scrap = fuzz_u8(input);
	told->end.unused = told->end.granted - told->end.good - told->end.scrap;
	told->end.first_index = fuzz_u8(input);
	told->end.last_index = fuzz_u8(input);
	for (; input->size && told->count < RECORDS_MAX; told->count++) {
		size_t i = told->count;
		struct provpkg_record record;

		told->record[i] = fuzz_view(input);
		told->attachment[i] = fuzz_view(input);
		FUZZ_MUST(!provpkg_merkle_leaf(told->record[i], told->leaf[i]) && !provpkg_tree_add(&log, told->leaf[i]));
		if (provpkg_record_decode(told->record[i], &record) || record.event != PROVPKG_EVENT_UNIT_GOOD)
			continue;
		FUZZ_MUST(!provpkg_merkle_leaf(told->attachment[i], leaf) && !provpkg_tree_add(&certificates, leaf));
	}
	told->end.log_size = told->count;
	FUZZ_MUST(!provpkg_tree_root(&log, told->end.log_root) &&
		  !provpkg_tree_root(&certificates, told->end.certificates_root));
}

/* What is no record of the job is a leaf of others'; neighbours would have to be one run. */
static int feed_leaf(struct provpkg_verifier *verifier, struct told *told, size_t i)
{
	int result = provpkg_verifier_run(verifier, 1, (const uint8_t(*)[PROVPKG_HASH_SIZE])&told->leaf[i], 1);

	FUZZ_MUST(result == (told->after_run ? PROVCARD_REFUSAL_RUN_MALFORMED : 0));
	told->after_run = true;
	return result;
}

static int feed(struct provpkg_verifier *verifier, struct told *told, size_t i)
{
	struct provpkg_record record;
	int result;

	if (provpkg_record_decode(told->record[i], &record) || !record.has_job)
		return feed_leaf(verifier, told, i);
	result = provpkg_verifier_record(verifier, told->record[i], told->attachment[i]);
	if (result)
		return result;
	told->after_run = false;
	/* Every entry is given, so the record must stand where it says. */
	FUZZ_MUST(record.index == i);
	told->good += record.event == PROVPKG_EVENT_UNIT_GOOD;
	told->scrap += record.event == PROVPKG_EVENT_UNIT_SCRAP;
	return 0;
}

static void verify(struct told *told)
{
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct provpkg_verifier *verifier;
	int result = 0;

	if (!told->count || provpkg_end_certificate_encode(&told->end, &der))
		return;
	FUZZ_MUST(!provpkg_sign(PROVPKG_CONTENT_END_CERTIFICATE, provpkg_blob_view(&der), world.made.signers, 2, &cms));
	if (!provpkg_verifier_new(provpkg_blob_view(&cms), world.made.card, world.issuer.chain, &verifier)) {
		for (size_t i = 0; i < told->count && !result; i++)
			result = feed(verifier, told, i);
		if (!result && !provpkg_verifier_finish(verifier)) {
			fuzz_accepted();
			FUZZ_MUST(told->good == told->end.good && told->scrap == told->end.scrap);
		}
		provpkg_verifier_free(verifier);
	}
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
}

static void deliver(struct provpkg_view input)
{
	static struct told told;

	memset(&told, 0, sizeof(told));
	take(&input, &told);
	verify(&told);
}

void fuzz_one(struct provpkg_view input)
{
	static void (*const kinds[KINDS])(struct provpkg_view) = { decode_end, open_end, deliver };

	kinds[fuzz_u8(&input) % KINDS](input);
}

static void seed_delivery(void)
{
	static struct fuzz_writer out;
	const struct provpkg_end_certificate *end = &honest.end;

	fuzz_put_u8(&out, DELIVERY);
	fuzz_put_u8(&out, (uint8_t)end->granted);
	fuzz_put_u8(&out, (uint8_t)end->good);
	fuzz_put_u8(&out, (uint8_t)end->scrap);
	fuzz_put_u8(&out, (uint8_t)end->first_index);
	fuzz_put_u8(&out, (uint8_t)end->last_index);
	for (size_t i = 0; i < LOG_SIZE; i++) {
		fuzz_put_view(&out, provpkg_blob_view(&honest.entry[i].der));
		fuzz_put_view(&out, provpkg_blob_view(&honest.entry[i].attachment));
	}
	fuzz_seed("delivery", out.data, out.size);
}

void fuzz_seeds(void)
{
	static struct fuzz_writer out;
	struct provpkg_signed *object;
	struct provpkg_view content;

	FUZZ_MUST(!provpkg_signed_open(PROVPKG_CONTENT_END_CERTIFICATE, provpkg_blob_view(&honest.cms), &object));
	content = provpkg_signed_content(object);
	fuzz_put_u8(&out, END_DER);
	fuzz_put(&out, content.data, content.size);
	fuzz_seed("end", out.data, out.size);
	provpkg_signed_free(object);
	out.size = 0;
	fuzz_put_u8(&out, END_CMS);
	fuzz_put(&out, honest.cms.data, honest.cms.size);
	fuzz_seed("end-signed", out.data, out.size);
	seed_delivery();
}
