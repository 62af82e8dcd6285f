// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "request.h"

/* Whose approval an operation needs. */
static const enum provpkg_role approver[] = {
	[PROVPKG_OPERATION_ENROL] = PROVPKG_ROLE_OFFICER,
	[PROVPKG_OPERATION_ALLOCATE] = PROVPKG_ROLE_OPERATOR,
	[PROVPKG_OPERATION_CLOSE] = PROVPKG_ROLE_OPERATOR,
	[PROVPKG_OPERATION_ZEROISE] = PROVPKG_ROLE_OFFICER,
	[PROVPKG_OPERATION_SET_STATE] = PROVPKG_ROLE_OFFICER,
	[PROVPKG_OPERATION_SET_TIME] = PROVPKG_ROLE_TIME,
};

static const struct vault_person *find_person(const struct vault *vault, const X509 *certificate)
{
	for (size_t i = 0; i < vault->people; i++) {
		const struct vault_person *person = &vault->person[i];

		if (person->role != PROVPKG_ROLE_OEM && !X509_cmp(sk_X509_value(person->certificates, 0), certificate))
			return person;
	}
	return NULL;
}

/* Two certificates with one subject are one person's: a token and its spare. */
static bool same_person(const struct vault_person *one, const struct vault_person *other)
{
	return one == other || !X509_NAME_cmp(X509_get_subject_name(sk_X509_value(one->certificates, 0)),
					      X509_get_subject_name(sk_X509_value(other->certificates, 0)));
}

unsigned int people_signed(const struct request *request, enum provpkg_role role)
{
	const struct vault_person *counted[VAULT_PEOPLE_MAX];
	unsigned int count = 0;

	for (size_t i = 0; i < provpkg_signed_count(request->object); i++) {
		const struct vault_person *person = find_person(request->vault, provpkg_signed_signer(request->object, i));
		unsigned int before = 0;

		if (!person || person->role != role)
			continue;
		while (before < count && !same_person(counted[before], person))
			before++;
		if (before == count)
			counted[count++] = person;
	}
	return count;
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

/* Everybody who signed must be enrolled, and one of them in the role that counts. */
int people_approve(struct request *request)
{
	int code = PROVCARD_REFUSAL_APPROVER_ROLE;

	if (request->body.operation == PROVPKG_OPERATION_INITIALISE)
		return approve_initialise(request);
	for (size_t i = 0; i < provpkg_signed_count(request->object); i++) {
		const struct vault_person *person = find_person(request->vault, provpkg_signed_signer(request->object, i));

		if (!person)
			return PROVCARD_REFUSAL_APPROVER_UNKNOWN;
		if (code && (person->role == approver[request->body.operation] || !request->actor[0]))
			set_actor(request, person->name);
		if (person->role == approver[request->body.operation])
			code = 0;
	}
	return code;
}

/* The same certificate, or another one for the same key. */
static bool key_is_enrolled(const struct vault *vault, X509 *certificate)
{
	for (size_t i = 0; i < vault->people; i++) {
		const struct vault_person *person = &vault->person[i];

		if (person->role != PROVPKG_ROLE_OEM &&
		    EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(person->certificates, 0)), X509_get0_pubkey(certificate)) == 1)
			return true;
	}
	return false;
}

static int judge_person(const struct vault *vault, const STACK_OF(X509) * certificates)
{
	X509 *certificate = sk_X509_value(certificates, 0);

	if (sk_X509_num(certificates) != 1 || !X509_get0_pubkey(certificate) ||
	    !(X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE))
		return PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
	/* One key, one person, one role: so officer and auditor are never the same. */
	return key_is_enrolled(vault, certificate) ? PROVCARD_REFUSAL_ALREADY_ENROLLED : 0;
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
		return judge_person(vault, certificates);
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

static int add_line(struct provpkg_blob *text, const struct vault_person *person)
{
	static const size_t room = 16 + PROVPKG_NAME_MAX + 2 * PROVPKG_HASH_SIZE + 4;
	uint8_t *bigger = OPENSSL_realloc(text->data, text->size + room);
	uint8_t digest[PROVPKG_HASH_SIZE];
	unsigned int size = sizeof(digest);
	char *at;

	if (!bigger)
		return -ENOMEM;
	text->data = bigger;
	if (X509_digest(sk_X509_value(person->certificates, 0), EVP_sha256(), digest, &size) != 1)
		return -EIO;
	at = (char *)text->data + text->size;
	at += sprintf(at, "%s\t%s\t", provpkg_role_name(person->role), person->name);
	for (size_t i = 0; i < sizeof(digest); i++)
		at += sprintf(at, "%02x", digest[i]);
	*at++ = '\n';
	text->size = (size_t)(at - (char *)text->data);
	return 0;
}

int people_list(const struct vault *vault, struct provpkg_blob *text)
{
	int error = 0;

	for (size_t i = 0; i < vault->people && !error; i++)
		error = add_line(text, &vault->person[i]);
	return error;
}
