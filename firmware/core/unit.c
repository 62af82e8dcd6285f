// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Provisioning one part: attach, charge, identity, erase, program, verify, lock, prove, commit. The charge is durable before the
 * first secret goes to the head. Every attempt on a part that was seen ends with a record.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

bool unit_is_stopped(const struct unit_run *run)
{
	return job_aborted(run->handle, run->aborts) || (run->aborted && atomic_load(run->aborted));
}

static int check_stop(const struct unit_run *run)
{
	return unit_is_stopped(run) ? PROVCARD_REFUSAL_UNIT_STOPPED : 0;
}

/* Not worth touching a part for: a closed job has no more records, so it may not begin one either. */
static int check_open(struct unit_run *run)
{
	struct ledger *ledger = &run->core->ledger;
	bool closed;

	mtx_lock(&ledger->lock);
	closed = ledger->job[run->job]->closed;
	memcpy(run->package_id, ledger->job[run->job]->terms.package_id, sizeof(run->package_id));
	mtx_unlock(&ledger->lock);
	return closed ? PROVCARD_REFUSAL_JOB_CLOSED : 0;
}

int unit_set_uid(struct unit_run *run, const uint8_t *uid, size_t size)
{
	if (!size || size > sizeof(run->uid))
		return PROVCARD_REFUSAL_PART_LOCKED;
	memcpy(run->uid, uid, size);
	run->uid_size = size;
	memcpy(run->report.uid, uid, size);
	run->report.uid_size = (uint32_t)size;
	return 0;
}

/* Which part is in the socket? */
static int attach(struct unit_run *run)
{
	const struct head_identity *identity;
	int code;

	unit_head_step(run, PROVCARD_STEP_ATTACH);
	code = head_attach(run->core->port, run->number, run->package->contents.rot.part, &run->head);
	run->seen = !code || code == PROVCARD_REFUSAL_WRONG_PART;
	if (code)
		return code;
	identity = head_identity(run->head);
	if (identity->locked && !identity->uid_size)
		return 0;
	return unit_set_uid(run, identity->uid, identity->uid_size);
}

/* A locked part is ours only if this job has charged it. */
static int judge_locked(struct unit_run *run)
{
	struct ledger *ledger = &run->core->ledger;
	bool known;

	if (!head_identity(run->head)->locked)
		return 0;
	mtx_lock(&ledger->lock);
	known = ledger_find_unit(ledger, run->job, (struct provpkg_view){ run->uid, run->uid_size });
	mtx_unlock(&ledger->lock);
	return known ? 0 : PROVCARD_REFUSAL_PART_LOCKED;
}

static void set_uid(const struct unit_run *run, struct ledger_change *change)
{
	change->job = run->job;
	memcpy(change->unit.uid, run->uid, run->uid_size);
	change->unit.uid_size = (uint32_t)run->uid_size;
}

static int charge(struct unit_run *run)
{
	struct commit commit = { .change = { .type = LEDGER_RESERVE } };
	int code;

	unit_head_step(run, PROVCARD_STEP_RESERVE);
	set_uid(run, &commit.change);
	code = commit_run(run->core, &commit);
	if (code == PROVCARD_REFUSAL_UNIT_DONE)
		run->report.state = PROVCARD_UNIT_GOOD;
	if (code == PROVCARD_REFUSAL_UNIT_SCRAPPED)
		run->report.state = PROVCARD_UNIT_SCRAP;
	if (code)
		return code;
	run->charged = true;
	run->unit = commit.unit;
	run->charge = commit.charge;
	run->charged_at = commit.charged_at;
	run->report.state = PROVCARD_UNIT_RESERVED;
	return 0;
}

static int make_identity(struct unit_run *run)
{
	struct identity_unit unit = { .package_id = run->package_id,
				      .uid = { run->uid, run->uid_size },
				      .charge = run->charge,
				      .charged_at = run->charged_at };
	int code;

	unit_head_step(run, PROVCARD_STEP_KEY);
	code = run->package->contents.rot.identity.present ? identity_make(run->package, &unit, &run->identity) : 0;
	if (!code)
		code = unit_make_attachment(run);
	if (code || !run->identity.kind)
		return code;
	memcpy(run->report.certificate_digest, run->identity.digest, sizeof(run->report.certificate_digest));
	run->report.state = PROVCARD_UNIT_KEYED;
	return 0;
}

