/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the OEM gets back: end certificate, records, certificates, proofs. And how anyone checks it, one unit at a time. */
#ifndef PROVPKG_DELIVERY_H
#define PROVPKG_DELIVERY_H

#include <openssl/x509.h>

#include "provpkg/certificate.h"
#include "provpkg/merkle.h"
#include "provpkg/record.h"
#include "provpkg/sign.h"
#include "provpkg/types.h"

PROVPKG_BEGIN

/*
 * The card's statement on a finished job, signed with both identity keys. A grant is of good units and of scrap, each a ceiling of
 * its own: granted = granted_good + granted_scrap = good + scrap + unused.
 */
struct provpkg_end_certificate {
	uint8_t card_id[PROVPKG_CARD_ID_SIZE];
	uint8_t package_id[PROVPKG_ID_SIZE];
	char product[PROVPKG_NAME_MAX + 1];
	char oem[PROVPKG_NAME_MAX + 1];
	uint64_t granted;
	uint64_t granted_good; /* ceilings of the grant in force at the end */
	uint64_t granted_scrap;
	uint64_t good;
	uint64_t scrap;
	uint64_t unused; /* destroyed by the closing; units left reserved count here, their parts are in the records */
	uint64_t first_index; /* first and last log record of the job; the last is the closing itself */
	uint64_t last_index;
	uint64_t records; /* how many records of the job there are from first to last */
	uint64_t log_size; /* entries of the log that the delivery is a part of */
	uint8_t log_root[PROVPKG_HASH_SIZE];
	uint8_t certificates_root[PROVPKG_HASH_SIZE]; /* Merkle root over the DER certificates of GOOD units, in log order */
	int64_t closed_at;
};

PROVPKG_MUST_CHECK int provpkg_end_certificate_encode(const struct provpkg_end_certificate *end, struct provpkg_blob *der);
PROVPKG_MUST_CHECK int provpkg_end_certificate_decode(struct provpkg_view der, struct provpkg_end_certificate *end);

/*
 * Checks a delivery in one pass over the log's entries up to the end certificate's log_size: the job's records one by one, runs of
 * other entries by their subtree roots. It needs memory for the UIDs of the good units, 17 bytes each, and constant memory when they
 * may go to a spool; nothing else grows.
 */
struct provpkg_verifier;

/*
 * @end: CMS; @card: whose delivery it is; @issuer_chain: issuing certificate first, root last; NULL when the units have no
 * certificates. The chain must hold at the time of closing (DEVICE_CERTIFICATE); whether its root is the right one, and whether the
 * card is to be trusted, at closed_at for one, is the caller's to find out. STATEMENT_SIGNATURE, STATEMENT_SIGNER (not exactly the
 * card's two identities, or another card's id), STATEMENT_DER, COUNTS_MISMATCH. @card is not used afterwards.
 */
PROVPKG_MUST_CHECK int provpkg_verifier_new(struct provpkg_view end, const struct provpkg_card *card, STACK_OF(X509) *issuer_chain,
					    struct provpkg_verifier **verifier);
void provpkg_verifier_free(struct provpkg_verifier *verifier);
const struct provpkg_end_certificate *provpkg_verifier_end(const struct provpkg_verifier *verifier);

/* Storage of the caller's, as a file has it; both return 0 or a negative errno. What was written is read back once, in other order. */
struct provpkg_spool {
	int (*write)(void *context, uint64_t offset, const void *data, size_t size);
	int (*read)(void *context, uint64_t offset, void *data, size_t size);
	void *context;
};

#define PROVPKG_SPOOL_MEMORY_MIN 1024

/*
 * Before the first record: keep at most about @memory bytes of UIDs (-EINVAL below PROVPKG_SPOOL_MEMORY_MIN), and put the others
 * there. So many units can be checked: (memory / 17)^2 / 16. @spool is copied; its context must live as long as the verifier.
 */
PROVPKG_MUST_CHECK int provpkg_verifier_spool(struct provpkg_verifier *verifier, const struct provpkg_spool *spool, size_t memory);

/*
 * Before the first record: the OEM's anchors, which the signers of later grants must lead to where no quota authority grants. Without
 * them such a grant must be signed as a suite demands, by whomever the card believed. -EINVAL for no anchors, or a second time.
 */
