// SPDX-License-Identifier: GPL-2.0-or-later
/* Every kind of device key under every kind of issuing key, against libcrypto's own keys, parser and verifier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "core/identity.h"
#include "provcard-refusal.h"
#include "tests/unit/pki.h"

#define FIRST PROVPKG_KEY_P256
#define LAST PROVPKG_KEY_ML_DSA_65

static const uint8_t uid_bytes[8] = { 0x12, 0xab, 0, 0xff, 4, 5, 6, 7 };
static const struct provpkg_view uid = { uid_bytes, sizeof(uid_bytes) };
static const uint8_t message_bytes[46] = "provcard proof";
static const struct provpkg_view message = { message_bytes, sizeof(message_bytes) };

static bool is_ec(const struct provpkg_key_kind *kind)
{
	return kind->algorithm == PROVPKG_KEY_P256 || kind->algorithm == PROVPKG_KEY_P384;
}

/* A key of libcrypto's making, its private half as a part would hold it, and its public half as libcrypto sees it. */
struct sample {
	const struct provpkg_key_kind *kind;
	EVP_PKEY *key;
	uint8_t private_key[PROVPKG_DEVICE_PRIVATE_MAX];
	uint8_t public_key[PROVPKG_DEVICE_PUBLIC_MAX];
};

static void take_private(struct sample *sample)
{
	const struct provpkg_key_kind *kind = sample->kind;
	const char *name = kind->algorithm == PROVPKG_KEY_ED25519 ? OSSL_PKEY_PARAM_PRIV_KEY : OSSL_PKEY_PARAM_ML_DSA_SEED;
	BIGNUM *scalar = NULL;
	size_t size;

	if (!is_ec(kind)) {
		assert_int_equal(EVP_PKEY_get_octet_string_param(sample->key, name, sample->private_key, kind->private_size, &size), 1);
		assert_int_equal(size, kind->private_size);
		return;
	}
	assert_int_equal(EVP_PKEY_get_bn_param(sample->key, OSSL_PKEY_PARAM_PRIV_KEY, &scalar), 1);
	assert_true(BN_bn2binpad(scalar, sample->private_key, (int)kind->private_size) > 0);
	BN_clear_free(scalar);
}

static struct sample sample_new(enum provpkg_key_algorithm algorithm)
{
	struct sample sample = { .kind = provpkg_key_kind(algorithm) };
	size_t size;

	assert_non_null(sample.kind);
	sample.key = pki_key(sample.kind->name);
	assert_int_equal(EVP_PKEY_get_octet_string_param(sample.key, OSSL_PKEY_PARAM_PUB_KEY, sample.public_key,
							 sizeof(sample.public_key), &size), 1);
	assert_int_equal(size, sample.kind->public_size);
	take_private(&sample);
	return sample;
}

static void kinds_name_their_keys(void **state)
{
	(void)state;
	for (int i = FIRST; i <= LAST; i++) {
		struct sample sample = sample_new(i);

		assert_ptr_equal(provpkg_key_kind_of(sample.key), sample.kind);
		assert_int_equal(sample.kind->algorithm, i);
		EVP_PKEY_free(sample.key);
	}
	assert_null(provpkg_key_kind(FIRST - 1));
	assert_null(provpkg_key_kind(LAST + 1));
	assert_null(provpkg_issuing_kind(PROVPKG_ISSUING_KINDS));
}

static void public_keys_are_libcryptos(void **state)
{
	uint8_t public_key[PROVPKG_DEVICE_PUBLIC_MAX];

	(void)state;
	for (int i = FIRST; i <= LAST; i++) {
		struct sample sample = sample_new(i);

		assert_true(identity_key_in_range(i, sample.private_key));
		assert_int_equal(identity_key_public(sample.kind, sample.private_key, public_key), 0);
		assert_memory_equal(public_key, sample.public_key, sample.kind->public_size);
		EVP_PKEY_free(sample.key);
	}
}

