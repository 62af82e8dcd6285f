/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DEVICE_ECDSA_H
#define DEVICE_ECDSA_H

#include <stdbool.h>
#include <stdint.h>

#include "sha256.h"

#define ECDSA_KEY_SIZE 32
#define ECDSA_SIGNATURE_SIZE 64

/* ECDSA P-256 with a deterministic nonce (RFC 6979); @signature is r || s, big-endian. False when @key is no private key. */
bool ecdsa_sign(uint8_t signature[ECDSA_SIGNATURE_SIZE], const uint8_t key[ECDSA_KEY_SIZE], const uint8_t digest[SHA256_SIZE]);

#endif
