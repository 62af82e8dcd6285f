// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define PARTS 24 /* that acts by chance draw from */
#define FULL_LEDGER_RECORDS 84
#define FULL_LOG_ROOM (56u << 10) /* above what the card keeps free */

void plan_sizes(enum plan_kind kind, uint64_t size[PORT_NV_REGIONS])
{
	memset(size, 0, PORT_NV_REGIONS * sizeof(*size));
	size[PORT_NV_VAULT] = 128u << 10;
	size[PORT_NV_LEDGER] = 128u << 10;
	size[PORT_NV_LOG] = 768u << 10;
	size[PORT_NV_STAGING] = 512u << 10;
	if (plan_boots(kind)) {
		size[PORT_NV_FIRMWARE_A] = size[PORT_NV_FIRMWARE_B] = 64u << 10;
		size[PORT_NV_BOOT] = 8u << 10;
	}
	if (kind == PLAN_FULL_LEDGER)
		size[PORT_NV_LEDGER] = JOURNAL_START + FULL_LEDGER_RECORDS * JOURNAL_RECORD_SIZE;
	if (kind == PLAN_FULL_LOG)
		size[PORT_NV_LOG] = LOG_MARGIN + FULL_LOG_ROOM;
}

bool plan_boots(enum plan_kind kind)
{
	return kind == PLAN_FIRMWARE;
}

bool plan_is_tight(enum plan_kind kind)
{
	return kind == PLAN_FULL_LEDGER || kind == PLAN_FULL_LOG;
}

static void expect(const char *what, uint16_t status, uint16_t expected)
{
	if (status == expected)
		return;
	fprintf(stderr, "crash: %s: 0x%04x, not 0x%04x\n", what, status, expected);
	abort();
}

static enum part_fate draw_fate(struct chance *chance)
{
	static const enum part_fate fates[] = { PART_WELL, PART_WELL, PART_WELL, PART_PULLED, PART_BROKEN };

	return fates[chance_below(chance, sizeof(fates) / sizeof(fates[0]))];
}

static void run_some(struct line *line, struct chance *chance, uint32_t job, uint32_t first, size_t count)
{
	struct line_run runs[PARTS_HEADS];

	for (size_t i = 0; i < count; i++)
		runs[i] = (struct line_run){ .job = job, .head = i, .part = first + i, .fate = draw_fate(chance) };
	if (count == 1)
		line_run(line, &runs[0]);
	else
		line_run_together(line, runs, count, chance);
}

/* Groups of heads, one after the other, with new parts; pulled ones get a second try at the end. */
static void run_groups(struct line *line, struct chance *chance, uint32_t job, uint32_t parts)
{
	uint32_t first = job * PARTS / 2;

	for (uint32_t i = 0; i < parts;) {
		size_t count = 1 + (size_t)chance_below(chance, PARTS_HEADS);

		if (count > parts - i)
			count = parts - i;
		run_some(line, chance, job, first + i, count);
		i += count;
	}
	for (uint32_t i = 0; i < parts; i++) {
		struct line_run again = { .job = job, .part = first + i };

		if (chance_below(chance, 2))
			line_run(line, &again);
	}
}

static void restart(struct line *line)
{
	line_switch_off(line);
	line_power_on(line);
	expect("a restart", (uint16_t)line_fault(line), 0);
}

static void begin(struct line *line)
{
	line_power_on(line);
	expect("the first start", (uint16_t)line_fault(line), 0);
	line_prepare(line);
	expect("loading", line_load(line, 0), 0);
	expect("allocating", line_allocate(line, 0, 12), 0);
}

static void play_groups(struct line *line, struct chance *chance)
{
	run_groups(line, chance, 0, 8);
	expect("enrolling", line_enrol(line, 3), 0);
	restart(line);
	expect("loading", line_load(line, 1), 0);
	expect("a grant", line_grant(line, 1, line->ceiling + 5), 0);
	expect("allocating", line_allocate(line, 1, 4), 0);
	run_groups(line, chance, 1, 4);
	run_some(line, chance, 0, 8, 3);
	expect("closing", line_close(line, 0, NULL), 0);
	/* More than was granted: a refusal that leaves a record. */
	expect("allocating too much", line_allocate(line, 1, 1000), REFUSED(ALLOCATION_ABOVE_GRANT));
	run_some(line, chance, 1, 20, 2);
	expect("a termination", line_terminate(line, 1), 0);
	line_switch_off(line);
}