static int erase(struct unit_run *run)
{
	int code = check_stop(run);

	if (code || run->erased)
		return code;
	unit_head_step(run, PROVCARD_STEP_ERASE);
	code = head_erase(run->head, unit_head_progress, run);
	return code ? code : check_stop(run);
}

static int program(struct unit_run *run)
{
	struct head_region regions[UNIT_REGIONS];
	size_t count;
	int code;

	code = unit_regions(run, regions, &count);
	if (!code)
		code = erase(run);
	if (code)
		return code;
	unit_head_step(run, PROVCARD_STEP_PROGRAM);
	run->delivered = true;
	code = head_program(run->head, regions, count, unit_head_progress, run);
	if (code)
		return code;
	run->report.state = PROVCARD_UNIT_PROGRAMMED;
	unit_head_step(run, PROVCARD_STEP_VERIFY);
	code = head_verify(run->head, regions, count, unit_head_progress, run);
	return code ? code : check_stop(run);
}

/* From here on the unit is not stopped: a half-locked part helps nobody. */
static int lock(struct unit_run *run)
{
	static const enum head_lock locks[] = { [PROVPKG_LOCK_NONE] = HEAD_LOCK_NONE,
						[PROVPKG_LOCK_RECOVERABLE] = HEAD_LOCK_RECOVERABLE,
						[PROVPKG_LOCK_PERMANENT] = HEAD_LOCK_PERMANENT };
	enum provpkg_lock wanted = run->package->contents.rot.lock;
	int code;

	unit_head_step(run, PROVCARD_STEP_LOCK);
	run->irreversible = wanted == PROVPKG_LOCK_PERMANENT;
	/* Without a lock as well: the call also lets the part start afresh. */
	code = head_lock(run->head, locks[wanted]);
	if (code || wanted == PROVPKG_LOCK_NONE)
		return code;
	code = head_read_lock(run->head, &run->locked);
	if (code)
		return code;
	if (!run->locked)
		return PROVCARD_REFUSAL_LOCK_FAILED;
	run->report.state = PROVCARD_UNIT_LOCKED;
	run->proof = PROVCARD_PROOF_LOCK_ONLY;
	return 0;
}

/* The part signs a fresh nonce with its certified key. */
static int prove(struct unit_run *run)
{
	struct unit_challenge challenge;
	int code;

	unit_head_step(run, PROVCARD_STEP_PROVE);
	if (!unit_has_responder(run))
		return 0;
	code = unit_challenge_send(run, &challenge);
	if (!code)
		code = unit_challenge_judge(&challenge, &run->identity);
	if (!code)
		run->proof = PROVCARD_PROOF_CHALLENGE;
	return code;
}

static void fill_record(const struct unit_run *run, int code, struct provpkg_record *record)
{
	struct ledger *ledger = &run->core->ledger;
	const struct ledger_job *job;

	mtx_lock(&ledger->lock);
	job = ledger->job[run->job];
	record_begin(run->core, record, !code ? PROVPKG_EVENT_UNIT_GOOD : PROVPKG_EVENT_UNIT_REFUSED, job->actor);
	memcpy(record->package_id, job->terms.package_id, sizeof(record->package_id));
	memcpy(record->part, job->terms.part, sizeof(record->part));
	mtx_unlock(&ledger->lock);
	record->has_job = true;
	record->has_unit = true;
	record->head = run->number;
	record->uid_size = run->uid_size;
	memcpy(record->uid, run->uid, sizeof(record->uid));
	record->locked = run->locked;
	record->proof = run->proof;
	record->code = core_code(code);
}

/* What the part may carry goes with the record: the certificate, whose digest stands in it, and the secrets, sealed. */
static void attach_unit(const struct unit_run *run, struct commit *commit)
{
	memcpy(commit->record->certificate_digest, run->identity.digest, sizeof(commit->record->certificate_digest));
	commit->attachment = provpkg_blob_view(&run->attachment);
}

