// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A vfio-user client that does everything wrong, against the emulated card's server: messages, whole or in pieces, with or
 * without descriptors, and answers to the card's own requests. The card must disconnect it or serve it, and serve the next one.
 */
#include <poll.h>
#include <signal.h>

#include "fuzz.h"
#include "tests/unit/emu_harness.h"

enum { RAW, MESSAGE, WRITE, READ, MAP, UNMAP, IRQS, ENABLE, RING, KINDS };
enum { ANSWER_NOTHING, ANSWER_RIGHT, ANSWER_SHORT, ANSWER_LONG, ANSWER_ERROR, ANSWERS };

#define MEMORY_ADDRESS 0x10000000ull
#define MEMORY_SIZE 0x10000u
#define PATIENCE_MS 20000
#define FDS_MAX 4
#define MESSAGES_MAX 64

struct client {
	int fd;
	uint16_t id;
	uint8_t answer; /* to the card's requests */
	struct vfio_user_header header; /* being received */
	size_t have; /* bytes of this message so far */
	uint64_t wanted; /* count of a card's request */
	unsigned int replies;
	bool over;
};

static struct card card;
static int memory;

static void stop(void)
{
	card_stop(&card);
}

void fuzz_begin(void)
{
	signal(SIGPIPE, SIG_IGN);
	card_start(&card, 2, false);
	memory = memfd_create("host", MFD_CLOEXEC);
	FUZZ_MUST(memory >= 0 && !ftruncate(memory, MEMORY_SIZE));
	atexit(stop);
}

static bool wait_for(struct client *client, short events)
{
	struct pollfd file = { .fd = client->fd, .events = events };

	FUZZ_MUST(poll(&file, 1, PATIENCE_MS) == 1);
	return file.revents & events;
}

static void put_bytes(struct client *client, const void *data, size_t size, const int *fds, size_t fd_count);

/* The card asks for memory that came without a file. */
static void answer(struct client *client)
{
	struct vfio_user_header reply = {
		.id = client->header.id, .command = client->header.command, .flags = VFIO_USER_TYPE_REPLY
	};
	static uint8_t data[sizeof(reply) + 16 + 8192];
	size_t size = client->header.command == VFIO_USER_DMA_READ && client->wanted <= 4096 ? (size_t)client->wanted : 0;

	if (client->answer == ANSWER_NOTHING)
		return;
	if (client->answer == ANSWER_SHORT)
		size /= 2;
	if (client->answer == ANSWER_LONG)
		size += 100;
	if (client->answer == ANSWER_ERROR) {
		reply.flags |= VFIO_USER_ERROR;
		reply.error = EFAULT;
	}
	reply.size = (uint32_t)(sizeof(reply) + 16 + size);
	memcpy(data, &reply, sizeof(reply));
	memcpy(data + sizeof(reply) + 8, &client->wanted, sizeof(client->wanted));
	put_bytes(client, data, reply.size, NULL, 0);
}

static void end_of_message(struct client *client)
{
	uint32_t type = client->header.flags & VFIO_USER_TYPE_MASK;

	client->have = 0;
	if (type == VFIO_USER_TYPE_REPLY) {
		client->replies++;
		return;
	}
	FUZZ_MUST(type == VFIO_USER_TYPE_COMMAND);
	FUZZ_MUST(client->header.command == VFIO_USER_DMA_READ || client->header.command == VFIO_USER_DMA_WRITE);
	answer(client);
}

/* One piece of what the card sends. */
static void take_piece(struct client *client)
{
	uint8_t data[8192];
	size_t until = client->have < sizeof(client->header) ? sizeof(client->header) : client->header.size;
	size_t want = until - client->have;
	ssize_t got = recv(client->fd, data, want < sizeof(data) ? want : sizeof(data), MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		client->over = true;
		return;
	}
	for (size_t i = 0; i < (size_t)got; i++, client->have++) {
		if (client->have < sizeof(client->header))
			((uint8_t *)&client->header)[client->have] = data[i];
		else if (client->have >= sizeof(client->header) + 8 && client->have < sizeof(client->header) + 16)
			((uint8_t *)&client->wanted)[client->have - sizeof(client->header) - 8] = data[i];
	}
	if (client->have < sizeof(client->header))
		return;
	FUZZ_MUST(client->header.size >= sizeof(client->header));
	FUZZ_MUST(client->header.size <= sizeof(client->header) + SESSION_PAYLOAD_MAX);
	if (client->have == client->header.size)
		end_of_message(client);
}

