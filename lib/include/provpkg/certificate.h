/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Certificates: the card's own, its issuing keys' requests, and the devices'.
 *
 * The card maker's CA certifies the card's two identity keys (P-384, ML-DSA-87; CA:TRUE, pathlen 0; digitalSignature, keyCertSign).
 * With them the card signs its statements and issues its own encryption certificates: P-384 keyAgreement under the classical
 * identity, ML-KEM-768 and ML-KEM-1024 keyEncipherment (RFC 9935) under the ML-DSA identity. So each chain is of one family, and a
 * stock "openssl verify" checks them all. ML-DSA-87 for every suite: an identity outlives any package, and vouches for keys of
 * category 5.
 */
#ifndef PROVPKG_CERTIFICATE_H
#define PROVPKG_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "provpkg/rot.h"
#include "provpkg/types.h"

PROVPKG_BEGIN

/* ---- PEM in and out ---- */

/* All certificates of a PEM text, in order; at least one. CERTIFICATE_UNUSABLE. */
PROVPKG_MUST_CHECK int provpkg_pem_certificates(struct provpkg_view pem, STACK_OF(X509) **certificates);
/* Append a certificate to a PEM text. */
PROVPKG_MUST_CHECK int provpkg_pem_append(struct provpkg_blob *pem, X509 *certificate);
/* Exactly one certificate in DER. CERTIFICATE_UNUSABLE; TRAILING_DATA. */
PROVPKG_MUST_CHECK int provpkg_der_certificate(struct provpkg_view der, X509 **certificate);

/* ---- The card ---- */

struct provpkg_card_keys {
	EVP_PKEY *identity_classical; /* P-384 */
	EVP_PKEY *identity_pq; /* ML-DSA-87 */
	EVP_PKEY *agreement; /* P-384 */
	EVP_PKEY *kem_768; /* ML-KEM-768 */
	EVP_PKEY *kem_1024; /* ML-KEM-1024 */
};

/* Draw all five. */
PROVPKG_MUST_CHECK int provpkg_card_keys_generate(struct provpkg_card_keys *keys);
void provpkg_card_keys_clear(struct provpkg_card_keys *keys);

/*
 * PEM: two PKCS#10 requests with the extensions wanted (basicConstraints, keyUsage, subjectKeyIdentifier), subject CN =
 * "provcard " and @serial: 1 to 31 letters, digits, '.', '_', '-'. -EINVAL for another serial. The certificate must keep the
 * common name, the key usages and a subjectKeyIdentifier.
 */
PROVPKG_MUST_CHECK int provpkg_card_csr(const struct provpkg_card_keys *keys, const char *serial, struct provpkg_blob *pem);
/* PEM: PKCS#10 of an issuing key for @oem, P-256, P-384 or ML-DSA-65: CA:TRUE, pathlen 0, keyCertSign. */
PROVPKG_MUST_CHECK int provpkg_issuer_csr(EVP_PKEY *key, const char *serial, const char *oem, struct provpkg_blob *pem);

struct provpkg_card_certificates {
	X509 *identity_classical;
	X509 *identity_pq;
	X509 *agreement;
	X509 *kem_768;
	X509 *kem_1024;
	STACK_OF(X509) *chain; /* the maker's, both families */
};

/*
 * The card issues its three encryption certificates itself, valid from @now until the identity's end; subject: the identity's with
 * OU = "encryption". They are put into @own, whose identity certificates must fit the keys and be valid at @now
 * (CARD_CERTIFICATE).
 */
PROVPKG_MUST_CHECK int provpkg_card_issue(const struct provpkg_card_keys *keys, int64_t now, struct provpkg_card_certificates *own);

/* A card as an OEM sees it. */
struct provpkg_card {
	struct provpkg_card_certificates certificates;
	uint8_t card_id[PROVPKG_CARD_ID_SIZE];
	char serial[PROVPKG_NAME_MAX + 1];
};

PROVPKG_MUST_CHECK int provpkg_card_encode(const struct provpkg_card_certificates *certificates, struct provpkg_blob *pem);
/* From the PEM bundle: the five and the chain, matching each other. CARD_CERTIFICATE. */
PROVPKG_MUST_CHECK int provpkg_card_decode(struct provpkg_view pem, struct provpkg_card **card);
void provpkg_card_free(struct provpkg_card *card);
/*
 * All chains lead to @anchors at @at: that of the P-384 certificate through EC keys only, those of the ML-KEM ones through ML-DSA
 * keys only, so whoever breaks one family cannot vouch for both. @suite: of the package to make, or PROVPKG_SUITE_HYBRID to check
 * the card's statements; for suite 2 the ML-DSA keys must all be ML-DSA-87. CARD_CERTIFICATE, SUITE_UNKNOWN.
 */
