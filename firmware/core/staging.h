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
/* The writer has gone or is done. */
void staging_release(struct core *core, uint32_t writer);

#endif
