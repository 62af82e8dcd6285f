// SPDX-License-Identifier: GPL-2.0-or-later
#include "crypto.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

int crypto_sha256(const void *data, size_t size, uint8_t digest[CRYPTO_DIGEST])
{
	return EVP_Q_digest(NULL, "SHA256", NULL, data, size, digest, NULL) == 1 ? 0 : -EIO;
}

EVP_MAC_CTX *crypto_mac_new(const uint8_t key[32])
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
				OSSL_PARAM_construct_end() };
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);

	EVP_MAC_free(hmac);
	if (mac && EVP_MAC_init(mac, key, 32, params) == 1)
		return mac;
	EVP_MAC_CTX_free(mac);
	return NULL;
}

int crypto_mac(EVP_MAC_CTX *mac, const struct crypto_piece *pieces, size_t count, uint8_t tag[CRYPTO_DIGEST])
{
	size_t size;

	/* Without a key: begin again with the key given at the start. */
	if (EVP_MAC_init(mac, NULL, 0, NULL) != 1)
		return -EIO;
	for (size_t i = 0; i < count; i++)
		if (EVP_MAC_update(mac, pieces[i].data, pieces[i].size) != 1)
			return -EIO;
	return EVP_MAC_final(mac, tag, &size, CRYPTO_DIGEST) == 1 && size == CRYPTO_DIGEST ? 0 : -EIO;
}

int crypto_derive(const uint8_t *secret, size_t secret_size, const struct crypto_piece *info, size_t count, uint8_t *out,
		  size_t out_size)
{
	OSSL_PARAM params[8], *p = params;
	EVP_KDF *hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *kdf = EVP_KDF_CTX_new(hkdf);
	int error = -EIO;

	EVP_KDF_free(hkdf);
	if (!kdf || count > 5)
		goto out;
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA384", 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, secret_size);
	/* HKDF concatenates the info parameters it is given. */
	for (size_t i = 0; i < count; i++)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info[i].data, info[i].size);
	*p = OSSL_PARAM_construct_end();
	if (EVP_KDF_derive(kdf, out, out_size, params) == 1)
		error = 0;
out:
	EVP_KDF_CTX_free(kdf);
	return error;
}

int crypto_seal(const uint8_t key[32], const uint8_t nonce[CRYPTO_GCM_NONCE], struct crypto_piece aad, uint8_t *data, size_t size,
		uint8_t tag[CRYPTO_GCM_TAG])
{
	EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new();
	int n, error = -EIO;

	if (gcm && EVP_EncryptInit_ex2(gcm, EVP_aes_256_gcm(), key, nonce, NULL) == 1 &&
	    EVP_EncryptUpdate(gcm, NULL, &n, aad.data, (int)aad.size) == 1 &&
	    EVP_EncryptUpdate(gcm, data, &n, data, (int)size) == 1 && EVP_EncryptFinal_ex(gcm, data + size, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, CRYPTO_GCM_TAG, tag) == 1)
		error = 0;
	EVP_CIPHER_CTX_free(gcm);
	return error;
}

int crypto_open(const uint8_t key[32], const uint8_t nonce[CRYPTO_GCM_NONCE], struct crypto_piece aad, uint8_t *data, size_t size,
		const uint8_t tag[CRYPTO_GCM_TAG])
{
	EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new();
	int n, error = -EBADMSG;

	if (gcm && EVP_DecryptInit_ex2(gcm, EVP_aes_256_gcm(), key, nonce, NULL) == 1 &&
	    EVP_DecryptUpdate(gcm, NULL, &n, aad.data, (int)aad.size) == 1 &&
	    EVP_DecryptUpdate(gcm, data, &n, data, (int)size) == 1 &&
	    EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, CRYPTO_GCM_TAG, (void *)tag) == 1 &&
	    EVP_DecryptFinal_ex(gcm, data + size, &n) == 1)
		error = 0;
	else
		OPENSSL_cleanse(data, size);
	EVP_CIPHER_CTX_free(gcm);
	return error;
}