PROVPKG_MUST_CHECK int provpkg_verifier_oem(struct provpkg_verifier *verifier, STACK_OF(X509) *anchors);

/*
 * The next record of the job, with its attachment (a unit's device certificate and sealed secrets, see escrow.h, or who grants; size 0
 * when it has none, and allowed for records of other events). After a refusal the verifier stands where it stood.
 *
 * What LOADED has attached says who grants. From then on each GRANTED, and a CLOSED by a grant, is judged as the card had to at that
 * time: signed by so many members of the quota authority, or by the OEM; the next of its sequence; of this card and package; and no
 * unit is made beyond the ceilings in force.
 *
 * Entries come one after another, none left out; a record whose predecessor was given must name it. The counters must run on: the
 * first record's begin at zero; good, scrap and allocated begin where the record before ended, for they change by records alone, while
 * units are reserved in between. UNIT_GOOD and UNIT_SCRAP move one reserved unit; ALLOCATED raises allocated; CLOSED, the last record,
 * may lower reserved and allocated; every other event changes nothing.
 *
 * STATEMENT_DER; RECORD_MISPLACED (another job's, or out of order); RECORD_MISSING (entries are missing before it, or the counters jump
 * ahead); RECORD_CHAIN; COUNTS_MISMATCH; ATTACHMENT_MISMATCH; DEVICE_CERTIFICATE (missing, not the record's, not this issuer's, or not
 * for this UID); SEALED_SECRETS (malformed; missing or there against what the LOADED record's attachment says, where that is
 * given); of grants GRANT_AUTHORITY, GRANT_APPROVALS, GRANT_SEQUENCE, GRANT_LOWERED, GRANT_MISSING (another job's, or nobody may),
 * SIGNER_UNTRUSTED, SIGNER_EXPIRED, MANIFEST_SIGNER_MISSING, MANIFEST_SIGNATURE, MANIFEST_DER; a negative errno of the spool.
 */
PROVPKG_MUST_CHECK int provpkg_verifier_record(struct provpkg_verifier *verifier, struct provpkg_view record,
					       struct provpkg_view attachment);
/*
 * The next @count entries are not of this job: a run as provpkg_run() gives it. RUN_MALFORMED unless it has exactly the roots that it
 * needs, a record stands between it and the run before, and it ends within the log.
 */
PROVPKG_MUST_CHECK int provpkg_verifier_run(struct provpkg_verifier *verifier, uint64_t count,
					    const uint8_t (*hash)[PROVPKG_HASH_SIZE], size_t roots);
/*
 * After the last: do counts, log root and certificates' root agree, are all records there, is every good unit another part? Nothing
 * that was given may be believed before. RECORD_MISSING, COUNTS_MISMATCH, LOG_ROOT_MISMATCH, UID_REPEATED, a negative errno.
 */
PROVPKG_MUST_CHECK int provpkg_verifier_finish(struct provpkg_verifier *verifier);
/* Was the card's time set by a signed token when it closed the job? What it says is true after provpkg_verifier_finish(). */
bool provpkg_verifier_time_authenticated(const struct provpkg_verifier *verifier);

/*
 * The birth bundle: one good unit alone. @checkpoint: opened with provpkg_checkpoint_open(), by the card's identities; @inclusion: of
 * @record in its tree; @issuer_chain: as for a delivery, NULL when the unit has no certificate.
 */
struct provpkg_birth {
	struct provpkg_view record;
	struct provpkg_view certificate;
	struct provpkg_view sealed; /* DER of the SealedSecrets; size 0 when the job returns none */
	STACK_OF(X509) *issuer_chain;
	struct provpkg_checkpoint checkpoint;
	uint8_t inclusion[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE];
	size_t inclusion_count;
};

/*
 * Did the card record this unit as good, with this certificate, by this issuer, whose chain held at that time, and with these sealed
 * secrets? Whom to believe, the card and the chain's last certificate, is the caller's. *record gets what was recorded. STATEMENT_DER,
 * PROOF_MISMATCH, RECORD_MISPLACED (of something else), DEVICE_CERTIFICATE, ATTACHMENT_MISMATCH.
 */
PROVPKG_MUST_CHECK int provpkg_birth_verify(const struct provpkg_birth *birth, struct provpkg_record *record);

PROVPKG_END

#endif
