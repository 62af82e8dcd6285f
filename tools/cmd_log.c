// SPDX-License-Identifier: GPL-2.0-or-later
/* The log for auditors. */
#include <inttypes.h>
#include <string.h>

#include "commands.h"
#include "keys.h"
#include "log_file.h"

const struct option_spec options_of_log_export[] = {
	{ "from", 0, OPTION_OPTIONAL, VALUE_NUMBER, "INDEX", "first entry to write: as many as an earlier file's log had" },
	{ "brief", 0, OPTION_OPTIONAL, VALUE_NONE, NULL, "no entries, only the proof that the log of --from entries is its beginning" },
	{ "output", 0, OPTION_REQUIRED, VALUE_FILE, "FILE", "where it goes" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_log_verify[] = {
	{ "maker-ca", 0, OPTION_SOME, VALUE_FILE, "FILE", "anchors of the card maker, PEM" },
	{ "after", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "an earlier file or checkpoint of this log, whose beginning it must be" },
	{ "at", 0, OPTION_OPTIONAL, VALUE_TEXT, "TIME", "judge the card's certificates at this moment, not at the last entry's" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_audit[] = {
	{ "maker-ca", 0, OPTION_SOME, VALUE_FILE, "FILE", "anchors of the card maker, PEM" },
	{ "after", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "an earlier file or checkpoint of this log, whose beginning it must be" },
	{ "at", 0, OPTION_OPTIONAL, VALUE_TEXT, "TIME", "judge the card's certificates at this moment, not at the last entry's" },
	{ "job", 0, OPTION_OPTIONAL, VALUE_TEXT, "ID", "the open job whose hand-over shall show this audit" },
	SIGNING_OPTIONS,
	END_OF_OPTIONS,
};

int command_log_export(struct context *context, const struct options *options)
{
	unsigned long long from = 0;
	int code = option_number(options, "from", 0, INT64_MAX, &from);

	if (!code && option_given(options, "brief") && !from)
		code = report_usage(command_find("log export"), "--brief needs --from");
	return code ? code : log_file_write(context, from, option_given(options, "brief"), option_text(options, "output"));
}

static int verify(struct context *context, const struct options *options, struct provpkg_checkpoint *head)
{
	struct log_check check = { .path = option_argument(options), .after = option_text(options, "after") };
	int code = option_time(options, "at", &check.at);

	check.at_given = option_given(options, "at");
	for (size_t i = 0; i < option_count(options, "maker-ca") && !code; i++)
		code = certificates_append(option_at(options, "maker-ca", i), &check.maker_ca);
	if (!code)
		code = log_file_verify(context, &check, head);
	certificates_free(check.maker_ca);
	return code;
}

int command_log_verify(struct context *context, const struct options *options)
{
	return verify(context, options, NULL);
}

/* The auditor signs what was checked here, from a file that may have come from elsewhere; the card compares. */
int command_audit(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_AUDIT };
	struct provpkg_checkpoint head;
	struct provcard_job_status job;
	int code = verify(context, options, &head);

	if (!code && option_given(options, "job")) {
		code = card_find_job(context, options, &job);
		request.audit.has_job = true;
	}
	if (code)
		return code;
	if (request.audit.has_job)
		memcpy(request.audit.package_id, job.package_id, sizeof(job.package_id));
	request.audit.size = head.size;
	memcpy(request.audit.root, head.root, sizeof(head.root));
	code = card_request(context, options, "audit", &request);
	if (!code)
		output_done(&context->output, "the log of %" PRIu64 " records is countersigned", head.size);
	return code;
}
