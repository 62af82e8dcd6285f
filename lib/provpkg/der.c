// SPDX-License-Identifier: LGPL-2.1-or-later
/* From DER to structures and back, with nothing lost and nothing else accepted. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "der.h"
#include "provcard-refusal.h"

static bool encodes_to(const void *value, const ASN1_ITEM *item, struct provpkg_view der)
{
	unsigned char *again = NULL;
	int size = ASN1_item_i2d(value, &again, item);
	bool same = size > 0 && (size_t)size == der.size && !memcmp(again, der.data, der.size);

	OPENSSL_clear_free(again, size > 0 ? (size_t)size : 0);
	return same;
}

int provpkg_der_decode(struct provpkg_view der, size_t max, const ASN1_ITEM *item, int refusal, void **value)
{
	const unsigned char *at = der.data;
	ASN1_VALUE *decoded;
	size_t size;

	if (der.size > max || der.size > LONG_MAX || !provpkg_der_walk(der, &size))
		return refusal;
	if (size < der.size)
		return PROVCARD_REFUSAL_TRAILING_DATA;
	ERR_set_mark();
	decoded = ASN1_item_d2i(NULL, &at, (long)der.size, item);
	if (decoded && (at != der.data + der.size || !encodes_to(decoded, item, der))) {
		ASN1_item_free(decoded, item);
		decoded = NULL;
	}
	ERR_pop_to_mark();
	if (!decoded)
		return refusal;
	*value = decoded;
	return 0;
}

int provpkg_der_encode(const void *value, const ASN1_ITEM *item, struct provpkg_blob *der)
{
	unsigned char *data = NULL;
	int size;

	ERR_set_mark();
	size = ASN1_item_i2d(value, &data, item);
	ERR_pop_to_mark();
	if (size <= 0)
		return -EIO;
	*der = (struct provpkg_blob){ data, (size_t)size };
	return 0;
}

/* Length of the UTF-8 sequence at the start, 0 when it is none or a control character. */
static size_t utf8_character(struct provpkg_view text)
{
	unsigned long code;
	int used = UTF8_getc(text.data, text.size > INT_MAX ? INT_MAX : (int)text.size, &code);
	bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);

	return used <= 0 || control ? 0 : (size_t)used;
}

bool provpkg_name_valid(struct provpkg_view name)
{
	size_t used;

	if (!name.size || name.size > PROVPKG_NAME_MAX)
		return false;
	for (; name.size; name.data += used, name.size -= used) {
		used = utf8_character(name);
		if (!used)
			return false;
	}
	return true;
}

bool provpkg_name_get(const ASN1_STRING *from, char *text, size_t room)
{
	struct provpkg_view name = provpkg_string_view(from);

	if (!provpkg_name_valid(name) || name.size >= room)
		return false;
	memset(text, 0, room);
	memcpy(text, name.data, name.size);
	return true;
}

bool provpkg_name_set(ASN1_STRING *to, const char *text)
{
	struct provpkg_view name = { (const uint8_t *)text, strlen(text) };

	return provpkg_name_valid(name) && provpkg_octets_set(to, text, name.size);
}

bool provpkg_octets_get(const ASN1_STRING *from, uint8_t *octets, size_t size)
{
	struct provpkg_view view = provpkg_string_view(from);

	if (view.size != size)
		return false;
	memcpy(octets, view.data, size);
	return true;
}

bool provpkg_octets_set(ASN1_STRING *to, const void *octets, size_t size)
{
	return size <= INT_MAX && ASN1_STRING_set(to, octets, (int)size);
}
