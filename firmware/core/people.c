// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "lockout.h"

/* Whose approval an operation needs. */
static const enum provpkg_role approver[] = {
	[PROVPKG_OPERATION_ENROL] = PROVPKG_ROLE_OFFICER,
	[PROVPKG_OPERATION_ALLOCATE] = PROVPKG_ROLE_OPERATOR,
	[PROVPKG_OPERATION_CLOSE] = PROVPKG_ROLE_OPERATOR,
	[PROVPKG_OPERATION_ZEROISE] = PROVPKG_ROLE_OFFICER,
	[PROVPKG_OPERATION_REMOVE] = PROVPKG_ROLE_OFFICER,
	[PROVPKG_OPERATION_POLICY] = PROVPKG_ROLE_OFFICER,
	[PROVPKG_OPERATION_UNLOCK] = PROVPKG_ROLE_OFFICER,
	[PROVPKG_OPERATION_AUDIT] = PROVPKG_ROLE_AUDITOR,
	[PROVPKG_OPERATION_SET_STATE] = PROVPKG_ROLE_OFFICER,
	[PROVPKG_OPERATION_SET_TIME] = PROVPKG_ROLE_TIME,
	[PROVPKG_OPERATION_ACTIVATE_FIRMWARE] = PROVPKG_ROLE_OFFICER,
};

static X509 *certificate_of(const struct vault_person *person)
{
	return sk_X509_value(person->certificates, 0);
}

int people_digest(const struct vault_person *person, uint8_t digest[PROVPKG_HASH_SIZE])
{
	unsigned int size = PROVPKG_HASH_SIZE;

	return X509_digest(certificate_of(person), EVP_sha256(), digest, &size) == 1 ? 0 : -EIO;
}

const struct vault_person *people_find(const struct vault *vault, const X509 *certificate)
{
	for (size_t i = 0; i < vault->people; i++) {
		const struct vault_person *person = &vault->person[i];

		if (person->role != PROVPKG_ROLE_OEM && !X509_cmp(certificate_of(person), certificate))
			return person;
	}
	return NULL;
}

/* Two certificates with one subject are one person's: a token and its spare. */
static bool same_person(const struct vault_person *one, const struct vault_person *other)
{
	return one == other ||
	       !X509_NAME_cmp(X509_get_subject_name(certificate_of(one)), X509_get_subject_name(certificate_of(other)));
}

/* Different people, each once. */
struct crowd {
	const struct vault_person *person[VAULT_PEOPLE_MAX];
	unsigned int count;
};

static void crowd_add(struct crowd *crowd, const struct vault_person *person)
{
	for (unsigned int i = 0; i < crowd->count; i++)
		if (same_person(crowd->person[i], person))
			return;
	crowd->person[crowd->count++] = person;
}

unsigned int people_signed(const struct request *request, enum provpkg_role role)
{
	struct crowd crowd = { .count = 0 };

	for (size_t i = 0; i < provpkg_signed_count(request->object); i++) {
		const struct vault_person *person = people_find(request->vault, provpkg_signed_signer(request->object, i));

		if (person && person->role == role)
			crowd_add(&crowd, person);
	}
	return crowd.count;
}

unsigned int people_officers(struct core *core, const struct vault *vault, const struct vault_person *without)
{
	struct crowd crowd = { .count = 0 };

	for (size_t i = 0; i < vault->people; i++) {
		const struct vault_person *person = &vault->person[i];

		if (person->role == PROVPKG_ROLE_OFFICER && person != without &&
		    lockout_state(core, vault, person) != LOCKOUT_LOCKED)
			crowd_add(&crowd, person);
	}
	return crowd.count;
}

static void set_actor(struct request *request, const char *name)
{
	snprintf(request->actor, sizeof(request->actor), "%s", name);
}

/* The card has nobody yet: the officer named inside signs, and nobody else. */
static int approve_initialise(struct request *request)
{
	for (size_t i = 0; i < provpkg_signed_count(request->object); i++)
		if (X509_cmp(provpkg_signed_signer(request->object, i), request->body.initialise.officer))
			return PROVCARD_REFUSAL_APPROVER_UNKNOWN;
	set_actor(request, request->body.initialise.officer_name);
	return 0;
}

