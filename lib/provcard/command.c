// SPDX-License-Identifier: LGPL-2.1-or-later
/* One command to the card: the funnel that every question goes through. */
#include <errno.h>
#include <stdint.h>

#include "internal.h"

#define STATUS_MAX 0x7fff /* 15 bits in the completion entry */

struct provcard_command provcard_command_make(uint32_t opcode, uint64_t arg0, uint64_t arg1)
{
	return (struct provcard_command){
		.size = sizeof(struct provcard_command),
		.opcode = opcode,
		.arg = { arg0, arg1 },
	};
}

void provcard_command_in(struct provcard_command *command, const void *data, size_t size)
{
	command->in_uptr = (uintptr_t)data;
	command->in_len = size;
}

void provcard_command_out(struct provcard_command *command, void *data, size_t size)
{
	command->out_uptr = (uintptr_t)data;
	command->out_len = size;
}

int provcard_command_send(struct provcard *card, struct provcard_job *job, struct provcard_command *command,
			  struct provcard_answer *answer)
{
	int error = card->ops->command(card->transport, job ? job->transport : NULL, command);

	if (error)
		return error > 0 ? -EPROTO : error;
	if (command->out_length > command->out_len || command->out_status > STATUS_MAX)
		return -EPROTO;
	*answer = (struct provcard_answer){ .refusal = command->out_status, .result = command->out_result };
	return 0;
}
