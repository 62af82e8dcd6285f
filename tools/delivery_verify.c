// SPDX-License-Identifier: GPL-2.0-or-later
/* Checking a hand-over: from the card maker's anchors down to each file that is going to be used. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "delivery.h"
#include "files.h"
#include "keys.h"
#include "progress.h"
#include "record_file.h"
#include "scratch.h"

#define FILE_MAX (1u << 20)
#define UID_MEMORY (2u << 20) /* enough for 950 million units */

struct checker {
	const struct delivery_check *check;
	struct provpkg_card *card;
	STACK_OF(X509) *chain; /* NULL without ca.pem */
	struct provpkg_verifier *verifier;
	struct record_reader *reader;
	struct scratch *scratch; /* UIDs that memory shall not hold */
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

bool delivery_root_is_known(STACK_OF(X509) *chain, STACK_OF(X509) *device_ca)
{
	int count = chain ? sk_X509_num(chain) : 0;

	if (!device_ca || !count)
		return true;
	for (int i = 0; i < sk_X509_num(device_ca); i++)
		if (!X509_cmp(sk_X509_value(device_ca, i), sk_X509_value(chain, count - 1)))
			return true;
	return false;
}

/* Whoever takes ca.pem for an anchor later must know whose it is. */
static int check_root(const struct checker *checker)
{
	if (delivery_root_is_known(checker->chain, checker->check->device_ca))
		return 0;
	return report_input(DELIVERY_CA, PROVCARD_REFUSAL_DEVICE_CERTIFICATE, "it does not end in a certificate of --device-ca");
}

bool delivery_is_log_of(const struct provpkg_checkpoint *checkpoint, const struct provpkg_card *card)
{
	return !strncmp(checkpoint->origin, "provcard/", 9) && !strcmp(checkpoint->origin + 9, card->serial);
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
	if (result)
		return report_provpkg(DELIVERY_END, result, NULL);
	code = scratch_open(&checker->scratch);
	if (code)
		return code;
	result = provpkg_verifier_spool(checker->verifier, scratch_spool(checker->scratch), UID_MEMORY);
	if (!result && checker->check->oem)
		result = provpkg_verifier_oem(checker->verifier, checker->check->oem);
	return result ? report_provpkg(DELIVERY_RECORDS, result, NULL) : 0;
}

/* Its certificates are judged at the moment that its end certificate names: a delivery stays good when they have ended. */
static int trust_card(struct checker *checker)
{
	const struct delivery_check *check = checker->check;
	int64_t at = check->at_given ? check->at : provpkg_verifier_end(checker->verifier)->closed_at;
	int result = provpkg_card_trust(checker->card, PROVPKG_SUITE_HYBRID, check->maker_ca, at);

	checker->report.judged_at = at;
	checker->report.at_given = check->at_given;
	return result ? report_provpkg(DELIVERY_CARD, result, NULL) : 0;
}

/* Signed by this card, and on the very log that the end certificate is about. */
static int check_checkpoint(const struct checker *checker)
{
	const struct provpkg_card_certificates *own = &checker->card->certificates;
	X509 *const identities[] = { own->identity_classical, own->identity_pq };
	const struct provpkg_end_certificate *end = provpkg_verifier_end(checker->verifier);
	struct provpkg_checkpoint checkpoint;
	struct provpkg_blob note = { 0 };
	int code = read_inside(checker, DELIVERY_CHECKPOINT, &note);
	int result;

	if (code)
		return code;
	result = provpkg_checkpoint_open(provpkg_blob_view(&note), identities, 2, &checkpoint);
	if (!result && (!delivery_is_log_of(&checkpoint, checker->card) || checkpoint.size != end->log_size || memcmp(checkpoint.root, end->log_root, PROVPKG_HASH_SIZE)))
		result = PROVCARD_REFUSAL_CHECKPOINT;
	provpkg_blob_free(&note);
	return result ? report_provpkg(DELIVERY_CHECKPOINT, result, NULL) : 0;
}

static bool is_good(const struct record_line *line)
{
	return line->kind == RECORD_LINE_RECORD && line->record.event == PROVPKG_EVENT_UNIT_GOOD;
}

static int hand_on(const struct checker *checker, const struct record_line *line)
{
	const struct delivery_unit unit = {
		.record = &line->record,
		.certificate = line->parts.first,
		.sealed = line->parts.sealed,
		.chain = checker->chain,
		.end = provpkg_verifier_end(checker->verifier),
	};

	return checker->check->take ? checker->check->take(checker->check->taker, &unit) : 0;
}

static int hand_on_escrow(const struct checker *checker, const struct record_line *line)
{
	struct provpkg_attachment parts = { 0 };
	int result;

	if (!checker->check->take_escrow || line->record.event != PROVPKG_EVENT_LOADED || !line->attachment.size)
		return 0;
	result = provpkg_attachment_split(provpkg_blob_view(&line->attachment), true, &parts);
	if (result)
		return report_provpkg(DELIVERY_RECORDS, result, NULL);
	return parts.sealed.size ? checker->check->take_escrow(checker->check->taker, provpkg_verifier_end(checker->verifier), parts.sealed) :
				   0;
}

static int check_line(struct checker *checker, const struct record_line *line)
{
	char where[64];
	int result;

	if (line->kind == RECORD_LINE_RUN)
		result = provpkg_verifier_run(checker->verifier, line->count, line->hash, line->roots);
	else
		result = provpkg_verifier_record(checker->verifier, provpkg_blob_view(&line->der), provpkg_blob_view(&line->attachment));
	if (result) {
		snprintf(where, sizeof(where), "line %" PRIu64, record_reader_line(checker->reader));
		return report_provpkg(DELIVERY_RECORDS, result, where);
	}
	if (line->kind == RECORD_LINE_RUN)
		return 0;
	checker->report.records++;
	checker->report.certificates += is_good(line) && line->parts.first.size;
	progress_bytes("records", checker->report.records << 10, provpkg_verifier_end(checker->verifier)->records << 10);
	return line->record.has_unit ? hand_on(checker, line) : hand_on_escrow(checker, line);
}

static int check_all(struct checker *checker)
{
	struct record_line line = { 0 };
	int code = record_reader_next(checker->reader, &line);
	int result;

	while (!code && line.kind != RECORD_LINE_NONE) {
		code = check_line(checker, &line);
		if (!code)
			code = record_reader_next(checker->reader, &line);
	}
	record_line_clear(&line);
	progress_clear();
	if (code)
		return code;
	result = provpkg_verifier_finish(checker->verifier);
	checker->report.time_authenticated = provpkg_verifier_time_authenticated(checker->verifier);
	return result ? report_provpkg(DELIVERY_END, result, NULL) : 0;
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

static int check_certificate(const struct checker *checker, const struct record_line *line)
{
	struct provpkg_view der = line->parts.first;
	uint8_t digest[PROVPKG_HASH_SIZE];
	X509 *certificate = NULL;
	int result;

	if (!checker->chain && !der.size)
		return 0;
	result = provpkg_der_certificate(der, &certificate);
	if (!result && (EVP_Digest(der.data, der.size, digest, NULL, EVP_sha256(), NULL) != 1 ||
			memcmp(digest, line->record.certificate_digest, sizeof(digest)) || !is_issued(checker->chain, certificate)))
		result = PROVCARD_REFUSAL_DEVICE_CERTIFICATE;
	X509_free(certificate);
	return result;
}

static int check_attachment(const struct record_line *line)
{
	const struct provpkg_blob *attachment = &line->attachment;
	uint8_t digest[PROVPKG_HASH_SIZE];

	if (!attachment->size)
		return 0;
	if (EVP_Digest(attachment->data, attachment->size, digest, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	return memcmp(digest, line->record.attachment_digest, sizeof(digest)) ? PROVCARD_REFUSAL_ATTACHMENT_MISMATCH : 0;
}

/* A line's part in the log's tree; that of the unit meant is judged besides. */
static int look_at(struct checker *checker, const struct record_line *line, struct provpkg_tree *log)
{
	const struct provpkg_end_certificate *end = provpkg_verifier_end(checker->verifier);
	uint8_t leaf[PROVPKG_HASH_SIZE];
	char uid[HEX_SIZE(PROVPKG_UID_MAX)];
	int result = 0;

	if (line->kind == RECORD_LINE_RUN) {
		uint64_t behind = log->size + line->count;

		for (size_t i = 0; i < line->roots && !result; i++)
			result = log->size < behind ? provpkg_tree_put(log, provpkg_run_level(log->size, behind - log->size), line->hash[i],
								       NULL, NULL) :
						      PROVCARD_REFUSAL_RUN_MALFORMED;
		return result;
	}
	result = provpkg_merkle_leaf(provpkg_blob_view(&line->der), leaf);
	if (!result)
		result = provpkg_tree_add(log, leaf);
	if (result || !is_good(line) || strcasecmp(to_hex(uid, line->record.uid, line->record.uid_size), checker->check->uid))
		return result;
	if (!line->record.has_job || memcmp(line->record.package_id, end->package_id, PROVPKG_ID_SIZE))
		return PROVCARD_REFUSAL_RECORD_MISPLACED;
	checker->report.records++;
	checker->report.certificates += line->parts.first.size != 0;
	result = check_certificate(checker, line);
	return result ? result : check_attachment(line);
}

/* One part alone: its record is in the log that the end certificate closes, and its certificate is the record's. */
static int check_one(struct checker *checker)
{
	const struct provpkg_end_certificate *end = provpkg_verifier_end(checker->verifier);
	uint8_t root[PROVPKG_HASH_SIZE];
	struct provpkg_tree log = { 0 };
	struct record_line line = { 0 };
	int code = record_reader_next(checker->reader, &line);
	int result = 0;

	while (!code && !result && line.kind != RECORD_LINE_NONE) {
		result = look_at(checker, &line, &log);
		if (!result)
			code = record_reader_next(checker->reader, &line);
	}
	record_line_clear(&line);
	if (code)
		return code;
	if (!result)
		result = provpkg_tree_root(&log, root);
	if (!result && (log.size != end->log_size || memcmp(root, end->log_root, sizeof(root))))
		result = PROVCARD_REFUSAL_LOG_ROOT_MISMATCH;
	if (result)
		return report_provpkg(checker->check->uid, result, NULL);
	if (checker->report.records == 1)
		return 0;
	return report_input(checker->check->uid, PROVCARD_REFUSAL_RECORD_MISSING, "not one good unit has this UID");
}

static int load(struct checker *checker)
{
	char *path = path_join(checker->check->folder, DELIVERY_RECORDS);
	int code = path ? load_card(checker) : report_errno(DELIVERY_RECORDS, -ENOMEM);

	if (!code)
		code = load_chain(checker);
	if (!code)
		code = check_root(checker);
	if (!code)
		code = load_end(checker);
	if (!code)
		code = trust_card(checker);
	if (!code)
		code = check_checkpoint(checker);
	if (!code)
		code = record_reader_open(path, &checker->reader);
	free(path);
	return code;
}

int delivery_verify(struct context *context, const struct delivery_check *check)
{
	struct checker checker = { .check = check };
	int code = load(&checker);

	if (!code)
		code = check->uid ? check_one(&checker) : check_all(&checker);
	if (!code) {
		checker.report.path = check->folder;
		checker.report.serial = checker.card->serial;
		checker.report.end = provpkg_verifier_end(checker.verifier);
		checker.report.verified = true;
		checker.report.uid = check->uid;
		if (!check->silent)
			context->output.ops->delivery(&context->output, &checker.report);
	}
	record_reader_close(checker.reader);
	provpkg_verifier_free(checker.verifier);
	scratch_close(checker.scratch);
	certificates_free(checker.chain);
	provpkg_card_free(checker.card);
	return code;
}
