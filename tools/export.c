// SPDX-License-Identifier: GPL-2.0-or-later
#include "export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "birth.h"
#include "files.h"
#include "keys.h"

/* What the forms say of a unit. */
struct unit_text {
	char uid[HEX_SIZE(PROVPKG_UID_MAX)];
	char serial[HEX_SIZE(32)];
	char sha256[HEX_SIZE(PROVPKG_HASH_SIZE)];
	char not_before[32];
	char time[32];
	const char *state;
	const char *code; /* "" for none */
};

static const char *state_of(enum provpkg_event event)
{
	if (event == PROVPKG_EVENT_UNIT_GOOD)
		return "good";
	return event == PROVPKG_EVENT_UNIT_SCRAP ? "scrap" : "refused";
}

static int describe_certificate(const struct delivery_unit *unit, struct unit_text *text)
{
	uint8_t serial[32];
	X509 *certificate = NULL;
	const ASN1_INTEGER *number;
	struct tm begin;
	int result = provpkg_der_certificate(unit->certificate, &certificate);

	if (result)
		return report_provpkg(text->uid, result, NULL);
	number = X509_get0_serialNumber(certificate);
	if (ASN1_STRING_length(number) <= (int)sizeof(serial)) {
		memcpy(serial, ASN1_STRING_get0_data(number), ASN1_STRING_length(number));
		to_hex(text->serial, serial, ASN1_STRING_length(number));
	}
	if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &begin) == 1)
		to_time(text->not_before, timegm(&begin));
	to_hex(text->sha256, unit->record->certificate_digest, PROVPKG_HASH_SIZE);
	X509_free(certificate);
	return 0;
}

static int describe(const struct delivery_unit *unit, struct unit_text *text)
{
	const struct provcard_refusal_info *info = provcard_refusal_find(unit->record->code);

	*text = (struct unit_text){ .state = state_of(unit->record->event), .code = info ? info->name : "" };
	to_hex(text->uid, unit->record->uid, unit->record->uid_size);
	to_time(text->time, unit->record->time);
	if (unit->record->code && !info)
		text->code = "UNKNOWN";
	return unit->certificate.size ? describe_certificate(unit, text) : 0;
}

static int export_csv(struct exporter *exporter, const struct delivery_unit *unit)
{
	struct unit_text text;
	int code = describe(unit, &text);

	if (code)
		return code;
	if (!exporter->units)
		fprintf(exporter->file, "uid,serial,not_before,sha256,state,code,time\r\n");
	fprintf(exporter->file, "%s,%s,%s,%s,%s,%s,%s\r\n", text.uid, text.serial, text.not_before, text.sha256, text.state, text.code,
		text.time);
	exporter->units++;
	return 0;
}

static void add_unless_empty(struct json_object *json, const char *key, const char *text)
{
	if (*text)
		json_add_text(json, key, text);
}