static int finish_good(struct unit_run *run)
{
	struct commit commit = { .change = { .type = LEDGER_GOOD } };
	struct provpkg_record record;
	int code;

	unit_head_step(run, PROVCARD_STEP_COMMIT);
	fill_record(run, 0, &record);
	set_uid(run, &commit.change);
	commit.record = &record;
	attach_unit(run, &commit);
	code = commit_run(run->core, &commit);
	if (code)
		return code;
	run->report.state = PROVCARD_UNIT_GOOD;
	run->report.proof = run->proof;
	run->report.log_index = record.index;
	return 0;
}

/*
 * The record of an attempt that did not end well, and the scrapping of a part that is beyond help. Returns what to tell: @code,
 * unless that could not be made durable and the card has stopped.
 */
static int finish_failed(struct unit_run *run, int code)
{
	int failed;

	struct commit commit = { 0 };
	struct provpkg_record record;

	fill_record(run, code, &record);
	commit.change.job = run->job;
	commit.record = &record;
	if (run->charged && !unit_failure_is_transient(run, code)) {
		commit.change.type = LEDGER_SCRAP;
		set_uid(run, &commit.change);
		commit.change.unit.code = core_code(code);
		record.event = PROVPKG_EVENT_UNIT_SCRAP;
	}
	if (run->delivered)
		attach_unit(run, &commit);
	failed = commit_run(run->core, &commit);
	if (failed)
		return atomic_load(&run->core->fault) ? failed : code;
	if (commit.change.type == LEDGER_SCRAP)
		run->report.state = PROVCARD_UNIT_SCRAP;
	run->report.log_index = record.index;
	return code;
}

static int provision(struct unit_run *run)
{
	static int (*const steps[])(struct unit_run *) = {
		check_open, attach, unit_identify_locked, judge_locked, charge, make_identity, program, lock, prove, finish_good
	};
	int code = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !code; i++)
		code = steps[i](run);
	if (code && run->seen && !atomic_load(&run->core->fault))
		code = finish_failed(run, code);
	run->report.code = core_code(code);
	head_detach(run->head);
	if (run->charged)
		commit_release(run->core, run->unit);
	identity_clear(&run->identity);
	provpkg_blob_free(&run->attachment);
	OPENSSL_secure_clear_free(run->memory, run->memory_size);
	return code;
}

static int run_unit(struct core *core, struct job_handle *handle, const struct core_command *command, struct core_result *result)
{
	struct unit_run run = {
		.core = core,
		.handle = handle,
		.aborts = atomic_load(&handle->aborts),
		.aborted = command->aborted,
		.report.log_index = ~0ull,
	};
	int code, told;

	if (command->arg[1] & ~(uint64_t)PROVCARD_UNIT_RECOVER)
		return PROVCARD_REFUSAL_INVALID_FIELD;
	if (command->arg[0] >= core->heads)
		return PROVCARD_REFUSAL_HEAD_UNKNOWN;
	run.recover = command->arg[1] & PROVCARD_UNIT_RECOVER;
	run.number = (unsigned int)command->arg[0];
	code = job_package(core, handle, &run.package);
	if (code)
		return code;
	run.job = run.package->job;
	if (!unit_head_claim(core, run.number)) {
		job_package_put(core, run.package);
		return PROVCARD_REFUSAL_HEAD_BUSY;
	}
	code = provision(&run);
	unit_head_release(core, run.number, &run.report);
	job_package_put(core, run.package);
	told = output_all(command, result, &run.report, sizeof(run.report));
	return code ? code : told;
}

int command_unit_run(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct job_handle *handle;
	int code;

	/* A unit that was made must also be told of. */
	if (command->out.size < sizeof(struct provcard_service_unit))
		return PROVCARD_REFUSAL_BUFFER_TOO_SMALL;
	code = job_enter(core, command->job, &handle);
	if (code)
		return code;
	code = run_unit(core, handle, command, result);
	job_leave(core, handle);
	return code;
}
