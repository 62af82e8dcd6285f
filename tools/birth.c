// SPDX-License-Identifier: GPL-2.0-or-later
#include "birth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "files.h"
#include "keys.h"
#include "record_file.h"
#include "scratch.h"

#define FILE_MAX (1u << 20)

/* ---- Making them ---- */

/* What all devices of a hand-over share, and the tree that the proofs are made of. */
struct nursery {
	const char *folder;
	const char *path; /* of the file, or the folder */
	const char *uid; /* NULL: of every good one */
	struct provpkg_blob card; /* PEM */
	struct provpkg_blob note;
	STACK_OF(X509) *chain;
	struct scratch *nodes;
	struct provpkg_tree log;
	uint64_t made;
};

static int read_inside(const struct nursery *nursery, const char *name, struct provpkg_blob *blob)
{
	char *path = path_join(nursery->folder, name);
	int code = path ? file_read(path, FILE_MAX, blob) : report_errno(name, -ENOMEM);

	free(path);
	return code;
}

static int load_shared(struct nursery *nursery)
{
	char *path = path_join(nursery->folder, DELIVERY_CA);
	int code = path ? read_inside(nursery, DELIVERY_CARD, &nursery->card) : report_errno(DELIVERY_CA, -ENOMEM);

	if (!code)
		code = read_inside(nursery, DELIVERY_CHECKPOINT, &nursery->note);
	if (!code && !access(path, F_OK))
		code = certificates_load(path, &nursery->chain);
	free(path);
	return code;
}

/* Every line of the records. @take returns 0, or the exit code after a message. */
static int each_line(struct nursery *nursery, int (*take)(struct nursery *nursery, const struct record_line *line))
{
	char *path = path_join(nursery->folder, DELIVERY_RECORDS);
	struct record_reader *reader = NULL;
	struct record_line line = { 0 };
	int code = path ? record_reader_open(path, &reader) : report_errno(DELIVERY_RECORDS, -ENOMEM);

	if (!code)
		code = record_reader_next(reader, &line);
	while (!code && line.kind != RECORD_LINE_NONE) {
		code = take(nursery, &line);
		if (!code)
			code = record_reader_next(reader, &line);
	}
	record_line_clear(&line);
	record_reader_close(reader);
	free(path);
	return code;
}

static int put(struct nursery *nursery, const struct record_line *line)
{
	struct provpkg_tree *log = &nursery->log;
	uint64_t end = log->size + line->count;
	uint8_t leaf[PROVPKG_HASH_SIZE];
	int result;

	if (line->kind == RECORD_LINE_RECORD) {
		result = provpkg_merkle_leaf(provpkg_blob_view(&line->der), leaf);
		return result ? result : provpkg_tree_put(log, 0, leaf, scratch_keep, nursery->nodes);
	}
	for (size_t i = 0; i < line->roots; i++) {
		if (log->size >= end)
			return PROVCARD_REFUSAL_RUN_MALFORMED;
		result = provpkg_tree_put(log, provpkg_run_level(log->size, end - log->size), line->hash[i], scratch_keep, nursery->nodes);
		if (result)
			return result;
	}
	return 0;
}

/* Every node of the tree that can be known goes to the scratch file. */
static int grow(struct nursery *nursery, const struct record_line *line)
{
	int result = put(nursery, line);

	return result ? report_provpkg(DELIVERY_RECORDS, result, NULL) : 0;
}

static void add_chain(struct json_object *json, STACK_OF(X509) *chain)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < sk_X509_num(chain); i++) {
		unsigned char *der = NULL;
		int size = i2d_X509(sk_X509_value(chain, i), &der);
		struct json_object *entry = json_object_new_object();

		if (size > 0)
			json_add_base64(entry, "der", (struct provpkg_view){ der, (size_t)size });
		json_object_array_add(list, json_object_get(json_object_object_get(entry, "der")));
		json_object_put(entry);
		OPENSSL_free(der);
	}
	json_object_object_add(json, "issuer_chain", list);
}

