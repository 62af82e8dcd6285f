// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/crash/explore.h"

void path_print(const struct path *path, char text[PATH_TEXT])
{
	size_t size = (size_t)snprintf(text, PATH_TEXT, "%" PRIu64, path->campaign);

	for (size_t i = 0; i < path->depth && size < PATH_TEXT; i++)
		size += (size_t)snprintf(text + size, PATH_TEXT - size, "/%" PRIu64 ".%" PRIu64 ".%" PRIu64, path->step[i].round,
					 path->step[i].position, path->step[i].choice);
}

bool path_read(struct path *path, const char *text)
{
	int used = 0;

	memset(path, 0, sizeof(*path));
	if (sscanf(text, "%" SCNu64 "%n", &path->campaign, &used) != 1)
		return false;
	for (text += used; *text && path->depth < EXPLORE_DEPTH; text += used) {
		if (sscanf(text, "/%" SCNu64 ".%" SCNu64 ".%" SCNu64 "%n", &path->step[path->depth].round,
			   &path->step[path->depth].position, &path->step[path->depth].choice, &used) != 3)
			return false;
		path->depth++;
	}
	return !*text && path->depth;
}
