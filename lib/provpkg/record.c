// SPDX-License-Identifier: LGPL-2.1-or-later
/* Log records: Record in Documentation/asn1/provcard.asn1. */
#include <errno.h>
#include <string.h>

#include <openssl/asn1t.h>

#include "der.h"
#include "provcard-refusal.h"
#include "provcard-service.h"
#include "provpkg/record.h"

#define RECORD_VERSION 1
#define RECORD_MAX 4096
#define CODE_MAX 0x7fff

typedef struct {
	uint64_t good;
	uint64_t scrap;
	uint64_t reserved;
	uint64_t allocated;
} RECORD_COUNTERS;

typedef struct {
	ASN1_OCTET_STRING *package_id;
	RECORD_COUNTERS *before;
	RECORD_COUNTERS *after;
} RECORD_JOB;

typedef struct {
	uint32_t head;
	ASN1_OCTET_STRING *uid;
	ASN1_UTF8STRING *part;
	ASN1_OCTET_STRING *certificate;
	ASN1_BOOLEAN locked;
	uint32_t proof;
} RECORD_UNIT;

typedef struct {
	uint32_t version;
	uint64_t index;
	ASN1_OCTET_STRING *previous;
	uint32_t boot;
	int64_t time;
	ASN1_BOOLEAN authenticated;
	uint32_t event;
	uint32_t code;
	ASN1_UTF8STRING *actor;
	ASN1_OCTET_STRING *attachment;
	RECORD_JOB *job;
	RECORD_UNIT *unit;
} RECORD;

ASN1_SEQUENCE(RECORD_COUNTERS) = {
	ASN1_EMBED(RECORD_COUNTERS, good, UINT64),
	ASN1_EMBED(RECORD_COUNTERS, scrap, UINT64),
	ASN1_EMBED(RECORD_COUNTERS, reserved, UINT64),
	ASN1_EMBED(RECORD_COUNTERS, allocated, UINT64),
} static_ASN1_SEQUENCE_END(RECORD_COUNTERS)

