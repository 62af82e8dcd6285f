// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "der.h"

int provpkg_der_encode(const ASN1_ITEM *item, const void *value, struct provpkg_blob *der)
{
	unsigned char *data = NULL;
	int size = ASN1_item_i2d(value, &data, item);

	if (size <= 0) {
		ERR_clear_error();
		return -EIO;
	}
	der->data = data;
	der->size = size;
	return 0;
}

static bool encodes_to(const ASN1_ITEM *item, const void *value, struct provpkg_view der)
{
	struct provpkg_blob again = { 0 };
	bool same = !provpkg_der_encode(item, value, &again) && again.size == der.size && !memcmp(again.data, der.data, der.size);

	provpkg_blob_free(&again);
	return same;
}

int provpkg_der_decode(const ASN1_ITEM *item, struct provpkg_view der, int refusal, void *value)
{
	const unsigned char *cursor = der.data;
	ASN1_VALUE *decoded;

	if (!der.data || !der.size || der.size > INT_MAX)
		return refusal;
	decoded = ASN1_item_d2i(NULL, &cursor, der.size, item);
	if (!decoded || cursor != der.data + der.size || !encodes_to(item, decoded, der)) {
		ASN1_item_free(decoded, item);
		ERR_clear_error();
		return refusal;
	}
	*(ASN1_VALUE **)value = decoded;
	return 0;
}

int provpkg_der_set_bytes(ASN1_OCTET_STRING *string, const void *data, size_t size)
{
	return size <= INT_MAX && ASN1_OCTET_STRING_set(string, data, size) ? 0 : -ENOMEM;
}

bool provpkg_der_get_bytes(const ASN1_OCTET_STRING *string, void *data, size_t size)
{
	if ((size_t)ASN1_STRING_length(string) != size)
		return false;
	memcpy(data, ASN1_STRING_get0_data(string), size);
	return true;
}

bool provpkg_text_valid(const char *text, size_t size)
{
	const unsigned char *cursor = (const unsigned char *)text;

	if (size > PROVPKG_NAME_MAX)
		return false;
	while (size) {
		unsigned long character;
		int used = UTF8_getc(cursor, size, &character);

		if (used <= 0 || character < 0x20 || (character >= 0x7f && character < 0xa0) || character > 0x10ffff)
			return false;
		cursor += used;
		size -= used;
	}
	return true;
}

int provpkg_der_set_text(ASN1_UTF8STRING *string, const char *text)
{
	size_t size = strnlen(text, PROVPKG_NAME_MAX + 1);

	if (!provpkg_text_valid(text, size))
		return -EINVAL;
	return ASN1_STRING_set(string, text, size) ? 0 : -ENOMEM;
}

bool provpkg_der_get_text(const ASN1_UTF8STRING *string, char *text, size_t room)
{
	const char *data = (const char *)ASN1_STRING_get0_data(string);
	size_t size = ASN1_STRING_length(string);

	if (size >= room || !provpkg_text_valid(data, size))
		return false;
	memset(text, 0, room);
	memcpy(text, data, size);
	return true;
}
