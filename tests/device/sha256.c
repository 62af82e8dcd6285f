// SPDX-License-Identifier: GPL-2.0-or-later
/* SHA-256 (FIPS 180-4) and HMAC (FIPS 198-1). */
#include "sha256.h"

/* Fractions of the cube roots and of the square roots of the first primes. */
static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
	0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
	0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t initial_state[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static uint32_t rotate(uint32_t word, unsigned int by)
{
	return word >> by | word << (32 - by);
}

static void expand(uint32_t words[64], const uint8_t block[SHA256_BLOCK])
{
	for (unsigned int i = 0; i < 16; i++)
		words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
			   block[4 * i + 3];
	for (unsigned int i = 16; i < 64; i++) {
		uint32_t near = words[i - 2], far = words[i - 15];

		words[i] = words[i - 16] + words[i - 7] + (rotate(far, 7) ^ rotate(far, 18) ^ far >> 3) +
			   (rotate(near, 17) ^ rotate(near, 19) ^ near >> 10);
	}
}

static void compress(uint32_t state[8], const uint8_t block[SHA256_BLOCK])
{
	uint32_t words[64], v[8];

	expand(words, block);
	for (unsigned int i = 0; i < 8; i++)
		v[i] = state[i];
	for (unsigned int i = 0; i < 64; i++) {
		uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]), majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
		uint32_t first =
			v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + choice + round_constants[i] + words[i];
		uint32_t second = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + majority;

		for (unsigned int j = 7; j > 0; j--)
			v[j] = v[j - 1];
		v[4] += first;
		v[0] = first + second;
	}
	for (unsigned int i = 0; i < 8; i++)
		state[i] += v[i];
}

static void begin(struct sha256 *hash)
{
	for (unsigned int i = 0; i < 8; i++)
		hash->state[i] = initial_state[i];
	hash->length = 0;
}

static void update(struct sha256 *hash, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;

	while (size--) {
		hash->block[hash->length++ % SHA256_BLOCK] = *from++;
		if (hash->length % SHA256_BLOCK == 0)
			compress(hash->state, hash->block);
	}
}

static void finish(struct sha256 *hash, uint8_t digest[SHA256_SIZE])
{
	uint64_t bits = 8 * hash->length;
	uint8_t length[8];

	for (unsigned int i = 0; i < 8; i++)
		length[i] = (uint8_t)(bits >> (56 - 8 * i));
	update(hash, "\x80", 1);
	while (hash->length % SHA256_BLOCK != SHA256_BLOCK - sizeof(length))
		update(hash, "", 1);
	update(hash, length, sizeof(length));
	for (unsigned int i = 0; i < SHA256_SIZE; i++)
		digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256(uint8_t digest[SHA256_SIZE], const struct piece *pieces, size_t count)
{
	struct sha256 hash;

	begin(&hash);
	for (size_t i = 0; i < count; i++)
		update(&hash, pieces[i].bytes, pieces[i].size);
	finish(&hash, digest);
}

static void begin_padded(struct sha256 *hash, const uint8_t key[SHA256_SIZE], uint8_t pad)
{
	uint8_t block[SHA256_BLOCK];

	for (unsigned int i = 0; i < SHA256_BLOCK; i++)
		block[i] = pad ^ (i < SHA256_SIZE ? key[i] : 0);
	begin(hash);
	update(hash, block, sizeof(block));
}

void hmac_sha256(uint8_t tag[SHA256_SIZE], const uint8_t key[SHA256_SIZE], const struct piece *pieces, size_t count)
{
	struct sha256 inner, outer;
	uint8_t digest[SHA256_SIZE];

	begin_padded(&inner, key, 0x36);
	begin_padded(&outer, key, 0x5c);
	for (size_t i = 0; i < count; i++)
		update(&inner, pieces[i].bytes, pieces[i].size);
	finish(&inner, digest);
	update(&outer, digest, sizeof(digest));
	finish(&outer, tag);
}
