// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"
#include "tests/crash/vaults.h"

#define CEILING_GOOD 40
#define CEILING_SCRAP 3
#define NOTHING ((struct provpkg_view){ 0 })

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "crash: %s\n", what);
	abort();
}

static void claim_unit(struct line *line, enum claim_kind kind, uint32_t part)
{
	board_claim(line->board, (struct claim){ .kind = kind, .index = part });
}

static void met(void *context, uint32_t part)
{
	claim_unit(context, CLAIM_UNIT_MET, part);
}

static void exposed(void *context, uint32_t part, uint32_t job, const uint8_t *key, const uint8_t *certificate)
{
	struct claim claim = { .kind = CLAIM_UNIT_EXPOSED, .index = part, .value = job };

	memcpy(claim.digest, key, sizeof(claim.digest));
	memcpy(claim.certificate, certificate, sizeof(claim.certificate));
	board_claim(((struct line *)context)->board, claim);
}

static void broken(void *context, uint32_t part)
{
	claim_unit(context, CLAIM_UNIT_BROKEN, part);
}

static void finished(void *context, uint32_t part)
{
	claim_unit(context, CLAIM_UNIT_FINISHED, part);
}

static void look(void *context)
{
	struct line *line = context;

	if (line->station.core && !line->quiet)
		line_look(line);
}

void line_new(struct line *line, struct board *board)
{
	memset(line, 0, sizeof(*line));
	world_new(&line->seen);
	line->board = board;
	line->ceiling = CEILING_GOOD;
	station_new(&line->station, PARTS_HEADS);
	station_off(&line->station);
	line->authority.key = pki_key("P-256");
	line->authority.certificate = pki_certificate(line->authority.key, &(struct pki_profile){ .subject = "time" }, NULL, NULL);
	board->watch = look;
	board->watch_context = line;
	parts_watch(&(struct parts_watch){ line, met, exposed, broken, finished });
}

void line_free(struct line *line)
{
	for (int i = 0; i < WORLD_JOBS; i++)
		provpkg_blob_free(&line->file[i]);
	line_free_firmware(line);
	EVP_PKEY_free(line->authority.key);
	X509_free(line->authority.certificate);
	station_free(&line->station);
	vaults_forget();
}

void line_power_on(struct line *line)
{
	line->board->powered = true;
	world_new(&line->seen);
	memset(line->handle, 0, sizeof(line->handle));
	line_boot(line);
	if (line->unbootable)
		return;
	vaults_remember(true);
	line->station.core = core_start_with(&line->board->port, NULL, 0);
	vaults_remember(false);
	must(line->station.core, "no memory for a card");
	if (!line_fault(line))
		line_look(line);
}

void line_switch_off(struct line *line)
{
	line->quiet = true;
	station_off(&line->station);
	line->quiet = false;
}

void line_power_cut(struct line *line)
{
	line->board->powered = false;
	line_switch_off(line);
}

uint32_t line_fault(struct line *line)
{
	return line->unbootable ? line->unbootable : atomic_load(&line->station.core->fault);
}

/* An end certificate says that the job is closed, whatever the report says. */
static bool has_ended(struct line *line, uint32_t job)
{
	struct provpkg_view id = { line->id[job], PROVPKG_ID_SIZE };
	struct provpkg_blob end = station_object(&line->station, PROVCARD_OBJECT_END_CERTIFICATE, id);
	bool ended = end.size;

	provpkg_blob_free(&end);
	return ended;
}

static void look_at_job(struct line *line, uint32_t job, const struct provcard_service_job *report)
{
	struct world_job *seen = &line->seen.job[job];
	struct claim claim = { .kind = CLAIM_JOB_TOLD,
			       .index = job,
			       .ceiling = report->ceiling_good,
			       .allocated = report->allocated,
			       .good = report->good,
			       .scrap = report->scrap };

	claim.closed = report->state == PROVCARD_JOB_CLOSED || (seen->close_asked && !seen->closed && has_ended(line, job));
	if (seen->told && seen->granted == claim.ceiling && seen->allocated == claim.allocated && seen->good == claim.good &&
	    seen->scrap == claim.scrap && seen->closed == claim.closed)
		return;
	seen->told = true;
	seen->granted = claim.ceiling;
	seen->allocated = claim.allocated;
	seen->good = claim.good;
	seen->scrap = claim.scrap;
	seen->closed = claim.closed;
	board_claim(line->board, claim);
}

static void look_at_jobs(struct line *line)
{
	struct provcard_service_job report[WORLD_JOBS];
	struct core_result result;

	if (station_command(&line->station, PROVCARD_OP_JOB_LIST, 0, NULL, NOTHING, report, sizeof(report), &result))
		return;
	for (uint32_t i = 0; i < result.length / sizeof(*report); i++)
		for (uint32_t job = 0; job < WORLD_JOBS; job++)
			if (!memcmp(report[i].package_id, line->id[job], PROVPKG_ID_SIZE))
				look_at_job(line, job, &report[i]);
}