static int export_json(struct exporter *exporter, const struct delivery_unit *unit)
{
	struct json_object *json;
	char hex[HEX_SIZE(PROVPKG_ID_SIZE)], *der;
	struct unit_text text;
	int code = describe(unit, &text);

	if (code)
		return code;
	json = json_object_new_object();
	json_add_text(json, "uid", text.uid);
	json_add_text(json, "state", text.state);
	json_add_text(json, "time", text.time);
	add_unless_empty(json, "code", text.code);
	add_unless_empty(json, "serial", text.serial);
	add_unless_empty(json, "not_before", text.not_before);
	add_unless_empty(json, "certificate_sha256", text.sha256);
	der = unit->certificate.size ? base64_text(unit->certificate.data, unit->certificate.size) : NULL;
	if (der)
		json_add_text(json, "certificate", der);
	free(der);
	if (!exporter->units)
		fprintf(exporter->file, "{\"schema_version\":%d,\"job\":\"%s\",\"units\":[", OUTPUT_SCHEMA_VERSION,
			to_hex(hex, unit->end->package_id, PROVPKG_ID_SIZE));
	fprintf(exporter->file, "%s\n  %s", exporter->units++ ? "," : "",
		json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
	return 0;
}

static int export_pem(struct exporter *exporter, const struct delivery_unit *unit)
{
	X509 *certificate;
	int result;

	if (unit->record->event != PROVPKG_EVENT_UNIT_GOOD || !unit->certificate.size)
		return 0;
	if (!exporter->chain)
		exporter->chain = X509_chain_up_ref(unit->chain);
	result = provpkg_der_certificate(unit->certificate, &certificate);
	if (result)
		return report_provpkg("export", result, NULL);
	PEM_write_X509(exporter->file, certificate);
	X509_free(certificate);
	exporter->units++;
	return 0;
}

/* A file for each good device, as stock tools take them: who trusts them all comes to trust no part in the scrap bin. */
static int export_certs(struct exporter *exporter, const struct delivery_unit *unit)
{
	char name[HEX_SIZE(PROVPKG_UID_MAX) + 4], hex[HEX_SIZE(PROVPKG_UID_MAX)], *path;
	struct provpkg_blob pem = { 0 };
	X509 *certificate = NULL;
	int result, code;

	if (unit->record->event != PROVPKG_EVENT_UNIT_GOOD || !unit->certificate.size)
		return 0;
	snprintf(name, sizeof(name), "%s.pem", to_hex(hex, unit->record->uid, unit->record->uid_size));
	path = path_join(exporter->folder, name);
	result = path ? provpkg_der_certificate(unit->certificate, &certificate) : -ENOMEM;
	if (!result)
		result = provpkg_pem_append(&pem, certificate);
	code = result ? report_provpkg(name, result, NULL) : file_write_plain(path, pem.data, pem.size);
	provpkg_blob_free(&pem);
	X509_free(certificate);
	free(path);
	exporter->units++;
	return code;
}

static void end_json(struct exporter *exporter)
{
	if (!exporter->units)
		fprintf(exporter->file, "{\"schema_version\":%d,\"units\":[", OUTPUT_SCHEMA_VERSION);
	fprintf(exporter->file, "\n]}\n");
}

static void end_pem(struct exporter *exporter)
{
	for (int i = 0; exporter->chain && i < sk_X509_num(exporter->chain); i++)
		PEM_write_X509(exporter->file, sk_X509_value(exporter->chain, i));
}

static void end_csv(struct exporter *exporter)
{
	if (!exporter->units)
		fprintf(exporter->file, "uid,serial,not_before,sha256,state,code,time\r\n");
}

static void end_jws(struct exporter *exporter)
{
	fprintf(exporter->file, exporter->units ? "\n]\n" : "[]\n");
}

static const struct form {
	const char *name;
	int (*unit)(struct exporter *exporter, const struct delivery_unit *unit);
	void (*end)(struct exporter *exporter); /* NULL: a folder */
} forms[] = {
	{ "pem", export_pem, end_pem },
	{ "csv", export_csv, end_csv },
	{ "json", export_json, end_json },
	{ "jws", export_jws, end_jws },
	{ "certs", export_certs, NULL },
};

char *base64_text(const void *data, size_t size)
{
	char *text = malloc(4 * ((size + 2) / 3) + 1);

	if (text)
		EVP_EncodeBlock((unsigned char *)text, data, (int)size);
	return text;
}

char *base64_url(const void *data, size_t size)
{
	char *text = base64_text(data, size);

	for (char *at = text; at && *at; at++)
		*at = *at == '+' ? '-' : *at == '/' ? '_' : *at == '=' ? '\0' : *at;
	return text;
}

struct taker {
	struct exporter exporter;
	const struct form *form;
};

static int take(void *context, const struct delivery_unit *unit)
{
	struct taker *taker = context;

	return taker->form->unit(&taker->exporter, unit);
}

/* The file gets its name when the whole hand-over was right. */
static int write_file(struct context *context, struct taker *taker, struct delivery_check *check, const char *path)
{
	struct new_file file = { .fd = -1 };
	int code = file_begin(&file, path, 0666);

	if (code)
		return code;
	taker->exporter.file = fdopen(dup(file.fd), "w");
	if (!taker->exporter.file) {
		code = report_errno(path, -errno);
	} else {
		code = delivery_verify(context, check);
		taker->form->end(&taker->exporter);
		if ((ferror(taker->exporter.file) | fclose(taker->exporter.file)) && !code)
			code = report_errno(path, -EIO);
	}
	if (!code)
		return file_finish(&file, true);
	file_abandon(&file);
	return code;
}

static int write_folder(struct context *context, struct taker *taker, struct delivery_check *check, const char *path)
{
	struct new_folder folder;
	int code = folder_begin(&folder, path);

	if (code)
		return code;
	taker->exporter.folder = folder.temporary;
	code = delivery_verify(context, check);
	if (!code)
		return folder_finish(&folder);
	folder_abandon(&folder);
	return code;
}

/* Made in passes of their own, once all has been checked. */
static int write_births(struct context *context, const struct options *options, struct delivery_check *check)
{
	const char *path = option_text(options, "output"), *uid = option_text(options, "uid");
	int code = delivery_verify(context, check);

	return code ? code : birth_export(context, check->folder, uid, path);
}

static int load_signer(const struct options *options, struct exporter *exporter)
{
	const char *key = option_text(options, "key"), *certificate = option_text(options, "cert");

	if (!key || !certificate)
		return report_usage(command_find("export"), "--as jws needs --key and --cert");
	return signer_load(key, certificate, &exporter->signer);
}

int export_write(struct context *context, const struct options *options, struct delivery_check *check)
{
	const char *name = option_text(options, "as"), *path = option_text(options, "output");
	struct taker taker = { .form = forms };
	int code = 0;

	if (!strcmp(name, "bundle"))
		return write_births(context, options, check);
	if (option_given(options, "uid"))
		return report_usage(command_find("export"), "--uid is for --as bundle");
	while (strcmp(taker.form->name, name))
		taker.form++;
	check->take = take;
	check->taker = &taker;
	if (taker.form->unit == export_jws)
		code = load_signer(options, &taker.exporter);
	if (!code)
		code = taker.form->end ? write_file(context, &taker, check, path) : write_folder(context, &taker, check, path);
	if (!code)
		output_done(&context->output, "%" PRIu64 " %s written to %s", taker.exporter.units,
			    taker.form->unit == export_csv || taker.form->unit == export_json ? "attempts" : "devices", path);
	signer_clear(&taker.exporter.signer);
	certificates_free(taker.exporter.chain);
	return code;
}
