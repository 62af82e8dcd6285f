// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "der.h"
#include "provcard-refusal.h"
#include "provpkg/certificate.h"
#include "x509.h"

#define CERTIFICATE_MAX 65536
#define CERTIFICATES_MAX 128

/* A certificate keeps the encoding it came with; i2d_re_X509_tbs() drops that, so that defaults encoded explicitly are seen. */
static bool is_canonical(X509 *certificate, struct provpkg_view der)
{
	unsigned char *again = NULL;
	int size = i2d_re_X509_tbs(certificate, NULL) > 0 ? i2d_X509(certificate, &again) : -1;
	bool same = size > 0 && (size_t)size == der.size && !memcmp(again, der.data, der.size);

	OPENSSL_free(again);
	return same;
}

int provpkg_der_certificate(struct provpkg_view der, X509 **certificate)
{
	const int refusal = PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
	void *decoded;
	int result = provpkg_der_decode(der, CERTIFICATE_MAX, ASN1_ITEM_rptr(X509), refusal, &decoded);

	if (result)
		return result;
	if (!is_canonical(decoded, der)) {
		X509_free(decoded);
		return refusal;
	}
	*certificate = decoded;
	return 0;
}

static int push_certificate(STACK_OF(X509) *certificates, struct provpkg_view der)
{
	X509 *certificate;
	int result = provpkg_der_certificate(der, &certificate);

	if (result)
		return result;
	if (sk_X509_num(certificates) >= CERTIFICATES_MAX)
		result = PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
	else if (!sk_X509_push(certificates, certificate))
		result = -ENOMEM;
	if (result)
		X509_free(certificate);
	return result;
}

/* Blocks of other types are passed over. The end is where no further block begins; anything else is a damaged text. */
static int read_all(BIO *bio, STACK_OF(X509) *certificates)
{
	unsigned char *data;
	long size;
	int result = 0;

	ERR_set_mark();
	while (!result && PEM_bytes_read_bio(&data, &size, NULL, PEM_STRING_X509, bio, NULL, NULL)) {
		result = push_certificate(certificates, (struct provpkg_view){ data, size });
		OPENSSL_free(data);
	}
	if (!result && (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE || !sk_X509_num(certificates)))
		result = PROVCARD_REFUSAL_CERTIFICATE_UNUSABLE;
	ERR_pop_to_mark();
	return result;
}

int provpkg_pem_certificates(struct provpkg_view pem, STACK_OF(X509) **certificates)
{
	STACK_OF(X509) *read = sk_X509_new_null();
	BIO *bio = pem.size <= INT_MAX ? BIO_new_mem_buf(pem.data ? (const void *)pem.data : "", pem.size) : NULL;
	int result = read && bio ? read_all(bio, read) : -ENOMEM;

	BIO_free(bio);
	if (result)
		sk_X509_pop_free(read, X509_free);
	else
		*certificates = read;
	return result;
}

int provpkg_blob_append_bio(struct provpkg_blob *blob, BIO *bio)
{
	char *text;
	long size = BIO_get_mem_data(bio, &text);
	uint8_t *grown = OPENSSL_clear_realloc(blob->data, blob->size, blob->size + size);

	if (!grown)
		return -ENOMEM;
	memcpy(grown + blob->size, text, size);
	blob->data = grown;
	blob->size += size;
	return 0;
}

int provpkg_pem_append(struct provpkg_blob *pem, X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int result = bio && PEM_write_bio_X509(bio, certificate) ? provpkg_blob_append_bio(pem, bio) : -EIO;

	BIO_free(bio);
	return result;
}
