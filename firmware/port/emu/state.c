// SPDX-License-Identifier: GPL-2.0-or-later
/* The state folder: who may use it, and files in it that are replaced whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state.h"

static int write_all(int fd, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	ssize_t done;

	while (size) {
		done = write(fd, bytes, size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		bytes += done;
		size -= (size_t)done;
	}
	return 0;
}

int state_replace(struct state *state, const char *name, const void *data, size_t size)
{
	char fresh[64];
	int fd, error;

	snprintf(fresh, sizeof(fresh), "%s.new", name);
	fd = openat(state->folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	error = write_all(fd, data, size);
	if (!error && fsync(fd))
		error = -errno;
	close(fd);
	if (!error && renameat(state->folder, fresh, state->folder, name))
		error = -errno;
	if (!error && fsync(state->folder))
		error = -errno;
	return error;
}

int state_load(struct state *state, const char *name, void *data, size_t size)
{
	struct stat stat;
	int fd = openat(state->folder, name, O_RDONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &stat))
		error = -errno;
	else if ((uint64_t)stat.st_size != size || read(fd, data, size) != (ssize_t)size)
		error = -EUCLEAN;
	close(fd);
	return error;
}

static int lock_folder(struct state *state)
{
	state->lock = openat(state->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (state->lock < 0)
		return -errno;
	if (flock(state->lock, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
}

int state_open_locked(struct state *state, const char *path, const uint64_t sizes[PORT_NV_REGIONS], int lock)
{
	size_t i;
	int error;

	memset(state, 0, sizeof(*state));
	state->lock = lock;
	state->fuse_file = -1;
	state->floor_file = -1;
	for (i = 0; i < PORT_NV_REGIONS; i++)
		state->nv[i] = -1;
	pthread_mutex_init(&state->mutex, NULL);
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	state->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state->folder < 0)
		return -errno;
	error = lock < 0 ? lock_folder(state) : 0;
	if (!error)
		error = fuse_open(state);
	if (!error)
		error = nv_open(state, sizes);
	if (error)
		state_close(state);
	return error;
}

int state_open(struct state *state, const char *path, const uint64_t sizes[PORT_NV_REGIONS])
{
	return state_open_locked(state, path, sizes, -1);
}

void state_close(struct state *state)
{
	nv_close(state);
	fuse_close(state);
	if (state->lock >= 0)
		close(state->lock);
	close(state->folder);
	pthread_mutex_destroy(&state->mutex);
}
