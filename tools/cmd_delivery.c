// SPDX-License-Identifier: GPL-2.0-or-later
/* The end of a job: close on the operator's side, verify and export on the OEM's. */
#include <string.h>
#include <time.h>
#include <sys/stat.h>

#include "birth.h"
#include "commands.h"
#include "delivery.h"
#include "export.h"
#include "grant.h"
#include "keys.h"
#include "package.h"
#include "secrets.h"

#define AT_OPTION                                                                                                                          \
	{ "at", 0, OPTION_OPTIONAL, VALUE_TEXT, "TIME", "judge the card's certificates at this moment, not when it closed the job" }

const struct option_spec options_of_close[] = {
	JOB_OPTION,
	SIGNING_OPTIONS,
	{ "output", 0, OPTION_REQUIRED, VALUE_FOLDER, "FOLDER", "where the hand-over goes" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_verify[] = {
	{ "maker-ca", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "hand-over, device: anchors of the card maker, PEM" },
	{ "device-ca", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "hand-over, device: your root above the device certificates, PEM" },
	{ "uid", 0, OPTION_OPTIONAL, VALUE_TEXT, "UID", "hand-over: check the unit with this id alone" },
	{ "device", 0, OPTION_OPTIONAL, VALUE_NONE, NULL, "PATH is the birth bundle of one device" },
	AT_OPTION,
	{ "anchor", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "package, grant, or hand-over with later grants: anchors of the OEM, PEM" },
	{ "package", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "grant: the package it is for, which may name a quota authority" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_export[] = {
	{ "as", 0, OPTION_REQUIRED, VALUE_CHOICE, "pem|certs|csv|json|jws|bundle", "the form, see above" },
	{ "maker-ca", 0, OPTION_SOME, VALUE_FILE, "FILE", "anchors of the card maker, PEM" },
	{ "device-ca", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "your root above the device certificates, PEM" },
	AT_OPTION,
	{ "uid", 0, OPTION_OPTIONAL, VALUE_TEXT, "UID", "bundle: of this device alone, into a file" },
	{ "key", 0, OPTION_OPTIONAL, VALUE_FILE, "KEY", "private key that signs a jws, P-256 or P-384: a PEM file or a store URI" },
	{ "cert", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "its certificate, PEM" },
	{ "output", 0, OPTION_REQUIRED, VALUE_FILE, "PATH", "where it goes" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_secrets[] = {
	{ "maker-ca", 0, OPTION_SOME, VALUE_FILE, "FILE", "anchors of the card maker, PEM" },
	{ "device-ca", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "your root above the device certificates, PEM" },
	AT_OPTION,
	{ "key", 0, OPTION_SOME, VALUE_FILE, "KEY", "private keys of the escrow certificates: PEM files or store URIs" },
	{ "output", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "where they go, mode 0600, instead of to the standard output" },
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

/* What the options say of a hand-over's anchors. */
static int load_check(const struct options *options, struct delivery_check *check)
{
	int code = load_anchors(options, "maker-ca", &check->maker_ca);

	check->folder = option_argument(options);
	if (!code && !check->maker_ca)
		code = report_usage(NULL, "--maker-ca is missing; without it the card could be anybody's");
	check->at_given = option_given(options, "at");
	if (!code)
		code = option_time(options, "at", &check->at);
	return code ? code : load_anchors(options, "device-ca", &check->device_ca);
}

static void clear_check(struct delivery_check *check)
{
	certificates_free(check->maker_ca);
	certificates_free(check->device_ca);
	certificates_free(check->oem);
}

static int verify_device(struct context *context, const struct options *options)
{
	struct delivery_check check = { 0 };
	int code = load_check(options, &check);

	if (!code)
		code = birth_verify(context, option_argument(options), &check);
	clear_check(&check);
	return code;
}

static int verify_delivery(struct context *context, const struct options *options)
{
	struct delivery_check check = { .uid = option_text(options, "uid") };
	int code = load_check(options, &check);

	if (!code)
		code = load_anchors(options, "anchor", &check.oem);
	if (!code)
		code = delivery_verify(context, &check);
	clear_check(&check);
	return code;
}

/* By the anchors that are given, and by the quota authority of the package; with both, these anchors vouch for the package. */
static int verify_grant(struct context *context, const struct options *options, STACK_OF(X509) *anchors)
{
	struct grant_check check = { .anchors = anchors, .strict = true };
	const char *package = option_text(options, "package");
	uint64_t size;
	int code = package ? package_manifest(package, &check.package, &size) : 0;
	int result;

	if (!code && package && anchors) {
		result = provpkg_manifest_trust(check.package, anchors, time(NULL));
		code = result ? report_provpkg(package, result, NULL) : 0;
	}
	if (!code)
		code = grant_verify(context, option_argument(options), &check);
	provpkg_manifest_free(check.package);
	return code;
}

int command_verify(struct context *context, const struct options *options)
{
	STACK_OF(X509) *anchors = NULL;
	int code;

	if (option_given(options, "device"))
		return verify_device(context, options);
	if (is_folder(option_argument(options)))
		return verify_delivery(context, options);
	code = load_anchors(options, "anchor", &anchors);
	if (!code && grant_is_file(option_argument(options)))
		code = verify_grant(context, options, anchors);
	else if (!code)
		code = package_verify(context, option_argument(options), anchors);
	certificates_free(anchors);
	return code;
}

int command_export(struct context *context, const struct options *options)
{
	struct delivery_check check = { 0 };
	int code = load_check(options, &check);

	if (!code)
		code = export_write(context, options, &check);
	clear_check(&check);
	return code;
}

int command_secrets(struct context *context, const struct options *options)
{
	struct delivery_check check = { 0 };
	int code = load_check(options, &check);

	if (!code)
		code = secrets_write(context, options, &check);
	clear_check(&check);
	return code;
}
