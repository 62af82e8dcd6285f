/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An opened manifest, for payload.c and contents.c. Internal to libprovpkg. */
#ifndef PROVPKG_MANIFEST_H
#define PROVPKG_MANIFEST_H

#include "manifest_form.h"
#include "suite.h"

struct provpkg_manifest {
	struct provpkg_signed *object;
	MANIFEST *form;
	const struct provpkg_suite *suite;
	struct provpkg_manifest_fields fields;
	uint8_t (*card_ids)[PROVPKG_CARD_ID_SIZE];
	struct provpkg_grant *grants;
	struct provpkg_approval approvals[PROVPKG_APPROVALS_MAX];
	struct provpkg_authority authority;
	bool trusted;
};

/* Bytes of plaintext that the payload holds. */
uint64_t provpkg_manifest_plain_size(const struct provpkg_manifest *manifest);

#endif
