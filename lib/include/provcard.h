/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libprovcard: access to provcard cards, the HSMs that program devices.
 *
 * Two answers, never mixed. Every function that asks the card returns 0 when the card answered, or a negative errno when it did
 * not; what the card said stands in a struct provcard_answer: refusal 0 when it did as asked, else a code of provcard-refusal.h.
 * When the card refused, or on a negative errno, other out-parameters are untouched unless their function says otherwise.
 *
 *   -ENODEV     no such card, or the card is gone for good: close the handle
 *   -EACCES     the caller may not open the card
 *   -EIO        the card broke the host interface or is dead
 *   -EPROTO     the card's answer is not of the form it must have
 *   -ETIMEDOUT  the command ran out of time and was aborted
 *   -EINVAL     a malformed argument
 *   -EAGAIN     every slot is in use, or nothing came within the time allowed
 *   -ENOMEM, -EMFILE, -EINTR as usual
 *
 * Handles are opaque and belong to the caller. A struct provcard must outlive its jobs. Different handles may be used from
 * different threads at the same time; one handle by one thread at a time, except that provcard_job_fd()'s descriptor may be
 * polled anywhere. There is no global state and no environment variable. Nothing secret passes through this library: packages
 * are ciphertext, requests are signed by the caller.
 *
 * Times are seconds since 1970 by the card's clock, sizes are bytes, identifiers are raw bytes. Structures are filled in the
 * byte order of the host; their reserved tails are zero and are where later versions put new members.
 */
#ifndef PROVCARD_H
#define PROVCARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provcard-refusal.h"
#include "provcard-service.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define PROVCARD_MUST_CHECK __attribute__((warn_unused_result))

struct provcard; /* an open card */
struct provcard_job; /* a place on a card where a package is loaded and units are made */

/**
 * struct provcard_answer - what the card said to one command
 * @refusal: 0, or a code of enum provcard_refusal
 * @result: per command; with a refused provcard_job_commit() or provcard_job_load() the number of the segment at fault
 */
struct provcard_answer {
	uint32_t refusal;
	uint32_t result;
};

/* Version of the library, "0.1.0"; static storage. */
const char *provcard_version(void);

/* ---- Finding and opening cards ---- */

/**
 * provcard_address_each - call @function with the address of every card of this machine, in ascending order
 *
 * @address lives during the call only. Ends early when @function returns non-zero, and returns that.
 */
int provcard_address_each(int (*function)(void *context, const char *address), void *context);

/**
 * provcard_open - open a card
 * @address: "/dev/provcardN" through the kernel driver; "vfio-user:PATH" straight to an emulated card's socket
 * @card: the handle, to be closed with provcard_close()
 */
PROVCARD_MUST_CHECK int provcard_open(const char *address, struct provcard **card);
/* Close a card; its jobs must be closed before. NULL is allowed. */
void provcard_close(struct provcard *card);

/**
 * struct provcard_card_info - what is known of a card without asking it
 * @serial: serial number; @firmware: version of its firmware
 * @hif_version: host interface version, major << 16 | minor << 8
 * @heads: programming heads, numbered from 0
 * @max_transfer: largest buffer of one command
 */
struct provcard_card_info {
	char serial[36];
	char firmware[36];
	uint32_t hif_version;
	uint32_t heads;
	uint64_t max_transfer;
	uint64_t reserved[4];
};

/* Never fails: the information was read when the card was opened. */
void provcard_info_get(const struct provcard *card, struct provcard_card_info *info);

/* ---- The card ---- */

/**
 * struct provcard_status - the card now; see struct provcard_service_status
 * @state: enum provcard_card_state
 * @fault: refusal code that stopped the card, 0 for none
 * @staging_size: largest package the card takes
 * @flags: PROVCARD_STATUS_FLAG_*
 */
