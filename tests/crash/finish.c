// SPDX-License-Identifier: GPL-2.0-or-later
/* After a power cut the work goes on: everything that was begun can be finished, handed over, and verified by a stranger. */
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"
#include "tests/crash/check.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define FRESH_PART (WORLD_UNITS - 1)
#define INDEXES 512

struct finish {
	struct line *line;
	struct world *world;
	bool full;
	struct finding *finding;
};

/* 0, or what a card without room may say. */
static bool done(const struct finish *finish, uint16_t status)
{
	return !status || (finish->full && (status == REFUSED(LEDGER_FULL) || status == REFUSED(LOG_FULL)));
}

/* The entries before @index that are others', from @next on. */
static bool feed_run(struct line *line, struct provpkg_verifier *verifier, uint64_t next, uint64_t index)
{
	uint64_t arg[3] = { next, index - next, 0 };
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	struct core_result result;

	if (index == next)
		return true;
	return !station_command(&line->station, PROVCARD_OP_LOG_RUN, 0, arg, (struct provpkg_view){ 0 }, hash, sizeof(hash),
				&result) &&
	       !provpkg_verifier_run(verifier, index - next, (const uint8_t(*)[PROVPKG_HASH_SIZE])hash, result.result);
}

static bool feed(struct line *line, struct provpkg_verifier *verifier, uint64_t index)
{
	struct station_entry entry;
	int code;

	if (!station_log(&line->station, index, &entry))
		return false;
	code = provpkg_verifier_record(verifier, entry.der, entry.attachment);
	provpkg_blob_free(&entry.bytes);
	return !code;
}

static bool feed_all(struct line *line, uint32_t job, struct provpkg_verifier *verifier)
{
	uint64_t index[INDEXES], next = 0;
	struct core_result result;
	uint32_t handle;

	if (line_handle(line, job, &handle) || station_command(&line->station, PROVCARD_OP_JOB_LOG, handle, NULL,
							       (struct provpkg_view){ 0 }, index, sizeof(index), &result))
		return false;
	for (uint32_t i = 0; i < result.length / sizeof(*index); i++) {
		if (!feed_run(line, verifier, next, index[i]) || !feed(line, verifier, index[i]))
			return false;
		next = index[i] + 1;
	}
	return result.result == result.length / sizeof(*index);
}

static void check_delivery(struct finish *finish, uint32_t job, const struct ledger_job *found)
{
	struct station *station = &finish->line->station;
	struct provpkg_view id = { finish->line->id[job], PROVPKG_ID_SIZE };
	struct provpkg_blob cms = station_object(station, PROVCARD_OBJECT_END_CERTIFICATE, id);
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct provpkg_verifier *verifier = NULL;
	const struct provpkg_end_certificate *end;

	if (!sk_X509_push(chain, station->issuer) || !sk_X509_push(chain, station->pki.root))
		abort();
	if (!cms.size || provpkg_verifier_new(provpkg_blob_view(&cms), station->card, chain, &verifier)) {
		finding_add(finish->finding, "job %u is closed and its end certificate is not good", job);
	} else {
		end = provpkg_verifier_end(verifier);
		if (end->good != found->counts.good || end->scrap != found->counts.scrap)
			finding_add(finish->finding, "the end certificate of job %u has other counts than the ledger", job);
		else if (!feed_all(finish->line, job, verifier) || provpkg_verifier_finish(verifier))
			finding_add(finish->finding, "the delivery of job %u does not verify", job);
		provpkg_verifier_free(verifier);
	}
	sk_X509_free(chain);
	provpkg_blob_free(&cms);
}

static void expect_status(struct finish *finish, uint32_t part, uint16_t status, uint16_t expected)
{
	if (status == expected || (status && done(finish, status)))
		return;
	finding_add(finish->finding, "part %u ended with 0x%04x, not with 0x%04x", part, status, expected);
}

static void make_again(struct finish *finish, uint32_t job, uint32_t number, uint32_t part)
{
	const struct ledger *ledger = &finish->line->station.core->ledger;
	struct line_run run = { .job = job, .part = part };
	uint8_t uid[PARTS_UID_SIZE];
	const struct ledger_unit *unit;
	uint16_t expected = 0;

	parts_uid(part, uid);
	unit = ledger_find_unit(ledger, number, (struct provpkg_view){ uid, sizeof(uid) });
	if (!unit)
		return;
	if (unit->state == PROVCARD_UNIT_GOOD)
		expected = REFUSED(UNIT_DONE);
	if (unit->state == PROVCARD_UNIT_SCRAP)
		expected = REFUSED(UNIT_SCRAPPED);
	line_run(finish->line, &run);
	expect_status(finish, part, run.status, expected);
}

