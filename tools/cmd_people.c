// SPDX-License-Identifier: GPL-2.0-or-later
/* The security officers' commands about people: init, enrol, remove, unlock, policy. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "keys.h"

const struct option_spec options_of_init[] = {
	{ "name", 0, OPTION_REQUIRED, VALUE_TEXT, "NAME", "name of the security officer" },
	SIGNING_OPTIONS,
	{ "identity-cert", 0, OPTION_SOME, VALUE_FILE, "FILE", "the maker's certificates for both identity keys, PEM; in one file or two" },
	{ "chain", 0, OPTION_SOME, VALUE_FILE, "FILE", "the maker's certificates above them, roots included, PEM" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_enrol[] = {
	{ "role", 0, OPTION_REQUIRED, VALUE_CHOICE, "operator|auditor|officer|oem|time", "what the enrolled may do" },
	{ "name", 0, OPTION_REQUIRED, VALUE_TEXT, "NAME", "name of the person or OEM, unique on the card" },
	{ "certificate", 0, OPTION_SOME, VALUE_FILE, "FILE", "the person's certificate or the OEM's anchors, PEM" },
	SIGNING_OPTIONS,
	END_OF_OPTIONS,
};

const struct option_spec options_of_remove[] = {
	SIGNING_OPTIONS,
	END_OF_OPTIONS,
};

const struct option_spec options_of_unlock[] = {
	SIGNING_OPTIONS,
	END_OF_OPTIONS,
};

const struct option_spec options_of_policy[] = {
	{ "officers", 0, OPTION_REQUIRED, VALUE_NUMBER, "N", "different officers that must sign what officers sign, 1 to 16" },
	{ "failures", 0, OPTION_REQUIRED, VALUE_NUMBER, "N", "failures in a row that lock a person out, to 255; 0: none" },
	SIGNING_OPTIONS,
	END_OF_OPTIONS,
};

/* Names are checked by libprovpkg; what is cut off here would not be what was meant. */
static int copy_name(const char *text, char name[PROVPKG_NAME_MAX + 1])
{
	if (!*text || strlen(text) > PROVPKG_NAME_MAX)
		return report_usage(NULL, "a name has 1 to %d bytes", PROVPKG_NAME_MAX);
	memcpy(name, text, strlen(text) + 1);
	return 0;
}

static int load_all(const struct options *options, const char *name, STACK_OF(X509) **certificates)
{
	int code = 0;

	for (size_t i = 0; i < option_count(options, name) && !code; i++)
		code = certificates_append(option_at(options, name, i), certificates);
	return code;
}

/* Which certificate is for which of the card's identity keys. The card checks that they fit. */
static int sort_identity(STACK_OF(X509) *certificates, struct provpkg_request *request)
{
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		X509 *certificate = sk_X509_value(certificates, i);
		EVP_PKEY *key = X509_get0_pubkey(certificate);

		if (key && EVP_PKEY_is_a(key, "EC"))
			request->initialise.identity_classical = certificate;
		else if (key && EVP_PKEY_is_a(key, "ML-DSA-87"))
			request->initialise.identity_pq = certificate;
	}
	if (sk_X509_num(certificates) == 2 && request->initialise.identity_classical && request->initialise.identity_pq)
		return 0;
	return report_input("--identity-cert", PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE,
			    "one certificate for the P-384 key and one for the ML-DSA-87 key are needed");
}

int command_init(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_INITIALISE };
	STACK_OF(X509) *identity = NULL;
	int code = copy_name(option_text(options, "name"), request.initialise.officer_name);

	if (!code)
		code = load_all(options, "identity-cert", &identity);
	if (!code)
		code = load_all(options, "chain", &request.initialise.chain);
	if (!code)
		code = sort_identity(identity, &request);
	if (!code)
		code = certificate_load(option_at(options, "cert", 0), &request.initialise.officer);
	if (!code)
		code = card_request(context, options, "init", &request);
	if (!code)
		output_done(&context->output, "card initialised; its security officer is %s", request.initialise.officer_name);
	X509_free(request.initialise.officer);
	certificates_free(request.initialise.chain);
	certificates_free(identity);
	return code;
}

int command_enrol(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ENROL };
	const char *role = option_text(options, "role");
	int code = copy_name(option_text(options, "name"), request.enrol.name);

	request.enrol.role = provpkg_role_find(role);
	if (!code)
		code = load_all(options, "certificate", &request.enrol.certificates);
	if (!code)
		code = card_request(context, options, "enrol", &request);
	if (!code)
		output_done(&context->output, "%s enrolled as %s", request.enrol.name, role);
	certificates_free(request.enrol.certificates);
	return code;
}

int command_remove(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_REMOVE };
	int code = copy_name(option_argument(options), request.remove.name);

	if (!code)
		code = card_request(context, options, "remove", &request);
	if (!code)
		output_done(&context->output, "%s is no longer enrolled", request.remove.name);
	return code;
}

int command_unlock(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_UNLOCK };
	int code = copy_name(option_argument(options), request.unlock.name);

	if (!code)
		code = card_request(context, options, "unlock", &request);
	if (!code)
		output_done(&context->output, "%s may approve again", request.unlock.name);
	return code;
}

int command_policy(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_POLICY };
	unsigned long long officers = 0, failures = 0;
	int code = option_number(options, "officers", 1, PROVPKG_OFFICERS_MAX, &officers);

	if (!code)
		code = option_number(options, "failures", 0, PROVPKG_FAILURES_MAX, &failures);
	request.policy.officers = (uint32_t)officers;
	request.policy.failures = (uint32_t)failures;
	if (!code)
		code = card_request(context, options, "policy", &request);
	if (!code)
		output_done(&context->output, "from now on %llu officer%s must sign what officers sign", officers, officers == 1 ? "" : "s");
	return code;
}