static void put_bytes(struct client *client, const void *data, size_t size, const int *fds, size_t fd_count)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(FDS_MAX * sizeof(int))] = { 0 };
	struct iovec part = { (void *)data, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t done;

	if (fd_count) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, fd_count * sizeof(int));
	}
	while (part.iov_len && !client->over) {
		done = sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && errno == EAGAIN) {
			wait_for(client, POLLIN | POLLOUT);
			take_piece(client);
			continue;
		}
		if (done < 0) {
			client->over = true;
			return;
		}
		part.iov_base = (uint8_t *)part.iov_base + done;
		part.iov_len -= (size_t)done;
		message.msg_controllen = 0;
	}
}

static void put_message(struct client *client, uint16_t command, uint32_t flags, struct provpkg_view payload, unsigned int fds)
{
	static uint8_t data[sizeof(struct vfio_user_header) + 4096];
	struct vfio_user_header header = { .id = ++client->id, .command = command, .flags = flags };
	int files[FDS_MAX];
	size_t count = 0;

	if (payload.size > 4096)
		payload.size = 4096;
	header.size = (uint32_t)(sizeof(header) + payload.size);
	memcpy(data, &header, sizeof(header));
	if (payload.size)
		memcpy(data + sizeof(header), payload.data, payload.size);
	for (; count < fds % (FDS_MAX + 1); count++)
		files[count] = fds & 0x80 ? memory : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	put_bytes(client, data, header.size, files, count);
	while (count--)
		if (files[count] != memory)
			close(files[count]);
}

/* ---- Messages of a known form ---- */

static void access_region(struct client *client, struct provpkg_view *input, bool write)
{
	struct {
		struct vfio_user_region_access access;
		uint8_t data[64];
	} message = { 0 };
	struct provpkg_view data = { NULL, 0 };

	message.access.region = fuzz_u8(input);
	message.access.offset = fuzz_u16(input);
	if (write) {
		data = fuzz_take(input, fuzz_u8(input) % (sizeof(message.data) + 1));
		if (data.size)
			memcpy(message.data, data.data, data.size);
	}
	message.access.count = write ? (uint32_t)data.size : fuzz_u16(input);
	put_message(client, write ? VFIO_USER_REGION_WRITE : VFIO_USER_REGION_READ, 0,
		    (struct provpkg_view){ (const uint8_t *)&message, sizeof(message.access) + data.size }, 0);
}

static void map(struct client *client, struct provpkg_view *input)
{
	struct vfio_user_dma_map message = { .argsz = sizeof(message) };
	uint8_t fds = fuzz_u8(input);

	message.address = MEMORY_ADDRESS + fuzz_u8(input) * 0x1000ull;
	message.size = fuzz_u8(input) * 0x1000ull;
	message.offset = fuzz_u8(input) * 0x1000ull;
	message.flags = fuzz_u8(input) % 4;
	put_message(client, VFIO_USER_DMA_MAP, 0, (struct provpkg_view){ (const uint8_t *)&message, sizeof(message) }, fds);
}

static void unmap(struct client *client, struct provpkg_view *input)
{
	struct vfio_user_dma_unmap message = { .argsz = sizeof(message) };

	message.address = MEMORY_ADDRESS + fuzz_u8(input) * 0x1000ull;
	message.size = fuzz_u8(input) * 0x1000ull;
	message.flags = fuzz_u8(input) % 4;
	put_message(client, VFIO_USER_DMA_UNMAP, 0, (struct provpkg_view){ (const uint8_t *)&message, sizeof(message) }, 0);
}

static void set_irqs(struct client *client, struct provpkg_view *input)
{
	struct vfio_irq_set message = { .argsz = sizeof(message) };

	message.index = fuzz_u8(input) % 6;
	message.start = fuzz_u8(input);
	message.count = fuzz_u8(input);
	message.flags = fuzz_u8(input);
	put_message(client, VFIO_USER_DEVICE_SET_IRQS, 0, (struct provpkg_view){ (const uint8_t *)&message, sizeof(message) },
		    fuzz_u8(input) % (FDS_MAX + 1));
}

static void set_register(struct client *client, uint32_t region, uint64_t offset, uint32_t value)
{
	struct {
		struct vfio_user_region_access access;
		uint32_t value;
	} message = { { offset, region, sizeof(value) }, value };

	put_message(client, VFIO_USER_REGION_WRITE, 0,
		    (struct provpkg_view){ (const uint8_t *)&message, sizeof(message.access) + sizeof(value) }, 0);
}

