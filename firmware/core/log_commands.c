// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading the log from outside. */
#include "log_commands.h"

#include <errno.h>
#include <stdlib.h>

/* Copy the entry at @index to @at of the answer. *size is what it takes there; BUFFER_TOO_SMALL when that is not left. */
static int copy_entry(struct core *core, const struct core_command *command, uint64_t index, size_t at, size_t *size)
{
	struct provcard_service_log_entry header;
	struct log_frame frame;
	uint64_t offset;
	uint8_t *body;
	size_t body_size;
	int code = log_entry(&core->log, index, &frame, &offset);

	if (code)
		return code;
	body_size = (size_t)frame.record_size + frame.attachment_size;
	*size = sizeof(header) + body_size;
	if (*size > command->out.size - at)
		return PROVCARD_REFUSAL_BUFFER_TOO_SMALL;
	header = (struct provcard_service_log_entry){ index, frame.record_size, frame.attachment_size };
	body = malloc(body_size);
	if (!body)
		return -ENOMEM;
	if (core->port->ops->nv_read(core->port->context, PORT_NV_LOG, offset + sizeof(frame), body, body_size))
		code = PROVCARD_REFUSAL_STORAGE_FAILED;
	if (!code)
		code = output_write(command, at, &header, sizeof(header));
	if (!code)
		code = output_write(command, at + sizeof(header), body, body_size);
	free(body);
	return code;
}

int command_log_read(struct core *core, const struct core_command *command, struct core_result *result)
{
	uint64_t index = command->arg[0], size;
	uint8_t root[PROVPKG_HASH_SIZE];
	size_t at = 0, entry;
	int code = log_head(&core->log, &size, root);

	for (; !code && index < size; index++) {
		code = copy_entry(core, command, index, at, &entry);
		if (code == PROVCARD_REFUSAL_BUFFER_TOO_SMALL && at)
			break;
		if (code)
			return code;
		at += entry;
		result->result++;
	}
	result->length = (uint32_t)at;
	return code == PROVCARD_REFUSAL_BUFFER_TOO_SMALL ? 0 : code;
}

static int output_hashes(const struct core_command *command, struct core_result *result, const uint8_t (*hash)[PROVPKG_HASH_SIZE],
			 size_t count)
{
	result->result = (uint32_t)count;
	return output_all(command, result, hash, count * sizeof(*hash));
}

int command_log_proof(struct core *core, const struct core_command *command, struct core_result *result)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	size_t count;
	int code = log_proof(&core->log, command->arg[0], command->arg[1], proof, &count);

	return code ? code : output_hashes(command, result, proof, count);
}

int command_log_consistency(struct core *core, const struct core_command *command, struct core_result *result)
{
	uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	size_t count;
	int code = log_consistency(&core->log, command->arg[0], command->arg[1], proof, &count);

	return code ? code : output_hashes(command, result, proof, count);
}

int command_log_run(struct core *core, const struct core_command *command, struct core_result *result)
{
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	size_t count;
	int code = log_run(&core->log, command->arg[0], command->arg[1], hash, &count);

	return code ? code : output_hashes(command, result, hash, count);
}
