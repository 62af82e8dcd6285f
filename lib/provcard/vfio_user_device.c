// SPDX-License-Identifier: LGPL-2.1-or-later
/* The card's socket: each message is sent and its reply received, one at a time. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "port/emu/vfio_user.h"
#include "vfio_user_device.h"

#define REPLY_SECONDS 10
#define CAPABILITIES "{\"capabilities\":{\"max_msg_fds\":1,\"max_data_xfer_size\":65536}}"

/* What goes out, and room for what comes back. A reply's payload must have exactly reply_size bytes, unless loose. */
struct call {
	uint16_t command;
	const void *payload;
	size_t size;
	const void *data;
	size_t data_size;
	const int *fds;
	size_t fd_count;
	void *reply;
	size_t reply_size;
	void *reply_data;
	size_t reply_data_size;
	bool loose;
};

static int send_call(int fd, struct vfio_user_header *header, const struct call *call)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(QUEUES_MAX * sizeof(int))] = { 0 };
	struct iovec parts[3] = {
		{ header, sizeof(*header) },
		{ (void *)call->payload, call->size },
		{ (void *)call->data, call->data_size },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };
	struct cmsghdr *rights;

	if (call->fd_count) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(call->fd_count * sizeof(int));
		rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(call->fd_count * sizeof(int));
		memcpy(CMSG_DATA(rights), call->fds, call->fd_count * sizeof(int));
	}
	/* Messages are far smaller than a socket's buffer, and the last one was answered. */
	return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)header->size ? 0 : -ENODEV;
}

static int receive(int fd, void *data, size_t size)
{
	ssize_t got;

	while (size) {
		got = recv(fd, data, size, MSG_WAITALL);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -ENODEV;
		data = (uint8_t *)data + got;
		size -= (size_t)got;
	}
	return 0;
}

static int receive_reply(int fd, const struct vfio_user_header *sent, const struct call *call)
{
	struct vfio_user_header header;
	uint8_t rest[256];
	size_t size;
	int error = receive(fd, &header, sizeof(header));

	if (error)
		return error;
	if (header.id != sent->id || header.command != sent->command ||
	    (header.flags & VFIO_USER_TYPE_MASK) != VFIO_USER_TYPE_REPLY || header.size < sizeof(header))
		return -EIO;
	size = header.size - sizeof(header);
	if (header.flags & VFIO_USER_ERROR)
		return size ? -EIO : -EREMOTEIO;
	if (call->loose ? size < call->reply_size || size > call->reply_size + sizeof(rest) :
			  size != call->reply_size + call->reply_data_size)
		return -EIO;
	error = receive(fd, call->reply, call->reply_size);
	if (!error && call->loose)
		return receive(fd, rest, size - call->reply_size);
	return error ? error : receive(fd, call->reply_data, call->reply_data_size);
}

/* -EREMOTEIO: the card refused the message, and the connection goes on. After any other error it cannot. */
static int exchange(struct provcard_transport *device, const struct call *call)
{
	struct vfio_user_header header = { .command = call->command };
	int error;

	header.size = (uint32_t)(sizeof(header) + call->size + call->data_size);
	pthread_mutex_lock(&device->exchange);
	header.id = ++device->message_id;
	error = send_call(device->socket, &header, call);
	if (!error)
		error = receive_reply(device->socket, &header, call);
	if (error && error != -EREMOTEIO)
		shutdown(device->socket, SHUT_RDWR);
	pthread_mutex_unlock(&device->exchange);
	return error;
}

int vfio_user_region_read(struct provcard_transport *device, uint32_t region, uint64_t offset, void *data, uint32_t size)
{
	struct vfio_user_region_access access = { offset, region, size }, reply;
	struct call call = {
		.command = VFIO_USER_REGION_READ,
		.payload = &access,
		.size = sizeof(access),
		.reply = &reply,
		.reply_size = sizeof(reply),
		.reply_data = data,
		.reply_data_size = size,
	};

	return exchange(device, &call);
}

int vfio_user_region_write(struct provcard_transport *device, uint32_t region, uint64_t offset, const void *data, uint32_t size)
{
	struct vfio_user_region_access access = { offset, region, size }, reply;
	struct call call = {
		.command = VFIO_USER_REGION_WRITE,
		.payload = &access,
		.size = sizeof(access),
		.data = data,
		.data_size = size,
		.reply = &reply,
		.reply_size = sizeof(reply),
	};

	return exchange(device, &call);
}

int vfio_user_register_read(struct provcard_transport *device, uint64_t offset, uint32_t *value)
{
	int error = vfio_user_region_read(device, PROVCARD_BAR_REGS, offset, value, sizeof(*value));

	*value = le32toh(*value);
	return error;
}

