// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_units.h"
#include "provcard-refusal.h"

int ledger_init(struct ledger *ledger, uint64_t capacity, uint64_t seed)
{
	memset(ledger, 0, sizeof(*ledger));
	ledger->capacity = capacity;
	ledger->seed = seed;
	ledger->vault.generation = VAULT_FIRST_GENERATION;
	return mtx_init(&ledger->lock, mtx_plain) == thrd_success ? 0 : -ENOMEM;
}

void ledger_clear(struct ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->jobs; i++)
		free(ledger->job[i]);
	free(ledger->job);
	free(ledger->unit);
	free(ledger->bucket);
	mtx_destroy(&ledger->lock);
	memset(ledger, 0, sizeof(*ledger));
}

static uint32_t find_job(const struct ledger *ledger, uint32_t jobs, const uint8_t package_id[PROVPKG_ID_SIZE])
{
	for (uint32_t i = 0; i < jobs; i++)
		if (!memcmp(ledger->job[i]->terms.package_id, package_id, PROVPKG_ID_SIZE))
			return i;
	return LEDGER_NO_JOB;
}

uint32_t ledger_find_job(const struct ledger *ledger, const uint8_t package_id[PROVPKG_ID_SIZE])
{
	return find_job(ledger, ledger->jobs_told, package_id);
}

uint32_t ledger_floor(const struct ledger *ledger, const char *oem, const char *product)
{
	uint32_t floor = 0;

	for (uint32_t i = 0; i < ledger->jobs; i++) {
		const struct ledger_load *terms = &ledger->job[i]->terms;

		if (!strcmp(terms->oem, oem) && !strcmp(terms->product, product) && terms->security_version > floor)
			floor = terms->security_version;
	}
	return floor;
}

bool ledger_oem_works(const struct ledger *ledger, const char *oem)
{
	for (uint32_t i = 0; i < ledger->jobs; i++)
		if (!ledger->job[i]->closed && !strcmp(ledger->job[i]->terms.oem, oem))
			return true;
	return false;
}

static struct provpkg_view change_uid(const struct ledger_change *change)
{
	return (struct provpkg_view){ change->unit.uid, change->unit.uid_size };
}

/* Every open unit needs a last record, and some room stays for closing jobs. */
static bool has_room(const struct ledger *ledger, uint64_t margin)
{
	return ledger->records + ledger->open + margin < ledger->capacity;
}

static int judge_load(const struct ledger *ledger, const struct ledger_change *change)
{
	const struct ledger_load *terms = &change->load;

	/* The loader looked before it verified; meanwhile another handle may have loaded the same. */
	if (find_job(ledger, ledger->jobs, terms->package_id) != LEDGER_NO_JOB)
		return PROVCARD_REFUSAL_JOB_BUSY;
	if (terms->security_version < ledger_floor(ledger, terms->oem, terms->product))
		return PROVCARD_REFUSAL_ROLLBACK;
	return has_room(ledger, LEDGER_MARGIN) ? 0 : PROVCARD_REFUSAL_LEDGER_FULL;
}

static int judge_allocate(const struct ledger *ledger, const struct ledger_job *job, const struct ledger_change *change)
{
	if (change->allocate.count == 0)
		return PROVCARD_REFUSAL_REQUEST_DER;
	if (!job->terms.grant.sequence)
		return PROVCARD_REFUSAL_GRANT_MISSING;
	if (change->allocate.count > job->terms.grant.ceiling_good - job->counts.allocated)
		return PROVCARD_REFUSAL_ALLOCATION_ABOVE_GRANT;
	return has_room(ledger, LEDGER_MARGIN) ? 0 : PROVCARD_REFUSAL_LEDGER_FULL;
}

static int judge_window(const struct ledger_grant *grant, uint64_t now)
{
	if (grant->not_before && now < (uint64_t)grant->not_before)
		return PROVCARD_REFUSAL_GRANT_NOT_YET_VALID;
	if (grant->not_after && now > (uint64_t)grant->not_after)
		return PROVCARD_REFUSAL_GRANT_EXPIRED;
	return 0;
}

