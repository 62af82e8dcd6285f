// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The fixed header of a package: magic (8), version (4), header size (4), then offset and size (8 each) of manifest, leaves and
 * payload, little-endian; the rest is zero.
 */
#include <errno.h>
#include <string.h>

#include "endian.h"
#include "provcard-refusal.h"
#include "provpkg/package.h"

#define VERSION 1
#define SECTIONS 3
#define SECTIONS_AT 16
#define FIELDS_SIZE (SECTIONS_AT + SECTIONS * 16)

static const uint8_t magic[8] = { 'P', 'R', 'O', 'V', 'P', 'K', 'G', '\n' };

/*
 * Sections in order, aligned, disjoint, none empty, the payload last. Sizes are bounded so that no sum can wrap.
 */
static bool sections_fit(const struct provpkg_section sections[SECTIONS])
{
	uint64_t free_from = PROVPKG_HEADER_SIZE;

	for (size_t i = 0; i < SECTIONS; i++) {
		const struct provpkg_section *section = &sections[i];

		if (section->offset % PROVPKG_ALIGNMENT || section->offset < free_from || !section->size ||
		    section->offset > INT64_MAX / 2 || section->size > INT64_MAX / 2)
			return false;
		free_from = section->offset + section->size;
	}
	return sections[0].size <= PROVPKG_MANIFEST_MAX && sections[1].size % PROVPKG_HASH_SIZE == 0 &&
	       sections[1].size / PROVPKG_HASH_SIZE == (sections[2].size + PROVPKG_SEGMENT_SIZE - 1) / PROVPKG_SEGMENT_SIZE;
}

int provpkg_layout_encode(const struct provpkg_layout *layout, uint8_t header[PROVPKG_HEADER_SIZE])
{
	const struct provpkg_section sections[SECTIONS] = { layout->manifest, layout->leaves, layout->payload };

	if (!sections_fit(sections))
		return -EINVAL;
	memset(header, 0, PROVPKG_HEADER_SIZE);
	memcpy(header, magic, sizeof(magic));
	provpkg_put_le(header + 8, 4, VERSION);
	provpkg_put_le(header + 12, 4, PROVPKG_HEADER_SIZE);
	for (size_t i = 0; i < SECTIONS; i++) {
		provpkg_put_le(header + SECTIONS_AT + 16 * i, 8, sections[i].offset);
		provpkg_put_le(header + SECTIONS_AT + 16 * i + 8, 8, sections[i].size);
	}
	return 0;
}

int provpkg_layout_check_gap(struct provpkg_view bytes)
{
	for (size_t i = 0; i < bytes.size; i++)
		if (bytes.data[i])
			return PROVCARD_REFUSAL_PACKAGE_LAYOUT;
	return 0;
}

void provpkg_layout_gaps(const struct provpkg_layout *layout, struct provpkg_section gaps[PROVPKG_GAPS])
{
	const struct provpkg_section *sections[SECTIONS] = { &layout->manifest, &layout->leaves, &layout->payload };
	uint64_t end = PROVPKG_HEADER_SIZE;

	for (size_t i = 0; i < SECTIONS; i++) {
		gaps[i] = (struct provpkg_section){ end, sections[i]->offset - end };
		end = sections[i]->offset + sections[i]->size;
	}
}

_Static_assert(PROVPKG_GAPS == SECTIONS, "a gap before each section");

int provpkg_layout_decode(struct provpkg_view header, uint64_t file_size, struct provpkg_layout *layout)
{
	struct provpkg_section sections[SECTIONS];
	struct provpkg_view rest;
	uint64_t end;

	if (header.size >= sizeof(magic) && memcmp(header.data, magic, sizeof(magic)))
		return PROVCARD_REFUSAL_PACKAGE_MAGIC;
	if (header.size < PROVPKG_HEADER_SIZE || file_size < PROVPKG_HEADER_SIZE)
		return PROVCARD_REFUSAL_PACKAGE_TRUNCATED;
	rest = (struct provpkg_view){ header.data + FIELDS_SIZE, PROVPKG_HEADER_SIZE - FIELDS_SIZE };
	if (provpkg_get_le(header.data + 8, 4) != VERSION)
		return PROVCARD_REFUSAL_PACKAGE_VERSION;
	for (size_t i = 0; i < SECTIONS; i++) {
		sections[i].offset = provpkg_get_le(header.data + SECTIONS_AT + 16 * i, 8);
		sections[i].size = provpkg_get_le(header.data + SECTIONS_AT + 16 * i + 8, 8);
	}
	if (provpkg_get_le(header.data + 12, 4) != PROVPKG_HEADER_SIZE || provpkg_layout_check_gap(rest) || !sections_fit(sections))
		return PROVCARD_REFUSAL_PACKAGE_LAYOUT;
	end = sections[2].offset + sections[2].size;
	if (end != file_size)
		return end > file_size ? PROVCARD_REFUSAL_PACKAGE_TRUNCATED : PROVCARD_REFUSAL_TRAILING_DATA;
	*layout = (struct provpkg_layout){ sections[0], sections[1], sections[2] };
	return 0;
}
