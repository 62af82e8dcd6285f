// SPDX-License-Identifier: GPL-2.0-or-later
#include "quota.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "errors.h"
#include "keys.h"

/* Everything that was read of the members so far: nobody may come twice under two names. */
struct reading {
	struct provpkg_authority *authority;
	unsigned int suite;
	STACK_OF(X509) *certificates;
};

static bool has_key(const STACK_OF(X509) *certificates, X509 *wanted)
{
	for (int i = 0; i < sk_X509_num(certificates); i++)
		if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(certificates, i)), X509_get0_pubkey(wanted)) == 1)
			return true;
	return false;
}

static int keep_keys(struct reading *reading, const char *path, STACK_OF(X509) *certificates)
{
	for (int i = 0; i < sk_X509_num(certificates); i++)
		if (has_key(reading->certificates, sk_X509_value(certificates, i)))
			return report_input(path, PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE, "another member has the same key");
	return X509_add_certs(reading->certificates, certificates, X509_ADD_FLAG_UP_REF) == 1 ? 0 : report_errno(path, -ENOMEM);
}

static int add_member(struct reading *reading, const char *name, const char *path)
{
	STACK_OF(X509) *certificates = NULL;
	int code = certificates_load(path, &certificates);
	int result;

	if (!code)
		code = keep_keys(reading, path, certificates);
	result = code ? 0 : provpkg_authority_add(reading->authority, reading->suite, name, certificates);
	if (result == -EINVAL)
		code = report_usage(command_find("pack"), "--quota-member '%s': every name once, of 1 to %d bytes, and %d members at most",
				    name, PROVPKG_NAME_MAX, PROVPKG_MEMBERS_MAX);
	else if (result)
		code = report_provpkg(path, result, "a member's file has one signing certificate of each kind that the suite demands");
	certificates_free(certificates);
	return code;
}

static int load_member(struct reading *reading, const char *text)
{
	const char *equals = strchr(text, '=');
	char *name;
	int code;

	if (!equals)
		return report_usage(command_find("pack"), "--quota-member is NAME=FILE, not '%s'", text);
	name = strndup(text, (size_t)(equals - text));
	if (!name)
		return report_errno(text, -ENOMEM);
	code = add_member(reading, name, equals + 1);
	free(name);
	return code;
}

int quota_load(const struct options *options, unsigned int suite, struct provpkg_authority *authority)
{
	struct reading reading = { .authority = authority, .suite = suite, .certificates = sk_X509_new_null() };
	size_t count = option_count(options, "quota-member");
	unsigned long long threshold = count;
	int code = reading.certificates ? 0 : report_errno("pack", -ENOMEM);

	for (size_t i = 0; i < count && !code; i++)
		code = load_member(&reading, option_at(options, "quota-member", i));
	if (!code)
		code = option_number(options, "quota-threshold", 1, PROVPKG_MEMBERS_MAX, &threshold);
	if (!code && threshold > count)
		code = report_usage(command_find("pack"), "--quota-threshold is more than there are members");
	authority->threshold = (unsigned int)threshold;
	certificates_free(reading.certificates);
	return code;
}

/* OPERATION:ROLE:COUNT */
static bool parse_approval(const char *text, struct provpkg_approval *approval)
{
	char operation[16], role[16], end;
	unsigned int count;

	if (sscanf(text, "%15[a-z]:%15[a-z]:%2u%c", operation, role, &count, &end) != 3)
		return false;
	*approval = (struct provpkg_approval){ provpkg_operation_find(operation), provpkg_role_find(role), count };
	return true;
}

static bool parse_approvals(char *list, struct provpkg_approval approvals[PROVPKG_APPROVALS_MAX], size_t *count)
{
	char *rest = NULL;

	for (char *word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		if (*count == PROVPKG_APPROVALS_MAX || !parse_approval(word, &approvals[*count]))
			return false;
		++*count;
	}
	return *count && provpkg_approvals_valid(approvals, *count);
}

int approvals_load(const struct options *options, struct provpkg_approval approvals[PROVPKG_APPROVALS_MAX], size_t *count)
{
	const char *given = option_text(options, "approvals");
	char *list;
	bool good;

	*count = 0;
	if (!given)
		return 0;
	list = strdup(given);
	if (!list)
		return report_errno("pack", -ENOMEM);
	good = parse_approvals(list, approvals, count);
	free(list);
	if (good)
		return 0;
	return report_usage(command_find("pack"),
			    "--approvals '%s': OPERATION:ROLE:COUNT with commas between, of allocate or close; officer, operator or auditor; 1 to %d; "
			    "none twice",
			    given, PROVPKG_APPROVAL_COUNT_MAX);
}
