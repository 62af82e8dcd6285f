// SPDX-License-Identifier: GPL-2.0-or-later
/* Power on: vault, ledger and log as they were left, or the beginning of a card's life. */
#include <errno.h>
#include <string.h>

#include "internal.h"

static int open_storage(struct core *core, const struct vault_secrets *secrets)
{
	uint64_t seed;
	int error;

	if (entropy_draw(core->port, &seed, sizeof(seed)))
		return PROVCARD_REFUSAL_ENTROPY;
	error = journal_open(&core->journal, core->port, secrets->ledger_key, &core->flushes);
	if (error)
		return error;
	error = log_open(&core->log, core->port, secrets->log_key, &core->flushes);
	if (error)
		goto no_log;
	error = ledger_init(&core->ledger, core->journal.capacity, seed);
	if (error)
		goto no_ledger;
	core->storage_open = true;
	return 0;
no_ledger:
	log_close(&core->log);
no_log:
	journal_close(&core->journal);
	return error;
}

void core_close_storage(struct core *core)
{
	if (!core->storage_open)
		return;
	core->storage_open = false;
	ledger_clear(&core->ledger);
	log_close(&core->log);
	journal_close(&core->journal);
}

/*
 * The ledger comes first: cut before the vault is written, the next start finds no vault and begins again with other keys. The
 * log of an earlier life does not authenticate under the new key, so the new one begins empty over it.
 */
int core_rebirth(struct core *core)
{
	struct journal_mark mark = { .boots = 1, .time = core_time(core) };
	struct vault *vault;
	uint64_t log_size;
	int code = vault_wipe(core->port);

	if (code)
		return code;
	code = vault_new(core->port, &vault);
	if (code)
		return code;
	code = open_storage(core, vault->secrets);
	if (!code)
		code = log_head(&core->log, &log_size, mark.log_root);
	if (!code)
		code = journal_format(&core->journal, &mark);
	if (!code)
		code = vault_store(core->port, vault);
	if (code) {
		vault_put(vault);
		return code;
	}
	core->boots = 1;
	clock_doubt(core);
	core_set_vault(core, vault);
	return 0;
}

static int visit(void *context, const struct journal_record *record)
{
	struct core *core = context;
	struct ledger_change change;
	int code = ledger_replay(&core->ledger, record, &change);

	core_time_at_least(core, record->time);
	/* The record of a time that was set is older than that time. */
	if (!code)
		core_time_at_least(core, core->ledger.clock.time);
	return code;
}

/*
 * The unit's log entry was durable and its journal record was not: write that again. When that fails the entry must stay, because
 * what it says was acknowledged.
 */
static int redo_unit(struct core *core, const struct provpkg_record *record, const uint8_t leaf[PROVPKG_HASH_SIZE], bool *keep)
{
	struct ledger *ledger = &core->ledger;
	struct ledger_change change = { .type = record->event == PROVPKG_EVENT_UNIT_GOOD ? LEDGER_GOOD : LEDGER_SCRAP,
					.job = ledger_find_job(ledger, record->package_id),
					.log_index = record->index };
	int code;

	memcpy(change.log_leaf, leaf, sizeof(change.log_leaf));
	memcpy(change.unit.uid, record->uid, record->uid_size);
	change.unit.uid_size = (uint32_t)record->uid_size;
	change.unit.code = record->code;
	*keep = !ledger_judge(ledger, &change, (uint64_t)record->time) && !change.unit.held;
	if (!*keep)
		return 0;
	code = ledger_apply(ledger, &change, (uint64_t)record->time, NULL);
	if (code)
		return code;
	ledger_publish(ledger, change.job);
	journal_begin(&core->journal, false);
	code = journal_add(&core->journal, change.type, (uint64_t)record->time, &change, sizeof(change));
	return code ? code : journal_end(&core->journal);
}

/*
 * An entry that no journal record vouches for. It was never acknowledged when a journal record belongs to it, except a finished
 * unit's, which is acknowledged as soon as the log has it.
 */
static int judge_tail(void *context, const struct provpkg_record *record, struct provpkg_view attachment,
		      const uint8_t leaf[PROVPKG_HASH_SIZE], bool *keep)
{
	struct core *core = context;

	(void)attachment;
	core_time_at_least(core, (uint64_t)record->time);
	switch (record->event) {
	case PROVPKG_EVENT_UNIT_GOOD:
	case PROVPKG_EVENT_UNIT_SCRAP:
		return redo_unit(core, record, leaf, keep);
	case PROVPKG_EVENT_BOOT:
	case PROVPKG_EVENT_UNIT_REFUSED:
	case PROVPKG_EVENT_REQUEST_REFUSED:
	case PROVPKG_EVENT_ZEROISED:
	case PROVPKG_EVENT_TAMPERED:
	case PROVPKG_EVENT_AUDITED:
		*keep = true;
		return 0;
	default:
		*keep = false;
		return 0;
	}
}

static int recover_log(struct core *core, const struct journal_mark *mark)
{
	uint64_t acknowledged = core->ledger.log_size;
	int code = log_recover(&core->log, acknowledged, mark->log_size, mark->log_root, judge_tail, core);

	if (!code && acknowledged && memcmp(log_leaf(&core->log, acknowledged - 1), core->ledger.log_leaf, PROVPKG_HASH_SIZE))
		code = PROVCARD_REFUSAL_LEDGER_CORRUPT;
	return code;
}

/* The first vault of a life has no record, and needs none: with another one the journal is not authentic. */
static bool is_in_force(const struct core *core, const struct vault *vault)
{
	const struct ledger_vault *named = &core->ledger.vault;

	return vault && vault->generation == named->generation &&
	       (named->generation == VAULT_FIRST_GENERATION || !memcmp(vault->tag, named->tag, sizeof(named->tag)));
}

/* Of the two slots the one that the ledger names. */
static int choose_vault(struct core *core, struct vault *slot[2])
{
	for (int i = 0; i < 2; i++) {
		if (is_in_force(core, slot[i])) {
			core_set_vault(core, vault_get(slot[i]));
			return 0;
		}
	}
	return slot[1]->generation < core->ledger.vault.generation ? PROVCARD_REFUSAL_LEDGER_ROLLBACK
								   : PROVCARD_REFUSAL_VAULT_CORRUPT;
}

/* A power cut may have come between the record of the last state and the end of the vault before it, or in the middle of that. */
static int end_old_vault(struct core *core)
{
	struct vault *vault = core_vault(core);
	int code = 0;

	if (core->ledger.life == LEDGER_LIFE_DECOMMISSIONED)
		code = vault_wipe_other(core->port, vault);
	vault_put(vault);
	return code;
}

static int resume_life(struct core *core, struct vault *slot[2])
{
	struct journal_mark mark = { 0 };
	int code = open_storage(core, slot[1]->secrets);

	if (!code)
		code = journal_recover(&core->journal, visit, core, &mark);
	if (!code)
		code = choose_vault(core, slot);
	if (!code)
		code = end_old_vault(core);
	if (!code) {
		core_time_at_least(core, mark.time);
		core->boots = mark.boots + 1;
		code = recover_log(core, &mark);
	}
	return code ? code : commit_superblock(core);
}

int core_recover(struct core *core)
{
	struct vault *slot[2] = { NULL, NULL };
	enum vault_found found;
	int code = vault_load(core->port, slot, &found);

	if (code)
		return code;
	if (found == VAULT_NONE)
		return core_rebirth(core);
	code = resume_life(core, slot);
	vault_put(slot[0]);
	vault_put(slot[1]);
	return code;
}
