// SPDX-License-Identifier: GPL-2.0-or-later
/* Finding the card and asking it, with a message when that fails. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "files.h"
#include "signers.h"

#define JOBS_MAX 64 /* looked through for the job that is meant */

struct found_cards {
	unsigned int count;
	char first[64];
};

static int note_card(void *context, const char *address)
{
	struct found_cards *found = context;

	if (!found->count++)
		snprintf(found->first, sizeof(found->first), "%s", address);
	return 0;
}

int card_try_open(struct context *context)
{
	struct found_cards found = { 0 };

	if (context->address)
		return provcard_open(context->address, &context->card);
	provcard_address_each(note_card, &found);
	return found.count == 1 ? provcard_open(found.first, &context->card) : -ENODEV;
}

static int only_card(struct found_cards *found)
{
	provcard_address_each(note_card, found);
	if (!found->count)
		return report_card_errno("finding a card", -ENODEV);
	if (found->count > 1)
		return report_usage(NULL, "this machine has %u cards; name one with --card", found->count);
	return 0;
}

int card_open(struct context *context)
{
	struct found_cards found = { 0 };
	const char *address = context->address;
	int error, code;

	if (context->card)
		return 0;
	if (!address) {
		code = only_card(&found);
		if (code)
			return code;
		address = found.first;
	}
	error = provcard_open(address, &context->card);
	if (error == -EINVAL)
		return report_usage(NULL, "'%s' is no address of a card", address);
	return error ? report_card_errno(address, error) : 0;
}

int card_check(const char *what, int error, const struct provcard_answer *answer, const char *detail)
{
	if (error)
		return report_card_errno(what, error);
	return answer->refusal ? report_refusal(what, answer->refusal, detail) : 0;
}

int card_object(struct context *context, const char *what, uint32_t kind, const void *selector, size_t selector_size, void **data,
		size_t *size)
{
	struct provcard_answer answer;
	int error;

	/* The card appends to some objects while they are read. */
	do
		error = provcard_object_read(context->card, kind, selector, selector_size, data, size, &answer);
	while (error == -EAGAIN);
	return card_check(what, error, &answer, NULL);
}

static int send(struct context *context, const char *what, const struct provpkg_blob *cms)
{
	struct provcard_answer answer;

	return card_check(what, provcard_request_send(context->card, cms->data, cms->size, NULL, 0, NULL, &answer), &answer, NULL);
}

/* For others to sign, and for whoever is at the card to send. */
static int put_aside(struct context *context, const struct options *options, const struct provpkg_blob *cms)
{
	const char *path = option_text(options, "request-only");
	int code = file_write(path, cms->data, cms->size, 0666);

	if (code)
		return code;
	output_done(&context->output, "request written to %s: others add their signatures with 'provcard sign', 'provcard submit' sends it; "
				      "it is void when the card gives out another nonce", path);
	return REQUEST_WRITTEN;
}

/* Who is asked, and the nonce that makes the request good once. */
static int address(struct context *context, const char *what, struct provpkg_request *request)
{
	struct provcard_answer answer;
	struct provcard_status status;
	int code = card_check(what, provcard_status_read(context->card, &status, &answer), &answer, NULL);

	if (code)
		return code;
	memcpy(request->card_id, status.card_id, sizeof(request->card_id));
	return card_check(what, provcard_nonce_draw(context->card, request->nonce, &answer), &answer, NULL);
}

int card_request(struct context *context, const struct options *options, const char *what, struct provpkg_request *request)
{
	struct provpkg_signer signers[APPROVERS_MAX] = { 0 };
	struct provpkg_blob der = { 0 }, cms = { 0 };
	size_t count = 0;
	int result, code = card_open(context);

	/* Keys first: a PIN that has to be looked up shall not cost the nonce. */
	if (!code)
		code = approvers_load(options, signers, &count);
	if (!code)
		code = address(context, what, request);
	if (!code) {
		result = provpkg_request_encode(request, &der);
		if (!result)
			result = provpkg_sign(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(&der), signers, count, &cms);
		if (result)
			code = report_provpkg(what, result, "while the request was signed");
		else if (option_given(options, "request-only"))
			code = put_aside(context, options, &cms);
		else
			code = send(context, what, &cms);
	}
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
	approvers_clear(signers, count);
	return code;
}

static int read_jobs(struct context *context, struct provcard_job_status *jobs, size_t room, size_t *count)
{
	struct provcard_answer answer;
	size_t got, total;

	*count = 0;
	do {
		int code = card_check("listing the jobs",
				      provcard_job_list(context->card, *count, jobs + *count, room - *count, &got, &total, &answer),
				      &answer, NULL);

		if (code)
			return code;
		*count += got;
	} while (got && *count < total && *count < room);
	return 0;
}

/* How many of @jobs are meant, by id or else by state; *job is the first of them. */
static size_t choose_job(const struct provcard_job_status *jobs, size_t count, const uint8_t *id, struct provcard_job_status *job)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		bool meant = id ? !memcmp(id, jobs[i].package_id, sizeof(jobs[i].package_id)) : jobs[i].state == PROVCARD_JOB_ARMED;

		if (meant && !found++)
			*job = jobs[i];
	}
	if (!found && !id && count == 1) {
		*job = jobs[0];
		return 1;
	}
	return found;
}

int card_find_job(struct context *context, const struct options *options, struct provcard_job_status *job)
{
	const char *wanted = option_text(options, "job");
	uint8_t id[PROVCARD_PACKAGE_ID_SIZE];
	struct provcard_job_status jobs[JOBS_MAX];
	size_t count, found;
	int code = card_open(context);

	if (!code && wanted && !from_hex(wanted, id, sizeof(id)))
		code = report_usage(NULL, "--job is a package's id: %zu hexadecimal digits", 2 * sizeof(id));
	if (!code)
		code = read_jobs(context, jobs, JOBS_MAX, &count);
	if (code)
		return code;
	found = choose_job(jobs, count, wanted ? id : NULL, job);
	if (!found)
		return report_refusal("finding the job", PROVCARD_REFUSAL_UNKNOWN_JOB, wanted);
	if (found > 1)
		return report_usage(NULL, "the card has %zu jobs; name one with --job, 'provcard jobs' lists them", found);
	return 0;
}

int card_bind_job(struct context *context, const uint8_t package_id[PROVCARD_PACKAGE_ID_SIZE], struct provcard_job **job,
		  struct provcard_job_status *status)
{
	struct provcard_answer answer;
	int error = provcard_job_create(context->card, job);
	int code;

	if (error)
		return report_card_errno("getting a place for the job", error);
	code = card_check("binding the job", provcard_job_bind(*job, package_id, status, &answer), &answer, NULL);
	if (code)
		provcard_job_close(*job);
	return code;
}
