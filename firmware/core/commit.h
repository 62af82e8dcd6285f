/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Group commit. Every change of the ledger and every log record goes through commit_run(): whoever finds no leader becomes it,
 * takes all that waits, judges each change in turn, writes the log entries with one flush, then the journal records with one flush
 * and one step of the fuse. Meanwhile the next batch gathers. So heads at work side by side share their flushes.
 *
 * Order, and what it gives: a log entry is durable before the journal record that vouches for it, so the ledger never names an
 * entry that is not there. Every record vouches for the entries before it, also when it has none of its own, so that the log
 * cannot be set back alone. Readers see a change when all of it is durable, and not before.
 *
 * A batch of nothing but finished units needs no flush of the journal: their log entries carry all that is needed to repeat the
 * ledger's records after a power cut (recover.c does).
 */
#ifndef CORE_COMMIT_H
#define CORE_COMMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <threads.h>

#include "ledger.h"
#include "provpkg.h"

struct core;

/* One change, as its maker sees it. Zero-initialise, fill in the first part. */
struct commit {
	struct ledger_change change;	/* LEDGER_NONE: only a log record */
	struct provpkg_record *record;	/* NULL: no log record; time, boot, chain and counters are filled in here */
	struct provpkg_view attachment; /* of the record */

	/* Answers. */
	int status;	 /* 0, refusal code or negative errno */
	bool resumed;	 /* RESERVE: charged before */
	bool repeated;	 /* GRANT: in force already */
	uint32_t unit;	 /* RESERVE: number; the caller must end it with commit_release() */
	uint64_t charge; /* RESERVE: of the unit */
	uint64_t charged_at;

	/* The queue's. */
	bool done;
	bool write; /* a record is to be written */
	uint64_t time;
	struct commit *next;
};

struct commit_queue {
	mtx_t lock;
	cnd_t finished;
	struct commit *first;
	struct commit **last;
	bool led;
};

int commit_init(struct commit_queue *queue);
void commit_clear(struct commit_queue *queue);

/* Make it happen, durably, or refuse: returns commit->status. */
int commit_run(struct core *core, struct commit *commit);
/* A reserved unit has left its head. */
void commit_release(struct core *core, uint32_t unit);
/* A superblock now: everything so far is durable, and the log's head is marked. Nobody may commit meanwhile. */
int commit_superblock(struct core *core);

#endif
