/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an OEM demands when it packs: a quota authority, and approvals. Functions return 0 or the exit code, after a message. */
#ifndef TOOL_QUOTA_H
#define TOOL_QUOTA_H

#include <provpkg.h>

#include "options.h"

#define QUOTA_OPTIONS                                                                                                                      \
	{ "quota-member", 0, OPTION_REPEATED, VALUE_TEXT, "NAME=FILE",                                                                     \
	  "a member of the quota authority that grants in your place, and its signing certificates, PEM" },                                \
	{ "quota-threshold", 0, OPTION_OPTIONAL, VALUE_NUMBER, "M", "so many members sign each grant; unless given, all" },                \
	{ "approvals", 0, OPTION_OPTIONAL, VALUE_TEXT, "LIST",                                                                             \
	  "who must sign in the programming house: allocate:operator:2,close:auditor:1" }

/* By --quota-member and --quota-threshold; *authority has no members when they are not given. */
int quota_load(const struct options *options, unsigned int suite, struct provpkg_authority *authority);
/* By --approvals. *count gets how many there are. */
int approvals_load(const struct options *options, struct provpkg_approval approvals[PROVPKG_APPROVALS_MAX], size_t *count);

#endif
