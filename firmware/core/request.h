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

/* Signed by people who may? Sets the actor. APPROVER_UNKNOWN, APPROVER_ROLE. */
int people_approve(struct request *request);
/* How many distinct enrolled persons of @role signed. OEMs sign no requests. */
unsigned int people_signed(const struct request *request, enum provpkg_role role);
/* May this enrolment be added, and add it to @vault. ALREADY_ENROLLED, CERTIFICATE_UNUSABLE, TOO_MANY_PEOPLE. */
int people_add(struct vault *vault, enum provpkg_role role, const char *name, const STACK_OF(X509) * certificates);
/* Text of PROVCARD_OBJECT_PEOPLE. */
int people_list(const struct vault *vault, struct provpkg_blob *text);

/* operation.c: what each operation does, after approval. */
int operation_execute(struct request *request);
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
