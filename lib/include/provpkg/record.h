/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log records (the leaves of the card's log) and checkpoints (signed heads of it). */
#ifndef PROVPKG_RECORD_H
#define PROVPKG_RECORD_H

#include <openssl/x509.h>

#include "provpkg/sign.h"
#include "provpkg/types.h"

PROVPKG_BEGIN

enum provpkg_event {
	PROVPKG_EVENT_BOOT = 1,
	PROVPKG_EVENT_INITIALISED = 2,
	PROVPKG_EVENT_ENROLLED = 3,
	PROVPKG_EVENT_LOADED = 4, /* a package was verified, with its grant or its quota authority */
	PROVPKG_EVENT_ALLOCATED = 5,
	PROVPKG_EVENT_UNIT_GOOD = 6,
	PROVPKG_EVENT_UNIT_SCRAP = 7,
	PROVPKG_EVENT_UNIT_REFUSED = 8, /* no charge was made */
	PROVPKG_EVENT_CLOSED = 9,
	PROVPKG_EVENT_ZEROISED = 10,
	PROVPKG_EVENT_REQUEST_REFUSED = 11,
	PROVPKG_EVENT_GRANTED = 12, /* a later grant is in force */
	PROVPKG_EVENT_REMOVED = 13,
	PROVPKG_EVENT_POLICY = 14,
	PROVPKG_EVENT_LOCKED_OUT = 15, /* the actor; code: APPROVER_LOCKED, or APPROVER_PAUSED */
	PROVPKG_EVENT_UNLOCKED = 16,
	PROVPKG_EVENT_AUDITED = 17, /* the auditor has seen the log as far as the request says */
	PROVPKG_EVENT_STATE_CHANGED = 18, /* of the card's life */
	PROVPKG_EVENT_TIME_SET = 19, /* the first record by the new time is the one after it */
	PROVPKG_EVENT_TAMPERED = 20,
	PROVPKG_EVENT_FIRMWARE_STORED = 21, /* attachment: the firmware's manifest, as with the next but one */
	PROVPKG_EVENT_FIRMWARE_ACTIVATED = 22, /* with a code: it did not start, and the card runs the one before */
	PROVPKG_EVENT_FIRMWARE_CONFIRMED = 23,
};

const char *provpkg_event_name(enum provpkg_event event); /* "unit-good"; NULL for none */

struct provpkg_counters {
	uint64_t good;
	uint64_t scrap;
	uint64_t reserved;
	uint64_t allocated;
};

/* Strings are UTF-8, empty when they do not apply. */
struct provpkg_record {
	uint64_t index; /* of the leaf */
	uint8_t previous[PROVPKG_HASH_SIZE]; /* SHA-256 of the record before; zero for the first */
	uint32_t boot;
	int64_t time; /* card time */
	bool time_authenticated; /* set by a signed token since the last start, else estimated */
	enum provpkg_event event;
	char actor[PROVPKG_NAME_MAX + 1]; /* enrolled name that approved */
	bool has_job; /* package_id, before and after apply */
	uint8_t package_id[PROVPKG_ID_SIZE];
	struct provpkg_counters before;
	struct provpkg_counters after;
	bool has_unit; /* head, uid, part, certificate, lock, proof apply */
	uint32_t head;
	size_t uid_size;
	uint8_t uid[PROVPKG_UID_MAX];
	char part[32];
	uint8_t certificate_digest[PROVPKG_HASH_SIZE]; /* SHA-256 of the DER; zero when none */
	bool locked; /* read back as locked */
	unsigned int proof; /* PROVCARD_PROOF_* of provcard-service.h */
	uint16_t code; /* refusal code, 0 for none */
	uint8_t attachment_digest[PROVPKG_HASH_SIZE]; /* SHA-256 of the log entry's attachment; zero when none */
};

/* -EINVAL for an unknown event, a negative time, or text that is not UTF-8 without control characters. */
PROVPKG_MUST_CHECK int provpkg_record_encode(const struct provpkg_record *record, struct provpkg_blob *der);
PROVPKG_MUST_CHECK int provpkg_record_decode(struct provpkg_view der, struct provpkg_record *record); /* STATEMENT_DER */

/*
 * Checkpoint: C2SP tlog-checkpoint, a signed note with the card's two signatures. @origin: "provcard/" and the card's serial; it
 * is the key name too, so it holds neither spaces nor '+'. Signers: P-384 (note type 0x02: ECDSA with SHA-256) and ML-DSA-87 (type
 * 0xff "provcard/ML-DSA-87").
 */
struct provpkg_checkpoint {
	char origin[PROVPKG_NAME_MAX + 1];
	uint64_t size;
	uint8_t root[PROVPKG_HASH_SIZE];
};

/* -EINVAL for a bad origin or a key of another kind. */
PROVPKG_MUST_CHECK int provpkg_checkpoint_sign(const struct provpkg_checkpoint *checkpoint, const struct provpkg_signer *signers,
					       size_t count, struct provpkg_blob *note);
/* CHECKPOINT unless every certificate given, at least one, signed it. Signatures of others are passed over. */
PROVPKG_MUST_CHECK int provpkg_checkpoint_open(struct provpkg_view note, X509 *const *certificates, size_t count,
					       struct provpkg_checkpoint *checkpoint);

PROVPKG_END

#endif
