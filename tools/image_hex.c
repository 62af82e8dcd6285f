// SPDX-License-Identifier: GPL-2.0-or-later
/* Intel HEX, record types 00 to 05. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"

#define LINE_MAX_BYTES (1 + 2 * (1 + 2 + 1 + 255 + 1) + 2 + 1)

struct hex_record {
	uint8_t size;
	uint16_t address;
	uint8_t type;
	uint8_t data[256]; /* the checksum behind it */
};

static bool parse_byte(const char *text, uint8_t *byte)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *high = text[0] ? strchr(digits, text[0]) : NULL;
	const char *low = high && text[1] ? strchr(digits, text[1]) : NULL;

	if (!low)
		return false;
	*byte = ((high - digits) & 15) << 4 | ((low - digits) & 15);
	return true;
}

static bool parse_record(const char *line, struct hex_record *record)
{
	uint8_t raw[5 + 255], sum = 0;
	size_t length = strcspn(line, "\r\n");
	size_t count = (length - 1) / 2;

	if (line[0] != ':' || length < 11 || !(length & 1) || count > sizeof(raw))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!parse_byte(line + 1 + 2 * i, &raw[i]))
			return false;
		sum += raw[i];
	}
	if (sum || raw[0] + 5u != count)
		return false;
	record->size = raw[0];
	record->address = raw[1] << 8 | raw[2];
	record->type = raw[3];
	memcpy(record->data, raw + 4, record->size + 1u);
	return true;
}

/* Append to the chunk before when the bytes follow it, so that a file becomes few chunks. */
static const char *take_data(const struct hex_record *record, uint32_t base, struct image_chunks *chunks)
{
	uint64_t address = (uint64_t)base + record->address;
	struct image_chunk *chunk = chunks->count ? &chunks->chunk[chunks->count - 1] : NULL;
	uint8_t *grown;

	if (!record->size)
		return NULL;
	if (!chunk || chunk->address + chunk->size != address) {
		chunk = image_chunk_new(chunks);
		if (!chunk)
			return "out of memory";
		chunk->address = address;
	}
	grown = realloc(chunk->memory, chunk->size + record->size);
	if (!grown)
		return "out of memory";
	chunk->memory = grown;
	memcpy(grown + chunk->size, record->data, record->size);
	chunk->size += record->size;
	return NULL;
}

static const char *take_record(const struct hex_record *record, uint32_t *base, bool *ended, struct image_chunks *chunks)
{
	switch (record->type) {
	case 0:
		return take_data(record, *base, chunks);
	case 1:
		*ended = true;
		return record->size ? "its end record has data" : NULL;
	case 2:
	case 4:
		if (record->size != 2)
			return "an address record has not two bytes";
		*base = (uint32_t)(record->data[0] << 8 | record->data[1]) << (record->type == 2 ? 4 : 16);
		return NULL;
	case 3:
	case 5: /* where to start: the part's vector table says that */
		return NULL;
	default:
		return "a record has an unknown type";
	}
}

const char *image_parse_hex(int fd, uint64_t file_size, struct image_chunks *chunks)
{
	char line[LINE_MAX_BYTES];
	const char *wrong = NULL;
	struct hex_record record;
	bool ended = false;
	uint32_t base = 0;
	int again = dup(fd);
	FILE *file = again < 0 ? NULL : fdopen(again, "r");

	(void)file_size;
	if (!file)
		return "it cannot be read";
	while (!wrong && !ended && fgets(line, sizeof(line), file)) {
		if (line[strspn(line, " \t\r\n")] == '\0')
			continue;
		wrong = parse_record(line, &record) ? take_record(&record, &base, &ended, chunks) : "a record is malformed or its checksum wrong";
	}
	if (!wrong && !ended)
		wrong = "its end record is missing";
	fclose(file);
	return wrong;
}
