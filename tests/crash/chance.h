/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chance that repeats: everything drawn follows from a seed, libcrypto's random numbers included. */
#ifndef CRASH_CHANCE_H
#define CRASH_CHANCE_H

#include <stddef.h>
#include <stdint.h>

struct chance {
	uint64_t state;
};

uint64_t chance_next(struct chance *chance);
/* 0 to @limit - 1; 0 when @limit is 0. */
uint64_t chance_below(struct chance *chance, uint64_t limit);
/* A number that follows from two. */
uint64_t chance_mix(uint64_t a, uint64_t b);
/* A number that follows from bytes; the bytes of nothing but zeroes give 0. */
uint64_t chance_digest(const uint8_t *data, size_t size);

/*
 * From here on libcrypto draws from a sequence of this program, one per thread. Its clock stands still as well: chance.c has a
 * time() of its own, because the time goes into signatures, and how long a signature is depends on every bit of it.
 */
void chance_rule_libcrypto(void);
/* Begin this thread's sequence. */
void chance_seed_thread(uint64_t seed);
void chance_fill(void *data, size_t size);

#endif