/* Units that are tried again and again, and fail in a way that leaves a record, until there is no room for another. */
static void play_full(struct line *line, struct chance *chance)
{
	struct line_run run = { .job = 0 };

	expect("allocating", line_allocate(line, 0, line->ceiling - 12), 0);
	for (run.part = 0; run.part < WORLD_UNITS / 2; run.part++) {
		run.fate = chance_below(chance, 3) ? PART_WELL : PART_PULLED;
		line_run(line, &run);
		if (run.status == REFUSED(LEDGER_FULL) || run.status == REFUSED(LOG_FULL))
			break;
		if (run.part % 8 == 7)
			restart(line);
	}
	if (run.part == WORLD_UNITS / 2)
		expect("a full memory", 0, REFUSED(LEDGER_FULL));
	restart(line);
	expect("closing", line_close(line, 0, NULL), 0);
	line_switch_off(line);
}

static void play_mixed(struct line *line, struct chance *chance)
{
	for (int i = 0; i < 24; i++) {
		plan_act(line, chance);
		if (!chance_below(chance, 8))
			restart(line);
	}
	line_switch_off(line);
}

static void play_zeroise(struct line *line, struct chance *chance)
{
	run_groups(line, chance, 0, 6);
	restart(line);
	run_some(line, chance, 0, 6, 3);
	expect("zeroising", line_zeroise(line), 0);
	restart(line);
	line_switch_off(line);
}

/* Out of service and back, with the clock set on the way, and at last for good. */
static void play_life(struct line *line, struct chance *chance)
{
	expect("enrolling", line_enrol(line, 6), 0);
	run_groups(line, chance, 0, 4);
	expect("setting the time", line_set_time(line, (uint64_t)PKI_NOW + chance_below(chance, 3000)), 0);
	run_some(line, chance, 0, 4, 2);
	expect("maintenance", line_set_state(line, WORLD_IN_MAINTENANCE), 0);
	restart(line);
	expect("setting the time", line_set_time(line, (uint64_t)PKI_NOW + 4000 + chance_below(chance, 3000)), 0);
	expect("service", line_set_state(line, WORLD_IN_SERVICE), 0);
	expect("loading", line_load(line, 1), 0);
	expect("allocating", line_allocate(line, 1, 2), 0);
	run_some(line, chance, 1, 20, 2);
	expect("decommissioning", line_set_state(line, WORLD_DECOMMISSIONED), 0);
	restart(line);
	line_switch_off(line);
}

static void fail_until_locked(struct line *line)
{
	expect("a failure", line_fail(line), REFUSED(APPROVER_ROLE));
	expect("a failure", line_fail(line), REFUSED(APPROVER_ROLE));
	expect("a locked person", line_fail(line), REFUSED(APPROVER_LOCKED));
}

/* They come, fail, are locked out, unlocked, and go. */
static void play_people(struct line *line, struct chance *chance)
{
	expect("enrolling", line_enrol(line, 3), 0);
	expect("enrolling", line_enrol(line, 4), 0);
	expect("a policy", line_set_policy(line, 2), 0);
	fail_until_locked(line);
	run_groups(line, chance, 0, 3);
	restart(line);
	expect("a locked person", line_fail(line), REFUSED(APPROVER_LOCKED));
	expect("an audit", line_audit(line), 0);
	expect("unlocking", line_unlock(line, 4), 0);
	expect("a failure", line_fail(line), REFUSED(APPROVER_ROLE));
	expect("removing", line_remove(line, 4), 0);
	expect("enrolling", line_enrol(line, 4), 0);
	fail_until_locked(line);
	expect("removing", line_remove(line, 3), 0);
	expect("a policy", line_set_policy(line, 5), 0);
	restart(line);
	run_some(line, chance, 0, 6, 3);
	expect("closing", line_close(line, 0, NULL), 0);
	line_switch_off(line);
}

/* Two updates, the second over the first one's slot. */
static void play_firmware(struct line *line, struct chance *chance)
{
	run_groups(line, chance, 0, 2);
	for (uint32_t number = 1; number < LINE_FIRMWARE; number++) {
		expect("storing firmware", line_store_firmware(line, number), 0);
		expect("activating firmware", line_activate_firmware(line, number), 0);
		restart(line);
		expect("the new firmware", (uint16_t)line->board->firmware.security_version, (uint16_t)(number + 1));
		run_some(line, chance, 0, 1 + number, 1);
	}
	expect("older firmware", line_store_firmware(line, 0), REFUSED(FIRMWARE_ROLLBACK));
	line_switch_off(line);
}

