// SPDX-License-Identifier: GPL-2.0-or-later
/* Checking a birth bundle: from the card maker's anchors to the device's certificate, with nothing but the file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "birth.h"
#include "files.h"
#include "keys.h"
#include "record_file.h"

#define BIRTH_MAX (1u << 20)

struct birth_file {
	struct provpkg_birth birth;
	struct provpkg_blob record;
	struct provpkg_blob certificate;
	struct provpkg_blob sealed;
	struct provpkg_card *card;
	struct provpkg_record found;
};

static void birth_clear(struct birth_file *file)
{
	provpkg_blob_free(&file->record);
	provpkg_blob_free(&file->certificate);
	provpkg_blob_free(&file->sealed);
	certificates_free(file->birth.issuer_chain);
	provpkg_card_free(file->card);
}

static int read_chain(struct json_object *json, STACK_OF(X509) **chain)
{
	struct json_object *list;

	if (!json_object_object_get_ex(json, "issuer_chain", &list))
		return 0;
	*chain = sk_X509_new_null();
	if (!json_object_is_type(list, json_type_array) || !json_object_array_length(list) || json_object_array_length(list) > CHAIN_MAX)
		return PROVCARD_REFUSAL_DELIVERY_FORM;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct provpkg_blob der = { 0 };
		X509 *certificate = NULL;
		int result = json_base64(json_object_array_get_idx(list, i), &der) ? 0 : PROVCARD_REFUSAL_DELIVERY_FORM;

		if (!result)
			result = provpkg_der_certificate(provpkg_blob_view(&der), &certificate);
		provpkg_blob_free(&der);
		if (result)
			return result;
		if (!sk_X509_push(*chain, certificate)) {
			X509_free(certificate);
			return -ENOMEM;
		}
	}
	return 0;
}

/* The checkpoint is opened with the card's identities, whoever that is. */
static int read_card(struct json_object *json, struct birth_file *file)
{
	const char *pem = json_text_of(json, "card_certificates"), *note = json_text_of(json, "checkpoint");
	X509 *identities[2];
	int result;

	if (!pem || !note)
		return PROVCARD_REFUSAL_DELIVERY_FORM;
	result = provpkg_card_decode((struct provpkg_view){ (const uint8_t *)pem, strlen(pem) }, &file->card);
	if (result)
		return result;
	identities[0] = file->card->certificates.identity_classical;
	identities[1] = file->card->certificates.identity_pq;
	result = provpkg_checkpoint_open((struct provpkg_view){ (const uint8_t *)note, strlen(note) }, identities, 2, &file->birth.checkpoint);
	if (!result && !delivery_is_log_of(&file->birth.checkpoint, file->card))
		result = PROVCARD_REFUSAL_CHECKPOINT;
	return result;
}

/* One that need not be there; but when it is, it is base64. */
static bool read_optional(struct json_object *json, const char *key, struct provpkg_blob *blob)
{
	return !json_object_object_get_ex(json, key, NULL) || json_base64_of(json, key, blob);
}

static int read_file(struct json_object *json, struct birth_file *file)
{
	struct provpkg_birth *birth = &file->birth;
	uint64_t version;
	int result;

	if (!json_number_of(json, "schema_version", &version) || version != BIRTH_VERSION ||
	    !json_base64_of(json, "record", &file->record) ||
	    !json_hashes_of(json, "inclusion", birth->inclusion, PROVPKG_PROOF_MAX, &birth->inclusion_count))
		return PROVCARD_REFUSAL_DELIVERY_FORM;
	if (!read_optional(json, "certificate", &file->certificate) || !read_optional(json, "sealed_secrets", &file->sealed))
		return PROVCARD_REFUSAL_DELIVERY_FORM;
	birth->record = provpkg_blob_view(&file->record);
	birth->certificate = provpkg_blob_view(&file->certificate);
	birth->sealed = provpkg_blob_view(&file->sealed);
	result = read_chain(json, &birth->issuer_chain);
	return result ? result : read_card(json, file);
}

static int judge(struct birth_file *file, const struct delivery_check *check, struct birth_report *report)
{
	int result = provpkg_birth_verify(&file->birth, &file->found);

	if (result)
		return result;
	report->judged_at = check->at_given ? check->at : file->found.time;
	report->at_given = check->at_given;
	result = provpkg_card_trust(file->card, PROVPKG_SUITE_HYBRID, check->maker_ca, report->judged_at);
	if (!result && !delivery_root_is_known(file->birth.issuer_chain, check->device_ca))
		result = PROVCARD_REFUSAL_DEVICE_CERTIFICATE;
	return result;
}

int birth_verify(struct context *context, const char *path, const struct delivery_check *check)
{
	struct birth_report report = { .path = path };
	struct birth_file file = { 0 };
	struct provpkg_blob text = { 0 };
	struct json_object *json;
	int code = file_read(path, BIRTH_MAX, &text);
	int result;

	if (code)
		return code;
	json = json_parse((const char *)text.data, text.size);
	result = json ? read_file(json, &file) : PROVCARD_REFUSAL_DELIVERY_FORM;
	if (!result)
		result = judge(&file, check, &report);
	if (result) {
		code = report_provpkg(path, result, NULL);
	} else {
		report.serial = file.card->serial;
		report.record = &file.found;
		report.log_size = file.birth.checkpoint.size;
		report.certified = file.certificate.size != 0;
		report.sealed = file.sealed.size != 0;
		context->output.ops->birth(&context->output, &report);
	}
	json_object_put(json);
	provpkg_blob_free(&text);
	birth_clear(&file);
	return code;
}
