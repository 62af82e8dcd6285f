/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The emulated card's storage under a station's board. */
#ifndef BENCH_STORAGE_H
#define BENCH_STORAGE_H

#include "tests/unit/station.h"

/* While @station is off: its memory is @folder from now on, which provcard-card can take over when storage_close() was called. */
void storage_use(struct station *station, const char *folder, uint64_t ledger_size, uint64_t log_size);
void storage_close(void);

#endif