void plan_play(struct line *line, enum plan_kind kind, struct chance *chance)
{
	begin(line);
	if (kind == PLAN_GROUPS)
		play_groups(line, chance);
	else if (plan_is_tight(kind))
		play_full(line, chance);
	else if (kind == PLAN_ZEROISE)
		play_zeroise(line, chance);
	else if (kind == PLAN_LIFE)
		play_life(line, chance);
	else if (kind == PLAN_PEOPLE)
		play_people(line, chance);
	else if (kind == PLAN_FIRMWARE)
		play_firmware(line, chance);
	else
		play_mixed(line, chance);
}

static void act_on_heads(struct line *line, struct chance *chance, uint32_t job)
{
	struct line_run runs[PARTS_HEADS];
	size_t count = 1 + (size_t)chance_below(chance, PARTS_HEADS);
	uint32_t first = (uint32_t)chance_below(chance, PARTS);

	for (size_t i = 0; i < count; i++)
		runs[i] = (struct line_run){ .job = job, .head = i, .part = (first + 5 * i) % PARTS, .fate = draw_fate(chance) };
	if (count == 1)
		line_run(line, &runs[0]);
	else
		line_run_together(line, runs, count, chance);
}

static void act_on_life(struct line *line, struct chance *chance)
{
	switch (chance_below(chance, 8)) {
	case 0:
		(void)line_set_state(line, WORLD_DECOMMISSIONED);
		return;
	case 1:
	case 2:
		(void)line_set_state(line, WORLD_IN_MAINTENANCE);
		return;
	case 3:
	case 4:
		(void)line_set_state(line, WORLD_IN_SERVICE);
		return;
	default:
		(void)line_set_time(line, line->board->clock + chance_below(chance, 20000));
	}
}

static void act_on_people(struct line *line, struct chance *chance)
{
	switch (chance_below(chance, 8)) {
	case 0:
		(void)line_remove(line, 3 + (uint32_t)chance_below(chance, 2));
		return;
	case 1:
		(void)line_unlock(line, 4);
		return;
	case 2:
		(void)line_set_policy(line, 2 + (uint32_t)chance_below(chance, 3));
		return;
	case 3:
		(void)line_audit(line);
		return;
	case 4:
		(void)line_enrol(line, 4);
		return;
	default:
		(void)line_fail(line);
	}
}

static void act_on_firmware(struct line *line, struct chance *chance)
{
	uint32_t number = (uint32_t)chance_below(chance, LINE_FIRMWARE);

	if (!line_store_firmware(line, number) && chance_below(chance, 4))
		(void)line_activate_firmware(line, number);
}

static void act_to_end(struct line *line, struct chance *chance, uint32_t job)
{
	switch (chance_below(chance, 12)) {
	case 0:
	case 1:
		(void)line_terminate(line, job);
		return;
	case 2:
		(void)line_zeroise(line);
		return;
	case 3:
	case 4:
		(void)line_close(line, job, NULL);
	}
}

void plan_act(struct line *line, struct chance *chance)
{
	uint32_t job = (uint32_t)chance_below(chance, WORLD_JOBS);
	const struct vault *vault = line->station.core->vault;

	if (line_fault(line) || !vault_find_name(vault, world_name[2]))
		return;
	if (line->seen.state == WORLD_IN_MAINTENANCE && chance_below(chance, 2))
		(void)line_set_state(line, WORLD_IN_SERVICE);
	if (line->vendor && !chance_below(chance, 4))
		act_on_firmware(line, chance);
	switch (chance_below(chance, 15)) {
	case 0:
		(void)line_allocate(line, job, 1 + chance_below(chance, 6));
		return;
	case 1:
		(void)line_grant(line, job, line->ceiling + chance_below(chance, 20));
		return;
	case 2:
		(void)line_enrol(line, 3 + (uint32_t)chance_below(chance, 4));
		return;
	case 3:
		(void)line_load(line, job);
		return;
	case 4:
		act_to_end(line, chance, job);
		return;
	case 5:
		act_on_life(line, chance);
		return;
	case 6:
	case 7:
		act_on_people(line, chance);
		return;
	default:
		act_on_heads(line, chance, job);
	}
}
