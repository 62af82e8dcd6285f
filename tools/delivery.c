// SPDX-License-Identifier: GPL-2.0-or-later
/* Writing a hand-over: what the card says of a closed job becomes files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "delivery.h"
#include "files.h"
#include "progress.h"
#include "record_file.h"

#define INDEXES 512 /* asked for at a time */
#define ENTRIES_SIZE (1u << 20) /* log entries, likewise */

struct writer {
	struct context *context;
	const char *folder;
	const uint8_t *package_id;
	struct provcard_job *job;
	struct provpkg_end_certificate end;
	struct provcard_status card;
	struct record_writer *records;
	uint64_t next; /* log entry to be written next */
	bool certified; /* there is a certificate, of whatever unit */
	uint8_t *entries; /* of the log, read last */
	size_t length;
	size_t offset; /* of what was not looked at yet */
	struct delivery_report report;
};

/* @name in the folder; free() it. NULL after a message. */
static char *inside(const struct writer *writer, const char *name)
{
	char *path = path_join(writer->folder, name);

	if (!path)
		report_errno(name, -ENOMEM);
	return path;
}

static int write_inside(const struct writer *writer, const char *name, const void *data, size_t size)
{
	char *path = inside(writer, name);
	int code = path ? file_write(path, data, size, 0666) : EXIT_MACHINE;

	free(path);
	return code;
}

static int write_object(const struct writer *writer, const char *name, uint32_t kind, bool of_package)
{
	void *data;
	size_t size;
	int code = card_object(writer->context, name, kind, of_package ? writer->package_id : NULL,
			       of_package ? PROVCARD_PACKAGE_ID_SIZE : 0, &data, &size);

	if (code)
		return code;
	code = write_inside(writer, name, data, size);
	free(data);
	return code;
}

/* The end certificate is written as it came; its content says how the records are to be read. */
static int write_end(struct writer *writer)
{
	struct provpkg_signed *object;
	void *cms;
	size_t size;
	int code = card_object(writer->context, DELIVERY_END, PROVCARD_OBJECT_END_CERTIFICATE, writer->package_id,
			       PROVCARD_PACKAGE_ID_SIZE, &cms, &size);
	int result;

	if (code)
		return code;
	result = provpkg_signed_open(PROVPKG_CONTENT_END_CERTIFICATE, (struct provpkg_view){ cms, size }, &object);
	if (!result) {
		result = provpkg_end_certificate_decode(provpkg_signed_content(object), &writer->end);
		provpkg_signed_free(object);
	}
	code = result ? report_provpkg(DELIVERY_END, result, NULL) : write_inside(writer, DELIVERY_END, cms, size);
	free(cms);
	return code;
}

/*
 * Log entry @index, from what was read last or anew. Entries are read many at a time, whoever's they are: the card's owner may see all
 * of its log; what is handed over is decided here.
 */
static int read_entry(struct writer *writer, uint64_t index, struct provcard_log_entry *entry)
{
	struct provcard_answer answer;
	int code;

	while (provcard_log_next(writer->entries, writer->length, &writer->offset, entry) == 1)
		if (entry->index == index)
			return 0;
	writer->offset = writer->length = 0;
	code = card_check("log", provcard_log_read(writer->context->card, index, writer->entries, ENTRIES_SIZE, &writer->length, &answer),
			  &answer, NULL);
	if (code)
		return code;
	if (provcard_log_next(writer->entries, writer->length, &writer->offset, entry) != 1 || entry->index != index)
		return report_card_errno("log", -EPROTO);
	return 0;
}

static bool has_certificate(const struct provpkg_record *record)
{
	static const uint8_t none[PROVPKG_HASH_SIZE];

	return record->has_unit && memcmp(record->certificate_digest, none, sizeof(none));
}

static int write_record(struct writer *writer, uint64_t index)
{
	struct provcard_log_entry entry;
	struct provpkg_record record;
	int code = read_entry(writer, index, &entry);
	int result = code ? 0 : provpkg_record_decode((struct provpkg_view){ entry.record, entry.record_size }, &record);

	if (result)
		code = report_provpkg("record", result, NULL);
	if (!code)
		code = record_writer_record(writer->records, &entry, &record);
	if (code)
		return code;
	writer->certified |= has_certificate(&record);
	writer->report.certificates += record.event == PROVPKG_EVENT_UNIT_GOOD && has_certificate(&record);
	writer->report.records++;
	writer->next = index + 1;
	return 0;
}