static void look_at_log(struct line *line)
{
	struct claim claim = { .kind = CLAIM_LOG_TOLD };

	must(!log_head(&line->station.core->log, &claim.value, claim.digest), "the log has no head");
	if (claim.value == world_log_size(&line->seen))
		return;
	world_learn(&line->seen, &claim);
	board_claim(line->board, claim);
}

void line_look(struct line *line)
{
	if (!line->board->trace || line_fault(line))
		return;
	line_look_at_life(line);
	line_look_at_people(line);
	line_look_at_firmware(line);
	look_at_jobs(line);
	look_at_log(line);
}

static void pack(struct line *line)
{
	for (int i = 0; i < WORLD_JOBS; i++) {
		struct order order;

		station_order(&line->station, &order);
		order.recipient.ceiling_good = line->ceiling;
		order.recipient.ceiling_scrap = CEILING_SCRAP;
		provpkg_blob_free(&line->file[i]);
		line->file[i] = station_pack(&order, line->id[i]);
	}
}

uint16_t line_prepare(struct line *line)
{
	for (uint32_t i = 0; i < 3; i++)
		board_claim(line->board, (struct claim){ .kind = CLAIM_PERSON_ASKED, .index = i });
	station_prepare(&line->station);
	pack(line);
	line_look(line);
	return 0;
}

uint16_t line_load(struct line *line, uint32_t job)
{
	struct claim claim = { .kind = CLAIM_LOAD_ASKED, .index = job, .value = line->ceiling };
	uint16_t status;

	memcpy(claim.digest, line->id[job], PROVPKG_ID_SIZE);
	board_claim(line->board, claim);
	if (!line->handle[job])
		line->handle[job] = station_job(&line->station);
	status = station_load(&line->station, line->handle[job], &line->file[job], NULL);
	line_look(line);
	return status;
}

uint16_t line_allocate(struct line *line, uint32_t job, uint64_t count)
{
	uint16_t status;

	board_claim(line->board, (struct claim){ .kind = CLAIM_ALLOCATE_ASKED, .index = job, .value = count });
	status = station_allocate(&line->station, line->id[job], count);
	line_look(line);
	return status;
}

static bool find_terms(struct line *line, uint32_t job, struct ledger_grant *terms)
{
	const struct ledger *ledger = &line->station.core->ledger;
	uint32_t number = ledger_find_job(ledger, line->id[job]);

	if (number == LEDGER_NO_JOB)
		return false;
	*terms = ledger->job[number]->terms.grant;
	return true;
}

/* The grant that follows the last one. */
static uint16_t send_grant(struct line *line, uint32_t job, struct provpkg_grant grant)
{
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct ledger_grant last;
	uint16_t status;

	if (!find_terms(line, job, &last))
		return PROVCARD_REFUSAL_JOB_NOT_LOADED;
	grant.sequence = last.sequence + 1;
	grant.ceiling_scrap = last.ceiling_scrap;
	memcpy(grant.package_id, line->id[job], sizeof(grant.package_id));
	memcpy(grant.card_id, line->station.card->card_id, sizeof(grant.card_id));
	memcpy(grant.previous, last.digest, sizeof(grant.previous));
	must(!provpkg_grant_encode(&grant, &der), "a grant");
	must(!provpkg_sign(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&der), line->station.oem.signers, 2, &cms), "a signature");
	status = station_command(&line->station, PROVCARD_OP_GRANT, 0, NULL, provpkg_blob_view(&cms), NULL, 0, NULL);
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
	line_look(line);
	return status;
}

uint16_t line_grant(struct line *line, uint32_t job, uint64_t ceiling)
{
	board_claim(line->board, (struct claim){ .kind = CLAIM_GRANT_ASKED, .index = job, .value = ceiling });
	return send_grant(line, job, (struct provpkg_grant){ .ceiling_good = ceiling });
}

uint16_t line_terminate(struct line *line, uint32_t job)
{
	board_claim(line->board, (struct claim){ .kind = CLAIM_CLOSE_ASKED, .index = job });
	line->seen.job[job].close_asked = true;
	return send_grant(line, job, (struct provpkg_grant){ .termination = true });
}

uint16_t line_close(struct line *line, uint32_t job, struct provpkg_blob *end)
{
	uint16_t status;

	board_claim(line->board, (struct claim){ .kind = CLAIM_CLOSE_ASKED, .index = job });
	line->seen.job[job].close_asked = true;
	status = station_close(&line->station, line->id[job], end);
	line_look(line);
	return status;
}

uint16_t line_handle(struct line *line, uint32_t job, uint32_t *handle)
{
	uint16_t status = 0;

	if (!line->handle[job]) {
		*handle = station_job(&line->station);
		status = station_bind(&line->station, *handle, line->id[job]);
		if (!status)
			line->handle[job] = *handle;
		else
			core_job_delete(line->station.core, *handle);
	}
	*handle = line->handle[job];
	return status;
}

bool line_is_open(struct line *line, uint32_t job)
{
	const struct ledger *ledger = &line->station.core->ledger;
	uint32_t number = ledger_find_job(ledger, line->id[job]);

	return number != LEDGER_NO_JOB && !ledger->job[number]->closed;
}
