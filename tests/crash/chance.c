// SPDX-License-Identifier: GPL-2.0-or-later
/* The only way to have libcrypto draw its numbers from the program is one that 3.0 declared old. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tests/crash/chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "tests/unit/pki.h"

static _Thread_local struct chance own;

uint64_t chance_mix(uint64_t a, uint64_t b)
{
	uint64_t z = a + 0x9e3779b97f4a7c15u * (b + 1);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t chance_next(struct chance *chance)
{
	chance->state += 0x9e3779b97f4a7c15u;
	return chance_mix(chance->state, 0);
}

uint64_t chance_below(struct chance *chance, uint64_t limit)
{
	return limit ? chance_next(chance) % limit : 0;
}

uint64_t chance_digest(const uint8_t *data, size_t size)
{
	uint64_t digest = 0, any = 0, word;

	for (size_t at = 0; at + sizeof(word) <= size; at += sizeof(word)) {
		memcpy(&word, data + at, sizeof(word));
		any |= word;
		digest = (digest ^ word) * 0x9fb21c651e98df25u;
		digest ^= digest >> 28;
	}
	return any ? chance_mix(digest, size) : 0;
}

void chance_seed_thread(uint64_t seed)
{
	own.state = seed;
}

void chance_fill(void *data, size_t size)
{
	uint8_t *to = data;

	while (size) {
		uint64_t word = chance_next(&own);
		size_t part = size < sizeof(word) ? size : sizeof(word);

		memcpy(to, &word, part);
		to += part;
		size -= part;
	}
}

/* In place of the C library's, for libcrypto too. */
__attribute__((visibility("default"))) time_t time(time_t *now)
{
	if (now)
		*now = PKI_NOW;
	return PKI_NOW;
}

static int fill(unsigned char *data, int size)
{
	chance_fill(data, (size_t)size);
	return 1;
}

static int ready(void)
{
	return 1;
}

void chance_rule_libcrypto(void)
{
	static const RAND_METHOD method = { .bytes = fill, .pseudorand = fill, .status = ready };

	if (RAND_set_rand_method(&method) != 1) {
		fprintf(stderr, "libcrypto keeps its own random numbers\n");
		exit(2);
	}
}
