/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which firmware slot to start: the one thing that boot stage and firmware both write. Two copies, written in turns, each with a
 * sequence number and a digest: a write that is cut short spoils the copy that was not in force. Who can write the card's memory
 * can write these; they choose among slots that must be genuine and not below the floor anyway.
 *
 *   EMPTY --commit--> STORED --activate--> PENDING --start--> TRYING --confirm--> GOOD (active)
 *                                                               |
 *                                                               +--BOOT_ATTEMPTS starts, or not genuine--> BAD
 *
 * A GOOD slot that is not active can be activated again. Only the slot beside the running one is ever written.
 */
#ifndef BOOT_FLAGS_H
#define BOOT_FLAGS_H

#include "port.h"

#define BOOT_SLOTS 2
#define BOOT_ATTEMPTS 3 /* starts that a new firmware has to confirm itself */

enum boot_state {
	BOOT_EMPTY = 0,
	BOOT_STORED = 1, /* genuine when it was written; nobody approved its start */
	BOOT_PENDING = 2, /* to be started next */
	BOOT_TRYING = 3, /* was started and has not confirmed itself */
	BOOT_GOOD = 4, /* has confirmed itself, now or earlier */
	BOOT_BAD = 5, /* failed; never started again */
};

struct boot_slot {
	uint32_t state; /* enum boot_state */
	uint32_t attempts; /* starts so far, while TRYING */
};

struct boot_flags {
	uint64_t sequence;
	uint32_t active; /* the slot in force: 0 or 1 */
	struct boot_slot slot[BOOT_SLOTS];
};

/* FRESH: never written. DAMAGED: something is there, and neither copy is whole. */
enum boot_found { BOOT_FLAGS_FOUND, BOOT_FLAGS_FRESH, BOOT_FLAGS_DAMAGED };

/* 0 or a negative errno. @flags is zero unless they were found. */
int boot_flags_read(const struct port *port, struct boot_flags *flags, enum boot_found *found);
/* Durable when it returns 0; a power cut leaves these or the ones before. @flags->sequence rises. */
int boot_flags_write(const struct port *port, struct boot_flags *flags);

/* The slot to be tried, PENDING or TRYING; BOOT_SLOTS for none. */
unsigned int boot_flags_candidate(const struct boot_flags *flags);

#endif
