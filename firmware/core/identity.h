/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A unit's identity: key pair and certificate. Everything follows from the card's device secret, the package, the part's UID and
 * its charge, so the same unit gets the same identity again after a power cut, and no other unit ever gets it.
 */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include <stdint.h>

#include "provpkg.h"

struct package;

#define IDENTITY_SCALAR 32
#define IDENTITY_POINT 65

struct identity_unit {
	const uint8_t *package_id;
	struct provpkg_view uid;
	uint64_t charge;
	uint64_t charged_at;
};

struct identity {
	uint8_t *scalar; /* secure heap, IDENTITY_SCALAR bytes */
	uint8_t point[IDENTITY_POINT];
	struct provpkg_blob certificate;   /* DER */
	uint8_t digest[PROVPKG_HASH_SIZE]; /* SHA-256 of the certificate */
};

int identity_make(const struct package *package, const struct identity_unit *unit, struct identity *identity);
void identity_clear(struct identity *identity);
/* Does @signature, r and s of 32 bytes each, prove possession of the certified key over @message? PROOF_FAILED. */
int identity_verify(const struct identity *identity, struct provpkg_view message, const uint8_t signature[64]);

#endif
