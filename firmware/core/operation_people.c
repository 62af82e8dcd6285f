// SPDX-License-Identifier: GPL-2.0-or-later
/* Approved requests about the people themselves, and the auditor's. */
#include <errno.h>
#include <string.h>

#include "lockout.h"
#include "provcard_hif.h"

static int judge_removal(struct request *request, const struct vault_person *person)
{
	struct ledger *ledger = &request->core->ledger;
	bool works;

	if (!person)
		return PROVCARD_REFUSAL_PERSON_UNKNOWN;
	if (person->role == PROVPKG_ROLE_OFFICER &&
	    people_officers(request->core, request->vault, person) < request->vault->policy.officers)
		return PROVCARD_REFUSAL_QUORUM_UNREACHABLE;
	if (person->role != PROVPKG_ROLE_OEM)
		return 0;
	mtx_lock(&ledger->lock);
	works = ledger_oem_works(ledger, person->name);
	mtx_unlock(&ledger->lock);
	return works ? PROVCARD_REFUSAL_ENROLMENT_IN_USE : 0;
}

int operation_remove(struct request *request)
{
	const char *name = request->body.remove.name;
	const struct vault_person *person = vault_find_name(request->vault, name);
	uint8_t digest[PROVPKG_HASH_SIZE];
	struct vault *vault;
	int code = judge_removal(request, person);

	if (!code)
		code = people_digest(person, digest);
	if (!code)
		code = vault_copy(request->vault, &vault);
	if (code)
		return code;
	vault_remove(vault, vault_find_name(vault, name));
	return operation_replace_vault(request, vault, PROVPKG_EVENT_REMOVED, digest);
}

/* That enough officers are there, they showed by signing. */
int operation_policy(struct request *request)
{
	struct vault *vault;
	int code = vault_copy(request->vault, &vault);

	if (code)
		return code;
	vault->policy = (struct vault_policy){ request->body.policy.officers, request->body.policy.failures };
	return operation_replace_vault(request, vault, PROVPKG_EVENT_POLICY, NULL);
}

int operation_unlock(struct request *request)
{
	const struct vault_person *person = vault_find_name(request->vault, request->body.unlock.name);
	struct commit commit = { .change = { .type = LEDGER_APPROVER, .job = LEDGER_NO_JOB } };
	struct provpkg_record record;
	int code;

	if (!person || person->role == PROVPKG_ROLE_OEM)
		return PROVCARD_REFUSAL_PERSON_UNKNOWN;
	code = people_digest(person, commit.change.failures.certificate);
	if (code)
		return code;
	request_attach(request, PROVPKG_EVENT_UNLOCKED, &record, &commit);
	code = commit_run(request->core, &commit);
	if (!code)
		core_event(request->core, PROVCARD_EVENT_CARD, 0);
	return code;
}

static int find_job(struct request *request, struct commit *commit, struct provpkg_record *record)
{
	struct ledger *ledger = &request->core->ledger;

	if (!request->body.audit.has_job)
		return 0;
	mtx_lock(&ledger->lock);
	commit->change.job = ledger_find_job(ledger, request->body.audit.package_id);
	mtx_unlock(&ledger->lock);
	record->has_job = true;
	memcpy(record->package_id, request->body.audit.package_id, sizeof(record->package_id));
	return commit->change.job == LEDGER_NO_JOB ? PROVCARD_REFUSAL_JOB_NOT_LOADED : 0;
}

/* The auditor saw a log. Was it this one? */
int operation_audit(struct request *request)
{
	struct commit commit = { .change = { .type = LEDGER_NONE, .job = LEDGER_NO_JOB } };
	struct provpkg_record record;
	uint8_t root[PROVPKG_HASH_SIZE];
	int code = log_root_at(&request->core->log, request->body.audit.size, root);

	if (code == PROVCARD_REFUSAL_NO_SUCH_OBJECT || (!code && memcmp(root, request->body.audit.root, sizeof(root))))
		return PROVCARD_REFUSAL_AUDIT_MISMATCH;
	if (code)
		return code;
	request_attach(request, PROVPKG_EVENT_AUDITED, &record, &commit);
	code = find_job(request, &commit, &record);
	return code ? code : commit_run(request->core, &commit);
}
