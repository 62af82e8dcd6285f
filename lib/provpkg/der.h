/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exact DER between OpenSSL's ASN.1 templates and our own fixed fields. Internal to libprovpkg. */
#ifndef PROVPKG_DER_H
#define PROVPKG_DER_H

#include <openssl/asn1t.h>

#include "provpkg/types.h"

/*
 * Decode exactly: the bytes must be what encoding the result gives, so BER, trailing bytes and second encodings of the same
 * value are refused. @refusal is returned for all of these. Types that keep their encoding (X509) are compared as kept; see
 * provpkg_der_certificate() for those.
 */
PROVPKG_MUST_CHECK int provpkg_der_decode(const ASN1_ITEM *item, struct provpkg_view der, int refusal, void *value);
/* @value is the structure itself. The blob must be empty. -EIO, -ENOMEM. */
PROVPKG_MUST_CHECK int provpkg_der_encode(const ASN1_ITEM *item, const void *value, struct provpkg_blob *der);

/* Strings of exactly @size bytes. -ENOMEM; false when the size is another. */
PROVPKG_MUST_CHECK int provpkg_der_set_bytes(ASN1_OCTET_STRING *string, const void *data, size_t size);
PROVPKG_MUST_CHECK bool provpkg_der_get_bytes(const ASN1_OCTET_STRING *string, void *data, size_t size);

/* UTF-8 of at most PROVPKG_NAME_MAX bytes without control characters; may be empty. */
PROVPKG_MUST_CHECK bool provpkg_text_valid(const char *text, size_t size);
/* Zero-terminated text of @room bytes with the terminator. -EINVAL for invalid text; false likewise. */
PROVPKG_MUST_CHECK int provpkg_der_set_text(ASN1_UTF8STRING *string, const char *text);
PROVPKG_MUST_CHECK bool provpkg_der_get_text(const ASN1_UTF8STRING *string, char *text, size_t room);

#endif
