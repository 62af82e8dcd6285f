// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Checks a delivery in one pass: the end certificate, then entry after entry of the log. Kept are the last record's counters and
 * digest, the edges of two growing trees, the counts, and the UIDs of the good units.
 */
#include <errno.h>
#include <string.h>

#include "crypto.h"
#include "delivery_grants.h"
#include "provcard-refusal.h"
#include "provpkg/delivery.h"
#include "provpkg/escrow.h"
#include "provpkg/merkle.h"
#include "uid_set.h"
#include "unit.h"

struct provpkg_verifier {
	struct provpkg_end_certificate end;
	X509 *issuer; /* NULL: the units have no certificates */
	bool begun;
	bool closed;
	bool time_authenticated; /* at the closing */
	bool after_run; /* the last entries were a run */
	struct provpkg_tree log; /* entries so far */
	uint8_t digest[PROVPKG_HASH_SIZE]; /* SHA-256 of the last record */
	bool loaded; /* its attachment was seen, so it is known whether secrets are returned */
	bool returns;
	struct delivery_grants grants;
	struct provpkg_counters counters; /* after it */
	uint64_t records;
	uint64_t good; /* of good units */
	uint64_t scrap;
	struct uid_set uids; /* of good units */
	struct provpkg_tree certificates;
};

/* ---- The end certificate ---- */

static bool signed_by(const struct provpkg_signed *object, X509 *certificate)
{
	for (size_t i = 0; i < provpkg_signed_count(object); i++)
		if (!X509_cmp(provpkg_signed_signer(object, i), certificate))
			return true;
	return false;
}

static int check_signers(const struct provpkg_signed *object, const struct provpkg_card *card)
{
	const struct provpkg_card_certificates *own = &card->certificates;

	if (provpkg_signed_count(object) != 2 || !signed_by(object, own->identity_classical) ||
	    !signed_by(object, own->identity_pq))
		return PROVCARD_REFUSAL_STATEMENT_SIGNER;
	return 0;
}

static bool counts_add_up(const struct provpkg_end_certificate *end)
{
	return end->granted_good <= end->granted && end->granted_scrap == end->granted - end->granted_good &&
	       end->good <= end->granted_good && end->scrap <= end->granted_scrap &&
	       end->unused == end->granted - end->good - end->scrap;
}

static bool places_add_up(const struct provpkg_end_certificate *end)
{
	return end->first_index <= end->last_index && end->last_index < end->log_size && end->records &&
	       end->records - 1 <= end->last_index - end->first_index;
}

static int check_end(const struct provpkg_end_certificate *end, const struct provpkg_card *card)
{
	if (memcmp(end->card_id, card->card_id, PROVPKG_CARD_ID_SIZE))
		return PROVCARD_REFUSAL_STATEMENT_SIGNER;
	return counts_add_up(end) && places_add_up(end) ? 0 : PROVCARD_REFUSAL_COUNTS_MISMATCH;
}

static int open_end(struct provpkg_view cms, const struct provpkg_card *card, struct provpkg_end_certificate *end)
{
	struct provpkg_signed *object;
	int result = provpkg_signed_open(PROVPKG_CONTENT_END_CERTIFICATE, cms, &object);

	if (result)
		return result;
	result = check_signers(object, card);
	if (!result)
		result = provpkg_end_certificate_decode(provpkg_signed_content(object), end);
	if (!result)
		result = check_end(end, card);
	provpkg_signed_free(object);
	return result;
}

int provpkg_verifier_new(struct provpkg_view end, const struct provpkg_card *card, STACK_OF(X509) *issuer_chain,
			 struct provpkg_verifier **verifier)
{
	struct provpkg_verifier *created = OPENSSL_zalloc(sizeof(*created));
	int result = created ? open_end(end, card, &created->end) : -ENOMEM;

	if (!result && issuer_chain) {
		result = unit_check_issuer(issuer_chain, created->end.closed_at);
		if (!result && X509_up_ref(sk_X509_value(issuer_chain, 0)))
			created->issuer = sk_X509_value(issuer_chain, 0);
	}
	if (result)
		provpkg_verifier_free(created);
	else
		*verifier = created;
	return result;
}

