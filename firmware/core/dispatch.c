// SPDX-License-Identifier: GPL-2.0-or-later
/* The service commands, and the gate before them. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "entropy.h"
#include "evidence.h"
#include "firmware.h"
#include "gate.h"
#include "grant.h"
#include "job.h"
#include "life.h"
#include "log_commands.h"
#include "object.h"
#include "provcard_hif.h"
#include "request.h"
#include "status.h"

_Static_assert((int)PROVCARD_OPC_FIRMWARE_WRITE == PROVCARD_OP_FIRMWARE_WRITE &&
		       (int)PROVCARD_OPC_FIRMWARE_COMMIT == PROVCARD_OP_FIRMWARE_COMMIT &&
		       PROVCARD_COMMIT_IF_NEW == PROVCARD_FIRMWARE_IF_NEW,
	       "the driver's names for service commands");

/* What each request may do when is judged once more, when it is known which it is: life_permits_operation(). */
static const struct command {
	uint8_t opcode;
	bool serial;	     /* under request_lock, taken before the gate: its holder may shut it */
	unsigned int states; /* in which it is served */
	int (*execute)(struct core *core, const struct core_command *command, struct core_result *result);
} commands[] = {
	{ PROVCARD_OP_STATUS, false, LIFE_ANY, command_status },
	{ PROVCARD_OP_NONCE, true, LIFE_ANY, command_nonce },
	{ PROVCARD_OP_REQUEST, true, LIFE_ANY, command_request },
	{ PROVCARD_OP_OBJECT_READ, false, LIFE_READABLE, command_object_read },
	{ PROVCARD_OP_JOB_LIST, false, LIFE_READABLE, command_job_list },
	{ PROVCARD_OP_HEAD_STATUS, false, LIFE_READABLE, command_head_status },
	{ PROVCARD_OP_LOG_READ, false, LIFE_READABLE, command_log_read },
	{ PROVCARD_OP_LOG_PROOF, false, LIFE_READABLE, command_log_proof },
	{ PROVCARD_OP_LOG_CONSISTENCY, false, LIFE_READABLE, command_log_consistency },
	{ PROVCARD_OP_LOG_RUN, false, LIFE_READABLE, command_log_run },
	{ PROVCARD_OP_EVIDENCE, false, LIFE_READABLE & ~LIFE(BLANK), command_evidence },
	{ PROVCARD_OP_GRANT, false, LIFE_SERVICE, command_grant },
	{ PROVCARD_OP_FIRMWARE_WRITE, false, LIFE_SERVICE | LIFE(MAINTENANCE), command_firmware_write },
	{ PROVCARD_OP_FIRMWARE_COMMIT, false, LIFE_SERVICE | LIFE(MAINTENANCE), command_firmware_commit },
	{ PROVCARD_OP_FIRMWARE_STATUS, false, LIFE_ANY, command_firmware_status },
	{ PROVCARD_OP_PACKAGE_WRITE, false, LIFE_SERVICE, command_package_write },
	{ PROVCARD_OP_PACKAGE_COMMIT, false, LIFE_SERVICE, command_package_commit },
	{ PROVCARD_OP_JOB_BIND, false, LIFE_READABLE & ~LIFE(BLANK), command_job_bind },
	{ PROVCARD_OP_JOB_STATUS, false, LIFE_READABLE, command_job_status },
	{ PROVCARD_OP_UNIT_RUN, false, LIFE_SERVICE, command_unit_run },
	{ PROVCARD_OP_JOB_LOG, false, LIFE_READABLE, command_job_log },
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
	int code = life_permits(core, found->states);

	if (!code)
		code = found->execute(core, command, result);
	/* What comes of a noise source that fails its tests is no secret. */
	if (code == PROVCARD_REFUSAL_ENTROPY)
		core_stop_production(core, code);
	return code;
}

static int draw(struct core *core, uint8_t *data, size_t size)
{
	uint8_t generated[PROVCARD_RANDOM_MAX];
	int code;

	if (size > sizeof(generated) || RAND_bytes(generated, (int)size) != 1)
		return PROVCARD_REFUSAL_INTERNAL;
	code = entropy_draw(core->port, data, size);
	for (size_t i = 0; i < size && !code; i++)
		data[i] ^= generated[i];
	OPENSSL_cleanse(generated, sizeof(generated));
	return code;
}

uint16_t core_random(struct core *core, void *data, size_t size)
{
	int code;

	memset(data, 0, size);
	gate_enter(core);
	code = life_permits(core, LIFE_READABLE);
	if (!code)
		code = draw(core, data, size);
	if (code == PROVCARD_REFUSAL_ENTROPY)
		core_stop_production(core, code);
	gate_leave(core);
	return core_code(code);
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
	if (found->serial)
		mtx_lock(&core->request_lock);
	gate_enter(core);
	code = run(core, found, command, result);
	gate_leave(core);
	if (found->serial)
		mtx_unlock(&core->request_lock);
	result->status = core_code(code);
}