/* A part that nobody has seen: good when there is something left to make, and else the right refusal. */
static void make_fresh(struct finish *finish, uint32_t job, const struct ledger_job *found)
{
	const struct ledger_counts *counts = &found->counts;
	struct line_run run = { .job = job, .part = FRESH_PART - job };
	uint64_t charged = counts->good + counts->reserved;
	uint16_t expected = 0;

	if (counts->held)
		expected = REFUSED(SCRAP_EXHAUSTED);
	else if (charged >= found->terms.grant.ceiling_good)
		expected = REFUSED(GRANT_EXHAUSTED);
	else if (charged >= counts->allocated)
		expected = REFUSED(ALLOCATION_EXHAUSTED);
	line_run(finish->line, &run);
	expect_status(finish, run.part, run.status, expected);
}

static void finish_open(struct finish *finish, uint32_t job, uint32_t number)
{
	const struct ledger_job *found = finish->line->station.core->ledger.job[number];
	uint32_t handle;
	uint16_t status = line_handle(finish->line, job, &handle);

	if (status) {
		finding_add(finish->finding, "job %u was loaded and cannot be opened: 0x%04x", job, status);
		return;
	}
	for (uint32_t part = 0; part < FRESH_PART - WORLD_JOBS; part++)
		make_again(finish, job, number, part);
	make_fresh(finish, job, found);
	status = line_close(finish->line, job, NULL);
	if (status)
		finding_add(finish->finding, "job %u cannot be closed: 0x%04x", job, status);
}

static void finish_job(struct finish *finish, uint32_t job)
{
	const struct ledger *ledger = &finish->line->station.core->ledger;
	uint32_t number = ledger_find_job(ledger, finish->line->id[job]);
	uint16_t status;

	if (number == LEDGER_NO_JOB) {
		status = line_load(finish->line, job);
		if (!done(finish, status))
			finding_add(finish->finding, "job %u cannot be loaded: 0x%04x", job, status);
		if (status)
			return;
		number = ledger_find_job(ledger, finish->line->id[job]);
	}
	if (!ledger->job[number]->closed)
		finish_open(finish, job, number);
	if (!finding_any(finish->finding))
		check_delivery(finish, job, ledger->job[number]);
}

/* A card that had not got its people yet. */
static bool finish_people(struct finish *finish)
{
	struct station *station = &finish->line->station;
	const struct vault *vault = station->core->vault;
	uint16_t status = 0;

	if (vault_find_name(vault, world_name[2]))
		return true;
	if (!vault_is_initialised(vault))
		status = station_initialise(station);
	else if (!vault_find_name(vault, world_name[1]))
		status = station_enrol(station, PROVPKG_ROLE_OPERATOR, world_name[1], station->operator.certificate);
	else
		status = station_enrol_oem(station, world_name[2], station->oem.anchors);
	if (!done(finish, status))
		finding_add(finish->finding, "the people cannot be enrolled: 0x%04x", status);
	return false;
}

void check_finish(struct line *line, struct world *world, bool full, struct finding *finding)
{
	struct finish finish = { line, world, full, finding };
	struct trace trace = { 0 }, *before = line->board->trace;

	line->board->trace = &trace;
	/* What is out of service for good has ended its jobs, too. */
	if (world->state == WORLD_IN_MAINTENANCE || line->station.core->ledger.life == LEDGER_LIFE_MAINTENANCE)
		(void)line_set_state(line, WORLD_IN_SERVICE);
	if (!line_is_reborn(line, world) && line->station.core->ledger.life == LEDGER_LIFE_SERVICE && finish_people(&finish))
		for (uint32_t job = 0; job < WORLD_JOBS && !finding_any(finding); job++)
			if (world->job[job].asked)
				finish_job(&finish, job);
	for (size_t i = 0; i < trace.claims; i++)
		if (!world_learn(world, &trace.claim[i]))
			finding_add(finding, "the card contradicts itself on part %u", trace.claim[i].index);
	if (!finding_any(finding) && world->person[2].told)
		check_card(line, world, world, finding);
	line->board->trace = before;
	trace_clear(&trace);
}
