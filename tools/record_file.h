/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of log entries, JSON Lines: a heading, then line after line without a gap the entries of a log, each a record or a run of
 * records that are not shown. Both sides hold one line at a time. Functions return 0 or the exit code, after a message.
 */
#ifndef TOOL_RECORD_FILE_H
#define TOOL_RECORD_FILE_H

#include <json-c/json.h>
#include <provcard.h>
#include <provpkg.h>

#define RECORD_FILE_VERSION 2

/* ---- Writing ---- */

struct record_writer;

/* @heading's members are put behind schema_version; it is released. */
int record_writer_begin(const char *path, struct json_object *heading, struct record_writer **writer);
int record_writer_record(struct record_writer *writer, const struct provcard_log_entry *entry, const struct provpkg_record *record);
int record_writer_run(struct record_writer *writer, uint64_t first, uint64_t count, const uint8_t (*hash)[PROVPKG_HASH_SIZE], size_t roots);
/* Frees it. The file gets its name when @code is 0 and all was written; gives @code, or what went wrong. */
int record_writer_finish(struct record_writer *writer, int code);

/* ---- Reading ---- */

enum record_line_kind {
	RECORD_LINE_NONE, /* behind the last */
	RECORD_LINE_RECORD,
	RECORD_LINE_RUN,
};

struct record_line {
	enum record_line_kind kind;
	struct provpkg_record record; /* only the signed bytes count; what else the line says is for people */
	struct provpkg_blob der;
	struct provpkg_blob attachment;
	struct provpkg_attachment parts; /* of a unit's attachment, within it */
	uint64_t count; /* of a run */
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	size_t roots;
};

void record_line_clear(struct record_line *line);

struct record_reader;

int record_reader_open(const char *path, struct record_reader **reader);
/* Still the reader's; JSON of whoever wrote the file. */
struct json_object *record_reader_heading(const struct record_reader *reader);
uint64_t record_reader_line(const struct record_reader *reader); /* number of the last one read, the heading is 1 */
/* @line is cleared before; clear it after the last. DELIVERY_FORM, RUN_MALFORMED, STATEMENT_DER. */
int record_reader_next(struct record_reader *reader, struct record_line *line);
void record_reader_close(struct record_reader *reader);

/* ---- What is in JSON ---- */

/* A member that is text, or NULL. */
const char *json_text_of(struct json_object *object, const char *key);
/* A member that is a number from 0 on. */
bool json_number_of(struct json_object *object, const char *key, uint64_t *number);
/* Exactly one object, of not more than 32 levels, and white space; NULL otherwise. */
struct json_object *json_parse(const char *text, size_t size);
/* Canonical base64 of at least a byte; free the blob. */
bool json_base64(struct json_object *value, struct provpkg_blob *blob);
bool json_base64_of(struct json_object *object, const char *key, struct provpkg_blob *blob);
/* A list of hashes in hexadecimal, at most @room. */
bool json_hashes_of(struct json_object *object, const char *key, uint8_t (*hash)[PROVPKG_HASH_SIZE], size_t room, size_t *count);
void json_add_hashes(struct json_object *object, const char *key, const uint8_t (*hash)[PROVPKG_HASH_SIZE], size_t count);
void json_add_base64(struct json_object *object, const char *key, struct provpkg_view data);
/* One line of text without its end. */
const char *json_line(struct json_object *object);

#endif
