/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a package: its segments are encrypted by all processors at once, in constant memory. */
#ifndef TOOL_PACK_H
#define TOOL_PACK_H

#include "image.h"

/*
 * Write what @builder makes of @area to @path, which appears when it is complete. The images' digests are taken on the way and
 * written to @rot, which the builder has borrowed. 0 or the exit code, after a message.
 */
int pack_write(struct provpkg_builder *builder, struct provpkg_rot *rot, const struct image_area *area, const char *path,
	       struct provpkg_blob *manifest, uint64_t *size);

#endif
