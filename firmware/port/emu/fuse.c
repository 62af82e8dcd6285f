// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What silicon holds: two counters that only rise, the ledger's and the firmware's floor, and a secret that nothing outside can
 * read. Blowing a real fuse costs less than replacing a file, so a counter stands in two slots, written in turns: a write that is
 * cut short spoils the slot of the count that was not reached.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "state.h"

#define FUSE_FILE "fuse"
#define FLOOR_FILE "floor"
#define FUSE_SLOT 4096 /* no two in one block of a disk */
#define ROOT_FILE "root"
#define TAMPER_FILE "tamper"
#define ROOT_SIZE 32

struct fuse_slot {
	uint64_t count;
	uint64_t inverted;
	uint8_t fill[FUSE_SLOT - 2 * sizeof(uint64_t)];
};

static void set_slot(struct fuse_slot slots[2], uint64_t count)
{
	slots[count % 2].count = htole64(count);
	slots[count % 2].inverted = htole64(~count);
}

/* In slot @parity stand counts of that parity only. */
static bool get_slot(const struct fuse_slot slots[2], unsigned int parity, uint64_t *count)
{
	*count = le64toh(slots[parity].count);
	return *count == ~le64toh(slots[parity].inverted) && *count % 2 == parity;
}

static int read_counter(struct state *state, const char *name, uint64_t *count)
{
	struct fuse_slot slots[2];
	uint64_t even, odd;
	bool has_even, has_odd;
	int error = state_load(state, name, slots, sizeof(slots));

	if (error)
		return error;
	has_even = get_slot(slots, 0, &even);
	has_odd = get_slot(slots, 1, &odd);
	if (!has_even && !has_odd)
		return -EUCLEAN;
	if (has_even && has_odd && even + 1 != odd && odd + 1 != even)
		return -EUCLEAN;
	*count = has_odd && (!has_even || odd > even) ? odd : even;
	return 0;
}

static int make_counter(struct state *state, const char *name, uint64_t *count)
{
	struct fuse_slot slots[2] = { 0 };

	set_slot(slots, 0);
	*count = 0;
	return state_replace(state, name, slots, sizeof(slots));
}

static int open_counter(struct state *state, const char *name, int *file, uint64_t *count)
{
	int error = read_counter(state, name, count);

	if (error == -ENOENT)
		error = nv_exists(state) ? -EUCLEAN : make_counter(state, name, count);
	if (error)
		return error;
	*file = openat(state->folder, name, O_WRONLY | O_CLOEXEC);
	return *file < 0 ? -errno : 0;
}

int fuse_open(struct state *state)
{
	int error = open_counter(state, FUSE_FILE, &state->fuse_file, &state->fuse);

	return error ? error : open_counter(state, FLOOR_FILE, &state->floor_file, &state->floor);
}

void fuse_close(struct state *state)
{
	if (state->fuse_file >= 0)
		close(state->fuse_file);
	if (state->floor_file >= 0)
		close(state->floor_file);
}

static int store_count(int file, uint64_t count)
{
	uint64_t words[2] = { htole64(count), htole64(~count) };

	if (pwrite(file, words, sizeof(words), (off_t)(count % 2 * FUSE_SLOT)) != sizeof(words))
		return -EIO;
	return fdatasync(file) ? -errno : 0;
}

/* The caller holds the mutex. */
static int increment(int file, uint64_t *count)
{
	int error = *count == UINT64_MAX ? -EOVERFLOW : store_count(file, *count + 1);

	if (!error)
		++*count;
	return error;
}

int fuse_increment(struct state *state)
{
	int error;

	pthread_mutex_lock(&state->mutex);
	error = increment(state->fuse_file, &state->fuse);
	pthread_mutex_unlock(&state->mutex);
	return error;
}

int floor_raise(struct state *state, uint32_t floor)
{
	int error = 0;

	pthread_mutex_lock(&state->mutex);
	while (state->floor < floor && !error)
		error = increment(state->floor_file, &state->floor);
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

int tamper_set(struct state *state)
{
	static const uint8_t mark = 1;

	return state_replace(state, TAMPER_FILE, &mark, sizeof(mark));
}

int tamper_clear(struct state *state)
{
	if (unlinkat(state->folder, TAMPER_FILE, 0) && errno != ENOENT)
		return -errno;
	return fsync(state->folder) ? -errno : 0;
}

bool tamper_is_set(const struct state *state)
{
	return !faccessat(state->folder, TAMPER_FILE, F_OK, 0);
}
