// SPDX-License-Identifier: GPL-2.0-or-later
/* Evidence: asking the card, and checking what it said. */
#include <errno.h>
#include <stdlib.h>

#include "commands.h"
#include "evidence.h"
#include "files.h"
#include "keys.h"

const struct option_spec options_of_evidence[] = {
	EVIDENCE_OPTIONS,
	{ "output", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "ask the card, and write what it says here" },
	{ "verify", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "check this; needs no card" },
	{ "card-certs", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "with --verify: certificates of the card ('provcard cert'), PEM" },
	{ "maker-ca", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "with --verify: anchors of the card maker, PEM" },
	END_OF_OPTIONS,
};

static int ask(struct context *context, const struct options *options, const struct evidence_demands *wanted)
{
	const char *path = option_text(options, "output");
	uint8_t *cms = malloc(EVIDENCE_FILE_MAX);
	struct provcard_answer answer;
	size_t size;
	int code = cms ? card_open(context) : report_errno("evidence", -ENOMEM);

	if (!code)
		code = card_check("evidence",
				  provcard_evidence_read(context->card, wanted->nonce, cms, EVIDENCE_FILE_MAX, &size, &answer), &answer,
				  NULL);
	if (!code)
		code = file_write(path, cms, size, 0666);
	if (!code)
		output_done(&context->output, "evidence written to %s", path);
	free(cms);
	return code;
}

static int verify(struct context *context, const struct options *options, const struct evidence_demands *wanted)
{
	struct provpkg_evidence *evidence = calloc(1, sizeof(*evidence));
	struct evidence_report report = { .path = option_text(options, "verify"), .evidence = evidence, .verified = true };
	STACK_OF(X509) *anchors = NULL;
	struct provpkg_card *card = NULL;
	int code = evidence ? 0 : report_errno("evidence", -ENOMEM);

	for (size_t i = 0; i < option_count(options, "maker-ca") && !code; i++)
		code = certificates_append(option_at(options, "maker-ca", i), &anchors);
	if (!code)
		code = card_load(option_text(options, "card-certs"), PROVPKG_SUITE_HYBRID, anchors, &card);
	if (!code)
		code = evidence_check(report.path, card, &wanted->demands, evidence);
	if (!code)
		context->output.ops->evidence(&context->output, &report);
	provpkg_card_free(card);
	certificates_free(anchors);
	free(evidence);
	return code;
}

int command_evidence(struct context *context, const struct options *options)
{
	struct evidence_demands wanted = { 0 };
	bool checks = option_given(options, "verify");
	int code = evidence_demands_load(options, &wanted);

	if (code)
		return code;
	if (checks == option_given(options, "output"))
		return report_usage(command_find("evidence"), "give either --output or --verify");
	if (checks && (!option_given(options, "card-certs") || !option_given(options, "maker-ca")))
		return report_usage(command_find("evidence"), "--verify needs --card-certs and --maker-ca");
	if (!checks && !wanted.demands.nonce)
		return report_usage(command_find("evidence"), "--nonce or --nonce-file is needed, and must be new");
	return checks ? verify(context, options, &wanted) : ask(context, options, &wanted);
}
