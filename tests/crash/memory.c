// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/memory.h"

#include <stdlib.h>
#include <string.h>

#include "tests/crash/chance.h"

struct memory_undo {
	enum port_region region;
	uint64_t sector;
	uint8_t bytes[MEMORY_SECTOR];
};

void memory_new(struct memory *memory, const uint64_t size[PORT_NV_REGIONS])
{
	memset(memory, 0, sizeof(*memory));
	for (int i = 0; i < PORT_NV_REGIONS; i++) {
		memory->size[i] = size[i];
		memory->bytes[i] = calloc(1, size[i] + 1);
		if (!memory->bytes[i])
			abort();
	}
	chance_fill(memory->root, sizeof(memory->root));
}

void memory_free(struct memory *memory)
{
	for (int i = 0; i < PORT_NV_REGIONS; i++)
		free(memory->bytes[i]);
	free(memory->undo);
	memset(memory, 0, sizeof(*memory));
}

/* A sum over the sectors, so that a change of one costs no more than that one. */
static uint64_t sector_digest(const struct memory *memory, enum port_region region, uint64_t sector)
{
	uint64_t digest = chance_digest(memory->bytes[region] + sector * MEMORY_SECTOR, MEMORY_SECTOR);

	return digest ? chance_mix(digest, sector * PORT_NV_REGIONS + region) : 0;
}

static void remember(struct memory *memory, enum port_region region, uint64_t sector)
{
	struct memory_undo *undo;

	if (memory->undos == memory->room) {
		memory->room = 2 * memory->room + 256;
		memory->undo = realloc(memory->undo, memory->room * sizeof(*memory->undo));
		if (!memory->undo)
			abort();
	}
	undo = &memory->undo[memory->undos++];
	undo->region = region;
	undo->sector = sector;
	memcpy(undo->bytes, memory->bytes[region] + sector * MEMORY_SECTOR, MEMORY_SECTOR);
}

void memory_write(struct memory *memory, enum port_region region, uint64_t offset, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size) {
		uint64_t sector = offset / MEMORY_SECTOR;
		size_t part = MEMORY_SECTOR - (size_t)(offset % MEMORY_SECTOR);

		if (part > size)
			part = size;
		if (memcmp(memory->bytes[region] + offset, from, part)) {
			memory->digest -= sector_digest(memory, region, sector);
			remember(memory, region, sector);
			memcpy(memory->bytes[region] + offset, from, part);
			memory->digest += sector_digest(memory, region, sector);
		}
		offset += part;
		from += part;
		size -= part;
	}
}

struct memory_mark memory_mark(const struct memory *memory)
{
	struct memory_mark mark = {
		.undos = memory->undos, .fuse = memory->fuse, .floor = memory->floor, .root_gone = memory->root_gone
	};

	memcpy(mark.root, memory->root, sizeof(mark.root));
	return mark;
}

void memory_undo(struct memory *memory, const struct memory_mark *mark)
{
	while (memory->undos > mark->undos) {
		const struct memory_undo *undo = &memory->undo[--memory->undos];

		memory->digest -= sector_digest(memory, undo->region, undo->sector);
		memcpy(memory->bytes[undo->region] + undo->sector * MEMORY_SECTOR, undo->bytes, MEMORY_SECTOR);
		memory->digest += sector_digest(memory, undo->region, undo->sector);
	}
	memory->fuse = mark->fuse;
	memory->floor = mark->floor;
	memory->root_gone = mark->root_gone;
	memcpy(memory->root, mark->root, sizeof(mark->root));
}

uint64_t memory_digest(const struct memory *memory)
{
	uint64_t rest = chance_mix(chance_digest(memory->root, sizeof(memory->root)), memory->fuse * 2 + memory->root_gone);

	return chance_mix(memory->digest, chance_mix(rest, memory->floor));
}
