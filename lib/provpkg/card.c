// SPDX-License-Identifier: LGPL-2.1-or-later
/* The card's own keys and certificates, as the card makes them. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>

#include "card.h"
#include "crypto.h"
#include "provcard-refusal.h"
#include "x509.h"

#define SERIAL_BITS 127 /* 16 octets, positive */

int provpkg_card_keys_generate(struct provpkg_card_keys *keys)
{
	struct provpkg_card_keys drawn = {
		.identity_classical = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"),
		.identity_pq = EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-87"),
		.agreement = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"),
		.kem_768 = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-768"),
		.kem_1024 = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-1024"),
	};

	if (!drawn.identity_classical || !drawn.identity_pq || !drawn.agreement || !drawn.kem_768 || !drawn.kem_1024) {
		provpkg_card_keys_clear(&drawn);
		return -EIO;
	}
	*keys = drawn;
	return 0;
}

void provpkg_card_keys_clear(struct provpkg_card_keys *keys)
{
	EVP_PKEY_free(keys->identity_classical);
	EVP_PKEY_free(keys->identity_pq);
	EVP_PKEY_free(keys->agreement);
	EVP_PKEY_free(keys->kem_768);
	EVP_PKEY_free(keys->kem_1024);
	*keys = (struct provpkg_card_keys){ 0 };
}

static bool set_serial(X509 *certificate)
{
	BIGNUM *number = BN_new();
	bool set = number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
		   BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));

	BN_free(number);
	return set;
}

/* Never the identity's own name: a certificate whose issuer is its subject would look self-signed. */
static bool set_names(X509 *certificate, X509 *identity)
{
	return X509_set_issuer_name(certificate, X509_get_subject_name(identity)) &&
	       X509_set_subject_name(certificate, X509_get_subject_name(identity)) &&
	       X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_organizationalUnitName, MBSTRING_UTF8,
					  (const unsigned char *)PROVPKG_CARD_UNIT, -1, -1, 0);
}

static bool set_extensions(X509 *certificate, X509 *identity, const char *usage)
{
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	X509V3_CTX context;
	bool set;

	X509V3_set_ctx(&context, identity, certificate, NULL, NULL, 0);
	set = provpkg_extension(&extensions, &context, NID_basic_constraints, "critical,CA:FALSE") &&
	      provpkg_extension(&extensions, &context, NID_key_usage, usage) &&
	      provpkg_extension(&extensions, &context, NID_subject_key_identifier, "hash") &&
	      provpkg_extension(&extensions, &context, NID_authority_key_identifier, "keyid:always");
	for (int i = 0; set && i < sk_X509_EXTENSION_num(extensions); i++)
		set = X509_add_ext(certificate, sk_X509_EXTENSION_value(extensions, i), -1);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return set;
}

/* Valid from now until the identity ends. */
static int issue(X509 *identity, EVP_PKEY *identity_key, EVP_PKEY *key, const char *usage, int64_t now, X509 **issued)
{
	X509 *certificate = X509_new();
	bool done = certificate && X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
		    set_names(certificate, identity) && ASN1_TIME_set(X509_getm_notBefore(certificate), now) &&
		    X509_set1_notAfter(certificate, X509_get0_notAfter(identity)) && X509_set_pubkey(certificate, key) &&
		    set_extensions(certificate, identity, usage) &&
		    X509_sign(certificate, identity_key, provpkg_key_digest(identity_key));

	if (!done) {
		X509_free(certificate);
		return -EIO;
	}
	*issued = certificate;
	return 0;
}

static bool covers(X509 *certificate, int64_t now)
{
	time_t at = now;

	return X509_cmp_time(X509_get0_notBefore(certificate), &at) < 0 && X509_cmp_time(X509_get0_notAfter(certificate), &at) > 0;
}

static bool identities_fit(const struct provpkg_card_keys *keys, const struct provpkg_card_certificates *own, int64_t now)
{
	char serial[PROVPKG_NAME_MAX + 1];

	return provpkg_card_identity(own->identity_classical, own->identity_pq, serial) && covers(own->identity_classical, now) &&
	       covers(own->identity_pq, now) &&
	       EVP_PKEY_eq(X509_get0_pubkey(own->identity_classical), keys->identity_classical) == 1 &&
	       EVP_PKEY_eq(X509_get0_pubkey(own->identity_pq), keys->identity_pq) == 1;
}

int provpkg_card_issue(const struct provpkg_card_keys *keys, int64_t now, struct provpkg_card_certificates *own)
{
	static const char agreement_usage[] = "critical,keyAgreement", kem_usage[] = "critical,keyEncipherment";
	X509 *agreement = NULL, *kem_768 = NULL, *kem_1024 = NULL;
	int result;

	if (!identities_fit(keys, own, now))
		return PROVCARD_REFUSAL_CARD_CERTIFICATE;
	result = issue(own->identity_classical, keys->identity_classical, keys->agreement, agreement_usage, now, &agreement);
	if (!result)
		result = issue(own->identity_pq, keys->identity_pq, keys->kem_768, kem_usage, now, &kem_768);
	if (!result)
		result = issue(own->identity_pq, keys->identity_pq, keys->kem_1024, kem_usage, now, &kem_1024);
	if (result) {
		X509_free(agreement);
		X509_free(kem_768);
		return result;
	}
	own->agreement = agreement;
	own->kem_768 = kem_768;
	own->kem_1024 = kem_1024;
	return 0;
}

/* SHA-256 over @count encodings, one behind the other; frees them. */
static int hash_all(struct provpkg_view *encodings, size_t count, uint8_t *hash)
{
	bool complete = true;
	int result;

	for (size_t i = 0; i < count; i++)
		complete &= encodings[i].data && encodings[i].size <= INT_MAX;
	result = complete ? provpkg_digest(EVP_sha256(), encodings, count, hash) : -EIO;
	for (size_t i = 0; i < count; i++)
		OPENSSL_free((void *)encodings[i].data);
	return result;
}

int provpkg_card_id(const struct provpkg_card_certificates *certificates, uint8_t card_id[PROVPKG_CARD_ID_SIZE])
{
	X509 *const own[] = { certificates->agreement, certificates->kem_768, certificates->kem_1024 };
	struct provpkg_view encodings[3] = { 0 };

	for (size_t i = 0; i < 3; i++)
		encodings[i].size = (size_t)i2d_X509(own[i], (unsigned char **)&encodings[i].data);
	return hash_all(encodings, 3, card_id);
}

int provpkg_card_blank_id(const struct provpkg_card_keys *keys, uint8_t card_id[PROVPKG_CARD_ID_SIZE])
{
	struct provpkg_view encodings[2] = { 0 };

	encodings[0].size = (size_t)i2d_PUBKEY(keys->identity_classical, (unsigned char **)&encodings[0].data);
	encodings[1].size = (size_t)i2d_PUBKEY(keys->identity_pq, (unsigned char **)&encodings[1].data);
	return hash_all(encodings, 2, card_id);
}
