/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The service interface: the commands that the card's firmware serves to user space through the driver, which does not
 * interpret them. Shared by libprovcard and firmware/core. Fixed little-endian layouts without implicit padding; everything
 * signed is DER inside the buffers and belongs to libprovpkg.
 *
 * "result" and "length" are those of the completion. Unless said otherwise: a refusal leaves the card as it was.
 */
#ifndef PROVCARD_SERVICE_H
#define PROVCARD_SERVICE_H

#include <stdint.h>

#define PROVCARD_CARD_ID_SIZE 32
#define PROVCARD_PACKAGE_ID_SIZE 16
#define PROVCARD_NONCE_SIZE 32
#define PROVCARD_UID_MAX 16

enum provcard_service_opcode {
	/* On the card, admin queue. */
	PROVCARD_OP_STATUS = 0x40, /* out: struct provcard_service_status */
	PROVCARD_OP_NONCE = 0x41, /* out: 32 bytes; the nonce for the next signed request, replaces the one before */
	PROVCARD_OP_REQUEST = 0x42, /* in: CMS of a signed request; out: its answer, form by operation */
	PROVCARD_OP_OBJECT_READ = 0x43, /* arg0 PROVCARD_OBJECT_*, arg1 offset; in: selector; out: bytes; result: whole size */
	PROVCARD_OP_JOB_LIST = 0x44, /* arg0 first; out: array of struct provcard_service_job; result: number of jobs in all */
	PROVCARD_OP_HEAD_STATUS = 0x45, /* out: array of struct provcard_service_head; result: heads */
	PROVCARD_OP_LOG_READ = 0x46, /* arg0 first index; out: whole log entries; result: entries */
	PROVCARD_OP_LOG_PROOF = 0x47, /* arg0 index, arg1 tree size; out: 32-byte hashes, leaf to root; result: hashes */
	PROVCARD_OP_GRANT = 0x48, /* in: CMS of a grant; a repeated one is a no-op */
	PROVCARD_OP_LOG_CONSISTENCY = 0x49, /* arg0 older tree size, at least 1, arg1 newer; out: 32-byte hashes; result: hashes */
	PROVCARD_OP_LOG_RUN = 0x4a, /* arg0 first index, arg1 how many, at least 1; out: 32-byte roots of the largest complete subtrees
				     * that these leaves are made of, left to right; result: hashes */
	PROVCARD_OP_FIRMWARE_WRITE = 0x4c, /* arg0 offset, arg1 whole size; in: bytes of a firmware file; consecutive, from 0 */
	PROVCARD_OP_FIRMWARE_COMMIT = 0x4d, /* arg0 PROVCARD_FIRMWARE_* flags; verifies it and writes it into the slot beside the running
					     * one; out: as FIRMWARE_STATUS */
	PROVCARD_OP_FIRMWARE_STATUS = 0x4e, /* out: struct provcard_service_firmware */

	PROVCARD_OP_EVIDENCE = 0x4b, /* in: 32-byte nonce of who asks; out: CMS of the evidence; result: its size */

	/* On a job. */
	PROVCARD_OP_PACKAGE_WRITE = 0x60, /* arg0 offset, arg1 whole size; in: bytes; consecutive, from 0 */
	PROVCARD_OP_PACKAGE_COMMIT = 0x61, /* verifies the whole package, binds the job; out: struct provcard_service_job;
					    * result on refusal: the segment number where it has one */
	PROVCARD_OP_JOB_BIND = 0x62, /* in: package id; binds the job to a package loaded before; out as above */
	PROVCARD_OP_JOB_STATUS = 0x63, /* out: struct provcard_service_job */
	PROVCARD_OP_UNIT_RUN = 0x64, /* arg0 head, arg1 PROVCARD_UNIT_* flags; I/O queue; provisions the part in the socket; out:
				      * struct provcard_service_unit, written for a refused unit too, when a unit was begun */
	PROVCARD_OP_JOB_LOG = 0x65, /* arg0 first; out: array of le64: log indexes of this job's records; result: how many in all */
};

/* FIRMWARE_COMMIT: an image that runs, or that the other slot has already, is not written once more. */
#define PROVCARD_FIRMWARE_IF_NEW (1u << 0)

enum provcard_object {
	PROVCARD_OBJECT_IDENTITY_CSR = 1, /* PEM: two PKCS#10 requests, P-384 and ML-DSA-87; for the card maker's CA */
	PROVCARD_OBJECT_CARD_CERTIFICATES = 2, /* PEM: the card's five certificates, then the maker's chains */
	PROVCARD_OBJECT_ISSUER_CSR = 3, /* selector: OEM name, and behind a zero byte "P-256" (also without), "P-384" or "ML-DSA-65";
					 * PEM: PKCS#10 of the card's issuing key of that kind for that OEM */
	PROVCARD_OBJECT_CHECKPOINT = 4, /* C2SP checkpoint of the log, signed */
	PROVCARD_OBJECT_END_CERTIFICATE = 5, /* selector: package id of a closed job; CMS */
	PROVCARD_OBJECT_PACKAGE_CHAIN = 6, /* selector: package id; PEM: issuing certificate and what is above it */
	PROVCARD_OBJECT_PEOPLE = 7, /* text, one enrolment a line, tabs between: role, name, SHA-256 of the certificate in hex,
				     * "ok", "paused" or "locked", failures since the last approval */
	PROVCARD_OBJECT_POLICY = 8, /* text, each line a name, a tab, a value: officers (that must sign), failures (limit, 0 for none),
				     * nonce ("out" while a request with it is awaited, else "none") */
	PROVCARD_OBJECT_JOB_CHECKPOINT = 9, /* selector: package id of a closed job; checkpoint of the log as its closing left it */
};

