// SPDX-License-Identifier: GPL-2.0-or-later
/* A staged package becomes a job. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "job.h"
#include "provcard_hif.h"
#include "staging.h"

/* A package on its way to become a job. */
struct loading {
	struct core *core;
	struct job_handle *handle;
	struct package_place place;
	struct ledger_load terms;
	struct package *package;
	uint32_t job;
	bool already;
	uint32_t *segment;
};

/* A flush that failed cannot be tried again: what it lost, a second one would not bring back, and would not tell. */
static int flush_staging(struct core *core)
{
	if (!core->port->ops->nv_flush(core->port->context, PORT_NV_STAGING))
		return 0;
	core_stop_production(core, PROVCARD_REFUSAL_STORAGE_FAILED);
	return PROVCARD_REFUSAL_STORAGE_FAILED;
}

static int stage_finished(struct loading *loading, uint32_t writer)
{
	struct staging *staging = &loading->core->staging;
	int code = 0;

	mtx_lock(&staging->lock);
	if (staging->writer && staging->writer != writer)
		code = PROVCARD_REFUSAL_JOB_BUSY;
	else if (!staging->writer || staging->written != staging->size)
		code = PROVCARD_REFUSAL_PACKAGE_TRUNCATED;
	else
		staging->committing = true;
	loading->place = (struct package_place){ staging->offset, staging->size };
	mtx_unlock(&staging->lock);
	return code ? code : flush_staging(loading->core);
}

/* The job that this package became when it was loaded before. */
static int find_earlier(struct loading *loading)
{
	struct ledger *ledger = &loading->core->ledger;
	int code = 0;

	mtx_lock(&ledger->lock);
	loading->job = ledger_find_job(ledger, loading->terms.package_id);
	if (loading->job != LEDGER_NO_JOB) {
		const struct ledger_job *job = ledger->job[loading->job];

		loading->already = true;
		if (memcmp(job->terms.manifest_digest, loading->terms.manifest_digest, PROVPKG_HASH_SIZE))
			code = PROVCARD_REFUSAL_PACKAGE_ID_REUSED;
		else if (job->told.closed)
			code = PROVCARD_REFUSAL_JOB_CLOSED;
	}
	mtx_unlock(&ledger->lock);
	return code;
}

/* The issuing chain outlives the package in the staging memory: the hand-over needs it after the job is closed. */
static int store_chain(struct loading *loading)
{
	struct core *core = loading->core;
	struct provpkg_blob pem = { 0 };
	int code = package_chain(loading->package, &pem);

	if (!code && pem.size)
		code = crypto_sha256(pem.data, pem.size, loading->terms.chain_digest);
	if (!code && pem.size) {
		mtx_lock(&core->staging.lock);
		code = staging_place(core, pem.size, &loading->terms.chain_offset);
		mtx_unlock(&core->staging.lock);
	}
	if (!code && pem.size &&
	    core->port->ops->nv_write(core->port->context, PORT_NV_STAGING, loading->terms.chain_offset, pem.data, pem.size))
		code = PROVCARD_REFUSAL_STORAGE_FAILED;
	if (!code && pem.size)
		code = flush_staging(core);
	loading->terms.chain_size = (uint32_t)pem.size;
	provpkg_blob_free(&pem);
	return code;
}

/* The manifest's grant, and behind it the envelope of the escrow key, if secrets are returned. */
static int make_attachment(const struct package *package, struct provpkg_blob *attachment)
{
	size_t grant = package->grant.size, envelope = package->escrow_envelope.size;

	attachment->data = OPENSSL_malloc(grant + envelope);
	if (!attachment->data)
		return -ENOMEM;
	attachment->size = grant + envelope;
	memcpy(attachment->data, package->grant.data, grant);
	if (envelope)
		memcpy(attachment->data + grant, package->escrow_envelope.data, envelope);
	return 0;
}

static int record_job(struct loading *loading)
{
	struct commit commit = { .change = { .type = LEDGER_LOAD } };
	struct provpkg_blob attachment = { 0 };
	struct provpkg_record record;
	int code = store_chain(loading);

	if (!code)
		code = make_attachment(loading->package, &attachment);
	if (code)
		return code;
	loading->terms.staging_offset = loading->place.offset;
	loading->terms.staging_size = loading->place.size;
	commit.change.load = loading->terms;
	record_begin(loading->core, &record, PROVPKG_EVENT_LOADED, loading->terms.oem);
	record.has_job = true;
	memcpy(record.package_id, loading->terms.package_id, sizeof(record.package_id));
	memcpy(record.part, loading->terms.part, sizeof(record.part));
	commit.record = &record;
	commit.attachment = provpkg_blob_view(&attachment);
	code = commit_run(loading->core, &commit);
	provpkg_blob_free(&attachment);
	loading->job = commit.change.job;
	return code;
}

static int load(struct loading *loading)
{
	struct core *core = loading->core;
	int code = package_open(core, &loading->place, NULL, &loading->package, &loading->terms, loading->segment);

	if (!code)
		code = find_earlier(loading);
	if (!code && !loading->already)
		code = record_job(loading);
	if (code || loading->already) {
		/* One that was loaded before is opened from its first copy, the only one that stays. */
		package_free(loading->package);
		return code ? code : job_bind(core, loading->handle, loading->job, loading->segment);
	}
	loading->package = job_package_offer(core, loading->job, loading->package);
	code = job_bind(core, loading->handle, loading->job, loading->segment);
	job_package_put(core, loading->package);
	core_event(core, PROVCARD_EVENT_JOB, 0);
	return code;
}

static int commit_package(struct core *core, struct job_handle *handle, const struct core_command *command,
			  struct core_result *result)
{
	struct loading loading = { .core = core, .handle = handle, .segment = &result->result };
	struct provcard_service_job report;
	int code;

	if (handle->job != LEDGER_NO_JOB)
		return PROVCARD_REFUSAL_INVALID_FIELD;
	code = stage_finished(&loading, command->job);
	if (code)
		return code;
	code = load(&loading);
	staging_release(core, command->job);
	if (!code)
		code = job_report(core, loading.job, &report);
	if (code)
		return code;
	report.flags = loading.already ? PROVCARD_JOB_FLAG_ALREADY_LOADED : 0;
	return output_all(command, result, &report, sizeof(report));
}

int command_package_commit(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct job_handle *handle;
	int code;

	/* A job that was made must also be told of. */
	if (command->out.size < sizeof(struct provcard_service_job))
		return PROVCARD_REFUSAL_BUFFER_TOO_SMALL;
	code = job_enter(core, command->job, &handle);
	if (code)
		return code;
	code = commit_package(core, handle, command, result);
	job_leave(core, handle);
	return code;
}
