// SPDX-License-Identifier: GPL-2.0-or-later
#include "commit.h"

#include <errno.h>
#include <string.h>

#include "internal.h"

/* A log entry without attachment at its largest. */
#define PLAIN_ENTRY_MAX 4096

int commit_init(struct commit_queue *queue)
{
	memset(queue, 0, sizeof(*queue));
	queue->last = &queue->first;
	if (mtx_init(&queue->lock, mtx_plain) != thrd_success)
		return -ENOMEM;
	if (cnd_init(&queue->finished) == thrd_success)
		return 0;
	mtx_destroy(&queue->lock);
	return -ENOMEM;
}

void commit_clear(struct commit_queue *queue)
{
	mtx_destroy(&queue->lock);
	cnd_destroy(&queue->finished);
}

/* Those whose undoing by a restored image would make units, or revive what has ended. */
static bool is_binding(const struct commit *commit)
{
	return commit->write && (commit->change.type != LEDGER_GOOD || !commit->record);
}

/* Production stops while there is room left to end what is begun. */
static int judge_log(struct core *core, const struct commit *commit)
{
	uint64_t open = core->ledger.open * LOG_UNIT_ENTRY_MAX;

	if (commit->change.type == LEDGER_RESERVE)
		return log_has_room(&core->log, open + LOG_UNIT_ENTRY_MAX + LOG_MARGIN) ? 0 : PROVCARD_REFUSAL_LOG_FULL;
	if (!commit->record)
		return 0;
	if (commit->change.type == LEDGER_NONE || commit->change.type == LEDGER_LOAD || commit->change.type == LEDGER_APPROVER ||
	    commit->change.type == LEDGER_FIRMWARE)
		open += LOG_MARGIN;
	else if (!ledger_ends_job(&commit->change))
		open = 0;
	return log_has_room(&core->log, open + PLAIN_ENTRY_MAX + commit->attachment.size) ? 0 : PROVCARD_REFUSAL_LOG_FULL;
}

static void get_counters(const struct core *core, uint32_t job, struct provpkg_counters *counters)
{
	if (job < core->ledger.jobs) {
		const struct ledger_counts *counts = &core->ledger.job[job]->counts;

		*counters = (struct provpkg_counters){ counts->good, counts->scrap, counts->reserved, counts->allocated };
	}
}

static void begin_unit(struct core *core, struct commit *commit)
{
	struct ledger_unit *unit = &core->ledger.unit[commit->unit];

	unit->busy = true;
	core->ledger.job[unit->job]->running++;
	commit->charge = unit->charge;
	commit->charged_at = unit->charged_at;
}

/* A scrap that finds no room is none: its record must not count as one. */
static void note_held(struct commit *commit)
{
	if (commit->change.type == LEDGER_SCRAP && commit->change.unit.held && commit->record)
		commit->record->event = PROVPKG_EVENT_UNIT_REFUSED;
}

static void apply(struct core *core, struct commit *commit)
{
	struct ledger *ledger = &core->ledger;

	if (commit->change.type == LEDGER_LOAD)
		commit->change.job = ledger->jobs;
	if (commit->record && commit->record->has_job)
		get_counters(core, commit->change.job, &commit->record->before);
	if (commit->write)
		commit->status = ledger_apply(ledger, &commit->change, commit->time, &commit->unit);
	if (commit->status)
		return;
	if (commit->record && commit->record->has_job)
		get_counters(core, commit->change.job, &commit->record->after);
	if (commit->change.type == LEDGER_RESERVE)
		begin_unit(core, commit);
	note_held(commit);
}

/* The closing is a job's last record. */
static int judge_record(const struct core *core, const struct commit *commit)
{
	const struct ledger *ledger = &core->ledger;

	if (commit->change.type != LEDGER_NONE || !commit->record->has_job)
		return 0;
	return ledger->job[commit->change.job]->closed ? PROVCARD_REFUSAL_JOB_CLOSED : 0;
}

/* Judge one change, and if it may be, let it take effect in memory. -1: the card must stop. */
static int decide(struct core *core, struct commit *commit)
{
	struct ledger *ledger = &core->ledger;
	int code = judge_log(core, commit);

	commit->time = core_time(core);
	if (!code)
		code = judge_record(core, commit);
	if (!code)
		code = ledger_judge(ledger, &commit->change, commit->time);
	if (code == LEDGER_RESUMED) {
		struct provpkg_view uid = { commit->change.unit.uid, commit->change.unit.uid_size };

		commit->resumed = true;
		commit->unit = (uint32_t)(ledger_find_unit(ledger, commit->change.job, uid) - ledger->unit);
		begin_unit(core, commit);
		return 0;
	}
	if (code == LEDGER_REPEATED) {
		commit->repeated = true;
		return 0;
	}
	commit->status = code;
	if (code)
		return 0;
	commit->write = commit->change.type != LEDGER_NONE;
	commit->change.log_index = LEDGER_NO_LOG;
	apply(core, commit);
	/* What was judged good must be possible. */
	return commit->status && commit->status != -ENOMEM ? -1 : 0;
}

