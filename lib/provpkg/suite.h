/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a suite id demands. Internal to libprovpkg. */
#ifndef PROVPKG_SUITE_H
#define PROVPKG_SUITE_H

#include <stddef.h>

#define PROVPKG_SUITE_SIGNERS_MAX 2

struct provpkg_suite {
	unsigned int id;
	size_t signers;
	const char *signer[PROVPKG_SUITE_SIGNERS_MAX]; /* kinds of key, the classical one first; all with SHA-512 */
	const char *agreement; /* the card's keys */
	const char *kem;
	const char *kem_chain; /* kind of key, or its beginning, of every certificate above the kem's */
};

/* NULL for a suite that this version does not accept. */
const struct provpkg_suite *provpkg_suite_find(unsigned int id);

#endif
