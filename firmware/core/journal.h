/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's journal on non-volatile memory: fixed records, each authenticated and chained to the one before, two superblocks
 * written alternately, and the binding to the fuse counter.
 *
 * Every superblock and every binding batch of records carries the generation that the fuse shows once it is durable: write,
 * flush, then increment the fuse. So memory is genuine only when its newest generation equals the fuse, or is one ahead after a
 * power cut between flush and increment. An image restored from before any binding record is behind the fuse, and found out.
 *
 * A record names in "flushed" the sequence below which everything was durable when it was written. Writes between flushes reach
 * the memory in any order, so valid records after a bad one are a torn tail, unless one of them says that the bad one had been
 * durable: then the journal was damaged afterwards.
 *
 * Stored in the card's own byte order: the structures never leave the card. One thread at a time.
 */
#ifndef CORE_JOURNAL_H
#define CORE_JOURNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "port.h"

#define JOURNAL_RECORD_SIZE 512
#define JOURNAL_BODY_SIZE 408
#define JOURNAL_BATCH_MAX 64
#define JOURNAL_SUPERBLOCK_STRIDE 4096
#define JOURNAL_START (2 * JOURNAL_SUPERBLOCK_STRIDE)
/* Records that may be written without a flush; the torn tail is never longer than that and one batch. */
#define JOURNAL_UNFLUSHED_MAX 4096

struct journal_record {
	uint32_t magic;
	uint32_t type;
	uint64_t sequence;
	uint64_t generation;
	uint64_t flushed;
	uint64_t time; /* card time */
	uint8_t body[JOURNAL_BODY_SIZE];
	uint8_t previous[32]; /* SHA-256 of the record before, zero for the first */
	uint8_t mac[32];
};

/* What a superblock remembers for its readers. */
struct journal_mark {
	uint64_t boots;
	uint64_t time;
	uint64_t log_size;
	uint8_t log_root[32];
};

struct journal {
	const struct port *port;
	EVP_MAC_CTX *mac;
	atomic_ullong *flushes;
	uint64_t capacity; /* records */
	uint64_t next;	   /* sequence of the next record */
	uint64_t flushed;
	uint64_t generation; /* what the fuse shows */
	unsigned int slot;   /* where the next superblock goes */
	uint8_t last[32];    /* SHA-256 of record next - 1 */
	size_t batch_count;
	bool batch_binding;
	struct journal_record *batch;
};

/* Replay: called for each record in order; anything but 0 stops the recovery with that code. */
typedef int (*journal_visit)(void *context, const struct journal_record *record);

/* 0 or a negative errno. */
int journal_open(struct journal *journal, const struct port *port, const uint8_t key[32], atomic_ullong *flushes);
void journal_close(struct journal *journal);

/* Begin a new journal. The old content is gone. LEDGER_FAILED. */
int journal_format(struct journal *journal, const struct journal_mark *mark);
/* LEDGER_CORRUPT, LEDGER_ROLLBACK, LEDGER_FAILED, or what @visit returned. Writes nothing but zeroes over a torn tail. */
int journal_recover(struct journal *journal, journal_visit visit, void *context, struct journal_mark *mark);
/* Everything appended so far becomes durable with it. LEDGER_FAILED: the card must stop. */
int journal_superblock(struct journal *journal, const struct journal_mark *mark);

/*
 * A batch: begin, add up to JOURNAL_BATCH_MAX, end. A binding batch is durable and counted by the fuse when end returns 0; one that
 * is not binding is only written, and becomes durable with the next flush. LEDGER_FAILED from any of them: the card must stop.
 */
void journal_begin(struct journal *journal, bool binding);
int journal_add(struct journal *journal, uint32_t type, uint64_t time, const void *body, size_t size);
int journal_end(struct journal *journal);

#endif
