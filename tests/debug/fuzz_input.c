// SPDX-License-Identifier: GPL-2.0-or-later
/* Making inputs and changing them. */
#include <string.h>

#include "fuzz_calls.h"

/* xorshift64* */
static uint64_t next(uint64_t *random)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return *random * 0x2545f4914f6cdd1dull;
}

unsigned int fuzz_below(uint64_t *random, unsigned int limit)
{
	return (next(random) >> 33) % limit;
}

void fuzz_input_random(uint64_t *random, struct fuzz_input *input)
{
	input->length = 16 + fuzz_below(random, FUZZ_INPUT_SIZE - 16);
	for (size_t i = 0; i < input->length; i++)
		input->bytes[i] = next(random) >> 56;
}

static void insert(uint64_t *random, struct fuzz_input *input)
{
	size_t most = FUZZ_INPUT_SIZE - input->length;
	size_t count = 1 + fuzz_below(random, 16);
	size_t at = fuzz_below(random, input->length + 1);

	if (count > most)
		count = most;
	memmove(input->bytes + at + count, input->bytes + at, input->length - at);
	for (size_t i = 0; i < count; i++)
		input->bytes[at + i] = next(random) >> 56;
	input->length += count;
}

static void remove_some(uint64_t *random, struct fuzz_input *input)
{
	size_t at = fuzz_below(random, input->length);
	size_t count = 1 + fuzz_below(random, 16);

	if (count >= input->length - at)
		count = input->length - at - !at;
	memmove(input->bytes + at, input->bytes + at + count, input->length - at - count);
	input->length -= count;
}

/* The beginning of this one, the end of another. */
static void splice(uint64_t *random, struct fuzz_input *input, const struct fuzz_input *other)
{
	size_t at = 1 + fuzz_below(random, input->length);
	size_t from = fuzz_below(random, other->length);
	size_t count = other->length - from;

	if (count > FUZZ_INPUT_SIZE - at)
		count = FUZZ_INPUT_SIZE - at;
	memmove(input->bytes + at, other->bytes + from, count);
	input->length = at + count;
}

void fuzz_input_change(uint64_t *random, struct fuzz_input *input, const struct fuzz_input *other)
{
	for (unsigned int changes = 1 + fuzz_below(random, 6); changes; changes--) {
		uint8_t *byte = &input->bytes[fuzz_below(random, input->length)];

		switch (fuzz_below(random, 8)) {
		case 0:
			insert(random, input);
			break;
		case 1:
			remove_some(random, input);
			break;
		case 2:
			splice(random, input, other);
			break;
		case 3:
			*byte ^= 1u << fuzz_below(random, 8);
			break;
		case 4:
			*byte += fuzz_below(random, 2) ? 1 : -1;
			break;
		case 5:
			*byte = 0;
			break;
		default:
			*byte = next(random) >> 56;
			break;
		}
	}
}
