// SPDX-License-Identifier: GPL-2.0-or-later
#include "life.h"

#include <errno.h>

#include <openssl/crypto.h>

#include "gate.h"
#include "job.h"
#include "object.h"
#include "provcard_hif.h"

enum provcard_card_state core_state(struct core *core)
{
	enum provcard_card_state state = PROVCARD_CARD_BLANK;
	unsigned int fault = atomic_load(&core->fault);
	enum ledger_life life;
	struct vault *vault;

	if (fault)
		return fault == PROVCARD_REFUSAL_TAMPERED ? PROVCARD_CARD_TAMPERED : PROVCARD_CARD_FAILED;
	vault = core_vault(core);
	if (vault && vault_is_initialised(vault)) {
		mtx_lock(&core->ledger.lock);
		life = core->ledger.life_told;
		mtx_unlock(&core->ledger.lock);
		state = vault_is_operational(vault) ? PROVCARD_CARD_OPERATIONAL : PROVCARD_CARD_INITIALISED;
		if (life == LEDGER_LIFE_MAINTENANCE)
			state = PROVCARD_CARD_MAINTENANCE;
		if (life == LEDGER_LIFE_DECOMMISSIONED)
			state = PROVCARD_CARD_DECOMMISSIONED;
	}
	vault_put(vault);
	return state;
}

int life_permits(struct core *core, unsigned int states)
{
	static const int refusal[] = {
		[PROVCARD_CARD_BLANK] = PROVCARD_REFUSAL_NOT_INITIALISED,
		[PROVCARD_CARD_INITIALISED] = PROVCARD_REFUSAL_NOT_INITIALISED,
		[PROVCARD_CARD_OPERATIONAL] = PROVCARD_REFUSAL_ALREADY_INITIALISED,
		[PROVCARD_CARD_MAINTENANCE] = PROVCARD_REFUSAL_IN_MAINTENANCE,
		[PROVCARD_CARD_TAMPERED] = PROVCARD_REFUSAL_TAMPERED,
		[PROVCARD_CARD_DECOMMISSIONED] = PROVCARD_REFUSAL_DECOMMISSIONED,
		[PROVCARD_CARD_FAILED] = PROVCARD_REFUSAL_CARD_STOPPED,
	};
	enum provcard_card_state state = core_state(core);

	return states & (1u << state) ? 0 : refusal[state];
}

/* What is not listed: whatever changes people, policy or firmware, in every state that is not final. */
int life_permits_operation(struct core *core, enum provpkg_operation operation)
{
	static const struct {
		enum provpkg_operation operation;
		unsigned int states;
	} exceptions[] = {
		{ PROVPKG_OPERATION_ALLOCATE, LIFE(BLANK) | LIFE_SERVICE },
		{ PROVPKG_OPERATION_ZEROISE, LIFE_ANY & ~LIFE(TAMPERED) },
		{ PROVPKG_OPERATION_SET_STATE, LIFE_READABLE },
	};
	unsigned int states = LIFE_READABLE & ~LIFE(DECOMMISSIONED);

	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
		if (exceptions[i].operation == operation)
			states = exceptions[i].states;
	return life_permits(core, states);
}

/* The ways that officers have. BLANK is left by INITIALISE and reached by ZEROISE; TAMPERED is the board's to enter. */
static bool is_edge(const struct request *request, enum provcard_card_state from, enum provcard_card_state to)
{
	bool in_service = from == PROVCARD_CARD_INITIALISED || from == PROVCARD_CARD_OPERATIONAL;

	switch (to) {
	case PROVCARD_CARD_MAINTENANCE:
		return in_service;
	case PROVCARD_CARD_DECOMMISSIONED:
		return in_service || from == PROVCARD_CARD_MAINTENANCE;
	case PROVCARD_CARD_INITIALISED:
		return from == PROVCARD_CARD_MAINTENANCE && !vault_is_operational(request->vault);
	case PROVCARD_CARD_OPERATIONAL:
		return from == PROVCARD_CARD_MAINTENANCE && vault_is_operational(request->vault);
	default:
		return false;
	}
}

static int change_state(struct request *request, enum ledger_life life, const struct vault *vault)
{
	struct commit commit = { .change = { .type = LEDGER_STATE, .job = LEDGER_NO_JOB, .life.state = life } };
	struct provpkg_record record;

	if (vault) {
		commit.change.life.vault.generation = vault->generation;
		memcpy(commit.change.life.vault.tag, vault->tag, sizeof(vault->tag));
	}
	request_attach(request, PROVPKG_EVENT_STATE_CHANGED, &record, &commit);
	return commit_run(request->core, &commit);
}

/* Each job gets its last record: what was not made by now is not made at all. */
static int close_jobs(struct request *request)
{
	struct ledger *ledger = &request->core->ledger;
	int code = 0;

	for (uint32_t i = 0; !code; i++) {
		struct commit commit = { .change = { .type = LEDGER_CLOSE, .job = i } };
		struct provpkg_record record;
		bool open, done;

		request_attach(request, PROVPKG_EVENT_CLOSED, &record, &commit);
		mtx_lock(&ledger->lock);
		done = i >= ledger->jobs_told;
		open = !done && !ledger->job[i]->told.closed;
		if (open)
			memcpy(record.package_id, ledger->job[i]->terms.package_id, sizeof(record.package_id));
		mtx_unlock(&ledger->lock);
		if (done)
			break;
		record.has_job = true;
		if (open)
			code = commit_run(request->core, &commit);
	}
	return code;
}

/* A vault with the card's identity and people, and nothing else that is secret but what ledger and log need. */
static int last_vault(struct request *request, struct vault **last)
{
	int code = vault_copy(request->vault, last);

	if (code)
		return code;
	vault_strip(*last);
	code = vault_store(request->core->port, *last);
	if (code == PROVCARD_REFUSAL_STORAGE_FAILED)
		core_stop_production(request->core, code);
	if (code)
		vault_put(*last);
	return code;
}

/* The gate is shut. Cut short before its record, the card is still in service, with some of its jobs closed. */
static int decommission(struct request *request)
{
	struct core *core = request->core;
	struct vault *last;
	int code = close_jobs(request);

	if (!code)
		code = last_vault(request, &last);
	if (code)
		return code;
	code = change_state(request, LEDGER_LIFE_DECOMMISSIONED, last);
	if (code) {
		vault_put(last);
		return code;
	}
	code = vault_wipe_other(core->port, last);
	if (code)
		core_stop_production(core, code);
	core_set_vault(core, last);
	return code;
}

int operation_set_state(struct request *request)
{
	struct core *core = request->core;
	enum provcard_card_state to = (enum provcard_card_state)request->body.set_state.state;
	int code;

	if (!is_edge(request, core_state(core), to))
		return PROVCARD_REFUSAL_STATE_EDGE;
	if (to == PROVCARD_CARD_DECOMMISSIONED) {
		core_job_abort(core, 0);
		gate_shut(core);
		job_unbind_all(core);
		code = decommission(request);
		gate_open(core);
	} else {
		code = change_state(request, to == PROVCARD_CARD_MAINTENANCE ? LEDGER_LIFE_MAINTENANCE : LEDGER_LIFE_SERVICE, NULL);
	}
	if (!code)
		core_event(core, PROVCARD_EVENT_CARD, 0);
	return code;
}
