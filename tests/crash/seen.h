/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of numbers: the states that were met. */
#ifndef CRASH_SEEN_H
#define CRASH_SEEN_H

#include <stdbool.h>
#include <stdint.h>

struct seen;

struct seen *seen_new(void);
void seen_free(struct seen *seen);
/* False when it was there. */
bool seen_add(struct seen *seen, uint64_t number);

#endif
