// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "provcard-refusal.h"

#define RECORD_MAGIC 0x4c524350	    /* "PCRL" */
#define SUPERBLOCK_MAGIC 0x53424350 /* "PCBS" */
#define SUPERBLOCK_VERSION 1
#define READ_AHEAD 256 /* records */

struct superblock {
	uint32_t magic;
	uint32_t version;
	uint64_t generation;
	uint64_t records; /* replay must come this far */
	uint8_t last[32]; /* SHA-256 of record records - 1 */
	struct journal_mark mark;
	uint8_t reserved[368];
	uint8_t mac[32];
};

_Static_assert(sizeof(struct journal_record) == JOURNAL_RECORD_SIZE, "a record is one sector");
_Static_assert(sizeof(struct superblock) == JOURNAL_RECORD_SIZE, "a superblock is one sector");

int journal_open(struct journal *journal, const struct port *port, const uint8_t key[32], atomic_ullong *flushes)
{
	uint64_t size = port->ops->nv_size(port->context, PORT_NV_LEDGER);

	memset(journal, 0, sizeof(*journal));
	if (size < JOURNAL_START + JOURNAL_RECORD_SIZE)
		return -ENOSPC;
	journal->port = port;
	journal->flushes = flushes;
	journal->capacity = (size - JOURNAL_START) / JOURNAL_RECORD_SIZE;
	journal->mac = crypto_mac_new(key);
	journal->batch = calloc(JOURNAL_BATCH_MAX, sizeof(*journal->batch));
	if (journal->mac && journal->batch)
		return 0;
	journal_close(journal);
	return -ENOMEM;
}

void journal_close(struct journal *journal)
{
	EVP_MAC_CTX_free(journal->mac);
	free(journal->batch);
	memset(journal, 0, sizeof(*journal));
}

static uint64_t record_offset(uint64_t sequence)
{
	return JOURNAL_START + sequence * JOURNAL_RECORD_SIZE;
}

/* Records and superblocks alike: everything before the MAC, which is the sector's end. */
static int sector_mac(struct journal *journal, const void *sector, uint8_t mac[32])
{
	struct crypto_piece piece = { sector, JOURNAL_RECORD_SIZE - CRYPTO_DIGEST };

	return crypto_mac(journal->mac, &piece, 1, mac);
}

static bool sector_genuine(struct journal *journal, const void *sector)
{
	const uint8_t *mac = (const uint8_t *)sector + JOURNAL_RECORD_SIZE - CRYPTO_DIGEST;
	uint8_t expected[CRYPTO_DIGEST];

	return !sector_mac(journal, sector, expected) && !CRYPTO_memcmp(mac, expected, sizeof(expected));
}

static int read_at(struct journal *journal, uint64_t offset, void *data, size_t size)
{
	const struct port *port = journal->port;

	return port->ops->nv_read(port->context, PORT_NV_LEDGER, offset, data, size) ? PROVCARD_REFUSAL_LEDGER_FAILED : 0;
}

static int write_at(struct journal *journal, uint64_t offset, const void *data, size_t size)
{
	const struct port *port = journal->port;

	return port->ops->nv_write(port->context, PORT_NV_LEDGER, offset, data, size) ? PROVCARD_REFUSAL_LEDGER_FAILED : 0;
}

static int flush(struct journal *journal)
{
	const struct port *port = journal->port;

	if (port->ops->nv_flush(port->context, PORT_NV_LEDGER))
		return PROVCARD_REFUSAL_LEDGER_FAILED;
	atomic_fetch_add(journal->flushes, 1);
	journal->flushed = journal->next;
	return 0;
}

/* What was written as generation + 1 is durable; let the fuse say so. */
static int bind_fuse(struct journal *journal)
{
	const struct port *port = journal->port;

	if (port->ops->fuse_increment(port->context))
		return PROVCARD_REFUSAL_LEDGER_FAILED;
	journal->generation++;
	return 0;
}

