// SPDX-License-Identifier: GPL-2.0-or-later
/* Faults, the vault in force, records. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "provcard_hif.h"

void core_log(struct core *core, const char *format, ...)
{
	char line[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	core->port->ops->log(core->port->context, line);
}

void core_event(struct core *core, uint8_t type, uint32_t info)
{
	core->port->ops->event(core->port->context, &(struct port_event){ .type = type, .info = info });
}

void core_stop_production(struct core *core, int code)
{
	const struct provcard_refusal_info *info;
	unsigned int none = 0;

	if (!atomic_compare_exchange_strong(&core->fault, &none, core_code(code)))
		return;
	info = provcard_refusal_find(core_code(code));
	core_log(core, "stopped: %s", info ? info->sentence : "unknown fault");
	core_event(core, PROVCARD_EVENT_FAULT, core_code(code));
}

uint16_t core_code(int result)
{
	if (result >= 0)
		return (uint16_t)result;
	return result == -ENOMEM ? PROVCARD_REFUSAL_OUT_OF_MEMORY : PROVCARD_REFUSAL_INTERNAL;
}

struct vault *core_vault(struct core *core)
{
	struct vault *vault;

	mtx_lock(&core->vault_lock);
	vault = core->vault ? vault_get(core->vault) : NULL;
	mtx_unlock(&core->vault_lock);
	return vault;
}

void core_set_vault(struct core *core, struct vault *vault)
{
	struct vault *old;

	mtx_lock(&core->vault_lock);
	old = core->vault;
	core->vault = vault;
	mtx_unlock(&core->vault_lock);
	vault_put(old);
}

void record_begin(struct core *core, struct provpkg_record *record, enum provpkg_event event, const char *actor)
{
	memset(record, 0, sizeof(*record));
	record->event = event;
	record->boot = (uint32_t)core->boots;
	snprintf(record->actor, sizeof(record->actor), "%s", actor);
}
