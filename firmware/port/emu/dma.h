/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host memory as the card reaches it: maps that the client made, by bus address. Every function may be called from any thread.
 * Functions return 0 or a negative errno.
 */
#ifndef PROVCARD_EMU_DMA_H
#define PROVCARD_EMU_DMA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DMA_MAPS_MAX 65535

/*
 * Who asks. After dma_gate_close() has returned, no access through the gate is in progress and none will begin; that is what
 * a reset promises the host.
 */
struct dma_gate {
	bool closed; /* under dma.lock */
};

/* Memory that came without a file is reached by asking the client. Called without locks, may take long. */
struct dma_remote {
	void *context;
	int (*read)(void *context, uint64_t address, void *data, size_t size);
	int (*write)(void *context, uint64_t address, const void *data, size_t size);
};

struct dma_file;

struct dma_map {
	uint64_t address;
	uint64_t size;
	bool readable;
	bool writable;
	struct dma_file *file; /* NULL: remote */
	uint8_t *base;
};

struct dma {
	pthread_rwlock_t lock;
	struct dma_map *maps; /* by address; they do not overlap */
	size_t count;
	size_t room;
	struct dma_file *files;
	bool master; /* Bus Master Enable */
	struct dma_remote remote;
};

void dma_init(struct dma *dma);
void dma_destroy(struct dma *dma);

/*
 * @fd: file to map, or -1; the caller keeps it. -EINVAL: an empty range, one that wraps, or one the file does not have;
 * -EEXIST: it overlaps a map; -ENOSPC: too many.
 */
int dma_map(struct dma *dma, uint64_t address, uint64_t size, uint32_t flags, int fd, uint64_t offset);
/*
 * Forget every map inside the range. As with the kernel's VFIO a range without maps is fine, one that cuts a map is not
 * (-EINVAL): a virtual IOMMU is flushed by ranges far larger than what is mapped.
 */
int dma_unmap(struct dma *dma, uint64_t address, uint64_t size);
void dma_unmap_all(struct dma *dma);
void dma_set_master(struct dma *dma, bool master);
void dma_set_remote(struct dma *dma, const struct dma_remote *remote);

void dma_gate_open(struct dma *dma, struct dma_gate *gate);
void dma_gate_close(struct dma *dma, struct dma_gate *gate);

/* A range may span maps. -EFAULT: no such memory, or not that way; -EACCES: the gate is closed or bus mastering is off. */
int dma_read(struct dma *dma, const struct dma_gate *gate, uint64_t address, void *data, size_t size);
int dma_write(struct dma *dma, const struct dma_gate *gate, uint64_t address, const void *data, size_t size);

#endif