/* Bus master, admin queues at the beginning of memory, ready. */
static void enable(struct client *client)
{
	set_register(client, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	set_register(client, 0, PROVCARD_REG_AQA, 15 | 15 << 16);
	set_register(client, 0, PROVCARD_REG_ASQ, (uint32_t)MEMORY_ADDRESS);
	set_register(client, 0, PROVCARD_REG_ACQ, (uint32_t)MEMORY_ADDRESS + 0x1000);
	set_register(client, 0, PROVCARD_REG_CC, PROVCARD_CC_EN);
}

static void ring(struct client *client, struct provpkg_view *input)
{
	struct provcard_hif_sqe sqe = { .opcode = PROVCARD_OPC_IDENTIFY, .cid = client->id };

	sqe.out = (struct provcard_hif_sgl){ .address = MEMORY_ADDRESS + 0x2000, .length = 4096 };
	for (size_t i = 0; i < 16; i++)
		FUZZ_MUST(pwrite(memory, &sqe, sizeof(sqe), (off_t)(i * sizeof(sqe))) == sizeof(sqe));
	set_register(client, 0, PROVCARD_REG_DOORBELL, fuzz_u8(input));
}

static void message(struct client *client, struct provpkg_view *input)
{
	uint8_t command = fuzz_u8(input), flags = fuzz_u8(input), fds = fuzz_u8(input);

	put_message(client, command, flags, fuzz_view(input), fds);
}

static void one(struct client *client, struct provpkg_view *input)
{
	struct provpkg_view bytes;

	switch (fuzz_u8(input) % KINDS) {
	case RAW:
		bytes = fuzz_view(input);
		put_bytes(client, bytes.data, bytes.size, NULL, 0);
		break;
	case MESSAGE:
		message(client, input);
		break;
	case WRITE:
		access_region(client, input, true);
		break;
	case READ:
		access_region(client, input, false);
		break;
	case MAP:
		map(client, input);
		break;
	case UNMAP:
		unmap(client, input);
		break;
	case IRQS:
		set_irqs(client, input);
		break;
	case ENABLE:
		enable(client);
		break;
	default:
		ring(client, input);
	}
}

static void connect_card(struct client *client)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct vfio_user_version version = { 0, 0 };

	strcpy(address.sun_path, card.socket);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_MUST(client->fd >= 0 && !connect(client->fd, (struct sockaddr *)&address, sizeof(address)));
	put_message(client, VFIO_USER_VERSION, 0, (struct provpkg_view){ (const uint8_t *)&version, sizeof(version) }, 0);
	while (!client->replies && !client->over) {
		wait_for(client, POLLIN);
		take_piece(client);
	}
	FUZZ_MUST(!client->over);
}

void fuzz_one(struct provpkg_view input)
{
	struct client client = { .answer = fuzz_u8(&input) % ANSWERS };
	unsigned int sent = 0;

	connect_card(&client);
	for (; input.size && !client.over && sent < MESSAGES_MAX; sent++) {
		one(&client, &input);
		take_piece(&client);
	}
	shutdown(client.fd, SHUT_WR);
	while (!client.over) {
		wait_for(&client, POLLIN);
		take_piece(&client);
	}
	if (sent && client.replies > sent)
		fuzz_accepted();
	close(client.fd);
}

static void put_map(struct fuzz_writer *out, uint8_t fds)
{
	static const uint8_t shape[] = { 0, MEMORY_SIZE / 0x1000, 0, 3 };

	fuzz_put_u8(out, MAP);
	fuzz_put_u8(out, fds);
	fuzz_put(out, shape, sizeof(shape));
}

static void seed_session(const char *name, uint8_t answer_kind, uint8_t fds)
{
	static const uint8_t end[] = { IRQS, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, 0x24, 1, ENABLE, RING, 3, READ, 0, 0, 0, 8, 0, RING, 5,
				       READ,  7, 0, 0, 64, 0, UNMAP, 0, 16, 0 };
	struct fuzz_writer out = { .size = 0 };

	fuzz_put_u8(&out, answer_kind);
	put_map(&out, fds);
	fuzz_put(&out, end, sizeof(end));
	fuzz_seed(name, out.data, out.size);
}

void fuzz_seeds(void)
{
	static const uint8_t queries[] = {
		ANSWER_RIGHT,
		MESSAGE, VFIO_USER_DEVICE_GET_INFO, 0, 0, 16, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		MESSAGE, VFIO_USER_DEVICE_RESET, 0, 0, 0, 0,
		WRITE, 7, 4, 0, 2, 6, 0,
	};
	static const uint8_t torn[] = { ANSWER_NOTHING, RAW, 6, 0, 9, 0, 13, 0, 16, 0, RAW, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

	fuzz_seed("queries", queries, sizeof(queries));
	fuzz_seed("torn", torn, sizeof(torn));
	seed_session("file", ANSWER_RIGHT, 0x81);
	seed_session("remote", ANSWER_RIGHT, 0);
	seed_session("remote-short", ANSWER_SHORT, 0);
	seed_session("remote-long", ANSWER_LONG, 0);
	seed_session("remote-silent", ANSWER_NOTHING, 0);
}
