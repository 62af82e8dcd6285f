/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Serial Wire Debug line protocol of ADIv5.2, chapter B4: one call is one rising edge of SWCLK.
 *
 * The target changes its output after the edge; what the host samples before the next edge is what it set after the last one.
 */
#ifndef PART_WIRE_H
#define PART_WIRE_H

#include <stdbool.h>
#include <stdint.h>

struct dp;

enum wire_state {
	WIRE_LOCKED, /* lost: deaf until a line reset */
	WIRE_RESET, /* a line reset is going on, or idle bits after it are still missing */
	WIRE_IDLE,
	WIRE_HEADER,
	WIRE_TURN_TO_TARGET,
	WIRE_ACK,
	WIRE_READ,
	WIRE_TURN_TO_WRITE,
	WIRE_WRITE,
	WIRE_TURN_TO_IDLE,
};

struct wire {
	struct dp *dp;
	enum wire_state state;
	unsigned int count; /* bits done in this state */
	uint64_t bits; /* being collected, or still to be sent */
	unsigned int ones; /* in a row, for the line reset */
	bool identify_first; /* after a line reset only a read of DPIDR is taken */
	bool driving, level; /* the target's own output */
	bool is_ap, is_read;
	uint8_t address;
	uint8_t ack;
	bool spoil_parity; /* fault: the next data sent carries the wrong parity */
};

void wire_power_on(struct wire *wire, struct dp *dp);
/* What the target puts on the line now; a released line is pulled up. */
bool wire_level(const struct wire *wire);
/* One clock. @driven says whether the host drives @level. Returns the line as it was before the edge. */
bool wire_clock(struct wire *wire, bool driven, bool level);

#endif
