/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: what the card has promised and done, job by job and part by part. Changes are judged here, written by the journal,
 * and take effect here, the same way when they happen and when they are replayed.
 *
 * Durable states of a unit are RESERVED, GOOD and SCRAP. The states between need no durability of their own: the device key and
 * everything else of the certificate follow from the card's device secret, the package id, the part's UID and the charge number
 * and time of the RESERVED record (identity.h), so a resumed unit gets the same identity again without having stored it.
 *
 * A failed unit that the scrap ceiling has no room for stays charged as reserved ("held") and its part is dead all the same; the
 * job then refuses new units with SCRAP_EXHAUSTED, until a grant raises the scrap ceiling.
 *
 * The caller serialises: judge and apply run in the commit leader only (commit.h); readers take ledger->lock, as the leader does
 * while it changes things.
 */
#ifndef CORE_LEDGER_H
#define CORE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <threads.h>

#include "journal.h"
#include "provcard-service.h"
#include "provpkg.h"
#include "vault.h"

#define LEDGER_NO_JOB UINT32_MAX
#define LEDGER_NO_LOG UINT64_MAX
/* Records kept free for what must still be possible on a nearly full ledger: closing jobs, ending units. */
#define LEDGER_MARGIN 32

enum ledger_type {
	LEDGER_NONE = 0,  /* a log record without a change of the ledger */
	LEDGER_VAULT = 1, /* the vault in force */
	LEDGER_LOAD = 2,  /* a job begins */
	LEDGER_ALLOCATE = 3,
	LEDGER_RESERVE = 4,
	LEDGER_GOOD = 5,
	LEDGER_SCRAP = 6,
	LEDGER_CLOSE = 7,
	LEDGER_GRANT = 8,    /* the next grant of a job */
	LEDGER_APPROVER = 9, /* failures of somebody who approves, a lockout, or its end */
	LEDGER_TIME = 10, /* a time authority set the clock, or the clock was lost */
	LEDGER_STATE = 11, /* of the card's life */
	LEDGER_FIRMWARE = 12,
};

/* The vault in force. Two can have one generation, when a power cut undid the first; no two have one tag. */
struct ledger_vault {
	uint64_t generation;
	uint8_t tag[VAULT_TAG_SIZE]; /* zero before the first change */
	uint8_t removed[PROVPKG_HASH_SIZE]; /* SHA-256 of a removed person's certificate, whose failures are forgotten; else zero */
};

/* What speaks against an enrolled person, since the last approval or unlocking. lockout.h says what counts as what. */
struct ledger_failures {
	uint8_t certificate[PROVPKG_HASH_SIZE]; /* SHA-256 of it */
	uint32_t proven;
	uint32_t disputed;
	uint32_t locked;
	uint32_t reserved;
};

struct ledger_approver {
	struct ledger_failures failures;
	uint64_t paused_until; /* port's monotonic clock; 0: no pause since the start. Not durable, as the next */
	uint32_t pauses;
};

/* A time that was set, and the battery clock at that moment; both 0: never set, or lost since. */
struct ledger_clock {
	uint64_t time;
	uint64_t battery;
};

/* What officers decided of the card's life. In service it is INITIALISED or OPERATIONAL, as the vault has people. */
enum ledger_life {
	LEDGER_LIFE_SERVICE = 0,
	LEDGER_LIFE_MAINTENANCE = 1,
	LEDGER_LIFE_DECOMMISSIONED = 2,
};

/* What became of a firmware; the last of these is what the ledger holds. */
enum ledger_firmware_event {
	LEDGER_FIRMWARE_NOTHING = 0,
	LEDGER_FIRMWARE_STORED = 1,
	LEDGER_FIRMWARE_ACTIVATED = 2, /* approved: to be started */
	LEDGER_FIRMWARE_CONFIRMED = 3,
	LEDGER_FIRMWARE_ABANDONED = 4, /* did not start, or confirmed nothing */
};

struct ledger_firmware {
	uint32_t event; /* enum ledger_firmware_event */
	uint32_t slot;
	uint8_t digest[PROVPKG_HASH_SIZE]; /* of the image */
};

