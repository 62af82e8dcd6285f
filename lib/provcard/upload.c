// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files on their way to the card, in as few commands as its transfers allow. */
#include <errno.h>

#include "internal.h"

int provcard_upload_piece(const struct provcard_upload *upload, uint64_t offset, uint64_t whole, const void *data, size_t size,
			  struct provcard_answer *answer)
{
	const uint8_t *from = data;
	const size_t most = upload->card->info.out_max_transfer;

	if (!size || size > whole || offset > whole - size)
		return -EINVAL;
	for (size_t done = 0; done < size;) {
		struct provcard_command command = provcard_command_make(upload->opcode, offset + done, whole);
		size_t now = size - done < most ? size - done : most;
		int error;

		command.queue = upload->queue;
		provcard_command_in(&command, from + done, now);
		error = provcard_command_send(upload->card, upload->job, &command, answer);
		if (error || answer->refusal)
			return error;
		done += now;
	}
	return 0;
}

int provcard_upload_file(const struct provcard_upload *upload, const void *file, size_t size, size_t step,
			 provcard_load_progress progress, void *context, struct provcard_answer *answer)
{
	const uint8_t *from = file;

	if (!size)
		return -EINVAL;
	for (size_t done = 0; done < size;) {
		size_t now = size - done < step ? size - done : step;
		int error = provcard_upload_piece(upload, done, size, from + done, now, answer);

		if (error || answer->refusal)
			return error;
		done += now;
		error = progress ? progress(context, done, size) : 0;
		if (error)
			return error;
	}
	return 0;
}
