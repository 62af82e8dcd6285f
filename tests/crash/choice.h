/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a power cut makes of writes that were not flushed. A write is a row of pieces between 512-byte boundaries; each piece
 * reaches the memory or does not, in any order. Choices by chance go beyond what the port allows: but for the vault's, the
 * beginning of a piece may reach the memory alone.
 */
#ifndef CRASH_CHOICE_H
#define CRASH_CHOICE_H

#include "tests/crash/board.h"

struct piece {
	enum port_region region;
	uint64_t offset;
	const uint8_t *data; /* of the trace */
	size_t size;
	bool hopeless; /* a flush failed on it: no later one makes it durable */
};

struct pending {
	struct piece *piece;
	size_t count;
	size_t room;
};

void pending_clear(struct pending *pending);
void pending_write(struct pending *pending, const struct op *op);
/* A flush of the region: what it covers is durable. */
void pending_flush(struct pending *pending, enum port_region region, struct memory *memory);
void pending_lose_hope(struct pending *pending, enum port_region region);

/*
 * The systematic choices: nothing, everything, each beginning; of few pieces every subset, of many each one alone and all but
 * each one. From choice_systematic() on, every number is a choice by chance: a subset in an order.
 */
uint64_t choice_systematic(const struct pending *pending);
uint64_t choice_everything(const struct pending *pending);
void choice_apply(const struct pending *pending, uint64_t choice, uint64_t seed, struct memory *memory);

#endif
