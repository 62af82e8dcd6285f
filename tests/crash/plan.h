/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens on the line: whole histories, and single acts. */
#ifndef CRASH_PLAN_H
#define CRASH_PLAN_H

#include "tests/crash/line.h"

/* Kinds of histories, by turns. */
enum plan_kind {
	PLAN_GROUPS,
	PLAN_FULL_LEDGER,
	PLAN_FULL_LOG,
	PLAN_MIXED,
	PLAN_ZEROISE,
	PLAN_LIFE,
	PLAN_PEOPLE,
	PLAN_FIRMWARE,
	PLAN_KINDS
};

void plan_sizes(enum plan_kind kind, uint64_t size[PORT_NV_REGIONS]);
/* The board has a boot stage. */
bool plan_boots(enum plan_kind kind);
/* The memory may run full. */
bool plan_is_tight(enum plan_kind kind);
/*
 * From the first power-on of a card to an orderly switching off. Aborts when something goes wrong that may not.
 */
void plan_play(struct line *line, enum plan_kind kind, struct chance *chance);
/* One act by chance, whatever the card is in the middle of. Refusals are as good as anything. */
void plan_act(struct line *line, struct chance *chance);

#endif
