// SPDX-License-Identifier: GPL-2.0-or-later
#include "record_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "errors.h"
#include "files.h"
#include "output.h"

#define LINE_SIZE (1u << 20) /* the longest, with its end and a zero */

/* ---- Writing ---- */

struct record_writer {
	struct new_file file;
	FILE *stream;
};

int record_writer_begin(const char *path, struct json_object *heading, struct record_writer **writer)
{
	struct record_writer *created = calloc(1, sizeof(*created));
	struct json_object *first = json_object_new_object();
	int code = created ? file_begin(&created->file, path, 0666) : report_errno(path, -ENOMEM);

	json_add_number(first, "schema_version", RECORD_FILE_VERSION);
	json_object_object_foreach(heading, key, value)
		json_object_object_add(first, key, json_object_get(value));
	json_object_put(heading);
	if (!code) {
		created->stream = fdopen(dup(created->file.fd), "w");
		if (!created->stream)
			code = report_errno(path, -errno);
		else
			fprintf(created->stream, "%s\n", json_line(first));
	}
	json_object_put(first);
	if (code && created)
		code = record_writer_finish(created, code);
	if (!code)
		*writer = created;
	return code;
}

static int write_line(struct record_writer *writer, struct json_object *json)
{
	int code = 0;

	if (fprintf(writer->stream, "%s\n", json_line(json)) < 0)
		code = report_errno(writer->file.path, -errno);
	json_object_put(json);
	return code;
}

/* A unit's certificate and its sealed secrets are members of their own. */
static int add_unit_attachment(struct json_object *json, struct provpkg_view attachment)
{
	struct provpkg_attachment parts;
	int result = provpkg_attachment_split(attachment, false, &parts);

	if (result)
		return report_provpkg("record", result, NULL);
	if (parts.first.size)
		json_add_base64(json, "certificate", parts.first);
	if (parts.sealed.size)
		json_add_base64(json, "sealed_secrets", parts.sealed);
	return 0;
}

int record_writer_record(struct record_writer *writer, const struct provcard_log_entry *entry, const struct provpkg_record *record)
{
	struct provpkg_view attachment = { entry->attachment, entry->attachment_size };
	struct json_object *json = record_to_json(record);
	int code = 0;

	json_add_base64(json, "record", (struct provpkg_view){ entry->record, entry->record_size });
	if (record->has_unit && attachment.size)
		code = add_unit_attachment(json, attachment);
	else if (attachment.size)
		json_add_base64(json, "attachment", attachment);
	if (!code)
		return write_line(writer, json);
	json_object_put(json);
	return code;
}

int record_writer_run(struct record_writer *writer, uint64_t first, uint64_t count, const uint8_t (*hash)[PROVPKG_HASH_SIZE], size_t roots)
{
	struct json_object *json = json_object_new_object();

	json_add_number(json, "from", first);
	json_add_number(json, "count", count);
	json_add_hashes(json, "subtrees", hash, roots);
	return write_line(writer, json);
}

int record_writer_finish(struct record_writer *writer, int code)
{
	bool lost = writer->stream && ferror(writer->stream);

	errno = 0;
	if (writer->stream && (fclose(writer->stream) || lost) && !code)
		code = report_errno(writer->file.path, errno ? -errno : -EIO);
	if (!code)
		code = file_finish(&writer->file, true);
	else
		file_abandon(&writer->file);
	free(writer);
	return code;
}

/* ---- Reading ---- */

struct record_reader {
	char *path;
	FILE *stream;
	char *text;
	struct json_tokener *tokener;
	struct json_object *heading;
	uint64_t line;
	uint64_t next; /* entry that comes next */
};

static int refuse(const struct record_reader *reader, int result)
{
	char where[32];

	snprintf(where, sizeof(where), "line %" PRIu64, reader->line);
	return report_provpkg(reader->path, result, where);
}