static int judge_close(const struct ledger *ledger, const struct ledger_job *job)
{
	if (job->running)
		return PROVCARD_REFUSAL_JOB_BUSY;
	return has_room(ledger, 0) ? 0 : PROVCARD_REFUSAL_LEDGER_FULL;
}

/* Units in progress finish, but no other begins, or a job that never pauses would never end. */
static int judge_termination(const struct ledger *ledger, struct ledger_job *job)
{
	job->ending = job->running > 0;
	return judge_close(ledger, job);
}

static bool is_repeated(const struct ledger_job *job, const struct ledger_change *change)
{
	const struct ledger_grant *last = &job->terms.grant, *next = &change->grant.terms;

	return change->type == LEDGER_GRANT && next->sequence == last->sequence &&
	       !memcmp(next->digest, last->digest, sizeof(next->digest));
}

/* Grants follow each other without a gap, each naming the one before, and ceilings only rise. */
static int judge_grant(const struct ledger *ledger, struct ledger_job *job, const struct ledger_change *change, uint64_t now)
{
	const struct ledger_grant *last = &job->terms.grant, *next = &change->grant.terms;
	int code;

	if (next->sequence != last->sequence + 1 || memcmp(change->grant.previous, last->digest, sizeof(last->digest)))
		return PROVCARD_REFUSAL_GRANT_SEQUENCE;
	if (change->grant.termination)
		return judge_termination(ledger, job);
	if (next->ceiling_good < last->ceiling_good || next->ceiling_scrap < last->ceiling_scrap)
		return PROVCARD_REFUSAL_GRANT_LOWERED;
	code = judge_window(next, now);
	if (code)
		return code;
	return has_room(ledger, LEDGER_MARGIN) ? 0 : PROVCARD_REFUSAL_LEDGER_FULL;
}

static int judge_known_unit(struct ledger_unit *unit)
{
	if (unit->state == PROVCARD_UNIT_GOOD)
		return PROVCARD_REFUSAL_UNIT_DONE;
	if (unit->state == PROVCARD_UNIT_SCRAP)
		return PROVCARD_REFUSAL_UNIT_SCRAPPED;
	return unit->busy ? PROVCARD_REFUSAL_UNIT_BUSY : LEDGER_RESUMED;
}

static int judge_reserve(const struct ledger *ledger, const struct ledger_job *job, const struct ledger_change *change,
			 uint64_t now)
{
	struct ledger_unit *unit = ledger_find_unit(ledger, change->job, change_uid(change));
	uint64_t charged = job->counts.good + job->counts.reserved;
	int code;

	if (unit && (unit->state != PROVCARD_UNIT_RESERVED || unit->busy))
		return judge_known_unit(unit);
	if (job->ending)
		return PROVCARD_REFUSAL_JOB_ENDING;
	if (!job->terms.grant.sequence)
		return PROVCARD_REFUSAL_GRANT_MISSING;
	code = judge_window(&job->terms.grant, now);
	if (code)
		return code;
	if (unit)
		return judge_known_unit(unit);
	if (ledger_units_elsewhere(ledger, change->job, change_uid(change)))
		return PROVCARD_REFUSAL_UID_ELSEWHERE;
	if (job->counts.held && job->counts.scrap >= job->terms.grant.ceiling_scrap)
		return PROVCARD_REFUSAL_SCRAP_EXHAUSTED;
	if (charged >= job->terms.grant.ceiling_good)
		return PROVCARD_REFUSAL_GRANT_EXHAUSTED;
	if (charged >= job->counts.allocated)
		return PROVCARD_REFUSAL_ALLOCATION_EXHAUSTED;
	/* Two records: this one and the unit's last. */
	return has_room(ledger, LEDGER_MARGIN + 1) ? 0 : PROVCARD_REFUSAL_LEDGER_FULL;
}