/* A grant in force. */
struct ledger_grant {
	uint64_t sequence; /* 0: none yet, the quota authority's first is to come */
	uint64_t ceiling_good;
	uint64_t ceiling_scrap;
	int64_t not_before;
	int64_t not_after;
	uint8_t digest[PROVPKG_HASH_SIZE];
};

/* What the manifest demands, beyond the card's own rules: counts of approvers by role, from officer on. */
#define LEDGER_ROLES 3
struct ledger_demands {
	uint8_t allocate[LEDGER_ROLES];
	uint8_t close[LEDGER_ROLES];
	uint8_t quota_threshold; /* members of the quota authority that sign each grant; 0: the OEM grants */
	uint8_t suite;		 /* of the package, and so of its grants */
};

/* A job's terms, from its manifest. */
struct ledger_load {
	uint8_t package_id[PROVPKG_ID_SIZE];
	uint8_t manifest_digest[PROVPKG_HASH_SIZE];
	struct ledger_grant grant;
	uint64_t staging_offset;
	uint64_t staging_size;
	uint64_t chain_offset; /* PEM of the issuing certificate and what is above it, in the staging memory */
	uint32_t chain_size;   /* 0: none */
	uint8_t chain_digest[PROVPKG_HASH_SIZE];
	uint32_t security_version;
	uint32_t identity; /* 1: units get certificates */
	char product[PROVPKG_NAME_MAX + 1];
	char oem[PROVPKG_NAME_MAX + 1];
	char part[32];
	struct ledger_demands demands;
};

/* Body of a journal record: common head, then what the type needs. */
struct ledger_change {
	uint32_t type; /* the same as the record's */
	uint32_t job;
	/* The log entry that belongs to this change, or else the last one before it; LEDGER_NO_LOG: there was none. */
	uint64_t log_index;
	uint8_t log_leaf[PROVPKG_HASH_SIZE];
	union {
		struct ledger_vault vault;
		struct ledger_firmware firmware;
		struct ledger_load load;
		struct ledger_failures failures; /* all zero behind the certificate: none any more */
		struct ledger_clock clock;
		struct {
			uint32_t state; /* enum ledger_life */
			uint32_t reserved;
			struct ledger_vault vault; /* in force from now on; generation 0: the one before stays */
		} life;
		struct {
			struct ledger_grant terms;
			uint8_t previous[PROVPKG_HASH_SIZE]; /* digest of the grant before */
			uint32_t termination;		     /* 1: the job ends, its ceilings stay */
		} grant;
		struct {
			uint64_t count;
			char actor[PROVPKG_NAME_MAX + 1];
		} allocate;
		struct {
			uint8_t uid[PROVPKG_UID_MAX];
			uint32_t uid_size;
			uint32_t code; /* of a SCRAP */
			uint32_t held;
			uint32_t reserved;
		} unit;
	};
};

_Static_assert(sizeof(struct ledger_change) <= JOURNAL_BODY_SIZE, "a change fits a record");

struct ledger_counts {
	uint64_t allocated;
	uint64_t good;
	uint64_t scrap;
	uint64_t reserved;
	uint64_t held; /* of the reserved: dead, waiting for scrap room */
};

/* What readers are told of a job: as far as it is written, so that no power cut takes it back. */
struct ledger_told {
	struct ledger_counts counts;
	struct ledger_grant grant;
	bool closed;
};

struct ledger_job {
	struct ledger_load terms;
	struct ledger_counts counts; /* as far as judged, as the grant and closed */
	struct ledger_told told;
	char actor[PROVPKG_NAME_MAX + 1]; /* who allocated last */
	uint32_t running;		  /* units in a head now */
	bool ending;			  /* a termination waits for them; forgotten by a restart, which ends them */
	bool closed;
	uint64_t closed_at;
	uint64_t closed_index; /* of the closing's log record */
};

