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
	const atomic_bool *aborted; /* the command, NULL when nobody can */
	uint32_t job;
	struct package *package;
	uint8_t package_id[PROVPKG_ID_SIZE];
	unsigned int number; /* of the head */
	bool recover;	     /* the operator lets a locked part be erased */
	struct head *head;
	bool seen;	   /* a part answered, so the attempt leaves a record */
	bool erased;	   /* nothing was written since */
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
	struct provpkg_blob attachment; /* of the record, once secrets may have reached the part: certificate, sealed secrets */
	uint8_t *memory; /* secure heap: what is made for this part alone */
	size_t memory_size;
	struct provcard_service_unit report;
};

/* memory.c: everything that goes into this part. At most UNIT_REGIONS; pointers into package and run. */
#define UNIT_REGIONS (PROVPKG_IMAGES_MAX + 2 + PROVPKG_LIFECYCLE_MAX)
int unit_regions(struct unit_run *run, struct head_region regions[UNIT_REGIONS], size_t *count);

/* unit_secrets.c: the key for this part, lifecycle->size bytes. */
int unit_lifecycle_key(const struct unit_run *run, const struct provpkg_lifecycle *lifecycle, uint8_t *key);
/* What the record of this unit will have attached. Before anything secret goes to the part: what cannot be told is not made. */
int unit_make_attachment(struct unit_run *run);

/* Is the run to end at the next safe point? */
bool unit_is_stopped(const struct unit_run *run);
/* Whom the run is about. PART_LOCKED when the size is not one of a unique id. */
int unit_set_uid(struct unit_run *run, const uint8_t *uid, size_t size);
/* A part that gave no unique id gets one here, or is refused with PART_LOCKED. */
int unit_identify_locked(struct unit_run *run);

/* A fresh nonce, and what the part answered. */
struct unit_challenge {
	uint8_t message[14 + PROVPKG_NONCE_SIZE]; /* what was to be signed */
	uint8_t signature[PROVPKG_DEVICE_SIGNATURE_MAX];
	size_t size; /* of the signature, as the job's kind of key has it */
};

bool unit_has_responder(const struct unit_run *run);
int unit_challenge_send(struct unit_run *run, struct unit_challenge *challenge);
/* Was it answered with this key? PROOF_FAILED. */
int unit_challenge_judge(const struct unit_challenge *challenge, const struct identity *identity);

/* Steps of a head, for those who watch it. */
bool unit_head_claim(struct core *core, unsigned int head);
void unit_head_release(struct core *core, unsigned int head, const struct provcard_service_unit *report);
void unit_head_step(struct unit_run *run, enum provcard_unit_step step);
bool unit_head_progress(void *run, size_t done, size_t total); /* false: stop */

/* Can the unit be tried again after this failure? */
bool unit_failure_is_transient(const struct unit_run *run, int code);

#endif
