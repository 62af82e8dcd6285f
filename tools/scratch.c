// SPDX-License-Identifier: GPL-2.0-or-later
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "errors.h"

struct scratch {
	struct provpkg_spool spool;
	int fd;
};

static int put(void *context, uint64_t offset, const void *data, size_t size)
{
	const struct scratch *scratch = context;
	const uint8_t *from = data;

	while (size) {
		ssize_t done = pwrite(scratch->fd, from, size, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		from += done;
		offset += (uint64_t)done;
		size -= (size_t)done;
	}
	return 0;
}

static int get(void *context, uint64_t offset, void *data, size_t size)
{
	const struct scratch *scratch = context;
	uint8_t *to = data;

	while (size) {
		ssize_t done = pread(scratch->fd, to, size, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		to += done;
		offset += (uint64_t)done;
		size -= (size_t)done;
	}
	return 0;
}

int scratch_keep(void *scratch, uint64_t place, const uint8_t hash[PROVPKG_HASH_SIZE])
{
	return put(scratch, place * PROVPKG_HASH_SIZE, hash, PROVPKG_HASH_SIZE);
}

int scratch_give(void *scratch, uint64_t place, uint8_t hash[PROVPKG_HASH_SIZE])
{
	return get(scratch, place * PROVPKG_HASH_SIZE, hash, PROVPKG_HASH_SIZE);
}

int scratch_open(struct scratch **scratch)
{
	const char *folder = getenv("TMPDIR");
	struct scratch *opened = malloc(sizeof(*opened));
	char *path = NULL;
	int code = 0;

	if (!opened || asprintf(&path, "%s/provcard.XXXXXX", folder && *folder ? folder : "/var/tmp") < 0) {
		free(opened);
		return report_errno("scratch file", -ENOMEM);
	}
	*opened = (struct scratch){ .spool = { put, get, opened }, .fd = mkostemp(path, O_CLOEXEC) };
	if (opened->fd < 0 || unlink(path))
		code = report_errno(path, -errno);
	free(path);
	if (code)
		scratch_close(opened);
	else
		*scratch = opened;
	return code;
}

void scratch_close(struct scratch *scratch)
{
	if (scratch && scratch->fd >= 0)
		close(scratch->fd);
	free(scratch);
}

const struct provpkg_spool *scratch_spool(struct scratch *scratch)
{
	return &scratch->spool;
}
