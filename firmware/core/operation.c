// SPDX-License-Identifier: GPL-2.0-or-later
/* What approved requests do. */
#include <errno.h>
#include <string.h>

#include "life.h"
#include "firmware.h"
#include "job.h"
#include "object.h"
#include "provcard_hif.h"
#include "request.h"

int operation_replace_vault(struct request *request, struct vault *vault, enum provpkg_event event, const uint8_t *removed)
{
	struct core *core = request->core;
	struct commit commit = { .change = { .type = LEDGER_VAULT, .job = LEDGER_NO_JOB, .vault.generation = vault->generation } };
	struct provpkg_record record;
	int code = vault_store(core->port, vault);

	memcpy(commit.change.vault.tag, vault->tag, sizeof(vault->tag));
	if (removed)
		memcpy(commit.change.vault.removed, removed, sizeof(commit.change.vault.removed));
	request_attach(request, event, &record, &commit);
	if (code == PROVCARD_REFUSAL_STORAGE_FAILED)
		core_stop_production(core, code);
	if (!code)
		code = commit_run(core, &commit);
	if (code) {
		vault_put(vault);
		return code;
	}
	core_set_vault(core, vault);
	core_event(core, PROVCARD_EVENT_CARD, 0);
	return 0;
}

static int set_certificates(struct request *request, struct vault *vault)
{
	struct provpkg_card_certificates *to = &vault->certificates;
	int code;

	to->identity_classical = request->body.initialise.identity_classical;
	to->identity_pq = request->body.initialise.identity_pq;
	X509_up_ref(to->identity_classical);
	X509_up_ref(to->identity_pq);
	code = provpkg_card_issue(&vault->keys, (int64_t)core_time(request->core), to);
	if (code)
		return code;
	sk_X509_pop_free(to->chain, X509_free);
	to->chain = request->body.initialise.chain ? X509_chain_up_ref(request->body.initialise.chain) : sk_X509_new_null();
	return to->chain ? vault_set_card_id(vault) : -ENOMEM;
}

static int initialise(struct request *request)
{
	STACK_OF(X509) *officer = sk_X509_new_null();
	struct vault *vault;
	int code;

	if (vault_is_initialised(request->vault)) {
		sk_X509_free(officer);
		return PROVCARD_REFUSAL_ALREADY_INITIALISED;
	}
	code = officer && sk_X509_push(officer, request->body.initialise.officer) > 0 ? 0 : -ENOMEM;
	if (!code)
		code = vault_copy(request->vault, &vault);
	if (code) {
		sk_X509_free(officer);
		return code;
	}
	code = set_certificates(request, vault);
	if (!code)
		code = people_add(vault, PROVPKG_ROLE_OFFICER, request->body.initialise.officer_name, officer);
	sk_X509_free(officer);
	if (!code)
		return operation_replace_vault(request, vault, PROVPKG_EVENT_INITIALISED, NULL);
	vault_put(vault);
	return code;
}

static int enrol(struct request *request)
{
	struct vault *vault;
	int code = vault_copy(request->vault, &vault);

	if (code)
		return code;
	code = people_add(vault, request->body.enrol.role, request->body.enrol.name, request->body.enrol.certificates);
	if (!code)
		return operation_replace_vault(request, vault, PROVPKG_EVENT_ENROLLED, NULL);
	vault_put(vault);
	return code;
}

/* Did as many people sign as the job's OEM demands? @demanded: by role. */
static int check_approvals(const struct request *request, const uint8_t demanded[LEDGER_ROLES])
{
	for (enum provpkg_role role = PROVPKG_ROLE_OFFICER; role <= PROVPKG_ROLE_AUDITOR; role++)
		if (people_signed(request, role) < demanded[role - PROVPKG_ROLE_OFFICER])
			return PROVCARD_REFUSAL_APPROVALS_MISSING;
	return 0;
}

