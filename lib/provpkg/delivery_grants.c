// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Judges a job's grants by its records: the loading keeps the quota authority or the manifest's grant, each later grant comes as it
 * was signed, and so does one that ended the job. What the card judged when it took a grant is judged again, at the time of its record.
 */
#include "delivery_grants.h"

#include <string.h>

#include "provcard-refusal.h"
#include "provpkg/escrow.h"

/* ---- One grant ---- */

static int check_next(const struct delivery_grants *grants, const struct provpkg_end_certificate *end, const struct provpkg_grant *grant)
{
	uint8_t previous[PROVPKG_HASH_SIZE] = { 0 };
	int result = 0;

	if (memcmp(grant->card_id, end->card_id, PROVPKG_CARD_ID_SIZE) || memcmp(grant->package_id, end->package_id, PROVPKG_ID_SIZE))
		return PROVCARD_REFUSAL_GRANT_MISSING;
	if (grants->last.sequence)
		result = provpkg_grant_digest(&grants->last, previous);
	if (result)
		return result;
	if (grant->sequence != grants->last.sequence + 1 || memcmp(grant->previous, previous, sizeof(previous)))
		return PROVCARD_REFUSAL_GRANT_SEQUENCE;
	if (!grant->termination && (grant->ceiling_good < grants->ceiling_good || grant->ceiling_scrap < grants->ceiling_scrap))
		return PROVCARD_REFUSAL_GRANT_LOWERED;
	return 0;
}

static int put_in_force(struct delivery_grants *grants, const struct provpkg_end_certificate *end, const struct provpkg_grant *grant)
{
	int result = check_next(grants, end, grant);

	if (result)
		return result;
	grants->last = *grant;
	if (!grant->termination) {
		grants->ceiling_good = grant->ceiling_good;
		grants->ceiling_scrap = grant->ceiling_scrap;
	}
	return 0;
}

/* The authority's members have as many certificates as the package's suite demands, so they tell which it is. */
static int judge_authority(const struct provpkg_authority *authority, const struct provpkg_signed *object, int64_t at)
{
	bool hybrid = provpkg_authority_valid(authority, PROVPKG_SUITE_HYBRID);

	return provpkg_authority_judge(authority, hybrid ? PROVPKG_SUITE_HYBRID : PROVPKG_SUITE_CNSA2, object, at, NULL);
}

/* Whole signatures of a suite, and the OEM's where the caller knows the OEM. */
static int judge_oem(STACK_OF(X509) *anchors, const struct provpkg_signed *object, int64_t at)
{
	unsigned int suite = provpkg_signed_kinds(object);

	if (!suite)
		return PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING;
	return anchors ? provpkg_signed_suite(object, suite, anchors, at) : 0;
}

static int take_signed(struct delivery_grants *grants, const struct provpkg_end_certificate *end, const struct provpkg_record *record,
		       struct provpkg_view cms)
{
	struct provpkg_signed *object = NULL;
	struct provpkg_grant grant;
	int result = provpkg_signed_open(PROVPKG_CONTENT_GRANT, cms, &object);

	if (result)
		return result;
	result = provpkg_grant_decode(provpkg_signed_content(object), &grant);
	if (!result)
		result = grants->by_authority ? judge_authority(&grants->authority, object, record->time) :
						judge_oem(grants->anchors, object, record->time);
	if (!result && grant.termination != (record->event == PROVPKG_EVENT_CLOSED))
		result = PROVCARD_REFUSAL_RECORD_MISPLACED;
	provpkg_signed_free(object);
	return result ? result : put_in_force(grants, end, &grant);
}

/* ---- The records ---- */

static int take_loaded(struct delivery_grants *grants, const struct provpkg_end_certificate *end, struct provpkg_view attachment)
{
	struct provpkg_attachment parts;
	struct provpkg_grant first;
	int result = provpkg_attachment_split(attachment, true, &parts);

	if (result)
		return result;
	if (grants->known)
		return PROVCARD_REFUSAL_RECORD_MISPLACED;
	grants->known = true;
	grants->by_authority = !provpkg_authority_decode(parts.first, &grants->authority);
	if (grants->by_authority)
		return 0;
	result = provpkg_grant_decode(parts.first, &first);
	if (!result && first.termination)
		result = PROVCARD_REFUSAL_GRANT_SEQUENCE;
	return result ? result : put_in_force(grants, end, &first);
}

/* What ended the job was a grant, or else a person's request. */
static bool is_grant(struct provpkg_view cms)
{
	STACK_OF(X509) *claimed = NULL;
	bool is = !provpkg_signed_claims(PROVPKG_CONTENT_GRANT, cms, &claimed);

	sk_X509_pop_free(claimed, X509_free);
	return is;
}

static bool must_be_there(const struct provpkg_record *record)
{
	static const uint8_t none[PROVPKG_HASH_SIZE];
	bool grants = record->event == PROVPKG_EVENT_LOADED || record->event == PROVPKG_EVENT_GRANTED ||
		      record->event == PROVPKG_EVENT_CLOSED;

	return grants && memcmp(record->attachment_digest, none, sizeof(none));
}

int grants_record(struct delivery_grants *grants, const struct provpkg_end_certificate *end, const struct provpkg_record *record,
		  struct provpkg_view attachment)
{
	if (!attachment.size && must_be_there(record))
		return PROVCARD_REFUSAL_ATTACHMENT_MISMATCH;
	if (grants->known && (record->after.good > grants->ceiling_good || record->after.scrap > grants->ceiling_scrap))
		return PROVCARD_REFUSAL_COUNTS_MISMATCH;
	if (record->event == PROVPKG_EVENT_LOADED && attachment.size)
		return take_loaded(grants, end, attachment);
	if (record->event == PROVPKG_EVENT_GRANTED && !grants->known)
		return PROVCARD_REFUSAL_GRANT_MISSING;
	if (record->event == PROVPKG_EVENT_GRANTED || (record->event == PROVPKG_EVENT_CLOSED && grants->known && is_grant(attachment)))
		return take_signed(grants, end, record, attachment);
	return 0;
}

int grants_finish(const struct delivery_grants *grants, const struct provpkg_end_certificate *end)
{
	if (!grants->known || (grants->ceiling_good == end->granted_good && grants->ceiling_scrap == end->granted_scrap))
		return 0;
	return PROVCARD_REFUSAL_COUNTS_MISMATCH;
}
