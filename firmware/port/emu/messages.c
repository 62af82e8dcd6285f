// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The messages of a client. One that cannot be right ends the connection; one that is well formed and asks for what there is
 * not gets an error as its reply.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "server.h"

#define CAPABILITIES \
	"{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":65536,\"max_dma_maps\":65535,\"pgsizes\":4096}}"

/* A message being answered: 0 or a negative errno as the handler's result, and the reply's payload. */
struct exchange {
	struct session *session;
	struct message *message;
	uint8_t reply[SESSION_PAYLOAD_MAX];
	size_t reply_size;
};

static int get_version(struct exchange *exchange)
{
	struct vfio_user_version reply = { 0 };

	memcpy(exchange->reply, &reply, sizeof(reply));
	memcpy(exchange->reply + sizeof(reply), CAPABILITIES, sizeof(CAPABILITIES));
	exchange->reply_size = sizeof(reply) + sizeof(CAPABILITIES);
	exchange->session->agreed = true;
	return 0;
}

static int map(struct exchange *exchange)
{
	const struct vfio_user_dma_map *map = (const void *)exchange->message->payload;
	int fd = exchange->message->fd_count ? exchange->message->fds[0] : -1;

	if (map->flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE))
		return -EINVAL;
	return dma_map(&exchange->session->endpoint->dma, map->address, map->size, map->flags, fd, map->offset);
}

static int unmap(struct exchange *exchange)
{
	const struct vfio_user_dma_unmap *unmap = (const void *)exchange->message->payload;
	struct dma *dma = &exchange->session->endpoint->dma;
	int error = 0;

	if (unmap->flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return -EOPNOTSUPP;
	if (unmap->flags)
		dma_unmap_all(dma);
	else
		error = dma_unmap(dma, unmap->address, unmap->size);
	memcpy(exchange->reply, unmap, sizeof(*unmap));
	exchange->reply_size = sizeof(*unmap);
	return error;
}

static int get_info(struct exchange *exchange)
{
	struct vfio_user_device_info info = {
		.argsz = sizeof(info),
		.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = VFIO_PCI_NUM_IRQS,
	};

	memcpy(exchange->reply, &info, sizeof(info));
	exchange->reply_size = sizeof(info);
	return 0;
}

static int get_region_info(struct exchange *exchange)
{
	const struct vfio_region_info *asked = (const void *)exchange->message->payload;
	struct vfio_region_info info = { .argsz = sizeof(info), .index = asked->index };

	if (asked->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info.size = endpoint_region_size(exchange->session->endpoint, asked->index);
	if (info.size)
		info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	memcpy(exchange->reply, &info, sizeof(info));
	exchange->reply_size = sizeof(info);
	return 0;
}

static int get_irq_info(struct exchange *exchange)
{
	const struct vfio_irq_info *asked = (const void *)exchange->message->payload;
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = asked->index };

	if (asked->index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info.count = endpoint_irq_count(exchange->session->endpoint, asked->index);
	if (info.count)
		info.flags = VFIO_IRQ_INFO_EVENTFD;
	memcpy(exchange->reply, &info, sizeof(info));
	exchange->reply_size = sizeof(info);
	return 0;
}

/* Signalling must never block, so a vector takes event descriptors only. */
static bool is_eventfd(int fd)
{
	char path[32], target[32] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target) - 1) > 0 && !strcmp(target, "anon_inode:[eventfd]");
}

/* MSI counts messages by powers of two; those beyond our vectors never fire. */
static int assign(struct exchange *exchange, const struct vfio_irq_set *set)
{
	struct irqs *irqs = &exchange->session->endpoint->irqs;
	struct message *message = exchange->message;
	uint32_t i;

	if (message->fd_count != set->count && message->fd_count)
		return -EINVAL;
	for (i = 0; i < message->fd_count; i++)
		if (!is_eventfd(message->fds[i]))
			return -EINVAL;
	for (i = 0; i < set->count && set->start + i < irqs->count; i++) {
		irqs_assign(irqs, set->start + i, 1, message->fd_count ? &message->fds[i] : NULL);
		if (message->fd_count)
			message->fds[i] = -1;
	}
	return 0;
}

static int trigger(struct exchange *exchange, const struct vfio_irq_set *set)
{
	struct irqs *irqs = &exchange->session->endpoint->irqs;
	bool chosen = set->flags & VFIO_IRQ_SET_DATA_BOOL;
	uint32_t i;

	if (chosen && exchange->message->size != sizeof(*set) + set->count)
		return -EINVAL;
	for (i = 0; i < set->count && set->start + i < irqs->count; i++)
		if (!chosen || set->data[i])
			irqs_fire(irqs, set->start + i);
	return 0;
}

