/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One card: what the files of the core share. */
#ifndef CORE_INTERNAL_H
#define CORE_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <threads.h>

#include "clock.h"
#include "commit.h"
#include "core.h"
#include "entropy.h"
#include "journal.h"
#include "ledger.h"
#include "log.h"
#include "port.h"
#include "provcard-refusal.h"
#include "provcard-service.h"
#include "provpkg.h"
#include "selftest.h"
#include "vault.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "service structures are written as they lie in memory");

struct package;

/* A transport's job handle. */
struct job_handle {
	uint32_t id; /* 0: free */
	bool closing;
	atomic_uint aborts;	 /* rises with each abort: units begun before stop */
	uint32_t users;		 /* commands at work on it */
	uint32_t job;		 /* ledger number, LEDGER_NO_JOB while nothing is bound */
	struct package *package; /* verified and ready, or NULL; counted */
};

/* A package on its way in: one at a time. */
struct staging {
	mtx_t lock;
	uint32_t writer; /* handle, 0 for nobody */
	bool committing;
	uint64_t offset; /* where in the staging memory */
	uint64_t size;
	uint64_t written;
};

struct head_state {
	bool busy;
	struct provcard_service_head report;
};

#define OBJECT_CACHE 8
#define OBJECT_SELECTOR_MAX (PROVPKG_NAME_MAX + 16)

/* An object as it was made, so that reading it in pieces gives one whole. */
struct object {
	uint32_t kind;
	char selector[OBJECT_SELECTOR_MAX + 1]; /* zero padded */
	size_t selector_size;
	struct provpkg_blob bytes;
};

struct core {
	const struct port *port; /* &board */
	struct port board;	 /* what the port handed over, and where the core keeps the health of its noise source */
	struct entropy_health health;
	char serial[32];
	unsigned int heads;
	atomic_uint fault; /* refusal code that stopped the card */
	atomic_ullong flushes;
	atomic_ullong last_time; /* card time never falls behind it */
	struct core_clock clock;
	uint64_t boots;
	uint64_t started; /* port's monotonic clock at power on */

	/* Commands hold the gate; zeroising waits until it is alone. */
	mtx_t gate_lock;
	cnd_t gate_free;
	uint32_t inside;
	bool shut;

	mtx_t vault_lock; /* for the pointer only; the vault itself is immutable */
	struct vault *vault;
	bool storage_open; /* journal, ledger and log are there */
	struct journal journal;
	struct ledger ledger;
	struct log log;
	struct commit_queue commits;

	mtx_t request_lock; /* one signed request at a time; guards the nonce */
	atomic_bool nonce_valid;
	uint8_t nonce[PROVPKG_NONCE_SIZE];
	uint64_t nonce_drawn_ns; /* by the monotonic clock */
	uint32_t refusals_logged;

	mtx_t job_lock; /* handles and the list of packages */
	cnd_t job_idle;
	struct job_handle handle[CORE_MAX_JOBS];
	uint32_t handles_made;
	struct package *packages;
	struct staging staging;

	mtx_t firmware_lock; /* the slots and their flags; taken after request_lock and after staging.lock */

	mtx_t head_lock;
	struct head_state *head;

	mtx_t object_lock;
	struct object object[OBJECT_CACHE];
	unsigned int object_next;
};

/* core.c: as core_start(), with other self-tests: for the tests of the self-test. */
struct core *core_start_with(const struct port *port, const struct selftest *tests, size_t count);
/* Wipe and begin a new life: BLANK, new keys. The gate must be shut. */
int core_rebirth(struct core *core);

void core_log_boot(struct core *core);

/* state.c */
void core_stop_production(struct core *core, int code);
uint16_t core_code(int result); /* 0 and refusal codes as they are, errno as a refusal code */
void core_log(struct core *core, const char *format, ...) __attribute__((format(printf, 2, 3)));
void core_event(struct core *core, uint8_t type, uint32_t info);

/* recover.c: open vault, ledger and log, or make new ones. */
int core_recover(struct core *core);
void core_close_storage(struct core *core);

/* The vault in force; vault_put() it. */
struct vault *core_vault(struct core *core);
void core_set_vault(struct core *core, struct vault *vault);
enum provcard_card_state core_state(struct core *core); /* life.c */

/* zeroise.c: at power-on, was the card broken into? Then its secrets are gone when this returns. */
bool core_starts_tampered(struct core *core);

/* A log record with what every one has. */
void record_begin(struct core *core, struct provpkg_record *record, enum provpkg_event event, const char *actor);

/* buffer.c: a command's memory. */
int input_read(const struct core_command *command, size_t offset, void *data, size_t size);
int input_all(const struct core_command *command, size_t most, struct provpkg_blob *blob);	    /* INVALID_FIELD when larger */
int output_write(const struct core_command *command, size_t offset, const void *data, size_t size); /* BUFFER_TOO_SMALL */
/* One structure as the whole answer. */
int output_all(const struct core_command *command, struct core_result *result, const void *data, size_t size);

#endif
