// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/internal.h"
#include "tests/crash/entries.h"

void finding_add(struct finding *finding, const char *format, ...)
{
	va_list arguments;

	if (finding_any(finding))
		return;
	va_start(arguments, format);
	vsnprintf(finding->text, sizeof(finding->text), format, arguments);
	va_end(arguments);
}

struct check {
	struct line *line;
	const struct core *core;
	const struct world *told;
	const struct world *asked;
	struct finding *finding;
	/* What the log says. */
	uint64_t people;
	uint64_t loads[WORLD_JOBS];
	uint64_t closings[WORLD_JOBS];
	uint64_t good[WORLD_JOBS];
	uint64_t scrap[WORLD_JOBS];
	uint64_t allocated[WORLD_JOBS];
	uint8_t unit_good[WORLD_UNITS];
	uint8_t unit_scrap[WORLD_UNITS];
};

#define EXPECT(check, holds, ...) ((holds) ? (void)0 : finding_add((check)->finding, __VA_ARGS__))

static const struct ledger_job *find_job(const struct check *check, uint32_t job, uint32_t *number)
{
	*number = ledger_find_job(&check->core->ledger, check->asked->job[job].id);
	return check->asked->job[job].asked && *number != LEDGER_NO_JOB ? check->core->ledger.job[*number] : NULL;
}

static void tally_unit(struct check *check, uint32_t job, const struct entry *entry)
{
	bool good = entry->event == PROVPKG_EVENT_UNIT_GOOD;

	if (entry->part >= WORLD_UNITS) {
		finding_add(check->finding, "the log names a part that nobody has");
		return;
	}
	if (good) {
		check->good[job]++;
		check->unit_good[entry->part]++;
		EXPECT(check, !memcmp(entry->certificate, check->asked->unit[entry->part].certificate, sizeof(entry->certificate)),
		       "the log has another certificate of part %u than the part", entry->part);
	} else {
		check->scrap[job]++;
		check->unit_scrap[entry->part]++;
	}
}

static void tally_of_job(struct check *check, const struct entry *entry)
{
	uint32_t job = 0;

	while (job < WORLD_JOBS && memcmp(entry->package_id, check->asked->job[job].id, PROVPKG_ID_SIZE))
		job++;
	if (job == WORLD_JOBS) {
		finding_add(check->finding, "the log names a job that nobody loaded");
		return;
	}
	EXPECT(check, !check->closings[job], "the log goes on with job %u after its closing", job);
	if (entry->event == PROVPKG_EVENT_UNIT_GOOD || entry->event == PROVPKG_EVENT_UNIT_SCRAP)
		tally_unit(check, job, entry);
	else if (entry->event == PROVPKG_EVENT_LOADED)
		check->loads[job]++;
	else if (entry->event == PROVPKG_EVENT_CLOSED)
		check->closings[job]++;
	else if (entry->event == PROVPKG_EVENT_ALLOCATED)
		check->allocated[job] = entry->allocated;
}

static void read_log(struct check *check)
{
	int64_t time = 0;

	for (uint64_t i = 0; i < check->core->log.size; i++) {
		const struct entry *entry = entries_find(check->line, i);

		EXPECT(check, entry->time >= time, "entry %llu of the log is older than the one before", (unsigned long long)i);
		time = entry->time;
		if (entry->event == PROVPKG_EVENT_INITIALISED || entry->event == PROVPKG_EVENT_ENROLLED)
			check->people++;
		if (entry->event == PROVPKG_EVENT_REMOVED)
			check->people--;
		if (entry->has_job)
			tally_of_job(check, entry);
	}
}

