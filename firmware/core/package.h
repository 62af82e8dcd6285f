/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A package as the card opens it: verified from the card's own staging memory, in the order of the formats, every step with its
 * own refusal. What comes out is ready for the heads: images in the clear on the secure heap, the device template, the keys.
 */
#ifndef CORE_PACKAGE_H
#define CORE_PACKAGE_H

#include <stdint.h>

#include "ledger.h"
#include "provpkg.h"
#include "vault.h"

struct core;

/* Allocated on the secure heap: the RoT configuration holds secrets. Immutable once open. */
struct package {
	uint32_t references; /* under core->job_lock, as are job and next */
	uint32_t job;
	struct package *next;
	struct provpkg_contents contents;
	struct provpkg_blob grant;		  /* DER; with a quota authority that instead, for no grant is here */
	uint8_t *image[PROVPKG_IMAGES_MAX];	  /* secure heap */
	struct provpkg_device_template *template; /* NULL without identity, as the two below */
	EVP_PKEY *issuing_key;			  /* the vault's, or the contents' */
	X509 *issuer;		/* borrowed from the contents */
	uint8_t *device_secret; /* secure heap, 48 bytes: the vault's; NULL when nothing is made of it */
	uint8_t *escrow_key;	/* secure heap, PROVPKG_KEY_SIZE bytes; NULL when nothing is returned */
	struct provpkg_blob escrow_envelope; /* DER */
};

/* Where a package stands in the staging memory. */
struct package_place {
	uint64_t offset;
	uint64_t size;
};

/*
 * Verify and open. @known: terms of the job it was loaded as, or NULL for a first load, which also judges the security version
 * and the grant's window. @terms gets what the manifest says, places left out. @segment: number of the segment refused.
 */
int package_open(struct core *core, const struct package_place *place, const struct ledger_load *known, struct package **package,
		 struct ledger_load *terms, uint32_t *segment);
/*
 * The quota authority in the manifest of a job's package, read again from the staging memory. PACKAGE_ID_REUSED when that no longer
 * holds the manifest that the ledger knows.
 */
int package_authority(struct core *core, const struct ledger_load *terms, struct provpkg_authority *authority);
void package_free(struct package *package); /* NULL is fine */
/* PEM: issuing certificate, then what is above it. Empty without identity. */
int package_chain(const struct package *package, struct provpkg_blob *pem);

#endif
