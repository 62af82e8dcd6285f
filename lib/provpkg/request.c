// SPDX-License-Identifier: LGPL-2.1-or-later
/* Requests: Request in Documentation/asn1/provcard.asn1. The arguments' form depends on the operation. */
#include <errno.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/x509.h>

#include "der.h"
#include "provcard-refusal.h"
#include "provpkg/certificate.h"
#include "provpkg/request.h"

#define REQUEST_VERSION 1
#define REQUEST_MAX (1u << 20)
#define CERTIFICATES_MAX 16
#define STATE_MAX 5 /* DECOMMISSIONED */

typedef struct {
	uint32_t version;
	uint32_t operation;
	ASN1_OCTET_STRING *card_id;
	ASN1_OCTET_STRING *nonce;
	ASN1_TYPE *arguments;
} REQUEST;

typedef struct {
	ASN1_UTF8STRING *officer_name;
	X509 *officer;
	X509 *identity_classical;
	X509 *identity_pq;
	STACK_OF(X509) *chain;
} INITIALISE;

typedef struct {
	uint32_t role;
	ASN1_UTF8STRING *name;
	STACK_OF(X509) *certificates;
} ENROL;

typedef struct {
	ASN1_OCTET_STRING *package_id;
	uint64_t count;
} ALLOCATE;

typedef struct {
	ASN1_OCTET_STRING *package_id;
} CLOSE;

/* Of removing and of unlocking. */
typedef struct {
	ASN1_UTF8STRING *name;
} NAMED;

typedef struct {
	uint32_t officers;
	uint32_t failures;
} POLICY;

typedef struct {
	uint64_t size;
	ASN1_OCTET_STRING *root;
	ASN1_OCTET_STRING *package_id;
} AUDIT;

typedef struct {
	uint32_t state;
} SET_STATE;

typedef struct {
	int64_t time;
} SET_TIME;

typedef struct {
	ASN1_OCTET_STRING *digest;
	uint32_t security_version;
} ACTIVATE;

