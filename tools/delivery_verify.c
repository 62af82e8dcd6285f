// SPDX-License-Identifier: GPL-2.0-or-later
/* Checking a hand-over: from the card maker's anchors down to each file that is going to be used. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "delivery.h"
#include "files.h"
#include "keys.h"

#define FILE_MAX (1u << 20)

struct checker {
	const struct delivery_check *check;
	struct provpkg_card *card;
	STACK_OF(X509) *chain; /* NULL without ca.pem */
	struct provpkg_verifier *verifier;
	struct json_object *records; /* the file */
	struct delivery_report report;
};

static int read_inside(const struct checker *checker, const char *name, struct provpkg_blob *blob)
{
	char *path = path_join(checker->check->folder, name);
	int code = path ? file_read(path, FILE_MAX, blob) : report_errno(name, -ENOMEM);

	free(path);
	return code;
}

static int load_card(struct checker *checker)
{
	struct provpkg_blob pem = { 0 };
	int code = read_inside(checker, DELIVERY_CARD, &pem);
	int result;

	if (code)
		return code;
	result = provpkg_card_decode(provpkg_blob_view(&pem), &checker->card);
	if (!result)
		result = provpkg_card_trust(checker->card, PROVPKG_SUITE_HYBRID, checker->check->maker_ca, time(NULL));
	provpkg_blob_free(&pem);
	return result ? report_provpkg(DELIVERY_CARD, result, NULL) : 0;
}

static int load_chain(struct checker *checker)
{
	char *path = path_join(checker->check->folder, DELIVERY_CA);
	int code = path ? 0 : report_errno(DELIVERY_CA, -ENOMEM);

	if (!code && !access(path, F_OK))
		code = certificates_load(path, &checker->chain);
	free(path);
	return code;
}

/* Whoever takes ca.pem for an anchor later must know whose it is. */
static int check_root(const struct checker *checker)
{
	STACK_OF(X509) *device_ca = checker->check->device_ca;
	int count = checker->chain ? sk_X509_num(checker->chain) : 0;

	if (!device_ca || !count)
		return 0;
	for (int i = 0; i < sk_X509_num(device_ca); i++)
		if (!X509_cmp(sk_X509_value(device_ca, i), sk_X509_value(checker->chain, count - 1)))
			return 0;
	return report_input(DELIVERY_CA, PROVCARD_REFUSAL_DEVICE_CERTIFICATE, "it does not end in a certificate of --device-ca");
}

static int load_end(struct checker *checker)
{
	struct provpkg_blob cms = { 0 };
	int code = read_inside(checker, DELIVERY_END, &cms);
	int result;

	if (code)
		return code;
	result = provpkg_verifier_new(provpkg_blob_view(&cms), checker->card, checker->chain, &checker->verifier);
	provpkg_blob_free(&cms);
	return result ? report_provpkg(DELIVERY_END, result, NULL) : 0;
}

static int load_records(struct checker *checker)
{
	char *path = path_join(checker->check->folder, DELIVERY_RECORDS);
	struct json_object *list;
	bool good = false;

	if (path)
		checker->records = json_object_from_file(path);
	free(path);
	if (checker->records && json_object_object_get_ex(checker->records, "records", &list))
		good = json_object_is_type(list, json_type_array);
	return good ? 0 : report_input(DELIVERY_RECORDS, PROVCARD_REFUSAL_STATEMENT_DER, "it is no list of records in JSON");
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_string) ?
		       json_object_get_string(value) :
		       NULL;
}

/* Canonical base64 only. */
static bool from_base64(const char *text, struct provpkg_blob *blob)
{
	size_t length = text ? strlen(text) : 0;
	size_t padding = length > 1 ? (text[length - 1] == '=') + (text[length - 2] == '=') : 0;
	int size;

	if (!length || length % 4 || length > 4 * FILE_MAX)
		return false;
	blob->data = OPENSSL_malloc(length / 4 * 3);
	size = blob->data ? EVP_DecodeBlock(blob->data, (const unsigned char *)text, length) : -1;
	blob->size = size < 0 ? 0 : size - padding;
	return size >= 0;
}

static int read_proof(struct json_object *entry, uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], size_t *count)
{
	struct json_object *list;

	if (!json_object_object_get_ex(entry, "inclusion", &list) || !json_object_is_type(list, json_type_array) ||
	    json_object_array_length(list) > PROVPKG_PROOF_MAX)
		return PROVCARD_REFUSAL_PROOF_MISMATCH;
	*count = json_object_array_length(list);
	for (size_t i = 0; i < *count; i++) {
		struct json_object *hash = json_object_array_get_idx(list, i);

		if (!json_object_is_type(hash, json_type_string) ||
		    !from_hex(json_object_get_string(hash), proof[i], PROVPKG_HASH_SIZE))
			return PROVCARD_REFUSAL_PROOF_MISMATCH;
	}
	return 0;
}