/* Every head that was told is one of this log's, and the log's own tree is that of its entries. */
static void check_heads(struct check *check)
{
	struct log *log = &check->line->station.core->log;
	const struct world_head *told = check->told->head, *end = told + check->told->heads;
	struct world_head own;
	uint8_t root[PROVPKG_HASH_SIZE];
	uint64_t digest = 0, word;

	for (uint64_t i = 0; i < log->size; i++) {
		memcpy(&word, log_leaf(log, i), sizeof(word));
		digest = chance_mix(digest, word);
		if (told == end || told->size != i + 1)
			continue;
		EXPECT(check, entries_root(check->line, i + 1, digest, root) && !memcmp(root, told->root, sizeof(root)),
		       "the log does not extend the one of %llu entries that was told", (unsigned long long)told->size);
		told++;
	}
	EXPECT(check,
	       !log_head(log, &own.size, own.root) && own.size == log->size && entries_root(check->line, own.size, digest, root) &&
		       !memcmp(root, own.root, sizeof(root)),
	       "the log's tree is not that of its entries");
}

static void check_log(struct check *check)
{
	uint64_t size = check->core->log.size, told = world_log_size(check->told);

	EXPECT(check, size >= told, "the log has %llu entries, %llu were told", (unsigned long long)size, (unsigned long long)told);
	if (finding_any(check->finding))
		return;
	check_heads(check);
	read_log(check);
}

/* A decommissioned card has nothing left to make devices with, in no slot of its vault. */
static bool has_secrets(const struct line *line)
{
	static const struct vault_secrets none;
	struct vault *slot[2] = { NULL, NULL };
	enum vault_found found;
	bool has = false;

	if (vault_load(&line->board->port, slot, &found))
		return true;
	for (int i = 0; i < 2; i++)
		has |= slot[i] && memcmp(slot[i]->secrets->device_secret, none.device_secret, sizeof(none.device_secret));
	vault_put(slot[0]);
	vault_put(slot[1]);
	return has;
}

void check_memory(struct line *line, const struct world *told, struct finding *finding)
{
	if (told->state == WORLD_DECOMMISSIONED && !told->zeroise_asked && has_secrets(line))
		finding_add(finding, "the memory of a decommissioned card has its secrets");
}

/* What has confirmed itself is never followed by anything older, and what runs somebody had started. */
static void check_firmware(struct check *check)
{
	const struct board *board = check->line->board;
	uint32_t runs = board->firmware.security_version;

	if (!check->line->vendor)
		return;
	EXPECT(check, runs >= check->told->firmware, "firmware %u runs, %llu had confirmed itself", runs,
	       (unsigned long long)check->told->firmware);
	/* Firmware outlives the card's lives: a world of which nothing is known says nothing of it. */
	EXPECT(check, runs == 1 || !check->asked->alive || runs <= check->asked->firmware_asked,
	       "firmware %u runs and nobody had it started", runs);
	EXPECT(check, board->memory->floor == runs, "firmware %u runs with a floor of %u", runs, board->memory->floor);
}

static void check_state(struct check *check)
{
	enum ledger_life life = check->core->ledger.life_told;
	enum world_state state = life == LEDGER_LIFE_SERVICE	   ? WORLD_IN_SERVICE
				 : life == LEDGER_LIFE_MAINTENANCE ? WORLD_IN_MAINTENANCE
								   : WORLD_DECOMMISSIONED;
	struct core *core = check->line->station.core;

	EXPECT(check, life == check->core->ledger.life, "the state of the card's life is not as written");
	EXPECT(check, state == check->told->state || check->told->states_asked & 1u << state || check->told != check->asked,
	       "the card is in state %d of its life, told was %d", state, check->told->state);
	EXPECT(check, state != WORLD_DECOMMISSIONED || !has_secrets(check->line), "a decommissioned card has its secrets");
	EXPECT(check, core_time(core) >= check->told->time, "card time is behind the time that was set");
	EXPECT(check, !core_time_authenticated(core) || check->asked->time_asked, "card time is believed and nobody set it");
}

/* No power cut gives anybody another try. */
static void check_lockout(struct check *check, uint32_t person)
{
	const struct world_person *told = &check->told->person[person];
	bool locked, excused = check->told != check->asked || told->unlocking || told->removing;
	uint64_t failures = line_failures(check->line, person, &locked);

	EXPECT(check, excused || failures >= told->failures, "failures of %s are forgotten", world_name[person]);
	EXPECT(check, excused || locked || !told->locked, "%s was locked out and is not", world_name[person]);
}

