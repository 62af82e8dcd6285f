// SPDX-License-Identifier: LGPL-2.1-or-later
/* PKCS#10 requests that ask for everything the certificate must have, so that a CA may copy the extensions as they are. */
#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "card.h"
#include "crypto.h"
#include "der.h"
#include "provpkg/certificate.h"
#include "x509.h"

#define ISSUER_SUFFIX " issuing"

/* Letters, digits, '.', '_' and '-': fit for a file name, a log's origin and a URL. */
bool provpkg_serial_valid(const char *serial)
{
	size_t size = strlen(serial);

	return size && size <= PROVPKG_SERIAL_MAX && strspn(serial, PROVPKG_SERIAL_CHARACTERS) == size;
}

static bool name_add(X509_NAME *name, int nid, const char *text)
{
	return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0);
}

static bool subject_card(X509_NAME *name, const char *serial, const char *suffix)
{
	char common[PROVPKG_NAME_MAX + 1] = PROVPKG_CARD_PREFIX;

	strcat(strcat(common, serial), suffix);
	return name_add(name, NID_commonName, common);
}

static bool extensions_ca(X509_REQ *request, const char *usage)
{
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	X509V3_CTX context;
	bool added;

	X509V3_set_ctx(&context, NULL, NULL, request, NULL, 0);
	added = provpkg_extension(&extensions, &context, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
		provpkg_extension(&extensions, &context, NID_key_usage, usage) &&
		provpkg_extension(&extensions, &context, NID_subject_key_identifier, "hash") &&
		X509_REQ_add_extensions(request, extensions);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return added;
}

/* The subject is in @request already. */
static int request_finish(X509_REQ *request, EVP_PKEY *key, const char *usage, struct provpkg_blob *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool written = bio && X509_REQ_set_version(request, X509_REQ_VERSION_1) && X509_REQ_set_pubkey(request, key) &&
		       extensions_ca(request, usage) && X509_REQ_sign(request, key, provpkg_key_digest(key)) &&
		       PEM_write_bio_X509_REQ(bio, request);
	int result = written ? provpkg_blob_append_bio(pem, bio) : -EIO;

	BIO_free(bio);
	return result;
}

static int card_request(EVP_PKEY *key, const char *serial, struct provpkg_blob *pem)
{
	X509_REQ *request = X509_REQ_new();
	int result = -EIO;

	if (request && subject_card(X509_REQ_get_subject_name(request), serial, ""))
		result = request_finish(request, key, "critical,digitalSignature,keyCertSign", pem);
	X509_REQ_free(request);
	return result;
}

int provpkg_card_csr(const struct provpkg_card_keys *keys, const char *serial, struct provpkg_blob *pem)
{
	struct provpkg_blob text = { 0 };
	int result = provpkg_serial_valid(serial) ? 0 : -EINVAL;

	if (!result)
		result = card_request(keys->identity_classical, serial, &text);
	if (!result)
		result = card_request(keys->identity_pq, serial, &text);
	if (result)
		provpkg_blob_free(&text);
	else
		*pem = text;
	return result;
}

int provpkg_issuer_csr(EVP_PKEY *key, const char *serial, const char *oem, struct provpkg_blob *pem)
{
	struct provpkg_blob text = { 0 };
	X509_REQ *request;
	X509_NAME *name;
	int result = -EIO;

	if (!provpkg_serial_valid(serial) || !provpkg_name_valid(provpkg_text_view(oem)))
		return -EINVAL;
	request = X509_REQ_new();
	name = request ? X509_REQ_get_subject_name(request) : NULL;
	if (name && name_add(name, NID_organizationName, oem) && subject_card(name, serial, ISSUER_SUFFIX))
		result = request_finish(request, key, "critical,keyCertSign", &text);
	X509_REQ_free(request);
	if (result)
		provpkg_blob_free(&text);
	else
		*pem = text;
	return result;
}
