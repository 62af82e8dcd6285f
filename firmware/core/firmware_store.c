// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A firmware on its way in: first into the staging memory, piece by piece; then, when all of it is genuine, into the slot beside the
 * running one. So whatever the host sends, the slot that the card could fall back to is given up for a firmware of its maker only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firmware.h"
#include "provcard_hif.h"
#include "staging.h"

#define PIECE (256u << 10)
#define HEAD_MAX (PROVPKG_HEADER_SIZE + PROVPKG_FIRMWARE_MANIFEST_MAX)

static uint64_t slot_size(struct core *core)
{
	return boot_slot_place(core->port, 0).room;
}

static int begin(struct core *core, uint64_t size)
{
	struct port_firmware running;
	struct boot_flags flags;
	int code;

	mtx_lock(&core->firmware_lock);
	code = firmware_look(core, &running, &flags);
	mtx_unlock(&core->firmware_lock);
	if (code)
		return code;
	if (size <= PROVPKG_HEADER_SIZE)
		return PROVCARD_REFUSAL_FIRMWARE_FILE;
	if (size > slot_size(core) || size > HEAD_MAX + PROVPKG_FIRMWARE_IMAGE_MAX)
		return PROVCARD_REFUSAL_FIRMWARE_TOO_LARGE;
	code = staging_begin(core, STAGING_FIRMWARE, size);
	if (code == PROVCARD_REFUSAL_JOB_BUSY)
		return PROVCARD_REFUSAL_FIRMWARE_BUSY;
	return code == PROVCARD_REFUSAL_PACKAGE_TOO_LARGE ? PROVCARD_REFUSAL_FIRMWARE_TOO_LARGE : code;
}

static int write_piece(struct core *core, const struct core_command *command)
{
	struct staging *staging = &core->staging;
	uint64_t offset = command->arg[0], size = command->arg[1];
	int code = 0;

	if (!command->in.size)
		return PROVCARD_REFUSAL_INVALID_FIELD;
	if (staging->committing)
		return PROVCARD_REFUSAL_FIRMWARE_BUSY;
	if (offset == 0)
		code = begin(core, size);
	if (code)
		return code;
	if (staging->writer != STAGING_FIRMWARE)
		return PROVCARD_REFUSAL_FIRMWARE_BUSY;
	return staging_add(core, command, offset, size);
}

int command_firmware_write(struct core *core, const struct core_command *command, struct core_result *result)
{
	int code;

	(void)result;
	mtx_lock(&core->staging.lock);
	code = write_piece(core, command);
	mtx_unlock(&core->staging.lock);
	return code;
}

static int copy_piece(const struct port *port, const struct boot_place *from, const struct boot_place *to, uint64_t at, uint8_t *piece,
		      size_t size)
{
	if (port->ops->nv_read(port->context, from->region, from->offset + at, piece, size) ||
	    port->ops->nv_write(port->context, to->region, to->offset + at, piece, size))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	return 0;
}

static int copy_file(const struct port *port, const struct boot_place *from, const struct boot_place *to)
{
	uint8_t *piece = malloc(PIECE);
	int code = piece ? 0 : -ENOMEM;

	for (uint64_t done = 0; done < from->room && !code; done += PIECE)
		code = copy_piece(port, from, to, done, piece, from->room - done < PIECE ? (size_t)(from->room - done) : PIECE);
	free(piece);
	if (!code && port->ops->nv_flush(port->context, to->region))
		code = PROVCARD_REFUSAL_STORAGE_FAILED;
	return code;
}

/* Open and measure, wherever it lies. */
static int verify(struct core *core, const struct boot_place *place, struct boot_image *image)
{
	int code = firmware_open(core, place, image);

	return code ? code : boot_image_check(core->port, place, image);
}

