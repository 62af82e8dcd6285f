// SPDX-License-Identifier: GPL-2.0-or-later
#include "ecdsa.h"
#include "p256.h"

/* The generator of RFC 6979, section 3.2. */
struct nonces {
	uint8_t key[SHA256_SIZE], value[SHA256_SIZE];
};

static void next_value(struct nonces *nonces)
{
	const struct piece value = { nonces->value, sizeof(nonces->value) };

	hmac_sha256(nonces->value, nonces->key, &value, 1);
}

/* K = HMAC_K(V || round || secret...), V = HMAC_K(V) */
static void stir(struct nonces *nonces, uint8_t round, const struct piece *secrets, size_t count)
{
	struct piece pieces[4] = { { nonces->value, sizeof(nonces->value) }, { &round, 1 } };

	for (size_t i = 0; i < count; i++)
		pieces[2 + i] = secrets[i];
	hmac_sha256(nonces->key, nonces->key, pieces, 2 + count);
	next_value(nonces);
}

static void nonces_begin(struct nonces *nonces, const uint8_t key[ECDSA_KEY_SIZE], const uint8_t digest[SHA256_SIZE])
{
	const struct piece secrets[] = { { key, ECDSA_KEY_SIZE }, { digest, SHA256_SIZE } };

	for (unsigned int i = 0; i < SHA256_SIZE; i++) {
		nonces->key[i] = 0;
		nonces->value[i] = 1;
	}
	stir(nonces, 0, secrets, 2);
	stir(nonces, 1, secrets, 2);
}

static void nonces_next(struct nonces *nonces, struct number *k)
{
	next_value(nonces);
	number_from_bytes(k, nonces->value);
	while (!p256_scalar_valid(k)) {
		stir(nonces, 0, 0, 0);
		next_value(nonces);
		number_from_bytes(k, nonces->value);
	}
}

bool ecdsa_sign(uint8_t signature[ECDSA_SIGNATURE_SIZE], const uint8_t key[ECDSA_KEY_SIZE], const uint8_t digest[SHA256_SIZE])
{
	struct number private, hash, k, r, s;
	uint8_t reduced[SHA256_SIZE];
	struct nonces nonces;

	number_from_bytes(&private, key);
	if (!p256_scalar_valid(&private))
		return false;
	number_from_bytes(&hash, digest);
	p256_reduce(&hash);
	number_to_bytes(reduced, &hash);
	nonces_begin(&nonces, key, reduced);
	nonces_next(&nonces, &k);
	while (!p256_sign(&private, &hash, &k, &r, &s)) {
		stir(&nonces, 0, 0, 0);
		nonces_next(&nonces, &k);
	}
	number_to_bytes(signature, &r);
	number_to_bytes(signature + NUMBER_BYTES, &s);
	return true;
}
