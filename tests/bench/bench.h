/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the bench programs share. */
#ifndef BENCH_H
#define BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A bench that could not do what it measures has no figure. */
#define NEED(what) ((what) ? (void)0 : need_failed(#what, __FILE__, __LINE__))

static inline _Noreturn void need_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	exit(1);
}

static inline double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
