// SPDX-License-Identifier: LGPL-2.1-or-later
/* From the little-endian structures of provcard-service.h to those of provcard.h. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

_Static_assert(sizeof(struct provcard_service_job) == 264, "no implicit padding");
_Static_assert(sizeof(struct provcard_service_status) == 160, "no implicit padding");
_Static_assert(sizeof(struct provcard_service_head) == 56, "no implicit padding");
_Static_assert(sizeof(struct provcard_service_unit) == 72, "no implicit padding");

/* The host's field is longer than the wire's, so the text is terminated whatever the card wrote. */
#define COPY_TEXT(to, from)                                                                                                                \
	do {                                                                                                                               \
		_Static_assert(sizeof(to) > sizeof(from), "room for the terminator");                                                      \
		memset(to, 0, sizeof(to));                                                                                                 \
		memcpy(to, from, strnlen(from, sizeof(from)));                                                                             \
	} while (0)

int provcard_decode_status(const struct provcard_service_status *wire, struct provcard_status *status)
{
	if (le32toh(wire->version) < 1)
		return -EPROTO;
	*status = (struct provcard_status){
		.state = le32toh(wire->state),
		.fault = le32toh(wire->fault),
		.time = le64toh(wire->time),
		.boot_count = le32toh(wire->boot_count),
		.heads = le32toh(wire->heads),
		.jobs = le32toh(wire->jobs),
		.staging_size = le64toh(wire->staging_size),
		.log_size = le64toh(wire->log_size),
		.flushes = le64toh(wire->flushes),
		.flags = (uint32_t)le64toh(wire->flags),
	};
	memcpy(status->card_id, wire->card_id, sizeof(status->card_id));
	COPY_TEXT(status->serial, wire->serial);
	COPY_TEXT(status->firmware, wire->firmware);
	return 0;
}

void provcard_decode_job(const struct provcard_service_job *wire, struct provcard_job_status *status)
{
	*status = (struct provcard_job_status){
		.state = le32toh(wire->state),
		.flags = le32toh(wire->flags),
		.ceiling_good = le64toh(wire->ceiling_good),
		.ceiling_scrap = le64toh(wire->ceiling_scrap),
		.allocated = le64toh(wire->allocated),
		.good = le64toh(wire->good),
		.scrap = le64toh(wire->scrap),
		.reserved_units = le64toh(wire->reserved),
		.not_after = le64toh(wire->not_after),
		.not_before = le64toh(wire->not_before),
		.grant_sequence = le64toh(wire->grant_sequence),
		.quota_threshold = wire->quota_threshold,
	};
	memcpy(status->package_id, wire->package_id, sizeof(status->package_id));
	memcpy(status->allocate_approvals, wire->allocate_approvals, sizeof(status->allocate_approvals));
	memcpy(status->close_approvals, wire->close_approvals, sizeof(status->close_approvals));
	COPY_TEXT(status->product, wire->product);
	COPY_TEXT(status->oem, wire->oem);
	COPY_TEXT(status->part, wire->part);
}

int provcard_decode_head(const struct provcard_service_head *wire, struct provcard_head *head)
{
	if (le32toh(wire->uid_size) > PROVCARD_UID_MAX)
		return -EPROTO;
	*head = (struct provcard_head){
		.head = le32toh(wire->head),
		.step = le32toh(wire->step),
		.done = le32toh(wire->done),
		.total = le32toh(wire->total),
		.last_refusal = le32toh(wire->last_status),
		.uid_size = le32toh(wire->uid_size),
		.good = le64toh(wire->good),
		.scrap = le64toh(wire->scrap),
	};
	memcpy(head->uid, wire->uid, sizeof(head->uid));
	return 0;
}

int provcard_decode_unit(const struct provcard_service_unit *wire, struct provcard_unit *unit)
{
	if (le32toh(wire->uid_size) > PROVCARD_UID_MAX)
		return -EPROTO;
	unit->state = le32toh(wire->state);
	unit->refusal = le32toh(wire->code);
	unit->proof = le32toh(wire->proof);
	unit->uid_size = le32toh(wire->uid_size);
	unit->log_index = le64toh(wire->log_index);
	memcpy(unit->uid, wire->uid, sizeof(unit->uid));
	memcpy(unit->certificate_digest, wire->certificate_digest, sizeof(unit->certificate_digest));
	return 0;
}
