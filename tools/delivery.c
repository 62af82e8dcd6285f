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

#define INDEXES 256 /* asked for at a time */
#define ENTRY_MAX (1u << 20)

struct writer {
	struct context *context;
	const char *folder;
	const uint8_t *package_id;
	struct provcard_job *job;
	struct provpkg_end_certificate end;
	struct provcard_status card;
	FILE *records;
	bool certified; /* there is a certificate, of whatever unit */
	uint8_t *entry;
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

const char *delivery_certificate_name(const struct provpkg_record *record, char name[DELIVERY_NAME_SIZE])
{
	const char *folder = record->event == PROVPKG_EVENT_UNIT_GOOD ? DELIVERY_CERTIFICATES : DELIVERY_NOT_GOOD;
	char uid[HEX_SIZE(PROVPKG_UID_MAX)];

	snprintf(name, DELIVERY_NAME_SIZE, "%s/%s.pem", folder, to_hex(uid, record->uid, record->uid_size));
	return name;
}

static int make_folder(const struct writer *writer, const char *name)
{
	char *path = inside(writer, name);
	int code = path ? folder_make(path) : EXIT_MACHINE;

	free(path);
	return code;
}

/* A unit's certificate becomes a file, whose name stands in the record's entry. */
static int write_certificate(struct writer *writer, const struct provpkg_record *record, struct provpkg_view der, struct json_object *json)
{
	bool good = record->event == PROVPKG_EVENT_UNIT_GOOD;
	struct provpkg_blob pem = { 0 };
	char name[DELIVERY_NAME_SIZE];
	X509 *certificate = NULL;
	int result = provpkg_der_certificate(der, &certificate);
	int code = good ? 0 : make_folder(writer, DELIVERY_NOT_GOOD);

	delivery_certificate_name(record, name);
	if (!result)
		result = provpkg_pem_append(&pem, certificate);
	if (result)
		code = report_provpkg(name, result, NULL);
	if (!code)
		code = write_inside(writer, name, pem.data, pem.size);
	json_add_text(json, "certificate_file", name);
	writer->report.certificates += good;
	writer->certified = true;
	provpkg_blob_free(&pem);
	X509_free(certificate);
	return code;
}

static void add_base64(struct json_object *json, const char *key, struct provpkg_view data)
{
	char *text = malloc(4 * ((data.size + 2) / 3) + 1);

	if (!text)
		return;
	EVP_EncodeBlock((unsigned char *)text, data.data, data.size);
	json_add_text(json, key, text);
	free(text);
}

static int add_proof(struct writer *writer, uint64_t index, struct json_object *json)
{
	struct json_object *list = json_object_new_array();
	uint8_t hashes[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	struct provcard_answer answer;
	char text[HEX_SIZE(PROVPKG_HASH_SIZE)];
	size_t count = 0;
	int code = card_check("inclusion proof",
			      provcard_log_proof(writer->context->card, index, writer->end.log_size, hashes, PROVPKG_PROOF_MAX, &count,
						 &answer),
			      &answer, NULL);

	for (size_t i = 0; i < count; i++)
		json_object_array_add(list, json_object_new_string(to_hex(text, hashes[i], sizeof(hashes[i]))));
	json_object_object_add(json, "inclusion", list);
	return code;
}

static int write_record(struct writer *writer, const struct provcard_log_entry *entry)
{
	struct provpkg_view der = { entry->record, entry->record_size }, attachment = { entry->attachment, entry->attachment_size };
	struct provpkg_record record;
	struct json_object *json;
	int result = provpkg_record_decode(der, &record);
	int code = result ? report_provpkg("record", result, NULL) : 0;

	if (code)
		return code;
	json = record_to_json(&record);
	add_base64(json, "record", der);
	if (record.has_unit && attachment.size)
		code = write_certificate(writer, &record, attachment, json);
	else if (attachment.size)
		add_base64(json, "attachment", attachment);
	if (!code)
		code = add_proof(writer, entry->index, json);
	if (!code && fprintf(writer->records, "%s\n    %s", writer->report.records ? "," : "",
			     json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) < 0)
		code = report_errno(DELIVERY_RECORDS, -errno);
	json_object_put(json);
	writer->report.records++;
	return code;
}

/* The log entry @index, alone. */
static int read_entry(struct writer *writer, uint64_t index, struct provcard_log_entry *entry)
{
	struct provcard_answer answer;
	size_t length = 0, offset = 0;
	int code = card_check("log", provcard_log_read(writer->context->card, index, writer->entry, ENTRY_MAX, &length, &answer), &answer,
			      NULL);

	if (code)
		return code;
	if (provcard_log_next(writer->entry, length, &offset, entry) != 1 || entry->index != index)
		return report_card_errno("log", -EPROTO);
	return 0;
}

static int write_records(struct writer *writer)
{
	uint64_t indexes[INDEXES];
	struct provcard_log_entry entry;
	struct provcard_answer answer;
	size_t count, total, done = 0;
	int code;

	do {
		code = card_check("records of the job", provcard_job_log(writer->job, done, indexes, INDEXES, &count, &total, &answer), &answer,
				  NULL);
		for (size_t i = 0; !code && i < count; i++) {
			code = read_entry(writer, indexes[i], &entry);
			if (!code)
				code = write_record(writer, &entry);
			progress_bytes("records", (done + i) << 10, (uint64_t)total << 10);
		}
		done += code ? 0 : count;
	} while (!code && count && done < total);
	return code;
}

static void write_heading(const struct writer *writer)
{
	struct json_object *json = json_object_new_object();
	const char *text;

	json_add_number(json, "schema_version", OUTPUT_SCHEMA_VERSION);
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
	text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	/* The object without its closing brace: the list of records is written one by one, whatever its length. */
	fprintf(writer->records, "%.*s,\n  \"records\": [", (int)strlen(text) - 1, text);
	json_object_put(json);
}

static int write_record_file(struct writer *writer)
{
	struct new_file file = { .fd = -1 };
	char *path = inside(writer, DELIVERY_RECORDS);
	int code = path ? file_begin(&file, path, 0666) : EXIT_MACHINE;

	free(path);
	if (code)
		return code;
	writer->records = fdopen(dup(file.fd), "w");
	if (!writer->records) {
		code = report_errno(DELIVERY_RECORDS, -errno);
	} else {
		write_heading(writer);
		code = write_records(writer);
		fprintf(writer->records, "\n  ]\n}\n");
		if ((ferror(writer->records) | fclose(writer->records)) && !code)
			code = report_errno(DELIVERY_RECORDS, -EIO);
	}
	progress_clear();
	if (!code)
		return file_finish(&file, true);
	file_abandon(&file);
	return code;
}

static int write_all(struct writer *writer)
{
	struct provcard_answer answer;
	int code = folder_make(writer->folder);

	if (!code)
		code = make_folder(writer, DELIVERY_CERTIFICATES);
	if (!code)
		code = card_check("status", provcard_status_read(writer->context->card, &writer->card, &answer), &answer, NULL);
	if (!code)
		code = write_end(writer);
	if (!code)
		code = write_object(writer, DELIVERY_CARD, PROVCARD_OBJECT_CARD_CERTIFICATES, false);
	if (!code)
		code = write_object(writer, DELIVERY_CHECKPOINT, PROVCARD_OBJECT_CHECKPOINT, false);
	if (!code)
		code = write_record_file(writer);
	/* A job whose units get no certificates has no issuing certificate. */
	if (!code && writer->certified)
		code = write_object(writer, DELIVERY_CA, PROVCARD_OBJECT_PACKAGE_CHAIN, true);
	return code;
}

int delivery_write(struct context *context, const uint8_t package_id[PROVCARD_PACKAGE_ID_SIZE], const char *folder)
{
	struct writer writer = { .context = context, .folder = folder, .package_id = package_id, .entry = malloc(ENTRY_MAX) };
	struct provcard_job_status status;
	int code = writer.entry ? card_bind_job(context, package_id, &writer.job, &status) : report_errno("close", -ENOMEM);

	if (!code) {
		code = write_all(&writer);
		provcard_job_close(writer.job);
	}
	free(writer.entry);
	if (code)
		return code;
	writer.report.path = folder;
	writer.report.serial = writer.card.serial;
	writer.report.end = &writer.end;
	context->output.ops->delivery(&context->output, &writer.report);
	return 0;
}
