/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and certificates in memory, for unit tests. Every function aborts the test program when libcrypto fails. */
#ifndef TEST_PKI_H
#define TEST_PKI_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "provpkg.h"

/* The tests' present: all defaults are valid then, whatever the machine's clock says. */
#define PKI_NOW INT64_C(1790000000)
#define PKI_DAY INT64_C(86400)

/* A fresh key: "P-256", "P-384", "P-521", "ED25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "ML-KEM-768", "ML-KEM-1024". */
EVP_PKEY *pki_key(const char *kind);

/* What a certificate shall say; zero members take the default in parentheses. */
struct pki_profile {
	const char *subject; /* common name ("test") */
	bool ca; /* CA:TRUE, keyCertSign */
	const char *usage; /* keyUsage ("critical,digitalSignature", for a CA "critical,keyCertSign,digitalSignature") */
	bool no_key_identifier;
	int64_t not_before; /* (PKI_NOW - 30 days) */
	int64_t not_after; /* (PKI_NOW + 365 days) */
};

/* For @key, signed by @issuer and its key; self-signed with @key when @issuer is NULL. Free with X509_free(). */
X509 *pki_certificate(EVP_PKEY *key, const struct pki_profile *profile, X509 *issuer, EVP_PKEY *issuer_key);

/* A root and an end certificate of one algorithm. */
struct pki_chain {
	EVP_PKEY *root_key;
	X509 *root;
	EVP_PKEY *key;
	X509 *certificate;
};

void pki_chain_new(struct pki_chain *chain, const char *kind, const struct pki_profile *end);
void pki_chain_free(struct pki_chain *chain);

/* An OEM: its chains, P-384, ML-DSA-65 and ML-DSA-87, its anchors, and its signers: the first two for suite 1, the last for 2. */
struct pki_oem {
	struct pki_chain classical;
	struct pki_chain pq;
	struct pki_chain pq_87;
	struct provpkg_signer signers[3];
	STACK_OF(X509) *anchors;
};

void pki_oem_new(struct pki_oem *oem, const char *name);
void pki_oem_free(struct pki_oem *oem);

/* A quota authority of @members, "member 0" and so on, each with the pair of keys of an OEM. */
void pki_authority(const struct pki_oem *members, size_t count, unsigned int threshold, struct provpkg_authority *authority);

/* A card as packages see it: encryption keys, their certificates (self-made, no chain) and its id. */
struct pki_card {
	struct provpkg_card_keys keys; /* without identities */
	struct provpkg_card card;
};

void pki_card_new(struct pki_card *card, const char *serial);
void pki_card_free(struct pki_card *card);

#endif
