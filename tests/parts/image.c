// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"

static uint8_t *map(int file, size_t size)
{
	int flags = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *image = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, file, 0);

	if (image == MAP_FAILED) {
		perror("provcard-part: flash");
		return NULL;
	}
	return image;
}

static uint8_t *map_blank(int file, size_t size)
{
	uint8_t *image = map(file, size);

	if (image)
		memset(image, 0xff, size);
	return image;
}

static uint8_t *map_file(const char *path, int file, size_t size)
{
	struct stat status;

	if (fstat(file, &status)) {
		perror(path);
		return NULL;
	}
	if ((size_t)status.st_size == size)
		return map(file, size);
	if (status.st_size) {
		fprintf(stderr, "provcard-part: %s: is not a flash image of this family (%zu bytes)\n", path, size);
		return NULL;
	}
	if (ftruncate(file, (off_t)size)) {
		perror(path);
		return NULL;
	}
	return map_blank(file, size);
}

uint8_t *image_open(const char *path, size_t size)
{
	if (!path)
		return map_blank(-1, size);
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (file < 0) {
		perror(path);
		return NULL;
	}
	uint8_t *image = map_file(path, file, size);

	close(file);
	return image;
}

void image_close(uint8_t *image, size_t size)
{
	if (image)
		munmap(image, size);
}
