/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware of the card itself: two slots, of which one runs. A new one is written beside it, by the host but only if it is the
 * maker's; officers have it started; it confirms itself when it has come up with all that the card keeps; and only then the floor
 * rises. The flags of the slots are the boot stage's (boot/flags.h), the approvals the ledger's. What the ledger says is done again
 * at the next start if a power cut came before the flags.
 *
 * The order of confirming is flags, floor, record: with the floor first, a power cut would leave a slot below the floor as the only
 * one that has confirmed itself.
 */
#ifndef CORE_FIRMWARE_H
#define CORE_FIRMWARE_H

#include "boot/flags.h"
#include "boot/image.h"
#include "internal.h"

struct request;

/* After storage is open: confirm what runs, raise the floor, finish what a power cut interrupted. A failure stops the card. */
void firmware_settle(struct core *core);

/* Activate, approved. FIRMWARE_NO_SLOTS, FIRMWARE_BUSY, FIRMWARE_NOT_STORED, FIRMWARE_ROLLBACK, FIRMWARE_DIGEST. */
int operation_activate(struct request *request);

int command_firmware_write(struct core *core, const struct core_command *command, struct core_result *result);
int command_firmware_commit(struct core *core, const struct core_command *command, struct core_result *result);
int command_firmware_status(struct core *core, const struct core_command *command, struct core_result *result);

/* What both files share. The caller holds core->firmware_lock. */

/* What runs and how the slots stand; FIRMWARE_NO_SLOTS. */
int firmware_look(struct core *core, struct port_firmware *running, struct boot_flags *flags);
/* Durable, or the card stops: STORAGE_FAILED. */
int firmware_set(struct core *core, struct boot_flags *flags, unsigned int slot, enum boot_state state);
/* boot_image_open() with this card's anchors. */
int firmware_open(struct core *core, const struct boot_place *place, struct boot_image *image);
/* A record with its ledger change. @actor and @attachment may be empty. */
int firmware_record(struct core *core, enum provpkg_event event, const struct ledger_firmware *change, uint16_t code,
		    const char *actor, struct provpkg_view attachment);

#endif
