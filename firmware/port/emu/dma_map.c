// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The maps of host memory. Behind a virtual IOMMU every page comes as a map of its own, tens of thousands of them out of one
 * file: so each file is mapped once, as a whole, and shared by its maps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <linux/vfio.h>

#include "dma.h"
#include "dma_private.h"

struct dma_file {
	struct dma_file *next;
	dev_t device;
	ino_t inode;
	uint8_t *base;
	uint64_t size;
	bool writable;
	size_t users;
};

void dma_init(struct dma *dma)
{
	pthread_rwlockattr_t attributes;

	memset(dma, 0, sizeof(*dma));
	/* Many queues read without a pause; the thread that maps and resets must still get its turn. */
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&dma->lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
	dma_guard_install();
}

void dma_destroy(struct dma *dma)
{
	dma_unmap_all(dma);
	free(dma->maps);
	pthread_rwlock_destroy(&dma->lock);
}

static void file_put(struct dma *dma, struct dma_file *file)
{
	struct dma_file **link;

	if (!file || --file->users)
		return;
	for (link = &dma->files; *link != file; link = &(*link)->next)
		;
	*link = file->next;
	munmap(file->base, file->size);
	free(file);
}

static struct dma_file *file_map(const struct stat *stat, int fd)
{
	struct dma_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->device = stat->st_dev;
	file->inode = stat->st_ino;
	file->size = (uint64_t)stat->st_size;
	file->writable = true;
	file->base = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file->base == MAP_FAILED && errno == EACCES) {
		file->writable = false;
		file->base = mmap(NULL, file->size, PROT_READ, MAP_SHARED, fd, 0);
	}
	if (file->base != MAP_FAILED)
		return file;
	free(file);
	return NULL;
}

/* The mapped file behind @fd, with bytes up to @end. */
static int file_get(struct dma *dma, int fd, uint64_t end, struct dma_file **found)
{
	struct dma_file *file;
	struct stat stat;

	if (fstat(fd, &stat))
		return -errno;
	if (!S_ISREG(stat.st_mode) || (uint64_t)stat.st_size < end)
		return -EINVAL;
	for (file = dma->files; file; file = file->next)
		if (file->device == stat.st_dev && file->inode == stat.st_ino && file->size >= end)
			break;
	if (!file) {
		file = file_map(&stat, fd);
		if (!file)
			return -ENOMEM;
		file->next = dma->files;
		dma->files = file;
	}
	file->users++;
	*found = file;
	return 0;
}

/* Index of the first map that ends above @address. */
static size_t first_above(const struct dma *dma, uint64_t address)
{
	size_t low = 0, high = dma->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (dma->maps[middle].address + dma->maps[middle].size > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct dma_map *dma_find(struct dma *dma, uint64_t address)
{
	size_t i = first_above(dma, address);

	return i < dma->count && dma->maps[i].address <= address ? &dma->maps[i] : NULL;
}

static int make_room(struct dma *dma)
{
	struct dma_map *maps;
	size_t room;

	if (dma->count == DMA_MAPS_MAX)
		return -ENOSPC;
	if (dma->count < dma->room)
		return 0;
	room = dma->room ? dma->room * 2 : 64;
	maps = realloc(dma->maps, room * sizeof(*maps));
	if (!maps)
		return -ENOMEM;
	dma->maps = maps;
	dma->room = room;
	return 0;
}

static int insert(struct dma *dma, struct dma_map *map, int fd, uint64_t offset)
{
	size_t i = first_above(dma, map->address);
	int error;

	if (i < dma->count && dma->maps[i].address < map->address + map->size)
		return -EEXIST;
	error = make_room(dma);
	if (!error && fd >= 0)
		error = file_get(dma, fd, offset + map->size, &map->file);
	if (error)
		return error;
	if (map->file) {
		map->base = map->file->base + offset;
		map->writable = map->writable && map->file->writable;
	}
	memmove(&dma->maps[i + 1], &dma->maps[i], (dma->count - i) * sizeof(*map));
	dma->maps[i] = *map;
	dma->count++;
	return 0;
}

int dma_map(struct dma *dma, uint64_t address, uint64_t size, uint32_t flags, int fd, uint64_t offset)
{
	struct dma_map map = {
		.address = address,
		.size = size,
		.readable = flags & VFIO_DMA_MAP_FLAG_READ,
		.writable = flags & VFIO_DMA_MAP_FLAG_WRITE,
	};
	int error;

	if (!size || address > UINT64_MAX - size || offset > INT64_MAX - size || size > INT64_MAX)
		return -EINVAL;
	pthread_rwlock_wrlock(&dma->lock);
	error = insert(dma, &map, fd, offset);
	pthread_rwlock_unlock(&dma->lock);
	return error;
}

int dma_unmap(struct dma *dma, uint64_t address, uint64_t size)
{
	uint64_t last;
	size_t first, end, i;
	int error = 0;

	if (!size || address > UINT64_MAX - (size - 1))
		return -EINVAL;
	last = address + (size - 1);
	pthread_rwlock_wrlock(&dma->lock);
	first = first_above(dma, address);
	for (end = first; end < dma->count && dma->maps[end].address <= last; end++)
		if (dma->maps[end].address < address || dma->maps[end].address + dma->maps[end].size - 1 > last)
			error = -EINVAL;
	if (!error) {
		for (i = first; i < end; i++)
			file_put(dma, dma->maps[i].file);
		if (first < end)
			memmove(&dma->maps[first], &dma->maps[end], (dma->count - end) * sizeof(*dma->maps));
		dma->count -= end - first;
	}
	pthread_rwlock_unlock(&dma->lock);
	return error;
}

void dma_unmap_all(struct dma *dma)
{
	size_t i;

	pthread_rwlock_wrlock(&dma->lock);
	for (i = 0; i < dma->count; i++)
		file_put(dma, dma->maps[i].file);
	dma->count = 0;
	pthread_rwlock_unlock(&dma->lock);
}

void dma_set_master(struct dma *dma, bool master)
{
	pthread_rwlock_wrlock(&dma->lock);
	dma->master = master;
	pthread_rwlock_unlock(&dma->lock);
}

void dma_set_remote(struct dma *dma, const struct dma_remote *remote)
{
	pthread_rwlock_wrlock(&dma->lock);
	dma->remote = remote ? *remote : (struct dma_remote){ 0 };
	pthread_rwlock_unlock(&dma->lock);
}

static void gate_set(struct dma *dma, struct dma_gate *gate, bool closed)
{
	pthread_rwlock_wrlock(&dma->lock);
	gate->closed = closed;
	pthread_rwlock_unlock(&dma->lock);
}

void dma_gate_open(struct dma *dma, struct dma_gate *gate)
{
	gate_set(dma, gate, false);
}

void dma_gate_close(struct dma *dma, struct dma_gate *gate)
{
	gate_set(dma, gate, true);
}
