// SPDX-License-Identifier: GPL-2.0-or-later
/* Checking a log's file: entries against each other and the checkpoint, the checkpoint against the card and an earlier one. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "delivery.h"
#include "files.h"
#include "log_file.h"
#include "progress.h"
#include "record_file.h"

#define NOTE_MAX (128u << 10)

struct auditor {
	const struct log_check *check;
	struct record_reader *reader;
	struct provpkg_card *card;
	struct provpkg_checkpoint checkpoint;
	struct provpkg_checkpoint earlier; /* of @check->after */
	bool earlier_seen; /* the tree was found to have been that */
	struct provpkg_tree log;
	uint8_t digest[PROVPKG_HASH_SIZE]; /* SHA-256 of the last record, zero before the first */
	bool digest_known; /* not behind a run */
	struct log_report report;
};

static int open_note(struct auditor *auditor, struct provpkg_view note, struct provpkg_checkpoint *checkpoint)
{
	const struct provpkg_card_certificates *own = &auditor->card->certificates;
	X509 *const identities[] = { own->identity_classical, own->identity_pq };
	int result = provpkg_checkpoint_open(note, identities, 2, checkpoint);

	return result || delivery_is_log_of(checkpoint, auditor->card) ? result : PROVCARD_REFUSAL_CHECKPOINT;
}

static struct provpkg_view view_of(const char *text)
{
	return (struct provpkg_view){ (const uint8_t *)text, strlen(text) };
}

static int load_heading(struct auditor *auditor)
{
	struct json_object *heading = record_reader_heading(auditor->reader);
	const char *pem = json_text_of(heading, "card_certificates"), *note = json_text_of(heading, "checkpoint");
	int result = pem && note ? provpkg_card_decode(view_of(pem), &auditor->card) : PROVCARD_REFUSAL_DELIVERY_FORM;

	if (!result && !json_number_of(heading, "from", &auditor->report.from))
		result = PROVCARD_REFUSAL_DELIVERY_FORM;
	if (!result)
		result = open_note(auditor, view_of(note), &auditor->checkpoint);
	return result ? report_provpkg(auditor->check->path, result, NULL) : 0;
}

/* The earlier checkpoint: in the heading of a file like this one, or a note by itself. Signed by this card, like the later one. */
static int load_earlier(struct auditor *auditor)
{
	const char *path = auditor->check->after, *note;
	struct provpkg_blob text = { 0 };
	struct record_reader *reader;
	char first = 0;
	FILE *stream;
	int code, result;

	if (!path)
		return 0;
	code = file_open(path, &stream);
	if (code)
		return code;
	first = (char)fgetc(stream);
	fclose(stream);
	if (first != '{') {
		code = file_read(path, NOTE_MAX, &text);
		result = code ? 0 : open_note(auditor, provpkg_blob_view(&text), &auditor->earlier);
		provpkg_blob_free(&text);
		return result ? report_provpkg(path, result, NULL) : code;
	}
	code = record_reader_open(path, &reader);
	if (code)
		return code;
	note = json_text_of(record_reader_heading(reader), "checkpoint");
	result = note ? open_note(auditor, view_of(note), &auditor->earlier) : PROVCARD_REFUSAL_DELIVERY_FORM;
	record_reader_close(reader);
	return result ? report_provpkg(path, result, NULL) : 0;
}

/* Was the tree, at the size that it has now, the earlier one? */
static int compare(struct auditor *auditor)
{
	uint8_t root[PROVPKG_HASH_SIZE];
	int result;

	if (!auditor->check->after || auditor->log.size != auditor->earlier.size)
		return 0;
	result = provpkg_tree_root(&auditor->log, root);
	auditor->earlier_seen = true;
	if (!result && memcmp(root, auditor->earlier.root, sizeof(root)))
		result = PROVCARD_REFUSAL_CONSISTENCY_MISMATCH;
	return result;
}

/* A log's file shows all that it has from its first entry on. */
static int take_run(struct auditor *auditor, const struct record_line *line)
{
	struct provpkg_tree *log = &auditor->log;

	if (log->size)
		return PROVCARD_REFUSAL_RUN_MALFORMED;
	for (size_t i = 0; i < line->roots; i++) {
		int result = log->size < line->count ? provpkg_tree_put(log, provpkg_run_level(log->size, line->count - log->size),
									line->hash[i], NULL, NULL) :
						       PROVCARD_REFUSAL_RUN_MALFORMED;

		if (result)
			return result;
	}
	auditor->digest_known = false;
	return log->size == line->count ? 0 : PROVCARD_REFUSAL_RUN_MALFORMED;
}

