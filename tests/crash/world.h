/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the world outside knows of a card: what it asked for, what the card told, what its heads were given. A power cut takes
 * none of that away, so the card must still be true to it. Nothing here is the card's own.
 */
#ifndef CRASH_WORLD_H
#define CRASH_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "provpkg.h"

#define WORLD_PEOPLE 8
#define WORLD_JOBS 2
#define WORLD_UNITS 96
#define WORLD_HEADS 512
#define WORLD_NOBODY UINT32_MAX

struct world_unit {
	bool met;			/* was in a socket */
	uint32_t exposed;		/* job whose secrets reached the part, WORLD_NOBODY for none */
	bool finished;			/* programmed, read back and found locked */
	bool broken;			/* a fault beyond help happened to it */
	bool good;			/* acknowledged */
	bool scrap;			/* acknowledged */
	uint8_t key[PROVPKG_HASH_SIZE]; /* SHA-256 of the private key it was given */
	uint8_t certificate[PROVPKG_HASH_SIZE];
};

struct world_job {
	uint8_t id[PROVPKG_ID_SIZE];
	bool asked;	     /* its package was handed in */
	uint64_t allocation; /* asked for in all */
	uint64_t ceiling;    /* of good units: the highest of the grants handed in */
	bool close_asked;
	bool told;
	bool closed;	    /* told */
	uint64_t granted;   /* ceiling, told */
	uint64_t allocated; /* told */
	uint64_t good;	    /* told */
	uint64_t scrap;	    /* told */
};

/* The log's head. */
struct world_head {
	uint64_t size;
	uint8_t root[PROVPKG_HASH_SIZE];
};

struct world_person {
	bool asked;
	bool told;
	bool removing;	   /* asked for, and not settled */
	bool unlocking;	   /* likewise */
	uint64_t failures; /* told */
	bool locked;	   /* told */
};

/* What readers tell apart of a card's life after its beginning. */
enum world_state { WORLD_IN_SERVICE, WORLD_IN_MAINTENANCE, WORLD_DECOMMISSIONED };

struct world {
	bool alive;			 /* the card has told something */
	uint8_t life[PROVPKG_HASH_SIZE]; /* which of its lives */
	bool zeroise_asked;
	bool zeroised;			  /* nothing else is known of the life before */
	uint8_t ended[PROVPKG_HASH_SIZE]; /* the life before */
	enum world_state state;		  /* told last */
	unsigned int states_asked;	  /* and not settled yet, one bit each */
	bool time_asked;
	uint64_t time;		 /* set, and told so */
	uint64_t firmware;	 /* the highest security version that has confirmed itself, told */
	uint64_t firmware_asked; /* the highest that officers had started */
	struct world_person person[WORLD_PEOPLE];
	uint64_t policy;       /* failures of a person that lock; told, 0: nothing */
	uint64_t policy_asked; /* and not settled, or 0 */
	struct world_job job[WORLD_JOBS];
	struct world_unit unit[WORLD_UNITS];
	struct world_head head[WORLD_HEADS]; /* told, each larger than the one before */
	size_t heads;
	uint64_t claims;
};

enum claim_kind {
	CLAIM_PERSON_ASKED,
	CLAIM_PERSON_TOLD,
	CLAIM_REMOVE_ASKED,
	CLAIM_REMOVE_SETTLED, /* value: 1 when the person is gone */
	CLAIM_UNLOCK_ASKED,
	CLAIM_UNLOCK_SETTLED, /* value: 1 when the person has no failures */
	CLAIM_FAILURES_TOLD,  /* value */
	CLAIM_LOCKED_TOLD,
	CLAIM_POLICY_ASKED,   /* value */
	CLAIM_POLICY_TOLD,    /* value */
	CLAIM_LOAD_ASKED,     /* value: ceiling; digest: package id */
	CLAIM_ALLOCATE_ASKED, /* value: how many more */
	CLAIM_GRANT_ASKED,    /* value: ceiling */
	CLAIM_CLOSE_ASKED,
	CLAIM_JOB_TOLD,	 /* counts of the job */
	CLAIM_LOG_TOLD,	 /* value: size; digest: root */
	CLAIM_LIFE_TOLD, /* digest */
	CLAIM_ZEROISE_ASKED,
	CLAIM_ZEROISED,
	CLAIM_STATE_ASKED,    /* value: enum world_state */
	CLAIM_STATE_TOLD,     /* value: enum world_state */
	CLAIM_STATE_SETTLED,  /* whatever was asked for is done or refused */
	CLAIM_FIRMWARE_ASKED, /* value: security version */
	CLAIM_FIRMWARE_TOLD,  /* value: likewise */
	CLAIM_TIME_ASKED,
	CLAIM_TIME_SET, /* value */
	CLAIM_UNIT_MET,
	CLAIM_UNIT_EXPOSED, /* value: job; digest: key; certificate */
	CLAIM_UNIT_FINISHED,
	CLAIM_UNIT_BROKEN,
	CLAIM_UNIT_GOOD,
	CLAIM_UNIT_SCRAP,
};

/* Something that the outside learnt after @at operations on the memory. */
struct claim {
	enum claim_kind kind;
	size_t at;
	uint32_t index; /* person, job or unit */
	uint64_t value;
	uint64_t ceiling, allocated, good, scrap;
	bool closed;
	uint8_t digest[PROVPKG_HASH_SIZE];
	uint8_t certificate[PROVPKG_HASH_SIZE];
};

extern const char *const world_name[WORLD_PEOPLE];

void world_new(struct world *world);
/* One that knows nothing. */
const struct world *world_blank(void);
/* Entries of the log, as far as told. */
uint64_t world_log_size(const struct world *world);
/* False when the claim contradicts what is known already: a second identity for a part, a log that shrinks. */
bool world_learn(struct world *world, const struct claim *claim);

#endif
