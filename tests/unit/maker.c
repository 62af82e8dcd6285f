// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/maker.h"

#define NEED(what) ((what) ? (void)0 : need_failed(#what, __LINE__))

static _Noreturn void need_failed(const char *what, int line)
{
	fprintf(stderr, "maker.c:%d: %s\n", line, what);
	abort();
}

void maker_new(struct maker *maker)
{
	maker->classical_key = pki_key("P-384");
	maker->pq_key = pki_key("ML-DSA-87");
	maker->classical =
		pki_certificate(maker->classical_key, &(struct pki_profile){ .subject = "maker", .ca = true }, NULL, NULL);
	maker->pq = pki_certificate(maker->pq_key, &(struct pki_profile){ .subject = "maker pq", .ca = true }, NULL, NULL);
	maker->anchors = sk_X509_new_null();
	NEED(sk_X509_push(maker->anchors, maker->classical) && sk_X509_push(maker->anchors, maker->pq));
}

void maker_free(struct maker *maker)
{
	sk_X509_free(maker->anchors);
	X509_free(maker->classical);
	X509_free(maker->pq);
	EVP_PKEY_free(maker->classical_key);
	EVP_PKEY_free(maker->pq_key);
	memset(maker, 0, sizeof(*maker));
}

void made_card_new(struct made_card *card, const struct maker *maker, const char *serial)
{
	struct provpkg_card_certificates *own = &card->certificates;
	char name[64];
	const struct pki_profile profile = { .subject = name, .ca = true };

	memset(card, 0, sizeof(*card));
	snprintf(name, sizeof(name), "provcard %s", serial);
	NEED(!provpkg_card_keys_generate(&card->keys));
	own->identity_classical = pki_certificate(card->keys.identity_classical, &profile, maker->classical, maker->classical_key);
	own->identity_pq = pki_certificate(card->keys.identity_pq, &profile, maker->pq, maker->pq_key);
	NEED(!provpkg_card_issue(&card->keys, PKI_NOW, own));
	own->chain = X509_chain_up_ref(maker->anchors);
	NEED(own->chain && !provpkg_card_encode(own, &card->bundle));
	NEED(!provpkg_card_decode(provpkg_blob_view(&card->bundle), &card->card));
	card->signers[0] = (struct provpkg_signer){ card->keys.identity_classical, own->identity_classical, NULL };
	card->signers[1] = (struct provpkg_signer){ card->keys.identity_pq, own->identity_pq, NULL };
}

void made_card_free(struct made_card *card)
{
	provpkg_card_keys_clear(&card->keys);
	X509_free(card->certificates.identity_classical);
	X509_free(card->certificates.identity_pq);
	X509_free(card->certificates.agreement);
	X509_free(card->certificates.kem_768);
	X509_free(card->certificates.kem_1024);
	sk_X509_pop_free(card->certificates.chain, X509_free);
	provpkg_blob_free(&card->bundle);
	provpkg_card_free(card->card);
	memset(card, 0, sizeof(*card));
}
