// SPDX-License-Identifier: LGPL-2.1-or-later
/* Evidence: Evidence in Documentation/asn1/provcard.asn1. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/asn1t.h>

#include "der.h"
#include "provcard-refusal.h"
#include "provcard-service.h"
#include "provpkg/evidence.h"
#include "x509.h"

#define EVIDENCE_VERSION 1
#define EVIDENCE_MAX (64u << 10)

typedef struct {
	uint32_t role;
	ASN1_UTF8STRING *algorithm;
	ASN1_UTF8STRING *owner;
	ASN1_OCTET_STRING *digest;
} HELD_KEY;

typedef struct {
	ASN1_UTF8STRING *version;
	ASN1_OCTET_STRING *digest;
	uint32_t security_version;
} RUNNING_FIRMWARE;

typedef struct {
	uint64_t jobs;
	uint64_t good;
	uint64_t scrap;
	uint64_t ledger_generation;
	uint64_t log_size;
	ASN1_OCTET_STRING *log_root;
} CARD_COUNTERS;

typedef struct {
	uint32_t version;
	ASN1_OCTET_STRING *nonce;
	ASN1_OCTET_STRING *card_id;
	ASN1_UTF8STRING *serial;
	RUNNING_FIRMWARE *firmware;
	uint32_t state;
	uint32_t boots;
	int64_t time;
	ASN1_BOOLEAN authenticated;
	CARD_COUNTERS *counters;
	STACK_OF(HELD_KEY) *keys;
} EVIDENCE;

DEFINE_STACK_OF(HELD_KEY)

ASN1_SEQUENCE(HELD_KEY) = {
	ASN1_EMBED(HELD_KEY, role, UINT32),
	ASN1_SIMPLE(HELD_KEY, algorithm, ASN1_UTF8STRING),
	ASN1_IMP_OPT(HELD_KEY, owner, ASN1_UTF8STRING, 0),
	ASN1_SIMPLE(HELD_KEY, digest, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(HELD_KEY)

ASN1_SEQUENCE(RUNNING_FIRMWARE) = {
	ASN1_SIMPLE(RUNNING_FIRMWARE, version, ASN1_UTF8STRING),
	ASN1_SIMPLE(RUNNING_FIRMWARE, digest, ASN1_OCTET_STRING),
	ASN1_EMBED(RUNNING_FIRMWARE, security_version, UINT32),
} static_ASN1_SEQUENCE_END(RUNNING_FIRMWARE)

ASN1_SEQUENCE(CARD_COUNTERS) = {
	ASN1_EMBED(CARD_COUNTERS, jobs, UINT64),
	ASN1_EMBED(CARD_COUNTERS, good, UINT64),
	ASN1_EMBED(CARD_COUNTERS, scrap, UINT64),
	ASN1_EMBED(CARD_COUNTERS, ledger_generation, UINT64),
	ASN1_EMBED(CARD_COUNTERS, log_size, UINT64),
	ASN1_SIMPLE(CARD_COUNTERS, log_root, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(CARD_COUNTERS)

ASN1_SEQUENCE(EVIDENCE) = {
	ASN1_EMBED(EVIDENCE, version, UINT32),
	ASN1_SIMPLE(EVIDENCE, nonce, ASN1_OCTET_STRING),
	ASN1_SIMPLE(EVIDENCE, card_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(EVIDENCE, serial, ASN1_UTF8STRING),
	ASN1_SIMPLE(EVIDENCE, firmware, RUNNING_FIRMWARE),
	ASN1_EMBED(EVIDENCE, state, UINT32),
	ASN1_EMBED(EVIDENCE, boots, UINT32),
	ASN1_EMBED(EVIDENCE, time, INT64),
	ASN1_SIMPLE(EVIDENCE, authenticated, ASN1_BOOLEAN),
	ASN1_SIMPLE(EVIDENCE, counters, CARD_COUNTERS),
	ASN1_SEQUENCE_OF(EVIDENCE, keys, HELD_KEY),
} static_ASN1_SEQUENCE_END(EVIDENCE)

static const char *const role_names[] = {
	[PROVPKG_KEY_IDENTITY_CLASSICAL] = "identity-classical",
	[PROVPKG_KEY_IDENTITY_PQ] = "identity-pq",
	[PROVPKG_KEY_AGREEMENT] = "agreement",
	[PROVPKG_KEY_KEM] = "kem",
	[PROVPKG_KEY_ISSUING] = "issuing",
};

const char *provpkg_key_role_name(enum provpkg_key_role role)
{
	return role < sizeof(role_names) / sizeof(role_names[0]) ? role_names[role] : NULL;
}

/* An issuing key belongs to somebody, the others to the card. */
static bool key_valid(const struct provpkg_evidence_key *key)
{
	return provpkg_key_role_name(key->role) && (key->role == PROVPKG_KEY_ISSUING) == (key->owner[0] != 0);
}

static bool set_owner(ASN1_UTF8STRING **field, const char *owner)
{
	if (!*owner)
		return true;
	*field = ASN1_UTF8STRING_new();
	return *field && provpkg_name_set(*field, owner);
}

