// SPDX-License-Identifier: LGPL-2.1-or-later
/* The kinds of key that devices may have, and which of them may issue. */
#include "provpkg/certificate.h"
#include "x509.h"

static const struct provpkg_key_kind kinds[] = {
	{ PROVPKG_KEY_P256, "P-256", 32, 65, 64 },
	{ PROVPKG_KEY_P384, "P-384", 48, 97, 96 },
	{ PROVPKG_KEY_ED25519, "Ed25519", 32, 32, 64 }, /* RFC 8032 section 5.1 */
	{ PROVPKG_KEY_ML_DSA_44, "ML-DSA-44", 32, 1312, 2420 }, /* FIPS 204 table 2 */
	{ PROVPKG_KEY_ML_DSA_65, "ML-DSA-65", 32, 1952, PROVPKG_DEVICE_SIGNATURE_MAX },
};

static const enum provpkg_key_algorithm issuing[PROVPKG_ISSUING_KINDS] = { PROVPKG_KEY_P256, PROVPKG_KEY_P384, PROVPKG_KEY_ML_DSA_65 };

const struct provpkg_key_kind *provpkg_key_kind(enum provpkg_key_algorithm algorithm)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].algorithm == algorithm)
			return &kinds[i];
	return NULL;
}

const struct provpkg_key_kind *provpkg_key_kind_of(const EVP_PKEY *key)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (provpkg_key_is(key, kinds[i].name))
			return &kinds[i];
	return NULL;
}

const struct provpkg_key_kind *provpkg_issuing_kind(size_t index)
{
	return index < PROVPKG_ISSUING_KINDS ? provpkg_key_kind(issuing[index]) : NULL;
}

bool provpkg_key_may_issue(const EVP_PKEY *key)
{
	const struct provpkg_key_kind *kind = provpkg_key_kind_of(key);

	for (size_t i = 0; kind && i < PROVPKG_ISSUING_KINDS; i++)
		if (issuing[i] == kind->algorithm)
			return true;
	return false;
}

EVP_PKEY *provpkg_issuing_key_generate(const struct provpkg_key_kind *kind)
{
	if (kind->algorithm == PROVPKG_KEY_P256 || kind->algorithm == PROVPKG_KEY_P384)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind->name);
	return EVP_PKEY_Q_keygen(NULL, NULL, kind->name);
}
