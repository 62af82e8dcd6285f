// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bytes, and libcrypto's digests and key derivation in the shape that the rest of the library uses. */
#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>

#include "crypto.h"

void provpkg_blob_free(struct provpkg_blob *blob)
{
	OPENSSL_clear_free(blob->data, blob->size);
	*blob = (struct provpkg_blob){ NULL, 0 };
}

int provpkg_blob_new(size_t size, struct provpkg_blob *blob)
{
	uint8_t *data = OPENSSL_zalloc(size ? size : 1);

	if (!data)
		return -ENOMEM;
	*blob = (struct provpkg_blob){ data, size };
	return 0;
}

int provpkg_blob_copy(struct provpkg_view view, struct provpkg_blob *blob)
{
	int result = provpkg_blob_new(view.size, blob);

	if (!result && view.size)
		memcpy(blob->data, view.data, view.size);
	return result;
}

struct provpkg_view provpkg_text_view(const char *text)
{
	return (struct provpkg_view){ (const uint8_t *)text, strlen(text) };
}

int provpkg_digest(const EVP_MD *md, const struct provpkg_view *pieces, size_t count, uint8_t *digest)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int good = context && EVP_DigestInit_ex(context, md, NULL);

	for (size_t i = 0; good && i < count; i++)
		good = EVP_DigestUpdate(context, pieces[i].data, pieces[i].size);
	good = good && EVP_DigestFinal_ex(context, digest, NULL);
	EVP_MD_CTX_free(context);
	return good ? 0 : -EIO;
}

static OSSL_PARAM octets(const char *name, struct provpkg_view view)
{
	static const uint8_t nothing;

	return OSSL_PARAM_construct_octet_string(name, (void *)(view.size ? view.data : &nothing), view.size);
}

int provpkg_hkdf(const struct provpkg_hkdf *hkdf, uint8_t *out, size_t size)
{
	int mode = hkdf->expand_only ? EVP_KDF_HKDF_MODE_EXPAND_ONLY : EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[6], *next = params;
	int good;

	*next++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	*next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)hkdf->digest, 0);
	*next++ = octets(OSSL_KDF_PARAM_KEY, hkdf->ikm);
	*next++ = octets(OSSL_KDF_PARAM_INFO, hkdf->info);
	if (!hkdf->expand_only && hkdf->salt.size)
		*next++ = octets(OSSL_KDF_PARAM_SALT, hkdf->salt);
	*next = OSSL_PARAM_construct_end();
	good = context && EVP_KDF_derive(context, out, size, params) == 1;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return good ? 0 : -EIO;
}
