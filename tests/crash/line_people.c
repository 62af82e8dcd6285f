// SPDX-License-Identifier: GPL-2.0-or-later
/* A production line and its people: who comes, who goes, who is locked out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"
#include "core/lockout.h"
#include "tests/crash/line.h"

#define PIA 4

static void claim_of(struct line *line, enum claim_kind kind, uint32_t person, uint64_t value)
{
	board_claim(line->board, (struct claim){ .kind = kind, .index = person, .value = value });
}

/* The line of the card's list that begins with this role and name; NULL when there is none. */
static const char *find_line(const struct provpkg_blob *people, uint32_t person)
{
	char name[PROVPKG_NAME_MAX + 3];
	int size = snprintf(name, sizeof(name), "\t%s\t", world_name[person]);

	return people->size ? memmem(people->data, people->size, name, (size_t)size) : NULL;
}

static bool line_says(const struct provpkg_blob *people, const char *line, const char *word)
{
	const char *end = (const char *)people->data + people->size;
	const char *line_end = memchr(line, '\n', (size_t)(end - line));

	return memmem(line, (size_t)((line_end ? line_end : end) - line), word, strlen(word));
}

void line_look_at_people(struct line *line)
{
	struct provpkg_blob people = station_object(&line->station, PROVCARD_OBJECT_PEOPLE, (struct provpkg_view){ 0 });

	for (uint32_t i = 0; i < WORLD_PEOPLE; i++) {
		struct world_person *seen = &line->seen.person[i];
		const char *found = find_line(&people, i);

		if (found && !seen->told)
			claim_of(line, CLAIM_PERSON_TOLD, i, 0);
		if (found && !seen->locked && line_says(&people, found, "\tlocked\t")) {
			claim_of(line, CLAIM_LOCKED_TOLD, i, 0);
			seen->locked = true;
		}
		seen->told = found;
	}
	provpkg_blob_free(&people);
}

uint16_t line_enrol(struct line *line, uint32_t person)
{
	struct station *station = &line->station;
	const char *name = world_name[person];
	uint16_t status;

	claim_of(line, CLAIM_PERSON_ASKED, person, 0);
	if (person == 3)
		status = station_enrol(station, PROVPKG_ROLE_AUDITOR, name, station->auditor.certificate);
	else if (person == 4)
		status = station_enrol(station, PROVPKG_ROLE_OPERATOR, name, station->stranger.certificate);
	else if (person == 6)
		status = station_enrol(station, PROVPKG_ROLE_TIME, name, line->authority.certificate);
	else
		status = station_enrol_oem(station, name, station->rival.anchors);
	line_look(line);
	return status;
}

static uint16_t ask_officer(struct line *line, struct provpkg_request *request)
{
	uint16_t status = station_request(&line->station, request, &line->station.officer, NULL);

	line_look(line);
	return status;
}

uint16_t line_remove(struct line *line, uint32_t person)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_REMOVE };
	uint16_t status;

	claim_of(line, CLAIM_REMOVE_ASKED, person, 0);
	snprintf(request.remove.name, sizeof(request.remove.name), "%s", world_name[person]);
	status = ask_officer(line, &request);
	/* A removal that a power cut interrupted may be done already: this one is refused then. */
	if (!line_fault(line))
		claim_of(line, CLAIM_REMOVE_SETTLED, person, !vault_find_name(line->station.core->vault, world_name[person]));
	if (!status)
		line->seen.person[person].locked = false;
	return status;
}

uint16_t line_unlock(struct line *line, uint32_t person)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_UNLOCK };
	uint16_t status;
	bool locked;

	claim_of(line, CLAIM_UNLOCK_ASKED, person, 0);
	snprintf(request.unlock.name, sizeof(request.unlock.name), "%s", world_name[person]);
	status = ask_officer(line, &request);
	if (!line_fault(line))
		claim_of(line, CLAIM_UNLOCK_SETTLED, person, !line_failures(line, person, &locked) && !locked);
	if (!status)
		line->seen.person[person].locked = false;
	return status;
}

uint16_t line_set_policy(struct line *line, uint32_t failures)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_POLICY,
					   .policy = { .officers = 1, .failures = failures } };
	uint16_t status;

	claim_of(line, CLAIM_POLICY_ASKED, 0, failures);
	status = ask_officer(line, &request);
	if (!line_fault(line))
		claim_of(line, CLAIM_POLICY_TOLD, 0, line->station.core->vault->policy.failures);
	return status;
}

uint64_t line_failures(const struct line *line, uint32_t person, bool *locked)
{
	struct core *core = line->station.core;
	const struct vault_person *found = vault_find_name(core->vault, world_name[person]);
	struct ledger_failures failures = { 0 };

	if (found && found->role != PROVPKG_ROLE_OEM)
		failures = lockout_failures(core, found);
	*locked = failures.locked;
	return failures.proven;
}

uint16_t line_fail(struct line *line)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_POLICY, .policy = { .officers = 1, .failures = 0 } };
	uint16_t status = station_request(&line->station, &request, &line->station.stranger, NULL);
	bool locked;

	if (!line_fault(line))
		claim_of(line, CLAIM_FAILURES_TOLD, PIA, line_failures(line, PIA, &locked));
	line_look(line);
	return status;
}

uint16_t line_audit(struct line *line)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_AUDIT };
	uint16_t status;

	if (log_head(&line->station.core->log, &request.audit.size, request.audit.root))
		abort();
	status = station_request(&line->station, &request, &line->station.auditor, NULL);
	line_look(line);
	return status;
}
