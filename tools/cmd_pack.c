// SPDX-License-Identifier: GPL-2.0-or-later
/* The OEM's command: from RoT configuration, card certificates and keys to a package. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "commands.h"
#include "evidence.h"
#include "keys.h"
#include "pack.h"
#include "package.h"
#include "quota.h"
#include "rot_json.h"
#include "signers.h"

#define CARDS_MAX 4096 /* recipients that a manifest may have */

const struct option_spec options_of_pack[] = {
	{ "rot", 0, OPTION_REQUIRED, VALUE_FILE, "FILE", "RoT configuration, JSON" },
	{ "product", 0, OPTION_REQUIRED, VALUE_TEXT, "NAME", "name of the product" },
	{ "security-version", 0, OPTION_OPTIONAL, VALUE_NUMBER, "N", "of the image; a card takes none below one it has seen; 0 unless given" },
	{ "card-certs", 0, OPTION_SOME, VALUE_FILE, "FILE", "certificates of a card ('provcard cert'), PEM" },
	{ "maker-ca", 0, OPTION_SOME, VALUE_FILE, "FILE", "anchors of the card maker, PEM; the cards are checked against them" },
	{ "count", 0, OPTION_OPTIONAL, VALUE_NUMBER, "N", "units that each card may make; not with a quota authority" },
	{ "scrap", 0, OPTION_OPTIONAL, VALUE_NUMBER, "M", "units that each card may scrap beyond that; 0 unless given" },
	{ "issuer", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "your certificate for the card's issuing key ('provcard csr --issuer'), PEM" },
	{ "issuer-key", 0, OPTION_OPTIONAL, VALUE_FILE, "KEY", "a CA's private key that the cards are to issue with; --issuer is its one certificate" },
	{ "issuer-chain", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "certificates above the issuing ones, in order, root last, PEM" },
	{ "suite", 0, OPTION_OPTIONAL, VALUE_CHOICE, "hybrid|cnsa2|1|2", "algorithms: hybrid (1) unless given, or CNSA 2.0 (2)" },
	{ "escrow", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "your encryption certificates, for secrets that are returned, PEM" },
	{ "require-evidence", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "pack only if this evidence of the card is in order; for each card" },
	EVIDENCE_OPTIONS,
	QUOTA_OPTIONS,
	OEM_SIGNING_OPTIONS,
	{ "not-before", 0, OPTION_OPTIONAL, VALUE_TEXT, "TIME", "production may begin then: 2026-01-31 or 2026-01-31T12:00:00Z" },
	{ "not-after", 0, OPTION_OPTIONAL, VALUE_TEXT, "TIME", "and must end then" },
	{ "output", 0, OPTION_REQUIRED, VALUE_FILE, "FILE", "the package" },
	END_OF_OPTIONS,
};

/* Everything that is read before the work begins. */
struct pack_inputs {
	struct provpkg_rot rot;
	struct image_area area;
	struct provpkg_card *card[CARDS_MAX];
	struct provpkg_recipient recipient[CARDS_MAX];
	size_t cards;
	X509 *issuer[CARDS_MAX];
	STACK_OF(X509) *issuer_chain;
	EVP_PKEY *issuing_key;
	X509 *issuing_certificate;
	STACK_OF(X509) *escrow;
	struct provpkg_signer signer[SIGNERS];
	struct provpkg_authority authority;
	struct provpkg_approval approvals[PROVPKG_APPROVALS_MAX];
	struct provpkg_build build;
};

static int load_cards(const struct options *options, struct pack_inputs *inputs)
{
	STACK_OF(X509) *anchors = NULL;
	size_t count = option_count(options, "card-certs");
	int code = 0;

	if (count > CARDS_MAX)
		return report_usage(command_find("pack"), "--card-certs is given more than %d times", CARDS_MAX);
	for (size_t i = 0; i < option_count(options, "maker-ca") && !code; i++)
		code = certificates_append(option_at(options, "maker-ca", i), &anchors);
	for (; inputs->cards < count && !code; inputs->cards++)
		code = card_load(option_at(options, "card-certs", inputs->cards), inputs->build.suite, anchors,
				 &inputs->card[inputs->cards]);
	certificates_free(anchors);
	return code;
}

