// SPDX-License-Identifier: GPL-2.0-or-later
/* The end of a job: close on the operator's side, verify on the OEM's. */
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "delivery.h"
#include "grant.h"
#include "keys.h"
#include "package.h"

const struct option_spec options_of_close[] = {
	JOB_OPTION,
	SIGNING_OPTIONS,
	{ "output", 0, OPTION_REQUIRED, VALUE_FOLDER, "FOLDER", "where the hand-over goes" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_verify[] = {
	{ "maker-ca", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "hand-over: anchors of the card maker, PEM" },
	{ "device-ca", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "hand-over: your root above the device certificates, PEM" },
	{ "uid", 0, OPTION_OPTIONAL, VALUE_TEXT, "UID", "hand-over: check the unit with this id alone" },
	{ "anchor", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "package or grant: anchors of the OEM, PEM" },
	END_OF_OPTIONS,
};

int command_close(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_CLOSE };
	struct provcard_job_status job;
	int code = card_find_job(context, options, &job);

	if (code)
		return code;
	memcpy(request.close.package_id, job.package_id, sizeof(job.package_id));
	if (job.state != PROVCARD_JOB_CLOSED)
		code = card_request(context, options, "close", &request);
	return code ? code : delivery_write(context, job.package_id, option_text(options, "output"));
}

static int load_anchors(const struct options *options, const char *name, STACK_OF(X509) **anchors)
{
	int code = 0;

	for (size_t i = 0; i < option_count(options, name) && !code; i++)
		code = certificates_append(option_at(options, name, i), anchors);
	return code;
}

static bool is_folder(const char *path)
{
	struct stat state;

	return !stat(path, &state) && S_ISDIR(state.st_mode);
}

static int verify_delivery(struct context *context, const struct options *options)
{
	STACK_OF(X509) *maker_ca = NULL, *device_ca = NULL;
	int code = load_anchors(options, "maker-ca", &maker_ca);

	if (!code && !maker_ca)
		code = report_usage(command_find("verify"), "--maker-ca is missing; without it the card could be anybody's");
	if (!code)
		code = load_anchors(options, "device-ca", &device_ca);
	if (!code)
		code = delivery_verify(context, option_argument(options), maker_ca, device_ca, option_text(options, "uid"));
	certificates_free(maker_ca);
	certificates_free(device_ca);
	return code;
}

int command_verify(struct context *context, const struct options *options)
{
	STACK_OF(X509) *anchors = NULL;
	int code;

	if (is_folder(option_argument(options)))
		return verify_delivery(context, options);
	code = load_anchors(options, "anchor", &anchors);
	if (!code && grant_is_file(option_argument(options)))
		code = grant_verify(context, option_argument(options), anchors);
	else if (!code)
		code = package_verify(context, option_argument(options), anchors);
	certificates_free(anchors);
	return code;
}
