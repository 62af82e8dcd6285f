// SPDX-License-Identifier: GPL-2.0-or-later
/* Non-volatile memory: one sparse file per region. What nv_flush() has returned from survives the loss of power. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state.h"

static const struct {
	const char *name;
	uint64_t size;
} regions[PORT_NV_REGIONS] = {
	[PORT_NV_VAULT] = { "vault", 1u << 20 },
	[PORT_NV_LEDGER] = { "ledger", 16u << 20 },
	[PORT_NV_LOG] = { "log", 64u << 20 },
	[PORT_NV_STAGING] = { "staging", 64u << 20 },
	[PORT_NV_FIRMWARE_A] = { "firmware-a", 64u << 20 },
	[PORT_NV_FIRMWARE_B] = { "firmware-b", 64u << 20 },
	[PORT_NV_BOOT] = { "boot", 8192 },
};

const char *state_region_name(enum port_region region)
{
	return regions[region].name;
}

static void file_name(char name[32], size_t region)
{
	snprintf(name, 32, "%s.nv", regions[region].name);
}

bool nv_exists(const struct state *state)
{
	char name[32];
	size_t i;

	for (i = 0; i < PORT_NV_REGIONS; i++) {
		file_name(name, i);
		if (!faccessat(state->folder, name, F_OK, 0))
			return true;
	}
	return false;
}

static int open_region(struct state *state, size_t region, uint64_t wanted)
{
	struct stat stat;
	char name[32];
	int fd;

	file_name(name, region);
	fd = openat(state->folder, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &stat)) {
		if (fd >= 0)
			close(fd);
		return -errno;
	}
	state->nv[region] = fd;
	state->nv_size[region] = (uint64_t)stat.st_size;
	if (!wanted)
		wanted = stat.st_size ? (uint64_t)stat.st_size : regions[region].size;
	if (wanted < (uint64_t)stat.st_size || wanted > INT64_MAX)
		return -EINVAL;
	if (wanted > (uint64_t)stat.st_size && (ftruncate(fd, (off_t)wanted) || fsync(fd)))
		return -errno;
	state->nv_size[region] = wanted;
	return 0;
}

int nv_open(struct state *state, const uint64_t sizes[PORT_NV_REGIONS])
{
	int error = 0;
	size_t i;

	for (i = 0; i < PORT_NV_REGIONS && !error; i++)
		error = open_region(state, i, sizes ? sizes[i] : 0);
	if (!error && fsync(state->folder))
		error = -errno;
	return error;
}

void nv_close(struct state *state)
{
	size_t i;

	for (i = 0; i < PORT_NV_REGIONS; i++)
		if (state->nv[i] >= 0)
			close(state->nv[i]);
}

static bool within(const struct state *state, enum port_region region, uint64_t offset, size_t size)
{
	return (unsigned int)region < PORT_NV_REGIONS && offset <= state->nv_size[region] &&
	       size <= state->nv_size[region] - offset;
}

int nv_read(struct state *state, enum port_region region, uint64_t offset, void *data, size_t size)
{
	uint8_t *bytes = data;
	ssize_t done;

	if (!within(state, region, offset, size))
		return -EINVAL;
	while (size) {
		done = pread(state->nv[region], bytes, size, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		bytes += done;
		offset += (uint64_t)done;
		size -= (size_t)done;
	}
	return 0;
}

int nv_write(struct state *state, enum port_region region, uint64_t offset, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	ssize_t done;

	if (!within(state, region, offset, size))
		return -EINVAL;
	while (size) {
		done = pwrite(state->nv[region], bytes, size, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		bytes += done;
		offset += (uint64_t)done;
		size -= (size_t)done;
	}
	return 0;
}

int nv_flush(struct state *state, enum port_region region)
{
	if ((unsigned int)region >= PORT_NV_REGIONS)
		return -EINVAL;
	return fdatasync(state->nv[region]) ? -errno : 0;
}