/* The certificate file that belongs to a unit, by its UID and nothing else: a name in records.json is not followed. */
static int read_certificate(const struct checker *checker, const struct provpkg_record *record, struct provpkg_blob *der)
{
	char name[DELIVERY_NAME_SIZE];
	STACK_OF(X509) *all = NULL;
	unsigned char *data = NULL;
	char *path = path_join(checker->check->folder, delivery_certificate_name(record, name));
	int code, size;

	code = path ? certificates_load(path, &all) : report_errno(name, -ENOMEM);
	free(path);
	if (!code && sk_X509_num(all) != 1)
		code = report_input(name, PROVCARD_REFUSAL_DEVICE_CERTIFICATE, "more than one certificate");
	if (!code) {
		size = i2d_X509(sk_X509_value(all, 0), &data);
		der->data = data;
		der->size = size > 0 ? size : 0;
	}
	certificates_free(all);
	return code;
}

static bool is_certified(const struct provpkg_record *record)
{
	static const uint8_t none[PROVPKG_HASH_SIZE];

	return record->has_unit && memcmp(record->certificate_digest, none, sizeof(none));
}

struct bundle {
	struct provpkg_record record;
	struct provpkg_blob der;
	struct provpkg_blob attachment;
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	size_t proof_count;
};

static void bundle_clear(struct bundle *bundle)
{
	provpkg_blob_free(&bundle->der);
	provpkg_blob_free(&bundle->attachment);
}

/* Everything that belongs to one record. Only the signed bytes count; what else records.json says is for people. */
static int bundle_load(const struct checker *checker, struct json_object *entry, size_t number, struct bundle *bundle)
{
	char where[64];
	int result = from_base64(text_of(entry, "record"), &bundle->der) ? 0 : PROVCARD_REFUSAL_STATEMENT_DER;

	snprintf(where, sizeof(where), DELIVERY_RECORDS ", entry %zu", number);
	if (!result)
		result = provpkg_record_decode(provpkg_blob_view(&bundle->der), &bundle->record);
	if (!result)
		result = read_proof(entry, bundle->proof, &bundle->proof_count);
	if (!result && text_of(entry, "attachment") && !from_base64(text_of(entry, "attachment"), &bundle->attachment))
		result = PROVCARD_REFUSAL_STATEMENT_DER;
	if (result)
		return report_provpkg(where, result, NULL);
	if (!is_certified(&bundle->record))
		return 0;
	provpkg_blob_free(&bundle->attachment);
	return read_certificate(checker, &bundle->record, &bundle->attachment);
}

static int hand_on(const struct checker *checker, const struct bundle *bundle)
{
	const struct delivery_unit unit = {
		.record = &bundle->record,
		.certificate = is_certified(&bundle->record) ? provpkg_blob_view(&bundle->attachment) : (struct provpkg_view){ 0 },
		.chain = checker->chain,
		.end = provpkg_verifier_end(checker->verifier),
	};

	return checker->check->take && bundle->record.has_unit ? checker->check->take(checker->check->taker, &unit) : 0;
}

static int check_record(struct checker *checker, struct json_object *entry, size_t number)
{
	struct bundle bundle = { 0 };
	char where[64];
	int code = bundle_load(checker, entry, number, &bundle);
	int result = 0;

	if (!code)
		result = provpkg_verifier_record(checker->verifier, provpkg_blob_view(&bundle.der), provpkg_blob_view(&bundle.attachment),
						 bundle.proof, bundle.proof_count);
	snprintf(where, sizeof(where), "record %llu", (unsigned long long)bundle.record.index);
	if (result)
		code = report_provpkg(where, result, NULL);
	if (!code)
		code = hand_on(checker, &bundle);
	checker->report.certificates += bundle.record.event == PROVPKG_EVENT_UNIT_GOOD && is_certified(&bundle.record);
	checker->report.records++;
	bundle_clear(&bundle);
	return code;
}

/* No certificate lies in the folder of the good ones that no record vouches for. */
static int check_folder(const struct checker *checker)
{
	char *path = path_join(checker->check->folder, DELIVERY_CERTIFICATES);
	DIR *folder = path ? opendir(path) : NULL;
	struct dirent *entry;
	uint64_t count = 0;

	free(path);
	while (folder && (entry = readdir(folder)))
		count += entry->d_name[0] != '.';
	if (folder)
		closedir(folder);
	if (count != checker->report.certificates)
		return report_input(DELIVERY_CERTIFICATES, PROVCARD_REFUSAL_DEVICE_CERTIFICATE,
				    "the folder holds files that are no certificate of a good unit's record");
	return 0;
}