struct provcard_status {
	uint32_t state;
	uint32_t fault;
	uint8_t card_id[PROVCARD_CARD_ID_SIZE];
	char serial[36];
	char firmware[36];
	uint64_t time;
	uint32_t boot_count;
	uint32_t heads;
	uint32_t jobs;
	uint32_t flags;
	uint64_t staging_size;
	uint64_t log_size;
	uint64_t flushes;
	uint64_t reserved[4];
};

PROVCARD_MUST_CHECK int provcard_status_read(struct provcard *card, struct provcard_status *status, struct provcard_answer *answer);

/**
 * struct provcard_head - a programming head now; see struct provcard_service_head
 * @step: enum provcard_unit_step; @done of @total bytes of it are done
 * @last_refusal: refusal code of the head's last unit, 0 when it was good
 * @uid_size: bytes of @uid that are valid, 0 when no part was seen
 */
struct provcard_head {
	uint32_t head;
	uint32_t step;
	uint32_t done;
	uint32_t total;
	uint32_t last_refusal;
	uint32_t uid_size;
	uint8_t uid[PROVCARD_UID_MAX];
	uint64_t good;
	uint64_t scrap;
	uint64_t reserved[2];
};

/* All heads of the card: at most @room are written to @heads, *count says how many. */
PROVCARD_MUST_CHECK int provcard_head_list(struct provcard *card, struct provcard_head *heads, size_t room, size_t *count,
					   struct provcard_answer *answer);

/**
 * struct provcard_job_status - a job now, as the card's ledger has it; see struct provcard_service_job
 * @state: enum provcard_job_state; @flags: PROVCARD_JOB_FLAG_*
 * @ceiling_good: units the OEM granted; @ceiling_scrap: scrap the OEM allows
 * @allocated: units that operators released
 * @good, @scrap, @reserved_units: units finished, scrapped, begun
 * @grant_sequence: number of the grant in force, 0 for none yet; @not_before and @not_after: its window, 0 for no limit
 * @allocate_approvals, @close_approvals: officers, operators and auditors that the OEM wants to sign
 * @quota_threshold: members of the quota authority that sign each grant; 0: the OEM does
 */
struct provcard_job_status {
	uint8_t package_id[PROVCARD_PACKAGE_ID_SIZE];
	uint32_t state;
	uint32_t flags;
	uint64_t ceiling_good;
	uint64_t ceiling_scrap;
	uint64_t allocated;
	uint64_t good;
	uint64_t scrap;
	uint64_t reserved_units;
	uint64_t not_after;
	char product[68];
	char oem[68];
	char part[36];
	uint32_t reserved0;
	uint64_t grant_sequence;
	uint64_t not_before;
	uint8_t allocate_approvals[3];
	uint8_t close_approvals[3];
	uint8_t quota_threshold;
	uint8_t reserved1;
	uint64_t reserved[1];
};

/* Jobs of the ledger from number @first on: at most @room are written, *count says how many, *total how many there are. */
PROVCARD_MUST_CHECK int provcard_job_list(struct provcard *card, uint32_t first, struct provcard_job_status *jobs, size_t room,
					  size_t *count, size_t *total, struct provcard_answer *answer);

/* Draw the nonce that the next signed request must carry; the one before loses its validity. */
PROVCARD_MUST_CHECK int provcard_nonce_draw(struct provcard *card, uint8_t nonce[PROVCARD_NONCE_SIZE], struct provcard_answer *answer);

/**
 * provcard_request_send - have a privileged operation done
 * @request: CMS of a signed request
 * @reply: room for the operation's own answer (the end certificate when a job is closed), NULL for none
 * @length: bytes written to @reply; may be NULL
 */
PROVCARD_MUST_CHECK int provcard_request_send(struct provcard *card, const void *request, size_t size, void *reply, size_t room,
					      size_t *length, struct provcard_answer *answer);

/* Hand over a grant (CMS) for a package the card has; repeating one changes nothing. */
PROVCARD_MUST_CHECK int provcard_grant_send(struct provcard *card, const void *grant, size_t size, struct provcard_answer *answer);

