/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DEVICE_SHA256_H
#define DEVICE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32
#define SHA256_BLOCK 64

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes so far */
	uint8_t block[SHA256_BLOCK];
};

/* One piece of a message. */
struct piece {
	const void *bytes;
	size_t size;
};

void sha256(uint8_t digest[SHA256_SIZE], const struct piece *pieces, size_t count);
/* The key is as long as a digest. */
void hmac_sha256(uint8_t tag[SHA256_SIZE], const uint8_t key[SHA256_SIZE], const struct piece *pieces, size_t count);

#endif
