// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define INTERVAL 0.1

/* What the terminal shows: it is one for the whole process. */
static struct {
	bool shown;
	double last;
} line;

bool progress_wanted(void)
{
	return isatty(STDERR_FILENO);
}

double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

void progress_show(const char *format, ...)
{
	va_list arguments;

	if (!progress_wanted())
		return;
	fputs("\r\033[K", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fflush(stderr);
	line.shown = true;
	line.last = seconds_now();
}

void progress_bytes(const char *what, uint64_t done, uint64_t whole)
{
	if (done < whole && seconds_now() - line.last < INTERVAL)
		return;
	progress_show("%s: %" PRIu64 " of %" PRIu64 " KiB, %u%%", what, done >> 10, whole >> 10,
		      whole ? (unsigned int)(100.0 * done / whole) : 100);
}

void progress_clear(void)
{
	if (!line.shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	line.shown = false;
}
