// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the supported parts offer, and whether a RoT configuration fits one. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "provcard-refusal.h"
#include "provpkg/certificate.h"

#define REGIONS_MAX (PROVPKG_IMAGES_MAX + 2 + PROVPKG_LIFECYCLE_MAX)

static const struct {
	const char *name;
	struct provpkg_memory memory;
} parts[] = {
	{ "nRF52840", { .flash_address = 0, .flash_size = 1u << 20, .page_size = 4096, .word_size = 4, .permanent_lock = false } },
	/* A storage medium without a family of its own: what a 32-bit address reaches, less the last page. No head programs it yet. */
	{ "generic", { .flash_address = 0, .flash_size = 0xfffff000, .page_size = 4096, .word_size = 1, .permanent_lock = false } },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

const struct provpkg_memory *provpkg_memory_find(const char *part)
{
	for (size_t i = 0; i < PARTS; i++)
		if (!strcmp(parts[i].name, part))
			return &parts[i].memory;
	return NULL;
}

const char *provpkg_memory_part(size_t index)
{
	return index < PARTS ? parts[index].name : NULL;
}

struct region {
	char name[PROVPKG_NAME_MAX + 20];
	uint64_t begin;
	uint64_t end;
	bool image; /* the same in every unit; the others are this unit's own */
	bool whole_words;
};

struct regions {
	struct region region[REGIONS_MAX];
	size_t count;
};

static struct region *add(struct regions *regions, uint32_t address, uint32_t size)
{
	struct region *region = &regions->region[regions->count++];

	*region = (struct region){ .begin = address, .end = (uint64_t)address + size, .whole_words = true };
	return region;
}

static void collect(const struct provpkg_rot *rot, struct regions *regions)
{
	const struct provpkg_key_kind *kind = provpkg_key_kind(rot->identity.algorithm);
	struct region *region;

	for (size_t i = 0; i < rot->images; i++) {
		region = add(regions, rot->image[i].address, rot->image[i].size);
		region->image = true;
		region->whole_words = false;
		snprintf(region->name, sizeof(region->name), "image '%s'", rot->image[i].name);
	}
	if (rot->identity.present) {
		region = add(regions, rot->identity.key_address, kind ? (uint32_t)kind->private_size : 0);
		snprintf(region->name, sizeof(region->name), "the identity key");
		region = add(regions, rot->identity.certificate_address, rot->identity.certificate_size);
		snprintf(region->name, sizeof(region->name), "the identity certificate");
	}
	for (size_t i = 0; i < rot->lifecycles; i++) {
		region = add(regions, rot->lifecycle[i].address, rot->lifecycle[i].size);
		snprintf(region->name, sizeof(region->name), "lifecycle key '%s'", rot->lifecycle[i].name);
	}
}

struct detail {
	char *text;
	size_t size;
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct detail *detail, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (detail->text && detail->size)
		vsnprintf(detail->text, detail->size, format, arguments);
	va_end(arguments);
	return code;
}

static int check_region(const struct provpkg_memory *memory, const struct region *region, const struct detail *detail)
{
	uint64_t flash_end = (uint64_t)memory->flash_address + memory->flash_size;

	if (region->begin < memory->flash_address || region->end > flash_end)
		return refuse(detail, PROVCARD_REFUSAL_ROT_DOES_NOT_FIT, "%s at 0x%llx to 0x%llx, flash is 0x%llx to 0x%llx", region->name,
			      (unsigned long long)region->begin, (unsigned long long)region->end,
			      (unsigned long long)memory->flash_address, (unsigned long long)flash_end);
	if (region->begin % memory->word_size || (region->whole_words && region->end % memory->word_size))
		return refuse(detail, PROVCARD_REFUSAL_ROT_ALIGNMENT, "%s at 0x%llx, %llu bytes: must be whole words of %u bytes",
			      region->name, (unsigned long long)region->begin, (unsigned long long)(region->end - region->begin),
			      memory->word_size);
	return 0;
}

/*
 * Disjoint in words; an image and what is this unit's own disjoint in pages too, for updating the image in the field erases its
 * pages.
 */
static int check_pair(const struct provpkg_memory *memory, const struct region *one, const struct region *other,
		      const struct detail *detail)
{
	uint64_t unit = one->image == other->image ? memory->word_size : memory->page_size;
	bool disjoint = one->begin / unit > (other->end - 1) / unit || other->begin / unit > (one->end - 1) / unit;

	if (disjoint)
		return 0;
	return refuse(detail, PROVCARD_REFUSAL_ROT_OVERLAP, "%s and %s%s", one->name, other->name,
		      one->begin >= other->end || other->begin >= one->end ? " share a flash page" : "");
}

int provpkg_rot_check(const struct provpkg_rot *rot, char *text, size_t size)
{
	const struct provpkg_memory *memory = provpkg_memory_find(rot->part);
	const struct detail detail = { text, size };
	struct regions regions = { .count = 0 };
	int result = 0;

	if (!memory)
		return refuse(&detail, PROVCARD_REFUSAL_ROT_PART_UNKNOWN, "part '%s'", rot->part);
	if (rot->images > PROVPKG_IMAGES_MAX || rot->lifecycles > PROVPKG_LIFECYCLE_MAX)
		return refuse(&detail, PROVCARD_REFUSAL_ROT_RANGE, "too many images or lifecycle keys");
	if (rot->lock == PROVPKG_LOCK_PERMANENT && !memory->permanent_lock)
		return refuse(&detail, PROVCARD_REFUSAL_ROT_RANGE, "%s has no permanent lock", rot->part);
	collect(rot, &regions);
	for (size_t i = 0; i < regions.count; i++) {
		if (regions.region[i].begin == regions.region[i].end)
			return refuse(&detail, PROVCARD_REFUSAL_ROT_RANGE, "%s is empty", regions.region[i].name);
		result = check_region(memory, &regions.region[i], &detail);
		for (size_t k = 0; !result && k < i; k++)
			result = check_pair(memory, &regions.region[k], &regions.region[i], &detail);
		if (result)
			return result;
	}
	return 0;
}
