/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a part's non-volatile memory: a file mapped shared, so that killing the part loses nothing it had stored. */
#ifndef PART_IMAGE_H
#define PART_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/* A new or empty file becomes @size bytes of ones, blank flash. @path NULL: memory only. NULL after a message on stderr. */
uint8_t *image_open(const char *path, size_t size);
void image_close(uint8_t *image, size_t size);

#endif
