// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * find-pieces MEMORY EARLIER SECRET...: does any 16-byte piece of the secret files stand anywhere in the memory file, at any
 * alignment? Pieces of fewer than 8 different bytes (blank flash, zeroes, padding) say nothing and are not looked for; nor are
 * those that the memory held EARLIER, before there was a secret (constants of SHA-256, which firmware and kernel have too).
 * Prints what it found and how many pieces it looked for; exits 1 when it found one, 2 when it could not look.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 16
#define DISTINCT 8
#define FILTER_BITS 27
#define SLOTS (1u << 22)

struct piece {
	const uint8_t *bytes; /* NULL: free slot */
	const char *file;
	size_t offset;
	bool public;
};

static uint8_t filter[1u << (FILTER_BITS - 3)];
static struct piece table[SLOTS];
static size_t pieces;

static uint64_t hash(const uint8_t *bytes)
{
	uint64_t head, tail;

	memcpy(&head, bytes, 8);
	memcpy(&tail, bytes + 8, 8);
	return (head ^ (tail * 0x9e3779b97f4a7c15u)) * 0xd6e8feb86659fd93u;
}

static bool tells(const uint8_t *bytes)
{
	uint64_t seen[4] = { 0 };
	int distinct = 0;

	for (int i = 0; i < PIECE; i++)
		seen[bytes[i] / 64] |= 1ull << (bytes[i] % 64);
	for (int i = 0; i < 4; i++)
		distinct += __builtin_popcountll(seen[i]);
	return distinct >= DISTINCT;
}

static const uint8_t *map(const char *path, size_t *size)
{
	struct stat status;
	int file = open(path, O_RDONLY);
	void *bytes;

	if (file < 0 || fstat(file, &status) || !status.st_size) {
		fprintf(stderr, "find-pieces: cannot read %s\n", path);
		exit(2);
	}
	bytes = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	close(file);
	if (bytes == MAP_FAILED)
		exit(2);
	*size = status.st_size;
	return bytes;
}

static void add(const uint8_t *bytes, const char *file, size_t offset)
{
	uint64_t key = hash(bytes);
	size_t slot = key % SLOTS;

	while (table[slot].bytes && memcmp(table[slot].bytes, bytes, PIECE))
		slot = (slot + 1) % SLOTS;
	if (table[slot].bytes)
		return;
	if (++pieces > SLOTS / 2) {
		fprintf(stderr, "find-pieces: too many pieces\n");
		exit(2);
	}
	table[slot] = (struct piece){ .bytes = bytes, .file = file, .offset = offset };
	key >>= 64 - FILTER_BITS;
	filter[key / 8] |= 1u << (key % 8);
}

static struct piece *find(const uint8_t *bytes)
{
	uint64_t key = hash(bytes);
	uint64_t bit = key >> (64 - FILTER_BITS);

	if (!(filter[bit / 8] & (1u << (bit % 8))))
		return NULL;
	for (size_t slot = key % SLOTS; table[slot].bytes; slot = (slot + 1) % SLOTS)
		if (!memcmp(table[slot].bytes, bytes, PIECE))
			return &table[slot];
	return NULL;
}

static void forget_public(const uint8_t *memory, size_t size)
{
	for (size_t i = 0; i + PIECE <= size; i++) {
		struct piece *piece = find(memory + i);

		if (piece && !piece->public) {
			piece->public = true;
			pieces--;
		}
	}
}

static size_t search(const uint8_t *memory, size_t size)
{
	size_t found = 0;

	for (size_t i = 0; i + PIECE <= size; i++) {
		const struct piece *piece = find(memory + i);

		if (piece && !piece->public && ++found <= 10)
			printf("memory offset %zu holds bytes %zu to %zu of %s\n", i, piece->offset, piece->offset + PIECE - 1,
			       piece->file);
	}
	return found;
}

int main(int argc, char **argv)
{
	size_t size, found;
	const uint8_t *memory;

	if (argc < 4) {
		fprintf(stderr, "usage: find-pieces MEMORY EARLIER SECRET...\n");
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		const uint8_t *secret = map(argv[i], &size);

		for (size_t offset = 0; offset + PIECE <= size; offset++)
			if (tells(secret + offset))
				add(secret + offset, argv[i], offset);
	}
	memory = map(argv[2], &size);
	forget_public(memory, size);
	memory = map(argv[1], &size);
	found = search(memory, size);
	printf("%zu pieces looked for in %zu bytes, %zu found\n", pieces, size, found);
	return found ? 1 : pieces ? 0 : 2;
}
