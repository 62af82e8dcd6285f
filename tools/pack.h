/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a package: its segments are encrypted by all processors at once, in constant memory. */
#ifndef TOOL_PACK_H
#define TOOL_PACK_H

#include "image.h"

/* Write what @builder makes of @area to @path, which appears when it is complete. 0 or the exit code, after a message. */
int pack_write(struct provpkg_builder *builder, const struct image_area *area, const char *path, struct provpkg_blob *manifest,
	       uint64_t *size);

#endif
