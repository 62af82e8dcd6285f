// SPDX-License-Identifier: GPL-2.0-or-later
#include "grant.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "files.h"

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

/* Which suite the job has, the card knows; here the signatures must be all of either. */
static int verify_signers(const struct provpkg_signed *object, STACK_OF(X509) *anchors)
{
	unsigned int suite = provpkg_signed_kinds(object);

	return suite ? provpkg_signed_suite(object, suite, anchors, time(NULL)) : PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING;
}

static int verify(struct context *context, const char *path, struct provpkg_view file, STACK_OF(X509) *anchors)
{
	struct grant_report report = { .path = path, .trusted = anchors != NULL };
	struct provpkg_signed *object = NULL;
	struct provpkg_grant grant;
	char subject[256] = "";
	int result = open_signed(file, &object, &grant);

	if (!result && anchors)
		result = verify_signers(object, anchors);
	if (!result) {
		X509_NAME_oneline(X509_get_subject_name(provpkg_signed_signer(object, 0)), subject, sizeof(subject));
		report.signer = subject;
		report.grant = &grant;
		context->output.ops->grant(&context->output, &report);
	}
	provpkg_signed_free(object);
	return result ? report_provpkg(path, result, NULL) : 0;
}

int grant_verify(struct context *context, const char *path, STACK_OF(X509) *anchors)
{
	struct mapped_file file;
	int code = file_map(path, &file);

	if (code)
		return code;
	code = verify(context, path, (struct provpkg_view){ file.data, file.size }, anchors);
	if (!code)
		output_done(&context->output, anchors ? "grant verified" : "grant intact; give --anchor to check who signed it");
	file_unmap(&file);
	return code;
}

static int choose(const char *path, const struct provpkg_manifest *manifest, const uint8_t *card_id, struct provpkg_grant *grant)
{
	const struct provpkg_manifest_fields *fields = provpkg_manifest_fields(manifest);
	const struct provpkg_grant *found = fields->grants ? &fields->grant[0] : NULL;
	int result = 0;

	if (card_id)
		result = provpkg_manifest_grant(manifest, card_id, &found);
	else if (!found)
		result = PROVCARD_REFUSAL_GRANT_MISSING;
	else if (fields->grants > 1)
		return report_usage(NULL, "%s is for %zu cards; name one with --card-certs", path, fields->grants);
	if (result)
		return report_provpkg(path, result, NULL);
	*grant = *found;
	return 0;
}

static int from_package(const char *path, struct provpkg_view file, const uint8_t *card_id, struct provpkg_grant *grant,
			unsigned int *suite)
{
	struct provpkg_manifest *manifest = NULL;
	struct provpkg_layout layout;
	int result = provpkg_layout_decode(file, file.size, &layout);
	int code;

	if (!result)
		result = provpkg_manifest_open((struct provpkg_view){ file.data + layout.manifest.offset, layout.manifest.size }, &manifest);
	if (!result)
		*suite = provpkg_manifest_fields(manifest)->suite;
	code = result ? report_provpkg(path, result, NULL) : choose(path, manifest, card_id, grant);
	provpkg_manifest_free(manifest);
	return code;
}

int grant_previous(const char *path, const uint8_t *card_id, struct provpkg_grant *grant, unsigned int *suite)
{
	struct provpkg_view view;
	struct mapped_file file;
	int code = file_map(path, &file);

	if (code)
		return code;
	view = (struct provpkg_view){ file.data, file.size };
	code = grant_is_one(view) ? read_grant(path, view, grant, suite) : from_package(path, view, card_id, grant, suite);
	if (!code && card_id && memcmp(card_id, grant->card_id, sizeof(grant->card_id)))
		code = report_input(path, PROVCARD_REFUSAL_GRANT_MISSING, "it is a grant for another card than that of --card-certs");
	file_unmap(&file);
	return code;
}
