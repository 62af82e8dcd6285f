/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log entries as the checks need them. Most entries stand in thousands of states: each is read and decoded once, and
 * each tree computed once. */
#ifndef CRASH_ENTRIES_H
#define CRASH_ENTRIES_H

#include "tests/crash/line.h"

struct entry {
	uint8_t leaf[PROVPKG_HASH_SIZE];
	enum provpkg_event event;
	bool has_job;
	uint32_t part;
	int64_t time;
	uint64_t allocated; /* afterwards */
	uint8_t package_id[PROVPKG_ID_SIZE];
	uint8_t certificate[PROVPKG_HASH_SIZE];
};

/* The root of the first @size entries' tree; @digest follows from their leaves. False when the log cannot say. */
bool entries_root(struct line *line, uint64_t size, uint64_t digest, uint8_t root[PROVPKG_HASH_SIZE]);

/* The entry of this index, which must be there. Valid until the next call. */
const struct entry *entries_find(struct line *line, uint64_t index);

#endif
