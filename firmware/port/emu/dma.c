// SPDX-License-Identifier: GPL-2.0-or-later
/* Access to host memory through the maps of dma_map.c. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "dma.h"
#include "dma_private.h"

/* One message's worth: every client takes that much. */
#define REMOTE_CHUNK 4096

/*
 * A client can shrink a file after it gave it to us; touching the lost pages raises SIGBUS. That must fail the transfer, not
 * end the card.
 */
static _Thread_local sigjmp_buf guard;
static _Thread_local volatile sig_atomic_t guarded;

static void on_bus_error(int number)
{
	if (guarded)
		siglongjmp(guard, 1);
	signal(number, SIG_DFL);
	raise(number);
}

void dma_guard_install(void)
{
	struct sigaction action = { .sa_handler = on_bus_error, .sa_flags = SA_NODEFER };

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

static int guarded_copy(void *to, const void *from, size_t size)
{
	if (sigsetjmp(guard, 0)) {
		guarded = 0;
		return -EFAULT;
	}
	guarded = 1;
	memcpy(to, from, size);
	guarded = 0;
	return 0;
}

static int remote_access(const struct dma_remote *remote, uint64_t address, void *data, size_t size, bool write)
{
	if (!remote->read || !remote->write)
		return -EFAULT;
	return write ? remote->write(remote->context, address, data, size) : remote->read(remote->context, address, data, size);
}

/* Moves as much as one map gives and says how much in @size. */
static int access_piece(struct dma *dma, const struct dma_gate *gate, uint64_t address, void *data, size_t *size, bool write)
{
	struct dma_remote remote;
	struct dma_map *map;
	uint64_t left;
	int error = 0;

	pthread_rwlock_rdlock(&dma->lock);
	map = dma_find(dma, address);
	if (gate->closed || !dma->master)
		error = -EACCES;
	else if (!map || (write ? !map->writable : !map->readable))
		error = -EFAULT;
	if (error) {
		pthread_rwlock_unlock(&dma->lock);
		return error;
	}
	left = map->size - (address - map->address);
	if (*size > left)
		*size = (size_t)left;
	if (map->file) {
		uint8_t *place = map->base + (address - map->address);

		error = write ? guarded_copy(place, data, *size) : guarded_copy(data, place, *size);
		pthread_rwlock_unlock(&dma->lock);
		return error;
	}
	/* The answer comes through the thread that also serves dma_unmap(), so the lock cannot be held. */
	remote = dma->remote;
	pthread_rwlock_unlock(&dma->lock);
	if (*size > REMOTE_CHUNK)
		*size = REMOTE_CHUNK;
	return remote_access(&remote, address, data, *size, write);
}

static int dma_access(struct dma *dma, const struct dma_gate *gate, uint64_t address, uint8_t *data, size_t size, bool write)
{
	size_t piece;
	int error;

	if (address > UINT64_MAX - size)
		return -EFAULT;
	while (size) {
		piece = size;
		error = access_piece(dma, gate, address, data, &piece, write);
		if (error)
			return error;
		address += piece;
		data += piece;
		size -= piece;
	}
	return 0;
}

int dma_read(struct dma *dma, const struct dma_gate *gate, uint64_t address, void *data, size_t size)
{
	return dma_access(dma, gate, address, data, size, false);
}

int dma_write(struct dma *dma, const struct dma_gate *gate, uint64_t address, const void *data, size_t size)
{
	return dma_access(dma, gate, address, (void *)data, size, true);
}
