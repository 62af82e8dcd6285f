// SPDX-License-Identifier: GPL-2.0-or-later
#include "job.h"

#include <stdio.h>
#include <string.h>

#include "staging.h"

static struct job_handle *find_handle(struct core *core, uint32_t id)
{
	for (size_t i = 0; id && i < CORE_MAX_JOBS; i++)
		if (core->handle[i].id == id)
			return &core->handle[i];
	return NULL;
}

uint16_t core_job_create(struct core *core, uint32_t *id)
{
	struct job_handle *handle = NULL;

	mtx_lock(&core->job_lock);
	for (size_t i = 0; i < CORE_MAX_JOBS && !handle; i++)
		if (!core->handle[i].id)
			handle = &core->handle[i];
	if (handle) {
		/* Numbers are not used again soon, so that a stale one is noticed. */
		do
			core->handles_made++;
		while (!core->handles_made || find_handle(core, core->handles_made));
		handle->id = core->handles_made;
		handle->closing = false;
		handle->users = 0;
		handle->job = LEDGER_NO_JOB;
		handle->package = NULL;
		*id = handle->id;
	}
	mtx_unlock(&core->job_lock);
	return handle ? 0 : PROVCARD_REFUSAL_TOO_MANY_JOBS;
}

uint16_t core_job_delete(struct core *core, uint32_t id)
{
	struct job_handle *handle;
	struct package *package = NULL;

	mtx_lock(&core->job_lock);
	handle = find_handle(core, id);
	if (handle && !handle->closing) {
		handle->closing = true;
		atomic_fetch_add(&handle->aborts, 1);
		while (handle->users)
			cnd_wait(&core->job_idle, &core->job_lock);
		package = handle->package;
		handle->package = NULL;
		handle->id = 0;
	} else {
		handle = NULL;
	}
	mtx_unlock(&core->job_lock);
	if (!handle)
		return PROVCARD_REFUSAL_UNKNOWN_JOB;
	staging_release(core, id);
	job_package_put(core, package);
	return 0;
}

void core_job_abort(struct core *core, uint32_t id)
{
	mtx_lock(&core->job_lock);
	for (size_t i = 0; i < CORE_MAX_JOBS; i++)
		if (core->handle[i].id && (!id || core->handle[i].id == id))
			atomic_fetch_add(&core->handle[i].aborts, 1);
	mtx_unlock(&core->job_lock);
}

int job_enter(struct core *core, uint32_t id, struct job_handle **handle)
{
	mtx_lock(&core->job_lock);
	*handle = find_handle(core, id);
	if (*handle && (*handle)->closing)
		*handle = NULL;
	if (*handle)
		(*handle)->users++;
	mtx_unlock(&core->job_lock);
	return *handle ? 0 : PROVCARD_REFUSAL_UNKNOWN_JOB;
}

void job_leave(struct core *core, struct job_handle *handle)
{
	mtx_lock(&core->job_lock);
	if (--handle->users == 0)
		cnd_broadcast(&core->job_idle);
	mtx_unlock(&core->job_lock);
}

static struct package *find_package(struct core *core, uint32_t job)
{
	struct package *package = core->packages;

	while (package && package->job != job)
		package = package->next;
	return package;
}

void job_package_put(struct core *core, struct package *package)
{
	struct package **link = &core->packages;

	if (!package)
		return;
	mtx_lock(&core->job_lock);
	if (--package->references) {
		package = NULL;
	} else {
		while (*link != package)
			link = &(*link)->next;
		*link = package->next;
	}
	mtx_unlock(&core->job_lock);
	package_free(package);
}

void job_end(struct core *core, uint32_t job)
{
	for (size_t i = 0; i < CORE_MAX_JOBS; i++) {
		struct job_handle *handle = &core->handle[i];
		struct package *package = NULL;

		mtx_lock(&core->job_lock);
		if (handle->job == job) {
			package = handle->package;
			handle->package = NULL;
		}
		mtx_unlock(&core->job_lock);
		job_package_put(core, package);
	}
}

