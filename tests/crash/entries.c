// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/entries.h"

#include <stdlib.h>
#include <string.h>

#include "core/internal.h"

#define ROOM 8192 /* power of two; an entry that finds its place taken takes it over */

static struct entry cache[ROOM];

static struct {
	uint64_t digest;
	uint8_t root[PROVPKG_HASH_SIZE];
} roots[ROOM];

bool entries_root(struct line *line, uint64_t size, uint64_t digest, uint8_t root[PROVPKG_HASH_SIZE])
{
	uint64_t key = chance_mix(digest, size);

	if (roots[key % ROOM].digest != key) {
		if (log_root_at(&line->station.core->log, size, roots[key % ROOM].root))
			return false;
		roots[key % ROOM].digest = key;
	}
	memcpy(root, roots[key % ROOM].root, PROVPKG_HASH_SIZE);
	return true;
}

static void read_entry(struct line *line, uint64_t index, struct entry *entry)
{
	struct station_entry found;

	if (!station_log(&line->station, index, &found))
		abort();
	entry->event = found.record.event;
	entry->has_job = found.record.has_job;
	entry->part = found.record.has_unit ? parts_number(found.record.uid, found.record.uid_size) : WORLD_NOBODY;
	entry->time = found.record.time;
	entry->allocated = found.record.after.allocated;
	memcpy(entry->package_id, found.record.package_id, sizeof(entry->package_id));
	memcpy(entry->certificate, found.record.certificate_digest, sizeof(entry->certificate));
	provpkg_blob_free(&found.bytes);
}

const struct entry *entries_find(struct line *line, uint64_t index)
{
	const uint8_t *leaf = log_leaf(&line->station.core->log, index);
	struct entry *entry;
	uint32_t place;

	memcpy(&place, leaf, sizeof(place));
	entry = &cache[place % ROOM];
	if (memcmp(entry->leaf, leaf, sizeof(entry->leaf))) {
		read_entry(line, index, entry);
		memcpy(entry->leaf, leaf, sizeof(entry->leaf));
	}
	return entry;
}