/* What is in the slot now is judged once more, from there. */
static int verify_slot(struct core *core, const struct boot_place *slot, const struct boot_image *expected)
{
	struct boot_image image;
	int code = verify(core, slot, &image);

	if (!code)
		code = provpkg_firmware_same_image(&expected->firmware, &image.firmware);
	boot_image_clear(&image);
	return code > 0 ? PROVCARD_REFUSAL_STORAGE_FAILED : code;
}

/* From here on the slot holds nothing, until it holds the new one. */
static int fill_slot(struct core *core, const struct boot_place *from, struct boot_flags *flags, unsigned int slot,
		     const struct boot_image *image)
{
	struct ledger_firmware change = { .event = LEDGER_FIRMWARE_STORED, .slot = slot };
	struct boot_place place = boot_slot_place(core->port, slot);
	int code = firmware_set(core, flags, slot, BOOT_EMPTY);

	if (!code)
		code = copy_file(core->port, from, &place);
	if (!code)
		code = verify_slot(core, &place, image);
	memcpy(change.digest, image->firmware.sha256, sizeof(change.digest));
	if (!code)
		code = firmware_record(core, PROVPKG_EVENT_FIRMWARE_STORED, &change, 0, "", provpkg_blob_view(&image->manifest));
	return code ? code : firmware_set(core, flags, slot, BOOT_STORED);
}

/* Does it run, or lie in the slot beside what runs, whole? */
static bool is_there(struct core *core, const struct port_firmware *running, const struct boot_flags *flags,
		     const struct provpkg_firmware *firmware)
{
	struct boot_place place = boot_slot_place(core->port, !running->slot);
	enum boot_state state = flags->slot[!running->slot].state;
	struct boot_image held;
	bool same;

	if (!memcmp(running->digest, firmware->sha256, sizeof(running->digest)))
		return true;
	if (state != BOOT_STORED && state != BOOT_GOOD)
		return false;
	same = !verify(core, &place, &held) && !provpkg_firmware_same_image(firmware, &held.firmware);
	boot_image_clear(&held);
	return same;
}

static int store(struct core *core, const struct boot_place *from, bool if_new)
{
	struct port_firmware running;
	struct boot_flags flags;
	struct boot_image image;
	unsigned int slot;
	int code = firmware_look(core, &running, &flags);

	if (code)
		return code;
	slot = !running.slot;
	if (flags.slot[running.slot].state == BOOT_TRYING || flags.slot[slot].state == BOOT_PENDING ||
	    flags.slot[slot].state == BOOT_TRYING)
		return PROVCARD_REFUSAL_FIRMWARE_BUSY;
	code = verify(core, from, &image);
	if (!code && !(if_new && is_there(core, &running, &flags, &image.firmware)))
		code = fill_slot(core, from, &flags, slot, &image);
	boot_image_clear(&image);
	return code;
}

/* Takes what was written, whole. */
static int take(struct core *core, struct boot_place *from)
{
	struct staging *staging = &core->staging;
	int code = 0;

	mtx_lock(&staging->lock);
	if (staging->writer != STAGING_FIRMWARE || staging->written != staging->size)
		code = PROVCARD_REFUSAL_INVALID_FIELD;
	else if (staging->committing)
		code = PROVCARD_REFUSAL_FIRMWARE_BUSY;
	else
		staging->committing = true;
	*from = (struct boot_place){ PORT_NV_STAGING, staging->offset, staging->size, true };
	mtx_unlock(&staging->lock);
	return code;
}

int command_firmware_commit(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct boot_place from;
	int code = command->arg[0] & ~(uint64_t)PROVCARD_FIRMWARE_IF_NEW ? PROVCARD_REFUSAL_INVALID_FIELD : take(core, &from);

	if (code)
		return code;
	mtx_lock(&core->firmware_lock);
	code = store(core, &from, command->arg[0] & PROVCARD_FIRMWARE_IF_NEW);
	mtx_unlock(&core->firmware_lock);
	if (!code)
		core_event(core, PROVCARD_EVENT_FIRMWARE, 0);
	staging_release(core, STAGING_FIRMWARE);
	return code ? code : command_firmware_status(core, command, result);
}
