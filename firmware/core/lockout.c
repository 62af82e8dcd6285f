// SPDX-License-Identifier: GPL-2.0-or-later
#include "lockout.h"

#include <string.h>

#define SECOND_NS 1000000000ull
#define PAUSE_FIRST_NS (60 * SECOND_NS)
#define PAUSE_MAX_NS (15 * 60 * SECOND_NS)

static struct ledger_approver find_approver(struct core *core, const struct vault_person *person)
{
	struct ledger_approver found = { 0 };
	const struct ledger_approver *known;

	if (people_digest(person, found.failures.certificate) || !core->storage_open)
		return found;
	mtx_lock(&core->ledger.lock);
	known = ledger_find_approver(&core->ledger, found.failures.certificate);
	if (known)
		found = *known;
	mtx_unlock(&core->ledger.lock);
	return found;
}

struct ledger_failures lockout_failures(struct core *core, const struct vault_person *person)
{
	return find_approver(core, person).failures;
}

static bool at_limit(const struct ledger_failures *failures, uint32_t limit)
{
	return limit && (failures->proven >= limit || failures->disputed >= limit);
}

static enum lockout judge(struct core *core, const struct vault *vault, const struct ledger_approver *found)
{
	uint64_t until = found->paused_until ? found->paused_until : core->started + PAUSE_FIRST_NS;

	if (found->failures.locked)
		return LOCKOUT_LOCKED;
	if (!at_limit(&found->failures, vault->policy.failures))
		return LOCKOUT_NONE;
	return core->port->ops->monotonic_ns(core->port->context) < until ? LOCKOUT_PAUSED : LOCKOUT_NONE;
}

enum lockout lockout_state(struct core *core, const struct vault *vault, const struct vault_person *person)
{
	struct ledger_approver found = find_approver(core, person);

	return judge(core, vault, &found);
}

enum lockout lockout_told(struct core *core, const struct vault *vault, const struct vault_person *person,
			  struct ledger_failures *failures)
{
	struct ledger_approver found = find_approver(core, person);
	const struct ledger_failures *told = NULL;

	memset(failures, 0, sizeof(*failures));
	if (core->storage_open) {
		mtx_lock(&core->ledger.lock);
		told = ledger_failures_told(&core->ledger, found.failures.certificate);
		if (told)
			*failures = *told;
		mtx_unlock(&core->ledger.lock);
	}
	found.failures = *failures;
	return judge(core, vault, &found);
}

static void pause(struct core *core, const uint8_t certificate[PROVPKG_HASH_SIZE])
{
	uint64_t now = core->port->ops->monotonic_ns(core->port->context), length = PAUSE_FIRST_NS;
	struct ledger_approver *known;

	mtx_lock(&core->ledger.lock);
	known = ledger_find_approver(&core->ledger, certificate);
	if (known) {
		for (uint32_t i = 0; i < known->pauses && length < PAUSE_MAX_NS; i++)
			length *= 2;
		known->pauses++;
		known->paused_until = now + (length < PAUSE_MAX_NS ? length : PAUSE_MAX_NS);
	}
	mtx_unlock(&core->ledger.lock);
}

static int write_failures(struct core *core, const struct ledger_failures *failures, struct provpkg_record *record)
{
	struct commit commit = { .change = { .type = LEDGER_APPROVER, .job = LEDGER_NO_JOB, .failures = *failures },
				 .record = record };

	return commit_run(core, &commit);
}

/* With a record in the log where something begins; a log that is full does not keep it from beginning. */
static int write_lockout(struct core *core, const struct vault_person *person, const struct ledger_failures *failures)
{
	struct provpkg_record record;
	int code;

	record_begin(core, &record, PROVPKG_EVENT_LOCKED_OUT, person->name);
	record.code = failures->locked ? PROVCARD_REFUSAL_APPROVER_LOCKED : PROVCARD_REFUSAL_APPROVER_PAUSED;
	code = write_failures(core, failures, &record);
	return code == PROVCARD_REFUSAL_LOG_FULL ? write_failures(core, failures, NULL) : code;
}

/* Enough officers must be left to unlock. */
static bool may_lock(const struct request *request, const struct vault_person *person)
{
	return person->role != PROVPKG_ROLE_OFFICER ||
	       people_officers(request->core, request->vault, person) >= request->vault->policy.officers;
}

static void count(struct request *request, const struct vault_person *person, bool proven)
{
	struct core *core = request->core;
	uint32_t limit = request->vault->policy.failures;
	struct ledger_failures failures = lockout_failures(core, person);
	uint32_t *counter = proven ? &failures.proven : &failures.disputed;
	bool counts = *counter < limit;

	/* While it waits nothing is counted: the pause does not grow by what comes meanwhile. */
	if (!limit || lockout_state(core, request->vault, person) != LOCKOUT_NONE)
		return;
	*counter += counts;
	failures.locked = proven && *counter >= limit && may_lock(request, person);
	if (failures.locked || (counts && *counter == limit))
		(void)write_lockout(core, person, &failures);
	else if (counts)
		(void)write_failures(core, &failures, NULL);
	if (!failures.locked && at_limit(&failures, limit))
		pause(core, failures.certificate);
}

/* However often a request names somebody, it is one failure. */
static void count_all(struct request *request, const STACK_OF(X509) * certificates, bool proven)
{
	const struct vault_person *seen[VAULT_PEOPLE_MAX];
	size_t people = 0;

	for (int i = 0; i < sk_X509_num(certificates); i++) {
		const struct vault_person *person = people_find(request->vault, sk_X509_value(certificates, i));
		size_t before = 0;

		while (before < people && seen[before] != person)
			before++;
		if (!person || before < people)
			continue;
		seen[people++] = person;
		count(request, person, proven);
	}
}

/* The certificates that the request names; where it was opened, its signers. */
static void count_named(struct request *request, bool proven)
{
	STACK_OF(X509) *claims = NULL;

	if (provpkg_signed_claims(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(&request->cms), &claims))
		return;
	count_all(request, claims, proven);
	sk_X509_pop_free(claims, X509_free);
}

void lockout_count(struct request *request, int code)
{
	switch (code) {
	case PROVCARD_REFUSAL_REQUEST_SIGNATURE:
	case PROVCARD_REFUSAL_REQUEST_REPLAYED:
	case PROVCARD_REFUSAL_APPROVALS_MISSING:
		count_named(request, false);
		break;
	case PROVCARD_REFUSAL_APPROVER_ROLE:
		count_named(request, true);
		break;
	}
}

void lockout_forgive(struct request *request)
{
	for (size_t i = 0; i < provpkg_signed_count(request->object); i++) {
		const struct vault_person *person = people_find(request->vault, provpkg_signed_signer(request->object, i));
		struct ledger_failures failures;

		if (!person)
			continue;
		failures = lockout_failures(request->core, person);
		if (!failures.proven && !failures.disputed)
			continue;
		failures.proven = failures.disputed = 0;
		/* A count that stays because the ledger is full hinders nobody: at the next approval it is tried again. */
		(void)write_failures(request->core, &failures, NULL);
	}
}