/* The order of the curve, and what is one below it. */
static void scalars_stay_below_the_order(void **state)
{
	static const char *const curves[] = { [PROVPKG_KEY_P256] = SN_X9_62_prime256v1, [PROVPKG_KEY_P384] = SN_secp384r1 };
	uint8_t scalar[PROVPKG_DEVICE_PRIVATE_MAX];

	(void)state;
	for (int i = PROVPKG_KEY_P256; i <= PROVPKG_KEY_P384; i++) {
		EC_GROUP *group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(curves[i]));
		BIGNUM *number = BN_dup(EC_GROUP_get0_order(group));
		int size = (int)provpkg_key_kind(i)->private_size;

		assert_int_equal(BN_bn2binpad(number, scalar, size), size);
		assert_false(identity_key_in_range(i, scalar));
		assert_true(BN_sub_word(number, 1) && BN_bn2binpad(number, scalar, size) == size);
		assert_true(identity_key_in_range(i, scalar));
		memset(scalar, 0, sizeof(scalar));
		assert_false(identity_key_in_range(i, scalar));
		scalar[size - 1] = 1;
		assert_true(identity_key_in_range(i, scalar));
		memset(scalar, 0xff, sizeof(scalar));
		assert_false(identity_key_in_range(i, scalar));
		BN_free(number);
		EC_GROUP_free(group);
	}
}

/* ---- Certificates ---- */

struct issuer {
	EVP_PKEY *key;
	X509 *certificate;
	struct provpkg_device_template *device;
};

static void issuer_new(struct issuer *issuer, const char *kind, enum provpkg_key_algorithm device)
{
	const struct provpkg_identity identity = {
		.present = true, .algorithm = device, .organisation = "Acme", .common_name = "sensor", .hardware_type = "1.3.6.1.4.1.99999.1"
	};

	issuer->key = pki_key(kind);
	issuer->certificate = pki_certificate(issuer->key, &(struct pki_profile){ .subject = "issuer", .ca = true }, NULL, NULL);
	assert_int_equal(provpkg_device_template_new(issuer->certificate, &identity, &issuer->device), 0);
}

static void issuer_free(struct issuer *issuer)
{
	provpkg_device_template_free(issuer->device);
	X509_free(issuer->certificate);
	EVP_PKEY_free(issuer->key);
}

static struct provpkg_blob issue(const struct issuer *issuer, const struct sample *sample)
{
	static const uint8_t serial[16] = { 0xff, 1 };
	struct provpkg_blob der = { 0 };
	struct provpkg_view public_key = { sample->public_key, sample->kind->public_size };

	assert_int_equal(provpkg_device_issue(issuer->device, issuer->key, public_key, uid, serial, PKI_NOW, &der), 0);
	return der;
}

static void assert_chain(const struct issuer *issuer, X509 *certificate)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();

	X509_STORE_add_cert(store, issuer->certificate);
	assert_int_equal(X509_STORE_CTX_init(context, store, certificate, NULL), 1);
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), PKI_NOW + 1);
	X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT);
	assert_int_equal(X509_verify_cert(context), 1);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
}

static void assert_profile(X509 *certificate, const struct sample *sample, int signature)
{
	uint8_t hash[32];

	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate), sample->key), 1);
	assert_int_equal(X509_get_signature_nid(certificate), signature);
	assert_int_equal(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_check_ca(certificate), 0);
	assert_int_equal(EVP_Digest(sample->public_key, sample->kind->public_size, hash, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(ASN1_STRING_get0_data(X509_get0_subject_key_id(certificate)), hash, 20);
}

/* The key's SubjectPublicKeyInfo as libcrypto writes it, byte for byte, stands in the certificate. */
static void assert_spki(const struct provpkg_blob *der, const struct sample *sample)
{
	uint8_t *spki = NULL;
	int size = i2d_PUBKEY(sample->key, &spki);

	assert_true(size > 0);
	assert_non_null(memmem(der->data, der->size, spki, (size_t)size));
	OPENSSL_free(spki);
}

static void check_pair(size_t issuing, enum provpkg_key_algorithm device)
{
	static const int signatures[] = { NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA384, NID_ML_DSA_65 };
	struct sample sample = sample_new(device);
	struct provpkg_blob der, again;
	struct issuer issuer;
	X509 *certificate;

	issuer_new(&issuer, provpkg_issuing_kind(issuing)->name, device);
	der = issue(&issuer, &sample);
	again = issue(&issuer, &sample);
	assert_int_equal(der.size, again.size);
	assert_memory_equal(der.data, again.data, der.size);
	assert_spki(&der, &sample);
	assert_int_equal(provpkg_der_certificate(provpkg_blob_view(&der), &certificate), 0);
	assert_profile(certificate, &sample, signatures[issuing]);
	assert_chain(&issuer, certificate);
	X509_free(certificate);
	provpkg_blob_free(&der);
	provpkg_blob_free(&again);
	issuer_free(&issuer);
	EVP_PKEY_free(sample.key);
}

static void every_issuer_certifies_every_kind(void **state)
{
	(void)state;
	for (size_t issuing = 0; issuing < PROVPKG_ISSUING_KINDS; issuing++)
		for (int device = FIRST; device <= LAST; device++)
			check_pair(issuing, device);
}

static void issuing_keys_are_made_of_their_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROVPKG_ISSUING_KINDS; i++) {
		EVP_PKEY *key = provpkg_issuing_key_generate(provpkg_issuing_kind(i));

		assert_ptr_equal(provpkg_key_kind_of(key), provpkg_issuing_kind(i));
		assert_true(provpkg_key_may_issue(key));
		EVP_PKEY_free(key);
	}
	for (int i = FIRST; i <= LAST; i++) {
		struct sample sample = sample_new(i);

		assert_int_equal(provpkg_key_may_issue(sample.key), is_ec(sample.kind) || i == PROVPKG_KEY_ML_DSA_65);
		EVP_PKEY_free(sample.key);
	}
}

