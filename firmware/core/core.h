/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The card's mind: what a port calls. One struct core is one card.
 */
#ifndef PROVCARD_CORE_H
#define PROVCARD_CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port.h"

struct core;

/* A command's buffer in host memory, which the host may change at any time: read every byte once, then judge the copy. */
struct core_buffer {
	void *context;
	size_t size;
	/* 0 or a negative errno; offset + size is within the buffer, the core takes care of that */
	int (*read)(void *context, size_t offset, void *data, size_t size);
	int (*write)(void *context, size_t offset, const void *data, size_t size);
};

/*
 * A service command. in and out are always given; size 0 where the host gave none. *aborted becomes true when the host asks to abort
 * this very command: a unit stops at its next safe point with UNIT_STOPPED. NULL when the host has no way to ask.
 */
struct core_command {
	uint8_t opcode;
	uint32_t job;
	uint64_t arg[3];
	struct core_buffer in;
	struct core_buffer out;
	const atomic_bool *aborted;
};

struct core_result {
	uint16_t status; /* 0 or a refusal code */
	uint32_t result;
	uint32_t length; /* bytes written to out */
};

/**
 * core_start - power on: self-test, recover vault, ledger and log
 *
 * Always returns a core unless memory is short (NULL): one that found a fault serves only status. @port's context must outlive it; its
 * table is read once, here.
 */
struct core *core_start(const struct port *port);

/* Orderly power off: writes the last checkpoint. No command may be in progress. */
void core_stop(struct core *core);

/* Run one service command to its end. Called from any thread; commands of different heads run side by side. */
void core_execute(struct core *core, const struct core_command *command, struct core_result *result);

/*
 * The board's tamper input fired: the root secret is destroyed before anything else, then whatever is secret in working memory.
 * Returns when that is done; units in work end at their next safe point. Called from any thread, but from no command's.
 */
void core_tamper(struct core *core);

/* Transport's job handles. 0 or a refusal code. */
uint16_t core_job_create(struct core *core, uint32_t *handle);
/* Stops the handle's units and waits for them; the job in the ledger is untouched. */
uint16_t core_job_delete(struct core *core, uint32_t handle);
/* All units of this handle stop at their next safe point with UNIT_STOPPED. 0 stops all handles. */
void core_job_abort(struct core *core, uint32_t handle);

/*
 * Fresh random bytes for the host: the board's noise, health-tested, under output of the generator, so that neither tells of the
 * other. 0 or a refusal code, and then @data is zero; a noise source that fails its tests stops the card.
 */
uint16_t core_random(struct core *core, void *data, size_t size);

/* Version of the firmware, for the transport's identify, and the security version that it claims. */
const char *core_version(void);
uint32_t core_security_version(void);

#define CORE_MAX_JOBS 64

#endif
