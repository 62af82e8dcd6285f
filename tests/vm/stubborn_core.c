// SPDX-License-Identifier: GPL-2.0-or-later
/* A card's mind that does not let go of commands, in place of the real one. Whoever asks it anything else is answered at once. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

#include "core/core.h"
#include "provcard_hif.h"
#include "stubborn_core.h"

struct core {
	mtx_t lock;
	cnd_t changed;
	uint32_t handles;
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

/* An aborted command wakes nobody. */
static void wait_a_little(struct core *core)
{
	struct timespec until;

	timespec_get(&until, TIME_UTC);
	until.tv_nsec += 5000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	cnd_timedwait(&core->changed, &core->lock, &until);
}

/* Until the command is aborted, or until everything is. */
static void hold(struct core *core, const struct core_command *command, bool heeds_abort)
{
	unsigned int resets;

	mtx_lock(&core->lock);
	resets = core->resets;
	while (core->resets == resets && !(heeds_abort && atomic_load(command->aborted)))
		wait_a_little(core);
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
	if (handle)
		return;
	mtx_lock(&core->lock);
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