/* ---- Answers to challenges ---- */

static void ecdsa_to_raw(const uint8_t *der, size_t size, uint8_t *raw, int half)
{
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)size);

	assert_non_null(signature);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, half), half);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + half, half), half);
	ECDSA_SIG_free(signature);
}

/* As a device would answer. */
static void answer(const struct sample *sample, uint8_t raw[PROVPKG_DEVICE_SIGNATURE_MAX])
{
	const char *digest = !is_ec(sample->kind) ? NULL : sample->kind->algorithm == PROVPKG_KEY_P256 ? "SHA256" : "SHA384";
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t signature[PROVPKG_DEVICE_SIGNATURE_MAX];
	size_t size = sizeof(signature);

	assert_int_equal(EVP_DigestSignInit_ex(md, NULL, digest, NULL, NULL, sample->key, NULL), 1);
	assert_int_equal(EVP_DigestSign(md, signature, &size, message.data, message.size), 1);
	if (is_ec(sample->kind)) {
		ecdsa_to_raw(signature, size, raw, (int)sample->kind->signature_size / 2);
	} else {
		assert_int_equal(size, sample->kind->signature_size);
		memcpy(raw, signature, size);
	}
	EVP_MD_CTX_free(md);
}

static void only_the_keys_own_answer_is_proof(void **state)
{
	(void)state;
	for (int i = FIRST; i <= LAST; i++) {
		struct sample sample = sample_new(i), other = sample_new(i);
		uint8_t raw[PROVPKG_DEVICE_SIGNATURE_MAX] = { 0 };
		struct provpkg_view signature = { raw, sample.kind->signature_size };
		struct provpkg_view shorter = { raw, signature.size - 1 }, wrong = { message.data, message.size - 1 };

		answer(&sample, raw);
		assert_true(identity_key_signed(sample.kind, sample.key, message, signature));
		assert_false(identity_key_signed(sample.kind, other.key, message, signature));
		assert_false(identity_key_signed(sample.kind, sample.key, wrong, signature));
		assert_false(identity_key_signed(sample.kind, sample.key, message, shorter));
		for (size_t bit = 0; bit < 8 * signature.size; bit += 1009) {
			raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(identity_key_signed(sample.kind, sample.key, message, signature));
			raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		memset(raw, 0, sizeof(raw));
		assert_false(identity_key_signed(sample.kind, sample.key, message, signature));
		EVP_PKEY_free(sample.key);
		EVP_PKEY_free(other.key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_name_their_keys),
		cmocka_unit_test(public_keys_are_libcryptos),
		cmocka_unit_test(scalars_stay_below_the_order),
		cmocka_unit_test(every_issuer_certifies_every_kind),
		cmocka_unit_test(issuing_keys_are_made_of_their_kinds),
		cmocka_unit_test(only_the_keys_own_answer_is_proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
