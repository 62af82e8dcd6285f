/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A card's durable memory, one that steps back: every change can be undone, so that thousands of states share one image. */
#ifndef CRASH_MEMORY_H
#define CRASH_MEMORY_H

#include <stdbool.h>

#include "port.h"

#define MEMORY_SECTOR 512u

struct memory_undo;

struct memory {
	uint64_t size[PORT_NV_REGIONS];
	uint8_t *bytes[PORT_NV_REGIONS];
	uint64_t fuse;
	uint32_t floor;
	uint8_t root[32];
	bool root_gone;
	uint64_t digest; /* of all bytes, kept up to date */
	struct memory_undo *undo;
	size_t undos;
	size_t room;
};

struct memory_mark {
	size_t undos;
	uint64_t fuse;
	uint32_t floor;
	uint8_t root[32];
	bool root_gone;
};

void memory_new(struct memory *memory, const uint64_t size[PORT_NV_REGIONS]);
void memory_free(struct memory *memory);
void memory_write(struct memory *memory, enum port_region region, uint64_t offset, const void *data, size_t size);
struct memory_mark memory_mark(const struct memory *memory);
void memory_undo(struct memory *memory, const struct memory_mark *mark);
/* A number for everything that survives a power cut. */
uint64_t memory_digest(const struct memory *memory);

#endif