static int set_irqs(struct exchange *exchange)
{
	const struct vfio_irq_set *set = (const void *)exchange->message->payload;
	struct endpoint *endpoint = exchange->session->endpoint;
	uint32_t count, data = set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;

	if (set->index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	count = endpoint_irq_count(endpoint, set->index);
	if (set->start > count || set->count > count - set->start ||
	    (set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -EINVAL;
	if (exchange->message->fd_count && data != VFIO_IRQ_SET_DATA_EVENTFD)
		return -EINVAL;
	if (data == VFIO_IRQ_SET_DATA_EVENTFD)
		return assign(exchange, set);
	if (data == VFIO_IRQ_SET_DATA_NONE && !set->count) {
		if (count)
			irqs_assign(&endpoint->irqs, 0, endpoint->irqs.count, NULL);
		return 0;
	}
	if (data != VFIO_IRQ_SET_DATA_NONE && data != VFIO_IRQ_SET_DATA_BOOL)
		return -EINVAL;
	return trigger(exchange, set);
}

static bool is_inside(struct exchange *exchange, const struct vfio_user_region_access *access)
{
	uint64_t size = endpoint_region_size(exchange->session->endpoint, access->region);

	return access->count && access->count <= SESSION_DATA_MAX && access->offset <= size &&
	       access->count <= size - access->offset;
}

static int region_read(struct exchange *exchange)
{
	const struct vfio_user_region_access *access = (const void *)exchange->message->payload;

	if (!is_inside(exchange, access))
		return -EINVAL;
	memcpy(exchange->reply, access, sizeof(*access));
	endpoint_read(exchange->session->endpoint, access->region, access->offset, exchange->reply + sizeof(*access),
		      access->count);
	exchange->reply_size = sizeof(*access) + access->count;
	return 0;
}

static int region_write(struct exchange *exchange)
{
	const struct vfio_user_region_access *access = (const void *)exchange->message->payload;

	if (!is_inside(exchange, access))
		return -EINVAL;
	endpoint_write(exchange->session->endpoint, access->region, access->offset, access + 1, access->count);
	memcpy(exchange->reply, access, sizeof(*access));
	exchange->reply_size = sizeof(*access);
	return 0;
}

static int reset(struct exchange *exchange)
{
	endpoint_reset(exchange->session->endpoint);
	return 0;
}

static int not_offered(struct exchange *exchange)
{
	(void)exchange;
	return -EOPNOTSUPP;
}

static const struct {
	size_t size; /* of the payload */
	bool more; /* it may be longer */
	size_t fds; /* descriptors it may bring */
	int (*handle)(struct exchange *exchange);
} commands[VFIO_USER_LAST + 1] = {
	[VFIO_USER_VERSION] = { sizeof(struct vfio_user_version), true, 0, get_version },
	[VFIO_USER_DMA_MAP] = { sizeof(struct vfio_user_dma_map), false, 1, map },
	[VFIO_USER_DMA_UNMAP] = { sizeof(struct vfio_user_dma_unmap), false, 0, unmap },
	[VFIO_USER_DEVICE_GET_INFO] = { sizeof(struct vfio_user_device_info), false, 0, get_info },
	[VFIO_USER_DEVICE_GET_REGION_INFO] = { sizeof(struct vfio_region_info), false, 0, get_region_info },
	[VFIO_USER_DEVICE_GET_REGION_IO_FDS] = { 16, false, 0, not_offered },
	[VFIO_USER_DEVICE_GET_IRQ_INFO] = { sizeof(struct vfio_irq_info), false, 0, get_irq_info },
	[VFIO_USER_DEVICE_SET_IRQS] = { sizeof(struct vfio_irq_set), true, SESSION_FDS_MAX, set_irqs },
	[VFIO_USER_REGION_READ] = { sizeof(struct vfio_user_region_access), false, 0, region_read },
	[VFIO_USER_REGION_WRITE] = { sizeof(struct vfio_user_region_access), true, 0, region_write },
	[VFIO_USER_DEVICE_RESET] = { 0, false, 0, reset },
	/* Dirty pages, several writes at once, features, migration: a client may ask. */
	[14 ... VFIO_USER_LAST] = { 0, true, 0, not_offered },
};

static const char *check_version(const struct message *message)
{
	const struct vfio_user_version *version = (const void *)message->payload;

	if (version->major)
		return "a major protocol version this card does not speak";
	if (message->size > sizeof(*version) && message->payload[message->size - 1])
		return "version data without an end";
	return NULL;
}

static const char *check(const struct session *session, const struct message *message)
{
	uint16_t command = message->header.command;
	const struct vfio_user_region_access *access = (const void *)message->payload;

	if (command > VFIO_USER_LAST || !commands[command].handle)
		return "an unknown command";
	if (message->size < commands[command].size)
		return "a message too short for its command";
	if (message->size > commands[command].size && !commands[command].more)
		return "a message too long for its command";
	if (message->fd_count > commands[command].fds)
		return "a descriptor that does not belong there";
	if (command == VFIO_USER_REGION_WRITE && message->size - sizeof(*access) != access->count)
		return "a write whose data are not as long as it says";
	if (command == VFIO_USER_VERSION)
		return session->agreed ? "a second version" : check_version(message);
	return session->agreed ? NULL : "no version before the first command";
}

const char *message_handle(struct session *session, struct message *message)
{
	struct exchange exchange = { .session = session, .message = message };
	struct vfio_user_header header = {
		.id = message->header.id,
		.command = message->header.command,
		.flags = VFIO_USER_TYPE_REPLY,
	};
	const char *wrong;
	int error;

	if ((message->header.flags & VFIO_USER_TYPE_MASK) == VFIO_USER_TYPE_REPLY)
		return message->fd_count ? "a descriptor that does not belong there" : remote_answer(session, message);
	wrong = check(session, message);
	if (wrong)
		return wrong;
	error = commands[header.command].handle(&exchange);
	if (message->header.flags & VFIO_USER_NO_REPLY)
		return NULL;
	if (error) {
		header.flags |= VFIO_USER_ERROR;
		header.error = (uint32_t)-error;
		exchange.reply_size = 0;
	}
	return session_send(session, &header, exchange.reply, exchange.reply_size, NULL, 0) ? "it does not read its replies" : NULL;
}
