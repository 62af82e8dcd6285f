// SPDX-License-Identifier: GPL-2.0-or-later
/* A command's memory at the host: read once, copied, then judged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static bool fits(const struct core_buffer *buffer, size_t offset, size_t size)
{
	return offset <= buffer->size && size <= buffer->size - offset;
}

int input_read(const struct core_command *command, size_t offset, void *data, size_t size)
{
	if (!fits(&command->in, offset, size))
		return PROVCARD_REFUSAL_INVALID_FIELD;
	if (size && command->in.read(command->in.context, offset, data, size))
		return PROVCARD_REFUSAL_DATA_TRANSFER;
	return 0;
}

int input_all(const struct core_command *command, size_t most, struct provpkg_blob *blob)
{
	int code;

	if (!command->in.size || command->in.size > most)
		return PROVCARD_REFUSAL_INVALID_FIELD;
	blob->data = OPENSSL_malloc(command->in.size);
	if (!blob->data)
		return -ENOMEM;
	blob->size = command->in.size;
	code = input_read(command, 0, blob->data, blob->size);
	if (code)
		provpkg_blob_free(blob);
	return code;
}

int output_write(const struct core_command *command, size_t offset, const void *data, size_t size)
{
	if (!fits(&command->out, offset, size))
		return PROVCARD_REFUSAL_BUFFER_TOO_SMALL;
	if (size && command->out.write(command->out.context, offset, data, size))
		return PROVCARD_REFUSAL_DATA_TRANSFER;
	return 0;
}

int output_all(const struct core_command *command, struct core_result *result, const void *data, size_t size)
{
	int code = output_write(command, 0, data, size);

	if (!code)
		result->length = (uint32_t)size;
	return code;
}