static int add_log_entry(struct core *core, struct commit *commit)
{
	int code;

	if (commit->status || commit->resumed || commit->repeated)
		return 0;
	if (!commit->record) {
		commit->change.log_index = log_last(&core->log, commit->change.log_leaf);
		return 0;
	}
	commit->record->time = (int64_t)commit->time;
	commit->record->time_authenticated = core_time_authenticated(core);
	code = log_add(&core->log, commit->record, commit->attachment, commit->change.log_leaf);
	if (!code)
		commit->change.log_index = commit->record->index;
	return code;
}

static int write_log(struct core *core, struct commit *batch)
{
	int code = 0;

	for (struct commit *commit = batch; commit && !code; commit = commit->next)
		code = add_log_entry(core, commit);
	return code ? code : log_write(&core->log);
}

static int write_journal(struct core *core, struct commit *batch)
{
	bool binding = false;
	int code = 0;

	for (struct commit *commit = batch; commit; commit = commit->next)
		binding |= !commit->status && is_binding(commit);
	journal_begin(&core->journal, binding);
	for (struct commit *commit = batch; commit && !code; commit = commit->next)
		if (!commit->status && commit->write)
			code = journal_add(&core->journal, commit->change.type, commit->time, &commit->change,
					   sizeof(commit->change));
	return code ? code : journal_end(&core->journal);
}

static void publish(struct core *core, struct commit *batch)
{
	mtx_lock(&core->ledger.lock);
	for (struct commit *commit = batch; commit; commit = commit->next) {
		if (commit->status || !commit->write)
			continue;
		ledger_publish(&core->ledger, commit->change.job);
		if (ledger_ends_job(&commit->change))
			core->ledger.job[commit->change.job]->closed_index = commit->change.log_index;
	}
	mtx_unlock(&core->ledger.lock);
}

static void run_batch(struct core *core, struct commit *batch)
{
	int code = atomic_load(&core->fault) ? PROVCARD_REFUSAL_CARD_STOPPED : 0;

	mtx_lock(&core->ledger.lock);
	for (struct commit *commit = batch; commit && !code; commit = commit->next)
		code = decide(core, commit) ? PROVCARD_REFUSAL_LEDGER_FAILED : 0;
	mtx_unlock(&core->ledger.lock);
	if (!code)
		code = write_log(core, batch);
	if (!code)
		code = write_journal(core, batch);
	if (!code)
		code = log_publish(&core->log);
	if (!code) {
		publish(core, batch);
		return;
	}
	/* Memory and storage may differ now; only a restart finds out. */
	core_stop_production(core, code == PROVCARD_REFUSAL_STORAGE_FAILED ? code : PROVCARD_REFUSAL_LEDGER_FAILED);
	for (struct commit *commit = batch; commit; commit = commit->next)
		commit->status = (int)atomic_load(&core->fault);
}

/* Up to one batch from the queue's front. */
static struct commit *take_batch(struct commit_queue *queue)
{
	struct commit *batch = queue->first, *end = batch;

	for (size_t i = 1; i < JOURNAL_BATCH_MAX && end->next; i++)
		end = end->next;
	queue->first = end->next;
	if (!queue->first)
		queue->last = &queue->first;
	end->next = NULL;
	return batch;
}

static void lead(struct core *core)
{
	struct commit_queue *queue = &core->commits;
	struct commit *batch = take_batch(queue);

	queue->led = true;
	mtx_unlock(&queue->lock);
	run_batch(core, batch);
	mtx_lock(&queue->lock);
	queue->led = false;
	while (batch) {
		struct commit *next = batch->next; /* its maker may take it away as soon as it is done */

		batch->done = true;
		batch = next;
	}
	cnd_broadcast(&queue->finished);
}

int commit_run(struct core *core, struct commit *commit)
{
	struct commit_queue *queue = &core->commits;

	if (atomic_load(&core->fault))
		return commit->status = PROVCARD_REFUSAL_CARD_STOPPED;
	commit->next = NULL;
	commit->done = false;
	mtx_lock(&queue->lock);
	*queue->last = commit;
	queue->last = &commit->next;
	while (!commit->done) {
		if (queue->led)
			cnd_wait(&queue->finished, &queue->lock);
		else
			lead(core);
	}
	mtx_unlock(&queue->lock);
	return commit->status;
}

void commit_release(struct core *core, uint32_t unit)
{
	mtx_lock(&core->ledger.lock);
	ledger_release(&core->ledger, unit);
	mtx_unlock(&core->ledger.lock);
}

int commit_superblock(struct core *core)
{
	struct journal_mark mark = { .boots = core->boots, .time = core_time(core) };
	int code = log_head(&core->log, &mark.log_size, mark.log_root);

	if (!code)
		code = journal_superblock(&core->journal, &mark);
	if (code)
		core_stop_production(core, PROVCARD_REFUSAL_LEDGER_FAILED);
	return code;
}
