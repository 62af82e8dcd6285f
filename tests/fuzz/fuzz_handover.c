// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The files that a card's owner hands over, as the tool reads them: record files, deliveries, logs, what a log is to continue, and
 * birth bundles. The papers of one small honest card are long, so an input has a byte for each where they belong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "tests/unit/maker.h"
#include "tools/birth.h"
#include "tools/log_file.h"
#include "tools/record_file.h"

enum { RECORDS, LOG, EARLIER, BIRTH, HANDOVER, KINDS };
enum { LOADED, ALLOCATED, GOOD, FOREIGN, CLOSED, LOG_SIZE };

#define CARD "\001" /* in an input: the card's certificates, as JSON has a text */
#define NOTE "\002" /* and its checkpoint */

static char folder[] = "/tmp/fuzz-handover-XXXXXX";
static struct maker maker;
static struct made_card made;
static struct provpkg_record record[LOG_SIZE];
static struct provpkg_blob der[LOG_SIZE];
static struct provpkg_nodes nodes;
static struct provpkg_checkpoint head = { .origin = "provcard/PC-0001", .size = LOG_SIZE };
static struct provpkg_blob note;
static char *card_text, *note_text;

/* ---- The card ---- */

static void write_file(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(name, "wb");

	FUZZ_MUST(file && fwrite(data, 1, size, file) == size && !fclose(file));
}

static struct provpkg_record *add(unsigned int index, enum provpkg_event event)
{
	struct provpkg_record *added = &record[index];

	*added = (struct provpkg_record){ .index = index, .event = event, .time = PKI_NOW, .has_job = event != PROVPKG_EVENT_BOOT };
	if (added->has_job)
		memset(added->package_id, 0x1d, sizeof(added->package_id));
	added->before.allocated = added->after.allocated = index > ALLOCATED ? 5 : 0;
	added->before.good = added->after.good = index > GOOD;
	return added;
}

static void make_log(void)
{
	struct provpkg_tree tree = { 0 };
	struct provpkg_record *unit;
	uint8_t leaf[PROVPKG_HASH_SIZE];

	add(LOADED, PROVPKG_EVENT_LOADED);
	add(ALLOCATED, PROVPKG_EVENT_ALLOCATED)->after.allocated = 5;
	unit = add(GOOD, PROVPKG_EVENT_UNIT_GOOD);
	unit->has_unit = true;
	unit->uid_size = 8;
	memset(unit->uid, 1, unit->uid_size);
	strcpy(unit->part, "nRF52840");
	unit->before.reserved = unit->after.good = 1;
	record[FOREIGN] = (struct provpkg_record){ .index = FOREIGN, .event = PROVPKG_EVENT_BOOT };
	add(CLOSED, PROVPKG_EVENT_CLOSED);
	for (size_t i = 0; i < LOG_SIZE; i++) {
		FUZZ_MUST(!i || EVP_Digest(der[i - 1].data, der[i - 1].size, record[i].previous, NULL, EVP_sha256(), NULL) == 1);
		FUZZ_MUST(!provpkg_record_encode(&record[i], &der[i]) && !provpkg_merkle_leaf(provpkg_blob_view(&der[i]), leaf));
		FUZZ_MUST(!provpkg_tree_put(&tree, 0, leaf, provpkg_nodes_keep, &nodes));
	}
	FUZZ_MUST(!provpkg_tree_root(&tree, head.root));
}

static void make_end(void)
{
	struct provpkg_end_certificate end = {
		.product = "sensor 3000",
		.oem = "Acme",
		.granted = 10,
		.granted_good = 8,
		.granted_scrap = 2,
		.good = 1,
		.unused = 9,
		.last_index = CLOSED,
		.records = LOG_SIZE - 1,
		.log_size = LOG_SIZE,
		.closed_at = PKI_NOW,
	};
	const struct provpkg_tree none = { 0 };
	struct provpkg_blob content = { 0 }, cms = { 0 };

	memcpy(end.card_id, made.card->card_id, sizeof(end.card_id));
	memcpy(end.package_id, record[CLOSED].package_id, sizeof(end.package_id));
	memcpy(end.log_root, head.root, sizeof(end.log_root));
	FUZZ_MUST(!provpkg_tree_root(&none, end.certificates_root) && !provpkg_end_certificate_encode(&end, &content));
	FUZZ_MUST(!provpkg_sign(PROVPKG_CONTENT_END_CERTIFICATE, provpkg_blob_view(&content), made.signers, 2, &cms));
	write_file(DELIVERY_END, cms.data, cms.size);
	provpkg_blob_free(&content);
	provpkg_blob_free(&cms);
}

