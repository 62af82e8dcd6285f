// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/seen.h"

#include <stddef.h>
#include <stdlib.h>

#define FIRST_ROOM 4096

struct seen {
	uint64_t *number; /* 0: free */
	size_t room;	  /* power of two */
	size_t count;
};

static uint64_t *new_room(size_t room)
{
	uint64_t *number = calloc(room, sizeof(*number));

	if (!number)
		abort();
	return number;
}

struct seen *seen_new(void)
{
	struct seen *seen = malloc(sizeof(*seen));

	if (!seen)
		abort();
	*seen = (struct seen){ new_room(FIRST_ROOM), FIRST_ROOM, 0 };
	return seen;
}

void seen_free(struct seen *seen)
{
	free(seen->number);
	free(seen);
}

static uint64_t *place(const struct seen *seen, uint64_t number)
{
	size_t at = (size_t)number & (seen->room - 1);

	while (seen->number[at] && seen->number[at] != number)
		at = (at + 1) & (seen->room - 1);
	return &seen->number[at];
}

static void grow(struct seen *seen)
{
	struct seen bigger = { new_room(2 * seen->room), 2 * seen->room, seen->count };

	for (size_t i = 0; i < seen->room; i++)
		if (seen->number[i])
			*place(&bigger, seen->number[i]) = seen->number[i];
	free(seen->number);
	*seen = bigger;
}

bool seen_add(struct seen *seen, uint64_t number)
{
	uint64_t *at;

	number += !number;
	at = place(seen, number);
	if (*at)
		return false;
	*at = number;
	if (2 * ++seen->count > seen->room)
		grow(seen);
	return true;
}
