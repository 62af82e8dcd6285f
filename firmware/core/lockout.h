/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of people whose requests fail. The card is on a bus of a host that it does not trust: whoever reaches the device
 * node can name anybody as the signer of nonsense, certificates being public. So failures are of two kinds.
 *
 * Proven: every signature is right, the nonce is fresh, and the signers' roles may not approve the operation. Only the holder of
 * the key can do that. As many in a row as the policy says lock the person durably, until the officers unlock.
 *
 * Disputed: a wrong signature in the person's name, a genuine request with a stale nonce (it may be an old one from the log), too
 * few officers (the host may have cut signatures off). As many of them make the card wait before it believes that name again: a
 * minute, with each further failure twice as long, at most a quarter of an hour, by the card's monotonic clock. The person pays
 * no more than the host could take anyway, and only as long as somebody is at it.
 *
 * An officer is never locked when too few for the policy would be left; then even proven failures only pause.
 *
 * Counts are durable (LEDGER_APPROVER), bound to the fuse, and gone with the next approval. They end at the limit, so what a
 * stranger can make the card write down is bounded by what its people do. A start does not end a pause: with counts at the limit
 * it begins with one.
 */
#ifndef CORE_LOCKOUT_H
#define CORE_LOCKOUT_H

#include "request.h"

enum lockout { LOCKOUT_NONE, LOCKOUT_PAUSED, LOCKOUT_LOCKED };

/* How @person stands now. */
enum lockout lockout_state(struct core *core, const struct vault *vault, const struct vault_person *person);
/* And what counted against it so far. */
struct ledger_failures lockout_failures(struct core *core, const struct vault_person *person);
/* Both as readers may be told: as far as it is durable. */
enum lockout lockout_told(struct core *core, const struct vault *vault, const struct vault_person *person,
			  struct ledger_failures *failures);

/* @request was refused with @code: count it against whom it concerns. What cannot be written is not counted. */
void lockout_count(struct request *request, int code);
/* @request was approved: nothing speaks against its signers any more. */
void lockout_forgive(struct request *request);

#endif