int job_package(struct core *core, struct job_handle *handle, struct package **package)
{
	int code = PROVCARD_REFUSAL_JOB_NOT_LOADED;

	mtx_lock(&core->job_lock);
	*package = handle->package;
	if (*package) {
		(*package)->references++;
		code = 0;
	} else if (handle->job != LEDGER_NO_JOB) {
		code = PROVCARD_REFUSAL_JOB_CLOSED;
	}
	mtx_unlock(&core->job_lock);
	return code;
}

void job_unbind_all(struct core *core)
{
	for (size_t i = 0; i < CORE_MAX_JOBS; i++) {
		struct job_handle *handle = &core->handle[i];
		struct package *package;

		mtx_lock(&core->job_lock);
		package = handle->package;
		handle->package = NULL;
		handle->job = LEDGER_NO_JOB;
		mtx_unlock(&core->job_lock);
		job_package_put(core, package);
	}
}

/* Take a package that somebody has open; NULL when nobody has. */
static struct package *share_package(struct core *core, uint32_t job)
{
	struct package *package;

	mtx_lock(&core->job_lock);
	package = find_package(core, job);
	if (package)
		package->references++;
	mtx_unlock(&core->job_lock);
	return package;
}

struct package *job_package_offer(struct core *core, uint32_t job, struct package *ours)
{
	struct package *open;

	mtx_lock(&core->job_lock);
	open = find_package(core, job);
	if (!open) {
		ours->job = job;
		ours->next = core->packages;
		core->packages = ours;
		open = ours;
	}
	open->references++;
	mtx_unlock(&core->job_lock);
	if (open != ours)
		package_free(ours);
	return open;
}

static int open_again(struct core *core, uint32_t job, struct package **package, uint32_t *segment)
{
	struct ledger_load known, terms;
	struct package_place place;
	int code;

	mtx_lock(&core->ledger.lock);
	known = core->ledger.job[job]->terms;
	mtx_unlock(&core->ledger.lock);
	place = (struct package_place){ known.staging_offset, known.staging_size };
	code = package_open(core, &place, &known, package, &terms, segment);
	if (!code)
		*package = job_package_offer(core, job, *package);
	return code;
}

int job_bind(struct core *core, struct job_handle *handle, uint32_t job, uint32_t *segment)
{
	struct package *package = NULL;
	bool closed;
	int code = 0;

	mtx_lock(&core->ledger.lock);
	closed = core->ledger.job[job]->told.closed;
	mtx_unlock(&core->ledger.lock);
	if (!closed) {
		package = share_package(core, job);
		if (!package)
			code = open_again(core, job, &package, segment);
	}
	if (code)
		return code;
	mtx_lock(&core->job_lock);
	if (handle->job == LEDGER_NO_JOB) {
		handle->job = job;
		handle->package = package;
		package = NULL;
	} else if (handle->job != job) {
		code = PROVCARD_REFUSAL_INVALID_FIELD;
	}
	mtx_unlock(&core->job_lock);
	job_package_put(core, package);
	return code;
}

static void fill_report(const struct ledger_job *job, struct provcard_service_job *report)
{
	memset(report, 0, sizeof(*report));
	memcpy(report->package_id, job->terms.package_id, sizeof(report->package_id));
	report->state = job->told.closed ? PROVCARD_JOB_CLOSED : PROVCARD_JOB_ARMED;
	report->ceiling_good = job->told.grant.ceiling_good;
	report->ceiling_scrap = job->told.grant.ceiling_scrap;
	report->allocated = job->told.counts.allocated;
	report->good = job->told.counts.good;
	report->scrap = job->told.counts.scrap;
	report->reserved = job->told.counts.reserved;
	report->not_after = (uint64_t)job->told.grant.not_after;
	report->not_before = (uint64_t)job->told.grant.not_before;
	report->grant_sequence = job->told.grant.sequence;
	memcpy(report->allocate_approvals, job->terms.demands.allocate, sizeof(report->allocate_approvals));
	memcpy(report->close_approvals, job->terms.demands.close, sizeof(report->close_approvals));
	report->quota_threshold = job->terms.demands.quota_threshold;
	memcpy(report->product, job->terms.product, sizeof(report->product));
	memcpy(report->oem, job->terms.oem, sizeof(report->oem));
	memcpy(report->part, job->terms.part, sizeof(report->part));
}