int journal_superblock(struct journal *journal, const struct journal_mark *mark)
{
	struct superblock block = { .magic = SUPERBLOCK_MAGIC,
				    .version = SUPERBLOCK_VERSION,
				    .generation = journal->generation + 1,
				    .records = journal->next,
				    .mark = *mark };
	int code;

	/* The superblock vouches for the records before it, so they must not be lost while it stays. */
	code = flush(journal);
	if (code)
		return code;
	memcpy(block.last, journal->last, sizeof(block.last));
	if (sector_mac(journal, &block, block.mac))
		return PROVCARD_REFUSAL_LEDGER_FAILED;
	code = write_at(journal, (uint64_t)journal->slot * JOURNAL_SUPERBLOCK_STRIDE, &block, sizeof(block));
	if (!code)
		code = flush(journal);
	if (!code)
		code = bind_fuse(journal);
	if (!code)
		journal->slot ^= 1;
	return code;
}

int journal_format(struct journal *journal, const struct journal_mark *mark)
{
	const struct port *port = journal->port;
	struct journal_record zero = { 0 };
	int code = 0;

	if (port->ops->fuse_read(port->context, &journal->generation))
		return PROVCARD_REFUSAL_LEDGER_FAILED;
	journal->next = 0;
	journal->slot = 0;
	memset(journal->last, 0, sizeof(journal->last));
	/* The records of a journal under another key cannot be taken for ours; its superblocks must not be found either. */
	for (unsigned int slot = 0; slot < 2 && !code; slot++)
		code = write_at(journal, (uint64_t)slot * JOURNAL_SUPERBLOCK_STRIDE, &zero, sizeof(zero));
	return code ? code : journal_superblock(journal, mark);
}

static bool superblock_read(struct journal *journal, unsigned int slot, struct superblock *block)
{
	return !read_at(journal, (uint64_t)slot * JOURNAL_SUPERBLOCK_STRIDE, block, sizeof(*block)) &&
	       block->magic == SUPERBLOCK_MAGIC && block->version == SUPERBLOCK_VERSION && sector_genuine(journal, block);
}

static int newest_superblock(struct journal *journal, struct superblock *newest)
{
	struct superblock block[2];
	bool good[2];
	unsigned int slot;

	for (slot = 0; slot < 2; slot++)
		good[slot] = superblock_read(journal, slot, &block[slot]);
	if (!good[0] && !good[1])
		return PROVCARD_REFUSAL_LEDGER_CORRUPT;
	slot = good[1] && (!good[0] || block[1].generation > block[0].generation);
	*newest = block[slot];
	journal->slot = slot ^ 1;
	return 0;
}

/* Reads records in larger pieces, in ascending order. */
struct reader {
	struct journal *journal;
	uint64_t first;
	uint64_t count;
	struct journal_record record[READ_AHEAD];
};

static int reader_at(struct reader *reader, uint64_t sequence, const struct journal_record **record)
{
	uint64_t left = reader->journal->capacity - sequence;
	int code;

	if (sequence < reader->first || sequence >= reader->first + reader->count) {
		reader->first = sequence;
		reader->count = left < READ_AHEAD ? left : READ_AHEAD;
		code = read_at(reader->journal, record_offset(sequence), reader->record,
			       (size_t)reader->count * JOURNAL_RECORD_SIZE);
		if (code)
			return code;
	}
	*record = &reader->record[sequence - reader->first];
	return 0;
}

static bool record_genuine(struct journal *journal, const struct journal_record *record, uint64_t sequence)
{
	return record->magic == RECORD_MAGIC && record->sequence == sequence && sector_genuine(journal, record);
}

/* Replay up to the first bad record; *generation becomes that of the last good one, if there is one. */
static int replay(struct reader *reader, const struct superblock *block, journal_visit visit, void *context, uint64_t *generation)
{
	struct journal *journal = reader->journal;
	const struct journal_record *record;
	int code;

	for (journal->next = 0; journal->next < journal->capacity; journal->next++) {
		code = reader_at(reader, journal->next, &record);
		if (code)
			return code;
		if (!record_genuine(journal, record, journal->next) || memcmp(record->previous, journal->last, 32))
			break;
		if (journal->next == block->records && memcmp(journal->last, block->last, sizeof(block->last)))
			return PROVCARD_REFUSAL_LEDGER_CORRUPT;
		if (record->generation < *generation && journal->next >= block->records)
			return PROVCARD_REFUSAL_LEDGER_CORRUPT;
		code = visit(context, record);
		if (code)
			return code;
		if (crypto_sha256(record, sizeof(*record), journal->last))
			return PROVCARD_REFUSAL_LEDGER_FAILED;
		if (record->generation > *generation)
			*generation = record->generation;
	}
	return journal->next < block->records ? PROVCARD_REFUSAL_LEDGER_CORRUPT : 0;
}