static int judge_end(const struct ledger *ledger, const struct ledger_job *job, struct ledger_change *change)
{
	const struct ledger_unit *unit = ledger_find_unit(ledger, change->job, change_uid(change));

	if (!unit || unit->state != PROVCARD_UNIT_RESERVED)
		return PROVCARD_REFUSAL_INTERNAL;
	change->unit.held = change->type == LEDGER_SCRAP && job->counts.scrap >= job->terms.grant.ceiling_scrap;
	return 0;
}

/* Out of service nothing new is begun; what is in a head may end, and jobs may be closed. */
static int judge_life(const struct ledger *ledger, const struct ledger_change *change)
{
	bool begins = change->type == LEDGER_LOAD || change->type == LEDGER_ALLOCATE || change->type == LEDGER_RESERVE ||
		      (change->type == LEDGER_GRANT && !change->grant.termination);

	if (!begins || ledger->life == LEDGER_LIFE_SERVICE)
		return 0;
	return ledger->life == LEDGER_LIFE_MAINTENANCE ? PROVCARD_REFUSAL_IN_MAINTENANCE : PROVCARD_REFUSAL_DECOMMISSIONED;
}

static bool is_of_card(const struct ledger_change *change)
{
	return change->type == LEDGER_VAULT || change->type == LEDGER_APPROVER || change->type == LEDGER_TIME ||
	       change->type == LEDGER_STATE || change->type == LEDGER_FIRMWARE;
}

/* A full ledger must not keep a card from being taken out of service. */
static int judge_card(const struct ledger *ledger, const struct ledger_change *change)
{
	return has_room(ledger, change->type == LEDGER_STATE ? 0 : LEDGER_MARGIN) ? 0 : PROVCARD_REFUSAL_LEDGER_FULL;
}

int ledger_judge(struct ledger *ledger, struct ledger_change *change, uint64_t now)
{
	struct ledger_job *job;
	int code;

	if (change->type == LEDGER_NONE)
		return 0;
	if (is_of_card(change))
		return judge_card(ledger, change);
	code = judge_life(ledger, change);
	if (code)
		return code;
	if (change->type == LEDGER_LOAD)
		return judge_load(ledger, change);
	if (change->job >= ledger->jobs)
		return PROVCARD_REFUSAL_JOB_NOT_LOADED;
	job = ledger->job[change->job];
	if (is_repeated(job, change))
		return LEDGER_REPEATED;
	if (job->closed)
		return PROVCARD_REFUSAL_JOB_CLOSED;
	switch (change->type) {
	case LEDGER_ALLOCATE:
		return judge_allocate(ledger, job, change);
	case LEDGER_GRANT:
		return judge_grant(ledger, job, change, now);
	case LEDGER_RESERVE:
		return judge_reserve(ledger, job, change, now);
	case LEDGER_GOOD:
	case LEDGER_SCRAP:
		return judge_end(ledger, job, change);
	case LEDGER_CLOSE:
		return judge_close(ledger, job);
	}
	return PROVCARD_REFUSAL_INTERNAL;
}

struct ledger_approver *ledger_find_approver(struct ledger *ledger, const uint8_t certificate[PROVPKG_HASH_SIZE])
{
	for (uint32_t i = 0; i < ledger->approvers; i++)
		if (!memcmp(ledger->approver[i].failures.certificate, certificate, PROVPKG_HASH_SIZE))
			return &ledger->approver[i];
	return NULL;
}

const struct ledger_failures *ledger_failures_told(const struct ledger *ledger, const uint8_t certificate[PROVPKG_HASH_SIZE])
{
	for (uint32_t i = 0; i < ledger->failures_told_count; i++)
		if (!memcmp(ledger->failures_told[i].certificate, certificate, PROVPKG_HASH_SIZE))
			return &ledger->failures_told[i];
	return NULL;
}

static void tell_failures(struct ledger *ledger)
{
	if (!ledger->failures_judged)
		return;
	ledger->failures_judged = false;
	ledger->failures_told_count = ledger->approvers;
	for (uint32_t i = 0; i < ledger->approvers; i++)
		ledger->failures_told[i] = ledger->approver[i].failures;
}

