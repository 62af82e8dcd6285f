// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/world.h"

#include <string.h>

const char *const world_person[WORLD_PEOPLE] = { "olga", "otto", "Acme", "anna", "pia", "Rival", "nobody 1", "nobody 2" };

void world_new(struct world *world)
{
	memset(world, 0, sizeof(*world));
	for (int i = 0; i < WORLD_UNITS; i++)
		world->unit[i].exposed = WORLD_NOBODY;
}

static bool learn_exposed(struct world_unit *unit, const struct claim *claim)
{
	bool again = unit->exposed != WORLD_NOBODY;
	bool same = unit->exposed == claim->value && !memcmp(unit->key, claim->digest, sizeof(unit->key)) &&
		    !memcmp(unit->certificate, claim->certificate, sizeof(unit->certificate));

	unit->exposed = (uint32_t)claim->value;
	memcpy(unit->key, claim->digest, sizeof(unit->key));
	memcpy(unit->certificate, claim->certificate, sizeof(unit->certificate));
	return !again || same;
}

static bool learn_of_unit(struct world_unit *unit, const struct claim *claim)
{
	unit->met = true;
	switch (claim->kind) {
	case CLAIM_UNIT_EXPOSED:
		return learn_exposed(unit, claim);
	case CLAIM_UNIT_FINISHED:
		unit->finished = true;
		return true;
	case CLAIM_UNIT_BROKEN:
		unit->broken = true;
		return true;
	case CLAIM_UNIT_GOOD:
		unit->good = true;
		return unit->finished && !unit->scrap;
	case CLAIM_UNIT_SCRAP:
		unit->scrap = true;
		return unit->broken && !unit->good;
	default:
		return true;
	}
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static bool learn_of_job(struct world_job *job, const struct claim *claim)
{
	switch (claim->kind) {
	case CLAIM_LOAD_ASKED:
		job->asked = true;
		job->ceiling = later(job->ceiling, claim->value);
		memcpy(job->id, claim->digest, sizeof(job->id));
		return true;
	case CLAIM_ALLOCATE_ASKED:
		job->allocation += claim->value;
		return true;
	case CLAIM_GRANT_ASKED:
		job->ceiling = later(job->ceiling, claim->value);
		return true;
	case CLAIM_CLOSE_ASKED:
		job->close_asked = true;
		return true;
	default:
		job->told = true;
		job->closed |= claim->closed;
		job->granted = later(job->granted, claim->ceiling);
		job->allocated = later(job->allocated, claim->allocated);
		job->good = later(job->good, claim->good);
		job->scrap = later(job->scrap, claim->scrap);
		return job->asked;
	}
}

bool world_learn(struct world *world, const struct claim *claim)
{
	world->claims++;
	switch (claim->kind) {
	case CLAIM_PERSON_ASKED:
		world->person_asked[claim->index] = true;
		return true;
	case CLAIM_PERSON_TOLD:
		world->person_told[claim->index] = true;
		return world->person_asked[claim->index];
	case CLAIM_LOG_TOLD:
		if (claim->value >= world->log_size) {
			world->log_size = claim->value;
			memcpy(world->log_root, claim->digest, sizeof(world->log_root));
		}
		return true;
	case CLAIM_LOAD_ASKED:
	case CLAIM_ALLOCATE_ASKED:
	case CLAIM_GRANT_ASKED:
	case CLAIM_CLOSE_ASKED:
	case CLAIM_JOB_TOLD:
		return learn_of_job(&world->job[claim->index], claim);
	default:
		return learn_of_unit(&world->unit[claim->index], claim);
	}
}
