// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "part.h"

static const char *const trigger_names[] = { "clock", "erase", "write" };
static const char *const action_names[] = { "pull", "power", "wait", "fault", "parity", "flip" };

static int find(const char *const *names, unsigned int count, const char *name)
{
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -1;
}

static bool parse_stuck(struct faults *faults, const char *line)
{
	unsigned int address, bit, value;

	if (sscanf(line, "stuck %i %u %u", (int *)&address, &bit, &value) != 3 || bit > 7 || value > 1)
		return false;
	if (faults->stuck_count == FAULTS_MAX)
		return false;
	faults->stuck[faults->stuck_count++] = (struct fault_stuck){ .address = address, .bit = (uint8_t)bit, .value = value };
	return true;
}

static bool parse_event(struct faults *faults, const char *line)
{
	char trigger_name[16], action_name[16];
	uint32_t count = 1;
	uint64_t number;

	if (sscanf(line, "%15s %" SCNu64 " %15s %" SCNu32, trigger_name, &number, action_name, &count) < 3)
		return false;
	int trigger = find(trigger_names, FAULT_TRIGGERS, trigger_name);
	int action = find(action_names, sizeof(action_names) / sizeof(action_names[0]), action_name);

	if (trigger < 0 || action < 0 || faults->event_count == FAULTS_MAX)
		return false;
	faults->events[faults->event_count++] = (struct fault_event){
		.trigger = (enum fault_trigger)trigger,
		.number = number,
		.action = (enum fault_action)action,
		.count = count,
	};
	return true;
}

static bool parse_line(struct faults *faults, char *line)
{
	line[strcspn(line, "#\n")] = '\0';
	line += strspn(line, " \t");
	if (!*line)
		return true;
	return strncmp(line, "stuck ", 6) ? parse_event(faults, line) : parse_stuck(faults, line);
}

bool faults_load(struct faults *faults, const char *path)
{
	FILE *script = fopen(path, "r");
	unsigned int number = 0;
	bool good = true;
	char line[256];

	if (!script) {
		perror(path);
		return false;
	}
	while (good && fgets(line, sizeof(line), script)) {
		number++;
		good = parse_line(faults, line);
	}
	if (!good)
		fprintf(stderr, "provcard-part: %s:%u: no fault, or one too many; fault.h describes the script\n", path, number);
	fclose(script);
	return good;
}

static void act(struct part *part, const struct fault_event *event)
{
	switch (event->action) {
	case FAULT_PULL:
		_exit(FAULT_EXIT_PULLED);
	case FAULT_POWER:
		part->faults.power_fails = true;
		break;
	case FAULT_WAIT:
		part->dp.wait_storm = event->count;
		break;
	case FAULT_BUS:
		part->dp.next_fails = true;
		break;
	case FAULT_PARITY:
		part->wire.spoil_parity = true;
		break;
	case FAULT_FLIP:
		part->faults.flip = true;
		break;
	}
}

void faults_check(struct part *part, enum fault_trigger trigger, uint64_t number)
{
	for (unsigned int i = 0; i < part->faults.event_count; i++) {
		struct fault_event *event = &part->faults.events[i];

		if (event->done || event->trigger != trigger || event->number != number)
			continue;
		event->done = true;
		act(part, event);
	}
}

void faults_hold(struct part *part)
{
	for (unsigned int i = 0; i < part->faults.stuck_count; i++) {
		const struct fault_stuck *stuck = &part->faults.stuck[i];
		uint8_t *byte = part->family->nonvolatile(part->state, stuck->address);

		if (!byte)
			continue;
		*byte = (uint8_t)((*byte & ~(1u << stuck->bit)) | (unsigned int)stuck->value << stuck->bit);
	}
}

void faults_erased(struct part *part)
{
	faults_hold(part);
	faults_check(part, FAULT_AT_ERASE, ++part->faults.erases);
}

void faults_written(struct part *part)
{
	faults_hold(part);
	faults_check(part, FAULT_AT_WRITE, ++part->faults.writes);
}
