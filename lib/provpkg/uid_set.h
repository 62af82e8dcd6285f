/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unique ids of parts, remembered to find one that comes twice. When they may not fill memory they are sorted in runs as large as
 * memory allows, the runs put aside, and merged in the end. All zero: empty, all in memory.
 */
#ifndef UID_SET_H
#define UID_SET_H

#include "provpkg/delivery.h"

struct uid_entry {
	uint8_t size;
	uint8_t uid[PROVPKG_UID_MAX];
};

struct uid_set {
	struct uid_entry *entry;
	size_t count; /* in memory */
	size_t room;
	bool repeated; /* within a run */
	struct provpkg_spool spool;
	size_t run; /* entries of a run in the spool, 0 without one */
	uint64_t runs;
};

/* Before the first is added: keep @run of them at most, at least 1. */
void uid_set_spool(struct uid_set *set, const struct provpkg_spool *spool, size_t run);
/* 0, -ENOMEM, the spool's error. */
PROVPKG_MUST_CHECK int uid_set_add(struct uid_set *set, const uint8_t *uid, size_t size);
/* Is one of them there twice? Nothing can be added afterwards. -ENOMEM, -EOVERFLOW: too many runs for this memory; the spool's error. */
PROVPKG_MUST_CHECK int uid_set_repeats(struct uid_set *set, bool *repeated);
void uid_set_free(struct uid_set *set);

#endif