PROVPKG_MUST_CHECK int provpkg_card_trust(const struct provpkg_card *card, unsigned int suite, STACK_OF(X509) *anchors, int64_t at);
/* SHA-256 over the DER of the three encryption certificates, in the order of the structure. */
PROVPKG_MUST_CHECK int provpkg_card_id(const struct provpkg_card_certificates *certificates, uint8_t card_id[PROVPKG_CARD_ID_SIZE]);
/* SHA-256 over both identity keys' SubjectPublicKeyInfo: the id of a blank card. */
PROVPKG_MUST_CHECK int provpkg_card_blank_id(const struct provpkg_card_keys *keys, uint8_t card_id[PROVPKG_CARD_ID_SIZE]);

/* ---- Keys of devices, and of those who issue for them ---- */

#define PROVPKG_DEVICE_PRIVATE_MAX 48
#define PROVPKG_DEVICE_PUBLIC_MAX 1952
#define PROVPKG_DEVICE_SIGNATURE_MAX 3309

/* Sizes in bytes. */
struct provpkg_key_kind {
	enum provpkg_key_algorithm algorithm;
	const char *name; /* "P-256", "Ed25519", "ML-DSA-44": libcrypto's and the RoT configuration's */
	size_t private_size; /* as it lies in the part, see struct provpkg_identity */
	size_t public_size; /* what the BIT STRING of SubjectPublicKeyInfo holds; of EC the uncompressed point */
	size_t signature_size; /* of a device's answer to a challenge: r and s at full width, others as their standards say */
};

const struct provpkg_key_kind *provpkg_key_kind(enum provpkg_key_algorithm algorithm); /* NULL for none */
const struct provpkg_key_kind *provpkg_key_kind_of(const EVP_PKEY *key); /* NULL for a key that no device may have */

/* Issuing keys are of fewer kinds: P-256, P-384, ML-DSA-65, in this order. NULL past the end. */
#define PROVPKG_ISSUING_KINDS 3
const struct provpkg_key_kind *provpkg_issuing_kind(size_t index);
bool provpkg_key_may_issue(const EVP_PKEY *key);
EVP_PKEY *provpkg_issuing_key_generate(const struct provpkg_key_kind *kind); /* NULL when libcrypto fails */

/* ---- Devices: 802.1AR IDevID profile on RFC 5280 ---- */

/* A certificate with everything filled in but what differs from unit to unit. Thread safe after creation. */
struct provpkg_device_template;

/*
 * @issuer: the issuing certificate of a key that may issue, with a 20-byte subjectKeyIdentifier; its subject and key identifier go
 * in. CERTIFICATE_UNUSABLE. @identity: organisation and common name not empty; the common name of at most 31 characters, so that the
 * longest UID's digits fit into the 64 that X.509 allows; the hardware type an OID. ROT_RANGE.
 */
PROVPKG_MUST_CHECK int provpkg_device_template_new(X509 *issuer, const struct provpkg_identity *identity,
						   struct provpkg_device_template **device);
void provpkg_device_template_free(struct provpkg_device_template *device);
/*
 * Issue: patch serial number (16 random bytes given), subject, key and dates into the template and sign with @issuer_key.
 * @public_key: of the identity's kind, public_size bytes; EC points uncompressed. One signature, no other public-key operation, and
 * deterministic: the same arguments give the same certificate. @issuer_key must be the key that the template's issuer certifies;
 * only its size is checked here (-EINVAL).
 */
PROVPKG_MUST_CHECK int provpkg_device_issue(const struct provpkg_device_template *device, EVP_PKEY *issuer_key,
					    struct provpkg_view public_key, struct provpkg_view uid, const uint8_t serial[16],
					    int64_t not_before, struct provpkg_blob *der);

/* SHA-256 of the DER. 0 or -EIO. */
PROVPKG_MUST_CHECK int provpkg_certificate_digest(const X509 *certificate, uint8_t digest[PROVPKG_HASH_SIZE]);

PROVPKG_END

#endif
