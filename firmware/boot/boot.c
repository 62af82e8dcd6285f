// SPDX-License-Identifier: GPL-2.0-or-later
#include "boot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct boot {
	const struct port *port;
	STACK_OF(X509) *anchors;
	const struct boot_board *board;
	struct boot_flags flags;
	struct port_firmware firmware; /* of the slot that was loaded last */
};

/* What is executed is measured where it is executed. */
static int load(struct boot *boot, unsigned int slot)
{
	struct boot_place place = boot_slot_place(boot->port, slot);
	struct port_firmware *firmware = &boot->firmware;
	struct boot_image image;
	struct provpkg_view loaded;
	int code = boot_image_open(boot->port, &place, boot->anchors, &image);

	if (!code)
		code = boot->board->load(boot->board->context, &place, &image.layout.image, &loaded);
	if (!code)
		code = provpkg_firmware_check_image(&image.firmware, loaded);
	memset(firmware, 0, sizeof(*firmware));
	memcpy(firmware->digest, image.firmware.sha256, sizeof(firmware->digest));
	snprintf(firmware->version, sizeof(firmware->version), "%s", image.firmware.version);
	firmware->security_version = image.firmware.security_version;
	firmware->slot = slot;
	boot_image_clear(&image);
	return code;
}

static int set(struct boot *boot, unsigned int slot, enum boot_state state)
{
	boot->flags.slot[slot].state = state;
	return boot_flags_write(boot->port, &boot->flags) ? PROVCARD_REFUSAL_STORAGE_FAILED : 0;
}

/* The slot itself is at fault, and not the machine: it will be so next time. */
static bool is_lasting(int code)
{
	return code > 0 && code != PROVCARD_REFUSAL_STORAGE_FAILED;
}

static int pass_over(struct boot *boot, unsigned int slot, int code)
{
	boot->board->passed_over(boot->board->context, slot, code);
	if (is_lasting(code))
		(void)set(boot, slot, BOOT_BAD);
	return code;
}

static int start(struct boot *boot, unsigned int slot)
{
	int error = boot->board->start(boot->board->context, &boot->firmware);

	return error ? pass_over(boot, slot, error) : 0;
}

/* The attempt is on record before it is made: whatever the firmware does then, the attempts end. */
static int try_candidate(struct boot *boot, unsigned int slot)
{
	struct boot_slot *flags = &boot->flags.slot[slot];
	int code;

	if (flags->attempts >= BOOT_ATTEMPTS)
		return pass_over(boot, slot, PROVCARD_REFUSAL_FIRMWARE_FELL_BACK);
	code = load(boot, slot);
	if (code)
		return pass_over(boot, slot, code);
	flags->attempts++;
	code = set(boot, slot, BOOT_TRYING);
	return code ? pass_over(boot, slot, code) : start(boot, slot);
}

/* It becomes the active one only when the one in force could not be started. */
static int start_good(struct boot *boot, unsigned int slot)
{
	int code = PROVCARD_REFUSAL_FIRMWARE_NOT_STORED;

	if (boot->flags.slot[slot].state != BOOT_GOOD)
		return code;
	code = load(boot, slot);
	if (code)
		return pass_over(boot, slot, code);
	if (boot->flags.active != slot) {
		boot->flags.active = slot;
		code = set(boot, slot, BOOT_GOOD);
	}
	return code ? pass_over(boot, slot, code) : start(boot, slot);
}

/* Damage that no power cut leaves. Nothing tells what was approved, so everything genuine is as good. */
static void assume_flags(struct boot_flags *flags)
{
	for (unsigned int i = 0; i < BOOT_SLOTS; i++)
		flags->slot[i] = (struct boot_slot){ .state = BOOT_GOOD };
}

int boot_run(const struct port *port, STACK_OF(X509) *anchors, const struct boot_board *board)
{
	struct boot boot = { .port = port, .anchors = anchors, .board = board };
	enum boot_found found;
	unsigned int slot;
	int code;

	if (boot_flags_read(port, &boot.flags, &found))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	if (found == BOOT_FLAGS_DAMAGED)
		assume_flags(&boot.flags);
	slot = boot_flags_candidate(&boot.flags);
	if (slot < BOOT_SLOTS && !try_candidate(&boot, slot))
		return 0;
	slot = boot.flags.active;
	code = start_good(&boot, slot);
	if (code && boot.flags.active == slot) {
		int last = start_good(&boot, !slot);

		if (last != PROVCARD_REFUSAL_FIRMWARE_NOT_STORED)
			code = last;
	}
	return code;
}
