// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>

#include "x509.h"

/* Security level 2 of OpenSSL, 112 bits: refuses SHA-1, RSA below 2048 bits and the like. */
#define AUTH_LEVEL 2

bool provpkg_key_is(const EVP_PKEY *key, const char *kind)
{
	const char *curve = !strcmp(kind, "P-256") ? SN_X9_62_prime256v1 : !strcmp(kind, "P-384") ? SN_secp384r1 : NULL;
	char group[32];
	int explicit = 0;

	if (!key || !curve)
		return key && EVP_PKEY_is_a(key, kind);
	if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 || strcmp(group, curve))
		return false;
	ERR_set_mark();
	EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit);
	ERR_pop_to_mark();
	return !explicit;
}

const EVP_MD *provpkg_key_digest(const EVP_PKEY *key)
{
	if (!EVP_PKEY_is_a(key, "EC"))
		return NULL;
	return EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

static bool understood(X509 *certificate)
{
	uint32_t flags = X509_get_extension_flags(certificate);

	return X509_get_version(certificate) == X509_VERSION_3 && !(flags & (EXFLAG_INVALID | EXFLAG_CRITICAL));
}

bool provpkg_x509_is_issuer(X509 *certificate)
{
	return understood(certificate) && X509_check_ca(certificate) == 1 && X509_get0_subject_key_id(certificate) &&
	       (X509_get_extension_flags(certificate) & EXFLAG_KUSAGE) && (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN);
}

/* Not by X509_check_ca(): it takes CA:TRUE for an end certificate as long as the key usage lacks keyCertSign. */
bool provpkg_x509_is_end(X509 *certificate, uint32_t usage)
{
	uint32_t flags = X509_get_extension_flags(certificate);

	return understood(certificate) && (flags & EXFLAG_BCONS) && !(flags & EXFLAG_CA) && (flags & EXFLAG_KUSAGE) &&
	       X509_get_key_usage(certificate) == usage;
}

bool provpkg_x509_issued(X509 *issuer, X509 *certificate)
{
	bool issued;

	ERR_set_mark();
	issued = X509_check_issued(issuer, certificate) == X509_V_OK && X509_verify(certificate, X509_get0_pubkey(issuer)) == 1;
	ERR_pop_to_mark();
	return issued;
}

bool provpkg_x509_common_name(const X509_NAME *name, char *text, size_t room)
{
	int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	bool fits;
	int size;

	if (index < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, index) >= 0)
		return false;
	size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
	fits = size > 0 && (size_t)size < room && !memchr(utf8, 0, size);
	if (fits) {
		memcpy(text, utf8, size);
		text[size] = 0;
	}
	OPENSSL_free(utf8);
	return fits;
}

bool provpkg_extension(STACK_OF(X509_EXTENSION) **extensions, X509V3_CTX *context, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
	bool added = extension && X509v3_add_ext(extensions, extension, -1);

	X509_EXTENSION_free(extension);
	return added;
}

bool provpkg_key_begins(const EVP_PKEY *key, const char *family)
{
	const char *name = key ? EVP_PKEY_get0_type_name(key) : NULL;

	return name && !strncmp(name, family, strlen(family));
}

static bool of_family(STACK_OF(X509) *chain, const char *family)
{
	for (int i = 1; i < sk_X509_num(chain); i++)
		if (!provpkg_key_begins(X509_get0_pubkey(sk_X509_value(chain, i)), family))
			return false;
	return true;
}

static bool chains(X509_STORE_CTX *context, int64_t at, const char *family)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);

	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_time(param, at);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	return X509_verify_cert(context) == 1 && (!family || of_family(X509_STORE_CTX_get0_chain(context), family));
}

bool provpkg_x509_chains(X509 *certificate, STACK_OF(X509) *others, STACK_OF(X509) *anchors, int64_t at, const char *family)
{
	X509_STORE_CTX *context;
	bool result = false;

	ERR_set_mark();
	context = X509_STORE_CTX_new();
	if (context && X509_STORE_CTX_init(context, NULL, certificate, others)) {
		X509_STORE_CTX_set0_trusted_stack(context, anchors);
		result = chains(context, at, family);
	}
	X509_STORE_CTX_free(context);
	ERR_pop_to_mark();
	return result;
}
