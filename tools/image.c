// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "errors.h"
#include "image.h"

#define GAP_MAX 4096 /* what lies between two parts of one image, at most */
#define ERASED 0xff

static int unreadable(const struct image_request *request, const char *reason)
{
	char detail[512];

	snprintf(detail, sizeof(detail), "%s: %s", request->path, reason);
	return report_input("pack", PROVCARD_REFUSAL_IMAGE_UNREADABLE, detail);
}

struct image_chunk *image_chunk_new(struct image_chunks *chunks)
{
	struct image_chunk *grown = reallocarray(chunks->chunk, chunks->count + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	chunks->chunk = grown;
	grown += chunks->count++;
	*grown = (struct image_chunk){ .fd = -1 };
	return grown;
}

static const char *parse_binary(const struct image_request *request, int fd, uint64_t file_size, struct image_chunks *chunks)
{
	struct image_chunk *chunk = image_chunk_new(chunks);

	if (!chunk)
		return "out of memory";
	*chunk = (struct image_chunk){ .address = request->address, .size = file_size, .fd = fd };
	return NULL;
}

static enum image_format guess(int fd)
{
	static const char magic[] = { 0x7f, 'E', 'L', 'F' };
	char begin[sizeof(magic)];

	return pread(fd, begin, sizeof(begin), 0) == sizeof(begin) && !memcmp(begin, magic, sizeof(magic)) ? IMAGE_ELF : IMAGE_BINARY;
}

static const char *parse(const struct image_request *request, int fd, uint64_t file_size, struct image_chunks *chunks)
{
	enum image_format format = request->format == IMAGE_GUESS ? guess(fd) : request->format;

	if (!file_size)
		return "the file is empty";
	if (request->has_address != (format == IMAGE_BINARY))
		return format == IMAGE_BINARY ? "a binary file needs an address" : "the file brings its own addresses";
	switch (format) {
	case IMAGE_ELF:
		return image_parse_elf(fd, file_size, chunks);
	case IMAGE_HEX:
		return image_parse_hex(fd, file_size, chunks);
	default:
		return parse_binary(request, fd, file_size, chunks);
	}
}

static int by_address(const void *one, const void *other)
{
	const struct image_chunk *a = one, *b = other;

	return a->address < b->address ? -1 : a->address > b->address;
}

static const char *check_chunks(struct image_chunks *chunks)
{
	if (!chunks->count)
		return "there is nothing in it to program";
	qsort(chunks->chunk, chunks->count, sizeof(chunks->chunk[0]), by_address);
	for (size_t i = 0; i < chunks->count; i++) {
		const struct image_chunk *chunk = &chunks->chunk[i];

		if (chunk->size > UINT32_MAX || chunk->address + chunk->size > 1ull << 32)
			return "it goes beyond 32-bit addresses";
		if (i && chunk->address < chunk[-1].address + chunk[-1].size)
			return "its parts overlap";
	}
	return NULL;
}

static int add_piece(struct image_area *area, uint64_t offset, struct image_chunk *chunk)
{
	struct image_piece *grown = reallocarray(area->piece, area->pieces + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	area->piece = grown;
	area->piece[area->pieces++] = (struct image_piece){ offset, *chunk };
	chunk->memory = NULL; /* the area's now */
	return 0;
}

/* A new image of @rot for the chunk, named after the file's. NULL when there is no room. */
static struct provpkg_image *new_image(const struct image_area *area, struct provpkg_rot *rot, const struct image_request *request,
				       const struct image_chunk *chunk, unsigned int part)
{
	struct provpkg_image *image = &rot->image[rot->images];
	int length;

	if (rot->images == PROVPKG_IMAGES_MAX)
		return NULL;
	*image = (struct provpkg_image){ .address = chunk->address, .offset = area->size };
	if (part == 1)
		length = snprintf(image->name, sizeof(image->name), "%s", request->name);
	else
		length = snprintf(image->name, sizeof(image->name), "%s.%u", request->name, part);
	if (length >= (int)sizeof(image->name))
		return NULL;
	rot->images++;
	return image;
}

static int add_chunks(struct image_area *area, struct provpkg_rot *rot, const struct image_request *request, struct image_chunks *chunks)
{
	struct provpkg_image *image = NULL;
	unsigned int part = 0;

	for (size_t i = 0; i < chunks->count; i++) {
		struct image_chunk *chunk = &chunks->chunk[i];
		uint64_t size = chunk->size;

		if (!image || chunk->address - (image->address + image->size) > GAP_MAX) {
			image = new_image(area, rot, request, chunk, ++part);
			if (!image)
				return report_input("pack", PROVCARD_REFUSAL_ROT_RANGE, "too many images, or a name too long for its parts");
		}
		if (add_piece(area, image->offset + (chunk->address - image->address), chunk))
			return report_errno("pack", -ENOMEM);
		image->size = chunk->address + size - image->address;
		area->size = image->offset + image->size;
	}
	return 0;
}

static int keep_open(struct image_area *area, int fd)
{
	int *grown = reallocarray(area->fd, area->fds + 1, sizeof(*grown));

	if (!grown) {
		close(fd);
		return -ENOMEM;
	}
	area->fd = grown;
	area->fd[area->fds++] = fd;
	return 0;
}

int image_add(struct image_area *area, struct provpkg_rot *rot, const struct image_request *request)
{
	struct image_chunks chunks = { 0 };
	const char *wrong;
	struct stat state;
	int fd = open(request->path, O_RDONLY | O_CLOEXEC);
	int code;

	if (fd < 0)
		return unreadable(request, strerror(errno));
	if (keep_open(area, fd))
		return report_errno("pack", -ENOMEM);
	if (fstat(fd, &state) || !S_ISREG(state.st_mode))
		return unreadable(request, "it is no regular file");
	wrong = parse(request, fd, state.st_size, &chunks);
	if (!wrong)
		wrong = check_chunks(&chunks);
	code = wrong ? unreadable(request, wrong) : add_chunks(area, rot, request, &chunks);
	for (size_t i = 0; i < chunks.count; i++)
		free(chunks.chunk[i].memory);
	free(chunks.chunk);
	return code;
}

static int read_chunk(const struct image_chunk *chunk, uint64_t offset, uint8_t *data, size_t size)
{
	if (chunk->fd < 0) {
		memcpy(data, chunk->memory + offset, size);
		return 0;
	}
	while (size) {
		ssize_t got = pread(chunk->fd, data, size, chunk->file_offset + offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		data += got;
		offset += got;
		size -= got;
	}
	return 0;
}

int image_read(const struct image_area *area, uint64_t offset, uint8_t *data, size_t size)
{
	uint64_t done = offset, end = offset + size;
	int error = 0;

	for (size_t i = 0; i < area->pieces && !error && done < end; i++) {
		const struct image_piece *piece = &area->piece[i];
		uint64_t piece_end = piece->offset + piece->from.size;
		uint64_t until = piece_end < end ? piece_end : end;

		if (piece_end <= done || piece->offset >= end)
			continue;
		if (piece->offset > done) {
			memset(data + (done - offset), ERASED, piece->offset - done);
			done = piece->offset;
		}
		error = read_chunk(&piece->from, done - piece->offset, data + (done - offset), until - done);
		done = until;
	}
	if (!error && done < end)
		memset(data + (done - offset), ERASED, end - done);
	return error;
}

void image_free(struct image_area *area)
{
	for (size_t i = 0; i < area->pieces; i++)
		free(area->piece[i].from.memory);
	for (size_t i = 0; i < area->fds; i++)
		close(area->fd[i]);
	free(area->piece);
	free(area->fd);
	*area = (struct image_area){ 0 };
}