/* Evidence: a signed statement of the card's on itself, bound to @nonce; CMS. At most @room bytes, *length says how many. */
PROVCARD_MUST_CHECK int provcard_evidence_read(struct provcard *card, const uint8_t nonce[PROVCARD_NONCE_SIZE], void *buffer,
					       size_t room, size_t *length, struct provcard_answer *answer);

/* ---- Objects ---- */

/**
 * provcard_object_read_at - read part of an object
 * @kind: enum provcard_object
 * @selector: which one, as enum provcard_object says; NULL when that kind has none
 * @length: bytes read from @offset on
 * @whole: size of the object
 */
PROVCARD_MUST_CHECK int provcard_object_read_at(struct provcard *card, uint32_t kind, const void *selector, size_t selector_size,
						uint64_t offset, void *buffer, size_t room, size_t *length, size_t *whole,
						struct provcard_answer *answer);

/* Read a whole object. *data is allocated, a zero byte follows it; free() it. -EAGAIN when the object changed meanwhile. */
PROVCARD_MUST_CHECK int provcard_object_read(struct provcard *card, uint32_t kind, const void *selector, size_t selector_size,
					     void **data, size_t *size, struct provcard_answer *answer);

/* ---- The log ---- */

/* Whole entries from index @first on, as many as fit @room; read them with provcard_log_next(). */
PROVCARD_MUST_CHECK int provcard_log_read(struct provcard *card, uint64_t first, void *buffer, size_t room, size_t *length,
					  struct provcard_answer *answer);

/**
 * struct provcard_log_entry - one entry of the log; the pointers lead into the buffer it was read to
 * @record: DER of the record, a leaf of the log; @attachment: what belongs to it
 */
struct provcard_log_entry {
	uint64_t index;
	const uint8_t *record;
	size_t record_size;
	const uint8_t *attachment;
	size_t attachment_size;
};

/* Take the entry at *offset of @buffer and advance: 1, 0 at the end, -EPROTO when the entry is cut off. */
PROVCARD_MUST_CHECK int provcard_log_next(const void *buffer, size_t length, size_t *offset, struct provcard_log_entry *entry);

/* Inclusion proof of leaf @index in the tree of the first @tree_size leaves: *count hashes, from the leaf upwards. */
PROVCARD_MUST_CHECK int provcard_log_proof(struct provcard *card, uint64_t index, uint64_t tree_size, uint8_t (*hashes)[32],
					   size_t room, size_t *count, struct provcard_answer *answer);
/* Proof that the log of @older entries, at least one, is the beginning of that of @newer; RFC 9162 2.1.4. At most 64 hashes. */
PROVCARD_MUST_CHECK int provcard_log_consistency(struct provcard *card, uint64_t older, uint64_t newer, uint8_t (*hashes)[32],
						 size_t room, size_t *count, struct provcard_answer *answer);
/*
 * Entries [first, first + entries) without what they say: the roots of the largest complete subtrees that they are made of, from left
 * to right. At most 128 hashes.
 */
PROVCARD_MUST_CHECK int provcard_log_run(struct provcard *card, uint64_t first, uint64_t entries, uint8_t (*hashes)[32], size_t room,
					 size_t *count, struct provcard_answer *answer);

/* ---- Jobs ---- */

/*
 * Get a place for a job on the card; -EMFILE when it has none left. provcard_job_close() gives it back: it stops the units in progress
 * and waits for them.
 */
PROVCARD_MUST_CHECK int provcard_job_create(struct provcard *card, struct provcard_job **job);
void provcard_job_close(struct provcard_job *job); /* NULL is allowed; the job in the card's ledger is untouched */

/**
 * provcard_job_write - hand over bytes of a package
 * @data: stays the caller's; the card reads it in place, so a mapped file costs no copy
 * @offset: consecutive calls are contiguous, from 0
 * @whole: size of the package
 *
 * Any size; sent in commands of at most max_transfer.
 */
PROVCARD_MUST_CHECK int provcard_job_write(struct provcard_job *job, uint64_t offset, uint64_t whole, const void *data, size_t size,
					   struct provcard_answer *answer);
