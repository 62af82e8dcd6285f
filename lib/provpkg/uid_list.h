/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unique ids of parts, remembered to find one that comes twice. All zero: empty. */
#ifndef UID_LIST_H
#define UID_LIST_H

#include "provpkg/types.h"

struct uid_list {
	struct uid_entry {
		uint8_t size;
		uint8_t uid[PROVPKG_UID_MAX];
	} *entry;
	size_t count;
	size_t room;
};

/* 0 or -ENOMEM. */
PROVPKG_MUST_CHECK int uid_list_add(struct uid_list *list, const uint8_t *uid, size_t size);
/* Is one of them there twice? Sorts the list. */
bool uid_list_repeats(struct uid_list *list);
void uid_list_free(struct uid_list *list);

#endif