/* Behind the first bad record only a torn tail may stand. */
static int check_tail(struct reader *reader, uint64_t *tail)
{
	struct journal *journal = reader->journal;
	uint64_t end = journal->next + JOURNAL_UNFLUSHED_MAX + JOURNAL_BATCH_MAX;
	const struct journal_record *record;
	int code;

	*tail = journal->next;
	for (uint64_t i = journal->next; i < end && i < journal->capacity; i++) {
		code = reader_at(reader, i, &record);
		if (code)
			return code;
		if (record->magic)
			*tail = i + 1;
		if (record_genuine(journal, record, i) && record->flushed > journal->next)
			return PROVCARD_REFUSAL_LEDGER_CORRUPT;
	}
	return 0;
}

/* Remove a torn tail, so that none of its records is ever met again behind new ones. */
static int cut_tail(struct journal *journal, uint64_t tail)
{
	static const struct journal_record zero;
	int code = 0;

	for (uint64_t i = journal->next; i < tail && !code; i++)
		code = write_at(journal, record_offset(i), &zero, sizeof(zero));
	return code ? code : flush(journal);
}

static int check_fuse(struct journal *journal, uint64_t generation)
{
	const struct port *port = journal->port;
	uint64_t fuse;

	if (port->ops->fuse_read(port->context, &fuse))
		return PROVCARD_REFUSAL_LEDGER_FAILED;
	if (generation < fuse)
		return PROVCARD_REFUSAL_LEDGER_ROLLBACK;
	if (generation > fuse + 1)
		return PROVCARD_REFUSAL_LEDGER_CORRUPT;
	journal->generation = fuse;
	return generation == fuse ? 0 : bind_fuse(journal);
}

int journal_recover(struct journal *journal, journal_visit visit, void *context, struct journal_mark *mark)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	uint64_t generation, tail = 0;
	struct superblock block;
	int code;

	if (!reader)
		return -ENOMEM;
	reader->journal = journal;
	memset(journal->last, 0, sizeof(journal->last));
	code = newest_superblock(journal, &block);
	if (code)
		goto out;
	generation = block.generation;
	code = replay(reader, &block, visit, context, &generation);
	if (!code)
		code = check_tail(reader, &tail);
	if (!code)
		code = check_fuse(journal, generation);
	if (!code)
		code = cut_tail(journal, tail);
	*mark = block.mark;
out:
	free(reader);
	return code;
}

void journal_begin(struct journal *journal, bool binding)
{
	journal->batch_count = 0;
	journal->batch_binding = binding;
}

int journal_add(struct journal *journal, uint32_t type, uint64_t time, const void *body, size_t size)
{
	struct journal_record *record = &journal->batch[journal->batch_count];

	if (journal->batch_count == JOURNAL_BATCH_MAX || size > JOURNAL_BODY_SIZE || journal->next >= journal->capacity)
		return PROVCARD_REFUSAL_LEDGER_FAILED;
	memset(record, 0, sizeof(*record));
	record->magic = RECORD_MAGIC;
	record->type = type;
	record->sequence = journal->next;
	record->generation = journal->generation + (journal->batch_binding ? 1 : 0);
	record->flushed = journal->flushed;
	record->time = time;
	memcpy(record->body, body, size);
	memcpy(record->previous, journal->last, sizeof(record->previous));
	if (sector_mac(journal, record, record->mac) || crypto_sha256(record, sizeof(*record), journal->last))
		return PROVCARD_REFUSAL_LEDGER_FAILED;
	journal->next++;
	journal->batch_count++;
	return 0;
}

int journal_end(struct journal *journal)
{
	uint64_t first = journal->next - journal->batch_count;
	int code;

	if (!journal->batch_count)
		return 0;
	code = write_at(journal, record_offset(first), journal->batch, journal->batch_count * JOURNAL_RECORD_SIZE);
	if (code)
		return code;
	if (journal->batch_binding || journal->next - journal->flushed >= JOURNAL_UNFLUSHED_MAX)
		code = flush(journal);
	return !code && journal->batch_binding ? bind_fuse(journal) : code;
}
