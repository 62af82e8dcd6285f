// SPDX-License-Identifier: LGPL-2.1-or-later
/* The card's log. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

#define HASH_SIZE 32

int provcard_log_read(struct provcard *card, uint64_t first, void *buffer, size_t room, size_t *length, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_LOG_READ, first, 0);
	int error;

	provcard_command_out(&command, buffer, room);
	error = provcard_command_send(card, NULL, &command, answer);
	if (!error && !answer->refusal)
		*length = command.out_length;
	return error;
}

int provcard_log_next(const void *buffer, size_t length, size_t *offset, struct provcard_log_entry *entry)
{
	struct provcard_service_log_entry header;
	const uint8_t *at = (const uint8_t *)buffer + *offset;
	size_t left = length - *offset;
	size_t record, attachment;

	if (*offset > length)
		return -EINVAL;
	if (!left)
		return 0;
	if (left < sizeof(header))
		return -EPROTO;
	memcpy(&header, at, sizeof(header));
	record = le32toh(header.record_size);
	attachment = le32toh(header.attachment_size);
	left -= sizeof(header);
	if (record > left || attachment > left - record)
		return -EPROTO;
	entry->index = le64toh(header.index);
	entry->record = at + sizeof(header);
	entry->record_size = record;
	entry->attachment = entry->record + record;
	entry->attachment_size = attachment;
	*offset += sizeof(header) + record + attachment;
	return 1;
}

static int read_hashes(struct provcard *card, uint32_t opcode, uint64_t first, uint64_t second, uint8_t (*hashes)[32], size_t room,
		       size_t *count, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(opcode, first, second);
	int error;

	provcard_command_out(&command, hashes, room * HASH_SIZE);
	error = provcard_command_send(card, NULL, &command, answer);
	if (error || answer->refusal)
		return error;
	if (command.out_length != (uint64_t)answer->result * HASH_SIZE)
		return -EPROTO;
	*count = answer->result;
	return 0;
}

int provcard_log_proof(struct provcard *card, uint64_t index, uint64_t tree_size, uint8_t (*hashes)[32], size_t room, size_t *count,
		       struct provcard_answer *answer)
{
	return read_hashes(card, PROVCARD_OP_LOG_PROOF, index, tree_size, hashes, room, count, answer);
}

int provcard_log_consistency(struct provcard *card, uint64_t older, uint64_t newer, uint8_t (*hashes)[32], size_t room, size_t *count,
			     struct provcard_answer *answer)
{
	return read_hashes(card, PROVCARD_OP_LOG_CONSISTENCY, older, newer, hashes, room, count, answer);
}

int provcard_log_run(struct provcard *card, uint64_t first, uint64_t entries, uint8_t (*hashes)[32], size_t room, size_t *count,
		     struct provcard_answer *answer)
{
	return read_hashes(card, PROVCARD_OP_LOG_RUN, first, entries, hashes, room, count, answer);
}
