/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board that the card runs on: durable memory that keeps a trace of what is done to it, and of what the world outside has
 * learnt at each point.
 *
 * The trace is what crash states are built from. What the card reads while it runs is what it wrote; what a power cut would have
 * left of it, the trace tells.
 */
#ifndef CRASH_BOARD_H
#define CRASH_BOARD_H

#include <threads.h>

#include "tests/crash/memory.h"
#include "tests/crash/world.h"

enum op_kind {
	OP_WRITE,
	OP_FLUSH,	 /* everything written to the region since the last one is durable */
	OP_FLUSH_FAILED, /* of what was written nobody knows any more, whatever later flushes say */
	OP_FUSE,
	OP_FLOOR, /* one step of the firmware's floor */
	OP_ROOT,  /* the root secret changed, durably at once */
};

struct op {
	enum op_kind kind;
	enum port_region region;
	uint64_t offset;
	uint8_t *data;
	size_t size;
	uint8_t root[32];
	bool root_gone;
};

struct trace {
	struct op *op;
	size_t ops;
	size_t op_room;
	struct claim *claim;
	size_t claims;
	size_t claim_room;
};

void trace_clear(struct trace *trace);

/* Boards that do not keep the contract of the port: the enumerator must find out. */
enum board_break {
	BREAK_NOTHING,
	BREAK_FLUSH_VAULT, /* the flush of this region does nothing */
	BREAK_FLUSH_LEDGER,
	BREAK_FLUSH_LOG,
	BREAK_FLUSH_STAGING,
	BREAK_FLUSH_LATE,    /* a flush returns at once, and is done with the next one of any region */
	BREAK_FUSE_STUCK,    /* the counter does not count */
	BREAK_FUSE_VOLATILE, /* it forgets its last step in a power cut */
	BREAK_FUSE_OLD,	     /* restored together with an old image */
};

/* The name of each, NULL behind the last. */
extern const char *const board_break_names[];

struct board {
	struct port port;
	struct memory *memory;
	struct trace *trace; /* NULL: nothing is kept */
	mtx_t lock;
	enum board_break broken;
	unsigned int late; /* flushes not done yet, one bit per region */
	bool powered;
	struct port_firmware firmware; /* that runs */
	struct provpkg_view anchors;   /* of its maker; none without a boot stage */
	uint64_t fail_at;	       /* write, flush or fuse step that fails, counted from 1; 0: none */
	uint64_t steps;		       /* writes, flushes and fuse steps so far */
	bool failed;		       /* it did */
	uint64_t clock;		       /* when the power came; goes on with the steps */
	/* Called before each operation, without the lock: somebody may ask the card something now. */
	void (*watch)(void *context);
	void *watch_context;
};

void board_new(struct board *board, struct memory *memory);
void board_free(struct board *board);
/* The world learns something now. */
void board_claim(struct board *board, struct claim claim);

#endif