/* Have the card verify what was written; binds the job to the package. */
PROVCARD_MUST_CHECK int provcard_job_commit(struct provcard_job *job, struct provcard_job_status *status,
					    struct provcard_answer *answer);

/* Told from time to time while a package is loaded; non-zero ends the loading, and is what provcard_job_load() returns. */
typedef int (*provcard_load_progress)(void *context, uint64_t done, uint64_t whole);

/* Write all of a package that is in memory, and commit. @progress may be NULL. */
PROVCARD_MUST_CHECK int provcard_job_load(struct provcard_job *job, const void *package, size_t size,
					  provcard_load_progress progress, void *context, struct provcard_job_status *status,
					  struct provcard_answer *answer);
/* Bind the job to a package that the card has from an earlier loading. */
PROVCARD_MUST_CHECK int provcard_job_bind(struct provcard_job *job, const uint8_t package_id[PROVCARD_PACKAGE_ID_SIZE],
					  struct provcard_job_status *status, struct provcard_answer *answer);
PROVCARD_MUST_CHECK int provcard_job_status_read(struct provcard_job *job, struct provcard_job_status *status,
						 struct provcard_answer *answer);
/* Log indexes of the job's records from number @first on; *total says how many there are. */
PROVCARD_MUST_CHECK int provcard_job_log(struct provcard_job *job, uint64_t first, uint64_t *indexes, size_t room, size_t *count,
					 size_t *total, struct provcard_answer *answer);

/* ---- Firmware ---- */

/**
 * struct provcard_firmware_slot - one of the two places for firmware; see struct provcard_service_firmware_slot
 * @state: enum provcard_slot_state
 * @refusal: why it could not be started now, 0 for nothing
 */
struct provcard_firmware_slot {
	uint32_t state;
	uint32_t attempts;
	uint32_t security_version;
	uint32_t refusal;
	char version[36];
	uint8_t digest[32];
	uint32_t reserved0;
	uint64_t reserved[2];
};

/**
 * struct provcard_firmware - the card's firmware now; see struct provcard_service_firmware
 * @active: slot in force; @running: slot that runs; PROVCARD_NO_SLOT on a card without a boot stage
 * @floor: least security version that the card starts
 * @digest: SHA-256 of the image that runs; @version and @security_version likewise
 * @board: what firmware must be made for
 */
struct provcard_firmware {
	uint32_t active;
	uint32_t running;
	uint32_t floor;
	uint32_t security_version;
	char version[36];
	char board[36];
	uint8_t digest[32];
	struct provcard_firmware_slot slot[2];
	uint64_t reserved[4];
};

PROVCARD_MUST_CHECK int provcard_firmware_read(struct provcard *card, struct provcard_firmware *firmware,
					       struct provcard_answer *answer);
/* Hand over bytes of a firmware file, as provcard_job_write() does of a package. */
PROVCARD_MUST_CHECK int provcard_firmware_write(struct provcard *card, uint64_t offset, uint64_t whole, const void *data, size_t size,
						struct provcard_answer *answer);
/*
 * Have the card verify what was written and put it into the slot beside the running one. It starts when security officers have
 * activated it, with the card's next power-on.
 */
PROVCARD_MUST_CHECK int provcard_firmware_commit(struct provcard *card, struct provcard_firmware *firmware,
						 struct provcard_answer *answer);
/* Write all of a firmware file that is in memory, and commit. @progress may be NULL. */
PROVCARD_MUST_CHECK int provcard_firmware_load(struct provcard *card, const void *file, size_t size, provcard_load_progress progress,
					       void *context, struct provcard_firmware *firmware, struct provcard_answer *answer);

/* ---- Units ---- */

/**
 * struct provcard_unit - what became of one unit; see struct provcard_service_unit
 * @head: where it was made
 * @error: 0, or a positive errno: the card gave no answer, and the members below are zero
 * @refusal: 0 when the unit is good, else the code by which the card refused or scrapped it
 * @state: enum provcard_unit_state: what the ledger holds of it; PROVCARD_UNIT_NONE when no unit was begun
 * @proof: PROVCARD_PROOF_*
 * @log_index: of the unit's record, UINT64_MAX when there is none
 * @certificate_digest: SHA-256 of its certificate, zero when there is none
 */
