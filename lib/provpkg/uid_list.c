// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uid_list.h"

static int grow(struct uid_list *list)
{
	size_t room = list->room ? 2 * list->room : 64;
	struct uid_entry *entry = reallocarray(list->entry, room, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	list->entry = entry;
	list->room = room;
	return 0;
}

int uid_list_add(struct uid_list *list, const uint8_t *uid, size_t size)
{
	struct uid_entry entry = { .size = (uint8_t)size };
	int result = list->count == list->room ? grow(list) : 0;

	if (result)
		return result;
	memcpy(entry.uid, uid, size);
	list->entry[list->count++] = entry;
	return 0;
}

static int compare(const void *one, const void *other)
{
	return memcmp(one, other, sizeof(struct uid_entry));
}

bool uid_list_repeats(struct uid_list *list)
{
	if (list->count)
		qsort(list->entry, list->count, sizeof(*list->entry), compare);
	for (size_t i = 1; i < list->count; i++)
		if (!compare(&list->entry[i - 1], &list->entry[i]))
			return true;
	return false;
}

void uid_list_free(struct uid_list *list)
{
	free(list->entry);
	*list = (struct uid_list){ 0 };
}