ASN1_SEQUENCE(REQUEST) = {
	ASN1_EMBED(REQUEST, version, UINT32),
	ASN1_EMBED(REQUEST, operation, UINT32),
	ASN1_SIMPLE(REQUEST, card_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(REQUEST, nonce, ASN1_OCTET_STRING),
	ASN1_SIMPLE(REQUEST, arguments, ASN1_ANY),
} static_ASN1_SEQUENCE_END(REQUEST)

ASN1_SEQUENCE(INITIALISE) = {
	ASN1_SIMPLE(INITIALISE, officer_name, ASN1_UTF8STRING),
	ASN1_SIMPLE(INITIALISE, officer, X509),
	ASN1_SIMPLE(INITIALISE, identity_classical, X509),
	ASN1_SIMPLE(INITIALISE, identity_pq, X509),
	ASN1_SEQUENCE_OF(INITIALISE, chain, X509),
} static_ASN1_SEQUENCE_END(INITIALISE)

ASN1_SEQUENCE(ENROL) = {
	ASN1_EMBED(ENROL, role, UINT32),
	ASN1_SIMPLE(ENROL, name, ASN1_UTF8STRING),
	ASN1_SEQUENCE_OF(ENROL, certificates, X509),
} static_ASN1_SEQUENCE_END(ENROL)

ASN1_SEQUENCE(ALLOCATE) = {
	ASN1_SIMPLE(ALLOCATE, package_id, ASN1_OCTET_STRING),
	ASN1_EMBED(ALLOCATE, count, UINT64),
} static_ASN1_SEQUENCE_END(ALLOCATE)

ASN1_SEQUENCE(CLOSE) = {
	ASN1_SIMPLE(CLOSE, package_id, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(CLOSE)

ASN1_SEQUENCE(NAMED) = {
	ASN1_SIMPLE(NAMED, name, ASN1_UTF8STRING),
} static_ASN1_SEQUENCE_END(NAMED)

ASN1_SEQUENCE(POLICY) = {
	ASN1_EMBED(POLICY, officers, UINT32),
	ASN1_EMBED(POLICY, failures, UINT32),
} static_ASN1_SEQUENCE_END(POLICY)

ASN1_SEQUENCE(AUDIT) = {
	ASN1_EMBED(AUDIT, size, UINT64),
	ASN1_SIMPLE(AUDIT, root, ASN1_OCTET_STRING),
	ASN1_OPT(AUDIT, package_id, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(AUDIT)

ASN1_SEQUENCE(SET_STATE) = {
	ASN1_EMBED(SET_STATE, state, UINT32),
} static_ASN1_SEQUENCE_END(SET_STATE)

ASN1_SEQUENCE(SET_TIME) = {
	ASN1_EMBED(SET_TIME, time, INT64),
} static_ASN1_SEQUENCE_END(SET_TIME)

ASN1_SEQUENCE(ACTIVATE) = {
	ASN1_SIMPLE(ACTIVATE, digest, ASN1_OCTET_STRING),
	ASN1_EMBED(ACTIVATE, security_version, UINT32),
} static_ASN1_SEQUENCE_END(ACTIVATE)

/* SEQUENCE { }: zeroising has no arguments. */
static const uint8_t no_arguments[] = { 0x30, 0x00 };

static const char *const role_names[] = {
	[PROVPKG_ROLE_OFFICER] = "officer",
	[PROVPKG_ROLE_OPERATOR] = "operator",
	[PROVPKG_ROLE_AUDITOR] = "auditor",
	[PROVPKG_ROLE_OEM] = "oem",
	[PROVPKG_ROLE_TIME] = "time",
};

const char *provpkg_role_name(enum provpkg_role role)
{
	return role < sizeof(role_names) / sizeof(role_names[0]) ? role_names[role] : NULL;
}

enum provpkg_role provpkg_role_find(const char *name)
{
	for (enum provpkg_role role = PROVPKG_ROLE_OFFICER; role <= PROVPKG_ROLE_TIME; role++)
		if (!strcmp(name, role_names[role]))
			return role;
	return 0;
}

/* ---- Certificates: shared while encoding, strict copies when decoded ---- */

static X509 *share(X509 *certificate)
{
	return certificate && X509_up_ref(certificate) ? certificate : NULL;
}

static bool share_into(X509 **field, X509 *certificate)
{
	X509_free(*field);
	*field = share(certificate);
	return *field;
}

static bool share_all(STACK_OF(X509) *field, STACK_OF(X509) *certificates)
{
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		X509 *shared = share(sk_X509_value(certificates, i));

		if (!shared || !sk_X509_push(field, shared)) {
			X509_free(shared);
			return false;
		}
	}
	return true;
}

static bool copy_strictly(X509 *from, X509 **certificate)
{
	unsigned char *data = NULL;
	int size = i2d_X509(from, &data);
	bool copied = size > 0 && !provpkg_der_certificate((struct provpkg_view){ data, size }, certificate);

	OPENSSL_free(data);
	return copied;
}

static bool copy_all(STACK_OF(X509) *from, STACK_OF(X509) **certificates)
{
	*certificates = sk_X509_new_null();
	if (!*certificates || sk_X509_num(from) > CERTIFICATES_MAX)
		return false;
	for (int i = 0; i < sk_X509_num(from); i++) {
		X509 *copy;

		if (!copy_strictly(sk_X509_value(from, i), &copy))
			return false;
		if (!sk_X509_push(*certificates, copy)) {
			X509_free(copy);
			return false;
		}
	}
	return true;
}

/* ---- Each operation's arguments ---- */

static bool set_initialise(const struct provpkg_request *request, void *arguments)
{
	INITIALISE *to = arguments;

	return sk_X509_num(request->initialise.chain) <= CERTIFICATES_MAX &&
	       provpkg_name_set(to->officer_name, request->initialise.officer_name) &&
	       share_into(&to->officer, request->initialise.officer) &&
	       share_into(&to->identity_classical, request->initialise.identity_classical) &&
	       share_into(&to->identity_pq, request->initialise.identity_pq) && share_all(to->chain, request->initialise.chain);
}

static bool get_initialise(const void *arguments, struct provpkg_request *request)
{
	const INITIALISE *from = arguments;

	return provpkg_name_get(from->officer_name, request->initialise.officer_name, sizeof(request->initialise.officer_name)) &&
	       copy_strictly(from->officer, &request->initialise.officer) &&
	       copy_strictly(from->identity_classical, &request->initialise.identity_classical) &&
	       copy_strictly(from->identity_pq, &request->initialise.identity_pq) &&
	       copy_all(from->chain, &request->initialise.chain);
}

/* A person is one certificate; an OEM may have several anchors. */
static bool enrol_valid(unsigned int role, int certificates)
{
	return provpkg_role_name(role) && certificates >= 1 && certificates <= (role == PROVPKG_ROLE_OEM ? CERTIFICATES_MAX : 1);
}

static bool set_enrol(const struct provpkg_request *request, void *arguments)
{
	ENROL *to = arguments;

	to->role = request->enrol.role;
	return enrol_valid(to->role, sk_X509_num(request->enrol.certificates)) && provpkg_name_set(to->name, request->enrol.name) &&
	       share_all(to->certificates, request->enrol.certificates);
}

static bool get_enrol(const void *arguments, struct provpkg_request *request)
{
	const ENROL *from = arguments;

	request->enrol.role = from->role;
	return enrol_valid(from->role, sk_X509_num(from->certificates)) &&
	       provpkg_name_get(from->name, request->enrol.name, sizeof(request->enrol.name)) &&
	       copy_all(from->certificates, &request->enrol.certificates);
}

static bool set_allocate(const struct provpkg_request *request, void *arguments)
{
	ALLOCATE *to = arguments;

	to->count = request->allocate.count;
	return to->count && provpkg_octets_set(to->package_id, request->allocate.package_id, PROVPKG_ID_SIZE);
}

static bool get_allocate(const void *arguments, struct provpkg_request *request)
{
	const ALLOCATE *from = arguments;

	request->allocate.count = from->count;
	return from->count && provpkg_octets_get(from->package_id, request->allocate.package_id, PROVPKG_ID_SIZE);
}

static bool set_close(const struct provpkg_request *request, void *arguments)
{
	return provpkg_octets_set(((CLOSE *)arguments)->package_id, request->close.package_id, PROVPKG_ID_SIZE);
}

static bool get_close(const void *arguments, struct provpkg_request *request)
{
	return provpkg_octets_get(((const CLOSE *)arguments)->package_id, request->close.package_id, PROVPKG_ID_SIZE);
}

static bool set_remove(const struct provpkg_request *request, void *arguments)
{
	return provpkg_name_set(((NAMED *)arguments)->name, request->remove.name);
}

static bool get_remove(const void *arguments, struct provpkg_request *request)
{
	return provpkg_name_get(((const NAMED *)arguments)->name, request->remove.name, sizeof(request->remove.name));
}

static bool set_unlock(const struct provpkg_request *request, void *arguments)
{
	return provpkg_name_set(((NAMED *)arguments)->name, request->unlock.name);
}

static bool get_unlock(const void *arguments, struct provpkg_request *request)
{
	return provpkg_name_get(((const NAMED *)arguments)->name, request->unlock.name, sizeof(request->unlock.name));
}

static bool policy_valid(uint32_t officers, uint32_t failures)
{
	return officers >= 1 && officers <= PROVPKG_OFFICERS_MAX && failures <= PROVPKG_FAILURES_MAX;
}

static bool set_policy(const struct provpkg_request *request, void *arguments)
{
	*(POLICY *)arguments = (POLICY){ request->policy.officers, request->policy.failures };
	return policy_valid(request->policy.officers, request->policy.failures);
}

static bool get_policy(const void *arguments, struct provpkg_request *request)
{
	const POLICY *from = arguments;

	request->policy.officers = from->officers;
	request->policy.failures = from->failures;
	return policy_valid(from->officers, from->failures);
}

static bool set_audit(const struct provpkg_request *request, void *arguments)
{
	AUDIT *to = arguments;

	to->size = request->audit.size;
	if (!to->size || !provpkg_octets_set(to->root, request->audit.root, PROVPKG_HASH_SIZE))
		return false;
	if (!request->audit.has_job)
		return true;
	to->package_id = ASN1_OCTET_STRING_new();
	return to->package_id && provpkg_octets_set(to->package_id, request->audit.package_id, PROVPKG_ID_SIZE);
}

static bool get_audit(const void *arguments, struct provpkg_request *request)
{
	const AUDIT *from = arguments;

	request->audit.size = from->size;
	request->audit.has_job = from->package_id;
	if (!from->size || !provpkg_octets_get(from->root, request->audit.root, PROVPKG_HASH_SIZE))
		return false;
	return !from->package_id || provpkg_octets_get(from->package_id, request->audit.package_id, PROVPKG_ID_SIZE);
}

static bool set_set_state(const struct provpkg_request *request, void *arguments)
{
	((SET_STATE *)arguments)->state = request->set_state.state;
	return request->set_state.state <= STATE_MAX;
}

static bool get_set_state(const void *arguments, struct provpkg_request *request)
{
	request->set_state.state = ((const SET_STATE *)arguments)->state;
	return request->set_state.state <= STATE_MAX;
}

static bool set_set_time(const struct provpkg_request *request, void *arguments)
{
	((SET_TIME *)arguments)->time = request->set_time.time;
	return request->set_time.time > 0;
}

static bool get_set_time(const void *arguments, struct provpkg_request *request)
{
	request->set_time.time = ((const SET_TIME *)arguments)->time;
	return request->set_time.time > 0;
}

static bool set_activate(const struct provpkg_request *request, void *arguments)
{
	ACTIVATE *to = arguments;

	to->security_version = request->activate.security_version;
	return to->security_version && provpkg_octets_set(to->digest, request->activate.digest, PROVPKG_HASH_SIZE);
}

static bool get_activate(const void *arguments, struct provpkg_request *request)
{
	const ACTIVATE *from = arguments;

	request->activate.security_version = from->security_version;
	return from->security_version && provpkg_octets_get(from->digest, request->activate.digest, PROVPKG_HASH_SIZE);
}

/* @item: NULL where there are no arguments. */
static const struct operation {
	const char *name;
	const ASN1_ITEM *(*item)(void);
	bool (*set)(const struct provpkg_request *request, void *arguments);
	bool (*get)(const void *arguments, struct provpkg_request *request);
} operations[] = {
	[PROVPKG_OPERATION_INITIALISE] = { "initialise", INITIALISE_it, set_initialise, get_initialise },
	[PROVPKG_OPERATION_ENROL] = { "enrol", ENROL_it, set_enrol, get_enrol },
	[PROVPKG_OPERATION_ALLOCATE] = { "allocate", ALLOCATE_it, set_allocate, get_allocate },
	[PROVPKG_OPERATION_CLOSE] = { "close", CLOSE_it, set_close, get_close },
	[PROVPKG_OPERATION_ZEROISE] = { "zeroise", NULL, NULL, NULL },
	[PROVPKG_OPERATION_REMOVE] = { "remove", NAMED_it, set_remove, get_remove },
	[PROVPKG_OPERATION_POLICY] = { "policy", POLICY_it, set_policy, get_policy },
	[PROVPKG_OPERATION_UNLOCK] = { "unlock", NAMED_it, set_unlock, get_unlock },
	[PROVPKG_OPERATION_AUDIT] = { "audit", AUDIT_it, set_audit, get_audit },
	[PROVPKG_OPERATION_SET_STATE] = { "set-state", SET_STATE_it, set_set_state, get_set_state },
	[PROVPKG_OPERATION_SET_TIME] = { "set-time", SET_TIME_it, set_set_time, get_set_time },
	[PROVPKG_OPERATION_ACTIVATE_FIRMWARE] = { "activate-firmware", ACTIVATE_it, set_activate, get_activate },
};

static const struct operation *operation_find(unsigned int number)
{
	return number < sizeof(operations) / sizeof(operations[0]) && operations[number].name ? &operations[number] : NULL;
}

const char *provpkg_operation_name(enum provpkg_operation operation)
{
	const struct operation *found = operation_find(operation);

	return found ? found->name : NULL;
}

enum provpkg_operation provpkg_operation_find(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (operations[i].name && !strcmp(name, operations[i].name))
			return (enum provpkg_operation)i;
	return 0;
}

/* ---- The whole ---- */

static int encode_arguments(const struct provpkg_request *request, const struct operation *operation, struct provpkg_blob *der)
{
	ASN1_VALUE *filled;
	int result;

	if (!operation->item) {
		der->data = OPENSSL_memdup(no_arguments, sizeof(no_arguments));
		der->size = sizeof(no_arguments);
		return der->data ? 0 : -ENOMEM;
	}
	filled = ASN1_item_new(operation->item());
	if (!filled)
		return -ENOMEM;
	result = operation->set(request, filled) ? provpkg_der_encode(filled, operation->item(), der) : -EINVAL;
	ASN1_item_free(filled, operation->item());
	return result;
}

static int encode_request(const struct provpkg_request *request, struct provpkg_view arguments, struct provpkg_blob *der)
{
	REQUEST *filled = (REQUEST *)ASN1_item_new(ASN1_ITEM_rptr(REQUEST));
	ASN1_STRING *sequence = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
	int result = -ENOMEM;

	if (!filled || !sequence || !ASN1_STRING_set(sequence, arguments.data, arguments.size) ||
	    !provpkg_octets_set(filled->card_id, request->card_id, PROVPKG_CARD_ID_SIZE) ||
	    !provpkg_octets_set(filled->nonce, request->nonce, PROVPKG_NONCE_SIZE))
		goto out;
	filled->version = REQUEST_VERSION;
	filled->operation = request->operation;
	ASN1_TYPE_set(filled->arguments, V_ASN1_SEQUENCE, sequence);
	sequence = NULL;
	result = provpkg_der_encode(filled, ASN1_ITEM_rptr(REQUEST), der);
out:
	ASN1_STRING_free(sequence);
	ASN1_item_free((ASN1_VALUE *)filled, ASN1_ITEM_rptr(REQUEST));
	return result;
}

int provpkg_request_encode(const struct provpkg_request *request, struct provpkg_blob *der)
{
	const struct operation *operation = operation_find(request->operation);
	struct provpkg_blob arguments;
	int result;

	if (!operation)
		return -EINVAL;
	result = encode_arguments(request, operation, &arguments);
	if (result)
		return result;
	result = encode_request(request, provpkg_blob_view(&arguments), der);
	provpkg_blob_free(&arguments);
	return result;
}

static int decode_arguments(const ASN1_TYPE *any, const struct operation *operation, struct provpkg_request *request)
{
	const int refusal = PROVCARD_REFUSAL_REQUEST_DER;
	struct provpkg_view der;
	void *form;

	if (any->type != V_ASN1_SEQUENCE)
		return refusal;
	der = provpkg_string_view(any->value.sequence);
	if (!operation->item)
		return der.size == sizeof(no_arguments) ? 0 : refusal;
	if (provpkg_der_decode(der, REQUEST_MAX, operation->item(), refusal, &form))
		return refusal;
	if (operation->get(form, request)) {
		ASN1_item_free(form, operation->item());
		return 0;
	}
	ASN1_item_free(form, operation->item());
	return refusal;
}

static int get_request(const REQUEST *from, struct provpkg_request *request)
{
	const struct operation *operation = operation_find(from->operation);

	if (from->version != REQUEST_VERSION || !provpkg_octets_get(from->card_id, request->card_id, PROVPKG_CARD_ID_SIZE) ||
	    !provpkg_octets_get(from->nonce, request->nonce, PROVPKG_NONCE_SIZE))
		return PROVCARD_REFUSAL_REQUEST_DER;
	if (!operation)
		return PROVCARD_REFUSAL_OPERATION_UNKNOWN;
	request->operation = from->operation;
	return decode_arguments(from->arguments, operation, request);
}

int provpkg_request_decode(struct provpkg_view der, struct provpkg_request *request)
{
	struct provpkg_request decoded = { 0 };
	void *form;
	int result = provpkg_der_decode(der, REQUEST_MAX, ASN1_ITEM_rptr(REQUEST), PROVCARD_REFUSAL_REQUEST_DER, &form);

	if (result)
		return result;
	result = get_request(form, &decoded);
	ASN1_item_free(form, ASN1_ITEM_rptr(REQUEST));
	if (result)
		provpkg_request_clear(&decoded);
	else
		*request = decoded;
	return result;
}

void provpkg_request_clear(struct provpkg_request *request)
{
	X509_free(request->initialise.officer);
	X509_free(request->initialise.identity_classical);
	X509_free(request->initialise.identity_pq);
	sk_X509_pop_free(request->initialise.chain, X509_free);
	sk_X509_pop_free(request->enrol.certificates, X509_free);
	*request = (struct provpkg_request){ 0 };
}
