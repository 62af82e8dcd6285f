// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding, opening and asking a card. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define DEVICE_FOLDER "/dev"
#define DEVICE_PREFIX "provcard"
#define VFIO_USER_SCHEME "vfio-user:"
#define HEADS_MAX 256 /* more than any card has; bounds what is allocated by the card's word */

const char *provcard_version(void)
{
	return PROVCARD_VERSION;
}

static int is_card(const struct dirent *entry)
{
	const char *number = entry->d_name + strlen(DEVICE_PREFIX);

	if (strncmp(entry->d_name, DEVICE_PREFIX, strlen(DEVICE_PREFIX)) || !*number)
		return 0;
	return number[strspn(number, "0123456789")] == '\0';
}

int provcard_address_each(int (*function)(void *context, const char *address), void *context)
{
	struct dirent **entries;
	int count = scandir(DEVICE_FOLDER, &entries, is_card, versionsort);
	int error = count < 0 ? -errno : 0;

	for (int i = 0; i < count; i++) {
		char address[sizeof(DEVICE_FOLDER) + sizeof(entries[i]->d_name)];

		snprintf(address, sizeof(address), "%s/%s", DEVICE_FOLDER, entries[i]->d_name);
		if (!error)
			error = function(context, address);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return error;
}

static int check_info(const struct provcard_info *info)
{
	if (!info->out_max_transfer || info->out_heads > HEADS_MAX)
		return -EPROTO;
	return 0;
}

int provcard_open_transport(const struct provcard_transport_ops *ops, const char *address, struct provcard **card)
{
	struct provcard *opened = calloc(1, sizeof(*opened));
	int error;

	if (!opened)
		return -ENOMEM;
	opened->ops = ops;
	error = ops->open(address, &opened->transport);
	if (error)
		goto free_card;
	opened->info.size = sizeof(opened->info);
	error = ops->info(opened->transport, &opened->info);
	if (!error)
		error = check_info(&opened->info);
	if (error)
		goto close_transport;
	*card = opened;
	return 0;

close_transport:
	ops->close(opened->transport);
free_card:
	free(opened);
	return error;
}

int provcard_open(const char *address, struct provcard **card)
{
	if (!address || !card)
		return -EINVAL;
	if (!strncmp(address, VFIO_USER_SCHEME, strlen(VFIO_USER_SCHEME)))
		return provcard_open_transport(&provcard_transport_vfio_user, address + strlen(VFIO_USER_SCHEME), card);
	if (address[0] != '/')
		return -EINVAL;
	return provcard_open_transport(&provcard_transport_kernel, address, card);
}

void provcard_close(struct provcard *card)
{
	if (!card)
		return;
	card->ops->close(card->transport);
	free(card);
}

void provcard_info_get(const struct provcard *card, struct provcard_card_info *info)
{
	*info = (struct provcard_card_info){
		.hif_version = card->info.out_hif_version,
		.heads = card->info.out_heads,
		.max_transfer = card->info.out_max_transfer,
	};
	memcpy(info->serial, card->info.out_serial, sizeof(info->serial) - 1);
	memcpy(info->firmware, card->info.out_firmware, sizeof(info->firmware) - 1);
}

int provcard_status_read(struct provcard *card, struct provcard_status *status, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_STATUS, 0, 0);
	struct provcard_service_status wire;
	int error;

	provcard_command_out(&command, &wire, sizeof(wire));
	error = provcard_command_send(card, NULL, &command, answer);
	if (error || answer->refusal)
		return error;
	if (command.out_length < sizeof(wire))
		return -EPROTO;
	return provcard_decode_status(&wire, status);
}

int provcard_head_list(struct provcard *card, struct provcard_head *heads, size_t room, size_t *count, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_HEAD_STATUS, 0, 0);
	struct provcard_service_head wire[HEADS_MAX];
	size_t got;
	int error;

	provcard_command_out(&command, wire, sizeof(wire));
	error = provcard_command_send(card, NULL, &command, answer);
	if (error || answer->refusal)
		return error;
	got = command.out_length / sizeof(wire[0]);
	if (got != answer->result)
		return -EPROTO;
	for (size_t i = 0; i < got && i < room && !error; i++)
		error = provcard_decode_head(&wire[i], &heads[i]);
	if (!error)
		*count = got < room ? got : room;
	return error;
}

int provcard_job_list(struct provcard *card, uint32_t first, struct provcard_job_status *jobs, size_t room, size_t *count,
		      size_t *total, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_JOB_LIST, first, 0);
	struct provcard_service_job wire[16];
	size_t got;
	int error;

	if (room > sizeof(wire) / sizeof(wire[0]))
		room = sizeof(wire) / sizeof(wire[0]);
	provcard_command_out(&command, wire, room * sizeof(wire[0]));
	error = provcard_command_send(card, NULL, &command, answer);
	if (error || answer->refusal)
		return error;
	got = command.out_length / sizeof(wire[0]);
	for (size_t i = 0; i < got; i++)
		provcard_decode_job(&wire[i], &jobs[i]);
	*count = got;
	*total = answer->result;
	return 0;
}

int provcard_nonce_draw(struct provcard *card, uint8_t nonce[PROVCARD_NONCE_SIZE], struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_NONCE, 0, 0);
	uint8_t drawn[PROVCARD_NONCE_SIZE];
	int error;

	provcard_command_out(&command, drawn, sizeof(drawn));
	error = provcard_command_send(card, NULL, &command, answer);
	if (error || answer->refusal)
		return error;
	if (command.out_length != sizeof(drawn))
		return -EPROTO;
	memcpy(nonce, drawn, sizeof(drawn));
	return 0;
}

int provcard_request_send(struct provcard *card, const void *request, size_t size, void *reply, size_t room, size_t *length,
			  struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_REQUEST, 0, 0);
	int error;

	provcard_command_in(&command, request, size);
	provcard_command_out(&command, reply, room);
	error = provcard_command_send(card, NULL, &command, answer);
	if (!error && !answer->refusal && length)
		*length = command.out_length;
	return error;
}

int provcard_grant_send(struct provcard *card, const void *grant, size_t size, struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_GRANT, 0, 0);

	provcard_command_in(&command, grant, size);
	return provcard_command_send(card, NULL, &command, answer);
}

int provcard_evidence_read(struct provcard *card, const uint8_t nonce[PROVCARD_NONCE_SIZE], void *buffer, size_t room, size_t *length,
			   struct provcard_answer *answer)
{
	struct provcard_command command = provcard_command_make(PROVCARD_OP_EVIDENCE, 0, 0);
	int error;

	provcard_command_in(&command, nonce, PROVCARD_NONCE_SIZE);
	provcard_command_out(&command, buffer, room);
	error = provcard_command_send(card, NULL, &command, answer);
	if (!error && !answer->refusal)
		*length = command.out_length;
	return error;
}
