// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uid_set.h"

void uid_set_spool(struct uid_set *set, const struct provpkg_spool *spool, size_t run)
{
	set->spool = *spool;
	set->run = run;
}

static int compare(const void *one, const void *other)
{
	return memcmp(one, other, sizeof(struct uid_entry));
}

static void sort(struct uid_set *set)
{
	if (set->count)
		qsort(set->entry, set->count, sizeof(*set->entry), compare);
	for (size_t i = 1; i < set->count; i++)
		set->repeated |= !compare(&set->entry[i - 1], &set->entry[i]);
}

static int spill(struct uid_set *set)
{
	size_t size = set->count * sizeof(*set->entry);
	int result;

	sort(set);
	result = set->spool.write(set->spool.context, set->runs * set->run * sizeof(*set->entry), set->entry, size);
	if (result)
		return result;
	set->runs++;
	set->count = 0;
	return 0;
}

static int grow(struct uid_set *set)
{
	size_t room = set->room ? 2 * set->room : 64;
	struct uid_entry *entry;

	if (set->run && room > set->run)
		room = set->run;
	entry = reallocarray(set->entry, room, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	set->entry = entry;
	set->room = room;
	return 0;
}

int uid_set_add(struct uid_set *set, const uint8_t *uid, size_t size)
{
	struct uid_entry entry = { .size = (uint8_t)size };
	int result = 0;

	if (set->run && set->count == set->run)
		result = spill(set);
	if (!result && set->count == set->room)
		result = grow(set);
	if (result)
		return result;
	memcpy(entry.uid, uid, size);
	set->entry[set->count++] = entry;
	return 0;
}

/* ---- Merging ---- */

/* Where the merging stands in one run; @piece entries of it are in memory at a time. */
struct cursor {
	uint64_t next; /* entry of the spool to be read next */
	uint64_t left; /* not read yet */
	struct uid_entry *piece;
	size_t count;
	size_t at;
};

struct merge {
	const struct uid_set *set;
	struct cursor *cursor; /* a heap by their entries, the least first */
	size_t cursors;
	size_t piece;
};

static const struct uid_entry *entry_of(const struct merge *merge, size_t place)
{
	return &merge->cursor[place].piece[merge->cursor[place].at];
}

static int fill(const struct merge *merge, struct cursor *cursor)
{
	const struct provpkg_spool *spool = &merge->set->spool;
	int result;

	cursor->count = cursor->left < merge->piece ? (size_t)cursor->left : merge->piece;
	cursor->at = 0;
	if (!cursor->count)
		return 0;
	result = spool->read(spool->context, cursor->next * sizeof(*cursor->piece), cursor->piece, cursor->count * sizeof(*cursor->piece));
	cursor->next += cursor->count;
	cursor->left -= cursor->count;
	return result;
}

/* Let the entry at @place sink to where it belongs in the heap. */
static void sink(struct merge *merge, size_t place)
{
	for (;;) {
		size_t least = place;

		for (size_t child = 2 * place + 1; child <= 2 * place + 2 && child < merge->cursors; child++)
			if (compare(entry_of(merge, child), entry_of(merge, least)) < 0)
				least = child;
		if (least == place)
			return;
		struct cursor moved = merge->cursor[place];

		merge->cursor[place] = merge->cursor[least];
		merge->cursor[least] = moved;
		place = least;
	}
}

/* Runs begin with the spool's first entry and have @run entries each, the last one as many as are left. */
static int begin(struct merge *merge, uint64_t last_run)
{
	const struct uid_set *set = merge->set;
	int result = 0;

	for (size_t i = 0; i < merge->cursors && !result; i++) {
		struct cursor *cursor = &merge->cursor[i];

		cursor->next = (uint64_t)i * set->run;
		cursor->left = i + 1 < merge->cursors ? set->run : last_run;
		cursor->piece = set->entry + i * merge->piece;
		result = fill(merge, cursor);
	}
	for (size_t i = merge->cursors; i-- > 0 && !result;)
		sink(merge, i);
	return result;
}

static int run_merge(struct merge *merge, bool *repeated)
{
	struct uid_entry last;
	bool begun = false;

	while (merge->cursors) {
		struct cursor *least = merge->cursor;
		const struct uid_entry *entry = entry_of(merge, 0);

		*repeated |= begun && !compare(entry, &last);
		last = *entry;
		begun = true;
		if (++least->at == least->count) {
			int result = fill(merge, least);

			if (result)
				return result;
		}
		if (!least->count)
			*least = merge->cursor[--merge->cursors];
		sink(merge, 0);
	}
	return 0;
}

int uid_set_repeats(struct uid_set *set, bool *repeated)
{
	struct merge merge = { .set = set };
	uint64_t last_run = set->count;
	int result;

	if (!set->runs) {
		sort(set);
		*repeated = set->repeated;
		return 0;
	}
	result = spill(set);
	if (result)
		return result;
	/* The memory of one run is shared by all; pieces of a few entries would be read too slowly. */
	if (set->runs > set->run / 16)
		return -EOVERFLOW;
	merge.piece = set->run / (size_t)set->runs;
	merge.cursors = (size_t)set->runs;
	merge.cursor = calloc(merge.cursors, sizeof(*merge.cursor));
	if (!merge.cursor)
		return -ENOMEM;
	result = begin(&merge, last_run);
	if (!result)
		result = run_merge(&merge, &set->repeated);
	free(merge.cursor);
	*repeated = set->repeated;
	return result;
}

void uid_set_free(struct uid_set *set)
{
	free(set->entry);
	*set = (struct uid_set){ 0 };
}
