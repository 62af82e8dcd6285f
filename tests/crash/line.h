/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A production line: the people, the packages, the parts, and a card on a board of the enumerator. What is asked of the card and
 * what it answers goes to the board as claims.
 */
#ifndef CRASH_LINE_H
#define CRASH_LINE_H

#include "tests/crash/board.h"
#include "tests/crash/chance.h"
#include "tests/crash/parts.h"
#include "tests/unit/station.h"
#include "tests/unit/vendor.h"

#define LINE_FIRMWARE 3 /* of security versions 1, 2 and 3 */

struct line {
	struct station station;
	struct board *board;
	struct provpkg_blob file[WORLD_JOBS];
	uint8_t id[WORLD_JOBS][PROVPKG_ID_SIZE];
	uint32_t handle[WORLD_JOBS]; /* of this start; 0: none yet */
	uint64_t ceiling;	     /* of good units in the packages' own grants */
	struct world seen;	     /* what was claimed since the power came */
	bool quiet;		     /* nobody asks the card while it works */
	uint32_t unbootable;	     /* why no firmware was started, 0: one was, or there is no boot stage */
	struct vendor *vendor;	     /* of the card's firmware; NULL without a boot stage */
	struct provpkg_blob firmware[LINE_FIRMWARE];
	struct person authority; /* of time: world_name[6] */
};

/* The people and their keys. The card is switched off. */
void line_new(struct line *line, struct board *board);
void line_free(struct line *line);

/* Self-tests are left out: thousands of starts would do nothing else. */
void line_power_on(struct line *line);
void line_switch_off(struct line *line); /* in order */
void line_power_cut(struct line *line);	 /* nothing more reaches the memory */
/* Asks what any reader is told now, and claims it. */
void line_look(struct line *line);
void line_look_at_life(struct line *line);   /* of that, which life it is, and its state */
void line_look_at_people(struct line *line); /* who is enrolled, and who is locked out */
uint32_t line_fault(struct line *line);
/* What differs from one life of a card to the next. */
void line_life(const struct line *line, uint8_t life[PROVPKG_HASH_SIZE]);
/* Is this another life than the last one that the world was told of? */
bool line_is_reborn(const struct line *line, const struct world *world);

/* Acts: each returns the card's status. */
uint16_t line_prepare(struct line *line); /* initialise, enrol operator and OEM, pack the packages */
uint16_t line_enrol(struct line *line, uint32_t person);
uint16_t line_remove(struct line *line, uint32_t person);
uint16_t line_unlock(struct line *line, uint32_t person);
uint16_t line_set_policy(struct line *line, uint32_t failures);
/* Proven ones, as they stand in the ledger. */
uint64_t line_failures(const struct line *line, uint32_t person, bool *locked);
/* "pia" signs what is not hers to sign. */
uint16_t line_fail(struct line *line);
/* The auditor says which log it has seen. */
uint16_t line_audit(struct line *line);
uint16_t line_load(struct line *line, uint32_t job);
uint16_t line_allocate(struct line *line, uint32_t job, uint64_t count);
uint16_t line_grant(struct line *line, uint32_t job, uint64_t ceiling);
uint16_t line_terminate(struct line *line, uint32_t job); /* by the OEM */
uint16_t line_close(struct line *line, uint32_t job, struct provpkg_blob *end);
uint16_t line_zeroise(struct line *line);
uint16_t line_set_state(struct line *line, enum world_state state);
uint16_t line_set_time(struct line *line, uint64_t time);
/* The board gets a boot stage, and its first firmware. */
void line_add_firmware(struct line *line);
void line_free_firmware(struct line *line);
/* The boot stage: what starts is what runs from then on. */
void line_boot(struct line *line);
void line_look_at_firmware(struct line *line);
uint16_t line_store_firmware(struct line *line, uint32_t number);
uint16_t line_activate_firmware(struct line *line, uint32_t number);
/* The job's handle since the last start, bound when it was not: 0 and its status when that is refused. */
uint16_t line_handle(struct line *line, uint32_t job, uint32_t *handle);
/* The job is on the card, and not closed. */
bool line_is_open(struct line *line, uint32_t job);

struct line_run {
	uint32_t job;
	unsigned int head;
	uint32_t part;
	enum part_fate fate;
	uint16_t status;
};

void line_run(struct line *line, struct line_run *run);
/*
 * Several heads at once, so that their commits share flushes. Which commits share, @chance decides; the threads have no part in
 * it: each waits before every commit until it is told to go.
 */
void line_run_together(struct line *line, struct line_run *runs, size_t count, struct chance *chance);

#endif
