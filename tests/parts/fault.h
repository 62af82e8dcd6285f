/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults by script, so that a test can say "the part is pulled after the third erase". One line each, # begins a comment:
 *
 *	TRIGGER NUMBER ACTION [COUNT]
 *	stuck ADDRESS BIT VALUE
 *
 * TRIGGER is "clock" (SWCLK cycles since power on), "erase" or "write" (operations of the non-volatile memory since power on).
 * ACTION is
 *	pull	the part is gone: the process ends with status 3
 *	power	power fails and returns: RAM, debug state and counters are lost
 *	wait	the next COUNT accesses to access ports are answered WAIT
 *	fault	the next access to an access port ends in a bus error
 *	parity	the next data the part sends carries the wrong parity
 *	flip	the part sees the opposite level on the line in this clock
 * "stuck" holds bit BIT (0-7) of the non-volatile byte at ADDRESS at VALUE, whatever is erased or programmed.
 */
#ifndef PART_FAULT_H
#define PART_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#define FAULTS_MAX 64
#define FAULT_EXIT_PULLED 3

enum fault_trigger { FAULT_AT_CLOCK, FAULT_AT_ERASE, FAULT_AT_WRITE, FAULT_TRIGGERS };
enum fault_action { FAULT_PULL, FAULT_POWER, FAULT_WAIT, FAULT_BUS, FAULT_PARITY, FAULT_FLIP };

struct fault_event {
	enum fault_trigger trigger;
	uint64_t number;
	enum fault_action action;
	uint32_t count;
	bool done;
};

struct fault_stuck {
	uint32_t address;
	uint8_t bit;
	bool value;
};

struct faults {
	struct fault_event events[FAULTS_MAX];
	struct fault_stuck stuck[FAULTS_MAX];
	unsigned int event_count, stuck_count;
	uint64_t erases, writes;
	bool flip; /* this clock */
	bool power_fails; /* at the end of this clock */
};

struct part;

/* Returns false after a message on stderr. */
bool faults_load(struct faults *faults, const char *path);
/* Something that can trigger has come to @number. */
void faults_check(struct part *part, enum fault_trigger trigger, uint64_t number);
/* Non-volatile memory was erased or written: count, trigger, and let stuck bits be stuck. */
void faults_erased(struct part *part);
void faults_written(struct part *part);
void faults_hold(struct part *part);

#endif