/* Each card that is packed to has said what it is, in the order of the cards. */
static int check_evidence(const struct options *options, const struct pack_inputs *inputs)
{
	size_t count = option_count(options, "require-evidence");
	struct provpkg_evidence *evidence = calloc(1, sizeof(*evidence));
	struct evidence_demands wanted = { .demands.packing = true };
	int code = evidence ? evidence_demands_load(options, &wanted) : report_errno("pack", -ENOMEM);

	if (!code && !count && (wanted.demands.nonce || wanted.demands.firmware_digest || wanted.demands.max_age))
		code = report_usage(command_find("pack"), "what is demanded of evidence needs --require-evidence");
	if (!code && count && count != inputs->cards)
		code = report_usage(command_find("pack"), "--require-evidence is needed for each of the cards, or not at all");
	for (size_t i = 0; i < count && !code; i++) {
		wanted.demands.issuer = inputs->issuer[i];
		code = evidence_check(option_at(options, "require-evidence", i), inputs->card[i], &wanted.demands, evidence);
	}
	free(evidence);
	return code;
}

/* Issuing certificates belong to the cards by their order. */
static int load_card_issuers(const struct options *options, struct pack_inputs *inputs)
{
	int code = 0;

	if (option_count(options, "issuer") != inputs->cards)
		return report_input("pack", PROVCARD_REFUSAL_ISSUER_MISMATCH,
				    "the RoT configuration asks for an identity, so each card needs its --issuer");
	for (size_t i = 0; i < inputs->cards && !code; i++)
		code = certificate_load(option_at(options, "issuer", i), &inputs->issuer[i]);
	return code;
}

/* One key and its certificate for all cards. */
static int load_issuing_key(const struct options *options, struct pack_inputs *inputs)
{
	int code = key_load(option_text(options, "issuer-key"), &inputs->issuing_key);

	if (code)
		return code;
	if (option_count(options, "issuer") != 1)
		return report_input("pack", PROVCARD_REFUSAL_ISSUER_MISMATCH, "--issuer-key goes with exactly one --issuer, its certificate");
	return certificate_load(option_at(options, "issuer", 0), &inputs->issuing_certificate);
}

/* Left out where no identity is asked for, but for a key that would go to the cards for nothing. */
static int load_issuers(const struct options *options, struct pack_inputs *inputs)
{
	int code;

	if (!inputs->rot.identity.present)
		return option_given(options, "issuer-key") ? report_input("pack", PROVCARD_REFUSAL_ISSUER_MISMATCH,
									  "the RoT configuration asks for no identity, so no --issuer-key is needed") :
							     0;
	if (option_given(options, "issuer-key"))
		code = load_issuing_key(options, inputs);
	else
		code = load_card_issuers(options, inputs);
	for (size_t i = 0; i < option_count(options, "issuer-chain") && !code; i++)
		code = certificates_append(option_at(options, "issuer-chain", i), &inputs->issuer_chain);
	return code;
}

/* The option's words are checked already. */
static unsigned int choose_suite(const char *word)
{
	return word && (!strcmp(word, "cnsa2") || !strcmp(word, "2")) ? PROVPKG_SUITE_CNSA2 : PROVPKG_SUITE_HYBRID;
}

static int load_escrow(const struct options *options, struct pack_inputs *inputs)
{
	int code = 0;

	for (size_t i = 0; i < option_count(options, "escrow") && !code; i++)
		code = certificates_append(option_at(options, "escrow", i), &inputs->escrow);
	return code;
}

static int describe(const struct options *options, struct pack_inputs *inputs)
{
	unsigned long long version = 0, count = 0, scrap = 0;
	struct provpkg_build *build = &inputs->build;
	int code = option_number(options, "security-version", 0, UINT32_MAX, &version);

	if (!code)
		code = option_number(options, "count", 1, UINT32_MAX, &count);
	if (!code)
		code = option_number(options, "scrap", 0, UINT32_MAX, &scrap);
	if (!code)
		code = option_time(options, "not-before", &build->window.not_before);
	if (!code)
		code = option_time(options, "not-after", &build->window.not_after);
	if (!code && build->window.not_after && build->window.not_after <= build->window.not_before)
		code = report_usage(command_find("pack"), "--not-after must be later than --not-before");
	build->suite = choose_suite(option_text(options, "suite"));
	build->product = option_text(options, "product");
	build->security_version = version;
	for (size_t i = 0; i < CARDS_MAX; i++)
		inputs->recipient[i] = (struct provpkg_recipient){ .ceiling_good = count, .ceiling_scrap = scrap };
	if (!code && (!*build->product || strlen(build->product) > PROVPKG_NAME_MAX))
		code = report_usage(command_find("pack"), "--product has 1 to %d bytes", PROVPKG_NAME_MAX);
	return code;
}

