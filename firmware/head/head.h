/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programming heads: what the core asks of one. A struct head is one channel with one part in its socket, from head_attach to
 * head_detach; one thread at a time uses it. A locked part answers erase, read_lock and uart; the others give PART_LOCKED.
 *
 * Wherever a part is worked on: SWD_PARITY, SWD_FAULT, SWD_WAIT, CABLE; PART_GONE when it no longer answers or lost its power;
 * PART_SWAPPED when another answers then; UNIT_STOPPED when progress said so.
 *
 * Functions return 0, a refusal code of the 0x04xx range, or a negative errno (-ENOMEM). After a failure other than NO_PART
 * the head is still attached and must be detached.
 */
#ifndef PROVCARD_HEAD_H
#define PROVCARD_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port.h"

struct head;

#define HEAD_UID_MAX 16

struct head_identity {
	char part[32]; /* part number as in the RoT configuration, "nRF52840" */
	uint8_t uid[HEAD_UID_MAX]; /* the silicon's unique id in the order the vendor prints it; unreadable on a locked part */
	size_t uid_size; /* 0 when locked */
	bool locked; /* debug access is closed */
};

/* Bytes for an address of the part. */
struct head_region {
	uint32_t address;
	const uint8_t *data;
	size_t size;
};

enum head_lock { HEAD_LOCK_NONE, HEAD_LOCK_RECOVERABLE, HEAD_LOCK_PERMANENT };

/* Told about work done; returns false to stop (UNIT_STOPPED). May be NULL. */
typedef bool (*head_progress)(void *context, size_t done, size_t total);

/* A family's memory, for judging a RoT configuration: what the part number's flash is. */
struct head_part {
	const char *part;
	uint32_t flash_address;
	uint32_t flash_size;
	uint32_t page_size;
	uint32_t word_size; /* smallest programmable unit, bytes */
	bool permanent_lock; /* has a lock that cannot be undone */
};

/* The part of this name, NULL when no family knows it. */
const struct head_part *head_part_find(const char *part);

/* Connect to the part in the socket and identify it, as the family of @part. NO_PART, WRONG_PART, FAMILY_UNKNOWN, CABLE. */
int head_attach(const struct port *port, unsigned int number, const char *part, struct head **head);
/* Let the part go: it runs, or rests in reset as the family needs. NULL is fine. */
void head_detach(struct head *head);
const struct head_identity *head_identity(const struct head *head);

/*
 * Erase the whole part, locks included where the family can (recover). The part is blank afterwards, and head_identity is
 * renewed: a part that was locked has its unique id now. ERASE_FAILED, or RECOVER_FAILED when it was locked.
 */
int head_erase(struct head *head, head_progress progress, void *context);
/*
 * Program regions into erased memory; blank (all-ones) stretches may be skipped. PROGRAM_FAILED also for a region outside of
 * the part's memory, or on its lock word.
 */
int head_program(struct head *head, const struct head_region *regions, size_t count, head_progress progress, void *context);
/* Compare every byte of the regions with the part's memory, by a checksum the part computes or by reading. VERIFY_FAILED. */
int head_verify(struct head *head, const struct head_region *regions, size_t count, head_progress progress, void *context);
/*
 * Write the lock and make it take effect (the supply goes off and on). PART_SWAPPED when the unique id is not the one of the
 * beginning; LOCK_FAILED when the lock word does not read back or the family has no such lock. The part runs its own code
 * afterwards and is not attached to memory; head_read_lock works.
 */
int head_lock(struct head *head, enum head_lock lock);
/*
 * What the part itself says of its lock now, by a fresh connection. If it says locked, a debug read is tried: LOCK_FAILED when
 * that is not refused.
 */
int head_read_lock(struct head *head, bool *locked);
/* Let the part run and exchange bytes with it over its UART. PROOF_FAILED when fewer than @rx_size bytes came in time. */
int head_uart(struct head *head, const void *tx, size_t tx_size, void *rx, size_t rx_size, uint32_t timeout_us);

/* SWCLK cycles since head_attach, for honest figures. */
uint64_t head_clocks(const struct head *head);

#endif