int job_report(struct core *core, uint32_t job, struct provcard_service_job *report)
{
	int code = PROVCARD_REFUSAL_JOB_NOT_LOADED;

	mtx_lock(&core->ledger.lock);
	if (job < core->ledger.jobs_told) {
		fill_report(core->ledger.job[job], report);
		code = 0;
	}
	mtx_unlock(&core->ledger.lock);
	return code;
}

int command_job_bind(struct core *core, const struct core_command *command, struct core_result *result)
{
	uint8_t package_id[PROVPKG_ID_SIZE];
	struct provcard_service_job report;
	struct job_handle *handle;
	uint32_t job;
	int code;

	if (command->in.size != sizeof(package_id))
		return PROVCARD_REFUSAL_INVALID_FIELD;
	code = input_read(command, 0, package_id, sizeof(package_id));
	if (!code)
		code = job_enter(core, command->job, &handle);
	if (code)
		return code;
	mtx_lock(&core->ledger.lock);
	job = ledger_find_job(&core->ledger, package_id);
	mtx_unlock(&core->ledger.lock);
	code = job == LEDGER_NO_JOB ? PROVCARD_REFUSAL_JOB_NOT_LOADED : job_bind(core, handle, job, &result->result);
	job_leave(core, handle);
	if (!code)
		code = job_report(core, job, &report);
	return code ? code : output_all(command, result, &report, sizeof(report));
}

static int bound_job(struct core *core, uint32_t id, uint32_t *job)
{
	struct job_handle *handle;
	int code = job_enter(core, id, &handle);

	if (code)
		return code;
	*job = handle->job;
	job_leave(core, handle);
	return 0;
}

/* A handle without a job has a report too: EMPTY. */
int command_job_status(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct provcard_service_job report = { .state = PROVCARD_JOB_EMPTY };
	uint32_t job;
	int code = bound_job(core, command->job, &job);

	if (!code && job != LEDGER_NO_JOB)
		code = job_report(core, job, &report);
	return code ? code : output_all(command, result, &report, sizeof(report));
}

int command_job_list(struct core *core, const struct core_command *command, struct core_result *result)
{
	size_t room = command->out.size / sizeof(struct provcard_service_job), done = 0;
	struct provcard_service_job report;
	int code = 0;

	mtx_lock(&core->ledger.lock);
	result->result = core->ledger.jobs_told;
	mtx_unlock(&core->ledger.lock);
	for (uint64_t i = command->arg[0]; i < result->result && done < room && !code; i++, done++) {
		code = job_report(core, (uint32_t)i, &report);
		if (!code)
			code = output_write(command, done * sizeof(report), &report, sizeof(report));
	}
	result->length = (uint32_t)(done * sizeof(report));
	return code;
}

int command_job_log(struct core *core, const struct core_command *command, struct core_result *result)
{
	size_t room = command->out.size / sizeof(uint64_t), done = 0, count;
	struct provcard_service_job report;
	uint64_t index[256], all = 0;
	uint32_t job;
	int code = bound_job(core, command->job, &job);

	if (!code)
		code = job_report(core, job, &report);
	do {
		size_t piece = room - done < 256 ? room - done : 256;

		if (code)
			return code;
		count = log_job_indexes(&core->log, report.package_id, command->arg[0] + done, index, piece, &all);
		code = output_write(command, done * sizeof(*index), index, count * sizeof(*index));
		done += count;
	} while (count && done < room);
	result->result = (uint32_t)all;
	result->length = (uint32_t)(done * sizeof(*index));
	return code;
}
