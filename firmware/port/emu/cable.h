/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emulated cable between a head and the part in its socket: messages over a Unix stream socket that the part listens on.
 * The part is a process of its own, so pulling it is killing it; an empty socket has nobody listening.
 *
 * Each message is a struct cable_header and its body; fields are little-endian. The part answers each request with one message
 * of the same type, in order. Several connections may be open one after another, one at a time: a connection is the plug.
 */
#ifndef PROVCARD_CABLE_H
#define PROVCARD_CABLE_H

#include <stdint.h>

#define CABLE_MAGIC 0x50434231 /* "1BCP" on the wire */
#define CABLE_BODY_MAX (1u << 20)

struct cable_header {
	uint32_t size; /* of the body */
	uint32_t type; /* enum cable_type */
};

enum cable_type {
	/* To the part: nothing. From the part: struct cable_hello. */
	CABLE_HELLO = 1,
	/* To: uint32_t clocks, then out bits, then drive bits, each (clocks + 7) / 8 bytes, bit i in byte i / 8, bit i % 8.
	 * From: in bits, as many. The line level the head sees in clock i is sampled before the part acts on that clock's rising
	 * edge: one clock is "drive, sample, rise". */
	CABLE_SWD = 2,
	/* To: uint32_t asserted. From: nothing. */
	CABLE_RESET = 3,
	/* To: uint32_t on. From: nothing. A part without power keeps its flash only. */
	CABLE_POWER = 4,
	/* To: uint32_t microseconds. From: nothing. Virtual time of the part passes. */
	CABLE_DELAY = 5,
	/* To: uint32_t rx_size, uint32_t timeout_us (virtual), then bytes for the part's UART receiver.
	 * From: what the part sent, up to rx_size bytes. */
	CABLE_UART = 6,
	/* To: nothing. From: struct cable_stats. */
	CABLE_STATS = 7,
};

struct cable_hello {
	uint32_t magic;
	uint32_t version; /* 1 */
};

struct cable_stats {
	uint64_t clocks; /* SWCLK cycles since power on, from every front end */
	uint64_t nanoseconds; /* virtual time since power on */
};

#endif
