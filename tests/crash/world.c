// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/world.h"

#include <string.h>

const char *const world_name[WORLD_PEOPLE] = { "olga", "otto", "Acme", "anna", "pia", "Rival", "tick", "nobody" };

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

const struct world *world_blank(void)
{
	static struct world blank;

	world_new(&blank);
	return &blank;
}

uint64_t world_log_size(const struct world *world)
{
	return world->heads ? world->head[world->heads - 1].size : 0;
}

/* Of more than there is room for the last one is remembered, and the first ones. */
static bool learn_head(struct world *world, const struct claim *claim)
{
	struct world_head *last = world->heads ? &world->head[world->heads - 1] : NULL;

	if (last && claim->value <= last->size)
		return claim->value == last->size && !memcmp(last->root, claim->digest, sizeof(last->root));
	if (world->heads < WORLD_HEADS)
		last = &world->head[world->heads++];
	last->size = claim->value;
	memcpy(last->root, claim->digest, sizeof(last->root));
	return true;
}

static void learn_zeroised(struct world *world)
{
	uint8_t ended[PROVPKG_HASH_SIZE];
	uint64_t claims = world->claims, firmware = world->firmware, firmware_asked = world->firmware_asked;

	memcpy(ended, world->life, sizeof(ended));
	world_new(world);
	memcpy(world->ended, ended, sizeof(ended));
	/* The firmware is the card's, whatever life it leads. */
	world->firmware = firmware;
	world->firmware_asked = firmware_asked;
	world->claims = claims;
	world->zeroised = true;
}

/* Another life begins only where zeroising was asked for, told or not. */
static bool learn_life(struct world *world, const struct claim *claim)
{
	bool other = world->alive && memcmp(world->life, claim->digest, sizeof(world->life)), asked = world->zeroise_asked;

	if (other)
		learn_zeroised(world);
	world->alive = true;
	memcpy(world->life, claim->digest, sizeof(world->life));
	return !other || asked;
}

static bool learn_state(struct world *world, const struct claim *claim)
{
	bool may = claim->value == world->state || world->states_asked & 1u << claim->value;

	world->state = (enum world_state)claim->value;
	return may;
}

static bool learn_of_person(struct world_person *person, const struct claim *claim)
{
	switch (claim->kind) {
	case CLAIM_PERSON_ASKED:
		person->asked = true;
		return true;
	case CLAIM_PERSON_TOLD:
		person->told = true;
		return person->asked;
	case CLAIM_REMOVE_ASKED:
		person->removing = true;
		return true;
	case CLAIM_REMOVE_SETTLED:
		person->removing = false;
		if (claim->value)
			*person = (struct world_person){ 0 };
		return true;
	case CLAIM_UNLOCK_ASKED:
		person->unlocking = true;
		return true;
	case CLAIM_UNLOCK_SETTLED:
		person->unlocking = false;
		if (claim->value) {
			person->locked = false;
			person->failures = 0;
		}
		return true;
	case CLAIM_LOCKED_TOLD:
		person->locked = true;
		return true;
	default:
		person->failures = claim->value;
		return true;
	}
}

bool world_learn(struct world *world, const struct claim *claim)
{
	world->claims++;
	switch (claim->kind) {
	case CLAIM_PERSON_ASKED:
	case CLAIM_PERSON_TOLD:
	case CLAIM_REMOVE_ASKED:
	case CLAIM_REMOVE_SETTLED:
	case CLAIM_UNLOCK_ASKED:
	case CLAIM_UNLOCK_SETTLED:
	case CLAIM_FAILURES_TOLD:
	case CLAIM_LOCKED_TOLD:
		return learn_of_person(&world->person[claim->index], claim);
	case CLAIM_POLICY_ASKED:
		world->policy_asked = claim->value;
		return true;
	case CLAIM_POLICY_TOLD:
		world->policy = claim->value;
		world->policy_asked = 0;
		return true;
	case CLAIM_LOG_TOLD:
		return learn_head(world, claim);
	case CLAIM_STATE_ASKED:
		world->states_asked |= 1u << claim->value;
		return true;
	case CLAIM_STATE_TOLD:
		return learn_state(world, claim);
	case CLAIM_STATE_SETTLED:
		world->states_asked = 0;
		return true;
	case CLAIM_FIRMWARE_ASKED:
		world->firmware_asked = later(world->firmware_asked, claim->value);
		return true;
	case CLAIM_FIRMWARE_TOLD:
		world->firmware = later(world->firmware, claim->value);
		return claim->value == 1 || claim->value <= world->firmware_asked;
	case CLAIM_TIME_ASKED:
		world->time_asked = true;
		return true;
	case CLAIM_TIME_SET:
		world->time = later(world->time, claim->value);
		return world->time_asked;
	case CLAIM_LIFE_TOLD:
		return learn_life(world, claim);
	case CLAIM_ZEROISE_ASKED:
		world->zeroise_asked = true;
		return true;
	case CLAIM_ZEROISED:
		learn_zeroised(world);
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