struct provcard_unit {
	uint32_t head;
	uint32_t error;
	uint32_t refusal;
	uint32_t state;
	uint32_t proof;
	uint32_t uid_size;
	uint8_t uid[PROVCARD_UID_MAX];
	uint64_t log_index;
	uint8_t certificate_digest[32];
	uint64_t reserved[4];
};

/*
 * Begin to provision the part in the socket of @head; returns at once. @flags: 0 or PROVCARD_UNIT_RECOVER, which lets the card erase
 * a locked part. -EBUSY: this job has a unit on that head already; -EINVAL: no such head or flag. Each unit begun is taken once with
 * provcard_unit_wait().
 */
PROVCARD_MUST_CHECK int provcard_unit_begin(struct provcard_job *job, uint32_t head, uint32_t flags);
/* Take a unit that ended, in any order. @timeout_ms: -1 waits, 0 polls. -EAGAIN: none ended in time; -ENOENT: none was begun. */
PROVCARD_MUST_CHECK int provcard_unit_wait(struct provcard_job *job, struct provcard_unit *unit, int timeout_ms);
/*
 * Have the card stop the unit on @head at its next safe point. It is taken with provcard_unit_wait() as any other: refusal UNIT_STOPPED
 * when the card had begun it, error ECANCELED when it had not, or what it came to first. -ENOENT: none is in progress there.
 */
PROVCARD_MUST_CHECK int provcard_unit_cancel(struct provcard_job *job, uint32_t head);

/* ---- Commands without waiting ---- */

/**
 * struct provcard_submission - a command of a job, for provcard_job_submit()
 * @opcode: enum provcard_opcode, of the service commands
 * @queue: 0 the admin queue, 1 and up the I/O queues
 * @arg: per command
 * @in, @in_size: what the card reads; NULL and 0 for nothing
 * @out, @out_size: where it writes, likewise. Both stay the card's until the completion was read or the job is closed
 * @timeout_ms: 0 for no limit
 * @token: comes back in the completion; below 1 << 63
 */
struct provcard_submission {
	uint32_t opcode;
	uint32_t queue;
	uint64_t arg[3];
	const void *in;
	size_t in_size;
	void *out;
	size_t out_size;
	uint32_t timeout_ms;
	uint64_t token;
};

/**
 * struct provcard_job_completion - what became of a submitted command
 * @error: 0, or a positive errno when it did not come to its end: ECANCELED, ETIMEDOUT, EIO, ENODEV
 * @refusal: the card's answer: 0, or a code of provcard-refusal.h
 * @result: per command
 * @length: bytes written to its out buffer
 */
struct provcard_job_completion {
	uint64_t token;
	uint32_t error;
	uint32_t refusal;
	uint32_t result;
	uint32_t reserved0;
	uint64_t length;
	uint64_t reserved[2];
};

/*
 * Send a command of the job; never waits. -EAGAIN: no room, read completions first; -EINVAL: a token of 1 << 63 or more, or a field
 * that the driver refuses. A job may have units and such commands in progress at the same time.
 */
PROVCARD_MUST_CHECK int provcard_job_submit(struct provcard_job *job, const struct provcard_submission *submission);
/*
 * Read completions of submitted commands, at most @room, in the order in which they ended. Waits for the first only, as long as
 * @timeout_ms says: -1 without end, 0 not at all. -EAGAIN: none came; -ENOENT: nothing was submitted.
 */
PROVCARD_MUST_CHECK int provcard_job_read_completions(struct provcard_job *job, struct provcard_job_completion *completions,
						      size_t room, size_t *count, int timeout_ms);
