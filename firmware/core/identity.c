// SPDX-License-Identifier: GPL-2.0-or-later
#include "identity.h"

#include <errno.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include "crypto.h"
#include "package.h"
#include "provcard-refusal.h"

#define DEVICE_SECRET 48
#define SERIAL 16

/* Order of P-256, FIPS 186-5. */
static const uint8_t order[IDENTITY_SCALAR] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

/* 1 <= scalar < order. Rejected once in 2^32, so that how far the comparison runs tells nothing of an accepted one. */
static bool in_range(const uint8_t *scalar)
{
	static const uint8_t zero[IDENTITY_SCALAR];

	return memcmp(scalar, order, IDENTITY_SCALAR) < 0 && CRYPTO_memcmp(scalar, zero, IDENTITY_SCALAR);
}

/* Private scalar by rejection (FIPS 186-5 A.2.2) and serial number, from one expansion per attempt. */
static int derive(const struct package *package, const struct identity_unit *unit, uint8_t *scalar, uint8_t serial[SERIAL])
{
	static const char label[] = "provcard device identity";
	uint8_t numbers[sizeof(uint64_t) + 1], both[IDENTITY_SCALAR + SERIAL];
	struct crypto_piece info[] = { { label, sizeof(label) },
				       { unit->package_id, PROVPKG_ID_SIZE },
				       { numbers, sizeof(numbers) },
				       { unit->uid.data, unit->uid.size } };
	int error = -EIO;

	memcpy(numbers, &unit->charge, sizeof(unit->charge));
	for (unsigned int attempt = 0; attempt < 8; attempt++) {
		numbers[sizeof(numbers) - 1] = (uint8_t)attempt;
		error = crypto_derive(package->device_secret, DEVICE_SECRET, info, 4, both, sizeof(both));
		if (error || in_range(both))
			break;
		error = -EIO;
	}
	memcpy(scalar, both, IDENTITY_SCALAR);
	memcpy(serial, both + IDENTITY_SCALAR, SERIAL);
	OPENSSL_cleanse(both, sizeof(both));
	return error;
}

static int multiply(const uint8_t *scalar, uint8_t point[IDENTITY_POINT])
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *result = group ? EC_POINT_new(group) : NULL;
	BN_CTX *context = BN_CTX_secure_new();
	BIGNUM *k = BN_secure_new();
	int error = -EIO;

	if (result && context && k && BN_bin2bn(scalar, IDENTITY_SCALAR, k)) {
		BN_set_flags(k, BN_FLG_CONSTTIME);
		if (EC_POINT_mul(group, result, k, NULL, NULL, context) == 1 &&
		    EC_POINT_point2oct(group, result, POINT_CONVERSION_UNCOMPRESSED, point, IDENTITY_POINT, context) ==
			    IDENTITY_POINT)
			error = 0;
	}
	BN_clear_free(k);
	BN_CTX_free(context);
	EC_POINT_free(result);
	EC_GROUP_free(group);
	return error;
}

int identity_make(const struct package *package, const struct identity_unit *unit, struct identity *identity)
{
	uint8_t serial[SERIAL];
	int code;

	memset(identity, 0, sizeof(*identity));
	identity->scalar = OPENSSL_secure_malloc(IDENTITY_SCALAR);
	if (!identity->scalar)
		return -ENOMEM;
	code = derive(package, unit, identity->scalar, serial);
	if (!code)
		code = multiply(identity->scalar, identity->point);
	if (!code)
		code = provpkg_device_issue(package->template, package->issuing_key, identity->point, unit->uid, serial,
					    (int64_t)unit->charged_at, &identity->certificate);
	if (!code)
		code = crypto_sha256(identity->certificate.data, identity->certificate.size, identity->digest);
	if (code)
		identity_clear(identity);
	return code;
}

void identity_clear(struct identity *identity)
{
	OPENSSL_secure_clear_free(identity->scalar, IDENTITY_SCALAR);
	provpkg_blob_free(&identity->certificate);
	memset(identity, 0, sizeof(*identity));
}

static int raw_to_der(const uint8_t raw[64], uint8_t **der)
{
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
	int size = -1;

	if (signature && r && s && ECDSA_SIG_set0(signature, r, s) == 1) {
		r = s = NULL;
		size = i2d_ECDSA_SIG(signature, der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(signature);
	return size;
}

int identity_verify(const struct identity *identity, struct provpkg_view message, const uint8_t signature[64])
{
	struct provpkg_view certified = provpkg_blob_view(&identity->certificate);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	X509 *certificate = NULL;
	uint8_t *der = NULL;
	int size = raw_to_der(signature, &der), code = PROVCARD_REFUSAL_PROOF_FAILED;

	if (md && size > 0 && !provpkg_der_certificate(certified, &certificate) &&
	    EVP_DigestVerifyInit_ex(md, NULL, "SHA256", NULL, NULL, X509_get0_pubkey(certificate), NULL) == 1 &&
	    EVP_DigestVerify(md, der, (size_t)size, message.data, message.size) == 1)
		code = 0;
	X509_free(certificate);
	OPENSSL_free(der);
	EVP_MD_CTX_free(md);
	return code;
}