/* Entries of others, up to @end: as few hashes as say where they are in the tree, and nothing of what they say. */
static int write_run(struct writer *writer, uint64_t end)
{
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	struct provcard_answer answer;
	size_t count;
	int code = card_check("log",
			      provcard_log_run(writer->context->card, writer->next, end - writer->next, hash, PROVPKG_RUN_MAX, &count,
					       &answer),
			      &answer, NULL);

	if (!code)
		code = record_writer_run(writer->records, writer->next, end - writer->next, hash, count);
	writer->next = end;
	return code;
}

static int write_records(struct writer *writer)
{
	uint64_t indexes[INDEXES];
	struct provcard_answer answer;
	size_t count, total, done = 0;
	int code;

	do {
		code = card_check("records of the job", provcard_job_log(writer->job, done, indexes, INDEXES, &count, &total, &answer), &answer,
				  NULL);
		for (size_t i = 0; !code && i < count; i++) {
			if (indexes[i] > writer->next)
				code = write_run(writer, indexes[i]);
			if (!code)
				code = write_record(writer, indexes[i]);
		}
		done += code ? 0 : count;
		progress_bytes("records", (uint64_t)done << 10, (uint64_t)total << 10);
	} while (!code && count && done < total);
	if (!code && writer->next < writer->end.log_size)
		code = write_run(writer, writer->end.log_size);
	return code;
}

/* For people: all of it is in the end certificate. */
static struct json_object *heading(const struct writer *writer)
{
	struct json_object *json = json_object_new_object();

	json_add_text(json, "card", writer->card.serial);
	json_add_hex(json, "card_id", writer->end.card_id, sizeof(writer->end.card_id));
	json_add_hex(json, "job", writer->end.package_id, sizeof(writer->end.package_id));
	json_add_text(json, "product", writer->end.product);
	json_add_text(json, "oem", writer->end.oem);
	json_add_number(json, "granted", writer->end.granted);
	json_add_number(json, "granted_good", writer->end.granted_good);
	json_add_number(json, "granted_scrap", writer->end.granted_scrap);
	json_add_number(json, "good", writer->end.good);
	json_add_number(json, "scrap", writer->end.scrap);
	json_add_number(json, "unused", writer->end.unused);
	json_add_time(json, "closed_at", writer->end.closed_at);
	json_add_number(json, "record_count", writer->end.records);
	json_add_number(json, "log_size", writer->end.log_size);
	json_add_hex(json, "log_root", writer->end.log_root, sizeof(writer->end.log_root));
	return json;
}

static int write_record_file(struct writer *writer)
{
	char *path = inside(writer, DELIVERY_RECORDS);
	int code = path ? record_writer_begin(path, heading(writer), &writer->records) : EXIT_MACHINE;

	free(path);
	if (code)
		return code;
	code = record_writer_finish(writer->records, write_records(writer));
	progress_clear();
	return code;
}

static int write_all(struct writer *writer)
{
	struct provcard_answer answer;
	int code = folder_make(writer->folder);

	if (!code)
		code = card_check("status", provcard_status_read(writer->context->card, &writer->card, &answer), &answer, NULL);
	if (!code)
		code = write_end(writer);
	if (!code)
		code = write_object(writer, DELIVERY_CARD, PROVCARD_OBJECT_CARD_CERTIFICATES, false);
	if (!code)
		code = write_object(writer, DELIVERY_CHECKPOINT, PROVCARD_OBJECT_JOB_CHECKPOINT, true);
	if (!code)
		code = write_record_file(writer);
	/* A job whose units get no certificates has no issuing certificate. */
	if (!code && writer->certified)
		code = write_object(writer, DELIVERY_CA, PROVCARD_OBJECT_PACKAGE_CHAIN, true);
	return code;
}

int delivery_write(struct context *context, const uint8_t package_id[PROVCARD_PACKAGE_ID_SIZE], const char *folder)
{
	struct writer writer = { .context = context, .folder = folder, .package_id = package_id, .entries = malloc(ENTRIES_SIZE) };
	struct provcard_job_status status;
	int code = writer.entries ? card_bind_job(context, package_id, &writer.job, &status) : report_errno("close", -ENOMEM);

	if (!code) {
		code = write_all(&writer);
		provcard_job_close(writer.job);
	}
	free(writer.entries);
	if (code)
		return code;
	writer.report.path = folder;
	writer.report.serial = writer.card.serial;
	writer.report.end = &writer.end;
	context->output.ops->delivery(&context->output, &writer.report);
	return 0;
}
