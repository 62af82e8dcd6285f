/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digests of the images, taken while the area's bytes pass by, in any order and by several threads. */
#ifndef TOOLS_IMAGE_DIGESTS_H
#define TOOLS_IMAGE_DIGESTS_H

#include "image.h"

struct image_digests;

/* For the images of @rot, whose bytes are @area's; both borrowed. NULL without memory. */
struct image_digests *image_digests_new(const struct provpkg_rot *rot, const struct image_area *area);
void image_digests_free(struct image_digests *digests);
/*
 * Bytes @offset to @offset + @size of the area. Every piece that begins there is digested; what of the last one lies behind them is
 * read from the area. Each byte once, from any thread. 0 or a negative errno.
 */
int image_digests_pass(struct image_digests *digests, uint64_t offset, const uint8_t *data, size_t size);
/* After every byte has passed: each image's digest into @rot. 0 or a negative errno. */
int image_digests_finish(const struct image_digests *digests, struct provpkg_rot *rot);

#endif
