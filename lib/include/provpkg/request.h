/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Privileged operations: signed objects, not sessions. DER inside CMS (PROVPKG_CONTENT_REQUEST), a SignerInfo per approver. */
#ifndef PROVPKG_REQUEST_H
#define PROVPKG_REQUEST_H

#include <openssl/x509.h>

#include "provpkg/types.h"

PROVPKG_BEGIN

enum provpkg_role {
	PROVPKG_ROLE_OFFICER = 1,
	PROVPKG_ROLE_OPERATOR = 2,
	PROVPKG_ROLE_AUDITOR = 3,
	PROVPKG_ROLE_OEM = 4,
	PROVPKG_ROLE_TIME = 5, /* the time authority: sets the card's clock and does nothing else */
};

/* "officer", "operator", "auditor", "oem", "time"; NULL and 0 for what is none. */
const char *provpkg_role_name(enum provpkg_role role);
enum provpkg_role provpkg_role_find(const char *name);

enum provpkg_operation {
	PROVPKG_OPERATION_INITIALISE = 1, /* signed by the officer it names */
	PROVPKG_OPERATION_ENROL = 2, /* officer */
	PROVPKG_OPERATION_ALLOCATE = 3, /* operator */
	PROVPKG_OPERATION_CLOSE = 4, /* operator; the answer is the end certificate, CMS */
	PROVPKG_OPERATION_ZEROISE = 5, /* officer */
	PROVPKG_OPERATION_REMOVE = 6, /* officer: an enrolment goes */
	PROVPKG_OPERATION_POLICY = 7, /* officer: how many officers must sign, and the lockout limit */
	PROVPKG_OPERATION_UNLOCK = 8, /* officer: a person's failures are forgiven */
	PROVPKG_OPERATION_AUDIT = 9, /* auditor: countersigns the head of the log */
	PROVPKG_OPERATION_SET_STATE = 10, /* officer */
	PROVPKG_OPERATION_SET_TIME = 11, /* time authority; for a long step officers, too */
	PROVPKG_OPERATION_ACTIVATE_FIRMWARE = 12, /* officer; takes effect with the next power-on */
};

const char *provpkg_operation_name(enum provpkg_operation operation); /* "enrol"; NULL for none */
enum provpkg_operation provpkg_operation_find(const char *name); /* 0 for none */

/* Most officers that a policy can demand. */
#define PROVPKG_OFFICERS_MAX 16
#define PROVPKG_FAILURES_MAX 255

/* @card_id: as struct provcard_service_status says. Only the member of @operation is used. */
struct provpkg_request {
	enum provpkg_operation operation;
	uint8_t card_id[PROVPKG_CARD_ID_SIZE];
	uint8_t nonce[PROVPKG_NONCE_SIZE];
	struct {
		char officer_name[PROVPKG_NAME_MAX + 1];
		X509 *officer;
		X509 *identity_classical; /* the maker's certificate for the card's P-384 identity key */
		X509 *identity_pq; /* and for its ML-DSA-87 identity key */
		STACK_OF(X509) *chain; /* above both, roots included */
	} initialise;
	struct {
		enum provpkg_role role;
		char name[PROVPKG_NAME_MAX + 1]; /* unique among the enrolled */
		STACK_OF(X509) *certificates; /* a person: exactly one, pinned. An OEM: its anchors or pinned signers */
	} enrol;
	struct {
		uint8_t package_id[PROVPKG_ID_SIZE];
		uint64_t count; /* added to what is allocated; at least 1 */
	} allocate;
	struct {
		uint8_t package_id[PROVPKG_ID_SIZE];
	} close;
	struct {
		char name[PROVPKG_NAME_MAX + 1];
	} remove;
	struct {
		uint32_t officers; /* different officers that must sign what officers sign; 1 to PROVPKG_OFFICERS_MAX */
		uint32_t failures; /* of one person in a row until the lockout; 0: none */
	} policy;
	struct {
		char name[PROVPKG_NAME_MAX + 1];
	} unlock;
	struct {
		uint64_t size; /* records of the log, at least 1 */
		uint8_t root[PROVPKG_HASH_SIZE]; /* over them, as the auditor computed it */
		bool has_job; /* the audit is of one job: its records hold this one, too */
		uint8_t package_id[PROVPKG_ID_SIZE];
	} audit;
	struct {
		uint32_t state; /* enum provcard_card_state of provcard-service.h; MAINTENANCE, DECOMMISSIONED, or where maintenance ends */
	} set_state;
	struct {
		int64_t time; /* seconds since 1970, above 0 */
	} set_time;
	struct {
		uint8_t digest[PROVPKG_HASH_SIZE]; /* of the image, SHA-256 */
		uint32_t security_version; /* to which the floor will rise */
	} activate;
};

/* -EINVAL for bad names, roles or counts, or more than 16 certificates in a list. */
PROVPKG_MUST_CHECK int provpkg_request_encode(const struct provpkg_request *request, struct provpkg_blob *der);
/* REQUEST_DER, TRAILING_DATA, OPERATION_UNKNOWN. */
PROVPKG_MUST_CHECK int provpkg_request_decode(struct provpkg_view der, struct provpkg_request *request);
void provpkg_request_clear(struct provpkg_request *request); /* frees certificates that decode made */

PROVPKG_END

#endif
