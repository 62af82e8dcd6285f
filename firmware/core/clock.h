/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Card time: seconds since 1970, forward only.
 *
 * Until a time authority has set it, it follows the board's battery clock, or stands still while that is behind the latest time
 * the card has ever written down. Once set, it is the time that was set plus the board's monotonic time since, whatever the
 * battery clock does. Over a restart it goes on by what the battery clock says has passed. When that clock went backwards, or
 * says less than has been written down, it is lost: the card goes on from the latest time it knows, counted up while it has
 * power, says of each record that its time is not authenticated, and waits for a time authority. A battery clock that jumps ahead
 * while the card is off cannot be told from a long time without power.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <threads.h>

struct core;
struct request;

/* A time that lies this far behind the card's own still confirms it; one that lies further ahead than this needs officers. */
#define CLOCK_TOLERANCE 300
#define CLOCK_STEP_MAX (30 * 86400)
/* A signed time is taken so long after the card gave out the nonce in it: by so much at most a host can delay it. */
#define CLOCK_DELAY_MAX 300

struct core_clock {
	mtx_t lock;
	bool steady;	    /* base and monotonic time, else the battery clock */
	bool authenticated; /* set by a time authority, not lost since */
	uint64_t base;
	uint64_t base_ns;
};

/* After recovery, before the first record: go on where the ledger and the battery clock say. */
void clock_start(struct core *core);
/* A new life: whom the old one trusted with the time is forgotten, the time is not. */
void clock_doubt(struct core *core);
uint64_t core_time(struct core *core);
void core_time_at_least(struct core *core, uint64_t time);
bool core_time_authenticated(struct core *core);
/* What a time authority signed. TIME_BACKWARDS, TIME_TOO_FAR, TIME_LATE. */
int operation_set_time(struct request *request);

#endif
