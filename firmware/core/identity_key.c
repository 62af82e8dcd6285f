// SPDX-License-Identifier: GPL-2.0-or-later
/* Device keys of each kind: what is a private key, its public half, and what it signed. */
#include <errno.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

#include "identity.h"

/* Order of P-256 and P-384, FIPS 186-5. */
static const uint8_t p256_order[32] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};
static const uint8_t p384_order[48] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
	0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
};

/* 1 <= scalar < order. Rejected once in 2^32 at most, so that how far the comparison runs tells nothing of an accepted one. */
static bool scalar_in_range(const uint8_t *scalar, const uint8_t *order, size_t size)
{
	static const uint8_t zero[PROVPKG_DEVICE_PRIVATE_MAX];

	return memcmp(scalar, order, size) < 0 && CRYPTO_memcmp(scalar, zero, size);
}

bool identity_key_in_range(enum provpkg_key_algorithm algorithm, const uint8_t *private_key)
{
	if (algorithm == PROVPKG_KEY_P256)
		return scalar_in_range(private_key, p256_order, sizeof(p256_order));
	if (algorithm == PROVPKG_KEY_P384)
		return scalar_in_range(private_key, p384_order, sizeof(p384_order));
	return true; /* every seed is good */
}

static int multiply(int curve, const uint8_t *scalar, size_t size, uint8_t *point, size_t point_size)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
	EC_POINT *result = group ? EC_POINT_new(group) : NULL;
	BN_CTX *context = BN_CTX_secure_new();
	BIGNUM *k = BN_secure_new();
	int error = -EIO;

	if (result && context && k && BN_bin2bn(scalar, (int)size, k)) {
		BN_set_flags(k, BN_FLG_CONSTTIME);
		if (EC_POINT_mul(group, result, k, NULL, NULL, context) == 1 &&
		    EC_POINT_point2oct(group, result, POINT_CONVERSION_UNCOMPRESSED, point, point_size, context) == point_size)
			error = 0;
	}
	BN_clear_free(k);
	BN_CTX_free(context);
	EC_POINT_free(result);
	EC_GROUP_free(group);
	return error;
}

static EVP_PKEY *key_from_seed(const struct provpkg_key_kind *kind, const uint8_t *seed)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_DSA_SEED, (void *)seed, kind->private_size),
				OSSL_PARAM_construct_end() };
	EVP_PKEY_CTX *context;
	EVP_PKEY *key = NULL;

	if (kind->algorithm == PROVPKG_KEY_ED25519)
		return EVP_PKEY_new_raw_private_key_ex(NULL, kind->name, NULL, seed, kind->private_size);
	context = EVP_PKEY_CTX_new_from_name(NULL, kind->name, NULL);
	if (!context || EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

static int expand(const struct provpkg_key_kind *kind, const uint8_t *seed, uint8_t *public_key)
{
	EVP_PKEY *key = key_from_seed(kind, seed);
	size_t size = kind->public_size;
	bool good = key && EVP_PKEY_get_raw_public_key(key, public_key, &size) == 1 && size == kind->public_size;

	EVP_PKEY_free(key);
	return good ? 0 : -EIO;
}

int identity_key_public(const struct provpkg_key_kind *kind, const uint8_t *private_key, uint8_t *public_key)
{
	if (kind->algorithm == PROVPKG_KEY_P256)
		return multiply(NID_X9_62_prime256v1, private_key, kind->private_size, public_key, kind->public_size);
	if (kind->algorithm == PROVPKG_KEY_P384)
		return multiply(NID_secp384r1, private_key, kind->private_size, public_key, kind->public_size);
	return expand(kind, private_key, public_key);
}

/* r and s, each half of @raw. */
static int raw_to_der(struct provpkg_view raw, uint8_t **der)
{
	int half = (int)(raw.size / 2), size = -1;
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.data, half, NULL), *s = BN_bin2bn(raw.data + half, half, NULL);

	if (signature && r && s && ECDSA_SIG_set0(signature, r, s) == 1) {
		r = s = NULL;
		size = i2d_ECDSA_SIG(signature, der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(signature);
	return size;
}

static bool verify(EVP_PKEY *key, const char *digest, struct provpkg_view message, const uint8_t *signature, size_t size)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = md && EVP_DigestVerifyInit_ex(md, NULL, digest, NULL, NULL, key, NULL) == 1 &&
		    EVP_DigestVerify(md, signature, size, message.data, message.size) == 1;

	EVP_MD_CTX_free(md);
	return good;
}

bool identity_key_signed(const struct provpkg_key_kind *kind, EVP_PKEY *key, struct provpkg_view message,
			 struct provpkg_view signature)
{
	uint8_t *der = NULL;
	bool good;
	int size;

	if (signature.size != kind->signature_size)
		return false;
	if (kind->algorithm != PROVPKG_KEY_P256 && kind->algorithm != PROVPKG_KEY_P384)
		return verify(key, NULL, message, signature.data, signature.size);
	size = raw_to_der(signature, &der);
	good = size > 0 && verify(key, kind->algorithm == PROVPKG_KEY_P256 ? "SHA256" : "SHA384", message, der, (size_t)size);
	OPENSSL_free(der);
	return good;
}
