/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Crash states: from the trace of a history, every memory that a power cut could leave, and what the card makes of each. */
#ifndef CRASH_EXPLORE_H
#define CRASH_EXPLORE_H

#include "tests/crash/check.h"
#include "tests/crash/choice.h"
#include "tests/crash/plan.h"

#define EXPLORE_DEPTH 5

/* How a state is reached: the history, then at each depth the round, the operation and the choice. */
struct path {
	uint64_t campaign;
	size_t depth;
	struct {
		uint64_t round;
		uint64_t position;
		uint64_t choice;
	} step[EXPLORE_DEPTH];
};

#define PATH_TEXT 160
void path_print(const struct path *path, char text[PATH_TEXT]);
bool path_read(struct path *path, const char *text);

struct seen; /* states met before */

struct explore_counts {
	uint64_t states;   /* each counted once */
	uint64_t nested;   /* of them, cut again during recovery or later */
	uint64_t restored; /* of them, old images */
	uint64_t finished; /* of them, carried on to the hand-over */
	uint64_t shape;	   /* follows from the traces and the states: the same again for the same seed */
};

struct explorer {
	uint64_t seed;
	uint64_t limit; /* states of this campaign */
	enum board_break broken;
	const struct path *only; /* replay: nothing else */
	/* Called for each state before the card starts, and for each violation. */
	void (*enter)(const struct explorer *explorer);
	void (*violation)(const struct explorer *explorer, const char *text);
	struct explore_counts counts;

	/* Its own. */
	enum plan_kind kind;
	uint64_t stride; /* of the systematic choices one of so many is made */
	struct memory memory;
	struct board board;
	struct line line;
	struct path path;
	struct seen *seen;
};

/* Play one history and look at its crash states. The explorer holds what stands before "Its own", and zeroes. */
void explore_campaign(struct explorer *explorer, uint64_t campaign);

#endif
