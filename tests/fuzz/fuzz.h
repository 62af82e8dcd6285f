/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every fuzzing harness shares. A harness is one file: fuzz_begin() makes its world once, fuzz_one() takes one input, and
 * fuzz_seeds() writes the corpus that tests/fuzz/corpus keeps of it.
 *
 * Worlds are made with keys, and signatures of the corpus must fit them: libcrypto's random numbers come from a generator of our
 * own, so that they are the same in every run, and begin anew with every input, so that a finding can be repeated.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provpkg/types.h"

void fuzz_begin(void);
void fuzz_one(struct provpkg_view input);
void fuzz_seeds(void);

/* random.c; a harness without libcrypto has its own, which does nothing. */
void fuzz_random_begin(uint64_t seed);

/* A file of the corpus. */
void fuzz_seed(const char *name, const void *data, size_t size);
/* An input reached what the harness is there to reach; "--accepted" counts these, and a test wants some. */
void fuzz_accepted(void);

/* What must hold whatever the input is. */
#define FUZZ_MUST(what) ((what) ? (void)0 : fuzz_failed(#what, __FILE__, __LINE__))
_Noreturn void fuzz_failed(const char *what, const char *file, int line);

/* Take from the front of an input; zeroes when it is at its end. */
uint8_t fuzz_u8(struct provpkg_view *input);
uint16_t fuzz_u16(struct provpkg_view *input);
uint32_t fuzz_u32(struct provpkg_view *input);
uint64_t fuzz_u64(struct provpkg_view *input);
struct provpkg_view fuzz_take(struct provpkg_view *input, size_t size); /* fewer when there are fewer */

/* Writes what those read: for seeds. */
struct fuzz_writer {
	uint8_t data[65536];
	size_t size;
};
void fuzz_put(struct fuzz_writer *writer, const void *data, size_t size);
void fuzz_put_u8(struct fuzz_writer *writer, uint8_t value);
void fuzz_put_u16(struct fuzz_writer *writer, uint16_t value);
void fuzz_put_u32(struct fuzz_writer *writer, uint32_t value);
void fuzz_put_u64(struct fuzz_writer *writer, uint64_t value);
void fuzz_put_view(struct fuzz_writer *writer, struct provpkg_view view); /* its size in 16 bits first */
/* Its reader. */
struct provpkg_view fuzz_view(struct provpkg_view *input);

#endif
