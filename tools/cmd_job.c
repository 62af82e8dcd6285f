// SPDX-License-Identifier: GPL-2.0-or-later
/* Before production: load what the OEM sent, allocate. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "files.h"
#include "grant.h"
#include "progress.h"

/* Ten minutes. */
#define TERMINATION_TRIES 2400

const struct option_spec options_of_load[] = { END_OF_OPTIONS };

const struct option_spec options_of_allocate[] = {
	{ "count", 0, OPTION_REQUIRED, VALUE_NUMBER, "N", "units to release, added to those released before" },
	JOB_OPTION,
	SIGNING_OPTIONS,
	END_OF_OPTIONS,
};

static int show_load(void *context, uint64_t done, uint64_t whole)
{
	(void)context;
	if (done < whole)
		progress_bytes("loading", done, whole);
	else
		progress_show("the card verifies the package");
	return 0;
}

/* A refusal of the commit may name the segment at fault. */
static const char *segment_detail(const struct provcard_answer *answer, char *text, size_t size)
{
	if (answer->refusal != PROVCARD_REFUSAL_SEGMENT_DIGEST && answer->refusal != PROVCARD_REFUSAL_SEGMENT_TAG)
		return NULL;
	snprintf(text, size, "segment %" PRIu32, answer->result);
	return text;
}

static int load(struct context *context, const char *path, const struct mapped_file *package, struct provcard_job_status *status)
{
	struct provcard_answer answer = { 0 };
	struct provcard_job *job;
	char detail[32];
	int error;

	error = provcard_job_create(context->card, &job);
	if (error)
		return report_card_errno("getting a place for the job", error);
	error = provcard_job_load(job, package->data, package->size, show_load, NULL, status, &answer);
	provcard_job_close(job);
	return card_check(path, error, &answer, segment_detail(&answer, detail, sizeof(detail)));
}

static int load_package(struct context *context, const char *path, const struct mapped_file *package)
{
	char id[HEX_SIZE(PROVCARD_PACKAGE_ID_SIZE)];
	struct provcard_job_status status;
	int code = load(context, path, package, &status);

	if (code)
		return code;
	output_done(&context->output, "%s %s: job %s, %s of %s, %" PRIu64 " granted, %" PRIu64 " made",
		    status.flags & PROVCARD_JOB_FLAG_ALREADY_LOADED ? "loaded before, its counts stand:" : "verified and loaded:", path,
		    to_hex(id, status.package_id, sizeof(status.package_id)), status.product, status.oem, status.ceiling_good, status.good);
	return 0;
}

/*
 * A termination that meets units in progress is refused, but no other unit begins from then on: it is sent until they are finished.
 */
static int send_grant(struct context *context, const struct mapped_file *file, bool termination, struct provcard_answer *answer)
{
	const struct timespec pause = { .tv_nsec = 250 * 1000 * 1000 };
	int error;

	for (unsigned int tries = 0; tries < TERMINATION_TRIES; tries++) {
		error = provcard_grant_send(context->card, file->data, file->size, answer);
		if (error || !termination || answer->refusal != PROVCARD_REFUSAL_JOB_BUSY)
			break;
		progress_show("the units in progress are finished first");
		nanosleep(&pause, NULL);
	}
	progress_clear();
	return error;
}

/* What the card makes of it is told by the job, not by the file. */
static int load_grant(struct context *context, const char *path, const struct mapped_file *file)
{
	char id[HEX_SIZE(PROVCARD_PACKAGE_ID_SIZE)];
	struct provcard_job_status status;
	struct provcard_answer answer;
	struct provcard_job *job;
	struct provpkg_grant grant;
	int code = grant_open(path, (struct provpkg_view){ file->data, file->size }, &grant);

	if (!code)
		code = card_check(path, send_grant(context, file, grant.termination, &answer), &answer, NULL);
	if (!code)
		code = card_bind_job(context, grant.package_id, &job, &status);
	if (code)
		return code;
	provcard_job_close(job);
	output_done(&context->output, "%s %s: job %s, %" PRIu64 " good and %" PRIu64 " scrap granted in all, %" PRIu64 " made",
		    grant.termination ? "the job is ended by" : "in force:", path, to_hex(id, grant.package_id, sizeof(grant.package_id)),
		    status.ceiling_good, status.ceiling_scrap, status.good);
	return 0;
}

int command_load(struct context *context, const struct options *options)
{
	const char *path = option_argument(options);
	struct mapped_file file;
	int code = file_map(path, &file);

	if (code)
		return code;
	if (!file.size)
		code = report_input(path, PROVCARD_REFUSAL_PACKAGE_TRUNCATED, "the file is empty");
	if (!code)
		code = card_open(context);
	if (!code && grant_is_one((struct provpkg_view){ file.data, file.size }))
		code = load_grant(context, path, &file);
	else if (!code)
		code = load_package(context, path, &file);
	file_unmap(&file);
	return code;
}

int command_allocate(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ALLOCATE };
	struct provcard_job_status job;
	unsigned long long count = 0;
	int code = option_number(options, "count", 1, UINT32_MAX, &count);

	if (!code)
		code = card_find_job(context, options, &job);
	if (code)
		return code;
	memcpy(request.allocate.package_id, job.package_id, sizeof(job.package_id));
	request.allocate.count = count;
	code = card_request(context, options, "allocate", &request);
	if (!code)
		output_done(&context->output, "%llu units allocated: %" PRIu64 " in all of %" PRIu64 " granted", count,
			    (uint64_t)(job.allocated + count), job.ceiling_good);
	return code;
}
