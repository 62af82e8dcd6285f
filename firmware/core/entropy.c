// SPDX-License-Identifier: GPL-2.0-or-later
#include "entropy.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "provcard-refusal.h"

#define SEED_SIZE 48 /* as much as the generator's seed */

int entropy_init(struct entropy_health *health)
{
	memset(health, 0, sizeof(*health));
	return mtx_init(&health->lock, mtx_plain) == thrd_success ? 0 : -ENOMEM;
}

void entropy_clear(struct entropy_health *health)
{
	mtx_destroy(&health->lock);
	OPENSSL_cleanse(health, sizeof(*health));
}

/* SP 800-90B section 4.4.1. */
static bool repetition_passes(struct entropy_health *health, uint8_t byte)
{
	health->run = health->begun && byte == health->last ? health->run + 1 : 1;
	health->last = byte;
	health->begun = true;
	return health->run < ENTROPY_REPETITION_CUTOFF;
}

/* Section 4.4.2. */
static bool proportion_passes(struct entropy_health *health, uint8_t byte)
{
	if (!health->seen)
		health->sample = byte;
	health->matches = health->seen ? health->matches + (byte == health->sample) : 1;
	health->seen = (health->seen + 1) % ENTROPY_WINDOW;
	return health->matches < ENTROPY_PROPORTION_CUTOFF;
}

bool entropy_passes(struct entropy_health *health, const uint8_t *bytes, size_t size)
{
	bool passes;

	mtx_lock(&health->lock);
	for (size_t i = 0; i < size && !health->failed; i++)
		health->failed = !repetition_passes(health, bytes[i]) || !proportion_passes(health, bytes[i]);
	passes = !health->failed;
	mtx_unlock(&health->lock);
	return passes;
}

int entropy_draw(const struct port *port, void *data, size_t size)
{
	if (!port->ops->entropy(port->context, data, size) && (!port->health || entropy_passes(port->health, data, size)))
		return 0;
	OPENSSL_cleanse(data, size);
	return PROVCARD_REFUSAL_ENTROPY;
}

int entropy_start(const struct port *port)
{
	uint8_t bytes[ENTROPY_START_SIZE];
	int code = entropy_draw(port, bytes, sizeof(bytes));

	if (!code)
		code = entropy_draw(port, bytes, SEED_SIZE);
	if (!code)
		RAND_seed(bytes, SEED_SIZE);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return code;
}