enum provcard_card_state {
	PROVCARD_CARD_BLANK = 0,
	PROVCARD_CARD_INITIALISED = 1, /* has its officer and certificates, nobody else yet */
	PROVCARD_CARD_OPERATIONAL = 2, /* has at least one operator and one OEM */
	PROVCARD_CARD_MAINTENANCE = 3,
	PROVCARD_CARD_TAMPERED = 4,
	PROVCARD_CARD_DECOMMISSIONED = 5,
	PROVCARD_CARD_FAILED = 6, /* self-test, storage or ledger; see fault */
};

/**
 * struct provcard_service_status - the card now
 * @version: of this structure, 1
 * @state: enum provcard_card_state
 * @card_id: what a signed request must name: SHA-256 over the encryption certificates (P-384, ML-KEM-768, ML-KEM-1024); while
 *           BLANK, SHA-256 over the two identity keys' SubjectPublicKeyInfo
 * @serial: printable, zero padded; @firmware likewise
 * @time: card time, seconds since 1970
 * @boot_count: starts of this card
 * @heads: programming heads
 * @jobs: jobs the ledger holds
 * @fault: refusal code that stopped the card, 0 for none
 * @staging_size: largest package, bytes
 * @log_size: log entries
 * @flushes: flushes of the ledger and log since the start
 * @flags: PROVCARD_STATUS_FLAG_*; this and what may follow it is left out where the host gave no room for it
 */
struct provcard_service_status {
	uint32_t version;
	uint32_t state;
	uint8_t card_id[PROVCARD_CARD_ID_SIZE];
	char serial[32];
	char firmware[32];
	uint64_t time;
	uint32_t boot_count;
	uint32_t heads;
	uint32_t jobs;
	uint32_t fault;
	uint64_t staging_size;
	uint64_t log_size;
	uint64_t flushes;
	uint64_t flags;
};

#define PROVCARD_STATUS_FLAG_TIME_AUTHENTICATED (1u << 0) /* a time authority set it, and the clock was not lost since */

enum provcard_job_state {
	PROVCARD_JOB_EMPTY = 0, /* no package yet */
	PROVCARD_JOB_ARMED = 1, /* verified; units can be made as far as allocated */
	PROVCARD_JOB_CLOSED = 2,
};

/**
 * struct provcard_service_job - a job now, answered by the ledger
 * @package_id: names the job on this card
 * @state: enum provcard_job_state
 * @ceiling_good: units granted, cumulative; @ceiling_scrap likewise
 * @allocated: units released by operators, cumulative
 * @good: units finished; @scrap: units scrapped; @reserved: units charged and not finished
 * @not_after: end of the grant's window, seconds since 1970, 0 for none
 * @product: UTF-8, zero padded; @oem: name of the enrolment whose anchor the signer chains to; @part: part number
 * @flags: PROVCARD_JOB_FLAG_*
 * @grant_sequence: of the grant in force; 0 while a quota authority has granted nothing
 * @not_before: beginning of its window, 0 for none
 * @allocate_approvals: how many officers, operators and auditors the OEM wants to sign an allocation, beside the card's own rules;
 * @close_approvals: likewise for closing
 * @quota_threshold: how many members of the package's quota authority sign each grant; 0: the OEM does
 */
struct provcard_service_job {
	uint8_t package_id[PROVCARD_PACKAGE_ID_SIZE];
	uint32_t state;
	uint32_t flags;
	uint64_t ceiling_good;
	uint64_t ceiling_scrap;
	uint64_t allocated;
	uint64_t good;
	uint64_t scrap;
	uint64_t reserved;
	uint64_t not_after;
	char product[64];
	char oem[64];
	char part[32];
	uint64_t grant_sequence;
	uint64_t not_before;
	uint8_t allocate_approvals[3];
	uint8_t close_approvals[3];
	uint8_t quota_threshold;
	uint8_t reserved1;
};

#define PROVCARD_JOB_FLAG_ALREADY_LOADED (1u << 0) /* PACKAGE_COMMIT: this package was loaded before; its counts stand */

enum provcard_unit_step {
	PROVCARD_STEP_IDLE = 0,
	PROVCARD_STEP_ATTACH,
	PROVCARD_STEP_RESERVE,
	PROVCARD_STEP_KEY,
	PROVCARD_STEP_ERASE,
	PROVCARD_STEP_PROGRAM,
	PROVCARD_STEP_VERIFY,
	PROVCARD_STEP_LOCK,
	PROVCARD_STEP_PROVE,
	PROVCARD_STEP_COMMIT,
};

