// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

/* Seeded, because whoever makes parts chooses their UIDs. */
static uint64_t hash(const struct ledger *ledger, struct provpkg_view uid)
{
	uint64_t word[2] = { 0 }, h = ledger->seed ^ uid.size;

	memcpy(word, uid.data, uid.size);
	for (size_t i = 0; i < 2; i++) {
		h = (h ^ word[i]) * 0x9e3779b97f4a7c15u;
		h = (h ^ (h >> 32)) * (ledger->seed | 1);
		h ^= h >> 29;
	}
	return h;
}

static bool same_uid(const struct ledger_unit *unit, struct provpkg_view uid)
{
	return unit->uid_size == uid.size && !memcmp(unit->uid, uid.data, uid.size);
}

/* Steps through the units with this UID, one per job; *position starts as hash. NULL after the last. */
static struct ledger_unit *next_unit(const struct ledger *ledger, struct provpkg_view uid, uint64_t *position)
{
	while (ledger->buckets) {
		uint32_t number = ledger->bucket[(*position)++ & (ledger->buckets - 1)];

		if (!number)
			return NULL;
		if (same_uid(&ledger->unit[number - 1], uid))
			return &ledger->unit[number - 1];
	}
	return NULL;
}

struct ledger_unit *ledger_find_unit(const struct ledger *ledger, uint32_t job, struct provpkg_view uid)
{
	uint64_t position = hash(ledger, uid);
	struct ledger_unit *unit;

	do
		unit = next_unit(ledger, uid, &position);
	while (unit && unit->job != job);
	return unit;
}

bool ledger_units_elsewhere(const struct ledger *ledger, uint32_t job, struct provpkg_view uid)
{
	uint64_t position = hash(ledger, uid);
	struct ledger_unit *unit;

	do
		unit = next_unit(ledger, uid, &position);
	while (unit && (unit->job == job || !ledger->job[unit->job]->terms.identity));
	return unit;
}

size_t ledger_unfinished_units(const struct ledger *ledger, uint32_t job, struct ledger_unit *units, size_t most)
{
	const struct ledger_counts *counts = &ledger->job[job]->counts;
	uint64_t left = counts->reserved - counts->held; /* so that the search ends early, mostly at once */
	size_t count = 0;

	for (uint32_t i = ledger->units; i-- && left && count < most;) {
		const struct ledger_unit *unit = &ledger->unit[i];

		if (unit->job != job || unit->state != PROVCARD_UNIT_RESERVED)
			continue;
		left--;
		if (!unit->busy)
			units[count++] = *unit;
	}
	return count;
}

static void put(struct ledger *ledger, uint32_t unit)
{
	const struct ledger_unit *u = &ledger->unit[unit];
	uint64_t position = hash(ledger, (struct provpkg_view){ u->uid, u->uid_size });

	while (ledger->bucket[position & (ledger->buckets - 1)])
		position++;
	ledger->bucket[position & (ledger->buckets - 1)] = unit + 1;
}

static int grow(struct ledger *ledger)
{
	uint32_t room = ledger->unit_room ? 2 * ledger->unit_room : FIRST_ROOM;
	struct ledger_unit *unit = realloc(ledger->unit, room * sizeof(*unit));
	uint32_t *bucket;

	if (!unit)
		return -ENOMEM;
	ledger->unit = unit;
	bucket = calloc(2 * (size_t)room, sizeof(*bucket));
	if (!bucket)
		return -ENOMEM;
	free(ledger->bucket);
	ledger->bucket = bucket;
	ledger->buckets = 2 * room;
	ledger->unit_room = room;
	for (uint32_t i = 0; i < ledger->units; i++)
		put(ledger, i);
	return 0;
}

int ledger_units_add(struct ledger *ledger, uint32_t job, struct provpkg_view uid, uint32_t *number)
{
	struct ledger_unit *unit;
	int error = ledger->units == ledger->unit_room ? grow(ledger) : 0;

	if (error)
		return error;
	unit = &ledger->unit[ledger->units];
	memset(unit, 0, sizeof(*unit));
	memcpy(unit->uid, uid.data, uid.size);
	unit->uid_size = (uint8_t)uid.size;
	unit->state = PROVCARD_UNIT_RESERVED;
	unit->job = job;
	put(ledger, ledger->units);
	*number = ledger->units++;
	return 0;
}
