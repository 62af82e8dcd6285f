/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The maker of a card's firmware, in memory. Aborts the test program when something that is not under test fails. */
#ifndef TEST_VENDOR_H
#define TEST_VENDOR_H

#include "tests/unit/pki.h"

struct vendor {
	struct pki_chain classical; /* P-384 */
	struct pki_chain pq; /* ML-DSA-87 */
	struct provpkg_signer signers[2];
	STACK_OF(X509) *anchors;
	struct provpkg_blob der; /* the anchors, one behind the other */
};

void vendor_new(struct vendor *vendor, const char *name);
void vendor_free(struct vendor *vendor);

/* A firmware file. @image: zero terminated text is image enough. */
struct provpkg_blob vendor_pack(const struct vendor *vendor, const char *board, const char *version, uint32_t security_version,
				const char *image);
/* @head and @image as one file. */
struct provpkg_blob vendor_file(struct provpkg_blob *head, struct provpkg_view image);

#endif
