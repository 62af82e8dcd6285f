/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DER, X.690 section 10, and nothing but DER. Every structure that comes from outside passes through provpkg_der_decode().
 * Internal to libprovpkg.
 */
#ifndef PROVPKG_DER_H
#define PROVPKG_DER_H

#include <openssl/asn1t.h>

#include "provpkg/types.h"

/*
 * Does @der begin with exactly one DER element? Walks all constructed elements: definite minimal lengths, low tags, canonical
 * primitives, SETs in order, at most 32 levels. Writes its encoded size; what follows is the caller's to judge.
 */
PROVPKG_MUST_CHECK bool provpkg_der_walk(struct provpkg_view der, size_t *size);

/*
 * Decode @der, at most @max bytes, as @item. 0; TRAILING_DATA when bytes follow; @refusal for all else that is wrong, which
 * includes whatever does not encode to the same bytes again. *value is freed with ASN1_item_free().
 */
PROVPKG_MUST_CHECK int provpkg_der_decode(struct provpkg_view der, size_t max, const ASN1_ITEM *item, int refusal, void **value);
PROVPKG_MUST_CHECK int provpkg_der_encode(const void *value, const ASN1_ITEM *item, struct provpkg_blob *der);

/* Names: 1 to PROVPKG_NAME_MAX bytes of UTF-8 without control characters. @room: size of @text, terminator included. */
PROVPKG_MUST_CHECK bool provpkg_name_valid(struct provpkg_view name);
PROVPKG_MUST_CHECK bool provpkg_name_get(const ASN1_STRING *from, char *text, size_t room);
PROVPKG_MUST_CHECK bool provpkg_name_set(ASN1_STRING *to, const char *text);
PROVPKG_MUST_CHECK bool provpkg_octets_get(const ASN1_STRING *from, uint8_t *octets, size_t size); /* exactly @size bytes */
PROVPKG_MUST_CHECK bool provpkg_octets_set(ASN1_STRING *to, const void *octets, size_t size);

static inline struct provpkg_view provpkg_string_view(const ASN1_STRING *string)
{
	return (struct provpkg_view){ ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string) };
}

#endif
