// SPDX-License-Identifier: GPL-2.0-or-later
#include "grant.h"

#include <string.h>

#include "provcard_hif.h"

#define GRANT_MAX (64u << 10) /* CMS with both signatures and their certificates */

int grant_terms(const struct provpkg_grant *grant, struct ledger_grant *terms)
{
	*terms = (struct ledger_grant){ .sequence = grant->sequence,
					.ceiling_good = grant->ceiling_good,
					.ceiling_scrap = grant->ceiling_scrap,
					.not_before = grant->window.not_before,
					.not_after = grant->window.not_after };
	return provpkg_grant_digest(grant, terms->digest);
}

/* Both signatures, by the OEM that the job's package came from. */
static int judge_signers(struct core *core, const struct provpkg_signed *object, const char *oem)
{
	struct vault *vault = core_vault(core);
	const struct vault_person *person = vault_find_name(vault, oem);
	int code = PROVCARD_REFUSAL_SIGNER_UNTRUSTED;

	if (person)
		code = provpkg_signed_suite(object, PROVPKG_SUITE_HYBRID, person->certificates, (int64_t)core_time(core));
	vault_put(vault);
	return code;
}

static int judge_card(struct core *core, const struct provpkg_grant *grant)
{
	struct vault *vault = core_vault(core);
	int code = memcmp(vault->card_id, grant->card_id, sizeof(grant->card_id)) ? PROVCARD_REFUSAL_GRANT_MISSING : 0;

	vault_put(vault);
	return code;
}

/* A termination ends the job as an operator's closing does. */
static int put_in_force(struct core *core, uint32_t job, const char *oem, const struct provpkg_grant *grant,
			struct provpkg_view cms)
{
	struct commit commit = { .change = { .type = LEDGER_GRANT, .job = job }, .attachment = cms };
	struct provpkg_record record;
	int code = grant_terms(grant, &commit.change.grant.terms);

	memcpy(commit.change.grant.previous, grant->previous, sizeof(grant->previous));
	commit.change.grant.termination = grant->termination;
	record_begin(core, &record, grant->termination ? PROVPKG_EVENT_CLOSED : PROVPKG_EVENT_LOADED, oem);
	record.has_job = true;
	memcpy(record.package_id, grant->package_id, sizeof(record.package_id));
	commit.record = &record;
	if (!code)
		code = commit_run(core, &commit);
	if (!code && !commit.repeated)
		core_event(core, PROVCARD_EVENT_JOB, 0);
	return code;
}

static int serve(struct core *core, const struct provpkg_signed *object, struct provpkg_view cms)
{
	char oem[PROVPKG_NAME_MAX + 1] = "";
	struct provpkg_grant grant;
	uint32_t job;
	int code = provpkg_grant_decode(provpkg_signed_content(object), &grant);

	if (code)
		return code;
	mtx_lock(&core->ledger.lock);
	job = ledger_find_job(&core->ledger, grant.package_id);
	if (job != LEDGER_NO_JOB)
		memcpy(oem, core->ledger.job[job]->terms.oem, sizeof(oem));
	mtx_unlock(&core->ledger.lock);
	if (job == LEDGER_NO_JOB)
		return PROVCARD_REFUSAL_JOB_NOT_LOADED;
	code = judge_signers(core, object, oem);
	if (!code)
		code = judge_card(core, &grant);
	return code ? code : put_in_force(core, job, oem, &grant, cms);
}

int command_grant(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct provpkg_blob cms = { 0 };
	struct provpkg_signed *object = NULL;
	int code = input_all(command, GRANT_MAX, &cms);

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