/* A text with its quotes, as JSON has it. */
static char *escape(const struct provpkg_blob *text)
{
	struct json_object *json = json_object_new_string_len((const char *)text->data, (int)text->size);
	char *escaped = strdup(json_line(json));

	FUZZ_MUST(escaped);
	json_object_put(json);
	return escaped;
}

/* ---- An input ---- */

/* The input as a file @name, the papers in their places. */
static void write_input(const char *name, struct provpkg_view input)
{
	FILE *file = fopen(name, "wb");

	FUZZ_MUST(file);
	for (size_t i = 0; i < input.size; i++) {
		if (input.data[i] == *CARD)
			fputs(card_text, file);
		else if (input.data[i] == *NOTE)
			fputs(note_text, file);
		else
			fputc(input.data[i], file);
	}
	FUZZ_MUST(!fclose(file));
}

static void took_log(struct output *output, const struct log_report *report)
{
	(void)output;
	FUZZ_MUST(report->log_size == LOG_SIZE && report->from <= LOG_SIZE);
	fuzz_accepted();
}

static void took_birth(struct output *output, const struct birth_report *report)
{
	(void)output;
	/* The card has made one unit, and signed for no other log. */
	FUZZ_MUST(report->record->index == GOOD && report->log_size == LOG_SIZE && !report->certified);
	fuzz_accepted();
}

static void took_delivery(struct output *output, const struct delivery_report *report)
{
	(void)output;
	FUZZ_MUST(report->verified && report->records == LOG_SIZE - 1 && !report->certificates);
	fuzz_accepted();
}

static const struct print_ops silent = { .log = took_log, .birth = took_birth, .delivery = took_delivery };
static struct context context = { .output = { .ops = &silent } };

static void check_record(const struct record_line *line)
{
	const struct provpkg_blob *attachment = &line->attachment;
	struct provpkg_blob again = { 0 };

	FUZZ_MUST(!provpkg_record_encode(&line->record, &again) && again.size == line->der.size);
	FUZZ_MUST(!memcmp(again.data, line->der.data, again.size));
	FUZZ_MUST(line->parts.first.size <= attachment->size && line->parts.sealed.size <= attachment->size - line->parts.first.size);
	provpkg_blob_free(&again);
	fuzz_accepted();
}

static void read_records(void)
{
	struct record_line line = { 0 };
	struct record_reader *reader;
	int code;

	if (record_reader_open("input", &reader))
		return;
	while (!(code = record_reader_next(reader, &line)) && line.kind != RECORD_LINE_NONE) {
		if (line.kind == RECORD_LINE_RECORD)
			check_record(&line);
		FUZZ_MUST(line.roots <= PROVPKG_RUN_MAX);
	}
	record_line_clear(&line);
	record_reader_close(reader);
}

static void read_handover(void)
{
	const struct delivery_check check = { .folder = ".", .maker_ca = maker.anchors };

	FUZZ_MUST(!rename("input", DELIVERY_RECORDS));
	(void)!delivery_verify(&context, &check);
}

void fuzz_one(struct provpkg_view input)
{
	const struct delivery_check birth = { .maker_ca = maker.anchors };
	uint8_t kind = fuzz_u8(&input) % KINDS;
	const struct log_check log = {
		.path = kind == EARLIER ? "log" : "input",
		.after = kind == EARLIER ? "input" : "note",
		.maker_ca = maker.anchors,
	};

	write_input("input", input);
	if (kind == RECORDS)
		read_records();
	else if (kind == BIRTH)
		(void)!birth_verify(&context, "input", &birth);
	else if (kind == HANDOVER)
		read_handover();
	else
		(void)!log_file_verify(&context, &log, NULL);
}

/* ---- Seeds ---- */

static void put_text(struct fuzz_writer *out, const char *text)
{
	fuzz_put(out, text, strlen(text));
}

static void put_json(struct fuzz_writer *out, struct json_object *json)
{
	put_text(out, json_line(json));
	put_text(out, "\n");
	json_object_put(json);
}

static void put_record(struct fuzz_writer *out, size_t index)
{
	struct json_object *json = json_object_new_object();

	json_add_base64(json, "record", provpkg_blob_view(&der[index]));
	put_json(out, json);
}