static void check_people(struct check *check)
{
	const struct vault *vault = check->core->vault;

	EXPECT(check, vault->people == check->people, "%zu people are enrolled, the log has %llu", vault->people,
	       (unsigned long long)check->people);
	for (uint32_t i = 0; i < WORLD_PEOPLE; i++) {
		bool known = vault_find_name(vault, world_name[i]);

		EXPECT(check,
		       known || !check->told->person[i].told || check->asked->person[i].removing || check->told != check->asked,
		       "%s was enrolled and is not", world_name[i]);
		EXPECT(check, !known || check->asked->person[i].asked || check->told->person[i].asked,
		       "%s is enrolled and nobody asked for it", world_name[i]);
		if (known)
			check_lockout(check, i);
	}
	EXPECT(check,
	       !check->told->policy || vault->policy.failures == check->told->policy ||
		       vault->policy.failures == check->told->policy_asked || check->told != check->asked,
	       "the policy is neither the one that was told nor the one that was asked for");
}

static void check_counts(struct check *check, uint32_t job, const struct ledger_job *found)
{
	const struct world_job *told = &check->told->job[job], *asked = &check->asked->job[job];
	const struct ledger_counts *counts = &found->counts;
	const struct ledger_grant *grant = &found->terms.grant;

	EXPECT(check, !memcmp(counts, &found->told.counts, sizeof(*counts)), "counts of job %u are not as written", job);
	EXPECT(check, counts->allocated >= told->allocated, "an allocation of job %u is lost", job);
	EXPECT(check, counts->allocated <= asked->allocation, "job %u has more allocated than was asked for", job);
	EXPECT(check, grant->ceiling_good >= told->granted, "a grant of job %u is lost", job);
	EXPECT(check, grant->ceiling_good <= asked->ceiling, "job %u has a ceiling that nobody signed", job);
	EXPECT(check, counts->good >= told->good && counts->scrap >= told->scrap, "finished units of job %u are lost", job);
	EXPECT(check, counts->good + counts->reserved <= grant->ceiling_good, "job %u is above its ceiling", job);
	EXPECT(check, counts->good + counts->reserved <= counts->allocated, "job %u is above its allocation", job);
	EXPECT(check, counts->scrap <= grant->ceiling_scrap, "job %u is above its scrap ceiling", job);
	EXPECT(check, found->closed || !told->closed, "job %u was closed and is open", job);
	EXPECT(check, !found->closed || asked->close_asked, "job %u is closed and nobody asked for it", job);
	EXPECT(check, check->loads[job] >= 1, "the log does not have the loading of job %u", job);
	EXPECT(check, check->closings[job] == found->closed, "log and ledger disagree on the closing of job %u", job);
	EXPECT(check, check->good[job] == counts->good && check->scrap[job] == counts->scrap,
	       "job %u: ledger %llu good %llu scrap, log %llu good %llu scrap", job, (unsigned long long)counts->good,
	       (unsigned long long)counts->scrap, (unsigned long long)check->good[job], (unsigned long long)check->scrap[job]);
	EXPECT(check, check->allocated[job] == counts->allocated, "log and ledger disagree on what job %u was allocated", job);
}

/* What the card keeps outside the ledger for it: the package until the job is closed, the issuing chain for ever. */
static void check_stored(struct check *check, uint32_t job, const struct ledger_job *found)
{
	const struct memory *memory = check->line->board->memory;
	const struct provpkg_blob *file = &check->line->file[job];
	struct provpkg_view id = { found->terms.package_id, PROVPKG_ID_SIZE };
	struct provpkg_blob chain;

	EXPECT(check,
	       found->closed || (found->terms.staging_size == file->size &&
				 !memcmp(memory->bytes[PORT_NV_STAGING] + found->terms.staging_offset, file->data, file->size)),
	       "the package of job %u is damaged", job);
	chain = station_object(&check->line->station, PROVCARD_OBJECT_PACKAGE_CHAIN, id);
	EXPECT(check, chain.size && chain.size == found->terms.chain_size, "the issuing chain of job %u is damaged", job);
	provpkg_blob_free(&chain);
}

