/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inputs of fuzz_ioctl: strings of bytes, and what they mean to a card. */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_INPUT_SIZE 512

struct fuzz_input {
	size_t length;
	uint8_t bytes[FUZZ_INPUT_SIZE];
};

/* fuzz_input.c: the same @random makes the same. */
unsigned int fuzz_below(uint64_t *random, unsigned int limit);
void fuzz_input_random(uint64_t *random, struct fuzz_input *input);
void fuzz_input_change(uint64_t *random, struct fuzz_input *input, const struct fuzz_input *other);

/* fuzz_calls.c */
bool fuzz_calls_open(const char *device);
void fuzz_input_run(const struct fuzz_input *input);
void fuzz_calls_report(void);
bool fuzz_card_answers(void);

#endif
