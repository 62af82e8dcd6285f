// SPDX-License-Identifier: GPL-2.0-or-later
#include "firmware.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "provcard_hif.h"
#include "request.h"

_Static_assert((int)BOOT_EMPTY == PROVCARD_SLOT_EMPTY && (int)BOOT_STORED == PROVCARD_SLOT_STORED &&
		       (int)BOOT_PENDING == PROVCARD_SLOT_PENDING && (int)BOOT_TRYING == PROVCARD_SLOT_TRYING &&
		       (int)BOOT_GOOD == PROVCARD_SLOT_GOOD && (int)BOOT_BAD == PROVCARD_SLOT_BAD,
	       "the service interface tells the flags as they are");

int firmware_look(struct core *core, struct port_firmware *running, struct boot_flags *flags)
{
	const struct port *port = core->port;
	enum boot_found found;

	if (port->ops->firmware_identity(port->context, running))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	if (running->slot >= BOOT_SLOTS)
		return PROVCARD_REFUSAL_FIRMWARE_NO_SLOTS;
	if (boot_flags_read(port, flags, &found))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	/* Damaged ones are whole again with the next writing; the slot that runs is good for certain. */
	if (found != BOOT_FLAGS_FOUND) {
		flags->active = running->slot;
		flags->slot[running->slot].state = BOOT_GOOD;
	}
	return 0;
}

int firmware_set(struct core *core, struct boot_flags *flags, unsigned int slot, enum boot_state state)
{
	flags->slot[slot] = (struct boot_slot){ .state = state };
	if (!boot_flags_write(core->port, flags))
		return 0;
	core_stop_production(core, PROVCARD_REFUSAL_STORAGE_FAILED);
	return PROVCARD_REFUSAL_STORAGE_FAILED;
}

int firmware_open(struct core *core, const struct boot_place *place, struct boot_image *image)
{
	STACK_OF(X509) *anchors;
	const uint8_t *der;
	size_t size;
	int code;

	memset(image, 0, sizeof(*image));
	core->port->ops->firmware_anchors(core->port->context, &der, &size);
	anchors = boot_anchors(der, size);
	if (!anchors)
		return PROVCARD_REFUSAL_FIRMWARE_NO_SLOTS;
	code = boot_image_open(core->port, place, anchors, image);
	sk_X509_pop_free(anchors, X509_free);
	return code;
}

int firmware_record(struct core *core, enum provpkg_event event, const struct ledger_firmware *change, uint16_t code,
		    const char *actor, struct provpkg_view attachment)
{
	struct provpkg_record record;
	struct commit commit = { .change = { .type = LEDGER_FIRMWARE, .job = LEDGER_NO_JOB, .firmware = *change },
				 .record = &record,
				 .attachment = attachment };

	record_begin(core, &record, event, actor);
	record.code = code;
	return commit_run(core, &commit);
}

/* The image in a slot is the one that @digest names, and may still be started. */
static int open_slot(struct core *core, unsigned int slot, const uint8_t digest[PROVPKG_HASH_SIZE], struct boot_image *image)
{
	struct boot_place place = boot_slot_place(core->port, slot);
	int code = firmware_open(core, &place, image);

	if (!code && memcmp(image->firmware.sha256, digest, PROVPKG_HASH_SIZE))
		code = PROVCARD_REFUSAL_FIRMWARE_NOT_STORED;
	return code ? code : boot_image_check(core->port, &place, image);
}

static bool can_be_activated(const struct boot_slot *slot)
{
	return slot->state == BOOT_STORED || slot->state == BOOT_PENDING || slot->state == BOOT_GOOD;
}

static int activate(struct request *request, struct port_firmware *running, struct boot_flags *flags)
{
	const unsigned int slot = !running->slot;
	struct ledger_firmware change = { .event = LEDGER_FIRMWARE_ACTIVATED, .slot = slot };
	struct boot_image image;
	int code;

	if (flags->slot[running->slot].state == BOOT_TRYING || flags->slot[slot].state == BOOT_TRYING)
		return PROVCARD_REFUSAL_FIRMWARE_BUSY;
	if (!can_be_activated(&flags->slot[slot]))
		return PROVCARD_REFUSAL_FIRMWARE_NOT_STORED;
	code = open_slot(request->core, slot, request->body.activate.digest, &image);
	if (!code && image.firmware.security_version != request->body.activate.security_version)
		code = PROVCARD_REFUSAL_FIRMWARE_NOT_STORED;
	boot_image_clear(&image);
	memcpy(change.digest, request->body.activate.digest, sizeof(change.digest));
	if (!code)
		code = firmware_record(request->core, PROVPKG_EVENT_FIRMWARE_ACTIVATED, &change, 0, request->actor,
				       provpkg_blob_view(&request->cms));
	return code ? code : firmware_set(request->core, flags, slot, BOOT_PENDING);
}

int operation_activate(struct request *request)
{
	struct core *core = request->core;
	struct port_firmware running;
	struct boot_flags flags;
	int code;

	mtx_lock(&core->firmware_lock);
	code = firmware_look(core, &running, &flags);
	if (!code)
		code = activate(request, &running, &flags);
	mtx_unlock(&core->firmware_lock);
	if (!code)
		core_event(core, PROVCARD_EVENT_FIRMWARE, 0);
	return code;
}

