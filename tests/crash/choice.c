// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/choice.h"

#include <stdlib.h>
#include <string.h>

#include "tests/crash/chance.h"

#define FEW 6
#define MANY 64
#define BEGINNINGS 32 /* of more than many */

enum { CHOICE_NOTHING, CHOICE_EVERYTHING, CHOICE_OTHERS };

void pending_clear(struct pending *pending)
{
	free(pending->piece);
	memset(pending, 0, sizeof(*pending));
}

static void add(struct pending *pending, const struct piece *piece)
{
	if (pending->count == pending->room) {
		pending->room = 2 * pending->room + 64;
		pending->piece = realloc(pending->piece, pending->room * sizeof(*piece));
		if (!pending->piece)
			abort();
	}
	pending->piece[pending->count++] = *piece;
}

void pending_write(struct pending *pending, const struct op *op)
{
	for (size_t done = 0; done < op->size;) {
		struct piece piece = { .region = op->region, .offset = op->offset + done, .data = op->data + done };

		piece.size = MEMORY_SECTOR - (size_t)(piece.offset % MEMORY_SECTOR);
		if (piece.size > op->size - done)
			piece.size = op->size - done;
		add(pending, &piece);
		done += piece.size;
	}
}

static void apply(const struct piece *piece, struct memory *memory)
{
	memory_write(memory, piece->region, piece->offset, piece->data, piece->size);
}

/*
 * What is durable now is newer than a write that failed: that one can no longer come back in the same place. Of what sticks out at
 * both ends the beginning is kept.
 */
static void cover(struct piece *failed, const struct piece *durable)
{
	uint64_t begin = durable->offset, end = begin + durable->size, failed_end = failed->offset + failed->size;

	if (failed->region != durable->region || failed_end <= begin || failed->offset >= end)
		return;
	if (failed->offset < begin) {
		failed->size = (size_t)(begin - failed->offset);
	} else if (failed_end > end) {
		failed->data += end - failed->offset;
		failed->size = (size_t)(failed_end - end);
		failed->offset = end;
	} else {
		failed->size = 0;
	}
}

static void drop_empty(struct pending *pending)
{
	size_t kept = 0;

	for (size_t i = 0; i < pending->count; i++)
		if (pending->piece[i].size)
			pending->piece[kept++] = pending->piece[i];
	pending->count = kept;
}

void pending_flush(struct pending *pending, enum port_region region, struct memory *memory)
{
	size_t kept = 0;

	for (size_t i = 0; i < pending->count; i++) {
		struct piece piece = pending->piece[i];

		if (piece.region != region || piece.hopeless) {
			pending->piece[kept++] = piece;
			continue;
		}
		apply(&piece, memory);
		for (size_t failed = 0; failed < kept; failed++)
			if (pending->piece[failed].hopeless)
				cover(&pending->piece[failed], &piece);
	}
	pending->count = kept;
	drop_empty(pending);
}

void pending_lose_hope(struct pending *pending, enum port_region region)
{
	for (size_t i = 0; i < pending->count; i++)
		pending->piece[i].hopeless |= pending->piece[i].region == region;
}

uint64_t choice_systematic(const struct pending *pending)
{
	uint64_t count = pending->count;

	if (count <= FEW)
		return UINT64_C(1) << count;
	return count <= MANY ? CHOICE_OTHERS + 3 * count : CHOICE_OTHERS + BEGINNINGS;
}

uint64_t choice_everything(const struct pending *pending)
{
	return pending->count <= FEW ? (UINT64_C(1) << pending->count) - 1 : CHOICE_EVERYTHING;
}

/* Does the systematic choice keep this piece? Of few pieces the choice is the subset itself. */
static bool keeps(const struct pending *pending, uint64_t choice, size_t number)
{
	uint64_t count = pending->count, which;

	if (count <= FEW)
		return choice >> number & 1;
	if (choice < CHOICE_OTHERS)
		return choice == CHOICE_EVERYTHING;
	which = (choice - CHOICE_OTHERS) % count;
	if (count > MANY)
		return number < (choice - CHOICE_OTHERS + 1) * count / (BEGINNINGS + 1);
	switch ((choice - CHOICE_OTHERS) / count) {
	case 0:
		return number < which;
	case 1:
		return number == which;
	default:
		return number != which;
	}
}

static void apply_by_chance(const struct pending *pending, uint64_t seed, struct memory *memory)
{
	static const uint64_t eighths[] = { 1, 4, 4, 7 };
	struct chance chance = { seed };
	uint64_t share = eighths[chance_below(&chance, 4)];
	size_t *order = malloc((pending->count + 1) * sizeof(*order));

	if (!order)
		abort();
	for (size_t i = 0; i < pending->count; i++) {
		size_t other = (size_t)chance_below(&chance, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	for (size_t i = 0; i < pending->count; i++) {
		struct piece piece = pending->piece[order[i]];

		if (piece.region != PORT_NV_VAULT && !chance_below(&chance, 8))
			piece.size = (size_t)chance_below(&chance, piece.size);
		if (chance_below(&chance, 8) < share)
			apply(&piece, memory);
	}
	free(order);
}

void choice_apply(const struct pending *pending, uint64_t choice, uint64_t seed, struct memory *memory)
{
	if (choice >= choice_systematic(pending)) {
		apply_by_chance(pending, seed, memory);
		return;
	}
	for (size_t i = 0; i < pending->count; i++)
		if (keeps(pending, choice, i))
			apply(&pending->piece[i], memory);
}
