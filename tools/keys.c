// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <provpkg.h>

#include "errors.h"
#include "files.h"
#include "keys.h"

#define PEM_MAX (16u << 20)

static EVP_PKEY *first_key(OSSL_STORE_CTX *store)
{
	EVP_PKEY *key = NULL;

	while (!key && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
		if (!info && OSSL_STORE_error(store))
			break;
	}
	return key;
}

int key_load(const char *location, EVP_PKEY **key)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open(location, UI_OpenSSL(), NULL, NULL, NULL);

	if (store && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
		*key = first_key(store);
	OSSL_STORE_close(store);
	ERR_clear_error();
	if (*key)
		return 0;
	return report_bad_input(location, "no private key can be read from it",
				"give a PEM file or a store URI with a private key, and its right password");
}

int certificates_load(const char *path, STACK_OF(X509) **certificates)
{
	struct provpkg_blob pem = { 0 };
	int code = file_read(path, PEM_MAX, &pem);
	int result;

	if (code)
		return code;
	result = provpkg_pem_certificates(provpkg_blob_view(&pem), certificates);
	provpkg_blob_free(&pem);
	return result ? report_provpkg(path, result, "a PEM file of certificates is needed") : 0;
}

int certificates_append(const char *path, STACK_OF(X509) **certificates)
{
	STACK_OF(X509) *more = NULL;
	int code = certificates_load(path, &more);

	if (code)
		return code;
	if (!*certificates) {
		*certificates = more;
		return 0;
	}
	while (sk_X509_num(more) > 0 && !code) {
		X509 *certificate = sk_X509_shift(more);

		if (!sk_X509_push(*certificates, certificate)) {
			X509_free(certificate);
			code = report_errno(path, -ENOMEM);
		}
	}
	certificates_free(more);
	return code;
}

int certificate_load(const char *path, X509 **certificate)
{
	STACK_OF(X509) *all = NULL;
	int code = certificates_load(path, &all);

	if (!code && sk_X509_num(all) != 1)
		code = report_input(path, PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE, "exactly one certificate is needed");
	if (!code)
		*certificate = sk_X509_shift(all);
	certificates_free(all);
	return code;
}

void certificates_free(STACK_OF(X509) *certificates)
{
	sk_X509_pop_free(certificates, X509_free);
}

int signer_load(const char *key, const char *certificate, struct provpkg_signer *signer)
{
	STACK_OF(X509) *all = NULL;
	int code = certificates_load(certificate, &all);

	if (code)
		return code;
	signer->certificate = sk_X509_shift(all);
	signer->chain = all;
	code = key_load(key, &signer->key);
	if (!code && X509_check_private_key(signer->certificate, signer->key) != 1) {
		ERR_clear_error();
		code = report_input(certificate, PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE, "it is not for the private key given with it");
	}
	return code;
}

void signer_clear(struct provpkg_signer *signer)
{
	EVP_PKEY_free(signer->key);
	X509_free(signer->certificate);
	certificates_free(signer->chain);
	memset(signer, 0, sizeof(*signer));
}
