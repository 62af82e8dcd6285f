/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the OEM gets back: end certificate, records, certificates, proofs. And how anyone checks it, one unit at a time. */
#ifndef PROVPKG_DELIVERY_H
#define PROVPKG_DELIVERY_H

#include <openssl/x509.h>

#include "provpkg/certificate.h"
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
	uint64_t log_size; /* tree that the delivery's inclusion proofs refer to */
	uint8_t log_root[PROVPKG_HASH_SIZE];
	uint8_t certificates_root[PROVPKG_HASH_SIZE]; /* Merkle root over the DER certificates of GOOD units, in log order */
	int64_t closed_at;
};

PROVPKG_MUST_CHECK int provpkg_end_certificate_encode(const struct provpkg_end_certificate *end, struct provpkg_blob *der);
PROVPKG_MUST_CHECK int provpkg_end_certificate_decode(struct provpkg_view der, struct provpkg_end_certificate *end);

/* Checks a delivery in one pass. What it keeps of a unit is its UID: 17 bytes for each good one. */
struct provpkg_verifier;

/*
 * @end: CMS; @card: whose delivery it is, trusted by the caller; @issuer_chain: issuing certificate first, root last; NULL when
 * the units have no certificates. The chain must hold at the time of closing (DEVICE_CERTIFICATE); whether its root is the right
 * one is the caller's to know. STATEMENT_SIGNATURE, STATEMENT_SIGNER (not exactly the card's two identities, or another card's
 * id), STATEMENT_DER, COUNTS_MISMATCH. @card is not used afterwards.
 */
PROVPKG_MUST_CHECK int provpkg_verifier_new(struct provpkg_view end, const struct provpkg_card *card, STACK_OF(X509) *issuer_chain,
					    struct provpkg_verifier **verifier);
void provpkg_verifier_free(struct provpkg_verifier *verifier);
const struct provpkg_end_certificate *provpkg_verifier_end(const struct provpkg_verifier *verifier);
/*
 * One record of the job, in log order, with its inclusion proof and its attachment (a unit's device certificate; size 0 when it
 * has none, and allowed for records without a unit). After a refusal the verifier stands where it stood.
 *
 * The counters must run on: the first record's begin at zero; good, scrap and allocated begin where the record before ended, for
 * they change by records alone, while units are reserved in between. UNIT_GOOD and UNIT_SCRAP move one reserved unit; ALLOCATED
 * raises allocated; CLOSED, the last record, may lower reserved and allocated; every other event changes nothing.
 *
 * STATEMENT_DER; PROOF_MISMATCH; RECORD_MISPLACED (another job's, or out of order); RECORD_MISSING (the counters jump ahead);
 * COUNTS_MISMATCH; ATTACHMENT_MISMATCH; DEVICE_CERTIFICATE (missing, not the record's, not this issuer's, or not for this UID).
 */
PROVPKG_MUST_CHECK int provpkg_verifier_record(struct provpkg_verifier *verifier, struct provpkg_view record,
					       struct provpkg_view attachment, const uint8_t (*proof)[PROVPKG_HASH_SIZE],
					       size_t proof_count);
/*
 * After the last: do the counts and the certificates' root agree, are all records there, is every good unit another part?
 * COUNTS_MISMATCH, RECORD_MISSING, UID_REPEATED.
 */
PROVPKG_MUST_CHECK int provpkg_verifier_finish(struct provpkg_verifier *verifier);

PROVPKG_END

#endif
