// SPDX-License-Identifier: GPL-2.0-or-later
#include "secrets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "files.h"
#include "keys.h"
#include "record_file.h"

#define KEYS_MAX 2
#define COPY_SIZE 65536

struct opener {
	EVP_PKEY *key[KEYS_MAX];
	size_t keys;
	bool opened; /* the job's escrow key is known */
	uint8_t *escrow_key; /* secure heap */
	FILE *file;
	uint64_t units; /* good ones, written */
	struct json_object *scrap; /* likewise, of the scrapped, until all good ones are written */
};

static int load_keys(const struct options *options, struct opener *opener)
{
	size_t count = option_count(options, "key");
	int code = 0;

	if (count > KEYS_MAX)
		return report_usage(command_find("secrets"), "--key is given more than %d times", KEYS_MAX);
	for (; opener->keys < count && !code; opener->keys += !code)
		code = key_load(option_at(options, "key", opener->keys), &opener->key[opener->keys]);
	opener->escrow_key = OPENSSL_secure_malloc(PROVPKG_KEY_SIZE);
	return code || opener->escrow_key ? code : report_errno("secrets", -ENOMEM);
}

static int take_escrow(void *taker, const struct provpkg_end_certificate *end, struct provpkg_view envelope)
{
	const struct provpkg_escrow_job job = { end->card_id, end->package_id };
	struct opener *opener = taker;
	int result = provpkg_escrow_open(envelope, &job, opener->key, opener->keys, opener->escrow_key);

	opener->opened = !result;
	return result ? report_provpkg(DELIVERY_RECORDS, result, NULL) : 0;
}

static struct json_object *to_json(const struct provpkg_secrets *secrets)
{
	struct json_object *json = json_object_new_object();

	for (size_t i = 0; i < secrets->count; i++)
		json_add_hex(json, secrets->secret[i].name, secrets->secret[i].value, secrets->secret[i].size);
	return json;
}

static void write_good(struct opener *opener, const char *uid, struct json_object *json)
{
	fprintf(opener->file, "%s\n    \"%s\": %s", opener->units++ ? "," : "", uid, json_line(json));
	json_object_put(json);
}

static int take(void *taker, const struct delivery_unit *unit)
{
	bool good = unit->record->event == PROVPKG_EVENT_UNIT_GOOD;
	struct provpkg_view uid = { unit->record->uid, unit->record->uid_size };
	char name[HEX_SIZE(PROVPKG_UID_MAX)];
	struct provpkg_secrets secrets = { 0 };
	struct opener *opener = taker;
	int result;

	if (!unit->sealed.size || (!good && unit->record->event != PROVPKG_EVENT_UNIT_SCRAP))
		return 0;
	if (!opener->opened)
		return report_input(DELIVERY_RECORDS, PROVCARD_REFUSAL_SEALED_SECRETS, "the job's escrow envelope does not stand before its units");
	to_hex(name, uid.data, uid.size);
	result = provpkg_secrets_open(opener->escrow_key, uid, unit->sealed, &secrets);
	if (!result && good)
		write_good(opener, name, to_json(&secrets));
	else if (!result)
		json_object_object_add(opener->scrap, name, to_json(&secrets));
	OPENSSL_cleanse(&secrets, sizeof(secrets));
	return result ? report_provpkg(name, result, NULL) : 0;
}

/* Everything into opener->file, which nobody reads before this has ended well. */
static int write_all(struct context *context, struct opener *opener, struct delivery_check *check)
{
	int code;

	fprintf(opener->file, "{\n  \"schema_version\": %d,\n  \"units\": {", OUTPUT_SCHEMA_VERSION);
	code = delivery_verify(context, check);
	fprintf(opener->file, "\n  },\n  \"scrap\": %s\n}\n", json_line(opener->scrap));
	errno = 0;
	if ((fflush(opener->file) || ferror(opener->file)) && !code)
		code = report_errno("secrets", errno ? -errno : -EIO);
	if (!code && !opener->opened)
		code = report_input(DELIVERY_RECORDS, PROVCARD_REFUSAL_SEALED_SECRETS, "this job returns no secrets");
	return code;
}

static int write_file(struct context *context, struct opener *opener, struct delivery_check *check, const char *path)
{
	struct new_file file = { .fd = -1 };
	int code = file_begin(&file, path, 0600);

	if (code)
		return code;
	opener->file = fdopen(dup(file.fd), "w");
	code = opener->file ? write_all(context, opener, check) : report_errno(path, -errno);
	if (opener->file && fclose(opener->file) && !code)
		code = report_errno(path, -EIO);
	if (!code)
		return file_finish(&file, true);
	file_abandon(&file);
	return code;
}

/* By way of a file without a name, so that nothing is printed of a hand-over that is not right to its end. */
static int print(struct context *context, struct opener *opener, struct delivery_check *check)
{
	char *piece = malloc(COPY_SIZE);
	size_t size;
	int code = piece ? 0 : report_errno("secrets", -ENOMEM);

	opener->file = code ? NULL : tmpfile();
	if (!code)
		code = opener->file ? write_all(context, opener, check) : report_errno("temporary file", -errno);
	if (!code)
		rewind(opener->file);
	while (!code && (size = fread(piece, 1, COPY_SIZE, opener->file)) > 0)
		if (fwrite(piece, 1, size, stdout) != size)
			code = report_errno("standard output", -errno);
	if (opener->file)
		fclose(opener->file);
	if (piece)
		OPENSSL_cleanse(piece, COPY_SIZE);
	free(piece);
	return code;
}

int secrets_write(struct context *context, const struct options *options, struct delivery_check *check)
{
	const char *path = option_text(options, "output");
	struct opener opener = { .scrap = json_object_new_object() };
	int code = load_keys(options, &opener);

	check->take = take;
	check->take_escrow = take_escrow;
	check->taker = &opener;
	check->silent = !path;
	if (!code)
		code = path ? write_file(context, &opener, check, path) : print(context, &opener, check);
	if (!code && path)
		output_done(&context->output, "secrets of %" PRIu64 " devices written to %s", opener.units, path);
	for (size_t i = 0; i < KEYS_MAX; i++)
		EVP_PKEY_free(opener.key[i]);
	OPENSSL_secure_clear_free(opener.escrow_key, PROVPKG_KEY_SIZE);
	json_object_put(opener.scrap);
	return code;
}
