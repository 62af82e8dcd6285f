/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every random byte the core takes from the board comes through here and passes the continuous health tests of NIST SP 800-90B
 * section 4.4: repetition count and adaptive proportion, over bytes. The tests claim 4 bits of entropy a byte, half of what a
 * good source gives, so that in a card's life no good source fails by chance: the cutoffs are those for one false alarm in 2^30
 * bytes of a source that has no more than that. A source that failed once is believed no more until the card is switched on anew.
 */
#ifndef CORE_ENTROPY_H
#define CORE_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <threads.h>

#include "port.h"

#define ENTROPY_REPETITION_CUTOFF 9 /* 1 + 30 / 4: so many equal bytes in a row */
#define ENTROPY_WINDOW 512
#define ENTROPY_PROPORTION_CUTOFF 71 /* 1 + critbinom(512, 2^-4, 1 - 2^-30): so often a window's first byte in it */
#define ENTROPY_START_SIZE 1024 /* bytes that are tested at power-on, and thrown away */

struct entropy_health {
	mtx_t lock;
	bool failed;
	bool begun;
	uint8_t last;
	unsigned int run; /* equal to last, itself included */
	uint8_t sample;	  /* first of the window */
	unsigned int seen;
	unsigned int matches;
};

int entropy_init(struct entropy_health *health);
void entropy_clear(struct entropy_health *health);

/* Do @size bytes pass? Goes on from those before. */
bool entropy_passes(struct entropy_health *health, const uint8_t *bytes, size_t size);
/* Bytes of @port's source, tested by @port->health where there is one. ENTROPY; then @data is zero. */
int entropy_draw(const struct port *port, void *data, size_t size);
/* Power-on: the start-up test, and fresh bytes for libcrypto's own generator beside those it has from elsewhere. ENTROPY. */
int entropy_start(const struct port *port);

#endif
