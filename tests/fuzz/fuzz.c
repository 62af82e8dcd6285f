// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *seed_folder;
static bool counting;
static unsigned int inputs, accepted;

static void report(void)
{
	if (counting)
		printf("accepted %u of %u\n", accepted, inputs);
	fflush(stdout);
}

/* "--seeds=FOLDER" writes the corpus and ends; "--accepted" counts at the end. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_random_begin(1);
	for (int i = 1; i < *argc; i++) {
		if (!strncmp((*argv)[i], "--seeds=", 8))
			seed_folder = (*argv)[i] + 8;
		counting |= !strcmp((*argv)[i], "--accepted");
	}
	atexit(report);
	fuzz_begin();
	if (!seed_folder)
		return 0;
	fuzz_seeds();
	exit(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_random_begin(2);
	inputs++;
	fuzz_one((struct provpkg_view){ data, size });
	return 0;
}

void fuzz_seed(const char *name, const void *data, size_t size)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", seed_folder, name);
	file = fopen(path, "wb");
	FUZZ_MUST(file && fwrite(data, 1, size, file) == size && !fclose(file));
}

void fuzz_accepted(void)
{
	accepted++;
}

_Noreturn void fuzz_failed(const char *what, const char *file, int line)
{
	printf("%s:%d: does not hold: %s\n", file, line, what);
	fflush(stdout);
	abort();
}

struct provpkg_view fuzz_take(struct provpkg_view *input, size_t size)
{
	struct provpkg_view taken = { input->data, size < input->size ? size : input->size };

	input->data += taken.size;
	input->size -= taken.size;
	return taken;
}

static void take_number(struct provpkg_view *input, void *number, size_t size)
{
	struct provpkg_view taken = fuzz_take(input, size);

	if (taken.size)
		memcpy(number, taken.data, taken.size);
}

uint8_t fuzz_u8(struct provpkg_view *input)
{
	uint8_t value = 0;

	take_number(input, &value, sizeof(value));
	return value;
}

uint16_t fuzz_u16(struct provpkg_view *input)
{
	uint16_t value = 0;

	take_number(input, &value, sizeof(value));
	return value;
}

uint32_t fuzz_u32(struct provpkg_view *input)
{
	uint32_t value = 0;

	take_number(input, &value, sizeof(value));
	return value;
}

uint64_t fuzz_u64(struct provpkg_view *input)
{
	uint64_t value = 0;

	take_number(input, &value, sizeof(value));
	return value;
}

struct provpkg_view fuzz_view(struct provpkg_view *input)
{
	uint16_t size = fuzz_u16(input);

	return fuzz_take(input, size);
}

void fuzz_put(struct fuzz_writer *writer, const void *data, size_t size)
{
	FUZZ_MUST(size <= sizeof(writer->data) - writer->size);
	if (size)
		memcpy(writer->data + writer->size, data, size);
	writer->size += size;
}

void fuzz_put_u8(struct fuzz_writer *writer, uint8_t value)
{
	fuzz_put(writer, &value, sizeof(value));
}

void fuzz_put_u16(struct fuzz_writer *writer, uint16_t value)
{
	fuzz_put(writer, &value, sizeof(value));
}

void fuzz_put_u32(struct fuzz_writer *writer, uint32_t value)
{
	fuzz_put(writer, &value, sizeof(value));
}

void fuzz_put_u64(struct fuzz_writer *writer, uint64_t value)
{
	fuzz_put(writer, &value, sizeof(value));
}

void fuzz_put_view(struct fuzz_writer *writer, struct provpkg_view view)
{
	FUZZ_MUST(view.size <= UINT16_MAX);
	fuzz_put_u16(writer, (uint16_t)view.size);
	fuzz_put(writer, view.data, view.size);
}
