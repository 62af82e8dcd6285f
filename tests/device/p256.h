/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DEVICE_P256_H
#define DEVICE_P256_H

#include <stdbool.h>
#include <stdint.h>

#define LIMBS 8
#define NUMBER_BYTES 32

struct number {
	uint32_t limb[LIMBS]; /* least significant first */
};

/* Big-endian, as everything outside is. */
void number_from_bytes(struct number *number, const uint8_t bytes[NUMBER_BYTES]);
void number_to_bytes(uint8_t bytes[NUMBER_BYTES], const struct number *number);

/* 1 to order - 1: what a private key or a nonce may be. */
bool p256_scalar_valid(const struct number *scalar);
/* Modulo the order of the curve. */
void p256_reduce(struct number *number);
/* ECDSA with a nonce @k that is a valid scalar; false in the (never seen) case that another one is needed. */
bool p256_sign(const struct number *key, const struct number *digest, const struct number *k, struct number *r, struct number *s);

#endif