/* Have the card let go of the commands with this token, or of all commands and units; each ends as usual. -ENOENT: none in flight. */
PROVCARD_MUST_CHECK int provcard_job_cancel(struct provcard_job *job, uint64_t token);
PROVCARD_MUST_CHECK int provcard_job_cancel_all(struct provcard_job *job);
/*
 * A descriptor that polls readable when there may be something for provcard_unit_wait() or provcard_job_read_completions(); belongs to
 * the job. Each of them keeps what it meets of the other's, so before polling call those that you use with a time-out of 0 until they
 * return -EAGAIN or -ENOENT.
 */
int provcard_job_fd(struct provcard_job *job);

/* ---- Events of all cards of this machine ---- */

struct provcard_monitor; /* a listener; needs no card */

/* What happened. More kinds may come; a program passes over those it does not know. */
enum provcard_monitor_kind {
	PROVCARD_MONITOR_LOST = 0, /* events were lost, how many the next event's @lost says; no other member is set */
	PROVCARD_MONITOR_CARD_ADDED = 2, /* the driver has taken a card into service; @state, @generation */
	PROVCARD_MONITOR_CARD_REMOVED = 3, /* the driver has let go of a card; @state, @generation */
	PROVCARD_MONITOR_CARD_CHANGED = 4, /* what the driver can do with a card has changed; @state, @generation */
	PROVCARD_MONITOR_RESET = 5, /* a card is being reset, its jobs are void; @generation begins */
	PROVCARD_MONITOR_LIFE_CHANGED = 6, /* the card's own state has changed: see provcard_status_read() */
	PROVCARD_MONITOR_HEAD_CHANGED = 7, /* @head: see provcard_head_list() */
	PROVCARD_MONITOR_JOB_CHANGED = 8, /* one of its jobs: see provcard_job_list() */
	PROVCARD_MONITOR_FAULT = 9, /* the card has stopped production; @refusal */
	PROVCARD_MONITOR_TAMPER = 10, /* the card was tampered with; @refusal */
	PROVCARD_MONITOR_FIRMWARE = 11, /* the firmware in one of its slots: see provcard_firmware_read() */
};

/* What the driver can do with a card; the card's own state is another matter. */
enum provcard_monitor_state {
	PROVCARD_MONITOR_STATE_LIVE = 0,
	PROVCARD_MONITOR_STATE_RESETTING = 1,
	PROVCARD_MONITOR_STATE_DEAD = 2,
	PROVCARD_MONITOR_STATE_GONE = 3,
};

/**
 * struct provcard_monitor_event - one event; members that its kind does not name are 0
 * @kind: enum provcard_monitor_kind
 * @card: N of /dev/provcardN; may be another card's later, which the serial number never is
 * @sequence: events of all cards counted together since the driver was loaded
 * @time_ns: since 1970 by this machine's clock; may go back when that is set, only @sequence is an order
 * @lost: how many events before this one did not arrive
 */
struct provcard_monitor_event {
	uint32_t kind;
	uint32_t card;
	uint64_t sequence;
	uint64_t time_ns;
	uint64_t lost;
	char name[36];
	char serial[36];
	uint32_t state;
	uint32_t generation;
	uint32_t head;
	uint32_t refusal;
	uint64_t reserved[4];
};

/*
 * Listen from now on; takes CAP_NET_ADMIN. -EPERM: the caller has it not; -ENODEV: the driver is not loaded, or this is not the
 * initial network namespace. A driver that is loaded anew later is listened to again.
 */
PROVCARD_MUST_CHECK int provcard_monitor_open(struct provcard_monitor **monitor);
/* The next event. @timeout_ms: -1 waits, 0 polls. -EAGAIN: none came in time; -EINTR: a signal came. */
PROVCARD_MUST_CHECK int provcard_monitor_next(struct provcard_monitor *monitor, struct provcard_monitor_event *event, int timeout_ms);
/* Polls readable when provcard_monitor_next() may return an event; belongs to the monitor. */
int provcard_monitor_descriptor(const struct provcard_monitor *monitor);
void provcard_monitor_close(struct provcard_monitor *monitor); /* NULL is allowed */

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