void provpkg_verifier_free(struct provpkg_verifier *verifier)
{
	if (!verifier)
		return;
	X509_free(verifier->issuer);
	sk_X509_pop_free(verifier->grants.anchors, X509_free);
	uid_set_free(&verifier->uids);
	OPENSSL_free(verifier);
}

const struct provpkg_end_certificate *provpkg_verifier_end(const struct provpkg_verifier *verifier)
{
	return &verifier->end;
}

bool provpkg_verifier_time_authenticated(const struct provpkg_verifier *verifier)
{
	return verifier->time_authenticated;
}

int provpkg_verifier_spool(struct provpkg_verifier *verifier, const struct provpkg_spool *spool, size_t memory)
{
	if (verifier->begun || memory < PROVPKG_SPOOL_MEMORY_MIN)
		return -EINVAL;
	uid_set_spool(&verifier->uids, spool, memory / sizeof(struct uid_entry));
	return 0;
}

int provpkg_verifier_oem(struct provpkg_verifier *verifier, STACK_OF(X509) *anchors)
{
	if (verifier->begun || verifier->grants.anchors || !sk_X509_num(anchors))
		return -EINVAL;
	verifier->grants.anchors = X509_chain_up_ref(anchors);
	return verifier->grants.anchors ? 0 : -ENOMEM;
}

/* ---- A record's place ---- */

static int check_place(const struct provpkg_verifier *verifier, const struct provpkg_record *record)
{
	const struct provpkg_end_certificate *end = &verifier->end;

	if (!record->has_job || memcmp(record->package_id, end->package_id, PROVPKG_ID_SIZE) || verifier->closed)
		return PROVCARD_REFUSAL_RECORD_MISPLACED;
	if (record->index > end->last_index || record->index < verifier->log.size)
		return PROVCARD_REFUSAL_RECORD_MISPLACED;
	if (!verifier->begun && record->index < end->first_index)
		return PROVCARD_REFUSAL_RECORD_MISPLACED;
	if (record->index > verifier->log.size || (!verifier->begun && record->index > end->first_index))
		return PROVCARD_REFUSAL_RECORD_MISSING;
	if ((record->event == PROVPKG_EVENT_CLOSED) != (record->index == end->last_index))
		return PROVCARD_REFUSAL_RECORD_MISPLACED;
	return 0;
}

/* Behind a run the record before is not known. */
static int check_chain(const struct provpkg_verifier *verifier, const struct provpkg_record *record)
{
	if (!verifier->begun || verifier->after_run)
		return 0;
	return memcmp(record->previous, verifier->digest, PROVPKG_HASH_SIZE) ? PROVCARD_REFUSAL_RECORD_CHAIN : 0;
}

/* The end certificate says when the job was closed; so does its last record. */
static int check_time(const struct provpkg_verifier *verifier, const struct provpkg_record *record)
{
	bool differs = record->event == PROVPKG_EVENT_CLOSED && record->time != verifier->end.closed_at;

	return differs ? PROVCARD_REFUSAL_COUNTS_MISMATCH : 0;
}

/* ---- Its counters ---- */

/*
 * Good, scrap and allocated change by records alone, so each record begins where the one before ended; units are reserved
 * between records.
 */
static int check_before(const struct provpkg_counters *last, const struct provpkg_counters *before)
{
	if (before->good == last->good && before->scrap == last->scrap && before->allocated == last->allocated)
		return 0;
	if (before->good >= last->good && before->scrap >= last->scrap && before->allocated >= last->allocated)
		return PROVCARD_REFUSAL_RECORD_MISSING;
	return PROVCARD_REFUSAL_COUNTS_MISMATCH;
}

static bool same_counters(const struct provpkg_counters *first, const struct provpkg_counters *second)
{
	return first->good == second->good && first->scrap == second->scrap && first->reserved == second->reserved &&
	       first->allocated == second->allocated;
}