/* The next line as an object; NULL behind the last. A line that was cut off is none. */
static int read_object(struct record_reader *reader, struct json_object **object)
{
	size_t length;

	*object = NULL;
	reader->line++;
	if (!fgets(reader->text, LINE_SIZE, reader->stream))
		return ferror(reader->stream) ? report_errno(reader->path, -EIO) : 0;
	length = strlen(reader->text);
	if (!length || reader->text[length - 1] != '\n')
		return refuse(reader, PROVCARD_REFUSAL_DELIVERY_FORM);
	json_tokener_reset(reader->tokener);
	*object = json_tokener_parse_ex(reader->tokener, reader->text, (int)length);
	if (json_object_is_type(*object, json_type_object) && json_tokener_get_parse_end(reader->tokener) + 1 >= length)
		return 0;
	json_object_put(*object);
	*object = NULL;
	return refuse(reader, PROVCARD_REFUSAL_DELIVERY_FORM);
}

int record_reader_open(const char *path, struct record_reader **reader)
{
	struct record_reader *opened = calloc(1, sizeof(*opened));
	uint64_t version;
	int code;

	if (!opened)
		return report_errno(path, -ENOMEM);
	opened->path = strdup(path);
	opened->text = malloc(LINE_SIZE);
	opened->tokener = json_tokener_new();
	if (opened->path && opened->text && opened->tokener)
		code = file_open(path, &opened->stream);
	else
		code = report_errno(path, -ENOMEM);
	if (!code)
		code = read_object(opened, &opened->heading);
	if (!code && (!json_number_of(opened->heading, "schema_version", &version) || version != RECORD_FILE_VERSION))
		code = refuse(opened, PROVCARD_REFUSAL_DELIVERY_FORM);
	if (code)
		record_reader_close(opened);
	else
		*reader = opened;
	return code;
}

struct json_object *record_reader_heading(const struct record_reader *reader)
{
	return reader->heading;
}

uint64_t record_reader_line(const struct record_reader *reader)
{
	return reader->line;
}

void record_reader_close(struct record_reader *reader)
{
	if (!reader)
		return;
	json_object_put(reader->heading);
	json_tokener_free(reader->tokener);
	if (reader->stream)
		fclose(reader->stream);
	free(reader->text);
	free(reader->path);
	free(reader);
}

void record_line_clear(struct record_line *line)
{
	provpkg_blob_free(&line->der);
	provpkg_blob_free(&line->attachment);
	line->parts = (struct provpkg_attachment){ 0 };
	line->kind = RECORD_LINE_NONE;
}

static int take_run(struct record_reader *reader, struct json_object *object, struct record_line *line)
{
	uint64_t from;

	if (!json_number_of(object, "from", &from) || !json_number_of(object, "count", &line->count) || from != reader->next ||
	    !json_hashes_of(object, "subtrees", line->hash, PROVPKG_RUN_MAX, &line->roots))
		return PROVCARD_REFUSAL_RUN_MALFORMED;
	line->kind = RECORD_LINE_RUN;
	reader->next += line->count;
	return 0;
}

static bool has(struct json_object *object, const char *key)
{
	return json_object_object_get_ex(object, key, NULL);
}

/* Members of the line, one behind the other, are the attachment. */
static int take_attachment(struct json_object *object, struct record_line *line)
{
	static const char *const names[] = { "certificate", "sealed_secrets", "attachment" };
	struct provpkg_blob part = { 0 };
	uint8_t *bigger;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!has(object, names[i]))
			continue;
		if (!json_base64_of(object, names[i], &part)) {
			provpkg_blob_free(&part);
			return PROVCARD_REFUSAL_DELIVERY_FORM;
		}
		bigger = OPENSSL_realloc(line->attachment.data, line->attachment.size + part.size);
		if (bigger) {
			memcpy(bigger + line->attachment.size, part.data, part.size);
			line->attachment = (struct provpkg_blob){ bigger, line->attachment.size + part.size };
		}
		provpkg_blob_free(&part);
		if (!bigger)
			return -ENOMEM;
	}
	return 0;
}

static int take_record(struct record_reader *reader, struct json_object *object, struct record_line *line)
{
	int result = json_base64_of(object, "record", &line->der) ? 0 : PROVCARD_REFUSAL_DELIVERY_FORM;

	if (!result)
		result = take_attachment(object, line);
	if (!result)
		result = provpkg_record_decode(provpkg_blob_view(&line->der), &line->record);
	/* One that is of another form is not what the record names: the verifier finds that, too. */
	if (!result && line->record.has_unit && line->attachment.size &&
	    provpkg_attachment_split(provpkg_blob_view(&line->attachment), false, &line->parts))
		line->parts = (struct provpkg_attachment){ 0 };
	/* Where it stands is for the verifier to judge. */
	line->kind = RECORD_LINE_RECORD;
	reader->next++;
	return result;
}

