// SPDX-License-Identifier: GPL-2.0-or-later
/* A production line and the life of its card: states, time, zeroising. */
#include <string.h>

#include <openssl/sha.h>

#include "core/internal.h"
#include "tests/crash/line.h"

void line_life(const struct line *line, uint8_t life[PROVPKG_HASH_SIZE])
{
	const struct vault_secrets *secrets = line->station.core->vault->secrets;

	/* The one secret that a decommissioned card keeps. */
	SHA256(secrets->ledger_key, sizeof(secrets->ledger_key), life);
}

bool line_is_reborn(const struct line *line, const struct world *world)
{
	uint8_t life[PROVPKG_HASH_SIZE];

	line_life(line, life);
	return world->alive && memcmp(life, world->life, sizeof(life));
}

static void claim_and_learn(struct line *line, const struct claim *claim)
{
	world_learn(&line->seen, claim);
	board_claim(line->board, *claim);
}

static enum world_state state_told(struct line *line)
{
	switch (station_status(&line->station).state) {
	case PROVCARD_CARD_MAINTENANCE:
		return WORLD_IN_MAINTENANCE;
	case PROVCARD_CARD_DECOMMISSIONED:
		return WORLD_DECOMMISSIONED;
	default:
		return WORLD_IN_SERVICE;
	}
}

void line_look_at_life(struct line *line)
{
	struct claim claim = { .kind = CLAIM_LIFE_TOLD };

	if (!line->seen.alive) {
		line_life(line, claim.digest);
		claim_and_learn(line, &claim);
	}
	claim = (struct claim){ .kind = CLAIM_STATE_TOLD, .value = state_told(line) };
	if (claim.value != line->seen.state)
		claim_and_learn(line, &claim);
}

/* The card waits until the request is alone with it, so nobody may ask from within. */
static uint16_t request_alone(struct line *line, struct provpkg_request *request, const struct person *person)
{
	uint16_t status;

	line->quiet = true;
	status = station_request(&line->station, request, person, NULL);
	line->quiet = false;
	return status;
}

uint16_t line_zeroise(struct line *line)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ZEROISE };
	uint16_t status;

	board_claim(line->board, (struct claim){ .kind = CLAIM_ZEROISE_ASKED });
	status = request_alone(line, &request, &line->station.officer);
	memset(line->handle, 0, sizeof(line->handle));
	if (!status) {
		world_new(&line->seen);
		board_claim(line->board, (struct claim){ .kind = CLAIM_ZEROISED });
	}
	line_look(line);
	return status;
}

/* It closes the jobs that are open. */
static uint16_t decommission(struct line *line, struct provpkg_request *request)
{
	uint16_t status;

	for (uint32_t job = 0; job < WORLD_JOBS; job++) {
		board_claim(line->board, (struct claim){ .kind = CLAIM_CLOSE_ASKED, .index = job });
		line->seen.job[job].close_asked = true;
	}
	status = request_alone(line, request, &line->station.officer);
	memset(line->handle, 0, sizeof(line->handle));
	return status;
}

uint16_t line_set_state(struct line *line, enum world_state state)
{
	static const uint32_t name[] = { [WORLD_IN_SERVICE] = PROVCARD_CARD_OPERATIONAL,
					 [WORLD_IN_MAINTENANCE] = PROVCARD_CARD_MAINTENANCE,
					 [WORLD_DECOMMISSIONED] = PROVCARD_CARD_DECOMMISSIONED };
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_SET_STATE, .set_state.state = name[state] };
	uint16_t status;

	board_claim(line->board, (struct claim){ .kind = CLAIM_STATE_ASKED, .value = state });
	if (state == WORLD_DECOMMISSIONED)
		status = decommission(line, &request);
	else
		status = station_request(&line->station, &request, &line->station.officer, NULL);
	line_look(line);
	if (!line_fault(line)) {
		board_claim(line->board, (struct claim){ .kind = CLAIM_STATE_TOLD, .value = state_told(line) });
		board_claim(line->board, (struct claim){ .kind = CLAIM_STATE_SETTLED });
	}
	return status;
}

uint16_t line_set_time(struct line *line, uint64_t time)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_SET_TIME, .set_time.time = (int64_t)time };
	uint16_t status;

	board_claim(line->board, (struct claim){ .kind = CLAIM_TIME_ASKED });
	status = station_request(&line->station, &request, &line->authority, NULL);
	if (!status)
		board_claim(line->board, (struct claim){ .kind = CLAIM_TIME_SET, .value = time });
	line_look(line);
	return status;
}