/* What runs, as the manifest of its slot has it. */
static int record_confirmed(struct core *core, const struct port_firmware *running)
{
	struct ledger_firmware change = { .event = LEDGER_FIRMWARE_CONFIRMED, .slot = running->slot };
	struct boot_place place = boot_slot_place(core->port, running->slot);
	struct boot_image image;
	int code = firmware_open(core, &place, &image);

	memcpy(change.digest, running->digest, sizeof(change.digest));
	if (!code)
		code = firmware_record(core, PROVPKG_EVENT_FIRMWARE_CONFIRMED, &change, 0, "", provpkg_blob_view(&image.manifest));
	boot_image_clear(&image);
	return code;
}

/* The slot is confirmed, if it was not. */
static int confirm(struct core *core, const struct port_firmware *running, struct boot_flags *flags, bool *confirmed)
{
	*confirmed = flags->slot[running->slot].state == BOOT_TRYING;
	if (!*confirmed)
		return 0;
	flags->active = running->slot;
	return firmware_set(core, flags, running->slot, BOOT_GOOD);
}

static int raise_floor(struct core *core, const struct port_firmware *running)
{
	const struct port *port = core->port;
	uint32_t floor;

	if (port->ops->floor_read(port->context, &floor))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	if (floor >= running->security_version)
		return 0;
	return port->ops->floor_raise(port->context, running->security_version) ? PROVCARD_REFUSAL_STORAGE_FAILED : 0;
}

/* What the ledger says of an activation, and what became of it. */
static int settle_activation(struct core *core, const struct port_firmware *running, struct boot_flags *flags, bool confirmed)
{
	struct ledger_firmware last = core->ledger.firmware;
	const struct boot_slot *other = &flags->slot[!running->slot];
	struct boot_image image;
	int code;

	if (confirmed || (last.event == LEDGER_FIRMWARE_ACTIVATED && last.slot == running->slot))
		return record_confirmed(core, running);
	if (last.event != LEDGER_FIRMWARE_ACTIVATED || other->state == BOOT_PENDING || other->state == BOOT_TRYING)
		return 0;
	/* The flags were not reached: do it now, unless there is nothing to start any more. */
	if (other->state == BOOT_STORED || other->state == BOOT_GOOD) {
		code = open_slot(core, !running->slot, last.digest, &image);
		boot_image_clear(&image);
		if (!code)
			return firmware_set(core, flags, !running->slot, BOOT_PENDING);
	}
	core_log(core, "the firmware activated did not start");
	last.event = LEDGER_FIRMWARE_ABANDONED;
	return firmware_record(core, PROVPKG_EVENT_FIRMWARE_ACTIVATED, &last, PROVCARD_REFUSAL_FIRMWARE_FELL_BACK, "",
			       (struct provpkg_view){ NULL, 0 });
}

void firmware_settle(struct core *core)
{
	struct port_firmware running;
	struct boot_flags flags;
	bool confirmed = false;
	int code;

	mtx_lock(&core->firmware_lock);
	code = firmware_look(core, &running, &flags);
	if (!code)
		code = confirm(core, &running, &flags, &confirmed);
	if (!code)
		code = raise_floor(core, &running);
	if (!code)
		code = settle_activation(core, &running, &flags, confirmed);
	mtx_unlock(&core->firmware_lock);
	/* A full log keeps no firmware from running; neither does a card without slots. */
	if (code == PROVCARD_REFUSAL_STORAGE_FAILED)
		core_stop_production(core, code);
	else if (code && code != PROVCARD_REFUSAL_FIRMWARE_NO_SLOTS)
		core_log(core, "what became of the firmware is not on record: %u", core_code(code));
}

static void describe_slot(struct core *core, unsigned int slot, const struct boot_slot *flags,
			  struct provcard_service_firmware_slot *out)
{
	struct boot_place place = boot_slot_place(core->port, slot);
	struct boot_image image;
	int code;

	out->state = flags->state;
	out->attempts = flags->attempts;
	if (flags->state == BOOT_EMPTY)
		return;
	code = firmware_open(core, &place, &image);
	if (!code || code == PROVCARD_REFUSAL_FIRMWARE_ROLLBACK) {
		out->security_version = image.firmware.security_version;
		memcpy(out->version, image.firmware.version, sizeof(out->version));
		memcpy(out->digest, image.firmware.sha256, sizeof(out->digest));
	}
	out->refusal = core_code(code);
	boot_image_clear(&image);
}

int command_firmware_status(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct provcard_service_firmware status = { .version = 1 };
	struct port_firmware running = { .slot = PORT_NO_SLOT };
	struct boot_flags flags;
	int code;

	mtx_lock(&core->firmware_lock);
	code = firmware_look(core, &running, &flags);
	for (unsigned int i = 0; i < BOOT_SLOTS && !code; i++)
		describe_slot(core, i, &flags.slot[i], &status.slot[i]);
	mtx_unlock(&core->firmware_lock);
	if (code && code != PROVCARD_REFUSAL_FIRMWARE_NO_SLOTS)
		return code;
	status.active = code ? PROVCARD_NO_SLOT : flags.active;
	status.running = running.slot;
	status.security_version = running.security_version;
	memcpy(status.firmware, running.version, sizeof(status.firmware));
	memcpy(status.digest, running.digest, sizeof(status.digest));
	snprintf(status.board, sizeof(status.board), "%s", core->port->board);
	if (core->port->ops->floor_read(core->port->context, &status.floor))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	return output_all(command, result, &status, sizeof(status));
}
