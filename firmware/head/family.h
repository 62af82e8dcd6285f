/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one family of parts is to the heads: a table of operations. A family is one .c file with one struct family, named in
 * the table in head.c.
 *
 * Operations return 0, a refusal code of the 0x04xx range, or a negative errno. All but identify may assume that the port is
 * connected (adiv5_connect) and that identify has succeeded.
 */
#ifndef HEAD_FAMILY_H
#define HEAD_FAMILY_H

#include "head/adiv5.h"
#include "head/head.h"

#define TARGET_PAGE_WORDS 1024 /* of the largest page of any family */

struct family;

struct target {
	const struct family *family;
	const struct head_part *part;
	struct head_identity identity;
	bool halted; /* our doing: only a restart gives the part back to its own code */
	bool hardened; /* nRF52: the lock is closed after every reset unless opened twice */
	struct adiv5_pace pace; /* of the flash */
	struct swd swd;
	struct adiv5 dap;
	uint32_t page[TARGET_PAGE_WORDS];
};

/* How far work has come; progress may be NULL. */
struct work {
	head_progress progress;
	void *context;
	size_t done, total;
};

struct family {
	const struct head_part *parts;
	size_t part_count;
	/* Fill in target->identity, locked parts too. WRONG_PART when this is not target->part. */
	int (*identify)(struct target *target);
	/* The unique id of the part that answers now, identity.uid_size bytes. */
	int (*unique_id)(struct target *target, uint8_t *uid);
	/* Erase an open part, or one that is locked. Both leave it connected, open and blank, identity renewed. */
	int (*erase)(struct target *target, struct work *work);
	int (*recover)(struct target *target, struct work *work);
	int (*program)(struct target *target, const struct head_region *regions, size_t count, struct work *work);
	int (*verify)(struct target *target, const struct head_region *regions, size_t count, struct work *work);
	/* Write the lock. It takes effect when the caller restarts the part. */
	int (*lock)(struct target *target, enum head_lock lock);
	/* What the part says; and if it says locked, debug access was tried and refused (LOCK_FAILED when it was not). */
	int (*read_lock)(struct target *target, bool *locked);
};

extern const struct family family_nrf52840;

/* Account for @bytes of work. UNIT_STOPPED when the caller wants to stop. */
int work_done(struct work *work, size_t bytes);
size_t work_total(const struct head_region *regions, size_t count);

/* Memory helpers that families share. */

/* The word at @address as the region has it; bytes outside the region as in erased memory, all ones. */
uint32_t region_word(const struct head_region *region, uint32_t address);
/* How many bytes of the region lie from @from up to @to. */
size_t region_bytes(const struct head_region *region, uint64_t from, uint64_t to);
/* Compare by reading everything back. */
int region_compare(struct target *target, const struct head_region *region, struct work *work);

#endif
