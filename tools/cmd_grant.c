// SPDX-License-Identifier: GPL-2.0-or-later
/* The OEM's command for later: more units, more scrap, another time, or the end of a job. */
#include <errno.h>
#include <string.h>

#include <openssl/rand.h>

#include "commands.h"
#include "files.h"
#include "grant.h"
#include "signers.h"

#define BUNDLE_MAX (1u << 20)

const struct option_spec options_of_grant[] = {
	{ "previous", 0, OPTION_REQUIRED, VALUE_FILE, "FILE", "the grant before this one: its file, or the package for the first" },
	{ "card-certs", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "certificates of the card, PEM; needed if the package is for several" },
	{ "count", 0, OPTION_OPTIONAL, VALUE_NUMBER, "N", "units that the card may make in all, those granted before included" },
	{ "scrap", 0, OPTION_OPTIONAL, VALUE_NUMBER, "M", "units that it may scrap in all, likewise" },
	{ "not-before", 0, OPTION_OPTIONAL, VALUE_TEXT, "TIME", "production may begin then: 2026-01-31 or 2026-01-31T12:00:00Z" },
	{ "not-after", 0, OPTION_OPTIONAL, VALUE_TEXT, "TIME", "and must end then" },
	{ "termination", 0, OPTION_OPTIONAL, VALUE_NONE, NULL, "end the job instead; nothing more is made" },
	OEM_SIGNING_OPTIONS,
	{ "output", 0, OPTION_REQUIRED, VALUE_FILE, "FILE", "the grant" },
	END_OF_OPTIONS,
};

/* The id of the card whose certificates are given. */
static int read_card_id(const char *path, uint8_t card_id[PROVPKG_CARD_ID_SIZE])
{
	struct provpkg_card *card = NULL;
	struct provpkg_blob pem = { 0 };
	int code = file_read(path, BUNDLE_MAX, &pem);
	int result;

	if (code)
		return code;
	result = provpkg_card_decode(provpkg_blob_view(&pem), &card);
	if (!result)
		memcpy(card_id, card->card_id, PROVPKG_CARD_ID_SIZE);
	provpkg_card_free(card);
	provpkg_blob_free(&pem);
	return result ? report_provpkg(path, result, NULL) : 0;
}

static int read_previous(const struct options *options, struct provpkg_grant *grant, unsigned int *suite)
{
	const char *bundle = option_text(options, "card-certs");
	uint8_t card_id[PROVPKG_CARD_ID_SIZE];
	int code = bundle ? read_card_id(bundle, card_id) : 0;

	if (!code)
		code = grant_previous(option_text(options, "previous"), bundle ? card_id : NULL, grant, suite);
	if (!code && grant->termination)
		code = report_input(option_text(options, "previous"), PROVCARD_REFUSAL_JOB_CLOSED, "nothing follows a termination");
	return code;
}

/* What the options leave out stays as it was. */
static int change_terms(const struct options *options, struct provpkg_grant *grant)
{
	unsigned long long count = grant->ceiling_good, scrap = grant->ceiling_scrap;
	int code = option_number(options, "count", 0, UINT32_MAX, &count);

	if (!code)
		code = option_number(options, "scrap", 0, UINT32_MAX, &scrap);
	if (!code)
		code = option_time(options, "not-before", &grant->window.not_before);
	if (!code)
		code = option_time(options, "not-after", &grant->window.not_after);
	if (code)
		return code;
	if (grant->window.not_after && grant->window.not_after <= grant->window.not_before)
		return report_usage(command_find("grant"), "--not-after must be later than --not-before");
	if (count < grant->ceiling_good || scrap < grant->ceiling_scrap)
		return report_input("grant", PROVCARD_REFUSAL_GRANT_LOWERED, "--count and --scrap are totals since the beginning");
	grant->ceiling_good = count;
	grant->ceiling_scrap = scrap;
	grant->termination = option_given(options, "termination");
	return 0;
}

/* The grant that comes after the one in @grant, which it becomes. */
static int follow(struct provpkg_grant *grant)
{
	int result = grant->sequence ? provpkg_grant_digest(grant, grant->previous) : 0;

	grant->sequence++;
	if (!result && RAND_bytes(grant->grant_id, sizeof(grant->grant_id)) != 1)
		result = -EIO;
	return result ? report_provpkg("grant", result, NULL) : 0;
}

static int sign(const struct provpkg_grant *grant, const struct provpkg_signer signers[SIGNERS], size_t count, const char *path)
{
	struct provpkg_blob der = { 0 }, cms = { 0 };
	int result = provpkg_grant_encode(grant, &der);
	int code;

	if (!result)
		result = provpkg_sign(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&der), signers, count, &cms);
	code = result ? report_provpkg("grant", result, NULL) : file_write(path, cms.data, cms.size, 0666);
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
	return code;
}

int command_grant(struct context *context, const struct options *options)
{
	const char *output = option_text(options, "output");
	struct provpkg_signer signers[SIGNERS] = { 0 };
	struct provpkg_grant grant;
	unsigned int suite = 0;
	int code = read_previous(options, &grant, &suite);

	if (!code)
		code = follow(&grant);
	if (!code)
		code = change_terms(options, &grant);
	if (!code)
		code = signers_load(options, suite, signers);
	if (!code)
		code = sign(&grant, signers, provpkg_suite_signers(suite), output);
	signers_clear(signers);
	/* What was written is opened as anybody would open it, and reported from there. */
	return code ? code : grant_verify(context, output, &(struct grant_check){ 0 });
}
