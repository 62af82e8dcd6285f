/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys by which an OEM signs packages and grants: as many as the suite demands. */
#ifndef TOOL_SIGNERS_H
#define TOOL_SIGNERS_H

#include <provpkg.h>

#include "options.h"

#define SIGNERS PROVPKG_SUITE_SIGNERS_MAX

#define OEM_SIGNING_OPTIONS                                                                                                                \
	{ "key", 0, OPTION_SOME, VALUE_FILE, "KEY", "your signing keys, P-384 and ML-DSA-65, or ML-DSA-87 alone: PEM files or store URIs" }, \
	{ "cert", 0, OPTION_SOME, VALUE_FILE, "FILE", "their certificates, in the same order, PEM" },                                      \
	{ "chain", 0, OPTION_REPEATED, VALUE_FILE, "FILE", "certificates above them to send along, PEM" }

/* By these options, for @suite and in its order, as many as it demands. 0 or the exit code, after a message. */
int signers_load(const struct options *options, unsigned int suite, struct provpkg_signer signers[SIGNERS]);
void signers_clear(struct provpkg_signer signers[SIGNERS]);

#define APPROVERS_MAX 16

/* By --key and --cert, as many as are given, at least one; in that order. 0 or the exit code, after a message. */
int approvers_load(const struct options *options, struct provpkg_signer signers[APPROVERS_MAX], size_t *count);
void approvers_clear(struct provpkg_signer *signers, size_t count);

#endif
