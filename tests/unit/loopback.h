/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A card that is a script: each command must be the one the script expects next, and gets the answer it names. For tests of
 * libprovcard alone.
 */
#ifndef LOOPBACK_H
#define LOOPBACK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/provcard/internal.h"

/* One step. What a step does not name is not looked at. */
struct loopback_step {
	uint32_t opcode;
	bool on_job;
	uint64_t arg[2];
	const void *in; /* bytes expected, in_size of them */
	size_t in_size;
	const void *in_place; /* address at which they must lie */
	const void *out; /* bytes answered */
	size_t out_size;
	uint64_t out_claim; /* length to claim instead of out_size, when not 0 */
	uint32_t status;
	uint32_t result;
	int error; /* the command itself fails with this */
};

struct loopback {
	const struct loopback_step *steps;
	size_t count;
	size_t done;
	struct provcard_info info;
	/* Units in flight, taken in reverse order of their beginning. */
	struct provcard_command flight[8];
	bool cancelled[8];
	size_t flying;
	int open_jobs;
	int closes;
};

/* A card with 4 heads and I/O queues and transfers of at most @max_transfer bytes, on this script. */
struct provcard *loopback_open(struct loopback *script, const struct loopback_step *steps, size_t count, size_t max_transfer);

#endif
