// SPDX-License-Identifier: GPL-2.0-or-later
#include "clock.h"

#include <string.h>

#include "request.h"

#define SECOND_NS 1000000000u
#define TIME_MAX 253402300799 /* the end of the year 9999 */

static uint64_t battery_time(const struct core *core)
{
	return core->port->ops->clock_seconds(core->port->context);
}

static uint64_t monotonic_ns(const struct core *core)
{
	return core->port->ops->monotonic_ns(core->port->context);
}

void core_time_at_least(struct core *core, uint64_t time)
{
	unsigned long long last = atomic_load(&core->last_time);

	while (time > last && !atomic_compare_exchange_weak(&core->last_time, &last, time))
		;
}

uint64_t core_time(struct core *core)
{
	struct core_clock *clock = &core->clock;
	uint64_t now;

	mtx_lock(&clock->lock);
	if (clock->steady)
		now = clock->base + (monotonic_ns(core) - clock->base_ns) / SECOND_NS;
	else
		now = battery_time(core);
	mtx_unlock(&clock->lock);
	core_time_at_least(core, now);
	return atomic_load(&core->last_time);
}

bool core_time_authenticated(struct core *core)
{
	bool authenticated;

	mtx_lock(&core->clock.lock);
	authenticated = core->clock.authenticated;
	mtx_unlock(&core->clock.lock);
	return authenticated;
}

void clock_doubt(struct core *core)
{
	mtx_lock(&core->clock.lock);
	core->clock.authenticated = false;
	mtx_unlock(&core->clock.lock);
}

static void count_from(struct core *core, uint64_t time, bool authenticated)
{
	mtx_lock(&core->clock.lock);
	core->clock.steady = true;
	core->clock.authenticated = authenticated;
	core->clock.base = time;
	core->clock.base_ns = monotonic_ns(core);
	mtx_unlock(&core->clock.lock);
	core_time_at_least(core, time);
}

/* That the clock was lost is written down: by the next start it may look right again. */
static void note_loss(struct core *core)
{
	struct commit commit = { .change = { .type = LEDGER_TIME, .job = LEDGER_NO_JOB } };

	core_log(core, "the battery clock went back: card time is not authenticated any more");
	(void)commit_run(core, &commit);
}

void clock_start(struct core *core)
{
	const struct ledger_clock *set = &core->ledger.clock;
	uint64_t battery = battery_time(core), last = atomic_load(&core->last_time), now;

	if (!set->time) {
		if (battery < last)
			count_from(core, last, false);
		return;
	}
	now = set->time + (battery - set->battery);
	if (battery >= set->battery && now >= last) {
		count_from(core, now, true);
		return;
	}
	count_from(core, last, false);
	note_loss(core);
}

static int judge_time(const struct request *request, uint64_t now)
{
	uint64_t time = (uint64_t)request->body.set_time.time;

	if (monotonic_ns(request->core) - request->core->nonce_drawn_ns > CLOCK_DELAY_MAX * (uint64_t)SECOND_NS)
		return PROVCARD_REFUSAL_TIME_LATE;
	if (time + CLOCK_TOLERANCE < now)
		return PROVCARD_REFUSAL_TIME_BACKWARDS;
	if (time > TIME_MAX)
		return PROVCARD_REFUSAL_TIME_TOO_FAR;
	/* A wrong time far ahead would end every grant, and no way leads back. */
	if (time > now + CLOCK_STEP_MAX && people_signed(request, PROVPKG_ROLE_OFFICER) < request->vault->policy.officers)
		return PROVCARD_REFUSAL_TIME_TOO_FAR;
	return 0;
}

int operation_set_time(struct request *request)
{
	struct core *core = request->core;
	uint64_t now = core_time(core), time = (uint64_t)request->body.set_time.time;
	struct commit commit = { .change = { .type = LEDGER_TIME, .job = LEDGER_NO_JOB } };
	struct provpkg_record record;
	int code = judge_time(request, now);

	if (code)
		return code;
	commit.change.clock.time = time > now ? time : now;
	commit.change.clock.battery = battery_time(core);
	request_attach(request, PROVPKG_EVENT_TIME_SET, &record, &commit);
	code = commit_run(core, &commit);
	if (!code)
		count_from(core, commit.change.clock.time, true);
	return code;
}
