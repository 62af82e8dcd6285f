// SPDX-License-Identifier: GPL-2.0-or-later
#include "dp.h"
#include "wire.h"

#define LINE_RESET_ONES 50
#define IDLE_AFTER_RESET 2
#define HEADER_BITS 8
#define ACK_BITS 3
#define DATA_BITS 33 /* with parity */

void wire_power_on(struct wire *wire, struct dp *dp)
{
	*wire = (struct wire){ .dp = dp, .state = WIRE_LOCKED };
}

bool wire_level(const struct wire *wire)
{
	return wire->driving ? wire->level : true;
}

static void enter(struct wire *wire, enum wire_state state)
{
	wire->state = state;
	wire->count = 0;
	wire->driving = false;
}

/* Put the lowest of the bits to be sent on the line. */
static void send_bit(struct wire *wire)
{
	wire->driving = true;
	wire->level = wire->bits & 1;
	wire->bits >>= 1;
}

static uint64_t with_parity(uint32_t data, bool spoil)
{
	return data | (uint64_t)(__builtin_parity(data) ^ spoil) << 32;
}

static bool header_valid(uint8_t header)
{
	bool start = header & 0x01, stop = header & 0x40, park = header & 0x80;

	return start && !stop && park && !__builtin_parity(header & 0x3e);
}

static void header_done(struct wire *wire)
{
	uint8_t header = (uint8_t)wire->bits;

	wire->is_ap = header & 0x02;
	wire->is_read = header & 0x04;
	wire->address = (header >> 1) & 0x0c;
	bool identifies = !wire->is_ap && wire->is_read && wire->address == DP_DPIDR;

	if (!header_valid(header) || (wire->identify_first && !identifies)) {
		enter(wire, WIRE_LOCKED);
		return;
	}
	wire->identify_first = false;
	enter(wire, WIRE_TURN_TO_TARGET);
}

static void header_bit(struct wire *wire, bool line)
{
	if (!wire->count && !line)
		return; /* still idle */
	wire->bits = wire->count ? wire->bits | (uint64_t)line << wire->count : 1;
	wire->state = WIRE_HEADER;
	if (++wire->count == HEADER_BITS)
		header_done(wire);
}

static void answer(struct wire *wire)
{
	uint32_t data = 0;

	if (wire->is_read)
		wire->ack = dp_read(wire->dp, wire->is_ap, wire->address, &data);
	else
		wire->ack = dp_write_request(wire->dp, wire->is_ap, wire->address);
	enter(wire, WIRE_ACK);
	wire->bits = wire->ack;
	if (wire->is_read) {
		wire->bits |= with_parity(data, wire->spoil_parity) << ACK_BITS;
		wire->spoil_parity = wire->spoil_parity && wire->ack != ACK_OK;
	}
	send_bit(wire);
}

static void ack_bit(struct wire *wire)
{
	bool data_phase = wire->ack == ACK_OK || dp_overrun_detection(wire->dp);

	if (++wire->count < ACK_BITS) {
		send_bit(wire);
	} else if (wire->is_read && data_phase) {
		enter(wire, WIRE_READ);
		send_bit(wire);
	} else {
		enter(wire, !wire->is_read && data_phase ? WIRE_TURN_TO_WRITE : WIRE_TURN_TO_IDLE);
	}
}

static void read_bit(struct wire *wire)
{
	if (++wire->count < DATA_BITS)
		send_bit(wire);
	else
		enter(wire, WIRE_TURN_TO_IDLE);
}

static void write_bit(struct wire *wire, bool line)
{
	wire->bits = (wire->count ? wire->bits : 0) | (uint64_t)line << wire->count;
	if (++wire->count < DATA_BITS)
		return;
	uint32_t data = (uint32_t)wire->bits;

	if (wire->ack == ACK_OK)
		dp_write(wire->dp, wire->is_ap, wire->address, data, __builtin_parity(data) == (int)(wire->bits >> 32));
	enter(wire, WIRE_IDLE);
}

static bool turned(struct wire *wire)
{
	return ++wire->count >= dp_turnaround(wire->dp);
}

static void reset_bit(struct wire *wire, bool line)
{
	if (line) {
		if (wire->count)
			enter(wire, WIRE_LOCKED); /* too few idle bits: not a line reset */
	} else if (++wire->count == IDLE_AFTER_RESET) {
		enter(wire, WIRE_IDLE);
	}
}

static void edge(struct wire *wire, bool line)
{
	switch (wire->state) {
	case WIRE_LOCKED:
		break;
	case WIRE_RESET:
		reset_bit(wire, line);
		break;
	case WIRE_IDLE:
	case WIRE_HEADER:
		header_bit(wire, line);
		break;
	case WIRE_TURN_TO_TARGET:
		if (turned(wire))
			answer(wire);
		break;
	case WIRE_ACK:
		ack_bit(wire);
		break;
	case WIRE_READ:
		read_bit(wire);
		break;
	case WIRE_TURN_TO_WRITE:
		if (turned(wire))
			enter(wire, WIRE_WRITE);
		break;
	case WIRE_WRITE:
		write_bit(wire, line);
		break;
	case WIRE_TURN_TO_IDLE:
		if (turned(wire))
			enter(wire, WIRE_IDLE);
		break;
	}
}

/*
 * Fifty ones reset the line in any state. The part's own output is not counted unless the host drives over it, which is how a
 * host that lost track gets through.
 */
static bool line_reset(struct wire *wire, bool driven, bool line)
{
	bool heard = driven || !wire->driving;

	wire->ones = heard && line ? wire->ones + 1 : 0;
	if (wire->ones != LINE_RESET_ONES)
		return false;
	enter(wire, WIRE_RESET);
	wire->identify_first = true;
	dp_line_reset(wire->dp);
	return true;
}

bool wire_clock(struct wire *wire, bool driven, bool level)
{
	bool line = driven ? level : wire_level(wire);

	if (!line_reset(wire, driven, line))
		edge(wire, line);
	return line;
}
