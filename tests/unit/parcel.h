/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole package in memory, for unit tests. Aborts the test program when it cannot be made. */
#ifndef TEST_PARCEL_H
#define TEST_PARCEL_H

#include "tests/unit/pki.h"

#define PARCEL_CARDS 2

/* Everything that a package is made of; a test may change @rot and @build between parcel_new() and parcel_pack(). */
struct parcel {
	struct pki_oem oem;
	struct pki_card cards[PARCEL_CARDS];
	struct pki_chain issuing; /* root and issuing certificate */
	STACK_OF(X509) *issuer_chain;
	struct provpkg_rot rot;
	struct provpkg_recipient recipients[PARCEL_CARDS];
	struct provpkg_build build;
	struct provpkg_blob image; /* image area */
	/* made by parcel_pack() */
	struct provpkg_builder *builder;
	uint8_t header[PROVPKG_HEADER_SIZE];
	struct provpkg_blob manifest;
	struct provpkg_blob leaves;
	struct provpkg_blob payload;
};

/* @image_size: bytes of the image area, filled with a pattern; its first 4096 are the one image of the RoT configuration. */
void parcel_new(struct parcel *parcel, size_t image_size);
/* Suite 1 unless this says otherwise. */
void parcel_suite(struct parcel *parcel, unsigned int suite);
void parcel_pack(struct parcel *parcel);
void parcel_free(struct parcel *parcel);

/* Open and trust the manifest at PKI_NOW; returns the first refusal. */
int parcel_open(const struct parcel *parcel, struct provpkg_manifest **manifest);
/* And unwrap the job key with card @index. */
int parcel_key(const struct parcel *parcel, const struct provpkg_manifest *manifest, size_t index, uint8_t key[PROVPKG_KEY_SIZE]);

#endif
