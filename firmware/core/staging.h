/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The staging memory: packages as they came, ciphertext. What is where the ledger says: a job's record names its package's place
 * and the place of its issuing chain; all else is free. One package at a time is on its way in.
 */
#ifndef CORE_STAGING_H
#define CORE_STAGING_H

#include "internal.h"

/* First free place for @size bytes beside the package coming in. OUT_OF_MEMORY, PACKAGE_TOO_LARGE. The caller holds the lock. */
int staging_place(struct core *core, uint64_t size, uint64_t *offset);
/* Instead of a handle: the writer of a firmware for the card. A package may take its place, as long as it is not being committed. */
#define STAGING_FIRMWARE UINT32_MAX

/*
 * Something of @size bytes begins: its writer takes the staging memory, or begins anew. JOB_BUSY, OUT_OF_MEMORY, PACKAGE_TOO_LARGE.
 * And its next bytes, the command's input: INVALID_FIELD unless they follow what was written. The caller holds the lock.
 */
int staging_begin(struct core *core, uint32_t writer, uint64_t size);
int staging_add(struct core *core, const struct core_command *command, uint64_t offset, uint64_t size);
/* The writer has gone or is done. */
void staging_release(struct core *core, uint32_t writer);

#endif
