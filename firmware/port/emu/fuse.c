// SPDX-License-Identifier: GPL-2.0-or-later
/* The two things that silicon holds: a counter that only rises, and a secret that nothing outside can read. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "state.h"

#define FUSE_FILE "fuse"
#define ROOT_FILE "root"
#define ROOT_SIZE 32

static int fuse_store(struct state *state, uint64_t count)
{
	uint64_t words[2] = { htole64(count), htole64(~count) };

	return state_replace(state, FUSE_FILE, words, sizeof(words));
}

int fuse_open(struct state *state)
{
	uint64_t words[2];
	int error = state_load(state, FUSE_FILE, words, sizeof(words));

	if (error == -ENOENT)
		return nv_exists(state) ? -EUCLEAN : fuse_store(state, 0);
	if (error)
		return error;
	if (words[0] != ~words[1])
		return -EUCLEAN;
	state->fuse = le64toh(words[0]);
	return 0;
}

int fuse_increment(struct state *state)
{
	int error;

	pthread_mutex_lock(&state->mutex);
	error = state->fuse == UINT64_MAX ? -EOVERFLOW : fuse_store(state, state->fuse + 1);
	if (!error)
		state->fuse++;
	pthread_mutex_unlock(&state->mutex);
	return error;
}

static int root_create(struct state *state, uint8_t secret[ROOT_SIZE])
{
	if (getrandom(secret, ROOT_SIZE, 0) != ROOT_SIZE)
		return -EIO;
	return state_replace(state, ROOT_FILE, secret, ROOT_SIZE);
}

int root_secret(struct state *state, uint8_t secret[ROOT_SIZE])
{
	int error;

	pthread_mutex_lock(&state->mutex);
	error = state_load(state, ROOT_FILE, secret, ROOT_SIZE);
	if (error == -ENOENT)
		error = root_create(state, secret);
	pthread_mutex_unlock(&state->mutex);
	if (error)
		OPENSSL_cleanse(secret, ROOT_SIZE);
	return error;
}

int root_destroy(struct state *state)
{
	static const uint8_t zeroes[ROOT_SIZE];
	int fd, error = 0;

	pthread_mutex_lock(&state->mutex);
	fd = openat(state->folder, ROOT_FILE, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		error = errno == ENOENT ? 0 : -errno;
	else if (write(fd, zeroes, sizeof(zeroes)) != sizeof(zeroes) || fsync(fd) || unlinkat(state->folder, ROOT_FILE, 0) ||
		 fsync(state->folder))
		error = -EIO;
	if (fd >= 0)
		close(fd);
	pthread_mutex_unlock(&state->mutex);
	return error;
}
