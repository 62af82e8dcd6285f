// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parts that hide their unique id behind a lock. A unit of this job whose making was cut short between its lock and its record is
 * known by its answer: its key follows from the ledger (identity.h), and no other part has it. Who locked it is not known: its
 * image may have been changed between the cut and the lock, so it is erased and made again, with the same identity. Every other
 * part is left as it is, unless the operator has said that it may be erased.
 */
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define CANDIDATES_MAX 64 /* units that an answer is compared with, the newest first */
#define PROOF_LABEL "provcard proof"

int unit_challenge_send(struct unit_run *run, struct unit_challenge *challenge)
{
	uint8_t *nonce = challenge->message + sizeof(PROOF_LABEL) - 1;
	const struct provpkg_key_kind *kind = provpkg_key_kind(run->package->contents.rot.identity.algorithm);
	const struct port *port = run->core->port;

	_Static_assert(sizeof(challenge->message) == sizeof(PROOF_LABEL) - 1 + PROVPKG_NONCE_SIZE, "label and nonce");
	memcpy(challenge->message, PROOF_LABEL, sizeof(PROOF_LABEL) - 1);
	if (entropy_draw(port, nonce, PROVPKG_NONCE_SIZE))
		return PROVCARD_REFUSAL_ENTROPY;
	challenge->size = kind ? kind->signature_size : 0;
	return head_uart(run->head, nonce, PROVPKG_NONCE_SIZE, challenge->signature, challenge->size,
			 run->package->contents.rot.responder_timeout_us);
}

int unit_challenge_judge(const struct unit_challenge *challenge, const struct identity *identity)
{
	struct provpkg_view message = { challenge->message, sizeof(challenge->message) };

	return identity_verify(identity, message, (struct provpkg_view){ challenge->signature, challenge->size });
}

bool unit_has_responder(const struct unit_run *run)
{
	const struct provpkg_rot *rot = &run->package->contents.rot;

	return rot->responder_timeout_us && rot->identity.present;
}

/* Is it @unit that has answered? PROOF_FAILED. */
static int compare(struct unit_run *run, const struct ledger_unit *unit, const struct unit_challenge *challenge)
{
	struct identity_unit made = { .package_id = run->package_id,
				      .uid = { unit->uid, unit->uid_size },
				      .charge = unit->charge,
				      .charged_at = unit->charged_at };
	struct identity identity;
	int code = identity_make(run->package, &made, &identity);

	if (code)
		return code;
	code = unit_challenge_judge(challenge, &identity);
	identity_clear(&identity);
	return code;
}

/* Which candidate answers? PART_LOCKED when none does. */
static int find(struct unit_run *run, const struct ledger_unit *candidates, size_t count, struct ledger_unit *found)
{
	struct unit_challenge challenge;
	int code = unit_challenge_send(run, &challenge);

	for (size_t i = 0; i < count && !code; i++) {
		code = compare(run, &candidates[i], &challenge);
		if (!code) {
			*found = candidates[i];
			return 0;
		}
		if (code == PROVCARD_REFUSAL_PROOF_FAILED)
			code = 0;
	}
	return code && code != PROVCARD_REFUSAL_PROOF_FAILED ? code : PROVCARD_REFUSAL_PART_LOCKED;
}

static int recover(struct unit_run *run)
{
	const struct head_identity *identity;
	int code;

	unit_head_step(run, PROVCARD_STEP_ERASE);
	code = head_erase(run->head, unit_head_progress, run);
	if (code)
		return code;
	run->erased = true;
	identity = head_identity(run->head);
	return unit_set_uid(run, identity->uid, identity->uid_size);
}

static int remake(struct unit_run *run, const struct ledger_unit *found)
{
	int code = recover(run);

	if (!code && (run->uid_size != found->uid_size || memcmp(run->uid, found->uid, found->uid_size)))
		code = PROVCARD_REFUSAL_PART_SWAPPED;
	return code;
}

static int find_lost_unit(struct unit_run *run)
{
	struct ledger *ledger = &run->core->ledger;
	struct ledger_unit *candidates, found;
	size_t count;
	int code;

	if (!unit_has_responder(run))
		return PROVCARD_REFUSAL_PART_LOCKED;
	candidates = calloc(CANDIDATES_MAX, sizeof(*candidates));
	if (!candidates)
		return PROVCARD_REFUSAL_OUT_OF_MEMORY;
	mtx_lock(&ledger->lock);
	count = ledger_unfinished_units(ledger, run->job, candidates, CANDIDATES_MAX);
	mtx_unlock(&ledger->lock);
	code = count ? find(run, candidates, count, &found) : PROVCARD_REFUSAL_PART_LOCKED;
	free(candidates);
	return code ? code : remake(run, &found);
}

int unit_identify_locked(struct unit_run *run)
{
	if (run->uid_size)
		return 0;
	return run->recover ? recover(run) : find_lost_unit(run);
}
