/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the emulated card keeps when it has no power: a folder with one file per NV region, the fuse counter and the root
 * secret. One card at a time has it open. Functions return 0 or a negative errno.
 */
#ifndef PROVCARD_EMU_STATE_H
#define PROVCARD_EMU_STATE_H

#include <pthread.h>
#include <stdint.h>

#include "port.h"

struct state {
	int folder;
	int lock;
	int nv[PORT_NV_REGIONS];
	uint64_t nv_size[PORT_NV_REGIONS];
	pthread_mutex_t mutex; /* of fuses and root secret */
	int fuse_file;
	uint64_t fuse;
	int floor_file;
	uint64_t floor;
};

/* Name of a region, as in its file's name and on the command line. */
const char *state_region_name(enum port_region region);

/*
 * Open the folder, making what is missing when it is new. @sizes: wanted size of each region, 0 for what it has, or for a new
 * one the default. Regions grow, they never shrink (-EINVAL). -EBUSY: another card runs on it. -EUCLEAN: regions without the
 * fuse counter, or a counter that makes no sense; fuses cannot be unblown, so that folder is not used.
 */
int state_open(struct state *state, const char *path, const uint64_t sizes[PORT_NV_REGIONS]);
/* The same for whom the boot stage has locked it: @lock is its descriptor, taken over; -1: nobody has. */
int state_open_locked(struct state *state, const char *path, const uint64_t sizes[PORT_NV_REGIONS], int lock);
void state_close(struct state *state);

int nv_read(struct state *state, enum port_region region, uint64_t offset, void *data, size_t size);
int nv_write(struct state *state, enum port_region region, uint64_t offset, const void *data, size_t size);
int nv_flush(struct state *state, enum port_region region);
int nv_open(struct state *state, const uint64_t sizes[PORT_NV_REGIONS]);
void nv_close(struct state *state);
bool nv_exists(const struct state *state);

int fuse_open(struct state *state);
void fuse_close(struct state *state);
int fuse_increment(struct state *state);
/* One fuse after the other, until it stands at @floor or above. */
int floor_raise(struct state *state, uint32_t floor);

/* A destroyed secret is gone for good: whoever asks next gets a fresh one. */
int root_secret(struct state *state, uint8_t secret[32]);
int root_destroy(struct state *state);

/* The latch of the tamper input: a file that is there when the input has fired. */
int tamper_set(struct state *state);
int tamper_clear(struct state *state);
bool tamper_is_set(const struct state *state);

/* Replace the file @name of the folder by @data so that a crash leaves the old or the new one, whole. */
int state_replace(struct state *state, const char *name, const void *data, size_t size);
/* Read the whole of a file that has exactly @size bytes; -EUCLEAN when it has not. */
int state_load(struct state *state, const char *name, void *data, size_t size);

#endif
