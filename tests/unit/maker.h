/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A card maker's PKI and cards certified by it, for unit tests. Aborts the test program when something fails. */
#ifndef TEST_MAKER_H
#define TEST_MAKER_H

#include "tests/unit/pki.h"

struct maker {
	EVP_PKEY *classical_key;
	X509 *classical;
	EVP_PKEY *pq_key;
	X509 *pq;
	STACK_OF(X509) *anchors;
};

void maker_new(struct maker *maker);
void maker_free(struct maker *maker);

/* A card as it is after its initialisation. */
struct made_card {
	struct provpkg_card_keys keys;
	struct provpkg_card_certificates certificates;
	struct provpkg_blob bundle; /* PEM */
	struct provpkg_card *card;  /* decoded from it */
	struct provpkg_signer signers[2];
};

void made_card_new(struct made_card *card, const struct maker *maker, const char *serial);
void made_card_free(struct made_card *card);

#endif