/* What an event does to the counters, and nothing else. */
static bool event_changes(const struct provpkg_record *record)
{
	struct provpkg_counters expected = record->before;

	switch (record->event) {
	case PROVPKG_EVENT_UNIT_GOOD:
		expected.good++;
		expected.reserved--;
		return record->before.reserved && same_counters(&expected, &record->after);
	case PROVPKG_EVENT_UNIT_SCRAP:
		expected.scrap++;
		expected.reserved--;
		return record->before.reserved && same_counters(&expected, &record->after);
	case PROVPKG_EVENT_ALLOCATED:
		expected.allocated = record->after.allocated;
		return record->after.allocated > record->before.allocated && same_counters(&expected, &record->after);
	case PROVPKG_EVENT_CLOSED:
		expected.reserved = record->after.reserved;
		expected.allocated = record->after.allocated;
		return record->after.reserved <= record->before.reserved && record->after.allocated <= record->before.allocated &&
		       same_counters(&expected, &record->after);
	default:
		return same_counters(&expected, &record->after);
	}
}

static int check_counters(const struct provpkg_verifier *verifier, const struct provpkg_record *record)
{
	int result = check_before(&verifier->counters, &record->before);

	if (result)
		return result;
	if (!event_changes(record) || record->after.good > verifier->end.good || record->after.scrap > verifier->end.scrap)
		return PROVCARD_REFUSAL_COUNTS_MISMATCH;
	return 0;
}

/* ---- Its attachment ---- */

/* Sealed secrets exactly where the job returns any; the secrets go the way of the certificate, which may have reached the part. */
static bool secrets_expected(const struct provpkg_verifier *verifier, const struct provpkg_record *record,
			     const struct provpkg_attachment *parts)
{
	if (!verifier->loaded)
		return true;
	if (!verifier->returns)
		return !parts->sealed.size;
	return parts->sealed.size || (record->event != PROVPKG_EVENT_UNIT_GOOD && !parts->first.size);
}

static int check_unit(const struct provpkg_verifier *verifier, const struct provpkg_record *record, struct provpkg_view attachment)
{
	struct provpkg_attachment parts = { 0 };
	int result = attachment.size ? provpkg_attachment_split(attachment, false, &parts) : 0;

	if (!result)
		result = unit_check_certificate(record, verifier->issuer, parts.first);
	if (!result && !secrets_expected(verifier, record, &parts))
		result = PROVCARD_REFUSAL_SEALED_SECRETS;
	return result;
}

static int check_attachment(const struct provpkg_verifier *verifier, const struct provpkg_record *record,
			    struct provpkg_view attachment)
{
	bool unit_event = record->event == PROVPKG_EVENT_UNIT_GOOD || record->event == PROVPKG_EVENT_UNIT_SCRAP;
	int result = 0;

	if (unit_event && !record->has_unit)
		return PROVCARD_REFUSAL_STATEMENT_DER;
	if (attachment.size)
		result = unit_digest_is(attachment, record->attachment_digest, PROVCARD_REFUSAL_ATTACHMENT_MISMATCH);
	if (!result && record->has_unit)
		result = check_unit(verifier, record, attachment);
	return result;
}

/* ---- One record ---- */

static int count_unit(struct provpkg_verifier *verifier, const struct provpkg_record *record, struct provpkg_view attachment)
{
	struct provpkg_attachment parts = { 0 };
	uint8_t leaf[PROVPKG_HASH_SIZE];
	int result;

	verifier->scrap += record->event == PROVPKG_EVENT_UNIT_SCRAP;
	if (record->event != PROVPKG_EVENT_UNIT_GOOD)
		return 0;
	result = uid_set_add(&verifier->uids, record->uid, record->uid_size);
	if (!result && attachment.size)
		result = provpkg_attachment_split(attachment, false, &parts);
	if (!result && parts.first.size)
		result = provpkg_merkle_leaf(parts.first, leaf);
	if (!result && parts.first.size)
		result = provpkg_tree_add(&verifier->certificates, leaf);
	verifier->good += !result;
	return result;
}

static int check_record(const struct provpkg_verifier *verifier, const struct provpkg_record *record, struct provpkg_view attachment)
{
	int result = check_place(verifier, record);

	if (!result)
		result = check_chain(verifier, record);
	if (!result)
		result = check_counters(verifier, record);
	if (!result)
		result = check_time(verifier, record);
	return result ? result : check_attachment(verifier, record, attachment);
}

