// SPDX-License-Identifier: LGPL-2.1-or-later
/* The strict walk over DER. libcrypto's own decoder is lenient by design: it reads BER as well. */
#include <string.h>

#include "der.h"

#define DEPTH_MAX 32

enum {
	TAG_BOOLEAN = 1,
	TAG_INTEGER = 2,
	TAG_BIT_STRING = 3,
	TAG_NULL = 5,
	TAG_OBJECT = 6,
	TAG_ENUMERATED = 10,
	TAG_SEQUENCE = 16,
	TAG_SET = 17,
};

struct element {
	unsigned int tag; /* number */
	bool universal;
	bool constructed;
	struct provpkg_view body;
	size_t size; /* identifier, length and body */
};

/* X.690 10.1: the definite form in the fewest octets. More than four of them are beyond any size accepted here. */
static bool read_length(const uint8_t *at, size_t room, size_t *length, size_t *used)
{
	size_t octets, value = 0;

	if (!room)
		return false;
	if (at[0] < 0x80) {
		*length = at[0];
		*used = 1;
		return true;
	}
	octets = at[0] & 0x7f;
	if (!octets || octets > 4 || octets >= room)
		return false;
	for (size_t i = 1; i <= octets; i++)
		value = value << 8 | at[i];
	if (value < 0x80 || (octets > 1 && value >> (8 * (octets - 1)) == 0))
		return false;
	*length = value;
	*used = 1 + octets;
	return true;
}

static bool read_element(struct provpkg_view from, struct element *element)
{
	size_t length, used;

	if (from.size < 2 || (from.data[0] & 0x1f) == 0x1f)
		return false;
	if (!read_length(from.data + 1, from.size - 1, &length, &used) || length > from.size - 1 - used)
		return false;
	element->tag = from.data[0] & 0x1f;
	element->universal = from.data[0] >> 6 == 0;
	element->constructed = from.data[0] & 0x20;
	element->body = (struct provpkg_view){ from.data + 1 + used, length };
	element->size = 1 + used + length;
	return true;
}

static bool minimal_integer(struct provpkg_view body)
{
	if (body.size < 2)
		return body.size == 1;
	return !(body.data[0] == 0x00 && body.data[1] < 0x80) && !(body.data[0] == 0xff && body.data[1] >= 0x80);
}

static bool minimal_bits(struct provpkg_view body)
{
	unsigned int unused;

	if (!body.size || body.data[0] > 7)
		return false;
	unused = body.data[0];
	return body.size == 1 ? unused == 0 : (body.data[body.size - 1] & ((1u << unused) - 1)) == 0;
}

static bool minimal_object(struct provpkg_view body)
{
	bool first = true;

	for (size_t i = 0; i < body.size; i++) {
		if (first && body.data[i] == 0x80)
			return false;
		first = body.data[i] < 0x80;
	}
	return body.size && first;
}

static bool canonical_primitive(const struct element *element)
{
	switch (element->tag) {
	case TAG_BOOLEAN:
		return element->body.size == 1 && (element->body.data[0] == 0x00 || element->body.data[0] == 0xff);
	case TAG_INTEGER:
	case TAG_ENUMERATED:
		return minimal_integer(element->body);
	case TAG_BIT_STRING:
		return minimal_bits(element->body);
	case TAG_NULL:
		return element->body.size == 0;
	case TAG_OBJECT:
		return minimal_object(element->body);
	default:
		return element->tag != 0;
	}
}

/* X.690 11.6: encodings in a SET OF ascend, the shorter one as if padded with zeros. */
static bool ascending(struct provpkg_view before, struct provpkg_view after)
{
	size_t common = before.size < after.size ? before.size : after.size;
	int order = common ? memcmp(before.data, after.data, common) : 0;

	return order < 0 || (order == 0 && before.size <= after.size);
}

static bool walk(struct provpkg_view from, unsigned int depth, struct element *element);

static bool walk_children(const struct element *parent, unsigned int depth)
{
	struct provpkg_view rest = parent->body, before = { NULL, 0 };
	struct element child;

	while (rest.size) {
		if (!walk(rest, depth + 1, &child))
			return false;
		if (parent->universal && parent->tag == TAG_SET && !ascending(before, (struct provpkg_view){ rest.data, child.size }))
			return false;
		before = (struct provpkg_view){ rest.data, child.size };
		rest.data += child.size;
		rest.size -= child.size;
	}
	return true;
}

static bool walk(struct provpkg_view from, unsigned int depth, struct element *element)
{
	bool nested;

	if (depth > DEPTH_MAX || !read_element(from, element))
		return false;
	nested = element->tag == TAG_SEQUENCE || element->tag == TAG_SET;
	if (element->universal && nested != element->constructed)
		return false;
	if (element->constructed)
		return walk_children(element, depth);
	return !element->universal || canonical_primitive(element);
}

bool provpkg_der_walk(struct provpkg_view der, size_t *size)
{
	struct element element;

	if (!walk(der, 0, &element))
		return false;
	*size = element.size;
	return true;
}
