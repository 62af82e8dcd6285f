/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A job of units on the emulated card's own storage, made by sixteen heads whose parts take no time. */
#ifndef BENCH_UNITS_H
#define BENCH_UNITS_H

#include <threads.h>

#include "tests/unit/station.h"

#define UNIT_THREADS 16

struct units {
	struct station station;
	uint32_t job;
	uint32_t each; /* units that each head makes in a turn */
	uint32_t next; /* part that comes next */
};

extern struct units units;

/* A card with its memory in @folder, and a job of @count units. */
void units_begin(const char *folder, uint64_t ledger_size, uint64_t log_size, uint64_t count);
/* @work on as many threads as there are heads, each with a pointer to its number; the seconds that it took. */
double units_threads(thrd_start_t work);
/* The next @each of every head; likewise. */
double units_make(uint32_t each);
void units_end(void);

#endif
