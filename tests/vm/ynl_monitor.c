// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A listener that has never seen our library: the kernel's own netlink client library, with code generated from the specification.
 * Prints the cards there are, "ready", then a line for each event: "sequence name card serial [number]".
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <ynl.h>

#include "provcard-user.h"

static int complain(struct ynl_sock *socket, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, socket->err.msg);
	return 1;
}

static int list_cards(struct ynl_sock *socket)
{
	struct provcard_card_get_list *cards = provcard_card_get_dump(socket);

	if (!cards)
		return complain(socket, "card-get");
	ynl_dump_foreach(cards, card)
		printf("card %u %s %s %s %s heads %u queues %u hif %#x\n", card->id, card->name, card->serial, card->firmware,
		       provcard_driver_state_str(card->state), card->heads, card->queues, card->hif_version);
	provcard_card_get_list_free(cards);
	return 0;
}

static void begin_line(const struct ynl_ntf_base_type *event, unsigned long long sequence, const char *name, const char *serial)
{
	printf("%llu %s %s %s", sequence, provcard_op_str(event->cmd), name, serial);
}

/* Each kind of event has a structure of its own, whose beginning only looks alike. */
#define BEGIN(event, type, as)                                                                                                     \
	const struct type *as = (const struct type *)(event);                                                                      \
	begin_line(event, as->obj.sequence, as->obj.name, as->obj.serial)

static void print_card(const struct ynl_ntf_base_type *event)
{
	BEGIN(event, provcard_card_get_ntf, card);
	printf(" %s", provcard_driver_state_str(card->obj.state));
}

static void print_reset(const struct ynl_ntf_base_type *event)
{
	BEGIN(event, provcard_reset_ntf, reset);
	printf(" %u", reset->obj.generation);
}

static void print_head(const struct ynl_ntf_base_type *event)
{
	BEGIN(event, provcard_head_changed_ntf, head);
	printf(" %u", head->obj.head);
}

static void print_fault(const struct ynl_ntf_base_type *event)
{
	BEGIN(event, provcard_fault_ntf, fault);
	printf(" %u", fault->obj.refusal);
}

static void print_tamper(const struct ynl_ntf_base_type *event)
{
	BEGIN(event, provcard_tamper_ntf, tamper);
	printf(" %u", tamper->obj.refusal);
}

static void print_job(const struct ynl_ntf_base_type *event)
{
	BEGIN(event, provcard_job_changed_ntf, job);
}

static void print_life(const struct ynl_ntf_base_type *event)
{
	BEGIN(event, provcard_life_changed_ntf, life);
}

static void print_firmware(const struct ynl_ntf_base_type *event)
{
	BEGIN(event, provcard_firmware_ntf, firmware);
}

static void (*const printers[])(const struct ynl_ntf_base_type *event) = {
	[PROVCARD_NL_CMD_CARD_ADDED_NTF] = print_card,	 [PROVCARD_NL_CMD_CARD_REMOVED_NTF] = print_card,
	[PROVCARD_NL_CMD_CARD_CHANGED_NTF] = print_card, [PROVCARD_NL_CMD_RESET_NTF] = print_reset,
	[PROVCARD_NL_CMD_LIFE_CHANGED_NTF] = print_life, [PROVCARD_NL_CMD_HEAD_CHANGED_NTF] = print_head,
	[PROVCARD_NL_CMD_JOB_CHANGED_NTF] = print_job,	 [PROVCARD_NL_CMD_FAULT_NTF] = print_fault,
	[PROVCARD_NL_CMD_TAMPER_NTF] = print_tamper,	 [PROVCARD_NL_CMD_FIRMWARE_NTF] = print_firmware,
};

_Static_assert(sizeof(printers) / sizeof(printers[0]) == PROVCARD_NL_CMD_MAX + 1, "every event can be printed");

static int follow(struct ynl_sock *socket)
{
	struct pollfd poller = { .fd = ynl_socket_get_fd(socket), .events = POLLIN };

	for (;;) {
		if (poll(&poller, 1, -1) < 0 || ynl_ntf_check(socket))
			return complain(socket, "events");
		while (ynl_has_ntf(socket)) {
			struct ynl_ntf_base_type *event = ynl_ntf_dequeue(socket);

			printers[event->cmd](event);
			printf("\n");
			ynl_ntf_free(event);
		}
		fflush(stdout);
	}
}

int main(void)
{
	struct ynl_error error;
	struct ynl_sock *socket = ynl_sock_create(&ynl_provcard_family, &error);
	int code;

	if (!socket) {
		fprintf(stderr, "provcard: %s\n", error.msg);
		return 1;
	}
	code = list_cards(socket);
	if (!code && ynl_subscribe(socket, PROVCARD_MCGRP_EVENTS))
		code = complain(socket, "events");
	if (!code) {
		printf("ready\n");
		fflush(stdout);
		code = follow(socket);
	}
	ynl_sock_destroy(socket);
	return code;
}