static int add_inclusion(struct nursery *nursery, struct json_object *json, uint64_t index)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	size_t count;
	int result = provpkg_inclusion_proof(scratch_give, nursery->nodes, index, nursery->log.size, proof, &count);

	if (!result)
		json_add_hashes(json, "inclusion", (const uint8_t(*)[PROVPKG_HASH_SIZE])proof, count);
	return result;
}

static struct json_object *text_of(const struct provpkg_blob *blob)
{
	return json_object_new_string_len((const char *)blob->data, (int)blob->size);
}

static struct json_object *describe(const struct nursery *nursery, const struct record_line *line)
{
	struct json_object *json = json_object_new_object();

	json_add_number(json, "schema_version", BIRTH_VERSION);
	json_add_hex(json, "uid", line->record.uid, line->record.uid_size);
	json_add_hex(json, "job", line->record.package_id, sizeof(line->record.package_id));
	json_add_time(json, "time", line->record.time);
	json_add_base64(json, "record", provpkg_blob_view(&line->der));
	if (line->parts.first.size)
		json_add_base64(json, "certificate", line->parts.first);
	if (line->parts.sealed.size)
		json_add_base64(json, "sealed_secrets", line->parts.sealed);
	if (nursery->chain)
		add_chain(json, nursery->chain);
	json_object_object_add(json, "checkpoint", text_of(&nursery->note));
	json_object_object_add(json, "card_certificates", text_of(&nursery->card));
	return json;
}

static int write_birth(const struct nursery *nursery, const char *uid, struct json_object *json)
{
	const char *text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	char name[HEX_SIZE(PROVPKG_UID_MAX) + 5], *path;
	int code;

	if (nursery->uid)
		return file_write(nursery->path, text, strlen(text), 0666);
	snprintf(name, sizeof(name), "%s.json", uid);
	path = path_join(nursery->path, name);
	code = path ? file_write_plain(path, text, strlen(text)) : report_errno(name, -ENOMEM);
	free(path);
	return code;
}

static int make(struct nursery *nursery, const struct record_line *line)
{
	char uid[HEX_SIZE(PROVPKG_UID_MAX)];
	struct json_object *json;
	int result, code;

	if (line->kind != RECORD_LINE_RECORD || line->record.event != PROVPKG_EVENT_UNIT_GOOD)
		return 0;
	to_hex(uid, line->record.uid, line->record.uid_size);
	if (nursery->uid && strcasecmp(uid, nursery->uid))
		return 0;
	json = describe(nursery, line);
	result = add_inclusion(nursery, json, line->record.index);
	code = result ? report_provpkg(uid, result, NULL) : write_birth(nursery, uid, json);
	json_object_put(json);
	nursery->made += !code;
	return code;
}

int birth_export(struct context *context, const char *folder, const char *uid, const char *path)
{
	struct nursery nursery = { .folder = folder, .path = path, .uid = uid };
	struct new_folder all = { 0 };
	int code = uid ? 0 : folder_begin(&all, path);

	if (!code && !uid)
		nursery.path = all.temporary;
	if (!code)
		code = load_shared(&nursery);
	if (!code)
		code = scratch_open(&nursery.nodes);
	if (!code)
		code = each_line(&nursery, grow);
	if (!code)
		code = each_line(&nursery, make);
	if (!code && uid && !nursery.made)
		code = report_input(uid, PROVCARD_REFUSAL_RECORD_MISSING, "no good unit has this UID");
	if (!code && !uid)
		code = folder_finish(&all);
	folder_abandon(&all);
	scratch_close(nursery.nodes);
	certificates_free(nursery.chain);
	provpkg_blob_free(&nursery.note);
	provpkg_blob_free(&nursery.card);
	if (!code)
		output_done(&context->output, "%llu birth bundles written to %s", (unsigned long long)nursery.made, path);
	return code;
}
