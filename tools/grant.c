// SPDX-License-Identifier: GPL-2.0-or-later
#include "grant.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "files.h"
#include "package.h"

#define SEQUENCE_TAG 0x30

bool grant_is_one(struct provpkg_view file)
{
	return file.size && file.data[0] == SEQUENCE_TAG;
}

bool grant_is_file(const char *path)
{
	FILE *file = fopen(path, "re");
	bool is = file && fgetc(file) == SEQUENCE_TAG;

	if (file)
		fclose(file);
	return is;
}

static int open_signed(struct provpkg_view file, struct provpkg_signed **object, struct provpkg_grant *grant)
{
	int result = provpkg_signed_open(PROVPKG_CONTENT_GRANT, file, object);

	return result ? result : provpkg_grant_decode(provpkg_signed_content(*object), grant);
}

static int read_grant(const char *path, struct provpkg_view file, struct provpkg_grant *grant, unsigned int *suite)
{
	struct provpkg_signed *object = NULL;
	int result = open_signed(file, &object, grant);

	if (!result)
		*suite = provpkg_signed_kinds(object);
	provpkg_signed_free(object);
	return result ? report_provpkg(path, result, "as a grant") : 0;
}

int grant_open(const char *path, struct provpkg_view file, struct provpkg_grant *grant)
{
	unsigned int suite;

	return read_grant(path, file, grant, &suite);
}

/* Which suite the job has, its package says; without it the signatures must be all of either. */
static int judge_oem(const struct provpkg_signed *object, unsigned int suite, STACK_OF(X509) *anchors)
{
	return suite ? provpkg_signed_suite(object, suite, anchors, time(NULL)) : PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING;
}

/* Was it signed by who may: its package's OEM, or the quota authority that the package names? */
static int judge(const struct provpkg_signed *object, const struct grant_check *check, struct grant_report *report)
{
	unsigned int suite = provpkg_signed_kinds(object);
	int result;

	if (check->package) {
		const struct provpkg_manifest_fields *fields = provpkg_manifest_fields(check->package);

		if (memcmp(fields->package_id, report->grant->package_id, sizeof(fields->package_id)) ||
		    provpkg_manifest_recipient(check->package, report->grant->card_id))
			return PROVCARD_REFUSAL_GRANT_MISSING;
		report->authority = fields->authority;
		suite = fields->suite;
	}
	if (!report->authority)
		return check->anchors ? judge_oem(object, suite, check->anchors) : 0;
	result = provpkg_authority_judge(report->authority, suite, object, time(NULL), &report->signed_by);
	report->trusted = !result;
	/* Somebody who only looks wants to know who has signed so far. */
	if (!check->strict && (result == PROVCARD_REFUSAL_GRANT_APPROVALS || result == PROVCARD_REFUSAL_SIGNER_EXPIRED))
		return 0;
	return result;
}

int grant_show(struct context *context, const char *path, const struct provpkg_signed *object, const struct grant_check *check)
{
	struct provpkg_grant grant;
	struct grant_report report = { .path = path, .grant = &grant, .trusted = check->anchors != NULL };
	char subject[256] = "";
	int result = provpkg_grant_decode(provpkg_signed_content(object), &grant);

	if (!result)
		result = judge(object, check, &report);
	if (result)
		return report_provpkg(path, result, NULL);
	X509_NAME_oneline(X509_get_subject_name(provpkg_signed_signer(object, 0)), subject, sizeof(subject));
	report.signer = subject;
	context->output.ops->grant(&context->output, &report);
	return 0;
}

static const char *verified(const struct grant_check *check)
{
	if (check->package && provpkg_manifest_fields(check->package)->authority)
		return "grant verified: signed as its package demands";
	return check->anchors ? "grant verified" : "grant intact; give --anchor or --package to check who signed it";
}

int grant_verify(struct context *context, const char *path, const struct grant_check *check)
{
	struct provpkg_signed *object = NULL;
	struct mapped_file file;
	int code = file_map(path, &file);
	int result;

	if (code)
		return code;
	result = provpkg_signed_open(PROVPKG_CONTENT_GRANT, (struct provpkg_view){ file.data, file.size }, &object);
	code = result ? report_provpkg(path, result, NULL) : grant_show(context, path, object, check);
	if (!code)
		output_done(&context->output, "%s", verified(check));
	provpkg_signed_free(object);
	file_unmap(&file);
	return code;
}

/* With a quota authority the package grants nothing, and its first grant follows this. */
static void before_all(const struct provpkg_manifest_fields *fields, const uint8_t *card_id, struct provpkg_grant *grant)
{
	*grant = (struct provpkg_grant){ .window = fields->window };
	memcpy(grant->package_id, fields->package_id, sizeof(grant->package_id));
	memcpy(grant->card_id, card_id ? card_id : fields->card_ids[0], sizeof(grant->card_id));
}

static int choose(const char *path, const struct provpkg_manifest *manifest, const uint8_t *card_id, struct provpkg_grant *grant)
{
	const struct provpkg_manifest_fields *fields = provpkg_manifest_fields(manifest);
	const struct provpkg_grant *found;
	int result = card_id ? provpkg_manifest_recipient(manifest, card_id) : 0;

	if (!card_id && fields->recipients > 1)
		return report_usage(NULL, "%s is for %zu cards; name one with --card-certs", path, fields->recipients);
	if (!result && fields->authority)
		before_all(fields, card_id, grant);
	else if (!result)
		result = provpkg_manifest_grant(manifest, card_id ? card_id : fields->card_ids[0], &found);
	if (result)
		return report_provpkg(path, result, NULL);
	if (!fields->authority)
		*grant = *found;
	return 0;
}

static int from_package(const char *path, const uint8_t *card_id, struct provpkg_grant *grant, unsigned int *suite)
{
	struct provpkg_manifest *manifest = NULL;
	uint64_t size;
	int code = package_manifest(path, &manifest, &size);

	if (!code)
		*suite = provpkg_manifest_fields(manifest)->suite;
	if (!code)
		code = choose(path, manifest, card_id, grant);
	provpkg_manifest_free(manifest);
	return code;
}

static int from_grant(const char *path, struct provpkg_grant *grant, unsigned int *suite)
{
	struct mapped_file file;
	int code = file_map(path, &file);

	if (code)
		return code;
	code = read_grant(path, (struct provpkg_view){ file.data, file.size }, grant, suite);
	file_unmap(&file);
	return code;
}

int grant_previous(const char *path, const uint8_t *card_id, struct provpkg_grant *grant, unsigned int *suite)
{
	int code = grant_is_file(path) ? from_grant(path, grant, suite) : from_package(path, card_id, grant, suite);

	if (!code && card_id && memcmp(card_id, grant->card_id, sizeof(grant->card_id)))
		code = report_input(path, PROVCARD_REFUSAL_GRANT_MISSING, "it is a grant for another card than that of --card-certs");
	return code;
}
