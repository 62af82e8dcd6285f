// SPDX-License-Identifier: LGPL-2.1-or-later
/* Objects of the card, whole or in part. */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

#define OBJECT_MAX (64u << 20) /* no object is larger; bounds what is allocated by the card's word */
#define CHUNK_MAX (64u << 10)

int provcard_object_read_at(struct provcard *card, uint32_t kind, const void *selector, size_t selector_size, uint64_t offset,
			    void *buffer, size_t room, size_t *length, size_t *whole, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_OBJECT_READ, kind, offset);
	int error;

	provcard_command_in(&command, selector, selector_size);
	provcard_command_out(&command, buffer, room);
	error = provcard_command_send(card, NULL, &command, answer);
	if (error || answer->refusal)
		return error;
	if (offset + command.out_length > answer->result)
		return -EPROTO;
	*length = command.out_length;
	*whole = answer->result;
	return 0;
}

/* Make room for @size bytes and the zero behind them. */
static int reserve(uint8_t **data, size_t size)
{
	uint8_t *grown;

	if (size > OBJECT_MAX)
		return -EPROTO;
	grown = realloc(*data, size + 1);
	if (!grown)
		return -ENOMEM;
	*data = grown;
	return 0;
}

int provcard_object_read(struct provcard *card, uint32_t kind, const void *selector, size_t selector_size, void **data, size_t *size,
			 struct provcard_answer *answer)
{
	const size_t chunk = card->info.out_max_transfer < CHUNK_MAX ? card->info.out_max_transfer : CHUNK_MAX;
	size_t whole = chunk, done = 0, length, now;
	uint8_t *object = NULL;
	int error;

	do {
		error = reserve(&object, whole > done + chunk ? whole : done + chunk);
		if (error)
			break;
		error = provcard_object_read_at(card, kind, selector, selector_size, done, object + done, chunk, &length, &now, answer);
		if (error || answer->refusal)
			break;
		if (done && now != whole)
			error = -EAGAIN;
		else if (!length && done < now)
			error = -EPROTO;
		whole = now;
		done += length;
	} while (!error && done < whole);
	if (error || answer->refusal) {
		free(object);
		return error;
	}
	object[done] = 0;
	*data = object;
	*size = done;
	return 0;
}
