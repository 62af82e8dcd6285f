// SPDX-License-Identifier: GPL-2.0-or-later
/* A card's mind that does not let go of commands, in place of the real one. Whoever asks it anything else is answered at once. */
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "core/core.h"
#include "provcard_hif.h"
#include "stubborn_core.h"

struct core {
	mtx_t lock;
	cnd_t changed;
	uint32_t handles;
	unsigned int aborts[CORE_MAX_JOBS]; /* by handle, modulo */
	unsigned int resets;
};

struct core *core_start(const struct port *port)
{
	struct core *core = calloc(1, sizeof(*core));

	(void)port;
	if (!core || mtx_init(&core->lock, mtx_plain) != thrd_success || cnd_init(&core->changed) != thrd_success)
		abort();
	return core;
}

void core_stop(struct core *core)
{
	free(core);
}

/* Until the command's job is aborted, or until everything is. */
static void hold(struct core *core, const struct core_command *command, bool heeds_abort)
{
	unsigned int *aborts, aborted, resets;

	mtx_lock(&core->lock);
	aborts = &core->aborts[command->job % CORE_MAX_JOBS];
	aborted = *aborts;
	resets = core->resets;
	while (core->resets == resets && !(heeds_abort && *aborts != aborted))
		cnd_wait(&core->changed, &core->lock);
	mtx_unlock(&core->lock);
}

void core_execute(struct core *core, const struct core_command *command, struct core_result *result)
{
	memset(result, 0, sizeof(*result));
	if (command->opcode != STUBBORN_UNTIL_ABORT && command->opcode != STUBBORN_UNTIL_RESET)
		return;
	hold(core, command, command->opcode == STUBBORN_UNTIL_ABORT);
	result->status = PROVCARD_SC_ABORTED;
}

uint16_t core_job_create(struct core *core, uint32_t *handle)
{
	mtx_lock(&core->lock);
	*handle = ++core->handles;
	mtx_unlock(&core->lock);
	return 0;
}

uint16_t core_job_delete(struct core *core, uint32_t handle)
{
	core_job_abort(core, handle);
	return 0;
}

uint16_t core_random(struct core *core, void *data, size_t size)
{
	(void)core;
	memset(data, 0, size);
	return PROVCARD_SC_INTERNAL;
}

void core_tamper(struct core *core)
{
	(void)core;
}

void core_job_abort(struct core *core, uint32_t handle)
{
	mtx_lock(&core->lock);
	if (handle)
		core->aborts[handle % CORE_MAX_JOBS]++;
	else
		core->resets++;
	cnd_broadcast(&core->changed);
	mtx_unlock(&core->lock);
}

uint32_t core_security_version(void)
{
	return 1;
}

const char *core_version(void)
{
	return "stubborn";
}