static void forget_approver(struct ledger *ledger, const uint8_t certificate[PROVPKG_HASH_SIZE])
{
	struct ledger_approver *found = ledger_find_approver(ledger, certificate);

	ledger->failures_judged = true;
	if (found)
		*found = ledger->approver[--ledger->approvers];
}

static int apply_failures(struct ledger *ledger, const struct ledger_failures *failures)
{
	struct ledger_approver *found = ledger_find_approver(ledger, failures->certificate);

	if (!failures->proven && !failures->disputed && !failures->locked) {
		forget_approver(ledger, failures->certificate);
		return 0;
	}
	if (!found && ledger->approvers == VAULT_PEOPLE_MAX)
		return PROVCARD_REFUSAL_LEDGER_CORRUPT;
	if (!found) {
		found = &ledger->approver[ledger->approvers++];
		memset(found, 0, sizeof(*found));
	}
	found->failures = *failures;
	ledger->failures_judged = true;
	return 0;
}

static int apply_to_card(struct ledger *ledger, const struct ledger_change *change)
{
	if (change->type == LEDGER_VAULT) {
		ledger->vault = change->vault;
		forget_approver(ledger, change->vault.removed);
	}
	if (change->type == LEDGER_APPROVER)
		return apply_failures(ledger, &change->failures);
	if (change->type == LEDGER_TIME)
		ledger->clock = change->clock;
	if (change->type == LEDGER_FIRMWARE)
		ledger->firmware = change->firmware;
	if (change->type != LEDGER_STATE)
		return 0;
	/* Nothing leads out of the last state. */
	if (change->life.state > LEDGER_LIFE_DECOMMISSIONED || ledger->life == LEDGER_LIFE_DECOMMISSIONED)
		return PROVCARD_REFUSAL_LEDGER_CORRUPT;
	ledger->life = (enum ledger_life)change->life.state;
	if (change->life.vault.generation)
		ledger->vault = change->life.vault;
	return 0;
}

static int apply_load(struct ledger *ledger, const struct ledger_change *change)
{
	struct ledger_job *job;

	if (change->job != ledger->jobs)
		return PROVCARD_REFUSAL_LEDGER_CORRUPT;
	if (ledger->jobs == ledger->job_room) {
		uint32_t room = 2 * ledger->job_room + 8;
		struct ledger_job **bigger = realloc(ledger->job, room * sizeof(struct ledger_job *));

		if (!bigger)
			return -ENOMEM;
		ledger->job = bigger;
		ledger->job_room = room;
	}
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->terms = change->load;
	ledger->job[ledger->jobs++] = job;
	return 0;
}

static int apply_reserve(struct ledger *ledger, struct ledger_job *job, const struct ledger_change *change, uint64_t time,
			 uint32_t *number)
{
	struct ledger_unit *unit = ledger_find_unit(ledger, change->job, change_uid(change));
	int error;

	if (unit)
		return PROVCARD_REFUSAL_LEDGER_CORRUPT;
	error = ledger_units_add(ledger, change->job, change_uid(change), number);
	if (error)
		return error;
	unit = &ledger->unit[*number];
	unit->charge = ++ledger->charges;
	unit->charged_at = time;
	job->counts.reserved++;
	ledger->open++;
	return 0;
}

static int apply_end(struct ledger *ledger, struct ledger_job *job, const struct ledger_change *change, uint32_t *number)
{
	struct ledger_unit *unit = ledger_find_unit(ledger, change->job, change_uid(change));

	if (!unit || unit->state != PROVCARD_UNIT_RESERVED)
		return PROVCARD_REFUSAL_LEDGER_CORRUPT;
	*number = (uint32_t)(unit - ledger->unit);
	unit->state = change->type == LEDGER_GOOD ? PROVCARD_UNIT_GOOD : PROVCARD_UNIT_SCRAP;
	ledger->open--;
	if (change->unit.held) {
		job->counts.held++;
		return 0;
	}
	job->counts.reserved--;
	if (change->type == LEDGER_GOOD)
		job->counts.good++;
	else
		job->counts.scrap++;
	return 0;
}

