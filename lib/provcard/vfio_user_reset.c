// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bringing the controller up, as Documentation/host-interface.rst says, and down. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "vfio_user_device.h"

static int read_capabilities(struct provcard_transport *device, uint64_t *capabilities)
{
	int error = vfio_user_region_read(device, PROVCARD_BAR_REGS, PROVCARD_REG_CAP, capabilities, sizeof(*capabilities));

	*capabilities = le64toh(*capabilities);
	return error;
}

static int await_ready(struct provcard_transport *device, bool ready, uint32_t half_seconds)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	uint32_t status, i;
	int error;

	for (i = 0; i < half_seconds * 250; i++) {
		error = vfio_user_register_read(device, PROVCARD_REG_CSTS, &status);
		if (error)
			return error;
		if (status == UINT32_MAX)
			return -ENODEV;
		if (ready && status & PROVCARD_CSTS_CFS)
			return -EIO;
		if (!!(status & PROVCARD_CSTS_RDY) == ready)
			return 0;
		nanosleep(&pause, NULL);
	}
	return -EIO;
}

static int write_address(struct provcard_transport *device, uint64_t offset, const struct vfio_user_memory *memory)
{
	uint64_t address = htole64(vfio_user_memory_address(memory));

	return vfio_user_region_write(device, PROVCARD_BAR_REGS, offset, &address, sizeof(address));
}

static int enable(struct provcard_transport *device, uint32_t half_seconds)
{
	struct vfio_user_queue *admin = &device->queues[0];
	int error = vfio_user_register_write(device, PROVCARD_REG_CC, 0);

	if (!error)
		error = await_ready(device, false, half_seconds);
	if (!error)
		error = vfio_user_rings_get(device, 0);
	if (!error)
		error = vfio_user_register_write(device, PROVCARD_REG_AQA, (QUEUE_ENTRIES - 1) | (QUEUE_ENTRIES - 1) << 16);
	if (!error)
		error = write_address(device, PROVCARD_REG_ASQ, &admin->sq);
	if (!error)
		error = write_address(device, PROVCARD_REG_ACQ, &admin->cq);
	if (!error)
		error = vfio_user_register_write(device, PROVCARD_REG_CC, PROVCARD_CC_EN);
	return error ? error : await_ready(device, true, half_seconds);
}

/* An admin command that a card has no reason to refuse. */
static int demand(struct provcard_transport *device, uint8_t opcode, uint64_t arg0, uint64_t arg1, void *out, size_t out_size)
{
	const uint64_t arg[2] = { arg0, arg1 };
	uint32_t status;
	int error = vfio_user_admin(device, opcode, arg, out, out_size, &status, NULL);

	return !error && status ? -EIO : error;
}

/* The vector has the number of its queue; a card has one for each. */
static int create_queue(struct provcard_transport *device, uint32_t id)
{
	struct vfio_user_queue *queue = &device->queues[id];
	uint64_t shape = id | (QUEUE_ENTRIES - 1) << 16 | (uint64_t)id << 32;
	int error;

	pthread_mutex_lock(&device->lock);
	error = vfio_user_rings_get(device, id);
	pthread_mutex_unlock(&device->lock);
	if (!error)
		error = demand(device, PROVCARD_OPC_CREATE_CQ, vfio_user_memory_address(&queue->cq), shape, NULL, 0);
	if (!error)
		error = demand(device, PROVCARD_OPC_CREATE_SQ, vfio_user_memory_address(&queue->sq), shape, NULL, 0);
	return error;
}

int vfio_user_bring_up(struct provcard_transport *device)
{
	uint64_t capabilities;
	uint32_t queues, id;
	int error = read_capabilities(device, &capabilities);

	if (!error)
		error = vfio_user_register_read(device, PROVCARD_REG_VS, &device->version);
	if (error)
		return error;
	queues = PROVCARD_CAP_IOQ(capabilities) + 1;
	if (device->version >> 16 != PROVCARD_HIF_VERSION >> 16)
		return -EOPNOTSUPP;
	if (PROVCARD_CAP_MQES(capabilities) < QUEUE_ENTRIES - 1 || queues > QUEUES_MAX || queues > device->vectors ||
	    PROVCARD_CAP_MDTS(capabilities) < 12 || PROVCARD_CAP_MDTS(capabilities) > 24)
		return -EIO;
	device->max_transfer = 1ull << PROVCARD_CAP_MDTS(capabilities);
	device->queue_count = 1;
	error = enable(device, PROVCARD_CAP_TO(capabilities));
	if (!error)
		error = vfio_user_reaper_start(device);
	if (!error)
		error = demand(device, PROVCARD_OPC_IDENTIFY, 0, 0, &device->identity, sizeof(device->identity));
	for (id = 1; id < queues && !error; id++)
		error = create_queue(device, id);
	device->queue_count = queues;
	return error;
}

void vfio_user_take_down(struct provcard_transport *device)
{
	vfio_user_reaper_stop(device);
	if (device->socket >= 0 && !device->gone)
		vfio_user_register_write(device, PROVCARD_REG_CC, 0);
}
