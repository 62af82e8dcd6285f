/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libprovcard share. */
#ifndef PROVCARD_INTERNAL_H
#define PROVCARD_INTERNAL_H

#include "provcard.h"
#include "transport.h"

struct provcard {
	const struct provcard_transport_ops *ops;
	struct provcard_transport *transport;
	struct provcard_info info;
};

/* One unit in progress; wire is where the card writes, so it stays in place until the completion was taken. */
struct provcard_unit_slot {
	bool busy;
	bool ended; /* and the completion is kept here */
	struct provcard_completion completion;
	struct provcard_service_unit wire;
};

struct provcard_job {
	struct provcard *card;
	struct provcard_transport_job *transport;
	size_t units; /* in progress */
	size_t commands; /* submitted ones that are in flight or kept */
	struct provcard_completion *kept; /* read when something else was asked for; by age */
	size_t kept_count, kept_room;
	struct provcard_unit_slot slot[]; /* one a head */
};

/* Open a card on a transport of the caller's; @address is what the transport's open gets. */
PROVCARD_MUST_CHECK int provcard_open_transport(const struct provcard_transport_ops *ops, const char *address,
						struct provcard **card);

/* A command without buffers; the caller adds what it has. */
struct provcard_command provcard_command_make(uint32_t opcode, uint64_t arg0, uint64_t arg1);
void provcard_command_in(struct provcard_command *command, const void *data, size_t size);
void provcard_command_out(struct provcard_command *command, void *data, size_t size);
/* Send, wait, and take the answer. @job may be NULL. -EPROTO when the card claims to have written more than there is room. */
PROVCARD_MUST_CHECK int provcard_command_send(struct provcard *card, struct provcard_job *job, struct provcard_command *command,
					      struct provcard_answer *answer);

/* Of a clock that nobody sets. */
uint64_t provcard_now_ms(void);
/* Take one completion and keep it where its kind is asked for; errors as of the transport's reap, -EPROTO for one of nothing in flight. */
PROVCARD_MUST_CHECK int provcard_job_reap(struct provcard_job *job, int timeout_ms);

/* How a file gets to the card: by commands of @opcode that say offset and whole size. */
struct provcard_upload {
	struct provcard *card;
	struct provcard_job *job; /* may be NULL */
	uint32_t opcode;
	uint32_t queue;
};

/* Both end at the first error or refusal. -EINVAL for nothing, and for what is not within @whole. */
PROVCARD_MUST_CHECK int provcard_upload_piece(const struct provcard_upload *upload, uint64_t offset, uint64_t whole, const void *data,
					      size_t size, struct provcard_answer *answer);
/* All of a file; @progress, unless NULL, is called after every @step bytes and may end it. */
PROVCARD_MUST_CHECK int provcard_upload_file(const struct provcard_upload *upload, const void *file, size_t size, size_t step,
					     provcard_load_progress progress, void *context, struct provcard_answer *answer);

/* From the wire to host types. @wire may be unaligned and is read once. -EPROTO for what a card must not say. */
PROVCARD_MUST_CHECK int provcard_decode_status(const struct provcard_service_status *wire, struct provcard_status *status);
void provcard_decode_job(const struct provcard_service_job *wire, struct provcard_job_status *status);
PROVCARD_MUST_CHECK int provcard_decode_head(const struct provcard_service_head *wire, struct provcard_head *head);
PROVCARD_MUST_CHECK int provcard_decode_unit(const struct provcard_service_unit *wire, struct provcard_unit *unit);

/* ---- monitor_decode.c ---- */

/*
 * An event out of a netlink message of @size bytes, of a family with number @family. -EPROTO when it is none. Of what the message does
 * not say the event has 0.
 */
PROVCARD_MUST_CHECK int provcard_monitor_decode(const void *message, size_t size, uint16_t family, struct provcard_monitor_event *event);
/* Count what came before @event and did not arrive; *next is the number awaited, 0 before the first. */
void provcard_monitor_count(struct provcard_monitor_event *event, uint64_t *next);

#endif
