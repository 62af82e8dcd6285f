// SPDX-License-Identifier: LGPL-2.1-or-later
/* The card's own firmware: looking at the slots, writing a new one. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

_Static_assert(sizeof(struct provcard_service_firmware) == 280, "no implicit padding");

#define COMMIT_TIMEOUT_MS (5 * 60 * 1000) /* the card reads the image three times and writes it once */
#define LOAD_STEP (1u << 20)

/* The host's fields are longer, so the text is terminated whatever the card wrote. */
static void decode_slot(const struct provcard_service_firmware_slot *wire, struct provcard_firmware_slot *slot)
{
	*slot = (struct provcard_firmware_slot){
		.state = le32toh(wire->state),
		.attempts = le32toh(wire->attempts),
		.security_version = le32toh(wire->security_version),
		.refusal = le32toh(wire->refusal),
	};
	memcpy(slot->version, wire->version, strnlen(wire->version, sizeof(wire->version)));
	memcpy(slot->digest, wire->digest, sizeof(slot->digest));
}

static int decode(const struct provcard_service_firmware *wire, struct provcard_firmware *firmware)
{
	if (le32toh(wire->version) < 1)
		return -EPROTO;
	*firmware = (struct provcard_firmware){
		.active = le32toh(wire->active),
		.running = le32toh(wire->running),
		.floor = le32toh(wire->floor),
		.security_version = le32toh(wire->security_version),
	};
	memcpy(firmware->version, wire->firmware, strnlen(wire->firmware, sizeof(wire->firmware)));
	memcpy(firmware->board, wire->board, strnlen(wire->board, sizeof(wire->board)));
	memcpy(firmware->digest, wire->digest, sizeof(firmware->digest));
	for (size_t i = 0; i < 2; i++)
		decode_slot(&wire->slot[i], &firmware->slot[i]);
	return 0;
}

static int ask(struct provcard *card, struct provcard_command *command, struct provcard_firmware *firmware,
	       struct provcard_answer *answer)
{
	struct provcard_service_firmware wire;
	int error;

	provcard_command_out(command, &wire, sizeof(wire));
	error = provcard_command_send(card, NULL, command, answer);
	if (error || answer->refusal)
		return error;
	return command->out_length < sizeof(wire) ? -EPROTO : decode(&wire, firmware);
}

int provcard_firmware_read(struct provcard *card, struct provcard_firmware *firmware, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_FIRMWARE_STATUS, 0, 0);

	return ask(card, &command, firmware, answer);
}

static struct provcard_upload firmware_upload(struct provcard *card)
{
	return (struct provcard_upload){ card, NULL, PROVCARD_OP_FIRMWARE_WRITE, 0 };
}

int provcard_firmware_write(struct provcard *card, uint64_t offset, uint64_t whole, const void *data, size_t size,
			    struct provcard_answer *answer)
{
	const struct provcard_upload upload = firmware_upload(card);

	return provcard_upload_piece(&upload, offset, whole, data, size, answer);
}

int provcard_firmware_commit(struct provcard *card, struct provcard_firmware *firmware, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_FIRMWARE_COMMIT, 0, 0);

	command.timeout_ms = COMMIT_TIMEOUT_MS;
	return ask(card, &command, firmware, answer);
}

int provcard_firmware_load(struct provcard *card, const void *file, size_t size, provcard_load_progress progress, void *context,
			   struct provcard_firmware *firmware, struct provcard_answer *answer)
{
	const struct provcard_upload upload = firmware_upload(card);
	int error = provcard_upload_file(&upload, file, size, LOAD_STEP, progress, context, answer);

	return error || answer->refusal ? error : provcard_firmware_commit(card, firmware, answer);
}
