/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of one part through one head. */
#ifndef CORE_UNIT_H
#define CORE_UNIT_H

#include "head/head.h"
#include "identity.h"
#include "internal.h"
#include "job.h"

struct unit_run {
	struct core *core;
	struct job_handle *handle;
	unsigned int aborts; /* of the handle, when the run began */
	uint32_t job;
	struct package *package;
	unsigned int number; /* of the head */
	struct head *head;
	bool seen;	   /* a part answered, so the attempt leaves a record */
	bool charged;	   /* reserved, now or before */
	bool delivered;	   /* secrets may have reached the part */
	bool irreversible; /* a lock that cannot be undone may be on the part */
	bool locked;	   /* read back */
	unsigned int proof;
	uint32_t unit; /* ledger number, when charged */
	uint64_t charge;
	uint64_t charged_at;
	uint8_t uid[HEAD_UID_MAX];
	size_t uid_size;
	struct identity identity;
	uint8_t *memory; /* secure heap: what is made for this part alone */
	size_t memory_size;
	struct provcard_service_unit report;
};

/* memory.c: everything that goes into this part. At most UNIT_REGIONS; pointers into package and run. */
#define UNIT_REGIONS (PROVPKG_IMAGES_MAX + 2 + PROVPKG_LIFECYCLE_MAX)
int unit_regions(struct unit_run *run, struct head_region regions[UNIT_REGIONS], size_t *count);

/* Steps of a head, for those who watch it. */
bool unit_head_claim(struct core *core, unsigned int head);
void unit_head_release(struct core *core, unsigned int head, const struct provcard_service_unit *report);
void unit_head_step(struct unit_run *run, enum provcard_unit_step step);
bool unit_head_progress(void *run, size_t done, size_t total); /* false: stop */

/* Can the unit be tried again after this failure? */
bool unit_failure_is_transient(const struct unit_run *run, int code);

#endif
