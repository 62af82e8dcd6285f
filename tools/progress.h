/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line on a terminal that says how far long work has come. Where the error stream is no terminal, nothing. */
#ifndef TOOL_PROGRESS_H
#define TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

bool progress_wanted(void);
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2))); /* replaces the line */
void progress_bytes(const char *what, uint64_t done, uint64_t whole); /* at most ten times a second */
void progress_clear(void);
double seconds_now(void); /* of a clock that only goes forward */

#endif
