/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A board in memory, with the failures that a real one has: writes that are lost, torn or re-ordered until they are flushed, a
 * flush that fails, power that ends at any operation on storage.
 */
#ifndef TEST_FAKE_PORT_H
#define TEST_FAKE_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <threads.h>

#include "port.h"

#define FAKE_BOARD "test-board"

struct fake_write {
	uint64_t offset;
	uint8_t *data;
	size_t size;
	struct fake_write *next;
};

struct fake_region {
	uint64_t size;
	uint8_t *now;		  /* what the card reads */
	uint8_t *durable;	  /* what a power cut leaves for certain */
	struct fake_write *first; /* written since the last flush */
	struct fake_write **last;
};

/* What a power cut does with writes that were not flushed, sector by sector. */
enum fake_cut { FAKE_CUT_LOSE_ALL, FAKE_CUT_KEEP_ALL, FAKE_CUT_RANDOM };

struct fake_port {
	struct port port;
	mtx_t lock;
	struct fake_region region[PORT_NV_REGIONS];
	uint64_t fuse;
	struct port_firmware firmware; /* what runs; without a slot unless a test says otherwise */
	const uint8_t *anchors;	       /* borrowed */
	size_t anchors_size;
	uint32_t floor;
	uint8_t root[32];
	bool root_gone;
	uint64_t clock;
	unsigned int heads;
	uint64_t operations;	/* writes, flushes and fuse steps so far */
	uint64_t power_ends_at; /* operation that finds no power any more; 0: never */
	bool write_fails[PORT_NV_REGIONS];
	bool flush_fails[PORT_NV_REGIONS];
	bool fuse_fails;
	bool entropy_fails;
	bool firmware_unknown;	  /* what runs cannot be measured */
	bool entropy_sticks;	  /* gives the same byte again and again */
	bool tampered;		  /* the board's latch */
	bool tamper_active;	  /* and its input: the latch cannot be cleared */
	bool present;		  /* somebody holds the zeroise jumper */
	uint64_t monotonic_extra; /* nanoseconds on top of this machine's clock */
	char said[4096];	  /* the card's log, as far as there is room */
	atomic_uint events;
	bool echo; /* print the card's log */
};

void fake_port_new(struct fake_port *fake, unsigned int heads);
void fake_port_free(struct fake_port *fake);
/* A new size for a region, everything in it gone. */
void fake_port_resize(struct fake_port *fake, enum port_region region, uint64_t size);
/* The power is cut and comes back: unflushed writes meet their fate. @seed drives FAKE_CUT_RANDOM. */
void fake_port_cut(struct fake_port *fake, enum fake_cut cut, uint64_t seed);
/* @copy becomes a board in the same state, unflushed writes included. */
void fake_port_copy(struct fake_port *copy, const struct fake_port *from);
/* Storage as it is in @image comes back, fuse and clock stay: somebody restored an old image. */
void fake_port_restore(struct fake_port *fake, const struct fake_port *image);
/* Is @size bytes at @data anywhere in the storage? */
bool fake_port_holds(const struct fake_port *fake, const void *data, size_t size);

#endif