static void check_jobs(struct check *check)
{
	uint32_t number, found = 0;

	for (uint32_t job = 0; job < WORLD_JOBS; job++) {
		const struct ledger_job *ledger_job = find_job(check, job, &number);

		EXPECT(check, ledger_job || !check->told->job[job].told, "job %u was loaded and is not there", job);
		EXPECT(check, ledger_job || !check->loads[job], "the log has job %u and the ledger does not", job);
		if (!ledger_job)
			continue;
		found++;
		check_counts(check, job, ledger_job);
		check_stored(check, job, ledger_job);
	}
	EXPECT(check, found == check->core->ledger.jobs, "the ledger has a job that nobody loaded");
}

/* What the world knows of a part, against what the ledger holds of it for a job; NULL: nothing. */
static void check_unit(struct check *check, uint32_t part, uint32_t job, const struct ledger_unit *unit)
{
	const struct world_unit *told = &check->told->unit[part], *asked = &check->asked->unit[part];
	bool good = unit && unit->state == PROVCARD_UNIT_GOOD, scrap = unit && unit->state == PROVCARD_UNIT_SCRAP;

	if (told->exposed == job) {
		EXPECT(check, unit, "part %u holds secrets of job %u and was never charged", part, job);
		EXPECT(check, good || !told->good, "part %u was good and is not", part);
		EXPECT(check, scrap || !told->scrap, "part %u was scrapped and is not", part);
	}
	EXPECT(check, !unit || asked->met, "part %u is charged and was in no socket", part);
	EXPECT(check, !good || (asked->finished && asked->exposed == job), "part %u is good and was never read back", part);
	EXPECT(check, !scrap || asked->broken, "part %u is scrapped and had no fault", part);
	EXPECT(check, !good || check->unit_good[part] == 1, "part %u is good, the log has that %u times", part,
	       check->unit_good[part]);
}

static void check_units(struct check *check)
{
	uint8_t bytes[PARTS_UID_SIZE];
	struct provpkg_view uid = { bytes, sizeof(bytes) };
	uint32_t number, found = 0;

	for (uint32_t job = 0; job < WORLD_JOBS; job++) {
		if (!find_job(check, job, &number))
			number = LEDGER_NO_JOB;
		for (uint32_t part = 0; part < WORLD_UNITS; part++) {
			const struct ledger_unit *unit = NULL;

			parts_uid(part, bytes);
			if (number != LEDGER_NO_JOB && check->asked->unit[part].met)
				unit = ledger_find_unit(&check->core->ledger, number, uid);
			found += unit ? 1 : 0;
			check_unit(check, part, job, unit);
		}
	}
	EXPECT(check, found == check->core->ledger.units, "the ledger has a unit that was in no socket");
}

/* In a life that zeroising has begun nothing is left of the one before, told of or not. */
static void check_life(struct check *check)
{
	uint8_t life[PROVPKG_HASH_SIZE];

	line_life(check->line, life);
	EXPECT(check, !check->told->zeroised || memcmp(life, check->told->ended, sizeof(life)), "the card was zeroised and is not");
	if (!line_is_reborn(check->line, check->told))
		return;
	EXPECT(check, check->asked->zeroised || check->asked->zeroise_asked, "the card has begun a new life");
	check->told = world_blank();
	if (!check->asked->zeroised)
		check->asked = check->told;
}

void check_card(struct line *line, const struct world *told, const struct world *asked, struct finding *finding)
{
	struct check check = { .line = line, .core = line->station.core, .told = told, .asked = asked, .finding = finding };

	check_life(&check);
	EXPECT(&check, check.core->journal.generation == line->board->memory->fuse, "the journal is not where the fuse is");
	check_log(&check);
	if (finding_any(finding))
		return;
	check_firmware(&check);
	check_state(&check);
	check_people(&check);
	check_jobs(&check);
	check_units(&check);
}