static bool set_key(STACK_OF(HELD_KEY) *keys, const struct provpkg_evidence_key *from)
{
	HELD_KEY *to = (HELD_KEY *)ASN1_item_new(ASN1_ITEM_rptr(HELD_KEY));

	if (!to || sk_HELD_KEY_push(keys, to) <= 0) {
		ASN1_item_free((ASN1_VALUE *)to, ASN1_ITEM_rptr(HELD_KEY));
		return false;
	}
	to->role = from->role;
	return key_valid(from) && provpkg_name_set(to->algorithm, from->algorithm) && set_owner(&to->owner, from->owner) &&
	       provpkg_octets_set(to->digest, from->digest, PROVPKG_HASH_SIZE);
}

static bool set_evidence(EVIDENCE *to, const struct provpkg_evidence *from)
{
	bool set = from->time >= 0 && from->state <= PROVCARD_CARD_FAILED && from->keys <= PROVPKG_EVIDENCE_KEYS_MAX &&
		   provpkg_octets_set(to->nonce, from->nonce, PROVPKG_NONCE_SIZE) &&
		   provpkg_octets_set(to->card_id, from->card_id, PROVPKG_CARD_ID_SIZE) &&
		   provpkg_name_set(to->serial, from->serial) && provpkg_name_set(to->firmware->version, from->firmware) &&
		   provpkg_octets_set(to->firmware->digest, from->firmware_digest, PROVPKG_HASH_SIZE) &&
		   provpkg_octets_set(to->counters->log_root, from->log_root, PROVPKG_HASH_SIZE);

	to->version = EVIDENCE_VERSION;
	to->firmware->security_version = from->security_version;
	to->state = from->state;
	to->boots = from->boots;
	to->time = from->time;
	to->authenticated = from->time_authenticated ? 0xff : 0;
	to->counters->jobs = from->jobs;
	to->counters->good = from->good;
	to->counters->scrap = from->scrap;
	to->counters->ledger_generation = from->ledger_generation;
	to->counters->log_size = from->log_size;
	for (size_t i = 0; set && i < from->keys; i++)
		set = set_key(to->keys, &from->key[i]);
	return set;
}

int provpkg_evidence_encode(const struct provpkg_evidence *evidence, struct provpkg_blob *der)
{
	EVIDENCE *filled = (EVIDENCE *)ASN1_item_new(ASN1_ITEM_rptr(EVIDENCE));
	int result;

	if (!filled)
		return -ENOMEM;
	result = set_evidence(filled, evidence) ? provpkg_der_encode(filled, ASN1_ITEM_rptr(EVIDENCE), der) : -EINVAL;
	ASN1_item_free((ASN1_VALUE *)filled, ASN1_ITEM_rptr(EVIDENCE));
	return result;
}

static bool get_key(const HELD_KEY *from, struct provpkg_evidence_key *to)
{
	to->role = from->role;
	return provpkg_name_get(from->algorithm, to->algorithm, sizeof(to->algorithm)) &&
	       (!from->owner || provpkg_name_get(from->owner, to->owner, sizeof(to->owner))) &&
	       provpkg_octets_get(from->digest, to->digest, PROVPKG_HASH_SIZE) && key_valid(to);
}

static bool get_evidence(const EVIDENCE *from, struct provpkg_evidence *to)
{
	bool got = from->version == EVIDENCE_VERSION && from->time >= 0 && from->state <= PROVCARD_CARD_FAILED &&
		   sk_HELD_KEY_num(from->keys) <= PROVPKG_EVIDENCE_KEYS_MAX &&
		   provpkg_octets_get(from->nonce, to->nonce, PROVPKG_NONCE_SIZE) &&
		   provpkg_octets_get(from->card_id, to->card_id, PROVPKG_CARD_ID_SIZE) &&
		   provpkg_name_get(from->serial, to->serial, sizeof(to->serial)) &&
		   provpkg_name_get(from->firmware->version, to->firmware, sizeof(to->firmware)) &&
		   provpkg_octets_get(from->firmware->digest, to->firmware_digest, PROVPKG_HASH_SIZE) &&
		   provpkg_octets_get(from->counters->log_root, to->log_root, PROVPKG_HASH_SIZE);

	to->security_version = from->firmware->security_version;
	to->state = from->state;
	to->boots = from->boots;
	to->time = from->time;
	to->time_authenticated = from->authenticated;
	to->jobs = from->counters->jobs;
	to->good = from->counters->good;
	to->scrap = from->counters->scrap;
	to->ledger_generation = from->counters->ledger_generation;
	to->log_size = from->counters->log_size;
	for (; got && to->keys < (size_t)sk_HELD_KEY_num(from->keys); to->keys++)
		got = get_key(sk_HELD_KEY_value(from->keys, (int)to->keys), &to->key[to->keys]);
	return got;
}

int provpkg_evidence_decode(struct provpkg_view der, struct provpkg_evidence *evidence)
{
	struct provpkg_evidence *decoded = OPENSSL_zalloc(sizeof(*decoded));
	void *form;
	int result = decoded ? 0 : -ENOMEM;

	if (!result)
		result = provpkg_der_decode(der, EVIDENCE_MAX, ASN1_ITEM_rptr(EVIDENCE), PROVCARD_REFUSAL_STATEMENT_DER, &form);
	if (!result) {
		if (get_evidence(form, decoded))
			*evidence = *decoded;
		else
			result = PROVCARD_REFUSAL_STATEMENT_DER;
		ASN1_item_free(form, ASN1_ITEM_rptr(EVIDENCE));
	}
	OPENSSL_free(decoded);
	return result;
}
