// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into "provcard pack" at the OEM's desk, where the secrets are born: appends every derived key to the file
 * KDF_SPY names, so that a test knows what must not be found elsewhere. No part of any product.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/kdf.h>

__attribute__((visibility("default"))) int EVP_KDF_derive(EVP_KDF_CTX *context, unsigned char *key, size_t size,
							  const OSSL_PARAM parameters[])
{
	int (*next)(EVP_KDF_CTX *, unsigned char *, size_t, const OSSL_PARAM *);
	const char *path = getenv("KDF_SPY");
	FILE *file;
	int done;

	*(void **)&next = dlsym(RTLD_NEXT, "EVP_KDF_derive");
	done = next(context, key, size, parameters);
	file = done > 0 && path ? fopen(path, "ab") : NULL;
	if (file) {
		fwrite(key, 1, size, file);
		fclose(file);
	}
	return done;
}
