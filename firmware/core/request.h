/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signed requests: who may ask for what, and doing it. */
#ifndef CORE_REQUEST_H
#define CORE_REQUEST_H

#include "internal.h"

/* A request that is being served: opened, then approved, then executed. */
struct request {
	struct core *core;
	const struct core_command *command;
	struct core_result *result;
	struct provpkg_blob cms; /* as it came: the log keeps it */
	struct provpkg_signed *object;
	struct provpkg_request body;
	struct vault *vault;		  /* in force */
	char actor[PROVPKG_NAME_MAX + 1]; /* who approved, as far as known */
};

/* people.c: enrolments. */

/*
 * Signed by people who may? Sets the actor. APPROVER_UNKNOWN, APPROVER_LOCKED, APPROVER_PAUSED, APPROVER_ROLE; APPROVALS_MISSING,
 * or QUORUM_UNREACHABLE when there are not as many officers as must sign.
 */
int people_approve(struct request *request);
/* How many distinct enrolled persons of @role signed. OEMs sign no requests. */
unsigned int people_signed(const struct request *request, enum provpkg_role role);
/* How many different officers are not locked, @without left out, which may be NULL. */
unsigned int people_officers(struct core *core, const struct vault *vault, const struct vault_person *without);
/* The person whose certificate it is, to the byte; NULL when there is none. */
const struct vault_person *people_find(const struct vault *vault, const X509 *certificate);
/* SHA-256 of a person's certificate. */
int people_digest(const struct vault_person *person, uint8_t digest[PROVPKG_HASH_SIZE]);
/* May this enrolment be added, and add it to @vault. ALREADY_ENROLLED, CERTIFICATE_UNUSABLE, ROLE_CONFLICT, TOO_MANY_PEOPLE. */
int people_add(struct vault *vault, enum provpkg_role role, const char *name, const STACK_OF(X509) * certificates);
/* Text of PROVCARD_OBJECT_PEOPLE, and of PROVCARD_OBJECT_POLICY. */
int people_list(struct core *core, const struct vault *vault, struct provpkg_blob *text);
int people_policy(struct core *core, const struct vault *vault, struct provpkg_blob *text);

/* operation.c: what each operation does, after approval. */
int operation_execute(struct request *request);
/*
 * A vault in the place of the one in force: stored first, in force when the ledger says so. Takes @vault over. @removed: SHA-256 of
 * the certificate of a person that is no longer in it, or NULL. A slot without its ledger record does not count, so a refusal or a
 * power cut between the two changes nothing.
 */
int operation_replace_vault(struct request *request, struct vault *vault, enum provpkg_event event, const uint8_t *removed);

/* operation_people.c: remove, policy, unlock, audit. */
int operation_remove(struct request *request);
int operation_policy(struct request *request);
int operation_unlock(struct request *request);
int operation_audit(struct request *request);
/* zeroise.c: destroys first, asks afterwards. */
int operation_zeroise(struct request *request);
/*
 * The same for a card that has stopped and may not know its people any more, or not be able to check what they signed: whoever
 * asks must be present. The request is not signed; its nonce is the card's last. REQUEST_REPLAYED, PRESENCE_MISSING.
 */
int zeroise_present(struct request *request);

/* The record that goes with a request: its CMS is the attachment. */
void request_attach(struct request *request, enum provpkg_event event, struct provpkg_record *record, struct commit *commit);
/* Right or wrong, the nonce is spent. REQUEST_REPLAYED. */
int request_spend_nonce(struct request *request);

int command_nonce(struct core *core, const struct core_command *command, struct core_result *result);
int command_request(struct core *core, const struct core_command *command, struct core_result *result);

#endif