struct ledger_unit {
	uint8_t uid[PROVPKG_UID_MAX];
	uint8_t uid_size;
	uint8_t state; /* enum provcard_unit_state */
	bool busy;     /* in a head now */
	uint32_t job;
	uint64_t charge;     /* number of its RESERVED record among all */
	uint64_t charged_at; /* card time of it */
};

struct ledger {
	mtx_t lock;
	uint64_t records; /* judged so far; runs ahead of the journal within a batch */
	uint64_t capacity;
	uint64_t charges;
	uint64_t open; /* RESERVED units, each of which may need one more record */
	struct ledger_vault vault;
	struct ledger_approver approver[VAULT_PEOPLE_MAX]; /* those with failures: people of the vault, at most all of them */
	uint32_t approvers;
	struct ledger_failures failures_told[VAULT_PEOPLE_MAX]; /* as far as durable */
	uint32_t failures_told_count;
	bool failures_judged; /* since they were told last */
	struct ledger_clock clock;
	enum ledger_life life;
	enum ledger_life life_told;	     /* as far as durable */
	struct ledger_firmware firmware;
	uint64_t log_size;		     /* log entries that changes vouch for */
	uint8_t log_leaf[PROVPKG_HASH_SIZE]; /* of the last of them; its chain covers the others */
	struct ledger_job **job;	     /* addresses stay; a job's number never changes */
	uint32_t jobs;
	uint32_t jobs_told; /* the first of them: those that are durable */
	uint32_t job_room;
	struct ledger_unit *unit;
	uint32_t units;
	uint32_t unit_room;
	uint32_t *bucket; /* unit number + 1, by UID; 0 is empty */
	uint32_t buckets; /* power of two, at least twice the units */
	uint64_t seed;
};

int ledger_init(struct ledger *ledger, uint64_t capacity, uint64_t seed);
void ledger_clear(struct ledger *ledger);

/* May @change happen now? 0 or its refusal; RESERVE of a unit to be resumed: LEDGER_RESUMED and no record is to be written. */
#define LEDGER_RESUMED (-1000)
/* A grant that is in force already: nothing happens. */
#define LEDGER_REPEATED (-1001)
int ledger_judge(struct ledger *ledger, struct ledger_change *change, uint64_t now);
/* It happens. @unit, if not NULL, gets the unit's number. LEDGER_CORRUPT when it contradicts the state, or -ENOMEM. */
int ledger_apply(struct ledger *ledger, const struct ledger_change *change, uint64_t time, uint32_t *unit);
/* The change is durable now: readers may see it. */
void ledger_publish(struct ledger *ledger, uint32_t job);
/* Replay of one record. */
int ledger_replay(struct ledger *ledger, const struct journal_record *record, struct ledger_change *change);

/* Does the change close its job? */
bool ledger_ends_job(const struct ledger_change *change);

/* Among those that are durable. LEDGER_NO_JOB when there is none. */
uint32_t ledger_find_job(const struct ledger *ledger, const uint8_t package_id[PROVPKG_ID_SIZE]);
/* NULL when this job has not met the part. */
struct ledger_unit *ledger_find_unit(const struct ledger *ledger, uint32_t job, struct provpkg_view uid);
/* NULL when nothing speaks against the person with this certificate. */
struct ledger_approver *ledger_find_approver(struct ledger *ledger, const uint8_t certificate[PROVPKG_HASH_SIZE]);
/* Likewise what readers may be told: as far as it is durable. */
const struct ledger_failures *ledger_failures_told(const struct ledger *ledger, const uint8_t certificate[PROVPKG_HASH_SIZE]);
/* Has @oem a job that is not closed? */
bool ledger_oem_works(const struct ledger *ledger, const char *oem);
/* Copies of this job's units that were charged, are not ended and in no head; at most @most, the newest first. How many. */
size_t ledger_unfinished_units(const struct ledger *ledger, uint32_t job, struct ledger_unit *units, size_t most);
/* The head has let a unit go. */
void ledger_release(struct ledger *ledger, uint32_t unit);
/* Least security version that @oem's @product may have. */
uint32_t ledger_floor(const struct ledger *ledger, const char *oem, const char *product);

#endif
