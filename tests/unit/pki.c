// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "tests/unit/pki.h"

#define NEED(what) ((what) ? (void)0 : need_failed(#what, __LINE__))

static _Noreturn void need_failed(const char *what, int line)
{
	fprintf(stderr, "pki.c:%d: %s\n", line, what);
	abort();
}

EVP_PKEY *pki_key(const char *kind)
{
	EVP_PKEY *key = !strncmp(kind, "P-", 2) ? EVP_EC_gen(kind) : EVP_PKEY_Q_keygen(NULL, NULL, kind);

	NEED(key);
	return key;
}

static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	NEED(extension && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static void set_serial(X509 *certificate)
{
	uint8_t serial[16];
	BIGNUM *number;

	NEED(RAND_bytes(serial, sizeof(serial)) == 1);
	serial[0] = (serial[0] & 0x7f) | 0x40;
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	NEED(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)));
	BN_free(number);
}

static void set_names_and_dates(X509 *certificate, const struct pki_profile *profile, X509 *issuer)
{
	X509_NAME *subject = X509_NAME_new();
	const char *name = profile->subject ? profile->subject : "test";
	time_t from = profile->not_before ? profile->not_before : PKI_NOW - 30 * PKI_DAY;
	time_t until = profile->not_after ? profile->not_after : PKI_NOW + 365 * PKI_DAY;

	NEED(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0));
	NEED(X509_set_subject_name(certificate, subject));
	NEED(X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject));
	NEED(ASN1_TIME_set(X509_getm_notBefore(certificate), from) && ASN1_TIME_set(X509_getm_notAfter(certificate), until));
	X509_NAME_free(subject);
}

X509 *pki_certificate(EVP_PKEY *key, const struct pki_profile *profile, X509 *issuer, EVP_PKEY *issuer_key)
{
	static const struct pki_profile standard;
	const struct pki_profile *from = profile ? profile : &standard;
	const char *usage = from->ca ? "critical,keyCertSign,digitalSignature" : "critical,digitalSignature";
	EVP_PKEY *signer = issuer_key ? issuer_key : key;
	X509 *certificate = X509_new();

	NEED(certificate && X509_set_version(certificate, X509_VERSION_3) && X509_set_pubkey(certificate, key));
	set_serial(certificate);
	set_names_and_dates(certificate, from, issuer);
	extend(certificate, issuer, NID_basic_constraints, from->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	extend(certificate, issuer, NID_key_usage, from->usage ? from->usage : usage);
	if (!from->no_key_identifier)
		extend(certificate, issuer, NID_subject_key_identifier, "hash");
	if (issuer)
		extend(certificate, issuer, NID_authority_key_identifier, "keyid");
	NEED(X509_sign(certificate, signer, EVP_PKEY_is_a(signer, "EC") ? EVP_sha384() : NULL));
	return certificate;
}

void pki_chain_new(struct pki_chain *chain, const char *kind, const struct pki_profile *end)
{
	const struct pki_profile root = { .subject = "root", .ca = true };

	chain->root_key = pki_key(kind);
	chain->root = pki_certificate(chain->root_key, &root, NULL, NULL);
	chain->key = pki_key(kind);
	chain->certificate = pki_certificate(chain->key, end, chain->root, chain->root_key);
}

void pki_chain_free(struct pki_chain *chain)
{
	EVP_PKEY_free(chain->root_key);
	X509_free(chain->root);
	EVP_PKEY_free(chain->key);
	X509_free(chain->certificate);
	memset(chain, 0, sizeof(*chain));
}

void pki_oem_new(struct pki_oem *oem, const char *name)
{
	const struct pki_profile end = { .subject = name };

	pki_chain_new(&oem->classical, "P-384", &end);
	pki_chain_new(&oem->pq, "ML-DSA-65", &end);
	pki_chain_new(&oem->pq_87, "ML-DSA-87", &end);
	oem->signers[0] = (struct provpkg_signer){ oem->classical.key, oem->classical.certificate, NULL };
	oem->signers[1] = (struct provpkg_signer){ oem->pq.key, oem->pq.certificate, NULL };
	oem->signers[2] = (struct provpkg_signer){ oem->pq_87.key, oem->pq_87.certificate, NULL };
	oem->anchors = sk_X509_new_null();
	NEED(sk_X509_push(oem->anchors, oem->classical.root) && sk_X509_push(oem->anchors, oem->pq.root) &&
	     sk_X509_push(oem->anchors, oem->pq_87.root));
}

void pki_oem_free(struct pki_oem *oem)
{
	sk_X509_free(oem->anchors);
	pki_chain_free(&oem->classical);
	pki_chain_free(&oem->pq);
	pki_chain_free(&oem->pq_87);
	memset(oem, 0, sizeof(*oem));
}

void pki_authority(const struct pki_oem *members, size_t count, unsigned int threshold, struct provpkg_authority *authority)
{
	*authority = (struct provpkg_authority){ .threshold = threshold, .members = count };
	for (size_t i = 0; i < count; i++) {
		struct provpkg_member *member = &authority->member[i];

		snprintf(member->name, sizeof(member->name), "member %zu", i);
		member->signers = 2;
		for (size_t k = 0; k < 2; k++)
			NEED(!provpkg_certificate_digest(members[i].signers[k].certificate, member->signer[k]));
	}
}

void pki_card_new(struct pki_card *card, const char *serial)
{
	const struct pki_profile agreement = { .subject = serial, .usage = "critical,keyAgreement" };
	const struct pki_profile kem = { .subject = serial, .usage = "critical,keyEncipherment" };
	EVP_PKEY *issuer_key = pki_key("P-384");
	X509 *issuer = pki_certificate(issuer_key, &(struct pki_profile){ .subject = "card", .ca = true }, NULL, NULL);

	memset(card, 0, sizeof(*card));
	card->keys.agreement = pki_key("P-384");
	card->keys.kem_768 = pki_key("ML-KEM-768");
	card->keys.kem_1024 = pki_key("ML-KEM-1024");
	card->card.certificates.agreement = pki_certificate(card->keys.agreement, &agreement, issuer, issuer_key);
	card->card.certificates.kem_768 = pki_certificate(card->keys.kem_768, &kem, issuer, issuer_key);
	card->card.certificates.kem_1024 = pki_certificate(card->keys.kem_1024, &kem, issuer, issuer_key);
	NEED(!provpkg_card_id(&card->card.certificates, card->card.card_id));
	snprintf(card->card.serial, sizeof(card->card.serial), "%s", serial);
	X509_free(issuer);
	EVP_PKEY_free(issuer_key);
}

void pki_card_free(struct pki_card *card)
{
	provpkg_card_keys_clear(&card->keys);
	X509_free(card->card.certificates.agreement);
	X509_free(card->card.certificates.kem_768);
	X509_free(card->card.certificates.kem_1024);
	memset(card, 0, sizeof(*card));
}