/* Either the package grants, or a quota authority does. */
static int load_demands(const struct options *options, struct pack_inputs *inputs)
{
	struct provpkg_build *build = &inputs->build;
	int code = quota_load(options, build->suite, &inputs->authority);

	if (!code)
		code = approvals_load(options, inputs->approvals, &build->approval_count);
	if (code)
		return code;
	build->approvals = inputs->approvals;
	build->authority = inputs->authority.members ? &inputs->authority : NULL;
	if (build->authority && (option_given(options, "count") || option_given(options, "scrap")))
		return report_usage(command_find("pack"), "--count and --scrap are for the quota authority to grant");
	if (!build->authority && !option_given(options, "count"))
		return report_usage(command_find("pack"), "--count is missing");
	return 0;
}

static int load_inputs(const struct options *options, struct pack_inputs *inputs)
{
	int code = describe(options, inputs);

	if (!code)
		code = load_demands(options, inputs);
	if (!code)
		code = rot_json_load(option_text(options, "rot"), &inputs->rot, &inputs->area);
	if (!code)
		code = load_cards(options, inputs);
	if (!code)
		code = load_issuers(options, inputs);
	if (!code)
		code = check_evidence(options, inputs);
	if (!code)
		code = load_escrow(options, inputs);
	if (!code)
		code = signers_load(options, inputs->build.suite, inputs->signer);
	if (code)
		return code;
	for (size_t i = 0; i < inputs->cards; i++) {
		inputs->recipient[i].card = inputs->card[i];
		inputs->recipient[i].issuer = inputs->issuer[i];
	}
	inputs->build.rot = &inputs->rot;
	inputs->build.issuer_chain = inputs->issuer_chain;
	inputs->build.issuing_key = inputs->issuing_key;
	inputs->build.issuing_certificate = inputs->issuing_certificate;
	inputs->build.escrow = inputs->escrow;
	inputs->build.recipients = inputs->recipient;
	inputs->build.recipient_count = inputs->cards;
	inputs->build.signers = inputs->signer;
	inputs->build.signer_count = provpkg_suite_signers(inputs->build.suite);
	inputs->build.image_size = inputs->area.size;
	return 0;
}

static void clear_inputs(struct pack_inputs *inputs)
{
	for (size_t i = 0; i < CARDS_MAX; i++) {
		provpkg_card_free(inputs->card[i]);
		X509_free(inputs->issuer[i]);
	}
	signers_clear(inputs->signer);
	certificates_free(inputs->issuer_chain);
	EVP_PKEY_free(inputs->issuing_key);
	X509_free(inputs->issuing_certificate);
	certificates_free(inputs->escrow);
	image_free(&inputs->area);
	OPENSSL_cleanse(inputs, sizeof(*inputs));
}

/* What was written is opened as anybody would open it, and reported from there. */
static int report(struct context *context, const char *path, uint64_t size, const struct provpkg_blob *cms)
{
	struct provpkg_manifest *manifest;
	int result = provpkg_manifest_open(provpkg_blob_view(cms), &manifest);

	if (result)
		return report_provpkg(path, result, "the package just written");
	package_report(context, path, size, manifest, PACKAGE_PACKED);
	provpkg_manifest_free(manifest);
	return 0;
}

int command_pack(struct context *context, const struct options *options)
{
	struct pack_inputs *inputs = calloc(1, sizeof(*inputs));
	struct provpkg_builder *builder = NULL;
	struct provpkg_blob manifest = { 0 };
	const char *output = option_text(options, "output");
	uint64_t size = 0;
	int code = inputs ? load_inputs(options, inputs) : report_errno("pack", -ENOMEM);
	int result = code ? 0 : provpkg_builder_new(&inputs->build, &builder);

	if (result)
		code = report_provpkg("pack", result, NULL);
	if (!code)
		code = pack_write(builder, &inputs->rot, &inputs->area, output, &manifest, &size);
	if (!code)
		code = report(context, output, size, &manifest);
	provpkg_blob_free(&manifest);
	provpkg_builder_free(builder);
	if (inputs)
		clear_inputs(inputs);
	free(inputs);
	return code;
}