/* Behind the grant stands the escrow envelope of a job that returns secrets. */
static int take_loaded(struct provpkg_verifier *verifier, struct provpkg_view attachment)
{
	struct provpkg_attachment parts;
	int result = provpkg_attachment_split(attachment, true, &parts);

	if (result)
		return result;
	verifier->loaded = true;
	verifier->returns = parts.sealed.size;
	return 0;
}

int provpkg_verifier_record(struct provpkg_verifier *verifier, struct provpkg_view record, struct provpkg_view attachment)
{
	struct delivery_grants grants = verifier->grants;
	struct provpkg_record decoded;
	uint8_t leaf[PROVPKG_HASH_SIZE], digest[PROVPKG_HASH_SIZE];
	int result = provpkg_record_decode(record, &decoded);

	if (!result)
		result = check_record(verifier, &decoded, attachment);
	if (!result)
		result = grants_record(&grants, &verifier->end, &decoded, attachment);
	if (!result)
		result = provpkg_merkle_leaf(record, leaf);
	if (!result)
		result = provpkg_digest(EVP_sha256(), &record, 1, digest);
	if (!result)
		result = count_unit(verifier, &decoded, attachment);
	if (!result)
		result = provpkg_tree_add(&verifier->log, leaf);
	if (!result && decoded.event == PROVPKG_EVENT_LOADED && attachment.size)
		result = take_loaded(verifier, attachment);
	if (result)
		return result;
	verifier->grants = grants;
	memcpy(verifier->digest, digest, sizeof(digest));
	verifier->begun = true;
	verifier->after_run = false;
	verifier->records++;
	verifier->closed = decoded.event == PROVPKG_EVENT_CLOSED;
	verifier->time_authenticated = decoded.time_authenticated;
	verifier->counters = decoded.after;
	return 0;
}

/* ---- Entries of others ---- */

/* Exactly as many roots as the run needs? */
static bool run_fits(uint64_t first, uint64_t count, size_t roots)
{
	for (; count && roots; roots--) {
		uint64_t leaves = 1ull << provpkg_run_level(first, count);

		first += leaves;
		count -= leaves;
	}
	return !count && !roots;
}

int provpkg_verifier_run(struct provpkg_verifier *verifier, uint64_t count, const uint8_t (*hash)[PROVPKG_HASH_SIZE], size_t roots)
{
	struct provpkg_tree *log = &verifier->log;
	uint64_t end = log->size + count;

	if (verifier->after_run || !count || count > verifier->end.log_size - log->size || !run_fits(log->size, count, roots))
		return PROVCARD_REFUSAL_RUN_MALFORMED;
	for (size_t i = 0; i < roots; i++) {
		int result = provpkg_tree_put(log, provpkg_run_level(log->size, end - log->size), hash[i], NULL, NULL);

		if (result)
			return result;
	}
	verifier->after_run = true;
	return 0;
}

/* ---- The end ---- */

static int check_root(const struct provpkg_tree *tree, const uint8_t expected[PROVPKG_HASH_SIZE], int refusal)
{
	uint8_t root[PROVPKG_HASH_SIZE];
	int result = provpkg_tree_root(tree, root);

	if (result)
		return result;
	return memcmp(root, expected, PROVPKG_HASH_SIZE) ? refusal : 0;
}

int provpkg_verifier_finish(struct provpkg_verifier *verifier)
{
	const struct provpkg_end_certificate *end = &verifier->end;
	bool repeated = false;
	int result;

	if (!verifier->closed || verifier->records < end->records || verifier->log.size < end->log_size)
		return PROVCARD_REFUSAL_RECORD_MISSING;
	if (verifier->good != end->good || verifier->scrap != end->scrap || verifier->records != end->records)
		return PROVCARD_REFUSAL_COUNTS_MISMATCH;
	result = grants_finish(&verifier->grants, end);
	if (!result)
		result = check_root(&verifier->log, end->log_root, PROVCARD_REFUSAL_LOG_ROOT_MISMATCH);
	if (!result)
		result = uid_set_repeats(&verifier->uids, &repeated);
	if (!result && repeated)
		result = PROVCARD_REFUSAL_UID_REPEATED;
	return result ? result : check_root(&verifier->certificates, end->certificates_root, PROVCARD_REFUSAL_COUNTS_MISMATCH);
}