/*
 * Everybody who signed must be enrolled and neither locked nor paused. The actor is who was enrolled first of the role that counts:
 * signatures have no order of their own, they are a set.
 */
static int check_signers(struct request *request, enum provpkg_role role)
{
	const struct vault_person *actor = NULL;

	for (size_t i = 0; i < provpkg_signed_count(request->object); i++) {
		const struct vault_person *person = people_find(request->vault, provpkg_signed_signer(request->object, i));

		if (!person)
			return PROVCARD_REFUSAL_APPROVER_UNKNOWN;
		if (!actor || (person->role == role && (actor->role != role || person < actor)))
			actor = person;
		set_actor(request, actor->name);
		switch (lockout_state(request->core, request->vault, person)) {
		case LOCKOUT_LOCKED:
			return PROVCARD_REFUSAL_APPROVER_LOCKED;
		case LOCKOUT_PAUSED:
			return PROVCARD_REFUSAL_APPROVER_PAUSED;
		case LOCKOUT_NONE:
			break;
		}
	}
	return 0;
}

/*
 * How many officers must sign. A policy needs as many as it asks for or, when that is more, as were needed before: whoever raises
 * the number shows that so many keys work, and whoever lowers it cannot do so with fewer than the number protects.
 */
static unsigned int officers_needed(const struct request *request)
{
	unsigned int now = request->vault->policy.officers;

	if (request->body.operation == PROVPKG_OPERATION_POLICY && request->body.policy.officers > now)
		return request->body.policy.officers;
	return now;
}

int people_approve(struct request *request)
{
	enum provpkg_role role = approver[request->body.operation];
	unsigned int needed = 1, signers;
	int code;

	if (request->body.operation == PROVPKG_OPERATION_INITIALISE)
		return approve_initialise(request);
	code = check_signers(request, role);
	if (code)
		return code;
	signers = people_signed(request, role);
	if (!signers)
		return PROVCARD_REFUSAL_APPROVER_ROLE;
	if (role == PROVPKG_ROLE_OFFICER)
		needed = officers_needed(request);
	if (signers >= needed)
		return 0;
	return people_officers(request->core, request->vault, NULL) < needed ? PROVCARD_REFUSAL_QUORUM_UNREACHABLE :
									       PROVCARD_REFUSAL_APPROVALS_MISSING;
}

/* The same certificate, or another one for the same key. */
static bool key_is_enrolled(const struct vault *vault, X509 *certificate)
{
	for (size_t i = 0; i < vault->people; i++) {
		const struct vault_person *person = &vault->person[i];

		if (person->role != PROVPKG_ROLE_OEM &&
		    EVP_PKEY_eq(X509_get0_pubkey(certificate_of(person)), X509_get0_pubkey(certificate)) == 1)
			return true;
	}
	return false;
}

/* Who audits the others is none of them. Officer and operator may be one person, with a key for each role. */
static bool roles_conflict(const struct vault *vault, enum provpkg_role role, const X509 *certificate)
{
	for (size_t i = 0; i < vault->people; i++) {
		const struct vault_person *person = &vault->person[i];

		if (person->role != PROVPKG_ROLE_OEM && (role == PROVPKG_ROLE_AUDITOR) != (person->role == PROVPKG_ROLE_AUDITOR) &&
		    !X509_NAME_cmp(X509_get_subject_name(certificate_of(person)), X509_get_subject_name(certificate)))
			return true;
	}
	return false;
}

static int judge_person(const struct vault *vault, enum provpkg_role role, const STACK_OF(X509) * certificates)
{
	X509 *certificate = sk_X509_value(certificates, 0);

	/* The subject says who it is: without one nobody could be told from anybody. */
	if (sk_X509_num(certificates) != 1 || !X509_get0_pubkey(certificate) ||
	    !(X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) ||
	    !X509_NAME_entry_count(X509_get_subject_name(certificate)))
		return PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
	if (key_is_enrolled(vault, certificate))
		return PROVCARD_REFUSAL_ALREADY_ENROLLED;
	return roles_conflict(vault, role, certificate) ? PROVCARD_REFUSAL_ROLE_CONFLICT : 0;
}

