// SPDX-License-Identifier: GPL-2.0-or-later
/* libcrypto's random numbers, from a generator that gives the same ones in every run. */
#define OPENSSL_SUPPRESS_DEPRECATED /* there is no other way to replace the generator under every user of it */
#include <stdatomic.h>
#include <string.h>

#include <openssl/rand.h>

#include "fuzz.h"

static atomic_ullong state;

/* SplitMix64; good enough for keys that protect nothing. */
static uint64_t next(void)
{
	uint64_t z = atomic_fetch_add(&state, 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int random_bytes(unsigned char *data, int size)
{
	for (int done = 0; done < size; done += 8) {
		uint64_t word = next();

		memcpy(data + done, &word, size - done < 8 ? (size_t)(size - done) : 8);
	}
	return 1;
}

static int random_ready(void)
{
	return 1;
}

/* What the card brings is not needed; without this libcrypto would make a generator of its own, on the secure heap, unseen by LSan. */
static int random_seed(const void *data, int size)
{
	(void)data;
	(void)size;
	return 1;
}

static const RAND_METHOD method = {
	.seed = random_seed, .bytes = random_bytes, .pseudorand = random_bytes, .status = random_ready
};

void fuzz_random_begin(uint64_t seed)
{
	atomic_store(&state, seed);
	if (RAND_get_rand_method() != &method)
		FUZZ_MUST(RAND_set_rand_method(&method) == 1);
}