static void put_run(struct fuzz_writer *out, uint64_t from, uint64_t count)
{
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	struct json_object *json = json_object_new_object();
	size_t roots;

	FUZZ_MUST(!provpkg_run(provpkg_nodes_give, &nodes, from, count, hash, &roots));
	json_add_number(json, "from", from);
	json_add_number(json, "count", count);
	json_add_hashes(json, "subtrees", (const uint8_t(*)[PROVPKG_HASH_SIZE])hash, roots);
	put_json(out, json);
}

static void put_log(struct fuzz_writer *out, uint64_t from)
{
	char heading[128];

	snprintf(heading, sizeof(heading), "{\"schema_version\":%d,\"from\":%llu,\"card_certificates\":" CARD ",\"checkpoint\":" NOTE "}\n",
		 RECORD_FILE_VERSION, (unsigned long long)from);
	put_text(out, heading);
	if (from)
		put_run(out, 0, from);
	for (uint64_t i = from; i < LOG_SIZE; i++)
		put_record(out, i);
}

/* Its entries that are the job's, and a run for the other. */
static void put_handover(struct fuzz_writer *out)
{
	char heading[64];

	snprintf(heading, sizeof(heading), "{\"schema_version\":%d}\n", RECORD_FILE_VERSION);
	put_text(out, heading);
	for (size_t i = 0; i < LOG_SIZE; i++) {
		if (i == FOREIGN)
			put_run(out, i, 1);
		else
			put_record(out, i);
	}
}

static void put_birth(struct fuzz_writer *out)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	struct json_object *json = json_object_new_object();
	const char *text;
	size_t count;

	FUZZ_MUST(!provpkg_inclusion_proof(provpkg_nodes_give, &nodes, GOOD, LOG_SIZE, proof, &count));
	json_add_number(json, "schema_version", BIRTH_VERSION);
	json_add_base64(json, "record", provpkg_blob_view(&der[GOOD]));
	json_add_hashes(json, "inclusion", (const uint8_t(*)[PROVPKG_HASH_SIZE])proof, count);
	text = json_line(json);
	fuzz_put(out, text, strlen(text) - 1);
	put_text(out, ",\"card_certificates\":" CARD ",\"checkpoint\":" NOTE "}\n");
	json_object_put(json);
}

static struct fuzz_writer *begin(uint8_t kind)
{
	static struct fuzz_writer out;

	out.size = 0;
	fuzz_put_u8(&out, kind);
	return &out;
}

static void finish(const char *name, const struct fuzz_writer *out)
{
	fuzz_seed(name, out->data, out->size);
}

void fuzz_seeds(void)
{
	struct fuzz_writer *out = begin(RECORDS);

	put_text(out, "{\"schema_version\":2}\n{\"from\":0,\"count\":3,\"subtrees\":[\"00\"]}\n");
	finish("run-malformed", out);
	out = begin(RECORDS);
	put_handover(out);
	finish("records", out);
	out = begin(LOG);
	put_log(out, 0);
	finish("log", out);
	out = begin(LOG);
	put_log(out, GOOD);
	finish("log-end", out);
	out = begin(EARLIER);
	put_text(out, "{\"schema_version\":2,\"checkpoint\":" NOTE "}\n");
	finish("earlier", out);
	out = begin(BIRTH);
	put_birth(out);
	finish("birth", out);
	out = begin(HANDOVER);
	put_handover(out);
	finish("handover", out);
}

/* ---- The world ---- */

static void clean(void)
{
	static const char *const names[] = { "input", "log", "note", DELIVERY_END, DELIVERY_RECORDS, DELIVERY_CARD, DELIVERY_CHECKPOINT };

	if (chdir(folder))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	rmdir(folder);
}

void fuzz_begin(void)
{
	struct fuzz_writer *out = begin(LOG);

	FUZZ_MUST(mkdtemp(folder) && !chdir(folder));
	atexit(clean);
	maker_new(&maker);
	made_card_new(&made, &maker, "PC-0001");
	make_log();
	FUZZ_MUST(!provpkg_checkpoint_sign(&head, made.signers, 2, &note));
	card_text = escape(&made.bundle);
	note_text = escape(&note);
	make_end();
	write_file(DELIVERY_CARD, made.bundle.data, made.bundle.size);
	write_file(DELIVERY_CHECKPOINT, note.data, note.size);
	write_file("note", note.data, note.size);
	put_log(out, 0);
	write_input("log", (struct provpkg_view){ out->data + 1, out->size - 1 });
}