static int check_all(struct checker *checker)
{
	struct json_object *list = json_object_object_get(checker->records, "records");
	int code = 0, result;

	for (size_t i = 0; i < json_object_array_length(list) && !code; i++)
		code = check_record(checker, json_object_array_get_idx(list, i), i);
	if (code)
		return code;
	result = provpkg_verifier_finish(checker->verifier);
	if (result)
		return report_provpkg(DELIVERY_END, result, NULL);
	return check_folder(checker);
}

/* The chain's last certificate is the root; the card's job vouches for it, as the OEM sent it in the package. */
static bool is_issued(STACK_OF(X509) *chain, X509 *certificate)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *verification = X509_STORE_CTX_new();
	X509 *root = chain && sk_X509_num(chain) ? sk_X509_value(chain, sk_X509_num(chain) - 1) : NULL;
	bool good = store && verification && root && X509_STORE_add_cert(store, root) == 1 &&
		    X509_STORE_CTX_init(verification, store, certificate, chain) == 1;

	if (good) {
		X509_STORE_CTX_set_flags(verification, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT);
		good = X509_verify_cert(verification) == 1;
	}
	X509_STORE_CTX_free(verification);
	X509_STORE_free(store);
	return good;
}

static int check_unit(const struct checker *checker, const struct bundle *bundle)
{
	const struct provpkg_end_certificate *end = provpkg_verifier_end(checker->verifier);
	uint8_t leaf[PROVPKG_HASH_SIZE], digest[PROVPKG_HASH_SIZE];
	X509 *certificate = NULL;
	int result = provpkg_merkle_leaf(provpkg_blob_view(&bundle->der), leaf);

	if (!result)
		result = provpkg_inclusion_verify(leaf, bundle->record.index, end->log_size, bundle->proof, bundle->proof_count,
						  end->log_root);
	if (!result && (!bundle->record.has_job || memcmp(bundle->record.package_id, end->package_id, PROVPKG_ID_SIZE)))
		result = PROVCARD_REFUSAL_RECORD_MISPLACED;
	if (result || !is_certified(&bundle->record))
		return result;
	result = provpkg_der_certificate(provpkg_blob_view(&bundle->attachment), &certificate);
	if (!result && (EVP_Digest(bundle->attachment.data, bundle->attachment.size, digest, NULL, EVP_sha256(), NULL) != 1 ||
			memcmp(digest, bundle->record.certificate_digest, sizeof(digest)) || !is_issued(checker->chain, certificate)))
		result = PROVCARD_REFUSAL_DEVICE_CERTIFICATE;
	X509_free(certificate);
	return result;
}

/* One part alone: its record is in the log that the end certificate closes, and its certificate is the record's. */
static int check_one(struct checker *checker)
{
	struct json_object *list = json_object_object_get(checker->records, "records");
	int code = 0, result;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct bundle bundle = { 0 };
		char uid[HEX_SIZE(PROVPKG_UID_MAX)];
		const char *name = text_of(entry, "uid"), *event = text_of(entry, "event");

		if (!name || !event || strcasecmp(name, checker->check->uid) || strcmp(event, provpkg_event_name(PROVPKG_EVENT_UNIT_GOOD)))
			continue;
		code = bundle_load(checker, entry, i, &bundle);
		result = code ? 0 : check_unit(checker, &bundle);
		if (!code && !result &&
		    (bundle.record.event != PROVPKG_EVENT_UNIT_GOOD ||
		     strcasecmp(to_hex(uid, bundle.record.uid, bundle.record.uid_size), checker->check->uid)))
			result = PROVCARD_REFUSAL_RECORD_MISPLACED;
		checker->report.records = 1;
		checker->report.certificates = is_certified(&bundle.record);
		bundle_clear(&bundle);
		return result ? report_provpkg(checker->check->uid, result, NULL) : code;
	}
	return report_input(checker->check->uid, PROVCARD_REFUSAL_RECORD_MISSING, "no good unit has this UID");
}

int delivery_verify(struct context *context, const struct delivery_check *check)
{
	struct checker checker = { .check = check };
	int code = load_card(&checker);

	if (!code)
		code = load_chain(&checker);
	if (!code)
		code = check_root(&checker);
	if (!code)
		code = load_end(&checker);
	if (!code)
		code = load_records(&checker);
	if (!code)
		code = check->uid ? check_one(&checker) : check_all(&checker);
	if (!code) {
		checker.report.path = check->folder;
		checker.report.serial = checker.card->serial;
		checker.report.end = provpkg_verifier_end(checker.verifier);
		checker.report.verified = true;
		checker.report.uid = check->uid;
		context->output.ops->delivery(&context->output, &checker.report);
	}
	json_object_put(checker.records);
	provpkg_verifier_free(checker.verifier);
	certificates_free(checker.chain);
	provpkg_card_free(checker.card);
	return code;
}
