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

struct identity_unit {
	const uint8_t *package_id;
	struct provpkg_view uid;
	uint64_t charge;
	uint64_t charged_at;
};

struct identity {
	const struct provpkg_key_kind *kind;
	uint8_t *private_key; /* secure heap, kind->private_size bytes, as they go into the part */
	uint8_t public_key[PROVPKG_DEVICE_PUBLIC_MAX]; /* kind->public_size bytes */
	struct provpkg_blob certificate;   /* DER */
	uint8_t digest[PROVPKG_HASH_SIZE]; /* SHA-256 of the certificate */
};

int identity_make(const struct package *package, const struct identity_unit *unit, struct identity *identity);
void identity_clear(struct identity *identity);
/* Does @signature, of its kind's form and size, prove possession of the certified key over @message? PROOF_FAILED. */
int identity_verify(const struct identity *identity, struct provpkg_view message, struct provpkg_view signature);

/* identity_key.c: a private key that is in its range. */
bool identity_key_in_range(enum provpkg_key_algorithm algorithm, const uint8_t *private_key);
/* The public key of a private one, as SubjectPublicKeyInfo has it. */
int identity_key_public(const struct provpkg_key_kind *kind, const uint8_t *private_key, uint8_t *public_key);
/* A raw signature by the holder of @key? */
bool identity_key_signed(const struct provpkg_key_kind *kind, EVP_PKEY *key, struct provpkg_view message,
			 struct provpkg_view signature);

#endif
