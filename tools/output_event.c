// SPDX-License-Identifier: GPL-2.0-or-later
/* Events, a line each: Documentation/schema/event.schema.json describes the JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "output.h"

/* What a kind of event is called, and which members it has. */
static const struct kind {
	const char *name;
	bool has_state;
	bool has_generation;
	bool has_head;
	bool has_refusal;
} kinds[] = {
	[PROVCARD_MONITOR_LOST] = { .name = "lost" },
	[PROVCARD_MONITOR_CARD_ADDED] = { .name = "card-added", .has_state = true, .has_generation = true },
	[PROVCARD_MONITOR_CARD_REMOVED] = { .name = "card-removed", .has_state = true, .has_generation = true },
	[PROVCARD_MONITOR_CARD_CHANGED] = { .name = "card-changed", .has_state = true, .has_generation = true },
	[PROVCARD_MONITOR_RESET] = { .name = "reset", .has_generation = true },
	[PROVCARD_MONITOR_LIFE_CHANGED] = { .name = "life-changed" },
	[PROVCARD_MONITOR_HEAD_CHANGED] = { .name = "head-changed", .has_head = true },
	[PROVCARD_MONITOR_JOB_CHANGED] = { .name = "job-changed" },
	[PROVCARD_MONITOR_FAULT] = { .name = "fault", .has_refusal = true },
	[PROVCARD_MONITOR_TAMPER] = { .name = "tamper", .has_refusal = true },
	[PROVCARD_MONITOR_FIRMWARE] = { .name = "firmware" },
};

static const struct kind *kind_of(const struct provcard_monitor_event *event)
{
	static const struct kind unknown = { .name = "unknown" };

	return event->kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[event->kind].name ? &kinds[event->kind] : &unknown;
}

static const char *driver_state_name(uint32_t state)
{
	static const char *const names[] = {
		[PROVCARD_MONITOR_STATE_LIVE] = "live",
		[PROVCARD_MONITOR_STATE_RESETTING] = "resetting",
		[PROVCARD_MONITOR_STATE_DEAD] = "dead",
		[PROVCARD_MONITOR_STATE_GONE] = "gone",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

#define FINE_TIME_SIZE 48

/* ISO 8601 with the fraction of the second. */
static const char *to_fine_time(char text[FINE_TIME_SIZE], uint64_t nanoseconds)
{
	char whole[32];

	to_time(whole, (int64_t)(nanoseconds / 1000000000));
	whole[strcspn(whole, "Z")] = '\0';
	snprintf(text, FINE_TIME_SIZE, "%s.%06uZ", whole, (unsigned int)(nanoseconds % 1000000000 / 1000));
	return text;
}

void text_event(struct output *output, const struct provcard_monitor_event *event)
{
	const struct provcard_refusal_info *info = provcard_refusal_find(event->refusal);
	const struct kind *kind = kind_of(event);
	char when[FINE_TIME_SIZE];

	(void)output;
	if (event->kind == PROVCARD_MONITOR_LOST) {
		printf("events were lost: this monitor was too slow\n");
	} else {
		if (event->lost)
			printf("%" PRIu64 " events before the next were lost\n", event->lost);
		printf("%s  #%" PRIu64 "  %s  %s  %s", to_fine_time(when, event->time_ns), event->sequence, event->name,
		       event->serial, kind->name);
		if (kind->has_state)
			printf("  %s", driver_state_name(event->state));
		if (kind->has_generation)
			printf("  generation %u", event->generation);
		if (kind->has_head)
			printf("  head %u", event->head);
		if (kind->has_refusal)
			printf("  %s (%s, 0x%04x)", info ? info->sentence : "unknown refusal", info ? info->name : "UNKNOWN",
			       event->refusal);
		printf("\n");
	}
	fflush(stdout);
}

static void add_members(struct json_object *line, const struct provcard_monitor_event *event)
{
	const struct kind *kind = kind_of(event);
	char when[FINE_TIME_SIZE];

	json_add_text(line, "card", event->name);
	json_add_text(line, "serial", event->serial);
	json_add_number(line, "sequence", event->sequence);
	json_add_text(line, "time", to_fine_time(when, event->time_ns));
	if (kind->has_state)
		json_add_text(line, "state", driver_state_name(event->state));
	if (kind->has_generation)
		json_add_number(line, "generation", event->generation);
	if (kind->has_head)
		json_add_number(line, "head", event->head);
	if (kind->has_refusal)
		json_add_refusal(line, "refusal", event->refusal);
	if (event->lost)
		json_add_number(line, "lost", event->lost);
}

void json_event(struct output *output, const struct provcard_monitor_event *event)
{
	struct json_object *line = json_object_new_object();

	(void)output;
	json_add_number(line, "schema_version", OUTPUT_SCHEMA_VERSION);
	json_add_text(line, "event", kind_of(event)->name);
	if (event->kind != PROVCARD_MONITOR_LOST)
		add_members(line, event);
	printf("%s\n", json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
	json_object_put(line);
}
