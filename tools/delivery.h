/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hand-over as a folder: end-certificate.p7m, records.jsonl, ca.pem, card-certs.pem, checkpoint.txt. Written and read in constant
 * memory. Functions return 0 or the exit code, after a message.
 */
#ifndef TOOL_DELIVERY_H
#define TOOL_DELIVERY_H

#include "context.h"

#define DELIVERY_END "end-certificate.p7m"
#define DELIVERY_RECORDS "records.jsonl"
#define DELIVERY_CA "ca.pem"
#define DELIVERY_CARD "card-certs.pem"
#define DELIVERY_CHECKPOINT "checkpoint.txt"

/* Write the hand-over of a closed job. */
int delivery_write(struct context *context, const uint8_t package_id[PROVCARD_PACKAGE_ID_SIZE], const char *folder);

/* A record about a part, as it was checked. */
struct delivery_unit {
	const struct provpkg_record *record;
	struct provpkg_view certificate; /* DER, size 0 for none */
	struct provpkg_view sealed; /* secrets for the OEM, likewise */
	STACK_OF(X509) *chain; /* of ca.pem, NULL for none */
	const struct provpkg_end_certificate *end;
};

struct delivery_check {
	const char *folder;
	STACK_OF(X509) *maker_ca; /* anchors of the card maker */
	STACK_OF(X509) *device_ca; /* what the chain of the device certificates must end in; NULL: the end of ca.pem, as given */
	STACK_OF(X509) *oem; /* anchors that the signers of later grants must lead to, unless a quota authority grants; NULL: not asked */
	bool at_given; /* judge the card's certificates by @at, not by when the card says that it closed the job */
	int64_t at;
	const char *uid; /* that part alone, NULL for all */
	/* Gets every unit in log order, before the whole is known to be right; an exit code ends the check. May be NULL. */
	int (*take)(void *taker, const struct delivery_unit *unit);
	/* Gets the escrow envelope of a job that returns secrets, before its units; as take. */
	int (*take_escrow)(void *taker, const struct provpkg_end_certificate *end, struct provpkg_view envelope);
	void *taker;
	bool silent; /* say nothing of a hand-over that is right */
};

/* Is it of this card's log? Its signatures have been checked. */
bool delivery_is_log_of(const struct provpkg_checkpoint *checkpoint, const struct provpkg_card *card);
/* Is the end of @chain one of @device_ca? True when either is NULL: then nobody claims to know, or there is none. */
bool delivery_root_is_known(STACK_OF(X509) *chain, STACK_OF(X509) *device_ca);

/* Check it and report what it is. */
int delivery_verify(struct context *context, const struct delivery_check *check);

#endif
