// SPDX-License-Identifier: GPL-2.0-or-later
/* Writing the card's log to a file. */
#include "log_file.h"

#include <errno.h>
#include <stdlib.h>

#include "files.h"
#include "progress.h"
#include "record_file.h"

#define ENTRIES_SIZE (1u << 20)

struct exporter {
	struct context *context;
	uint64_t from;
	bool brief;
	struct provpkg_checkpoint checkpoint;
	struct record_writer *writer;
	uint8_t *entries;
};

static int take_text(struct exporter *exporter, const char *what, uint32_t kind, struct json_object *json, const char *key,
		     struct provpkg_blob *copy)
{
	void *data;
	size_t size;
	int code = card_object(exporter->context, what, kind, NULL, 0, &data, &size);

	if (code)
		return code;
	json_object_object_add(json, key, json_object_new_string_len(data, (int)size));
	copy->data = OPENSSL_memdup(data, size);
	copy->size = copy->data ? size : 0;
	free(data);
	return copy->data ? 0 : report_errno(what, -ENOMEM);
}

/* The checkpoint first: it says how far the file goes, whatever the card appends meanwhile. */
static int take_papers(struct exporter *exporter, struct json_object *json)
{
	struct provpkg_blob note = { 0 }, pem = { 0 };
	struct provpkg_card *card = NULL;
	int code = take_text(exporter, "checkpoint", PROVCARD_OBJECT_CHECKPOINT, json, "checkpoint", &note);
	int result = 0;

	if (!code)
		code = take_text(exporter, "card certificates", PROVCARD_OBJECT_CARD_CERTIFICATES, json, "card_certificates", &pem);
	if (!code)
		result = provpkg_card_decode(provpkg_blob_view(&pem), &card);
	if (!code && !result) {
		X509 *const identities[] = { card->certificates.identity_classical, card->certificates.identity_pq };

		json_add_text(json, "card", card->serial);
		result = provpkg_checkpoint_open(provpkg_blob_view(&note), identities, 2, &exporter->checkpoint);
	}
	if (result)
		code = report_provpkg("checkpoint", result, NULL);
	provpkg_card_free(card);
	provpkg_blob_free(&note);
	provpkg_blob_free(&pem);
	return code;
}

static int take_consistency(struct exporter *exporter, struct json_object *json)
{
	uint8_t hash[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	struct provcard_answer answer;
	size_t count;
	int code;

	if (!exporter->from)
		return 0;
	code = card_check("consistency proof",
			  provcard_log_consistency(exporter->context->card, exporter->from, exporter->checkpoint.size, hash,
						   PROVPKG_PROOF_MAX, &count, &answer),
			  &answer, NULL);
	if (!code)
		json_add_hashes(json, "consistency", (const uint8_t(*)[PROVPKG_HASH_SIZE])hash, count);
	return code;
}

/* What is before the entries, or instead of them. */
static int write_run(struct exporter *exporter, uint64_t count)
{
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	struct provcard_answer answer;
	size_t roots;
	int code;

	if (!count)
		return 0;
	code = card_check("log", provcard_log_run(exporter->context->card, 0, count, hash, PROVPKG_RUN_MAX, &roots, &answer), &answer, NULL);
	return code ? code : record_writer_run(exporter->writer, 0, count, (const uint8_t(*)[PROVPKG_HASH_SIZE])hash, roots);
}

/* The entries in a buffer, up to the checkpoint's; *next becomes the index behind the last. */
static int write_entries(struct exporter *exporter, size_t length, uint64_t *next)
{
	struct provcard_log_entry entry;
	struct provpkg_record record;
	size_t offset = 0;
	int code = 0;

	while (!code && *next < exporter->checkpoint.size && provcard_log_next(exporter->entries, length, &offset, &entry) == 1) {
		int result = provpkg_record_decode((struct provpkg_view){ entry.record, entry.record_size }, &record);

		if (entry.index != *next)
			return report_card_errno("log", -EPROTO);
		code = result ? report_provpkg("log", result, NULL) : record_writer_record(exporter->writer, &entry, &record);
		(*next)++;
	}
	return code;
}

static int write_lines(struct exporter *exporter)
{
	uint64_t next = exporter->brief ? exporter->checkpoint.size : exporter->from;
	struct provcard_answer answer;
	int code = write_run(exporter, next);

	while (!code && next < exporter->checkpoint.size) {
		uint64_t first = next;
		size_t length;

		code = card_check("log", provcard_log_read(exporter->context->card, next, exporter->entries, ENTRIES_SIZE, &length, &answer),
				  &answer, NULL);
		if (!code)
			code = write_entries(exporter, length, &next);
		if (!code && next == first)
			code = report_card_errno("log", -EPROTO);
		progress_bytes("entries", next << 10, exporter->checkpoint.size << 10);
	}
	progress_clear();
	return code;
}

int log_file_write(struct context *context, uint64_t from, bool brief, const char *path)
{
	struct exporter exporter = { .context = context, .from = from, .brief = brief, .entries = malloc(ENTRIES_SIZE) };
	struct json_object *heading = json_object_new_object();
	int code = exporter.entries ? card_open(context) : report_errno(path, -ENOMEM);

	if (!code)
		code = take_papers(&exporter, heading);
	if (!code && from > exporter.checkpoint.size)
		code = report_usage(NULL, "the log has %llu entries", (unsigned long long)exporter.checkpoint.size);
	json_add_number(heading, "from", from);
	json_add_number(heading, "log_size", exporter.checkpoint.size);
	if (!code)
		code = take_consistency(&exporter, heading);
	if (!code)
		code = record_writer_begin(path, json_object_get(heading), &exporter.writer);
	if (!code)
		code = record_writer_finish(exporter.writer, write_lines(&exporter));
	if (!code)
		output_done(&context->output, "%llu entries written to %s; the log has %llu",
			    (unsigned long long)(brief ? 0 : exporter.checkpoint.size - from), path,
			    (unsigned long long)exporter.checkpoint.size);
	json_object_put(heading);
	free(exporter.entries);
	return code;
}
