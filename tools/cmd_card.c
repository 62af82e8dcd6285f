// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking at the card: status, heads, jobs, log, and what it exports. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "files.h"

#define HEADS_MAX 256
#define LOG_BUFFER (1u << 20)

const struct option_spec options_of_status[] = { END_OF_OPTIONS };
const struct option_spec options_of_heads[] = { END_OF_OPTIONS };
const struct option_spec options_of_jobs[] = { END_OF_OPTIONS };

const struct option_spec options_of_cert[] = {
	{ "output", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "write here instead of to the standard output" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_csr[] = {
	{ "identity", 0, OPTION_OPTIONAL, VALUE_NONE, NULL, "the requests of the two identity keys" },
	{ "issuer", 0, OPTION_OPTIONAL, VALUE_TEXT, "OEM", "the request of an issuing key for this enrolled OEM" },
	{ "algorithm", 0, OPTION_OPTIONAL, VALUE_CHOICE, "p256|p384|ml-dsa-65", "of the issuing key; p256 unless given" },
	{ "output", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "write here instead of to the standard output" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_log[] = {
	{ "from", 0, OPTION_OPTIONAL, VALUE_NUMBER, "INDEX", "first record to print" },
	{ "count", 0, OPTION_OPTIONAL, VALUE_NUMBER, "N", "at most so many records" },
	END_OF_OPTIONS,
};

int command_status(struct context *context, const struct options *options)
{
	struct provcard_answer answer;
	struct provcard_status status;
	struct provcard_firmware firmware;
	void *people = NULL, *policy = NULL;
	size_t size;
	int code = card_open(context);

	(void)options;
	if (!code)
		code = card_check("status", provcard_status_read(context->card, &status, &answer), &answer, NULL);
	/* A card in trouble may have no more to say of its firmware. */
	if (!code && (provcard_firmware_read(context->card, &firmware, &answer) || answer.refusal))
		firmware = (struct provcard_firmware){ .running = PROVCARD_NO_SLOT };
	/* A card that has stopped serves its status alone. */
	if (!code && status.state != PROVCARD_CARD_BLANK && status.state != PROVCARD_CARD_FAILED &&
	    status.state != PROVCARD_CARD_TAMPERED)
		code = card_object(context, "list of the enrolled", PROVCARD_OBJECT_PEOPLE, NULL, 0, &people, &size);
	if (!code && people)
		code = card_object(context, "policy", PROVCARD_OBJECT_POLICY, NULL, 0, &policy, &size);
	if (!code)
		context->output.ops->status(&context->output, &status, &firmware, people, policy);
	free(people);
	free(policy);
	return code;
}

int command_heads(struct context *context, const struct options *options)
{
	static struct provcard_head heads[HEADS_MAX];
	struct provcard_answer answer;
	size_t count;
	int code = card_open(context);

	(void)options;
	if (!code)
		code = card_check("heads", provcard_head_list(context->card, heads, HEADS_MAX, &count, &answer), &answer, NULL);
	for (size_t i = 0; !code && i < count; i++)
		context->output.ops->head(&context->output, &heads[i]);
	return code;
}

int command_jobs(struct context *context, const struct options *options)
{
	struct provcard_job_status jobs[8];
	struct provcard_answer answer;
	size_t count, total, done = 0;
	int code = card_open(context);

	(void)options;
	while (!code) {
		code = card_check("jobs", provcard_job_list(context->card, done, jobs, 8, &count, &total, &answer), &answer, NULL);
		for (size_t i = 0; !code && i < count; i++)
			context->output.ops->job(&context->output, &jobs[i]);
		if (code || !count)
			break;
		done += count;
	}
	if (!code && !done)
		output_done(&context->output, "no jobs");
	return code;
}

/* An object of the card to a file or to the standard output. */
static int export(struct context *context, const struct options *options, const char *what, uint32_t kind, const char *selector,
		  size_t selector_size)
{
	const char *path = option_text(options, "output");
	void *data;
	size_t size;
	int code = card_open(context);

	if (!code)
		code = card_object(context, what, kind, selector, selector_size, &data, &size);
	if (code)
		return code;
	if (path) {
		code = file_write(path, data, size, 0666);
		if (!code)
			output_done(&context->output, "%s written to %s", what, path);
	} else {
		context->output.ops->text(&context->output, "pem", data, size);
	}
	free(data);
	return code;
}

int command_cert(struct context *context, const struct options *options)
{
	return export(context, options, "card certificates", PROVCARD_OBJECT_CARD_CERTIFICATES, NULL, 0);
}

static int export_issuer_request(struct context *context, const struct options *options, const char *oem)
{
	static const char *const kinds[][2] = { { "p256", "P-256" }, { "p384", "P-384" }, { "ml-dsa-65", "ML-DSA-65" } };
	const char *algorithm = option_text(options, "algorithm");
	char selector[PROVPKG_NAME_MAX + 16];
	size_t kind = 0;
	int size;

	while (algorithm && strcmp(algorithm, kinds[kind][0]))
		kind++;
	if (strlen(oem) > PROVPKG_NAME_MAX)
		return report_usage(command_find("csr"), "--issuer has at most %d bytes", PROVPKG_NAME_MAX);
	size = snprintf(selector, sizeof(selector), "%s%c%s", oem, 0, kinds[kind][1]);
	return export(context, options, "request of the issuing key", PROVCARD_OBJECT_ISSUER_CSR, selector, (size_t)size);
}

int command_csr(struct context *context, const struct options *options)
{
	const char *oem = option_text(options, "issuer");

	if (option_given(options, "identity") == (oem != NULL))
		return report_usage(command_find("csr"), "give either --identity or --issuer");
	if (!oem && option_given(options, "algorithm"))
		return report_usage(command_find("csr"), "--algorithm goes with --issuer");
	if (oem)
		return export_issuer_request(context, options, oem);
	return export(context, options, "requests of the identity keys", PROVCARD_OBJECT_IDENTITY_CSR, NULL, 0);
}

/* Print the records in a buffer, at most *left. *next becomes the index behind the last one. */
static int print_records(struct context *context, const uint8_t *buffer, size_t length, uint64_t *next, unsigned long long *left)
{
	struct provcard_log_entry entry;
	struct provpkg_record record;
	size_t offset = 0;
	int more;

	while (*left && (more = provcard_log_next(buffer, length, &offset, &entry)) != 0) {
		int result = more < 0 ? more : 0;

		if (!result)
			result = provpkg_record_decode((struct provpkg_view){ entry.record, entry.record_size }, &record);
		if (result)
			return result > 0 ? report_input("log", result, NULL) : report_card_errno("log", result);
		context->output.ops->record(&context->output, &record);
		*next = entry.index + 1;
		(*left)--;
	}
	return 0;
}

int command_log(struct context *context, const struct options *options)
{
	unsigned long long from = 0, left = ~0ull;
	struct provcard_answer answer;
	struct provcard_status status;
	uint8_t *buffer = malloc(LOG_BUFFER);
	size_t length;
	uint64_t next;
	int code = buffer ? 0 : report_errno("log", -ENOMEM);

	if (!code)
		code = option_number(options, "from", 0, ~0ull, &from);
	if (!code)
		code = option_number(options, "count", 1, ~0ull, &left);
	if (!code)
		code = card_open(context);
	if (!code)
		code = card_check("log", provcard_status_read(context->card, &status, &answer), &answer, NULL);
	for (next = from; !code && left && next < status.log_size;) {
		uint64_t first = next;

		code = card_check("log", provcard_log_read(context->card, first, buffer, LOG_BUFFER, &length, &answer), &answer, NULL);
		if (!code)
			code = print_records(context, buffer, length, &next, &left);
		if (!code && next <= first)
			code = report_card_errno("log", -EPROTO);
	}
	free(buffer);
	return code;
}