int record_reader_next(struct record_reader *reader, struct record_line *line)
{
	struct json_object *object;
	int code, result = 0;

	record_line_clear(line);
	code = read_object(reader, &object);
	if (code || !object)
		return code;
	result = has(object, "record") ? take_record(reader, object, line) : take_run(reader, object, line);
	json_object_put(object);
	return result ? refuse(reader, result) : 0;
}

/* ---- What is in JSON ---- */

struct json_object *json_parse(const char *text, size_t size)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object = tokener ? json_tokener_parse_ex(tokener, text, (int)size) : NULL;
	bool whole = object && json_object_is_type(object, json_type_object) &&
		     strspn(text + json_tokener_get_parse_end(tokener), " \t\r\n") == size - json_tokener_get_parse_end(tokener);

	json_tokener_free(tokener);
	if (whole)
		return object;
	json_object_put(object);
	return NULL;
}

const char *json_text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_string) ?
		       json_object_get_string(value) :
		       NULL;
}

bool json_number_of(struct json_object *object, const char *key, uint64_t *number)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < 0)
		return false;
	*number = json_object_get_uint64(value);
	return true;
}

/* The decoder passes over spaces, padding in odd places and bits that say nothing: what was decoded must give the text again. */
static bool is_canonical(const char *text, size_t length, const struct provpkg_blob *blob)
{
	char *again = malloc(length + 1);
	bool same = again && (size_t)EVP_EncodeBlock((unsigned char *)again, blob->data, (int)blob->size) == length &&
		    !memcmp(again, text, length);

	free(again);
	return same;
}

bool json_base64(struct json_object *value, struct provpkg_blob *blob)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	size_t length = strlen(text);
	size_t padding = length > 1 ? (text[length - 1] == '=') + (text[length - 2] == '=') : 0;
	int size;

	if (!length || length % 4)
		return false;
	blob->data = OPENSSL_malloc(length / 4 * 3);
	size = blob->data ? EVP_DecodeBlock(blob->data, (const unsigned char *)text, (int)length) : -1;
	blob->size = size < (int)padding ? 0 : (size_t)size - padding;
	return blob->size && is_canonical(text, length, blob);
}

bool json_base64_of(struct json_object *object, const char *key, struct provpkg_blob *blob)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_base64(value, blob);
}

bool json_hashes_of(struct json_object *object, const char *key, uint8_t (*hash)[PROVPKG_HASH_SIZE], size_t room, size_t *count)
{
	struct json_object *list;

	if (!json_object_object_get_ex(object, key, &list) || !json_object_is_type(list, json_type_array) ||
	    json_object_array_length(list) > room)
		return false;
	*count = json_object_array_length(list);
	for (size_t i = 0; i < *count; i++) {
		struct json_object *text = json_object_array_get_idx(list, i);

		if (!json_object_is_type(text, json_type_string) || !from_hex(json_object_get_string(text), hash[i], PROVPKG_HASH_SIZE))
			return false;
	}
	return true;
}

void json_add_hashes(struct json_object *object, const char *key, const uint8_t (*hash)[PROVPKG_HASH_SIZE], size_t count)
{
	struct json_object *list = json_object_new_array();
	char text[HEX_SIZE(PROVPKG_HASH_SIZE)];

	for (size_t i = 0; i < count; i++)
		json_object_array_add(list, json_object_new_string(to_hex(text, hash[i], PROVPKG_HASH_SIZE)));
	json_object_object_add(object, key, list);
}

void json_add_base64(struct json_object *object, const char *key, struct provpkg_view data)
{
	char *text = malloc(4 * ((data.size + 2) / 3) + 1);

	if (!text)
		return;
	EVP_EncodeBlock((unsigned char *)text, data.data, (int)data.size);
	json_add_text(object, key, text);
	free(text);
}

const char *json_line(struct json_object *object)
{
	return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}
