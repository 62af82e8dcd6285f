/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the vfio-user protocol, version 0.0, as QEMU documents it (docs/interop/vfio-user.rst). Payloads that are VFIO's
 * own structures come from <linux/vfio.h>. Fields have the byte order of the host: both ends run on one machine.
 *
 * Shared by the emulated card, which serves, and by libprovcard's direct transport, which is a client.
 */
#ifndef PROVCARD_VFIO_USER_H
#define PROVCARD_VFIO_USER_H

#include <stdint.h>

struct vfio_user_header {
	uint16_t id;
	uint16_t command;
	uint32_t size; /* of the whole message, this header included */
	uint32_t flags;
	uint32_t error;
};

#define VFIO_USER_TYPE_MASK 0xfu
#define VFIO_USER_TYPE_COMMAND 0u
#define VFIO_USER_TYPE_REPLY 1u
#define VFIO_USER_NO_REPLY (1u << 4)
#define VFIO_USER_ERROR (1u << 5)

enum vfio_user_command {
	VFIO_USER_VERSION = 1,
	VFIO_USER_DMA_MAP = 2,
	VFIO_USER_DMA_UNMAP = 3,
	VFIO_USER_DEVICE_GET_INFO = 4,
	VFIO_USER_DEVICE_GET_REGION_INFO = 5,
	VFIO_USER_DEVICE_GET_REGION_IO_FDS = 6,
	VFIO_USER_DEVICE_GET_IRQ_INFO = 7,
	VFIO_USER_DEVICE_SET_IRQS = 8,
	VFIO_USER_REGION_READ = 9,
	VFIO_USER_REGION_WRITE = 10,
	VFIO_USER_DMA_READ = 11, /* these two go from card to client */
	VFIO_USER_DMA_WRITE = 12,
	VFIO_USER_DEVICE_RESET = 13,
	VFIO_USER_LAST = 18, /* the last number that the specification gives away */
};

struct vfio_user_version {
	uint16_t major;
	uint16_t minor;
	/* then JSON, zero terminated; optional */
};

struct vfio_user_dma_map {
	uint32_t argsz;
	uint32_t flags; /* VFIO_DMA_MAP_FLAG_READ, _WRITE */
	uint64_t offset; /* into the file that comes with the message */
	uint64_t address;
	uint64_t size;
};

struct vfio_user_dma_unmap {
	uint32_t argsz;
	uint32_t flags; /* VFIO_DMA_UNMAP_FLAG_ALL */
	uint64_t address;
	uint64_t size;
};

struct vfio_user_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t num_regions;
	uint32_t num_irqs;
};

/* REGION_READ and REGION_WRITE; data follows a write and the reply to a read. */
struct vfio_user_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

/* DMA_READ and DMA_WRITE, likewise. */
struct vfio_user_dma_access {
	uint64_t address;
	uint64_t count;
};

#endif