/* The job that the request is about, and whether its OEM lets these people do that. */
static int find_job(struct request *request, const uint8_t package_id[PROVPKG_ID_SIZE], struct commit *commit,
		    struct provpkg_record *record)
{
	struct ledger *ledger = &request->core->ledger;
	struct ledger_demands demands = { 0 };

	mtx_lock(&ledger->lock);
	commit->change.job = ledger_find_job(ledger, package_id);
	if (commit->change.job != LEDGER_NO_JOB)
		demands = ledger->job[commit->change.job]->terms.demands;
	mtx_unlock(&ledger->lock);
	record->has_job = true;
	memcpy(record->package_id, package_id, PROVPKG_ID_SIZE);
	if (commit->change.job == LEDGER_NO_JOB)
		return PROVCARD_REFUSAL_JOB_NOT_LOADED;
	return check_approvals(request, request->body.operation == PROVPKG_OPERATION_CLOSE ? demands.close : demands.allocate);
}

static int allocate(struct request *request)
{
	struct commit commit = { .change = { .type = LEDGER_ALLOCATE } };
	struct provpkg_record record;
	int code;

	request_attach(request, PROVPKG_EVENT_ALLOCATED, &record, &commit);
	code = find_job(request, request->body.allocate.package_id, &commit, &record);
	if (code)
		return code;
	commit.change.allocate.count = request->body.allocate.count;
	memcpy(commit.change.allocate.actor, request->actor, sizeof(commit.change.allocate.actor));
	code = commit_run(request->core, &commit);
	if (!code)
		core_event(request->core, PROVCARD_EVENT_JOB, 0);
	return code;
}

/* The job is closed whether or not the answer fits: the end certificate is an object as well. result: its size. */
static int answer_end_certificate(struct request *request)
{
	const struct core_command *command = request->command;
	struct provpkg_blob cms = { 0 };
	int code = object_end_certificate(request->core, request->body.close.package_id, &cms);

	if (!code) {
		request->result->result = (uint32_t)cms.size;
		if (cms.size <= command->out.size)
			code = output_all(command, request->result, cms.data, cms.size);
	}
	provpkg_blob_free(&cms);
	return code;
}

static int close_job(struct request *request)
{
	struct commit commit = { .change = { .type = LEDGER_CLOSE } };
	struct provpkg_record record;
	int code;

	request_attach(request, PROVPKG_EVENT_CLOSED, &record, &commit);
	code = find_job(request, request->body.close.package_id, &commit, &record);
	if (!code)
		code = commit_run(request->core, &commit);
	if (code)
		return code;
	job_end(request->core, commit.change.job);
	core_event(request->core, PROVCARD_EVENT_JOB, 0);
	return answer_end_certificate(request);
}

static int execute(struct request *request)
{
	switch (request->body.operation) {
	case PROVPKG_OPERATION_INITIALISE:
		return initialise(request);
	case PROVPKG_OPERATION_ENROL:
		return enrol(request);
	case PROVPKG_OPERATION_ALLOCATE:
		return allocate(request);
	case PROVPKG_OPERATION_CLOSE:
		return close_job(request);
	case PROVPKG_OPERATION_ZEROISE:
		return operation_zeroise(request);
	case PROVPKG_OPERATION_SET_STATE:
		return operation_set_state(request);
	case PROVPKG_OPERATION_SET_TIME:
		return operation_set_time(request);
	case PROVPKG_OPERATION_REMOVE:
		return operation_remove(request);
	case PROVPKG_OPERATION_POLICY:
		return operation_policy(request);
	case PROVPKG_OPERATION_UNLOCK:
		return operation_unlock(request);
	case PROVPKG_OPERATION_AUDIT:
		return operation_audit(request);
	case PROVPKG_OPERATION_ACTIVATE_FIRMWARE:
		return operation_activate(request);
	}
	return PROVCARD_REFUSAL_OPERATION_UNKNOWN;
}

int operation_execute(struct request *request)
{
	int code = life_permits_operation(request->core, request->body.operation);

	return code ? code : execute(request);
}
