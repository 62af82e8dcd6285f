/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Campaigns side by side, each in a process of its own, so that one that makes the card crash or hang is a violation with a name
 * like any other. What a campaign finds follows from its seed and number alone, whatever runs beside it.
 */
#ifndef CRASH_CAMPAIGNS_H
#define CRASH_CAMPAIGNS_H

#include "tests/crash/explore.h"

struct campaigns {
	uint64_t seed;
	uint64_t states; /* in all; 0 when hours are asked for */
	double hours;
	unsigned int jobs; /* at once */
	enum board_break broken;
	const struct path *only; /* replay: nothing else */

	struct explore_counts counts;
	uint64_t violations;
};

/* Prints progress and what is found. -1 when no process can be made. */
int campaigns_run(struct campaigns *campaigns);

#endif
