/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images: the bytes that a RoT configuration programs, read from raw binary, ELF and Intel HEX files. They stand one behind the
 * other in the package's image area; raw binaries and ELF segments stay in their files until they are packed.
 */
#ifndef TOOL_IMAGE_H
#define TOOL_IMAGE_H

#include <provpkg.h>

enum image_format { IMAGE_GUESS, IMAGE_BINARY, IMAGE_ELF, IMAGE_HEX };

/* Bytes that lie together in a file or in memory and go to one address. */
struct image_chunk {
	uint64_t address;
	uint64_t size;
	int fd; /* -1: in memory */
	uint64_t file_offset;
	uint8_t *memory;
};

struct image_chunks {
	struct image_chunk *chunk;
	size_t count;
};

/* Bytes of the image area; what lies between two pieces is erased flash, 0xff. */
struct image_piece {
	uint64_t offset; /* in the area, ascending */
	struct image_chunk from;
};

struct image_area {
	uint64_t size;
	struct image_piece *piece;
	size_t pieces;
	int *fd; /* files held open */
	size_t fds;
};

struct image_request {
	const char *name;
	const char *path;
	enum image_format format;
	bool has_address;
	uint32_t address;
};

/*
 * Add a file: one image in @rot, or several where the file leaves gaps of more than a flash page between its parts; the further
 * ones are named "name.2" and so on. 0 or the exit code, after a message.
 */
int image_add(struct image_area *area, struct provpkg_rot *rot, const struct image_request *request);
/* Bytes of the area. Thread safe. 0 or a negative errno; -EIO when a file became shorter. */
int image_read(const struct image_area *area, uint64_t offset, uint8_t *data, size_t size);
void image_free(struct image_area *area);

/* The formats that bring addresses: 0, or a line that says what is wrong with the file. */
const char *image_parse_elf(int fd, uint64_t file_size, struct image_chunks *chunks);
const char *image_parse_hex(int fd, uint64_t file_size, struct image_chunks *chunks);
/* Room for one more; NULL without memory. */
struct image_chunk *image_chunk_new(struct image_chunks *chunks);

#endif
