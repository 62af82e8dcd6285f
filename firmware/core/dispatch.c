// SPDX-License-Identifier: GPL-2.0-or-later
/* The service commands, and the gate before them. */
#include <string.h>

#include "gate.h"
#include "grant.h"
#include "job.h"
#include "log_commands.h"
#include "object.h"
#include "request.h"
#include "status.h"

enum {
	WHEN_STOPPED = 1 << 0, /* served by a card that has stopped, too */
	SERIAL = 1 << 1,       /* under request_lock, taken before the gate: its holder may shut it */
	INITIALISED = 1 << 2,  /* not by a blank card */
};

static const struct command {
	uint8_t opcode;
	uint8_t flags;
	int (*execute)(struct core *core, const struct core_command *command, struct core_result *result);
} commands[] = {
	{ PROVCARD_OP_STATUS, WHEN_STOPPED, command_status },
	{ PROVCARD_OP_NONCE, SERIAL, command_nonce },
	{ PROVCARD_OP_REQUEST, SERIAL, command_request },
	{ PROVCARD_OP_OBJECT_READ, 0, command_object_read },
	{ PROVCARD_OP_JOB_LIST, 0, command_job_list },
	{ PROVCARD_OP_HEAD_STATUS, 0, command_head_status },
	{ PROVCARD_OP_LOG_READ, 0, command_log_read },
	{ PROVCARD_OP_LOG_PROOF, 0, command_log_proof },
	{ PROVCARD_OP_LOG_CONSISTENCY, 0, command_log_consistency },
	{ PROVCARD_OP_LOG_RUN, 0, command_log_run },
	{ PROVCARD_OP_GRANT, INITIALISED, command_grant },
	{ PROVCARD_OP_PACKAGE_WRITE, INITIALISED, command_package_write },
	{ PROVCARD_OP_PACKAGE_COMMIT, INITIALISED, command_package_commit },
	{ PROVCARD_OP_JOB_BIND, INITIALISED, command_job_bind },
	{ PROVCARD_OP_JOB_STATUS, 0, command_job_status },
	{ PROVCARD_OP_UNIT_RUN, INITIALISED, command_unit_run },
	{ PROVCARD_OP_JOB_LOG, 0, command_job_log },
};

void gate_enter(struct core *core)
{
	mtx_lock(&core->gate_lock);
	while (core->shut)
		cnd_wait(&core->gate_free, &core->gate_lock);
	core->inside++;
	mtx_unlock(&core->gate_lock);
}

void gate_leave(struct core *core)
{
	mtx_lock(&core->gate_lock);
	core->inside--;
	cnd_broadcast(&core->gate_free);
	mtx_unlock(&core->gate_lock);
}

void gate_shut(struct core *core)
{
	mtx_lock(&core->gate_lock);
	core->shut = true;
	while (core->inside > 1)
		cnd_wait(&core->gate_free, &core->gate_lock);
	mtx_unlock(&core->gate_lock);
}

void gate_open(struct core *core)
{
	mtx_lock(&core->gate_lock);
	core->shut = false;
	cnd_broadcast(&core->gate_free);
	mtx_unlock(&core->gate_lock);
}

static const struct command *find_command(uint8_t opcode)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].opcode == opcode)
			return &commands[i];
	return NULL;
}

static int run(struct core *core, const struct command *found, const struct core_command *command, struct core_result *result)
{
	if (atomic_load(&core->fault) && !(found->flags & WHEN_STOPPED))
		return PROVCARD_REFUSAL_CARD_STOPPED;
	if ((found->flags & INITIALISED) && core_state(core) == PROVCARD_CARD_BLANK)
		return PROVCARD_REFUSAL_NOT_INITIALISED;
	return found->execute(core, command, result);
}

void core_execute(struct core *core, const struct core_command *command, struct core_result *result)
{
	const struct command *found = find_command(command->opcode);
	int code;

	memset(result, 0, sizeof(*result));
	if (!found) {
		result->status = PROVCARD_REFUSAL_INVALID_OPCODE;
		return;
	}
	if (found->flags & SERIAL)
		mtx_lock(&core->request_lock);
	gate_enter(core);
	code = run(core, found, command, result);
	gate_leave(core);
	if (found->flags & SERIAL)
		mtx_unlock(&core->request_lock);
	result->status = core_code(code);
}
