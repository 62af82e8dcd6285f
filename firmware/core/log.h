/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The card's log on non-volatile memory: entries one after another, each a frame, a DER record and its attachment. Kept in memory, 80
 * bytes an entry: the leaf's hash and those of the subtrees that it completed (two in the mean, so that proofs take O(log n) hashes),
 * its offset, and in its job's list its index. The lists double when they are full.
 *
 * One thread, the commit leader, adds entries: log_add() any number of times, log_write() (durable when it returns 0), and
 * log_publish(), before which no reader sees them. Readers lock for themselves.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <threads.h>

#include <openssl/evp.h>

#include "port.h"
#include "provpkg.h"

#define LOG_ATTACHMENT_MAX (256u << 10)
/* A unit's entry at its largest: frame, record, ML-DSA-65 certificate by an ML-DSA-65 issuer with a long name, sealed secrets. */
#define LOG_UNIT_ENTRY_MAX 12288
/* Bytes kept free for entries that must still be possible on a nearly full log. */
#define LOG_MARGIN (512u << 10)

struct log_frame {
	uint32_t magic;
	uint32_t event;
	uint64_t index;
	uint32_t record_size;
	uint32_t attachment_size;
	uint32_t has_job;
	uint32_t reserved;
	uint8_t package_id[PROVPKG_ID_SIZE];
	uint8_t previous[PROVPKG_HASH_SIZE]; /* SHA-256 of the record before */
	uint8_t mac[32];		     /* over the frame before it, the record and the attachment */
};

struct log_job {
	uint8_t package_id[PROVPKG_ID_SIZE];
	uint64_t *index;
	uint64_t count;
	uint64_t room;
	struct provpkg_tree certificates; /* of the GOOD units, in log order */
};

struct log_batch; /* entries added and not yet published */

struct log {
	const struct port *port;
	EVP_MAC_CTX *mac;
	atomic_ullong *flushes;
	uint64_t capacity; /* bytes */
	mtx_t lock;
	/* Under the lock: */
	uint64_t size; /* entries */
	uint64_t used; /* bytes */
	struct provpkg_nodes nodes;
	uint64_t *offset;
	uint64_t room;
	struct provpkg_tree tree;
	struct log_job **job;
	size_t jobs;
	/* The leader's: */
	uint8_t previous[PROVPKG_HASH_SIZE]; /* SHA-256 of the last record added */
	struct log_batch *batch;
};

int log_open(struct log *log, const struct port *port, const uint8_t key[32], atomic_ullong *flushes);
void log_close(struct log *log);

/*
 * Called for each entry of the tail that the ledger does not vouch for; one that is not to be kept cuts the log before it. Anything
 * but 0 ends the recovery with that code, and the log stays as it is.
 */
typedef int (*log_judge)(void *context, const struct provpkg_record *record, struct provpkg_view attachment,
			 const uint8_t leaf[PROVPKG_HASH_SIZE], bool *keep);

/*
 * Read everything. The first @acknowledged entries must be there, LEDGER_CORRUPT if they are not; behind them a torn entry ends
 * the log, and @judge decides on whole ones. The tree of the first @mark_size leaves must have @mark_root.
 */
int log_recover(struct log *log, uint64_t acknowledged, uint64_t mark_size, const uint8_t mark_root[PROVPKG_HASH_SIZE],
		log_judge judge, void *context);

/* Is there room for an entry of this size, beside what else is promised? */
bool log_has_room(const struct log *log, uint64_t bytes);

/*
 * Encode an entry: fills in @record's index, previous and attachment digest. @leaf gets its leaf hash.
 * 0, -ENOMEM, -EIO, LOG_FULL.
 */
int log_add(struct log *log, struct provpkg_record *record, struct provpkg_view attachment, uint8_t leaf[PROVPKG_HASH_SIZE]);
/* The last entry, added ones included: its index and leaf hash. UINT64_MAX when there is none. */
uint64_t log_last(const struct log *log, uint8_t leaf[PROVPKG_HASH_SIZE]);
int log_write(struct log *log);	  /* STORAGE_FAILED: the card must stop */
int log_publish(struct log *log); /* -ENOMEM: the card must stop */

/* Leaf hash @index of what is published; for the leader, or while nobody adds. */
const uint8_t *log_leaf(const struct log *log, uint64_t index);

/* Size and root as readers may see them. */
int log_head(struct log *log, uint64_t *size, uint8_t root[PROVPKG_HASH_SIZE]);
/* Root of the first @size leaves. */
int log_root_at(struct log *log, uint64_t size, uint8_t root[PROVPKG_HASH_SIZE]);
/* Proofs, and a run of leaves as provpkg_run() gives it. NO_SUCH_OBJECT for what is not in the log, or of no size. */
int log_proof(struct log *log, uint64_t index, uint64_t size, uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], size_t *count);
int log_consistency(struct log *log, uint64_t older, uint64_t newer, uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE],
		    size_t *count);
int log_run(struct log *log, uint64_t first, uint64_t size, uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE], size_t *count);
/* The entry's frame and place; record and attachment follow the frame. NO_SUCH_OBJECT past the end. */
int log_entry(struct log *log, uint64_t index, struct log_frame *frame, uint64_t *offset);
/* Copies up to @room indexes of the job's records from the @first-th; *all is how many there are. */
size_t log_job_indexes(struct log *log, const uint8_t package_id[PROVPKG_ID_SIZE], uint64_t first, uint64_t *index, size_t room,
		       uint64_t *all);
/* Merkle root over the job's certificates, the index of its first record, and how many records it has. */
int log_job_summary(struct log *log, const uint8_t package_id[PROVPKG_ID_SIZE], uint64_t *first, uint64_t *records,
		    uint8_t certificates_root[PROVPKG_HASH_SIZE]);

#endif
