// SPDX-License-Identifier: GPL-2.0-or-later
#include "grant.h"

#include <string.h>

#include "job.h"
#include "package.h"
#include "provcard_hif.h"

int grant_terms(const struct provpkg_grant *grant, struct ledger_grant *terms)
{
	*terms = (struct ledger_grant){ .sequence = grant->sequence,
					.ceiling_good = grant->ceiling_good,
					.ceiling_scrap = grant->ceiling_scrap,
					.not_before = grant->window.not_before,
					.not_after = grant->window.not_after };
	return provpkg_grant_digest(grant, terms->digest);
}

/* A job as its grants must know it. */
struct granted_job {
	uint32_t number;
	bool closed;
	struct ledger_load terms;
};

/* Every signature of the suite, by the OEM that the job's package came from. */
static int judge_oem(struct core *core, const struct provpkg_signed *object, const struct ledger_load *terms)
{
	struct vault *vault = core_vault(core);
	const struct vault_person *person = vault_find_name(vault, terms->oem);
	int code = PROVCARD_REFUSAL_SIGNER_UNTRUSTED;

	if (person)
		code = provpkg_signed_suite(object, terms->demands.suite, person->certificates, (int64_t)core_time(core));
	vault_put(vault);
	return code;
}

/* Enough members of the quota authority. The ledger knows its manifest, and that names the authority. */
static int judge_authority(struct core *core, const struct provpkg_signed *object, const struct ledger_load *terms)
{
	struct provpkg_authority authority;
	int code = package_authority(core, terms, &authority);

	return code ? code : provpkg_authority_judge(&authority, terms->demands.suite, object, (int64_t)core_time(core), NULL);
}

static int judge_card(struct core *core, const struct provpkg_grant *grant)
{
	struct vault *vault = core_vault(core);
	int code = memcmp(vault->card_id, grant->card_id, sizeof(grant->card_id)) ? PROVCARD_REFUSAL_GRANT_MISSING : 0;

	vault_put(vault);
	return code;
}

/* A termination ends the job as an operator's closing does. */
static int put_in_force(struct core *core, const struct granted_job *job, const struct provpkg_grant *grant, struct provpkg_view cms)
{
	struct commit commit = { .change = { .type = LEDGER_GRANT, .job = job->number }, .attachment = cms };
	struct provpkg_record record;
	int code = grant_terms(grant, &commit.change.grant.terms);

	memcpy(commit.change.grant.previous, grant->previous, sizeof(grant->previous));
	commit.change.grant.termination = grant->termination;
	record_begin(core, &record, grant->termination ? PROVPKG_EVENT_CLOSED : PROVPKG_EVENT_GRANTED, job->terms.oem);
	record.has_job = true;
	memcpy(record.package_id, grant->package_id, sizeof(record.package_id));
	commit.record = &record;
	if (!code)
		code = commit_run(core, &commit);
	if (!code && grant->termination)
		job_end(core, job->number);
	if (!code && !commit.repeated)
		core_event(core, PROVCARD_EVENT_JOB, 0);
	return code;
}

static int find_job(struct core *core, const uint8_t package_id[PROVPKG_ID_SIZE], struct granted_job *job)
{
	mtx_lock(&core->ledger.lock);
	job->number = ledger_find_job(&core->ledger, package_id);
	if (job->number != LEDGER_NO_JOB) {
		job->terms = core->ledger.job[job->number]->terms;
		job->closed = core->ledger.job[job->number]->told.closed;
	}
	mtx_unlock(&core->ledger.lock);
	return job->number == LEDGER_NO_JOB ? PROVCARD_REFUSAL_JOB_NOT_LOADED : 0;
}

static int judge_signers(struct core *core, const struct provpkg_signed *object, const struct granted_job *job)
{
	/* Nothing can happen to it any more, and its staged manifest may be gone. */
	if (job->closed)
		return 0;
	return job->terms.demands.quota_threshold ? judge_authority(core, object, &job->terms) : judge_oem(core, object, &job->terms);
}

static int serve(struct core *core, const struct provpkg_signed *object, struct provpkg_view cms)
{
	struct provpkg_grant grant;
	struct granted_job job;
	int code = provpkg_grant_decode(provpkg_signed_content(object), &grant);

	if (!code)
		code = find_job(core, grant.package_id, &job);
	if (!code)
		code = judge_signers(core, object, &job);
	if (!code)
		code = judge_card(core, &grant);
	return code ? code : put_in_force(core, &job, &grant, cms);
}

int command_grant(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct provpkg_blob cms = { 0 };
	struct provpkg_signed *object = NULL;
	int code = input_all(command, LOG_ATTACHMENT_MAX, &cms);

	(void)result;
	if (code)
		return code;
	code = provpkg_signed_open(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&cms), &object);
	if (!code)
		code = serve(core, object, provpkg_blob_view(&cms));
	provpkg_signed_free(object);
	provpkg_blob_free(&cms);
	return code;
}