static void apply_close(struct ledger *ledger, struct ledger_job *job, uint64_t time)
{
	job->closed = true;
	job->closed_at = time;
	/* Units left reserved can be made no more. */
	ledger->open -= job->counts.reserved - job->counts.held;
}

static void apply_grant(struct ledger *ledger, struct ledger_job *job, const struct ledger_change *change, uint64_t time)
{
	struct ledger_grant *grant = &job->terms.grant;
	struct ledger_grant last = *grant;

	job->ending = false;
	*grant = change->grant.terms;
	if (!change->grant.termination)
		return;
	grant->ceiling_good = last.ceiling_good;
	grant->ceiling_scrap = last.ceiling_scrap;
	apply_close(ledger, job, time);
}

bool ledger_ends_job(const struct ledger_change *change)
{
	return change->type == LEDGER_CLOSE || (change->type == LEDGER_GRANT && change->grant.termination);
}

static int apply_to_job(struct ledger *ledger, const struct ledger_change *change, uint64_t time, uint32_t *unit)
{
	struct ledger_job *job = change->job < ledger->jobs ? ledger->job[change->job] : NULL;

	if (!job || job->closed)
		return PROVCARD_REFUSAL_LEDGER_CORRUPT;
	switch (change->type) {
	case LEDGER_ALLOCATE:
		job->counts.allocated += change->allocate.count;
		memcpy(job->actor, change->allocate.actor, sizeof(job->actor));
		return 0;
	case LEDGER_GRANT:
		apply_grant(ledger, job, change, time);
		return 0;
	case LEDGER_RESERVE:
		return apply_reserve(ledger, job, change, time, unit);
	case LEDGER_GOOD:
	case LEDGER_SCRAP:
		return apply_end(ledger, job, change, unit);
	case LEDGER_CLOSE:
		apply_close(ledger, job, time);
		return 0;
	}
	return PROVCARD_REFUSAL_LEDGER_CORRUPT;
}

int ledger_apply(struct ledger *ledger, const struct ledger_change *change, uint64_t time, uint32_t *unit)
{
	uint32_t unused;
	int code;

	if (is_of_card(change)) {
		code = apply_to_card(ledger, change);
	} else if (change->type == LEDGER_LOAD) {
		code = apply_load(ledger, change);
	} else {
		code = apply_to_job(ledger, change, time, unit ? unit : &unused);
	}
	if (!code)
		ledger->records++;
	return code;
}

void ledger_publish(struct ledger *ledger, uint32_t number)
{
	struct ledger_job *job;

	ledger->life_told = ledger->life;
	tell_failures(ledger);
	if (number >= ledger->jobs)
		return;
	job = ledger->job[number];
	job->told = (struct ledger_told){ job->counts, job->terms.grant, job->closed };
	if (number >= ledger->jobs_told)
		ledger->jobs_told = number + 1;
}

void ledger_release(struct ledger *ledger, uint32_t unit)
{
	struct ledger_unit *u = &ledger->unit[unit];

	u->busy = false;
	ledger->job[u->job]->running--;
}

int ledger_replay(struct ledger *ledger, const struct journal_record *record, struct ledger_change *change)
{
	int code;

	memcpy(change, record->body, sizeof(*change));
	if (change->type != record->type)
		return PROVCARD_REFUSAL_LEDGER_CORRUPT;
	code = ledger_apply(ledger, change, record->time, NULL);
	if (code)
		return code;
	if (change->log_index != LEDGER_NO_LOG) {
		ledger->log_size = change->log_index + 1;
		memcpy(ledger->log_leaf, change->log_leaf, sizeof(ledger->log_leaf));
	}
	if (ledger_ends_job(change))
		ledger->job[change->job]->closed_index = change->log_index;
	ledger_publish(ledger, change->job);
	return 0;
}