int vfio_user_register_write(struct provcard_transport *device, uint64_t offset, uint32_t value)
{
	value = htole32(value);
	return vfio_user_region_write(device, PROVCARD_BAR_REGS, offset, &value, sizeof(value));
}

static int agree_version(struct provcard_transport *device)
{
	struct vfio_user_version version = { 0 }, reply;
	struct call call = {
		.command = VFIO_USER_VERSION,
		.payload = &version,
		.size = sizeof(version),
		.data = CAPABILITIES,
		.data_size = sizeof(CAPABILITIES),
		.reply = &reply,
		.reply_size = sizeof(reply),
		.loose = true,
	};
	int error = exchange(device, &call);

	return !error && (reply.major || reply.minor) ? -EIO : error;
}

static int check_region(struct provcard_transport *device, uint32_t index, uint64_t least)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index }, reply;
	struct call call = {
		.command = VFIO_USER_DEVICE_GET_REGION_INFO,
		.payload = &info,
		.size = sizeof(info),
		.reply = &reply,
		.reply_size = sizeof(reply),
	};
	int error = exchange(device, &call);

	return !error && reply.size < least ? -EIO : error;
}

static int count_vectors(struct provcard_transport *device, uint32_t index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index }, reply;
	struct call call = {
		.command = VFIO_USER_DEVICE_GET_IRQ_INFO,
		.payload = &info,
		.size = sizeof(info),
		.reply = &reply,
		.reply_size = sizeof(reply),
	};
	int error = exchange(device, &call);

	if (error)
		return error;
	device->irq_index = index;
	device->vectors = reply.count;
	return reply.flags & VFIO_IRQ_INFO_EVENTFD ? 0 : -EIO;
}

static int check_identity(struct provcard_transport *device)
{
	uint16_t ids[2];
	int error = vfio_user_region_read(device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_VENDOR_ID, ids, sizeof(ids));

	if (error)
		return error;
	return le16toh(ids[0]) == PROVCARD_PCI_VENDOR_ID && le16toh(ids[1]) == PROVCARD_PCI_DEVICE_ID ? 0 : -ENODEV;
}

static int give_memory(struct provcard_transport *device)
{
	struct vfio_user_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.address = ARENA_ADDRESS,
		.size = (uint64_t)ARENA_PAGES * PAGE,
	};
	struct call call = {
		.command = VFIO_USER_DMA_MAP,
		.payload = &map,
		.size = sizeof(map),
		.fds = &device->arena_fd,
		.fd_count = 1,
	};

	return exchange(device, &call);
}

static int give_interrupts(struct provcard_transport *device)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = device->irq_index,
		.count = device->vectors,
	};
	struct call call = {
		.command = VFIO_USER_DEVICE_SET_IRQS,
		.payload = &set,
		.size = sizeof(set),
		.fds = device->interrupts,
		.fd_count = device->vectors,
	};
	uint32_t i;

	for (i = 0; i < device->vectors; i++) {
		device->interrupts[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (device->interrupts[i] < 0)
			return -errno;
	}
	return exchange(device, &call);
}

static int set_up(struct provcard_transport *device)
{
	uint16_t command = htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	int error = agree_version(device);

	if (!error)
		error = check_identity(device);
	if (!error)
		error = check_region(device, PROVCARD_BAR_REGS, PROVCARD_BAR_REGS_SIZE);
	if (!error)
		error = count_vectors(device, VFIO_PCI_MSIX_IRQ_INDEX);
	if (error == -EIO)
		error = count_vectors(device, VFIO_PCI_MSI_IRQ_INDEX);
	if (!error && (!device->vectors || device->vectors > QUEUES_MAX))
		error = -EIO;
	if (!error)
		error = give_memory(device);
	if (!error)
		error = give_interrupts(device);
	if (!error)
		error = vfio_user_region_write(device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command, sizeof(command));
	return error == -EREMOTEIO ? -EIO : error;
}

int vfio_user_connect(struct provcard_transport *device, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = REPLY_SECONDS };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENODEV;
	strcpy(address.sun_path, path);
	device->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (device->socket < 0)
		return -errno;
	setsockopt(device->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(device->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(device->socket, (struct sockaddr *)&address, sizeof(address)))
		return errno == EACCES ? -EACCES : -ENODEV;
	return set_up(device);
}

void vfio_user_disconnect(struct provcard_transport *device)
{
	uint32_t i;

	for (i = 0; i < QUEUES_MAX; i++)
		if (device->interrupts[i] >= 0)
			close(device->interrupts[i]);
	if (device->socket >= 0)
		close(device->socket);
}
