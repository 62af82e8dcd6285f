// SPDX-License-Identifier: GPL-2.0-or-later
/* The security officer's commands: init and enrol. */
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

/* Names are checked by libprovpkg; what is cut off here would not be what was meant. */
static int copy_name(const struct options *options, char name[PROVPKG_NAME_MAX + 1])
{
	const char *text = option_text(options, "name");

	if (!*text || strlen(text) > PROVPKG_NAME_MAX)
		return report_usage(NULL, "--name has 1 to %d bytes", PROVPKG_NAME_MAX);
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
	int code = copy_name(options, request.initialise.officer_name);

	if (!code)
		code = load_all(options, "identity-cert", &identity);
	if (!code)
		code = load_all(options, "chain", &request.initialise.chain);
	if (!code)
		code = sort_identity(identity, &request);
	if (!code)
		code = certificate_load(option_text(options, "cert"), &request.initialise.officer);
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
	int code = copy_name(options, request.enrol.name);

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