ASN1_SEQUENCE(RECORD_JOB) = {
	ASN1_SIMPLE(RECORD_JOB, package_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(RECORD_JOB, before, RECORD_COUNTERS),
	ASN1_SIMPLE(RECORD_JOB, after, RECORD_COUNTERS),
} static_ASN1_SEQUENCE_END(RECORD_JOB)

ASN1_SEQUENCE(RECORD_UNIT) = {
	ASN1_EMBED(RECORD_UNIT, head, UINT32),
	ASN1_SIMPLE(RECORD_UNIT, uid, ASN1_OCTET_STRING),
	ASN1_OPT(RECORD_UNIT, part, ASN1_UTF8STRING),
	ASN1_SIMPLE(RECORD_UNIT, certificate, ASN1_OCTET_STRING),
	ASN1_SIMPLE(RECORD_UNIT, locked, ASN1_BOOLEAN),
	ASN1_EMBED(RECORD_UNIT, proof, UINT32),
} static_ASN1_SEQUENCE_END(RECORD_UNIT)

ASN1_SEQUENCE(RECORD) = {
	ASN1_EMBED(RECORD, version, UINT32),
	ASN1_EMBED(RECORD, index, UINT64),
	ASN1_SIMPLE(RECORD, previous, ASN1_OCTET_STRING),
	ASN1_EMBED(RECORD, boot, UINT32),
	ASN1_EMBED(RECORD, time, INT64),
	ASN1_SIMPLE(RECORD, authenticated, ASN1_BOOLEAN),
	ASN1_EMBED(RECORD, event, UINT32),
	ASN1_EMBED(RECORD, code, UINT32),
	ASN1_OPT(RECORD, actor, ASN1_UTF8STRING),
	ASN1_SIMPLE(RECORD, attachment, ASN1_OCTET_STRING),
	ASN1_IMP_OPT(RECORD, job, RECORD_JOB, 0),
	ASN1_IMP_OPT(RECORD, unit, RECORD_UNIT, 1),
} static_ASN1_SEQUENCE_END(RECORD)

static const char *const event_names[] = {
	[PROVPKG_EVENT_BOOT] = "boot",
	[PROVPKG_EVENT_INITIALISED] = "initialised",
	[PROVPKG_EVENT_ENROLLED] = "enrolled",
	[PROVPKG_EVENT_LOADED] = "loaded",
	[PROVPKG_EVENT_ALLOCATED] = "allocated",
	[PROVPKG_EVENT_UNIT_GOOD] = "unit-good",
	[PROVPKG_EVENT_UNIT_SCRAP] = "unit-scrap",
	[PROVPKG_EVENT_UNIT_REFUSED] = "unit-refused",
	[PROVPKG_EVENT_CLOSED] = "closed",
	[PROVPKG_EVENT_ZEROISED] = "zeroised",
	[PROVPKG_EVENT_REQUEST_REFUSED] = "request-refused",
	[PROVPKG_EVENT_GRANTED] = "granted",
	[PROVPKG_EVENT_REMOVED] = "removed",
	[PROVPKG_EVENT_POLICY] = "policy",
	[PROVPKG_EVENT_LOCKED_OUT] = "locked-out",
	[PROVPKG_EVENT_UNLOCKED] = "unlocked",
	[PROVPKG_EVENT_AUDITED] = "audited",
	[PROVPKG_EVENT_STATE_CHANGED] = "state-changed",
	[PROVPKG_EVENT_TIME_SET] = "time-set",
	[PROVPKG_EVENT_TAMPERED] = "tampered",
	[PROVPKG_EVENT_FIRMWARE_STORED] = "firmware-stored",
	[PROVPKG_EVENT_FIRMWARE_ACTIVATED] = "firmware-activated",
	[PROVPKG_EVENT_FIRMWARE_CONFIRMED] = "firmware-confirmed",
};

const char *provpkg_event_name(enum provpkg_event event)
{
	return event < sizeof(event_names) / sizeof(event_names[0]) ? event_names[event] : NULL;
}

/* What the types cannot say, for both directions. */
static bool record_valid(const struct provpkg_record *record)
{
	if (!provpkg_event_name(record->event) || record->time < 0 || record->code > CODE_MAX)
		return false;
	return !record->has_unit || (record->uid_size <= PROVPKG_UID_MAX && record->proof <= PROVCARD_PROOF_CHALLENGE);
}

/* Empty text is an absent field. */
static bool set_optional(ASN1_UTF8STRING **field, const char *text)
{
	if (!*text)
		return true;
	*field = ASN1_UTF8STRING_new();
	return *field && provpkg_name_set(*field, text);
}

static bool get_optional(const ASN1_UTF8STRING *field, char *text, size_t room)
{
	return !field || provpkg_name_get(field, text, room);
}

static void set_counters(RECORD_COUNTERS *to, const struct provpkg_counters *from)
{
	*to = (RECORD_COUNTERS){ from->good, from->scrap, from->reserved, from->allocated };
}

static struct provpkg_counters get_counters(const RECORD_COUNTERS *from)
{
	return (struct provpkg_counters){ from->good, from->scrap, from->reserved, from->allocated };
}

static bool set_job(RECORD_JOB **field, const struct provpkg_record *record)
{
	RECORD_JOB *job;

	if (!record->has_job)
		return true;
	*field = job = (RECORD_JOB *)ASN1_item_new(ASN1_ITEM_rptr(RECORD_JOB));
	if (!job)
		return false;
	set_counters(job->before, &record->before);
	set_counters(job->after, &record->after);
	return provpkg_octets_set(job->package_id, record->package_id, PROVPKG_ID_SIZE);
}

static bool set_unit(RECORD_UNIT **field, const struct provpkg_record *record)
{
	RECORD_UNIT *unit;

	if (!record->has_unit)
		return true;
	*field = unit = (RECORD_UNIT *)ASN1_item_new(ASN1_ITEM_rptr(RECORD_UNIT));
	if (!unit)
		return false;
	unit->head = record->head;
	unit->locked = record->locked ? 0xff : 0;
	unit->proof = record->proof;
	return provpkg_octets_set(unit->uid, record->uid, record->uid_size) && set_optional(&unit->part, record->part) &&
	       provpkg_octets_set(unit->certificate, record->certificate_digest, PROVPKG_HASH_SIZE);
}

static bool set_record(RECORD *to, const struct provpkg_record *record)
{
	to->version = RECORD_VERSION;
	to->index = record->index;
	to->boot = record->boot;
	to->time = record->time;
	to->authenticated = record->time_authenticated ? 0xff : 0;
	to->event = record->event;
	to->code = record->code;
	return provpkg_octets_set(to->previous, record->previous, PROVPKG_HASH_SIZE) && set_optional(&to->actor, record->actor) &&
	       provpkg_octets_set(to->attachment, record->attachment_digest, PROVPKG_HASH_SIZE) && set_job(&to->job, record) &&
	       set_unit(&to->unit, record);
}

int provpkg_record_encode(const struct provpkg_record *record, struct provpkg_blob *der)
{
	RECORD *filled;
	int result;

	if (!record_valid(record))
		return -EINVAL;
	filled = (RECORD *)ASN1_item_new(ASN1_ITEM_rptr(RECORD));
	if (!filled)
		return -ENOMEM;
	result = set_record(filled, record) ? provpkg_der_encode(filled, ASN1_ITEM_rptr(RECORD), der) : -EINVAL;
	ASN1_item_free((ASN1_VALUE *)filled, ASN1_ITEM_rptr(RECORD));
	return result;
}

static bool get_job(const RECORD_JOB *job, struct provpkg_record *record)
{
	if (!job)
		return true;
	record->has_job = true;
	record->before = get_counters(job->before);
	record->after = get_counters(job->after);
	return provpkg_octets_get(job->package_id, record->package_id, PROVPKG_ID_SIZE);
}

static bool get_unit(const RECORD_UNIT *unit, struct provpkg_record *record)
{
	if (!unit)
		return true;
	record->has_unit = true;
	record->head = unit->head;
	record->locked = unit->locked;
	record->proof = unit->proof;
	record->uid_size = provpkg_string_view(unit->uid).size;
	return record->uid_size <= PROVPKG_UID_MAX && provpkg_octets_get(unit->uid, record->uid, record->uid_size) &&
	       get_optional(unit->part, record->part, sizeof(record->part)) &&
	       provpkg_octets_get(unit->certificate, record->certificate_digest, PROVPKG_HASH_SIZE);
}

static bool get_record(const RECORD *from, struct provpkg_record *record)
{
	if (from->version != RECORD_VERSION || from->code > CODE_MAX)
		return false;
	record->index = from->index;
	record->boot = from->boot;
	record->time = from->time;
	record->time_authenticated = from->authenticated;
	record->event = from->event;
	record->code = from->code;
	return provpkg_octets_get(from->previous, record->previous, PROVPKG_HASH_SIZE) &&
	       provpkg_octets_get(from->attachment, record->attachment_digest, PROVPKG_HASH_SIZE) &&
	       get_optional(from->actor, record->actor, sizeof(record->actor)) && get_job(from->job, record) &&
	       get_unit(from->unit, record) && record_valid(record);
}

int provpkg_record_decode(struct provpkg_view der, struct provpkg_record *record)
{
	struct provpkg_record decoded = { 0 };
	void *form;
	int result = provpkg_der_decode(der, RECORD_MAX, ASN1_ITEM_rptr(RECORD), PROVCARD_REFUSAL_STATEMENT_DER, &form);

	if (result)
		return result;
	if (get_record(form, &decoded))
		*record = decoded;
	else
		result = PROVCARD_REFUSAL_STATEMENT_DER;
	ASN1_item_free(form, ASN1_ITEM_rptr(RECORD));
	return result;
}
