// SPDX-License-Identifier: GPL-2.0-or-later
#include "status.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

int command_status(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct provcard_service_status status = { .version = 1 };
	uint8_t root[PROVPKG_HASH_SIZE];
	struct vault *vault = core_vault(core);
	size_t size = command->out.size;

	status.state = core_state(core);
	if (vault)
		memcpy(status.card_id, vault->card_id, sizeof(status.card_id));
	vault_put(vault);
	snprintf(status.serial, sizeof(status.serial), "%s", core->serial);
	snprintf(status.firmware, sizeof(status.firmware), "%s", core_version());
	status.time = core_time(core);
	status.boot_count = (uint32_t)core->boots;
	status.heads = core->heads;
	status.fault = atomic_load(&core->fault);
	status.staging_size = core->port->ops->nv_size(core->port->context, PORT_NV_STAGING);
	status.flushes = atomic_load(&core->flushes);
	status.flags = core_time_authenticated(core) ? PROVCARD_STATUS_FLAG_TIME_AUTHENTICATED : 0;
	if (core->storage_open) {
		mtx_lock(&core->ledger.lock);
		status.jobs = core->ledger.jobs_told;
		mtx_unlock(&core->ledger.lock);
		if (log_head(&core->log, &status.log_size, root))
			return PROVCARD_REFUSAL_INTERNAL;
	}
	/* The structure grows at its end; a host that knows less of it asks for less. */
	if (size >= offsetof(struct provcard_service_status, flags) && size < sizeof(status))
		return output_all(command, result, &status, offsetof(struct provcard_service_status, flags));
	return output_all(command, result, &status, sizeof(status));
}
