// SPDX-License-Identifier: GPL-2.0-or-later
#include "head/family.h"

#include "provcard-refusal.h"

int work_done(struct work *work, size_t bytes)
{
	work->done += bytes;
	if (work->progress && !work->progress(work->context, work->done, work->total))
		return PROVCARD_REFUSAL_UNIT_STOPPED;
	return 0;
}

size_t work_total(const struct head_region *regions, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += regions[i].size;
	return total;
}

uint32_t region_word(const struct head_region *region, uint32_t address)
{
	uint32_t word = 0;

	for (unsigned int i = 0; i < 4; i++) {
		uint32_t offset = address + i - region->address; /* wraps to a large number before the region */

		word |= (uint32_t)(offset < region->size ? region->data[offset] : 0xff) << (8 * i);
	}
	return word;
}

/* Which bytes of the word at @address belong to the region, as a mask. */
static uint32_t region_mask(const struct head_region *region, uint32_t address)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < 4; i++)
		if (address + i - region->address < region->size)
			mask |= 0xffu << (8 * i);
	return mask;
}

size_t region_bytes(const struct head_region *region, uint64_t from, uint64_t to)
{
	uint64_t end = (uint64_t)region->address + region->size;

	if (from < region->address)
		from = region->address;
	if (to > end)
		to = end;
	return to > from ? (size_t)(to - from) : 0;
}

int region_compare(struct target *target, const struct head_region *region, struct work *work)
{
	uint32_t address = region->address & ~3u;
	uint64_t end = (uint64_t)region->address + region->size;

	while (address < end) {
		uint32_t start = address;
		size_t words = (size_t)((end - address + 3) / 4);
		int error;

		if (words > TARGET_PAGE_WORDS)
			words = TARGET_PAGE_WORDS;
		error = adiv5_read(&target->dap, address, target->page, words);
		for (size_t i = 0; !error && i < words; i++, address += 4)
			if ((target->page[i] ^ region_word(region, address)) & region_mask(region, address))
				error = PROVCARD_REFUSAL_VERIFY_FAILED;
		if (!error)
			error = work_done(work, region_bytes(region, start, address));
		if (error)
			return error;
	}
	return 0;
}