/**
 * struct provcard_service_head - a head now
 * @head: number, from 0
 * @step: enum provcard_unit_step
 * @done: bytes done in this step, of @total
 * @last_status: refusal code of the last unit, 0 for good
 * @uid_size: bytes of @uid, 0 when no part was seen
 * @good: units made good by this head since the start; @scrap likewise
 */
struct provcard_service_head {
	uint32_t head;
	uint32_t step;
	uint32_t done;
	uint32_t total;
	uint32_t last_status;
	uint32_t uid_size;
	uint8_t uid[PROVCARD_UID_MAX];
	uint64_t good;
	uint64_t scrap;
};

enum provcard_unit_state {
	PROVCARD_UNIT_NONE = 0,
	PROVCARD_UNIT_RESERVED = 1, /* charged */
	PROVCARD_UNIT_KEYED = 2, /* has its identity */
	PROVCARD_UNIT_PROGRAMMED = 3,
	PROVCARD_UNIT_LOCKED = 4,
	PROVCARD_UNIT_GOOD = 5,
	PROVCARD_UNIT_SCRAP = 6,
};

/*
 * UNIT_RUN: a part that is locked and so hides its unique id is erased first, whatever it holds, and then judged by the ledger as
 * any other. Without the flag nothing is erased before it was judged, and such a part is refused with PART_LOCKED unless it proves
 * to be a unit of this job whose making was cut short after its lock. Other flags are refused with INVALID_FIELD.
 */
#define PROVCARD_UNIT_RECOVER (1u << 0)

#define PROVCARD_PROOF_NONE 0
#define PROVCARD_PROOF_LOCK_ONLY 1 /* read back, found locked; the image has no responder */
#define PROVCARD_PROOF_CHALLENGE 2 /* the locked part also answered a challenge with its certified key */

/**
 * struct provcard_service_unit - what became of one unit
 * @state: enum provcard_unit_state
 * @code: refusal code, 0 when GOOD
 * @proof: PROVCARD_PROOF_*
 * @uid_size: bytes of @uid
 * @log_index: of the unit's record; ~0 when none was written
 * @certificate_digest: SHA-256 of the device certificate, zero when there is none
 */
struct provcard_service_unit {
	uint32_t state;
	uint32_t code;
	uint32_t proof;
	uint32_t uid_size;
	uint8_t uid[PROVCARD_UID_MAX];
	uint64_t log_index;
	uint8_t certificate_digest[32];
};

enum provcard_slot_state {
	PROVCARD_SLOT_EMPTY = 0,
	PROVCARD_SLOT_STORED = 1, /* genuine, and nobody has approved its start */
	PROVCARD_SLOT_PENDING = 2, /* will be started with the next power-on */
	PROVCARD_SLOT_TRYING = 3, /* was started and has not confirmed itself */
	PROVCARD_SLOT_GOOD = 4, /* has confirmed itself */
	PROVCARD_SLOT_BAD = 5, /* did not start, or is not genuine */
};

#define PROVCARD_NO_SLOT UINT32_MAX

/**
 * struct provcard_service_firmware_slot - one of two places for firmware
 * @state: enum provcard_slot_state
 * @attempts: starts so far, while TRYING
 * @security_version: of what is in it; zero, as what follows, when that cannot be read
 * @refusal: why it could not be started now, 0 for nothing
 * @version: zero padded
 * @digest: SHA-256 of the image
 */
struct provcard_service_firmware_slot {
	uint32_t state;
	uint32_t attempts;
	uint32_t security_version;
	uint32_t refusal;
	char version[32];
	uint8_t digest[32];
};

/**
 * struct provcard_service_firmware - the card's firmware and its slots
 * @version: of this structure, 1
 * @active: slot in force, 0: A, 1: B; PROVCARD_NO_SLOT on a card that was started without a boot stage
 * @running: slot that runs: another than @active until a new firmware has confirmed itself
 * @floor: least security version that may start
 * @security_version: of what runs; @firmware: its version, @digest: SHA-256 of its image
 * @board: what firmware must be made for
 */
struct provcard_service_firmware {
	uint32_t version;
	uint32_t active;
	uint32_t running;
	uint32_t floor;
	uint32_t security_version;
	uint32_t reserved;
	char firmware[32];
	char board[32];
	uint8_t digest[32];
	struct provcard_service_firmware_slot slot[2];
};

/**
 * struct provcard_service_log_entry - header of one entry of PROVCARD_OP_LOG_READ
 * @index: of the leaf
 * @record_size: DER of the record, follows the header
 * @attachment_size: what belongs to it, follows the record: a unit's device certificate (DER), a request's CMS as it was
 *                   approved, a job's grant
 *
 * The next entry begins where the attachment ends, without alignment.
 */
struct provcard_service_log_entry {
	uint64_t index;
	uint32_t record_size;
	uint32_t attachment_size;
};

#endif