static int check_attachment(const struct record_line *line)
{
	static const uint8_t none[PROVPKG_HASH_SIZE];
	uint8_t digest[PROVPKG_HASH_SIZE];

	if (!line->attachment.size)
		return memcmp(line->record.attachment_digest, none, sizeof(none)) ? PROVCARD_REFUSAL_ATTACHMENT_MISMATCH : 0;
	if (EVP_Digest(line->attachment.data, line->attachment.size, digest, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	return memcmp(digest, line->record.attachment_digest, sizeof(digest)) ? PROVCARD_REFUSAL_ATTACHMENT_MISMATCH : 0;
}

static int take_record(struct auditor *auditor, const struct record_line *line)
{
	uint8_t leaf[PROVPKG_HASH_SIZE];
	int result;

	if (line->record.index != auditor->log.size)
		return line->record.index > auditor->log.size ? PROVCARD_REFUSAL_RECORD_MISSING : PROVCARD_REFUSAL_RECORD_MISPLACED;
	if (auditor->digest_known && memcmp(line->record.previous, auditor->digest, sizeof(auditor->digest)))
		return PROVCARD_REFUSAL_RECORD_CHAIN;
	result = check_attachment(line);
	if (!result)
		result = provpkg_merkle_leaf(provpkg_blob_view(&line->der), leaf);
	if (!result)
		result = provpkg_tree_add(&auditor->log, leaf);
	if (!result && EVP_Digest(line->der.data, line->der.size, auditor->digest, NULL, EVP_sha256(), NULL) != 1)
		result = -EIO;
	auditor->digest_known = true;
	auditor->report.entries++;
	auditor->report.judged_at = line->record.time;
	auditor->report.time_authenticated = line->record.time_authenticated;
	progress_bytes("entries", auditor->log.size << 10, auditor->checkpoint.size << 10);
	return result ? result : compare(auditor);
}

static int take_lines(struct auditor *auditor)
{
	struct record_line line = { 0 };
	int code = record_reader_next(auditor->reader, &line);
	int result = compare(auditor);
	char where[32];

	while (!code && !result && line.kind != RECORD_LINE_NONE) {
		result = line.kind == RECORD_LINE_RUN ? take_run(auditor, &line) : take_record(auditor, &line);
		if (!result && line.kind == RECORD_LINE_RUN)
			result = compare(auditor);
		if (!result)
			code = record_reader_next(auditor->reader, &line);
	}
	record_line_clear(&line);
	progress_clear();
	snprintf(where, sizeof(where), "line %" PRIu64, record_reader_line(auditor->reader));
	return result ? report_provpkg(auditor->check->path, result, where) : code;
}

/* By the proof in the heading, when the earlier log ended before the first entry that is shown. */
static int check_consistency(struct auditor *auditor)
{
	uint8_t hash[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	size_t count;

	if (!auditor->check->after || auditor->earlier_seen)
		return 0;
	if (auditor->earlier.size != auditor->report.from ||
	    !json_hashes_of(record_reader_heading(auditor->reader), "consistency", hash, PROVPKG_PROOF_MAX, &count))
		return PROVCARD_REFUSAL_CONSISTENCY_MISMATCH;
	return provpkg_consistency_verify(auditor->earlier.size, auditor->earlier.root, auditor->checkpoint.size, auditor->checkpoint.root,
					  (const uint8_t(*)[PROVPKG_HASH_SIZE])hash, count);
}

static int check_end(struct auditor *auditor)
{
	const struct log_check *check = auditor->check;
	uint8_t root[PROVPKG_HASH_SIZE];
	int result = provpkg_tree_root(&auditor->log, root);

	if (!result && auditor->log.size < auditor->checkpoint.size)
		result = PROVCARD_REFUSAL_RECORD_MISSING;
	if (!result && (auditor->log.size != auditor->checkpoint.size || memcmp(root, auditor->checkpoint.root, sizeof(root))))
		result = PROVCARD_REFUSAL_LOG_ROOT_MISMATCH;
	if (!result)
		result = check_consistency(auditor);
	auditor->report.at_given = check->at_given || !auditor->report.entries;
	if (check->at_given)
		auditor->report.judged_at = check->at;
	else if (!auditor->report.entries)
		auditor->report.judged_at = time(NULL);
	if (!result)
		result = provpkg_card_trust(auditor->card, PROVPKG_SUITE_HYBRID, check->maker_ca, auditor->report.judged_at);
	return result ? report_provpkg(check->path, result, NULL) : 0;
}

int log_file_verify(struct context *context, const struct log_check *check, struct provpkg_checkpoint *head)
{
	struct auditor auditor = { .check = check, .digest_known = true };
	int code = record_reader_open(check->path, &auditor.reader);

	if (!code)
		code = load_heading(&auditor);
	if (!code)
		code = load_earlier(&auditor);
	if (!code)
		code = take_lines(&auditor);
	if (!code)
		code = check_end(&auditor);
	if (!code) {
		auditor.report.path = check->path;
		auditor.report.serial = auditor.card->serial;
		auditor.report.log_size = auditor.checkpoint.size;
		auditor.report.after = check->after;
		auditor.report.earlier_size = auditor.earlier.size;
		context->output.ops->log(&context->output, &auditor.report);
		if (head)
			*head = auditor.checkpoint;
	}
	record_reader_close(auditor.reader);
	provpkg_card_free(auditor.card);
	return code;
}
