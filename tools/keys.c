// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <provpkg.h>

#include "errors.h"
#include "files.h"
#include "keys.h"
#include "pin.h"

#define PEM_MAX (16u << 20)
#define BUNDLE_MAX (1u << 20)

/* A URI of RFC 7512: objects in a token. */
static bool is_token(const char *location)
{
	return !strncmp(location, "pkcs11:", 7);
}

/* The provider with the keys of tokens; the default one stays in front of it for everything else. */
static int load_token_provider(const char *location)
{
	static bool loaded;

	if (strstr(location, "pin-value="))
		return report_bad_input("pkcs11:...pin-value=...", "a PIN on the command line is seen by everybody on this machine",
					"leave pin-value out; give the PIN by --pin-file, in PROVCARD_PIN or when asked");
	if (loaded)
		return 0;
	if (!OSSL_PROVIDER_load(NULL, "default") || !OSSL_PROVIDER_load(NULL, "pkcs11")) {
		ERR_clear_error();
		return report_bad_input(location, "OpenSSL's provider for tokens cannot be loaded",
					"install the package pkcs11-provider");
	}
	loaded = true;
	return 0;
}

/* Why nothing came out of a token. Of a wrong PIN it tells no more than of a missing object. */
static int report_token(const char *location, const char *what, bool opened, const struct pin_ask *ask)
{
	char sentence[96];

	if (!opened)
		return report_bad_input(location, "the token's PKCS#11 module cannot be loaded",
					"install the module; where p11-kit does not know it, name it in PKCS11_PROVIDER_MODULE");
	snprintf(sentence, sizeof(sentence),
		 ask->given ? "the token did not accept the PIN, or has no such %s" : "no such token, or no such %s in it", what);
	return report_bad_input(location, sentence,
				ask->given ? "check the PIN before you try again, a token locks itself after a few wrong ones; then compare "
					     "the names with what 'pkcs11-tool --list-objects' shows" :
					     "put the token in; compare the names with what 'pkcs11-tool --list-objects' shows");
}

/* Why nothing came out of a store. */
static int report_store(const char *location, const char *what, bool opened, const struct pin_ask *ask)
{
	char sentence[80];

	ERR_clear_error();
	if (ask->failed)
		return EXIT_INPUT;
	if (ask->is_token)
		return report_token(location, what, opened, ask);
	snprintf(sentence, sizeof(sentence), "no %s can be read from it", what);
	return report_bad_input(location, sentence, "give a PEM file or a store URI with one, and its right password");
}

/* What a store holds of one kind: @take gets each and returns true to go on. */
static int read_store(const char *location, int kind, const char *what, bool (*take)(OSSL_STORE_INFO *info, void *context),
		      bool (*enough)(const void *context), void *context)
{
	struct pin_ask ask = { .location = location, .is_token = is_token(location) };
	UI_METHOD *method = pin_method();
	OSSL_STORE_CTX *store = NULL;
	bool more = true, opened;
	int code = ask.is_token ? load_token_provider(location) : 0;

	if (!code && method)
		store = OSSL_STORE_open(location, method, &ask, NULL, NULL);
	opened = store;
	if (store && OSSL_STORE_expect(store, kind) == 1) {
		while (more && !OSSL_STORE_eof(store)) {
			OSSL_STORE_INFO *info = OSSL_STORE_load(store);

			more = info ? take(info, context) : !OSSL_STORE_error(store);
			OSSL_STORE_INFO_free(info);
		}
	}
	OSSL_STORE_close(store);
	UI_destroy_method(method);
	if (!code && !enough(context))
		code = report_store(location, what, opened, &ask);
	ERR_clear_error();
	return code;
}

static bool take_key(OSSL_STORE_INFO *info, void *context)
{
	EVP_PKEY **key = context;

	if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
		*key = OSSL_STORE_INFO_get1_PKEY(info);
	return !*key;
}

static bool has_key(const void *context)
{
	return *(EVP_PKEY *const *)context;
}

int key_load(const char *location, EVP_PKEY **key)
{
	*key = NULL;
	return read_store(location, OSSL_STORE_INFO_PKEY, "private key", take_key, has_key, key);
}

static bool take_certificate(OSSL_STORE_INFO *info, void *context)
{
	STACK_OF(X509) **certificates = context;
	X509 *certificate = NULL;

	if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_CERT)
		certificate = OSSL_STORE_INFO_get1_CERT(info);
	if (certificate && (!*certificates || !sk_X509_push(*certificates, certificate)))
		X509_free(certificate);
	return true;
}

static bool has_certificates(const void *context)
{
	return sk_X509_num(*(STACK_OF(X509) *const *)context) > 0;
}

static int token_certificates(const char *location, STACK_OF(X509) **certificates)
{
	int code;

	*certificates = sk_X509_new_null();
	code = read_store(location, OSSL_STORE_INFO_CERT, "certificate", take_certificate, has_certificates, certificates);
	if (code) {
		certificates_free(*certificates);
		*certificates = NULL;
	}
	return code;
}

int certificates_load(const char *path, STACK_OF(X509) **certificates)
{
	struct provpkg_blob pem = { 0 };
	int code, result;

	if (is_token(path))
		return token_certificates(path, certificates);
	code = file_read(path, PEM_MAX, &pem);
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

int card_load(const char *path, unsigned int suite, STACK_OF(X509) *anchors, struct provpkg_card **card)
{
	struct provpkg_blob pem = { 0 };
	int code = file_read(path, BUNDLE_MAX, &pem);
	int result;

	if (code)
		return code;
	result = provpkg_card_decode(provpkg_blob_view(&pem), card);
	if (!result)
		result = provpkg_card_trust(*card, suite, anchors, time(NULL));
	provpkg_blob_free(&pem);
	return result ? report_provpkg(path, result, NULL) : 0;
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
		code = report_input(certificate, PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE,
				    is_token(key) ? "it is not for the private key given with it, or the token lacks the public key beside the private one" :
						    "it is not for the private key given with it");
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
