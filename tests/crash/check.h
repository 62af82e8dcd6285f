/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is a card that has started true to what the world knows of it? */
#ifndef CRASH_CHECK_H
#define CRASH_CHECK_H

#include "tests/crash/line.h"

/* The first thing found wrong, in words; empty while nothing is. */
struct finding {
	char text[256];
};

void finding_add(struct finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline bool finding_any(const struct finding *finding)
{
	return finding->text[0];
}

/* The card is off. What it has promised to destroy must not be in its memory any more. */
void check_memory(struct line *line, const struct world *told, struct finding *finding);

/*
 * The card has started. It must hold at least what @told was told, and not more than @asked was asked for; both are the same
 * world, unless an old image was restored.
 */
void check_card(struct line *line, const struct world *told, const struct world *asked, struct finding *finding);

/*
 * Finish everything: load what is not there, make every part that was begun, close, and check what is handed over as a stranger
 * does. @world learns what happens. @full: the memory was made so small that the card may say so.
 */
void check_finish(struct line *line, struct world *world, bool full, struct finding *finding);

#endif
