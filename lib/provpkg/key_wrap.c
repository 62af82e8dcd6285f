// SPDX-License-Identifier: LGPL-2.1-or-later
#include <limits.h>

#include <openssl/evp.h>

#include "crypto.h"

static bool key_wrap(const uint8_t kek[32], struct provpkg_view in, uint8_t *out, size_t out_size, int encrypt)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int size = 0;
	bool good;

	if (context)
		EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	good = cipher && context && in.size <= INT_MAX && EVP_CipherInit_ex2(context, cipher, kek, NULL, encrypt, NULL) &&
	       EVP_CipherUpdate(context, out, &size, in.data, (int)in.size) && (size_t)size == out_size;
	EVP_CIPHER_CTX_free(context);
	EVP_CIPHER_free(cipher);
	return good;
}

bool provpkg_key_wrap(const uint8_t kek[32], struct provpkg_view in, uint8_t *out, size_t out_size)
{
	return out_size == in.size + 8 && key_wrap(kek, in, out, out_size, 1);
}

bool provpkg_key_unwrap(const uint8_t kek[32], struct provpkg_view in, uint8_t *out, size_t out_size)
{
	return in.size == out_size + 8 && key_wrap(kek, in, out, out_size, 0);
}