static int judge_enrolment(const struct vault *vault, enum provpkg_role role, const char *name, const STACK_OF(X509) * certificates)
{
	if (!name[0] || !provpkg_role_name(role))
		return PROVCARD_REFUSAL_REQUEST_DER;
	if (vault_find_name(vault, name))
		return PROVCARD_REFUSAL_ALREADY_ENROLLED;
	if (vault->people == VAULT_PEOPLE_MAX)
		return PROVCARD_REFUSAL_TOO_MANY_PEOPLE;
	if (role != PROVPKG_ROLE_OEM)
		return judge_person(vault, role, certificates);
	return sk_X509_num(certificates) > 0 ? 0 : PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
}

/* One issuing key of each kind: which of them a package uses, its issuing certificate says. */
static int draw_issuing_keys(struct vault_person *person)
{
	for (size_t i = 0; i < PROVPKG_ISSUING_KINDS; i++) {
		person->issuing_key[i] = provpkg_issuing_key_generate(provpkg_issuing_kind(i));
		if (!person->issuing_key[i])
			return -ENOMEM;
	}
	return 0;
}

int people_add(struct vault *vault, enum provpkg_role role, const char *name, const STACK_OF(X509) * certificates)
{
	int code = judge_enrolment(vault, role, name, certificates);
	struct vault_person *person = &vault->person[vault->people];

	if (code)
		return code;
	memset(person, 0, sizeof(*person));
	person->role = role;
	snprintf(person->name, sizeof(person->name), "%s", name);
	person->certificates = X509_chain_up_ref((STACK_OF(X509) *)certificates);
	/* Counted before judged, so that what was made is freed with the vault. */
	vault->people++;
	if (!person->certificates)
		return -ENOMEM;
	return role == PROVPKG_ROLE_OEM ? draw_issuing_keys(person) : 0;
}

static const char *state_name(enum lockout state)
{
	switch (state) {
	case LOCKOUT_LOCKED:
		return "locked";
	case LOCKOUT_PAUSED:
		return "paused";
	case LOCKOUT_NONE:
		break;
	}
	return "ok";
}

static int add_line(struct core *core, const struct vault *vault, const struct vault_person *person, struct provpkg_blob *text)
{
	static const size_t room = PROVPKG_NAME_MAX + 2 * PROVPKG_HASH_SIZE + 64;
	uint8_t *bigger = OPENSSL_realloc(text->data, text->size + room);
	struct ledger_failures failures;
	uint8_t digest[PROVPKG_HASH_SIZE];
	enum lockout state;
	char *at;

	if (!bigger)
		return -ENOMEM;
	text->data = bigger;
	if (people_digest(person, digest))
		return -EIO;
	at = (char *)text->data + text->size;
	at += sprintf(at, "%s\t%s\t", provpkg_role_name(person->role), person->name);
	for (size_t i = 0; i < sizeof(digest); i++)
		at += sprintf(at, "%02x", digest[i]);
	state = lockout_told(core, vault, person, &failures);
	at += sprintf(at, "\t%s\t%u\n", state_name(state), failures.proven + failures.disputed);
	text->size = (size_t)(at - (char *)text->data);
	return 0;
}

int people_list(struct core *core, const struct vault *vault, struct provpkg_blob *text)
{
	int error = 0;

	for (size_t i = 0; i < vault->people && !error; i++)
		error = add_line(core, vault, &vault->person[i], text);
	return error;
}

int people_policy(struct core *core, const struct vault *vault, struct provpkg_blob *text)
{
	static const size_t room = 96;

	text->data = OPENSSL_malloc(room);
	if (!text->data)
		return -ENOMEM;
	text->size = (size_t)snprintf((char *)text->data, room, "officers\t%u\nfailures\t%u\nnonce\t%s\n", vault->policy.officers,
				      vault->policy.failures, atomic_load(&core->nonce_valid) ? "out" : "none");
	return 0;
}
